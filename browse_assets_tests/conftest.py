"""Fixtures: an installation of its own for each test, never the developer's data."""

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
from browse_assets_tests.cpu_seconds import CpuSeconds

REAL_FILES = PROJECT_ROOT.parent / "shared" / "real"
SECRET = "ab" * 32

# Steady in CI: the same examples each time, and no limit that a busy machine would break.
hypothesis.settings.register_profile("project", deadline=None, derandomize=True)
hypothesis.settings.load_profile("project")

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["DAGSTER_DISABLE_TELEMETRY"] = "true"


def pytest_configure(config: pytest.Config) -> None:
    """Tell at the end what each file cost."""
    config.pluginmanager.register(CpuSeconds())


@pytest.fixture(scope="session")
def mlflow_store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """One MLflow database for all tests: making its schema takes seconds."""
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mlflow_store: str) -> Settings:
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
        with open_databases(settings, vault="read", warehouse="read") as con:
            return con.execute(select).fetchall()

    return query


@pytest.fixture
def materialize(settings: Settings) -> Callable[..., Any]:
    """Materialize assets by name (all of them without names) with their checks, in process."""
    import dagster as dg

    from browse_assets.definitions import ASSETS, CHECKS
    from browse_assets.resources import Databases, ExperimentTracker

    del settings

    def run(*names: str, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
        wanted = dg.AssetSelection.assets(*names) if names else dg.AssetSelection.all()
        return dg.materialize(
            [*ASSETS, *CHECKS],
            selection=wanted,
            resources={"databases": Databases(), "tracker": ExperimentTracker()},
            raise_on_error=raise_on_error,
        )

    return run


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
