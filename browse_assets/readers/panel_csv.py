"""Panel CSV: any of the usual delimiters, streamed, with every broken row kept and numbered.

What belongs here: header, delimiter, ragged rows, quotes that never close. What does not: what the
values mean (`panel.py`).

The parser is Arrow's: on the same file it was 2.5 times as fast as DuckDB's, and it hands over broken
rows without a second look at the file's lines. Exports with a row for each meta tag repeat everything else:
such neighbours become one row here, and what follows costs half as much (35 to 20 CPU s per million page views).
"""

import csv
import io
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from browse_assets.readers.columns import PanelColumns, panel_columns
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.panel import SourceRows, panel_rows
from browse_assets.readers.text import BAD_BYTE, KEPT_REPLACEMENT, LINE_LIMIT, ChunkFile, TextSource

DELIMITERS = (",", ";", "\t", "|")
# Broken rows are few or the file is no CSV; they are held in memory, so there is a limit.
MAX_MALFORMED_BYTES = 128 * 2**20
# Arrow lets a row lie in two blocks at most.
_BLOCK_BYTES = LINE_LIMIT + 2**16
_FEW_MALFORMED = 1_000  # broken rows of a file that is not scanned; their places are looked through for each block
_ROW_OVERHEAD_BYTES = 150  # of a tuple with a number and a short text in Python
_BROKEN_LINE = b"\x1a"  # stands for a line with an odd number of quotes
_MARKS = pa.schema([("row_number", pa.int64()), ("malformed", pa.bool_()), ("raw_text", pa.string())])
_TAG_FIELDS = ("meta_name", "meta_content")
_TAG = pa.struct([("name", pa.string()), ("content", pa.string())])
_FOLDED = pa.schema([("rows", pa.int64()), ("tags", pa.list_(_TAG)), ("has_distinct_tags", pa.bool_())])
_COMPARED_ROWS = 8  # neighbours whose tags are compared each with each


@dataclass(frozen=True)
class CsvHeader:
    """The first record of a CSV file."""

    delimiter: str
    names: tuple[str, ...]

    @property
    def columns(self) -> PanelColumns:
        """What the columns mean."""
        return panel_columns(self.names)


@dataclass
class _Scan:
    """What one pass over the file found."""

    good_rows: int = 0
    malformed: list[tuple[int, str]] = field(default_factory=list)  # data row from 1, text as it stood
    malformed_bytes: int = 0
    has_open_quotes: bool = False

    @property
    def is_hopeless(self) -> bool:
        """Whether there are too many broken rows to keep."""
        return self.malformed_bytes > MAX_MALFORMED_BYTES


def read_header(head: bytes) -> CsvHeader:
    """Find the delimiter by which the header names most known columns, and the names.

    Raises:
        UnreadableFile: `no_known_columns`.
    """
    text = head.decode("utf-8", "replace")
    best: CsvHeader | None = None
    for delimiter in DELIMITERS:
        try:
            names = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        except csv.Error:
            continue
        header = CsvHeader(delimiter, tuple(names))
        if best is None or len(header.columns.by_field) > len(best.columns.by_field):
            best = header
    if best is None or not best.columns.is_panel:
        raise UnreadableFile(
            "no_known_columns",
            "the header has no user or time column together with a url or metadata column; "
            "name them as the README's table of input columns says",
        )
    return best


class UnexpectedTextError(Exception):
    """A file that was not scanned is no plain CSV."""


class PanelCsv:
    """One CSV file: scanned whole first, so that what can fail has failed, then streamed; or streamed at once.

    Args:
        source: the file.
        is_scanned: False leaves out the scan, which costs as much as the streaming. The stream then ends with
            `UnexpectedTextError`, or any other error, in all cases in which the scan would have decided anything.

    Raises:
        UnreadableFile: as `TextSource.chunks`; `header_only`, `no_known_columns`, `not_utf8`,
            `too_many_malformed`.
    """

    def __init__(self, source: TextSource, *, is_scanned: bool = True) -> None:
        self._source = source
        self._head = source.head()[0]
        self._header = read_header(self._head)
        self._by_lines = False
        self._refuse_odd_header()
        self._scan = self._scanned_whole() if is_scanned else None

    def _scanned_whole(self) -> _Scan:
        scan = self._scanned(by_lines=False)
        if scan.has_open_quotes:
            # A quote that never closes swallows the rows after it. Where taking each line for a row
            # saves more rows than values with line ends in them would lose, do that.
            by_lines = self._scanned(by_lines=True)
            if by_lines.good_rows > scan.good_rows:
                self._by_lines, scan = True, by_lines
        self._source.refuse_wrong_encoding()
        if scan.good_rows == 0 and not scan.malformed:
            raise UnreadableFile("header_only", "it has a header and no rows; export it again")
        return scan

    def rows(self) -> SourceRows:
        """The rows and what they mean."""
        names = self._header.names
        columns = self._header.columns
        marked = self._source.has_bad_bytes
        used = range(len(names)) if marked else [names.index(name) for name in columns.used]
        wanted = [f"f{i}" for i in used]
        tag_columns = None if marked else self._tag_columns()
        schema = pa.schema([*_MARKS, *((name, pa.string()) for name in wanted)])
        batches = partial(self._batches, schema, wanted)
        if tag_columns:
            # Who and where, by the columns that come first: rows without them are judged each by its own tags.
            given = [f"f{names.index(columns.by_field[field][0])}" for field in ("user_id", "url")]
            schema = pa.schema([*(one for one in schema if one.name not in tag_columns), *_FOLDED])
            batches = partial(_all_folded, batches, schema, given, tag_columns)

        def value(name: str) -> str:
            column = f"f{names.index(name)}"
            if not marked:
                return f"nullif({column}, '')"
            kept = f"replace({column}, {_sql_char(KEPT_REPLACEMENT)}, {_sql_char(BAD_BYTE)})"
            return f"CASE WHEN NOT malformed THEN nullif({kept}, '') END"

        values = {
            field_name: f"coalesce({', '.join(value(name) for name in found)})"
            for field_name, found in columns.by_field.items()
            if not (tag_columns and field_name in _TAG_FIELDS)
        }

        def to_staged(source: duckdb.DuckDBPyRelation, _owner: str, also: Sequence[str]) -> duckdb.DuckDBPyRelation:
            return panel_rows(source, values, has_folded_tags=tag_columns is not None, also=also)

        return SourceRows(("csv", names, marked), schema, batches, to_staged)

    def _tag_columns(self) -> tuple[str, str] | None:
        """Columns of the one meta tag that a row may carry; None where tags may stand elsewhere, too."""
        found = self._header.columns.by_field
        if "metadata" in found or not {"user_id", "url"} <= found.keys():
            return None
        columns = [found.get(field, ()) for field in _TAG_FIELDS]
        if any(len(names) != 1 for names in columns):
            return None
        name, content = (f"f{self._header.names.index(names[0])}" for names in columns)
        return name, content

    def _scanned(self, *, by_lines: bool) -> _Scan:
        """Parse without converting: counts, broken rows with their places, and every error there is."""
        scan = _Scan()
        if by_lines and not self._header_is_plain(by_lines=True):
            return _Scan(good_rows=-1)
        lines = _QuoteLines(self._source.chunks(), replace=by_lines)
        handler = _malformed_handler(scan, lines.replaced)
        try:
            table = pa_csv.read_csv(
                ChunkFile(iter(lines)),
                read_options=pa_csv.ReadOptions(
                    autogenerate_column_names=True, block_size=_BLOCK_BYTES, use_threads=False
                ),
                parse_options=self._parse_options(handler),
                # Nothing is converted: a column that is not there is all that is asked for.
                convert_options=pa_csv.ConvertOptions(include_columns=["none"], include_missing_columns=True),
            )
            scan.good_rows = table.num_rows - 1
        except pa.ArrowInvalid:
            if scan.is_hopeless and (by_lines or not lines.odd_lines):
                raise UnreadableFile(
                    "too_many_malformed",
                    "very many rows have more or fewer values than the header; check delimiter and quotes",
                ) from None
            if by_lines or not lines.odd_lines:
                raise UnreadableFile(
                    "line_too_long", "a row is longer than 8 MiB; this is no list of page views"
                ) from None
            scan = _Scan(good_rows=-1)
        scan.has_open_quotes = lines.odd_lines > 0
        return scan

    def _refuse_odd_header(self) -> None:
        if not self._header_is_plain(by_lines=False):
            raise UnreadableFile(
                "no_known_columns", "its header cannot be told apart into columns; check the quotes in it"
            )

    def _header_is_plain(self, *, by_lines: bool) -> bool:
        """Whether Arrow sees as many columns in the header as were read from it."""
        lines = _QuoteLines(iter([self._head]), replace=by_lines)
        try:
            reader = pa_csv.open_csv(
                ChunkFile(iter(lines)),
                read_options=pa_csv.ReadOptions(
                    autogenerate_column_names=True, block_size=len(self._head) + _BLOCK_BYTES
                ),
                parse_options=self._parse_options(lambda _: "skip"),
            )
        except pa.ArrowException:
            return False
        return len(reader.schema) == len(self._header.names)

    def _parse_options(self, handler: object) -> pa_csv.ParseOptions:
        return pa_csv.ParseOptions(
            delimiter=self._header.delimiter, newlines_in_values=True, invalid_row_handler=handler
        )

    def _batches(self, schema: pa.Schema, wanted: list[str]) -> Iterator[pa.RecordBatch]:
        scan = self._scan or _Scan()
        lines = _QuoteLines(self._source.chunks(), replace=self._by_lines)
        handler = (lambda _: "skip") if self._scan else _malformed_handler(scan, lines.replaced)
        reader = pa_csv.open_csv(
            ChunkFile(iter(lines)),
            read_options=pa_csv.ReadOptions(
                autogenerate_column_names=True, block_size=_BLOCK_BYTES, use_threads=self._scan is not None
            ),
            parse_options=self._parse_options(handler),
            convert_options=pa_csv.ConvertOptions(
                include_columns=wanted,
                column_types={name: pa.string() for name in wanted},
                check_utf8=False,  # the source has seen to it
            ),
        )
        done = -1  # the header is the first record
        for batch in reader:
            rows = batch.slice(1) if done < 0 else batch
            done = max(done, 0)
            if self._scan is None:
                self._refuse_unexpected(scan, lines)
            broken_at = np.array([number for number, _ in scan.malformed], dtype=np.int64)
            numbers = _places(done, rows.num_rows, broken_at)
            done += rows.num_rows
            yield self._with_marks(rows, numbers, schema)
        if self._scan is None:
            self._refuse_unexpected(scan, lines)
            if done < 1:
                raise UnexpectedTextError
        if scan.malformed:
            count = len(scan.malformed)
            yield pa.record_batch(
                [
                    pa.array([number for number, _ in scan.malformed], pa.int64()),
                    pa.repeat(True, count),
                    pa.array([text for _, text in scan.malformed], pa.string()),
                    *(pa.nulls(count, pa.string()) for _ in wanted),
                ],
                schema=schema,
            )

    def _refuse_unexpected(self, scan: _Scan, lines: "_QuoteLines") -> None:
        """Of what was read so far, or a little further: quotes over lines, bytes that are no text, many broken rows."""
        if lines.odd_lines or self._source.has_bad_bytes or len(scan.malformed) > _FEW_MALFORMED:
            raise UnexpectedTextError

    def _with_marks(self, rows: pa.RecordBatch, numbers: npt.NDArray[np.int64], schema: pa.Schema) -> pa.RecordBatch:
        count = rows.num_rows
        malformed = pa.repeat(False, count)
        raw_text = pa.nulls(count, pa.string())
        if self._source.has_bad_bytes and count:
            raw_text = pc.binary_join_element_wise(*rows.columns, self._header.delimiter)
            malformed = pc.match_substring(raw_text, BAD_BYTE)
        return pa.record_batch([pa.array(numbers), malformed, raw_text, *rows.columns], schema=schema)


def _all_folded(
    batches: Callable[[], Iterator[pa.RecordBatch]], schema: pa.Schema, given: list[str], tag_columns: tuple[str, str]
) -> Iterator[pa.RecordBatch]:
    for batch in batches():
        yield _folded(batch, schema, given, tag_columns)


def _folded(batch: pa.RecordBatch, schema: pa.Schema, given: list[str], tag_columns: tuple[str, str]) -> pa.RecordBatch:
    """One row for neighbours that have all of `given` and differ in the one meta tag alone.

    Of rows that stay alone, an empty tag is no list; in a list it is NULL.
    """
    count = batch.num_rows
    is_first = np.ones(count, dtype=bool)
    if count > 1:
        is_first[1:] = np.diff(batch.column("row_number").to_numpy()) != 1
        for field in schema:
            if field.name in batch.schema.names and field.name not in ("row_number", "raw_text"):
                column = batch.column(field.name)
                is_new = pc.not_equal(column.slice(1), column.slice(0, count - 1))
                is_first[1:] |= pc.fill_null(is_new, True).to_numpy(zero_copy_only=False)
        for name in given:
            column = batch.column(name)
            is_blank = pc.or_(pc.equal(column, ""), pc.starts_with(column, " "))
            is_first |= pc.fill_null(is_blank, True).to_numpy(zero_copy_only=False)
    firsts = np.flatnonzero(is_first)
    rows = np.diff(firsts, append=count)
    names, contents = (batch.column(name) for name in tag_columns)
    has_tag = pc.fill_null(pc.not_equal(names, ""), False)
    no_content = pc.fill_null(pc.equal(contents, ""), True)
    tags = pa.StructArray.from_arrays(
        [names, pc.if_else(no_content, None, contents)], fields=list(_TAG), mask=pc.invert(has_tag)
    )
    tagged = np.add.reduceat(has_tag.to_numpy(zero_copy_only=False), firsts, dtype=np.int64) if count else rows
    lists = pa.ListArray.from_arrays(
        pa.array(np.append(firsts, count), pa.int32()),
        tags,
        type=_FOLDED.field("tags").type,
        mask=pa.array(tagged == 0),
    )
    has_distinct_tags = _names_differ(names, rows) & ((rows == 1) | (tagged == rows))
    kept = batch.select([field.name for field in schema if field.name in batch.schema.names])
    if len(firsts) < count:
        kept = kept.take(pa.array(firsts))
    return pa.record_batch([*kept.columns, pa.array(rows), lists, pa.array(has_distinct_tags)], schema=schema)


def _names_differ(names: pa.Array, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Of each group of so many neighbours, whether no two have the same name; False for groups that are too large."""
    differ = rows <= _COMPARED_ROWS
    group = np.repeat(np.arange(len(rows)), rows)
    code = pc.fill_null(pc.dictionary_encode(names).indices, -1).to_numpy()
    for apart in range(1, min(_COMPARED_ROWS, rows.max(initial=1))):
        is_same = (code[apart:] == code[:-apart]) & (group[apart:] == group[:-apart])
        differ[group[apart:][is_same]] = False
    return differ


def _malformed_handler(scan: _Scan, replaced: deque[str]) -> Callable[[pa_csv.InvalidRow], str]:
    """Keeps broken rows; asks Arrow to stop when they are too many, since it swallows exceptions."""

    def keep(row: pa_csv.InvalidRow) -> str:
        text = replaced.popleft() if row.text == _BROKEN_LINE.decode() and replaced else row.text
        scan.malformed_bytes += len(text) + _ROW_OVERHEAD_BYTES
        if scan.is_hopeless:
            return "error"
        scan.malformed.append((row.number - 1, text))
        return "skip"

    return keep


def _places(done: int, count: int, broken_at: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places in the file of `count` good rows after `done` good ones, with broken rows between them."""
    good = np.arange(done + 1, done + count + 1, dtype=np.int64)
    good_before_broken = broken_at - np.arange(1, len(broken_at) + 1)
    return good + np.searchsorted(good_before_broken, good, side="left")


def _sql_char(character: str) -> str:
    return f"chr({ord(character)})"


class _QuoteLines:
    """Chunks of whole lines, with lines of an odd number of quotes counted or replaced.

    Such a line begins or ends a value with a line end in it, or is broken.
    """

    def __init__(self, chunks: Iterator[bytes], *, replace: bool) -> None:
        self._chunks = chunks
        self._replace = replace
        self.odd_lines = 0
        self.replaced: deque[str] = deque()

    def __iter__(self) -> Iterator[bytes]:
        pending = b""
        for chunk in self._chunks:
            block = pending + chunk
            cut = max(block.rfind(b"\n"), 0 if b"\n" in block else block.rfind(b"\r")) + 1
            pending = block[cut:]
            if cut:
                yield self._checked(block[:cut])
        if pending:
            yield self._checked(pending)

    def _checked(self, block: bytes) -> bytes:
        if b'"' not in block:
            return block
        data = np.frombuffer(block, np.uint8)
        ends = np.flatnonzero(data == (0x0A if b"\n" in block else 0x0D))
        line_of_quote = np.searchsorted(ends, np.flatnonzero(data == 0x22))
        odd = np.flatnonzero(np.bincount(line_of_quote) % 2)
        self.odd_lines += len(odd)
        if not self._replace or not len(odd):
            return block
        starts = np.append(0, ends + 1)
        stops = np.append(ends + 1, len(data))
        parts: list[bytes] = []
        done = 0
        for line in odd:
            start, stop = int(starts[line]), int(stops[line])
            self.replaced.append(block[start:stop].decode("utf-8", "replace").rstrip("\r\n"))
            parts += [block[done:start], _BROKEN_LINE, b"\n"]
            done = stop
        return b"".join([*parts, block[done:]])
