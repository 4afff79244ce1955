"""From new files to the temporary table of staged rows: a large file by itself, small ones many at a time.

What belongs here: which files share a statement, and what reading each came to. What does not: which files are new and
what becomes of their rows (`loading.py`), formats (`readers/`).

The statement that stages rows takes 25 ms to prepare, however few it stages: ten thousand small files, each by itself,
took 6.5 minutes of CPU time, and together half a minute.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from browse_assets.keys import Keys
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.inbox import InboxFile, content_id
from browse_assets.resources import line_of
from browse_assets.sql import read_sql

if TYPE_CHECKING:
    import pyarrow as pa

    from browse_assets.readers.panel import SourceRows
    from browse_assets.readers.staging import StagedFile

# Larger files are streamed, each by a statement of its own. Of text it is the size of the file, packed or not: the rows
# of one that packs 200 times, the most that is read, take 100 MB.
SMALL_FILE_BYTES = 2**19
# Small files are gathered up to so many rows, or bytes in memory.
BATCH_FILES = 2_000
BATCH_ROWS = 50_000
BATCH_BYTES = 32 * 2**20
# Each line is a row in Dagster's store, and a commit: of more files than these, counts are said now and then.
LINES = 50
FILES_PER_LINE = 500


@dataclass(frozen=True)
class FileOutcome:
    """What reading one file came to; format and reason are None where there is none."""

    file: InboxFile
    file_id: str
    format: str | None
    failure: str | None


def identified(file: InboxFile, keys: Keys) -> FileOutcome:
    """A file by its content; a failure where it cannot be opened."""
    try:
        return FileOutcome(file, content_id(file), None, None)
    except OSError:
        return FileOutcome(
            file, keys.path_id(file.relative), None, "unreadable: the file cannot be opened; check its permissions"
        )


class Progress:
    """What is said of the files: a line each of the first, then of failures, and counts now and then."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._files = self._failures = self._lines = 0

    def add(self, outcome: FileOutcome) -> None:
        """One more file was read, or could not be."""
        self._files += 1
        self._failures += outcome.failure is not None
        if self._files <= LINES or (outcome.failure is not None and self._lines < 2 * LINES):
            self._lines += 1
            self._say(f"file {outcome.file_id[:12]}: {outcome.format or 'unknown format'}, {outcome.failure or 'read'}")
        if self._files % FILES_PER_LINE == 0:
            self._say(f"{self._files} files: {self._failures} failed; input_files says why")


class _Batch:
    """Rows of small files in memory: by what they mean, and by the place of their file among the load's."""

    def __init__(self) -> None:
        self._files: dict[Hashable, dict[int, tuple[SourceRows, pa.Table]]] = {}
        self._count = self._rows = self._bytes = 0

    def add(self, order: int, rows: "SourceRows") -> bool:
        """One more file; whether it is time to stage them."""
        table = rows.table()
        self._files.setdefault(rows.kind, {})[order] = (rows, table)
        self._count += 1
        self._rows += table.num_rows
        self._bytes += table.nbytes
        return self._rows >= BATCH_ROWS or self._bytes >= BATCH_BYTES or self._count >= BATCH_FILES

    def taken(self) -> "Iterable[dict[int, tuple[SourceRows, pa.Table]]]":
        """What was gathered, files of one kind together; nothing is, afterwards."""
        files, self._files = self._files, {}
        self._count = self._rows = self._bytes = 0
        return files.values()


class Stager:
    """Puts the rows of file after file into the temporary tables staged_rows and staged_files.

    Attributes:
        outcomes: of each file, in the order of file_order; what is in no table before `finish` can still fail there.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, keys: Keys, scratch: Path, say: Callable[[str], None]) -> None:
        """Stage on a connection with macros.sql and both tables.

        Args:
            scratch: existing private folder for copies that nothing else uses.
            say: takes what is to be logged.
        """
        self.outcomes: list[FileOutcome] = []
        self._con = con
        self._keys = keys
        self._scratch = scratch
        self._progress = Progress(say)
        self._batch = _Batch()

    def add(self, identified: FileOutcome) -> None:
        """Read a file, or note that it could not be opened."""
        order = len(self.outcomes)
        self.outcomes.append(identified)
        if identified.failure is None:
            self.outcomes[order] = self._read(order, identified)
        self._progress.add(self.outcomes[order])

    def finish(self) -> None:
        """Stage what was gathered."""
        for files in self._batch.taken():
            self._stage_together(files)

    def _read(self, order: int, outcome: FileOutcome, *, scans: bool = False) -> FileOutcome:
        import pyarrow as pa  # 0.2 s

        from browse_assets.readers.staging import stage, translate

        file = outcome.file
        # Small files are taken together, so they have to be known to be whole.
        scans = scans or file.size_bytes <= SMALL_FILE_BYTES
        owner = file.owner or outcome.file_id
        try:
            with stage(self._con, file.path, owner=owner, scratch=self._scratch, scans=scans) as staged:
                outcome = replace(outcome, format=staged.format)
                self.outcomes[order] = outcome
                try:
                    self._take(order, outcome, staged)
                except (duckdb.Error, pa.ArrowException) as error:
                    if staged.is_scanned:
                        failure = translate(error)
                    else:
                        return self._read(order, outcome, scans=True)
                else:
                    return outcome
        except UnreadableFile as error:
            failure = error
        except OSError:
            failure = UnreadableFile("unreadable", "the file cannot be opened; check its permissions")
        except Exception as error:
            # A fault of the reader, not of the other files; the error's text could quote the file.
            failure = UnreadableFile(
                "reader_error",
                f"its reader failed with {type(error).__name__} at {line_of(error)}; please report it",
            )
        return replace(outcome, failure=f"{failure.code}: {failure.message}")

    def _take(self, order: int, outcome: FileOutcome, staged: "StagedFile") -> None:
        if staged.rows is not None and outcome.file.size_bytes <= SMALL_FILE_BYTES:
            if self._batch.add(order, staged.rows):
                self.finish()
            return
        place = f"{order}::BIGINT AS file_order, TIMESTAMP '{outcome.file.written_at}' AS written_at"
        self._insert([order], staged.relation.project(f"*, {place}"))

    def _stage_together(self, files: "dict[int, tuple[SourceRows, pa.Table]]") -> None:
        """One statement for all; should it fail, one for each, so that a file fails alone."""
        from browse_assets.readers.staging import translate

        try:
            self._insert_tables(files)
        except duckdb.Error:
            for order, one in files.items():
                try:
                    self._insert_tables({order: one})
                except duckdb.Error as error:
                    failure = translate(error)
                    self.outcomes[order] = replace(self.outcomes[order], failure=f"{failure.code}: {failure.message}")

    def _insert_tables(self, files: "dict[int, tuple[SourceRows, pa.Table]]") -> None:
        import numpy as np
        import pyarrow as pa

        tables = [rows for _, rows in files.values()]
        orders = np.repeat(list(files), [rows.num_rows for rows in tables])
        table = pa.concat_tables(tables).append_column("file_order", pa.array(orders, pa.int64()))
        outcomes = [self.outcomes[order] for order in files]
        known = pa.table(
            {
                "file_order": pa.array(files, pa.int64()),
                "owner": pa.array([outcome.file.owner or outcome.file_id for outcome in outcomes], pa.string()),
                "written_at": pa.array([outcome.file.written_at for outcome in outcomes], pa.timestamp("us")),
            }
        )
        source = self._con.from_arrow(table).join(self._con.from_arrow(known), "file_order")
        first, _ = next(iter(files.values()))
        rows = first.to_staged(source, "owner", ("file_order", "written_at", "owner"))
        self._insert(list(files), rows.project("* EXCLUDE (owner)"))

    def _insert(self, orders: Sequence[int], rows: duckdb.DuckDBPyRelation) -> None:
        rows.create_view("reader_rows", replace=True)
        self._con.execute("INSERT INTO staged_rows BY NAME " + read_sql("staged_rows"), {"event_key": self._keys.event})
        self._con.execute(
            "INSERT INTO staged_files SELECT unnest($orders), unnest($ids), unnest($formats)",
            {
                "orders": list(orders),
                "ids": [self.outcomes[order].file_id for order in orders],
                "formats": [self.outcomes[order].format for order in orders],
            },
        )
