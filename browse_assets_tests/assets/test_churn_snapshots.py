"""Snapshots of churn: every reason by hand, nothing of the future in a feature, labels in place of the rule."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

import duckdb
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from browse_assets.analysis import churn
from browse_assets.analysis.churn_rows import training_rows
from browse_assets.analysis.churn_windows import WindowPlan
from browse_assets.assets.churn_snapshots import (
    ChurnWindows,
    compute_snapshots,
    load_customer_rows,
    read_plan,
    read_windows,
)
from browse_assets.settings import Settings
from browse_assets.tables import CHURN_FEATURES, CHURN_SNAPSHOTS, DOMAIN_FEATURES, USER_DAYS
from browse_assets_tests.assets.test_loading import write_panel

Query = Callable[..., list[tuple[Any, ...]]]
T0, SCORED, AS_OF = datetime(2026, 6, 1), datetime(2026, 6, 30), datetime(2026, 6, 30, 12)
PLAN = WindowPlan(28, 7, 14, (pd.Timestamp(T0),), pd.Timestamp(SCORED))


def key(number: int) -> UUID:
    return UUID(int=number)


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        for table in (USER_DAYS, DOMAIN_FEATURES):
            connection.execute(table.ddl())
        load_customer_rows(connection, None, AS_OF)
        yield connection


def browse(con: duckdb.DuckDBPyConnection, person: int, *days: int, hour: int = 10) -> None:
    """One visit at 10:00 of each day, counted from T0's; later on a day that is there already, its end moves."""
    times = [T0 + timedelta(days=day, hours=hour) for day in days]
    visits = "(SELECT ? AS user_key, unnest(?) AS first_time) AS visits"
    for table, rest in (
        ("user_days", "1 AS sessions, 2 AS domains, 60 AS dwell_seconds, 1 AS devices, 0 AS searches"),
        ("domain_features", "'chase.com' AS domain, 1 AS sessions, 0 AS searches, '1' AS topic_id"),
    ):
        parameters = [key(person), times]
        con.execute(
            f"UPDATE {table} SET last_time = visits.first_time, page_views = page_views + 3 FROM {visits} "
            f"WHERE {table}.user_key = visits.user_key AND {table}.day = visits.first_time::DATE",
            parameters,
        )
        con.execute(
            f"INSERT INTO {table} BY NAME SELECT user_key, first_time::DATE AS day, 3 AS page_views, {rest}, "
            f"first_time, first_time AS last_time FROM {visits} WHERE NOT EXISTS (SELECT 1 FROM {table} "
            f"WHERE {table}.user_key = visits.user_key AND {table}.day = visits.first_time::DATE)",
            parameters,
        )


def pay(con: duckdb.DuckDBPyConnection, person: int, day: float, amount: float = 10.0, kind: str = "fee") -> None:
    con.execute("INSERT INTO transactions VALUES (?, ?, ?, ?)", [key(person), T0 + timedelta(days=day), amount, kind])


def call(con: duckdb.DuckDBPyConnection, person: int, day: float, topic: str) -> None:
    con.execute(
        "INSERT INTO service_interactions VALUES (?, ?, 'phone', ?, FALSE)",
        [key(person), T0 + timedelta(days=day), topic],
    )


def label(con: duckdb.DuckDBPyConnection, person: int, at: datetime | None, churned: bool | None) -> None:
    con.execute("INSERT INTO given_labels VALUES (?, ?, ?, FALSE)", [key(person), at, churned])


def rows_at(
    con: duckdb.DuckDBPyConnection, time: datetime, columns: str = "eligible, reason, churned"
) -> dict[int, Any]:
    rows = con.execute(f"SELECT user_key, {columns} FROM snapshots WHERE snapshot_time = ?", [time]).fetchall()
    return {row[0].int: row[1:] for row in rows}


def test_every_reason_of_the_rule(con: duckdb.DuckDBPyConnection) -> None:
    before = range(-27, 0)
    for person in range(1, 9):
        browse(con, person, *before)
    browse(con, 1, *range(0, 29))  # stays
    browse(con, 3, 3)  # the gap is no outcome
    pay(con, 4, 20)  # pays on, 21 days after the last visit
    pay(con, 5, 20, amount=-10.0, kind="refund")
    call(con, 6, 20, "please cancel my contract")
    call(con, 7, 20, "extension crash")
    pay(con, 8, 8)  # within 14 days of the last visit: the last fee of somebody who left
    browse(con, 9, -20)  # silent for 14 days at t0
    compute_snapshots(con, PLAN, AS_OF)
    left, lost = (True, None, True), (False, "tracking_lost", None)
    assert rows_at(con, T0) == {
        1: (True, None, False),
        2: left,
        3: left,
        4: lost,
        5: left,
        6: left,
        7: lost,
        8: left,
        9: (False, "already_stopped", True),
    }
    scored = rows_at(con, SCORED)
    assert scored[1] == (False, "outcome_not_observed", None)
    assert {row[1] for person, row in scored.items() if person != 1} == {"already_stopped"}
    assert con.execute("SELECT count(*) FROM snapshots WHERE latest_feature_time > snapshot_time").fetchone() == (0,)


def test_a_hole_in_the_outcome_window_makes_nobody_eligible(con: duckdb.DuckDBPyConnection) -> None:
    """Two days of 14 without anybody but one: a tenth or more. One day alone is borne."""
    for person in range(1, 26):
        browse(con, person, *range(-27, 7), *((7, *range(10, 29)) if person < 25 else ()))
    browse(con, 1, 8, 9)
    compute_snapshots(con, PLAN, AS_OF)
    found = rows_at(con, T0)
    assert (found[1], found[25]) == ((False, "coverage_hole", False), (False, "coverage_hole", None))
    assert rows_at(con, SCORED, "hole_days")[1] == (2,)
    for person in range(2, 25):
        browse(con, person, 9)
    compute_snapshots(con, PLAN, AS_OF)
    assert rows_at(con, T0)[25] == (True, None, True)


def test_labels_replace_the_rule(con: duckdb.DuckDBPyConnection) -> None:
    for person in range(1, 6):
        browse(con, person, *range(-27, 29))
    noon = T0 - timedelta(days=5, hours=12)
    label(con, 1, noon, True)  # as of its own time
    label(con, 2, None, False)  # as of the last time with an outcome
    label(con, 3, None, None)  # cannot be read
    label(con, 4, T0, True)
    label(con, 4, T0, False)  # contradicts
    label(con, 5, SCORED + timedelta(days=9), True)  # later than the data: what is known is the end of them
    compute_snapshots(con, PLAN, AS_OF)
    assert rows_at(con, noon) == {1: (True, None, True)}
    assert rows_at(con, noon, "days_since_last, active_days") == {1: (pytest.approx(1 + 2 / 24), 21.0)}
    unclear, none = (False, "label_unclear", None), (False, "no_label", None)
    assert rows_at(con, T0) == {2: (True, None, False), 3: unclear, 4: unclear}
    assert rows_at(con, SCORED) == {1: none, 2: none, 3: none, 4: none, 5: (True, None, True)}
    assert con.execute("SELECT DISTINCT label_source FROM snapshots").fetchall() == [("given",)]


def test_features_by_hand(con: duckdb.DuckDBPyConnection) -> None:
    browse(con, 1, -60, -15, -8, -1)  # back after a pause of 45 days, then weekly
    for day, amount in ((-100, 5.0), (-27, 10.0), (-2, 20.0), (-1, -4.0), (1, 99.0)):
        pay(con, 1, day, amount, "refund" if amount < 0 else "fee")
    call(con, 1, -3, "billing")
    browse(con, 2, -1)
    compute_snapshots(con, PLAN, AS_OF)
    frame = con.execute("SELECT * FROM snapshots WHERE snapshot_time = ? ORDER BY user_key", [T0]).df()
    first, second = frame.to_dict("records")
    assert {name: first[name] for name in (
        "history_days", "active_days", "lifecycle", "gap_mean_days", "gap_variation", "weekday_entropy",
        "page_view_trend", "transactions", "transactions_28", "transaction_amount", "transaction_mean",
        "transaction_kinds", "refunds", "days_since_transaction", "service_interactions",
        "service_unresolved_share", "finance_share",
    )} == {
        "history_days": 4, "active_days": 3, "lifecycle": "returning", "gap_mean_days": 7, "gap_variation": 0,
        "weekday_entropy": 0, "page_view_trend": pytest.approx(1 / 3),
        "transactions": 3, "transactions_28": 3, "transaction_amount": 26, "transaction_mean": pytest.approx(26 / 3),
        "transaction_kinds": 2, "refunds": 1, "days_since_transaction": 1,
        "service_interactions": 1, "service_unresolved_share": 1, "finance_share": 1,
    }  # fmt: skip
    assert (second["transactions"], second["lifecycle"]) == (0, "new")
    assert pd.isna(second["days_since_transaction"])


def test_a_table_that_is_not_there_is_unknown_and_not_zero(con: duckdb.DuckDBPyConnection) -> None:
    browse(con, 1, -1)
    compute_snapshots(con, PLAN, AS_OF)
    assert rows_at(con, T0, "transactions, service_interactions, attributes, active_days")[1] == (None, None, None, 1.0)


def declare(con: duckdb.DuckDBPyConnection, person: int, at: datetime | None, **values: str) -> None:
    for name, content in values.items():
        con.execute(
            "INSERT INTO customer_declarations VALUES (?, ?, 1, ?, ?, FALSE, FALSE)", [key(person), at, name, content]
        )


def test_attributes_are_those_of_the_latest_row_up_to_the_snapshot(con: duckdb.DuckDBPyConnection) -> None:
    for person in range(1, 13):
        browse(con, person, *range(-27, 29))
        declare(con, person, T0 - timedelta(days=9), plan="basic" if person <= 6 else "premium", fee=str(person / 10))
        declare(con, person, T0 + timedelta(days=1), plan="gold", since="2026-06-02")
    compute_snapshots(con, PLAN, AS_OF)
    then, now = rows_at(con, T0, "attributes"), rows_at(con, SCORED, "attributes")
    assert then[1] == ({"plan": "basic", "fee": "0.3"},)  # 0.1 to 0.5 are five people
    assert then[12] == ({"plan": "premium", "fee": "0.9"},)  # 0.6 to 1.2: two are too few for a group of their own
    assert now[1] == ({"plan": "gold", "days_since_since": "28"},)


NOON = T0 - timedelta(hours=12)
LATER = st.tuples(st.sampled_from(["visit", "pay", "call", "declare"]), st.integers(1, 7), st.integers(0, 28))


@hypothesis_settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LATER, min_size=1, max_size=9))
def test_no_event_after_t0_changes_a_feature_of_t0(
    con: duckdb.DuckDBPyConnection, events: list[tuple[str, int, int]]
) -> None:
    """Events from 13:00 of the day on that the first snapshot, at noon, cuts in two."""
    load_customer_rows(con, None, AS_OF)
    con.execute("DELETE FROM user_days; DELETE FROM domain_features")
    for person in range(1, 7):
        browse(con, person, -40, *range(-20 + person, 0, person))
        pay(con, person, -person)
        declare(con, person, T0 - timedelta(days=9), plan="basic", fee=str(person))
        label(con, person, NOON, person < 3)
        label(con, person, T0, person < 3)
    features = ", ".join(column.name for column in CHURN_FEATURES)

    def known() -> dict[datetime, list[Any]]:
        compute_snapshots(con, PLAN, AS_OF)
        select = f"SELECT user_key, latest_feature_time, attributes, {features} FROM snapshots WHERE snapshot_time = ?"
        return {time: con.execute(f"{select} ORDER BY user_key", [time]).fetchall() for time in (NOON, T0)}

    before = known()
    assert [len(rows) for rows in before.values()] == [6, 6]
    for kind, person, day in events:
        if kind == "visit":
            browse(con, person, day - 1, hour=13)
        elif kind == "pay":
            pay(con, person, day - 11 / 24)
        elif kind == "call":
            call(con, person, day - 11 / 24, "billing")
        else:
            declare(con, person, NOON + timedelta(days=day, hours=1), plan="gold", age=str(day))
    after = known()
    assert after[NOON] == before[NOON]
    assert after[T0] == before[T0] or any(day == 0 for _, _, day in events)


def test_columns_are_features_or_named_as_none(con: duckdb.DuckDBPyConnection) -> None:
    compute_snapshots(con, PLAN, AS_OF)
    frame = con.execute("SELECT * FROM snapshots").df()[list(CHURN_SNAPSHOTS.column_names)]
    assert training_rows(frame)[1] == tuple(column.name for column in CHURN_FEATURES)


def test_the_plan_of_labels_is_in_time_where_their_times_allow(
    scratch_warehouse: Callable[[], Any], settings: Settings
) -> None:
    def plan_of(*times: datetime, source: str = "given") -> WindowPlan | None:
        with scratch_warehouse() as con:
            con.execute("DELETE FROM churn_snapshots")
            for person in range(24):
                for time in times:
                    con.execute(
                        "INSERT INTO churn_snapshots BY NAME SELECT ? AS user_key, ? AS snapshot_time, "
                        "TRUE AS eligible, ? AS churned, ? AS label_source, ? AS as_of",
                        [key(person), time, person % 2 == 0, source, AS_OF],
                    )
            return read_plan(con, settings, ChurnWindows())

    assert plan_of(T0) is None
    assert plan_of(T0, T0 + timedelta(days=20)) is None  # 37 days must lie between them
    plan = plan_of(T0 - timedelta(days=40), T0)
    assert plan is not None
    assert (plan.train_times, plan.test_time) == ((pd.Timestamp(T0 - timedelta(days=40)),), pd.Timestamp(T0))
    by_rule = plan_of(T0, source="rule")
    assert by_rule is not None
    assert by_rule.too_short


CUSTOMER_ASSETS = ("raw_events", "input_files", "raw_customers", "scrubbed_events", "domain_features", "user_days",
                   "customer_features", "churn_snapshots", "churn_model", "churn_scores")  # fmt: skip


def test_customers_and_labels_alone_train(
    settings: Settings, materialize: Callable[..., Any], warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No browsing and no time anywhere: one time, people are split, and attributes tell who left."""
    quick = partial(churn.train_churn, candidates=("dummy", "one_rule", "logistic_regression"))
    monkeypatch.setattr(churn, "train_churn", quick)
    people = range(160)
    write_panel(
        settings.customers / "customers.csv",
        [
            [
                f"person{n}",
                "monthly" if n % 2 else "yearly",
                f"{20 + n % 2 * 40 + n / 9:.2f}",
                f"Name {n}",
                str(70000 + n),
            ]
            for n in people
        ],
        ["customerID", "Contract", "Monthly Charges", "name", "reference no"],
    )
    write_panel(
        settings.customers / "churn_labels.csv",
        [[f"person{n}", ("Yes" if n % 2 else "No") if n % 9 else ("No" if n % 2 else "Yes")] for n in people]
        + [["nobody", "perhaps"]],
        ["customerID", "Churn"],
    )
    result = materialize(*CUSTOMER_ASSETS)
    assert warehouse("SELECT count(*) FROM input_files") == [(0,)]  # no sample panel
    select = "SELECT reason, count(*), any_value(snapshot_time), any_value(as_of) FROM churn_snapshots"
    assert warehouse(f"{select} GROUP BY 1 ORDER BY ALL") == [
        ("label_unclear", 1, datetime(1970, 1, 1), datetime(1970, 1, 1)),
        (None, 160, datetime(1970, 1, 1), datetime(1970, 1, 1)),
    ]
    assert warehouse("SELECT DISTINCT map_keys(attributes) FROM churn_snapshots WHERE eligible") == [
        (["Contract", "Monthly_Charges"],)
    ]
    least = "SELECT min(n) FROM (SELECT count(*) AS n FROM churn_snapshots GROUP BY attributes['Monthly_Charges'])"
    assert warehouse(least.replace("churn_snapshots", "churn_snapshots WHERE eligible"))[0][0] >= 5
    assert warehouse("SELECT roc_auc > 0.7 FROM churn_model WHERE model = 'logistic_regression'") == [(True,)]
    metadata = result.asset_materializations_for_node("churn_snapshots")[0].metadata
    assert metadata["labels that cannot be read"].value == 1
    if warehouse("SELECT bool_or(is_champion) FROM churn_model") == [(True,)]:
        assert warehouse("SELECT count(*) FROM churn_scores") == [(161,)]


def test_own_customers_take_the_place_of_the_sample(
    settings: Settings,
    materialize: Callable[..., Any],
    warehouse: Query,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    from browse_assets.assets import customers, loading

    (tmp_path / "sample/inbox").mkdir(parents=True)
    write_panel(tmp_path / "sample/inbox/p.csv", [["a", "2026-06-01T10:00:00", "https://example.com/", ""]],
                ["userId", "timestamp", "url", "title"])  # fmt: skip
    for module in (loading, customers):
        monkeypatch.setattr(module, "SAMPLE_DIR", tmp_path / "sample")
    materialize(*CUSTOMER_ASSETS[:-2])
    assert warehouse("SELECT count(*) FROM scrubbed_events") == [(1,)]
    write_panel(
        settings.customers / "transactions.csv",
        [["ann", "2026-05-01T00:00:00", "9"], ["ann", "2026-05-09T00:00:00", "9"]],
        ["user_id", "time", "amount"],
    )
    materialize(*CUSTOMER_ASSETS[:-2])
    assert warehouse("SELECT count(*) FROM scrubbed_events") == [(0,)]
    assert warehouse("SELECT transactions, as_of FROM customer_features") == [(2, datetime(2026, 5, 9))]


def test_without_browsing_as_of_is_the_only_time(con: duckdb.DuckDBPyConnection) -> None:
    plan = read_windows(con, AS_OF, ChurnWindows())
    assert (plan.snapshot_times, plan.as_of) == ((), pd.Timestamp(AS_OF))
