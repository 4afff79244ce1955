"""Up to which load a check has looked at scrubbed_events and found nothing.

What belongs here: which rows a check has still to look at, so that what it costs follows the new data. What does
not: the checks. With nothing new a check looks at all rows again; so does one with new rules.
"""

from collections.abc import Hashable

import duckdb

from browse_assets.assets.state import State, fingerprint, load_reached, read_state, write_state


def unseen_since(con: duckdb.DuckDBPyConnection, check: str, *depends_on: Hashable) -> int:
    """The load after which rows have to be looked at; 0: all rows."""
    seen = load_reached(con, check, *depends_on)
    return seen if seen < read_state(con, "scrubbed_events").load_id else 0


def write_seen(con: duckdb.DuckDBPyConnection, check: str, *depends_on: Hashable) -> None:
    """Note that a check has passed over all that scrubbed_events holds."""
    newest = read_state(con, "scrubbed_events")
    write_state(con, check, State(newest.load_id, fingerprint(check, *depends_on)))
