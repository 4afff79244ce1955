"""Typed features of churn: the one way from columns, as they are stored or sent, to what a model is fitted on.

Here: which columns are numbers and which are text, and how missing values look. Not here: how the
features of a person come about (`sql/churn_snapshots.sql`), encoding for a model (`churn_candidates`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin


def feature_frame(frame: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """The features in the order given: numbers and booleans as floats, all else as text.

    Missing and infinite values are NaN.

    Raises:
        ValueError: a feature is not a column of the frame.
    """
    missing = [name for name in features if name not in frame.columns]
    if missing:
        raise ValueError(f"the frame lacks the features {missing}")
    return _typed(frame, features, {name for name in features if _is_number(frame[name])})


class TypedFeatures(TransformerMixin, BaseEstimator):
    """First step of every candidate: rows as they are stored or sent, in the types of the rows it was fitted on.

    Batch and API hand over the same person in other types (None for NaN, an integer for a float);
    without this a missing text would be a category of its own in one of them.

    Attributes:
        feature_names_in_: the features in their order.
        numbers_: those that are numbers; the others are text.
        usual_: by feature the median of a number, the most common text (the first of several), None where
            nothing is known.
    """

    def fit(self, x: pd.DataFrame, y: Any = None) -> "TypedFeatures":  # noqa: ARG002 - scikit-learn passes it
        """Remember names and types; x has a dtype of numbers where a feature is a number."""
        self.feature_names_in_ = np.asarray([str(name) for name in x.columns], dtype=object)
        self.n_features_in_ = len(self.feature_names_in_)
        self.numbers_ = [str(name) for name in x.columns if _is_number(x[name])]
        typed = _typed(x, [str(name) for name in x.columns], set(self.numbers_))
        medians = typed[self.numbers_].median()
        self.usual_ = {
            name: (float(medians[name]) if medians[name] == medians[name] else None)
            if name in medians.index
            else next(iter(typed[name].mode()), None)
            for name in typed.columns
        }
        return self

    def transform(self, x: pd.DataFrame) -> pd.DataFrame:
        """The features, typed as in `fit`.

        Raises:
            ValueError: a feature is missing, or holds text where numbers were learned.
        """
        features = [str(name) for name in self.feature_names_in_]
        missing = [name for name in features if name not in x.columns]
        if missing:
            raise ValueError(f"the rows lack the features {missing}")
        return _typed(x, features, set(self.numbers_))

    def get_feature_names_out(self, input_features: Any = None) -> Any:  # noqa: ARG002 - as scikit-learn calls it
        """The names that came in."""
        return self.feature_names_in_


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column))


def _typed(frame: pd.DataFrame, features: Sequence[str], numbers: set[str]) -> pd.DataFrame:
    known = [name for name in features if name in numbers]
    if all(frame[name].dtype == np.float64 for name in known):
        # Typed already, as all copies of a person are whose features are tried one by one: 1 ms, not 5.
        columns = pd.DataFrame(_finite(frame[known].to_numpy()), columns=known, index=frame.index)
    else:
        columns = pd.DataFrame({name: _number(frame[name]) for name in known}, columns=known, index=frame.index)
    texts = [name for name in features if name not in numbers]
    if not texts:
        return columns
    return pd.concat([columns, *(_text(frame[name]) for name in texts)], axis=1)[list(features)]


def _number(column: pd.Series) -> npt.NDArray[np.float64]:
    try:
        numbers = pd.to_numeric(column).astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    except (TypeError, ValueError):
        numbers = None
    if numbers is None:  # outside the handler: the value that failed must not be chained to the error
        raise ValueError(f"{column.name} must be a number")
    return _finite(np.asarray(numbers))


def _finite(numbers: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _text(column: pd.Series) -> pd.Series:
    return column if column.dtype == "str" else column.astype("str")
