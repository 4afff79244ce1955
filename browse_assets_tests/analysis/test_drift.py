"""Drift: indices worked out by hand, chance that is not called drift, and no bin of few people."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browse_assets.analysis.drift import drift_reference, measure_drift, population_stability_index

K = 11


def people(n: int, seed: int, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sessions": rng.normal(10 + shift, 2, n),
            "gap_mean_days": np.where(rng.random(n) < 0.3, np.nan, rng.exponential(3, n)),
            "finance_share": np.where(rng.random(n) < 0.95, 0.0, rng.random(n)),
            "customer_plan": rng.choice(["basic", "plus", "premium"], n, p=[0.5, 0.3, 0.2]),
            "probability": rng.beta(1, 4, n),
        }
    )


def found(then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    return measure_drift(drift_reference(then, min_group=K), now, min_group=K).set_index("feature")


def test_the_index_by_hand() -> None:
    """Of shares 0.5, 0.5 to 0.8, 0.2: 0.3 ln 1.6 - 0.3 ln 0.4 = 0.416; a half in each bin barely tells."""
    psi = population_stability_index(np.array([5e5, 5e5]), np.array([8e5, 2e5]))
    assert psi == pytest.approx(0.3 * np.log(1.6) - 0.3 * np.log(0.4), abs=1e-5)
    assert population_stability_index(np.array([3.0, 9.0]), np.array([3.0, 9.0])) == 0
    assert np.isfinite(population_stability_index(np.array([10.0, 0.0]), np.array([0.0, 10.0])))


def test_texts_by_hand() -> None:
    then = pd.DataFrame({"customer_plan": ["basic"] * 500 + ["plus"] * 500})
    now = pd.DataFrame({"customer_plan": ["basic"] * 800 + ["plus"] * 200})
    row = found(then, now).loc["customer_plan"]
    assert row["psi"] == pytest.approx(0.416, abs=0.005)
    assert (row["bound"], row["has_drifted"]) == (0.25, True)
    assert (row["people"], row["reference_people"]) == (1000, 1000)


@pytest.mark.parametrize("n", [40, 1000])
def test_chance_alone_is_rarely_called_drift(n: int) -> None:
    """One false alarm in a hundred comparisons is the bound's promise: 3 of 25 would break it."""
    alarms = [found(people(n, i), people(n, 10_000 + i))["has_drifted"].any() for i in range(25)]
    assert sum(alarms) < 3


def test_people_who_changed_are_found() -> None:
    drifted = found(people(300, 1), people(300, 2, shift=3.0))["has_drifted"]
    assert drifted["sessions"]
    assert not drifted.drop("sessions").any()


def test_what_was_never_seen_is_found() -> None:
    now = people(300, 2).assign(customer_plan="new", finance_share=0.5).drop(columns="gap_mean_days")
    drifted = found(people(300, 1), now)["has_drifted"]
    assert drifted[["customer_plan", "finance_share", "gap_mean_days"]].all()
    constant = pd.DataFrame({"sessions": [1.0] * 300})
    assert found(constant, pd.DataFrame({"sessions": [1.0] * 200 + [2.0] * 100}))["has_drifted"].all()
    assert not found(constant, constant)["has_drifted"].any()


def test_few_people_need_a_larger_index() -> None:
    few, many = found(people(60, 1), people(60, 2)), found(people(5000, 1), people(5000, 2))
    assert (few["bound"] > many["bound"]).sum() >= 4
    assert (many["bound"] == 0.25).all()


def test_what_grows_by_itself_is_shown_and_not_judged() -> None:
    then = pd.DataFrame({"tenure_days": np.arange(300.0)})
    row = found(then, then + 300).loc["tenure_days"]
    assert row["psi"] > 1
    assert pd.isna(row["bound"])
    assert pd.isna(row["has_drifted"])


def test_nobody_to_compare_is_unknown_not_no_drift() -> None:
    table = found(people(300, 1), people(0, 2))
    assert table[["psi", "bound", "has_drifted"]].isna().all(axis=None)
    assert (table["people"] == 0).all()


@settings(max_examples=40)
@given(
    st.lists(st.none() | st.floats(-5, 5) | st.integers(0, 2).map(float), min_size=0, max_size=120),
    st.lists(st.none() | st.sampled_from("abcde"), min_size=0, max_size=120),
)
def test_no_bin_tells_of_fewer_than_k(numbers: list[float | None], texts: list[str | None]) -> None:
    for column in (pd.Series(numbers, dtype="float64"), pd.Series(texts, dtype="str")):
        reference = drift_reference(pd.DataFrame({"feature": column}), min_group=K)
        told = reference["people"] >= K
        assert (told | ((reference["kind"] == "rest") & (reference["people"] == (K - 1) / 2))).all()
        if len(reference):
            assert reference["people"][told].sum() <= len(column)
            same = measure_drift(reference, pd.DataFrame({"feature": column}), min_group=K)
            assert same["psi"].iloc[0] == pytest.approx(0)


def test_ends_of_bins_are_nobodys_value() -> None:
    exact = pd.DataFrame({"sessions": np.linspace(1.23456, 98.7654, 300)})
    ends = drift_reference(exact, min_group=K)["high"].dropna()
    assert len(ends) == 9
    assert not set(ends) & set(exact["sessions"])
