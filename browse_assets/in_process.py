"""One of Dagster's jobs in the process of a command: alone, under the command's name, ended by Ctrl-C.

What belongs here: the lock, Dagster's instance, the run's record. What does not: which job, and what is shown of it.
"""

import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import dagster as dg

from browse_assets.dagster_home import STARTED_BY, make_way, prepare_dagster_home, quick_records
from browse_assets.settings import Settings
from browse_assets.sole_process import Lock
from browse_assets.stopping import StopRequests


@dataclass(frozen=True)
class Workplace:
    """Where a command runs its job: nothing else writes the tables meanwhile."""

    command: str
    settings: Settings
    instance: dg.DagsterInstance
    stop: StopRequests

    def execute(
        self, job: dg.JobDefinition, logger: logging.Logger, resources: Mapping[str, Any] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Run the job to its end; its log goes to the logger and nowhere else on the terminal.

        Raises:
            KeyboardInterrupt: the command was asked to end; the run is recorded as cancelled.
            AlreadyRunningError: a sensor or somebody has started a run of the UI meanwhile.
        """
        make_way(self.instance, self.settings)  # again: importing all assets takes a sensor's interval
        run_id = str(uuid.uuid4())

        def cancel() -> None:
            run = self.instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                # Else an interrupted run counts as failed, and somebody would be told of an incident.
                self.instance.report_run_canceling(run, f"{self.command} was stopped on the terminal.")

        self.stop.on_stop = cancel
        try:
            result = job.with_logger_defs({"own": dg.LoggerDefinition(lambda _: logger)}).execute_in_process(
                instance=self.instance,
                raise_on_error=False,
                run_config={"loggers": {"own": {}}},
                run_id=run_id,
                tags={STARTED_BY: self.command},
                resources=dict(resources) if resources else None,
            )
        finally:
            self.stop.on_stop = None
        if self.stop.is_requested:  # which Dagster has turned into the end of the run
            raise KeyboardInterrupt
        return result


@contextmanager
def workplace(settings: Settings, lock: Lock, stop: StopRequests) -> Iterator[Workplace]:
    """Dagster's instance of this installation, while nothing else runs on it.

    Args:
        settings: the installation.
        lock: `run`, which the command holds.
        stop: asks for the end.

    Raises:
        AlreadyRunningError: the UI is running something.
    """
    os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
    with quick_records(), dg.DagsterInstance.get() as instance:
        make_way(instance, settings)
        yield Workplace(lock.command, settings, instance, stop)


def innermost(error: Any) -> str:
    """The message that an error began with: Dagster wraps it in its own."""
    while error.cause is not None:
        error = error.cause
    return str(error.message).strip()
