"""History of the Chrome family (Chrome, Edge, Brave, Vivaldi, Opera), schema versions 16 to 70.

What belongs here: Chromium's tables and transitions. What does not: SQLite itself
(`history_database.py`).

Sources: Chromium's `components/history/core/browser/` (visit_database.cc, visit_annotations_database.cc)
and `ui/base/page_transition_types.h`.
"""

import sqlite3

import pyarrow as pa

from browse_assets.readers.history_database import columns_of, fetch_table, require

# Microseconds from 1601-01-01 to 1970-01-01.
WINDOWS_EPOCH_MICROSECONDS = 11_644_473_600_000_000

CORE_MASK = 0xFF
FORWARD_BACK = 0x01000000
CHAIN_START = 0x10000000
CHAIN_END = 0x20000000
CLIENT_REDIRECT = 0x40000000
SERVER_REDIRECT = 0x80000000

# Core type -> our word; the rest is `other`.
CORE_TYPES: dict[int, str] = {
    0: "link",
    1: "typed",
    2: "bookmark",
    3: "subframe",
    4: "subframe",
    5: "search",
    6: "start",
    7: "form",
    8: "reload",
    9: "search",
    10: "search",
}
_SUBFRAMES = (3, 4)

SCHEMA = pa.schema(
    [
        ("event_microseconds", pa.int64()),
        ("url", pa.string()),
        ("title", pa.string()),
        ("referrer", pa.string()),
        ("transition", pa.string()),
        ("search_terms", pa.string()),
        ("language", pa.string()),
        ("foreground_microseconds", pa.int64()),
    ]
)


def read_chrome(con: sqlite3.Connection) -> pa.Table:
    """One row per visit, in the order of their ids, with the columns of `SCHEMA`.

    - A hop of a redirect chain (not its end, but its start or a redirect) is `redirect`, a frame
      `subframe`; going back or forward is `other`, since the core type then tells of the first visit.
    - Search terms are the visit's own where the version has them, else those of its URL.
    - Foreground time is `context_annotations.total_foreground_duration`. Chromium writes -1 s for
      unknown; 0 is taken as unknown too, since nobody looked at the page. `visits.visit_duration` is
      not used: it runs on while the page is in the background.
    """
    require(con, "visits", ("id", "url", "visit_time", "transition"))
    require(con, "urls", ("id", "url"))
    return fetch_table(con, _query(con), SCHEMA)


def _query(con: sqlite3.Connection) -> str:
    content = _annotation(con, "content_annotations", "search_terms")
    language = _annotation(con, "content_annotations", "page_language")
    foreground = _annotation(con, "context_annotations", "total_foreground_duration")
    title = "u.title" if "title" in columns_of(con, "urls") else "NULL"
    has_origin = "from_visit" in columns_of(con, "visits")
    origin = "LEFT JOIN visits f ON f.id = v.from_visit LEFT JOIN urls fu ON fu.id = f.url" if has_origin else ""
    return f"""
        SELECT CAST(CAST(v.visit_time AS INTEGER) - {WINDOWS_EPOCH_MICROSECONDS} AS INTEGER),
            CAST(u.url AS TEXT),
            CAST({title} AS TEXT),
            CAST({"fu.url" if has_origin else "NULL"} AS TEXT),
            {_transition_sql("CAST(v.transition AS INTEGER)")},
            CAST(coalesce(nullif(s.value, ''), k.term) AS TEXT),
            CAST(l.value AS TEXT),
            CAST(g.value AS INTEGER)
        FROM visits v
        LEFT JOIN urls u ON u.id = v.url
        {origin}
        LEFT JOIN ({content}) s ON s.visit_id = v.id
        LEFT JOIN ({language}) l ON l.visit_id = v.id
        LEFT JOIN ({foreground}) g ON g.visit_id = v.id
        LEFT JOIN ({_keyword_terms(con)}) k ON k.url_id = v.url
        ORDER BY v.id"""


def _annotation(con: sqlite3.Connection, table: str, column: str) -> str:
    """One value per visit, where the version has it; grouped, so that no visit is ever doubled."""
    if {"visit_id", column} <= columns_of(con, table):
        return f"SELECT visit_id, max({column}) AS value FROM {table} GROUP BY visit_id"
    return "SELECT NULL AS visit_id, NULL AS value WHERE 0"


def _keyword_terms(con: sqlite3.Connection) -> str:
    """One search term per URL: that of the smallest keyword id."""
    if {"keyword_id", "url_id", "term"} <= columns_of(con, "keyword_search_terms"):
        return "SELECT url_id, term, min(keyword_id) FROM keyword_search_terms GROUP BY url_id"
    return "SELECT NULL AS url_id, NULL AS term WHERE 0"


def _transition_sql(transition: str) -> str:
    cores = " ".join(f"WHEN {number} THEN '{word}'" for number, word in CORE_TYPES.items())
    hop_bits = CHAIN_START | CLIENT_REDIRECT | SERVER_REDIRECT
    return f"""CASE WHEN {transition} IS NULL THEN NULL
        WHEN {transition} & {CORE_MASK} IN {_SUBFRAMES} THEN 'subframe'
        WHEN {transition} & {CHAIN_END} = 0 AND {transition} & {hop_bits} <> 0 THEN 'redirect'
        WHEN {transition} & {FORWARD_BACK} <> 0 THEN 'other'
        ELSE CASE {transition} & {CORE_MASK} {cores} ELSE 'other' END END"""
