"""One person of two erased from everywhere, end to end, with the job as Dagster runs it."""

import base64
import csv
import gzip
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from browse_assets import remove
from browse_assets.byte_search import search_files, wanted
from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.key_rotation import rotate
from browse_assets.keys import load_keys
from browse_assets.removal import MODEL_TAG, erase_queue_sensor, erase_user
from browse_assets.resources import Databases, ExperimentTracker, PrivateDataError, open_databases
from browse_assets.settings import Settings, load_settings
from browse_assets_tests.assets.test_loading import view, write_panel
from browse_assets_tests.in_process import materialize_assets
from browse_assets_tests.test_privacy import URLS, plant_history

ANN, BOB = "ann.lee-4411@example.com", "bob.orr-2207@example.com"
Query = Callable[..., list[tuple[Any, ...]]]
RESOURCES = {"databases": Databases(), "tracker": ExperimentTracker()}


def rows_of(who: str) -> list[list[str]]:
    return [
        view(who, f"2024-05-0{day}T1{hour}:00:00Z", f"https://espn.com/{day}{hour}")
        for day in (1, 2)
        for hour in (0, 4)
    ]


@pytest.fixture
def panel(settings: Settings) -> Settings:
    """Two people in three formats, a history of one's own, bad rows, customers."""
    quoting = view(BOB, "2024-05-03T10:00:00Z", "https://mail.example.com/inbox")
    # What is known of a page that one person alone saw goes with that person.
    seen = [
        view(ANN, "2024-05-03T11:00:00Z", "https://www.nerdwallet.com/best/credit-cards"),
        view(BOB, "2024-05-03T11:00:00Z", "https://www.nerdwallet.com/best/loans/auto-loans"),
    ]
    bad = [["", "192.0.2.1", "2024-05-01T10:00:00Z", f"https://example.com/?to={ANN}", "", ""], [ANN, "cut"]]
    write_panel(settings.inbox / "p.csv", [*rows_of(ANN), *rows_of(BOB), quoting, *seen, *bad, [BOB, "cut"]])
    with gzip.open(settings.inbox / "more.jsonl.gz", "wt") as file:
        for who in (ANN, BOB):
            row = {
                "userId": who,
                "timestamp": "2024-05-04T10:00:00Z",
                "url": "https://bbc.co.uk/x",
                "title": f"to {ANN}",
            }
            file.write(json.dumps(row) + "\n")
    table = pa.table(
        {"userId": [ANN, BOB], "timestamp": ["2024-05-05T10:00:00Z"] * 2, "url": ["https://cnn.com/1"] * 2}
    )
    pq.write_table(table, settings.inbox / "p.parquet")
    (settings.inbox / ANN).mkdir()
    plant_history(settings.inbox / ANN / "History")
    with (settings.customers / "customers.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["user_id", "plan"], [ANN, "basic"], [BOB, "basic"]])
    return settings


@pytest.fixture
def instance(panel: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(panel))) as opened:
        yield opened


# As far as a table that compares people; training would take most of the test's time.
ENOUGH = (
    "raw_events",
    "input_files",
    "rejected_events",
    "scrubbed_events",
    "pii_removed",
    "domain_features",
    "user_days",
    "page_topics",
    "page_finance",
    "interest_profile",
    "raw_customers",
    "customer_features",
)


def run_enough(*names: str, instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    """In memory without an instance: Dagster's files take most of the time."""
    return materialize_assets(*(names or ENOUGH), instance=instance)


def failed_checks(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        check.check_name
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]


def erase(instance: dg.DagsterInstance, user_id: str = "", *, fails: bool = False) -> dict[str, Any]:
    config = {"ops": {"erase_people": {"config": {"user_id": user_id}}}} if user_id else {}
    result = erase_user.execute_in_process(
        resources=RESOURCES, instance=instance, run_config=config, raise_on_error=not fails
    )
    assert result.success is not fails
    if fails:
        return {}
    (event,) = [event for event in result.all_node_events if event.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def rows(select: str) -> list[tuple[Any, ...]]:
    """Of a SELECT, with the key that is set by now."""
    with open_databases(load_settings(), vault="read", warehouse="read") as con:
        return con.execute(select).fetchall()


def everything_below(settings: Settings) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(settings.data_dir.rglob("*")) if path.is_file())


def test_one_of_two_people_is_gone_and_stays_so(
    panel: Settings, instance: dg.DagsterInstance, warehouse: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    old_copy = (panel.inbox / "p.csv").read_bytes()
    history = (panel.inbox / ANN / "History").read_bytes()
    customers = (panel.customers / "customers.csv").read_bytes()
    assert not failed_checks(run_enough())
    run_enough("customer_features", instance=instance)
    key = load_keys(panel).user_key(ANN)
    bobs = "SELECT * EXCLUDE (load_id) FROM scrubbed_events WHERE user_key <> ? ORDER BY event_id".replace(
        "?", f"'{key}'"
    )
    before = warehouse(bobs)
    # Previews show keys shortened; those of earlier versions, which are still on disk, did not.
    old_preview = dg.MetadataValue.md(f"| user_key | topic |\n| --- | --- |\n| {key} | News |")
    instance.report_runless_asset_event(dg.AssetMaterialization("interest_profile", metadata={"preview": old_preview}))
    assert search_files([panel.dagster_home], wanted([], [key])).places

    done = erase(instance, ANN)
    assert done["ids given"] == 1
    assert done["ids not known"] == 0
    # One of the history's URLs is an address for documentation: no web page.
    assert done["page views removed"] == 4 + 1 + 1 + 1 + len(URLS) - 1
    assert done["places where something was found"] == 0
    assert done["files searched"] > 5
    assert done["bytes searched"] > 100_000

    # Not one byte, by a search of the test's own.
    stored = everything_below(panel)
    for text in (
        ANN.encode(),
        str(key).encode(),
        key.bytes,
        ANN.encode().hex().encode(),
        base64.b64encode(ANN.encode()),
    ):
        assert text not in stored
    for table in ("raw_events", "raw_rejected", "raw_customers", "raw_files", "raw_people", "raw_tombstones"):
        assert ANN not in repr(warehouse(f"SELECT * FROM vault.{table}"))
    # The others as they were.
    assert warehouse(bobs) == before
    assert warehouse("SELECT finance_product FROM page_finance") == [("auto_loans",)]
    lines = (panel.inbox / "p.csv").read_bytes()
    kept = [line for line in old_copy.splitlines(keepends=True) if ANN.encode() not in line]
    assert lines == b"".join(kept)
    with gzip.open(panel.inbox / "more.jsonl.gz", "rt") as file:
        (row,) = [json.loads(line) for line in file]
    assert (row["userId"], row["title"]) == (BOB, "to {erased}")
    assert pq.read_table(panel.inbox / "p.parquet").column("userId").to_pylist() == [BOB]
    assert not (panel.inbox / ANN).exists()
    assert (panel.customers / "customers.csv").read_bytes() == b"user_id,plan\r\n" + BOB.encode() + b",basic\r\n"

    # The next run makes anew what compares people, and every check holds.
    assert not failed_checks(run_enough())
    assert warehouse("SELECT count(*) FROM interest_profile WHERE user_key = '" + str(key) + "'") == [(0,)]
    assert warehouse("SELECT count(*) FROM input_files") == [(3,)]
    assert [row[1:] for row in warehouse(bobs)] == [row[1:] for row in before]

    # An old copy with other content, the history and the customer table come back: after a change of keys, too.
    rotate(replace(panel, new_secret_key_hex="cd" * 32))
    monkeypatch.setenv("BROWSE_SECRET_KEY", "cd" * 32)
    (panel.inbox / "old.csv").write_bytes(old_copy + b"\r\n")
    (panel.inbox / ANN).mkdir()
    (panel.inbox / ANN / "History").write_bytes(history)
    (panel.customers / "customers.csv").write_bytes(customers)
    assert not failed_checks(
        run_enough("raw_events", "input_files", "rejected_events", "scrubbed_events", "raw_customers")
    )
    assert rows("SELECT DISTINCT user_id FROM vault.raw_events") == [(BOB,)]
    assert rows("SELECT DISTINCT user_id FROM vault.raw_customers") == [(BOB,)]
    assert rows("SELECT count(*) FROM rejected_events WHERE reason = 'erased'") == [(1 + 1 + 4 + 2 + 1 + len(URLS),)]
    assert rows("SELECT count(*) FROM vault.raw_rejected WHERE reason = 'erased' AND row IS NOT NULL") == [(0,)]
    assert ANN not in repr(rows("SELECT * FROM vault.raw_rejected"))


@pytest.fixture
def small(settings: Settings) -> Settings:
    """Two people, as far as the vault's inbox: nothing is loaded yet."""
    write_panel(settings.inbox / "p.csv", [*rows_of(ANN), *rows_of(BOB)])
    return settings


@pytest.fixture
def home(small: Settings) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(prepare_dagster_home(small))) as opened:
        yield opened


def queue(settings: Settings, *lines: str, name: str = "list.txt") -> Path:
    settings.erase_queue.mkdir(exist_ok=True)
    path = settings.erase_queue / name
    path.write_text("\n".join(lines) + "\n")
    os.utime(path, (time.time() - 60, time.time() - 60))  # nobody writes to it any more
    return path


def test_a_list_being_written_waits(small: Settings, home: dg.DagsterInstance) -> None:
    """Half an id can be another person's."""
    small.erase_queue.rmdir() if small.erase_queue.exists() else None

    def said() -> str:
        asked = erase_queue_sensor(dg.build_sensor_context(instance=home))
        return str(asked.skip_message) if isinstance(asked, dg.SkipReason) else "asked"

    assert said() == "There is no data/erase/."
    listed = queue(small, ANN[:-2])
    os.utime(listed)
    assert said() == "The list is still being written."
    listed.unlink()
    assert said() == "data/erase/ is empty."
    queue(small, ANN)
    assert said() == "asked"


def test_a_list_that_was_added_to_meanwhile_stays(
    small: Settings, home: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, longer = queue(small, ANN, name="done"), queue(small, BOB, name="longer")

    def erase_slowly(_: Settings, requests: list[str], *, finish: Callable[[], None], **__: Any) -> None:
        assert sorted(requests) == sorted([ANN, BOB])
        longer.write_text(f"{BOB}\n{ANN}\n")
        finish()
        raise PrivateDataError("the rest of it is not told here")

    monkeypatch.setattr("browse_assets.erasure.people.erase", erase_slowly)
    resources = {"databases": Databases(), "tracker": ExperimentTracker()}
    erase_user.execute_in_process(instance=home, resources=resources, raise_on_error=False)
    assert not done.exists()
    assert longer.read_text() == f"{BOB}\n{ANN}\n"


def test_a_queue_is_worked_on_without_an_id_in_any_record(
    small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any], warehouse: Query
) -> None:
    materialize("raw_events")
    listed = queue(small, ANN, "", "nobody-9911@example.com")
    asked = erase_queue_sensor(dg.build_sensor_context(instance=home))
    assert isinstance(asked, dg.RunRequest)
    assert ANN not in repr(asked)
    assert not asked.run_config
    done = erase(home)
    assert (done["ids given"], done["ids not known"]) == (2, 1)
    assert not listed.exists()
    assert isinstance(erase_queue_sensor(dg.build_sensor_context(instance=home)), dg.SkipReason)
    assert warehouse("SELECT count(*) FROM vault.raw_tombstones") == [(2,)]
    assert warehouse("SELECT accepted, erased, rejected FROM vault.raw_files") == [(8, 4, 0)]
    assert ANN.encode() not in everything_below(small)


def test_a_list_that_fails_is_tried_three_times(small: Settings, home: dg.DagsterInstance) -> None:
    queue(small, ANN)
    for attempt in range(3):
        asked = erase_queue_sensor(dg.build_sensor_context(instance=home))
        assert isinstance(asked, dg.RunRequest)
        assert (asked.run_key or "").endswith(f"-{attempt}")
        home.create_run_for_job(erase_user, tags=dict(asked.tags), status=dg.DagsterRunStatus.FAILURE)
    skipped = erase_queue_sensor(dg.build_sensor_context(instance=home))
    assert isinstance(skipped, dg.SkipReason)
    assert "failed 3 times" in (skipped.skip_message or "")


def test_a_pseudonym_will_do(
    small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any], warehouse: Query
) -> None:
    materialize("raw_events", "input_files", "scrubbed_events", "user_days")
    key = load_keys(small).user_key(ANN)
    (small.exports / str(key)).mkdir(parents=True)
    (small.exports / str(key) / "person.html").write_text("<p>named by its folder</p>")
    small.export_requests.mkdir()
    (small.export_requests / "asked").write_text(f"{ANN}\n{BOB}\n")
    done = erase(home, str(key))
    assert list(small.exports.iterdir()) == []
    assert (small.export_requests / "asked").read_text() == f"{BOB}\n"
    assert (done["ids not known"], done["page views removed"]) == (0, 4)
    assert warehouse("SELECT DISTINCT user_id FROM vault.raw_events") == [(BOB,)]
    assert str(key).encode() not in everything_below(small)
    assert ANN.encode() not in (small.inbox / "p.csv").read_bytes()


def test_models_are_marked_and_only_where_somebody_was_in_them(
    small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any]
) -> None:
    client = ExperimentTracker().client().MlflowClient()
    client.create_registered_model("marked")
    run = client.create_run("0")
    client.create_model_version("marked", f"{run.info.artifact_uri}/model", run_id=run.info.run_id)
    materialize("raw_events")
    erase(home, "nobody-9911@example.com")
    assert MODEL_TAG not in client.get_model_version("marked", "1").tags
    erase(home, ANN)
    assert MODEL_TAG in client.get_model_version("marked", "1").tags


def test_a_file_that_cannot_be_edited_is_refused_before_anything_changes(
    small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any], warehouse: Query
) -> None:
    materialize("raw_events")
    (small.inbox / "notes.bin").write_bytes(bytes(range(256)) + ANN.encode())
    before = (small.inbox / "p.csv").read_bytes()
    erase(home, ANN, fails=True)
    assert (small.inbox / "p.csv").read_bytes() == before
    assert warehouse("SELECT count(*) FROM vault.raw_events") == [(8,)]
    stored = b"".join(path.read_bytes() for path in small.dagster_home.rglob("*") if path.is_file())
    assert b"cannot be edited" in stored
    assert ANN.encode() not in stored


def test_what_is_left_fails_the_job(small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any]) -> None:
    """Base64 in a page of somebody else is not edited, but found."""
    coded = base64.b64encode(ANN.encode()).decode()
    write_panel(small.inbox / "q.csv", [view(BOB, "2024-05-03T10:00:00Z", f"https://example.com/?r={coded}")])
    materialize("raw_events")
    erase(home, ANN, fails=True)
    stored = b"".join(path.read_bytes() for path in small.dagster_home.rglob("*") if path.is_file())
    assert b'vault.\\"main\\".\\"raw_events' in stored or b"raw_events" in stored
    assert ANN.encode() not in stored


def test_answers_that_show_the_person_go_too(
    small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any]
) -> None:
    materialize("raw_events")
    ann, bob, carl = (small.exports / str(load_keys(small).user_key(who)) for who in (ANN, BOB, "carl"))
    for folder, text in ((ann, "known as"), (bob, f"invited {ANN}"), (carl, "nobody else")):
        folder.mkdir(parents=True)
        (folder / "person.html").write_text(text)
    small.export_requests.mkdir()
    asked = small.export_requests / "requests.txt"
    asked.write_text(f"{ANN}\n{BOB}\n")
    (small.export_requests / "one.txt").write_text(f"{ANN}\n")
    assert erase(home, ANN)["exports removed"] == 2
    assert list(small.exports.iterdir()) == [carl]
    assert list(small.export_requests.iterdir()) == [asked]
    assert asked.read_text() == f"{BOB}\n"


def test_the_command_says_where_something_is_left(
    small: Settings, materialize: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    materialize("raw_events")
    queue(small, ANN)
    left = small.export_requests / f"{ANN}.txt"  # a note of somebody's own, not a request
    left.parent.mkdir()
    left.write_text(f"call {ANN} back")
    capsys.readouterr()
    assert remove.main(["erase"]) == 1
    said = capsys.readouterr()
    digest = hashlib.sha256(left.read_bytes()).hexdigest()[:12]
    assert f"data/export: a file .txt (bytes), SHA-256 {digest}" in said.out.replace(small.data_dir.name, "data")
    assert "FAILED: Erased, but the search found something in 2 places" in said.err
    assert "DEBUG" not in said.out + said.err
    assert "Stack Trace" not in said.out + said.err
    assert ANN not in said.out + said.err


def test_the_command_erases_the_list(
    small: Settings, materialize: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert remove.main(["erase"]) == 0
    assert "Nothing to erase" in capsys.readouterr().out
    materialize("raw_events")
    queue(small, ANN)
    assert remove.main(["erase"]) == 0
    said = capsys.readouterr()
    assert "places where something was found   0" in said.out
    assert ANN not in said.out + said.err
    assert rows("SELECT DISTINCT user_id FROM vault.raw_events") == [(BOB,)]
    assert remove.main(["purge"]) == 0
    assert "BROWSE_RETENTION_DAYS" in capsys.readouterr().out


def test_an_erasure_that_was_killed_is_completed_by_the_next(
    small: Settings, home: dg.DagsterInstance, materialize: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed when the inbox is edited already and the databases are not exchanged yet; asked by pseudonym."""
    materialize("raw_events")
    listed = queue(small, str(load_keys(small).user_key(ANN)))

    def killed(*_: Any, **__: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr("browse_assets.erasure.people.rewrite_databases", killed)
        erase(home, fails=True)
    assert listed.exists()
    assert rows("SELECT count(*) FROM vault.raw_events") == [(8,)]
    assert ANN.encode() not in (small.inbox / "p.csv").read_bytes()
    done = erase(home)
    assert (done["ids not known"], done["page views removed"]) == (0, 4)
    assert rows("SELECT DISTINCT user_id FROM vault.raw_events") == [(BOB,)]
    assert not listed.exists()
