"""A command runs once at a time for one data folder."""

import subprocess
import sys
from pathlib import Path

import pytest

from browse_assets.sole_process import AlreadyRunningError, sole_process

HOLDER = """
import sys, time
from pathlib import Path
from browse_assets.sole_process import sole_process
with sole_process(Path(sys.argv[1]), "ui", "address"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_second_is_refused_until_the_first_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        cwd=Path(__file__).parents[1],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(
                AlreadyRunningError, match=rf"make ui is already running here since .*\(process {holder.pid}\): address"
            ),
            sole_process(tmp_path, "ui"),
        ):
            pass
        with sole_process(tmp_path, "run"):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
    with sole_process(tmp_path, "ui"):
        pass


def test_the_lock_file_is_closed_to_others(tmp_path: Path) -> None:
    with sole_process(tmp_path / "new", "ui"):
        assert (tmp_path / "new" / "ui.lock").stat().st_mode & 0o077 == 0
