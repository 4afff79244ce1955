"""Rows of a panel, whatever file they came in: times, meta tags, durations, transitions in SQL.

What belongs here: the one meaning of a panel's values, as DuckDB projections over text. What does not:
getting at the text (`panel_csv.py`, `panel_json.py`, `panel_parquet.py`), judging the rows.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from browse_assets.readers.columns import FIELD_NAMES
from browse_assets.tables import STAGED_ROWS

# Epoch units by magnitude: seconds stay below 1e11 until the year 5138, milliseconds are above it
# from 1973 on, and so on by thousands.
_EPOCH_WHOLE = """
    CASE WHEN abs(epoch_value) < 100000000000 THEN epoch_value * 1000000
         WHEN abs(epoch_value) < 100000000000000 THEN epoch_value * 1000
         WHEN abs(epoch_value) < 100000000000000000 THEN epoch_value
         ELSE epoch_value // 1000 END"""
_EPOCH_DECIMAL = """
    CASE WHEN abs(epoch_value) < 1e11 THEN epoch_value * 1e6
         WHEN abs(epoch_value) < 1e14 THEN epoch_value * 1e3
         WHEN abs(epoch_value) < 1e17 THEN epoch_value
         ELSE epoch_value / 1e3 END"""
_FIRST_MICROSECOND = -62135596800000000  # year 1
_LAST_MICROSECOND = 253402300799999999  # year 9999

# DuckDB reads a zone only in part (an offset is dropped by the cast to TIMESTAMP), so it is taken apart
# here: date, clock, zone, sign, hours, minutes.
_ISO = (
    r"^(\d{4}-\d\d?-\d\d?)"
    r"(?:[Tt ]\s*(\d\d?:\d\d(?::\d\d(?:[.,]\d+)?)?)\s*([Zz]|UTC|GMT)?\s*(?:([+-])(\d\d):?(\d\d)?)?)?$"
)
_ISO_BASIC = r"^(\d{4})(\d\d)(\d\d)[Tt](\d\d)(\d\d)(\d\d(?:[.,]\d+)?)"

TRANSITIONS: dict[str, str] = {
    "link": "link",
    "typed": "typed",
    "auto_bookmark": "bookmark",
    "bookmark": "bookmark",
    "generated": "search",
    "keyword": "search",
    "keyword_generated": "search",
    "search": "search",
    "form_submit": "form",
    "form": "form",
    "reload": "reload",
    "auto_subframe": "subframe",
    "manual_subframe": "subframe",
    "subframe": "subframe",
    "auto_toplevel": "start",
    "start_page": "start",
    "start": "start",
    "redirect": "redirect",
}


@dataclass(frozen=True)
class SourceRows:
    """Rows of a file as Arrow, and what they mean, so that those of many files can be staged by one statement.

    Attributes:
        kind: files of equal kinds have rows of one schema and one meaning.
        schema: with row_number, from 1 in each file.
        batches: streams the rows; each call reads the file again.
        to_staged: staged rows from a relation with such rows, SQL that gives the person's id where the format names
            none, and further columns to keep (those in the SQL among them).
    """

    kind: Hashable
    schema: pa.Schema
    batches: Callable[[], Iterator[pa.RecordBatch]]
    to_staged: Callable[[duckdb.DuckDBPyRelation, str, Sequence[str]], duckdb.DuckDBPyRelation]

    def relation(self, con: duckdb.DuckDBPyConnection, owner: str) -> duckdb.DuckDBPyRelation:
        """Staged rows of this file alone, streamed from it; can be consumed once."""
        reader = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return self.to_staged(con.from_arrow(reader), quoted(owner), ())

    def table(self) -> pa.Table:
        """All of the rows in memory."""
        return pa.Table.from_batches(self.batches(), self.schema)


def quoted(text: str) -> str:
    """A text as a SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as a SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def timestamp_from_microseconds(expression: str) -> str:
    """SQL: microseconds since 1970 (BIGINT) as TIMESTAMP; NULL outside the years 1 to 9999."""
    return (
        f"CASE WHEN ({expression}) BETWEEN {_FIRST_MICROSECOND} AND {_LAST_MICROSECOND} "
        f"THEN make_timestamp(CAST(({expression}) AS BIGINT)) END"
    )


def timestamp_from_text(expression: str) -> str:
    """SQL: ISO 8601 or epoch in s, ms, us or ns (told by magnitude) as TIMESTAMP in UTC, else NULL.

    A time without zone is taken as UTC. Milliseconds and microseconds are kept.

    Args:
        expression: a column of trimmed text; repeated in the SQL, so no computation.
    """
    text = expression
    whole = _let("epoch_value", f"TRY_CAST({text} AS BIGINT)", timestamp_from_microseconds(_EPOCH_WHOLE))
    decimal = _let(
        "epoch_value",
        f"TRY_CAST({text} AS DOUBLE)",
        timestamp_from_microseconds(f"round({_EPOCH_DECIMAL})"),
    )
    basic = f"regexp_replace({text}, '{_ISO_BASIC}', '\\1-\\2-\\3T\\4:\\5:\\6')"
    # The usual case first and without a regular expression: 10 times as fast. The cast drops offsets and
    # takes words such as `infinity`, so it gets neither.
    after_day = f"substr({text}, 11)"
    is_plain = f"substr({text}, 5, 1) = '-' AND NOT contains({after_day}, '+') AND NOT contains({after_day}, '-')"
    return f"""CASE
        WHEN {text} IS NULL THEN NULL
        WHEN {is_plain} THEN coalesce(TRY_CAST({text} AS TIMESTAMP), {_zoned(text)})
        WHEN regexp_full_match({text}, '-?\\d{{1,19}}') THEN {whole}
        WHEN regexp_full_match({text}, '-?\\d{{1,19}}(\\.\\d*)?([eE]\\+?\\d+)?') THEN {decimal}
        WHEN regexp_matches({text}, '^\\d{{8}}[Tt]\\d{{6}}') THEN {_zoned(basic)}
        ELSE {_zoned(text)} END"""


def _let(name: str, value: str, body: str) -> str:
    """SQL: bind a value to a name, so that it is computed and written once."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def _zoned(text: str) -> str:
    parts = f"regexp_extract({text}, '{_ISO}', ['day', 'clock', 'zone', 'sign', 'hours', 'minutes'])"
    minutes = "(CAST(iso.hours AS INTEGER) * 60 + coalesce(TRY_CAST(iso.minutes AS INTEGER), 0))"
    local = (
        "TRY_CAST(iso.day || ' ' || CASE WHEN iso.clock = '' THEN '00:00:00' "
        "ELSE replace(iso.clock, ',', '.') END AS TIMESTAMP)"
    )
    shifted = (
        f"CASE WHEN iso.sign = '' THEN {local} WHEN {minutes} > 1439 THEN NULL "
        f"ELSE {local} - to_minutes(CASE WHEN iso.sign = '-' THEN -1 ELSE 1 END * {minutes}) END"
    )
    return _let("iso", parts, f"CASE WHEN iso.day <> '' THEN {shifted} END")


def metadata_from_json(expression: str) -> str:
    """SQL: meta tags out of JSON text, as STRUCT(name, content)[]; NULL where there are none.

    Understood: one {name|property|itemprop, content|value}; a list of them; an object that maps
    names to contents; parallel lists {name: [...], content: [...]}.
    """
    listed = f"flatten(list_transform(CAST({expression} AS JSON[]), lambda item: {_tags_of_object('item')}))"
    tags = f"""CASE WHEN {expression} IS NULL OR NOT json_valid({expression}) THEN NULL
        WHEN json_type({expression}) = 'ARRAY' THEN {listed}
        ELSE {_tags_of_object(f"CAST({expression} AS JSON)")} END"""
    named = f"list_filter({tags}, lambda tag: tag.name IS NOT NULL AND tag.name <> '')"
    return _let("tags", named, "CASE WHEN len(tags) > 0 THEN tags END")


def _tags_of_object(json: str) -> str:
    names, contents = ("name", "property", "itemprop"), ("content", "value")

    def first(keys: tuple[str, ...]) -> str:
        return "coalesce(" + ", ".join(f"nullif({json} ->> '$.{key}', '')" for key in keys) + ")"

    def present(keys: tuple[str, ...]) -> str:
        return "(" + " OR ".join(f"json_exists({json}, '$.{key}')" for key in keys) + ")"

    def lists(keys: tuple[str, ...]) -> str:
        return f"CAST({first(keys)} AS JSON[])"

    texts = "list_transform({}, lambda x: x ->> '$')"
    parallel = (
        f"list_transform(list_zip({texts.format(lists(names))}, {texts.format(lists(contents))}), "
        "lambda z: {'name': z[1], 'content': z[2]})"
    )
    only_names = f"len(list_filter(json_keys({json}), lambda k: k NOT IN {names + contents})) = 0"
    # A JSON pointer takes any key; a path would trip over quotes in it.
    pointer = "'/' || replace(replace(k, '~', '~0'), '/', '~1')"
    mapped = (
        f"list_transform(json_keys({json}), lambda k: {{'name': k, 'content': json_extract_string({json}, {pointer})}})"
    )
    return f"""CASE WHEN json_type({json}) IS DISTINCT FROM 'OBJECT' THEN []
        WHEN {present(names)} AND {present(contents)}
            AND json_valid({first(names)}) AND json_valid({first(contents)})
            AND json_type({first(names)}) = 'ARRAY' AND json_type({first(contents)}) = 'ARRAY'
            THEN {parallel}
        WHEN {present(names)} AND ({present(contents)} OR {only_names})
            THEN [{{'name': {first(names)}, 'content': {first(contents)}}}]
        ELSE {mapped} END"""


def transition_from_text(expression: str) -> str:
    """SQL: the words of the browsers' extension API (and ours) as our words; unknown ones are `other`."""
    word = f"replace(replace(lower(trim({expression})), ' ', '_'), '-', '_')"
    cases = " ".join(f"WHEN {quoted(theirs)} THEN {quoted(ours)}" for theirs, ours in TRANSITIONS.items())
    return f"CASE WHEN {expression} IS NOT NULL THEN CASE {word} {cases} ELSE 'other' END END"


def panel_rows(
    source: duckdb.DuckDBPyRelation,
    values: dict[str, str],
    *,
    time_is_native: bool = False,
    has_folded_tags: bool = False,
    also: Sequence[str] = (),
) -> duckdb.DuckDBPyRelation:
    """Staged rows out of the text of a panel's fields.

    Args:
        source: has row_number BIGINT, malformed BOOLEAN and raw_text VARCHAR beside what `values` need.
        values: field of `columns.FIELD_NAMES` -> SQL over `source` that gives VARCHAR (empty or NULL
            when the row has none); missing fields are NULL. `time` may give TIMESTAMP instead.
        time_is_native: `time` gives TIMESTAMP.
        has_folded_tags: `source` has `rows`, `tags` and `has_distinct_tags` as well, which are `rows`, `metadata` and
            `has_distinct_tags` of `STAGED_ROWS`.
        also: further columns of `source` to keep.
    """
    texts = [f"nullif({values.get(field, 'NULL')}, '') AS {field}" for field in FIELD_NAMES if field != "time"]
    time = values.get("time", "NULL::VARCHAR")
    texts.append(f"{time} AS time" if time_is_native else f"nullif(trim({time}), '') AS time")
    folded = ["rows", "tags", "has_distinct_tags"] if has_folded_tags else ["1 AS rows", "NULL AS has_distinct_tags"]
    fields = source.project(", ".join(["row_number", "malformed", "raw_text", *folded, *also, *texts]))
    one_tag = "[{'name': meta_name, 'content': meta_content}]"
    if has_folded_tags:
        tags = "tags"
    elif "metadata" in values:
        tags = f"CASE WHEN meta_name IS NOT NULL THEN {one_tag} ELSE {metadata_from_json('metadata')} END"
    else:
        tags = f"CASE WHEN meta_name IS NOT NULL THEN {one_tag} END"
    seconds = "coalesce(TRY_CAST(duration AS DOUBLE), TRY_CAST(duration_ms AS DOUBLE) / 1000)"
    read = fields.project(
        f"""*, {"time" if time_is_native else timestamp_from_text("time")} AS event_time,
        {tags} AS found_tags, {seconds} AS seconds"""
    )
    return staged(
        read,
        {
            "row_number": "row_number",
            "rows": "rows",
            "user_id": "user_id",
            "ip": "ip",
            "event_time": "event_time",
            "url": "url",
            "title": "title",
            "metadata": "found_tags",
            "has_distinct_tags": "has_distinct_tags",
            "duration_seconds": "CASE WHEN seconds >= 0 AND isfinite(seconds) THEN seconds END",
            "duration_kind": "CASE WHEN seconds >= 0 AND isfinite(seconds) THEN 'extension' END",
            "referrer": "referrer",
            "transition": transition_from_text("transition"),
            "device": "device",
            "country": country_from_text("country"),
            "language": language_from_text("language"),
            "search_terms": "search_terms",
            "reason": "CASE WHEN malformed THEN 'malformed' "
            "WHEN time IS NOT NULL AND event_time IS NULL THEN 'bad_time' END",
            "raw_text": "CASE WHEN malformed THEN raw_text END",
        },
        also,
    )


def country_from_text(expression: str) -> str:
    """SQL: an ISO 3166-1 alpha-2 code in capitals, else NULL."""
    return f"CASE WHEN regexp_full_match(trim({expression}), '[A-Za-z]{{2}}') THEN upper(trim({expression})) END"


def language_from_text(expression: str) -> str:
    """SQL: a language tag; `und` (undetermined) and empty are NULL."""
    return f"nullif(nullif(trim({expression}), ''), 'und')"


def staged(
    source: duckdb.DuckDBPyRelation, values: dict[str, str], also: Sequence[str] = ()
) -> duckdb.DuckDBPyRelation:
    """Project onto exactly the columns, order and types of `STAGED_ROWS`; missing ones are NULL, and `rows` 1.

    `also` names columns of the source that are kept after them.
    """
    values = {"rows": "1", **values}
    columns = [
        f"CAST({values.get(column.name, 'NULL')} AS {column.type}) AS {identifier(column.name)}"
        for column in STAGED_ROWS.columns
    ]
    return source.project(", ".join([*columns, *also]))
