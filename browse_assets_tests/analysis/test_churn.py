"""Churn: planted signal is promoted, noise is not, little data is a result; nobody is seen twice."""

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn, churn_division, churn_fits, churn_tuning
from browse_assets.analysis.churn import ChurnTraining, train_churn
from browse_assets.analysis.churn_candidates import (
    CANDIDATES,
    FOREST,
    MODELS,
    STACK,
    churn_probability,
    new_pipeline,
)
from browse_assets.analysis.churn_division import labelled_rows
from browse_assets.analysis.churn_fits import Fits, person_disjoint_auc_of
from browse_assets.analysis.churn_scores import score_people
from browse_assets.analysis.churn_tuning import Tuned
from browse_assets.analysis.churn_windows import WindowPlan, plan_windows
from browse_assets.analysis.evaluation import METRICS

QUICK = ("dummy", "one_rule", "logistic_regression", "decision_tree")
FEATURES = ("days_since_last", "sessions", "gap_mean_days", "noise")
AS_OF = pd.Timestamp("2026-10-01")


def _plan(train_snapshots: int = 3) -> WindowPlan:
    days = 164 + 30 * (train_snapshots - 1)
    return plan_windows(AS_OF - pd.Timedelta(days=days), AS_OF)


def _snapshots(plan: WindowPlan, signal: float, people: int = 200, seed: int = 1) -> pd.DataFrame:
    """Odds of leaving grow with a long pause between visits, not with days since the last one."""
    rng = np.random.default_rng(seed)
    frames = []
    for t0 in plan.snapshot_times:
        gap = rng.exponential(3, people)
        odds = -1.0 + signal * (gap - 3)
        frames.append(
            pd.DataFrame(
                {
                    "user_key": [f"person-{i:04d}" for i in range(people)],
                    "snapshot_time": t0,
                    "eligible": True,
                    "reason": None,
                    "churned": pd.array(rng.random(people) < 1 / (1 + np.exp(-odds)), "boolean"),
                    "days_since_last": rng.exponential(4, people),
                    "sessions": rng.poisson(20, people),
                    "gap_mean_days": np.where(rng.random(people) < 0.05, np.nan, gap),
                    "noise": rng.normal(size=people),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module", autouse=True)
def _few_trials() -> Iterator[None]:
    """Tuning has tests of its own: here the defaults and one more are tried."""
    with pytest.MonkeyPatch.context() as patch:
        for name in churn_tuning.TRIALS:
            patch.setitem(churn_tuning.TRIALS, name, 2)
        patch.setitem(churn_tuning.DEFAULTS[FOREST], "n_estimators", 30)
        yield


@pytest.fixture(scope="module")
def planted() -> pd.DataFrame:
    return _snapshots(_plan(), signal=1.2)


@pytest.fixture(scope="module")
def trained(planted: pd.DataFrame) -> ChurnTraining:
    return train_churn(planted, plan=_plan(), features=FEATURES)


@pytest.fixture(scope="module")
def quick(planted: pd.DataFrame) -> ChurnTraining:
    return train_churn(planted, plan=_plan(), features=FEATURES, candidates=QUICK)


def test_planted_signal_is_found(trained: ChurnTraining) -> None:
    assert (trained.status, trained.split, trained.reason) == ("trained", "time", "")
    assert trained.best in (*MODELS, STACK)
    table = trained.table.set_index("model")
    assert [name for name in table.index if name != STACK] == list(CANDIDATES)
    best = table.loc[trained.best]
    assert best["tuning_log_loss"] == table["tuning_log_loss"].min()
    assert table.index[table["is_challenger"]].tolist() == [trained.best]
    assert best["roc_auc"] > 0.8
    assert table.loc["dummy", "roc_auc"] == 0.5
    assert table.loc["dummy", "lift_10"] == pytest.approx(1)
    assert table["profit"].isna().all()  # no values are configured
    for metric in set(METRICS) - {"profit"}:
        assert (table[f"{metric}_low"] <= table[f"{metric}_high"]).all() or metric == "precision"  # of calling nobody
    assert (table["log_loss"].between(table["log_loss_low"], table["log_loss_high"])).all()
    assert (table["people"] == 200).all()


def test_the_feature_that_matters_is_found(trained: ChurnTraining) -> None:
    top = trained.importances.sort_values("importance").groupby("model").last()
    assert (top["feature"] == "gap_mean_days").all()
    assert set(top.index) - {STACK} == set(MODELS)
    assert set(trained.random_split_auc) - {STACK} == set(MODELS)


def test_a_model_that_only_remembers_people_is_found_out() -> None:
    """What a person did before is all that tells: a tree down to single rows knows people again, but no others."""
    plan = _plan(3)
    frame = _snapshots(plan, signal=0.0, people=150)
    rng = np.random.default_rng(5)
    people = pd.Index(sorted(set(frame["user_key"])))
    frame["noise"] = frame["user_key"].map(pd.Series(rng.permutation(150), index=people)).astype(float)
    frame["churned"] = frame["user_key"].map(pd.Series(rng.random(150) < 0.4, index=people)).astype("boolean")
    rows = labelled_rows(frame, ["noise"])
    train, test = churn_division.train_and_test(rows, plan)
    tree = new_pipeline("decision_tree", {}, seed=1).fit(rows.x.iloc[train], rows.y[train])
    assert (churn_probability(tree, rows.x.iloc[test]) == rows.y[test]).all()
    tuned = {"decision_tree": Tuned({}, 0.0)}
    disjoint = person_disjoint_auc_of(Fits(rows, tuned, 1, None, 1), train, test)
    assert 0.35 < disjoint["decision_tree"] < 0.65


def test_two_trainings_are_equal_to_the_bit_whatever_the_order_of_rows(
    planted: pd.DataFrame, quick: ChurnTraining
) -> None:
    again = train_churn(planted.sample(frac=1, random_state=3), plan=_plan(), features=FEATURES, candidates=QUICK)
    _assert_same(again, quick)


def test_candidates_side_by_side_are_those_of_one_after_the_other(
    planted: pd.DataFrame, quick: ChurnTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(churn, "SIDE_BY_SIDE_ROWS", 0)
    again = train_churn(planted, plan=_plan(), features=FEATURES, candidates=QUICK, workers=2)
    _assert_same(again, quick)
    assert list(again.estimators) == list(quick.estimators)
    assert again.person_disjoint_auc == quick.person_disjoint_auc


def test_of_very_many_rows_people_are_drawn_whole(planted: pd.DataFrame) -> None:
    rows = labelled_rows(planted, FEATURES)
    among = np.flatnonzero(rows.time.to_numpy() != rows.time.max())
    assert churn_fits.of_people(rows, among, len(among), 1) is among
    drawn = churn_fits.of_people(rows, among, len(among) // 2, 1)
    assert set(drawn) < set(among)
    assert 0.3 * len(among) < len(drawn) < 0.7 * len(among)
    people = set(rows.user_key.iloc[drawn])
    assert len(drawn) == rows.user_key.iloc[among].isin(people).sum()


def test_who_has_which_key_changes_nothing(planted: pd.DataFrame, quick: ChurnTraining) -> None:
    other = {key: f"{place * 7919 % 200:04d}" for place, key in enumerate(sorted(set(planted["user_key"])))}
    again = train_churn(
        planted.assign(user_key=planted["user_key"].map(other)), plan=_plan(), features=FEATURES, candidates=QUICK
    )
    assert again.predictions["user_key"].tolist() == [other[key] for key in quick.predictions["user_key"]]
    _assert_same(replace(again, predictions=quick.predictions), quick)


def _assert_same(again: ChurnTraining, quick: ChurnTraining) -> None:
    for name in ("table", "predictions", "importances", "test", "train"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(quick, name), check_exact=True)
    assert again.random_split_auc == quick.random_split_auc


def test_test_rows_are_seen_by_no_step_before(planted: pd.DataFrame, quick: ChurnTraining) -> None:
    changed = planted.copy()
    is_test = changed["snapshot_time"] == _plan().test_time
    changed.loc[is_test, "noise"] += 100
    changed.loc[is_test, "churned"] = ~changed.loc[is_test, "churned"]
    again = train_churn(changed, plan=_plan(), features=FEATURES, candidates=QUICK)
    assert again.table["threshold"].tolist() == quick.table["threshold"].tolist()
    assert [t.params for t in again.tuned.values()] == [t.params for t in quick.tuned.values()]
    pd.testing.assert_frame_equal(
        score_people(again.estimators["decision_tree"], planted),
        score_people(quick.estimators["decision_tree"], planted),
        check_exact=True,
    )


def test_rows_that_are_not_eligible_or_not_labelled_are_ignored(planted: pd.DataFrame, quick: ChurnTraining) -> None:
    extra = planted.assign(user_key=planted["user_key"] + "-x", noise=1e9)
    half = len(extra) // 2
    extra.loc[extra.index[:half], "eligible"] = False
    extra.loc[extra.index[half:], "churned"] = pd.NA
    again = train_churn(pd.concat([planted, extra]), plan=_plan(), features=FEATURES, candidates=QUICK)
    pd.testing.assert_frame_equal(again.table, quick.table, check_exact=True)


@pytest.mark.parametrize("snapshots", [1, 2, 4])
def test_each_step_has_rows_of_its_own(snapshots: int) -> None:
    plan = _plan(snapshots)
    rows = labelled_rows(_snapshots(plan, 1.0), FEATURES)
    train = np.flatnonzero(rows.time.isin(plan.train_times))
    parts = churn_division.divide(rows, train, in_time=True)
    assert parts is not None
    together = np.concatenate([parts.fit, parts.calibrate, parts.threshold])
    assert sorted(together) == train.tolist()
    people = [set(rows.user_key.iloc[p]) for p in (parts.calibrate, parts.threshold)]
    assert not people[0] & people[1]
    if snapshots > 1:
        assert (rows.time.iloc[parts.calibrate] == plan.train_times[-1]).all()
        assert (rows.time.iloc[parts.fit] < plan.train_times[-1]).all()
    else:
        assert not set(rows.user_key.iloc[parts.fit]) & (people[0] | people[1])


@pytest.mark.parametrize(("snapshots", "forward"), [(2, False), (5, True), (6, True)])
def test_folds_never_look_ahead(snapshots: int, forward: bool) -> None:
    plan = _plan(snapshots)
    rows = labelled_rows(_snapshots(plan, 1.0), FEATURES)
    fit = np.flatnonzero(rows.time.isin(plan.train_times[:-1]))
    folds, words = churn_division.folds_of(rows, fit, plan)
    assert ("forward in time" in words) is forward
    assert len(folds) >= 2
    for seen, held_out in folds:
        if forward:
            assert plan.outcome_end(rows.time.iloc[seen].max()) <= rows.time.iloc[held_out].min()
        else:
            assert not set(rows.user_key.iloc[seen]) & set(rows.user_key.iloc[held_out])


def test_one_training_snapshot_is_enough_when_it_holds_both_outcomes() -> None:
    plan = _plan(1)
    result = train_churn(_snapshots(plan, signal=1.2), plan=plan, features=FEATURES, candidates=QUICK)
    assert result.status == "trained"
    assert sum(result.rows.values()) == 400


@pytest.mark.parametrize("which", ["train", "test"])
def test_too_few_who_left_is_a_result(planted: pd.DataFrame, which: str) -> None:
    plan = _plan()
    times = plan.train_times if which == "train" else (plan.test_time,)
    frame = planted.copy()
    frame.loc[frame["snapshot_time"].isin(times), "churned"] = False
    result = train_churn(frame, plan=plan, features=FEATURES, candidates=QUICK)
    assert (result.status, result.best, len(result.table)) == ("not_enough_history", None, 0)
    assert "hold 0 people who left" in result.reason


def test_outcomes_that_cannot_be_divided_are_a_result() -> None:
    plan = _plan(1)
    frame = _snapshots(plan, signal=1.0)
    train = frame.index[frame["snapshot_time"].isin(plan.train_times)]
    frame.loc[train, "churned"] = np.arange(len(train)) < 20  # of 20 people four each calibrate and set the threshold
    result = train_churn(frame, plan=plan, features=FEATURES, candidates=QUICK)
    assert result.status == "not_enough_history"
    assert "can't be divided" in result.reason


@pytest.mark.parametrize("rows", [0, 1, 30])
def test_little_data_never_crashes(planted: pd.DataFrame, rows: int) -> None:
    result = train_churn(planted.head(rows), plan=_plan(), features=FEATURES, candidates=QUICK)
    assert result.status == "not_enough_history"


def test_a_plan_that_is_too_short_is_a_result(planted: pd.DataFrame) -> None:
    plan = plan_windows(AS_OF - pd.Timedelta(days=5), AS_OF)
    result = train_churn(planted, plan=plan, features=FEATURES, candidates=QUICK)
    assert (result.status, result.reason) == ("not_enough_history", plan.warning)


def test_bad_columns_are_refused(planted: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="not among the features"):
        train_churn(planted, plan=_plan(), features=["noise"], rule_feature="days_since_last")
    with pytest.raises(ValueError, match="lacks the features"):
        train_churn(planted, plan=_plan(), features=["days_since_last", "gone"])
    with pytest.raises(ValueError, match="lack the columns"):
        train_churn(planted.drop(columns="churned"), plan=_plan(), features=FEATURES, candidates=QUICK)
    with pytest.raises(ValueError, match="more than one row"):
        train_churn(pd.concat([planted, planted.head(1)]), plan=_plan(), features=FEATURES, candidates=QUICK)


def test_scores_of_the_test_snapshot_are_the_predictions(planted: pd.DataFrame, trained: ChurnTraining) -> None:
    frame = planted[planted["snapshot_time"] == _plan().test_time].set_index("user_key")
    assert trained.best is not None
    scores = score_people(trained.estimators[trained.best], frame.loc[trained.predictions["user_key"]])
    assert scores["probability"].tolist() == trained.predictions[trained.best].tolist()


def test_a_feature_that_is_always_missing_does_no_harm(planted: pd.DataFrame) -> None:
    plan = replace(_plan(), snapshot_times=_plan().snapshot_times[-3:])
    frame = planted.assign(sessions=cast("float", None), noise=np.inf)
    result = train_churn(frame, plan=plan, features=FEATURES, candidates=QUICK)
    assert result.status == "trained"
    scores = score_people(result.estimators["logistic_regression"], planted.head(3))
    assert scores["probability"].between(0, 1).all()


def test_people_dealt_again_are_dealt_otherwise_and_as_evenly(planted: pd.DataFrame) -> None:
    rows = labelled_rows(planted[planted["snapshot_time"] == _plan().test_time], FEATURES)
    everybody = np.arange(len(rows.y))
    first, second = (churn_division.deal(rows, everybody, 3, again=again) for again in (0, 1))
    assert (first != second).mean() > 0.5
    for hand in (first, second):
        assert np.ptp([rows.y[hand == k].sum() for k in range(3)]) <= 1
        assert np.ptp([(rows.y[hand == k] == 0).sum() for k in range(3)]) <= 1
