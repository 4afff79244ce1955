"""What is said before the first asset, all of it together."""

import errno
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets import preflight as module
from browse_assets.preflight import PreflightError, preflight
from browse_assets.resources import PrivateDataError, open_databases, withheld_values
from browse_assets.settings import POSTGRES, REFERENCE_DIR, Settings
from browse_assets_tests.ui_process import free_port


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    """The shipped lists, with room for own ones."""
    folder = tmp_path / "reference"
    shutil.copytree(REFERENCE_DIR, folder)
    for path in folder.glob("*.*.csv"):
        path.unlink()
    return folder


def test_an_installation_as_it_should_be_passes(settings: Settings, lists: Path) -> None:
    (lists / "domains.ours.csv").write_text("domain,topic_id\nespn.com,483\n")
    preflight(settings, lists)
    assert settings.erase_queue.stat().st_mode & 0o077 == 0


def test_everything_that_is_wrong_is_said_at_once(settings: Settings, lists: Path) -> None:
    (lists / "domains.ours.csv").write_text("domain,topic_id\nwww.espn.com/nba,483\nespn.com,nonsense\n")
    (lists / "marketplaces.ours.csv").write_text("a,b\n")
    (lists / "domain.ours.csv").write_text("domain,topic_id\n")
    wrong = replace(
        settings,
        memory_limit="lots",
        ner_model="no_such_model",
        tracking_uri=f"http://u:p@127.0.0.1:{free_port()}",
        dagster_postgres_url=f"{POSTGRES}u:p@127.0.0.1:{free_port()}/dagster",
    )
    with pytest.raises(PreflightError) as raised:
        preflight(wrong, lists)
    said = str(raised.value)
    for part in (
        "BROWSE_MEMORY_LIMIT is not a size",
        "BROWSE_NER_MODEL names a spaCy model that is not installed",
        "MLflow's server does not answer at 127.0.0.1:",
        "Dagster's PostgreSQL does not answer at 127.0.0.1:",
        "data/reference/domain.ours.csv: no list of that name",
        "data/reference/domains.ours.csv, line 2: not a registrable domain",
        "data/reference/domains.ours.csv, line 3: topic_id is not known",
        "data/reference/marketplaces.ours.csv, line 1: the first line must name the columns",
    ):
        assert part in said
    assert "u:p" not in said


def test_postgresql_by_a_socket_of_this_machine_is_not_asked_for_by_address(settings: Settings, lists: Path) -> None:
    preflight(replace(settings, dagster_postgres_url=f"{POSTGRES}u@/dagster?host=/run/postgresql"), lists)


def test_customers_that_are_gone_are_not_taken_for_none(
    settings: Settings, materialize: Callable[..., Any], lists: Path
) -> None:
    """A new installation gets its folders; later one that is gone may be a mount that is missing."""
    fresh = replace(settings, data_dir=settings.data_dir / "new")
    preflight(fresh, lists)
    assert fresh.customers.is_dir()
    settings.customers.mkdir(exist_ok=True)
    table = settings.customers / "customers.csv"
    table.write_text("user_id,plan\nann-4411,basic\n")
    materialize("raw_events", "raw_customers")
    table.rename(settings.data_dir / "kept.csv")
    settings.customers.rmdir()
    preflight(settings, lists)
    with pytest.raises(dg.Failure, match="customers/ is not there"):
        materialize("raw_events", "raw_customers")
    with open_databases(settings, vault="read") as con:
        assert con.execute("SELECT user_id FROM vault.raw_customers WHERE row_number > 0").fetchall() == [("ann-4411",)]


def test_a_run_of_the_ui_looks_too(
    settings: Settings, materialize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes past no command; raw_events is the first asset of every job that reads files."""
    monkeypatch.setenv("BROWSE_NER_MODEL", "no_such_model")
    monkeypatch.setenv("BROWSE_MEMORY_LIMIT", "lots")
    with pytest.raises(PreflightError, match=r"BROWSE_MEMORY_LIMIT is not a size[^$]*BROWSE_NER_MODEL names"):
        materialize("raw_events")
    assert not settings.vault_path.exists()


def test_a_disk_that_is_nearly_full_is_said(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_FREE_BYTES", 10**18)
    with pytest.raises(PreflightError, match=r"the disk of .* has \d+ MB left.*make room"):
        preflight(settings)


def test_a_folder_that_cannot_be_made_is_an_error_of_the_system(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        preflight(replace(settings, data_dir=tmp_path / "file" / "data"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full; make room"),
        (duckdb.IOException('Could not write file "x": No space left on device'), "the disk is full; make room"),
        (duckdb.OutOfMemoryException("failed to allocate"), "memory ran out; .*BROWSE_MEMORY_LIMIT"),
    ],
)
def test_in_the_middle_of_a_run_it_is_said_too(error: Exception, said: str) -> None:
    with pytest.raises(PrivateDataError, match=said), withheld_values("Scrubbing"):
        raise error
