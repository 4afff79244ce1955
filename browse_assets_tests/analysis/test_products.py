"""Codes, and which names and codes are one product."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.encodings import is_random
from browse_assets.analysis.leaks import find_leaks
from browse_assets.analysis.products import MOST_NAMES_PER_CODE, merge_products, product_code, product_id_of


@pytest.mark.parametrize(
    ("kind", "text", "brand", "code"),
    [
        ("gtin13", "4006381333931", None, "gtin:4006381333931"),
        ("upc", "036000291452", None, "gtin:0036000291452"),
        ("isbn", "0-306-40615-2", None, "gtin:9780306406157"),
        ("gtin", "4006381333932", None, None),  # wrong check digit
        ("gtin", "0000000000000", None, None),  # a placeholder
        ("mpn", "WH-1000XM7", "Sony", "mpn:sony:wh1000xm7"),
        ("mpn", "WH-1000XM7", None, None),
        ("asin", "b0cchd4r5z", None, "asin:B0CCHD4R5Z"),
        ("item", "123456789012", None, "ebay:123456789012"),
        ("sku", "{id}", None, "ebay:id"),
    ],
)
def test_codes(kind: str, text: str, brand: str | None, code: str | None) -> None:
    assert product_code(kind, text, brand, "ebay") == code


def test_pages_that_share_a_name_or_a_code_are_one_product() -> None:
    ids = merge_products(
        [("name:sonyx1", "gtin:1"), ("name:x1sony", "gtin:1"), ("name:x1sony", "asin:A"), ("name:sonyx2",)],
        {"name:sonyx2": "sony-x2"},
    )
    assert ids["name:sonyx1"] == ids["name:x1sony"] == ids["gtin:1"] == ids["asin:A"]
    assert ids["name:sonyx2"] == "sony-x2" != ids["name:sonyx1"]


def test_two_products_of_lists_stay_two_and_placeholders_join_nothing() -> None:
    listed = {"name:a": "a", "name:b": "b"}
    ids = merge_products([("name:a", "gtin:1"), ("name:b", "gtin:1")], listed)
    assert (ids["name:a"], ids["name:b"]) == ("a", "b")
    many = [(f"name:{number}", "shop:0") for number in range(MOST_NAMES_PER_CODE + 1)]
    assert len(set(merge_products(many, {}).values())) == len(many) + 1
    assert len(set(merge_products(many[1:], {}).values())) == 1


KEYS = st.sampled_from(["name:a", "name:b", "name:c", "gtin:1", "gtin:2", "asin:x"])


@given(st.lists(st.lists(KEYS, min_size=1, max_size=3, unique=True).map(tuple), max_size=8), st.integers(0, 5))
def test_the_order_of_pages_does_not_matter(pages: list[tuple[str, ...]], seed: int) -> None:
    shuffled = pages * 2
    random.Random(seed).shuffle(shuffled)
    listed = {"name:a": "list-a", "name:c": "list-c"}
    assert merge_products(pages, listed) == merge_products(shuffled, listed)


def test_ids_are_steady_and_look_like_nobodys_number() -> None:
    assert product_id_of("name:sonywh1000xm7") == "nigij-tavir-huhug-zahog"
    ids = {product_id_of(f"name:{number}") for number in range(2000)}
    assert len(ids) == 2000
    assert not any(is_random(product_id) or find_leaks(product_id) for product_id in ids)
