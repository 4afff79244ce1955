"""Both pages of `make ui`, read in headless Chromium; skipped where there is no Chromium.

`ui_data_dir` fills an installation, `running_ui` serves it, `page` is a fresh tab.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from browse_assets_tests.ui_process import RunningUi, start_ui

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")

# The last four keep a browser from calling its maker.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOK_MILLISECONDS = 90_000  # both pages are large, and CI has two cores for servers and browser


@pytest.fixture(scope="module")
def ui_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation with one tracked run that has a figure, logged in process as assets do."""
    import mlflow
    from matplotlib.figure import Figure

    data_dir = tmp_path_factory.mktemp("browser") / "data"
    store = data_dir / "mlflow"
    store.mkdir(parents=True)
    client = mlflow.MlflowClient(f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.create_experiment("churn", artifact_location=str(store / "artifacts"))
    run = client.create_run(experiment, run_name="seen_in_browser")
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [0, 1])
    client.log_figure(run.info.run_id, figure, "reliability.png")
    client.log_metric(run.info.run_id, "log_loss", 0.25)
    client.set_terminated(run.info.run_id)
    return data_dir


@pytest.fixture(scope="module")
def running_ui(ui_data_dir: Path) -> Iterator[RunningUi]:
    """`make ui` with the project's own definitions."""
    running = start_ui(ui_data_dir)
    yield running
    assert running.process.poll() is None, f"make ui ended during the tests:\n{running.said()}"
    assert running.end(signal.SIGINT) == 0, running.said()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """One Chromium for all tests of this module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    """A tab that has seen nothing yet."""
    context = browser.new_context(viewport={"width": 1400, "height": 900})
    context.set_default_timeout(LOOK_MILLISECONDS)
    context.set_default_navigation_timeout(LOOK_MILLISECONDS)
    yield context.new_page()
    context.close()


def test_dagster_shows_every_asset(running_ui: RunningUi, page: "Page") -> None:
    nodes: list[dict[str, Any]] = running_ui.ask_dagster("{ assetNodes { groupName assetKey { path } } }")["assetNodes"]
    assert nodes, running_ui.said()
    group = nodes[0]["groupName"]
    page.goto(f"{running_ui.dagster}/locations/browse_assets/asset-groups/{group}/list")
    for node in nodes:
        if node["groupName"] == group:
            page.get_by_text(node["assetKey"]["path"][-1], exact=True).first.wait_for()


def test_nothing_covers_dagsters_first_page(running_ui: RunningUi, page: "Page") -> None:
    page.goto(running_ui.dagster)
    page.get_by_text("Overview").first.wait_for()
    assert page.get_by_role("dialog").count() == 0
    assert page.get_by_text("Join the Dagster community").count() == 0


def test_mlflow_shows_the_experiment_and_its_run(running_ui: RunningUi, page: "Page") -> None:
    # The address and the click that `make ui` tells: until then MLflow shows its pages for language models.
    assert f"{running_ui.mlflow}/#/experiments  (click 'Model training'" in running_ui.said()
    page.goto(f"{running_ui.mlflow}/#/experiments")
    page.get_by_text("Model training", exact=True).first.click()
    page.get_by_text("churn", exact=True).first.click()
    page.get_by_text("seen_in_browser").first.wait_for()


def test_mlflow_shows_a_figure_that_was_logged_in_process(running_ui: RunningUi, page: "Page") -> None:
    import mlflow

    client = mlflow.MlflowClient(running_ui.mlflow)
    experiment = client.get_experiment_by_name("churn")
    assert experiment is not None
    (run, *_) = client.search_runs([experiment.experiment_id])
    page.goto(f"{running_ui.mlflow}/#/experiments/{experiment.experiment_id}/runs/{run.info.run_id}/artifacts")
    page.get_by_text("reliability.png").first.click()
    figure = page.locator("img[src^='blob:'], img[src*='get-artifact'], .image-outer-container img").first
    figure.wait_for()
    assert figure.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") > 100
