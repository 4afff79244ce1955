"""Calibration of churn's candidates: from a fitted pipeline's probabilities to those that come true.

Here: the maps, which of them is taken, and the calibrated candidate. Not here: which rows calibrate (`churn`), how
well it came out (`evaluation`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

SIGMOID, BETA, ISOTONIC = "sigmoid", "beta", "isotonic"
# With fewer rows the steps of isotonic regression are noise (Niculescu-Mizil and Caruana 2005, "Predicting good
# probabilities with supervised learning").
FREE_FORM_ROWS = 1_000
CHOICE_FOLDS = 5
# A leaf without anybody who left says 0: nobody knows that, and log odds of 0 are infinite.
SMALLEST = 1e-4


class Calibrated(ClassifierMixin, BaseEstimator):
    """A fitted pipeline behind a map of its probabilities, fitted on rows that the pipeline has not seen.

    `sigmoid`: logistic regression on the log odds (Platt 1999; Cox 1958), which the identity is one of. `beta`: on
    the logarithms of both probabilities (Kull, Silva Filho and Flach 2017). `isotonic`: any map that rises, as
    straight lines (Zadrozny and Elkan 2002). From FREE_FORM_ROWS rows on, the latter two are taken where their log
    loss over folds is lower than the sigmoid's by more than its standard error.

    Attributes:
        pipeline: the fitted pipeline; may be replaced by one fitted on more rows (`refitted`).
        method_: the map taken.
        map_: that map, fitted.
    """

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline

    def fit(self, x: pd.DataFrame, y: npt.ArrayLike) -> "Calibrated":
        """Fit the map on rows (both outcomes among them) that the pipeline has not seen."""
        outcome = np.asarray(y, dtype=np.intp)
        self.classes_ = np.array([0, 1])
        self.feature_names_in_ = np.asarray([str(name) for name in x.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        p = self._raw(x)
        self.method_ = _best_method(p, outcome)
        self.map_ = _fitted_map(self.method_, p, outcome)
        return self

    def predict_proba(self, x: pd.DataFrame) -> FloatArray:
        """Columns: P(stays), P(churned)."""
        churned = _mapped(self.method_, self.map_, self._raw(x))
        return np.column_stack([1 - churned, churned])

    def predict(self, x: pd.DataFrame) -> IntArray:
        """1 where churning is more probable than not."""
        return (self.predict_proba(x)[:, 1] > 0.5).astype(np.intp)

    def _raw(self, x: pd.DataFrame) -> FloatArray:
        p = np.asarray(self.pipeline.predict_proba(x), dtype=np.float64)[:, 1]
        return np.clip(p, SMALLEST, 1 - SMALLEST)


def calibrate(pipeline: Any, x: pd.DataFrame, y: IntArray) -> Calibrated:
    """The fitted pipeline, calibrated on rows it has not seen."""
    return Calibrated(pipeline).fit(x, y)


def refitted(calibrated: Calibrated, pipeline: Any) -> Calibrated:
    """The calibration kept, the model behind it replaced by one that was fitted on more rows."""
    calibrated.pipeline = pipeline
    return calibrated


def _best_method(p: FloatArray, y: IntArray) -> str:
    if len(y) < FREE_FORM_ROWS or min(y.sum(), len(y) - y.sum()) < CHOICE_FOLDS:
        return SIGMOID
    # In turn along the probabilities: each fold holds the whole range, and nothing is drawn.
    fold = np.empty(len(y), dtype=np.intp)
    fold[np.lexsort((y, p))] = np.arange(len(y)) % CHOICE_FOLDS
    losses = {}
    for method in (SIGMOID, BETA, ISOTONIC):
        held_out = np.empty(len(y))
        for k in range(CHOICE_FOLDS):
            seen = fold != k
            held_out[~seen] = _mapped(method, _fitted_map(method, p[seen], y[seen]), p[~seen])
        losses[method] = -np.where(y == 1, np.log(held_out), np.log1p(-held_out))
    best = SIGMOID
    rising = _fitted_map(BETA, p, y).coef_[0] * (1, -1)
    for method in (BETA, ISOTONIC) if (rising >= 0).all() else (ISOTONIC,):
        gain, sure = losses[best] - losses[method], losses[SIGMOID] - losses[method]
        if gain.mean() > 0 and sure.mean() > sure.std() / np.sqrt(len(y)):
            best = method
    return best


def _fitted_map(method: str, p: FloatArray, y: IntArray) -> Any:
    from sklearn.isotonic import IsotonicRegression
    from sklearn.linear_model import LogisticRegression

    if method == ISOTONIC:
        return IsotonicRegression(y_min=SMALLEST, y_max=1 - SMALLEST, out_of_bounds="clip").fit(p, y)
    # Hardly held back: only so that outcomes that are told apart without a mistake have an end.
    return LogisticRegression(C=100.0).fit(_logs(method, p), y)


def _mapped(method: str, fitted: Any, p: FloatArray) -> FloatArray:
    q = fitted.predict(p) if method == ISOTONIC else fitted.predict_proba(_logs(method, p))[:, 1]
    return np.clip(np.asarray(q, dtype=np.float64), SMALLEST, 1 - SMALLEST)


def _logs(method: str, p: FloatArray) -> FloatArray:
    if method == BETA:
        return np.column_stack([np.log(p), np.log1p(-p)])
    return (np.log(p) - np.log1p(-p))[:, None]
