"""What lies in the lake: rows of the vault encrypted, and nothing of anybody after an erasure."""

from pathlib import Path

import pyarrow as pa
import pytest

from browse_assets.engine.lake import KEPT, STEP, Lake
from browse_assets.keys import load_keys
from browse_assets.resources import open_databases
from browse_assets.rewriting import rewrite_databases
from browse_assets.settings import Settings

ROWS = pa.table({"user_id": ["panelist-00012"] * 3, "title": ["ann@example.com", None, "Boots"]})


def test_rows_come_back_only_with_the_key(tmp_path: Path) -> None:
    lake, key = Lake(str(tmp_path / "lake")), bytes(range(32))
    files = lake.write("step-1/events", ROWS.to_reader(), key)
    assert pa.Table.from_batches(lake.read(files[0], key)) == ROWS
    for path in (tmp_path / "lake").rglob("*"):
        assert not path.is_file() or (b"panelist" not in path.read_bytes() and b"user_id" not in path.read_bytes())
    with pytest.raises(OSError, match=r"encrypted|decrypt"):
        list(lake.read(files[0]))
    with pytest.raises(OSError, match=r"decrypt|Failed|footer"):
        list(lake.read(files[0], bytes(32)))
    assert (tmp_path / "lake").stat().st_mode & 0o077 == 0


def test_a_table_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    files = lake.write("t", ROWS.slice(0, 0).to_reader())
    assert [batch.schema.names for batch in lake.read(files[0])] in ([], [ROWS.column_names])
    assert lake.dataset("t").schema.names == ROWS.column_names
    assert lake.has("t")
    assert not lake.has("u")


def test_clearing_leaves_what_is_not_ours(tmp_path: Path) -> None:
    for name in (f"{STEP}ab", f"{KEPT}1-x", "somebody's"):
        (tmp_path / name).mkdir()
    Lake(str(tmp_path)).clear()
    assert [path.name for path in tmp_path.iterdir()] == ["somebody's"]
    Lake(str(tmp_path / "nowhere")).clear()


def test_writing_the_databases_anew_empties_the_lake(settings: Settings) -> None:
    """Erasures, purges and new keys all do; the copies that Spark reads would show who is gone."""
    lake = Lake(settings.lake_dir)
    lake.write(f"{KEPT}1-x", ROWS.to_reader())
    with open_databases(settings, vault="write", warehouse="write") as con:
        rewrite_databases(con, settings, load_keys(settings), lambda table: f"SELECT * FROM {table.source}")
    assert list(Path(settings.lake_dir).iterdir()) == []


def test_addresses() -> None:
    assert Lake("s3://bucket/panel").spark_address("t") == "s3a://bucket/panel/t"
    assert Lake("/data/lake").spark_address("t") == "file:///data/lake/t"
