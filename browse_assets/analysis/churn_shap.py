"""What moves a candidate's answers, feature by feature: Shapley values of people, added up until nobody is seen.

Here: mean absolute values and their direction per raw feature. Not here: the picture (`churn_figures`), reasons of
single people's scores (`churn_scores`), permutation importances (`churn`).
"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_candidates import churn_probability, fitted_pipeline

FloatArray = npt.NDArray[np.float64]

ROWS = 300
# Without a formula each person costs 10 predictions for each feature.
ROWS_BY_PERMUTATION = 100
ORDERS = 5
# Of each feature so many different values show which encoded columns follow it: rare texts are among them.
PROBED_VALUES = 200
# A rank correlation below this says that a higher value sometimes raises and sometimes lowers.
CLEAR_DIRECTION = 0.3
TREES = (
    "DecisionTreeClassifier",
    "RandomForestClassifier",
    "HistGradientBoostingClassifier",
    "LGBMClassifier",
)


@dataclass(frozen=True)
class ShapSummary:
    """Shapley values of a sample of the test, by feature; nothing in it is about one person.

    Attributes:
        features: one row per feature, the one that moves most first: feature, mean_abs (in `unit`), direction
            ('higher raises', 'higher lowers', 'both ways' for numbers; 'by value' for texts).
        unit: what a value of 1 means.
        rows: people in the sample.
        method: how the values came about.
    """

    features: pd.DataFrame
    unit: str
    rows: int
    method: str


def summarise_shap(estimator: Any, test: pd.DataFrame, train: pd.DataFrame, *, seed: int) -> ShapSummary:
    """Shapley values (Lundberg and Lee 2017, "A unified approach to interpreting model predictions") by raw feature.

    Trees and linear models are asked by formula (Lundberg and others 2020), in the encoded columns, whose values are
    added up by the raw feature that each follows: Shapley values of columns add up. Any other model by permutations of
    the raw features. Of trees and linear models it is the model before its calibration that is explained.

    Args:
        estimator: a calibrated candidate.
        test: features of people that it was tested on; at most 300 of them are looked at (100 by permutations).
        train: features of people that it was fitted on.
        seed: of the sample.
    """
    names = [str(name) for name in test.columns]
    rows = _sample(test, ROWS, seed)
    pipeline = fitted_pipeline(estimator)
    model = pipeline.named_steps["model"]
    kind = type(model).__name__
    if kind in TREES or kind == "LogisticRegression":
        encoded = pipeline[:-1].transform(rows)
        background = pipeline[:-1].transform(_sample(train[names], ROWS, seed + 1))
        values, unit = _by_formula(model, encoded, background)
        columns = _followed(pipeline, train[names])
        by_feature = np.column_stack(
            [values[:, [encoded.columns.get_loc(c) for c in columns[name]]].sum(axis=1) for name in names]
        )
        method = "by formula, in the model before its calibration"
    else:
        rows = _sample(test, ROWS_BY_PERMUTATION, seed)
        by_feature, unit = _by_permutation(estimator, rows, train[names], seed), "probability"
        method = "by permutations of the features"
    frame = pd.DataFrame(
        {
            "feature": names,
            "mean_abs": np.abs(by_feature).mean(axis=0),
            "direction": [_direction(rows[name], by_feature[:, i]) for i, name in enumerate(names)],
        }
    )
    frame = frame.sort_values("mean_abs", ascending=False, kind="stable", ignore_index=True)
    return ShapSummary(frame, unit, len(rows), method)


def _sample(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    drawn = np.random.default_rng(seed).choice(len(frame), size=min(rows, len(frame)), replace=False)
    return frame.iloc[np.sort(drawn)].reset_index(drop=True)


def _by_formula(model: Any, encoded: pd.DataFrame, background: pd.DataFrame) -> tuple[FloatArray, str]:
    """Values by row and encoded column, for churned, and their unit."""
    import shap

    if type(model).__name__ == "LogisticRegression":
        values = shap.LinearExplainer(model, background.to_numpy()).shap_values(encoded.to_numpy())
        return np.asarray(values, dtype=np.float64), "log odds"
    with warnings.catch_warnings():
        # Of LightGBM it warns that its form has changed: both forms are read here.
        warnings.filterwarnings("ignore", message="LightGBM binary classifier", category=UserWarning)
        values = shap.TreeExplainer(model).shap_values(encoded)
    found = np.asarray(values[1] if isinstance(values, list) else values, dtype=np.float64)
    # Forests and trees are explained in shares of leaves, for either outcome; boosting in log odds.
    return (found[:, :, 1], "probability") if found.ndim == 3 else (found, "log odds")


def _followed(pipeline: Any, train: pd.DataFrame) -> dict[str, list[str]]:
    """For each raw feature the encoded columns that change with it, found by trying its values.

    Names of encoded columns don't tell for sure: a feature `a_b` and the value b of a feature `a` look alike.
    """
    frames, owners = [], []
    usual = train.iloc[[0]]
    for name in train.columns:
        tried = train[name].drop_duplicates().sort_values(kind="stable").reset_index(drop=True)
        places = np.unique(np.linspace(0, len(tried) - 1, min(len(tried), PROBED_VALUES)).astype(int))
        block = usual.loc[usual.index.repeat(len(places))].reset_index(drop=True)
        frames.append(block.assign(**{name: tried.iloc[places].to_numpy()}).astype(train.dtypes.to_dict()))
        owners += [str(name)] * len(places)
    encoded = pipeline[:-1].transform(pd.concat(frames, ignore_index=True))
    owner = np.asarray(owners)
    return {
        str(name): [
            str(column)
            for column, values in encoded[owner == str(name)].items()
            if np.ptp(values.to_numpy(dtype=np.float64)) > 0
        ]
        for name in train.columns
    }


def _by_permutation(estimator: Any, rows: pd.DataFrame, train: pd.DataFrame, seed: int) -> FloatArray:
    """Values by row and raw feature of any model (Strumbelj and Kononenko 2014, "Explaining prediction models").

    Features are taken from people of the training set to those of the row one by one, in drawn orders and in their
    reverse. Not by shap's PermutationExplainer: it compiles for 30 s and asks row by row; this is the same sum.
    """
    rng = np.random.default_rng(seed)
    values = np.zeros(rows.shape)
    for _ in range(ORDERS):
        order = rng.permutation(rows.shape[1])
        reference = train.iloc[rng.integers(len(train), size=len(rows))].reset_index(drop=True)
        for way in (order, order[::-1]):
            mixed = [reference]
            for i in way:
                name = rows.columns[i]
                mixed.append(mixed[-1].assign(**{str(name): rows[name]}))
            p = churn_probability(estimator, pd.concat(mixed, ignore_index=True)).reshape(len(mixed), len(rows))
            values[:, way] += np.diff(p, axis=0).T
    return values / (2 * ORDERS)


def _direction(column: pd.Series, values: FloatArray) -> str:
    if not pd.api.types.is_numeric_dtype(column):
        return "by value"
    known = column.notna().to_numpy()
    ranks, moves = column[known].rank(), pd.Series(values[known]).rank()
    if ranks.nunique() < 2 or moves.nunique() < 2:
        return "both ways"
    correlation = float(np.corrcoef(ranks, moves)[0, 1])
    if abs(correlation) < CLEAR_DIRECTION:
        return "both ways"
    return "higher raises" if correlation > 0 else "higher lowers"
