"""churn_scores and churn_drift by a champion made in a second, on snapshots filled by hand."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

import duckdb
import pytest

from browse_assets.analysis.churn_scores import score_people
from browse_assets_tests.churn_champion import (
    fill_snapshots,
    fitted_candidate,
    made_up_people,
    register_champion,
    without_champion,
)

Materialize = Callable[..., Any]
Query = Callable[..., list[tuple[Any, ...]]]
Scratch = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

PEOPLE = made_up_people(200)
WITHOUT = ("customer_plan",)


@cache
def estimator() -> Any:
    return fitted_candidate(PEOPLE, without=WITHOUT)


@pytest.fixture(autouse=True)
def no_champion_is_left() -> Iterator[None]:
    """The store is shared by all tests."""
    yield
    without_champion()


def metadata(result: Any, asset: str) -> dict[str, Any]:
    return {key: value.value for key, value in result.asset_materializations_for_node(asset)[0].metadata.items()}


def test_everybody_is_scored_as_the_champion_says_or_counted(
    scratch_warehouse: Scratch, materialize: Materialize, warehouse: Query
) -> None:
    version = register_champion(estimator(), PEOPLE.drop(columns="churned"))
    with scratch_warehouse() as con:
        rows = fill_snapshots(con, PEOPLE)
    result = materialize("churn_scores", "churn_drift")
    said = metadata(result, "churn_scores")
    assert (said["not scored, stopped already"], said["not scored, no history"]) == (1, 2)
    assert said["champion"] == f"version {version}"
    expected = score_people(estimator(), rows.iloc[:-1])
    found = warehouse(
        "SELECT user_key::VARCHAR, probability, band, reasons, model_version FROM churn_scores ORDER BY 1"
    )
    assert [row[:4] for row in found] == list(expected.itertuples(index=False, name=None))
    assert {row[4] for row in found} == {version}
    assert "Nothing new" not in str(said)


def test_drift_is_measured_and_warned_of(
    scratch_warehouse: Scratch, materialize: Materialize, warehouse: Query
) -> None:
    scored = score_people(estimator(), PEOPLE)["probability"]
    reference = PEOPLE.drop(columns=["churned", *WITHOUT]).assign(probability=scored)
    register_champion(estimator(), reference)
    with scratch_warehouse() as con:
        fill_snapshots(con, made_up_people(200, seed=2))
    materialize("churn_scores", "churn_drift")
    assert warehouse("SELECT count(*), count_if(has_drifted) FROM churn_drift") == [(21, 0)]
    with scratch_warehouse() as con:
        later = made_up_people(200, seed=3)
        fill_snapshots(con, later.assign(days_since_last=later["days_since_last"] + 4), load_id=2)
    result = materialize("churn_scores", "churn_drift")
    drifted = warehouse("SELECT feature, psi > bound, people, reference_people FROM churn_drift WHERE has_drifted")
    assert sorted(drifted) == [("days_since_last", True, 199, 200), ("probability", True, 199, 200)]
    assert warehouse("SELECT DISTINCT as_of::VARCHAR FROM churn_drift") == [("2026-05-01 10:00:00",)]
    warned = [e.check_name for e in result.get_asset_check_evaluations() if not e.passed]
    assert sorted(warned) == ["features_have_not_drifted", "scores_have_not_drifted"]
    assert "days_since_last" in metadata(result, "churn_drift")["drifted"]


def test_without_a_champion_both_are_empty(
    scratch_warehouse: Scratch, materialize: Materialize, warehouse: Query
) -> None:
    register_champion(estimator(), None)
    with scratch_warehouse() as con:
        fill_snapshots(con, PEOPLE.head(30))
    result = materialize("churn_scores", "churn_drift")
    assert warehouse("SELECT count(*) FROM churn_scores") == [(29,)]
    # A champion that was logged without its people: not known is not 'no drift'.
    assert "was logged without drift_reference.json" in metadata(result, "churn_drift")["warning"]
    without_champion()  # by hand, in the registry: nothing else has changed
    result = materialize("churn_scores", "churn_drift")
    assert metadata(result, "churn_scores")["champion"] == "none"
    for table in ("churn_scores", "churn_drift"):
        assert warehouse(f"SELECT count(*) FROM {table}") == [(0,)]


def test_drift_of_other_scores_is_refused(scratch_warehouse: Scratch, materialize: Materialize) -> None:
    register_champion(estimator(), None)
    with scratch_warehouse() as con:
        fill_snapshots(con, PEOPLE.head(30))
    materialize("churn_scores")
    with scratch_warehouse() as con:
        fill_snapshots(con, PEOPLE.head(20), load_id=2)
    result = materialize("churn_drift", raise_on_error=False)
    assert not result.success
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert "churn_scores is of other snapshots" in str(failure.event_specific_data)
