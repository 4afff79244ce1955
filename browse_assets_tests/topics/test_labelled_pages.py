"""The labelled topic pages are what their README says; the classifier is measured elsewhere."""

import csv
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from browse_assets.analysis.hosts import describe_hosts

PAGES = Path(__file__).parent / "labelled_pages.csv"
TOPICS = Path(__file__).parents[2] / "data/reference/topics.csv"
COLUMNS = ["url", "title", "description", "keywords", "language", "tier_1", "topic_id", "is_homepage", "half"]
HALVES = ("dev", "held_out")

Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def pages() -> list[Row]:
    return rows_of(PAGES)


def host(page: Row) -> str:
    return page["url"].split("/")[2]


def test_there_are_enough_rows_and_none_twice(pages: list[Row]) -> None:
    assert list(pages[0]) == COLUMNS
    assert sum(page["tier_1"] != "" for page in pages) >= 900
    assert sum(page["tier_1"] == "" for page in pages) >= 75
    assert [url for url, count in Counter(page["url"] for page in pages).items() if count > 1] == []


def test_topics_are_those_of_the_taxonomy(pages: list[Row]) -> None:
    tier_1 = {row["topic_id"]: row["tier_1"] for row in rows_of(TOPICS)}
    assert all(page["tier_1"] == (tier_1[page["topic_id"]] if page["topic_id"] else "") for page in pages)


def test_every_top_level_topic_has_rows_front_pages_and_other_languages(pages: list[Row]) -> None:
    for topic in {row["tier_1"] for row in rows_of(TOPICS)}:
        of_topic = [page for page in pages if page["tier_1"] == topic]
        assert len(of_topic) >= 20
        assert sum(page["is_homepage"] == "true" for page in of_topic) >= 8
        assert {page["language"] for page in of_topic} == {"en", "de", "fr", "es"}
        assert all(sum(page["half"] == half for page in of_topic) >= 9 for half in HALVES)


def test_values_are_those_of_the_readme(pages: list[Row]) -> None:
    assert {page["half"] for page in pages} == set(HALVES)
    for page in pages:
        parts = urlsplit(page["url"])
        assert parts.scheme == "https"
        assert page["is_homepage"] == str(parts.path == "/" and not parts.query).lower()
    languages = Counter(page["language"] for page in pages)
    assert set(languages) == {"en", "de", "fr", "es"}
    assert 0.12 <= 1 - languages["en"] / len(pages) <= 0.2


def test_no_domain_is_in_both_halves_and_few_have_many_pages(pages: list[Row]) -> None:
    hosts = describe_hosts([host(page) for page in pages]).to_pylist()
    assert {row["kind"] for row in hosts} == {"web"}
    domains = {row["raw_host"]: row["domain"] for row in hosts}
    halves = {half: {domains[host(page)] for page in pages if page["half"] == half} for half in HALVES}
    assert halves["dev"] & halves["held_out"] == set()
    of_domain = Counter(domains[host(page)] for page in pages)
    assert len(of_domain) >= 800
    assert sum(count > 3 for count in of_domain.values()) <= 15
