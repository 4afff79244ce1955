"""The report's files: made of tables and a run in MLflow, made again only when needed, and about nobody."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import mlflow
import pytest
from matplotlib.figure import Figure
from pptx import Presentation

from browse_assets.assets.churn_report import FILES
from browse_assets.assets.state import State, write_state
from browse_assets.settings import Settings
from browse_assets.tables import CHURN_METRICS
from browse_assets_tests.test_browser import CHROMIUM, CHROMIUM_ARGUMENTS

Open = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
Materialize = Callable[..., Any]

AS_OF = datetime(2026, 6, 30, 23, 38, 6)
TIMES = (datetime(2026, 5, 24), datetime(2026, 6, 30))
PEOPLE = 120
LOSSES = {"dummy": 0.33, "one_rule": 0.31, "random_forest": 0.25}


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """Browsing of half a year, two snapshots of everybody, customers with a plan and with something sensitive."""
    con.execute(
        "INSERT INTO input_files (file_id, origin, format, status, rows_read, accepted, folded, duplicates, rejected) "
        "VALUES ('f', 'sample', 'csv', 'read', 900, 800, 40, 50, 10)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE people AS "
        "SELECT n, ('abcdef00-0000-0000-0000-' || lpad(to_hex(n), 12, '0'))::UUID AS user_key FROM range($n) AS r (n)",
        {"n": PEOPLE},
    )
    con.execute("INSERT INTO scrubbed_events (user_key, event_time) SELECT user_key, ? FROM people", [AS_OF])
    con.execute(
        "INSERT INTO user_days (user_key, day, first_time, last_time) SELECT DISTINCT user_key, "
        "DATE '2026-01-01' + (i * (7 + n % 9) % 181)::INTEGER AS day, day, day FROM people, range(12) AS r (i)"
    )
    for t0 in TIMES:
        con.execute(
            "INSERT INTO churn_snapshots (user_key, snapshot_time, eligible, reason, churned, days_since_last, as_of) "
            "SELECT user_key, $t0, $known, CASE WHEN NOT $known THEN 'outcome_not_observed' END, "
            "CASE WHEN $known THEN n % 7 < 2 END, n % 30, $as_of FROM people",
            {"t0": t0, "known": t0 == TIMES[0], "as_of": AS_OF},
        )
    con.execute(
        "INSERT INTO customer_features (user_key, attributes, as_of) SELECT user_key, "
        "MAP {'plan': CASE WHEN n % 2 = 0 THEN 'basic' ELSE 'premium' END, 'debt_level': 'high'}, ? FROM people",
        [AS_OF],
    )


def train(con: duckdb.DuckDBPyConnection, settings: Settings, *, enough: bool = True) -> None:
    """What a training of churn leaves behind: runs in MLflow, the table, the states."""
    mlflow.set_tracking_uri(settings.tracking_uri)
    client = mlflow.MlflowClient()
    if client.get_experiment_by_name("churn_report") is None:
        location = (settings.artifact_dir / "churn_report").as_uri()
        client.create_experiment("churn_report", artifact_location=location)
    experiment = client.get_experiment_by_name("churn_report").experiment_id
    parent = client.create_run(experiment).info.run_id
    client.log_param(parent, "status", "trained" if enough else "not_enough_history")
    client.set_tag(parent, "reason", "random_forest: surely better" if enough else "2 people left")
    if enough:
        figure = Figure(figsize=(3, 2))
        figure.subplots().plot([0, 1], [0, 1])
        client.log_figure(parent, figure, "figures/roc.png")
        for name, loss in LOSSES.items():
            run = client.create_run(experiment).info.run_id
            client.log_param(run, "max_depth", 4)
            row = {"model": name, "mlflow_run_id": run, "people": PEOPLE, "threshold": 0.3, "as_of": AS_OF}
            for metric in CHURN_METRICS:
                row |= {metric: 0.6, f"{metric}_low": 0.52, f"{metric}_high": 0.7}
            row |= {
                "log_loss": loss,
                "is_champion": name == "random_forest",
                "is_challenger": name == "random_forest",
                "reason": "surely better",
            }
            con.execute(
                f"INSERT INTO churn_model ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", list(row.values())
            )
        con.execute(
            "INSERT INTO churn_scores (user_key, probability, band) SELECT user_key, 0.2, 'low' FROM churn_snapshots"
        )
    write_state(con, "churn_model", State(1, f"hand-made {enough}", f"experiments/{experiment}/runs/{parent}"))
    write_state(con, "churn_scores", State(1, f"hand-made {enough}"))


@pytest.fixture
def files(settings: Settings) -> list[Path]:
    return [settings.reports / name for name in FILES]


def words_of(path: Path) -> str:
    """Everything that a file holds as text."""
    if path.suffix == ".html":
        return path.read_text(encoding="utf-8")
    with zipfile.ZipFile(path) as deck:
        return "".join(deck.read(name).decode("utf-8") for name in deck.namelist() if name.endswith((".xml", ".rels")))


def test_the_report_is_made_once_and_again_when_needed(
    settings: Settings, scratch_warehouse: Open, materialize: Materialize, files: list[Path]
) -> None:
    with scratch_warehouse() as con:
        fill(con)
        train(con, settings)
    result = materialize("churn_report")
    (event,) = result.get_asset_materialization_events()
    assert event.materialization.metadata["files"].value == "reports/churn_report.html, reports/churn_report.pptx"
    assert "random_forest" in event.materialization.metadata["preview"].value
    assert "MLflow run" in event.materialization.metadata
    assert str(settings.data_dir) not in str(event.materialization.metadata)
    for path in files:
        text = words_of(path)
        assert "SYNTHETIC" in text
        assert "Random forest has the lowest log loss, 0.250" in text
        assert "abcdef" not in text.lower()  # how every user_key begins
        assert "debt" not in text
        assert "2026-06-30" in text
        assert str(settings.data_dir) not in text
        assert "23:38" not in text
    first, written = [path.read_bytes() for path in files], [path.stat().st_mtime_ns for path in files]
    assert len(Presentation(io.BytesIO(first[1])).slides) == 10
    assert b"ROC curves of all candidates" in first[0]

    materialize("churn_report")
    assert [path.stat().st_mtime_ns for path in files] == written
    files[0].unlink()
    materialize("churn_report")
    assert [path.read_bytes() for path in files] == first
    with scratch_warehouse() as con:
        con.execute("DELETE FROM churn_model")
        train(con, settings, enough=False)
    materialize("churn_report")
    assert "2 people left." in words_of(files[0])
    assert not list(settings.reports.glob("*.part"))


FAULTS = (
    ("<h2>", "<h2>abcdef00-0000-0000-0000-000000000007 ", "names a pseudonym"),
    ('<section id="section-9">', "<div>", "has 9 sections instead of 10"),
    ("</main>", '<img src="https://example.com/a.png"></main>', "fetches or runs something"),
    ("</main>", "<script>1</script></main>", "fetches or runs something"),
    ("andom forest", "andom wood", "does not name the winner"),
)


def test_the_check_reads_the_files_again(
    settings: Settings, scratch_warehouse: Open, files: list[Path], made: tuple[bytes, ...]
) -> None:
    from browse_assets.report_checks import report_is_whole
    from browse_assets.resources import Databases

    with scratch_warehouse() as con:
        fill(con)
        con.execute("INSERT INTO churn_model (model, people, log_loss) VALUES ('random_forest', 99, 0.2)")
        write_state(con, "churn_report", State(1, "hand-made"))
    settings.reports.mkdir()
    for path, content in zip(files, made, strict=True):
        path.write_bytes(content)
    check: Any = report_is_whole.node_def.compute_fn  # type: ignore[attr-defined]
    result = check.decorated_fn(Databases())
    assert result.passed, result.metadata
    for old, new, fault in FAULTS:
        assert old in made[0].decode()
        files[0].write_text(made[0].decode().replace(old, new), encoding="utf-8")
        result = check.decorated_fn(Databases())
        assert not result.passed
        assert [record.data for record in result.metadata["rows"].records] == [{"file": FILES[0], "fault": fault}]


@pytest.fixture(scope="module")
def made() -> tuple[bytes, ...]:
    """Page and slides of hand-made facts."""
    from browse_assets.analysis.churn_report_html import render_html
    from browse_assets.analysis.churn_report_pptx import render_pptx
    from browse_assets_tests.analysis.test_churn_report import usual_report

    return render_html(usual_report()).encode(), render_pptx(usual_report())


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_the_page_fits_a_phone_and_asks_nobody(made: tuple[bytes, ...], tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    path = tmp_path / "report.html"
    path.write_bytes(made[0])
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        page = browser.new_page(viewport={"width": 360, "height": 800})
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
        browser.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
def test_libreoffice_opens_the_slides(made: tuple[bytes, ...], tmp_path: Path) -> None:
    path = tmp_path / "report.pptx"
    path.write_bytes(made[1])
    command = [
        "soffice",
        f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}",
        "--headless",
        "--convert-to",
        "pdf",
    ]
    subprocess.run([*command, "--outdir", str(tmp_path), str(path)], check=True, capture_output=True, timeout=240)
    content = (tmp_path / "report.pdf").read_bytes()
    assert content.count(b"/Type/Page\n") + content.count(b"/Type/Page/") == 10
