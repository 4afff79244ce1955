"""Tests of the rules that make topics of websites out of OpenStreetMap's categories, on hand-made entities."""

from typing import Any

import pytest

from browse_assets.reference.sites import (
    Category,
    governments,
    is_government,
    listings,
    registrable_domains,
    topics_of_sites,
)
from browse_assets.reference.trackers import tracker_domains

CATEGORIES = {
    "brands/shop/supermarket": Category("477", "main"),
    "brands/shop/alcohol": Category("211", "main"),
    "brands/shop/electronics": Category("632", "main"),
    "brands/amenity/restaurant": Category("218", "main"),
    "operators/amenity/charging_station": Category("22", "side"),
    "operators/amenity/school": Category("149", "main"),
    "operators/amenity/recycling": Category("94", "side"),
    "operators/amenity/toilets": Category("", "public"),
    "flags/man_made/flagpole": Category("", "none"),
    "transit/route/bus": Category("653", "main"),
}
PARENTS = {"477": "473", "211": "210", "218": "210", "210": "", "473": "", "632": "596", "596": "", "653": ""}


def topics(members: dict[str, list[str]], entities: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Topics of the sites of hand-made entities, by the categories that list them."""
    items = {
        category: {"items": [{"tags": {"brand:wikidata": entity}} for entity in listed]}
        for category, listed in members.items()
    }
    return topics_of_sites(listings(items, entities), CATEGORIES, PARENTS, governments(entities))


def site(*urls: str, **more: Any) -> dict[str, Any]:
    return {"officialWebsites": list(urls), **more}


def test_a_brand_gives_its_topic_to_each_of_its_domains() -> None:
    found = topics(
        {"brands/shop/supermarket": ["Q1"]}, {"Q1": site("https://www.shop.example.com/de/", "shop.co.uk/stores")}
    )
    assert found == {"example.com": "477", "shop.co.uk": "477"}


def test_most_brands_decide_and_a_tie_goes_to_the_common_parent() -> None:
    members = {"brands/shop/supermarket": ["Q1", "Q2"], "brands/shop/alcohol": ["Q3"]}
    shared = {entity: site("https://group.com") for entity in ("Q1", "Q2", "Q3")}
    assert topics(members, shared) == {"group.com": "477"}
    drinks_and_meals = {"brands/shop/alcohol": ["Q1"], "brands/amenity/restaurant": ["Q1"]}
    assert topics(drinks_and_meals, shared) == {"group.com": "210"}
    nothing_in_common = {"brands/shop/supermarket": ["Q1"], "brands/shop/electronics": ["Q1"]}
    assert topics(nothing_in_common, shared) == {}


def test_what_is_done_beside_counts_only_alone() -> None:
    members = {"brands/shop/supermarket": ["Q1"], "operators/amenity/charging_station": ["Q1", "Q2"]}
    found = topics(members, {"Q1": site("https://shop.com"), "Q2": site("https://charge.com")})
    assert found == {"shop.com": "477", "charge.com": "22"}


def test_towns_and_what_they_run_have_no_topic() -> None:
    entities = {
        "Q1": site("https://town.com", description="city in Ohio, United States"),
        "Q2": site("https://town.com", description="bus network of the town"),
        "Q3": site("https://toilets.com"),
        "Q4": site("https://schools.gov.au"),
        "Q5": site("https://district.org", description="school district in Ohio, United States"),
    }
    members = {
        "operators/amenity/school": ["Q1", "Q3", "Q4", "Q5"],
        "operators/amenity/toilets": ["Q3"],
        "transit/route/bus": ["Q2"],
    }
    assert topics(members, entities) == {"district.org": "149"}


def test_a_network_with_a_page_of_a_larger_site_has_no_site() -> None:
    entities = {"Q1": site("https://town.pl/dla-mieszkanca/autobusy"), "Q2": site("https://mybus.com/en/")}
    assert topics({"transit/route/bus": ["Q1", "Q2"]}, entities) == {"mybus.com": "653"}


def test_a_university_is_one_whatever_it_operates_and_a_charity_beside_its_work() -> None:
    entities = {
        "Q1": site("https://uni.edu", description="public research university in Ohio"),
        "Q2": site("https://goodwork.org", description="American nonprofit organization"),
    }
    members = {"operators/amenity/toilets": ["Q1"], "operators/amenity/recycling": ["Q1", "Q2"]}
    assert topics(members, entities) == {"uni.edu": "137", "goodwork.org": "108"}


def test_dissolved_entities_and_addresses_are_left_out() -> None:
    entities = {
        "Q1": site("https://gone.com", dissolutions=[{"date": "2020"}]),
        "Q2": site("http://203.0.113.7/", "http://[bad", "http://localhost/", "http://co.uk/"),
    }
    assert topics({"brands/shop/supermarket": ["Q1", "Q2", "Q3"]}, entities) == {}


def test_an_unknown_category_is_an_error() -> None:
    with pytest.raises(KeyError, match="brands/shop/moon"):
        topics({"brands/shop/moon": ["Q1"]}, {"Q1": site("https://shop.com")})


@pytest.mark.parametrize(
    ("description", "label", "expected"),
    [
        ("city in Ohio, United States", "", True),
        ("municipality in Buskerud, Norway", "", True),
        ("capital city of the German state of Brandenburg", "", True),
        ("large city in Baden-Württemberg, Germany", "", True),
        ("governing and administrative body of Albacete, Spain", "Albacete City Council", True),
        ("French intercommunality of Eure and Eure-et-Loir", "", True),
        ("school district in Ohio", "", False),
        ("bus network serving the city of Lyon", "", False),
        ("German union federation", "", False),
        ("municipal utility company in Ulm, Germany", "", False),
        ("American restaurant chain", "", False),
        ("", "", False),
    ],
)
def test_governments_by_their_description(description: str, label: str, expected: bool) -> None:
    assert is_government(description, label) == expected


def test_registrable_domains() -> None:
    names = ["example.com", "www.example.com", "co.uk", "www.nhs.uk", "nhs.uk", "user.github.io", "Upper.com", "{ip}"]
    assert registrable_domains(names) == ["example.com", "user.github.io", "www.nhs.uk"]


def test_trackers_are_whole_domains_of_advertising_and_the_like() -> None:
    entities = [
        {"category": "ad", "domains": ["*.ads.net", "www.beacon.com", "ads.newspaper.com"]},
        {"category": "content", "domains": ["video.com"]},
        {"category": "analytics", "domains": ["answers.com", "Count.io"]},
    ]
    assert tracker_domains(entities) == ["ads.net", "beacon.com", "count.io"]
