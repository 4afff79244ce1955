"""Language, country, time zone and rhythm: small counts with known answers."""

import csv

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.audience import (
    CHRONOTYPES,
    chronotype_curves,
    describe_devices,
    describe_places,
    language_posterior,
    parse_countries,
    reads_probability,
)
from browse_assets.settings import REFERENCE_DIR


@pytest.fixture(scope="module")
def countries() -> pd.DataFrame:
    with (REFERENCE_DIR / "countries.csv").open(encoding="utf-8") as file:
        return pd.DataFrame(list(csv.DictReader(file)))


def counts(**people: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(people, orient="index").fillna(0.0).astype(float)


def test_english_pages_alone_do_not_make_a_german_english() -> None:
    found = language_posterior(
        counts(german={"de": 30, "en": 40}, english={"de": 1, "en": 40}, unsure={"de": 1, "en": 1})
    )
    assert found.idxmax(axis=1)[["german", "english"]].tolist() == ["de", "en"]
    assert found.loc[["german", "english"]].max(axis=1).min() > 0.99
    assert found.loc["unsure"].max() < 0.95


@given(st.lists(st.integers(0, 500), min_size=3, max_size=3))
def test_posteriors_sum_to_one(sessions: list[int]) -> None:
    found = language_posterior(pd.DataFrame([sessions], columns=["de", "en", "fr"], index=["a"]))
    assert found.to_numpy().sum() == pytest.approx(1)
    assert (found >= 0).all(axis=None)


def test_a_language_is_read_from_a_tenth_of_the_sessions_on() -> None:
    found = reads_probability(counts(a={"de": 50, "fr": 1, "nl": 0}), pd.Series({"a": 50.0}))
    assert found.loc["a", "de"] > 0.99
    assert found.loc["a", "fr"] < 0.3
    assert found.loc["a", "nl"] == 0


def days_around(utc_hour: int, days: int = 60) -> pd.DataFrame:
    """Active in the five hours around one, most in the middle."""
    row = np.zeros(24)
    for distance, share in ((-2, 0.3), (-1, 0.6), (0, 1), (1, 0.6), (2, 0.3)):
        row[(utc_hour + distance) % 24] = round(share * days)
    return pd.DataFrame([row], index=["a"], columns=range(24))


def placed(countries: pd.DataFrame, language: str, hours: pd.DataFrame, **counted: dict[str, float]) -> dict[str, str]:
    people = pd.DataFrame({"sessions": [60.0], "days": [float(min(60, hours.to_numpy().max()))]}, index=["a"])
    (found,) = describe_places(
        main_language=pd.DataFrame({language: [1.0]}, index=["a"]),
        domains=counts(a=counted.get("domains", {})),
        sources=counts(a=counted["sources"]) if "sources" in counted else pd.DataFrame(),
        hours=hours,
        people=people,
        countries=countries,
    )
    return dict(zip(found["attribute"], found["value"], strict=True))


def test_a_german_with_german_sites(countries: pd.DataFrame) -> None:
    found = placed(countries, "de", days_around(18), domains={"DE": 30})
    assert found == {"country": "DE", "time_zone": "UTC+01:00", "chronotype": "evening"}


def test_sites_tell_countries_of_one_language_apart(countries: pd.DataFrame) -> None:
    assert placed(countries, "de", days_around(18), domains={"AT": 40, "DE": 10})["country"] == "AT"
    assert "country" not in placed(countries, "de", days_around(18), domains={"AT": 25, "DE": 20})
    assert placed(countries, "en", days_around(19), domains={"GB": 30})["country"] == "GB"


def test_the_source_is_believed(countries: pd.DataFrame) -> None:
    assert placed(countries, "en", days_around(9), sources={"AU": 60})["country"] == "AU"


def test_few_days_tell_no_time_zone(countries: pd.DataFrame) -> None:
    assert set(placed(countries, "de", days_around(18, days=5), domains={"DE": 30})) == {"country"}


def test_nobody_is_no_row(countries: pd.DataFrame) -> None:
    none = pd.DataFrame()
    people = pd.DataFrame({"sessions": [], "days": []})
    (found,) = describe_places(
        main_language=none, domains=none, sources=none, hours=none, people=people, countries=countries
    )
    assert found.empty
    assert describe_devices(none).empty


def test_curves_are_distributions_with_their_peak_where_the_name_says() -> None:
    curves = chronotype_curves()
    assert curves.sum(axis=1) == pytest.approx(np.ones(4))
    assert dict(zip(CHRONOTYPES, curves.argmax(axis=1).tolist(), strict=True)) == {
        "early bird": pytest.approx(7, abs=1),
        "office hours": pytest.approx(12, abs=1),
        "evening": pytest.approx(19, abs=1),
        "night owl": pytest.approx(23, abs=1),
    }


def test_device_shares() -> None:
    found = describe_devices(counts(a={"desktop": 8, "mobile": 0}))
    assert found[["value", "probability"]].to_numpy().tolist() == [["desktop", 0.9]]


def test_countries_are_parsed(countries: pd.DataFrame) -> None:
    found = parse_countries(countries)
    assert found.loc["CH", "languages"]["de"] == pytest.approx(0.63)
    assert sum(found.loc["US", "offsets"].values()) == pytest.approx(1)
    assert found.loc["AT", "offsets"] == {1: 1.0}
