"""Interests, products, finance, customers and churn tables, from hand-made browsing."""

import csv
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from browse_assets.settings import Settings
from browse_assets_tests.assets.test_loading import write_panel

Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]

HEADER = ["userId", "timestamp", "url", "title"]
EVENTS = ("raw_events", "input_files", "scrubbed_events", "domain_features", "user_days", "page_topics")
AS_OF = datetime(2026, 6, 30, 12)


def visit(user: str, days_ago: float, url: str, title: str = "") -> list[str]:
    return [user, (AS_OF - timedelta(days=days_ago)).isoformat(), url, title]


def background(users: int, days: int = 40) -> list[list[str]]:
    """People who read one site of no interest every other day, so that there is a panel."""
    return [
        visit(f"other{n}", day + n / 100, "https://www.google.com/") for n in range(users) for day in range(0, days, 2)
    ]


def test_an_interest_needs_more_sessions_than_usual_on_two_days(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    fan = [visit("fan", day, "https://www.espn.com/nba") for day in range(0, 20)]
    once = [
        visit("once", 3, "https://www.espn.com/nba"),
        *(visit("once", d, "https://www.bing.com/") for d in range(9)),
    ]
    write_panel(settings.inbox / "p.csv", background(24) + fan + once, HEADER)
    materialize(*EVENTS, "interest_profile")
    assert warehouse(
        "SELECT sessions, active_days, is_interested, baseline, evidence FROM interest_profile "
        "WHERE topic = 'Sports' ORDER BY sessions"
    ) == [
        (1, 1, False, "panel", [{"domain": "espn.com", "sessions": 1}]),
        (20, 20, True, "panel", [{"domain": "espn.com", "sessions": 20}]),
    ]
    assert warehouse("SELECT DISTINCT as_of FROM interest_profile") == [(AS_OF,)]
    assert warehouse("SELECT count(*) FROM interest_profile WHERE probability NOT BETWEEN 0 AND 1") == [(0,)]


def test_sensitive_topics_are_stored_only_for_a_purpose(
    settings: Settings, materialize: Materialize, warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """webmd.com is in the list of domains, under Medical Health."""
    rows = [visit("fan", day + 0.5, "https://www.webmd.com/cold") for day in range(0, 20)]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    topics_of_webmd = (
        "SELECT topic, tier, sessions, is_interested FROM interest_profile, unnest(evidence) AS e (e) "
        "WHERE e.domain = 'webmd.com' ORDER BY tier"
    )
    materialize(*EVENTS, "interest_profile")
    assert warehouse(topics_of_webmd) == []
    monkeypatch.setenv("BROWSE_SENSITIVE_TOPICS_PURPOSE", "a study of health information")
    result = materialize("page_topics", "interest_profile")
    assert warehouse(topics_of_webmd) == [("Medical Health", 1, 20, True)]
    shown = result.asset_materializations_for_node("interest_profile")[0].metadata["sensitive topics"].value
    assert shown == "stored; purpose: a study of health information"
    monkeypatch.delenv("BROWSE_SENSITIVE_TOPICS_PURPOSE")
    materialize("page_topics", "interest_profile")
    assert warehouse(topics_of_webmd) == []
    assert warehouse("SELECT DISTINCT topic_id FROM domain_features WHERE domain = 'webmd.com'") == [(None,)]


def test_a_topic_touches_those_above_it(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    """goal.com is under Soccer, espn.com under Sports itself; one session holds both."""
    rows = [visit("fan", day, "https://www.goal.com/news") for day in (3, 2)]
    rows += [visit("fan", day, "https://www.espn.com/") for day in (2 - 0.001, 1)]
    rows += [visit("fan", day, "https://www.allrecipes.com/") for day in (5,)]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    materialize(*EVENTS, "interest_profile")
    found = warehouse(
        "SELECT tier, topic, parent_topic, rank, share, evidence_text FROM interest_profile ORDER BY tier, rank"
    )
    assert [row[:3] for row in found] == [
        (1, "Sports", None),
        (1, "Food & Drink", None),
        (2, "Soccer", "Sports"),
        (2, "Cooking", "Food & Drink"),
    ]
    assert [row[3] for row in found] == [1, 2, 1, 2]
    assert found[0][5] == "3 sessions on 3 days: espn.com 2, goal.com 2"
    assert found[3][5] == "1 session on 1 day: allrecipes.com 1"
    assert [round(sum(row[4] for row in found if row[0] == tier), 1) for tier in (1, 2)] == [1.0, 1.0]


def test_few_people_are_their_own_baseline(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    rows = [visit("me", day, "https://www.espn.com/") for day in range(15)]
    rows += [visit("me", day + 0.4, "https://www.allrecipes.com/") for day in range(0, 15, 7)]
    write_panel(settings.inbox / "p.csv", rows, HEADER)
    materialize(*EVENTS, "interest_profile", "page_products", "products", "product_interest", "watchlist_interest")
    found = warehouse("SELECT topic, rank, baseline, lift > 1 FROM interest_profile WHERE tier = 1 ORDER BY rank")
    assert [row[2] for row in found] == ["person", "person"]
    assert found[0][0] == "Sports"
    assert [row[3] for row in found] == [True, False]
    # With nobody to compare with, likeness to a watched product says nothing.
    assert warehouse("SELECT DISTINCT is_interested, similarity_cut FROM watchlist_interest") == [(None, None)]


def test_as_of_cuts_off_what_comes_later(
    settings: Settings, materialize: Materialize, warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [visit("fan", day, "https://www.espn.com/") for day in range(20)]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    monkeypatch.setenv("BROWSE_AS_OF", (AS_OF - timedelta(days=10)).isoformat())
    materialize(*EVENTS, "interest_profile")
    assert warehouse("SELECT sessions, last_seen <= as_of, as_of FROM interest_profile") == [
        (10, True, AS_OF - timedelta(days=10))
    ]


def test_shopping_is_interest_and_servicing_is_a_customer(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    rows = [visit("shopper", d, "https://www.nerdwallet.com/best/credit-cards", "Best credit cards") for d in range(8)]
    rows += [visit("client", day, "https://secure.chase.com/web/auth/dashboard", "Sign in") for day in range(0, 30, 5)]
    rows += [
        visit("reader", day, "https://www.bbc.com/sport/football", "Striker on loan to Arsenal") for day in range(8)
    ]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    materialize(*EVENTS, "page_finance", "finance_flags")
    assert warehouse(
        "SELECT finance_product, shopping_sessions, servicing_sessions, is_interested, is_customer, "
        "probability IS NULL FROM finance_flags ORDER BY 1"
    ) == [
        ("banking", 0, 6, False, True, True),
        ("credit_cards", 8, 0, True, False, False),
    ]


def test_front_pages_are_shopping_but_not_for_customers(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    rows = [visit("client", day, "https://www.nowherebank.com/") for day in range(0, 12, 2)]
    rows += [visit("client", day + 0.01, "https://secure.nowherebank.com/login", "Sign in") for day in range(0, 12, 2)]
    rows += [visit("looker", day, "https://www.nowherebank.com/") for day in range(0, 12, 2)]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    materialize(*EVENTS, "page_finance", "finance_flags")
    bank = [{"domain": "nowherebank.com", "sessions": 6}]
    assert warehouse(
        "SELECT shopping_sessions, servicing_sessions, is_interested, is_customer, evidence, servicing_evidence "
        "FROM finance_flags ORDER BY 1"
    ) == [(0, 6, False, True, [], bank), (6, 0, True, False, bank, [])]


def test_a_page_is_judged_once_and_again_only_when_it_is_new(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    cards, loans = "https://www.nerdwallet.com/best/credit-cards", "https://www.nerdwallet.com/best/loans/auto-loans"
    write_panel(settings.inbox / "1.csv", background(2) + [visit("a", day, cards) for day in (9, 8)], HEADER)
    materialize(*EVENTS, "page_finance")
    first = warehouse("SELECT rowid, * FROM page_finance")
    assert [row[2:4] for row in first] == [("credit_cards", "shopping")]
    materialize(*EVENTS, "page_finance")
    assert warehouse("SELECT rowid, * FROM page_finance") == first
    write_panel(settings.inbox / "2.csv", [visit("b", 1, cards), visit("b", 2, loans)], HEADER)
    materialize(*EVENTS, "page_finance")
    increments = warehouse("SELECT * FROM page_finance ORDER BY finance_product")
    assert [row[1] for row in increments] == ["auto_loans", "credit_cards"]
    assert warehouse("SELECT count(*) FROM scrubbed_events SEMI JOIN page_finance USING (page_id)") == [(4,)]


def test_a_new_product_and_its_stages(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    rows = [visit("fan", 150, "https://www.example.org/start")]
    rows += [visit("fan", d, "https://shop.example.com/p/nintendo-switch-2", "Nintendo Switch 2") for d in range(3, 8)]
    rows += [visit("fan", 2, "https://shop.example.com/cart/nintendo-switch-2", "Nintendo Switch 2 - cart")]
    rows += [visit("fan", d, "https://shop.example.com/p/iphone-15", "iPhone 15") for d in (100, 101)]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    materialize(*EVENTS, "page_products", "products", "product_interest")
    found = warehouse(
        "SELECT name, stage, sessions, active_days, i.is_interested, i.is_new_to_person, "
        "round(recency_days, 6) FROM product_interest i JOIN products USING (product_id) ORDER BY name DESC"
    )
    assert found[0] == ("iPhone 15", "product", 2, 2, False, False, 100.0)
    assert found[1] == ("Nintendo Switch 2", "cart", 6, 6, True, True, 2.0)


def test_newness_is_unknown_in_a_young_panel(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    """Without a launch date, and with a panel of forty days, first seen says nothing."""
    from browse_assets.settings import REFERENCE_DIR

    with (REFERENCE_DIR / "products.csv").open(encoding="utf-8") as file:
        undated = next(
            row
            for row in csv.DictReader(file)
            if not row["launch_date"] and not row["domains"] and re.search(row["pattern"], row["name"].lower())
        )
    rows = [visit("fan", d, "https://shop.example.com/p", undated["name"]) for d in (38, 37)]
    write_panel(settings.inbox / "p.csv", background(24) + rows, HEADER)
    materialize(*EVENTS, "page_products", "products", "product_interest")
    assert warehouse("SELECT product_id, is_new FROM products") == [(undated["product_id"], None)]
    assert warehouse("SELECT is_new_to_person FROM product_interest") == [(None,)]


def test_customer_attributes_that_single_somebody_out_stay_in_the_vault(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    write_panel(settings.inbox / "p.csv", background(12), HEADER)
    write_panel(
        settings.customers / "customers.csv",
        [
            [f"other{n}", f"Person {n}", f"p{n}@example.com", "basic" if n < 6 else "premium", "was rude"]
            for n in range(12)
        ],
        ["user_id", "name", "email", "plan", "note"],
    )
    times = [(AS_OF - timedelta(days=d)).isoformat() for d in (1, 10, -5)]
    write_panel(
        settings.customers / "transactions.csv",
        [["other0", times[0], "9.99"], ["other0", times[1], "20.01"], ["other0", times[2], "500"]],
        ["user_id", "time", "amount"],
    )
    materialize(*EVENTS, "raw_customers", "customer_features")
    assert warehouse("SELECT count(*), count(transactions), count(service_interactions) FROM customer_features") == [
        (12, 12, 0)
    ]
    assert warehouse(
        "SELECT transactions, transaction_amount, days_since_transaction FROM customer_features WHERE transactions > 0"
    ) == [(2, 30.0, 1.0)]
    assert warehouse("SELECT attributes FROM customer_features GROUP BY 1 ORDER BY attributes::VARCHAR") == [
        ({"plan": "basic"},),
        ({"plan": "premium"},),
    ]


def test_snapshots_by_hand(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    """W = 90, g = 7, H = 30 on 200 days: t0 is midnight 37 days before as_of, and 37 before that."""
    rows = [visit("stays", day, "https://example.com/") for day in range(200)]
    rows += [visit("leaves", day, "https://example.com/") for day in range(38, 200)]
    rows += [visit("left", day, "https://example.com/") for day in range(100, 200)]
    write_panel(settings.inbox / "p.csv", rows, HEADER)
    materialize(*EVENTS, "churn_snapshots")
    midnight = datetime(2026, 6, 30)
    found = warehouse(
        "SELECT snapshot_time, eligible, reason, churned, active_days, round(days_since_last, 3), "
        "round(tenure_days, 3), trend FROM churn_snapshots ORDER BY snapshot_time DESC, days_since_last"
    )
    test_time = midnight - timedelta(days=37)
    by_time = {t: [row[1:] for row in found if row[0] == t] for t in sorted({row[0] for row in found})}
    assert [row[:3] for row in by_time[midnight]] == [
        (False, "outcome_not_observed", None),
        (False, "already_stopped", None),
        (False, "already_stopped", None),
    ]
    # At t0 = 24 May 00:00: the newest event before it is 23 May 12:00; "leaves" was last seen on 23 May too.
    assert sorted(by_time[test_time], key=repr) == [
        (False, "already_stopped", True, 28.0, 62.5, 161.5, -1.0),
        (True, None, False, 90.0, 0.5, 161.5, 0.0),
        (True, None, True, 90.0, 0.5, 161.5, 0.0),
    ]


def test_too_little_history_is_a_result(settings: Settings, materialize: Materialize, warehouse: Query) -> None:
    write_panel(settings.inbox / "p.csv", background(5, days=10), HEADER)
    result = materialize(*EVENTS, "churn_snapshots", "churn_model", "churn_audit", "churn_scores")
    assert result.success
    assert warehouse("SELECT count(*) FROM churn_model") == [(0,)]
    assert warehouse("SELECT count(*) FROM churn_audit") == [(0,)]
    assert warehouse("SELECT count(*) FROM churn_scores") == [(0,)]
    metadata = result.asset_materializations_for_node("churn_model")[0].metadata
    assert metadata["decision"].value == "not_enough_history"


def test_an_asset_without_its_upstream_says_so(settings: Settings, materialize: Materialize) -> None:
    result = materialize("interest_profile", raise_on_error=False)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "page_topics was never materialized" in str(failure.event_specific_data)


def test_browsing_that_no_list_knows_is_a_result(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    rows = [visit("me", day, "https://nobody-knows-this-site.example/") for day in range(3)]
    write_panel(settings.inbox / "p.csv", rows, HEADER)
    assert materialize().success
    for table in ("interest_profile", "interest_segments", "product_interest", "finance_flags"):
        assert warehouse(f"SELECT count(*) FROM {table}") == [(0,)]
