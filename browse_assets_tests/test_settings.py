"""What the environment says: where people find the two UIs, and all that cannot be used, named at once."""

import pytest

from browse_assets.assets.training import run_link
from browse_assets.settings import Settings, SettingsError, load_settings

TRAINING = "?workflowType=machine_learning"  # else MLflow opens on its side of language models


def test_links_lead_to_the_ports_of_make_ui(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_MLFLOW_PORT", "5055")
    monkeypatch.setenv("BROWSE_DAGSTER_PORT", "3033")
    assert (
        run_link("experiments/1/runs/2")["MLflow run"].url == f"http://127.0.0.1:5055/#/experiments/1/runs/2{TRAINING}"
    )
    assert load_settings().dagster_address == "http://127.0.0.1:3033"


def test_links_lead_to_the_server_where_there_is_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://somebody:p%40ss@mlflow.example/base/")
    assert load_settings().mlflow_address == "https://mlflow.example/base"  # its password is not for metadata
    monkeypatch.setenv("BROWSE_MLFLOW_PUBLIC_URL", "https://panel.example/mlflow/")
    assert load_settings().mlflow_address == "https://panel.example/mlflow"


def test_a_path_means_the_site_that_one_is_on(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_MLFLOW_PUBLIC_URL", "/mlflow")
    monkeypatch.setenv("BROWSE_DAGSTER_PUBLIC_URL", "/dagster")
    assert run_link("experiments/1")["MLflow run"].url == f"/mlflow/#/experiments/1{TRAINING}"
    assert load_settings().dagster_address == "/dagster"


WRONG = (
    *("mlflow", "/", "//mlflow.example", "ftp://mlflow.example", "https://", "https://x/#y", "/a b", "/a//b"),
    *("javascript:alert(1)", "https://somebody:s3cret@mlflow.example"),
)


@pytest.mark.parametrize("text", WRONG)
def test_anything_else_is_refused_without_quoting_it(
    text: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSE_MLFLOW_PUBLIC_URL", text)
    with pytest.raises(SettingsError, match=r"^BROWSE_MLFLOW_PUBLIC_URL is not an address") as caught:
        load_settings()
    assert "s3cret" not in str(caught.value)


def test_the_engine_is_duckdb_until_spark_is_named(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (settings.engine, settings.spark_master) == ("duckdb", "local[*]")
    assert settings.lake_dir == str(settings.data_dir / "lake")
    for name, value in (("ENGINE", "Spark"), ("SPARK_MASTER", "spark://one:7077"), ("LAKE_DIR", "s3://bucket/panel/")):
        monkeypatch.setenv(f"BROWSE_{name}", value)
    found = load_settings()
    assert (found.engine, found.spark_master, found.lake_dir) == ("spark", "spark://one:7077", "s3://bucket/panel")


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("BROWSE_ENGINE", "polars"),
        ("BROWSE_SPARK_MASTER", "one:7077"),
        ("BROWSE_SPARK_MASTER", "local[x]"),
        ("BROWSE_LAKE_DIR", "s3://somebody:s3cret@bucket/panel"),
    ],
)
def test_an_engine_that_cannot_be_is_refused_without_quoting_it(
    variable: str, text: str, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError, match=f"^{variable} ") as caught:
        load_settings()
    assert text not in str(caught.value)


def test_all_that_is_wrong_is_named_at_once(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "BROWSE_AS_OF": "s3cret",
        "BROWSE_CHURN_VALUES": "1,2",
        "BROWSE_DAGSTER_PORT": "0",
        "BROWSE_DAGSTER_POSTGRES_URL": "mysql://s3cret",
        "BROWSE_MODELLED_ATTRIBUTES": "religion",
        "BROWSE_WEBHOOK_URL": "file:///s3cret",
    }
    for variable, value in wrong.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=r"^mend this first") as caught:
        load_settings()
    said = str(caught.value)
    assert sorted(line.split()[1] for line in said.splitlines()[1:]) == sorted(wrong)
    assert "s3cret" not in said


def test_none_of_the_attributes_is_a_choice(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_MODELLED_ATTRIBUTES", "none")
    assert load_settings().modelled_attributes == ()
