"""What asset pages show of tables: narrow previews, no groups of a few people, rows that can be taken back."""

import base64
import json
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster._serdes import deserialize_value, serialize_value

from browse_assets.assets import reporting
from browse_assets.assets.training import compare_link, run_link
from browse_assets.dagster_records import REMOVED, without_rows_of_people
from browse_assets.settings import Settings
from browse_assets.verdict import verdict

ANN = "0a1b2c3d-0000-4000-8000-000000000000"


def test_a_preview_is_narrow() -> None:
    with duckdb.connect() as con:
        row = "TIMESTAMP '2026-05-01 10:11:12.131415' AS at, 0.123456::DOUBLE AS p, 'a|b' AS t"
        shown = reporting.preview(con, f"SELECT '{ANN}'::UUID AS user_key, {row}")
    assert (shown.value or "").splitlines()[-1] == "| 0a1b2c3d… | 2026-05-01 10:11 | 0.1235 | a\\|b |"


@pytest.mark.parametrize(("least", "names"), [(0, ["News", "Cars"]), (11, ["News"]), (50, [])])
def test_groups_of_few_people_are_not_drawn(least: int, names: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[str] = []
    monkeypatch.setattr(
        "browse_assets.analysis.figures.bar_figure", lambda labels, *_, **__: drawn.extend(labels) or object()
    )
    monkeypatch.setattr("browse_assets.analysis.figures.png_base64", lambda _: base64.b64encode(b"png").decode())
    found = reporting.bar_plot("people by topic", [("News", 40), ("Cars", 3)], least)
    assert drawn == names
    assert bool(found) == bool(names)


def test_a_funnel_draws_no_part_of_few_people(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(
        "browse_assets.analysis.figures.grouped_bar_figure", lambda rows, *_, **__: drawn.extend(rows) or object()
    )
    monkeypatch.setattr("browse_assets.analysis.figures.png_base64", lambda _: "")
    rows = [("mortgages", 40, 12, 10), ("tax", 10, 9, 0)]
    assert list(reporting.grouped_bar_plot("funnel", rows, ("a", "b", "c"), 11)) == ["funnel"]
    assert drawn == [("mortgages", [40.0, 12.0, 0.0])]
    assert reporting.grouped_bar_plot("funnel", [], ("a",), 11) == {}


def test_offending_rows_are_a_table_that_an_erasure_empties() -> None:
    with duckdb.connect() as con:
        result = verdict(con, f"SELECT '{ANN}'::UUID AS user_key, n FROM range(12) AS numbers (n) ORDER BY n", "rows")
    assert result.metadata["offending rows"].value == 12
    table = result.metadata["rows"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [column.name for column in table.schema.columns] == ["user_key", "n"]
    assert [record.data["n"] for record in table.records] == [str(n) for n in range(10)]
    event = dg.AssetMaterialization("a", metadata={"rows": table, "people": 12})
    stored = without_rows_of_people(serialize_value(event))
    assert ANN not in stored
    assert json.loads(stored)
    kept = deserialize_value(stored, dg.AssetMaterialization).metadata
    assert kept["people"].value == 12
    emptied = kept["rows"]
    assert isinstance(emptied, dg.TableMetadataValue)
    assert {value for record in emptied.records for value in record.data.values()} == {REMOVED}


def test_links_lead_to_the_pages_of_trained_models(settings: Settings) -> None:
    del settings
    link = run_link("experiments/3/runs/abc")["MLflow run"].url or ""
    assert link.endswith("/#/experiments/3/runs/abc?workflowType=machine_learning")
    both = compare_link("experiments/3/runs/abc", ["x", "y"])["candidates side by side"].url or ""
    assert both.endswith(
        "/#/compare-runs?runs=%5B%22x%22%2C+%22y%22%5D&experiments=%5B%223%22%5D&workflowType=machine_learning"
    )
    assert compare_link(None, ["x", "y"]) == compare_link("experiments/3/runs/abc", ["x"]) == {}
