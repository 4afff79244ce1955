"""False futures of the audit: the SQL of the snapshots ignores them, and any that looks ahead is found out."""

from collections.abc import Iterator
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
from browse_assets.tables import CHURN_SNAPSHOTS, DOMAIN_FEATURES, USER_DAYS

AS_OF = datetime(2026, 6, 30)
DAYS = 220


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
    con.execute(
        "INSERT INTO transactions BY NAME SELECT user_key, last_time AS event_time, 9.5 AS amount, 'purchase' AS kind "
        "FROM user_days WHERE page_views % 3 = 0"
    )
    con.execute(
        "INSERT INTO service_interactions BY NAME SELECT user_key, first_time AS event_time, 'phone' AS channel, "
        "'billing' AS topic FROM user_days WHERE page_views % 5 = 0"
    )
    con.execute(
        "INSERT INTO customer_declarations BY NAME SELECT user_key, first_time AS event_time, row_number() OVER "
        "(ORDER BY first_time, user_key) AS row_number, 'plan' AS name, 'basic' AS content, FALSE AS is_personal, "
        "FALSE AS is_private_name FROM user_days WHERE page_views % 7 = 0"
    )
    compute_snapshots(con, _plan(), AS_OF)
    con.execute("INSERT INTO churn_snapshots BY NAME SELECT * FROM snapshots")


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        for table in (USER_DAYS, DOMAIN_FEATURES, CHURN_SNAPSHOTS):
            opened.execute(table.ddl())
        _fill(opened)
        yield opened


def test_the_features_do_not_see_the_future(con: duckdb.DuckDBPyConnection) -> None:
    before = con.execute("SELECT * FROM user_days ORDER BY ALL").fetchall()
    found = false_futures(con, _plan(), AS_OF, compute_snapshots)
    assert con.execute("SELECT * FROM user_days ORDER BY ALL").fetchall() == before
    temporary = con.execute("SELECT table_name FROM duckdb_tables() WHERE database_name = 'temp'").fetchall()
    assert not {name for (name,) in temporary} & {"user_days", "domain_features", "real_user_days", "transactions"}
    assert [frame["snapshot_time"].unique().tolist() for pair in found for frame in pair] == [
        [time] for time in (_plan().snapshot_times[0], _plan().snapshot_times[-1]) for _ in range(2)
    ]
    real, _ = found[0]
    assert 5 <= len(real) <= 12
    assert {"days_since_last", "distinct_domains", "transaction_amount", "attributes"} <= set(real.columns)
    assert (real[["days_since_last", "distinct_domains", "transactions", "service_interactions"]] > 0).any().all()
    assert real["attributes"].str.contains("basic").any()
    assert not {"churned", "eligible", "reason", "as_of"} & set(real.columns)
    assert isinstance(real["user_key"][0], UUID)
    row = _false_future(found)
    assert (row["test"], row["passed"], row["value"]) == (INJECTED, True, 0.0)
    assert "of 0" not in row["detail"]


HERS = "WHERE seen.user_key = made.user_key"
# A feature that looks ahead, and how.
LEAKS = {
    "searches": f"SELECT count(*) FROM user_days AS seen {HERS} AND day = made.snapshot_time::DATE",
    "page_views": f"SELECT count(*) FROM user_days AS seen {HERS} "
    "AND first_time <= made.snapshot_time + INTERVAL 1 MICROSECOND",
    "sessions": f"SELECT sum(page_views) FROM user_days AS seen {HERS}",
    "distinct_domains": f"SELECT count(DISTINCT domain) FROM domain_features AS seen {HERS}",
    "active_days": "SELECT sum(page_views) FROM user_days",
    "transaction_amount": f"SELECT sum(amount) FROM transactions AS seen {HERS}",
    "service_topics": f"SELECT count(DISTINCT topic) FROM service_interactions AS seen {HERS}",
    "refunds": f"SELECT count(*) FROM customer_declarations AS seen {HERS} AND content <> 'basic'",
}


def test_each_feature_that_looks_ahead_is_found(con: duckdb.DuckDBPyConnection) -> None:
    def compute(con: duckdb.DuckDBPyConnection, plan: WindowPlan, as_of: datetime, *, into: str) -> None:
        compute_snapshots(con, plan, as_of, into="made")
        leaking = ", ".join(f"({leak})::DOUBLE AS {name}" for name, leak in LEAKS.items())
        con.execute(f"CREATE OR REPLACE TEMP TABLE {into} AS SELECT * REPLACE ({leaking}) FROM made")

    row = _false_future(false_futures(con, _plan(), AS_OF, compute))
    assert not row["passed"]
    assert row["detail"].rpartition(": ")[2].split(", ") == sorted(LEAKS)


def test_the_outcome_itself_does_change(con: duckdb.DuckDBPyConnection) -> None:
    """Else the false future would be none."""
    outcomes: list[list[Any]] = []

    def compute(con: duckdb.DuckDBPyConnection, plan: WindowPlan, as_of: datetime, *, into: str) -> None:
        compute_snapshots(con, plan, as_of, into=into)
        outcomes.append(con.execute(f"SELECT churned FROM {into} ORDER BY user_key, snapshot_time").fetchall())

    con.execute("DELETE FROM user_days WHERE day > $t0", {"t0": _plan().snapshot_times[0].to_pydatetime()})
    false_futures(con, _plan(), AS_OF, compute)
    assert outcomes[0] != outcomes[1]
