"""`make export`: answers the requests in `data/export/` without the UI.

What belongs here: what the terminal shows of it. What does not: the job (`export_user.py`).
"""

import argparse
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from browse_assets.command_line import leave, run_command
from browse_assets.progress import Progress
from browse_assets.settings import load_settings
from browse_assets.sole_process import sole_process
from browse_assets.stopping import StopRequests

if TYPE_CHECKING:
    from browse_assets.in_process import Workplace


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job `export_user` on the files in `data/export/`; 0 when every request was answered."""
    argparse.ArgumentParser(
        prog="make export",
        description="Write everything that is stored about the people named in data/export/ (one user id or user_key "
        "per line, in any file) to data/exports/<user_key>/. Ids are taken from files only: a command line would "
        "show them in the list of processes.",
        epilog="Exit code: 0 every request was answered; 1 one was not; 2 not started; 130 stopped by Ctrl-C.",
    ).parse_args(arguments)
    return run_command(_work)


class Lines(logging.Handler):
    """Says what the op itself says; nothing of Dagster's own events."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def emit(self, record: logging.LogRecord) -> None:
        """One line per person who was answered."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        if meta and meta.get("dagster_event") is None:
            self._progress.say(meta["orig_message"])


def _work(stop: StopRequests) -> int:
    settings = load_settings()
    with sole_process(settings.data_dir, "run", command="make export") as lock, Progress() as progress:
        stop.say = progress.say_stopping
        progress.doing = "getting ready"
        from browse_assets.in_process import workplace
        from browse_assets.keys import load_keys

        with workplace(settings, lock, stop) as place:
            load_keys(settings)
            return _run(place, progress)


def _run(place: "Workplace", progress: Progress) -> int:
    from browse_assets.definitions import defs
    from browse_assets.in_process import innermost

    progress.doing = "gathering what is stored"
    logger = logging.Logger("make export", level=logging.INFO)
    logger.addHandler(Lines(progress))
    result = place.execute(defs.resolve_job_def("export_user"), logger)
    for event in result.get_step_failure_events():
        said = innermost(event.step_failure_data.error)
        print(said.removeprefix("dagster._core.definitions.events.Failure: "), file=sys.stderr)
    return 0 if result.success else 1


if __name__ == "__main__":
    leave(main())
