"""Which column comes from which: known columns, and that nothing is said which cannot be."""

import logging
from pathlib import Path

import dagster as dg
import pytest

from browse_assets import column_lineage as column_lineage_module
from browse_assets.assets.reporting import lineage_metadata
from browse_assets.column_lineage import REFERENCE, Computed, Select, Source, _steps, _Tracer, column_lineage
from browse_assets.definitions import defs
from browse_assets.tables import DOMAIN_FEATURES, RAW_EVENTS, TABLES

MADE_BY_SQL = sorted(_steps())

KNOWN = {
    # A keyed hash of the id, made by Python; a path through all steps of the scrubbing.
    "scrubbed_events.user_key": "raw_events.user_id",
    "scrubbed_events.title": "raw_events.title",
    "scrubbed_events.domain": "raw_events.raw_host",
    "scrubbed_events.referrer_domain": "raw_events.referrer",
    "scrubbed_events.session_id": "raw_events.event_id",
    "scrubbed_events.dwell_seconds": "raw_events.duration_seconds raw_events.event_time",
    # A union, and a field of an unnested struct.
    "pii_removed.kind": "scrubbed_events.removed",
    "pii_removed.values_removed": "raw_events.ip scrubbed_events.removed",
    "domain_features.sessions": "scrubbed_events.session_id",
    "domain_features.dwell_seconds": "scrubbed_events.dwell_seconds",
    # A column of a CTE that a star brings along.
    "user_days.longest_gap_hours": "scrubbed_events.event_time",
    "interest_profile.topic_id": "page_topics.topic_id",
    "interest_profile.topic": "reference_topics.topic",
    "interest_profile.probability": "page_topics.topic_id scrubbed_events.event_time scrubbed_events.session_id",
    "finance_flags.is_customer": "page_finance.intent scrubbed_events.event_time",
    "products.product_id": "page_products.product_id",
    "product_interest.stage": "page_products.stage",
    "customer_features.attributes": "raw_customers.attributes",
    "churn_snapshots.domains_per_active_day": "user_days.domains",
    "churn_snapshots.top_domain_share": "domain_features.page_views",
    "churn_snapshots.transaction_mean": "raw_customers.attributes raw_customers.event_time",
}
# A parameter, the planned times, lists of the project, and what only counts rows.
FROM_NOTHING_STORED = {"as_of", "load_id", "snapshot_time", "label_source", "launch_date", "weekday_entropy"}


@pytest.mark.parametrize("column", KNOWN)
def test_known_columns(column: str) -> None:
    table, _, name = column.partition(".")
    assert " ".join(f"{source.table}.{source.column}" for source in column_lineage(table)[name]) == KNOWN[column]


@pytest.mark.parametrize("table", MADE_BY_SQL)
def test_every_column_has_sources_that_exist_before_it(table: str) -> None:
    graph = defs.resolve_asset_graph()
    before = {key.to_user_string() for key in graph.get_ancestor_asset_keys(dg.AssetKey(table))}
    lineage = column_lineage(table)
    assert tuple(lineage) == TABLES[table].column_names
    assert {name for name, sources in lineage.items() if not sources} <= FROM_NOTHING_STORED
    for source in {source for sources in lineage.values() for source in sources}:
        if not source.table.startswith(REFERENCE):
            assert source.table in before
            assert source.column in TABLES[source.table].column_names


def test_a_step_sees_only_the_steps_before_it() -> None:
    """A name that a step takes over means the table until then; a recursion ends; a window's order is no source."""
    steps = (
        Select("days", "SELECT user_key, day FROM user_days"),
        Computed("ranked", {"user_key": "days.user_key", "place": "days.day user_days.sessions"}),
        Select(
            "user_days",
            "WITH RECURSIVE walk AS (SELECT user_key, place FROM ranked UNION ALL "
            "SELECT walk.user_key, walk.place + 1 FROM walk WHERE walk.place < 9) "
            "SELECT user_key, max(place) AS page_views, "
            "last_value(domains) OVER (PARTITION BY user_key ORDER BY day) AS domains "
            "FROM walk JOIN user_days USING (user_key) SEMI JOIN days USING (user_key)",
        ),
    )
    tracer = _Tracer(steps)
    assert tracer.sources("user_days", "page_views") == {Source("user_days", "day"), Source("user_days", "sessions")}
    assert tracer.sources("user_days", "domains") == {Source("user_days", "domains")}


def test_dagster_is_told_the_assets_and_people_the_lists_too() -> None:
    shown = lineage_metadata(DOMAIN_FEATURES)
    told = shown["dagster/column_lineage"]
    assert isinstance(told, dg.TableColumnLineage)
    assert told.deps_by_column["sessions"] == [
        dg.TableColumnDep(asset_key=dg.AssetKey("scrubbed_events"), column_name="session_id")
    ]
    assert told.deps_by_column["topic_id"] == []
    assert "| topic_id | domains.csv: topic_id; topics.csv: topic_id |" in shown["column lineage"].value
    assert "| sessions | **scrubbed_events**: session_id |" in shown["column lineage"].value


def test_nothing_is_said_on_the_terminal(caplog: pytest.LogCaptureFixture) -> None:
    """sqlglot logs each array index that it reads, which would stand between the lines of `make run`."""
    with caplog.at_level(logging.INFO):
        _Tracer((Select("a", "SELECT (list(domain))[1] AS domain FROM user_days"),))
    assert caplog.records == []


def test_what_python_computes_is_not_guessed() -> None:
    assert lineage_metadata(RAW_EVENTS) == {}
    assert column_lineage("churn_scores") == {}


def test_lists_of_the_users_are_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the shipped list's columns; one in another encoding would fail a table that is written already."""
    (tmp_path / "topics.csv").write_text("topic_id,topic\n")
    (tmp_path / "topics.ours.csv").write_bytes("topic_id,topic,caf\u00e9\n".encode("latin-1"))
    monkeypatch.setattr(column_lineage_module, "REFERENCE_DIR", tmp_path)
    stored = column_lineage_module._stored_columns.__wrapped__()
    assert {name: list(columns) for name, columns in stored.items() if name.startswith(REFERENCE)} == {
        "reference_topics": ["topic_id", "topic"]
    }
