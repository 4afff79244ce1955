"""What is read from MLflow's own file is what MLflow says; what cannot be read there is left to MLflow."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from browse_assets.assets.mlflow_lookup import AskMlflowError, aliased_version, has_run


def test_the_file_says_what_mlflow_says(mlflow_store: str) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_store, mlflow_store)  # another test may have set a registry for this process
    experiment = client.create_experiment("lookup", artifact_location="file:///nowhere")
    runs = [client.create_run(experiment).info.run_id for _ in range(3)]
    client.delete_run(runs[2])
    client.create_registered_model("looked_up")
    for run in runs[:2]:
        client.create_model_version("looked_up", source="file:///nowhere", run_id=run)
    client.set_registered_model_alias("looked_up", "best", "2")
    client.set_registered_model_alias("looked_up", "first", "1")
    for run in runs:
        assert has_run(mlflow_store, run)
        assert client.get_run(run).info.run_id == run
    assert not has_run(mlflow_store, "0" * 32)
    for alias in ("best", "first"):
        found = client.get_model_version_by_alias("looked_up", alias)
        assert aliased_version(mlflow_store, "looked_up", alias) == (str(found.version), found.run_id)
    assert aliased_version(mlflow_store, "looked_up", "worst") is None
    assert aliased_version(mlflow_store, "unknown", "best") is None
    client.delete_model_version("looked_up", "2")
    with pytest.raises(Exception, match="not found"):
        client.get_model_version_by_alias("looked_up", "best")
    assert aliased_version(mlflow_store, "looked_up", "best") is None


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5000", "postgresql+psycopg2://localhost/mlflow", "sqlite:///{}/no.db"]
)
def test_other_stores_are_left_to_mlflow(uri: str, tmp_path: Path) -> None:
    with pytest.raises(AskMlflowError):
        has_run(uri.format(tmp_path), "0" * 32)


def test_a_store_of_other_tables_is_left_to_mlflow(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as con:
        con.execute("CREATE TABLE runs (id INTEGER)")
    with pytest.raises(AskMlflowError):
        has_run(f"sqlite:///{tmp_path / 'mlflow.db'}", "0" * 32)
    with pytest.raises(AskMlflowError):
        aliased_version(f"sqlite:///{tmp_path / 'mlflow.db'}", "churn", "champion")
