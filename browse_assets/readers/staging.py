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
    language_from_text,
    quoted,
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
        visits: all rows of a browser's database as they are in memory (`history_rows` says what they mean), so that
            those of many files can be staged together; None for other formats.
    """

    format: str
    visits: pa.Table | None
    make_relation: Callable[[], duckdb.DuckDBPyRelation]

    @cached_property
    def relation(self) -> duckdb.DuckDBPyRelation:
        """Columns of `tables.STAGED_ROWS`.

        It streams from the file: consume it once, inside the context that gave it, on the connection that was passed.
        """
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
def stage(con: duckdb.DuckDBPyConnection, path: Path, *, owner: str, scratch: Path) -> Iterator[StagedFile]:
    """Recognise a file and read it as staged rows.

    The file is read to its end before this returns, so a file that is cut off, damaged or no such
    file at all fails here, and not in the statement that consumes the relation.

    Args:
        con: connection on which the relation is to be consumed; nothing is created in it.
        path: the file; it is only read.
        owner: user id of a personal history file; panel formats have theirs in the rows.
        scratch: existing private folder for copies that nothing else uses; it is empty when the context ends.

    Raises:
        UnreadableFile: as `detection.identify` and the readers.
    """
    try:
        if _is_database(path):  # the usual small file: one copy of it answers both questions
            with opened_copy(path, scratch) as database:
                kind = browser_of(database)
                visits = _numbered(_BROWSERS[kind](database))
            yield StagedFile(kind, visits, partial(_history, con, visits, owner))
            return
        kind = identify(path, scratch=scratch)
        if kind == "zip":
            kind, relation = _stage_zip(con, path, owner, scratch)
        else:
            relation = _relation(con, kind, path, owner, scratch)
        yield StagedFile(kind, None, lambda: relation)
    finally:
        for entry in os.scandir(scratch):
            os.unlink(entry)


def _is_database(path: Path) -> bool:
    with open_regular(path) as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def _relation(
    con: duckdb.DuckDBPyConnection, kind: str, path: Path, owner: str, scratch: Path
) -> duckdb.DuckDBPyRelation:
    if kind == "csv":
        return PanelCsv(TextSource(path)).relation(con)
    if kind == "jsonl":
        lines = TextSource(path)
        return PanelJson(lines, partial(line_batches, lines)).relation(con)
    # The whole of these may be one line; their elements have a limit instead.
    source = TextSource(path, line_limit=None)
    if kind == "json_array":
        return PanelJson(source, partial(array_batches, source)).relation(con)
    if kind == "takeout":
        return Takeout(source).relation(con, owner)
    if compression_of(path):
        unpacked = scratch / "unpacked"
        unpack(path, unpacked)
        path = unpacked
    if kind == "parquet":
        return parquet_relation(con, path)
    with opened_copy(path, scratch) as database:
        return _history(con, _numbered(_BROWSERS[kind](database)), owner)


def _numbered(visits: pa.Table) -> pa.Table:
    """Visits with their number in the order of their ids, from 1."""
    return visits.append_column("row_number", pa.array(np.arange(1, visits.num_rows + 1)))


def _history(con: duckdb.DuckDBPyConnection, visits: pa.Table, owner: str) -> duckdb.DuckDBPyRelation:
    return history_rows(con.from_arrow(visits), quoted(owner))


def history_rows(visits: duckdb.DuckDBPyRelation, owner: str, also: Sequence[str] = ()) -> duckdb.DuckDBPyRelation:
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


def _stage_zip(
    con: duckdb.DuckDBPyConnection, path: Path, owner: str, scratch: Path
) -> tuple[str, duckdb.DuckDBPyRelation]:
    """All histories of a zip, one after the other; other members are left alone."""
    found: list[tuple[str, duckdb.DuckDBPyRelation]] = []
    for member in candidate_members(path, scratch):
        kind = _history_kind(member, scratch)
        if kind is None:
            os.unlink(member)
        else:
            found.append((kind, _relation(con, kind, member, owner, scratch)))
    if not found:
        raise UnreadableFile(
            "archive_without_history",
            "the zip holds no browser history; panel files go into the inbox unpacked",
        )
    rows = found[0][1]
    for _, more in found[1:]:
        rows = rows.union(more)
    if len(found) > 1:
        rows = rows.project("* REPLACE (row_number() OVER () AS row_number)")
    kinds = {kind for kind, _ in found}
    return (kinds.pop() if len(kinds) == 1 else "zip"), rows


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
