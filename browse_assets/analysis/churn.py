"""Training of churn: candidates on snapshots of people, in order of time, and who is promoted.

Here: which rows fit, tune, calibrate, set the threshold and test; the comparison on the test
snapshot; the champion or the reason why there is none. Not here: the times of the snapshots
(`churn_windows`), what the candidates are made of (`churn_candidates`), metrics (`evaluation`),
scores of people and their reasons (`churn_scores`), features and tables (SQL), logging (assets).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_candidates import (
    CANDIDATES,
    DUMMY,
    MODELS,
    ONE_RULE,
    Fold,
    Tuned,
    calibrate,
    churn_probability,
    feature_matrix,
    new_pipeline,
    tune,
)
from browse_assets.analysis.churn_windows import WindowPlan
from browse_assets.analysis.evaluation import (
    METRICS,
    best_f1_threshold,
    interval,
    resample_metrics,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# With fewer of either outcome, an interval of any metric spans nearly everything.
MIN_PER_CLASS = 10
# Each of fitting, calibrating and setting the threshold must see both outcomes a few times.
MIN_PER_CLASS_IN_PART = 5
PEOPLE_FOLDS = 3
PERMUTATIONS = 5
RANDOM_TEST_SHARE = 0.3

TABLE_COLUMNS = (
    "model",
    "people",
    *(f"{metric}{suffix}" for metric in METRICS for suffix in ("", "_low", "_high")),
    "threshold",
    "is_champion",
    "reason",
)


@dataclass(frozen=True)
class ChurnTraining:
    """What one training found. With status 'not_enough_history', only `reason` and empty frames.

    Attributes:
        status: 'trained' or 'not_enough_history'.
        reason: why there is not enough history, or why there is this or no champion, in words.
        champion: name of the promoted candidate, None if none is.
        features: the features, in the order that the estimators expect.
        table: one row per candidate: model, people (in the test snapshot), each metric with
            _low and _high (95% bootstrap over people), threshold, is_champion, reason.
        estimators: fitted and calibrated, by candidate.
        tuned: chosen parameters and log loss in tuning, by candidate.
        predictions: one row per person of the test snapshot: user_key, churned (0 or 1), then P of
            each candidate in a column of its name. Nothing of it was used before.
        importances: one row per model and feature: mean and deviation (`importance`,
            `importance_sd`) of what permuting the feature adds to the log loss on the test.
        random_split_auc: by model, ROC AUC of the same pipeline on a random split of all rows, to
            show what mixing times and people promises beyond `roc_auc`.
        rows: number of rows that fit, calibrate, set the threshold and test.
    """

    status: Literal["trained", "not_enough_history"]
    reason: str
    champion: str | None = None
    features: tuple[str, ...] = ()
    table: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(TABLE_COLUMNS)))
    estimators: dict[str, Any] = field(default_factory=dict)
    tuned: dict[str, Tuned] = field(default_factory=dict)
    predictions: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["user_key", "churned", *CANDIDATES])
    )
    importances: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["model", "feature", "importance", "importance_sd"])
    )
    random_split_auc: dict[str, float] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Parts:
    """Positions of the rows that each step of training may see; no row is in two of them."""

    fit: IntArray
    calibrate: IntArray
    threshold: IntArray


@dataclass(frozen=True)
class _Rows:
    """Labelled rows in order of time and person."""

    user_key: pd.Series
    time: pd.Series
    bucket: npt.NDArray[np.uint64]
    x: pd.DataFrame
    y: IntArray


def train_churn(
    snapshots: pd.DataFrame,
    *,
    plan: WindowPlan,
    features: Sequence[str],
    seed: int = 20261122,
    recency_feature: str = "days_since_last",
) -> ChurnTraining:
    """Train, compare and maybe promote, each step on rows that the steps before did not see.

    The plan's last snapshot is the test. Of the training snapshots (each outcome over when the
    test snapshot is taken), the latest calibrates with one half of its people and sets the
    threshold (highest F1) with the other; the earlier ones fit and tune. With one training
    snapshot, or too few of an outcome in a half, its people are divided 60:20:20 by hash instead.
    Tuning takes folds in time where outcomes are over in time, else folds of people.

    The champion is the model (not a baseline) with the lowest log loss on the test snapshot, if
    the 95% interval of its paired difference to the dummy lies below 0 and its log loss is not
    above that of the one rule, days since the last visit. The dummy is calibrated as the models
    are, so that no model wins by knowing the newest base rate.

    Args:
        snapshots: one row per user_key and snapshot_time, with `eligible`, `churned` (NULL where
            unknown) and the features (numbers, NULL allowed). Other rows and columns are ignored.
        plan: the times of the snapshots.
        features: names of the columns to learn from.
        seed: of trees, permutations, bootstrap and random split.
        recency_feature: the one rule's only feature, one of `features`.

    Raises:
        ValueError: a column is missing, a person is doubled in a snapshot, or `recency_feature`
            is not a feature. Too little data is a result, not an error.
    """
    if recency_feature not in features:
        raise ValueError(f"{recency_feature} is not among the features")
    if plan.too_short:
        return ChurnTraining(status="not_enough_history", reason=plan.warning)
    rows = _labelled_rows(snapshots, features)
    is_test = (rows.time == plan.test_time).to_numpy()
    is_train = rows.time.isin(plan.train_times).to_numpy()
    lacking = _lacking("training", rows.y[is_train]) or _lacking("test", rows.y[is_test])
    if lacking:
        return ChurnTraining(status="not_enough_history", reason=lacking)
    parts = _divide(rows, np.flatnonzero(is_train))
    if parts is None:
        return ChurnTraining(
            status="not_enough_history",
            reason=f"{int(is_train.sum())} training rows can't be divided so that fitting, "
            f"calibration and threshold each see {MIN_PER_CLASS_IN_PART} of either outcome",
        )

    test = np.flatnonzero(is_test)
    recency_index = list(features).index(recency_feature)
    folds = _folds(rows, parts.fit, plan)
    tuned: dict[str, Tuned] = {}
    estimators: dict[str, Any] = {}
    thresholds: dict[str, float] = {}
    probabilities: dict[str, FloatArray] = {}
    for name in CANDIDATES:
        tuned[name] = tune(name, rows.x, rows.y, folds, recency_index=recency_index, seed=seed)
        model = new_pipeline(name, tuned[name].params, recency_index=recency_index, seed=seed)
        model.fit(rows.x.iloc[parts.fit], rows.y[parts.fit])
        estimator = calibrate(model, rows.x.iloc[parts.calibrate], rows.y[parts.calibrate])
        thresholds[name] = best_f1_threshold(
            rows.y[parts.threshold], churn_probability(estimator, rows.x.iloc[parts.threshold])
        )
        probabilities[name] = churn_probability(estimator, rows.x.iloc[test])
        estimators[name] = estimator

    samples = resample_metrics(rows.y[test], probabilities, thresholds, seed=seed)
    champion, reason = _champion({name: s["log_loss"] for name, s in samples.items()})
    return ChurnTraining(
        status="trained",
        reason=reason,
        champion=champion,
        features=tuple(features),
        table=_table(samples, thresholds, len(test), champion, reason),
        estimators=estimators,
        tuned=tuned,
        predictions=pd.DataFrame(
            {
                "user_key": rows.user_key.iloc[test].to_numpy(),
                "churned": rows.y[test],
                **probabilities,
            }
        ),
        importances=_importances(estimators, rows.x.iloc[test], rows.y[test], seed),
        random_split_auc=_random_split_auc(rows, np.flatnonzero(is_train | is_test), tuned, recency_index, seed),
        rows={
            "fit": len(parts.fit),
            "calibrate": len(parts.calibrate),
            "threshold": len(parts.threshold),
            "test": len(test),
        },
    )


def _labelled_rows(snapshots: pd.DataFrame, features: Sequence[str]) -> _Rows:
    needed = ("user_key", "snapshot_time", "eligible", "churned")
    missing = [name for name in needed if name not in snapshots.columns]
    if missing:
        raise ValueError(f"snapshots lack the columns {missing}")
    if snapshots.duplicated(["user_key", "snapshot_time"]).any():
        raise ValueError("snapshots have more than one row for a person and time")
    usable = snapshots["eligible"].fillna(False).astype(bool) & snapshots["churned"].notna()
    # Sums over rows depend on their order in the last bits: order by key.
    frame = snapshots[usable].sort_values(["snapshot_time", "user_key"], ignore_index=True)
    keys = frame["user_key"].astype(str).to_numpy(dtype=object)
    return _Rows(
        user_key=frame["user_key"],
        time=frame["snapshot_time"],
        bucket=pd.util.hash_array(keys, categorize=False),
        x=feature_matrix(frame, features),
        y=frame["churned"].astype(bool).to_numpy().astype(np.intp),
    )


def _lacking(which: str, y: IntArray) -> str:
    """Why these outcomes are too few, empty when they are enough."""
    churned, stayed = int(y.sum()), int(len(y) - y.sum())
    if min(churned, stayed) >= MIN_PER_CLASS:
        return ""
    return (
        f"the {which} snapshots hold {churned} people who left and {stayed} who stayed: "
        f"at least {MIN_PER_CLASS} of each are needed"
    )


def _divide(rows: _Rows, train: IntArray) -> _Parts | None:
    """Latest snapshot in halves where that leaves enough of both outcomes, else people 60:20:20."""
    time, bucket = rows.time.to_numpy()[train], rows.bucket[train]
    latest = time == time.max()
    by_time = _Parts(
        fit=train[~latest],
        calibrate=train[latest & (bucket % 2 == 0)],
        threshold=train[latest & (bucket % 2 == 1)],
    )
    fifth = bucket // 2 % 5
    by_people = _Parts(fit=train[fifth < 3], calibrate=train[fifth == 3], threshold=train[fifth == 4])
    for parts in (by_time, by_people):
        seen = [rows.y[part] for part in (parts.fit, parts.calibrate, parts.threshold)]
        if all(min(y.sum(), len(y) - y.sum()) >= MIN_PER_CLASS_IN_PART for y in seen):
            return parts
    return None


def _folds(rows: _Rows, fit: IntArray, plan: WindowPlan) -> list[Fold]:
    """Pairs of positions to fit on and to hold out: forward in time if two such pairs exist."""
    time = rows.time.iloc[fit]
    known_at = time.map(plan.outcome_end)
    forward = [(fit[(known_at <= t0).to_numpy()], fit[(time == t0).to_numpy()]) for t0 in sorted(time.unique())]
    third = rows.bucket[fit] // 10 % PEOPLE_FOLDS
    of_people = [(fit[third != k], fit[third == k]) for k in range(PEOPLE_FOLDS)]

    def usable(folds: list[Fold]) -> list[Fold]:
        return [f for f in folds if len(f[1]) and 0 < rows.y[f[0]].sum() < len(f[0])]

    return usable(forward) if len(usable(forward)) >= 2 else usable(of_people)


def _champion(log_loss: dict[str, pd.Series]) -> tuple[str | None, str]:
    """Name of the promoted model or None, and why, from resampled log losses by candidate."""
    now = {name: float(samples.iloc[0]) for name, samples in log_loss.items()}
    best = min(MODELS, key=lambda name: (now[name], MODELS.index(name)))
    low, high = interval((log_loss[best] - log_loss[DUMMY]).iloc[1:])
    against = (
        f"log loss {now[best]:.3f} against {now[DUMMY]:.3f} of always saying the base rate "
        f"(difference {now[best] - now[DUMMY]:+.3f}, 95% interval {low:+.3f} to {high:+.3f})"
    )
    if not high < 0:
        return (
            None,
            f"no champion: {best} is the best model, but does not surely beat it: {against}",
        )
    if now[best] > now[ONE_RULE]:
        return None, (
            f"no champion: {best} is the best model, but days since the last visit alone do "
            f"better, log loss {now[ONE_RULE]:.3f}; {against}"
        )
    return best, f"{best}: {against}; days since the last visit alone {now[ONE_RULE]:.3f}"


def _table(
    samples: dict[str, pd.DataFrame],
    thresholds: dict[str, float],
    people: int,
    champion: str | None,
    reason: str,
) -> pd.DataFrame:
    records = []
    for name, metrics in samples.items():
        record: dict[str, Any] = {"model": name, "people": people}
        for metric in METRICS:
            record[metric] = float(metrics[metric].iloc[0])
            record[f"{metric}_low"], record[f"{metric}_high"] = interval(metrics[metric].iloc[1:])
        record["threshold"] = thresholds[name]
        record["is_champion"] = name == champion
        record["reason"] = "baseline, never promoted" if name not in MODELS else reason
        if champion is not None and name in MODELS and name != champion:
            record["reason"] = f"log loss not below that of {champion}"
        records.append(record)
    return pd.DataFrame.from_records(records, columns=list(TABLE_COLUMNS))


def _importances(estimators: dict[str, Any], x: pd.DataFrame, y: IntArray, seed: int) -> pd.DataFrame:
    """Permutation importance (Breiman 2001, "Random forests") in log loss, by model and feature."""
    rng = np.random.default_rng(seed)
    shuffles = np.concatenate([rng.permutation(len(x)) for _ in range(PERMUTATIONS)])
    repeated = pd.concat([x] * PERMUTATIONS, ignore_index=True)
    records = []
    for name in MODELS:
        usual = _mean_log_loss(estimators[name], x, y[None, :])
        for feature in x.columns:
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
    rows: _Rows, used: IntArray, tuned: dict[str, Tuned], recency_index: int, seed: int
) -> dict[str, float]:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import train_test_split

    fit, test = train_test_split(used, test_size=RANDOM_TEST_SHARE, random_state=seed, stratify=rows.y[used])
    aucs = {}
    for name in MODELS:
        model = new_pipeline(name, tuned[name].params, recency_index=recency_index, seed=seed)
        model.fit(rows.x.iloc[fit], rows.y[fit])
        p = churn_probability(model, rows.x.iloc[test])
        aucs[name] = float(roc_auc_score(rows.y[test], p))
    return aucs
