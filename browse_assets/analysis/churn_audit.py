"""Audit of a training of churn for leakage: does anything tell the outcome that could not have been known?

Here: the tests, each of which would fail on a certain kind of leak, and whether they are passed. Not here: the
features under a false future (assets recompute them with the same SQL), training (`churn`), what follows from a
failed audit (`churn_promotion`, checks).

Kinds of leakage after Kaufman, Rosset and Perlich 2012, "Leakage in data mining", and Kapoor and Narayanan 2023,
"Leakage and the reproducibility crisis in machine-learning-based science".
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from browse_assets.analysis.churn import SEED, ChurnTraining
from browse_assets.analysis.churn_candidates import LOGISTIC, churn_probability, fitted_pipeline
from browse_assets.analysis.evaluation import roc_auc_interval

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

FUTURE = "no_future_features"
INJECTED = "injected_future"
PERMUTED = "permuted_labels"
IDENTIFIERS = "identifiers_alone"
SINGLE = "single_feature"
COVERAGE = "coverage_alone"
# Worth a look, and no proof of a leak: a feature may be that good, and a panel that was joined in waves may
# tell by its joining who leaves.
WARNINGS = (SINGLE, COVERAGE)
COLUMNS = ("test", "subject", "value", "low", "high", "passed", "detail")

# Of intervals of the audit: at 95 % one training in twenty would fail for nothing.
CONFIDENCE = 0.99
# More rows make no leak plainer that keeps a model from being promoted, and the audit is part of every training.
ROWS = 2_000
ROWS_PER_CLASS = 10
# The interval takes predictions as given, and fits to a few leavers vary: of panels of 221 people with 12 leavers and
# random keys it lies above 0.5 in 4 of 100. A model that tells them by chance is then matched by one of so many
# permuted outcomes in all but 1 of 200 panels.
PERMUTATIONS = 199
PAIRS = 4
# Student's t for PAIRS values, 99 %.
T_PAIRS = 5.84
# Trees don't treat both outcomes alike to the last rank.
PERMUTED_TOLERANCE = 0.02
SINGLE_AUC = 0.95
COVERAGE_AUC = 0.8
LISTED_FEATURES = 20
FOLDS = 5
BINS = 20
# A category is believed after about this many people.
PRIOR_PEOPLE = 5
COVERAGE_COLUMNS = ("tenure_days", "history_days", "hole_days")


# One thread, as in `train_churn`: with 2,000 rows several wait for each other most of the time.
@threadpool_limits.wrap(limits=1)
def audit_churn(
    training: ChurnTraining,
    snapshots: pd.DataFrame,
    *,
    futures: Sequence[tuple[pd.DataFrame, pd.DataFrame]] = (),
    seed: int = SEED,
) -> pd.DataFrame:
    """All tests of the audit.

    Args:
        training: what `train_churn` found.
        snapshots: the rows it was given, in the order in which they are stored.
        futures: pairs of features (user_key, snapshot_time and features) of the same people and times, computed
            once with what happened after the snapshot and once with something else in its place.
        seed: of permutations, folds, samples and bootstrap.

    Returns:
        One row per test, for some of them per subject (a model or a feature): test, subject (or None), value, low,
        high (of its 99% interval; for permuted_labels the range of the fits), passed (NA where there is nothing to
        test), detail in words. Empty when nothing was trained.
    """
    records: list[dict[str, Any]] = []
    if training.best is not None:
        labelled = _latest_labelled(snapshots)
        records = [
            _future_features(snapshots),
            _false_future(futures),
            *(_permuted_labels(training, name, seed) for name in _audited(training)),
            _alone(IDENTIFIERS, labelled, _identifiers(labelled), seed, by_chance=0.5),
            *_single_features(training, seed),
            _alone(COVERAGE, labelled, _coverage(labelled), seed, most=COVERAGE_AUC),
        ]
    frame = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    numbers = dict.fromkeys(("value", "low", "high"), "float64")
    return frame.astype({**numbers, "passed": "boolean", "test": "object", "subject": "object", "detail": "object"})


def audit_passed(frame: pd.DataFrame) -> bool:
    """Whether no test found a leak, warnings aside; an audit without any test has found nothing out."""
    strict = frame[~frame["test"].isin(WARNINGS)]
    return bool(strict["passed"].notna().any() and strict["passed"].fillna(True).all())


def _row(
    test: str,
    value: float,
    passed: bool | None,
    detail: str,
    *,
    subject: str | None = None,
    low: float = float("nan"),
    high: float = float("nan"),
) -> dict[str, Any]:
    return dict(zip(COLUMNS, (test, subject, value, low, high, passed, detail), strict=True))


def _audited(training: ChurnTraining) -> list[str]:
    """Logistic regression, and the best model."""
    return [name for name in dict.fromkeys((LOGISTIC, training.best)) if name in training.estimators]


def _future_features(snapshots: pd.DataFrame) -> dict[str, Any]:
    """The latest time that entered any feature, in days after its snapshot: never above 0."""
    latest = snapshots["latest_feature_time"] if "latest_feature_time" in snapshots.columns else pd.Series(pd.NaT)
    if latest.isna().all():
        return _row(FUTURE, float("nan"), None, "no feature comes from anything that has a time")
    days = (pd.to_datetime(latest) - pd.to_datetime(snapshots["snapshot_time"])) / pd.Timedelta(days=1)
    late = int((days > 0).sum())
    return _row(
        FUTURE,
        float(days.max()),
        late == 0,
        f"days from the snapshot to the latest that entered its features; {late} of {int(days.notna().sum())} "
        "snapshots saw something later",
    )


def _false_future(futures: Sequence[tuple[pd.DataFrame, pd.DataFrame]]) -> dict[str, Any]:
    """How many features change when what came after the snapshot is replaced: none, to the bit."""
    compared, changed, names = 0, 0, set()
    keys = ["user_key", "snapshot_time"]
    for real, false in futures:
        both = real.merge(false, on=keys, how="outer", suffixes=("", "|false"), indicator=True)
        alone = both["_merge"] != "both"
        for name in [name for name in real.columns if name not in keys]:
            one, other = both[name], both[f"{name}|false"]
            differs = alone | ~((one == other) | (one.isna() & other.isna()))
            compared += len(both)
            changed += int(differs.sum())
            names |= {str(name)} if differs.any() else set()
    if not compared:
        return _row(INJECTED, float("nan"), None, "nothing that has a time came after a snapshot")
    told = f"values of features, of {compared}, that changed with what came after their snapshot"
    return _row(INJECTED, float(changed), changed == 0, ": ".join(filter(None, (told, ", ".join(sorted(names))))))


def _permuted_labels(training: ChurnTraining, name: str, seed: int) -> dict[str, Any]:
    """A pipeline fitted to permuted outcomes has learned nothing, so on the test its ROC AUC is 0.5.

    Each permutation is followed by its opposite: what features happen to say of the test then counts once for and
    once against, and what is left is what did not come from the labels.
    """
    from sklearn.base import clone
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    learned, tested = training.train["churned"].to_numpy(np.intp), training.predictions["churned"].to_numpy(np.intp)
    fit, test = _sample(learned, rng), _sample(tested, rng)
    x, x_test = training.train[list(training.features)].iloc[fit], training.test.iloc[test]
    pipeline = fitted_pipeline(training.estimators[name])
    aucs = []
    for _ in range(PAIRS):
        permuted = rng.permutation(learned[fit])
        for labels in (permuted, 1 - permuted):
            p = churn_probability(clone(pipeline).fit(x, labels), x_test)
            aucs.append(float(roc_auc_score(tested[test], p)))
    pairs = np.reshape(aucs, (PAIRS, 2)).mean(axis=1)
    mean, reach = float(pairs.mean()), T_PAIRS * float(pairs.std(ddof=1)) / PAIRS**0.5
    return _row(
        PERMUTED,
        mean,
        abs(mean - 0.5) <= reach + PERMUTED_TOLERANCE,
        f"ROC AUC on the test, mean and range of {2 * PAIRS} fits to permuted outcomes; "
        f"99 % interval of the mean: {reach:.3f} to either side",
        subject=name,
        low=min(aucs),
        high=max(aucs),
    )


def _sample(y: IntArray, rng: np.random.Generator) -> IntArray:
    """Positions of at most ROWS rows, both outcomes in their shares, and ROWS_PER_CLASS of each where there are."""
    if len(y) <= ROWS:
        return np.arange(len(y))
    drawn = []
    for outcome in (0, 1):
        of_it = np.flatnonzero(y == outcome)
        wanted = max(ROWS_PER_CLASS, round(ROWS * len(of_it) / len(y)))
        drawn.append(rng.choice(of_it, size=min(wanted, len(of_it)), replace=False))
    return np.sort(np.concatenate(drawn))


def _latest_labelled(snapshots: pd.DataFrame) -> pd.DataFrame:
    """One row per person: those of the latest time that may train or test, with `position` in the table."""
    usable = snapshots["eligible"].fillna(False).astype(bool) & snapshots["churned"].notna()
    rows = snapshots.assign(position=np.arange(len(snapshots)))[usable]
    return rows[rows["snapshot_time"] == rows["snapshot_time"].max()].reset_index(drop=True)


def _identifiers(labelled: pd.DataFrame) -> pd.DataFrame:
    """What tells one person from another and nothing about them."""
    keys = labelled["user_key"].astype(str)
    hashed = pd.util.hash_pandas_object(keys, index=False).to_numpy()
    return pd.DataFrame(
        {
            "position": labelled["position"].astype(float),
            "key_rank": keys.rank(),
            "key_hash": hashed.astype(float),
            "key_remainder": (hashed % np.uint64(16)).astype(float),
        }
    )


def _coverage(labelled: pd.DataFrame) -> pd.DataFrame:
    """How long and how completely people were observed, and nothing of what they did."""
    found = labelled[[name for name in COVERAGE_COLUMNS if name in labelled.columns]].astype(float)
    return found.loc[:, found.nunique(dropna=False) > 1]


def _alone(
    test: str,
    labelled: pd.DataFrame,
    x: pd.DataFrame,
    seed: int,
    *,
    most: float = 1.0,
    by_chance: float = 1.0,
) -> dict[str, Any]:
    """ROC AUC of boosting on these columns alone, each person predicted by a fit to others.

    Args:
        most: fails above it.
        by_chance: fails where the interval lies above it and no permuted outcome is told as well.
    """
    columns = ", ".join(x.columns)
    if x.empty:
        return _row(test, float("nan"), None, "there are no such columns that vary")
    rng = np.random.default_rng(seed)
    y = labelled["churned"].astype(bool).to_numpy().astype(np.intp)
    drawn = _sample(y, rng)
    x, y = x.iloc[drawn], y[drawn]
    if np.bincount(y, minlength=2).min() < FOLDS:
        return _row(test, float("nan"), None, f"too few of an outcome at the latest time to try {columns}")
    auc, low, high = roc_auc_interval(y, _told_by_others(x, y, seed), seed=seed, confidence=CONFIDENCE)
    detail = f"ROC AUC of a model on {columns} alone"
    passed = auc <= most and low <= by_chance
    if low > by_chance:
        tried = _permutations_until_told(x, y, auc, rng, seed)
        passed = tried is not None
        detail += (
            f"; {'none' if tried is None else 'the last'} of {tried or PERMUTATIONS} permuted outcomes told as well"
        )
    return _row(test, auc, passed, detail, low=low, high=high)


def _told_by_others(x: pd.DataFrame, y: IntArray, seed: int) -> FloatArray:
    """Probability of outcome 1 of each row, by a fit to the rows of other folds."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    model = HistGradientBoostingClassifier(max_iter=50, max_leaf_nodes=8, random_state=seed)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(model, x, y, cv=folds, method="predict_proba")[:, 1], dtype=np.float64)


def _permutations_until_told(
    x: pd.DataFrame, y: IntArray, auc: float, rng: np.random.Generator, seed: int
) -> int | None:
    """How many permuted outcomes were tried until one was told with this ROC AUC; None: none of PERMUTATIONS was.

    Test by permutation (Ojala and Garriga 2010, "Permutation tests for studying classifier performance").
    """
    from sklearn.metrics import roc_auc_score

    for tried in range(1, PERMUTATIONS + 1):
        permuted = rng.permutation(y)
        if roc_auc_score(permuted, _told_by_others(x, permuted, seed)) >= auc:
            return tried
    return None


def _single_features(training: ChurnTraining, seed: int) -> list[dict[str, Any]]:
    """The features that tell nearly all alone, at most LISTED_FEATURES; where none does, the one that tells most."""
    learned = training.train[list(training.features)]
    x = pd.concat([learned, training.test[list(training.features)]], ignore_index=True)
    y = np.concatenate([training.train["churned"], training.predictions["churned"]]).astype(np.intp)
    drawn = np.random.default_rng(seed).permutation(_sample(y, np.random.default_rng(seed)))
    x, y = x.iloc[drawn].reset_index(drop=True), y[drawn]
    scores = _single_scores(x, y)
    aucs = pd.DataFrame({kind: _aucs(score, y) for kind, score in scores.items()})
    strongest = aucs.max(axis=1).sort_values(ascending=False, kind="stable")
    listed = strongest[strongest > SINGLE_AUC].index[:LISTED_FEATURES] if strongest.iloc[0] > SINGLE_AUC else None
    records = []
    for name in strongest.index[:1] if listed is None else listed:
        score = scores[str(aucs.loc[name].idxmax())][name]
        auc, low, high = roc_auc_interval(y, score, seed=seed, confidence=CONFIDENCE)
        detail = "ROC AUC of this feature alone" + (
            ", the highest of all" if listed is None else ": it may hold the outcome, or what was known only afterwards"
        )
        records.append(_row(SINGLE, auc, listed is None, detail, subject=str(name), low=low, high=high))
    return records


def _single_scores(x: pd.DataFrame, y: IntArray) -> dict[str, pd.DataFrame]:
    """Ways in which a feature alone can order people, by name: columns as the features'."""
    numbers = x.select_dtypes("number")
    codes = {str(name): pd.factorize(x[name])[0] + 1 for name in x.columns if name not in numbers.columns}
    ranks = {at: numbers.rank(na_option=at) for at in ("top", "bottom")}
    bins = (numbers.rank(pct=True) * BINS).fillna(0).apply(np.ceil).astype(np.intp)
    codes |= {str(name): bins[name].to_numpy() for name in numbers.columns}
    rates = pd.DataFrame({str(name): _held_out_rates(codes[str(name)], y) for name in x.columns})
    return {
        "rate": rates,
        **{f"high, unknown at the {at}": rank for at, rank in ranks.items()},
        **{f"low, unknown at the {at}": -rank for at, rank in ranks.items()},
    }


def _held_out_rates(codes: IntArray, y: IntArray) -> FloatArray:
    """Share who left among people of the same code in other folds; rows are in an order that was drawn."""
    fold, size = np.arange(len(y)) % FOLDS, int(codes.max()) + 1
    cell = fold * size + codes
    people = np.bincount(cell, minlength=FOLDS * size).reshape(FOLDS, size)
    left = np.bincount(cell, weights=y, minlength=FOLDS * size).reshape(FOLDS, size)
    others, others_left = people.sum(axis=0) - people, left.sum(axis=0) - left
    # One base rate for all folds: those of the other folds would tell, turned round, how many left in this one.
    rates = (others_left + PRIOR_PEOPLE * y.mean()) / (others + PRIOR_PEOPLE)
    return np.asarray(rates[fold, codes], dtype=np.float64)


def _aucs(scores: pd.DataFrame, y: IntArray) -> pd.Series:
    """ROC AUC of each column (Mann-Whitney)."""
    positive, negative = int(y.sum()), int(len(y) - y.sum())
    ranks = scores.rank()[y == 1].sum()
    return (ranks - positive * (positive + 1) / 2) / (positive * negative)
