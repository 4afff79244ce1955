"""Every asset check has a table that passes it and one that fails it, and shows the rows that fail."""

from collections.abc import Callable
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets.checks import CHECKS
from browse_assets.settings import Settings
from browse_assets.tables import BOOKKEEPING, TABLES, Table, tables_of
from browse_assets_tests.assets.test_loading import view, write_panel
from browse_assets_tests.checks.cases import CASES, MORE_FAILURES, SECRET_TEXT, Case, consent, consented
from browse_assets_tests.checks.hand_made import (
    BY_NAME,
    CONTRACT_TABLES,
    LEAK_TABLES,
    Connection,
    assert_shows,
    fill,
    rows_of,
    run,
    sample_of,
    shown_rows,
)


def test_every_check_has_a_passing_and_a_failing_case() -> None:
    contracts = {f"{table.name}_contract" for table in CONTRACT_TABLES}
    assert len(BY_NAME) == len(CHECKS)
    leaks = {f"{table.name}_no_personal_data" for table in LEAK_TABLES}
    assert set(BY_NAME) == set(CASES) | contracts | leaks
    assert contracts == {f"{t.name}_contract" for t in tables_of("warehouse")} - {
        f"{name}_contract" for name in BOOKKEEPING
    }


@pytest.mark.parametrize("name", CASES)
def test_a_check_passes_and_fails(name: str, con: Connection) -> None:
    passing, failing = CASES[name]
    fill(con, rows_of(name, passing, con))
    result = run(name)
    assert result.passed, result.metadata
    assert result.metadata["offending rows"].value == 0
    for table in {**passing.rows, **failing.rows}:
        con.execute(f"DELETE FROM {table}")
    fill(con, rows_of(name, failing, con))
    assert_shows(run(name), failing)


@pytest.mark.parametrize(("name", "case"), MORE_FAILURES)
def test_a_check_fails_in_another_way(name: str, case: Case, con: Connection) -> None:
    fill(con, case.rows)
    assert_shows(run(name), case)


@pytest.mark.parametrize(
    ("rows", "is_scrubbed"),
    [([], False), ([consent("2024-05-01", None)], True), ([consent("2024-05-01", "2024-05-01T10:01:00")], False)],
)
def test_what_is_outside_consent_is_not_lost(rows: list[dict[str, Any]], is_scrubbed: bool, con: Connection) -> None:
    fill(con, consented(*rows, is_scrubbed=is_scrubbed))
    assert run("nothing_lost_in_scrubbing").passed


def test_checks_pass_on_empty_tables(con: Connection) -> None:
    assert [name for name in BY_NAME if not run(name).passed] == []


@pytest.mark.parametrize("table", CONTRACT_TABLES, ids=lambda table: table.name)
def test_contracts_fail_on_any_breach(table: Table, con: Connection) -> None:
    """A column too few, one too many, a doubled key, a key that is NULL; and pass without."""
    keys = {c.name: c.type for c in table.columns if c.name in table.key}
    columns = ", ".join(keys)
    one = ", ".join(f"{sample_of(kind)}::{kind}" for kind in keys.values())
    con.execute(f"INSERT INTO {table.name} ({columns}) VALUES ({one})")
    assert run(f"{table.name}_contract").passed
    last = next(c.name for c in reversed(table.columns) if c.name not in table.key)
    con.execute(f'ALTER TABLE {table.name} DROP COLUMN "{last}"')
    con.execute(f"ALTER TABLE {table.name} ADD COLUMN unknown VARCHAR DEFAULT '{SECRET_TEXT}'")
    con.execute(f"INSERT INTO {table.name} ({columns}) VALUES ({one})")
    con.execute(f"INSERT INTO {table.name} ({columns}) SELECT {', '.join('NULL' for _ in keys)}")
    result = run(f"{table.name}_contract")
    assert_shows(result, Case({}, 4))
    assert {(row["what"], row["name"]) for row in shown_rows(result)} == {
        ("column", last),
        ("column", "unknown"),
        ("doubled key", columns),
        ("NULL in key", columns),
    }


def test_only_what_can_be_healed_later_is_a_warning(con: Connection) -> None:
    """A file that cannot be read, a model that is no better and people who changed stop nothing; all else does."""
    fill(con, CASES["files_readable"][1].rows)
    fill(con, CASES["champion_beats_baseline"][1].rows)
    fill(con, CASES["no_single_feature_tells_all"][1].rows)
    fill(con, {"churn_audit": [{"position": 9, "test": "coverage_alone", "passed": False}]})
    warnings = {"files_readable", "champion_beats_baseline", "no_single_feature_tells_all", "coverage_tells_little"}
    warnings |= {"features_have_not_drifted", "scores_have_not_drifted"}
    severities = {name: run(name).severity for name in BY_NAME}
    assert {name for name, severity in severities.items() if severity == dg.AssetCheckSeverity.WARN} == warnings
    blocking = {spec.name for check in CHECKS for spec in check.check_specs if spec.blocking}
    assert {"counts_add_up", "nothing_lost_in_scrubbing", "no_personal_data", "no_sensitive_topics"} <= blocking
    assert not blocking & warnings  # a warning would block nothing


def test_a_failing_blocking_check_stops_what_comes_after(materialize: Callable[..., Any], settings: Settings) -> None:
    """Through Dagster and files: rows that the scrubber would never leave, found by the check in a run."""
    write_panel(settings.inbox / "p.csv", [view("ann", "2024-05-01T10:00:00Z", "https://example.com/a")])
    materialize("raw_events", "input_files", "scrubbed_events")
    with duckdb.connect(str(settings.warehouse_path)) as con:
        con.execute("UPDATE scrubbed_events SET title = $title", {"title": SECRET_TEXT})
    result = materialize("scrubbed_events", "domain_features", raise_on_error=False)
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == ["no_personal_data"]
    assert [event.step_key for event in result.all_events if event.is_step_success].count("domain_features") == 0


def test_tables_of_the_cases_exist() -> None:
    """A case that fills a table nobody knows would pass for no reason."""
    used = {table for pair in CASES.values() for case in pair for table in case.rows}
    assert {table.rpartition(".")[2] for table in used} <= set(TABLES)
