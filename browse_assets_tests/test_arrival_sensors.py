"""Files that come are read by one run, once; what a run has read, and what cannot be read, asks for none."""

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from browse_assets.arrival_sensors import customers_sensor, inbox_sensor
from browse_assets.arrivals import UnreadableFolderError
from browse_assets.assets.state import State, write_state
from browse_assets.automation import TRAININGS
from browse_assets.resources import open_databases
from browse_assets.settings import Settings
from browse_assets_tests.assets.test_loading import view, write_panel

Materialize = Callable[..., Any]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as opened:
        yield opened


class Ticks:
    """A sensor's looks, its cursor kept as Dagster keeps it: not after a look that failed."""

    def __init__(self, sensor: dg.SensorDefinition, instance: dg.DagsterInstance) -> None:
        self.sensor = sensor
        self.instance = instance
        self.cursor: str | None = None

    def look(self) -> dg.SensorResult:
        result = self.sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        return result

    def looks(self, times: int) -> list[str]:
        """Jobs that so many looks ask for."""
        results = [self.look() for _ in range(times)]
        return [str(request.job_name) for result in results for request in result.run_requests or []]

    def said(self) -> str:
        reason = self.look().skip_reason
        return str(reason.skip_message) if reason else ""


def panel(settings: Settings, name: str = "ann smith/p.csv", *, user: str = "ann", age: float = 60.0) -> Path:
    path = write_panel(settings.inbox / name, [view(user, "2024-05-01T10:00:00Z", "https://espn.com/a")])
    return rested(path, age)


def rested(path: Path, age: float = 60.0) -> Path:
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def trained(settings: Settings) -> None:
    """As after a first run: models are there."""
    with open_databases(settings, vault="write", warehouse="write") as con:
        for name in ("raw_events", *TRAININGS):
            write_state(con, name, State(1, "made"))


def test_a_file_is_asked_for_once_when_it_rests(settings: Settings, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(inbox_sensor, instance)
    assert ticks.said() == "Nothing new."
    assert not settings.vault_path.exists()
    path = panel(settings, age=0.0)
    assert ticks.said() == "Nothing new. 1 being written are left until they rest."
    rested(path)
    assert ticks.said() == "Something changed: once it rests it is read."
    result = ticks.look()
    (request,) = result.run_requests or []
    assert (request.job_name, request.tags) == ("ml_analysis_pipeline", {"new_files": "1 in inbox"})
    assert request.run_key.startswith("inbox-")
    assert ticks.looks(3) == []
    shown = json.dumps([request.run_key, request.tags, ticks.cursor])
    assert not [part for part in ("ann", "smith", "p.csv") if part in shown]


def test_a_growing_file_and_a_part_are_left(settings: Settings, instance: dg.DagsterInstance) -> None:
    ticks = Ticks(inbox_sensor, instance)
    for name in ("big.csv.part", "big.csv.crdownload", ".hidden.csv", "a.tmp"):
        panel(settings, name)
    assert ticks.looks(3) == []
    path = panel(settings, "ahead.csv", age=-3600)  # a clock that is ahead: only two equal looks tell
    assert ticks.looks(1) == []
    path.write_text(path.read_text() + "\n")
    rested(path, age=-3600)
    assert ticks.looks(1) == []
    assert ticks.looks(3) == ["ml_analysis_pipeline"]


def test_a_changed_file_is_new_and_a_removed_one_is_not(
    settings: Settings, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    ticks = Ticks(inbox_sensor, instance)
    first, second = panel(settings), panel(settings, "q.csv", user="bob")
    assert ticks.looks(3) == ["ml_analysis_pipeline"]
    materialize("raw_events")
    trained(settings)
    first.unlink()
    assert ticks.looks(3) == []
    with second.open("a") as file:
        file.write("bob,192.0.2.1,2024-05-02T10:00:00Z,https://espn.com/b,,\n")
    rested(second)
    assert ticks.looks(3) == ["data_refresh"]


def test_what_make_run_has_read_asks_for_nothing(
    settings: Settings, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    panel(settings)
    materialize("raw_events")
    ticks = Ticks(inbox_sensor, instance)
    assert ticks.looks(1) == []
    assert ticks.said() == "Nothing that was not read already."
    assert ticks.looks(2) == []
    (settings.inbox / "bad.csv").write_text("nothing of use")
    rested(settings.inbox / "bad.csv")
    materialize("raw_events")  # a file that failed is read: the same rules would fail again
    assert ticks.looks(3) == []


def test_thousands_of_files_are_one_run_and_ticks_stay_cheap(settings: Settings, instance: dg.DagsterInstance) -> None:
    first = panel(settings, "0.csv")
    for number in range(1, 2000):
        shutil.copy2(first, settings.inbox / f"{number}.csv")
    ticks = Ticks(inbox_sensor, instance)
    assert ticks.looks(2) == ["ml_analysis_pipeline"]
    assert len(str(ticks.cursor)) < 200
    began = time.process_time()
    assert ticks.looks(1) == []
    assert time.process_time() - began < 1.0  # measured 0.06


def test_no_run_is_asked_for_while_one_is_going(settings: Settings, instance: dg.DagsterInstance) -> None:
    panel(settings)
    ticks = Ticks(inbox_sensor, instance)
    going = instance.create_run_for_job(dg.GraphDefinition(name="any").to_job(), status=dg.DagsterRunStatus.STARTED)
    assert ticks.looks(2) == []
    assert "a run is going or waiting" in ticks.said()
    instance.report_run_failed(going)
    assert ticks.looks(1) == ["ml_analysis_pipeline"]


def test_no_look_waits_for_a_writer(settings: Settings, instance: dg.DagsterInstance) -> None:
    panel(settings)
    trained(settings)
    ticks = Ticks(inbox_sensor, instance)
    with open_databases(settings, warehouse="write"):
        assert ticks.looks(2) == []
        assert "the databases are in use" in ticks.said()
    assert ticks.looks(1) == ["data_refresh"]


def test_a_folder_that_is_gone_or_closed_keeps_the_cursor(
    settings: Settings, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = Ticks(inbox_sensor, instance)
    panel(settings)
    assert ticks.looks(2) == ["ml_analysis_pipeline"]
    trained(settings)
    cursor = ticks.cursor
    settings.inbox.rename(settings.data_dir / "unmounted")
    with pytest.raises(UnreadableFolderError, match="a mount that is missing"):
        ticks.look()
    (settings.data_dir / "unmounted").rename(settings.inbox)
    assert ticks.looks(3) == []
    assert ticks.cursor == cursor


def test_before_anything_there_is_no_folder_and_no_error(settings: Settings, instance: dg.DagsterInstance) -> None:
    settings.inbox.rmdir()
    settings.customers.rmdir()
    assert Ticks(inbox_sensor, instance).said() == "There is no data/inbox yet."
    assert Ticks(customers_sensor, instance).said() == "There is no data/customers yet."


def test_real_files_after_the_sample_panel_ask_for_everything(settings: Settings, instance: dg.DagsterInstance) -> None:
    trained(settings)
    with open_databases(settings, warehouse="write") as con:
        con.execute("INSERT INTO input_files (file_id, origin, status) VALUES ('s', 'sample', 'read')")
    panel(settings)
    assert Ticks(inbox_sensor, instance).looks(2) == ["ml_analysis_pipeline"]


def test_customer_tables_are_asked_for_once_and_consents_with_trainings(
    settings: Settings, instance: dg.DagsterInstance, materialize: Materialize
) -> None:
    ticks = Ticks(customers_sensor, instance)
    consent = settings.customers / "consent.csv"
    consent.write_text("user_id,purpose,from,to\nann,research,2024-01-01,\n")
    rested(consent)
    assert ticks.looks(2) == []  # nobody yet: a run would take the sample panel
    customers = settings.customers / "customers.csv"
    customers.write_text("user_id,plan\nann,basic\n")
    rested(customers)
    (settings.customers / "notes.txt").write_text("not a table")
    assert ticks.looks(3) == ["ml_analysis_pipeline"]
    materialize("raw_events", "raw_customers")
    trained(settings)
    customers.write_text("user_id,plan\nann,pro\n")
    rested(customers, age=30)
    assert ticks.looks(3) == ["data_refresh"]
    consent.write_text("user_id,purpose,from,to\nann,research,2024-01-01,2024-02-01\n")
    rested(consent, age=30)
    assert ticks.looks(3) == ["ml_analysis_pipeline"]
    materialize("raw_events", "raw_customers")
    fresh = Ticks(customers_sensor, instance)
    assert fresh.looks(2) == []
    customers.unlink()
    assert fresh.looks(3) == []


def as_asked_by_a_sensor(names: list[str]) -> dg.ExecuteInProcessResult:
    from browse_assets.definitions import ASSETS
    from browse_assets.resources import Databases, ExperimentTracker

    return dg.materialize(
        ASSETS,
        selection=dg.AssetSelection.assets(*names),
        resources={"databases": Databases(), "tracker": ExperimentTracker()},
        tags={"dagster/sensor_name": "inbox_sensor"},
        raise_on_error=False,
    )


def test_a_consent_table_that_is_gone_admits_nobody_by_itself(settings: Settings, materialize: Materialize) -> None:
    panel(settings)
    consent = settings.customers / "consent.csv"
    consent.write_text("user_id,purpose,from,to\nzoe,research,2024-01-01,\n")

    def consents() -> list[tuple[Any, ...]]:
        with open_databases(settings, vault="read") as con:
            return con.execute(
                "SELECT user_id FROM vault.raw_customers WHERE source_table = 'consent' AND row_number > 0"
            ).fetchall()

    assert as_asked_by_a_sensor(["raw_events", "raw_customers"]).success
    consent.unlink()
    refused = as_asked_by_a_sensor(["raw_customers"])
    (failure,) = [event for event in refused.all_events if event.is_step_failure]
    assert "customers/consent is gone" in str(failure.step_failure_data.user_failure_data)
    settings.customers.rmdir()  # an unmounted folder is refused to people too
    assert not materialize("raw_customers", raise_on_error=False).success
    assert consents() == [("zoe",)]
    settings.customers.mkdir()
    assert materialize("raw_customers").success
    assert consents() == []
