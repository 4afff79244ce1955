"""Panel Parquet: flat or nested columns, native or textual times.

What belongs here: types. What does not: what the values mean (`panel.py`).
"""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from browse_assets.readers.columns import PanelColumns, panel_columns
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.panel import identifier, panel_rows, timestamp_from_text

_BATCH_ROWS = 50_000
_DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)  # the last: names that are not text


def damaged_parquet() -> UnreadableFile:
    """The error of a Parquet file that can't be read."""
    return UnreadableFile("truncated", "the Parquet file is cut off, damaged or encrypted; export it again")


def parquet_columns(path: Path) -> PanelColumns:
    """What the columns of a Parquet file mean.

    Raises:
        UnreadableFile: `truncated`, `header_only`, `no_known_columns`.
    """
    try:
        with pq.ParquetFile(path) as file:
            names, rows = file.schema_arrow.names, file.metadata.num_rows
    except _DAMAGE:
        raise damaged_parquet() from None
    columns = panel_columns(names)
    if not columns.is_panel:
        raise UnreadableFile(
            "no_known_columns",
            "it has no user or time column together with a url or metadata column; "
            "name them as the README's table of input columns says",
        )
    if rows == 0:
        raise UnreadableFile("header_only", "it has columns and no rows; export it again")
    return columns


def parquet_relation(con: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    """Staged rows, streamed from the file; can be consumed once.

    The file is opened through Arrow: a path given to DuckDB would be a pattern.

    Raises:
        UnreadableFile: as `parquet_columns`.
    """
    columns = parquet_columns(path)
    used = list(columns.used)
    _check_pages(path, used)
    with pq.ParquetFile(path) as file:
        # Two columns of one name can't be told apart: the first is taken.
        places = [file.schema_arrow.names.index(name) for name in used]
        fields = [file.schema_arrow.field(place) for place in places]
    schema = pa.schema([("row_number", pa.int64()), *((f.name, f.type) for f in fields)])
    source = con.from_arrow(pa.RecordBatchReader.from_batches(schema, _batches(path, schema)))
    types = dict(zip(source.columns, source.types, strict=True))
    marked = source.project("*, false AS malformed, NULL::VARCHAR AS raw_text")
    time_is_native = any(_is_time(types[name]) for name in columns.by_field.get("time", ()))
    values = {}
    for field, names in columns.by_field.items():
        as_sql = _time_value if field == "time" and time_is_native else _text_value
        values[field] = f"coalesce({', '.join(as_sql(name, types[name]) for name in names)})"
    return panel_rows(marked, values, time_is_native=time_is_native)


def _check_pages(path: Path, names: list[str]) -> None:
    """Read every page once: damage shows before the first row is used, and text is text."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=names):
                batch.validate(full=True)
    except _DAMAGE:
        raise damaged_parquet() from None


def _batches(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    done = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=schema.names[1:]):
            numbers = pa.array(range(done + 1, done + batch.num_rows + 1), pa.int64())
            done += batch.num_rows
            columns = [batch.column(batch.schema.get_field_index(name)) for name in schema.names[1:]]
            yield pa.record_batch([numbers, *columns], schema=schema)


def _is_time(kind: object) -> bool:
    return str(kind).startswith(("TIMESTAMP", "DATE"))


def _time_value(name: str, kind: object) -> str:
    column = identifier(name)
    if str(kind) == "TIMESTAMP WITH TIME ZONE":
        return f"make_timestamp(epoch_us({column}))"  # by the number: independent of the session's zone
    if _is_time(kind):
        return f"CAST({column} AS TIMESTAMP)"
    return timestamp_from_text(f"trim(CAST({column} AS VARCHAR))")


def _text_value(name: str, kind: object) -> str:
    column = identifier(name)
    if str(kind).startswith(("STRUCT", "MAP")) or str(kind).endswith("]"):
        return f"CAST(to_json({column}) AS VARCHAR)"
    if str(kind) == "BLOB":  # text written without the mark that it is text
        return f"TRY(decode({column}))"
    return f"nullif(CAST({column} AS VARCHAR), '')"
