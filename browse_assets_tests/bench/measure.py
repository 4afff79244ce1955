"""CPU time, wall time and peak memory of a stage in a process of its own.

What belongs here: starting one process and asking the kernel what it used. What does not: what it does
(`stages.py`). Only the standard library is imported here: a child's peak memory begins at its parent's.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# ru_maxrss is in KiB on Linux and in bytes on macOS.
_MAXRSS_BYTES = 1 if sys.platform == "darwin" else 1024
_SHOWN_ERROR_CHARACTERS = 2_000


class StageFailedError(Exception):
    """A stage ended with an error; the message holds the end of what it said."""


@dataclass(frozen=True)
class Usage:
    """What one stage used.

    Attributes:
        rows: rows of its result (of `checks`: checks).
        cpu: user and system seconds of the process and of its own children, imports included.
        wall: seconds from its start to its end.
        peak_bytes: largest resident memory of the process.
    """

    rows: int
    cpu: float
    wall: float
    peak_bytes: int


def measure(stage: str, csv: Path, folder: Path, pycache: Path) -> Usage:
    """Run a stage in a fresh process.

    Args:
        csv: the panel file.
        folder: existing folder for what the stage writes.
        pycache: where compiled Python is kept between the stages, so that none is measured compiling.

    Raises:
        StageFailedError: the stage ended with another exit code than 0.
    """
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": str(pycache), "DAGSTER_DISABLE_TELEMETRY": "yes"}
    command = [sys.executable, "-m", "browse_assets_tests.bench.stages", stage, str(csv), str(folder)]
    log = folder / f"{stage}.log"
    started = time.perf_counter()
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment)
        _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)  # or Popen would wait for it again
    if process.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")[-_SHOWN_ERROR_CHARACTERS:]
        raise StageFailedError(f"stage {stage!r} ended with exit code {process.returncode}:\n{said}")
    return Usage(
        rows=int((folder / f"{stage}.rows").read_text(encoding="utf-8")),
        cpu=used.ru_utime + used.ru_stime,
        wall=wall,
        peak_bytes=used.ru_maxrss * _MAXRSS_BYTES,
    )


def median_usage(usages: list[Usage]) -> Usage:
    """Each figure's median over repetitions; the largest peak of memory."""
    return Usage(
        rows=usages[0].rows,
        cpu=median(usage.cpu for usage in usages),
        wall=median(usage.wall for usage in usages),
        peak_bytes=max(usage.peak_bytes for usage in usages),
    )
