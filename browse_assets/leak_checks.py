"""Asset checks that search every text of the warehouse for personal data.

What belongs here: which columns hold text, and the way from them to the rows that leak. What does not:
what personal data looks like (`analysis/leaks.py`). A value is never shown, only where it stands.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from browse_assets.assets.panel_ids import note_likeness, nothing_alike_until, panel_ids
from browse_assets.keys import load_keys
from browse_assets.resources import WRITER_POOL, Databases, transaction, withheld_values
from browse_assets.sql import read_sql
from browse_assets.tables import SCRUBBED_EVENTS, Column, Table, tables_of
from browse_assets.verdict import verdict
from browse_assets.verified import unseen_since, write_seen

if TYPE_CHECKING:
    from browse_assets.analysis.leaks import PanelIds

# The two whose check has another name or place than `<table>_no_personal_data` of the asset of that name:
# the design names the first, and the others are no assets, so they are searched after the last one.
_NAMES = {"scrubbed_events": "no_personal_data"}
_ASSETS = {"asset_state": "churn_scores", "incidents": "churn_scores"}

# Columns with as many values as rows: the guard goes over them as they are. Of the others the distinct
# rows are searched, a tenth of the cost (0.4 instead of 1.2 CPU s for a million events).
_FREE_TEXTS = {"scrubbed_events": ("url", "title", "metadata", "search_terms")}

# SHA-256 of a file's content: what stands in it by chance is nobody's.
CONTENT_HASH = "[0-9a-f]{64}"

OWN_IDS = """
    SELECT DISTINCT events.user_key, lower(raw.user_id) AS own_id
    FROM scrubbed_events AS events JOIN vault.main.raw_events AS raw USING (event_id)
    SEMI JOIN short_ids USING (user_id)
"""


def text_columns(table: Table) -> tuple[Column, ...]:
    """Columns that hold text: plain, in lists, in structs, as JSON."""
    return tuple(column for column in table.columns if "VARCHAR" in column.type or "JSON" in column.type)


def searched_tables() -> tuple[Table, ...]:
    """Tables of the warehouse with any text."""
    return tuple(table for table in tables_of("warehouse") if text_columns(table))


def _text_of(column: Column) -> str:
    if column.name == "file_id":
        # Of ten thousand hashes one holds sixteen digits that make a card number.
        return f"CASE WHEN NOT regexp_full_match(file_id, '{CONTENT_HASH}') THEN file_id END"
    if column.type == "VARCHAR":
        return f'"{column.name}"'
    if column.type == "STRUCT(name VARCHAR, content VARCHAR)[]":
        # A third cheaper than the cast, and a line for each tag.
        tag_text = "lambda tag: concat(tag.name, ': ', tag.content)"
        return f'array_to_string(list_transform("{column.name}", {tag_text}), chr(10))'
    return f'"{column.name}"::VARCHAR'


def _caught_texts(
    con: duckdb.DuckDBPyConnection, table: Table, rows: str, pattern: str, pages: str | None = None
) -> Iterator[tuple[str, str]]:
    """Column and text of the distinct texts of some rows of the table that match a pattern.

    Args:
        con: with the warehouse attached.
        table: where to search.
        rows: what follows FROM.
        pattern: RE2.
        pages: some of these rows that have all their free texts, where that is known.
    """
    free = [column for column in text_columns(table) if column.name in _FREE_TEXTS.get(table.name, ())]
    few = [column for column in text_columns(table) if column not in free]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE few_texts AS SELECT DISTINCT "
        + ", ".join(f"{_text_of(column)} AS {column.name}" for column in few)
        + f" FROM {rows}"
    )
    if not con.execute("SELECT 1 FROM few_texts LIMIT 1").fetchall():
        return
    # One SELECT for all of them: to compile the pattern takes 20 ms.
    pairs = ", ".join(f"{{'name': '{column.name}', 'text': {column.name}}}" for column in few)
    selects = [f"SELECT unnest([{pairs}], recursive := true) FROM few_texts"]
    selects += [f"SELECT '{column.name}' AS name, {_text_of(column)} AS text FROM {pages or rows}" for column in free]
    for select in selects:
        yield from con.execute(
            f"SELECT DISTINCT name, text FROM ({select}) WHERE regexp_matches(text, $pattern)", {"pattern": pattern}
        ).fetchall()


def search(con: duckdb.DuckDBPyConnection, table: Table, ids: "PanelIds", since: int = 0, ids_since: int = 0) -> bool:
    """Make `leaking_texts` (column_name, text, kind): every distinct text of the table with personal data.

    Returns whether a text that was looked at matches the guard of the ids, whether or not it holds one.

    Args:
        con: with the warehouse attached.
        table: where to search.
        ids: of people of the panel.
        since: only rows of later loads; for tables with a load_id.
        ids_since: rows of loads up to `since` and after this one are searched for ids alone.
    """
    from browse_assets.analysis.leaks import GUARD, find_leaks  # with phonenumbers 0.3 s

    pattern = "|".join(part for part in (GUARD, ids.guard) if part)
    caught = set(_caught_texts(con, table, _rows_since(table, since), pattern))
    is_alike = bool(ids.guard and _match_any(con, {text for _, text in caught}, ids.guard))
    if ids.guard and ids_since < since:
        older = f"(SELECT * FROM {table.name} WHERE load_id > {int(ids_since)} AND load_id <= {int(since)})"
        con.execute(
            "CREATE OR REPLACE TEMP TABLE first_rows AS " + read_sql("first_rows"),
            {"after": ids_since, "up_to": since},
        )
        pages = f"(SELECT * FROM {table.name} WHERE rowid IN (SELECT first_row FROM first_rows))"
        found_before = list(_caught_texts(con, table, older, ids.guard, pages))
        is_alike = is_alike or bool(found_before)
        caught |= {(column, text) for column, text in found_before if ids.are_in(text)}
    found = {
        text: find_leaks(text) | ({"user_id"} if ids.are_in(text) else frozenset()) for text in {t for _, t in caught}
    }
    con.execute("CREATE OR REPLACE TEMP TABLE leaking_texts (column_name VARCHAR, text VARCHAR, kind VARCHAR)")
    _add(con, ((column, text, ", ".join(sorted(found[text]))) for column, text in sorted(caught) if found[text]))
    return is_alike


def _match_any(con: duckdb.DuckDBPyConnection, texts: set[str], pattern: str) -> bool:
    found = con.execute(
        "SELECT 1 FROM (SELECT unnest($texts) AS text) WHERE regexp_matches(text, $pattern) LIMIT 1",
        {"texts": sorted(texts), "pattern": pattern},
    )
    return found.fetchone() is not None


def _rows_since(table: Table, since: int) -> str:
    return f"(SELECT * FROM {table.name} WHERE load_id > {int(since)})" if since else table.name


def search_own_ids(con: duckdb.DuckDBPyConnection, ids: Iterable[str], since: int = 0) -> None:
    """Add to `leaking_texts` what holds the id of the very person whose page view it is, of loads after `since`."""
    from browse_assets.analysis.leaks import PanelIds

    rows = _rows_since(SCRUBBED_EVENTS, since)
    con.execute("CREATE OR REPLACE TEMP TABLE short_ids AS SELECT unnest($ids) AS user_id", {"ids": sorted(ids)})
    con.execute("CREATE OR REPLACE TEMP TABLE own_ids AS " + OWN_IDS.replace("FROM scrubbed_events", f"FROM {rows}"))
    for column in text_columns(SCRUBBED_EVENTS):
        if column.name in _FREE_TEXTS["scrubbed_events"]:
            found = con.execute(
                f"SELECT DISTINCT text, own_id FROM (SELECT {_text_of(column)} AS text, own_id FROM {rows} AS events "
                "JOIN own_ids USING (user_key)) WHERE contains(lower(text), own_id)"
            ).fetchall()
            _add(con, ((column.name, text, "user_id") for text, own in found if PanelIds([own]).are_in(text)))


def _add(con: duckdb.DuckDBPyConnection, rows: Iterable[tuple[str, str, str]]) -> None:
    columns, texts, kinds = zip(*found, strict=True) if (found := list(rows)) else ((), (), ())
    con.execute(
        "INSERT INTO leaking_texts SELECT unnest($columns::VARCHAR[]), unnest($texts::VARCHAR[]), "
        "unnest($kinds::VARCHAR[])",
        {"columns": columns, "texts": texts, "kinds": kinds},
    )


def leaking_rows(table: Table) -> str:
    """SELECT of the rows that hold one of `leaking_texts`: key, part and kind, never the text.

    Of the key what cannot be personal is shown: numbers, times, UUIDs and the beginning of a file's hash.
    """
    shown = [
        f'"{c.name}"'
        for c in table.columns
        if c.name in table.key and c.type in ("UUID", "BIGINT", "DATE", "TIMESTAMP")
    ]
    if "file_id" in table.key:
        shown.append(f"CASE WHEN regexp_full_match(file_id, '{CONTENT_HASH}') THEN left(file_id, 12) END AS file")
    keys = "".join(f"{name}, " for name in shown)
    leaks = (
        "(SELECT column_name AS part, text AS leaking_text, string_agg(kind, ', ' ORDER BY kind) AS kinds "
        "FROM leaking_texts GROUP BY ALL) AS leaks"
    )
    return " UNION ALL ".join(
        f"SELECT {keys}leaks.part, leaks.kinds AS kind FROM {table.name} "
        f"JOIN {leaks} ON leaks.part = '{column.name}' AND leaks.leaking_text = {_text_of(column)}"
        for column in text_columns(table)
    )


@dataclass(frozen=True)
class _SoughtIds:
    """The panel's own ids: all of them, those that are looked for in everybody's texts, and in their owner's alone."""

    everybody: frozenset[str]
    distinctive: "PanelIds"
    others: frozenset[str]


# By the state of the vault that they were read from: opening it costs 0.14 CPU s, to make patterns of 20,000 ids 0.2,
# and a run checks forty tables. Only the newest is kept.
_SOUGHT: dict[tuple[str, int, int], _SoughtIds] = {}


def _sought_ids(databases: Databases) -> _SoughtIds:
    from browse_assets.analysis.leaks import PanelIds, is_distinctive

    path = databases.settings.vault_path
    state = (str(path), path.stat().st_mtime_ns, path.stat().st_size) if path.exists() else None
    if state in _SOUGHT:
        return _SOUGHT[state]
    with databases.open(vault="read") as con:
        everybody = panel_ids(con)
    distinctive = frozenset(filter(is_distinctive, everybody))
    found = _SoughtIds(everybody, PanelIds(distinctive), everybody - distinctive)
    if state:
        _SOUGHT.clear()
        _SOUGHT[state] = found
    return found


def _check_of(table: Table) -> Callable[[Databases], dg.AssetCheckResult]:
    def check(databases: Databases) -> dg.AssetCheckResult:
        with withheld_values(f"Searching {table.name} for personal data"):
            sought = _sought_ids(databases)
            with databases.open(warehouse="read") as con:
                search(con, table, sought.distinctive)
                return verdict(con, leaking_rows(table), "texts that look personal")

    return check


def _check_of_events(databases: Databases) -> dg.AssetCheckResult:
    """Of a table that only grows, and by far the largest: what is new in it, or all of it where nothing is."""
    with withheld_values("Searching scrubbed_events for personal data"):
        sought, keys = _sought_ids(databases), load_keys(databases.settings)
        ids = sought.distinctive
        known = keys.digest("\n".join(sorted(sought.everybody)))
        with databases.open(vault="read" if sought.others else None, warehouse="write") as con:
            since, ids_since = unseen_since(con, "no_personal_data"), unseen_since(con, "no_panel_ids", known)
            alike_since = nothing_alike_until(con, keys, ids) if since else 0
            is_alike = search(con, SCRUBBED_EVENTS, ids, since, max(ids_since, alike_since))
            if sought.others:
                search_own_ids(con, sought.others, since)
            found = verdict(con, leaking_rows(SCRUBBED_EVENTS), "texts that look personal", since=since)
            if found.passed:
                with transaction(con):
                    write_seen(con, "no_personal_data")
                    write_seen(con, "no_panel_ids", known)
                    if is_alike or ids_since <= alike_since:  # otherwise not all rows were looked at
                        note_likeness(con, keys, ids, is_alike=is_alike)
            return found


def _leak_check(table: Table) -> dg.AssetChecksDefinition:
    columns = ", ".join(column.name for column in text_columns(table))
    return dg.asset_check(
        pool=WRITER_POOL,
        asset=_ASSETS.get(table.name, table.name),
        name=_NAMES.get(table.name, f"{table.name}_no_personal_data"),
        blocking=True,
        description=f"No e-mail, phone, card, account or social security number, address, token, place, personal "
        f"parameter or id of the panel is in any text of {table.name} ({columns}), in any encoding.",
    )(_check_of_events if table == SCRUBBED_EVENTS else _check_of(table))


LEAK_CHECKS = [_leak_check(table) for table in searched_tables()]
