"""Consent: whose events and customer rows may leave the vault, and who agreed to which purpose.

What belongs here: the consent table into the vault, and what it admits. What does not: reading its file
(`readers/customers.py`), the purposes themselves (`tables.py`). Everything here fails closed: a consent
table that cannot be read admits nobody.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from browse_assets.assets.slices import Span, within
from browse_assets.assets.state import rules_version
from browse_assets.keys import Keys
from browse_assets.readers.customers import CONSENT, consent_rows
from browse_assets.readers.errors import UnreadableFile
from browse_assets.resources import insert_rows, transaction, withheld_values
from browse_assets.sql import read_sql
from browse_assets.tables import RAW_CUSTOMERS

_IN_FORCE = "FROM consents WHERE valid_from <= $as_of AND $as_of < valid_to"
_FILES = (f"{CONSENT}.csv", f"{CONSENT}.parquet")


@dataclass(frozen=True)
class ConsentTable:
    """The consent table that the vault holds; file_id is None when its file could not be read."""

    file_id: str | None


def consent_table(con: duckdb.DuckDBPyConnection) -> ConsentTable | None:
    """Which consent table the vault holds; None: there is none, and everybody is admitted."""
    row = con.execute(
        "SELECT file_id FROM vault.main.raw_customers WHERE source_table = ? AND row_number = 0", [CONSENT]
    ).fetchone()
    return ConsentTable(row[0]) if row else None


def consent_file_id(folder: Path) -> str | None:
    """SHA-256 of the one consent file of a folder of customer tables; None when there is none.

    Raises:
        UnreadableFile: it cannot be opened, or several files claim to be it.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.name.lower().startswith(CONSENT))
        if not files:
            return None
        if len(files) == 1 and files[0].name in _FILES:
            return hashlib.sha256(files[0].read_bytes()).hexdigest()
    except FileNotFoundError:
        return None
    except OSError:
        raise UnreadableFile("unreadable", "the file cannot be opened; check its permissions") from None
    raise UnreadableFile(
        "which_file", f"of the files named {CONSENT}... only one may stand there, as {' or '.join(_FILES)}"
    )


def has_consent_file(folder: Path) -> bool:
    """Whether a file claims to be the consent table; one that cannot be read does too."""
    try:
        return consent_file_id(folder) is not None
    except UnreadableFile:
        return True


def load_consent(con: duckdb.DuckDBPyConnection, folder: Path) -> UnreadableFile | None:
    """Make the vault's consents those of the folder; returns what is wrong when they cannot be read.

    Row 0 says that there is a table, and which: one without any row grants nothing to anybody. A table
    that cannot be read leaves row 0 alone, and is tried again by the next run.
    """
    try:
        file_id = consent_file_id(folder)
        if file_id is None:
            con.execute("DELETE FROM vault.main.raw_customers WHERE source_table = ?", [CONSENT])
            return None
        if _is_stored(con, file_id):
            return None
        try:
            path = next(folder / name for name in _FILES if (folder / name).exists())
            consent_rows(con, path).create("staged_consents")
        except (duckdb.Error, StopIteration):
            raise UnreadableFile("malformed", "a row cannot be parsed; export the table again") from None
        _replace(con, file_id, "SELECT * FROM staged_consents")
        con.execute("DROP TABLE staged_consents")
    except UnreadableFile as error:
        _replace(
            con,
            None,
            "SELECT * FROM (SELECT NULL::BIGINT AS row_number, NULL AS user_id, "
            "NULL::TIMESTAMP AS event_time, NULL::JSON AS attributes) WHERE FALSE",
        )
        return error
    return None


def _is_stored(con: duckdb.DuckDBPyConnection, file_id: str) -> bool:
    row = con.execute(
        "SELECT file_id, attributes ->> 'rules' FROM vault.main.raw_customers "
        "WHERE source_table = ? AND row_number = 0",
        [CONSENT],
    ).fetchone()
    return row == (file_id, rules_version())


def _replace(con: duckdb.DuckDBPyConnection, file_id: str | None, select: str) -> None:
    marker = json.dumps({"rules": rules_version()})
    with transaction(con), withheld_values("Writing consents"):
        con.execute("DELETE FROM vault.main.raw_customers WHERE source_table = ?", [CONSENT])
        insert_rows(
            con,
            RAW_CUSTOMERS,
            f"SELECT *, $name AS source_table, $file_id AS file_id FROM ("
            f"SELECT 0 AS row_number, NULL AS user_id, NULL::TIMESTAMP AS event_time, $marker::JSON AS attributes "
            f"UNION ALL BY NAME {select}) ORDER BY row_number",
            {"name": CONSENT, "file_id": file_id, "marker": marker},
        )


def consent_problems(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of the consent table that grant nothing, by reason."""
    return dict(
        con.execute(
            "SELECT attributes ->> 'problem' AS problem, count(*) FROM vault.main.raw_customers "
            "WHERE source_table = ? AND problem IS NOT NULL GROUP BY 1 ORDER BY 1",
            [CONSENT],
        ).fetchall()
    )


def _read_consents(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE consents AS " + read_sql("consents"))


def admit_events(con: duckdb.DuckDBPyConnection, since: int, span: Span | None = None) -> None:
    """Make `admitted_events` a temporary view of the vault's page views that may leave it.

    Without a consent table it is raw_events itself, at no cost; with one, a semi join.

    Args:
        con: with the vault attached.
        since: only page views of later loads.
        span: only page views of this time.
    """
    also = f" AND {within(span)}" if span else ""
    if consent_table(con) is None:
        con.execute(
            "CREATE OR REPLACE TEMP VIEW admitted_events AS "
            f"SELECT * FROM vault.main.raw_events WHERE load_id > {int(since)}{also}"
        )
        return
    _read_consents(con)
    con.execute(f"SET VARIABLE admitted_since = {int(since)}")
    admitted = read_sql("admitted_events").rstrip().rstrip(";")
    con.execute(f"CREATE OR REPLACE TEMP VIEW admitted_events AS {admitted}{also}")


def admit_customers(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Make `admitted_customers` a temporary view of the customer rows of people with a consent in force.

    Consents themselves are no customer rows. Without a consent table all other rows are admitted.
    """
    where = f"source_table <> '{CONSENT}'"
    if consent_table(con) is not None:
        _read_consents(con)
        con.execute(f"CREATE OR REPLACE TEMP TABLE consenting AS SELECT DISTINCT user_id {_IN_FORCE}", {"as_of": as_of})
        where += " AND user_id IN (SELECT user_id FROM consenting)"
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW admitted_customers AS SELECT * FROM vault.main.raw_customers WHERE {where}"
    )


def newest_customer_time(con: duckdb.DuckDBPyConnection) -> tuple[int, datetime | None]:
    """How many customer rows may leave the vault, and the newest time among them.

    Before as_of is known nobody can say which consents are in force then: a row counts where its person ever gave one.
    """
    where = f"source_table <> '{CONSENT}'"
    if consent_table(con) is not None:
        _read_consents(con)
        where += " AND user_id IN (SELECT user_id FROM consents)"
    row = con.execute(f"SELECT count(*), max(event_time) FROM vault.main.raw_customers WHERE {where}").fetchone()
    assert row is not None
    return int(row[0]), row[1]


def consenting_people(con: duckdb.DuckDBPyConnection, keys: Keys, purpose: str, as_of: datetime) -> list[str] | None:
    """Pseudonyms of the people whose consent to a purpose is in force; None when there is no consent table."""
    if consent_table(con) is None:
        return None
    _read_consents(con)
    found = con.execute(
        f"SELECT DISTINCT user_id {_IN_FORCE} AND purpose = $purpose", {"purpose": purpose, "as_of": as_of}
    ).fetchall()
    return sorted(str(keys.user_key(user_id)) for (user_id,) in found)
