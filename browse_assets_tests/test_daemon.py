"""For real: a daemon runs, a file is dropped, the tables change with no click, and nothing is left running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from browse_assets.assets.state import State, fingerprint, write_state
from browse_assets.automation import TRAININGS
from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.resources import DatabaseBusyError, open_databases
from browse_assets.settings import PROJECT_ROOT, Settings
from browse_assets_tests.assets.test_loading import view, write_panel
from browse_assets_tests.ui_process import group_is_alive

SECONDS = 400.0  # 75 when idle: two looks, 10 s to start a run, 15 s of it, a look of the conditions; CI is busy


class Daemon:
    """`dagster-daemon run` with its code server, sensors and runs, all in one process group."""

    def __init__(self, settings: Settings, home: Path) -> None:
        self._log = settings.data_dir / "daemon.log"
        with self._log.open("wb") as sink:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dagster._daemon", "run", "-w", str(PROJECT_ROOT / "workspace.yaml")],
                cwd=PROJECT_ROOT,
                env={**os.environ, "DAGSTER_HOME": str(home), "OMP_NUM_THREADS": "1"},
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )
        self.group = self._process.pid

    def wait_for(self, what: str, holds: Callable[[], bool]) -> None:
        """Look every half second; what it wrote is shown when it takes too long."""
        deadline = time.monotonic() + SECONDS
        while not holds():
            written = self._log.read_text(errors="replace")[-4000:]
            assert self._process.poll() is None, f"the daemon ended: {written}"
            assert time.monotonic() < deadline, f"{what} not within {SECONDS:.0f} s: {written}"
            time.sleep(0.5)

    def end(self) -> None:
        """SIGINT as Ctrl-C would, then SIGKILL for what is left after a while."""
        for number, seconds in ((signal.SIGINT, 30), (signal.SIGKILL, 30)):
            if group_is_alive(self.group):
                os.killpg(self.group, number)
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline and (self._process.poll() is None or group_is_alive(self.group)):
                time.sleep(0.2)


@pytest.fixture
def home(settings: Settings) -> Path:
    """An installation after its first run: models are there (by their state alone), people are not yet."""
    with open_databases(settings, vault="write", warehouse="write") as con:
        for name in TRAININGS:
            write_state(con, name, State(0, "made"))
        write_state(con, "topic_classifier", State(0, fingerprint("topic_classifier")))
    return prepare_dagster_home(settings)


@pytest.fixture
def daemon(settings: Settings, home: Path) -> Iterator[Daemon]:
    started = Daemon(settings, home)
    yield started
    started.end()


@pytest.mark.timeout(1200)
def test_a_dropped_file_changes_the_tables_with_no_click(settings: Settings, home: Path, daemon: Daemon) -> None:
    rows = [view("panelist-00017", f"2024-05-01T10:0{i}:00Z", f"https://espn.com/{i}") for i in range(3)]
    write_panel(settings.inbox / "ann smith" / "panel.csv.part", rows)
    (settings.inbox / "ann smith" / "panel.csv.part").rename(settings.inbox / "ann smith" / "panel.csv")

    def people() -> int:
        try:
            with open_databases(settings, warehouse="read", wait_seconds=0.1) as con:
                row = con.execute("SELECT count(*) FROM interest_profile").fetchone()
                return int(row[0]) if row else 0
        except DatabaseBusyError:
            return 0

    daemon.wait_for("the profile", lambda: people() == 1)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        daemon.wait_for("the end of the run", lambda: all(run.is_finished for run in instance.get_runs()))
        (run,) = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        assert (run.job_name, run.tags["dagster/sensor_name"]) == ("data_refresh", "inbox_sensor")
        assert "smith" not in repr(run.tags)
        checked = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
        assert "no_personal_data" in {entry.dagster_event.event_specific_data.check_name for entry in checked}

    daemon.end()
    assert not group_is_alive(daemon.group)
