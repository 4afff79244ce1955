"""Rows that churn models learn from and score: the columns of churn_snapshots, the attributes spread out.

Here: which columns are features, and the attributes as columns. Not here: how either came about (`sql/churn_*.sql`,
`coarsening`), their types in a model (`churn_features`).
"""

from collections.abc import Mapping, Sequence

import pandas as pd

# What stands beside the features in churn_snapshots.
NOT_FEATURES = (
    "user_key",
    "snapshot_time",
    "eligible",
    "reason",
    "churned",
    "label_source",
    "latest_feature_time",
    "hole_days",
    "attributes",
    "as_of",
)
PREFIX = "customer_"


def training_rows(
    snapshots: pd.DataFrame, expected: Sequence[str] | None = None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The snapshots with a column `customer_<name>` for each declared attribute, and the names of all features.

    The same for training, batch and API. An attribute is a number where all its values are, else text. A model that
    is there already knows what each is: with `expected` attributes stay text, which its pipeline turns into numbers
    where it learned numbers, so that a row is the same alone and among others.

    Args:
        snapshots: columns of churn_snapshots; `attributes` (a map of texts, NULL allowed) may be missing.
        expected: features of a fitted model (`feature_names_in_`); attributes of it that nobody here has become
            columns of NULL, and those that it does not know are left out.

    Raises:
        ValueError: a feature of `expected` that is no attribute is not a column.
    """
    own = [name for name in snapshots.columns if name not in NOT_FEATURES]
    spread = _spread(snapshots)
    if expected is None:
        spread = spread.apply(_numbers_if_all)
        features = (*own, *spread.columns)
    else:
        features = tuple(str(name) for name in expected)
        missing = [name for name in features if name not in own and not name.startswith(PREFIX)]
        if missing:
            raise ValueError(f"the snapshots lack the features {missing}")
        spread = spread.reindex(columns=[name for name in features if name not in own])
    frame = pd.concat([snapshots.drop(columns="attributes", errors="ignore"), spread], axis=1)
    return frame, features


def _spread(snapshots: pd.DataFrame) -> pd.DataFrame:
    if "attributes" not in snapshots.columns:
        return pd.DataFrame(index=snapshots.index)
    rows = [dict(value) if isinstance(value, Mapping) else {} for value in snapshots["attributes"]]
    names = sorted({name for row in rows for name in row})
    columns = {f"{PREFIX}{name}": [row.get(name) for row in rows] for name in names}
    return pd.DataFrame(columns, index=snapshots.index, dtype="object")


def _numbers_if_all(column: pd.Series) -> pd.Series:
    numbers = pd.to_numeric(column, errors="coerce")
    return numbers.astype("float64") if numbers.notna().eq(column.notna()).all() else column
