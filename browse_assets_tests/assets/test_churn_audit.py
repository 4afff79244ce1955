"""False futures of the audit: the SQL of the snapshots ignores them, and any that looks ahead is found out."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import duckdb
import pandas as pd
import pytest

from browse_assets.analysis.churn_audit import INJECTED, _false_future
from browse_assets.analysis.churn_windows import WindowPlan, plan_windows
from browse_assets.assets.churn_audit import false_futures
from browse_assets.assets.churn_snapshots import compute_snapshots, load_customer_rows

AS_OF = datetime(2026, 6, 30)
DAYS = 220
Warehouse = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


def _plan() -> WindowPlan:
    return plan_windows(pd.Timestamp(AS_OF) - pd.Timedelta(days=DAYS), pd.Timestamp(AS_OF))


def _fill(con: duckdb.DuckDBPyConnection) -> None:
    """Twelve people who browse each second to thirteenth day, from 10:00 to 10:30, and their snapshots."""
    con.execute(
        """
        INSERT INTO user_days (user_key, day, page_views, sessions, domains, dwell_seconds, devices, longest_gap_hours,
            searches, first_time, last_time)
        SELECT md5('person ' || person)::UUID, day::DATE, 1 + (n * person) % 17, 1 + n % 2, 2, 30.25 * person, 1, 0.5,
            n % 3, day + INTERVAL 10 HOUR, day + INTERVAL 630 MINUTE
        FROM range(12) AS people (person), range(220) AS days (n), (SELECT $as_of::TIMESTAMP AS until),
            LATERAL (SELECT until - to_days(n::INTEGER + 1) AS day)
        WHERE n % (person + 2) = 0
        """,
        {"as_of": AS_OF},
    )
    con.execute(
        "INSERT INTO domain_features BY NAME SELECT user_key, 'site' || page_views || '.example' AS domain, day, "
        "page_views, sessions, dwell_seconds, first_time, last_time, searches FROM user_days"
    )
    load_customer_rows(con, None, AS_OF)
    compute_snapshots(con, _plan(), AS_OF)
    con.execute("INSERT INTO churn_snapshots BY NAME SELECT * FROM snapshots")


@pytest.fixture
def futures_under(scratch_warehouse: Warehouse) -> Callable[[str], list[tuple[pd.DataFrame, pd.DataFrame]]]:
    """Both futures, where a feature is computed as given (over `made`, which holds the features by the rules)."""

    def run(searches: str) -> list[tuple[pd.DataFrame, pd.DataFrame]]:
        def compute(con: duckdb.DuckDBPyConnection, plan: WindowPlan, as_of: datetime, *, into: str) -> None:
            compute_snapshots(con, plan, as_of, into="made")
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT * REPLACE (({searches})::DOUBLE AS searches) FROM made"
            )

        with scratch_warehouse() as con:
            _fill(con)
            before = con.execute("SELECT * FROM user_days ORDER BY ALL").fetchall()
            found = false_futures(con, _plan(), AS_OF, compute)
            assert con.execute("SELECT * FROM user_days ORDER BY ALL").fetchall() == before
            temporary = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp'").fetchall()
            assert not {name for (name,) in temporary} & {"user_days", "domain_features", "real_user_days"}
        return found

    return run


def test_the_features_do_not_see_the_future(futures_under: Callable[[str], Any]) -> None:
    found = futures_under("searches")
    assert [frame["snapshot_time"].unique().tolist() for pair in found for frame in pair] == [
        [time] for time in (_plan().snapshot_times[0], _plan().snapshot_times[-1]) for _ in range(2)
    ]
    real, _ = found[0]
    assert len(real) == 12
    assert {"days_since_last", "distinct_domains", "finance_share"} <= set(real.columns)
    assert not {"churned", "eligible", "reason", "as_of"} & set(real.columns)
    assert isinstance(real["user_key"][0], UUID)
    row = _false_future(found)
    assert (row["test"], row["passed"], row["value"]) == (INJECTED, True, 0.0)
    assert "of 0" not in row["detail"]


LATER = "SELECT count(*) FROM user_days AS later WHERE later.user_key = made.user_key AND later."
LEAKS = {
    "the day after": LATER + "day = made.snapshot_time::DATE",
    "a microsecond after": LATER + "first_time <= made.snapshot_time + INTERVAL 1 MICROSECOND",
    "all there is": "SELECT sum(page_views) FROM user_days AS all_days WHERE all_days.user_key = made.user_key",
    "domains ever": "SELECT count(DISTINCT domain) FROM domain_features AS f WHERE f.user_key = made.user_key",
    "the panel": "SELECT sum(page_views) FROM user_days",
}


@pytest.mark.parametrize("leak", LEAKS)
def test_a_feature_that_looks_ahead_is_found(leak: str, futures_under: Callable[[str], Any]) -> None:
    row = _false_future(futures_under(LEAKS[leak]))
    assert not row["passed"]
    assert row["detail"].endswith(": searches")


def test_the_outcome_itself_does_change(scratch_warehouse: Warehouse) -> None:
    """Else the false future would be none."""
    with scratch_warehouse() as con:
        _fill(con)
        outcomes: list[list[Any]] = []

        def compute(con: duckdb.DuckDBPyConnection, plan: WindowPlan, as_of: datetime, *, into: str) -> None:
            compute_snapshots(con, plan, as_of, into=into)
            outcomes.append(con.execute(f"SELECT churned FROM {into} ORDER BY user_key, snapshot_time").fetchall())

        con.execute("DELETE FROM user_days WHERE day > $t0", {"t0": _plan().snapshot_times[0].to_pydatetime()})
        false_futures(con, _plan(), AS_OF, compute)
        assert outcomes[0] != outcomes[1]
