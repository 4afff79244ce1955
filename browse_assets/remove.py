"""`make erase` and `make purge`: the jobs of `removal.py` without the UI.

What belongs here: what the terminal shows. What does not: what is removed (`erasure/`, `retention.py`).
"""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.removal import erase_user, purge_old_events, queue_files
from browse_assets.resources import Databases, ExperimentTracker, VaultKeyError, load_keys
from browse_assets.settings import Settings, SettingsError, load_settings
from browse_assets.sole_process import AlreadyRunningError, sole_process

JOBS = {"erase": erase_user, "purge": purge_old_events}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the jobs; 0 when it did what it should."""
    parser = argparse.ArgumentParser(
        prog="make erase, make purge",
        description="erase: erases who is listed in data/erase/ (files with one id per line; never on a command "
        "line, which others can read) and searches every byte for them. purge: removes raw and scrubbed events "
        "older than BROWSE_RETENTION_DAYS.",
    )
    parser.add_argument("what", choices=sorted(JOBS))
    what = parser.parse_args(arguments).what
    try:
        settings = load_settings()
        load_keys(settings)
        settings.erase_queue.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = _nothing_to_do(what, settings)
        if reason:
            print(reason)
            return 0
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
        with sole_process(settings.data_dir, "run"):
            return _run(what)
    except (AlreadyRunningError, SettingsError, VaultKeyError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 2


def _nothing_to_do(what: str, settings: Settings) -> str | None:
    if what == "erase" and not queue_files(settings):
        return f"Nothing to erase: put a file with one id per line into {settings.erase_queue}."
    if what == "purge" and settings.retention_days is None:
        return "Nothing is removed: set BROWSE_RETENTION_DAYS to the days that events are kept for."
    return None


def _run(what: str) -> int:
    # Dagster's own logger would fill the terminal with its events and, when a job fails, a stack trace.
    silent = dg.LoggerDefinition(logger_fn=lambda _: _without_output(what))
    with dg.DagsterInstance.get() as instance:
        result = (
            JOBS[what]
            .with_logger_defs({"silent": silent})
            .execute_in_process(
                instance=instance,
                resources={"databases": Databases(), "tracker": ExperimentTracker()},
                run_config={"loggers": {"silent": {}}},
                raise_on_error=False,
            )
        )
    for event in result.all_node_events:
        if event.is_successful_output:
            _print_numbers(event.step_output_data.metadata)
        elif event.is_step_failure:
            failure = event.step_failure_data
            error = failure.error
            while error is not None and error.cause is not None:
                error = error.cause
            if failure.user_failure_data:
                _print_numbers(failure.user_failure_data.metadata)
            shown = failure.user_failure_data.description if failure.user_failure_data else error and error.message
            print(f"FAILED: {str(shown).strip()}", file=sys.stderr)
    if result.success and what == "erase":
        print("make run makes anew what compares people, and trains the models again.")
    return 0 if result.success else 1


def _without_output(what: str) -> logging.Logger:
    logger = logging.Logger(f"make {what}", level=logging.CRITICAL)
    logger.addHandler(logging.NullHandler())
    return logger


def _print_numbers(metadata: Mapping[str, Any]) -> None:
    for name, value in metadata.items():
        for shown in value.value if isinstance(value.value, list) else [value.value]:
            print(f"{name:<34} {shown}")


if __name__ == "__main__":
    sys.exit(main())
