"""The graph: registered by name, policy applied to all of it, and the design's names kept."""

import csv
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.freshness import TimeWindowFreshnessPolicy

from browse_assets.analysis.evaluation import METRICS
from browse_assets.checks import CHECKS
from browse_assets.definitions import FILES, OWNER, defs
from browse_assets.settings import PROJECT_ROOT, REFERENCE_DIR, Settings
from browse_assets.tables import BOOKKEEPING, CHURN_METRICS, CONSENT_PURPOSES, FINANCE_PRODUCTS, PURPOSES, TABLES
from browse_assets_tests.assets.test_loading import view, write_panel

SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
CHECK_SPECS = [spec for check in CHECKS for spec in check.check_specs]
HOUR = timedelta(hours=1)
SNAPSHOT = Path(__file__).parent / "asset_specs.txt"

# Design section 5: tables of the warehouse with their columns, at least.
DESIGN: dict[str, str] = {
    "input_files": "file_id, format, status, reason, rows_read, accepted, folded, duplicates, rejected, first_event, "
    "last_event, size_bytes",
    "rejected_events": "file_id, row_number, reason",
    "scrubbed_events": "event_id, user_key, event_time, source, url, host, domain, title, metadata, search_terms, "
    "language, transition, referrer_domain, device, country, dwell_seconds, dwell_method, session_id",
    "pii_removed": "file_id, column_name, kind, values_removed",
    "domain_features": "user_key, domain, day, page_views, sessions, dwell_seconds, first_time, last_time, "
    "searches, topic_id",
    "user_days": "user_key, day, page_views, sessions, domains, dwell_seconds, devices, longest_gap_hours",
    "interest_profile": "user_key, topic_id, topic, parent_topic, sessions, active_days, last_seen, score, share, "
    "rank, lift, probability, is_interested, evidence, as_of",
    "interest_segments": "user_key, segment_id, segment, x, y",
    "products": "product_id, name, brand, category, method, first_seen, is_new",
    "product_interest": "user_key, product_id, stage, sessions, active_days, first_seen, last_seen, recency_days, "
    "visits_per_day, lift, probability, is_interested, is_new_to_person, as_of",
    "finance_flags": "user_key, finance_product, shopping_sessions, servicing_sessions, active_days, first_seen, "
    "last_seen, score, probability, is_interested, is_customer, evidence, as_of",
    "customer_features": "user_key",
    "churn_snapshots": "user_key, snapshot_time, eligible, reason, churned",
    "churn_model": "model, mlflow_run_id, as_of, people, threshold, is_champion, reason",
    "churn_audit": "test, subject, value, low, high, passed, detail, mlflow_run_id, as_of",
    "churn_scores": "user_key, probability, band, reasons, model_version, as_of",
}


def spec_lines(spec: dg.AssetSpec) -> list[str]:
    """One asset as the snapshot holds it: what its page shows before any run."""
    deps = ", ".join(sorted(dep.asset_key.to_user_string() for dep in spec.deps))
    owners, kinds = ", ".join(spec.owners), ", ".join(sorted(spec.kinds))
    tags = sorted(f"{name}={value}" if value else name for name, value in spec.tags.items() if "kind" not in name)
    policy = spec.freshness_policy
    assert isinstance(policy, TimeWindowFreshnessPolicy)
    warn, fail = (window.to_timedelta() for window in (policy.warn_window, policy.fail_window) if window)
    return [
        f"{spec.key.to_user_string()} | after {deps or 'nothing'} | {spec.group_name} | {owners} | {kinds}",
        f"    {(spec.description or '').splitlines()[0]}",
        f"    {', '.join(tags)} | late after {warn / HOUR:.0f} h, stale after {fail / HOUR:.0f} h",
        *sorted(check_line(check) for check in CHECK_SPECS if check.asset_key == spec.key),
    ]


def check_line(check: dg.AssetCheckSpec) -> str:
    """One check of an asset."""
    return (
        f"    check {check.name}{' (blocking)' if check.blocking else ''}: {(check.description or '').splitlines()[0]}"
    )


def test_the_graph_is_the_reviewed_one() -> None:
    """After a change that is meant: UPDATE_SNAPSHOTS=1 python -m pytest browse_assets_tests/test_definitions.py"""
    found = "\n".join(line for name in sorted(SPECS) for line in spec_lines(SPECS[name])) + "\n"
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(found, encoding="utf-8")
    assert found == SNAPSHOT.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(SPECS))
def test_a_description_ends_with_a_caveat_that_has_a_number(name: str) -> None:
    _, found, caveat = (SPECS[name].description or "").partition("Caveat:")
    assert found
    assert re.search(r"\d", caveat)


def test_every_check_says_what_must_hold() -> None:
    assert [check.name for check in CHECK_SPECS if not check.description] == []


@pytest.mark.parametrize("name", sorted(FILES))
def test_policy_reaches_every_asset_that_is_files(name: str) -> None:
    spec = SPECS[name]
    kinds, purposes = FILES[name]
    assert spec.owners == [OWNER]
    assert spec.group_name
    assert spec.kinds == kinds
    assert (spec.description or "").startswith("One report of ")
    assert "dagster/code_references" in spec.metadata
    assert spec.metadata["purposes"] == ", ".join(purposes)
    assert {f"purpose/{purpose}" for purpose in purposes} <= set(spec.tags)
    assert set(purposes) <= set(CONSENT_PURPOSES)


@pytest.mark.parametrize("name", sorted(set(SPECS) - set(FILES)))
def test_policy_reaches_every_asset(name: str) -> None:
    spec = SPECS[name]
    assert spec.owners == [OWNER]
    assert spec.group_name
    assert "duckdb" in spec.kinds
    assert (spec.description or "").startswith("One row per ")
    assert "dagster/code_references" in spec.metadata
    schema = spec.metadata["dagster/column_schema"]
    assert [(c.name, c.type, c.description) for c in schema.columns] == [
        (c.name, c.type, c.description) for c in TABLES[name].columns
    ]
    assert all(c.description for c in schema.columns)


def test_every_table_of_the_warehouse_is_an_asset() -> None:
    tables = {name for name, table in TABLES.items() if table.database == "warehouse"} - set(BOOKKEEPING)
    assert tables <= set(SPECS)


@pytest.mark.parametrize(("table", "columns"), DESIGN.items())
def test_names_are_the_designs(table: str, columns: str) -> None:
    assert set(columns.split(", ")) <= set(TABLES[table].column_names)


def test_every_table_says_what_it_may_be_used_for() -> None:
    for table in TABLES.values():
        assert table.purposes, table.name
        assert set(table.purposes) <= set(PURPOSES)
        assert len(set(table.purposes)) == len(table.purposes)
        if table.database == "vault":
            assert table.purposes == ("accountability",)
    assert set(PURPOSES) - set(CONSENT_PURPOSES) == {"accountability"}
    assert "credit_decision" not in PURPOSES


@pytest.mark.parametrize("name", sorted(set(SPECS) - set(FILES)))
def test_an_asset_shows_its_purposes(name: str) -> None:
    shown = {key.removeprefix("purpose/") for key in SPECS[name].tags if key.startswith("purpose/")}
    assert shown == set(TABLES[name].purposes)
    assert SPECS[name].metadata["purposes"] == ", ".join(TABLES[name].purposes)


def test_names_say_what_they_hold() -> None:
    for table in TABLES.values():
        for column in table.columns:
            assert re.fullmatch(r"[a-z][a-z0-9_]*", column.name)
            if column.type == "BOOLEAN":
                assert column.name.startswith(("is_", "has_")) or column.name in (
                    "eligible",
                    "churned",
                    "passed",
                    "champion_beats_dummy",
                )


def test_lists_that_stand_twice_agree() -> None:
    assert CHURN_METRICS == METRICS
    with (REFERENCE_DIR / "finance_products.csv").open(encoding="utf-8") as file:
        assert {row["finance_product"] for row in csv.DictReader(file)} == set(FINANCE_PRODUCTS)


def test_the_job_has_all_assets_and_checks() -> None:
    job = defs.resolve_job_def("ml_analysis_pipeline")
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(SPECS)
    graph = defs.resolve_asset_graph()
    assert job.asset_layer.executable_asset_keys == graph.materializable_asset_keys
    assert len(graph.asset_check_keys) >= len(SPECS)


def test_everything_that_opens_a_database_is_in_the_writers_pool() -> None:
    graph = defs.resolve_asset_graph()
    nodes = defs.resolve_job_def("ml_analysis_pipeline").graph.node_defs
    assert len(nodes) == len(graph.materializable_asset_keys) + len(graph.asset_check_keys)
    assert {pool for node in nodes for pool in node.pools} == {"duckdb_writer"}
    assert all(node.pools for node in nodes)


def test_the_definitions_validate() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_each_asset_can_be_materialized_alone_after_those_before_it(
    settings: Settings, materialize: Callable[..., Any], warehouse: Callable[..., list[tuple[Any, ...]]]
) -> None:
    rows = [view("ann", f"2024-05-01T10:0{i}:00Z", f"https://espn.com/{i}") for i in range(3)]
    write_panel(settings.inbox / "p.csv", rows)
    order = [
        key.to_user_string() for level in defs.resolve_asset_graph().toposorted_asset_keys_by_level for key in level
    ]
    assert sorted(order) == sorted(SPECS)
    for name in order:
        result = materialize(name)
        assert result.success, name
        (event,) = result.get_asset_materialization_events()
        assert event.asset_key.to_user_string() == name
        assert ("files" if name in FILES else "dagster/row_count") in event.materialization.metadata
    assert warehouse("SELECT topic FROM interest_profile") == [("Sports",)]


@pytest.mark.parametrize("name", ["domain_features", "interest_profile", "churn_scores"])
def test_an_asset_without_those_before_it_says_so(
    name: str, settings: Settings, materialize: Callable[..., Any]
) -> None:
    result = materialize(name, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == name
    assert "was never materialized: materialize it first" in str(failure.step_failure_data.user_failure_data)
