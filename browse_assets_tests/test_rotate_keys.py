"""A change of keys: nothing of the old is left, nothing else differs, and a kill leaves one or the other."""

import os
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets import file_swap, rewriting, rotate_keys
from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.key_rotation import rotate
from browse_assets.keys import Keys, VaultKeyError, keys_from, load_keys
from browse_assets.resources import empty_scratch, open_databases
from browse_assets.settings import Settings
from browse_assets.sole_process import sole_process
from browse_assets_tests.assets.test_loading import view, write_panel
from browse_assets_tests.conftest import SECRET

NEW = "cd" * 32
PSEUDONYMS = "SELECT user_key, event_id, session_id FROM scrubbed_events"
# Every column that no key has made.
CONTENT = """
    SELECT COLUMNS(* EXCLUDE (user_key, event_id, session_id)) FROM scrubbed_events ORDER BY event_time, url
"""
GROUPS = """
    SELECT list(url ORDER BY url) FROM scrubbed_events GROUP BY {column} ORDER BY 1
"""


class Killed(BaseException):
    """Ends the process at this step, as far as a test can tell."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test leaves a copy of its tables for the others."""
    return tmp_path_factory.mktemp("made") / "data"


@pytest.fixture
def panel(settings: Settings, materialize: Callable[..., Any], made: Path) -> Settings:
    """Two people and a file that cannot be opened, as far as the rollups."""
    if not made.exists():
        make_panel(settings, materialize)
        shutil.copytree(settings.data_dir, made)
    else:
        shutil.copytree(made, settings.data_dir, dirs_exist_ok=True)
    return settings


def make_panel(settings: Settings, materialize: Callable[..., Any]) -> None:
    rows = [
        view(who, f"2024-05-0{day}T10:0{minute}:00Z", f"https://espn.com/{day}{minute}")
        for who in ("ann-4411", "bob-2207")
        for day in (1, 2)
        for minute in (0, 5)
    ]
    write_panel(settings.inbox / "p.csv", rows)
    (settings.inbox / "closed.csv").write_text("not known")
    materialize("raw_events", "scrubbed_events", "input_files", "domain_features", "user_days")
    with open_databases(settings, vault="write", warehouse="write") as con:
        keyed = load_keys(settings).path_id("closed.csv")
        con.execute("UPDATE vault.main.raw_files SET file_id = ? WHERE path = 'closed.csv'", [keyed])
        con.execute("UPDATE input_files SET file_id = ? WHERE status = 'failed'", [keyed])
        con.execute("CREATE TABLE notes AS SELECT user_key::VARCHAR AS user_key, 'mine' AS note FROM user_days")
        con.execute("CREATE VIEW days_seen AS SELECT count(*) AS n FROM user_days")


def contents(settings: Settings, keys: Keys, select: str) -> list[tuple[Any, ...]]:
    with open_databases(settings, vault="read", warehouse="read", keys=keys) as con:
        return con.execute(select).fetchall()


def pseudonyms(settings: Settings, keys: Keys) -> set[str]:
    return {str(value) for row in contents(settings, keys, PSEUDONYMS) for value in row}


def test_every_pseudonym_changes_and_nothing_else(panel: Settings) -> None:
    with_new = replace(panel, new_secret_key_hex=NEW)
    old, new = load_keys(panel), keys_from(NEW, "")
    before = {name: contents(panel, old, select) for name, select in {"content": CONTENT}.items()}
    groups = {column: contents(panel, old, GROUPS.format(column=column)) for column in ("user_key", "session_id")}
    gone = pseudonyms(panel, old)
    done = rotate(with_new)
    assert (done.people, done.page_views, done.left) == (2, 8, ())
    assert contents(panel, new, CONTENT) == before["content"]
    for column, expected in groups.items():
        assert contents(panel, new, GROUPS.format(column=column)) == expected
    assert not pseudonyms(panel, new) & gone
    for table in ("scrubbed_events", "domain_features", "user_days", "notes"):
        assert contents(panel, new, f"SELECT DISTINCT user_key::VARCHAR FROM {table} ORDER BY 1") == [
            (key,) for key in sorted(str(new.user_key(who)) for who in ("ann-4411", "bob-2207"))
        ]
    assert contents(panel, new, "SELECT n FROM days_seen") == [(4,)]
    assert contents(panel, new, "SELECT file_id FROM input_files WHERE status = 'failed'") == [
        (new.path_id("closed.csv"),)
    ]
    ids = "SELECT event_id FROM {} ORDER BY 1"
    assert contents(panel, new, ids.format("vault.raw_events")) == contents(panel, new, ids.format("scrubbed_events"))
    text = b"".join(path.read_bytes() for path in panel.data_dir.rglob("*") if path.is_file())
    assert not [key for key in gone if key.encode() in text]


def test_the_old_key_opens_nothing_and_the_next_run_goes_on(
    panel: Settings, materialize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(replace(panel, new_secret_key_hex=NEW))
    with pytest.raises(VaultKeyError, match="does not open"), open_databases(panel, vault="read"):
        pass
    with pytest.raises(VaultKeyError, match="has the new key already"):
        rotate(replace(panel, new_secret_key_hex=NEW))
    monkeypatch.setenv("BROWSE_SECRET_KEY", NEW)
    before = contents(panel, keys_from(NEW, ""), "SELECT * FROM scrubbed_events ORDER BY event_id")
    write_panel(panel.inbox / "copy.csv", [view("ann-4411", "2024-05-01T10:00:00Z", "https://espn.com/10")])
    materialize("raw_events", "scrubbed_events", "input_files", "domain_features", "user_days")
    assert contents(panel, keys_from(NEW, ""), "SELECT * FROM scrubbed_events ORDER BY event_id") == before
    assert contents(panel, keys_from(NEW, ""), "SELECT sum(duplicates) FROM input_files") == [(1,)]


def test_a_key_file_is_made_anew(panel: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BROWSE_SECRET_KEY")
    in_file = replace(panel, secret_key_hex=None)
    in_file.key_file.parent.mkdir()
    in_file.key_file.write_text(SECRET + "\n")
    in_file.key_file.chmod(0o600)
    assert rotate_keys.main([]) == 0
    secret = in_file.key_file.read_text().strip()
    assert len(secret) == 64
    assert secret != SECRET
    assert in_file.key_file.stat().st_mode & 0o777 == 0o600
    assert len(contents(in_file, load_keys(in_file), CONTENT)) == 8
    assert not list(panel.data_dir.rglob("*.part*"))


def test_it_needs_room_for_a_second_copy_of_both(panel: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is written before the exchange, as README says it: beside the old files, and no larger."""
    before = {path: path.stat().st_size for path in (panel.vault_path, panel.warehouse_path)}
    written: dict[Path, int] = {}

    def weighing(folder: Path, moves: Sequence[file_swap.Move]) -> None:
        everything = {path: path.stat().st_size for path in panel.data_dir.rglob("*") if path.is_file()}
        assert sum(everything.values()) < 2.1 * sum(before.values()) + 2**20  # what else lies here is small
        written.update({move.target: move.part.stat().st_size for move in moves})
        file_swap.commit(folder, moves)

    monkeypatch.setattr(rewriting, "commit", weighing)
    rotate(replace(panel, new_secret_key_hex=NEW))
    assert set(written) == {path.resolve() for path in before}
    assert all(0 < written[path.resolve()] <= size for path, size in before.items())


# Syncing: each part and its folder, then the journal's draft (6), its folder (7), each target's folder (8 to
# 10). Renames: the journal, vault, warehouse, key file. The journal goes last.
STEPS = [("sync", 0), ("sync", 6), ("sync", 7), ("sync", 9), *(("replace", n) for n in range(4)), ("unlink", 0)]
DECIDED = {("sync", 7), ("sync", 9), ("replace", 1), ("replace", 2), ("replace", 3), ("unlink", 0)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small databases that were written once, and are copied for each kill."""
    data = tmp_path_factory.mktemp("finished") / "data"
    small = Settings(data, "", data / "mlflow" / "artifacts")
    with open_databases(small, vault="write", warehouse="write", keys=load_keys(small)) as con:
        con.execute(
            "INSERT INTO vault.main.raw_events BY NAME SELECT uuid() AS event_id, 'ann-4411' AS user_id, "
            "TIMESTAMP '2024-05-01' AS event_time, 'https://espn.com/1' AS url"
        )
    return data


@pytest.mark.parametrize("end", [Killed, OSError])
@pytest.mark.parametrize(("kind", "number"), STEPS)
def test_a_kill_or_a_broken_disk_leaves_the_old_keys_or_the_new(
    kind: str, number: int, end: type[BaseException], finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    shutil.copytree(finished, data)
    small = Settings(data, "", data / "mlflow" / "artifacts", new_secret_key_hex=NEW)
    old = load_keys(small)
    calls = {"sync": 0, "replace": 0, "unlink": 0}

    def killing(step: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            calls[step] += 1
            if (step, calls[step] - 1) == (kind, number):
                raise end
            return original(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(file_swap, "_sync", killing("sync", file_swap._sync))
        patch.setattr(file_swap.os, "replace", killing("replace", os.replace))
        patch.setattr(file_swap.Path, "unlink", killing("unlink", Path.unlink))
        with pytest.raises(end):
            rotate(small)
    committed = (kind, number) in DECIDED
    now = load_keys(small)
    assert (now.vault == keys_from(NEW, "").vault) == committed
    assert (now.vault == old.vault) == (not committed)
    assert contents(small, now, "SELECT user_id FROM vault.raw_events") == [("ann-4411",)]
    with open_databases(small, vault="write", keys=now):
        empty_scratch(small)
    assert not list(data.rglob("*.part*"))
    assert not (data / file_swap.JOURNAL).exists()


def test_a_secret_of_the_environment_needs_the_new_one_from_there(
    panel: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rotate_keys.main([]) == 2
    assert "BROWSE_NEW_SECRET_KEY" in capsys.readouterr().err
    monkeypatch.setenv("BROWSE_NEW_SECRET_KEY", SECRET)
    assert rotate_keys.main([]) == 2
    assert "the old one" in capsys.readouterr().err
    monkeypatch.setenv("BROWSE_NEW_SECRET_KEY", NEW)
    assert rotate_keys.main([]) == 0
    said = capsys.readouterr()
    assert "set BROWSE_SECRET_KEY" in said.out
    for secret in (SECRET, NEW, keys_from(SECRET, "").vault, keys_from(NEW, "").vault):
        assert secret not in said.out + said.err


@pytest.mark.parametrize("command", ["run", "ui"])
def test_a_run_or_ui_is_not_disturbed(
    command: str, panel: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROWSE_NEW_SECRET_KEY", NEW)
    with sole_process(panel.data_dir, command):
        assert rotate_keys.main([]) == 2
    assert f"make {command} is already running" in capsys.readouterr().err
    assert len(contents(panel, load_keys(panel), CONTENT)) == 8


def test_dagster_and_reports_forget_the_old_pseudonyms(panel: Settings) -> None:
    from browse_assets.assets.events import user_days
    from browse_assets.resources import Databases

    (old_key,) = contents(panel, load_keys(panel), "SELECT max(user_key)::VARCHAR FROM user_days")[0]
    panel.reports.mkdir()
    (panel.reports / "one.html").write_text(f"<p>{old_key}</p>")
    (panel.reports / "two.html").write_text("<p>nobody</p>")
    (panel.exports / old_key).mkdir(parents=True)
    (panel.exports / old_key / "person.html").write_text("<p>named by its folder</p>")
    home = prepare_dagster_home(panel)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        dg.materialize([user_days], resources={"databases": Databases()}, instance=instance)
        instance.add_run_tags(instance.get_runs()[0].run_id, {"about": f"{old_key} of old"})
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert old_key.encode() in stored
    done = rotate(replace(panel, new_secret_key_hex=NEW))
    assert (done.reports_removed, done.left) == (2, ())
    assert [path.name for path in panel.reports.iterdir()] == ["two.html"]
    assert list(panel.exports.iterdir()) == []
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert old_key.encode() not in stored
    with dg.DagsterInstance.from_config(str(home)) as instance:
        latest = instance.get_latest_materialization_event(dg.AssetKey("user_days"))
        assert latest is not None
        assert latest.asset_materialization is not None
        assert "removed" in str(latest.asset_materialization.metadata["preview"].value)
        assert latest.asset_materialization.metadata["people"].value == 2


def test_errors_never_show_a_key(panel: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The statement that attaches the new vault holds its key: an engine's error would quote it."""
    import traceback

    def broken(*_: Any) -> None:
        raise duckdb.IOException(f"ATTACH ... ENCRYPTION_KEY '{keys_from(NEW, '').vault}'")

    monkeypatch.setattr("browse_assets.rewriting.attach_part", broken)
    with pytest.raises(Exception, match="withheld") as caught:
        rotate(replace(panel, new_secret_key_hex=NEW))
    shown = "".join(traceback.format_exception(caught.value))
    assert not re.search("|".join((NEW, keys_from(NEW, "").vault, SECRET)), shown)
    assert len(contents(panel, load_keys(panel), CONTENT)) == 8
