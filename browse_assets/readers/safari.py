"""Safari history (`History.db`).

What belongs here: Apple's tables. What does not: SQLite itself (`history_database.py`).
"""

import sqlite3

import pyarrow as pa

from browse_assets.readers.chrome import SCHEMA
from browse_assets.readers.history_database import columns_of, fetch_table, require

# Seconds from 1970-01-01 to 2001-01-01, where Apple's times begin.
APPLE_EPOCH_SECONDS = 978_307_200


def read_safari(con: sqlite3.Connection) -> pa.Table:
    """One row per visit, in the order of their ids.

    A visit with a redirect destination is a hop (`redirect`). Safari does not say how a page was
    reached, apart from forms: transition is NULL then. The referrer is known after redirects only.
    """
    require(con, "history_visits", ("id", "history_item", "visit_time"))
    require(con, "history_items", ("id", "url"))
    known = columns_of(con, "history_visits")
    title = "v.title" if "title" in known else "NULL"
    hop = "coalesce(v.redirect_destination, 0) <> 0" if "redirect_destination" in known else "0"
    form = "coalesce(v.http_non_get, 0) <> 0" if "http_non_get" in known else "0"
    source = "v.redirect_source" if "redirect_source" in known else "NULL"
    query = f"""
        SELECT CAST(round((CAST(v.visit_time AS REAL) + {APPLE_EPOCH_SECONDS}) * 1000000) AS INTEGER),
            CAST(i.url AS TEXT),
            CAST({title} AS TEXT),
            CAST(fi.url AS TEXT),
            CASE WHEN {hop} THEN 'redirect' WHEN {form} THEN 'form' END,
            NULL, NULL, NULL
        FROM history_visits v
        LEFT JOIN history_items i ON i.id = v.history_item
        LEFT JOIN history_visits f ON f.id = {source}
        LEFT JOIN history_items fi ON fi.id = f.history_item
        ORDER BY v.id"""
    return fetch_table(con, query, SCHEMA)
