"""The panel's own ids of people, and up to which load no stored text looks as if it held one.

What belongs here: whose ids are looked for, and what a search that found nothing like them spares the next one. What
does not: finding them (`analysis/leaks.py`), replacing them (`analysis/panel_ids.py`).
"""

from typing import TYPE_CHECKING

import duckdb

from browse_assets.assets.state import State, fingerprint, load_reached, read_state, write_state
from browse_assets.keys import Keys
from browse_assets.sql import read_sql

if TYPE_CHECKING:
    from browse_assets.analysis.leaks import PanelIds

_STATE = "nothing_like_panel_ids"


def panel_ids(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """The panel's own ids of people, from the vault."""
    return frozenset(user_id for (user_id,) in con.execute(read_sql("panel_ids")).fetchall())


def nothing_alike_until(con: duckdb.DuckDBPyConnection, keys: Keys, ids: "PanelIds") -> int:
    """The load up to which no text of scrubbed_events matches the guard of these ids; 0: nobody knows.

    Ids of people who come later mostly begin as those before, so that none of theirs can stand there either.
    """
    return load_reached(con, _STATE, *_depends_on(con, keys, ids))


def note_likeness(con: duckdb.DuckDBPyConnection, keys: Keys, ids: "PanelIds", *, is_alike: bool) -> None:
    """Note whether any text that scrubbed_events holds matches the guard of these ids."""
    load_id = 0 if is_alike else read_state(con, "scrubbed_events").load_id
    write_state(con, _STATE, State(load_id, fingerprint(_STATE, *_depends_on(con, keys, ids))))


def _depends_on(con: duckdb.DuckDBPyConnection, keys: Keys, ids: "PanelIds") -> tuple[str, str]:
    """A guard may tell how ids begin; and page views that a new consent admits are of old loads."""
    return keys.digest(ids.guard or ""), read_state(con, "scrubbed_events").fingerprint
