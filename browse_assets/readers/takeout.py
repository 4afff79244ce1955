"""Browser history from Google Takeout: JSON with the key `Browser History`, whatever its file's name.

What belongs here: the export's keys. What does not: cutting the JSON (`elements.py`), zips
(`archive.py`).
"""

from collections.abc import Sequence
from functools import partial

import duckdb

from browse_assets.readers.elements import SCHEMA, TAKEOUT_KEY, array_batches
from browse_assets.readers.panel import (
    SourceRows,
    staged,
    timestamp_from_microseconds,
    transition_from_text,
)
from browse_assets.readers.panel_json import parsed
from browse_assets.readers.text import TextSource

_KEYS = ("time_usec", "url", "title", "page_transition")


class Takeout:
    """One export: scanned whole first, so that what can fail has failed, then streamed.

    Raises:
        UnreadableFile: as `elements.array_batches`, and `not_utf8`.
    """

    def __init__(self, source: TextSource) -> None:
        self._source = source
        self._elements = partial(array_batches, source, TAKEOUT_KEY)
        for _ in self._elements():
            pass
        source.refuse_wrong_encoding()

    def rows(self) -> SourceRows:
        """The entries and what they mean."""
        has_bad_bytes = self._source.has_bad_bytes

        def to_staged(entries: duckdb.DuckDBPyRelation, owner: str, also: Sequence[str]) -> duckdb.DuckDBPyRelation:
            return _staged(parsed(entries, has_bad_bytes=has_bad_bytes, also=also), owner, also)

        return SourceRows(("takeout", has_bad_bytes), SCHEMA, self._elements, to_staged)


def _staged(entries: duckdb.DuckDBPyRelation, owner: str, also: Sequence[str]) -> duckdb.DuckDBPyRelation:
    paths = ", ".join(f"'$.{key}'" for key in _KEYS)
    texts = entries.project(f"*, json_extract_string(object, [{paths}]) AS texts")
    values = [f"nullif(texts[{i}], '') AS {key}" for i, key in enumerate(_KEYS, 1)]
    fields = texts.project(", ".join(["row_number", "malformed", "raw_text", *also, *values]))
    timed = fields.project(f"*, {timestamp_from_microseconds('TRY_CAST(time_usec AS BIGINT)')} AS event_time")
    return staged(
        timed,
        {
            "row_number": "row_number",
            "user_id": owner,
            "event_time": "event_time",
            "url": "url",
            "title": "title",
            "transition": transition_from_text("page_transition"),
            "reason": "CASE WHEN malformed THEN 'malformed' "
            "WHEN time_usec IS NOT NULL AND event_time IS NULL THEN 'bad_time' END",
            "raw_text": "raw_text",
        },
        also,
    )
