"""Figures of many small files, from the inbox to domain_features in one run.

What belongs here: which numbers of files are measured, and the table. What does not: the files (`many_files.py`), the
run (`stages.py`). Only the standard library is imported here, as in `measure.py`.
"""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from browse_assets_tests.bench.measure import Usage, measure


def measure_files(files: int, folder: Path, say: Callable[[str], None]) -> dict[int, Usage]:
    """From the inbox to domain_features, by number of files: of a fifth of them, and of all.

    Each is a process of its own, and one run; what many more files take beside the first is what grows.

    Raises:
        StageFailedError: a run failed, or a check other than that all files can be read.
    """
    usages = {}
    for count in sorted({max(1, files // 5), files}):
        data = folder / f"files_{count}"
        say(f"writing {count:,} files ...")
        data.mkdir()
        measure("write files", data / str(count), data, folder / "pycache")
        usages[count] = measure("files", data, data, folder / "pycache")
        say(f"{count:,} files: {usages[count].wall:.0f} s")
        shutil.rmtree(data)
    return usages


def files_table(usages: Mapping[int, Usage]) -> list[str]:
    """The figures as lines of text."""
    lines = [f"{'small history files':<30}{'wall s':>9}{'CPU s':>9}{'ms/file':>9}{'peak MB':>9}{'rows':>13}"]
    for files, used in usages.items():
        each = 1000 * used.cpu / files
        lines.append(
            f"{files:<30,}{used.wall:>9.2f}{used.cpu:>9.2f}{each:>9.2f}{used.peak_bytes / 1e6:>9,.0f}{used.rows:>13,}"
        )
    return lines
