"""What `make run` says at its end, from tables filled by hand."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import duckdb

from browse_assets.settings import Settings
from browse_assets.summary import KINDS, LABEL_WIDTH, REASONS, WIDTH, summarize
from browse_assets.tables import REJECT_REASONS

Open = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

ONE = "00000000-0000-0000-0000-000000000001"
TWO = "00000000-0000-0000-0000-000000000002"


def _topic(user: str, topic: str, parent: str | None, sessions: int, is_interested: bool) -> dict[str, object]:
    return {
        "user_key": user,
        "topic_id": topic,
        "topic": topic,
        "parent_topic": parent,
        "tier": 1 if parent is None else 2,
        "sessions": sessions,
        "active_days": sessions,
        "score": sessions / 100,
        "probability": 0.95 if is_interested else 0.5,
        "is_interested": is_interested,
        "evidence_text": f"{sessions} sessions on {sessions} days: example.com {sessions}",
    }


def _fill(con: duckdb.DuckDBPyConnection, *people: str) -> None:
    for user in people:
        con.execute("INSERT INTO user_days (user_key, day) VALUES (?, DATE '2026-06-01')", [user])
        for row in (
            _topic(user, "Sports", None, 9, True),
            _topic(user, "Soccer", "Sports", 8, True),
            _topic(user, "Tennis", "Sports", 2, False),
            _topic(user, "Travel", None, 3, False),
            _topic(user, "Camping", "Travel", 2, False),
            _topic(user, "Pets", None, 1, False),
        ):
            con.execute(
                f"INSERT INTO interest_profile ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
                list(row.values()),
            )
        con.execute(
            "INSERT INTO finance_flags (user_key, finance_product, shopping_sessions, servicing_sessions, active_days, "
            "is_interested, is_customer, probability, evidence, servicing_evidence) VALUES "
            "($user, 'mortgages', 4, 0, 3, TRUE, FALSE, 0.99, [{'domain': 'example.org', 'sessions': 4}], []), "
            "($user, 'banking', 1, 6, 0, FALSE, TRUE, NULL, [{'domain': 'other.example', 'sessions': 1}], "
            "[{'domain': 'example.net', 'sessions': 6}])",
            {"user": user},
        )


def test_one_person_gets_a_profile_with_its_evidence(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        _fill(con, ONE)
    lines = summarize(settings).splitlines()
    start = lines.index("Profile       of the one person here, compared with their own other topics")
    assert lines[start + 1 : start + 5] == [
        "Interested in Sports > Soccer: 8 sessions on 8 days: example.com 8",
        "Often on      Travel > Camping: 2 sessions on 2 days: example.com 2",
        "Shopping for  mortgages: 4 sessions on 3 days: example.org 4",
        "Customer of   banking: 6 sessions: example.net",
    ]


def test_one_person_is_told_their_attributes(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        con.execute("INSERT INTO user_days (user_key, day) VALUES (?, DATE '2026-06-01')", [ONE])
        con.execute(
            "INSERT INTO audience_attributes (user_key, attribute, value, probability, explanation) VALUES "
            "($user, 'language', 'en', 1.0, '64 sessions on 37 days: example.com 64'), "
            "($user, 'job_seeker', 'likely', 0.97, '5 sessions on 4 days: example.org 5')",
            {"user": ONE},
        )
    lines = summarize(settings).splitlines()
    assert "Seems         job seeker: 5 sessions on 4 days: example.org 5" in lines
    assert "              language: en: 64 sessions on 37 days: example.com 64" in lines


def test_one_person_of_whom_little_is_known(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        con.execute("INSERT INTO user_days (user_key, day) VALUES (?, DATE '2026-06-01')", [ONE])
    assert "nothing seen in two sessions on two days yet" in summarize(settings)


def test_of_a_panel_nobody_is_told_alone(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        _fill(con, ONE, TWO)
    text = summarize(settings)
    assert "example" not in text
    assert "Interests     Soccer (2 people), Sports (2)" in text
    assert "Shopping for  mortgages (2 people)" in text


def _file(con: duckdb.DuckDBPyConnection, file_id: str, **values: object) -> None:
    row = {"file_id": file_id * 64, "origin": "inbox", "status": "read", "load_id": 1, **values}
    con.execute(f"INSERT INTO input_files ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


def _scrubbed(con: duckdb.DuckDBPyConnection, page_views: int) -> None:
    con.execute("INSERT INTO scrubbed_events (event_id) SELECT uuid() FROM range(?)", [page_views])


def test_before_the_first_run_it_says_what_to_do(settings: Settings) -> None:
    assert summarize(settings) == ("Nothing yet   no table was ever made here: put files into the inbox, then make run")


def test_of_an_empty_warehouse_it_says_what_to_do(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse():
        pass
    text = summarize(settings)
    assert "Files         none" in text
    assert "People        nobody" in text
    assert f"Next          put browsing files into {settings.inbox}" in text
    assert "Left out" not in text


def test_page_views_that_were_left_out_are_named(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        _file(con, "a", rows_read=120, accepted=100, folded=5, duplicates=5, rejected=10, erased=7, expired=20)
        _scrubbed(con, 60)
        con.execute("INSERT INTO asset_state (asset, load_id) VALUES ('scrubbed_events', 1)")
        con.execute("INSERT INTO rejected_events SELECT 'a', range, 'erased' FROM range(10)")
    text = " ".join(summarize(settings).split())
    assert (
        "Left out page views: 7 erased with the people who asked for it, 20 older than BROWSE_RETENTION_DAYS, "
        "13 without a consent that covers them Removed"
    ) in text
    assert "Rows 120, of which 100 are page views 5 told more of one of these, 5 said nothing new, 10 rejected" in text
    assert "rejected: 10 of erased people" in text


def test_page_views_that_wait_are_not_taken_for_unconsented(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        _file(con, "a", rows_read=100, accepted=100, load_id=2)
        _scrubbed(con, 60)
        con.execute("INSERT INTO asset_state (asset, load_id) VALUES ('scrubbed_events', 1)")
    assert "Left out      page views: 40 not worked on yet: make run" in summarize(settings)


def test_unread_files_stand_out(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        for place in range(7):
            _file(con, f"{place}", status="failed", reason="no columns that are known")
    lines = summarize(settings).splitlines()
    assert lines[0] == "Files         0 read, 7 COULD NOT BE READ"
    assert "Warning       file 000000000000: no columns that are known" in lines
    assert sum(line.startswith("Warning") for line in lines) == 5
    assert "              and 2 more: SELECT * FROM input_files" in lines


def test_long_lists_go_on_below(settings: Settings, scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        for kind in KINDS:
            con.execute("INSERT INTO pii_removed VALUES ('a', 'url', ?, 1234)", [kind])
    lines = summarize(settings).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("Removed"))
    listed = [line for line in lines[start:] if "1,234" in line]
    assert len(listed) > 3
    assert all(len(line) <= WIDTH for line in listed)
    assert all(line.startswith(" " * LABEL_WIDTH + "1,234 ") for line in listed[1:])
    assert sum(line.count("1,234 ") for line in listed) == len(KINDS)


def test_every_reason_has_words() -> None:
    assert REASONS.keys() == REJECT_REASONS.keys()
