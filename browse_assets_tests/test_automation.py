"""Jobs hold what they say, and the sensor asks for a training once for each drift that no training has seen."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets.assets.state import State, write_state
from browse_assets.automation import churn_drift_sensor
from browse_assets.definitions import defs
from browse_assets.settings import Settings

Scratch = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


def assets_of(job: str) -> set[str]:
    return {key.to_user_string() for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}


def test_scoring_trains_nothing_of_churn_and_retraining_only_churn() -> None:
    scoring, retraining = assets_of("churn_scoring"), assets_of("churn_retraining")
    assert {"raw_events", "user_days", "churn_snapshots", "churn_scores", "churn_drift"} <= scoring
    assert "churn_model" not in scoring
    assert {"churn_snapshots", "churn_model", "churn_scores", "churn_drift"} <= retraining
    groups = {spec.key.to_user_string(): spec.group_name for spec in defs.resolve_all_asset_specs()}
    assert retraining == {name for name, group in groups.items() if group == "churn"}


def fill(
    con: duckdb.DuckDBPyConnection,
    *,
    drifted: bool = True,
    as_of: str = "2026-05-02",
    scored: int = 2,
    trained: int = 1,
    trained_until: str = "2026-05-01",
) -> None:
    """A drift of data `scored`, after a training on data `trained`."""
    con.execute("DELETE FROM churn_drift")
    con.execute("DELETE FROM churn_model")
    for feature, psi, is_far in (("sessions", 0.5, drifted), ("probability", 0.1, False), ("tenure_days", 9.0, None)):
        con.execute(
            "INSERT INTO churn_drift (feature, psi, has_drifted, model_version, as_of) VALUES (?, ?, ?, '3', ?)",
            [feature, psi, is_far, as_of],
        )
    con.execute("INSERT INTO churn_model (model, as_of) VALUES ('dummy', ?)", [trained_until])
    write_state(con, "churn_drift", State(scored, f"drift {scored} {as_of}"))
    write_state(con, "churn_model", State(trained, "model"))


def evaluate() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return churn_drift_sensor(dg.build_sensor_context(instance=instance))


def test_drift_that_no_training_has_seen_asks_once(scratch_warehouse: Scratch) -> None:
    with scratch_warehouse() as con:
        fill(con)
    request = evaluate()
    assert isinstance(request, dg.RunRequest)
    assert request.tags == {"churn_drift": "1 drifted (sessions) from version 3"}
    assert evaluate().run_key == request.run_key  # Dagster runs a key once
    with scratch_warehouse() as con:
        fill(con, as_of="2026-05-03", scored=3)
    later = evaluate()
    assert isinstance(later, dg.RunRequest)
    assert later.run_key != request.run_key


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"drifted": False}, "No feature has drifted."),
        ({"trained": 2, "trained_until": "2026-05-02"}, "the last training saw these data"),
        ({"trained": 3, "trained_until": "2026-05-04"}, "the last training saw these data"),
    ],
)
def test_no_training_without_need(state: dict[str, Any], said: str, scratch_warehouse: Scratch) -> None:
    with scratch_warehouse() as con:
        fill(con, **state)
    skipped = evaluate()
    assert isinstance(skipped, dg.SkipReason)
    assert said in str(skipped.skip_message)


def test_late_files_count_as_new_data(scratch_warehouse: Scratch) -> None:
    """Of the same days as the training's, but read after it."""
    with scratch_warehouse() as con:
        fill(con, as_of="2026-05-01", scored=2, trained=1, trained_until="2026-05-01")
    assert isinstance(evaluate(), dg.RunRequest)


def test_what_cannot_be_read_is_not_no_drift(settings: Settings, scratch_warehouse: Scratch) -> None:
    assert "not known: there is no warehouse yet" in str(evaluate().skip_message)
    settings.data_dir.mkdir(exist_ok=True)
    with duckdb.connect(str(settings.warehouse_path)) as con:
        con.execute("CREATE TABLE other (a INTEGER)")
        # Another connection of this process to the file, in another mode, is refused as a lock would be.
        assert "not known: the warehouse is in use" in str(evaluate().skip_message)
    assert "not known: churn_drift was never made" in str(evaluate().skip_message)
    with scratch_warehouse() as con:
        fill(con)
    assert isinstance(evaluate(), dg.RunRequest)


def test_the_sensor_is_on_from_the_start() -> None:
    assert churn_drift_sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert churn_drift_sensor.job_name == "churn_retraining"
