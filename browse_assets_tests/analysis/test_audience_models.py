"""Models of declared attributes: they are published when they know something, and abstain when not."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis.audience_models import predict_attribute, train_attribute


def people(n: int, signal: float, values: tuple[str, ...] = ("female", "male")) -> tuple[pd.DataFrame, pd.Series]:
    """People whose first feature tells their value as well as `signal` says; eight features tell nothing."""
    rng = np.random.default_rng(5)
    index = pd.Index([f"p{i:03d}" for i in range(n)], name="user_key")
    value = rng.integers(0, len(values), n)
    features = pd.DataFrame(rng.normal(size=(n, 9)), index=index, columns=[f"f{i}" for i in range(9)])
    features["f0"] += signal * value
    return features, pd.Series(np.array(values, dtype=object)[value], index=index)


def test_a_model_that_knows_is_published() -> None:
    features, declared = people(160, signal=2.5)
    found = train_attribute(features, declared.iloc[:120])
    assert found.is_published
    assert found.people == 120
    assert found.gain_low > 0
    assert found.accuracy > 0.8 > found.majority_accuracy
    assert "published" in found.reason
    asked = features.iloc[120:]
    predicted = predict_attribute(found.model, found.values, asked)
    assert (predicted["value"] == declared.iloc[120:]).mean() > 0.8
    assert predicted["probability"].between(0.5, 1).all()
    alone = predict_attribute(found.model, found.values, asked.iloc[[3]])
    assert alone.iloc[0].tolist() == predicted.iloc[3].tolist()


def test_a_model_that_knows_nothing_abstains() -> None:
    found = train_attribute(*people(120, signal=0.0))
    assert not found.is_published
    assert found.model is None
    assert found.gain_low <= 0
    assert "abstains" in found.reason


def test_few_people_or_one_value_train_nothing() -> None:
    features, declared = people(59, signal=3.0)
    assert "needs 60 people" in train_attribute(features, declared).reason
    features, declared = people(100, signal=3.0, values=("female",))
    found = train_attribute(features, declared)
    assert (found.is_published, found.values) == (False, ("female",))
    assert found.log_loss != found.log_loss


def test_values_of_fewer_than_k_people_are_not_learned() -> None:
    features, declared = people(120, signal=3.0)
    declared.iloc[:10] = "else"
    found = train_attribute(features, declared, min_group=11)
    assert found.values == ("female", "male")
    assert found.people == 110


@pytest.mark.parametrize("order", [1, -1])
def test_order_of_people_changes_nothing(order: int) -> None:
    features, declared = people(80, signal=1.0)
    found = train_attribute(features.iloc[::order], declared.iloc[::order])
    again = train_attribute(features, declared)
    assert (found.log_loss, found.gain_low, found.accuracy) == (again.log_loss, again.gain_low, again.accuracy)
