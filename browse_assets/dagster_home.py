"""Dagster's own home: its configuration, and the runs that a kill left behind in it.

What belongs here: `dagster.yaml` and the run records of this installation. What does not: assets, jobs
and sensors (`definitions.py`, `automation.py`), starting servers (`ui.py`).
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browse_assets.settings import Settings
from browse_assets.sole_process import AlreadyRunningError, sole_process

if TYPE_CHECKING:
    import dagster as dg

# Tag of runs that a command (`make run`, `make erase`, ...) makes in its own process, with its name.
STARTED_BY = "browse_assets/started_by"

# Pools have the granularity `run`, not `op`: an op slot is claimed in a table and outlives a killed
# process; the next run then waits for it for ever, in a busy loop that does not hear SIGTERM (measured
# with 1.13.27). With `run` the daemon's queue does the waiting, and nothing is left behind.
DAGSTER_YAML = """\
# Written by browse_assets/dagster_home.py at each start: change it there, not here.
telemetry:
  enabled: false
nux:  # the community pop-up that would cover the first page
  enabled: false
freshness:
  enabled: true
compute_logs:  # what steps print: assets print nothing, their log lines are events; the capture would
  # start two `tail` processes, which outlive a killed run
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
concurrency:
  runs:
    max_concurrent_runs: 1  # one process may write a DuckDB file
  pools:
    default_limit: 1  # duckdb_writer
    granularity: run
run_monitoring:
  enabled: true
  start_timeout_seconds: 180  # importing everything takes 10 s on two cores, 60 on a busy laptop
  cancel_timeout_seconds: 60
  poll_interval_seconds: 30
sensors:  # one slow sensor does not hold up the others
  use_threads: true
  num_workers: 4
schedules:
  use_threads: true
  num_workers: 2
retention:  # ticks are rows in the database: at two a minute they would outweigh everything else
  sensor:
    purge_after_days: {skipped: 2, success: 30, failure: 90}
  auto_materialize:
    purge_after_days: {skipped: 2, success: 30, failure: 90}
"""

# The variable's name, never its value: Dagster's pages show this file, and the value has a password in it.
POSTGRES_YAML = """\
storage:
  postgres:
    postgres_url:
      env: BROWSE_DAGSTER_POSTGRES_URL
"""


def prepare_dagster_home(settings: Settings) -> Path:
    """Make the folder (mode 0700) and its `dagster.yaml`; the file is written only when it differs.

    Runs, events and schedules lie in SQLite files under the folder, which is Dagster's default, or in the
    PostgreSQL database of BROWSE_DAGSTER_POSTGRES_URL. Dagster reads that variable itself, from this process's
    environment: it is set there, since it may come from `.env`.

    Returns:
        The absolute path, for the variable DAGSTER_HOME.
    """
    home = settings.dagster_home.resolve()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    wanted = DAGSTER_YAML
    if settings.dagster_postgres_url:
        wanted += POSTGRES_YAML
        os.environ["BROWSE_DAGSTER_POSTGRES_URL"] = settings.dagster_postgres_url
    config = home / "dagster.yaml"
    if not config.exists() or config.read_text() != wanted:
        # Renamed into place: a daemon that starts meanwhile reads the old file or the new one, whole.
        part = home / "dagster.yaml.part"
        part.write_text(wanted)
        part.replace(config)
    return home


@contextmanager
def quick_records() -> Iterator[None]:
    """Let this process note a run's events in Dagster's SQLite files at half the cost; elsewhere they lie as before.

    For each of 2,000 queries of a run Dagster makes an engine of SQLAlchemy, which compiles its statement anew, opens
    the file, waits for the disk at the commit, and moves the log into the file as it closes it. Here the engine of a
    file is kept, the log is synced when it is moved (`synchronous = NORMAL`), and a connection that stays open spares
    moving it each time. Of a run that finds nothing new this takes a third of the time. Killing the process loses
    nothing; after a power failure the newest records of runs can be missing, which no table depends on.
    """
    from dagster._core.storage.event_log.sqlite import sqlite_event_log
    from sqlalchemy import Engine, event

    make_engine = sqlite_event_log.create_engine
    engines: dict[str, Engine] = {}
    kept: dict[str, sqlite3.Connection] = {}

    def engine_of(url: str, **options: Any) -> Engine:
        if url not in engines:
            engines[url] = make_engine(url, **options)
            event.listen(engines[url], "connect", partial(relax, url))
        return engines[url]

    def relax(url: str, connection: sqlite3.Connection, _record: object) -> None:
        if url not in kept:
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                return  # the file has just been made, and is without a log yet
            path = next(file for _, name, file in connection.execute("PRAGMA database_list") if name == "main")
            kept[url] = sqlite3.connect(path, check_same_thread=False)
            kept[url].execute("SELECT count(*) FROM sqlite_master").fetchall()  # only now it is open
        connection.execute("PRAGMA synchronous = NORMAL")

    sqlite_event_log.create_engine = engine_of  # type: ignore[assignment]
    try:
        yield
    finally:
        sqlite_event_log.create_engine = make_engine
        for connection in kept.values():
            connection.close()


def make_way(instance: "dg.DagsterInstance", settings: Settings) -> int:
    """Before a command writes the tables: end what was left by killed ones, and see that the UI runs nothing.

    To be called by a holder of the lock `run` (`sole_process.py`).

    Returns:
        How many runs were marked as ended.

    Raises:
        AlreadyRunningError: the UI is running something, or is about to; the message says what, and since when.
    """
    import dagster as dg

    try:
        with sole_process(settings.data_dir, "ui", command="a command that looks after old runs"):
            return end_orphaned_runs(instance)
    except AlreadyRunningError as ui:
        ended = end_orphaned_runs(instance, of_commands=True)
        # The oldest first: what waits in the queue begins as soon as nothing runs, which is now.
        runs = [*_runs_in_progress(instance), *_queued_runs(instance)]
        if not runs:
            return ended
        record = instance.get_run_record_by_id(runs[0].run_id)
        started = record.start_time if record else None
        since = f" since {time.strftime('%H:%M:%S', time.localtime(started))}" if started else ""
        does = "is about to run" if runs[0].status == dg.DagsterRunStatus.QUEUED else "is running"
        raise AlreadyRunningError(
            f"the Dagster UI {does} {runs[0].job_name.removeprefix('__ASSET_JOB') or 'assets'}{since} (run "
            f"{runs[0].run_id[:8]}; {ui.holder})",
            "Wait until it has ended, or terminate it there under Runs.",
        ) from None


def _runs_in_progress(instance: "dg.DagsterInstance") -> "list[dg.DagsterRun]":
    import dagster as dg

    statuses = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    return list(instance.get_runs(filters=dg.RunsFilter(statuses=statuses)))


def _queued_runs(instance: "dg.DagsterInstance") -> "list[dg.DagsterRun]":
    import dagster as dg

    return list(instance.get_runs(filters=dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), ascending=True))


def end_orphaned_runs(instance: "dg.DagsterInstance", *, of_commands: bool = False) -> int:
    """Mark runs whose process is gone as failed, so that they do not fill the queue of one for ever.

    The default run launcher cannot tell that a process died, so the daemon would never do this. To be
    called only while nothing can be running: the caller holds the locks `ui` and `run` (`sole_process.py`);
    with the lock `run` alone, only for runs that commands made.

    Returns:
        How many runs were marked. Queued runs are left: the daemon starts them.
    """
    import dagster as dg

    orphans = [run for run in _runs_in_progress(instance) if STARTED_BY in run.tags or not of_commands]
    for run in orphans:
        if run.status == dg.DagsterRunStatus.CANCELING:  # somebody pressed Ctrl-C, and then it was killed
            instance.report_run_canceled(run, "Stopped from outside. The tables are as before its last step.")
        else:
            instance.report_run_failed(
                run, "The process of this run was ended from outside. The tables are as before its last step."
            )
    return len(orphans)
