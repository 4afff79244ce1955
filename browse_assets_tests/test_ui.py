"""`make ui` starts both servers, says where, and leaves nothing behind."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from browse_assets import ui
from browse_assets.server_process import in_words
from browse_assets.settings import SettingsError, load_settings
from browse_assets.sole_process import AlreadyRunningError, sole_process
from browse_assets_tests.ui_process import RunningUi, fetch, free_port, group_is_alive, listens, start_ui

STUB = """
import os, time
import dagster as dg

@dg.asset
def slow_asset():
    time.sleep(600)

defs = dg.Definitions(
    jobs=[dg.define_asset_job("slow_job", [slow_asset])], assets=[slow_asset], executor=dg.in_process_executor
)
"""
LAUNCH = """
mutation {
  launchRun(executionParams: {mode: "default", selector: {
    repositoryLocationName: "stub", repositoryName: "__repository__", jobName: "slow_job"}}) {
    __typename ... on PythonError { message } ... on LaunchRunSuccess { run { runId } }
  }
}
"""
STARTED_RUNS = "{ runsOrError(filter: {statuses: [STARTED]}) { ... on Runs { results { runId } } } }"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "2026-11-23 13:42:32 +0000 - dagster - DEBUG - data_refresh - 92082dba-5f12-476c-b1ea-b26599984ac1 - 21513 "
            '- RUN_START - Started execution of run for "data_refresh".',
            "13:42:32 run 92082dba of data_refresh started",
        ),
        (
            "2026-11-23 13:48:22 +0000 - dagster - ERROR - __ASSET_JOB - 191d96ca-79ad-450f-a092-30bb23831ab2 - 32762 "
            '- RUN_FAILURE - Execution of run for "__ASSET_JOB" failed.',
            "13:48:22 run 191d96ca of chosen assets failed; its page says why",
        ),
        (
            "2026-11-23 13:48:22 +0000 - dagster.daemon - ERROR - no run",
            "2026-11-23 13:48:22 +0000 - dagster.daemon - ERROR - no run",
        ),
    ],
)
def test_lines_about_runs_are_told_in_words(line: str, words: str) -> None:
    assert in_words(line) == words


@pytest.fixture(scope="module")
def stub_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Definitions of one asset that takes ten minutes: `ui.py` is tested here, not the project's graph."""
    folder = tmp_path_factory.mktemp("stub")
    (folder / "stub_definitions.py").write_text(STUB)
    workspace = folder / "workspace.yaml"
    workspace.write_text(
        "load_from:\n  - python_file:\n      relative_path: stub_definitions.py\n      location_name: stub\n"
    )
    return workspace


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all tests: the schemas of both stores are made once, and the second start finds the first's."""
    return tmp_path_factory.mktemp("ui") / "data"


@pytest.fixture
def stub_ui(stub_workspace: Path, data_dir: Path) -> Iterator[RunningUi]:
    """`make ui` beside somebody who already has the wanted Dagster port."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        ports = {"BROWSE_DAGSTER_PORT": other.getsockname()[1], "BROWSE_MLFLOW_PORT": free_port()}
        running = start_ui(data_dir, arguments=["-w", str(stub_workspace)], ports=ports)
        assert f"Port {ports['BROWSE_DAGSTER_PORT']} is in use: taking " in running.said()
        assert "BROWSE_DAGSTER_PORT chooses another" in running.said()
        assert not running.dagster.endswith(f":{ports['BROWSE_DAGSTER_PORT']}")
        yield running
    if running.process.poll() is None:
        running.end(signal.SIGTERM)


def wait_for_gone(groups: set[int]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(map(group_is_alive, groups)):
        time.sleep(0.2)
    assert [group for group in groups if group_is_alive(group)] == []


def test_ctrl_c_ends_both_and_a_run_in_the_middle(stub_ui: RunningUi, data_dir: Path) -> None:
    assert b"dagster_webserver_version" in fetch(f"{stub_ui.dagster}/server_info")
    assert fetch(f"{stub_ui.mlflow}/health") == b"OK"
    launched = stub_ui.ask_dagster(LAUNCH)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    deadline = time.monotonic() + 120
    while not stub_ui.ask_dagster(STARTED_RUNS)["runsOrError"]["results"]:
        assert time.monotonic() < deadline, "the daemon did not start the run"
        time.sleep(0.5)
    with pytest.raises(AlreadyRunningError, match=stub_ui.dagster), sole_process(data_dir, "ui"):
        pass
    groups = stub_ui.groups()
    assert len(groups) == 2

    assert stub_ui.end(signal.SIGINT) == 0

    wait_for_gone(groups)
    assert not listens(stub_ui.dagster)
    assert not listens(stub_ui.mlflow)
    for log in ("dagster.log", "mlflow.log"):
        assert (data_dir / "logs" / log).stat().st_mode & 0o077 == 0
    assert (data_dir / "logs").stat().st_mode & 0o077 == 0


def test_one_server_that_dies_ends_the_other(stub_ui: RunningUi, data_dir: Path) -> None:
    groups = stub_ui.groups()
    os.kill(max(groups), signal.SIGKILL)  # the one started second: MLflow

    assert stub_ui.process.wait(timeout=60) == 1

    assert "MLflow was ended by SIGKILL from outside" in stub_ui.said()
    assert str(data_dir / "logs" / "mlflow.log") in stub_ui.said()
    wait_for_gone(groups)
    assert not listens(stub_ui.dagster)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "http", "30 00"])
def test_a_bad_port_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_MLFLOW_PORT", text)
    with pytest.raises(SettingsError, match="BROWSE_MLFLOW_PORT is not a whole number from 1 to 65535"):
        load_settings()


def test_both_never_take_one_port(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = str(free_port())
    monkeypatch.setenv("BROWSE_DAGSTER_PORT", wanted)
    monkeypatch.setenv("BROWSE_MLFLOW_PORT", wanted)
    chosen = ui.choose_ports(load_settings())
    assert chosen["BROWSE_DAGSTER_PORT"] == int(wanted)
    assert chosen["BROWSE_MLFLOW_PORT"] != int(wanted)


def test_help_says_which_variables_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        ui.main(["--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert "BROWSE_DAGSTER_PORT" in said
    assert "BROWSE_MLFLOW_PORT" in said


@pytest.mark.parametrize("text", ["40,-5,0", "40,-5,0,0,0", "40,-5,a,0", "nan,0,0,0", "inf,0,0,0", ",,,"])
def test_values_of_churn_that_are_no_four_numbers_are_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("BROWSE_CHURN_VALUES", text)
    with pytest.raises(SettingsError, match="BROWSE_CHURN_VALUES is not four numbers"):
        load_settings()


def test_values_of_churn_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_CHURN_VALUES", "40, -5,0,.5")
    assert load_settings().churn_values == (40.0, -5.0, 0.0, 0.5)
