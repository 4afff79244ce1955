"""Evidence of interest in items: the steps that topics, products and financial products share.

What belongs here: from `item_events` (one row per event that touches an item) to scored rows, and the
rule when a table as of a day is made anew. What does not: what an item is (`sql/`), the statistics
(`analysis/interest.py`).
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import duckdb

from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.engine.choice import Connection
from browse_assets.resources import replace_table, transaction
from browse_assets.settings import Settings
from browse_assets.sql import read_sql
from browse_assets.tables import Table

if TYPE_CHECKING:
    import pandas as pd

# Labels, and characters of their patterns, that are looked for at once. Of 28,000 characters the pattern took 12 CPU s
# for what 16,000 took 0.13.
_GUARD_LABELS = 10
_GUARD_LENGTH = 10_000


def refresh_as_of(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: tuple[Table, ...],
    compute: Callable[[datetime], dict[str, str]],
    *,
    upstream: str = "domain_features",
    depends_on: tuple[Any, ...] = (),
    as_of: datetime | None = None,
) -> bool:
    """Make tables of one as_of anew, in one transaction, unless nothing they depend on has changed.

    Args:
        con: the warehouse, open for writing.
        settings: for BROWSE_AS_OF.
        tables: what is made; the first carries the state.
        compute: from as_of to a SELECT by table name; called outside the transaction.
        upstream: the asset whose state says what is new.
        depends_on: whatever else the tables are made from.
        as_of: end of every window, where it is not that of the events (customers who do not browse).

    Returns:
        Whether the tables were made anew.
    """
    source = require_state(con, upstream)
    as_of = as_of or read_as_of(con, settings)
    target = State(source.load_id, fingerprint(source.fingerprint, as_of, depends_on))
    if read_state(con, tables[0].name) == target:
        return False
    selects = compute(as_of) if as_of is not None else {}
    with transaction(con):
        for table in tables:
            if table.name in selects:
                replace_table(con, table, selects[table.name])
            else:
                con.execute(f"DELETE FROM {table.name}")
        write_state(con, tables[0].name, target)
    return True


def is_gone(table: str) -> str:
    """SQL: whether a row of a table with a page_id, of few of all pages, is about a page that no stored event shows.

    The semi join leaves few page views to be hashed: of 10 million 0.05 instead of 0.54 CPU s.
    """
    return f"page_id NOT IN (SELECT page_id FROM scrubbed_events SEMI JOIN {table} USING (page_id))"


def touches_of(con: Connection, as_of: datetime) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """Touches by person and item of `item_events` (see sql/touches.sql), and every person's exposure.

    The evidence stays in the temporary table `touched`: to fetch it as well takes 6 CPU s for 459,000 pairs, and 0.4
    without.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE session_times AS " + read_sql("session_times"), {"as_of": as_of})
    con.execute("CREATE OR REPLACE TEMP TABLE touched AS " + read_sql("touches"), {"as_of": as_of})
    touches = con.execute(
        "SELECT user_key::VARCHAR AS user_key, item, decayed_sessions, sessions, active_days, first_seen, last_seen "
        "FROM touched"
    ).df()
    exposure = con.execute(read_sql("exposure"), {"as_of": as_of}).df()
    # Said for every column that goes back to DuckDB: of an empty frame it would take text for numbers.
    touches = touches.astype({"user_key": str, "item": str})
    exposure = exposure.astype({"user_key": str})
    return touches, exposure.set_index("user_key")[["decayed_sessions", "decayed_squares"]]


def label_pages(con: duckdb.DuckDBPyConnection, target: str, label: str, patterns: str, field: str = "text") -> None:
    """Add to `target` (page_id, label) the pages whose field matches the label's patterns.

    Patterns are constants: DuckDB compiles one that comes from a column once per row, which took 7 s for 200 pages
    instead of 0.07 s for 20,000. All patterns of several labels as one leave few pages for each of them: 66 labels on
    320,000 pages took 5.3 CPU s, and 1.0 so.

    Args:
        con: holds the temporary table `pages`.
        target: temporary table, made when it is not there.
        label: name of its second column.
        patterns: SELECT of (label, pattern).
        field: expression over `pages` that the patterns are matched on.
    """
    con.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS {target} AS SELECT page_id, NULL::VARCHAR AS {label} FROM pages LIMIT 0"
    )
    grouped = con.execute(
        f"SELECT {label}, string_agg('(?:' || pattern || ')', '|' ORDER BY pattern) "
        f"FROM ({patterns}) AS listed ({label}, pattern) GROUP BY 1 ORDER BY 1"
    ).fetchall()
    for several in _guarded(grouped):
        found = con.execute(
            f"CREATE OR REPLACE TEMP TABLE alike AS SELECT page_id, {field} AS text FROM pages "
            f"WHERE regexp_matches({field}, $pattern)",
            {"pattern": "|".join(pattern for _, pattern in several)},
        ).fetchone()
        if found == (0,):
            continue
        for name, pattern in several:
            con.execute(
                f"INSERT INTO {target} SELECT page_id, $name FROM alike WHERE regexp_matches(text, $pattern)",
                {"name": name, "pattern": pattern},
            )


def _guarded(patterns: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Labels in groups whose patterns are looked for as one."""
    group: list[tuple[str, str]] = []
    length = 0
    for label, pattern in patterns:
        if group and (len(group) == _GUARD_LABELS or length + len(pattern) > _GUARD_LENGTH):
            yield group
            group, length = [], 0
        group.append((label, pattern))
        length += len(pattern)
    if group:
        yield group
