"""`make release PURPOSE=...`: counts of groups of people for others, and what the terminal shows of it.

What belongs here: the command. What does not: the files, and when they are refused (`release_files.py`).
"""

import argparse
from collections.abc import Sequence
from functools import partial

from browse_assets.command_line import leave, run_command
from browse_assets.progress import Progress
from browse_assets.settings import load_settings
from browse_assets.sole_process import sole_process
from browse_assets.stopping import StopRequests
from browse_assets.tables import CONSENT_PURPOSES, PURPOSES, RELEASED_AUDIENCES


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the release and name its folder: 0; or say why not: 2."""
    known = "; ".join(f"{purpose}: {PURPOSES[purpose]}" for purpose in CONSENT_PURPOSES)
    parser = argparse.ArgumentParser(
        prog="make release",
        usage="make release PURPOSE=" + "|".join(CONSENT_PURPOSES),
        description="Write the counts of released_audiences for one purpose to data/reports/releases/. "
        f"Purposes: {known}. Decisions about a single person, such as on credit, are no purpose.",
        epilog="Exit code: 0 written; 2 refused, with the reason; 130 stopped by Ctrl-C.",
    )
    parser.add_argument("purpose", nargs="?", default="", help="what the counts are for")
    parser.add_argument("--table", default=RELEASED_AUDIENCES.name, help="the only one is the default: %(default)s")
    given = parser.parse_args(arguments)
    return run_command(partial(_work, given.purpose, given.table), refused="Refused")


def _work(purpose: str, table: str, stop: StopRequests) -> int:
    with Progress() as progress:
        stop.say = progress.say_stopping
        progress.doing = "counting groups"
        from browse_assets.assets.releases import check_purpose
        from browse_assets.release_files import write_release

        check_purpose(purpose, table)
        settings = load_settings()
        with sole_process(settings.data_dir, "run", command="make release"):
            folder = write_release(settings, purpose)
        progress.say(f"Written: {folder}")
    return 0


if __name__ == "__main__":
    leave(main())
