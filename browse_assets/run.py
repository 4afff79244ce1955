"""`make run`: the whole job in one process, with progress and a summary in plain words.

What belongs here: what the terminal shows of a run. What does not: what a run does (`definitions.py`), how lines
come onto a terminal (`progress.py`), the summary's sentences (`summary.py`).
"""

import argparse
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from browse_assets.command_line import leave, run_command
from browse_assets.progress import Progress
from browse_assets.settings import Settings, load_settings
from browse_assets.sole_process import Lock, sole_process
from browse_assets.stopping import StopRequests

if TYPE_CHECKING:
    import dagster as dg

JOB = "ml_analysis_pipeline"
LABEL_WIDTH = 14
STYLES = {"Warning": "bold yellow", "FAILED": "bold red", "Next": "bold green"}


class Events(logging.Handler):
    """Says when an asset is done, and each warning and error of Dagster's events."""

    def __init__(self, assets: Sequence[str], progress: Progress, lock: Lock, stop: StopRequests) -> None:
        super().__init__(level=logging.DEBUG)
        self._assets = set(assets)
        self._progress = progress
        self._lock = lock
        self._stop = stop
        self._started: dict[str, float] = {}
        progress.total = len(assets)

    def emit(self, record: logging.LogRecord) -> None:
        """One line per finished or failed step; what is at work goes to the moving line."""
        if self._stop.is_requested:
            return  # what ends now was ended
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        event = meta.get("dagster_event")
        if event is None:
            self._emit_message(record)
        elif event.event_type_value == "STEP_START":
            is_asset = event.step_key in self._assets
            self._started[event.step_key] = time.monotonic()
            self._progress.doing = event.step_key if is_asset else "looking over what was made"
            if is_asset:
                self._lock.tell(f"{event.step_key}, {self._progress.done} of {len(self._assets)} done")
        elif event.event_type_value in ("STEP_SUCCESS", "STEP_FAILURE") and event.step_key in self._assets:
            self._emit_end(event, is_done=event.event_type_value == "STEP_SUCCESS")

    def _emit_message(self, record: logging.LogRecord) -> None:
        text = record.getMessage().rsplit(" - ", 1)[-1]
        if record.levelno < logging.WARNING:
            self._progress.detail = text
        # What was not run because something before it failed is told by what failed.
        elif "Dependencies for step" not in text:
            self._progress.say(f"        {text}", "yellow")

    def _emit_end(self, event: Any, *, is_done: bool) -> None:
        from browse_assets.in_process import innermost

        self._progress.done += 1
        seconds = time.monotonic() - self._started.get(event.step_key, time.monotonic())
        place = f"[{self._progress.done:>2}/{len(self._assets)}]"
        mark = "done" if is_done else "FAILED"
        self._progress.say(f"{place} {event.step_key:<20} {mark:>6} {seconds:6.1f} s", "green" if is_done else "red")
        if not is_done:
            self._progress.say(f"        {innermost(event.event_specific_data.error)}", "bold red")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job; 0 when every asset was made and no ERROR check failed."""
    parser = argparse.ArgumentParser(
        prog="make run",
        description="Make every table from the files in the inbox (or, while it never held any, from the synthetic "
        "sample panel), then say what came out. What was made before and has not changed is not made again. Ctrl-C "
        "stops it at any moment: the tables are then as the last finished asset left them.",
        epilog="Exit code: 0 all was made; 1 an asset or a check failed; 2 not started; 130 stopped by Ctrl-C. "
        "Settings: see .env.example.",
    )
    parser.parse_args(arguments)
    return run_command(_work)


def _work(stop: StopRequests) -> int:
    settings = load_settings()
    with sole_process(settings.data_dir, "run") as lock, Progress() as progress:
        stop.say = progress.say_stopping
        progress.say("Getting ready (about 10 seconds) ...", "dim")
        progress.doing = "getting ready"
        from browse_assets.in_process import workplace
        from browse_assets.preflight import check_key, preflight

        preflight(settings)
        with workplace(settings, lock, stop) as place:
            check_key(settings)
            from browse_assets.definitions import defs

            job = defs.resolve_job_def(JOB)
            assets = [key.to_user_string() for key in job.asset_layer.executable_asset_keys]
            progress.say(f"{JOB}: {len(assets)} assets and their checks")
            logger = logging.Logger("make run", level=logging.DEBUG)
            logger.addHandler(Events(assets, progress, lock, stop))
            result = place.execute(job, logger)
        progress.doing = "summing up"
        return _sum_up(settings, progress, result, len(assets))


def _sum_up(settings: Settings, progress: Progress, result: "dg.ExecuteInProcessResult", assets: int) -> int:
    import dagster as dg

    from browse_assets.summary import summarize

    failed_steps = [event.step_key for event in result.all_events if event.is_step_failure]
    failed_checks = [
        evaluation
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed and evaluation.severity == dg.AssetCheckSeverity.ERROR
    ]
    if failed_steps or failed_checks:
        progress.say(
            "\nNot everything was made; below is what the tables hold now, some of it from before.", "bold red"
        )
    progress.say()
    for line in summarize(settings).splitlines():
        progress.say_labelled(line, LABEL_WIDTH, STYLES.get(line[:LABEL_WIDTH].strip(), "bold"))
    progress.say(f"Took {progress.seconds:.0f} s. Dagster run {result.run_id[:8]}.", "dim")
    for evaluation in failed_checks:
        asset = evaluation.asset_key.to_user_string()
        progress.say(f"FAILED check {evaluation.check_name} of {asset}: {evaluation.description}", "bold red")
    for step in failed_steps:
        progress.say(f"FAILED asset {step}: its message is above; `make ui` shows the run in full.", "bold red")
    if progress.done < assets:
        progress.say(f"Not made, since what they need failed: {assets - progress.done} of {assets} assets.", "bold red")
    return 0 if result.success and not failed_checks else 1


if __name__ == "__main__":
    leave(main())
