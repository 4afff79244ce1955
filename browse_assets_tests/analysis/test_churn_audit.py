"""The audit of churn: clean data pass every test of it, and each planted leak fails the test that is there for it."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from browse_assets.analysis import churn_audit
from browse_assets.analysis.churn import ChurnTraining
from browse_assets.analysis.churn_audit import (
    COVERAGE,
    FUTURE,
    IDENTIFIERS,
    INJECTED,
    PERMUTED,
    SINGLE,
    audit_churn,
    audit_passed,
)

T0 = pd.Timestamp("2026-03-01")
FEATURES = ("pause", "visits", "plan")
RNG = np.random.default_rng(4)
PEOPLE = 240
PAUSE = RNG.exponential(3, 2 * PEOPLE)
Y = (RNG.random(2 * PEOPLE) < 1 / (1 + np.exp(1 - 1.2 * (PAUSE - 3)))).astype(int)


def _snapshots() -> pd.DataFrame:
    """Two times; a long pause foretells churn, the plan and all else say nothing. Ordered by key, as stored."""
    people = np.array([f"{value:032x}" for value in RNG.permutation(10**6)[:PEOPLE]])
    frame = pd.DataFrame(
        {
            "user_key": np.tile(people, 2),
            "snapshot_time": np.repeat([T0 - pd.Timedelta(days=37), T0], PEOPLE),
            "eligible": True,
            "churned": pd.array(Y == 1, "boolean"),
            "pause": PAUSE,
            "visits": RNG.poisson(20, 2 * PEOPLE).astype(float),
            "plan": RNG.choice(["basic", "plus", "family"], 2 * PEOPLE),
            "tenure_days": RNG.integers(100, 200, 2 * PEOPLE).astype(float),
            "hole_days": 0.0,
        }
    )
    frame["latest_feature_time"] = frame["snapshot_time"] - pd.to_timedelta(PAUSE, "D")
    return frame.sort_values(["user_key", "snapshot_time"], ignore_index=True)


SNAPSHOTS = _snapshots()


class OnNumbers(ClassifierMixin, BaseEstimator):
    """A model of the columns that are numbers."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, x: pd.DataFrame, y: Any) -> "OnNumbers":
        """Fit the model to what it is given."""
        self.classes_ = np.array([0, 1])
        self.fitted_ = self.model.fit(x.select_dtypes("number"), y)
        return self

    def predict_proba(self, x: pd.DataFrame) -> Any:
        """As the model says."""
        return self.fitted_.predict_proba(x.select_dtypes("number"))


class FitsOnTheTest(OnNumbers):
    """A pipeline that has seen the outcomes of the test: it adds them to whatever it is given."""

    def fit(self, x: pd.DataFrame, y: Any) -> "FitsOnTheTest":
        """Fit to the rows and to those of the test."""
        test = SNAPSHOTS[SNAPSHOTS["snapshot_time"] == T0]
        more, labels = test[list(FEATURES)], test["churned"].astype(int)
        super().fit(pd.concat([x, more]), np.concatenate([y, labels]))
        return self


def _training(snapshots: pd.DataFrame = SNAPSHOTS, tree: Any = None) -> ChurnTraining:
    """As `train_churn` would give it, of two plain models."""
    is_test = (snapshots["snapshot_time"] == T0).to_numpy()
    outcome = snapshots["churned"].astype(float)
    features = tuple(name for name in snapshots.columns if name in (*FEATURES, "planted"))
    return ChurnTraining(
        status="trained",
        reason="",
        best="decision_tree",
        features=features,
        estimators={
            "logistic_regression": OnNumbers(LogisticRegression()),
            "decision_tree": tree or OnNumbers(DecisionTreeClassifier(min_samples_leaf=20, random_state=1)),
        },
        train=snapshots.loc[~is_test, list(features)].assign(churned=outcome[~is_test]).reset_index(drop=True),
        test=snapshots.loc[is_test, list(features)].reset_index(drop=True),
        predictions=pd.DataFrame({"user_key": snapshots["user_key"][is_test], "churned": outcome[is_test].astype(int)}),
    )


@pytest.fixture(autouse=True)
def plain_estimators(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models above are not calibrated: there is no pipeline to take out of them."""
    monkeypatch.setattr(churn_audit, "fitted_pipeline", lambda estimator: estimator)


def _features(snapshots: pd.DataFrame = SNAPSHOTS) -> pd.DataFrame:
    return snapshots[["user_key", "snapshot_time", *FEATURES]].head(20)


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(churn_audit, "fitted_pipeline", lambda estimator: estimator)
        return audit_churn(_training(), SNAPSHOTS, futures=[(_features(), _features().sample(frac=1, random_state=1))])


def _of(frame: pd.DataFrame, test: str) -> pd.DataFrame:
    found = frame[frame["test"] == test].reset_index(drop=True)
    assert len(found)
    return found


def test_clean_data_pass_every_test(clean: pd.DataFrame) -> None:
    assert clean.columns.tolist() == list(churn_audit.COLUMNS)
    assert clean["test"].tolist() == [FUTURE, INJECTED, PERMUTED, PERMUTED, IDENTIFIERS, SINGLE, COVERAGE]
    assert clean["passed"].tolist() == [True] * 7
    assert audit_passed(clean)
    assert _of(clean, PERMUTED)["subject"].tolist() == ["logistic_regression", "decision_tree"]
    permuted = _of(clean, PERMUTED)
    assert permuted["value"].between(0.48, 0.52).all()
    assert (permuted["low"] < 0.5).all()
    assert (permuted["high"] > 0.5).all()
    single = _of(clean, SINGLE).loc[0]
    assert single["subject"] == "pause"
    assert 0.6 < single["low"] < single["value"] < min(0.95, single["high"])
    assert clean["detail"].str.len().min() > 10


def test_the_audit_is_the_same_each_time(clean: pd.DataFrame) -> None:
    again = audit_churn(_training(), SNAPSHOTS, futures=[(_features(), _features())])
    pd.testing.assert_frame_equal(again, clean, check_exact=True)


def test_a_feature_from_after_the_snapshot_fails() -> None:
    late = SNAPSHOTS.copy()
    late.loc[7, "latest_feature_time"] = late.loc[7, "snapshot_time"] + pd.Timedelta(seconds=1)
    found = audit_churn(_training(late), late)
    row = _of(found, FUTURE).loc[0]
    assert not row["passed"]
    assert row["value"] == pytest.approx(1 / 86400)
    assert "1 of 480 snapshots" in row["detail"]
    assert not audit_passed(found)


def test_a_feature_at_the_snapshot_is_in_time() -> None:
    sharp = SNAPSHOTS.assign(latest_feature_time=SNAPSHOTS["snapshot_time"])
    assert churn_audit._future_features(sharp)["passed"]


@pytest.mark.parametrize(
    ("changes", "value", "names"),
    [
        ({"visits": 1e-9}, 1.0, "visits"),
        ({"visits": np.nan}, 1.0, "visits"),
        ({"plan": "other", "pause": 5.0}, 2.0, "pause, plan"),
    ],
)
def test_a_feature_that_the_future_changes_fails(changes: dict[str, Any], value: float, names: str) -> None:
    false = _features().copy()
    for name, other in changes.items():
        false.loc[3, name] = other
    row = churn_audit._false_future([(_features(), _features()), (_features(), false)])
    assert (row["passed"], row["value"]) == (False, value)
    assert row["detail"].endswith(f": {names}")


def test_unknown_stays_unknown_and_people_who_vanish_are_changes() -> None:
    unknown = _features().assign(visits=np.nan, plan=None)
    assert churn_audit._false_future([(unknown, unknown.copy())])["passed"]
    row = churn_audit._false_future([(_features(), _features().head(19))])
    assert (row["passed"], row["value"]) == (False, 3.0)


@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(random_state=1)])
def test_a_pipeline_that_saw_the_test_fails(model: Any) -> None:
    training = _training(tree=FitsOnTheTest(model))
    rows = [churn_audit._permuted_labels(training, name, 1) for name in ("logistic_regression", "decision_tree")]
    assert [row["passed"] for row in rows] == [True, False]
    assert rows[1]["value"] > 0.6


def test_more_rows_than_needed_are_drawn_with_enough_of_either_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.array([0] * 5000 + [1] * 12)
    drawn = churn_audit._sample(y, np.random.default_rng(1))
    assert (len(drawn), y[drawn].sum()) == (2005 + 5, 10) or (y[drawn].sum() == 10 and len(drawn) <= 2010)
    assert len(np.unique(drawn)) == len(drawn)
    monkeypatch.setattr(churn_audit, "ROWS", 100)
    assert churn_audit._permuted_labels(_training(), "logistic_regression", 1)["passed"]


def _planted(kind: str) -> pd.DataFrame:
    """Features that hold the outcome, in the ways that numbers and texts can."""
    churned = SNAPSHOTS["churned"].to_numpy(dtype=float)
    noise = np.random.default_rng(9).normal(size=len(SNAPSHOTS))
    columns: dict[str, Any] = {
        "rises": churned * 4 + noise,
        "falls": -churned * 4 - noise,
        "missing": np.where(churned == 1, np.nan, noise),
        "in the middle": np.where(churned == 1, 0.1 * noise, np.sign(noise) * (1 + np.abs(noise))),
        "text": pd.Series(np.where(churned == 1, "closed", "open"), dtype="str"),
        "missing text": pd.Series(np.where(churned == 1, None, "open"), dtype="str"),
    }
    return SNAPSHOTS.assign(planted=columns[kind])


@pytest.mark.parametrize("kind", ["rises", "falls", "missing", "in the middle", "text", "missing text"])
def test_a_feature_that_tells_all_is_named(kind: str) -> None:
    rows = churn_audit._single_features(_training(_planted(kind)), 1)
    assert [(row["subject"], row["passed"]) for row in rows] == [("planted", False)]
    assert rows[0]["value"] > 0.95


def test_a_text_of_its_own_for_everybody_tells_nothing() -> None:
    """Its share who left would tell all if people counted for themselves."""
    own = SNAPSHOTS.assign(planted=[f"person {i}" for i in range(len(SNAPSHOTS))])
    training = _training(own)
    assert [row["subject"] for row in churn_audit._single_features(training, 1)] == ["pause"]
    alone = replace(training, features=("planted",))
    assert churn_audit._single_features(alone, 1)[0]["value"] == pytest.approx(0.5, abs=0.1)


def test_warnings_do_not_fail_the_audit() -> None:
    found = audit_churn(_training(_planted("rises")), _planted("rises"))
    assert not _of(found, SINGLE)["passed"].any()
    assert audit_passed(found)


@pytest.mark.parametrize("leak", ["order", "key"])
def test_identifiers_that_tell_fail(leak: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows stored in the order of their outcome, or keys given out in it."""
    monkeypatch.setattr(churn_audit, "PERMUTATIONS", 9)
    sorted_rows = SNAPSHOTS.sort_values(["churned", "pause"], ignore_index=True)
    if leak == "key":
        keys = [f"{i:032x}" for i in range(len(sorted_rows))]
        sorted_rows = sorted_rows.assign(user_key=keys).sample(frac=1, random_state=2)
    labelled = churn_audit._latest_labelled(sorted_rows)
    assert labelled["user_key"].is_unique
    row = churn_audit._alone(IDENTIFIERS, labelled, churn_audit._identifiers(labelled), 1, by_chance=0.5)
    assert not row["passed"]
    assert row["low"] > 0.9
    assert row["detail"].endswith("none of 9 permuted outcomes told as well")


def test_keys_that_tell_by_chance_are_no_leak() -> None:
    """Random keys of 120 people of whom 12 leave: permuted outcomes are told as well as theirs."""
    rng = np.random.default_rng(4)
    churned = rng.permutation(np.arange(120) < 12)
    labelled = pd.DataFrame({"user_key": [rng.bytes(16).hex() for _ in churned], "churned": churned})
    labelled["position"] = labelled["user_key"].rank()
    row = churn_audit._alone(IDENTIFIERS, labelled, churn_audit._identifiers(labelled), 1, by_chance=0.1)
    assert row["low"] > 0.1
    assert row["passed"]
    assert "the last of" in row["detail"]


def test_coverage_that_tells_is_a_warning() -> None:
    late = SNAPSHOTS.assign(tenure_days=np.where(SNAPSHOTS["churned"].astype(bool), 20.0, 90.0) + SNAPSHOTS["visits"])
    found = audit_churn(_training(late), late)
    row = _of(found, COVERAGE).loc[0]
    assert (row["passed"], row["value"] > 0.9) == (False, True)
    assert "tenure_days" in row["detail"]
    assert "hole_days" not in row["detail"]  # the same for all
    assert audit_passed(found)


def test_what_cannot_be_tried_is_unknown_not_passed() -> None:
    """Rows of one time without any date: customers and labels alone."""
    bare = SNAPSHOTS.drop(columns=["latest_feature_time", "tenure_days", "hole_days"])
    found = audit_churn(_training(bare), bare).set_index("test")
    for test in (FUTURE, INJECTED, COVERAGE):
        assert found.loc[test, "passed"] is pd.NA
        assert np.isnan(found.loc[test, "value"])
    assert audit_passed(found.reset_index())


def test_no_training_no_audit() -> None:
    found = audit_churn(ChurnTraining(status="not_enough_history", reason="too short"), SNAPSHOTS.head(0))
    assert found.empty
    assert found.columns.tolist() == list(churn_audit.COLUMNS)
    assert not audit_passed(found)


def test_few_people_are_no_reason_to_fail() -> None:
    few = SNAPSHOTS.groupby(["snapshot_time", "churned"]).head(10)
    found = audit_churn(_training(few), few)
    assert len(found) >= 7
    assert audit_passed(found)
