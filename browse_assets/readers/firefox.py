"""Firefox history (`places.sqlite`).

What belongs here: Mozilla's tables and visit types. What does not: SQLite itself
(`history_database.py`).

Source: Mozilla's `toolkit/components/places/nsINavHistoryService.idl`, TRANSITION_*.
"""

import sqlite3

import pyarrow as pa

from browse_assets.readers.chrome import SCHEMA
from browse_assets.readers.history_database import columns_of, fetch_table, require

# Visit type -> our word; 5 and 6 are the targets of redirects, 7 is a download.
VISIT_TYPES: dict[int, str] = {
    1: "link",
    2: "typed",
    3: "bookmark",
    4: "subframe",
    8: "subframe",
    9: "reload",
}
_REDIRECTED = (5, 6)


def read_firefox(con: sqlite3.Connection) -> pa.Table:
    """One row per visit, in the order of their ids.

    Firefox marks the target of a redirect, not its source: the source is the hop (`redirect`), and the
    target takes the way in which the chain began. Search terms, language and foreground time: none.
    """
    require(con, "moz_historyvisits", ("id", "place_id", "visit_date", "visit_type", "from_visit"))
    require(con, "moz_places", ("id", "url"))
    title = "p.title" if "title" in columns_of(con, "moz_places") else "NULL"
    words = " ".join(f"WHEN {number} THEN '{word}'" for number, word in VISIT_TYPES.items())
    query = f"""
        WITH RECURSIVE began(id, visit_type) AS (
            SELECT id, visit_type FROM moz_historyvisits WHERE visit_type NOT IN {_REDIRECTED}
            UNION
            SELECT v.id, began.visit_type FROM moz_historyvisits v
            JOIN began ON v.from_visit = began.id AND v.visit_type IN {_REDIRECTED}
        ), hops AS (
            SELECT DISTINCT from_visit AS id FROM moz_historyvisits WHERE visit_type IN {_REDIRECTED}
        )
        SELECT CAST(v.visit_date AS INTEGER),
            CAST(p.url AS TEXT),
            CAST({title} AS TEXT),
            CAST(fp.url AS TEXT),
            CASE WHEN hops.id IS NOT NULL THEN 'redirect'
                ELSE CASE began.visit_type {words} ELSE 'other' END END,
            NULL, NULL, NULL
        FROM moz_historyvisits v
        LEFT JOIN moz_places p ON p.id = v.place_id
        LEFT JOIN moz_historyvisits f ON f.id = v.from_visit
        LEFT JOIN moz_places fp ON fp.id = f.place_id
        LEFT JOIN hops ON hops.id = v.id
        LEFT JOIN began ON began.id = v.id
        ORDER BY v.id"""
    return fetch_table(con, query, SCHEMA)
