"""Old events purged: out of both databases, with what is left of them counted.

What belongs here: where the horizon lies, which rows go. What does not: Dagster's job (`removal.py`),
writing the databases (`rewriting.py`), refusing old rows of new files (`assets/loading.py`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb

from browse_assets.assets.state import read_as_of
from browse_assets.keys import load_keys
from browse_assets.resources import open_databases, withheld_values
from browse_assets.rewriting import StoredTable, rewrite_databases
from browse_assets.settings import Settings

COUNTS = """
    SELECT (SELECT count(*) FROM vault.main.raw_events WHERE event_time < $horizon),
        (SELECT count(*) FROM scrubbed_events WHERE event_time < $horizon),
        (SELECT count(*) FROM vault.main.raw_rejected
         WHERE row IS NOT NULL AND file_id IN (SELECT file_id FROM old_files))
"""


@dataclass(frozen=True)
class Purge:
    """What a purge came to; `horizon` is None when there was no event at all."""

    horizon: datetime | None
    page_views: int = 0
    scrubbed_page_views: int = 0
    rejected_rows: int = 0


def horizon_of(as_of: datetime, retention_days: int) -> datetime:
    """The midnight (UTC) that begins the day of `as_of` less that many days: days stay or go as a whole."""
    return (as_of - timedelta(days=retention_days)).replace(hour=0, minute=0, second=0, microsecond=0)


def purge(settings: Settings, retention_days: int) -> Purge:
    """Remove raw and scrubbed events from before the horizon, and the text of rejected rows as old.

    The rollups of days before it stay. Nothing is written when there is nothing to remove.
    """
    keys = load_keys(settings)
    with open_databases(settings, vault="write", warehouse="write", keys=keys) as con:
        as_of = read_as_of(con, settings)
        if as_of is None:
            return Purge(None)
        horizon = horizon_of(as_of, retention_days)
        with withheld_values("Finding old events"):
            counts = _prepare(con, horizon, retention_days, as_of)
        if any(counts):
            rewrite_databases(con, settings, keys, _without_old)
        return Purge(horizon, *counts)


def _prepare(con: duckdb.DuckDBPyConnection, horizon: datetime, retention_days: int, as_of: datetime) -> list[int]:
    con.execute("CREATE OR REPLACE TEMP TABLE horizon AS SELECT $horizon::TIMESTAMP AS horizon", {"horizon": horizon})
    # A rejected row may have no time of its own; a file is as new as its newest row at least.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE old_files AS SELECT file_id FROM vault.main.raw_files "
        "WHERE make_timestamp_ns(modified_ns) < (FROM horizon)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE expired_events AS SELECT file_id, count(*) AS n FROM vault.main.raw_events "
        "WHERE event_time < (FROM horizon) GROUP BY file_id"
    )
    row = con.execute(COUNTS, {"horizon": horizon}).fetchone()
    assert row is not None
    counts = [int(n) for n in row]
    con.execute(
        "CREATE OR REPLACE TEMP TABLE this_purge AS SELECT $horizon::TIMESTAMP AS horizon, "
        "$days::BIGINT AS retention_days, $as_of::TIMESTAMP AS as_of, $page_views::BIGINT AS page_views, "
        "$scrubbed::BIGINT AS scrubbed_page_views, $rejected::BIGINT AS rejected_rows",
        {
            "horizon": horizon,
            "days": retention_days,
            "as_of": as_of,
            "page_views": counts[0],
            "scrubbed": counts[1],
            "rejected": counts[2],
        },
    )
    return counts


def _without_old(table: StoredTable) -> str:
    rows = f"SELECT * FROM {table.source}"
    match table.name:
        case "raw_events" | "scrubbed_events":
            return f"{rows} WHERE event_time >= (FROM horizon)"
        case "raw_people":
            return (
                f"{rows} UNION SELECT user_id FROM vault.main.raw_events WHERE event_time < (FROM horizon) ORDER BY ALL"
            )
        case "raw_horizon":
            return f"{rows} UNION FROM horizon ORDER BY ALL"
        case "raw_files":
            return (
                "SELECT files.* REPLACE (CASE WHEN old.n IS NULL THEN files.expired "
                f"ELSE coalesce(files.expired, 0) + old.n END AS expired) FROM {table.source} AS files "
                "LEFT JOIN expired_events AS old USING (file_id) ORDER BY files.rowid"
            )
        case "raw_rejected":
            return (
                "SELECT * REPLACE (CASE WHEN file_id NOT IN (SELECT file_id FROM old_files) THEN row END AS row) "
                f"FROM {table.source}"
            )
        case "input_files":
            return f"SELECT {', '.join(table.columns)} FROM new_vault.main.raw_files ORDER BY load_id, file_id"
        case "purges":
            return f"{rows} WHERE horizon <> (FROM horizon) UNION ALL BY NAME SELECT * FROM this_purge ORDER BY horizon"
    if "page_id" in table.columns:  # what is known of pages goes with their last page view
        return f"{rows} WHERE page_id IN (SELECT page_id FROM scrubbed_events WHERE event_time >= (FROM horizon))"
    return rows
