"""Apache Spark as a second engine of the SELECTs in `sql/`, for panels that one machine does not hold.

What belongs here: translating DuckDB's SQL (`translation.py`, `patterns.py`), a connection to Spark that takes it
(`spark.py`), the files through which data go there and back (`lake.py`), and which engine a step uses (`choice.py`).
What does not: what is computed (`sql/`), in which order (`assets/`), the rules in Python (`analysis/`).
"""
