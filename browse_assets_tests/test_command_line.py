"""What commands have in common: trouble in words, exit codes, `--help` that comes at once."""

import errno
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from browse_assets.command_line import run_command, shown_path
from browse_assets.foreseen import ForeseenError
from browse_assets.settings import PROJECT_ROOT

PERSON = "jane.roe@example.com"
HEAVY = ("dagster", "duckdb", "pandas", "numpy", "mlflow", "sklearn", "matplotlib", "rich")
# Entry points whose targets do not start them by themselves.
MAKEFILE = (PROJECT_ROOT / "Makefile").read_text()
ENTRY_POINTS = sorted(set(re.findall(r"-m (browse_assets\w*(?:\.\w+)*)", MAKEFILE)))
ASK_FOR_HELP = """
import runpy, sys
sys.argv = [sys.argv[1], "--help"]
try:
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
except SystemExit as end:
    code = end.code
print("CODE", code, sorted(set({heavy!r}) & set(sys.modules)))
"""


def failing(error: BaseException) -> Callable[[object], NoReturn]:
    def work(_: object) -> NoReturn:
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ForeseenError("do this"), 2, "Not started: do this\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/d/x"),
            2,
            r"/d/x: No space left on device. The disk is full",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/d"), 2, r"/d: Permission denied. .*BROWSE_DATA_DIR"),
        (ModuleNotFoundError("no", name="dagster.core"), 2, "package dagster is missing. `make clean setup`"),
        (ValueError(PERSON), 1, "an unforeseen ValueError at .*its text is withheld"),
        (KeyboardInterrupt(), 130, "Stopped."),
        (BrokenPipeError(), 141, ""),
    ],
)
def test_trouble_is_one_line_without_personal_values(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(failing(error)) == code
    shown = capsys.readouterr().err
    assert re.search(said, shown)
    assert shown.count("\n") <= 1
    assert PERSON not in shown
    assert "Traceback" not in shown


def test_names_of_input_files_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown_path(Path(f"/d/inbox/{PERSON}/History")) == Path("/d/inbox")
    assert run_command(failing(PermissionError(errno.EACCES, "Permission denied", f"/d/erase/{PERSON}"))) == 2
    assert "/d/erase: Permission denied" in capsys.readouterr().err


def test_the_makefile_has_entry_points() -> None:
    assert {"browse_assets.run", "browse_assets.ui", "browse_assets.remove"} <= set(ENTRY_POINTS)


@pytest.mark.parametrize("module", ENTRY_POINTS)
def test_help_comes_at_once(module: str) -> None:
    """Before any import that takes time: dagster alone takes 2 s, mlflow 4 s."""
    done = subprocess.run(
        [sys.executable, "-c", ASK_FOR_HELP.format(heavy=HEAVY), module],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.startswith("usage: "), done.stdout + done.stderr
    assert len(done.stdout) > 200, "it says what the command does"
    assert done.stdout.rstrip().endswith("CODE 0 []")
