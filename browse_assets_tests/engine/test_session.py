"""What is said where Spark cannot be started, and what it is never told to show."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from browse_assets.engine import session
from browse_assets.engine.choice import computing
from browse_assets.engine.session import SparkUnavailableError, missing_programs, spark_session
from browse_assets.engine.spark import _judge
from browse_assets.preflight import PreflightError, preflight
from browse_assets.resources import PrivateDataError, open_databases, withheld_values
from browse_assets.settings import Settings


@pytest.fixture
def bare(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Spark is asked for, and neither PySpark nor Java is there."""
    monkeypatch.setattr(session.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(session.shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return replace(settings, engine="spark")


def test_what_is_missing_is_said_together(bare: Settings) -> None:
    with pytest.raises(SparkUnavailableError, match=r"make spark .*openjdk-17-jre-headless.* DuckDB computes"):
        spark_session(bare)
    with pytest.raises(PreflightError, match=r"make spark[\s\S]*JAVA_HOME"):
        preflight(bare)


def test_it_passes_through_steps_over_personal_data(bare: Settings) -> None:
    with pytest.raises(SparkUnavailableError), withheld_values("Scrubbing"):
        spark_session(bare)


def test_java_may_lie_at_its_home(bare: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert [problem.split(":")[0] for problem in missing_programs()] == ["BROWSE_ENGINE=spark needs PySpark"]


def test_a_step_with_nothing_new_does_without_spark(bare: Settings) -> None:
    with open_databases(bare, warehouse="write") as con, computing(bare, con) as work:
        assert work is not con


def test_duckdb_computes_on_its_own_connection(settings: Settings) -> None:
    with open_databases(settings, warehouse="write") as con, computing(settings, con) as work:
        assert work is con


def test_a_rule_that_fails_quotes_nothing() -> None:
    import pyarrow as pa

    def rule(text: str) -> str:
        raise ValueError(f"{text} is odd")

    rows = pa.RecordBatch.from_pydict({"text": ["ann@example.com"]})
    with pytest.raises(RuntimeError, match="a rule failed with ValueError; its text is withheld") as caught:
        list(_judge(rule, ("clean",))([rows]))
    assert "ann" not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("java.io.IOException: No space left on device", "disk is full"),
        ("java.lang.OutOfMemoryError", "memory ran out"),
    ],
)
def test_what_java_says_of_the_machine_is_told_without_the_rest(said: str, advice: str) -> None:
    with pytest.raises(PrivateDataError, match=advice) as caught, withheld_values("Scrubbing"):
        raise RuntimeError(f"{said} at SELECT 'ann@example.com'")
    assert "ann" not in str(caught.value)


def test_leftovers_of_killed_processes_go_and_others_stay(tmp_path: Path) -> None:
    for name in ("4194305", str(os.getpid()), "blockmgr"):  # no process has an id above 4194304
        (tmp_path / name).mkdir()
    session.remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [str(os.getpid())]
    session.remove_leftovers(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("limit", "size"), [("2GB", "2048m"), ("1.5 GiB", "1536m"), ("100MB", "512m"), ("1TB", "1048576m")]
)
def test_sizes(limit: str, size: str) -> None:
    assert session._java_size(limit) == size


def test_nothing_shows_values() -> None:
    for name, value in {
        "spark.ui.enabled": "false",
        "spark.eventLog.enabled": "false",
        "spark.io.encryption.enabled": "true",
        "spark.network.crypto.enabled": "true",
        "spark.authenticate": "true",
        "spark.log.level": "OFF",
    }.items():
        assert session._PROTECTION[name] == value
    assert not any("secret" in name for name in session._PROTECTION)  # it would stand in the list of processes
