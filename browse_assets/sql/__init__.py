"""The SELECTs that fill the tables: one file each, plain SQL that runs as it stands in a DuckDB shell.

What belongs here: `<asset>.sql` with a header (what, columns, worked example), and `macros.sql`, the
scalar rules that several of them share. What does not: INSERT, DELETE and transactions (`assets/`).
"""

from pathlib import Path


def read_sql(name: str) -> str:
    """Text of `<name>.sql`."""
    return (Path(__file__).parent / f"{name}.sql").read_text(encoding="utf-8")
