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
IntArray = npt.NDArray[np.intp]

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
        varying = np.flatnonzero((x.nunique(dropna=False) > 1).to_numpy())
        if len(varying) > self.most and y is not None:
            outcome = np.asarray(y, dtype=np.float64)
            telling = np.array([_explained(x.iloc[:, i], outcome) for i in varying])
            # Rounded and stable: a tie goes to the column that comes first, on any machine.
            best = np.argsort(-np.round(telling, 9), kind="stable")[: self.most]
            varying = np.sort(varying[best])
        self.kept_ = [str(x.columns[i]) for i in (varying if len(varying) else [0])]
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


def _explained(column: pd.Series, outcome: FloatArray) -> float:
    """Adjusted R squared of the outcome on one column."""
    missing = column.isna().to_numpy()
    if not pd.api.types.is_numeric_dtype(column):
        codes, values = pd.factorize(column)
        return _between(np.where(codes < 0, len(values), codes), outcome)
    gap = _between(missing.astype(np.intp), outcome) if missing.any() and not missing.all() else 0.0
    known = outcome[~missing]
    ranks = column[~missing].rank().to_numpy(dtype=np.float64)
    if len(known) < 3 or np.ptp(ranks) == 0 or np.ptp(known) == 0:
        return gap
    r2 = float(np.corrcoef(ranks, known)[0, 1]) ** 2
    return max(gap, _adjusted(r2, len(known), 2) * len(known) / len(outcome))


def _between(group: IntArray, outcome: FloatArray) -> float:
    total = float(((outcome - outcome.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    count = np.bincount(group)
    means = np.bincount(group, weights=outcome) / np.maximum(count, 1)
    return _adjusted(float((count * (means - outcome.mean()) ** 2).sum()) / total, len(outcome), int((count > 0).sum()))


def _adjusted(r2: float, rows: int, groups: int) -> float:
    return 1 - (1 - r2) * (rows - 1) / (rows - groups) if rows > groups else 0.0
