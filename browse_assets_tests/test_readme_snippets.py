"""Snippets and examples of README, docs and CONTRIBUTING run, or are what the program makes of them.

What belongs here: blocks of code, and lines that show a value before and after. What does not: figures
(`test_readme_claims.py`), names (`test_readme.py`).
"""

import hashlib
import importlib.util
import re
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets import resources, tables
from browse_assets.analysis.scrubbing import scrub_text
from browse_assets.settings import PROJECT_ROOT, Settings, SettingsError, load_settings
from browse_assets_tests.assets.test_loading import view, write_panel

DOCUMENTS = ("README.md", "CONTRIBUTING.md", "docs/privacy.md")
Materialize = Callable[..., Any]
Query = Callable[..., list[tuple[Any, ...]]]


def blocks(name: str, *languages: str) -> list[str]:
    text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
    return [
        code for language, code in re.findall(r"```(\w+)\n(.*?)```", text, flags=re.DOTALL) if language in languages
    ]


def commands(name: str) -> list[str]:
    """Lines of the shell blocks, without comments, continued lines joined."""
    lines = "\n".join(blocks(name, "sh", "bash")).replace("\\\n", " ").splitlines()
    return [command for line in lines if (command := re.sub(r"(^|\s)#\s.*", "", line).strip())]


def test_every_block_is_of_a_language_that_is_tried() -> None:
    for name in DOCUMENTS:
        text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
        assert set(re.findall(r"```(\w+)\n", text)) <= {"sh", "bash", "sql", "python"}, name


def test_selects_of_the_readme_run_on_the_tables() -> None:
    selects = [select for code in blocks("README.md", "sql") for select in code.split(";") if select.strip()]
    assert len(selects) >= 3
    with duckdb.connect() as con:
        for table in tables.tables_of("warehouse"):
            con.execute(table.ddl())
        for select in selects:
            assert con.execute(select).description


def test_modules_and_variables_of_the_commands_exist() -> None:
    known = re.findall(r"^#([A-Z_]+)=", (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    lines = [line for name in DOCUMENTS for line in commands(name)]
    assert len(lines) >= 20
    for line in lines:
        for module in re.findall(r"-m (browse_assets[\w.]*)", line):
            assert importlib.util.find_spec(module), line
        assert set(re.findall(r"\b(BROWSE_[A-Z_]+)=", line)) <= set(known), line
        assert set(re.findall(r"\bPURPOSE=(\w+)", line)) <= set(tables.CONSENT_PURPOSES), line


def test_values_that_the_readme_sets_are_taken(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    del settings
    set_there = dict(re.findall(r"(BROWSE_[A-Z_]+)=([^\s'`]+)", "\n".join(commands("README.md"))))
    assert {"BROWSE_CHURN_VALUES", "BROWSE_RETENTION_DAYS"} <= set(set_there)
    for name, value in set_there.items():
        monkeypatch.setenv(name, value)
    found = load_settings()
    assert found.churn_values == (40.0, -5.0, 0.0, 0.0)
    assert found.retention_days == 365


def test_the_file_of_variables_is_read_and_the_environment_goes_before_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del settings
    monkeypatch.setattr("browse_assets.settings.PROJECT_ROOT", tmp_path)
    (tmp_path / ".env").write_text("BROWSE_MIN_GROUP=20\nBROWSE_DATA_DIR=elsewhere\n")
    monkeypatch.delenv("BROWSE_DATA_DIR")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    found = load_settings()
    assert (found.min_group, found.data_dir) == (20, tmp_path / "elsewhere")
    # With the data elsewhere, MLflow's store goes there too.
    assert found.tracking_uri == f"sqlite:///{tmp_path}/elsewhere/mlflow/mlflow.db"
    monkeypatch.setenv("BROWSE_MIN_GROUP", "30")
    assert load_settings().min_group == 30
    monkeypatch.setenv("BROWSE_MIN_GROUP", "10")
    with pytest.raises(SettingsError, match="BROWSE_MIN_GROUP"):
        load_settings()


def test_memory_and_threads_are_passed_to_duckdb(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    del settings
    monkeypatch.setenv("BROWSE_MEMORY_LIMIT", "123MiB")
    monkeypatch.setenv("BROWSE_THREADS", "1")
    with resources.open_databases(load_settings(), warehouse="write") as con:
        assert con.execute("SELECT current_setting('memory_limit'), current_setting('threads')").fetchone() == (
            "123.0 MiB",
            1,
        )


def test_files_go_by_the_sha_256_of_their_content(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    path = write_panel(settings.inbox / "anything", [view("ann", "2024-05-01T10:00:00Z", "https://example.com/a")])
    materialize("raw_events", "input_files")
    assert warehouse("SELECT file_id FROM input_files") == [(hashlib.sha256(path.read_bytes()).hexdigest(),)]


def test_the_configuration_of_an_erasure_is_that_of_the_readme() -> None:
    from browse_assets.definitions import defs

    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    assert "`ops: {erase_people: {config: {user_id: ...}}}`" in text
    job = defs.resolve_job_def("erase_user")
    assert dg.validate_run_config(job, {"ops": {"erase_people": {"config": {"user_id": "panelist-0042"}}}})
    assert "`person: <id>`" in text
    job = defs.resolve_job_def("export_user")
    assert dg.validate_run_config(job, {"ops": {"write_person_exports": {"config": {"person": "panelist-0042"}}}})


def visited(example: str) -> str:
    """An address that an example of the table of rules stands in."""
    if example.startswith("https://"):
        return example
    if example.startswith("?q="):
        return f"https://www.google.com/search{example}"
    if example.startswith(("/", "?")):
        return f"https://example.com/{example.lstrip('/')}"
    return f"https://{example}"


def test_examples_of_what_is_removed_are_removed_so(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    """Each row of the table of rules in docs/privacy.md, through the assets."""
    text = (PROJECT_ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    table = text.split("| part | rule | before | after |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [row.strip("| ").split(" | ")[-2:] for row in table]
    examples = [(before.strip("`"), after.strip("`")) for before, after in cells if before.startswith("`")]
    assert len(examples) >= 10
    write_panel(
        settings.inbox / "panel.csv",
        [view("ann", f"2024-05-01T10:00:{n:02}Z", visited(before)) for n, (before, _) in enumerate(examples)],
    )
    materialize("raw_events", "scrubbed_events")
    found = warehouse("SELECT url, search_terms FROM scrubbed_events ORDER BY event_time")
    for (before, after), (url, terms) in zip(examples, found, strict=True):
        expected = after if before.startswith("?q=") else visited(after).rstrip("/")
        assert (terms if before.startswith("?q=") else url.rstrip("/")) == expected, before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Mail ann@example.com or call +1 202-555-0143", "Mail {email} or call {phone}"),
        ("Version 1.0.77.42", "Version 1.0.77.42"),
        ("ISBN 978-3-16-148410-0", "ISBN 978-3-16-148410-0"),
        ("for $1,299.00 since 2026-06-30", "for $1,299.00 since 2026-06-30"),
        ("ann at example dot com", "{email}"),
    ],
)
def test_examples_of_texts_are_scrubbed_so(before: str, after: str) -> None:
    assert scrub_text(before) == after


VISITING_HOURS = tables.Table(
    "visiting_hours",
    "warehouse",
    "One row per person and hour of the day with any page view.",
    ("user_key", "hour"),
    (
        tables.Column("user_key", "UUID", "pseudonym"),
        tables.Column("hour", "BIGINT", "hour of the day, UTC, 0 to 23"),
        tables.Column("page_views", "BIGINT", "page views in it"),
        tables.Column("as_of", "TIMESTAMP", "end of every window"),
    ),
    purposes=("product",),
)
HOURS = """
SELECT user_key, hour(event_time) AS hour, count(*) AS page_views
FROM scrubbed_events WHERE event_time <= $as_of GROUP BY ALL
"""


def test_the_asset_of_the_guide_runs(settings: Settings, monkeypatch: pytest.MonkeyPatch, warehouse: Query) -> None:
    """The example of CONTRIBUTING as it is printed there, with its table and its SELECT."""
    from browse_assets.assets.events import scrubbed_events
    from browse_assets.assets.evidence import refresh_as_of
    from browse_assets.assets.reporting import table_result
    from browse_assets.definitions import ASSETS

    (code,) = blocks("CONTRIBUTING.md", "python")
    monkeypatch.setitem(tables.TABLES, "visiting_hours", VISITING_HOURS)
    names: dict[str, Any] = {
        "dg": dg,
        "datetime": datetime,
        "WRITER_POOL": resources.WRITER_POOL,
        "Databases": resources.Databases,
        "scrubbed_events": scrubbed_events,
        "refresh_as_of": refresh_as_of,
        "table_result": table_result,
        "read_sql": {"visiting_hours": HOURS}.__getitem__,
        "VISITING_HOURS": VISITING_HOURS,
    }
    exec(code, names)
    rows = [
        view("ann", f"2024-05-01T{time}Z", "https://example.com/a") for time in ("10:00:00", "10:30:00", "23:00:00")
    ]
    write_panel(settings.inbox / "panel.csv", rows)
    for _ in range(2):
        done = dg.materialize(
            [*ASSETS, names["visiting_hours"]],
            selection=dg.AssetSelection.assets("raw_events", "scrubbed_events", "visiting_hours"),
            resources={"databases": resources.Databases(), "tracker": resources.ExperimentTracker()},
        )
        assert done.success
        assert warehouse("SELECT hour, page_views, as_of FROM visiting_hours ORDER BY hour") == [
            (10, 2, datetime(2024, 5, 1, 23)),
            (23, 1, datetime(2024, 5, 1, 23)),
        ]
