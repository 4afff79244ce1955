"""Panel JSON: one object per line, or one array of objects, flat or nested.

What belongs here: keys, which may differ between rows, and elements that are no objects. What does not:
what the values mean (`panel.py`), finding the elements (`elements.py`).
"""

import re
from collections.abc import Callable, Iterator, Sequence

import duckdb
import pyarrow as pa

from browse_assets.readers.columns import PanelColumns, panel_columns
from browse_assets.readers.elements import SCHEMA
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.panel import SourceRows, panel_rows, quoted
from browse_assets.readers.text import BAD_BYTE, KEPT_REPLACEMENT, TextSource

# Keys that go into a JSON path as they are. Others are none of ours.
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.:\- ]{1,64}")

Elements = Callable[[], Iterator[pa.RecordBatch]]


def parsed(
    elements: duckdb.DuckDBPyRelation, *, has_bad_bytes: bool, also: Sequence[str] = ()
) -> duckdb.DuckDBPyRelation:
    """Elements with row_number, malformed, raw_text and `object`: the text, NULL unless it is an object.

    Args:
        elements: of `elements.SCHEMA`.
        has_bad_bytes: as `TextSource`.
        also: further columns of `elements` to keep.
    """
    is_object = "CASE WHEN json_valid(element) THEN json_type(element) = 'OBJECT' ELSE false END"
    text = "element"
    if has_bad_bytes:
        bad = f"chr({ord(BAD_BYTE)})"
        is_object = f"NOT contains(element, {bad}) AND {is_object}"
        text = f"replace(element, chr({ord(KEPT_REPLACEMENT)}), {bad})"
    marked = elements.project(", ".join(["row_number", "element", *also, f"{is_object} AS is_object"]))
    columns = [
        "row_number",
        "NOT is_object AS malformed",
        "CASE WHEN NOT is_object THEN element END AS raw_text",
        f"CASE WHEN is_object THEN {text} END AS object",
    ]
    return marked.project(", ".join([*columns, *also]))


def _remembering(elements: Iterator[pa.RecordBatch], failures: list[UnreadableFile]) -> Iterator[pa.RecordBatch]:
    """The same batches; DuckDB turns an error on the way into its own, so it is kept here."""
    try:
        yield from elements
    except UnreadableFile as error:
        failures.append(error)
        raise


class PanelJson:
    """One JSON file: scanned whole first for its keys, so that what can fail has failed, then streamed.

    Raises:
        UnreadableFile: as the elements' reader; `no_known_columns`, `header_only`, `not_utf8`.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, source: TextSource, elements: Elements) -> None:
        self._source = source
        self._elements = elements
        self._columns = self._scanned(con)

    def _scanned(self, con: duckdb.DuckDBPyConnection) -> PanelColumns:
        failures: list[UnreadableFile] = []
        reader = pa.RecordBatchReader.from_batches(SCHEMA, _remembering(self._elements(), failures))
        try:
            keys = (
                parsed(con.from_arrow(reader), has_bad_bytes=self._source.has_bad_bytes)
                .project("unnest(coalesce(json_keys(object), [NULL::VARCHAR])) AS key")
                .distinct()
                .order("key")
                .limit(10_000)  # keys as data, one per row: none of ours
                .fetchall()
            )
        except duckdb.Error:
            if failures:
                raise failures[0] from None
            raise
        self._source.refuse_wrong_encoding()
        if not keys:
            raise UnreadableFile("header_only", "it holds no rows; export it again")
        columns = panel_columns(key for (key,) in keys if key and _PLAIN_KEY.fullmatch(key))
        if not columns.is_panel:
            raise UnreadableFile(
                "no_known_columns",
                "its objects have no user or time key together with a url or metadata key; "
                "name them as the README's table of input columns says",
            )
        return columns

    def rows(self) -> SourceRows:
        """The rows and what they mean."""
        used, has_bad_bytes = self._columns.used, self._source.has_bad_bytes
        paths = ", ".join(quoted(f'$."{key}"') for key in used)
        values = {
            field: "coalesce(" + ", ".join(f"nullif(texts[{used.index(key) + 1}], '')" for key in keys) + ")"
            for field, keys in self._columns.by_field.items()
        }

        def to_staged(elements: duckdb.DuckDBPyRelation, _owner: str, also: Sequence[str]) -> duckdb.DuckDBPyRelation:
            # All keys in one call: the text is parsed once, not once per key.
            texts = f"json_extract_string(object, [{paths}]) AS texts"
            columns = ["row_number", "malformed", "raw_text", *also, texts]
            objects = parsed(elements, has_bad_bytes=has_bad_bytes, also=also).project(", ".join(columns))
            return panel_rows(objects, values, also=also)

        kind = ("json", tuple(self._columns.by_field.items()), has_bad_bytes)
        return SourceRows(kind, SCHEMA, self._elements, to_staged)
