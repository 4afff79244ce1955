"""Small files are staged together, and it makes no difference; one that fails, fails alone."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from browse_assets.assets import staged_files
from browse_assets.assets.staged_files import FileOutcome, Progress, Stager
from browse_assets.readers.inbox import InboxFile
from browse_assets.readers.panel_csv import PanelCsv
from browse_assets.settings import Settings
from browse_assets_tests.bench.many_files import write_files

Query = Callable[..., list[tuple[Any, ...]]]
RAW = "SELECT * EXCLUDE (load_id) FROM vault.raw_events ORDER BY event_id"


def _outcome(number: int, failure: str | None = None) -> FileOutcome:
    file = InboxFile(Path("x"), "x", None, 1, 1)
    return FileOutcome(file, f"{number:064x}", None if failure else "chrome", failure)


def test_together_or_alone_is_the_same(
    settings: Settings, materialize: Callable[..., Any], warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every way a file can go: with others of its kind, with few at a time, and streamed by itself."""
    write_files(settings.inbox, 12)
    took = [{"title": "A", "url": "https://example.com/a", "time_usec": 1714557600000000}]
    broken = '{"userId": "eve"}\n{"userId": "eve", "url": "https://example.com", "time": "\ufffd"}\n{"userId": '
    for person in ("ann", "bob'; --"):
        (settings.inbox / person).mkdir()
        (settings.inbox / person / "History.json").write_text(json.dumps({"Browser History": took, "of": person}))
        (settings.inbox / person / "panel.jsonl").write_text(broken.replace("eve", person) + "x")
        (settings.inbox / person / "panel.csv").write_bytes(b"user,time,url\n%s,1,caf\xe9\n,,\n1,2\n" % person.encode())
    found = []
    for rows, small in ((50_000, 2**19), (60, 2**19), (50_000, 0)):
        monkeypatch.setattr(staged_files, "BATCH_ROWS", rows)
        monkeypatch.setattr(staged_files, "SMALL_FILE_BYTES", small)
        for path in settings.data_dir.glob("*.duckdb"):
            path.unlink()
        materialize("raw_events", "rejected_events", "input_files")
        queries = (RAW, "FROM rejected_events ORDER BY ALL", "FROM input_files ORDER BY ALL")
        found.append([warehouse(query) for query in queries])
        assert list(settings.scratch.iterdir()) == []
    assert {len(rows) for rows in found[0]} == {len(found[0][0]), 12, 18}
    assert found[1] == found[0]
    assert found[2] == found[0]


@pytest.mark.parametrize(
    ("oddity", "scans"),
    [
        (b"", 0),
        (b"ann,too,many,values\n", 0),  # a broken row has its place without a scan
        (b'ann,2,"https://example.com/two\nlines"\n', 2),  # with the quotes, and line by line
        (b"ann,3,https://example.com/caf\xe9\n", 1),
    ],
)
def test_a_large_csv_is_scanned_where_it_is_odd(
    oddity: bytes,
    scans: int,
    settings: Settings,
    materialize: Callable[..., Any],
    warehouse: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is odd stands behind two blocks of rows, so that rows went into the statement before it failed."""
    plain = b"".join(b"ann,%d,https://example.com/%0100d\n" % (number, number) for number in range(4, 150_000))
    (settings.inbox / "panel.csv").write_bytes(b"user,time,url\n" + plain + oddity)
    counted = []
    scanned = PanelCsv._scanned
    monkeypatch.setattr(PanelCsv, "_scanned", lambda self, **how: counted.append(how) or scanned(self, **how))
    materialize("raw_events", "input_files")
    assert len(counted) == scans
    rows = 149_996 + (oddity != b"")
    assert warehouse("SELECT rows_read, accepted + rejected, reason FROM input_files") == [(rows, rows, None)]


def test_a_large_csv_that_is_cut_off_fails_with_its_reason_and_nothing_of_it_is_kept(
    settings: Settings, materialize: Callable[..., Any], warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unscanned, its rows are on their way into the vault when the end is found missing."""
    monkeypatch.setattr(staged_files, "SMALL_FILE_BYTES", 0)
    rows = b"".join(b"ann,%d,https://example.com/%064x\n" % (1_700_000_000 + n, n * 2**60) for n in range(200_000))
    packed = gzip.compress(b"user,time,url\n" + rows, compresslevel=1)
    (settings.inbox / "cut.csv.gz").write_bytes(packed[: len(packed) * 9 // 10])
    (settings.inbox / "whole.csv").write_bytes(b"user,time,url\nann,1700000000,https://example.com/\n")
    materialize("raw_events", "input_files")
    assert warehouse("SELECT format, split_part(reason, ':', 1), accepted FROM input_files ORDER BY ALL") == [
        ("csv", "truncated", None),
        ("csv", None, 1),
    ]
    assert warehouse("SELECT count(*) FROM vault.raw_events") == [(1,)]


def test_a_file_of_a_batch_fails_alone(
    settings: Settings, materialize: Callable[..., Any], warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(settings.inbox, 4)
    insert = Stager._insert

    def fragile(self: Stager, orders: list[int], rows: duckdb.DuckDBPyRelation) -> None:
        if 2 in orders:
            raise duckdb.OutOfMemoryException("canary.person@example.com")
        insert(self, orders, rows)

    monkeypatch.setattr(Stager, "_insert", fragile)
    materialize("raw_events", "input_files")
    assert warehouse("SELECT split_part(reason, ':', 1), count(*) FROM input_files GROUP BY ALL ORDER BY ALL") == [
        ("out_of_memory", 1),
        ("sqlite_damaged", 1),  # cut off in the middle
        (None, 2),
    ]
    assert warehouse("SELECT count(DISTINCT file_id) FROM vault.raw_events") == [(2,)]
    assert warehouse("SELECT count(*) FROM input_files WHERE contains(reason, 'canary')") == [(0,)]


@pytest.mark.parametrize(("failing", "lines"), [(0, 50 + 4), (20, 50 + 20 + 4), (2_000, 100 + 4)])
def test_thousands_of_files_are_few_lines(failing: int, lines: int) -> None:
    """Two thousand files, of which the last so many fail."""
    said: list[str] = []
    progress = Progress(said.append)
    for number in range(2_000):
        progress.add(_outcome(number, "empty: it holds nothing" if number >= 2_000 - failing else None))
    assert len(said) == lines
    assert said[-1] == f"2000 files: {failing} failed; input_files says why"
    assert (
        f"file {0:012x}: {'chrome, read' if failing < 2_000 else 'unknown format, empty: it holds nothing'}" == said[0]
    )
    assert sum("empty" in line for line in said) == min(failing, 100)
