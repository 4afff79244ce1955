"""The assets: read, call, write, report.

What belongs here: Dagster-aware code that moves data between the databases and the rules. What does
not: rules (`analysis/`, `sql/`), formats (`readers/`), connections (`resources.py`).
"""
