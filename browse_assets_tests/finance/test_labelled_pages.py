"""The labelled finance pages are what their README says; the rules are measured elsewhere."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from browse_assets.analysis.hosts import describe_hosts
from browse_assets.tables import FINANCE_PRODUCTS

PAGES = Path(__file__).parent / "labelled_pages.csv"
FRESH_PAGES = Path(__file__).parent / "fresh_pages.csv"
COLUMNS = ["url", "title", "description", "keywords", "language", "finance_product", "intent", "kind", "half"]
HALVES = ("dev", "held_out")

Page = dict[str, str]


def read(path: Path) -> list[Page]:
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == COLUMNS
        return list(reader)


@pytest.fixture(scope="module")
def pages() -> list[Page]:
    return read(PAGES)


@pytest.fixture(scope="module")
def fresh_pages() -> list[Page]:
    return read(FRESH_PAGES)


def host(page: Page) -> str:
    return page["url"].split("/")[2]


def test_there_are_enough_rows_and_none_twice(pages: list[Page]) -> None:
    assert len(pages) >= 650
    assert [url for url, count in Counter(page["url"] for page in pages).items() if count > 1] == []


def test_values_are_those_of_the_readme(pages: list[Page]) -> None:
    assert {page["language"] for page in pages} == {"en", "de", "fr", "es"}
    assert {page["half"] for page in pages} == set(HALVES)
    assert {page["intent"] for page in pages} == {"shopping", "servicing", "none"}
    assert all((page["finance_product"] in FINANCE_PRODUCTS) == (page["intent"] != "none") for page in pages)
    assert all(page["finance_product"] == "" for page in pages if page["intent"] == "none")
    assert all(page["url"].startswith("https://") and page["kind"] for page in pages)


def test_every_product_has_rows_in_both_halves(pages: list[Page]) -> None:
    rows = Counter((page["finance_product"], page["intent"], page["half"]) for page in pages)
    for product in FINANCE_PRODUCTS:
        assert sum(rows[product, "shopping", half] for half in HALVES) >= 14
        assert all(rows[product, "shopping", half] >= 7 for half in HALVES)
        assert all(rows[product, "servicing", half] >= 2 for half in HALVES)


def test_intents_and_languages_have_enough_rows(pages: list[Page]) -> None:
    intents = Counter(page["intent"] for page in pages)
    assert intents["servicing"] >= 100
    assert intents["none"] >= 170
    for language in ("de", "fr", "es"):
        of_language = Counter(page["intent"] for page in pages if page["language"] == language)
        assert of_language.total() >= 25
        assert all(of_language[intent] >= 5 for intent in intents)


def test_no_domain_is_in_both_halves_and_halves_are_alike(pages: list[Page]) -> None:
    hosts = describe_hosts([host(page) for page in pages]).to_pylist()
    assert {row["kind"] for row in hosts} == {"web"}
    domains = {row["raw_host"]: row["domain"] for row in hosts}
    halves = {half: {domains[host(page)] for page in pages if page["half"] == half} for half in HALVES}
    assert halves["dev"] & halves["held_out"] == set()
    share = sum(page["half"] == "dev" for page in pages) / len(pages)
    assert 0.45 <= share <= 0.55


def test_fresh_pages_follow_the_same_rules(fresh_pages: list[Page]) -> None:
    assert {page["language"] for page in fresh_pages} == {"en", "de", "fr", "es"}
    assert {page["half"] for page in fresh_pages} == {"fresh"}
    assert {page["intent"] for page in fresh_pages} == {"shopping", "servicing", "none"}
    for page in fresh_pages:
        assert page["finance_product"] in (("",) if page["intent"] == "none" else FINANCE_PRODUCTS), page["url"]
        assert page["url"].startswith("https://"), page["url"]
        assert page["kind"], page["url"]


def test_no_fresh_page_is_twice_or_of_the_first_set(pages: list[Page], fresh_pages: list[Page]) -> None:
    counts = Counter(page["url"].rstrip("/") for page in pages + fresh_pages)
    assert [page["url"] for page in fresh_pages if counts[page["url"].rstrip("/")] > 1] == []


def test_few_fresh_pages_are_of_a_domain_of_the_first_set(pages: list[Page], fresh_pages: list[Page]) -> None:
    hosts = describe_hosts([host(page) for page in pages + fresh_pages]).to_pylist()
    domains = {row["raw_host"]: row["domain"] for row in hosts}
    seen = {domains[host(page)] for page in pages}
    assert sum(domains[host(page)] in seen for page in fresh_pages) <= len(fresh_pages) / 50


def test_every_product_has_enough_fresh_rows(fresh_pages: list[Page]) -> None:
    rows = Counter((page["finance_product"], page["intent"]) for page in fresh_pages)
    assert all(rows[product, "shopping"] >= 12 and rows[product, "servicing"] >= 4 for product in FINANCE_PRODUCTS)
    assert rows["", "none"] >= 90
    assert 0.15 <= sum(page["language"] != "en" for page in fresh_pages) / len(fresh_pages) <= 0.25
