"""Scrubbing, sessions, dwell and rollups, from hand-made rows and from increments."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import duckdb
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.assets import events
from browse_assets.assets.events import write_slice
from browse_assets.assets.sessions import cut_sessions
from browse_assets.settings import Settings
from browse_assets.sql import read_sql
from browse_assets.tables import SCRUBBED_EVENTS
from browse_assets_tests.assets.test_loading import view, write_panel

Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]

CHAIN = ("raw_events", "input_files", "scrubbed_events", "pii_removed", "domain_features", "user_days")
START = datetime(2024, 5, 1)


def sessions_of(times: list[tuple[int, float]], given_seconds: list[float | None] | None = None) -> list[Any]:
    """(session number by first appearance, dwell, method) of events (user, seconds) in their order."""
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE unsessioned (event_id UUID, user_key UUID, event_time TIMESTAMP, given_seconds DOUBLE, "
        "given_kind VARCHAR, old_session_id UUID, old_seconds DOUBLE, old_method VARCHAR)"
    )
    for i, (user, seconds) in enumerate(times):
        known = given_seconds[i] if given_seconds else None
        con.execute(
            "INSERT INTO unsessioned VALUES (?, ?, ?, ?, ?, NULL, NULL, NULL)",
            [
                UUID(int=i),
                UUID(int=user),
                START + timedelta(seconds=seconds),
                known,
                "extension" if known else None,
            ],
        )
    rows = con.execute(
        f"SELECT event_id, session_id, dwell_seconds, dwell_method FROM ({read_sql('sessions').rstrip().rstrip(';')}) "
        "ORDER BY event_id"
    ).fetchall()
    con.close()
    return rows


@pytest.mark.parametrize(("gap", "sessions"), [(1799.999, 1), (1800, 1), (1800.001, 2)])
def test_a_session_ends_after_a_gap_of_more_than_1800_seconds(gap: float, sessions: int) -> None:
    assert len({row[1] for row in sessions_of([(1, 0), (1, gap)])}) == sessions


def test_a_session_ends_24_hours_after_its_start() -> None:
    hour = 3600.0
    times = [(1, i * hour / 2) for i in range(0, 101)]  # every 30 minutes for 50 hours
    found = sessions_of(times)
    starts = sorted({row[1].int for row in found})
    # 24 h after 0 h is 24 h: not more. So the next starts at 24.5 h, the third at 49 h.
    assert [times[i][1] / hour for i in starts] == [0, 24.5, 49]


def test_dwell_is_the_sources_own_or_a_gap_of_at_most_300_seconds_or_unknown() -> None:
    found = sessions_of([(1, 0), (1, 300), (1, 600.001), (1, 700)], [None, None, 12.5, None])
    assert [(row[2], row[3]) for row in found] == [
        (300, "gap"),
        (None, None),
        (12.5, "extension"),
        (None, None),
    ]


@given(st.lists(st.tuples(st.integers(1, 3), st.integers(0, 400_000).map(lambda n: n / 4)), min_size=1, max_size=60))
def test_sessions_are_the_gaps_plus_one(times: list[tuple[int, float]]) -> None:
    """Against a plain loop over the sorted events of each person."""
    expected = 0
    for user in {user for user, _ in times}:
        mine = sorted(seconds for other, seconds in times if other == user)
        start = previous = mine[0]
        expected += 1
        for seconds in mine[1:]:
            if seconds - previous > 1800 or seconds - start > 86400:
                expected += 1
                start = seconds
            previous = seconds
    found = sessions_of(times)
    assert len(found) == len(times)
    assert len({row[1] for row in found}) == expected


def test_scrubbed_rows(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    header = [
        "userId",
        "ip",
        "timestamp",
        "url",
        "title",
        "referrer",
        "device",
        "metadata.name",
        "metadata.content",
    ]
    rows = [
        [
            "ann@example.com",
            "198.51.100.7",
            "2024-05-01T10:00:00Z",
            "https://me:pw@www.google.co.uk/search?q=call+%2B44+20+7946+0958+now&sid=1#top",
            "ann@example.com - Search",
            "https://mail.example.org/inbox?id=3",
            "Ann's iPhone",
            "author",
            "Ann Example",
        ],
        [
            "ann@example.com",
            "198.51.100.7",
            "2024-05-01T10:01:00Z",
            "https://shop.example.co.uk/users/ann/orders/123456789?email=ann%40example.com",
            "Order",
            "",
            "",
            "og:image",
            "https://cdn.example.net/p/1.png?user=ann",
        ],
    ]
    write_panel(settings.inbox / "p.csv", rows, header)
    materialize("raw_events", "input_files", "scrubbed_events", "pii_removed")
    assert warehouse(
        "SELECT url, host, domain, title, metadata, search_terms, referrer_domain, device, "
        "dwell_seconds, dwell_method FROM scrubbed_events ORDER BY event_time"
    ) == [
        (
            "https://www.google.co.uk/search",
            "www.google.co.uk",
            "google.co.uk",
            "{email} - Search",
            [],
            "call {phone} now",
            "example.org",
            "mobile",
            60.0,
            "gap",
        ),
        (
            "https://shop.example.co.uk/users/{user}/orders/{id}",
            "shop.example.co.uk",
            "example.co.uk",
            "Order",
            [{"name": "og:image", "content": "https://cdn.example.net/p/1.png"}],
            None,
            None,
            None,
            None,
            None,
        ),
    ]
    assert warehouse("SELECT column_name, kind, values_removed FROM pii_removed ORDER BY ALL") == [
        ("ip", "ip", 2),
        ("metadata", "parameter", 1),
        ("metadata", "personal_tag", 1),
        ("search_terms", "phone", 1),
        ("title", "email", 1),
        ("url", "credentials", 1),
        ("url", "fragment", 1),
        ("url", "id", 1),
        ("url", "parameter", 2),
        ("url", "user", 1),
        ("user_id", "pseudonymised", 2),
    ]


def test_hops_and_subframes_are_events_but_no_page_views(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    header = ["userId", "timestamp", "url", "transition"]
    rows = [
        ["ann", "2024-05-01T10:00:00Z", "https://example.com/r", "redirect"],
        ["ann", "2024-05-01T10:00:01Z", "https://example.com/a", "link"],
        ["ann", "2024-05-01T10:00:02Z", "https://example.com/f", "subframe"],
    ]
    write_panel(settings.inbox / "p.csv", rows, header)
    materialize(*CHAIN)
    assert warehouse("SELECT page_views, sessions FROM domain_features") == [(1, 1)]
    assert warehouse("SELECT page_views, sessions, domains FROM user_days") == [(1, 1, 1)]


NARROW = ("event_id", "user_key", "event_time", "dwell_seconds", "dwell_method", "session_id", "load_id")
NARROW_EVENTS = replace(SCRUBBED_EVENTS, columns=tuple(c for c in SCRUBBED_EVENTS.columns if c.name in NARROW))

DERIVED = {
    "scrubbed_events": "* EXCLUDE (load_id)",
    "pii_removed": "*",
    "domain_features": "*",
    "user_days": "*",
}


@given(data=st.data())
def test_increments_equal_a_rebuild(data: st.DataObject) -> None:
    """Any split of any events over any loads gives the tables that one load gives."""
    moments = data.draw(
        st.lists(st.tuples(st.integers(1, 2), st.integers(0, 4000)), min_size=1, max_size=30, unique=True)
    )
    loads = [data.draw(st.integers(0, 2)) for _ in moments]
    whole = _simulate([list(range(len(moments)))], moments)
    parts = _simulate([[i for i, load in enumerate(loads) if load == n] for n in range(3)], moments)
    assert parts == whole


@hypothesis.settings(max_examples=20)
@given(pauses=st.sets(st.integers(0, 229), max_size=4), late=st.sets(st.integers(0, 225), min_size=1, max_size=5))
def test_increments_equal_a_rebuild_of_somebody_who_hardly_pauses(pauses: set[int], late: set[int]) -> None:
    """A page view each 25 minutes for four days, with pauses: sessions that 24 hours end."""
    moments = [(1, 25 * slot) for slot in range(230) if slot not in pauses]
    whole = _simulate([list(range(len(moments)))], moments)
    assert _simulate([[i for i in range(len(moments)) if i not in late], sorted(late)], moments) == whole


def _simulate(batches: list[list[int]], moments: list[tuple[int, int]]) -> list[Any]:
    """Sessions after loading batches one by one with the statements of the asset."""
    con = duckdb.connect()
    con.execute(NARROW_EVENTS.ddl())
    for load, batch in enumerate(batches, start=1):
        con.execute(
            "CREATE OR REPLACE TEMP TABLE admitted_events (event_id UUID, user_id UUID, event_time TIMESTAMP, "
            "duration_seconds DOUBLE, duration_kind VARCHAR)"
        )
        for i in batch:
            user, minutes = moments[i]
            con.execute(
                "INSERT INTO admitted_events VALUES (?, ?, ?, NULL, NULL)",
                [UUID(int=i), UUID(int=user), START + timedelta(minutes=minutes)],
            )
        con.execute(
            "CREATE OR REPLACE TABLE user_keys AS SELECT DISTINCT user_id, user_id AS user_key FROM admitted_events"
        )
        con.execute(
            "CREATE OR REPLACE TEMP VIEW fresh AS SELECT event_id, user_id AS user_key, event_time, "
            "duration_seconds AS given_seconds, duration_kind AS given_kind, 0 AS load_id FROM admitted_events"
        )
        cut_sessions(con, "scrubbed_events")
        write_slice(con, con, NARROW_EVENTS, load)
    rows = con.execute(
        "SELECT event_id, session_id, dwell_seconds, dwell_method FROM scrubbed_events ORDER BY 1"
    ).fetchall()
    con.close()
    return rows


def test_a_late_file_that_cuts_sessions_equals_a_rebuild_in_slices(
    settings: Settings, materialize: Materialize, warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    def at(minutes: float) -> str:
        return (START + timedelta(minutes=minutes)).isoformat()

    first = [view("ann", at(m), f"https://site{m % 3}.example/{m}") for m in (0, 25, 50, 400, 1500, 1525)]
    first += [view("bob", at(m), f"https://site{m % 3}.example/{m}") for m in (0, 700)]
    late = [view("ann", at(m), f"https://late.example/{m}") for m in (12, 70, 1480)]
    write_panel(settings.inbox / "1.csv", first)
    materialize(*CHAIN)
    write_panel(settings.inbox / "2.csv", late)
    materialize(*CHAIN)
    increments = {name: warehouse(f"SELECT {columns} FROM {name} ORDER BY ALL") for name, columns in DERIVED.items()}
    settings.warehouse_path.unlink()
    monkeypatch.setattr(events, "SLICE_EVENTS", 1)  # a slice for each minute with a page view
    materialize(*CHAIN)
    for name, columns in DERIVED.items():
        assert warehouse(f"SELECT {columns} FROM {name} ORDER BY ALL") == increments[name], name


def test_nothing_new_changes_no_row(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    write_panel(settings.inbox / "1.csv", [view("ann", "2024-05-01T10:00:00Z", "https://example.com/a")])
    materialize(*CHAIN)
    before = {name: warehouse(f"SELECT rowid, * FROM {name} ORDER BY ALL") for name in DERIVED}
    materialize(*CHAIN)
    assert {name: warehouse(f"SELECT rowid, * FROM {name} ORDER BY ALL") for name in DERIVED} == before


def test_a_panels_own_ids_do_not_undo_the_pseudonym(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    header = ["userId", "timestamp", "url", "title", "metadata.name", "metadata.content"]
    time = "2024-05-01T10:00:00Z"
    page = ["https://forum.example.com/hello/maria77", "Profile of Maria77", "og:title", "maria77 here"]
    write_panel(settings.inbox / "p.csv", [["maria77", time, *page], ["ann42", time, *page]], header)
    materialize("raw_events", "input_files", "scrubbed_events")
    assert sorted(warehouse("SELECT url, title, metadata[1].content FROM scrubbed_events")) == [
        ("https://forum.example.com/hello/maria77", "Profile of Maria77", "maria77 here"),
        ("https://forum.example.com/hello/{user}", "Profile of {user}", "{user} here"),
    ]


def test_a_row_without_page_and_tags_is_rejected_not_lent_one(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    header = ["userId", "timestamp", "url", "title"]
    time = "2024-05-01T10:00:00Z"
    rows = [["ann", time, "https://example.com/a", "A"], ["ann", time, "", "another title"]]
    write_panel(settings.inbox / "p.csv", rows, header)
    materialize("raw_events", "input_files", "rejected_events")
    assert warehouse("SELECT row_number, reason FROM rejected_events") == [(2, "no_url")]


def test_ids_of_other_people_go_too(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    """Else the check finds them, and nobody could mend a file that was read."""
    header = ["userId", "timestamp", "url", "title"]
    rows = [
        ["pan-0002-xee69", "2024-05-01T10:00:00Z", "https://www.example.com/a", "Home"],
        ["pan-0001-abc12", "2024-05-01T10:00:00Z", "https://ex.com/to/pan-0002-xee69", "Invite pan-0002-xee69"],
    ]
    write_panel(settings.inbox / "p.csv", rows, header)
    materialize("raw_events", "input_files", "scrubbed_events")
    assert warehouse("SELECT url, title FROM scrubbed_events ORDER BY title") == [
        ("https://www.example.com/a", "Home"),
        ("https://ex.com/to/{user}", "Invite {user}"),
    ]


def test_the_id_of_somebody_who_comes_later_goes_from_what_is_stored(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    header = ["userId", "timestamp", "url", "title"]
    for name, user, title in (("a", "pan-0001-abc12", "Invite pan-0002-xee69"), ("b", "pan-0002-xee69", "Home")):
        write_panel(settings.inbox / f"{name}.csv", [[user, "2024-05-01T10:00:00Z", "https://ex.com/", title]], header)
        materialize("raw_events", "input_files", "scrubbed_events")
    assert warehouse("SELECT title FROM scrubbed_events ORDER BY title") == [("Home",), ("Invite {user}",)]


def test_names_go_where_a_model_is_set(
    settings: Settings, materialize: Materialize, warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a stand-in for the model, which is no default dependency; the next run without it makes all anew."""

    stand_in = str(settings.data_dir)  # a folder that is there, as a model may be

    def find(texts: list[str], model: str) -> list[list[tuple[int, int]]]:
        assert model == stand_in
        return [[(place, place + 10)] if (place := text.find("Ann Miller")) >= 0 else [] for text in texts]

    monkeypatch.setattr("browse_assets.analysis.names.find_names", find)
    monkeypatch.setattr("browse_assets.assets.events.find_names", find)
    header = ["userId", "timestamp", "url", "title", "metadata.name", "metadata.content"]
    row = [
        "u-1",
        "2024-05-01T10:00:00Z",
        "https://www.example.com/a",
        "Ann Miller at home",
        "description",
        "By Ann Miller",
    ]
    write_panel(settings.inbox / "p.csv", [row], header)
    monkeypatch.setenv("BROWSE_NER_MODEL", stand_in)
    materialize("raw_events", "input_files", "scrubbed_events")
    kept = "SELECT title, metadata[1].content FROM scrubbed_events"
    assert warehouse(kept) == [("{name} at home", "By {name}")]
    monkeypatch.setenv("BROWSE_NER_MODEL", "")
    materialize("scrubbed_events")
    assert warehouse(kept) == [("Ann Miller at home", "By Ann Miller")]
