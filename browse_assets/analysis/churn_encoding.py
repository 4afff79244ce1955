"""Encoding of churn's features: what all candidates do to raw columns before their own model sees them.

Here: which columns are kept where there are very many, numbers without gaps, texts as columns of 0 and 1. Not
here: types of features (`churn_features`), models and what each does to the encoded columns (`churn_candidates`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

# More columns than that are screened one by one first: with a few hundred people, the best of thousands of useless
# columns look as good as a useful one, and every fit takes as many times longer.
MOST_COLUMNS = 200
# A text is one column for each of its values that at least 10 people have, at most 20 of them.
MIN_VALUE_ROWS = 10
MOST_VALUES = 20


class TellingColumns(TransformerMixin, BaseEstimator):
    """Keeps the columns that vary in the rows it is fitted on; of more than `most`, those that tell most alone.

    How much a column tells alone: the share of the outcome's variance that ranks of a number, whether it is
    missing, or the values of a text explain, less what chance would (adjusted R squared, the largest of them; Fan
    and Lv 2008, "Sure independence screening for ultrahigh dimensional feature space"). A number with a middle
    that leaves and ends that stay tells nothing alone and can be lost.

    Attributes:
        kept_: names of the columns kept, in their order; at least one, even where none varies.
        feature_names_in_: names of all columns.
    """

    def __init__(self, most: int = MOST_COLUMNS) -> None:
        self.most = most

    def fit(self, x: pd.DataFrame, y: npt.ArrayLike | None = None) -> "TellingColumns":
        """Choose the columns; y (0 or 1) is looked at only where there are too many."""
        self.feature_names_in_ = np.asarray([str(name) for name in x.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        is_number = np.array([pd.api.types.is_numeric_dtype(dtype) for dtype in x.dtypes], dtype=bool)
        numbers = x.loc[:, is_number].to_numpy(dtype=np.float64)
        varying = np.zeros(len(is_number), dtype=bool)
        varying[is_number] = _vary(numbers)
        varying[~is_number] = (x.loc[:, ~is_number].nunique(dropna=False) > 1).to_numpy(dtype=bool)
        if varying.sum() > self.most and y is not None:
            outcome = np.asarray(y, dtype=np.float64)
            telling = np.full(len(varying), -np.inf)
            telling[is_number] = _numbers_explain(numbers, outcome)
            for place in np.flatnonzero(varying & ~is_number):
                telling[place] = _text_explains(x[self.feature_names_in_[place]], outcome)
            telling[~varying] = -np.inf
            # Rounded and stable: a tie goes to the column that comes first, on any machine.
            best = np.argsort(-np.round(telling, 9), kind="stable")[: self.most]
            varying[np.setdiff1d(np.arange(len(varying)), best)] = False
        kept = np.flatnonzero(varying) if varying.any() else np.zeros(1, dtype=np.intp)
        self.kept_ = [str(name) for name in self.feature_names_in_[kept]]
        return self

    def transform(self, x: pd.DataFrame) -> pd.DataFrame:
        """The columns kept."""
        return x[self.kept_]

    def get_feature_names_out(self, input_features: Any = None) -> Any:  # noqa: ARG002 - as scikit-learn calls it
        """Names of the columns kept."""
        return np.asarray(self.kept_, dtype=object)


def encoding_steps() -> list[tuple[str, Any]]:
    """Unfitted steps from typed features to numbers without gaps, each varying: `screen`, `encode`, `vary`."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.preprocessing import OneHotEncoder

    categories = OneHotEncoder(
        handle_unknown="infrequent_if_exist",
        min_frequency=MIN_VALUE_ROWS,
        max_categories=MOST_VALUES,
        sparse_output=False,
    )
    encode = ColumnTransformer(
        [
            ("numbers", filled_numbers(), make_column_selector(dtype_include="number")),
            ("texts", categories, make_column_selector(dtype_exclude="number")),
        ],
        verbose_feature_names_out=False,
    )
    return [("screen", TellingColumns()), ("encode", encode), ("vary", TellingColumns())]


def filled_numbers() -> Any:
    """Unfitted step: missing numbers are the median, beside a column that says where they were missing."""
    from sklearn.impute import SimpleImputer

    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)


def _vary(numbers: FloatArray) -> BoolArray:
    """Whether each column holds two different values, missing being one."""
    missing = np.isnan(numbers)
    return np.asarray(
        (np.fmax.reduce(numbers) > np.fmin.reduce(numbers)) | (missing.any(axis=0) & ~missing.all(axis=0)), dtype=bool
    )


def _numbers_explain(numbers: FloatArray, outcome: FloatArray) -> FloatArray:
    """Adjusted R squared of the outcome on each column's ranks, or on whether it is missing if that is more."""
    known = ~np.isnan(numbers)
    count = known.sum(axis=0)
    ranks = pd.DataFrame(numbers).rank().fillna(0.0).to_numpy()
    ranked = _squared_correlation(ranks, known, outcome)
    gap = _squared_correlation((~known).astype(np.float64), np.ones_like(known), outcome)
    by_rank = np.where(count > 2, _adjusted(ranked, np.maximum(count, 3), 2) * count / len(outcome), 0.0)
    return np.maximum(by_rank, _adjusted(gap, len(outcome), 2))


def _squared_correlation(values: FloatArray, known: BoolArray, outcome: FloatArray) -> FloatArray:
    """Of each column with the outcome, over the rows that are known; 0 where either does not vary."""
    count = np.maximum(known.sum(axis=0), 1)
    y = outcome[:, None] * known
    mean_x, mean_y = (values * known).sum(axis=0) / count, y.sum(axis=0) / count
    x, y = (values - mean_x) * known, (outcome[:, None] - mean_y) * known
    both = (x**2).sum(axis=0) * (y**2).sum(axis=0)
    return np.divide((x * y).sum(axis=0) ** 2, both, out=np.zeros_like(both), where=both > 1e-9)


def _text_explains(column: pd.Series, outcome: FloatArray) -> float:
    """Adjusted R squared of the outcome on the values of a text, missing being one of them."""
    group, _ = pd.factorize(column, use_na_sentinel=False)
    total = float(((outcome - outcome.mean()) ** 2).sum())
    if total == 0 or len(np.unique(group)) >= len(outcome):
        return 0.0
    count = np.bincount(group)
    means = np.bincount(group, weights=outcome) / count
    between = float((count * (means - outcome.mean()) ** 2).sum())
    return float(_adjusted(between / total, len(outcome), len(count)))


def _adjusted(r2: Any, rows: Any, groups: int) -> Any:
    return 1 - (1 - r2) * (rows - 1) / (rows - groups)
