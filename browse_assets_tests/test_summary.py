"""What `make run` says at its end, from tables filled by hand."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import duckdb

from browse_assets.settings import Settings
from browse_assets.summary import summarize

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
    assert "Interests     Soccer (2), Sports (2)" in text
    assert "Shopping for  mortgages (2)" in text
