"""The benchmark's small files are what they claim to be, and one run takes them all; nothing depends on how fast."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from browse_assets.readers.detection import identify
from browse_assets.readers.errors import UnreadableFile
from browse_assets.settings import Settings
from browse_assets_tests.bench.file_figures import files_table
from browse_assets_tests.bench.many_files import CHROME, CSV, FIREFOX, JSONL, SAFARI, SHARES, TAKEOUT, write_files
from browse_assets_tests.bench.measure import Usage
from browse_assets_tests.bench.stages import TO_DOMAIN_FEATURES

FORMATS = {
    CHROME: "chrome",
    FIREFOX: "firefox",
    SAFARI: "safari",
    TAKEOUT: "takeout",
    CSV: "csv",
    JSONL: "jsonl",
}


def _contents(inbox: Path) -> dict[str, bytes]:
    return {path.relative_to(inbox).as_posix(): path.read_bytes() for path in inbox.rglob("*") if path.is_file()}


def test_files_have_the_shares_they_should_and_are_the_same_again(tmp_path: Path) -> None:
    write_files(tmp_path / "a", 100)
    write_files(tmp_path / "b", 30)
    found = _contents(tmp_path / "a")
    assert {name: content for name, content in found.items() if name in _contents(tmp_path / "b")} == _contents(
        tmp_path / "b"
    )
    assert len(set(found.values())) == 100
    assert Counter(Path(name).name for name in found) == SHARES
    broken = []
    for name in found:
        try:
            assert identify(tmp_path / "a" / name) == FORMATS[Path(name).name]
        except UnreadableFile as error:
            broken.append(error.code)
    assert broken == ["sqlite_damaged"]


def test_one_run_takes_them_all(
    settings: Settings, materialize: Callable[..., Any], warehouse: Callable[..., list[tuple[Any, ...]]]
) -> None:
    views = write_files(settings.inbox, 60)
    result = materialize(*TO_DOMAIN_FEATURES)
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == [
        "files_readable"
    ]
    assert warehouse("SELECT status, count(*), sum(accepted) FROM input_files GROUP BY ALL ORDER BY ALL") == [
        ("failed", 1, None),
        ("read", 59, views),
    ]
    assert warehouse("SELECT count(DISTINCT user_id), count(*) FROM vault.raw_events") == [(59, views)]
    assert warehouse("SELECT sum(page_views) FROM domain_features") == [(views,)]


@pytest.mark.parametrize(("files", "each"), [(20, "50.00"), (2_000, "0.50")])
def test_the_table_shows_what_a_file_costs(files: int, each: str) -> None:
    lines = files_table({files: Usage(rows=7, cpu=1.0, wall=2.0, peak_bytes=3 * 10**6)})
    assert lines[1].split() == [f"{files:,}", "2.00", "1.00", each, "3", "7"]
