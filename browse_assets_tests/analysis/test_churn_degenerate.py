"""Churn on data that hardly are any: a clear result or message, never a crash or a model that means nothing."""

import warnings

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn_tuning
from browse_assets.analysis.churn import ChurnTraining, train_churn
from browse_assets.analysis.churn_candidates import CANDIDATES, churn_probability
from browse_assets.analysis.churn_features import feature_frame

DAY = pd.Timestamp("2026-10-01")


def _customers(people: int, seed: int = 3) -> pd.DataFrame:
    """Every third one leaves, whatever else is known of them."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user_key": [f"person-{i:04d}" for i in range(people)],
            "snapshot_time": DAY,
            "eligible": True,
            "churned": pd.array(np.arange(people) % 3 == 0, "boolean"),
            "age": rng.normal(40, 10, people),
            "plan": rng.choice(["basic", "plus"], people),
            "constant": 7.0,
            "same": "all",
            "missing": np.nan,
            "nothing": pd.Series([None] * people, dtype=object),
        }
    )


QUICK = ("dummy", "one_rule", "logistic_regression", "decision_tree")
FEATURES = ("age", "plan", "constant", "same", "missing", "nothing")


@pytest.mark.parametrize("people", [0, 1, 3, 29])
def test_a_handful_of_people_is_not_enough(people: int) -> None:
    found = train_churn(_customers(people), plan=None, features=FEATURES)
    assert (found.status, found.best, len(found.table)) == ("not_enough_history", None, 0)
    assert "at least 10 of each are needed" in found.reason


@pytest.mark.parametrize("outcome", [True, False])
def test_one_outcome_is_not_enough(outcome: bool) -> None:
    found = train_churn(_customers(300).assign(churned=outcome), plan=None, features=FEATURES)
    assert found.status == "not_enough_history"
    assert f"hold {225 if outcome else 0} people who left" in found.reason


@pytest.mark.parametrize("features", [(), ("constant",), ("constant", "same", "missing", "nothing")])
def test_features_that_never_vary_are_no_features(features: tuple[str, ...]) -> None:
    found = train_churn(_customers(300), plan=None, features=features)
    assert found.status == "not_enough_history"
    assert found.reason == f"none of the {len(features)} features varies among the people to learn from"


def test_columns_without_content_do_no_harm_and_make_no_noise() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = train_churn(_customers(300), plan=None, features=FEATURES, candidates=QUICK)
    assert found.status == "trained"
    with_content = train_churn(_customers(300), plan=None, features=("age", "plan"), candidates=QUICK)
    pd.testing.assert_frame_equal(found.table, with_content.table)


def test_ten_thousand_columns_of_noise_train_and_promise_nothing() -> None:
    people = _customers(240)
    noise = np.random.default_rng(9).normal(size=(240, 10_000))
    names = [f"noise_{i}" for i in range(10_000)]
    wide = pd.concat([people, pd.DataFrame(noise, columns=names)], axis=1)
    found = train_churn(wide, plan=None, features=names, candidates=QUICK)
    assert found.status == "trained"
    assert len(found.importances.groupby("model").size().unique()) == 1
    auc = found.table.set_index("model")["roc_auc"]
    assert auc.between(0.25, 0.75).all()


@pytest.fixture(scope="module")
def trained() -> ChurnTraining:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(churn_tuning, "TRIALS", dict.fromkeys(churn_tuning.TRIALS, 1))
        return train_churn(_customers(300), plan=None, features=("age", "plan"))


@pytest.mark.parametrize("name", CANDIDATES)
def test_somebody_of_whom_nothing_is_known_gets_a_probability(name: str, trained: ChurnTraining) -> None:
    unknown = pd.DataFrame({"age": [None, np.inf], "plan": [None, "never seen"]})
    p = churn_probability(trained.estimators[name], feature_frame(unknown, ("age", "plan")))
    assert ((p > 0) & (p < 1)).all()
