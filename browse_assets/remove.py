"""`make erase` and `make purge`: the jobs of `removal.py` without the UI.

What belongs here: what the terminal shows. What does not: what is removed (`erasure/`, `retention.py`).
"""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from browse_assets.command_line import leave, run_command
from browse_assets.progress import Progress
from browse_assets.settings import Settings, load_settings
from browse_assets.sole_process import sole_process
from browse_assets.stopping import StopRequests

if TYPE_CHECKING:
    from browse_assets.in_process import Workplace

AT_WORK = {"erase": "erasing, then searching every byte", "purge": "removing what is too old"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one of the jobs; 0 when it did what it should."""
    parser = argparse.ArgumentParser(
        prog="python -m browse_assets.remove",
        description="erase (`make erase`): erases who is listed in data/erase/ (files with one id per line; never on "
        "a command line, which others can read) and searches every byte for them. purge (`make purge`): removes raw "
        "and scrubbed events older than BROWSE_RETENTION_DAYS.",
        epilog="Exit code: 0 done, or nothing to do; 1 something was left, or failed; 2 not started; 130 Ctrl-C.",
    )
    parser.add_argument("what", choices=sorted(AT_WORK))
    return run_command(partial(_work, parser.parse_args(arguments).what))


def _work(what: str, stop: StopRequests) -> int:
    settings = load_settings()
    with sole_process(settings.data_dir, "run", command=f"make {what}") as lock, Progress() as progress:
        stop.say = progress.say_stopping
        progress.doing = "getting ready"
        from browse_assets.in_process import workplace
        from browse_assets.keys import load_keys

        settings.erase_queue.mkdir(parents=True, exist_ok=True, mode=0o700)
        reason = _nothing_to_do(what, settings)
        if reason:
            progress.say(reason)
            return 0
        with workplace(settings, lock, stop) as place:
            load_keys(settings)
            progress.doing = AT_WORK[what]
            return _run(what, place, progress)


def _nothing_to_do(what: str, settings: Settings) -> str | None:
    from browse_assets.removal import queue_files

    if what == "erase" and not queue_files(settings):
        return f"Nothing to erase: put a file with one id per line into {settings.erase_queue}."
    if what == "purge" and settings.retention_days is None:
        return "Nothing is removed: set BROWSE_RETENTION_DAYS to the days that events are kept for."
    return None


def _run(what: str, place: "Workplace", progress: Progress) -> int:
    from browse_assets.in_process import innermost
    from browse_assets.removal import erase_user, purge_old_events
    from browse_assets.resources import Databases, ExperimentTracker

    # Dagster's own logger would fill the terminal with its events and, when a job fails, a stack trace.
    logger = logging.Logger(f"make {what}", level=logging.CRITICAL)
    logger.addHandler(logging.NullHandler())
    job = {"erase": erase_user, "purge": purge_old_events}[what]
    result = place.execute(job, logger, {"databases": Databases(), "tracker": ExperimentTracker()})
    for event in result.all_node_events:
        if event.is_successful_output:
            _say_numbers(progress, event.step_output_data.metadata)
        elif event.is_step_failure:
            failure = event.step_failure_data
            if failure.user_failure_data:
                _say_numbers(progress, failure.user_failure_data.metadata)
            said = failure.user_failure_data.description if failure.user_failure_data else innermost(failure.error)
            print(f"FAILED: {str(said).strip()}", file=sys.stderr)
    if result.success and what == "erase":
        progress.say("make run makes anew what compares people, and trains the models again.")
    return 0 if result.success else 1


def _say_numbers(progress: Progress, metadata: Mapping[str, Any]) -> None:
    for name, value in metadata.items():
        for shown in value.value if isinstance(value.value, list) else [value.value]:
            progress.say(f"{name:<34} {shown}")


if __name__ == "__main__":
    leave(main())
