"""From a file of any format to staged rows.

What belongs here: choosing the reader, and the temporary files that readers need. What does not:
recognising formats (`detection.py`), reading one of them (the module of that format), judging rows.
"""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from browse_assets.readers.archive import candidate_members
from browse_assets.readers.chrome import read_chrome
from browse_assets.readers.detection import identify
from browse_assets.readers.elements import array_batches, line_batches
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.firefox import read_firefox
from browse_assets.readers.history_database import MAGIC as SQLITE_MAGIC
from browse_assets.readers.history_database import browser_of, opened_copy
from browse_assets.readers.panel import (
    SourceRows,
    language_from_text,
    staged,
    timestamp_from_microseconds,
)
from browse_assets.readers.panel_csv import PanelCsv
from browse_assets.readers.panel_json import PanelJson
from browse_assets.readers.panel_parquet import parquet_relation
from browse_assets.readers.safari import read_safari
from browse_assets.readers.takeout import Takeout
from browse_assets.readers.text import TextSource, compression_of, open_regular, unpack

_BROWSERS: dict[str, Callable] = {"chrome": read_chrome, "firefox": read_firefox, "safari": read_safari}
_HISTORIES = ("takeout", *_BROWSERS)


@dataclass(frozen=True)
class StagedFile:
    """The rows of one input file, one per row of the file, before anything is judged.

    Attributes:
        format: format by content; for a zip, that of its members, or `zip` when they differ.
        relation: columns of `tables.STAGED_ROWS`. It streams from the file: consume it once, inside the context that
            gave it, on the connection that was passed.
        rows: the same rows, to be staged together with those of other files; None for Parquet, and for a zip with
            several histories.
        is_scanned: whether the file was read to its end before; False, if so asked, for a CSV file.
    """

    format: str
    make_relation: Callable[[], duckdb.DuckDBPyRelation]
    rows: SourceRows | None = None
    is_scanned: bool = True

    @cached_property
    def relation(self) -> duckdb.DuckDBPyRelation:
        """See above; binding it takes 5 ms."""
        return self.make_relation()


def translate(error: Exception) -> UnreadableFile:
    """What to say about an error that came while a file's rows were consumed.

    DuckDB's own messages quote the file; this one does not.
    """
    if isinstance(error, UnreadableFile):
        return error
    if isinstance(error, (duckdb.OutOfMemoryException, MemoryError)):
        return UnreadableFile("out_of_memory", "it needs more memory than BROWSE_MEMORY_LIMIT allows")
    return UnreadableFile(
        "read_failed",
        "reading it failed after it had been checked; if something still writes it, wait and try again",
    )


@contextlib.contextmanager
def stage(
    con: duckdb.DuckDBPyConnection, path: Path, *, owner: str, scratch: Path, scans: bool = True
) -> Iterator[StagedFile]:
    """Recognise a file and read it as staged rows.

    The file is read to its end before this returns, so a file that is cut off, damaged or no such
    file at all fails here, and not in the statement that consumes the relation.

    Args:
        con: connection on which the relation is to be consumed; nothing is created in it.
        path: the file; it is only read.
        owner: user id of a personal history file; panel formats have theirs in the rows.
        scratch: existing private folder for copies that nothing else uses; it is empty when the context ends.
        scans: False leaves out reading a CSV file to its end first. Where it is anything but plain, the statement
            fails, with no word on why; it is to be staged again then, with the scan.

    Raises:
        UnreadableFile: as `detection.identify` and the readers.
    """
    try:
        kind = None if _is_database(path) else identify(path, scratch=scratch)
        if kind == "zip":
            yield _stage_zip(con, path, owner, scratch)
        elif kind == "parquet":
            relation = parquet_relation(con, _unpacked(path, scratch))
            yield StagedFile(kind, lambda: relation)
        elif kind == "csv":
            rows = PanelCsv(TextSource(path), is_scanned=scans).rows()
            yield StagedFile(kind, partial(rows.relation, con, owner), rows, is_scanned=scans)
        else:
            kind, rows = _rows(con, kind, path, scratch)
            yield StagedFile(kind, partial(rows.relation, con, owner), rows)
    finally:
        for entry in os.scandir(scratch):
            os.unlink(entry)


def _is_database(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def _rows(con: duckdb.DuckDBPyConnection, kind: str | None, path: Path, scratch: Path) -> tuple[str, SourceRows]:
    """The format and the rows of a file; a database, of which None is known, tells its browser."""
    if kind == "jsonl":
        lines = TextSource(path)
        return kind, PanelJson(con, lines, partial(line_batches, lines)).rows()
    # The whole of these may be one line; their elements have a limit instead.
    source = TextSource(path, line_limit=None)
    if kind == "json_array":
        return kind, PanelJson(con, source, partial(array_batches, source)).rows()
    if kind == "takeout":
        return kind, Takeout(source).rows()
    with opened_copy(_unpacked(path, scratch), scratch) as database:
        browser = kind or browser_of(database)
        visits = _BROWSERS[browser](database)
    numbered = visits.append_column("row_number", pa.array(np.arange(1, visits.num_rows + 1)))
    return browser, SourceRows("history", numbered.schema, lambda: iter(numbered.to_batches()), _history_rows)


def _unpacked(path: Path, scratch: Path) -> Path:
    """The file itself, or where it is compressed what is in it."""
    if not compression_of(path):
        return path
    unpacked = scratch / "unpacked"
    unpack(path, unpacked)
    return unpacked


def _history_rows(visits: duckdb.DuckDBPyRelation, owner: str, also: Sequence[str] = ()) -> duckdb.DuckDBPyRelation:
    """Staged rows of browsers' databases: one per visit.

    Args:
        visits: as `StagedFile.visits`, of one file or of several.
        owner: SQL that gives the person's id.
        also: further columns of `visits` to keep.
    """
    seconds = "CASE WHEN foreground_microseconds > 0 THEN foreground_microseconds / 1e6 END"
    rows = visits.project(f"*, {seconds} AS seconds, {timestamp_from_microseconds('event_microseconds')} AS event_time")
    return staged(
        rows,
        {
            "row_number": "row_number",
            "user_id": owner,
            "event_time": "event_time",
            "url": "nullif(url, '')",
            "title": "nullif(title, '')",
            "duration_seconds": "seconds",
            "duration_kind": "CASE WHEN seconds IS NOT NULL THEN 'foreground' END",
            "referrer": "nullif(referrer, '')",
            "transition": "transition",
            "language": language_from_text("language"),
            "search_terms": "nullif(search_terms, '')",
            "reason": "CASE WHEN event_microseconds IS NOT NULL AND event_time IS NULL THEN 'bad_time' END",
        },
        also,
    )


def _stage_zip(con: duckdb.DuckDBPyConnection, path: Path, owner: str, scratch: Path) -> StagedFile:
    """All histories of a zip, one after the other; other members are left alone."""
    found: list[tuple[str, SourceRows]] = []
    for member in candidate_members(path, scratch):
        kind = _history_kind(member, scratch)
        if kind is None:
            os.unlink(member)
        else:
            found.append(_rows(con, kind, member, scratch))
    if not found:
        raise UnreadableFile(
            "archive_without_history",
            "the zip holds no browser history; panel files go into the inbox unpacked",
        )
    kinds = {kind for kind, _ in found}
    kind = kinds.pop() if len(kinds) == 1 else "zip"
    if len(found) == 1:
        return StagedFile(kind, partial(found[0][1].relation, con, owner), found[0][1])
    rows = found[0][1].relation(con, owner)
    for _, more in found[1:]:
        rows = rows.union(more.relation(con, owner))
    numbered = rows.project("* REPLACE (row_number() OVER () AS row_number)")
    return StagedFile(kind, lambda: numbered)


def _history_kind(member: Path, scratch: Path) -> str | None:
    """The format of a zip's member if it is a history; None for anything else a zip may hold."""
    try:
        kind = identify(member, scratch=scratch)
    except UnreadableFile as error:
        # Not our business, unless it is a history that is broken.
        if error.code in ("unknown_format", "no_known_columns", "header_only", "empty", "binary", "not_utf8"):
            return None
        raise
    return kind if kind in _HISTORIES else None
