"""The candidate models of churn: what each is made of, what of it is tuned, how it is calibrated.

Here: pipelines, grids, tuning on given folds, calibration on given rows, and how any
of them is asked for a probability. Not here: types of features (`churn_features`), which rows are used for what
(`churn`), evaluation, promotion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_features import TypedFeatures

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]
Fold = tuple[IntArray, IntArray]

DUMMY = "dummy"
ONE_RULE = "one_rule"
LOGISTIC = "logistic_regression"
TREE = "decision_tree"
FOREST = "random_forest"
HISTOGRAM = "hist_gradient_boosting"
LIGHTGBM = "lightgbm"
BASELINES = (DUMMY, ONE_RULE)
MODELS = (LOGISTIC, TREE, FOREST, HISTOGRAM, LIGHTGBM)
CANDIDATES = (*BASELINES, *MODELS)

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
    HISTOGRAM: (
        {"max_iter": 50, "learning_rate": 0.05, "max_leaf_nodes": 4},
        {"max_iter": 100, "learning_rate": 0.05, "max_leaf_nodes": 8},
    ),
    LIGHTGBM: (
        {"n_estimators": 50, "learning_rate": 0.05, "num_leaves": 4},
        {"n_estimators": 100, "learning_rate": 0.05, "num_leaves": 8},
    ),
}

# What skops must be told to trust to load the calibrated candidates, besides its own defaults.
SKOPS_TRUSTED_TYPES = (
    "browse_assets.analysis.churn_features.TypedFeatures",
    "collections.OrderedDict",
    "lightgbm.basic.Booster",
    "lightgbm.sklearn.LGBMClassifier",
    "numpy.dtype",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    "sklearn.compose._column_transformer.make_column_selector",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
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


def new_pipeline(name: str, params: dict[str, Any], *, seed: int, rule_feature: str | None = None) -> Any:
    """An unfitted candidate, from rows of raw features to P(churned).

    Each begins with the same steps: types, numbers filled with their median (and a column that says where), texts as
    one column for each of their common values, constants dropped.

    Args:
        name: one of CANDIDATES.
        params: of the model step, one entry of its grid.
        seed: of trees and boosting.
        rule_feature: the number that the one rule looks at; without one, the encoded column that tells most.
    """
    from lightgbm import LGBMClassifier
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.dummy import DummyClassifier
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.feature_selection import SelectKBest, VarianceThreshold
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler
    from sklearn.tree import DecisionTreeClassifier

    impute = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=10, max_categories=20, sparse_output=False
    )
    encode = ColumnTransformer(
        [
            ("numbers", impute, make_column_selector(dtype_include="number")),
            ("texts", categories, make_column_selector(dtype_exclude="number")),
        ],
        verbose_feature_names_out=False,
    )
    rule = SelectKBest(k=1) if rule_feature is None else ColumnTransformer([("rule", "passthrough", [rule_feature])])
    steps: dict[str, list[tuple[str, Any]]] = {
        DUMMY: [("model", DummyClassifier(strategy="prior"))],
        ONE_RULE: [("select", rule), ("scale", StandardScaler()), ("model", LogisticRegression())],
        LOGISTIC: [("scale", StandardScaler()), ("model", LogisticRegression(max_iter=1_000))],
        TREE: [("model", DecisionTreeClassifier(random_state=seed))],
        FOREST: [("model", RandomForestClassifier(random_state=seed, n_jobs=1))],
        HISTOGRAM: [("model", HistGradientBoostingClassifier(random_state=seed, early_stopping=False))],
        LIGHTGBM: [("model", LGBMClassifier(random_state=seed, n_jobs=1, deterministic=True, verbosity=-1))],
    }
    pipeline = Pipeline([("types", TypedFeatures()), ("encode", encode), ("vary", VarianceThreshold()), *steps[name]])
    pipeline.set_output(transform="pandas")
    return pipeline.set_params(**{f"model__{key}": value for key, value in params.items()})


def tune(
    name: str, x: pd.DataFrame, y: IntArray, folds: Sequence[Fold], *, seed: int, rule_feature: str | None = None
) -> Tuned:
    """The entry of the candidate's grid with the lowest log loss over all held-out rows."""
    from sklearn.metrics import log_loss

    grid = GRIDS[name]
    if len(grid) == 1 or not folds:
        return Tuned(params=dict(grid[0]), log_loss=float("nan"))
    held_out = np.concatenate([valid for _, valid in folds])
    losses = []
    for params in grid:
        model = new_pipeline(name, params, seed=seed, rule_feature=rule_feature)
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


def refitted(calibrated: Any, pipeline: Any) -> Any:
    """The calibration kept, the model behind it replaced by one that was fitted on more rows."""
    from sklearn.frozen import FrozenEstimator

    calibrated.calibrated_classifiers_[0].estimator = FrozenEstimator(pipeline)
    return calibrated


def fitted_pipeline(estimator: Any) -> Any:
    """The pipeline inside a calibrated candidate."""
    return estimator.calibrated_classifiers_[0].estimator.estimator


def churn_probability(estimator: Any, x: pd.DataFrame) -> FloatArray:
    """P(churned) of each row, to 9 decimals.

    Linear algebra gives a row other last bits alone than in a batch; rounding takes them away.
    """
    return np.round(np.asarray(estimator.predict_proba(x), dtype=np.float64)[:, 1], 9)
