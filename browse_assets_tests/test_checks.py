"""Every asset check has a table that passes it and one that fails it, and shows the rows that fail."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets.analysis.leaks import PanelIds
from browse_assets.assets.panel_ids import nothing_alike_until
from browse_assets.checks import CHECKS
from browse_assets.leak_checks import searched_tables, text_columns
from browse_assets.resources import Access, Databases, load_keys, load_reference
from browse_assets.settings import Settings
from browse_assets.tables import BOOKKEEPING, TABLES, Table, tables_of
from browse_assets_tests.assets.test_loading import view, write_panel

Connection = duckdb.DuckDBPyConnection

# Stands for any value about a person: it is in the failing rows, and may be in no result of a check.
SECRET_TEXT = "canary.person@example.com"
ANN, BOB = "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"


def event(number: int, **columns: Any) -> dict[str, Any]:
    """A row of scrubbed_events: page view `number` of Ann at minute `number`, alone in its session."""
    return {
        "event_id": f"00000000-0000-0000-0000-{number:012d}",
        "user_key": ANN,
        "event_time": f"2024-05-01 10:{number:02d}:00",
        "url": "https://example.com/a",
        "host": "example.com",
        "title": "News of 2024-05-01",
        "session_id": f"00000000-0000-0000-0000-{number:012d}",
        **columns,
    }


def file(**columns: Any) -> dict[str, Any]:
    """A row of input_files or raw_files that adds up: one row, one page view."""
    counts = {"rows_read": 1, "accepted": 1, "folded": 0, "duplicates": 0, "rejected": 0}
    return {"file_id": "f" * 64, "status": "read", "format": "csv", **counts, **columns}


def tagged(content: str) -> list[dict[str, str]]:
    return [{"name": "description", "content": content}]


@dataclass(frozen=True)
class Case:
    """Rows by table; for a failing case also how many rows offend, and values that the first shows."""

    rows: dict[str, list[dict[str, Any]]]
    offending: int = 0
    shown: dict[str, str] | None = None


FILE_EVENT = {"event_id": event(1)["event_id"], "file_id": "f" * 64, "user_id": SECRET_TEXT, "url": SECRET_TEXT}
CONSENT_TABLE = {"source_table": "consent", "row_number": 0, "attributes": "{}"}


def consent(start: str, end: str | None, problem: str | None = None) -> dict[str, Any]:
    """A row of the consent table, of the person of FILE_EVENT."""
    attributes = json.dumps({"purpose": "ads", "from": start, "to": end, "problem": problem})
    return {"source_table": "consent", "row_number": 1, "user_id": SECRET_TEXT, "attributes": attributes}


def consented(*rows: dict[str, Any], is_scrubbed: bool) -> dict[str, list[dict[str, Any]]]:
    """FILE_EVENT at 10:01, with a consent table of these rows, in the vault and maybe in the warehouse."""
    return {
        "vault.main.raw_events": [{**FILE_EVENT, "event_time": "2024-05-01 10:01:00"}],
        "vault.main.raw_customers": [CONSENT_TABLE, *rows],
        **({"scrubbed_events": [event(1)]} if is_scrubbed else {}),
    }


TOPIC = {"user_key": ANN, "probability": 1.0, "share": 0.0}
SNAPSHOT = {"user_key": ANN, "snapshot_time": "2024-05-01", "days_since_last": 0.0}
ATTRIBUTE = {"user_key": ANN, "value": "female", "probability": 0.8}
SEGMENTS = {"segment_id": 0, "segment": "Sports"}


def person(number: int, **columns: Any) -> dict[str, Any]:
    return {"user_key": f"00000000-0000-0000-0000-{number:012d}", **columns}


def released(dimension: str, item_id: str, people: int) -> dict[str, Any]:
    return {"purpose": "research", "dimension": dimension, "item_id": item_id, "people": people}


def candidate(model: str, decision: str, **columns: Any) -> dict[str, Any]:
    """A row of churn_model, of a training with that decision."""
    return {"model": model, "decision": decision, "is_champion": False, "champion_beats_dummy": True, **columns}


def rollup_cases(table: str) -> tuple[Case, Case]:
    events = [event(1), event(2), event(3, transition="redirect")]
    day = {"user_key": ANN, "day": "2024-05-01", **({"domain": "example.com"} if table == "domain_features" else {})}
    return (
        Case({"scrubbed_events": events, table: [{**day, "page_views": 2}]}),
        Case(
            {"scrubbed_events": events, table: [{**day, "page_views": 3}]},
            1,
            {"day": "2024-05-01", "events": "2", "rollup": "3"},
        ),
    )


REPORT_STATE = {"asset": "churn_report", "load_id": 1, "fingerprint": "hand-made"}

# By check: rows that pass it and rows that fail it, as near to each other as can be.
CASES: dict[str, tuple[Case, Case]] = {
    # Files that are there are judged in assets/test_churn_report.py.
    "report_is_whole": (Case({}), Case({"asset_state": [REPORT_STATE]}, 2, {"fault": "is missing"})),
    "counts_add_up": (
        Case(
            {
                "input_files": [file(rows_read=5, folded=1, duplicates=2, rejected=1)],
                "vault.main.raw_events": [FILE_EVENT],
                "vault.main.raw_rejected": [{"file_id": "f" * 64, "row_number": 5, "row": SECRET_TEXT}],
            }
        ),
        Case(
            {"input_files": [file(rows_read=2)], "vault.main.raw_events": [FILE_EVENT]},
            1,
            {"file": "f" * 12, "rows_read": "2", "accepted": "1"},
        ),
    ),
    "files_readable": (
        Case({"input_files": [file()]}),
        Case(
            {"input_files": [file(), file(file_id="e" * 64, status="failed", reason="empty: it holds nothing")]},
            1,
            {"file": "e" * 12, "reason": "empty: it holds nothing"},
        ),
    ),
    "nothing_lost_in_scrubbing": (
        Case({"scrubbed_events": [event(1)], "vault.main.raw_events": [FILE_EVENT]}),
        Case(
            {"scrubbed_events": [event(2)], "vault.main.raw_events": [FILE_EVENT]},
            2,
        ),
    ),
    "no_personal_data": (
        Case({"scrubbed_events": [event(1, metadata=tagged("https://example.com/{user}"), search_terms="4 by 4")]}),
        Case(
            {"scrubbed_events": [event(1, title=f"Inbox of {SECRET_TEXT}")]},
            1,
            {"event_id": event(1)["event_id"], "part": "title", "kind": "email"},
        ),
    ),
    "sessions_by_definition": (
        Case({"scrubbed_events": [event(1, session_id=ANN), event(31, session_id=ANN)]}),
        Case(
            {
                "scrubbed_events": [
                    event(1, session_id=ANN),
                    event(31, session_id=ANN, event_time="2024-05-01 10:31:00.001"),
                ]
            },
            1,
            {"event_id": event(31)["event_id"], "gap_seconds": "1800.001"},
        ),
    ),
    "domain_features_match_events": rollup_cases("domain_features"),
    "user_days_match_events": rollup_cases("user_days"),
    "interest_probabilities_in_range": (
        Case({"interest_profile": [{**TOPIC, "topic_id": "1"}, {**TOPIC, "topic_id": "2", "probability": 0.0}]}),
        Case(
            {"interest_profile": [{**TOPIC, "topic_id": "1", "probability": 1.01}]},
            1,
            {"source": "interest_profile", "probability": "1.01"},
        ),
    ),
    "no_sensitive_topics": (
        Case({"interest_profile": [{**TOPIC, "topic_id": "1", "topic": "Automotive"}]}),
        Case({}, 1),  # the first sensitive topic of the dictionary: see `rows_of`
    ),
    "segments_large_enough": (
        Case({"interest_segments": [person(i, segment_id=i // 11, segment="Sports") for i in range(22)]}),
        Case(
            {"interest_segments": [person(i, segment_id=i // 12, segment="Sports") for i in range(22)]},
            1,
            {"segment_id": "1", "people": "10"},
        ),
    ),
    "only_published_models_speak": (
        Case(
            {
                "audience_attributes": [{**ATTRIBUTE, "attribute": "gender"}],
                "audience_models": [{"attribute": "gender", "is_published": True}],
            }
        ),
        Case(
            {
                "audience_attributes": [{**ATTRIBUTE, "attribute": "gender"}],
                "audience_models": [{"attribute": "gender", "is_published": False}],
            },
            1,
            {"attribute": "gender", "people": "1"},
        ),
    ),
    "interest_needs_shopping": (
        Case(
            {"finance_flags": [person(1, finance_product="crypto", is_interested=True, shopping_sessions=2)]},
        ),
        Case(
            {
                "finance_flags": [
                    person(1, finance_product="crypto", is_interested=True, shopping_sessions=1, servicing_sessions=9)
                ]
            },
            1,
            {"finance_product": "crypto", "shopping_sessions": "1"},
        ),
    ),
    "labels_are_observed": (
        Case({"churn_snapshots": [{**SNAPSHOT, "eligible": True, "churned": False}]}),
        Case(
            {"churn_snapshots": [{**SNAPSHOT, "eligible": True}]},
            1,
            {"user_key": ANN, "snapshot_time": "2024-05-01 00:00:00"},
        ),
    ),
    "released_groups_are_large": (
        Case(
            {
                "released_audiences": [released("segment", "0", 11), released("topic", "1", 16)],
                "interest_segments": [person(i, **SEGMENTS) for i in range(11)],
            }
        ),
        Case(
            {"released_audiences": [released("segment", "0", 10)], "interest_segments": [person(1, **SEGMENTS)]},
            1,
            {"item_id": "0", "people": "10", "what": "too few people"},
        ),
    ),
    "finance_is_released_alone": (
        Case(
            {
                "released_audiences": [
                    released("finance_product", "mortgages", 16),
                    released("topic", "1", 16),
                    released("attribute", "language", 16),
                ]
            }
        ),
        Case(
            {
                "released_audiences": [
                    released("finance_product", "mortgages", 16),
                    released("attribute", "age_band: 25-34", 16),
                ]
            },
            1,
            {"item_id": "age_band: 25-34", "what": "beside financial products"},
        ),
    ),
    "releases_hide_people": (
        Case(
            {
                "reidentification": [
                    {"view": "raw_hosts", "match_rate": 1.0},
                    {"view": "released_groups", "match_rate": 1 / 11},
                ]
            }
        ),
        Case(
            {"reidentification": [{"view": "released_groups", "people": 20, "match_rate": 0.1}]},
            1,
            {"view": "released_groups", "people": "20"},
        ),
    ),
    "champion_beats_baseline": (
        Case({"churn_model": [candidate("dummy", "promoted"), candidate("tree", "promoted", is_champion=True)]}),
        Case(
            {"churn_model": [candidate("dummy", "none", champion_beats_dummy=None, log_loss=0.5)]},
            1,
            {"model": "dummy", "log_loss": "0.5"},
        ),
    ),
    "churn_audit_passed": (
        # What could not be tried is no leak, and a warning is another check's.
        Case(
            {
                "churn_audit": [
                    {"position": 0, "test": "injected_future", "passed": None},
                    {"position": 1, "test": "permuted_labels", "subject": "decision_tree", "passed": True},
                    {"position": 2, "test": "single_feature", "passed": False},
                    {"position": 3, "test": "coverage_alone", "passed": False},
                ]
            }
        ),
        Case(
            {
                "churn_audit": [
                    {"position": 0, "test": "injected_future", "value": 3.0, "passed": False},
                    {"position": 1, "test": "permuted_labels", "subject": "decision_tree", "passed": False},
                    {"position": 2, "test": "identifiers_alone", "passed": False},
                    {"position": 3, "test": "no_future_features", "passed": False},
                    {"position": 4, "test": "single_feature", "passed": False},
                ]
            },
            4,
            {"test": "injected_future", "value": "3.0"},
        ),
    ),
    "no_single_feature_tells_all": (
        Case({"churn_audit": [{"position": 0, "test": "single_feature", "subject": "pause", "passed": True}]}),
        Case(
            {
                "churn_audit": [
                    {"position": 0, "test": "single_feature", "subject": "closed", "value": 0.99, "passed": False},
                    {"position": 1, "test": "permuted_labels", "passed": False},
                ]
            },
            1,
            {"feature": "closed", "roc_auc": "0.99"},
        ),
    ),
    "coverage_tells_little": (
        Case({"churn_audit": [{"position": 0, "test": "coverage_alone", "value": 0.7, "passed": True}]}),
        Case(
            {"churn_audit": [{"position": 0, "test": "coverage_alone", "value": 0.9, "passed": False}]},
            1,
            {"roc_auc": "0.9"},
        ),
    ),
}

CASES |= {
    f"{which}_have_not_drifted": (
        Case(
            {
                "churn_drift": [
                    {"feature": feature, "psi": 0.2, "bound": 0.25, "has_drifted": False},
                    {"feature": other, "psi": 3.0, "bound": 0.25, "has_drifted": True},
                    {"feature": "tenure_days", "psi": 4.0},
                ]
            }
        ),
        Case(
            {"churn_drift": [{"feature": feature, "psi": 0.3, "bound": 0.25, "has_drifted": True}]},
            1,
            {"feature": feature, "psi": "0.3", "bound": "0.25"},
        ),
    )
    for which, feature, other in (("features", "sessions", "probability"), ("scores", "probability", "sessions"))
}

WITHHELD = {"in_vault": "True", "in_warehouse": "True", "is_admitted": "False"}
LOST = {"in_vault": "True", "in_warehouse": "False", "is_admitted": "True"}

# More ways to fail the same checks.
MORE_FAILURES: list[tuple[str, Case]] = [
    ("nothing_lost_in_scrubbing", Case(consented(is_scrubbed=True), 1, WITHHELD)),
    (
        "nothing_lost_in_scrubbing",
        Case(consented(consent("2024-05-01T10:01:01", None), is_scrubbed=True), 1, WITHHELD),
    ),
    (
        "nothing_lost_in_scrubbing",
        Case(consented(consent("2024-05-01", "2024-05-01T10:01:00"), is_scrubbed=True), 1, WITHHELD),
    ),
    (
        "nothing_lost_in_scrubbing",
        Case(consented(consent("2024-05-01", None, "bad_to"), is_scrubbed=True), 1, WITHHELD),
    ),
    ("nothing_lost_in_scrubbing", Case(consented(consent("2024-05-01", None), is_scrubbed=False), 1, LOST)),
    # Sums that add up, but not to what the vault holds.
    ("counts_add_up", Case({"input_files": [file()]}, 1, {"accepted": "1", "page_views_in_vault": "0"})),
    ("counts_add_up", Case({"input_files": [file(rows_read=None)], "vault.main.raw_events": [FILE_EVENT]}, 1)),
    (
        "sessions_by_definition",
        Case({"scrubbed_events": [event(1, session_id=ANN), event(2, session_id=ANN, user_key=BOB)]}, 1),
    ),
    (
        "sessions_by_definition",
        Case(
            {
                "scrubbed_events": [
                    event(i, session_id=ANN, event_time=f"2024-05-0{1 + i // 48} {i // 2 % 24:02d}:{i % 2 * 30:02d}")
                    for i in range(50)
                ]
            },
            1,
            {"age_seconds": "88200.0"},
        ),
    ),
    (
        "labels_are_observed",
        Case({"churn_snapshots": [{**SNAPSHOT, "churned": True, "reason": "outcome_not_observed"}]}, 1),
    ),
    ("labels_are_observed", Case({"churn_snapshots": [{**SNAPSHOT, "days_since_last": -0.5}]}, 1)),
    ("interest_probabilities_in_range", Case({"interest_profile": [{**TOPIC, "topic_id": "1", "share": -0.1}]}, 1)),
    # Kept, but no better than the dummy any more; promoted, but nobody is champion.
    ("champion_beats_baseline", Case({"churn_model": [candidate("tree", "kept", champion_beats_dummy=False)]}, 1)),
    ("champion_beats_baseline", Case({"churn_model": [candidate("tree", "promoted")]}, 1)),
    (
        "released_groups_are_large",
        Case(
            {
                "released_audiences": [released("segment", "0", 16)],
                "interest_segments": [person(i, **SEGMENTS) for i in range(15)],
            },
            1,
            {"what": "more people than there are"},
        ),
    ),
    (
        "released_groups_are_large",
        # 286 is Medical Health, which is sensitive.
        Case({"released_audiences": [released("topic", "286", 500)]}, 1, {"what": "sensitive topic"}),
    ),
    *(
        (
            "finance_is_released_alone",
            Case({"released_audiences": [released("finance_product", "tax", 16), released(*trait, 16)]}, 1),
        )
        for trait in (("gender", "female"), ("attribute", "parent of young children"), ("postcode", "10115"))
    ),
    (
        "finance_is_released_alone",
        Case({"released_audiences": [released("finance_product", "payday_loans", 16)]}, 1, {"what": "never told"}),
    ),
    (
        "no_personal_data",
        Case(
            {
                "scrubbed_events": [
                    event(1, url="https://example.com/?page=2&email=x"),
                    event(2, url="https://example.com/#top"),
                    event(3, search_terms="call +49 30 901820"),
                    event(4, host="ann%40example.com"),
                    event(5, metadata=tagged("card 4111 1111 1111 1111")),
                    event(6, removed=[{"column_name": SECRET_TEXT, "kind": "id", "n": 1}]),
                    event(7, language=SECRET_TEXT, title=SECRET_TEXT),
                ]
            },
            8,
        ),
    ),
]

BY_NAME = {check.check_key.name: check for check in CHECKS}
LEAK_TABLES = [table for table in searched_tables() if table.name != "scrubbed_events"]
CONTRACT_TABLES = [table for table in tables_of("warehouse") if f"{table.name}_contract" in BY_NAME]


class HandMade(Databases):
    """Both databases in memory, a hundred times as fast to open as files."""

    @property
    def settings(self) -> Settings:
        return Settings(Path("/nonexistent"), "", Path("/nonexistent"), secret_key_hex="be" * 32)

    @contextmanager
    def open(self, *, vault: Access | None = None, warehouse: Access | None = None) -> Iterator[Connection]:
        yield OPENED[-1]


OPENED: list[Connection] = []


@pytest.fixture
def con() -> Iterator[Connection]:
    """Empty tables of vault and warehouse, for checks on hand-made rows."""
    with duckdb.connect() as opened:
        for database in ("vault", "warehouse"):
            opened.execute(f"ATTACH ':memory:' AS {database}")
            for table in tables_of(database):
                opened.execute(table.ddl(f"{database}.main"))
        opened.execute("USE warehouse")
        OPENED.append(opened)
        yield opened
        OPENED.pop()


def rows_of(name: str, case: Case, con: Connection) -> dict[str, list[dict[str, Any]]]:
    if name != "no_sensitive_topics" or case.rows:
        return case.rows
    load_reference(con, ["topics"])
    found = con.execute("SELECT min(topic_id) FROM reference_topics WHERE is_sensitive = 'true'").fetchone()
    assert found is not None
    return {"interest_profile": [{**TOPIC, "topic_id": found[0], "topic": "sensitive"}]}


def fill(con: Connection, rows: dict[str, list[dict[str, Any]]]) -> None:
    for table, values in rows.items():
        for row in values:
            marks = ", ".join("?" for _ in row)
            con.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


def run(name: str) -> dg.AssetCheckResult:
    # The function itself: Dagster's direct invocation takes 20 ms more, and this is done 400 times.
    function: Any = BY_NAME[name].node_def.compute_fn  # type: ignore[attr-defined]
    result = function.decorated_fn(HandMade())
    assert isinstance(result, dg.AssetCheckResult)
    return result


def shown_rows(result: dg.AssetCheckResult) -> list[dict[str, str]]:
    value = result.metadata["rows"]
    assert isinstance(value, dg.TableMetadataValue)
    return [{name: str(cell) for name, cell in record.data.items()} for record in value.records]


def assert_shows(result: dg.AssetCheckResult, case: Case) -> None:
    assert not result.passed
    assert result.metadata["offending rows"].value == case.offending
    rows = shown_rows(result)
    assert len(rows) == min(case.offending, 10)
    if case.shown is not None:
        assert case.shown.items() <= rows[0].items()
    text = json.dumps(rows) + str(result.description) + repr(result.metadata)
    assert SECRET_TEXT not in text
    assert "canary" not in text


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


def sample_of(kind: str) -> str:
    samples = {"VARCHAR": "'a'", "BIGINT": "1", "UUID": f"'{ANN}'", "DATE": "'2024-05-01'"}
    return samples.get(kind, "'2024-05-01 10:00:00'")


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


@pytest.mark.parametrize("table", LEAK_TABLES, ids=lambda table: table.name)
def test_every_text_of_every_table_is_searched(table: Table, con: Connection) -> None:
    """One row passes; then each column in turn holds what it should not."""
    name = f"{table.name}_no_personal_data"
    assert BY_NAME[name].check_specs_by_output_name
    rest = {c.name: sample_of(c.type).strip("'") for c in table.columns if c.name in table.key}
    clean = {column.name: filled(column.type, "News of 2024-05-01") for column in text_columns(table)}
    fill(con, {table.name: [rest | clean]})
    assert run(name).passed
    for column in text_columns(table):
        con.execute(f"DELETE FROM {table.name}")
        fill(con, {table.name: [rest | clean | {column.name: filled(column.type, f"of {SECRET_TEXT}")}]})
        assert_shows(run(name), Case({}, 1, {"part": column.name, "kind": "email"}))


def filled(kind: str, text: str) -> Any:
    """A value of a column's type with the text in it."""
    values = {
        "VARCHAR[]": [text],
        "MAP(VARCHAR, VARCHAR)": {"plan": text},
        "STRUCT(domain VARCHAR, sessions BIGINT)[]": [{"domain": text, "sessions": 1}],
    }
    return text if kind == "VARCHAR" else values[kind]


def test_tables_without_a_check_hold_no_text() -> None:
    silent = {table.name for table in tables_of("warehouse")} - {table.name for table in searched_tables()}
    assert silent == {"user_days", "purges"}


# Ids that can be nothing else are found in everybody's texts, others in their owner's alone.
IDS = [
    ("panelist-00017", 1, ANN, True),
    ("panelist-00017", 1, BOB, True),
    ("maria", 1, ANN, True),
    ("maria", 1, BOB, False),
    ("mari", 1, ANN, False),
    ("panelist-00018", 0, ANN, False),
]


@pytest.mark.parametrize(("user_id", "has_events", "reader", "is_found"), IDS)
def test_ids_of_the_panel_are_found(
    user_id: str, has_events: int, reader: str, is_found: bool, con: Connection
) -> None:
    raw = {"event_id": event(1)["event_id"], "user_id": user_id, "source": "csv"}
    events = [event(1), event(2, user_key=reader, title=f"Inbox of {user_id.upper()}, page 1 of 20")]
    fill(con, {"vault.main.raw_events": [raw] * has_events, "scrubbed_events": events})
    result = run("no_personal_data")
    assert result.passed is not is_found
    if is_found:
        assert shown_rows(result) == [{"event_id": event(2)["event_id"], "part": "title", "kind": "user_id"}]


def test_ids_of_customers_are_found_and_the_owner_of_a_history_is_not(con: Connection) -> None:
    ids = {"user_id": "customer-4711", "source_table": "customers"}
    fill(con, {"vault.main.raw_customers": [ids], "products": [{"product_id": "a", "name": "for CUSTOMER-4711"}]})
    assert not run("products_no_personal_data").passed
    fill(con, {"vault.main.raw_events": [{"user_id": "f" * 64, "source": "csv"}]})
    fill(con, {"vault.main.raw_events": [{"user_id": "my-chrome-2024", "source": "chrome"}]})
    fill(con, {"input_files": [file(reason="my-chrome-2024")]})
    assert run("input_files_no_personal_data").passed


def test_ids_that_are_hashes_are_found(con: Connection) -> None:
    """Panels that hash an e-mail address make ids of 64 digits, as files have; what hashes files is not searched."""
    hashed = "0a" * 32
    raw = FILE_EVENT | {"user_id": hashed, "source": "csv"}
    fill(
        con, {"vault.main.raw_events": [raw], "scrubbed_events": [event(1, title=f"Profile {hashed}", file_id=hashed)]}
    )
    (found,) = shown_rows(run("no_personal_data"))
    assert found["part"] == "title"
    assert "user_id" in found["kind"]


def test_digits_in_the_hash_of_a_file_are_no_card(con: Connection) -> None:
    """One of ten thousand hashes holds some that look like one; a file without a hash is looked at as before."""
    like_a_card = "4111111111111111"
    fill(con, {"input_files": [file(file_id=like_a_card.rjust(64, "a"))]})
    assert run("input_files_no_personal_data").passed
    fill(con, {"input_files": [file(file_id=like_a_card)]})
    assert_shows(run("input_files_no_personal_data"), Case({}, 1, {"part": "file_id", "kind": "card"}))


def test_the_owner_of_a_history_may_stand_in_the_customer_list(con: Connection) -> None:
    """The scrubbing leaves a folder's name where it is a word: a check of it would fail every run."""
    fill(
        con,
        {
            "vault.main.raw_events": [{"event_id": event(1)["event_id"], "user_id": "wilhelmine", "source": "chrome"}],
            "vault.main.raw_customers": [{"user_id": "wilhelmine", "source_table": "customers"}],
            "scrubbed_events": [event(1, search_terms="wilhelmine street")],
        },
    )
    assert run("no_personal_data").passed


def test_tables_of_the_cases_exist() -> None:
    """A case that fills a table nobody knows would pass for no reason."""
    used = {table for pair in CASES.values() for case in pair for table in case.rows}
    assert {table.rpartition(".")[2] for table in used} <= set(TABLES)


def test_a_search_of_new_rows_leaves_out_what_it_has_seen_until_nothing_is_new(con: Connection) -> None:
    """And looks for the ids of people who came later in all rows."""
    state = "INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', ?, 'f')"
    fill(con, {"scrubbed_events": [event(1, load_id=1)]})
    con.execute(state, [1])
    assert run("no_personal_data").passed
    con.execute("UPDATE scrubbed_events SET title = ?", [SECRET_TEXT])
    fill(con, {"scrubbed_events": [event(2, load_id=2, search_terms=f"to {SECRET_TEXT}")]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert [row["event_id"] for row in shown_rows(run("no_personal_data"))] == [event(2)["event_id"]]
    con.execute("UPDATE scrubbed_events SET search_terms = NULL")
    assert run("no_personal_data").passed
    assert [row["event_id"] for row in shown_rows(run("no_personal_data"))] == [event(1)["event_id"]]

    con.execute("UPDATE scrubbed_events SET title = 'Hello pan-0001-abc12'")
    assert run("no_personal_data").passed
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": "pan-0001-abc12", "source": "csv"}]})
    con.execute("UPDATE asset_state SET load_id = 3 WHERE asset = 'scrubbed_events'")
    assert {row["kind"] for row in shown_rows(run("no_personal_data"))} == {"user_id"}


@pytest.mark.parametrize(
    ("title", "newcomer", "is_known"),
    [
        ("News of 2024", "pan-0002-xee69", True),
        ("News of 2024", "customer-4711", False),  # another beginning: never searched for
        ("Hello pan-0002-xee69", "pan-0002-xee69", False),
    ],
)
def test_ids_that_begin_as_others_are_not_searched_for_where_nothing_looked_like_them(
    title: str, newcomer: str, is_known: bool, con: Connection
) -> None:
    """Noted at load 1; asked at load 2, with somebody who came with it."""
    fill(con, {"scrubbed_events": [event(1, load_id=1, title=title)]})
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": "pan-0001-abc12", "source": "csv"}]})
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    assert run("no_personal_data").passed
    ids, keys = PanelIds(["pan-0001-abc12", newcomer]), load_keys(HandMade().settings)
    assert nothing_alike_until(con, keys, ids) == (1 if is_known else 0)
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": newcomer, "source": "csv"}]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert run("no_personal_data").passed is (newcomer not in title)
    # What load 2 brought was looked at too.
    assert nothing_alike_until(con, keys, ids) == (0 if newcomer in title else 2)


def test_what_was_noted_of_other_texts_is_forgotten(con: Connection) -> None:
    """A new consent brings page views of old loads."""
    fill(con, {"scrubbed_events": [event(1, load_id=1)]})
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": "pan-0001-abc12", "source": "csv"}]})
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    assert run("no_personal_data").passed
    ids, keys = PanelIds(["pan-0001-abc12"]), load_keys(HandMade().settings)
    assert nothing_alike_until(con, keys, ids) == 1
    con.execute("UPDATE asset_state SET fingerprint = 'g' WHERE asset = 'scrubbed_events'")
    assert nothing_alike_until(con, keys, ids) == 0
    assert run("no_personal_data").passed
    assert nothing_alike_until(con, keys, ids) == 1
    con.execute("UPDATE scrubbed_events SET title = 'Hello pan-0002-xee69'")
    assert run("no_personal_data").passed
    assert nothing_alike_until(con, keys, ids) == 0


@pytest.mark.parametrize("name", ["scrubbed_events", "domain_features"])
def test_a_contract_looks_for_doubles_of_new_rows_until_nothing_is_new(name: str, con: Connection) -> None:
    old, new = (
        {
            "scrubbed_events": event(day, load_id=day, event_time=f"2024-05-0{day} 10:00:00"),
            "domain_features": {"user_key": ANN, "domain": "example.com", "day": f"2024-05-0{day}"},
        }[name]
        for day in (1, 2)
    )
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    fill(con, {name: [old]})
    assert run(f"{name}_contract").passed
    fill(con, {name: [old, new, new]})
    fill(con, {"scrubbed_events": [event(9, load_id=2, event_time="2024-05-02 10:09:00")]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert shown_rows(run(f"{name}_contract"))[0]["n"] == "1"
    con.execute(f"DELETE FROM {name} WHERE rowid = 3")
    assert run(f"{name}_contract").passed
    assert shown_rows(run(f"{name}_contract"))[0]["n"] == "1"  # nothing new: all of them, so the first one


def test_sessions_are_judged_by_their_new_events(con: Connection) -> None:
    broken = [event(1, session_id=ANN, load_id=1), event(31, session_id=ANN, event_time="2024-05-01 10:31:01")]
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    fill(con, {"scrubbed_events": [broken[0]]})
    assert run("sessions_by_definition").passed
    fill(con, {"scrubbed_events": [broken[1] | {"load_id": 2}]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert not run("sessions_by_definition").passed
    con.execute("UPDATE scrubbed_events SET load_id = 1")
    assert run("sessions_by_definition").passed
    assert not run("sessions_by_definition").passed  # nothing new: all of them again
