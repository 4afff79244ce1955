"""The table of re-identification on hand-made browsing, its run in MLflow, and what it does without people."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import duckdb
import mlflow
import pytest

from browse_assets.assets.state import State, write_state
from browse_assets.settings import Settings

Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]
Open = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

FIRST, AS_OF = datetime(2026, 6, 1, 12), datetime(2026, 6, 21, 12)
RATES = 'SELECT "view", people, match_rate, reason, split_day::VARCHAR, as_of FROM reidentification ORDER BY position'


def fill(con: duckdb.DuckDBPyConnection, people: int) -> None:
    """Each person has a host of their own, a domain shared by two, and the same topic as all others."""
    for n in range(people):
        user = UUID(int=n)
        for k, time in enumerate((FIRST, AS_OF - timedelta(days=1), AS_OF)):
            event = UUID(int=1000 + 3 * n + k)
            con.execute(
                "INSERT INTO vault.main.raw_events (event_id, raw_host) VALUES (?, ?)", [event, f"{n}.example.com"]
            )
            con.execute(
                "INSERT INTO scrubbed_events (event_id, user_key, event_time, source) VALUES (?, ?, ?, 'chrome')",
                [event, user, time],
            )
            con.execute(
                "INSERT INTO user_days (user_key, day, first_time, last_time) VALUES (?, ?, ?, ?)",
                [user, time.date(), time, time],
            )
            con.execute(
                "INSERT INTO domain_features (user_key, domain, day, sessions, last_time, topic_id) "
                "VALUES (?, ?, ?, 2, ?, '541')",
                [user, f"{n // 2}.example", time.date(), time],
            )
    con.execute(
        "INSERT INTO interest_segments (user_key, segment_id, segment) "
        "SELECT DISTINCT user_key, 0, 'all' FROM user_days"
    )
    con.execute(
        "INSERT INTO released_audiences (purpose, dimension, item_id, people) "
        "VALUES ('research', 'everybody', 'everybody', 21), ('research', 'segment', '0', 16), "
        "('product', 'segment', '0', 11)"
    )
    for name in ("domain_features", "released_audiences"):
        write_state(con, name, State(1, "hand-made"))


def test_each_view_tells_less_than_the_one_before(
    settings: Settings, scratch_warehouse: Open, materialize: Materialize, warehouse: Query
) -> None:
    with scratch_warehouse() as con:
        fill(con, people=24)
    (event,) = materialize("reidentification").asset_materializations_for_node("reidentification")
    rows = warehouse(RATES)
    assert [row[:2] for row in rows] == [
        ("raw_hosts", 24),
        ("domains", 24),
        ("topics", 24),
        ("released_topics", 24),
        ("released_groups", 24),
    ]
    # Own hosts; domains shared by two; one topic for all; no topic released; a segment of 11 in one release.
    assert [row[2] for row in rows] == pytest.approx([1, 1 / 2, 1 / 24, 1 / 24, 1 / 11])
    assert {row[3:] for row in rows} == {(None, "2026-06-12", AS_OF)}
    assert "people re-identified, %" in event.metadata
    experiment = mlflow.get_experiment_by_name("privacy")
    assert experiment is not None
    client = mlflow.MlflowClient()
    (run, *_) = client.search_runs([experiment.experiment_id])
    assert run.info.run_id in event.metadata["MLflow run"].value
    assert run.data.metrics["raw_hosts"] == 1
    assert run.data.metrics["domains_chance"] == pytest.approx(1 / 24)
    assert "released_groups_low" not in run.data.metrics
    assert run.data.params["people"] == "24"
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {"figures", "rates.json"}
    before = warehouse("SELECT rowid, * FROM reidentification ORDER BY ALL")
    (again,) = materialize("reidentification").asset_materializations_for_node("reidentification")
    assert warehouse("SELECT rowid, * FROM reidentification ORDER BY ALL") == before
    assert again.metadata["MLflow run"].value == event.metadata["MLflow run"].value


@pytest.mark.parametrize(("people", "reason"), [(0, "there are no events"), (3, "fewer than 20 people")])
def test_few_people_have_no_rate(
    scratch_warehouse: Open, materialize: Materialize, warehouse: Query, people: int, reason: str
) -> None:
    with scratch_warehouse() as con:
        fill(con, people)
    materialize("reidentification")
    rows = warehouse(RATES)
    assert len(rows) == 5
    assert all(row[2] is None and row[3].startswith(reason) for row in rows)
    assert {row[1] for row in rows} == {people}
