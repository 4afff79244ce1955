"""The benchmark of churn's training runs the asset itself, on snapshots that are what they say they are."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from browse_assets.analysis.churn_windows import plan_windows
from browse_assets_tests.bench.measure import StageFailedError
from browse_assets_tests.bench.snapshots import ATTRIBUTES, FEATURES, TIMES, snapshot_blocks, snapshot_plan
from browse_assets_tests.bench.training import Meter, Stage, TrainingUsage, measure_training, read_usage, training_table

ROWS = 2_000


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return pd.concat(list(snapshot_blocks(4 * ROWS)), ignore_index=True)


def test_snapshots_are_of_forty_features_at_several_times_and_one_in_ten_leaves(rows: pd.DataFrame) -> None:
    assert len(FEATURES) + len(ATTRIBUTES) == 40
    assert len(rows) == 4 * ROWS
    assert not rows.duplicated(["user", "snapshot_time"]).any()
    assert tuple(sorted(rows["snapshot_time"].unique())) == snapshot_plan().snapshot_times
    assert len(snapshot_plan().snapshot_times) == TIMES
    assert 0.08 < rows["churned"].mean() < 0.15
    assert rows[["gap_mean_days", "channel", "credit"]].isna().mean().between(0.05, 0.25).all()
    assert (rows["history_days"] <= rows["tenure_days"] - rows["days_since_last"] + 1).all()


def test_the_same_seed_gives_the_same_rows(rows: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(pd.concat(list(snapshot_blocks(4 * ROWS)), ignore_index=True), rows)
    assert not rows.equals(pd.concat(list(snapshot_blocks(4 * ROWS, seed=1)), ignore_index=True))


def test_the_plan_is_that_of_the_asset() -> None:
    plan = snapshot_plan()
    first_day = plan.snapshot_times[0] - pd.Timedelta(days=plan.window_days)
    assert plan_windows(first_day, plan.as_of) == plan
    assert len(plan.train_times) == TIMES - 1


def test_stages_within_others_are_counted_there_and_alone() -> None:
    meter = Meter()
    inner = meter.wrap("tune", lambda name: name)
    with meter.stage("all"):
        assert [inner(name) for name in ("tree", "tree", "forest")] == ["tree", "tree", "forest"]
    assert {path: stage.calls for path, stage in meter.stages.items()} == {
        "all": 1,
        "all/tune tree": 2,
        "all/tune forest": 1,
    }
    assert all(0 <= stage.wall <= meter.stages["all"].wall for stage in meter.stages.values())
    assert all(stage.peak_bytes > 0 for stage in meter.stages.values())


def test_the_table_shows_stages_below_those_that_they_are_within() -> None:
    stages = {"all": Stage(1, 9.0, 8.0, 2_000_000), "all/b": Stage(), "all/c": Stage(), "all/b/a": Stage()}
    usage = TrainingUsage(1_000, 40, 0.1, 9.0, 8.0, 2_000_000, {"dummy": 0.5}, stages)
    lines = training_table(usage)
    assert "1,000 snapshots x 40 features, 10.0% left" in lines[0]
    assert [line[:10].rstrip() for line in lines[-4:]] == ["all", "  b", "    a", "  c"]


# Three candidates and few permutations: the others are trained alike, and take 100 CPU s whatever the rows.
QUICK = """
import sys
from browse_assets.analysis import churn, churn_audit
from browse_assets_tests.bench.training import main

churn.train_churn.__wrapped__.__kwdefaults__["candidates"] = ("dummy", "one_rule", "logistic_regression")
churn_audit.PERMUTATIONS = 2
main(*sys.argv[1:])
"""


def test_the_asset_is_trained_as_it_is(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", QUICK, str(ROWS), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    usage = read_usage(tmp_path)
    assert (usage.rows, usage.features) == (ROWS, 40)
    assert set(usage.models) == {"dummy", "one_rule", "logistic_regression", "repeat_visits"}
    within = "fit logistic_regression"
    assert {
        *("churn_model/read", "churn_model/tune logistic_regression", f"churn_model/{within}"),
        *(f"churn_model/random split/{within}", f"churn_model/disjoint people/{within}", "churn_model/intervals"),
        *("churn_model/log/log candidates", "churn_model/log/Shapley values"),
    } <= set(usage.stages)
    assert usage.stages["churn_model/log/log candidates"].calls == len(usage.models)
    assert usage.stages[f"churn_model/disjoint people/{within}"].calls == 3
    assert usage.cpu > 0


def test_a_training_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(StageFailedError, match="invalid literal"):
        measure_training("none", tmp_path)  # type: ignore[arg-type]
