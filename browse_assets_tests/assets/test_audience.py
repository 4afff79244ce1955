"""Audience attributes from hand-made browsing: what is told, with its evidence, and what is not."""

from collections.abc import Callable
from typing import Any

import pytest

from browse_assets.settings import Settings, SettingsError, load_settings
from browse_assets_tests.assets.test_answers import EVENTS, HEADER, background, visit
from browse_assets_tests.assets.test_loading import write_panel

ASSETS = (*EVENTS, "raw_customers", "customer_features", "audience_models", "audience_attributes")


def test_signs_languages_and_devices_of_one_panel(
    settings: Settings, materialize: Callable[..., Any], warehouse: Callable[..., list[tuple[Any, ...]]]
) -> None:
    rows = [
        visit("seeker", day, "https://www.linkedin.com/jobs/view/1", "Java developer | LinkedIn") for day in range(8)
    ]
    rows += [visit("scroller", day, "https://www.linkedin.com/feed/", "Feed | LinkedIn") for day in range(8)]
    rows += [visit("once", 3, "https://www.indeed.com/jobs", "Jobs in Boston")]
    rows += [
        visit("leser", day + 0.3, "https://beispiel.example.de/a", "Wie wird das Wetter heute und morgen?")
        for day in range(12)
    ]
    rows += [visit("ill", day, "https://www.webmd.com/pregnancy", "Pregnancy week by week") for day in range(8)]
    panel = [[*row, "mobile" if row[0] == "leser" else ""] for row in [*background(24), *rows]]
    write_panel(settings.inbox / "p.csv", panel, [*HEADER, "device"])
    result = materialize(*ASSETS)
    people = {
        key: (attribute, value, explanation, evidence)
        for key, attribute, value, explanation, evidence in warehouse(
            "SELECT user_key, attribute, value, explanation, evidence FROM audience_attributes WHERE value = 'likely'"
        )
    }
    assert list(people.values()) == [
        ("job_seeker", "likely", "8 sessions on 8 days: linkedin.com 8", [{"domain": "linkedin.com", "sessions": 8}])
    ]
    told = warehouse(
        "SELECT attribute, value FROM audience_attributes WHERE user_key = "
        "(SELECT any_value(user_key) FROM scrubbed_events WHERE domain = 'example.de') ORDER BY ALL"
    )
    assert [row for row in told if row[0] in ("language", "device", "country")] == [
        ("country", "DE"),
        ("device", "mobile"),
        ("language", "de"),
    ]
    # Nobody declared anything: nothing is trained, and the table says so.
    assert warehouse("SELECT attribute, people, is_published, log_loss FROM audience_models ORDER BY 1") == [
        ("age_band", 0, False, None),
        ("gender", 0, False, None),
    ]
    metadata = result.asset_materializations_for_node("audience_models")[0].metadata
    assert "a model needs 60 people" in metadata["gender"].value


def test_what_may_be_modelled_is_a_list(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings.modelled_attributes == ("age_band", "gender")
    monkeypatch.setenv("BROWSE_MODELLED_ATTRIBUTES", "household_size, gender")
    assert load_settings().modelled_attributes == ("gender", "household_size")
    monkeypatch.setenv("BROWSE_MODELLED_ATTRIBUTES", "none")
    assert load_settings().modelled_attributes == ()
    for refused in ("religion", "health_status", "credit_score", "sexual_orientation", "DROP TABLE"):
        monkeypatch.setenv("BROWSE_MODELLED_ATTRIBUTES", refused)
        with pytest.raises(SettingsError, match="BROWSE_MODELLED_ATTRIBUTES"):
            load_settings()
