"""From the inbox to the vault: nothing lost, nothing doubled, bad files beside good ones."""

import csv
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from browse_assets.assets import loading
from browse_assets.assets.loading import load_inbox
from browse_assets.keys import load_keys
from browse_assets.readers.panel_csv import PanelCsv
from browse_assets.resources import open_databases
from browse_assets.settings import Settings
from browse_assets_tests.conftest import REAL_FILES, sqlite_count

HEADER = ["userId", "ip", "timestamp", "url", "metadata.name", "metadata.content"]
Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]

FILES = "SELECT format, status, rows_read, accepted, folded, duplicates, rejected FROM input_files ORDER BY ALL"
LOAD = ("raw_events", "input_files", "rejected_events")


def write_panel(path: Path, rows: list[list[str]], header: list[str] = HEADER) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def view(user: str, time: str, url: str, name: str = "", content: str = "") -> list[str]:
    return [user, "192.0.2.1", time, url, name, content]


@pytest.fixture(params=[loading.SLICE_ROWS, 1], ids=["whole", "in slices"])
def slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A load in one piece, and one in as many as there are minutes."""
    monkeypatch.setattr(loading, "SLICE_ROWS", request.param)


@pytest.mark.usefixtures("slices")
def test_rows_are_accepted_folded_duplicate_or_rejected(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    time = "2024-05-01T10:00:00Z"
    rows = [
        view("ann", time, "https://example.com/a", "og:title", "A"),
        view("ann", time, "https://example.com/a", "og:type", "article"),
        view("ann", time, "https://example.com/a", "og:title", "A"),
        view("ann", time, "https://example.com/b"),
        view("bob", time, "https://example.com/a"),
        view("", time, "https://example.com/a"),
        view("ann", "", "https://example.com/a"),
        view("ann", "yesterday", "https://example.com/a"),
        view("ann", "1970-01-01T00:00:01Z", "https://example.com/a"),
        view("ann", "2999-01-01T00:00:00Z", "https://example.com/a"),
        view("ann", "2024-05-01T11:00:00Z", ""),
        view("ann", time, "https://"),
        view("ann", time, "no url at all"),
        view("ann", time, "file:///home/ann/letter.txt"),
        view("ann", time, "chrome://settings"),
        view("ann", time, "http://localhost:8080/"),
        view("ann", time, "http://192.168.1.1/"),
        view("ann", time, "http://intranet/"),
        ["ann", "x"],
    ]
    write_panel(settings.inbox / "panel.csv", rows)
    materialize(*LOAD)
    assert warehouse(FILES) == [("csv", "read", 19, 3, 1, 1, 14)]
    assert warehouse("SELECT row_number, reason FROM rejected_events ORDER BY 1") == [
        (6, "no_user"),
        (7, "no_time"),
        (8, "bad_time"),
        (9, "time_out_of_range"),
        (10, "time_out_of_range"),
        (11, "no_url"),
        (12, "bad_url"),
        (13, "bad_url"),
        (14, "not_web"),
        (15, "not_web"),
        (16, "not_web"),
        (17, "not_web"),
        (18, "not_web"),
        (19, "malformed"),
    ]
    tags = warehouse("SELECT metadata FROM vault.raw_events WHERE user_id = 'ann' AND url LIKE '%/a'")
    assert tags == [([{"name": "og:title", "content": "A"}, {"name": "og:type", "content": "article"}],)]


def loaded(settings: Settings, data: Path, files: list[list[list[str]]], loads: int) -> list[list[tuple[Any, ...]]]:
    """What the vault holds after the files came in that many loads."""
    settings = replace(settings, data_dir=data, secret_key_hex="be" * 32)
    keys = load_keys(settings)
    with open_databases(settings, vault="write", keys=keys) as con:
        for number in range(loads):
            for place, rows in enumerate(files[number::loads]):
                write_panel(settings.inbox / f"{number}-{place}.csv", rows)
            load_inbox(con, settings, keys, lambda _: None)
        return [
            con.execute(f"SELECT COLUMNS(c -> c NOT IN ('modified_ns')) FROM vault.{table} ORDER BY ALL").fetchall()
            for table in ("raw_events", "raw_rejected", "raw_files")
        ]


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("seed", range(3))
def test_neighbours_taken_together_change_nothing(
    seed: int, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    views = [
        ("ann", "2024-05-01T10:00:00Z", "https://example.com/a"),
        ("ann", "2024-05-01T10:00:30Z", "https://example.com/a"),
        ("ann", "2024-05-01T10:02:00Z", "https://example.com/b"),
        ("ann", "2024-05-01T10:02:00Z", ""),
        ("ann", "soon", "https://example.com/a"),
        ("", "2024-05-01T10:00:00Z", "https://example.com/a"),
    ]
    tags = [("og:title", "A"), ("og:type", "x"), ("og:type", ""), ("og:url", "https://example.com/b"), ("", "")]
    files = [
        [view(*who, *draw.choice(tags)) for who in draw.choices(views, k=6) for _ in range(draw.randint(1, 4))]
        for _ in range(4)
    ]
    together = loaded(settings, tmp_path / "together", files, 2)
    monkeypatch.setattr(PanelCsv, "_tag_columns", lambda _: None)
    assert loaded(settings, tmp_path / "apart", files, 2) == together


def test_rejected_neighbours_are_kept_row_by_row(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    day = "2999-01-01T00:00:00Z"
    write_panel(
        settings.inbox / "p.csv",
        [
            view("ann", day, "https://example.com/a", "og:title", "A"),
            view("ann", day, "https://example.com/a"),
            view("ann", day, "https://example.com/a", "og:type", "x"),
        ],
    )
    materialize(*LOAD)
    assert warehouse(
        "SELECT row_number, reason, \"row\"::JSON ->> '$.metadata' FROM vault.raw_rejected ORDER BY 1"
    ) == [
        (1, "time_out_of_range", '[{"name":"og:title","content":"A"}]'),
        (2, "time_out_of_range", None),
        (3, "time_out_of_range", '[{"name":"og:type","content":"x"}]'),
    ]


def test_url_comes_from_the_metadata_of_the_rows_together(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    header = ["userId", "timestamp", "metadata.name", "metadata.content"]
    one, two = "2024-05-01T10:00:00Z", "2024-05-01T10:05:00Z"
    rows = [
        ["ann", one, "og:title", "A"],
        ["ann", one, "og:url", "https://example.com/a"],
        ["ann", one, "og:type", "article"],
        ["ann", two, "canonical", "https://example.com/b"],
        ["ann", two, "og:title", "B"],
        ["bob", two, "og:title", "no page"],
    ]
    write_panel(settings.inbox / "tags.csv", rows, header)
    materialize(*LOAD)
    assert warehouse(FILES) == [("csv", "read", 6, 2, 3, 0, 1)]
    assert warehouse("SELECT url, len(metadata) FROM vault.raw_events ORDER BY 1") == [
        ("https://example.com/a", 3),
        ("https://example.com/b", 2),
    ]


@pytest.mark.usefixtures("slices")
def test_same_content_and_overlaps_double_nothing(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    rows = [view("ann", f"2024-05-01T10:{i:02}:00Z", f"https://example.com/{i}") for i in range(10)]
    write_panel(settings.inbox / "one.csv", rows[:6])
    write_panel(settings.inbox / "copy.csv", rows[:6])
    materialize(*LOAD)
    assert warehouse("SELECT sum(accepted), sum(duplicates), count(*) FROM input_files") == [(6, 0, 1)]
    write_panel(settings.inbox / "two.csv", rows[3:])
    materialize(*LOAD)
    assert warehouse("SELECT sum(accepted), sum(duplicates), count(*) FROM input_files") == [(10, 3, 2)]
    before = warehouse("SELECT * FROM vault.raw_events ORDER BY event_id")
    materialize(*LOAD)
    assert warehouse("SELECT * FROM vault.raw_events ORDER BY event_id") == before


@pytest.mark.usefixtures("slices")
def test_a_later_file_adds_its_tags_to_a_known_page_view(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    time = "2024-05-01T10:00:00Z"
    write_panel(settings.inbox / "1.csv", [view("ann", time, "https://example.com/a", "og:title", "A")])
    materialize(*LOAD)
    write_panel(settings.inbox / "2.csv", [view("ann", time, "https://example.com/a", "og:type", "x")])
    materialize(*LOAD, "scrubbed_events")
    assert warehouse("SELECT accepted, folded FROM input_files ORDER BY ALL") == [(0, 1), (1, 0)]
    assert warehouse("SELECT len(metadata) FROM scrubbed_events") == [(2,)]


def test_bad_files_have_a_reason_and_stop_nothing(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    good = [view("ann", "2024-05-01T10:00:00Z", "https://example.com/a")]
    write_panel(settings.inbox / "good.csv", good)
    (settings.inbox / "empty.csv").write_bytes(b"")
    (settings.inbox / "header.csv").write_text(",".join(HEADER) + "\n")
    (settings.inbox / "noise.csv").write_bytes(bytes(range(256)) * 64)
    (settings.inbox / "'; DROP TABLE raw_events; --.csv").write_bytes(b"\x00\x01\x02")
    (settings.inbox / "History").write_bytes(b"SQLite format 3\x00" + b"\x00" * 50)
    (settings.inbox / "being-written.csv.part").write_text("half a file")
    result = materialize(*LOAD)
    assert result.success
    assert warehouse("SELECT status, count(*) FROM input_files GROUP BY 1 ORDER BY 1") == [
        ("failed", 5),
        ("read", 1),
    ]
    reasons = [reason for (reason,) in warehouse("SELECT reason FROM input_files WHERE status = 'failed'")]
    assert all(reason and ": " in reason for reason in reasons)
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "files_readable")
    assert not check.passed


def test_a_failed_file_is_tried_again_when_it_changes(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    (settings.inbox / "panel.csv").write_bytes(b"\x00\x01\x02")
    materialize(*LOAD)
    assert warehouse("SELECT status FROM input_files") == [("failed",)]
    write_panel(settings.inbox / "panel.csv", [view("ann", "2024-05-01T10:00:00Z", "https://example.com/")])
    materialize(*LOAD)
    assert warehouse("SELECT status, accepted FROM input_files") == [("read", 1)]


def test_a_reader_that_crashes_fails_its_file_alone(
    settings: Settings, materialize: Materialize, warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    from browse_assets.readers import staging

    write_panel(settings.inbox / "1.csv", [view("ann", "2024-05-01T10:00:00Z", "https://example.com/1")])
    write_panel(settings.inbox / "2.csv", [view("ann", "2024-05-01T10:00:00Z", "https://example.com/2")])
    stage = staging.stage

    def fragile(con: Any, path: Path, **kwargs: Any) -> Any:
        if path.name == "1.csv":
            raise RuntimeError("canary.person@example.com")
        return stage(con, path, **kwargs)

    monkeypatch.setattr(staging, "stage", fragile)
    materialize(*LOAD)
    assert warehouse("SELECT accepted FROM input_files WHERE status = 'read'") == [(1,)]
    ((reason,),) = warehouse("SELECT reason FROM input_files WHERE status = 'failed'")
    assert reason.startswith("reader_error: ")
    assert "canary" not in reason


def test_the_sample_leaves_when_the_first_real_file_comes(
    settings: Settings,
    materialize: Materialize,
    warehouse: Query,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    sample = tmp_path / "sample"
    write_panel(sample / "inbox" / "s.csv", [view("zoe", "2024-05-01T10:00:00Z", "https://example.com/s")])
    monkeypatch.setattr(loading, "SAMPLE_DIR", sample)
    chain = (*LOAD, "scrubbed_events", "domain_features", "user_days")
    materialize(*chain)
    assert warehouse("SELECT origin, accepted FROM input_files") == [("sample", 1)]
    write_panel(settings.inbox / "real.csv", [view("ann", "2024-05-01T10:00:00Z", "https://example.org/r")])
    materialize(*chain)
    assert warehouse("SELECT origin, accepted FROM input_files") == [("inbox", 1)]
    assert warehouse("SELECT url FROM scrubbed_events") == [("https://example.org/r",)]
    assert warehouse("SELECT domain FROM domain_features") == [("example.org",)]
    assert warehouse("SELECT count(*) FROM user_days") == [(1,)]


def test_a_person_owns_the_history_in_their_folder(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    rows = [{"title": "A", "url": "https://example.com/a", "time_usec": 1714557600000000}]
    for person in ("ann", "bob"):
        folder = settings.inbox / person / "phone"
        folder.mkdir(parents=True)
        text = json.dumps({"Browser History": rows, "of": person})
        (folder / "History.json").write_text(text)
    (settings.inbox / "BrowserHistory.json").write_text(json.dumps({"Browser History": rows}))
    materialize(*LOAD)
    users = [user for (user,) in warehouse("SELECT user_id FROM vault.raw_events ORDER BY length(user_id), 1")]
    assert users[:2] == ["ann", "bob"]
    assert len(users[2]) == 64


@pytest.mark.skipif(not REAL_FILES.exists(), reason="the real files are not here")
def test_real_histories_are_read_each_visit_once(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    visits = 0
    for kind, table in (
        ("chrome_history", "visits"),
        ("firefox", "moz_historyvisits"),
        ("safari", "history_visits"),
    ):
        folder = REAL_FILES / kind if kind == "chrome_history" else REAL_FILES / "other_history"
        for i, path in enumerate(sorted(p for p in folder.rglob("*") if p.is_file())):
            if kind == "chrome_history" or kind in path.name.lower():
                target = settings.inbox / f"{kind}{i}" / path.name
                target.parent.mkdir()
                shutil.copy(path, target)
                visits += sqlite_count(path, table)
    result = materialize(*LOAD, "scrubbed_events")
    assert result.success
    assert visits > 300
    ((rows_read, failed),) = warehouse("SELECT sum(rows_read), count_if(status = 'failed') FROM input_files")
    assert (rows_read, failed) == (visits, 0)
