"""How a model of churn does for groups of people: by what they declared of themselves, where groups are large enough.

Here: which groups may be told, and their figures. Not here: metrics (`evaluation`), the rule of suppression
(`suppression`), the card that shows them (`churn_card`).
"""

from typing import Any

import numpy as np
import pandas as pd

from browse_assets.analysis.churn import ChurnTraining
from browse_assets.analysis.evaluation import interval, resample_rates
from browse_assets.analysis.suppression import Group, releasable

# Declared attributes are columns of this beginning; those that are texts of few values make groups.
DECLARED = "customer_"
MOST_GROUPS = 20
NOT_DECLARED = "not declared"
RESAMPLES = 300

METRICS = ("churn_rate", "roc_auc", "recall", "false_positive_rate", "gap")
COLUMNS = ("attribute", "value", "people", *(f"{name}{suffix}" for name in METRICS for suffix in ("", "_low", "_high")))


def group_figures(training: ChurnTraining, *, min_group: int, seed: int) -> pd.DataFrame:
    """One row per declared attribute and value with at least k people in the test, for the best model.

    Columns: attribute, value, people, then with the ends of their 95% intervals (bootstrap over people): churn_rate,
    roc_auc, recall (of those who left, at the threshold), false_positive_rate (of those who stayed), gap (mean
    probability less the share that left: above 0 the group's risk is overstated).

    A group of fewer than k people is left out, and so is one whose figures would give it away beside the total
    (`suppression.releasable`). By the same rule over leavers and over stayers, what would tell the outcome of fewer
    than k people of a group is NaN: its churn rate, and figures that are of them alone.
    """
    if training.best is None:
        return pd.DataFrame(columns=list(COLUMNS))
    y = training.predictions["churned"].to_numpy(dtype=np.float64)
    p = training.predictions[training.best].to_numpy(dtype=np.float64)
    threshold = float(training.table.loc[training.table["model"] == training.best, "threshold"].iloc[0])
    records = []
    for column in declared_texts(training.test):
        values = training.test[column].astype(object).where(training.test[column].notna(), NOT_DECLARED).to_numpy()
        shown = _shown(values, np.ones(len(y)), min_group)
        with_leavers, with_stayers = _shown(values, y, min_group), _shown(values, 1 - y, min_group)
        for value in sorted(shown, key=str):
            inside = values == value
            figures = _figures(y[inside], p[inside], threshold, seed)
            hidden: set[str] = set()
            if value not in with_leavers or value not in with_stayers:
                hidden |= {"churn_rate", "roc_auc"}
            hidden |= set() if value in with_leavers else {"recall"}
            hidden |= set() if value in with_stayers else {"false_positive_rate"}
            record: dict[str, Any] = {
                "attribute": column.removeprefix(DECLARED),
                "value": str(value),
                "people": int(inside.sum()),
            }
            for name, numbers in figures.items():
                kept = (float("nan"),) * 3 if name in hidden else numbers
                record |= dict(zip((name, f"{name}_low", f"{name}_high"), kept, strict=True))
            records.append(record)
    return pd.DataFrame.from_records(records, columns=list(COLUMNS))


def declared_texts(test: pd.DataFrame) -> list[str]:
    """Names of the declared attributes that make groups: texts of 2 to 20 values."""
    return [
        str(name)
        for name in test.columns
        if str(name).startswith(DECLARED)
        and not pd.api.types.is_numeric_dtype(test[name])
        and 2 <= test[name].nunique(dropna=False) <= MOST_GROUPS
    ]


def _shown(values: Any, counted: Any, min_group: int) -> set[Any]:
    """The values whose counted people may be told beside the total."""
    counts = {value: round(float(counted[values == value].sum())) for value in sorted(set(values), key=str)}
    groups = [Group(item=str(value), parent=None, people=count) for value, count in counts.items()]
    released = releasable(groups, round(float(counted.sum())), min_group=min_group)
    return {value for value in counts if str(value) in released}


def _figures(y: Any, p: Any, threshold: float, seed: int) -> dict[str, tuple[float, float, float]]:
    samples = resample_rates(y, p, threshold, seed=seed, resamples=RESAMPLES)
    rates = {str(name): (float(column.iloc[0]), *interval(column.iloc[1:])) for name, column in samples.items()}
    rng, both = np.random.default_rng(seed), np.column_stack([y, p - y])
    drawn = np.array([both[rng.integers(len(y), size=len(y))].mean(axis=0) for _ in range(RESAMPLES)])
    return {
        "churn_rate": (float(y.mean()), *interval(drawn[:, 0])),
        **rates,
        "gap": (float((p - y).mean()), *interval(drawn[:, 1])),
    }
