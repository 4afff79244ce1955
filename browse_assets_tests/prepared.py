"""What tests share: made once for all workers of a run, read or copied by each.

What belongs here: what takes long and is the same for every test that needs it. What does not: fixtures that hand it
out (`conftest.py`).

A folder of its own below pytest's base folder holds it. The first worker that needs something makes it under a lock,
as pytest-xdist's documentation shows; the others wait, or find it there.
"""

import contextlib
import fcntl
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from browse_assets.assets import topics
from browse_assets.keys import Keys
from browse_assets.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    import pandas as pd

SECRET = "ab" * 32
_TRAINING = topics._training
# As few as let every asset say something: churn needs people who left, the tests of it their planted truth.
PEOPLE, DAYS = 260, 150


def made_once(folder: Path, name: str, make: Callable[[Path], object]) -> Path:
    """The folder of this name, filled by `make` unless some worker has done it already."""
    target, done = folder / name, folder / f"{name}.done"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(target, ignore_errors=True)  # of a worker that failed or was killed
            target.mkdir()
            make(target)
            done.touch()
    return target


def topic_training(folder: Path) -> Path:
    """File of the topic classifier's training: it depends on the project's lists alone, and takes 16 CPU s."""

    def train(made: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            # A fixture may have put this very file in its place: the lock would wait for itself.
            patch.setattr(topics, "_training", _TRAINING)
            topics.stored_training(_installed(made))

    return _installed(made_once(folder, "topics", train)).topic_model


def _installed(data_dir: Path) -> Settings:
    return Settings(data_dir, f"sqlite:///{data_dir / 'mlflow' / 'mlflow.db'}", data_dir / "mlflow" / "artifacts")


def prepare_installation(data_dir: Path, folder: Path) -> None:
    """Lay into a new installation what would be the same in each: the topics' training, and MLflow's empty store.

    Without it, a process of its own trains the classifier (16 CPU s) and makes the schema (3 CPU s) again.
    """
    settings = _installed(data_dir)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(topic_training(folder), settings.topic_model)
    (data_dir / "mlflow").mkdir(exist_ok=True)
    shutil.copyfile(empty_store(folder), data_dir / "mlflow" / "mlflow.db")


def empty_store(folder: Path) -> Path:
    """MLflow's database without an experiment of the project's."""

    def make(part: Path) -> None:
        import mlflow

        mlflow.MlflowClient(f"sqlite:///{part / 'mlflow.db'}").search_experiments()

    return made_once(folder, "mlflow", make) / "mlflow.db"


@dataclass(frozen=True)
class FullRun:
    """A finished `make run` in a process of its own; to be read, as all workers share it.

    Attributes:
        data_dir: BROWSE_DATA_DIR, made with `SECRET` as BROWSE_SECRET_KEY: all tables, dagster_home, mlflow, reports.
        panel: what was planted, below `truth`.
        output: what the run wrote to the terminal.
    """

    data_dir: Path
    panel: Path
    output: str

    def table(self, select: str) -> "pd.DataFrame":
        with duckdb.connect(str(self.data_dir / "browse.duckdb"), read_only=True) as con:
            return con.sql(select).df()

    def truth(self, name: str) -> "pd.DataFrame":
        import pandas as pd

        frame = pd.read_csv(self.panel / "truth" / f"{name}.csv")
        if "userId" in frame:
            keys = Keys(bytes.fromhex(SECRET))
            frame["user_key"] = [str(keys.user_key(user)) for user in frame["userId"]]
        return frame


RUN = "\nimport sys; from browse_assets.run import main; sys.exit(main([]))"


def start_run(data_dir: Path, *, first: str = "") -> subprocess.CompletedProcess[str]:
    """`make run` in this installation; code of a test's own may come first."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("BROWSE_", "MLFLOW_TRACKING"))},
        "BROWSE_DATA_DIR": str(data_dir),
        "BROWSE_SECRET_KEY": SECRET,
    }
    command = ["-c", first + RUN] if first else ["-m", "browse_assets.run"]
    return subprocess.run([sys.executable, *command], cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True)


def full_run(folder: Path) -> FullRun:
    """The one full run on a synthetic panel that every test of finished tables may look at (about 90 CPU s)."""

    def make(made: Path) -> None:
        from browse_assets.sample_panel.truth import write_panel

        panel, data_dir = made / "panel", made / "data"
        write_panel(panel, people=PEOPLE, days=DAYS, seed=11, end=date(2026, 6, 30))
        prepare_installation(data_dir, folder)
        (panel / "inbox").rename(data_dir / "inbox")
        (panel / "customers").rename(data_dir / "customers")
        done = start_run(data_dir)
        assert done.returncode == 0, done.stdout + done.stderr
        (made / "output.txt").write_text(done.stdout)

    made = made_once(folder, "full_run", make)
    return FullRun(made / "data", made / "panel", (made / "output.txt").read_text())


# Where MLflow keeps absolute addresses of files.
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def copy_installation(source: Path, target: Path) -> Path:
    """A finished installation of one's own, to change; MLflow finds its files in the copy."""
    shutil.copytree(source, target)
    with contextlib.closing(sqlite3.connect(target / "mlflow" / "mlflow.db")) as con, con:
        for table, column in ADDRESSES:
            con.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", [str(source), str(target)])
    return target


# For a process of its own: `Figure.savefig` writes the blank picture, as the fixture `undrawn` has it in tests.
UNDRAWN = """
import matplotlib.figure
from pathlib import Path
BLANK = Path({blank!r}).read_bytes()
def save(_, file, **options):
    file.write(BLANK) if hasattr(file, "write") else Path(file).write_bytes(BLANK)
matplotlib.figure.Figure.savefig = save
"""


def undrawn_code(folder: Path) -> str:
    """Python code after which figures are made but not drawn, which takes a fifth of a run's CPU time."""
    made = made_once(folder, "blank", lambda made: (made / "blank.png").write_bytes(blank_picture()))
    return UNDRAWN.format(blank=str(made / "blank.png"))


def blank_picture() -> bytes:
    """A PNG of 900 x 500 px with nothing on it."""
    from io import BytesIO

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    buffer = BytesIO()
    figure = Figure(figsize=(9, 5), dpi=100)
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
