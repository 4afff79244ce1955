"""The notebook's installation: which folder it works on, and that nothing else is touched."""

import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from browse_assets.notebook import installation
from browse_assets.notebook.installation import NotebookError, open_installation
from browse_assets.resources import open_databases
from browse_assets.settings import Settings

SHARED = ("BROWSE_DATA_DIR", "MLFLOW_TRACKING_URI", "BROWSE_SECRET_KEY", "BROWSE_DAGSTER_POSTGRES_URL")


@pytest.fixture(autouse=True)
def _as_the_kernel_finds_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a server of MLflow's and a database of Dagster's that others use."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow.example:5000")
    monkeypatch.setenv("BROWSE_DAGSTER_POSTGRES_URL", "postgresql://example/dagster")
    monkeypatch.setattr(installation, "_AT_IMPORT", {name: os.environ.get(name) for name in SHARED})


def shared_with_others(found: Settings, settings: Settings) -> list[str]:
    """What of an installation is not its own."""
    shared = []
    if found.secret_key_hex is not None:
        shared.append("key")
    if not found.tracking_uri.startswith(f"sqlite:///{found.data_dir}"):
        shared.append("MLflow")
    if os.environ["BROWSE_DAGSTER_POSTGRES_URL"]:
        shared.append("Dagster")
    if found.data_dir == settings.data_dir:
        shared.append("folder")
    return shared


def test_the_sample_has_a_folder_of_its_own_that_stays(settings: Settings) -> None:
    first, second = open_installation(), open_installation()
    assert first.settings.data_dir == second.settings.data_dir == settings.data_dir / "notebook"
    assert shared_with_others(first.settings, settings) == []
    assert first.is_own
    assert "SYNTHETIC" in first.source


def test_own_files_are_linked_into_a_folder_that_only_we_can_read(settings: Settings, tmp_path: Path) -> None:
    history = tmp_path / "jo-roe" / "History"
    history.parent.mkdir()
    history.write_bytes(b"SQLite format 3\0")
    history.with_name("History-wal").write_bytes(b"wal")
    found = open_installation(history)
    assert shared_with_others(found.settings, settings) == []
    assert not found.settings.data_dir.is_relative_to(settings.data_dir)
    assert stat.S_IMODE(found.settings.data_dir.stat().st_mode) == 0o700
    links = sorted(found.settings.inbox.rglob("*"))
    assert [link.relative_to(found.settings.inbox).as_posix() for link in links] == [
        "me",
        "me/History",
        "me/History-wal",
    ]
    assert links[1].is_symlink()
    assert links[1].resolve() == history.resolve()
    assert "jo-roe" not in found.source


def test_a_folder_is_an_inbox_or_holds_one(tmp_path: Path) -> None:
    plain, parted = tmp_path / "exports", tmp_path / "data"
    for path in (
        plain / "ann" / "History",
        plain / "p.csv",
        parted / "inbox" / "p.csv",
        parted / "customers" / "c.csv",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (parted / "notes.txt").write_text("neither")
    inbox = open_installation(plain).settings.inbox
    assert {p.relative_to(inbox).as_posix() for p in inbox.rglob("*") if p.is_file()} == {"ann/History", "p.csv"}
    found = open_installation(parted).settings
    assert [path.name for path in found.inbox.iterdir()] == ["p.csv"]
    assert [path.name for path in found.customers.iterdir()] == ["c.csv"]


def test_an_existing_installation_is_read_and_not_written(settings: Settings) -> None:
    with pytest.raises(NotebookError, match=r"no browse\.duckdb: make run"):
        open_installation(existing=settings.data_dir)
    with open_databases(settings, warehouse="write") as con:
        con.execute("INSERT INTO user_days (user_key, day) VALUES (uuid(), DATE '2026-05-01')")
    before = {path: path.stat().st_mtime_ns for path in settings.data_dir.rglob("*")}
    found = open_installation(existing=settings.data_dir)
    found.run()
    assert found.people == 1
    assert found.checks([]) == []
    assert {path: path.stat().st_mtime_ns for path in settings.data_dir.rglob("*")} == before
    assert found.settings.tracking_uri == "http://mlflow.example:5000"  # its own


def test_a_choice_may_be_changed(settings: Settings) -> None:
    """Each begins where the kernel began, not where the choice before it left off."""
    with open_databases(settings, warehouse="write"):
        pass
    open_installation()
    assert open_installation(existing=settings.data_dir).settings.secret_key_hex == settings.secret_key_hex
    assert open_installation().settings.data_dir == settings.data_dir / "notebook"


def test_errors_say_what_to_do_and_quote_no_path(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotebookError) as error:
        open_installation(tmp_path / "jo-roe.csv")
    assert "SOURCE" in str(error.value)
    assert "jo-roe" not in str(error.value)
    with pytest.raises(NotebookError, match="not both"):
        open_installation(tmp_path, tmp_path)
    with pytest.raises(NotebookError, match=r"installation\.run"):
        open_installation().query("SELECT 1")


def test_tables_that_are_being_written_are_no_tables_that_are_gone(settings: Settings) -> None:
    import subprocess
    import sys

    with open_databases(settings, warehouse="write"):
        pass
    found = open_installation(existing=settings.data_dir)
    hold = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    writer = subprocess.Popen(
        [sys.executable, "-c", hold, str(settings.warehouse_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        with pytest.raises(NotebookError, match="being written"):
            found.query("SELECT 1")
        assert writer.stdin is not None
        writer.stdin.close()


def test_few_people_are_not_counted_out(settings: Settings) -> None:
    panel = installation.Installation(settings, "test", is_own=False)
    panel.__dict__["people"] = 200
    assert [panel.told(n) for n in (0, 1, 10, 11, 1200)] == ["0", "fewer than 11", "fewer than 11", "11", "1,200"]
    panel.__dict__["people"] = 1
    assert panel.told(1) == "1"


def test_pseudonyms_are_cut() -> None:
    assert list(installation.short(pd.Series(["1480d223-3e06-803c-44e6-aab30b2e0229"]))) == ["1480d223"]


def test_a_scratch_installation_leaves_the_environment_as_it_was() -> None:
    before = {name: os.environ.get(name) for name in SHARED}
    with installation.scratch_installation() as scratch:
        assert os.environ["BROWSE_DATA_DIR"] == str(scratch.data_dir)
        folder = scratch.data_dir
    assert {name: os.environ.get(name) for name in SHARED} == before
    assert not folder.exists()
