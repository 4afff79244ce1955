"""MBG/NBD as a candidate of churn: whether somebody comes back, from how often and how lately they came.

Here: the model of repeat visits as a scikit-learn classifier. Not here: the model itself (`repeat_visits`), the
other candidates (`churn_candidates`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from browse_assets.analysis.repeat_visits import RepeatModel, fit_repeat_model, history_of

FloatArray = npt.NDArray[np.float64]

# Days with activity up to the snapshot, ever; days since the last and since the first of them.
VISITS, LAST, FIRST = "history_days", "days_since_last", "tenure_days"
# The likelihood of more distinct histories says the same of four parameters, and takes as many times longer.
MOST_HISTORIES = 20_000


class RepeatVisits(ClassifierMixin, BaseEstimator):
    """P(no activity in (t0 + gap, t0 + gap + outcome]) by the MBG/NBD model.

    It learns from histories alone; the outcomes only give the rate that is said where histories tell nothing (too
    few of them, or nobody ever came twice) and for rows without a history.

    Attributes:
        parameters_: r, alpha, a, b of the model; None where there is none.
        rate_: share that churned.
    """

    def __init__(self, gap_days: float = 0.0, outcome_days: float = 30.0) -> None:
        self.gap_days = gap_days
        self.outcome_days = outcome_days

    def fit(self, x: pd.DataFrame, y: npt.ArrayLike) -> "RepeatVisits":
        """Fit the model to the histories in the columns VISITS, LAST and FIRST of x, in days."""
        outcome = np.asarray(y)
        self.classes_ = np.unique(outcome)
        self.rate_ = float(outcome.mean())
        known = x[[VISITS, LAST, FIRST]].dropna()
        known = known.iloc[:: 1 + len(known) // MOST_HISTORIES]
        model = fit_repeat_model(*_histories(known)) if len(known) else None
        self.parameters_ = None if model is None else [model.r, model.alpha, model.a, model.b]
        return self

    def predict_proba(self, x: pd.DataFrame) -> FloatArray:
        """Columns: P(comes back), P(churned)."""
        churned = np.full(len(x), self.rate_)
        known = x[[VISITS, LAST, FIRST]].notna().all(axis=1).to_numpy()
        if self.parameters_ is not None and known.any():
            back = RepeatModel(*self.parameters_).returning(
                *_histories(x[known]), self.outcome_days, after=self.gap_days
            )
            churned[known] = 1 - back
        return np.column_stack([1 - churned, churned])

    def predict(self, x: pd.DataFrame) -> Any:
        """1 where churning is more probable than not."""
        return self.classes_[(self.predict_proba(x)[:, 1] > 0.5).astype(np.intp)]


def _histories(x: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    visits, last, first = (np.maximum(x[name].to_numpy(dtype=np.float64), 0) for name in (VISITS, LAST, FIRST))
    return history_of(np.maximum(visits, 1), np.maximum(first, last), last)
