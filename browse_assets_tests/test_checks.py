"""Every asset check passes on sound tables, and fails, with its offending rows, on broken ones."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets.checks import CHECKS, PERSONAL_PATTERN
from browse_assets.definitions import ASSETS
from browse_assets.resources import Databases, ExperimentTracker, open_databases
from browse_assets.sample_panel.truth import write_panel
from browse_assets.settings import Settings, load_settings
from browse_assets.tables import tables_of
from browse_assets_tests.conftest import SECRET

KEYS = [key for check in CHECKS for key in check.check_keys]

EVENT = "(SELECT event_id FROM scrubbed_events ORDER BY event_id LIMIT 1)"
# What breaks each check: statements over a sound warehouse (and vault).
BREAKS: dict[str, str] = {
    "counts_add_up": "UPDATE input_files SET duplicates = duplicates + 1",
    "files_readable": "UPDATE input_files SET status = 'failed', reason = 'truncated: cut off'",
    "nothing_lost_in_scrubbing": f"DELETE FROM scrubbed_events WHERE event_id = {EVENT}",
    "no_personal_data": f"UPDATE scrubbed_events SET title = 'write to x.y@example.com' WHERE event_id = {EVENT}",
    "sessions_by_definition": "UPDATE scrubbed_events SET session_id = '00000000-0000-0000-0000-000000000000'",
    "domain_features_match_events": "UPDATE domain_features SET page_views = page_views + 1",
    "user_days_match_events": "DELETE FROM user_days WHERE day = (SELECT min(day) FROM user_days)",
    "interest_probabilities_in_range": "UPDATE interest_profile SET probability = 1.5",
    "no_sensitive_topics": "UPDATE interest_profile SET topic_id = '286'",
    "segments_large_enough": "UPDATE interest_segments SET segment_id = 99, segment = 'one' "
    "WHERE user_key = (SELECT min(user_key) FROM interest_segments)",
    "interest_needs_shopping": "UPDATE finance_flags SET is_interested = TRUE, shopping_sessions = 0",
    "labels_are_observed": "UPDATE churn_snapshots SET churned = NULL WHERE eligible",
    "champion_beats_baseline": "UPDATE churn_model SET is_champion = FALSE",
    **{
        f"{table.name}_contract": f"INSERT INTO {table.name} SELECT * FROM {table.name}"
        for table in tables_of("warehouse")
        if table.name != "asset_state"
    },
}
# What a small panel may not have by itself, so that the check has something to look at.
PREPARATION = """
    UPDATE churn_model SET is_champion = (model = 'logistic_regression');
    INSERT INTO churn_model (model, is_champion) SELECT 'logistic_regression', TRUE
        WHERE NOT EXISTS (SELECT 1 FROM churn_model WHERE is_champion);
    INSERT INTO churn_scores (user_key, probability) SELECT user_key, 0.5 FROM interest_segments
        WHERE NOT EXISTS (SELECT 1 FROM churn_scores) LIMIT 1;
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, mlflow_store: str) -> Path:
    """A data folder that was filled from a small panel."""
    folder = tmp_path_factory.mktemp("sound")
    write_panel(folder, people=40, days=70, seed=3, end=date(2026, 6, 30))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BROWSE_DATA_DIR", str(folder))
        patch.setenv("BROWSE_SECRET_KEY", SECRET)
        patch.setenv("MLFLOW_TRACKING_URI", mlflow_store)
        result = dg.materialize(ASSETS, resources={"databases": Databases(), "tracker": ExperimentTracker()})
        assert result.success
        with open_databases(load_settings(), warehouse="write") as con:
            con.execute(PREPARATION)
    return folder


@pytest.fixture
def copy(sound: Path, settings: Settings) -> Settings:
    """The sound databases in an installation of the test's own."""
    for name in ("vault.duckdb", "browse.duckdb"):
        shutil.copy(sound / name, settings.data_dir / name)
    return settings


@pytest.fixture
def evaluate(copy: Settings) -> Callable[[dg.AssetCheckKey], Any]:
    del copy

    def run(key: dg.AssetCheckKey) -> Any:
        result = dg.materialize(
            [*ASSETS, *CHECKS],
            selection=dg.AssetSelection.checks(key),
            resources={"databases": Databases(), "tracker": ExperimentTracker()},
            raise_on_error=False,
        )
        (evaluation,) = result.get_asset_check_evaluations()
        return evaluation

    return run


def test_every_check_has_a_table_that_breaks_it() -> None:
    assert {key.name for key in KEYS} == set(BREAKS)


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_a_check_passes_sound_tables_and_fails_broken_ones(
    key: dg.AssetCheckKey, copy: Settings, evaluate: Callable[[dg.AssetCheckKey], Any]
) -> None:
    assert evaluate(key).passed
    with open_databases(copy, warehouse="write") as con:
        con.execute(BREAKS[key.name])
    broken = evaluate(key)
    assert not broken.passed
    assert broken.metadata["offending rows"].value > 0
    assert broken.metadata["rows"].value
    assert "x.y@example.com" not in repr(broken)


def test_counts_are_compared_with_the_vault(copy: Settings, evaluate: Callable[[dg.AssetCheckKey], Any]) -> None:
    """A row that is lost although the sums add up."""
    key = next(key for key in KEYS if key.name == "counts_add_up")
    with open_databases(copy, vault="write") as con:
        con.execute("DELETE FROM vault.raw_events WHERE event_id = (SELECT min(event_id) FROM vault.raw_events)")
    assert not evaluate(key).passed


def test_blocking_checks_have_severity_error(copy: Settings, evaluate: Callable[[dg.AssetCheckKey], Any]) -> None:
    blocking = [key for check in CHECKS for key in check.check_keys if check.get_spec_for_check_key(key).blocking]
    assert {"counts_add_up", "nothing_lost_in_scrubbing", "no_personal_data"} <= {key.name for key in blocking}
    for key in blocking:
        assert evaluate(key).severity == dg.AssetCheckSeverity.ERROR


@pytest.mark.parametrize(
    ("text", "is_personal"),
    [
        ("mail ann@example.com", True),
        ("ann%40example.com", True),
        ("card 4111 1111 1111 1111", True),
        ("4111-1111-1111-1111", True),
        ("SSN 078-05-1120", True),
        ("call +49 30 901820", True),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0", True),
        ("iPhone 17 Pro Max 256GB", False),
        ("News of 2026-06-30 at 10:20", False),
        ("Top 10 @ home", False),
        ("ad/fm/13001-101281-17214-49", False),
        ("{email} wrote to {phone}", False),
    ],
)
def test_patterns_of_personal_data(text: str, is_personal: bool) -> None:
    found = duckdb.execute("SELECT regexp_matches(?, ?)", [text, PERSONAL_PATTERN]).fetchone()
    assert found == (is_personal,)
