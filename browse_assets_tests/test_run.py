"""`make run` as somebody at a terminal meets it: refused, stopped, and what is recorded of that."""

import logging
import signal
import threading
import time
from pathlib import Path

import dagster as dg
import pytest

from browse_assets import remove, run
from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.in_process import workplace
from browse_assets.settings import Settings
from browse_assets.sole_process import sole_process
from browse_assets.stopping import stop_requests


@pytest.mark.parametrize("command", [lambda: run.main([]), lambda: remove.main(["purge"])], ids=["run", "purge"])
def test_a_second_command_is_refused_and_told_what_goes_on(
    command: "object", settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with sole_process(settings.data_dir, "run", command="make erase") as lock:
        lock.tell("topic_classifier, 4 of 30 done")
        assert command() == 2  # type: ignore[operator]
    said = capsys.readouterr().err
    assert "Not started: make erase is already running here since" in said
    assert "topic_classifier, 4 of 30 done. Wait until it has ended" in said


def test_trouble_is_said_before_anything_is_made(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROWSE_MEMORY_LIMIT", "lots")
    assert run.main([]) == 2
    assert "Not started: BROWSE_MEMORY_LIMIT is not a size" in capsys.readouterr().err
    assert not settings.vault_path.exists()


def test_ctrl_c_in_an_asset_cancels_the_run(settings: Settings, tmp_path: Path) -> None:
    """With Dagster's own handlers around it; the op would take two minutes."""
    begun = tmp_path / "begun"

    @dg.op
    def slow_op() -> None:
        begun.touch()
        time.sleep(120)

    @dg.job(executor_def=dg.in_process_executor)
    def slow_job() -> None:
        slow_op()

    def press() -> None:
        deadline = time.monotonic() + 120
        while not begun.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        # To the process, pytest's older threads would get it, and Dagster's handler swallow it.
        assert stop.watcher
        assert stop.watcher.ident
        signal.pthread_kill(stop.watcher.ident, signal.SIGINT)

    presser = threading.Thread(target=press)
    with stop_requests(lambda _: None) as stop, sole_process(settings.data_dir, "run") as lock:
        presser.start()
        with workplace(settings, lock, stop) as place, pytest.raises(KeyboardInterrupt):
            place.execute(slow_job, logging.Logger("silent"))
    presser.join()
    assert stop.exit_code == 130
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(settings))) as instance:
        (recorded,) = instance.get_runs()
    assert recorded.status == dg.DagsterRunStatus.CANCELED
    assert recorded.tags["browse_assets/started_by"] == "make run"
