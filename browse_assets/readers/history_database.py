"""A browser's SQLite history: copied safely, then read by one SELECT into columns.

What belongs here: locked and damaged databases, columns that a version lacks. What does not: what one
browser's columns mean (`chrome.py`, `firefox.py`, `safari.py`).
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from browse_assets.readers.errors import UnreadableFile

MAGIC = b"SQLite format 3\x00"
COMPANIONS = ("-wal", "-journal")
_FETCH_ROWS = 50_000
_COPY_ATTEMPTS = 5

# Tables that make a database a browser's history.
BROWSER_TABLES: dict[str, frozenset[str]] = {
    "chrome": frozenset({"visits", "urls"}),
    "firefox": frozenset({"moz_historyvisits", "moz_places"}),
    "safari": frozenset({"history_visits", "history_items"}),
}


def damaged() -> UnreadableFile:
    """The error of a database that SQLite can't read."""
    return UnreadableFile(
        "sqlite_damaged", "SQLite cannot read the database to its end; copy it again with the browser closed"
    )


@contextlib.contextmanager
def opened_copy(path: Path, scratch: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a private copy of a database; the source is only ever read, never opened.

    The write-ahead log is copied too, so rows that the browser has not yet moved into the database are
    seen, and so is a rollback journal, so half-written changes are undone in the copy. The shared
    memory file is left behind on purpose: SQLite rebuilds it, and a stale one would hide rows.

    Raises:
        UnreadableFile: `sqlite_damaged`, `unreadable`; also for what is read inside the block.
    """
    copy = scratch / "history.sqlite"
    try:
        _copy_consistently(path, copy)
        con = sqlite3.connect(copy)
        try:
            con.execute("PRAGMA trusted_schema = OFF")  # a view or trigger in the file runs nothing
            con.execute("PRAGMA query_only = ON")
            con.text_factory = bytes
            yield con
        finally:
            con.close()
    except (sqlite3.Error, OverflowError, UnicodeDecodeError):
        # The last: SQLite's own message quotes a damaged schema.
        raise damaged() from None
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            copy.with_name(copy.name + end).unlink(missing_ok=True)


def _copy_consistently(path: Path, copy: Path) -> None:
    """Copy database and log as of one moment, as far as their times and sizes can tell."""
    for _ in range(_COPY_ATTEMPTS):
        before = _state(path)
        try:
            for end in ("", *COMPANIONS):
                source, target = Path(f"{path}{end}"), Path(f"{copy}{end}")
                target.unlink(missing_ok=True)
                if source.is_file():
                    shutil.copyfile(source, target)
                    os.chmod(target, 0o600)
        except FileNotFoundError:
            continue  # a log that went away meanwhile
        except OSError:
            raise UnreadableFile(
                "unreadable", "it cannot be copied; check its permissions and the space on the disk"
            ) from None
        if _state(path) == before:
            return
    raise UnreadableFile("unreadable", "it changes all the time; close the browser and try again")


def _state(path: Path) -> list[tuple[int, int] | None]:
    states: list[tuple[int, int] | None] = []
    for end in ("", *COMPANIONS):
        try:
            status = os.stat(f"{path}{end}")
            states.append((status.st_mtime_ns, status.st_size))
        except OSError:
            states.append(None)
    return states


def browser_of(con: sqlite3.Connection) -> str:
    """`chrome`, `firefox` or `safari`, by the names of the tables.

    Raises:
        UnreadableFile: `unknown_format`, `sqlite_damaged`.
    """
    try:
        rows = con.execute("SELECT CAST(name AS TEXT) FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error:
        raise damaged() from None
    tables = {name.decode("utf-8", "replace") for (name,) in rows}
    for browser, needed in BROWSER_TABLES.items():
        if needed <= tables:
            return browser
    raise UnreadableFile("unknown_format", "it is a SQLite database, but not a browser's history")


def columns_of(con: sqlite3.Connection, table: str) -> frozenset[str]:
    """The columns of a table; empty when there is none of that name."""
    rows = con.execute("SELECT name FROM pragma_table_info(?)", [table]).fetchall()
    return frozenset(name.decode("utf-8", "replace") for (name,) in rows)


def require(con: sqlite3.Connection, table: str, columns: Iterable[str]) -> None:
    """Refuse a history without the columns that every version has.

    Raises:
        UnreadableFile: `unknown_format`.
    """
    if not frozenset(columns) <= columns_of(con, table):
        raise UnreadableFile(
            "unknown_format", "its tables are named like a browser's history, but their columns differ"
        )


def fetch_table(con: sqlite3.Connection, query: str, schema: pa.Schema) -> pa.Table:
    """Run a SELECT whose columns are INTEGER or TEXT and collect it by columns.

    Text that is not UTF-8 keeps its row: the bytes that are not become U+FFFD.
    """
    cursor = con.execute(query)
    batches: list[pa.RecordBatch] = []
    while rows := cursor.fetchmany(_FETCH_ROWS):
        columns = zip(*rows, strict=True)
        arrays = [_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
        batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema=schema)


def _array(values: tuple[object, ...], kind: pa.DataType) -> pa.Array:
    if kind != pa.string():
        return pa.array(values, kind)
    texts = pa.array(values, pa.binary())
    try:
        return texts.cast(pa.string())
    except pa.ArrowInvalid:  # rare: one damaged value in 50,000 rows
        return pa.array(
            [value.decode("utf-8", "replace") if isinstance(value, bytes) else None for value in values],
            pa.string(),
        )
