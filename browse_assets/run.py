"""`make run`: the whole job in one process, with progress and a summary in plain words.

What belongs here: what the terminal shows of a run. What does not: what a run does (`definitions.py`).
"""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import dagster as dg

from browse_assets.dagster_home import end_orphaned_runs, prepare_dagster_home
from browse_assets.resources import DatabaseBusyError, VaultKeyError, load_keys, open_databases
from browse_assets.settings import Settings, SettingsError, load_settings
from browse_assets.sole_process import AlreadyRunningError, sole_process
from browse_assets.summary import summarize

JOB = "ml_analysis_pipeline"


class Progress(logging.Handler):
    """Writes a line when an asset is done, and each warning and error of Dagster's events."""

    def __init__(self, assets: Sequence[str]) -> None:
        super().__init__(level=logging.DEBUG)
        self._assets = set(assets)
        self._done = 0
        self._started: dict[str, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line per finished or failed step; nothing for the rest."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None:
            # What was not run because something before it failed is told by what failed.
            if record.levelno >= logging.WARNING and "Dependencies for step" not in record.getMessage():
                self._write(f"      {record.getMessage().rsplit(' - ', 1)[-1]}")
            return
        step = event.step_key or ""
        if step not in self._assets:
            return
        if event.event_type == dg.DagsterEventType.STEP_START:
            self._started[step] = time.monotonic()
        elif event.event_type in (dg.DagsterEventType.STEP_SUCCESS, dg.DagsterEventType.STEP_FAILURE):
            self._done += 1
            seconds = time.monotonic() - self._started.get(step, time.monotonic())
            mark = "done" if event.event_type == dg.DagsterEventType.STEP_SUCCESS else "FAILED"
            self._write(f"[{self._done:>2}/{len(self._assets)}] {step:<20} {mark:>6} {seconds:6.1f} s")
            if mark == "FAILED":
                self._write(f"        {innermost(event.event_specific_data.error)}")

    def _write(self, line: str) -> None:
        print(line, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every asset was made and no ERROR check failed."""
    parser = argparse.ArgumentParser(
        prog="make run",
        description="Materialize every asset from the files in the inbox (or, while it never held any, from "
        "the synthetic sample panel), then say what came out.",
    )
    parser.parse_args(arguments)
    try:
        settings = load_settings()
        for folder in (settings.inbox, settings.customers):
            folder.mkdir(parents=True, exist_ok=True)
        settings.erase_queue.mkdir(exist_ok=True, mode=0o700)
        load_keys(settings)
        if settings.vault_path.exists():
            with open_databases(settings, vault="read"):
                pass  # a wrong key is said now, not by an asset
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
        with sole_process(settings.data_dir, "run"):
            return _run(settings)
    except (AlreadyRunningError, SettingsError, VaultKeyError, DatabaseBusyError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nStopped. The tables are as the last finished asset left them; run again to go on.")
        return 130


def _run(settings: Settings) -> int:
    from browse_assets.definitions import defs

    job = defs.resolve_job_def(JOB)
    assets = [key.to_user_string() for key in job.asset_layer.executable_asset_keys]
    progress = Progress(assets)
    logger = dg.LoggerDefinition(logger_fn=lambda _: _attached(progress), config_schema={})
    print(f"{JOB}: {len(assets)} assets and their checks", flush=True)
    started = time.monotonic()
    with dg.DagsterInstance.get() as instance:
        with suppress(AlreadyRunningError), sole_process(settings.data_dir, "ui"):
            end_orphaned_runs(instance)  # only while no UI is open, whose runs would be alive
        result = job.with_logger_defs({"progress": logger}).execute_in_process(
            instance=instance, raise_on_error=False, run_config={"loggers": {"progress": {}}}
        )
    failed_steps = [event.step_key for event in result.all_events if event.is_step_failure]
    failed_checks = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    ]
    if failed_steps or failed_checks:
        print("\nNot everything was made; below is what the tables hold now, some of it from before.")
    print(f"\n{summarize(settings)}")
    print(f"Took {time.monotonic() - started:.0f} s. Dagster run {result.run_id[:8]}.")
    for evaluation in failed_checks:
        print(
            f"FAILED check {evaluation.check_name} of {evaluation.asset_key.to_user_string()}: {evaluation.description}"
        )
    for step in failed_steps:
        print(f"FAILED asset {step}: its message is above; `make ui` shows the run in full.")
    return 0 if result.success and not failed_checks else 1


def innermost(error: Any) -> str:
    """The message that an error began with: Dagster wraps it in its own."""
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()


def _attached(handler: logging.Handler) -> logging.Logger:
    logger = logging.Logger("make run", level=logging.DEBUG)
    logger.addHandler(handler)
    return logger


if __name__ == "__main__":
    sys.exit(main())
