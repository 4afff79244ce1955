"""Training of churn: candidates on labelled rows of people, and what each is worth on rows that none has seen.

Here: what is done with each part of the rows, and the comparison on the test. Not here: which rows are in which part
(`churn_division`), the times of the snapshots (`churn_windows`), what the candidates are made of (`churn_candidates`),
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
    CANDIDATES,
    LOGISTIC,
    MODELS,
    REPEAT_VISITS,
    STACK,
    churn_probability,
    has_histories,
)
from browse_assets.analysis.churn_division import (
    MIN_PER_CLASS_IN_PART,
    LabelledRows,
    divide,
    folds_of,
    labelled_rows,
    lacking,
    train_and_test,
)
from browse_assets.analysis.churn_encoding import MOST_COLUMNS, TellingColumns
from browse_assets.analysis.churn_fits import Fits, models_of, person_disjoint_auc_of, random_split_auc_of
from browse_assets.analysis.churn_repeat import HISTORY
from browse_assets.analysis.churn_tuning import Tuned, blend, tune_all, tuning_folds, winner
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
PERMUTATIONS = 5
# What the permutation importances look at: more changes no figure that anybody could read.
IMPORTANCE_ROWS = 1_000
IMPORTANCE_FEATURES = 50
# With fewer rows most of a fit is not computing, and threads wait for each other.
SIDE_BY_SIDE_ROWS = 20_000

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
    workers: int = 1,
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
        workers: how many candidates are worked on at a time, of SIDE_BY_SIDE_ROWS rows or more; changes no result.

    Raises:
        ValueError: a column is missing, a person is doubled in a snapshot, or `rule_feature`
            is not a feature. Too little data is a result, not an error.
    """
    if rule_feature is not None and rule_feature not in features:
        raise ValueError(f"{rule_feature} is not among the features")
    if plan is not None and plan.too_short:
        return ChurnTraining(status="not_enough_history", reason=plan.warning)
    rows = labelled_rows(snapshots, features)
    train, test = train_and_test(rows, plan, test_people)
    too_few = lacking("training", rows.y[train]) or lacking("test", rows.y[test])
    if too_few:
        return ChurnTraining(status="not_enough_history", reason=too_few)
    if rows.x.empty:
        return ChurnTraining(
            status="not_enough_history",
            reason=f"none of the {len(features)} features varies among the people to learn from",
        )
    if rule_feature not in rows.x.columns:
        rule_feature = None
    parts = divide(rows, train, in_time=plan is not None)
    if parts is None:
        return ChurnTraining(
            status="not_enough_history",
            reason=f"{len(train)} training rows can't be divided so that fitting, "
            f"calibration and threshold each see {MIN_PER_CLASS_IN_PART} of either outcome",
        )

    if len(rows.y) < SIDE_BY_SIDE_ROWS:
        workers = 1
    folds, folds_in_words = folds_of(rows, parts.fit, plan)
    encoded = tuning_folds(rows.x, rows.y, pd.factorize(rows.user_key)[0], folds, seed=seed)
    tuned = tune_all(candidates, encoded, seed=seed, workers=workers)
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
    fits = Fits(rows, tuned, seed, rule_feature, workers)

    def calibrated(_: str, estimator: Any) -> tuple[Any, float]:
        estimator = calibrate(estimator, rows.x.iloc[parts.calibrate], rows.y[parts.calibrate])
        seen = churn_probability(estimator, rows.x.iloc[parts.threshold])
        return estimator, _midway(best_threshold(rows.y[parts.threshold], seen, values), seen)

    first = fits.on(parts.fit, list(tuned), calibrated)

    def finished(name: str, estimator: Any) -> tuple[Any, FloatArray]:
        estimator = refitted(first[name][0], estimator)
        return estimator, churn_probability(estimator, rows.x.iloc[test])

    final = fits.on(train, list(tuned), finished)
    thresholds = {name: threshold for name, (_, threshold) in first.items()}
    estimators = {name: estimator for name, (estimator, _) in final.items()}
    probabilities = {name: p for name, (_, p) in final.items()}

    samples = resample_metrics(rows.y[test], probabilities, thresholds, seed=seed, values=values)
    differences = paired_differences(samples, LOGISTIC)
    used = np.concatenate([train, test])
    random_split_auc = random_split_auc_of(fits, used) if rows.user_key.iloc[used].nunique() < len(used) else {}
    disjoint_auc = {} if plan is None else person_disjoint_auc_of(fits, train, test)
    table = _table(samples, differences, thresholds, len(test)).assign(
        tuning_log_loss=lambda t: t["model"].map({name: tuned[name].log_loss for name in models_of(tuned)}),
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
