"""Personal histories: real ones against SQLite's own counts, hand-made ones with known answers."""

import gzip
import json
import os
import sqlite3
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from browse_assets.readers.detection import identify

# The folder of real files lies beside the repository and is no part of it.
REAL = Path(__file__).parents[2] / "../shared/real"
DATABASES = sorted(
    path for folder in ("chrome_history", "other_history") for path in (REAL / folder).rglob("*") if path.is_file()
)
VISIT_TABLES = {"chrome": "visits", "firefox": "moz_historyvisits", "safari": "history_visits"}
WORDS = {
    "link",
    "typed",
    "bookmark",
    "search",
    "form",
    "reload",
    "subframe",
    "start",
    "redirect",
    "other",
    None,
}

END = 0x20000000
WHOLE = 0x30000000  # start and end: no redirect
# (transition, what it is)
TRANSITIONS = [
    (WHOLE | 0, "link"),
    (WHOLE | 1, "typed"),
    (WHOLE | 2, "bookmark"),
    (WHOLE | 3, "subframe"),
    (WHOLE | 4, "subframe"),
    (WHOLE | 5, "search"),
    (WHOLE | 6, "start"),
    (WHOLE | 7, "form"),
    (WHOLE | 8, "reload"),
    (WHOLE | 9, "search"),
    (WHOLE | 10, "search"),
    (WHOLE | 11, "other"),
    (WHOLE | 0x01000000 | 1, "other"),  # back to a typed page
    (WHOLE | 0x02000000 | 1, "typed"),  # from the address bar
    (0x10000000 | 1, "redirect"),  # start of a chain that goes on
    (0x80000000 | 0, "redirect"),  # middle of it, server
    (0x40000000 | 0, "redirect"),  # middle of it, client
    (0x80000000 | END | 0, "link"),  # where it ends
    (0x10000000 | 3, "subframe"),
    (1, "typed"),  # imported, without qualifiers
    ((0x80000000 | END | 0) - 2**32, "link"),  # the same bits as a signed number
]


@pytest.mark.skipif(not DATABASES, reason="no real files beside the repository")
@pytest.mark.parametrize("path", DATABASES, ids=lambda path: "/".join(path.parts[-2:]))
def test_real_databases_agree_with_sqlite(path: Path, read) -> None:
    rows = read(path)
    assert VISIT_TABLES[identify(path)] == VISIT_TABLES[read.format]
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as con:
        (visits,) = con.execute(f"SELECT count(*) FROM {VISIT_TABLES[read.format]}").fetchone()
    con.close()
    assert len(rows) == visits > 0
    assert [row["row_number"] for row in rows] == list(range(1, visits + 1))
    times = [row["event_time"] for row in rows]
    assert datetime(2010, 1, 1) < min(times) <= max(times) < datetime(2022, 1, 1)
    assert {row["transition"] for row in rows} <= WORDS
    assert all("://" in row["url"] or ":" in row["url"] for row in rows)
    assert {row["user_id"] for row in rows} == {"owner"}
    assert not any(row["reason"] for row in rows)


@pytest.mark.skipif(not (REAL / "takeout").is_dir(), reason="no real files beside the repository")
def test_real_takeout(read) -> None:
    path = REAL / "takeout" / "BrowserHistory.sample.json"
    rows = read(path)
    entries = json.loads(path.read_text())["Browser History"]
    assert read.format == "takeout"
    assert [(row["url"], row["title"]) for row in rows] == [(e["url"], e["title"]) for e in entries]
    times = [datetime(1970, 1, 1) + timedelta(microseconds=e["time_usec"]) for e in entries]
    assert [row["event_time"] for row in rows] == times
    assert [row["transition"] for row in rows] == [e["page_transition"].lower() for e in entries]


def _chrome_time(moment: datetime) -> int:
    return round((moment - datetime(1601, 1, 1)).total_seconds()) * 1_000_000


NOON = datetime(2026, 1, 5, 12)


def _make_chrome(path: Path, version: int) -> None:
    """A History as that schema version has it: columns come and go between 20, 43 and 70."""
    extra_visits = {
        20: ", is_indexed BOOLEAN",
        43: ", visit_duration INTEGER DEFAULT 0 NOT NULL, incremented_omnibox_typed_score BOOLEAN, "
        "publicly_routable BOOLEAN",
        70: ", opener_visit INTEGER, visit_duration INTEGER DEFAULT 0 NOT NULL, originator_cache_guid TEXT, "
        "is_known_to_sync BOOLEAN, consider_for_ntp_most_visited BOOLEAN, visited_link_id INTEGER, "
        "app_id TEXT",
    }[version]
    terms = "lower_term LONGVARCHAR NOT NULL, term LONGVARCHAR NOT NULL"
    if version > 20:
        terms = "term LONGVARCHAR NOT NULL, normalized_term LONGVARCHAR NOT NULL"
    with sqlite3.connect(path) as con:
        con.executescript(
            f"""CREATE TABLE meta(key LONGVARCHAR PRIMARY KEY, value LONGVARCHAR);
            INSERT INTO meta VALUES ('version', '{version}');
            CREATE TABLE urls(id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR,
                visit_count INTEGER, typed_count INTEGER, last_visit_time INTEGER, hidden INTEGER);
            CREATE TABLE visits(id INTEGER PRIMARY KEY, url INTEGER NOT NULL, visit_time INTEGER NOT NULL,
                from_visit INTEGER, transition INTEGER DEFAULT 0 NOT NULL, segment_id INTEGER{extra_visits});
            CREATE TABLE keyword_search_terms(keyword_id INTEGER NOT NULL, url_id INTEGER NOT NULL, {terms});
            INSERT INTO urls(id, url, title) VALUES (1, 'https://example.com/', 'Home'),
                (2, 'https://search.example/?q=Old+Shoes', ''), (3, 'https://example.org/naïve', NULL);"""
        )
        upper, lower = ("old shoes", "Old Shoes") if version == 20 else ("Old Shoes", "old shoes")
        con.execute("INSERT INTO keyword_search_terms VALUES (7, 2, ?, ?)", [upper, lower])
        con.execute("INSERT INTO keyword_search_terms VALUES (8, 2, 'twin', 'twin')")
        visits = [
            (1, 1, 0, WHOLE | 1),
            (2, 2, 1, WHOLE | 5),
            (3, 3, 2, WHOLE | 0),
            (4, 3, 99, WHOLE | 8),
            (5, 77, 3, WHOLE | 0),
        ]
        for key, url, origin, transition in visits:
            con.execute(
                "INSERT INTO visits(id, url, visit_time, from_visit, transition) VALUES (?, ?, ?, ?, ?)",
                [key, url, _chrome_time(NOON) + key * 1_000_001, origin, transition],
            )
        if version > 20:
            con.execute("UPDATE visits SET visit_duration = 3600000000")
        if version == 70:
            con.executescript(
                """CREATE TABLE content_annotations(visit_id INTEGER PRIMARY KEY, visibility_score NUMERIC,
                    search_normalized_url TEXT, search_terms LONGVARCHAR, page_language VARCHAR);
                CREATE TABLE context_annotations(visit_id INTEGER PRIMARY KEY,
                    total_foreground_duration NUMERIC DEFAULT -1000000, response_code INTEGER);
                INSERT INTO content_annotations VALUES (1, 1, NULL, '', 'und'),
                    (2, 1, NULL, 'new shoes', 'de'),
                    (3, 1, NULL, NULL, '');
                INSERT INTO context_annotations VALUES (1, 12500000, 200), (2, -1000000, 200), (3, 0, 200);"""
            )
    con.close()


@pytest.mark.parametrize("version", [20, 43, 70])
def test_chrome_versions(version: int, tmp_path: Path, read) -> None:
    _make_chrome(tmp_path / "History", version)
    rows = read(tmp_path / "History", owner="jo'e")
    assert read.format == "chrome"
    search = "new shoes" if version == 70 else "Old Shoes"
    shop = "https://search.example/?q=Old+Shoes"
    assert [(r["url"], r["title"], r["referrer"], r["transition"], r["search_terms"]) for r in rows] == [
        ("https://example.com/", "Home", None, "typed", None),
        (shop, None, "https://example.com/", "search", search),
        ("https://example.org/naïve", None, shop, "link", None),
        ("https://example.org/naïve", None, None, "reload", None),
        (None, None, "https://example.org/naïve", "link", None),
    ]
    assert rows[1]["event_time"] == datetime(2026, 1, 5, 12, 0, 2, 2)
    dwell = [(r["duration_seconds"], r["duration_kind"]) for r in rows]
    known = (12.5, "foreground") if version == 70 else (None, None)
    assert dwell == [known] + [(None, None)] * 4
    assert [r["language"] for r in rows] == [None, "de" if version == 70 else None, None, None, None]
    assert {r["user_id"] for r in rows} == {"jo'e"}


def test_chrome_transitions(tmp_path: Path, read) -> None:
    _make_chrome(tmp_path / "History", 43)
    with sqlite3.connect(tmp_path / "History") as con:
        con.execute("DELETE FROM visits")
        con.executemany(
            "INSERT INTO visits(url, visit_time, transition) VALUES (1, 13300000000000000, ?)",
            [(number,) for number, _ in TRANSITIONS],
        )
    con.close()
    assert [r["transition"] for r in read(tmp_path / "History")] == [word for _, word in TRANSITIONS]


def test_annotations_double_no_visit(tmp_path: Path, read) -> None:
    """Tables without the keys that Chrome gives them, as other tools write them."""
    _make_chrome(tmp_path / "History", 43)
    with sqlite3.connect(tmp_path / "History") as con:
        con.execute("CREATE TABLE content_annotations(visit_id INTEGER, search_terms TEXT)")
        con.execute("INSERT INTO content_annotations VALUES (1, 'a'), (1, 'b'), (1, NULL)")
    con.close()
    rows = read(tmp_path / "History")
    assert len(rows) == 5
    assert rows[0]["search_terms"] == "b"


def test_odd_values_keep_their_rows(tmp_path: Path, read) -> None:
    _make_chrome(tmp_path / "History", 43)
    with sqlite3.connect(tmp_path / "History") as con:
        con.execute("UPDATE urls SET title = CAST(x'ff41' AS TEXT) WHERE id = 1")
        con.execute("UPDATE urls SET title = x'4142', url = 12 WHERE id = 3")
        con.execute("UPDATE visits SET visit_time = 9223372036854775807 WHERE id = 2")
        con.execute("UPDATE visits SET visit_time = 0 WHERE id = 3")
    con.close()
    rows = read(tmp_path / "History")
    assert [r["title"] for r in rows] == ["\ufffdA", None, "AB", "AB", None]
    assert rows[2]["url"] == "12"
    assert (rows[1]["event_time"], rows[1]["reason"]) == (None, "bad_time")
    assert (rows[2]["event_time"], rows[2]["reason"]) == (datetime(1601, 1, 1), None)


def _snapshot(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in folder.iterdir() if p.is_file()}


@pytest.mark.parametrize("checkpointed", [True, False], ids=["tables in the file", "all in the log"])
def test_a_live_log_is_read_and_nothing_touched(checkpointed: bool, tmp_path: Path, read) -> None:
    folder = tmp_path / "profile"
    folder.mkdir()
    path = folder / "History"
    if checkpointed:
        _make_chrome(path, 43)
    writer = sqlite3.connect(path, isolation_level=None)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        if not checkpointed:
            _make_chrome(path, 43)
        writer.execute("INSERT INTO visits(url, visit_time, transition) VALUES (1, ?, 1)", [_chrome_time(NOON)])
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO visits(url, visit_time, transition) VALUES (1, 1, 1)")
        assert (folder / "History-wal").stat().st_size > 0
        before = _snapshot(folder)
        rows = read(path)
        assert _snapshot(folder) == before
        writer.execute("ROLLBACK")
    finally:
        writer.close()
    assert len(rows) == 6  # the one in the log is there, the one not committed is not
    assert rows[5]["event_time"] == NOON


def test_half_written_pages_are_undone_in_the_copy(tmp_path: Path, read) -> None:
    """Rollback journal: what an open transaction has spilled into the file is not committed."""
    folder = tmp_path / "profile"
    folder.mkdir()
    path = folder / "History"
    _make_chrome(path, 43)
    writer = sqlite3.connect(path, isolation_level=None)
    try:
        writer.execute("PRAGMA cache_size = 5")
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            "INSERT INTO visits(url, visit_time, transition) SELECT 1, i, 1 FROM n"
        )
        assert (folder / "History-journal").stat().st_size > 0
        before = _snapshot(folder)
        rows = read(path)
        assert _snapshot(folder) == before
        writer.execute("ROLLBACK")
    finally:
        writer.close()
    assert len(rows) == 5


def test_a_read_only_file_and_a_packed_one(tmp_path: Path, read) -> None:
    path = tmp_path / "History"
    _make_chrome(path, 70)
    os.chmod(path, 0o400)
    assert len(read(path)) == 5
    (tmp_path / "packed").write_bytes(gzip.compress(path.read_bytes()))
    assert len(read(tmp_path / "packed")) == 5
    assert read.format == "chrome"


def test_firefox(tmp_path: Path, read) -> None:
    path = tmp_path / "anything"
    microseconds = 1_767_614_400_000_000
    with sqlite3.connect(path) as con:
        con.executescript(
            """CREATE TABLE moz_places(id INTEGER PRIMARY KEY, url LONGVARCHAR, title LONGVARCHAR);
            CREATE TABLE moz_historyvisits(id INTEGER PRIMARY KEY, from_visit INTEGER, place_id INTEGER,
                visit_date INTEGER, visit_type INTEGER, session INTEGER);
            INSERT INTO moz_places VALUES (1, 'https://a.example/', 'A'), (2, 'https://b.example/', 'B');"""
        )
        visits = [
            (0, 1, 2),
            (1, 1, 5),
            (2, 2, 6),
            (3, 2, 1),
            (0, 2, 3),
            (0, 2, 4),
            (0, 2, 7),
            (0, 9, 9),
            (0, 1, 5),
        ]
        con.executemany(
            "INSERT INTO moz_historyvisits(from_visit, place_id, visit_date, visit_type) "
            f"VALUES (?, ?, {microseconds}, ?)",
            visits,
        )
    con.close()
    rows = read(path)
    assert read.format == "firefox"
    words = ["redirect", "redirect", "typed", "link", "bookmark", "subframe", "other", "reload", "other"]
    assert [r["transition"] for r in rows] == words
    assert {r["event_time"] for r in rows} == {NOON}
    a, b = "https://a.example/", "https://b.example/"
    assert [r["url"] for r in rows] == [a, a, b, b, b, b, b, None, a]
    assert [r["referrer"] for r in rows] == [None, a, a, b, None, None, None, None, None]


def test_safari(tmp_path: Path, read) -> None:
    path = tmp_path / "anything"
    with sqlite3.connect(path) as con:
        con.executescript(
            """CREATE TABLE history_items(id INTEGER PRIMARY KEY, url TEXT);
            CREATE TABLE history_visits(id INTEGER PRIMARY KEY, history_item INTEGER, visit_time REAL,
                title TEXT, http_non_get BOOLEAN, redirect_source INTEGER, redirect_destination INTEGER);
            INSERT INTO history_items VALUES (1, 'https://a.example/'), (2, 'https://b.example/');
            INSERT INTO history_visits VALUES (1, 1, 789307200.25, 'A', 0, NULL, 2),
                (2, 2, 789307200.5, 'B', 0, 1, NULL),
                (3, 2, 789307201, NULL, 1, NULL, NULL);"""
        )
    con.close()
    rows = read(path)
    assert read.format == "safari"
    assert [r["transition"] for r in rows] == ["redirect", None, "form"]
    assert [r["title"] for r in rows] == ["A", "B", None]
    assert rows[0]["event_time"] == datetime(2026, 1, 5, 12, 0, 0, 250_000)
    assert [r["referrer"] for r in rows] == [None, "https://a.example/", None]


def _takeout(count: int, start: int = 0) -> dict[str, object]:
    entries = [
        {
            "favicon_url": "https://example.com/favicon.ico",
            "page_transition": "TYPED",
            "title": 'say "Browser History": [ {, } ] \\',
            "url": f"https://example.com/{n}",
            "client_id": "x==",
            "time_usec": 1_767_614_400_000_000 + n,
        }
        for n in range(start, start + count)
    ]
    return {"Session": [{"tab": [1, {"Typed Url": "]"}]}], "Browser History": entries, "Typed Url": []}


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("packing", [bytes, gzip.compress])
def test_takeout_keys_in_any_order(indent: int | None, packing, tmp_path: Path, read) -> None:
    (tmp_path / "Verlauf.json").write_bytes(packing(json.dumps(_takeout(20_000), indent=indent).encode()))
    rows = read(tmp_path / "Verlauf.json")
    assert read.format == "takeout"
    assert [r["url"] for r in rows] == [f"https://example.com/{n}" for n in range(20_000)]
    assert rows[7]["event_time"] == datetime(2026, 1, 5, 12, 0, 0, 7)
    assert {r["transition"] for r in rows} == {"typed"}


def test_an_empty_history_is_read(tmp_path: Path, read) -> None:
    (tmp_path / "f").write_text('{"Browser History": []}')
    assert read(tmp_path / "f") == []
    _make_chrome(tmp_path / "History", 70)
    with sqlite3.connect(tmp_path / "History") as con:
        con.execute("DELETE FROM visits")
    con.close()
    assert read(tmp_path / "History") == []


def test_a_takeout_zip_gives_all_its_histories(tmp_path: Path, read) -> None:
    path = tmp_path / "takeout.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("Takeout/Chrome/", "")
        archive.writestr("Takeout/Chrome/Verlauf.json", json.dumps(_takeout(3)))
        archive.writestr("Takeout/Chrome/Bookmarks.html", "<html>")
        archive.writestr("Takeout/Chrome/Settings.json", '{"Settings": {"a": 1}}')
        archive.writestr("Takeout/Other/list.csv", "uid,time,url\nu,1,x\n")
        archive.writestr("Takeout/Other/lines.json", '{"uid": 1, "url": "x"}\n')
        archive.writestr("Takeout/Chrome (2)/Historial'; --.json", json.dumps(_takeout(2, start=10)))
    rows = read(path)
    assert read.format == "takeout"
    assert [r["row_number"] for r in rows] == [1, 2, 3, 4, 5]
    assert sorted(r["url"][20:] for r in rows) == ["0", "1", "10", "11", "2"]
    assert identify(path) == "zip"


def test_a_zip_of_two_browsers(tmp_path: Path, read) -> None:
    _make_chrome(tmp_path / "History", 70)
    with zipfile.ZipFile(tmp_path / "f", "w") as archive:
        archive.write(tmp_path / "History", "profile/History")
        archive.writestr("t.json", json.dumps(_takeout(1)))
    assert len(read(tmp_path / "f")) == 6
    assert read.format == "zip"
