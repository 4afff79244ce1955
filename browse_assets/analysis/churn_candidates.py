"""The candidate models of churn: what each is made of, what of it is tuned, how it is calibrated.

Here: pipelines, grids, tuning on given folds, calibration on given rows, and how any of them is
asked for a probability. Not here: which rows those are, evaluation and promotion (`churn`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Fold = tuple[IntArray, IntArray]

DUMMY = "dummy"
ONE_RULE = "one_rule_recency"
LOGISTIC = "logistic_regression"
TREE = "decision_tree"
FOREST = "random_forest"
MODELS = (LOGISTIC, TREE, FOREST)
CANDIDATES = (DUMMY, ONE_RULE, *MODELS)

# Small on purpose, simplest first (a tie goes to the first): with a thousand rows, a larger grid
# mostly finds the noise of the folds.
GRIDS: dict[str, tuple[dict[str, Any], ...]] = {
    DUMMY: ({},),
    ONE_RULE: ({},),
    LOGISTIC: ({"C": 0.01}, {"C": 0.1}, {"C": 1.0}),
    TREE: (
        {"max_depth": 2, "min_samples_leaf": 20},
        {"max_depth": 3, "min_samples_leaf": 20},
        {"max_depth": 5, "min_samples_leaf": 10},
    ),
    FOREST: (
        {"n_estimators": 100, "max_depth": 4, "min_samples_leaf": 20},
        {"n_estimators": 100, "max_depth": 8, "min_samples_leaf": 5},
    ),
}

# What skops must be told to trust to load the calibrated candidates, besides its own defaults.
SKOPS_TRUSTED_TYPES = (
    "numpy.dtype",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.tree._tree.Tree",
)


@dataclass(frozen=True)
class Tuned:
    """A candidate's chosen parameters.

    Attributes:
        params: of the model step.
        log_loss: mean over the folds' held-out rows, NaN where there was nothing to choose.
    """

    params: dict[str, Any]
    log_loss: float


def feature_matrix(frame: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """The features as floats, in the order given; missing and infinite values are NaN.

    Raises:
        ValueError: a feature is not a column of the frame.
    """
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise ValueError(f"the frame lacks the features {missing}")
    matrix = frame.loc[:, list(features)].astype("float64")
    return matrix.where(np.isfinite(matrix))


def new_pipeline(name: str, params: dict[str, Any], *, recency_index: int, seed: int) -> Any:
    """An unfitted candidate. Each begins with the same imputer, which also knows what is usual.

    Args:
        name: one of CANDIDATES.
        params: of the model step, one entry of its grid.
        recency_index: position of the one rule's feature.
        seed: of the trees.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    recency_only = ColumnTransformer([("recency", "passthrough", [recency_index])])
    steps: dict[str, list[tuple[str, Any]]] = {
        DUMMY: [("model", DummyClassifier(strategy="prior"))],
        ONE_RULE: [
            ("select", recency_only),
            ("scale", StandardScaler()),
            ("model", LogisticRegression()),
        ],
        LOGISTIC: [("scale", StandardScaler()), ("model", LogisticRegression(max_iter=1_000))],
        TREE: [("model", DecisionTreeClassifier(random_state=seed))],
        FOREST: [("model", RandomForestClassifier(random_state=seed, n_jobs=1))],
    }
    pipeline = Pipeline([("impute", impute), *steps[name]])
    return pipeline.set_params(**{f"model__{key}": value for key, value in params.items()})


def tune(
    name: str,
    x: pd.DataFrame,
    y: IntArray,
    folds: Sequence[Fold],
    *,
    recency_index: int,
    seed: int,
) -> Tuned:
    """The entry of the candidate's grid with the lowest log loss over all held-out rows."""
    from sklearn.metrics import log_loss

    grid = GRIDS[name]
    if len(grid) == 1 or not folds:
        return Tuned(params=dict(grid[0]), log_loss=float("nan"))
    held_out = np.concatenate([valid for _, valid in folds])
    losses = []
    for params in grid:
        model = new_pipeline(name, params, recency_index=recency_index, seed=seed)
        p = np.concatenate(
            [model.fit(x.iloc[train], y[train]).predict_proba(x.iloc[valid])[:, 1] for train, valid in folds]
        )
        losses.append(float(log_loss(y[held_out], p, labels=[0, 1])))
    best = int(np.argmin(np.round(losses, 9)))
    return Tuned(params=dict(grid[best]), log_loss=losses[best])


def calibrate(pipeline: Any, x: pd.DataFrame, y: IntArray) -> Any:
    """The fitted pipeline behind a sigmoid (Platt 1999), fitted on rows it has not seen.

    A sigmoid, not isotonic regression: that needs about a thousand rows (Niculescu-Mizil and
    Caruana 2005, "Predicting good probabilities with supervised learning").
    """
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator

    # A frozen estimator is not fitted again, so the folds only pass its predictions through.
    return CalibratedClassifierCV(FrozenEstimator(pipeline), method="sigmoid", cv=2).fit(x, y)


def churn_probability(estimator: Any, x: pd.DataFrame) -> FloatArray:
    """P(churned) of each row, to 9 decimals.

    Linear algebra gives a row other last bits alone than in a batch; rounding takes them away.
    """
    return np.round(np.asarray(estimator.predict_proba(x), dtype=np.float64)[:, 1], 9)


def usual_values(estimator: Any) -> FloatArray:
    """Median of each feature in the rows that the calibrated candidate was fitted on."""
    pipeline = estimator.calibrated_classifiers_[0].estimator.estimator
    return np.asarray(pipeline.named_steps["impute"].statistics_, dtype=np.float64)
