"""The ablation beside churn's training in MLflow: made once, read back, and said with its noise."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import duckdb
import numpy as np
import pandas as pd
import pytest

from browse_assets.assets.state import State, write_state
from browse_assets.notebook import accuracy
from browse_assets.notebook.installation import Installation
from browse_assets.notebook.runs import churn_ablation
from browse_assets.resources import ExperimentTracker
from browse_assets.settings import Settings

PEOPLE = 200
Opened = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


def labelled_people() -> pd.DataFrame:
    """People of one time with a label; who left had longer pauses."""
    rng = np.random.default_rng(3)
    gap = rng.exponential(3, PEOPLE)
    return pd.DataFrame(
        {
            "user_key": [uuid.UUID(int=i) for i in range(PEOPLE)],
            "snapshot_time": pd.Timestamp("2026-05-01"),
            "eligible": True,
            "churned": rng.random(PEOPLE) < 1 / (1 + np.exp(3 - gap)),
            "label_source": "given",
            "gap_mean_days": gap,
            "transactions": rng.poisson(3, PEOPLE).astype(float),
        }
    )


@pytest.fixture
def panel(settings: Settings, scratch_warehouse: Opened) -> Installation:
    """With a training in MLflow that logged nothing but itself."""
    with ExperimentTracker().training_run("churn", "churn", {"reason": "made up"}) as run:
        training = f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"
    with scratch_warehouse() as con:
        con.register("rows", labelled_people())
        con.execute("INSERT INTO churn_snapshots BY NAME SELECT * FROM rows")
        con.execute("INSERT INTO user_days (user_key, day) SELECT user_key, DATE '2026-04-30' FROM rows")
        con.execute("INSERT INTO churn_model (model) VALUES ('logistic_regression')")
        write_state(con, "churn_model", State(1, "x", training))
    return Installation(settings, "test", is_own=True)


def test_the_ablation_is_made_once_and_read_back(panel: Installation) -> None:
    runs, params = churn_ablation(panel)
    assert list(runs["name"])[:3] == ["all features", "not calibrated", "threshold 0.5"]
    again, _ = churn_ablation(panel)
    assert list(again["run_id"]) == list(runs["run_id"])
    answer = accuracy.ablation(panel)
    table = answer.table.set_index("variant")
    logged = ExperimentTracker().client().get_run(runs["run_id"].iloc[3]).data.metrics
    assert table["log loss"].iloc[3] == logged["log_loss"]
    assert table.loc["all features", "verdict"] == "compared with"
    assert table.loc["without rhythm", "verdict"] == "surely worse"
    assert table.loc["without transactions", "verdict"] in ("within noise", "surely better")
    assert table.loc["threshold 0.5", "verdict"].startswith("F1 ")
    assert f"tested on its {int(params['people'])} people" in answer.words
    assert "without rhythm" in answer.words.split("surely worse so: ")[1]


def test_an_installation_that_is_only_read_gets_no_run(panel: Installation) -> None:
    read_only = Installation(panel.settings, "test", is_own=False)
    runs, _ = churn_ablation(read_only)
    assert not len(runs)
    assert "only read" in accuracy.ablation(read_only).words
    assert "made up" in accuracy.candidates(read_only).words  # the reason that the training gives


def test_verdicts_say_noise_where_zero_is_inside() -> None:
    def verdict(low: float, high: float) -> str:
        return accuracy._verdict({"d_low": low, "d_high": high}, "d")

    assert verdict(-0.1, 0.1) == "within noise"
    assert verdict(-0.1, 0.0) == "within noise"
    assert verdict(0.01, 0.1) == "surely worse"
    assert verdict(-0.2, -0.1) == "surely better"
    assert verdict(0.0, 0.0) == "compared with"
    assert verdict(float("nan"), float("nan")) == "not known"
