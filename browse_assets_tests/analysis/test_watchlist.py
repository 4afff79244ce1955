"""The watch list's rows, and the likeness of what nobody visited yet."""

import re

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis.product_likeness import LEAST_LIKENESS, likeness_cut, likeness_to
from browse_assets.analysis.watchlist import watched_products

ROW = {"name": "Rabbit R2 (Gen. 2)", "keywords": "", "url_patterns": "", "launch_date": "", "description": ""}
LISTED = [{"product_id": "iphone-16", "pattern": r"\biphone 16\b"}]


def test_a_row_is_its_words_and_addresses() -> None:
    (row,) = watched_products(
        [ROW | {"keywords": "R2 assistant; C++ book", "url_patterns": r"rabbit\.tech/r2;/r2$"}], []
    )
    assert row.product_id == "watch-rabbit-r2-gen-2"
    assert all(re.search(row.pattern, text) for text in ("rabbit r2 (gen 2) review", "my r2 assistant", "a c book"))
    assert not re.search(row.pattern, "rabbit r2")
    assert re.search(row.url_pattern, "https://rabbit.tech/r2/buy")


def test_a_product_of_the_other_list_keeps_its_id() -> None:
    ids = [
        row.product_id for row in watched_products([ROW | {"name": n} for n in ("iPhone 16", "iPhone 16 Pro")], LISTED)
    ]
    assert ids == ["iphone-16", "watch-iphone-16-pro"]


def test_a_row_without_a_name_is_none_and_a_wrong_pattern_is_said() -> None:
    assert watched_products([ROW | {"name": " "}], []) == []
    with pytest.raises(ValueError, match="url_patterns of Rabbit"):
        watched_products([ROW, ROW | {"url_patterns": "("}], [])


def test_likeness_is_to_what_a_person_looks_at() -> None:
    items = pd.DataFrame(
        [("cook", "Cooking", 0.6), ("cook", "Gardening", 0.4), ("gamer", "PC Games", 1.0)],
        columns=["user_key", "text", "weight"],
    )
    found = likeness_to(pd.Series({"grill": "Outdoor grill for cooking"}), items).set_index("user_key")
    assert found.loc["cook", "likeness"] > found.loc["gamer", "likeness"]
    assert found.loc["cook", "nearest"] == "Cooking"
    assert likeness_to(pd.Series(dtype=str), items).empty
    assert likeness_to(pd.Series({"grill": "grill"}), items.iloc[:0]).empty


def test_the_cut_is_for_outliers_alone() -> None:
    usual = np.linspace(0.0, 0.1, 50)
    cut = likeness_cut(np.append(usual, 0.9))
    assert cut is not None
    assert 0.1 < cut < 0.9
    assert likeness_cut(np.zeros(50)) == LEAST_LIKENESS
    assert likeness_cut(usual[:19]) is None
