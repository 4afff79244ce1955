"""Many small browser histories: a folder for each person, one file in it, the same for the same seed.

What belongs here: the files, mostly Chrome databases. What does not: one large panel file (`events.py`), measuring
(`file_figures.py`).

Of a hundred files 80 are Chrome histories, 6 Firefox, 4 Safari, 4 Takeout, 3 CSV and 3 JSON lines; each holds 20 to 50
page views of one person, and one in a hundred is cut off in the middle. Everything in them is synthetic.
"""

import csv
import io
import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from browse_assets_tests.bench.sites import SECTIONS, Sites, make_sites

MIN_VISITS, MAX_VISITS = 20, 50
# Name of the file, and how many in a hundred are of the kind.
CHROME, FIREFOX, SAFARI, TAKEOUT, CSV, JSONL = (
    "History",
    "places.sqlite",
    "History.db",
    "BrowserHistory.json",
    "export.csv",
    "export.jsonl",
)
SHARES = {CHROME: 80, FIREFOX: 6, SAFARI: 4, TAKEOUT: 4, CSV: 3, JSONL: 3}
_FIRST_SECOND = 1_741_000_000  # 2025-03-03, long before any file is written
_DAYS = 30

_CHROME_TABLES = """
    CREATE TABLE meta(key LONGVARCHAR NOT NULL UNIQUE PRIMARY KEY, value LONGVARCHAR);
    INSERT INTO meta VALUES ('version', '70'), ('last_compatible_version', '16');
    CREATE TABLE urls(id INTEGER PRIMARY KEY AUTOINCREMENT, url LONGVARCHAR, title LONGVARCHAR,
        visit_count INTEGER DEFAULT 0 NOT NULL, typed_count INTEGER DEFAULT 0 NOT NULL,
        last_visit_time INTEGER NOT NULL DEFAULT 0, hidden INTEGER DEFAULT 0 NOT NULL);
    CREATE TABLE visits(id INTEGER PRIMARY KEY AUTOINCREMENT, url INTEGER NOT NULL, visit_time INTEGER NOT NULL,
        from_visit INTEGER, transition INTEGER DEFAULT 0 NOT NULL, segment_id INTEGER,
        visit_duration INTEGER DEFAULT 0 NOT NULL, opener_visit INTEGER, originator_cache_guid TEXT);
    CREATE TABLE keyword_search_terms(keyword_id INTEGER NOT NULL, url_id INTEGER NOT NULL,
        term LONGVARCHAR NOT NULL, normalized_term LONGVARCHAR NOT NULL);
    CREATE TABLE content_annotations(visit_id INTEGER PRIMARY KEY, page_language VARCHAR, search_terms LONGVARCHAR);
    CREATE TABLE context_annotations(visit_id INTEGER PRIMARY KEY,
        total_foreground_duration NUMERIC DEFAULT -1000000, response_code INTEGER);
    CREATE TABLE downloads(id INTEGER PRIMARY KEY, guid VARCHAR NOT NULL, current_path LONGVARCHAR NOT NULL);
    CREATE TABLE segments(id INTEGER PRIMARY KEY, name VARCHAR, url_id INTEGER NON NULL);
    CREATE TABLE segment_usage(id INTEGER PRIMARY KEY, segment_id INTEGER NOT NULL, time_slot INTEGER NOT NULL);
    CREATE INDEX urls_url_index ON urls(url);
    CREATE INDEX visits_url_index ON visits(url);
    CREATE INDEX visits_from_index ON visits(from_visit);
    CREATE INDEX visits_time_index ON visits(visit_time);
"""
_FIREFOX_TABLES = """
    CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR);
    CREATE TABLE moz_historyvisits(id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER,
        visit_date INTEGER, visit_type INTEGER, session INTEGER);
"""
_SAFARI_TABLES = """
    CREATE TABLE history_items(id INTEGER PRIMARY KEY, url TEXT);
    CREATE TABLE history_visits(id INTEGER PRIMARY KEY, history_item INTEGER, visit_time REAL, title TEXT,
        http_non_get BOOLEAN, redirect_source INTEGER, redirect_destination INTEGER);
"""
_WHOLE_LINK = 0x30000000  # a link that is no hop of a redirect chain
_WINDOWS_EPOCH, _APPLE_EPOCH = -11_644_473_600, 978_307_200  # seconds from 1970-01-01


@dataclass(frozen=True)
class _Visit:
    second: int  # since 1970
    url: str
    title: str


_Rows = list[tuple[str, list[tuple[object, ...]]]]


def write_files(inbox: Path, files: int, *, seed: int = 2025) -> int:
    """Put that many files into an inbox; returns the page views of those that are whole."""
    sites = make_sites(seed)
    databases = {
        CHROME: _Database(_CHROME_TABLES),
        FIREFOX: _Database(_FIREFOX_TABLES),
        SAFARI: _Database(_SAFARI_TABLES),
    }
    names = np.random.default_rng(seed).permutation([name for name, share in SHARES.items() for _ in range(share)])
    cut_off = int(np.flatnonzero(names == CHROME)[0])
    views = 0
    for number in range(files):
        name, person = str(names[number % 100]), f"person-{number:06}"
        visits = _visits(np.random.default_rng([seed, number]), sites)
        content = databases[name].holding(_rows(name, visits)) if name in databases else _text(name, person, visits)
        if number % 100 == cut_off:
            content = content[: len(content) // 2]
        else:
            views += len(visits)
        folder = inbox / person
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
    return views


def _visits(rng: np.random.Generator, sites: Sites) -> list[_Visit]:
    count = int(rng.integers(MIN_VISITS, MAX_VISITS + 1))
    # Uniform logarithms of ranks: Zipf's law.
    host = (len(sites.hosts) ** rng.random(count)).astype(int) - 1
    section = rng.integers(0, len(SECTIONS), count)
    slug = rng.integers(0, len(sites.slugs), count)
    second = _FIRST_SECOND + np.sort(rng.choice(_DAYS * 86_400, count, replace=False))
    return [
        _Visit(at, f"https://{sites.hosts[h]}/{SECTIONS[c]}/{sites.slugs[s]}", f"{sites.phrases[s]} | {sites.names[h]}")
        for at, h, c, s in zip(second.tolist(), host, section, slug, strict=True)
    ]


class _Database:
    """One database in memory whose rows are changed for each file: its tables are made once."""

    def __init__(self, tables: str) -> None:
        self._con = sqlite3.connect(":memory:", isolation_level=None)
        self._con.executescript(tables)

    def holding(self, rows: _Rows) -> bytes:
        """The bytes of a database file with these rows alone."""
        self._con.execute("BEGIN")
        for table, values in rows:
            self._con.execute(f"DELETE FROM {table.partition('(')[0]}")
            marks = ", ".join("?" * len(values[0]))
            self._con.executemany(f"INSERT INTO {table} VALUES ({marks})", values)
        self._con.execute("COMMIT")
        return self._con.serialize()


def _rows(name: str, visits: Sequence[_Visit]) -> _Rows:
    """Rows by table of a browser's database; each visit has an address of its own, and comes from the one before."""
    numbered = list(enumerate(visits, 1))
    if name == FIREFOX:
        return [
            ("moz_places(id, url, title)", [(n, visit.url, visit.title) for n, visit in numbered]),
            (
                "moz_historyvisits(id, from_visit, place_id, visit_date, visit_type)",
                [(n, n - 1, n, visit.second * 1_000_000, 1) for n, visit in numbered],
            ),
        ]
    if name == SAFARI:
        return [
            ("history_items(id, url)", [(n, visit.url) for n, visit in numbered]),
            (
                "history_visits(id, history_item, visit_time, title)",
                [(n, n, float(visit.second - _APPLE_EPOCH), visit.title) for n, visit in numbered],
            ),
        ]
    times = [(visit.second - _WINDOWS_EPOCH) * 1_000_000 for visit in visits]
    return [
        (
            "urls(id, url, title, visit_count, last_visit_time)",
            [(n, visit.url, visit.title, 1, at) for (n, visit), at in zip(numbered, times, strict=True)],
        ),
        (
            "visits(id, url, visit_time, from_visit, transition)",
            [(n, n, at, n - 1, _WHOLE_LINK) for n, at in enumerate(times, 1)],
        ),
        ("content_annotations(visit_id, page_language)", [(n, "en") for n, _ in numbered]),
        (
            "context_annotations(visit_id, total_foreground_duration, response_code)",
            [(n, n * 1_000_000, 200) for n, _ in numbered],
        ),
    ]


def _text(name: str, person: str, visits: Sequence[_Visit]) -> bytes:
    if name == TAKEOUT:
        entries = [
            {"page_transition": "LINK", "title": visit.title, "url": visit.url, "time_usec": visit.second * 1_000_000}
            for visit in visits
        ]
        return json.dumps({"Browser History": entries}).encode()
    rows = [{"userId": person, "timestamp": visit.second, "url": visit.url, "title": visit.title} for visit in visits]
    if name == JSONL:
        return "".join(json.dumps(row) + "\n" for row in rows).encode()
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
