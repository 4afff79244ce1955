"""Each failed run is one readable row without personal values, and is told to a webhook that may be away."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as

from browse_assets import incidents
from browse_assets.incident_sensor import run_failure_sensor
from browse_assets.incidents import MOST_ATTEMPTS, OWN_ERRORS, WHAT_TO_DO, FailedStep, Incident, describe, post
from browse_assets.resources import PrivateDataError, open_databases
from browse_assets.settings import Settings, SettingsError, load_settings
from browse_assets.tables import WEBHOOK_STATES

Scratch = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
AT = datetime(2026, 5, 1, 4, 30)
MAIL = "ann@example.com"
ROWS = "SELECT job, failed_steps, message, webhook, webhook_attempts, webhook_problem FROM incidents ORDER BY failed_at"


@dg.op
def fail_with_a_value() -> None:
    raise ValueError(f"could not convert {MAIL}")


@dg.op
def fail_in_words() -> None:
    raise PrivateDataError("Scrubbing failed with ConversionException at browse_assets/x.py:7.")


@dg.op
def fail_on_purpose() -> None:
    raise dg.Failure("customers/consent: needs user_id, once.", allow_retries=False)


@dg.op
def fail_by_name() -> None:
    raise dg.Failure(f"Nothing known of {MAIL}.")


@dg.op
def be_ended() -> None:
    with raise_interrupts_as(DagsterExecutionInterruptedError):  # as Dagster runs a step
        signal.raise_signal(signal.SIGINT)


def job_of(*ops: Any) -> dg.JobDefinition:
    @dg.job(name=f"job_of_{ops[0].name}", executor_def=dg.in_process_executor)
    def failing() -> None:
        for op in ops:
            op()

    return failing


class Sensor:
    """Looks of run_failure_sensor, its cursor kept."""

    def __init__(self) -> None:
        self.instance = dg.DagsterInstance.ephemeral()
        self.cursor: str | None = None

    def look(self) -> str:
        result = run_failure_sensor(dg.build_sensor_context(instance=self.instance, cursor=self.cursor))
        assert isinstance(result, dg.SensorResult)
        assert not result.run_requests
        self.cursor = result.cursor
        assert result.skip_reason
        return str(result.skip_reason.skip_message)

    def fail(self, *ops: Any) -> str:
        return job_of(*ops).execute_in_process(instance=self.instance, raise_on_error=False).run_id


@pytest.fixture
def sensor(settings: Settings) -> Iterator[Sensor]:
    found = Sensor()
    yield found
    found.instance.dispose()


@contextmanager
def webhook(statuses: list[int]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A real server that answers with these statuses in turn, and what it was sent."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            received.append({"type": self.headers["Content-Type"], **json.loads(body)})
            self.send_response(statuses[min(len(received), len(statuses)) - 1])
            self.send_header("Location", "/moved")  # which only an answer of 3xx means
            self.end_headers()

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hooks/secret-token", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def warehouse(settings: Settings) -> Callable[[str], list[tuple[Any, ...]]]:
    """Rows of a SELECT over the warehouse; there is no vault, as nothing was ever read."""

    def query(select: str) -> list[tuple[Any, ...]]:
        with open_databases(settings, warehouse="read") as con:
            return con.execute(select).fetchall()

    return query


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("BROWSE_WEBHOOK_URL", raising=False)


def test_a_failed_run_is_one_row_in_words(sensor: Sensor, warehouse: Any) -> None:
    assert sensor.look() == "No run has failed."
    ended = sensor.fail(fail_in_words, fail_with_a_value)
    assert sensor.look() == "1 failed runs noted in the table incidents."
    assert sensor.look() == "No run has failed."
    ((job, steps, message, *webhook_columns),) = warehouse(ROWS)
    assert job == "job_of_fail_in_words"
    assert steps == ["fail_in_words", "fail_with_a_value"]
    assert message == (
        "job_of_fail_in_words failed at fail_in_words: Scrubbing failed with ConversionException at "
        "browse_assets/x.py:7. 1 more failed after it."
    )
    assert webhook_columns == ["off", 0, None]
    ((run_id, failed_at, todo),) = warehouse("SELECT run_id, failed_at, what_to_do FROM incidents")
    record = sensor.instance.get_run_record_by_id(ended)
    assert record is not None
    assert run_id == ended
    assert abs((failed_at - datetime(1970, 1, 1)).total_seconds() - (record.end_time or 0)) < 0.001
    assert todo == WHAT_TO_DO["PrivateDataError"]


@pytest.mark.parametrize(
    ("op", "said"),
    [
        (fail_with_a_value, "ValueError; its text is withheld because it may quote personal data."),
        (fail_by_name, "Failure; its text is withheld because it looks personal."),
        (fail_on_purpose, "customers/consent: needs user_id, once."),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_no_value_of_a_person_is_told(op: Any, said: str, sensor: Sensor, warehouse: Any) -> None:
    sensor.fail(op)
    sensor.look()
    ((_, _, message, *_),) = warehouse(ROWS)
    assert message == f"job_of_{op.name} failed at {op.name}: {said}"
    assert MAIL not in repr(warehouse("SELECT * FROM incidents"))


def test_a_run_that_was_ended_with_the_ui_is_no_incident(sensor: Sensor, warehouse: Any) -> None:
    ended, failed = sensor.fail(be_ended), sensor.fail(fail_on_purpose)
    statuses = [run.status for run in sensor.instance.get_runs(dg.RunsFilter(run_ids=[ended, failed]))]
    assert statuses == [dg.DagsterRunStatus.FAILURE] * 2
    assert sensor.look() == "1 failed runs noted in the table incidents."
    assert warehouse("SELECT run_id FROM incidents") == [(failed,)]


def test_a_run_that_was_killed_has_no_step_and_chosen_assets_no_job() -> None:
    killed = describe("r", "__ASSET_JOB", AT, [], "/home/ann/data")
    assert killed.failed_steps == ()
    assert killed.message.startswith("A run of chosen assets ended before it was done")
    stopped = describe("r", "j", AT, [FailedStep("a_check", "DagsterAssetCheckFailedError", MAIL)], "/d")
    assert stopped.message == "j failed at a_check: a blocking check failed, so what comes after it was not made."
    assert "the rows that offend" in stopped.what_to_do
    key = describe("r", "j", AT, [FailedStep("s", "VaultKeyError", "put /home/ann/data/keys back")], "/home/ann/data")
    assert key.message == "j failed at s: put data/keys back"
    assert set(OWN_ERRORS) - {"RunConfigKeptError"} <= set(WHAT_TO_DO)


def test_a_busy_warehouse_is_waited_for(sensor: Sensor, scratch_warehouse: Scratch, warehouse: Any) -> None:
    sensor.fail(fail_on_purpose)
    cursor = sensor.cursor
    with scratch_warehouse():
        assert "1 failed runs are to be noted" in sensor.look()
    assert json.loads(str(sensor.cursor))["told_until"] <= json.loads(cursor or sensor.cursor or "")["told_until"]
    sensor.look()
    assert len(warehouse(ROWS)) == 1


def test_the_webhook_is_told_once_and_again_while_it_is_away(
    sensor: Sensor, warehouse: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook([500, 200]) as (address, received):
        monkeypatch.setenv("BROWSE_WEBHOOK_URL", address)
        sensor.fail(fail_on_purpose)
        assert sensor.look() == "1 failed runs noted in the table incidents. 0 told to the webhook, 1 owed (HTTP 500)."
        assert warehouse(ROWS)[0][3:] == ("pending", 1, "HTTP 500")
        sensor.look()
        assert warehouse(ROWS)[0][3:] == ("delivered", 2, None)
        assert sensor.look() == "No run has failed."
        first, second = received
        assert first == second
        row = warehouse("SELECT run_id, job, message, what_to_do FROM incidents")[0]
        assert (first["run_id"], first["job"], first["message"], first["what_to_do"]) == row
        assert first["type"] == "application/json"
        assert first["text"].startswith(first["message"])
        assert first["failed_at"].endswith("Z")
        assert "secret-token" not in repr(warehouse("SELECT * FROM incidents")) + str(sensor.cursor)


def test_a_webhook_that_stays_away_is_given_up_and_said(
    sensor: Sensor, warehouse: Any, scratch_warehouse: Scratch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSE_WEBHOOK_URL", "http://127.0.0.1:9/closed")
    sensor.fail(fail_on_purpose)
    sensor.look()
    assert warehouse(ROWS)[0][3:] == ("pending", 1, "ConnectionRefusedError")
    with scratch_warehouse() as con:
        con.execute("UPDATE incidents SET webhook_attempts = ?", [MOST_ATTEMPTS - 1])
    sensor.look()
    assert warehouse(ROWS)[0][3:] == ("given up", MOST_ATTEMPTS, "ConnectionRefusedError")
    assert sensor.look() == "No run has failed."
    assert {state for (state,) in warehouse("SELECT webhook FROM incidents")} <= set(WEBHOOK_STATES)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_an_address_that_has_moved_was_told_nothing(status: int) -> None:
    """A page that comes by GET from the new address, such as a login, is no delivery."""
    with webhook([status]) as (address, received):
        assert post(address, Incident("r", "j", AT, (), "m", "w")) == f"HTTP {status}"
        assert len(received) == 1


def test_a_webhook_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(incidents, "POST_SECONDS", 0.2)
    with socket.socket() as silent:  # accepts, and never answers
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        problem = post(f"http://127.0.0.1:{silent.getsockname()[1]}/", Incident("r", "j", AT, (), "m", "w"))
    assert problem == "TimeoutError"


@pytest.mark.parametrize("text", ["file:///etc/passwd", "ftp://example.com/x", "example.com", "https://", "http:// a"])
def test_an_address_that_is_not_of_the_web_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_WEBHOOK_URL", text)
    with pytest.raises(SettingsError, match="BROWSE_WEBHOOK_URL is not an address") as raised:
        load_settings()
    assert "passwd" not in str(raised.value)
