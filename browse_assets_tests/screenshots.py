"""`make screenshots`: the pictures of the README, from a finished run on the sample panel.

What belongs here: which pages, what is cut out of them. What does not: what the pages must show (`test_browser.py`).
Meant for synthetic people only: a picture in the repository is told to everybody.
"""

import argparse
import io
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from browse_assets.settings import PROJECT_ROOT, load_settings
from browse_assets_tests.test_browser import CHROMIUM, CHROMIUM_ARGUMENTS
from browse_assets_tests.ui_process import RunningUi, start_ui

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 1500, 900
MOST_BYTES = 150_000
WAIT_MILLISECONDS = 180_000


@dataclass(frozen=True)
class Picture:
    """One page, and what of it is shown."""

    name: str
    address: str
    shown: str
    """A text that is there when the page is whole."""
    height: int = HEIGHT
    left: int = 0
    before: Callable[["Page"], None] = lambda page: None


def _show_figure(page: "Page") -> None:
    page.get_by_text("figures", exact=True).first.click()
    page.get_by_text("importance.png").first.click()
    page.locator("img[src^='blob:']").first.wait_for()
    page.get_by_text("Path: file:").first.evaluate("line => line.style.visibility = 'hidden'")


def _show_metrics(page: "Page") -> None:
    """Without the drawings and parameters that the candidates do not share."""
    for title in ("Visualizations", "Parameters"):
        page.get_by_text(title, exact=True).first.click()


def pictures(ui: RunningUi, training: str, candidates: list[str]) -> list[Picture]:
    """The four of the README.

    Args:
        ui: both servers.
        training: address of the churn training below MLflow's, `experiments/<id>/runs/<id>`.
        candidates: runs to compare.
    """
    experiment = training.split("/")[1]
    runs = ",".join(f'"{run}"' for run in candidates)
    compared = f'{ui.mlflow}/#/compare-runs?runs=[{runs}]&experiments=["{experiment}"]&workflowType=machine_learning'
    return [
        Picture("lineage", f"{ui.dagster}/locations/browse_assets/asset-groups/events/lineage", "domain_features"),
        Picture("asset", f"{ui.dagster}/assets/interest_profile?view=overview", "Row count", left=240),
        Picture("comparison", compared, "Run details", before=_show_metrics),
        Picture(
            "figures",
            f"{ui.mlflow}/#/{training}/artifacts?workflowType=machine_learning",
            "model_card.md",
            before=_show_figure,
        ),
    ]


def take(ui: RunningUi, wanted: list[Picture], into: Path) -> None:
    """Write `<name>.png` of each."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
        context.set_default_timeout(WAIT_MILLISECONDS)
        # MLflow opens the panel of its assistant on the first visit; closed once, it stays closed.
        context.add_init_script("localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true')")
        page = context.new_page()
        for picture in wanted:
            page.set_viewport_size({"width": WIDTH, "height": picture.height})
            page.goto(picture.address)
            page.get_by_text(picture.shown).first.wait_for()
            picture.before(page)
            page.wait_for_timeout(6_000)  # graphs are laid out after their texts are there
            clip = {"x": picture.left, "y": 0, "width": WIDTH - picture.left, "height": picture.height}
            image = Image.open(io.BytesIO(page.screenshot(clip=clip)))  # type: ignore[arg-type]
            target = into / f"{picture.name}.png"
            image.convert("RGB").save(target, optimize=True)
            if target.stat().st_size > MOST_BYTES:  # a palette merges similar colours: not where it need not be
                image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
            print(f"{target} ({target.stat().st_size / 1000:.0f} kB)")
        browser.close()


def main() -> int:
    """Serve a copy of the installation from a neutral place, and take its pictures."""
    argparse.ArgumentParser(
        prog="make screenshots",
        description="Take the pictures of the README (docs/*.png) again in headless Chromium, from a copy of the "
        "installation of BROWSE_DATA_DIR: a finished make run on the sample panel, and nothing else.",
    ).parse_args()
    import duckdb

    settings = load_settings()
    if CHROMIUM is None or not settings.warehouse_path.exists():
        print("Chromium and a finished `make run` on the sample panel are needed.", file=sys.stderr)
        return 2
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as con:
        state = con.execute("SELECT mlflow_run FROM asset_state WHERE asset = 'churn_model'").fetchone()
        runs = con.execute("SELECT mlflow_run_id FROM churn_model ORDER BY log_loss, model LIMIT 4").fetchall()
    assert state is not None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "data"
        shutil.copytree(settings.data_dir, copy, ignore=shutil.ignore_patterns("*.lock", "keys", "vault.duckdb"))
        ui = start_ui(copy)
        try:
            take(ui, pictures(ui, state[0], [run for (run,) in runs]), PROJECT_ROOT / "docs")
        finally:
            ui.end(signal.SIGINT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
