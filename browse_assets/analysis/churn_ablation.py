"""Ablation of churn: what each group of features and each step of training is worth, on the test of the training.

Here: the groups, the variants, their metrics with paired differences. Not here: the split and the training that is
ablated (`churn`), logging and showing it (`notebook`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from browse_assets.analysis.churn import SEED
from browse_assets.analysis.churn_calibration import calibrate, refitted
from browse_assets.analysis.churn_candidates import LOGISTIC, churn_probability, encode, fit_candidate
from browse_assets.analysis.churn_division import Parts, labelled_rows, split_rows
from browse_assets.analysis.churn_rows import PREFIX
from browse_assets.analysis.churn_tuning import DEFAULTS
from browse_assets.analysis.churn_windows import WindowPlan
from browse_assets.analysis.evaluation import (
    OutcomeValues,
    best_threshold,
    interval,
    paired_differences,
    resample_metrics,
)

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# Each feature is in exactly one; a test holds this against the data dictionary.
FEATURE_GROUPS: dict[str, tuple[str, ...]] = {
    "recency": ("days_since_last", "overdue"),
    "tenure": ("tenure_days", "history_days", "lifecycle"),
    "amount": (
        "active_days",
        "active_days_7",
        "active_days_28",
        "page_views",
        "page_views_28",
        "sessions",
        "sessions_28",
        "sessions_per_active_day",
        "dwell_per_session",
    ),
    "trend": ("trend", "page_view_trend"),
    "rhythm": ("gap_mean_days", "gap_max_days", "gap_variation", "weekday_entropy", "weekend_share"),
    "what is visited": (
        "domains_per_active_day",
        "distinct_domains",
        "devices",
        "top_domain_share",
        "distinct_topics",
        "first_tier_topics",
        "top_topic_share",
        "topic_entropy",
        "searches",
        "finance_share",
        "finance_domains",
    ),
    "transactions": (
        "transactions",
        "transactions_28",
        "transaction_amount",
        "transaction_amount_28",
        "transaction_mean",
        "transaction_trend",
        "transaction_kinds",
        "refunds",
        "days_since_transaction",
    ),
    "service contacts": (
        "service_interactions",
        "service_interactions_28",
        "service_channels",
        "service_topics",
        "service_unresolved_share",
        "days_since_service",
    ),
}
DECLARED = "declared attributes"
# What a browser extension does not see.
CUSTOMER_TABLES = ("transactions", "service contacts", DECLARED)

FULL = "all features"
BROWSING_ALONE = "browsing alone (no customer tables)"
NOT_CALIBRATED = "not calibrated"
HALF = "threshold 0.5"
# What is compared: order of people, probabilities, and calls.
COMPARED = ("roc_auc", "log_loss", "f1")
CANDIDATE = LOGISTIC


@dataclass(frozen=True)
class Ablation:
    """What leaving something out does to one simple model.

    Attributes:
        table: one row per variant, `FULL` first: variant, left_out (names of groups, or the step), features (number),
            threshold, and for roc_auc, log_loss and f1 the value, `_low`, `_high`, and its difference to `FULL` on the
            same people with `_difference`, `_difference_low`, `_difference_high` (95 %, paired bootstrap over people).
        people: in the test.
        left: of them, who left.
        reason: why there is no table, empty where there is one.
    """

    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    people: int = 0
    left: int = 0
    reason: str = ""


def group_of(feature: str) -> str:
    """The group of a feature; whatever customers declare is one, and so is what no group names yet."""
    if feature.startswith(PREFIX):
        return DECLARED
    return next((group for group, names in FEATURE_GROUPS.items() if feature in names), "others")


@threadpool_limits.wrap(limits=1)
def ablate(
    snapshots: pd.DataFrame,
    *,
    plan: WindowPlan | None,
    features: Sequence[str],
    seed: int = SEED,
    values: OutcomeValues | None = None,
) -> Ablation:
    """Fit one plain candidate with everything, without each group of features, and without each step.

    Rows, parts and test are those of `train_churn` on the same snapshots. The candidate is logistic regression with the
    parameters that tuning begins with, so that a variant takes a tenth of a second and no variant is tuned better than
    another; its figures are not those of the tuned models.

    Args:
        snapshots: as for `train_churn`.
        plan: as for `train_churn`.
        features: names of the columns to learn from.
        seed: of the bootstrap.
        values: what the outcomes are worth, for the threshold.
    """
    rows = labelled_rows(snapshots, features)
    train, test, parts = split_rows(rows, plan)
    if parts is None or not len(test) or not 0 < rows.y[test].sum() < len(test):
        return Ablation(reason="Too few people left or stayed to divide them as a training does.")
    groups: dict[str, list[str]] = {}
    for name in rows.x.columns:
        groups.setdefault(group_of(str(name)), []).append(str(name))
    left_out: dict[str, tuple[str, ...]] = {f"without {group}": (group,) for group in groups}
    customer = tuple(group for group in CUSTOMER_TABLES if group in groups)
    if len(customer) > 1 and len(customer) < len(groups):
        left_out[BROWSING_ALONE] = customer
    kept = {FULL: list(map(str, rows.x.columns))}
    for variant, gone in left_out.items():
        names = [name for name in kept[FULL] if group_of(name) not in gone]
        if names:
            kept[variant] = names

    probabilities: dict[str, FloatArray] = {}
    thresholds: dict[str, float] = {}
    for variant, names in kept.items():
        fitted = _fit(rows.x[names], rows.y, train, test, parts, seed=seed, values=values)
        probabilities[variant], thresholds[variant] = fitted.calibrated, fitted.threshold
        if variant == FULL:
            probabilities[NOT_CALIBRATED], thresholds[NOT_CALIBRATED] = fitted.raw, fitted.raw_threshold
            probabilities[HALF], thresholds[HALF] = fitted.calibrated, 0.5
    samples = resample_metrics(rows.y[test], probabilities, thresholds, seed=seed, values=values)
    words = {FULL: "", NOT_CALIBRATED: "calibration", HALF: "choice of the threshold"}
    table = pd.DataFrame(
        {
            "variant": variant,
            "left_out": words.get(variant, ", ".join(left_out.get(variant, ()))),
            "features": len(kept.get(variant, kept[FULL])),
            "threshold": thresholds[variant],
        }
        | _metrics(samples[variant])
        for variant in samples
    )
    differences = paired_differences(samples, FULL)
    for metric in COMPARED:
        of_metric = differences[differences["metric"] == metric].set_index("model").loc[table["variant"]]
        for column, suffix in (("difference", ""), ("low", "_low"), ("high", "_high")):
            table[f"{metric}_difference{suffix}"] = of_metric[column].to_numpy(dtype=np.float64)
    return Ablation(table, len(test), int(rows.y[test].sum()))


@dataclass(frozen=True)
class _Fitted:
    """P(churned) of the test's people and thresholds of one set of features, calibrated and raw."""

    calibrated: FloatArray
    threshold: float
    raw: FloatArray
    raw_threshold: float


def _fit(
    x: pd.DataFrame,
    y: IntArray,
    train: IntArray,
    test: IntArray,
    parts: Parts,
    *,
    seed: int,
    values: OutcomeValues | None,
) -> _Fitted:
    def fitted(part: IntArray) -> Any:
        return fit_candidate(CANDIDATE, DEFAULTS[CANDIDATE], encode(x.iloc[part], y[part]), seed=seed)

    first, last = fitted(parts.fit), fitted(train)
    raw_seen = churn_probability(first, x.iloc[parts.threshold])
    estimator = calibrate(first, x.iloc[parts.calibrate], y[parts.calibrate])
    seen = churn_probability(estimator, x.iloc[parts.threshold])
    return _Fitted(
        churn_probability(refitted(estimator, last), x.iloc[test]),
        best_threshold(y[parts.threshold], seen, values),
        churn_probability(last, x.iloc[test]),
        best_threshold(y[parts.threshold], raw_seen, values),
    )


def _metrics(samples: pd.DataFrame) -> dict[str, float]:
    found: dict[str, float] = {}
    for metric in COMPARED:
        found[metric] = float(samples[metric].iloc[0])
        found[f"{metric}_low"], found[f"{metric}_high"] = interval(samples[metric].iloc[1:])
    return found
