"""Training of churn: candidates on labelled rows of people, and what each is worth on rows that none has seen.

Here: which rows fit, tune, calibrate, set the threshold and test, and the comparison on the test. Not
here: the times of the snapshots (`churn_windows`), what the candidates are made of (`churn_candidates`),
metrics (`evaluation`), who becomes champion (`churn_promotion`), scores of people and their reasons
(`churn_scores`), features and tables (SQL), logging (assets).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from browse_assets.analysis.churn_calibration import calibrate, refitted
from browse_assets.analysis.churn_candidates import (
    BASELINES,
    CANDIDATES,
    LOGISTIC,
    MODELS,
    REPEAT_VISITS,
    STACK,
    churn_probability,
    fit_candidate,
    has_histories,
)
from browse_assets.analysis.churn_encoding import MOST_COLUMNS, TellingColumns
from browse_assets.analysis.churn_features import feature_frame
from browse_assets.analysis.churn_repeat import HISTORY
from browse_assets.analysis.churn_tuning import Fold, Tuned, blend, tune, tuning_folds, winner
from browse_assets.analysis.churn_windows import WindowPlan
from browse_assets.analysis.evaluation import (
    METRICS,
    OutcomeValues,
    best_threshold,
    interval,
    paired_differences,
    resample_metrics,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

SEED = 20261122
# With fewer of either outcome, an interval of any metric spans nearly everything.
MIN_PER_CLASS = 10
# Each of fitting, calibrating and setting the threshold must see both outcomes a few times.
MIN_PER_CLASS_IN_PART = 5
PEOPLE_FOLDS = 3
# Dealt so often where there is no order in time; with more rows than that one division says the same as two.
REPEATS, MOST_REPEATED_ROWS = 2, 10_000
# Where there is no order in time, one person in four is for the test.
TEST_HANDS = 4
PERMUTATIONS = 5
# What the permutation importances look at: more changes no figure that anybody could read.
IMPORTANCE_ROWS = 1_000
IMPORTANCE_FEATURES = 50
RANDOM_TEST_SHARE = 0.3

# The metrics whose difference to logistic regression stands in the table; the others are in `differences`.
COMPARED = ("roc_auc", "log_loss")

TABLE_COLUMNS = (
    "model",
    "people",
    *(f"{metric}{suffix}" for metric in METRICS for suffix in ("", "_low", "_high")),
    *(f"{metric}_difference{suffix}" for metric in COMPARED for suffix in ("", "_low", "_high")),
    "threshold",
    "tuning_log_loss",
    "random_split_roc_auc",
    "person_disjoint_roc_auc",
    "is_challenger",
)


@dataclass(frozen=True)
class ChurnTraining:
    """What one training found. With status 'not_enough_history', only `reason` and empty frames.

    Attributes:
        status: 'trained' or 'not_enough_history'.
        reason: why there is not enough history, in words; empty when trained.
        split: 'time' (the test lies after all that was learned from) or 'people' (other people, where all rows
            are of one time).
        best: the model (no baseline, no comparator) that won in tuning (`churn_tuning.winner`), before the test.
        features: the features that vary, in the order that the estimators expect.
        table: one row per candidate: model, people (in the test), each metric with _low and _high (95% bootstrap
            over people), differences to logistic regression, threshold, log loss in tuning, the ROC AUC of
            `random_split_auc` and `person_disjoint_auc`, is_challenger (whether it is `best`).
        differences: one row per candidate and metric: model, metric, difference to logistic regression on the same
            people, low and high of its 95% interval.
        threshold_by: 'profit' where values of the outcomes were given, else 'f1'.
        values: of the outcomes, as given.
        estimators: fitted and calibrated, by candidate; they take `feature_frame(rows, features)`.
        tuned: chosen parameters and log loss in tuning, by candidate.
        predictions: one row per person of the test: user_key, churned (0 or 1), then P of each candidate in a
            column of its name. Nothing of it was used before.
        test: the test rows' features, in the order of `predictions`.
        train: features of all rows that were learned from, with `churned` (0 or 1).
        importances: one row per model and feature: mean and deviation (`importance`, `importance_sd`) of what
            permuting the feature adds to the log loss on the test.
        random_split_auc: by model, ROC AUC of the same pipeline on a random split of all rows, to show what
            mixing times and people promises beyond `roc_auc`. Empty where each person has one row: nothing is mixed
            then, and it would say what the test says.
        person_disjoint_auc: by model, ROC AUC on the test where the people of the test are not among those of the
            fit; below `roc_auc` by as much as the model remembers people. Empty with split 'people', where the test
            is disjoint itself.
        rows: number of rows that fit, calibrate, set the threshold and test.
        folds: how the candidates were tuned, in words.
    """

    status: Literal["trained", "not_enough_history"]
    reason: str
    split: Literal["time", "people"] = "time"
    best: str | None = None
    features: tuple[str, ...] = ()
    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TABLE_COLUMNS)))
    differences: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["model", "metric", "difference", "low", "high"])
    )
    threshold_by: Literal["f1", "profit"] = "f1"
    values: OutcomeValues | None = None
    estimators: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, Tuned] = field(default_factory=dict)
    predictions: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["user_key", "churned", *CANDIDATES])
    )
    test: pd.DataFrame = field(default_factory=pd.DataFrame)
    train: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["churned"]))
    importances: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["model", "feature", "importance", "importance_sd"])
    )
    random_split_auc: dict[str, float] = field(default_factory=dict)
    person_disjoint_auc: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    folds: str = ""


@dataclass(frozen=True)
class Parts:
    """Positions of the rows that each step of training may see; no row is in two of them."""

    fit: IntArray
    calibrate: IntArray
    threshold: IntArray


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows in an order that depends on what they say, not on who they are of.

    Attributes:
        user_key: the person.
        time: the snapshot.
        said: hash of what the row says, its time and outcome included.
        x: typed features, without those that are the same in all rows.
        y: 1 for churned, else 0.
    """

    user_key: pd.Series
    time: pd.Series
    said: npt.NDArray[np.uint64]
    x: pd.DataFrame
    y: IntArray


# One thread: with few rows several wait for each other most of the time, and sums of parts depend on their number.
@threadpool_limits.wrap(limits=1)
def train_churn(
    snapshots: pd.DataFrame,
    *,
    plan: WindowPlan | None,
    features: Sequence[str],
    seed: int = SEED,
    rule_feature: str | None = None,
    values: OutcomeValues | None = None,
    horizon: tuple[float, float] | None = None,
    test_people: Collection[str] | None = None,
    candidates: Sequence[str] = CANDIDATES,
) -> ChurnTraining:
    """Train and compare the candidates, each step on rows that the steps before did not see.

    With a plan, its last snapshot is the test. Of the training snapshots (each outcome over when the test
    snapshot is taken), the latest calibrates with one half of its people and sets the threshold with the
    other; the earlier ones fit and tune. With one training snapshot, or too few of an outcome in a half,
    its people are divided 60:20:20 instead. Tuning takes folds forward in time where outcomes are over in
    time, else folds of people. Without a plan all rows are of one time: a quarter of the people is the
    test, the others are divided 60:20:20, tuning takes folds of people.

    In the end each candidate is fitted once more, as it was tuned, on all that calibrated and set the
    threshold too; its calibration and threshold stay. The baselines are calibrated as the models are, so
    that no model wins by knowing the newest base rate.

    Who is in which part depends on what the rows say, never on a person's key.

    Args:
        snapshots: one row per user_key and snapshot_time, with `eligible`, `churned` (NULL where
            unknown) and the features (numbers or text, NULL allowed). Other rows and columns are ignored.
        plan: the times of the snapshots; None when there is no order in time.
        features: names of the columns to learn from.
        seed: of trees, permutations, bootstrap and random split.
        rule_feature: the one rule's only feature, one of `features`; None takes what tells most.
        values: what the outcomes are worth: the thresholds are set for the highest profit, else for the highest F1.
        horizon: without a plan, the days g and H that the outcome is about; the plan says them otherwise. Only the
            comparator of repeat visits asks for them, and is left out without them.
        test_people: without a plan, the user_key of those who are the test; None lets a quarter be dealt.
        candidates: which of CANDIDATES to train; at least one is none of the baselines.

    Raises:
        ValueError: a column is missing, a person is doubled in a snapshot, or `rule_feature`
            is not a feature. Too little data is a result, not an error.
    """
    if rule_feature is not None and rule_feature not in features:
        raise ValueError(f"{rule_feature} is not among the features")
    if plan is not None and plan.too_short:
        return ChurnTraining(status="not_enough_history", reason=plan.warning)
    rows = labelled_rows(snapshots, features)
    train, test = _train_and_test(rows, plan, test_people)
    lacking = _lacking("training", rows.y[train]) or _lacking("test", rows.y[test])
    if lacking:
        return ChurnTraining(status="not_enough_history", reason=lacking)
    if rows.x.empty:
        return ChurnTraining(
            status="not_enough_history",
            reason=f"none of the {len(features)} features varies among the people to learn from",
        )
    if rule_feature not in rows.x.columns:
        rule_feature = None
    parts = _divide(rows, train, in_time=plan is not None)
    if parts is None:
        return ChurnTraining(
            status="not_enough_history",
            reason=f"{len(train)} training rows can't be divided so that fitting, "
            f"calibration and threshold each see {MIN_PER_CLASS_IN_PART} of either outcome",
        )

    folds, folds_in_words = _folds(rows, parts.fit, plan)
    encoded = tuning_folds(rows.x, rows.y, pd.factorize(rows.user_key)[0], folds, seed=seed)
    tuned = {name: tune(name, encoded, seed=seed) for name in candidates}
    if plan is not None:
        horizon = (plan.gap_days, plan.outcome_days)
    if horizon is not None and has_histories(rows.x.columns):
        tuned[REPEAT_VISITS] = Tuned({"gap_days": horizon[0], "outcome_days": horizon[1]})
    stack = blend(tuned, encoded)
    if stack is not None:
        tuned[STACK] = stack
    # Chosen before the test: the best of several on the test would promise more than it holds.
    best = winner(tuned, encoded)
    del encoded
    rows = _narrowed(rows, parts.fit, {rule_feature, *HISTORY})
    estimators: dict[str, Any] = {}
    thresholds: dict[str, float] = {}
    probabilities: dict[str, FloatArray] = {}
    for name in tuned:

        def fitted(part: IntArray, name: str = name) -> Any:
            return fit_candidate(
                name, tuned[name].params, rows.x.iloc[part], rows.y[part], seed=seed, rule_feature=rule_feature
            )

        estimator = calibrate(fitted(parts.fit), rows.x.iloc[parts.calibrate], rows.y[parts.calibrate])
        seen = churn_probability(estimator, rows.x.iloc[parts.threshold])
        thresholds[name] = _midway(best_threshold(rows.y[parts.threshold], seen, values), seen)
        estimators[name] = refitted(estimator, fitted(train))
        probabilities[name] = churn_probability(estimators[name], rows.x.iloc[test])

    samples = resample_metrics(rows.y[test], probabilities, thresholds, seed=seed, values=values)
    differences = paired_differences(samples, LOGISTIC)
    used = np.concatenate([train, test])
    random_split_auc = (
        _random_split_auc(rows, used, tuned, seed, rule_feature)
        if rows.user_key.iloc[used].nunique() < len(used)
        else {}
    )
    disjoint_auc = {} if plan is None else _person_disjoint_auc(rows, train, test, tuned, seed, rule_feature)
    table = _table(samples, differences, thresholds, len(test)).assign(
        tuning_log_loss=lambda t: t["model"].map({name: tuned[name].log_loss for name in _models(tuned)}),
        random_split_roc_auc=lambda t: t["model"].map(random_split_auc).astype("float64"),
        person_disjoint_roc_auc=lambda t: t["model"].map(disjoint_auc).astype("float64"),
        is_challenger=lambda t: t["model"] == best,
    )
    x_test = rows.x.iloc[test].reset_index(drop=True)
    return ChurnTraining(
        status="trained",
        reason="",
        split="people" if plan is None else "time",
        best=best,
        features=tuple(str(name) for name in rows.x.columns),
        table=table,
        differences=differences,
        threshold_by="f1" if values is None else "profit",
        values=values,
        estimators=estimators,
        tuned=tuned,
        predictions=pd.DataFrame(
            {
                "user_key": rows.user_key.iloc[test].to_numpy(),
                "churned": rows.y[test],
                **probabilities,
            }
        ),
        test=x_test,
        train=rows.x.iloc[train].reset_index(drop=True).assign(churned=rows.y[train].astype(np.float64)),
        importances=_importances(estimators, x_test, rows.y[test], seed),
        random_split_auc=random_split_auc,
        person_disjoint_auc=disjoint_auc,
        rows={
            "fit": len(parts.fit),
            "calibrate": len(parts.calibrate),
            "threshold": len(parts.threshold),
            "test": len(test),
        },
        folds=folds_in_words,
    )


def labelled_rows(snapshots: pd.DataFrame, features: Sequence[str]) -> LabelledRows:
    """Eligible rows with a known outcome, in the order of time and of what they say; features that vary.

    Raises:
        ValueError: a column is missing, or a person has two rows of one time.
    """
    needed = ("user_key", "snapshot_time", "eligible", "churned")
    missing = [name for name in needed if name not in snapshots.columns]
    if missing:
        raise ValueError(f"snapshots lack the columns {missing}")
    if snapshots.duplicated(["user_key", "snapshot_time"]).any():
        raise ValueError("snapshots have more than one row for a person and time")
    usable = snapshots["eligible"].fillna(False).astype(bool) & snapshots["churned"].notna()
    frame = snapshots[usable].reset_index(drop=True)
    x = feature_frame(frame, features)
    x = x.loc[:, x.nunique(dropna=False) > 1]
    churned = frame["churned"].astype(bool).rename("churned")
    said = pd.util.hash_pandas_object(x.assign(snapshot_time=frame["snapshot_time"], churned=churned), index=False)
    # Sums over rows depend on their order in the last bits, and so do drawn samples.
    order = np.lexsort((frame["user_key"].astype(str).to_numpy(), said.to_numpy(), frame["snapshot_time"].to_numpy()))
    return LabelledRows(
        user_key=frame["user_key"].iloc[order].reset_index(drop=True),
        time=frame["snapshot_time"].iloc[order].reset_index(drop=True),
        said=said.to_numpy().astype(np.uint64)[order],
        x=x.iloc[order].reset_index(drop=True),
        y=churned.to_numpy().astype(np.intp)[order],
    )


def deal(rows: LabelledRows, among: IntArray, hands: int, *, again: int = 0) -> IntArray:
    """For each of the positions a hand from 0: the people of either outcome are dealt out in turn.

    So each hand gets the same share of leavers, and all rows of a person. The order is that of what a person's rows
    say together, shuffled anew for each `again`; the key only orders people who say the same.
    """
    dealt = pd.DataFrame({"key": rows.user_key.iloc[among].astype(str), "said": rows.said[among], "y": rows.y[among]})
    people = dealt.groupby("key", sort=True).agg(said=("said", "sum"), churned=("y", "max"))
    # Odd multiples of a hash are another order of the same people.
    people["said"] = people["said"].to_numpy() * np.uint64(2 * again * 0x9E3779B97F4A7C15 % 2**64 + 1)
    people = people.sort_values("said", kind="stable")
    hand = people.groupby("churned").cumcount() % hands
    return np.asarray(dealt["key"].map(hand), dtype=np.intp)


def _narrowed(rows: LabelledRows, fit: IntArray, always: Collection[str | None]) -> LabelledRows:
    """Of very many features those that tell most in the rows to fit on, so that nobody has to ask for the others.

    After tuning, whose folds choose for themselves: what was chosen with the rows held out would look too good there.
    """
    if rows.x.shape[1] <= MOST_COLUMNS:
        return rows
    kept = {*TellingColumns().fit(rows.x.iloc[fit], rows.y[fit]).kept_, *always}
    return replace(rows, x=rows.x[[name for name in rows.x.columns if name in kept]])


def _midway(threshold: float, probability: FloatArray) -> float:
    """The middle between a threshold and the next lower probability.

    A tree says few different ones. Were the threshold one of them, the refit, which moves it by a hair, would call
    all who have it or nobody.
    """
    lower = probability[probability < threshold]
    return (threshold + float(lower.max())) / 2 if len(lower) and threshold <= probability.max() else threshold


def _models(tuned: dict[str, Tuned]) -> list[str]:
    """Those of the candidates that may become champion."""
    return [name for name in tuned if name not in (*BASELINES, REPEAT_VISITS)]


def _train_and_test(
    rows: LabelledRows, plan: WindowPlan | None, test_people: Collection[str] | None = None
) -> tuple[IntArray, IntArray]:
    if plan is None:
        if test_people is None:
            is_test = deal(rows, np.arange(len(rows.y)), TEST_HANDS) == 0
        else:
            is_test = rows.user_key.astype(str).isin([str(key) for key in test_people]).to_numpy()
        return np.flatnonzero(~is_test), np.flatnonzero(is_test)
    return (
        np.flatnonzero(rows.time.isin(plan.train_times).to_numpy()),
        np.flatnonzero((rows.time == plan.test_time).to_numpy()),
    )


def _lacking(which: str, y: IntArray) -> str:
    """Why these outcomes are too few, empty when they are enough."""
    churned, stayed = int(y.sum()), int(len(y) - y.sum())
    if min(churned, stayed) >= MIN_PER_CLASS:
        return ""
    return (
        f"the {which} rows hold {churned} people who left and {stayed} who stayed: "
        f"at least {MIN_PER_CLASS} of each are needed"
    )


def split_rows(rows: LabelledRows, plan: WindowPlan | None) -> tuple[IntArray, IntArray, Parts | None]:
    """Positions of the rows that `train_churn` learns from and tests on, and the parts of the former.

    The parts are None where they cannot be divided so that each sees enough of both outcomes.
    """
    train, test = _train_and_test(rows, plan)
    return train, test, _divide(rows, train, in_time=plan is not None) if len(train) else None


def _divide(rows: LabelledRows, train: IntArray, *, in_time: bool) -> Parts | None:
    """Latest snapshot in halves where that leaves enough of both outcomes, else people 60:20:20."""
    latest = train[(rows.time.iloc[train] == rows.time.iloc[train].max()).to_numpy()]
    half, fifth = deal(rows, latest, 2), deal(rows, train, 5)
    by_time = Parts(fit=np.setdiff1d(train, latest), calibrate=latest[half == 0], threshold=latest[half == 1])
    by_people = Parts(fit=train[fifth < 3], calibrate=train[fifth == 3], threshold=train[fifth == 4])
    for parts in (by_time, by_people) if in_time else (by_people,):
        seen = [rows.y[part] for part in (parts.fit, parts.calibrate, parts.threshold)]
        if all(min(y.sum(), len(y) - y.sum()) >= MIN_PER_CLASS_IN_PART for y in seen):
            return parts
    return None


def _folds(rows: LabelledRows, fit: IntArray, plan: WindowPlan | None) -> tuple[list[Fold], str]:
    """Pairs of positions to fit on and to hold out: forward in time if two such pairs exist."""

    def usable(folds: list[Fold]) -> list[Fold]:
        return [f for f in folds if len(f[1]) and 0 < rows.y[f[0]].sum() < len(f[0])]

    if plan is not None:
        time = rows.time.iloc[fit]
        known_at = time.map(plan.outcome_end)
        forward = [(fit[(known_at <= t0).to_numpy()], fit[(time == t0).to_numpy()]) for t0 in sorted(time.unique())]
        if len(usable(forward)) >= 2:
            return usable(forward), f"{len(usable(forward))} folds forward in time"
    repeats = REPEATS if plan is None and len(fit) <= MOST_REPEATED_ROWS else 1
    thirds = [deal(rows, fit, PEOPLE_FOLDS, again=again) for again in range(repeats)]
    words = f"{PEOPLE_FOLDS} stratified folds of people" + (f", dealt {repeats} times" if repeats > 1 else "")
    return usable([(fit[third != k], fit[third == k]) for third in thirds for k in range(PEOPLE_FOLDS)]), words


def _table(
    samples: dict[str, pd.DataFrame],
    differences: pd.DataFrame,
    thresholds: dict[str, float],
    people: int,
) -> pd.DataFrame:
    compared = dict(
        zip(
            zip(differences["model"], differences["metric"], strict=True),
            differences[["difference", "low", "high"]].to_numpy(dtype=np.float64),
            strict=True,
        )
    )
    records = []
    for name, metrics in samples.items():
        record: dict[str, Any] = {"model": name, "people": people}
        for metric in METRICS:
            record[metric] = float(metrics[metric].iloc[0])
            record[f"{metric}_low"], record[f"{metric}_high"] = interval(metrics[metric].iloc[1:])
        for metric in COMPARED:
            for value, suffix in zip(compared[name, metric], ("", "_low", "_high"), strict=True):
                record[f"{metric}_difference{suffix}"] = float(value)
        record["threshold"] = thresholds[name]
        records.append(record)
    return pd.DataFrame.from_records(records)


def _importances(estimators: dict[str, Any], x: pd.DataFrame, y: IntArray, seed: int) -> pd.DataFrame:
    """Permutation importance (Breiman 2001, "Random forests") in log loss, by model and feature."""
    rng = np.random.default_rng(seed)
    drawn = np.sort(rng.choice(len(x), size=min(len(x), IMPORTANCE_ROWS), replace=False))
    x, y = x.iloc[drawn].reset_index(drop=True), y[drawn]
    shuffles = np.concatenate([rng.permutation(len(x)) for _ in range(PERMUTATIONS)])
    repeated = pd.concat([x] * PERMUTATIONS, ignore_index=True)
    records = []
    for name in (name for name in estimators if name in MODELS or name == STACK):
        usual = _mean_log_loss(estimators[name], x, y[None, :])
        for feature in x.columns[:IMPORTANCE_FEATURES]:
            permuted = repeated.assign(**{feature: x[feature].to_numpy()[shuffles]})
            worse = _mean_log_loss(estimators[name], permuted, np.tile(y, (PERMUTATIONS, 1))) - usual
            records.append((name, feature, float(worse.mean()), float(worse.std())))
    return pd.DataFrame.from_records(records, columns=["model", "feature", "importance", "importance_sd"])


def _mean_log_loss(estimator: Any, x: pd.DataFrame, y: IntArray) -> FloatArray:
    """Log loss of each row of y, the rows of x being as many copies of the people."""
    p = np.clip(churn_probability(estimator, x).reshape(y.shape), 1e-6, 1 - 1e-6)
    loss = -np.where(y == 1, np.log(p), np.log1p(-p)).mean(axis=1)
    return np.asarray(loss, dtype=np.float64)


def _random_split_auc(
    rows: LabelledRows, used: IntArray, tuned: dict[str, Tuned], seed: int, rule_feature: str | None
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    fit, test = train_test_split(used, test_size=RANDOM_TEST_SHARE, random_state=seed, stratify=rows.y[used])
    aucs = {}
    for name in _models(tuned):
        model = fit_candidate(
            name, tuned[name].params, rows.x.iloc[fit], rows.y[fit], seed=seed, rule_feature=rule_feature
        )
        p = churn_probability(model, rows.x.iloc[test])
        aucs[name] = float(roc_auc_score(rows.y[test], p))
    return aucs


def _person_disjoint_auc(
    rows: LabelledRows,
    train: IntArray,
    test: IntArray,
    tuned: dict[str, Tuned],
    seed: int,
    rule_feature: str | None,
) -> dict[str, float]:
    """Each third of the people is tested by a fit on the training rows of the others."""
    from sklearn.metrics import roc_auc_score

    both = np.concatenate([train, test])
    third = np.empty(len(rows.y), dtype=np.intp)
    third[both] = deal(rows, both, PEOPLE_FOLDS)
    aucs = {}
    for name in _models(tuned):
        p = np.empty(len(rows.y))
        for k in range(PEOPLE_FOLDS):
            fit, held_out = train[third[train] != k], test[third[test] == k]
            if not len(held_out):
                continue
            if len(np.unique(rows.y[fit])) < 2:
                return {}
            model = fit_candidate(
                name, tuned[name].params, rows.x.iloc[fit], rows.y[fit], seed=seed, rule_feature=rule_feature
            )
            p[held_out] = churn_probability(model, rows.x.iloc[held_out])
        aucs[name] = float(roc_auc_score(rows.y[test], p[test]))
    return aucs
