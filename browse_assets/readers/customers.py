"""Customer tables: CSV or Parquet with a person's id, maybe a time, and whatever else; and consents.

What belongs here: file -> relation. What does not: which of the columns are kept, and what a consent
admits (`sql/`).
"""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from browse_assets.readers.columns import FIELD_NAMES
from browse_assets.readers.errors import UnreadableFile
from browse_assets.tables import CONSENT_PURPOSES

CONSENT = "consent"
CUSTOMER_TABLES = ("customers", "transactions", "service_interactions", "churn_labels", CONSENT)
_USER_NAMES = (*FIELD_NAMES["user_id"], "customerid", "customer", "id")
_TIME_NAMES = (*FIELD_NAMES["time"], "asof")
_CONSENT_NAMES: dict[str, tuple[str, ...]] = {
    "purpose": ("purpose",),
    "from": ("from", "validfrom", "start", "grantedat"),
    "to": ("to", "validto", "until", "end", "withdrawn", "withdrawnat", "revokedat"),
}
# ISO 8601, a day or a time with or without zone: what DuckDB casts beyond that ("infinity", "epoch",
# 24:00) could turn a slip of the pen into a consent for ever.
_STRICT_TIME = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]([01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2}([.][0-9]{1,9})?)?"
    r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)


def customer_rows(con: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """One row per data row: row_number, user_id, event_time (UTC, NULL where none), attributes (JSON).

    Raises:
        UnreadableFile: not CSV or Parquet, or no column names the person.
    """
    source, plain, user = _open_table(con, path)
    time = next((plain[name] for name in _TIME_NAMES if name in plain), None)
    # A time that is there and cannot be read stays to be seen: a label without a time says something else.
    is_time_read = time is None or _all_times_read(source, time)
    others = [name for name in source.columns if name != user and (name != time or not is_time_read)]
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


def _all_times_read(source: duckdb.DuckDBPyRelation, time: str) -> bool:
    text = f"nullif(trim({_quoted(time)}::VARCHAR), '')"
    try:
        row = source.query(
            "customer_source",
            f"SELECT count_if({text} IS NOT NULL AND try_cast({text} AS TIMESTAMPTZ) IS NULL) FROM customer_source",
        ).fetchone()
    except duckdb.Error:
        return True  # a row that cannot be parsed is said by who reads them all
    return row == (0,)


def consent_rows(con: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """One row per row of a consent table: row_number, user_id, event_time (NULL), attributes (JSON).

    The attributes are purpose, from and to (ISO 8601, UTC; to is exclusive, and NULL when open-ended),
    problem (why the row grants nothing, NULL when it grants) and given (all columns as they stood).
    A row that cannot be read to the letter grants nothing: never for ever, and never for all purposes.

    Raises:
        UnreadableFile: not CSV or Parquet, or a column for person, purpose, from or to is missing.
    """
    source, plain, user = _open_table(con, path)
    found = {field: [plain[name] for name in names if name in plain] for field, names in _CONSENT_NAMES.items()}
    unclear = [field for field, matches in found.items() if len(matches) != 1]
    if unclear:  # with both `to` and `withdrawn_at`, taking either could outlast the other
        raise UnreadableFile("consent_columns", f"needs user_id, purpose, from, to, once each: {', '.join(unclear)}")
    texts = ", ".join(
        f"nullif(trim({_quoted(name)}::VARCHAR), '') AS given_{field}" for field, (name,) in found.items()
    )
    given = ", ".join(f"{_quoted(name)} := {_quoted(name)}::VARCHAR" for name in source.columns if name != user)
    purposes = ", ".join(f"'{purpose}'" for purpose in CONSENT_PURPOSES)
    return source.query(
        "consent_source",
        f"""
        WITH texts AS (
            SELECT row_number() OVER () AS row_number, nullif(trim({_quoted(user)}::VARCHAR), '') AS user_id, {texts},
                struct_pack({given}) AS given
            FROM consent_source
        ),
        parsed AS (
            SELECT *, lower(given_purpose) AS purpose, {_strict_time("given_from")} AS valid_from,
                {_strict_time("given_to")} AS valid_to
            FROM texts
        )
        SELECT row_number, user_id, NULL::TIMESTAMP AS event_time,
            to_json(struct_pack(
                purpose := purpose, "from" := strftime(valid_from, '%Y-%m-%dT%H:%M:%S.%f'),
                "to" := strftime(valid_to, '%Y-%m-%dT%H:%M:%S.%f'),
                problem := CASE
                    WHEN user_id IS NULL THEN 'no_user'
                    WHEN purpose IS NULL OR purpose NOT IN ({purposes}) THEN 'unknown_purpose'
                    WHEN valid_from IS NULL THEN 'bad_from'
                    WHEN given_to IS NOT NULL AND valid_to IS NULL THEN 'bad_to'
                    WHEN valid_to <= valid_from THEN 'ends_before_it_begins'
                END,
                given := given)) AS attributes
        FROM parsed
        """,
    )


def _open_table(con: duckdb.DuckDBPyConnection, path: Path) -> tuple[duckdb.DuckDBPyRelation, dict[str, str], str]:
    """The relation, its columns by plain name (lower case letters and digits), and the person's column."""
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
    return source, plain, user


def _strict_time(column: str) -> str:
    """SQL: the text as TIMESTAMP in UTC, NULL unless it is ISO 8601. Seconds may be left out."""
    with_seconds = f"regexp_replace({column}, '([T ][0-9]{{2}}:[0-9]{{2}})(Z|[+-]|$)', '\\1:00\\2')"
    return (
        f"CASE WHEN regexp_full_match({column}, '{_STRICT_TIME}') "
        f"THEN try_cast({with_seconds} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' END"
    )


def user_column(columns: Sequence[str]) -> str | None:
    """The column that names the person; None when none does."""
    plain = _plain_names(columns)
    return next((plain[name] for name in _USER_NAMES if name in plain), None)


def _plain_names(columns: Sequence[str]) -> dict[str, str]:
    return {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in reversed(columns)}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
