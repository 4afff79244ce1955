"""Names of products reduced to brand and model: what is one product, what is not, what may be shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.product_names import (
    is_brand_and_model,
    is_listed_name,
    read_json_ld,
    reduce_name,
    spellings_of,
    words_of,
)

BRANDS = frozenset({"apple", "sony", "garmin", "nintendo"})

# Titles of different shops in three languages: each group is one product, and no two groups are the same.
ONE_PRODUCT = [
    [
        ("Apple iPhone 16 128GB - Black", "Apple", "bestbuy"),
        ("iPhone 16 (256 GB) kaufen", "Apple", "apple"),
        ("Apple iPhone 16, 128 GB, Ultramarine", None, "mediamarkt"),
        ("Apple iPhone 16 256 Go Noir | Fnac", "Apple", "fnac"),
    ],
    [("Apple iPhone 16 Pro 128GB", "Apple", "bestbuy"), ("iPhone 16 Pro - Apple", "Apple", "apple")],
    [("Apple iPhone 16 Pro Max 256GB", "Apple", "bestbuy")],
    [("Apple iPhone 16 Plus", "Apple", "bestbuy")],
    [("Apple iPhone 16e", "Apple", "bestbuy")],
    [
        ("Sony WH-1000XM7 : Amazon.com", "Sony", "amazon"),
        ("Sony WH1000XM7 Wireless Headphones with Case", "Sony", "walmart"),
        ("Amazon.com: Sony WH-1000XM7 Kopfhörer, Schwarz : Electronics", None, "amazon"),
    ],
    [("Dyson V20 Detect", "Dyson", "dyson"), ("Dyson V20 Detect | Dyson", "Dyson", "dyson")],
    [("Dyson V20 Animal", "Dyson", "dyson")],
    [("Peloton Bike+", "Peloton", "onepeloton")],
    [("Peloton Bike", "Peloton", "onepeloton")],
    [("Nintendo Switch 2 Lite - Best Buy", "Nintendo", "bestbuy")],
    [("Nintendo Switch 2 console", "Nintendo", "bestbuy")],
]


@pytest.mark.parametrize("group", ONE_PRODUCT, ids=lambda group: str(group[0][0]))
def test_one_product_has_one_name(group: list[tuple[str, str | None, str]]) -> None:
    found = {reduce_name(*page, BRANDS).compact for page in group}
    assert len(found) == 1
    assert all(reduce_name(*page, BRANDS).is_specific for page in group)


def test_two_products_have_two_names() -> None:
    firsts = [reduce_name(*group[0], BRANDS).compact for group in ONE_PRODUCT]
    assert len(set(firsts)) == len(firsts)


@pytest.mark.parametrize(
    ("title", "brand", "site"),
    [
        ("Wireless earbuds - top rated : Amazon.com", "Amazon", "amazon"),
        ("Custom mug for Anna Example", None, "etsy"),
        ("Used road bike", None, "ebay"),
    ],
)
def test_goods_without_brand_and_model_are_not_specific(title: str, brand: str | None, site: str) -> None:
    assert not reduce_name(title, brand, site, BRANDS).is_specific


@pytest.mark.parametrize(
    ("key", "is_safe"),
    [
        ("sony wh 1000xm7", True),
        ("apple iphone 16 pro max", True),
        ("garmin strap engraved anna example 2019", False),  # a year is no model
        ("garmin strap engraved anna example 5", False),  # four words could be anything
        ("garmin strap", False),
        ("someshop mug 5", False),  # nobody's brand
    ],
)
def test_only_a_listed_brand_with_a_model_number_is_shown_at_once(key: str, is_safe: bool) -> None:
    assert is_brand_and_model(key, BRANDS) is is_safe


def test_colours_are_part_of_a_name_without_a_number() -> None:
    red, blue = (reduce_name(f"Pokémon {colour}", "Nintendo", "shop").key for colour in ("Red", "Blue"))
    assert red == "nintendo pokemon red" != blue


@given(st.text(max_size=80), st.one_of(st.none(), st.text(max_size=12)), st.sampled_from(["amazon", "ebay", ""]))
def test_any_title_is_reduced(title: str, brand: str | None, site: str) -> None:
    name = reduce_name(title, brand, site, BRANDS)
    assert name.key == " ".join(words_of(name.key))
    assert not name.is_specific or " " in name.key


def test_a_list_names_a_product_but_not_its_variant_or_its_case() -> None:
    pattern = r"\biphone 16\b"
    assert is_listed_name("apple iphone 16", pattern)
    assert not is_listed_name("apple iphone 16 pro", pattern)
    assert not is_listed_name("spigen tough armor for iphone 16", pattern)


def test_spellings() -> None:
    assert spellings_of("sony wh 1000xm7") == ["sony wh 1000xm7", "sony wh1000xm7", "wh 1000xm7"]
    assert spellings_of("weber genesis") == ["weber genesis"]


JSON_LD = """{"@context": "https://schema.org", "@graph": [{"@type": "WebPage", "name": "Shop"},
 {"@type": "Product", "name": "Sony WH-1000XM7", "brand": {"@type": "Brand", "name": "Sony"},
  "gtin13": "4006381333931", "category": "Headphones", "mpn": "WH1000XM7B"}]}"""


def test_json_ld() -> None:
    assert read_json_ld(JSON_LD) == {
        "name": "Sony WH-1000XM7",
        "brand": "Sony",
        "category": "Headphones",
        "codes": {"gtin13": "4006381333931", "mpn": "WH1000XM7B"},
    }
    assert read_json_ld(JSON_LD[:100]) is None
    assert read_json_ld('{"@context": "https://schema.org", "@type": "Article", "name": "Product news"}') is None
    assert read_json_ld("[" * 100_000) is None
