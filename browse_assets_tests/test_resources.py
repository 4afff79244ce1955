"""Vault, keys, locks and transactions."""

import os
import subprocess
import sys
import traceback
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from dagster_shared.error import SerializableErrorInfo

from browse_assets import resources
from browse_assets.keys import Keys, VaultKeyError, load_keys
from browse_assets.resources import (
    PART,
    DatabaseBusyError,
    PrivateDataError,
    open_databases,
    transaction,
    withheld_values,
)
from browse_assets.settings import Settings

CANARY = "canary.person@example.com"


def test_vault_holds_no_plain_text(settings: Settings) -> None:
    with open_databases(settings, vault="write") as con:
        con.execute("INSERT INTO vault.raw_rejected VALUES ('f', 1, 'bad_url', ?, 1)", [CANARY * 50])
        con.execute("CHECKPOINT vault")
        assert con.execute("SELECT count(*) FROM vault.raw_rejected").fetchone() == (1,)
    for file in settings.data_dir.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file.name
    assert settings.vault_path.stat().st_mode & 0o077 == 0


def test_the_crypto_module_is_checked_once_and_again_when_its_file_is_another(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unsigned module is let in only after DuckDB has checked the signature of the very file."""

    def takes_unsigned() -> bool:
        with open_databases(settings, vault="write", warehouse="write") as con:
            row = con.execute("SELECT current_setting('allow_unsigned_extensions')").fetchone()
        return bool(row and row[0])

    monkeypatch.setattr(resources, "_CHECKED", {})
    assert [takes_unsigned() for _ in range(3)] == [False, True, True]
    ((path, (modified, size)),) = resources._CHECKED.items()
    resources._CHECKED[path] = (modified - 1, size)
    assert [takes_unsigned() for _ in range(2)] == [False, True]
    assert list(resources._CHECKED.items()) == [(path, (modified, size))]
    with open_databases(settings, warehouse="read") as con:
        assert con.execute("SELECT current_setting('allow_unsigned_extensions')").fetchone() == (False,)


def test_wrong_key_is_said_and_touches_nothing(settings: Settings) -> None:
    with open_databases(settings, vault="write"):
        pass
    before = settings.vault_path.read_bytes()
    with pytest.raises(VaultKeyError, match="BROWSE_SECRET_KEY") as caught:
        with open_databases(replace(settings, secret_key_hex="cd" * 32), vault="write"):
            pass
    assert settings.vault_path.read_bytes() == before
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "cd" * 32 not in str(caught.value)


def test_key_file_is_made_once_and_for_the_owner_only(settings: Settings) -> None:
    without = replace(settings, secret_key_hex=None)
    first = load_keys(without)
    assert without.key_file.stat().st_mode & 0o777 == 0o600
    assert load_keys(without).vault == first.vault
    without.key_file.chmod(0o644)
    with pytest.raises(VaultKeyError, match="chmod 600"):
        load_keys(without)


def test_lost_key_is_not_replaced(settings: Settings) -> None:
    with open_databases(settings, vault="write"):
        pass
    with pytest.raises(VaultKeyError, match="its key is gone"):
        load_keys(replace(settings, secret_key_hex=None))
    assert not settings.key_file.exists()


@pytest.mark.parametrize("secret", ["", "xyz", "ab" * 31])
def test_malformed_key_is_refused(settings: Settings, secret: str) -> None:
    if not secret:
        settings.key_file.parent.mkdir(parents=True)
        settings.key_file.write_text("")
        settings.key_file.chmod(0o600)
    with pytest.raises(VaultKeyError, match="32 bytes"):
        load_keys(replace(settings, secret_key_hex=secret or None))


def test_user_key_is_the_documented_hmac() -> None:
    import hashlib
    import hmac

    keys = Keys(bytes.fromhex("ab" * 32))
    digest = hmac.new(keys._pseudonym, b"ann", hashlib.sha256).digest()
    assert keys.user_key("ann").bytes == digest[:16]
    assert len({keys.vault, keys.event, keys._pseudonym.hex()}) == 3


def test_settings_do_not_show_the_key(settings: Settings) -> None:
    assert (settings.secret_key_hex or "") not in repr(settings)


def test_a_lock_is_waited_for_and_then_said(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with open_databases(settings, warehouse="write"):
        pass
    ready = tmp_path / "ready"
    code = (
        "import duckdb, pathlib, sys, time\n"
        "con = duckdb.connect(sys.argv[1])\n"
        "pathlib.Path(sys.argv[2]).touch()\n"
        "time.sleep(float(sys.argv[3]))\n"
    )

    def hold(seconds: float) -> subprocess.Popen[bytes]:
        ready.unlink(missing_ok=True)
        process = subprocess.Popen([sys.executable, "-c", code, str(settings.warehouse_path), str(ready), str(seconds)])
        while not ready.exists():
            assert process.poll() is None
        return process

    holder = hold(1.0)
    with open_databases(settings, warehouse="write") as con:
        assert con.execute("SELECT 1").fetchone() == (1,)
    assert holder.wait() == 0

    monkeypatch.setattr(resources, "LOCK_WAIT_SECONDS", 0.5)
    holder = hold(60.0)
    try:
        with pytest.raises(DatabaseBusyError, match=r"browse\.duckdb"):
            with open_databases(settings, warehouse="write"):
                pass
    finally:
        holder.kill()
        holder.wait()


def test_transaction_is_all_or_nothing(settings: Settings) -> None:
    with open_databases(settings, warehouse="write") as con:
        with pytest.raises(ZeroDivisionError):
            with transaction(con):
                con.execute("INSERT INTO rejected_events VALUES ('f', 1, 'no_url')")
                raise ZeroDivisionError
        assert con.execute("SELECT count(*) FROM rejected_events").fetchone() == (0,)


@pytest.mark.parametrize("what", ["duckdb", "python"])
def test_errors_over_personal_data_carry_no_values(what: str) -> None:
    with pytest.raises(PrivateDataError, match="Scrubbing failed with") as caught:
        with withheld_values("Scrubbing"):
            if what == "duckdb":
                duckdb.sql(f"SELECT '{CANARY}'::INTEGER").fetchall()
            else:
                raise KeyError(CANARY)
    assert CANARY not in "".join(traceback.format_exception(caught.value))
    assert (
        CANARY
        not in SerializableErrorInfo.from_traceback(
            traceback.TracebackException.from_exception(caught.value)
        ).to_string()
    )


def test_spill_and_scratch_are_for_the_owner_only(settings: Settings) -> None:
    with open_databases(settings, vault="write"):
        assert os.stat(settings.scratch).st_mode & 0o077 == 0


def test_columns_that_a_version_has_added_are_added_to_tables_from_before(settings: Settings) -> None:
    with open_databases(settings, vault="write", warehouse="write") as con:
        con.execute("ALTER TABLE vault.main.raw_files DROP COLUMN erased")
        con.execute("INSERT INTO vault.main.raw_files (file_id) VALUES ('before')")
        con.execute("ALTER TABLE input_files DROP COLUMN expired")
    with open_databases(settings, vault="write", warehouse="write") as con:
        assert con.execute("SELECT file_id, erased FROM vault.raw_files").fetchall() == [("before", None)]
        assert con.execute("SELECT expired FROM input_files").fetchall() == []


def test_a_table_that_a_killed_run_was_making_is_gone_when_the_next_one_opens(settings: Settings) -> None:
    with open_databases(settings, warehouse="write") as con:
        con.execute(f"CREATE TABLE scrubbed_events{PART} AS FROM scrubbed_events")
    with open_databases(settings, warehouse="write") as con:
        tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "scrubbed_events" in tables
    assert not {name for name in tables if name.endswith(PART)}


def test_a_look_leaves_nothing_behind_for_the_next(settings: Settings) -> None:
    """Instances are used again by looks; each sees what was written in between, and none what another has made."""
    for rows in (0, 1):
        with open_databases(settings, vault="write", warehouse="write") as con:
            con.execute(f"INSERT INTO purges (horizon) SELECT '2024-05-01' FROM range({rows})")
        with open_databases(settings, warehouse="read") as con:
            assert con.execute("SELECT count(*) FROM purges").fetchone() == (rows,)
            with open_databases(settings, warehouse="read") as other:  # one inside another is another
                assert other.execute("SELECT count(*) FROM purges").fetchone() == (rows,)
            con.execute("CREATE TEMP TABLE mine AS SELECT 1")
            con.execute("SET VARIABLE mine = 1")
        with open_databases(settings, warehouse="read") as con:
            assert con.execute("SELECT getvariable('mine')").fetchone() == (None,)
            with pytest.raises(duckdb.CatalogException):
                con.execute("FROM mine")
        with pytest.raises(ZeroDivisionError), open_databases(settings, warehouse="read"):
            _ = 1 / 0
        # Another process may write now.
        code = (
            f"import duckdb; duckdb.connect({str(settings.warehouse_path)!r}).execute('CREATE TABLE t{rows} (i INT)')"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
