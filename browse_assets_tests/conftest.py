"""Fixtures: an installation of its own for each test, never the developer's data."""

import functools
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pytest

from browse_assets.resources import open_databases
from browse_assets.settings import PROJECT_ROOT, Settings, load_settings
from browse_assets_tests import prepared
from browse_assets_tests.cpu_seconds import CpuSeconds
from browse_assets_tests.in_process import materialize_assets
from browse_assets_tests.prepared import SECRET, FullRun

REAL_FILES = PROJECT_ROOT.parent / "shared" / "real"

# Steady in CI: the same examples each time, and no limit that a busy machine would break.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"
# On small data two threads, which wait by spinning, cost more CPU time than one, and the workers of pytest-xdist have
# all cores already. Workers and the processes that tests start inherit it.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")


# Files of more than 30 CPU seconds, the longest first (the table at the end of a run has the figures): they begin, and
# many short ones fill both cores to the end. `make test` keeps this order (--no-loadscope-reorder), where pytest-xdist
# would begin with the files of the most tests.
LONGEST = (
    "test_full_run.py",
    "test_privacy.py",
    "test_kill.py",
    "engine/test_spark_cluster.py",
    "engine/test_spark.py",
    "test_notebook.py",
    "test_front_door.py",
    "test_postgres.py",
    "test_browser.py",
    "test_ui.py",
    "test_definitions.py",
    "erasure/test_erase_user.py",
    "test_retention.py",
    "assets/test_answers.py",
    "assets/test_events.py",
    "assets/test_churn_snapshots.py",
    "assets/test_products.py",
    "assets/test_topics.py",
    "test_serve.py",
    "bench/test_bench.py",
    "bench_churn/test_bench_churn.py",
    "assets/test_churn_logging.py",
    "analysis/test_churn_degenerate.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Tell at the end what each file cost."""
    config.pluginmanager.register(CpuSeconds())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they come."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session")
def shared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all workers of this run: see `prepared.py`."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def full_run(shared_folder: Path) -> FullRun:
    """A finished installation with all tables, a champion of churn, its MLflow and Dagster records: only to be read.

    The first test that asks makes it (about two minutes); `finished_copy` is one to change.
    """
    return prepared.full_run(shared_folder)


@pytest.fixture
def finished_copy(full_run: FullRun, tmp_path: Path) -> Path:
    """The data folder of `full_run`, copied for one test; its key is `SECRET`."""
    return prepared.copy_installation(full_run.data_dir, tmp_path / "finished")


@pytest.fixture(scope="session")
def prepare_installation(shared_folder: Path) -> Callable[[Path], None]:
    """Lay the topics' training and MLflow's empty store into a data folder, for a run in a process of its own."""
    return lambda data_dir: prepared.prepare_installation(data_dir, shared_folder)


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow database for all tests of a worker: making its schema takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture(scope="session")
def shared_topic_training(shared_folder: Path) -> Iterator[None]:
    """The classifier is trained once in all, as its training depends on the project's lists alone."""
    import numpy as np

    from browse_assets.assets import topics

    @functools.cache
    def from_shared(rules: str) -> Any:
        from browse_assets.analysis.topic_training import TopicTraining

        with np.load(prepared.topic_training(shared_folder), allow_pickle=False) as parts:
            assert str(parts["rules"]) == rules, "the sources changed during the tests"
            return TopicTraining.from_arrays(parts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(topics, "_training", from_shared)
        yield


@pytest.fixture(scope="session")
def blank_picture() -> bytes:
    """What stands for each drawn figure."""
    return prepared.blank_picture()


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch, blank_picture: bytes) -> None:
    """Figures are made, and saved as a blank picture: drawing is half of what a small materialization costs.

    They are drawn in the full run, which fails if one cannot be, and in the tests of figures.
    """
    from matplotlib.figure import Figure

    def save(_: Figure, file: Any, **options: Any) -> None:
        if hasattr(file, "write"):
            file.write(blank_picture)
        else:
            Path(file).write_bytes(blank_picture)

    monkeypatch.setattr(Figure, "savefig", save)


@pytest.fixture
def settings(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mlflow_store: str,
    shared_topic_training: None,
    undrawn: None,
) -> Settings:
    """An installation with an empty inbox and a known key."""
    for name in (
        "BROWSE_AS_OF",
        "BROWSE_MEMORY_LIMIT",
        "BROWSE_THREADS",
        "BROWSE_MIN_GROUP",
        "BROWSE_MODELLED_ATTRIBUTES",
        "BROWSE_CHURN_VALUES",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("BROWSE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("BROWSE_SECRET_KEY", SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)
    found = load_settings()
    found.inbox.mkdir(parents=True)
    found.customers.mkdir(parents=True)
    return found


@pytest.fixture
def warehouse(settings: Settings) -> Callable[..., list[tuple[Any, ...]]]:
    """Rows of a SELECT over the warehouse, and over the vault as `vault.<table>`."""

    def query(select: str) -> list[tuple[Any, ...]]:
        with open_databases(settings, vault="read" if "vault" in select else None, warehouse="read") as con:
            return con.execute(select).fetchall()

    return query


@pytest.fixture
def materialize(settings: Settings) -> Callable[..., Any]:
    """Materialize assets by name (all of them without names) with their checks, in process."""
    del settings
    return materialize_assets


@pytest.fixture
def scratch_warehouse(settings: Settings) -> Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]:
    """A connection to empty tables of vault and warehouse, for checks and SELECTs on hand-made rows."""

    @contextmanager
    def opened() -> Iterator[duckdb.DuckDBPyConnection]:
        with open_databases(settings, vault="write", warehouse="write") as con:
            yield con

    return opened


def table_hash(con: duckdb.DuckDBPyConnection, select: str) -> str:
    """Hash of all rows of a SELECT in their order."""
    return hashlib.sha256(repr(con.execute(select).fetchall()).encode()).hexdigest()


def sqlite_count(path: Path, table: str) -> int:
    """Rows of a table by SQLite itself."""
    with sqlite3.connect(f"file:{path}?immutable=1", uri=True) as con:
        return int(con.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def run_python(code: str, settings: Settings, **kwargs: Any) -> subprocess.Popen[str]:
    """A Python process of its own in this installation, from the project's root."""
    environment = {**os.environ, "BROWSE_DATA_DIR": str(settings.data_dir)}
    return subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT_ROOT, env=environment, text=True, **kwargs)
