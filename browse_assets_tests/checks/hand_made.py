"""Checks run on tables in memory that a test has filled.

What belongs here: filling tables, running a check by its name, what it shows. What does not: the rows (`cases.py`).
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from browse_assets.checks import CHECKS
from browse_assets.leak_checks import searched_tables
from browse_assets.resources import Access, Databases, load_reference
from browse_assets.settings import Settings
from browse_assets.tables import tables_of
from browse_assets_tests.checks.cases import ANN, SECRET_TEXT, TOPIC, Case

Connection = duckdb.DuckDBPyConnection

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


def sample_of(kind: str) -> str:
    samples = {"VARCHAR": "'a'", "BIGINT": "1", "UUID": f"'{ANN}'", "DATE": "'2024-05-01'"}
    return samples.get(kind, "'2024-05-01 10:00:00'")


def filled(kind: str, text: str) -> Any:
    """A value of a column's type with the text in it."""
    values = {
        "VARCHAR[]": [text],
        "MAP(VARCHAR, VARCHAR)": {"plan": text},
        "STRUCT(domain VARCHAR, sessions BIGINT)[]": [{"domain": text, "sessions": 1}],
    }
    return text if kind == "VARCHAR" else values[kind]
