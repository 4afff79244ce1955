"""A person asks what is stored: everything of theirs, nothing of anybody else, and no trace of who asked."""

import json
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.person_report import PersonReport, Section, as_html, as_json
from browse_assets.definitions import defs
from browse_assets.export import main
from browse_assets.export_user import export_user
from browse_assets.keys import load_keys
from browse_assets.resources import Databases
from browse_assets.settings import Settings
from browse_assets.tables import TABLES, Column, Table, tables_of
from browse_assets_tests.assets.test_loading import view, write_panel

Opened = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

ANN, BOB = "panelist-ann-0001", "panelist-bob-0002"
OWN_TABLES = [
    table for table in (*tables_of("vault"), *tables_of("warehouse")) if {"user_id", "user_key"} & {*table.column_names}
]
XSS = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def value_of(column: Column, text: str, number: int) -> Any:
    """A value of a column's type that tells whose it is."""
    values: dict[str, Any] = {
        "VARCHAR": text,
        "VARCHAR[]": [text],
        "JSON": json.dumps({"note": text}),
        "MAP(VARCHAR, VARCHAR)": {"plan": text},
        "STRUCT(name VARCHAR, content VARCHAR)[]": [{"name": "description", "content": text}],
        "STRUCT(domain VARCHAR, sessions BIGINT)[]": [{"domain": text, "sessions": number}],
        "STRUCT(column_name VARCHAR, kind VARCHAR, n BIGINT)[]": [{"column_name": "url", "kind": "id", "n": number}],
        "UUID": f"00000000-0000-0000-0000-{number:012d}",
        "DATE": "2024-05-01",
        "TIMESTAMP": f"2024-05-01 10:00:{number % 60:02d}",
        "BOOLEAN": True,
        "DOUBLE": number + 0.25,
    }
    return values.get(column.type, number)


def fill(con: duckdb.DuckDBPyConnection, table: Table, row: dict[str, Any]) -> None:
    schema = "vault.main." if table.database == "vault" else ""
    marks = ", ".join("?" for _ in row)
    con.execute(f"INSERT INTO {schema}{table.name} ({', '.join(row)}) VALUES ({marks})", list(row.values()))


@pytest.fixture
def two_people(settings: Settings, scratch_warehouse: Opened) -> Settings:
    """One row of Ann and two of Bob in every table about people; each says in every text whose it is."""
    keys = load_keys(settings)
    with scratch_warehouse() as con:
        for user_id, mark, numbers in ((ANN, "OF-ANN", (11,)), (BOB, "OF-BOB", (22, 23))):
            for number in numbers:
                for table in OWN_TABLES:
                    row = {c.name: value_of(c, f"{mark} {XSS}", number) for c in table.columns}
                    row |= {"user_id": user_id} if "user_id" in row else {"user_key": str(keys.user_key(user_id))}
                    fill(con, table, row)
                rejected = {"file_id": mark, "row_number": number, "reason": "bad_url"}
                fill(con, TABLES["raw_rejected"], rejected | {"row": json.dumps({"user_id": user_id, "url": mark})})
        malformed = {"file_id": "m", "reason": "malformed"}
        for number, text in enumerate((f"{ANN},HALF-OF-ANN", f"{ANN};{BOB};HALF-OF-BOB", "nobody,HALF-OF-BOB")):
            fill(con, TABLES["raw_rejected"], malformed | {"row_number": number, "row": text})
    return settings


def ask(person: str = "", instance: dg.DagsterInstance | None = None) -> dg.ExecuteInProcessResult:
    return export_user.execute_in_process(
        run_config={"ops": {"write_person_exports": {"config": {"person": person}}}} if person else {},
        resources={"databases": Databases()},
        instance=instance,
        raise_on_error=False,
    )


def queue(settings: Settings, text: str, name: str = "requests.txt") -> Path:
    settings.export_requests.mkdir(exist_ok=True)
    path = settings.export_requests / name
    path.write_text(text, encoding="utf-8")
    return path


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    (event,) = [event for event in result.all_events if event.is_step_failure]
    return str(event.event_specific_data.error)  # type: ignore[union-attr]


class Tags(HTMLParser):
    """Tags and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


def assert_page_is_harmless(page: str) -> None:
    parser = Tags()
    parser.feed(page)
    assert not parser.tags & {"script", "img", "a", "link", "iframe", "object", "form", "svg", "base"}
    assert parser.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class", "open"}
    assert "url(" not in page.split("</style>")[0]


def test_everything_of_the_person_and_nothing_of_others(two_people: Settings) -> None:
    queue(two_people, f"{ANN}\n")
    assert ask().success
    folder = two_people.exports / str(load_keys(two_people).user_key(ANN))
    assert [path.name for path in two_people.exports.iterdir()] == [folder.name]
    assert sorted(path.name for path in folder.iterdir()) == ["person.html", "person.json"]
    page, text = (folder / "person.html").read_text("utf-8"), (folder / "person.json").read_text("utf-8")
    for written in (page, text):
        assert "OF-ANN" in written
        assert "OF-BOB" not in written
        assert BOB not in written
        assert str(load_keys(two_people).user_key(BOB)) not in written
        assert "HALF-OF-ANN" in written
    assert_page_is_harmless(page)
    tables = json.loads(text)["tables"]
    for table in OWN_TABLES:
        assert len(tables[table.name]["rows"]) == 1, table.name
        assert tables[table.name]["columns"] == {c.name: c.description for c in table.columns}
        assert f"<summary>{table.name} (1)</summary>" in page
    assert [row["row"] for row in tables["raw_rejected"]["rows"]] == [
        json.dumps({"user_id": ANN, "url": "OF-ANN"}),
        f"{ANN},HALF-OF-ANN",
    ]
    assert tables["sources"]["rows"] == []
    assert "1 rows of input files could not be read" in json.loads(text)["notes"][0]
    assert tables["finance_flags"]["rows"][0]["evidence"] == [{"domain": f"OF-ANN {XSS}", "sessions": 11}]


def test_only_the_owner_may_read_the_files(two_people: Settings) -> None:
    two_people.exports.mkdir(mode=0o755)
    queue(two_people, ANN)
    assert ask().success
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in two_people.exports.rglob("*")}
    assert stat.S_IMODE(two_people.exports.stat().st_mode) == 0o700
    assert modes == {str(load_keys(two_people).user_key(ANN)): 0o700, "person.html": 0o600, "person.json": 0o600}


def test_by_pseudonym_the_same_files_come_out(two_people: Settings) -> None:
    folder = two_people.exports / str(load_keys(two_people).user_key(ANN))
    queue(two_people, ANN)
    assert ask().success
    by_id = [path.read_bytes() for path in sorted(folder.iterdir())]
    queue(two_people, folder.name.upper())
    assert ask().success
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == by_id


def test_a_person_whom_the_vault_has_forgotten_is_found_by_pseudonym(
    two_people: Settings, scratch_warehouse: Opened
) -> None:
    with scratch_warehouse() as con:
        for table in tables_of("vault"):
            con.execute(f"DELETE FROM vault.main.{table.name}")
    key = str(load_keys(two_people).user_key(ANN))
    queue(two_people, key)
    assert ask().success
    stored = json.loads((two_people.exports / key / "person.json").read_text("utf-8"))
    assert stored["user_id"] is None
    assert len(stored["tables"]["interest_profile"]["rows"]) == 1
    assert stored["tables"]["raw_events"]["rows"] == []


def test_requests_from_files_are_taken_out_when_they_are_answered(two_people: Settings) -> None:
    first = queue(two_people, f"\ufeff{ANN}\n\n{BOB}\n", "a.txt")
    second = queue(two_people, f"unknown-person-77\n{ANN}\n", "b.txt")
    result = ask()
    assert not result.success
    assert not first.exists()
    assert second.read_text() == "unknown-person-77\n"
    assert len(list(two_people.exports.iterdir())) == 2
    text = failure_of(result)
    assert "1 of 3 requests name nobody" in text
    assert "unknown-person" not in text


def test_nobody_asked(two_people: Settings) -> None:
    assert "Nobody asked" in failure_of(ask())
    assert not two_people.exports.exists()


def everything_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("person", [ANN, "panelist-unknown-0099"])
def test_who_asked_is_in_no_byte_of_dagster(
    two_people: Settings, person: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        # Other runs, so that the pages of the database are moved about.
        for _ in range(3):
            instance.create_run_for_job(export_user)
        seen: list[bytes] = []
        result = ask(person, instance)
        seen.append(everything_below(home))
        assert result.success is (person == ANN)
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.run_config == {}
        assert run.is_finished
        assert instance.get_runs_count() == 4
    seen.append(everything_below(home))
    captured = capfd.readouterr()
    told = f"{captured.out}{captured.err}{[event.message for event in result.all_events]}"
    assert all(person.encode() not in content for content in seen)
    assert person not in told
    assert "OF-ANN" not in told
    assert b"OF-ANN" not in seen[-1]
    if person == ANN:
        assert f"exports/{load_keys(two_people).user_key(ANN)}" in told
    else:
        assert "1 of 1 requests name nobody" in failure_of(result)


def test_without_the_removal_the_id_would_be_there(
    two_people: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the test above could not fail."""
    monkeypatch.setattr("browse_assets.export_user.forget_run_config", lambda context: None)
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        assert ask(ANN, instance).success
    assert ANN.encode() in everything_below(tmp_path / "home")


def test_where_the_configuration_cannot_be_removed_nothing_is_done(two_people: Settings) -> None:
    """Stored in memory, or in PostgreSQL: refused, with what to do instead."""
    text = failure_of(ask(ANN))
    assert "cannot be removed again" in text
    assert ANN not in text
    assert not two_people.exports.exists()


def test_from_real_inputs(settings: Settings, materialize: Callable[..., Any]) -> None:
    rows = [view(ANN, f"2024-05-01T10:0{n}:00Z", "https://example.com/a?email=ann%40example.com") for n in range(3)]
    rows += [view(BOB, "2024-05-01T10:00:00Z", "https://bob.example.com/b"), view(ANN, "never", "https://example.com/")]
    write_panel(settings.inbox / "panel.csv", rows)
    settings.customers.joinpath("customers.csv").write_text(
        f"user_id,email\n{ANN},ann@example.com\n{BOB},b@example.com\n"
    )
    materialize("raw_events", "input_files", "rejected_events", "scrubbed_events", "domain_features", "raw_customers")
    queue(settings, ANN)
    assert ask().success
    (path,) = settings.exports.glob("*/person.json")
    report = json.loads(path.read_text("utf-8"))
    counts = {name: len(table["rows"]) for name, table in report["tables"].items() if table["rows"]}
    assert counts == {
        "scrubbed_events": 3,
        "domain_features": 1,
        "raw_events": 3,
        "raw_customers": 1,
        "raw_rejected": 1,
        "sources": 1,
    }
    assert report["tables"]["raw_customers"]["rows"][0]["attributes"] == '{"email":"ann@example.com"}'
    assert report["tables"]["raw_rejected"]["rows"][0]["reason"] == "bad_time"
    assert report["tables"]["sources"]["rows"][0] | {"file_id": ""} == {
        "file_id": "",
        "format": "csv",
        "origin": "inbox",
        "first_event": "2024-05-01T10:00:00",
        "last_event": "2024-05-01T10:02:00",
        "path": None,
        "own_rows": 3,
    }
    assert "bob" not in path.read_text("utf-8").lower()


@given(text=st.text(max_size=40) | st.sampled_from([XSS, "</td></table><script>", "&lt;b&gt;", "javascript:alert(1)"]))
def test_no_text_becomes_markup(text: str) -> None:
    columns = [("title", "what a page calls itself"), ("evidence", "sites")]
    section = Section("made", "scrubbed_events", "One row per page view.", columns, [(text, [{text: float("nan")}])])
    report = PersonReport(text, "00000000-0000-0000-0000-000000000001", None, [section], [text])
    assert_page_is_harmless(as_html(report))
    assert json.loads(as_json(report))["tables"]["scrubbed_events"]["rows"] == [
        {"title": text, "evidence": [{text: "nan"}]}
    ]


def test_make_export_answers_the_requests_and_says_where(
    two_people: Settings, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "")
    queue(two_people, f"{ANN}\nunknown-person-77\n")
    assert main([]) == 1
    told = capfd.readouterr()
    assert told.out == f"exports/{load_keys(two_people).user_key(ANN)}: {len(OWN_TABLES) + 2} rows\n"
    assert told.err.startswith("1 of 2 requests name nobody")
    assert len(told.err.splitlines()) == 1
    queue(two_people, BOB)
    assert main([]) == 0
    home = everything_below(two_people.dagster_home)
    assert not [person for person in (ANN, BOB, "unknown-person") if person.encode() in home]


def test_the_job_is_registered() -> None:
    assert defs.resolve_job_def("export_user").description
