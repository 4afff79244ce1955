"""The seven tables, made by Spark on a cluster that loses a worker, are row for row those that DuckDB made."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from browse_assets.engine.lake import KEPT
from browse_assets.engine.spark import SparkConnection
from browse_assets.resources import open_databases
from browse_assets.settings import load_settings
from browse_assets.tables import TABLES
from browse_assets_tests import prepared
from browse_assets_tests.engine.cluster import Cluster, needs_spark, started
from browse_assets_tests.in_process import materialize_assets
from browse_assets_tests.prepared import SECRET, FullRun

pytestmark = [needs_spark, pytest.mark.timeout(1500)]

MADE = ("scrubbed_events", "domain_features", "user_days", "interest_profile", "product_interest", "finance_flags")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with started(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def spark_run(
    cluster: Cluster, full_run: FullRun, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, list[str]]]:
    """A copy of the finished installation whose seven tables Spark made anew, and at which steps a worker died."""
    from browse_assets.engine import session

    data_dir = prepared.copy_installation(full_run.data_dir, tmp_path_factory.mktemp("spark") / "data")
    killed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "BROWSE_DATA_DIR": str(data_dir),
            "BROWSE_SECRET_KEY": SECRET,
            "BROWSE_ENGINE": "spark",
            "BROWSE_SPARK_MASTER": cluster.address,
            "SPARK_CONF_DIR": str(cluster.conf_dir),
            "SPARK_LOCAL_IP": "127.0.0.1",
        }.items():
            patch.setenv(name, value)
        patch.setattr(SparkConnection, "_keep", _killing(SparkConnection._keep, cluster, killed))
        with open_databases(load_settings(), warehouse="write") as con:
            con.execute("DELETE FROM asset_state WHERE list_contains($made, asset)", {"made": list(MADE)})
        materialize_assets(*MADE)
        yield data_dir, killed
        for one in session._SESSIONS.values():
            one.stop()
        session._SESSIONS.clear()


def _killing(keep: Callable[..., None], cluster: Cluster, killed: list[str]) -> Callable[..., None]:
    """As `keep`; a worker is killed while the distinct addresses are being judged, and what it had stored is gone."""

    def keep_and_kill(self: SparkConnection, name: str, *args: object, **kwargs: object) -> None:
        if name == "suspect_segments" and not killed:
            killed.append(name)
            threading.Timer(0.5, cluster.kill_a_worker).start()
        keep(self, name, *args, **kwargs)

    return keep_and_kill


def test_a_worker_was_killed_in_the_middle(spark_run: tuple[Path, list[str]], cluster: Cluster) -> None:
    assert spark_run[1] == ["suspect_segments"]
    assert [worker.poll() is None for worker in cluster.workers] == [False, True]


@pytest.mark.parametrize("name", MADE)
def test_rows_are_those_of_duckdb(name: str, spark_run: tuple[Path, list[str]], full_run: FullRun) -> None:
    """In the same order too, which later steps may show."""
    columns = ", ".join(f'"{column}"' for column in TABLES[name].column_names)
    rows = []
    for data_dir in (full_run.data_dir, spark_run[0]):
        with duckdb.connect(str(data_dir / "browse.duckdb"), read_only=True) as con:
            rows.append(con.execute(f"SELECT {columns} FROM {name}").fetchall())
    assert len(rows[0]) > 100
    assert rows[0] == rows[1]


def test_nothing_that_leaves_the_vault_stays_in_the_lake(spark_run: tuple[Path, list[str]]) -> None:
    """Only scrubbed events do; files with page views are gone with their step."""
    left = sorted(path.name for path in (spark_run[0] / "lake").iterdir())
    assert len(left) == 1
    assert left[0].startswith(KEPT)


def test_no_log_of_the_cluster_shows_a_person(
    spark_run: tuple[Path, list[str]], cluster: Cluster, full_run: FullRun
) -> None:
    with open_databases(load_settings(), vault="read") as con:
        ids = [row[0] for row in con.execute("SELECT DISTINCT user_id FROM vault.main.raw_events").fetchall()]
    folder = cluster.conf_dir.parent
    files = [path for path in folder.rglob("*") if path.is_file() and os.access(path, os.R_OK)]
    assert any("worker" in str(path) for path in files)
    of_anybody = re.compile(b"|".join(re.escape(one.encode()) for one in sorted(ids)))
    assert [path.name for path in files if of_anybody.search(path.read_bytes())] == []
