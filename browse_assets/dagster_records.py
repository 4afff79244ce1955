"""What Dagster has stored of runs and materializations, with values taken out of it for good.

What belongs here: rewriting the SQLite files below DAGSTER_HOME, forgetting the configuration of a run that
names a person. What does not: which values (`rotate_keys.py`, `erasure/`), Dagster's configuration
(`dagster_home.py`), rows of PostgreSQL (`postgres_records.py`).

Dagster has no call that takes a value out of a stored run or event. Its files are plain SQLite, or rows in
PostgreSQL (the storage that `dagster_home.py` configures), so they are changed there: each value in place,
then the whole file or table is written anew, since databases leave the bytes of old values in free pages.
"""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from browse_assets.postgres_records import change_row, rewrite_rows
from browse_assets.settings import Settings

if TYPE_CHECKING:
    from dagster._core.storage.runs import SqlRunStorage

# Metadata that shows rows of people: first rows of a table, rows that break a check, points of people.
ROWS_OF_PEOPLE = ("preview", "rows", "segment map")
REMOVED = "removed: rows of people are not kept after an erasure or a new key"
_BUSY_SECONDS = 30.0  # the web server and the daemon hold a file only for a moment


def rewrite_records(settings: Settings, change: Callable[[str], str]) -> int:
    """Give every stored text to `change`, store what it returns, and leave no old page behind.

    The files are rewritten with PostgreSQL too: the installation may have used them before.

    Returns:
        How many values were changed.
    """
    in_files = sum(_rewrite_file(path, change) for path in sorted(settings.dagster_home.rglob("*.db")))
    url = settings.dagster_postgres_url
    return in_files + (rewrite_rows(url, change) if url else 0)


def _rewrite_file(path: Path, change: Callable[[str], str]) -> int:
    changed = 0
    with closing(sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None)) as con:
        con.execute("PRAGMA secure_delete = ON")
        con.execute("BEGIN IMMEDIATE")
        for table, column in _text_columns(con):
            rows = con.execute(f'SELECT rowid, "{column}" FROM "{table}" WHERE typeof("{column}") = \'text\'')
            news = [(new, rowid) for rowid, old in rows.fetchall() if (new := change(old)) != old]
            con.executemany(f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?', news)
            changed += len(news)
        con.execute("COMMIT")
        if changed:
            con.execute("VACUUM")
            con.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _text_columns(con: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").fetchall()
    for (table,) in tables:
        for row in con.execute(f"SELECT name FROM pragma_table_info('{table}')").fetchall():
            yield table, row[0]


def without_rows_of_people(text: str) -> str:
    """A stored event without the metadata that shows rows of people; any other text as it is."""
    if not any(f'"label": "{label}"' in text for label in ROWS_OF_PEOPLE):
        return text
    event = json.loads(text)
    _empty_entries(event)
    return json.dumps(event)


def _empty_entries(node: Any) -> None:
    if isinstance(node, list):
        for member in node:
            _empty_entries(member)
    elif isinstance(node, dict):
        entry = node.get("entry_data")
        if node.get("label") in ROWS_OF_PEOPLE and isinstance(entry, dict):
            if "md_str" in entry:
                entry["md_str"] = REMOVED
            elif "data" in entry:
                entry["data"] = [REMOVED]
            for record in entry.get("records", []):
                record["data"] = dict.fromkeys(record["data"], REMOVED)
        for member in node.values():
            _empty_entries(member)


class RunConfigKeptError(Exception):
    """The configuration of a run could not be removed from Dagster's storage; nothing else was done."""


def forget_run_config(context: dg.OpExecutionContext) -> None:
    """Take the run's configuration out of Dagster's run storage, for good; a run without any
    for its ops is left alone.

    To be called first in an op whose configuration names a person, after the op has read it. Dagster has
    no call for this: the run's row is written again with an empty configuration, and the file (in PostgreSQL
    the table) is compacted, since databases leave the bytes of older versions of a row in free space.

    Raises:
        RunConfigKeptError: the storage is of another kind, or another process did not let go of it in time.
    """
    from dagster._core.storage.runs import SqlRunStorage  # SQLAlchemy: 0.3 s

    if not context.run.run_config.get("ops"):
        return
    storage = context.instance.run_storage
    url = _postgres_url(storage) if isinstance(storage, SqlRunStorage) else None
    if url is not None:
        _forget_in_postgres(url, context.run.run_id)
        return
    file = _sqlite_file(storage) if isinstance(storage, SqlRunStorage) else None
    if file is None:
        raise RunConfigKeptError(
            "A person's id was given in the run configuration, and this Dagster stores runs where it cannot be "
            "removed again (SQLite files and PostgreSQL are supported). Delete this run in Dagster, and name the "
            "person in the folder of requests instead, as the README says under Privacy."
        )
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None)) as con:
            _empty(con, context.run.run_id)
            con.execute("VACUUM")
            _truncate_log(con)
    except sqlite3.OperationalError as error:
        raise RunConfigKeptError(
            "The run configuration could not be removed from Dagster's run storage: another process holds it "
            f"({error}). Delete this run in Dagster and start it again."
        ) from None


def _postgres_url(storage: "SqlRunStorage") -> str | None:
    """The address of a run storage with its password; None where it is another database."""
    with storage.connect() as connection:
        if connection.dialect.name != "postgresql":
            return None
        return str(connection.engine.url.render_as_string(hide_password=False))


def _forget_in_postgres(url: str, run_id: str) -> None:
    from psycopg2 import OperationalError

    try:
        change_row(url, "runs", "run_id", run_id, "run_body", _without_config)
    except OperationalError as error:
        raise RunConfigKeptError(
            "The run configuration could not be removed from Dagster's run storage: another process holds it, or "
            f"the database is away ({type(error).__name__}). Delete this run in Dagster and start it again."
        ) from None


def _without_config(run_body: str) -> str:
    return json.dumps({**json.loads(run_body), "run_config": {}})


def _sqlite_file(storage: "SqlRunStorage") -> Path | None:
    """The file of a run storage; None where it is another database, or none on disk."""
    with storage.connect() as connection:
        if connection.dialect.name != "sqlite":
            return None
        file = connection.exec_driver_sql("PRAGMA database_list").fetchone()
    return Path(file[2]) if file and file[2] else None


def _empty(con: sqlite3.Connection, run_id: str) -> None:
    con.execute("PRAGMA secure_delete = ON")
    con.execute("BEGIN IMMEDIATE")
    row = con.execute("SELECT run_body FROM runs WHERE run_id = ?", [run_id]).fetchone()
    con.execute("UPDATE runs SET run_body = ? WHERE run_id = ?", [_without_config(row[0]), run_id])
    con.execute("COMMIT")


def _truncate_log(con: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("its log is being read")
        time.sleep(0.1)
