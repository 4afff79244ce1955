"""Dagster's configuration as Dagster itself reads it, and runs that a kill left behind."""

import logging
import signal
import stat
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from browse_assets.dagster_home import STARTED_BY, end_orphaned_runs, make_way, prepare_dagster_home, quick_records
from browse_assets.in_process import workplace
from browse_assets.settings import Settings
from browse_assets.sole_process import AlreadyRunningError, sole_process
from browse_assets.stopping import StopRequests


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", tracking_uri="sqlite:///unused.db", artifact_dir=tmp_path / "artifacts")


@pytest.fixture
def instance(settings: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(settings))) as opened:
        yield opened


def test_nothing_is_sent_home_and_nothing_covers_the_first_page(instance: dg.DagsterInstance) -> None:
    assert not instance.telemetry_enabled
    assert not instance.nux_enabled
    assert instance.freshness_enabled


def _said(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [entry.user_message for entry in instance.all_logs(run_id) if not entry.is_dagster_event]


def test_records_are_kept_as_ever_and_synced_less(settings: Settings, instance: dg.DagsterInstance) -> None:
    """What was noted in between is in Dagster's own files, for every process, and the way back is as before."""

    @dg.op
    def talk(context: dg.OpExecutionContext) -> None:
        context.log.info(context.run_id[:3])
        with instance.event_log_storage.index_connection() as con:  # type: ignore[attr-defined]
            synced.append(con.exec_driver_sql("PRAGMA synchronous").scalar_one())

    @dg.job
    def chat() -> None:
        talk()

    synced: list[int] = []
    plain = chat.execute_in_process(instance=instance)
    with quick_records():
        quick = chat.execute_in_process(instance=instance)
        with dg.DagsterInstance.from_config(str(prepare_dagster_home(settings))) as other:
            assert _said(other, quick.run_id) == [quick.run_id[:3]]
    chat.execute_in_process(instance=instance)
    assert synced == [2, 1, 2]  # FULL, NORMAL, FULL
    events = [[event.event_type_value for event in run.all_events] for run in (plain, quick)]
    assert events[0] == events[1]
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(settings))) as other:
        assert _said(other, quick.run_id) == [quick.run_id[:3]]
        assert len(other.all_logs(plain.run_id)) == len(other.all_logs(quick.run_id))
    assert not list(settings.dagster_home.rglob(f"{quick.run_id}.db-wal"))


def test_runs_queue_one_at_a_time(instance: dg.DagsterInstance) -> None:
    config = instance.get_concurrency_config()
    assert config.run_queue_config is not None
    assert config.run_queue_config.max_concurrent_runs == 1
    assert config.pool_config.default_pool_limit == 1
    assert config.pool_config.pool_granularity is not None
    assert config.pool_config.pool_granularity.value == "run"
    assert instance.run_monitoring_enabled


def test_all_that_dagster_stores_lies_in_its_home(settings: Settings) -> None:
    home = prepare_dagster_home(settings)

    @dg.asset
    def counted() -> None: ...

    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert dg.materialize([counted], instance=instance).success
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert list(home.rglob("runs.db"))
    assert [path.name for path in settings.data_dir.iterdir()] == [home.name]


def test_the_file_is_written_only_when_it_differs(settings: Settings) -> None:
    config = prepare_dagster_home(settings) / "dagster.yaml"
    wanted, written = config.read_text(), config.stat().st_mtime_ns
    prepare_dagster_home(settings)
    assert config.stat().st_mtime_ns == written
    config.write_text("telemetry:\n  enabled: true\n")
    prepare_dagster_home(settings)
    assert config.read_text() == wanted


# A run that kills itself in the middle of a step that holds the writers' pool.
KILLED_RUN = """
    import os, signal, sys
    import dagster as dg

    @dg.asset(pool="duckdb_writer")
    def written():
        os.kill(os.getpid(), signal.SIGKILL)

    with dg.DagsterInstance.from_config(sys.argv[1]) as instance:
        dg.materialize([written], instance=instance)
"""


def test_a_killed_run_neither_stays_in_the_queue_nor_holds_the_pool(settings: Settings) -> None:
    home = str(prepare_dagster_home(settings))
    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED_RUN), home], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL

    @dg.asset(pool="duckdb_writer")
    def written() -> None: ...

    with dg.DagsterInstance.from_config(home) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
        assert end_orphaned_runs(instance) == 1
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
        assert end_orphaned_runs(instance) == 0
        assert dg.materialize([written], instance=instance).success


def started_run(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    """A run that is at work, as the storage has it."""

    @dg.job
    def slow_job() -> None: ...

    run = instance.create_run_for_job(slow_job, tags=tags, status=dg.DagsterRunStatus.STARTED)
    return run.run_id


def test_a_command_waits_for_nothing_while_the_ui_is_idle(instance: dg.DagsterInstance, settings: Settings) -> None:
    killed = started_run(instance, {STARTED_BY: "make run"})
    with sole_process(settings.data_dir, "ui"):
        assert make_way(instance, settings) == 1
    assert instance.get_run_by_id(killed).status == dg.DagsterRunStatus.FAILURE


def test_a_command_is_refused_while_the_ui_runs_something(instance: dg.DagsterInstance, settings: Settings) -> None:
    alive = started_run(instance, {})
    with (
        sole_process(settings.data_dir, "ui", "http://127.0.0.1:3000"),
        pytest.raises(
            AlreadyRunningError, match=rf"the Dagster UI is running slow_job.*{alive[:8]}.*http://127.0.0.1:3000"
        ),
    ):
        make_way(instance, settings)
    assert instance.get_run_by_id(alive).status == dg.DagsterRunStatus.STARTED


def test_what_waits_in_the_queue_of_the_ui_comes_first(instance: dg.DagsterInstance, settings: Settings) -> None:
    """A sensor has asked, and the daemon is about to start it; without a UI it waits for the next one."""

    @dg.job
    def slow_job() -> None: ...

    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("browse_assets"), "__repository__")
    waiting = instance.create_run_for_job(
        slow_job,
        status=dg.DagsterRunStatus.QUEUED,
        remote_job_origin=RemoteJobOrigin(repository, slow_job.name),
        job_code_origin=JobPythonOrigin(
            slow_job.name, RepositoryPythonOrigin("python", ModuleCodePointer("browse_assets.definitions", "defs"))
        ),
    ).run_id
    assert make_way(instance, settings) == 0
    with (
        sole_process(settings.data_dir, "ui"),
        pytest.raises(AlreadyRunningError, match=rf"the Dagster UI is about to run slow_job \(run {waiting[:8]}"),
    ):
        make_way(instance, settings)


def test_a_run_that_came_while_a_command_got_ready_is_seen(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")  # which the command sets

    @dg.job
    def mine() -> None: ...

    with (
        sole_process(settings.data_dir, "run") as lock,
        workplace(settings, lock, StopRequests(print)) as place,
        sole_process(settings.data_dir, "ui"),
    ):
        started_run(place.instance, {})
        with pytest.raises(AlreadyRunningError, match="the Dagster UI is running slow_job"):
            place.execute(mine, logging.Logger("quiet"))


def test_without_a_ui_nothing_can_be_running(instance: dg.DagsterInstance, settings: Settings) -> None:
    started_run(instance, {})
    stopped = started_run(instance, {STARTED_BY: "make run"})
    instance.report_run_canceling(instance.get_run_by_id(stopped))
    assert make_way(instance, settings) == 2
    assert instance.get_run_by_id(stopped).status == dg.DagsterRunStatus.CANCELED
