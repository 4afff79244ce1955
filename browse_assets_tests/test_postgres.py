"""Dagster's and MLflow's records on PostgreSQL: the same tables, the same erasure; skipped without PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from uuid import uuid4

import dagster as dg
import duckdb
import pytest

from browse_assets import ui
from browse_assets.dagster_home import end_orphaned_runs, prepare_dagster_home
from browse_assets.definitions import ASSETS, CHECKS
from browse_assets.key_rotation import rotate
from browse_assets.keys import load_keys
from browse_assets.postgres_records import row_readings
from browse_assets.removal import QUEUE_TAG, erase_queue_sensor
from browse_assets.resources import Databases, ExperimentTracker, open_databases
from browse_assets.settings import Settings, SettingsError, load_settings
from browse_assets_tests.conftest import table_hash
from browse_assets_tests.erasure import test_erase_user as small
from browse_assets_tests.erasure.test_erase_user import ANN, BOB, erase, run_enough
from browse_assets_tests.postgres_process import WITHOUT_POSTGRES, Cluster
from browse_assets_tests.prepared import SECRET, FullRun

needs_postgres = pytest.mark.skipif(bool(WITHOUT_POSTGRES), reason=WITHOUT_POSTGRES or "none")
panel = small.panel  # two people in three formats
# Without what knows topics, which takes most of the time.
COUNTED = tuple(name for name in small.ENOUGH if name not in ("page_topics", "page_finance", "interest_profile"))
# What differs between any two runs.
CHANGING = {"mlflow_run_id", "mlflow_run"}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    started = Cluster()
    yield started
    started.remove()


@pytest.fixture
def on_postgres(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """Both stores of whatever installation a test has."""
    monkeypatch.setenv("BROWSE_DAGSTER_POSTGRES_URL", cluster.url("dagster"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", cluster.url("mlflow"))
    return cluster


def opened_instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.from_config(str(prepare_dagster_home(load_settings())))


def hashes(settings: Settings, *tables: str) -> dict[str, str]:
    """Hash of each table of the warehouse (or of those named), whatever the order of its rows."""
    with open_databases(settings, warehouse="read") as con:
        return hashes_of(con, *tables)


def hashes_of(con: duckdb.DuckDBPyConnection, *tables: str) -> dict[str, str]:
    columns: dict[str, list[str]] = {}
    for table, column in con.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'main' ORDER BY ALL"
    ).fetchall():
        if column not in CHANGING and (not tables or table in tables):
            columns.setdefault(table, []).append(f'"{column}"')
    return {
        table: table_hash(con, f"SELECT {', '.join(names)} FROM {table} ORDER BY ALL")
        for table, names in columns.items()
    }


@needs_postgres
def test_the_tables_are_the_same_and_the_records_are_in_postgres(
    panel: Settings, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert run_enough().success
    on_sqlite = hashes(panel)
    assert len(on_sqlite) > 10

    other = tmp_path / "other"
    panel.inbox.parent.joinpath("inbox").rename(tmp_path / "inbox")
    other.mkdir()
    (tmp_path / "inbox").rename(other / "inbox")
    panel.customers.rename(other / "customers")
    monkeypatch.setenv("BROWSE_DATA_DIR", str(other))
    monkeypatch.setenv("BROWSE_DAGSTER_POSTGRES_URL", cluster.url("dagster"))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", cluster.url("mlflow"))
    with opened_instance() as instance:
        result = run_enough(instance=instance)
        assert result.success
        assert hashes(load_settings()) == on_sqlite
        assert cluster.rows("dagster", f"SELECT status FROM runs WHERE run_id = '{result.run_id}'") == [("SUCCESS",)]
        told = {event.event_type_value for event in result.all_events if event.is_step_event}
        kept = {kind for (kind,) in cluster.rows("dagster", "SELECT DISTINCT dagster_event_type FROM event_logs")}
        assert {"ASSET_MATERIALIZATION", "STEP_SUCCESS"} <= told & kept
        assert not list(load_settings().dagster_home.rglob("runs.db"))
        _queue_works(instance)


def _queue_works(instance: dg.DagsterInstance) -> None:
    """The erase queue's sensor, and what a kill left behind."""
    queue = load_settings().erase_queue
    queue.mkdir()
    (queue / "list.txt").write_text(f"{uuid4()}\n")
    os.utime(queue / "list.txt", (1_700_000_000, 1_700_000_000))  # at rest for long
    with dg.build_sensor_context(instance=instance) as context:
        request = erase_queue_sensor(context)
    assert isinstance(request, dg.RunRequest)
    tags = {QUEUE_TAG: request.tags[QUEUE_TAG]}
    killed = instance.add_run(dg.DagsterRun("erase_user", tags=tags, status=dg.DagsterRunStatus.STARTED))
    with dg.build_sensor_context(instance=instance) as context:
        assert isinstance(erase_queue_sensor(context), dg.SkipReason)
    assert end_orphaned_runs(instance) == 1
    run = instance.get_run_by_id(killed.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.FAILURE


@needs_postgres
def test_an_erased_person_is_in_no_row_and_no_file_of_postgres(
    panel: Settings, on_postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = load_keys(panel)
    ann, bob = (str(keys.user_key(who)) for who in (ANN, BOB))
    client = ExperimentTracker().client().MlflowClient()
    run = client.create_run(client.create_experiment("somebody's own"), tags={"seen": ann})
    with opened_instance() as instance:
        assert run_enough(*COUNTED, instance=instance).success
        assert on_postgres.holds(ann)  # previews show pseudonyms; Dagster keeps each in its events
        # What this project never logs: it would be found, and said.
        assert erase(instance, ANN, fails=True) == {}
        failure = on_postgres.rows("dagster", "SELECT event FROM event_logs WHERE dagster_event_type = 'STEP_FAILURE'")
        assert any("MLflow's table tags" in text for (text,) in failure)
        client.delete_tag(run.info.run_id, "seen")
        done = erase(instance, ANN)
    assert done["places where something was found"] == 0
    for name in ("dagster", "mlflow"):
        contents = b"\n".join(content for _, content in row_readings(on_postgres.url(name)))
        assert contents
        assert ann.encode() not in contents
        assert ANN.encode() not in contents
    assert not on_postgres.holds(ANN)
    on_postgres.rows("mlflow", "VACUUM FULL tags")  # the tag above, which MLflow itself has deleted
    assert not on_postgres.holds(ann)

    # A new key: the other person's old pseudonym goes from there, too.
    with opened_instance() as instance:
        shown = dg.AssetMaterialization("user_days", metadata={"preview": bob, "who": bob})
        instance.report_runless_asset_event(shown)
    assert on_postgres.holds(bob)
    monkeypatch.setenv("BROWSE_NEW_SECRET_KEY", "cd" * 32)
    assert rotate(load_settings()).left == ()
    assert not on_postgres.holds(bob)


@needs_postgres
def test_trained_tables_are_the_same_to_the_bit(
    full_run: FullRun, finished_copy: Path, on_postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `make run` has trained with SQLite is trained again, on PostgreSQL, from the same snapshots."""
    tables = ("churn_model", "churn_audit", "churn_scores", "churn_drift")
    monkeypatch.setenv("BROWSE_DATA_DIR", str(finished_copy))
    monkeypatch.setenv("BROWSE_SECRET_KEY", SECRET)
    settings = load_settings()
    with open_databases(settings, warehouse="write") as con:
        for (
            table
        ) in tables:  # of churn_model the state is kept: it says that nothing is new, but no store knows its run
            con.execute(f"DELETE FROM {table}")
            con.execute("DELETE FROM asset_state WHERE asset = ? AND asset != 'churn_model'", [table])
    with opened_instance() as instance:
        selection = dg.AssetSelection.assets("churn_model", "churn_scores", "churn_drift")
        resources: dict[str, Any] = {"databases": Databases(), "tracker": ExperimentTracker()}
        done = dg.materialize([*ASSETS, *CHECKS], selection=selection, resources=resources, instance=instance)
        assert done.success
    with duckdb.connect(str(full_run.data_dir / "browse.duckdb"), read_only=True) as con:
        assert hashes(settings, *tables) == hashes_of(con, *tables)

    aliases = on_postgres.rows("mlflow", "SELECT alias, version FROM registered_model_aliases WHERE name = 'churn'")
    assert ("champion", 1) in aliases
    (location,) = on_postgres.rows("mlflow", "SELECT artifact_location FROM experiments WHERE name = 'churn'")[0]
    artifacts = Path(urlparse(location).path)
    assert artifacts.is_relative_to(settings.artifact_dir)
    assert len(list(artifacts.rglob("*.png"))) > 3


def test_dagsters_file_names_the_variable_and_not_the_password(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "storage:" not in (prepare_dagster_home(settings) / "dagster.yaml").read_text()
    monkeypatch.setenv("BROWSE_DAGSTER_POSTGRES_URL", "postgresql://dagster:a-secret@db:5432/dagster")
    found = load_settings()
    assert found.dagster_postgres_url == "postgresql+psycopg2://dagster:a-secret@db:5432/dagster"
    home = prepare_dagster_home(found)
    written = (home / "dagster.yaml").read_text()
    assert "env: BROWSE_DAGSTER_POSTGRES_URL" in written
    assert not any(word in written + repr(found) for word in ("a-secret", "db:5432"))
    monkeypatch.setenv("BROWSE_DAGSTER_POSTGRES_URL", "mysql://dagster:a-secret@db/dagster")
    with pytest.raises(SettingsError, match="BROWSE_DAGSTER_POSTGRES_URL does not start with") as raised:
        load_settings()
    assert "a-secret" not in str(raised.value)


def test_make_ui_starts_mlflow_on_postgres_without_the_password_in_an_argument(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://mlflow:a-secret@db:5432/mlflow")
    found = load_settings()
    ports = {"BROWSE_DAGSTER_PORT": 1, "BROWSE_MLFLOW_PORT": 2}
    servers = ui._servers(found, ports, Path("workspace.yaml"))
    assert [server.name for server in servers] == ["Dagster", "MLflow"]
    assert not any("a-secret" in argument for server in servers for argument in server._arguments)
    wanted = "postgresql+psycopg2://mlflow:a-secret@db:5432/mlflow"
    assert ui._environment(found, ports)["MLFLOW_BACKEND_STORE_URI"] == wanted
    del settings
