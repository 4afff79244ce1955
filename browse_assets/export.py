"""`make export`: answers the requests in `data/export/` without the UI.

What belongs here: what the terminal shows of it. What does not: the job (`export_user.py`).
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from typing import Any

import dagster as dg

from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.resources import VaultKeyError, load_keys
from browse_assets.run import innermost
from browse_assets.settings import SettingsError, load_settings
from browse_assets.sole_process import AlreadyRunningError, sole_process


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the job `export_user` on the files in `data/export/`; 0 when every request was answered."""
    argparse.ArgumentParser(
        prog="make export",
        description="Write everything that is stored about the people named in data/export/ (one user id or user_key "
        "per line, in any file) to data/exports/<user_key>/. Ids are taken from files only: a command line would "
        "show them in the list of processes.",
    ).parse_args(arguments)
    try:
        settings = load_settings()
        load_keys(settings)
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(settings))
        with sole_process(settings.data_dir, "run"):
            return _run()
    except (AlreadyRunningError, SettingsError, VaultKeyError) as error:
        print(f"Not started: {error}", file=sys.stderr)
        return 2


class Lines(logging.Handler):
    """Writes what the op itself says; nothing of Dagster's own events."""

    def emit(self, record: logging.LogRecord) -> None:
        """One line per person who was answered."""
        meta: dict[str, Any] = getattr(record, "dagster_meta", {})
        if meta and meta.get("dagster_event") is None:
            print(meta["orig_message"], flush=True)


def _run() -> int:
    from browse_assets.definitions import defs

    logger = logging.Logger("make export", level=logging.INFO)
    logger.addHandler(Lines())
    job = defs.resolve_job_def("export_user").with_logger_defs({"lines": dg.LoggerDefinition(lambda _: logger)})
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(instance=instance, raise_on_error=False, run_config={"loggers": {"lines": {}}})
    for event in result.get_step_failure_events():
        print(
            innermost(event.step_failure_data.error).removeprefix("dagster._core.definitions.events.Failure: "),
            file=sys.stderr,
        )
    return 0 if result.success else 1


if __name__ == "__main__":
    sys.exit(main())
