"""Customer tables: CSV or Parquet with a person's id, maybe a time, and whatever else.

What belongs here: file -> relation. What does not: which of the columns are kept (`sql/`).
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from browse_assets.readers.columns import FIELD_NAMES
from browse_assets.readers.errors import UnreadableFile

CUSTOMER_TABLES = ("customers", "transactions", "service_interactions", "churn_labels")
_USER_NAMES = (*FIELD_NAMES["user_id"], "customerid", "customer", "id")
_TIME_NAMES = (*FIELD_NAMES["time"], "asof")


def customer_rows(con: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """One row per data row: row_number, user_id, event_time (UTC, NULL where none), attributes (JSON).

    Raises:
        UnreadableFile: not CSV or Parquet, or no column names the person.
    """
    is_parquet = path.suffix.lower() == ".parquet"
    try:
        source = (
            con.read_parquet(str(path))
            if is_parquet
            else con.read_csv(str(path), header=True, all_varchar=True, quotechar='"', escapechar='"')
        )
        columns = source.columns
    except duckdb.Error:
        columns = []
    if not columns:
        raise UnreadableFile("unreadable", "not a CSV or Parquet table; export it again")
    plain = _plain_names(columns)
    user = user_column(columns)
    if user is None:
        raise UnreadableFile("no_user_column", "no column names the person; call it user_id")
    time = next((plain[name] for name in _TIME_NAMES if name in plain), None)
    others = [name for name in columns if name not in (user, time)]
    packed = ", ".join(f"{_quoted(name)} := {_quoted(name)}::VARCHAR" for name in others)
    moment = f"try_cast({_quoted(time)}::VARCHAR AS TIMESTAMPTZ) AT TIME ZONE 'UTC'" if time else "NULL::TIMESTAMP"
    return source.query(
        "customer_source",
        f"""
        SELECT row_number() OVER () AS row_number, nullif(trim({_quoted(user)}::VARCHAR), '') AS user_id,
            {moment} AS event_time, {f"to_json(struct_pack({packed}))" if others else "'{}'::JSON"} AS attributes
        FROM customer_source
        """,
    )


def user_column(columns: Sequence[str]) -> str | None:
    """The column that names the person; None when none does."""
    plain = _plain_names(columns)
    return next((plain[name] for name in _USER_NAMES if name in plain), None)


def _plain_names(columns: Sequence[str]) -> dict[str, str]:
    return {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(columns)}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
