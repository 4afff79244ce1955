"""Requests about one person must not stay behind in Dagster's storage.

What belongs here: forgetting the configuration that a run was started with. What does not: what the run
does with it (`export_user.py`).
"""

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import dagster as dg
from dagster._core.storage.runs import SqlRunStorage

# A page of the UI that is being drawn holds the file for milliseconds.
LOCK_WAIT_SECONDS = 30.0


class RunConfigKeptError(Exception):
    """The configuration of a run could not be removed from Dagster's storage; nothing else was done."""


def forget_run_config(context: dg.OpExecutionContext) -> None:
    """Take the run's configuration out of Dagster's run storage, for good; a run without any
    for its ops is left alone.

    To be called first in an op whose configuration names a person, after the op has read it. Dagster has
    no call for this: the run's row is written again with an empty configuration, and the file is compacted,
    since SQLite leaves the bytes of older versions of the row in its free space and its log.

    Raises:
        RunConfigKeptError: the storage is not SQLite, or another process did not let go of it in time.
    """
    if not context.run.run_config.get("ops"):
        return
    storage = context.instance.run_storage
    file = _sqlite_file(storage) if isinstance(storage, SqlRunStorage) else None
    if file is None:
        raise RunConfigKeptError(
            "A person's id was given in the run configuration, and this Dagster stores runs where it cannot be "
            "removed again (only SQLite files are supported). Delete this run in Dagster, and name the person in "
            "the folder of requests instead, as the README says under Privacy."
        )
    try:
        with closing(sqlite3.connect(file, timeout=LOCK_WAIT_SECONDS, isolation_level=None)) as con:
            _empty(con, context.run.run_id)
            con.execute("VACUUM")
            _truncate_log(con)
    except sqlite3.OperationalError as error:
        raise RunConfigKeptError(
            "The run configuration could not be removed from Dagster's run storage: another process holds it "
            f"({error}). Delete this run in Dagster and start it again."
        ) from None


def _sqlite_file(storage: SqlRunStorage) -> Path | None:
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
    body = json.loads(row[0])
    body["run_config"] = {}
    con.execute("UPDATE runs SET run_body = ? WHERE run_id = ?", [json.dumps(body), run_id])
    con.execute("COMMIT")


def _truncate_log(con: sqlite3.Connection) -> None:
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    while con.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
        if time.monotonic() > deadline:
            raise sqlite3.OperationalError("its log is being read")
        time.sleep(0.1)
