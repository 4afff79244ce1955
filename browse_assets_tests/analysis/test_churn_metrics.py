"""What a training says beside its metrics: profit, differences to logistic regression, the random split."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis.churn import ChurnTraining, train_churn
from browse_assets.analysis.churn_windows import plan_windows
from browse_assets.analysis.evaluation import METRICS, NOBODY, OutcomeValues, best_threshold

CANDIDATES = ("dummy", "logistic_regression", "decision_tree")
FEATURES = ("pause", "noise")
PLAN = plan_windows(pd.Timestamp("2026-01-01"), pd.Timestamp("2026-08-01"))
PEOPLE = 200


def _snapshots() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    rows = PEOPLE * len(PLAN.snapshot_times)
    pause = rng.exponential(3, rows)
    return pd.DataFrame(
        {
            "user_key": [f"person-{i:04d}" for i in range(PEOPLE)] * len(PLAN.snapshot_times),
            "snapshot_time": np.repeat(PLAN.snapshot_times, PEOPLE),
            "eligible": True,
            "churned": pd.array(rng.random(rows) < 1 / (1 + np.exp(0.5 - 0.8 * (pause - 3))), "boolean"),
            "pause": pause,
            "noise": rng.normal(size=rows),
        }
    )


def _trained(values: OutcomeValues | None) -> ChurnTraining:
    return train_churn(_snapshots(), plan=PLAN, features=FEATURES, values=values, candidates=CANDIDATES)


@pytest.fixture(scope="module")
def by_profit() -> ChurnTraining:
    return _trained(OutcomeValues(true_positive=40, false_positive=-5, false_negative=0, true_negative=0))


def test_with_values_profit_is_told_and_sets_the_threshold(by_profit: ChurnTraining) -> None:
    table = by_profit.table.set_index("model")
    assert by_profit.threshold_by == "profit"
    assert (table["profit_low"] <= table["profit"]).all()
    assert (table["profit"] <= table["profit_high"]).all()
    called = by_profit.predictions["logistic_regression"] >= table.loc["logistic_regression", "threshold"]
    worth = np.where(called, np.where(by_profit.predictions["churned"] == 1, 40, -5), 0).mean()
    assert table.loc["logistic_regression", "profit"] == pytest.approx(worth)
    assert worth > 0


def test_without_values_the_highest_f1_does() -> None:
    found = _trained(None)
    assert (found.threshold_by, found.values) == ("f1", None)
    assert found.table["profit"].isna().all()
    assert (found.table["threshold"] < NOBODY).all()


def test_calls_that_cost_more_than_they_bring_are_not_made() -> None:
    found = _trained(OutcomeValues(true_positive=1, false_positive=-1000, false_negative=0, true_negative=0))
    table = found.table.set_index("model")
    assert table.loc["dummy", "threshold"] == NOBODY
    assert table.loc["dummy", "profit"] == 0
    assert best_threshold([0, 1], [0.9, 0.8], found.values) == NOBODY


def test_differences_are_to_logistic_regression(by_profit: ChurnTraining) -> None:
    found, table = by_profit.differences, by_profit.table.set_index("model")
    assert set(zip(found["model"], found["metric"], strict=True)) == {(m, k) for m in table.index for k in METRICS}
    for row in found.itertuples():
        expected = table.loc[row.model, row.metric] - table.loc["logistic_regression", row.metric]
        assert row.difference == pytest.approx(expected, nan_ok=True)
    own = table.loc["logistic_regression"]
    for metric in ("roc_auc", "log_loss"):
        assert (own[[f"{metric}_difference{end}" for end in ("", "_low", "_high")]] == 0).all()
        low, high = table[f"{metric}_difference_low"], table[f"{metric}_difference_high"]
        assert table[f"{metric}_difference"].between(low, high).all()
    assert table.loc["dummy", "roc_auc_difference_high"] < 0


def test_a_random_split_is_told_for_models_over_time_only(by_profit: ChurnTraining) -> None:
    table = by_profit.table.set_index("model")["random_split_roc_auc"]
    assert np.isnan(table["dummy"])
    assert table.drop("dummy").to_dict() == by_profit.random_split_auc
    latest = _snapshots().query("snapshot_time == snapshot_time.max()")
    people = train_churn(latest, plan=None, features=FEATURES, candidates=CANDIDATES)
    assert (people.status, people.split, people.random_split_auc) == ("trained", "people", {})
    assert people.table["random_split_roc_auc"].isna().all()
