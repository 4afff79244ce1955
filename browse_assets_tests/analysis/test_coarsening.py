"""Attributes made coarse: groups by hand, and that no value is ever shared by fewer than k people."""

from collections import Counter

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.coarsening import K, coarse_attributes, coarse_numbers, coarse_texts

NUMBERS = st.lists(st.one_of(st.integers(-50, 50), st.floats(-1e6, 1e6, allow_nan=False)), max_size=80)
TEXTS = st.lists(st.sampled_from(["a", "b", "c", "other", "", "x" * 41, *(f"rare {n}" for n in range(9))]), max_size=60)


def test_groups_of_neighbours_by_hand() -> None:
    values = pd.Series([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.0])
    # 1 to 5, then 6 to 10; 11 and 12 are too few for a group of their own and join it.
    assert coarse_numbers(values).tolist() == [3] * 5 + [9] * 7
    assert coarse_numbers(pd.Series([0.0] * 5 + [1.0] * 6)).tolist() == [0] * 5 + [1] * 6
    assert coarse_numbers(values.head(4)).isna().all()
    assert coarse_numbers(pd.Series([1234.567] * 5)).tolist() == [1235] * 5


@given(NUMBERS)
def test_each_number_is_shared_by_k_people_and_keeps_the_order(numbers: list[float]) -> None:
    values = pd.Series(numbers, dtype="float64")
    coarse = coarse_numbers(values)
    assert coarse.isna().all() if len(values) < K else min(Counter(coarse).values()) >= K
    by_value = pd.DataFrame({"own": values, "coarse": coarse}).sort_values("own")["coarse"]
    assert len(values) < K or by_value.is_monotonic_increasing
    assert coarse.nunique() <= 101


@given(TEXTS)
def test_each_text_is_shared_by_k_people(texts: list[str]) -> None:
    coarse = coarse_texts(pd.Series(texts, dtype="object"))
    told = Counter(text for text in coarse if isinstance(text, str))
    assert all(people >= K for people in told.values())
    assert set(told) <= {"a", "b", "c", "other", *(f"rare {n}" for n in range(9))}


def declared(**columns: list[str]) -> pd.DataFrame:
    rows = [(f"{n:03}", name, text, "@" in text, name == "name") for name, texts in columns.items()
            for n, text in enumerate(texts)]  # fmt: skip
    return pd.DataFrame(rows, columns=["user_key", "name", "content", "is_personal", "is_private_name"])


def test_what_is_kept_of_which_kind() -> None:
    found = coarse_attributes(
        declared(
            plan=["basic"] * 20 + ["gold"] * 9 + ["once"],
            few=["yes"] * 25 + ["rare"] * 5,
            fee=[f"{n / 7:.3f}" for n in range(29)] + [" "],
            code=[str(1_000 + n) for n in range(30)],
            phone=[f"55501{n:05}" for n in range(30)],
            contact=[f"p{n}@example.com" for n in range(30)],
            since=[f"2026-01-{n + 1:02}" for n in range(30)],
            name=["yes", "no"] * 15,
            nothing=["NA"] * 30,
        )
    )
    kept = {name: set(part["content"].dropna()) for name, part in found.groupby("name")}
    assert {"plan": kept["plan"], "few": kept["few"], "name": kept["name"]} == {
        "plan": {"basic", "gold"},
        "few": {"yes", "rare"},
        "name": {"yes", "no"},
    }
    assert set(kept) == {"plan", "few", "name", "fee", "since"}
    assert Counter(found[found["name"] == "fee"]["content"]).most_common()[-1][1] >= K
    days = found[found["name"] == "since"]
    assert (len(days), min(Counter(days["coarse_day"]).values()) >= K, days["own_day"].nunique()) == (30, True, 30)
    assert coarse_attributes(declared()).empty
