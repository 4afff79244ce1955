"""Attributes as columns: types in training, and a row that is the same alone."""

import pandas as pd
import pytest

from browse_assets.analysis.churn_features import TypedFeatures
from browse_assets.analysis.churn_rows import training_rows

SNAPSHOTS = pd.DataFrame(
    {
        "user_key": ["a", "b", "c"],
        "active_days": [1.0, 2.0, 3.0],
        "attributes": [{"fee": "9.5", "plan": "2"}, {"fee": "10", "plan": "basic"}, None],
    }
)


def test_a_number_where_all_values_are_numbers_else_text() -> None:
    frame, features = training_rows(SNAPSHOTS)
    assert features == ("active_days", "customer_fee", "customer_plan")
    assert frame["customer_fee"].tolist()[:2] == [9.5, 10.0]
    assert frame["customer_plan"].tolist()[:2] == ["2", "basic"]
    assert frame[["customer_fee", "customer_plan"]].isna().all(axis=1).tolist() == [False, False, True]
    assert training_rows(SNAPSHOTS.drop(columns="attributes"))[1] == ("active_days",)


def test_a_row_is_the_same_alone_and_among_others() -> None:
    frame, features = training_rows(SNAPSHOTS)
    types = TypedFeatures().fit(frame[list(features)])
    alone, _ = training_rows(SNAPSHOTS.head(1), expected=features)
    pd.testing.assert_frame_equal(types.transform(alone), types.transform(frame).head(1))
    nobody, _ = training_rows(SNAPSHOTS.tail(1), expected=features)
    assert types.transform(nobody)[["customer_fee", "customer_plan"]].isna().all(axis=None)
    with pytest.raises(ValueError, match="lack"):
        training_rows(SNAPSHOTS, expected=("sessions",))
