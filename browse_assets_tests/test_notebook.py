"""notebooks/data_ml_pipeline.ipynb: kept clean, and run from its first cell to its last."""

import os
import re

import nbformat
import pytest
from nbclient import NotebookClient

from browse_assets.settings import PROJECT_ROOT
from browse_assets_tests import prepared
from browse_assets_tests.prepared import SECRET, FullRun

PATH = PROJECT_ROOT / "notebooks" / "data_ml_pipeline.ipynb"
NOTEBOOK = nbformat.read(PATH, as_version=4)
MOST_LINES = 8
UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# Cells that print instead of answering.
WITHOUT_ANSWER = {"source", "path", "open", "run-job", "query"}
# What each section has to show, and how many pictures at least.
SECTIONS = {
    "1.": (["removed", "left", "examples"], ["All 2", "searches on record found nothing", "{email}", "parameter"], 1),
    "2.": (
        ["topics", "interests", "profile", "audience", "segments"],
        ["sessions on", "Sports", "language", "abstain"],
        4,
    ),
    "3.": (["products", "stages", "people"], ["pairs of person and product", "compare", "active days"], 1),
    "4.": (["novelty", "new-people", "watch-list"], ["new to the panel", "Fairphone 6", "similarity"], 2),
    "5.": (["funnel", "finance", "shoppers"], ["any shopping", "servicing", "banking", "must never decide"], 2),
    "6.": (
        ["topic-parts", "candidates", "ablation", "returns", "improvements"],
        [
            "right at once",
            "lightgbm",
            "within noise",
            "without recency",
            "not calibrated",
            "mbg nbd",
            "people who left",
        ],
        4,
    ),
    "7.": (["extension"], ["webNavigation", "Read your browsing history", "heartbeat", "never"], 1),
}


def test_it_is_kept_without_outputs() -> None:
    used = [
        cell.id
        for cell in NOTEBOOK.cells
        if cell.cell_type == "code" and (cell.outputs or cell.execution_count is not None)
    ]
    assert used == [], "these cells hold outputs, which may tell of people: make notebook-clean"
    nbformat.validate(NOTEBOOK)


def test_it_holds_nothing_of_a_machine() -> None:
    assert NOTEBOOK.metadata["kernelspec"]["name"] == "python3"
    assert set(NOTEBOOK.metadata) <= {"kernelspec", "language_info"}
    assert not re.search(r"/(?:home|root|tmp|Users|usr|work)/", PATH.read_text(encoding="utf-8"))


def test_its_cells_are_short_and_hold_no_result() -> None:
    for cell in NOTEBOOK.cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= MOST_LINES, f"{cell.id}: logic belongs into browse_assets/notebook"
        else:
            assert not re.search(r"0\.\d{2}|\d %(?! )", cell.source.replace("95 %", "")), cell.id


def test_the_choice_is_one_marked_cell() -> None:
    (cell,) = [cell for cell in NOTEBOOK.cells if "parameters" in cell.metadata.get("tags", [])]
    assert cell.source.splitlines() == ["SOURCE = None", "EXISTING = None"]


def test_each_question_is_a_section() -> None:
    headings = [cell.source.split("\n")[0] for cell in NOTEBOOK.cells if cell.cell_type == "markdown"]
    questions = [heading for heading in headings if re.match(r"## \d\. ", heading)]
    assert [heading[3:5] for heading in questions] == list(SECTIONS)
    assert all(heading.endswith("?") for heading in questions)


@pytest.fixture(scope="module")
def executed(full_run: FullRun, tmp_path_factory: pytest.TempPathFactory) -> dict[str, nbformat.NotebookNode]:
    """The cells by id after a run over the notebook's own folder, which holds a finished run of a small panel."""
    data_dir = tmp_path_factory.mktemp("notebook") / "data"
    data_dir.mkdir()
    own = prepared.copy_installation(full_run.data_dir, data_dir / "notebook")
    key = own / "keys" / "secret.key"
    key.parent.mkdir(exist_ok=True, mode=0o700)
    key.write_text(SECRET)
    key.chmod(0o600)
    notebook = nbformat.read(PATH, as_version=4)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("BROWSE_", "MLFLOW_TRACKING"))}
    client = NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(PATH.parent)}})
    client.execute(env=environment | {"BROWSE_DATA_DIR": str(data_dir)})
    assert sorted(path.name for path in data_dir.iterdir()) == ["notebook"]
    return {cell.id: cell for cell in notebook.cells}


def html_of(cell: nbformat.NotebookNode) -> str:
    return "".join(output.data.get("text/html", "") for output in cell.outputs if "data" in output)


def text_of(html: str) -> str:
    """What a reader sees of it, pictures apart."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_no_cell_fails_or_warns(executed: dict[str, nbformat.NotebookNode]) -> None:
    for cell in executed.values():
        for output in cell.get("outputs", []):
            assert output.output_type != "error", cell.id
            assert output.get("name") != "stderr", f"{cell.id}: {output.get('text')}"


def test_the_job_runs_and_sums_up(executed: dict[str, nbformat.NotebookNode]) -> None:
    said = "".join(output.get("text", "") for output in executed["run-job"].outputs)
    assert "ml_analysis_pipeline" in said
    assert "FAILED" not in said
    for label in ("Rows", "Removed", "People", "Churn"):
        assert f"\n{label} " in said


@pytest.mark.parametrize("section", SECTIONS)
def test_each_section_answers(executed: dict[str, nbformat.NotebookNode], section: str) -> None:
    cells, wanted, pictures = SECTIONS[section]
    html = "".join(html_of(executed[name]) for name in cells)
    text = text_of(html)
    for name in cells:
        answer = html_of(executed[name])
        assert answer.count("<table") == 1, name
        assert "(no rows)" not in answer, name
        assert text_of(answer.split("</p>")[0]).strip().endswith("."), name
    assert [part for part in wanted if part not in text] == []
    assert html.count("data:image/png") >= pictures
    assert not re.search(r"\b(?:nan|None|NaT)\b", text), re.findall(r".{30}\b(?:nan|None|NaT)\b.{30}", text)


def test_every_cell_is_looked_at(executed: dict[str, nbformat.NotebookNode]) -> None:
    code = {name for name, cell in executed.items() if cell.cell_type == "code"}
    assert {name for cells, _, _ in SECTIONS.values() for name in cells} | WITHOUT_ANSWER == code


def test_no_pseudonym_is_shown_in_full(executed: dict[str, nbformat.NotebookNode]) -> None:
    for name, cell in executed.items():
        assert not UUID.search(
            str([output.get("text", "") for output in cell.get("outputs", [])]) + text_of(html_of(cell))
        ), name


def test_figures_are_those_of_the_run(executed: dict[str, nbformat.NotebookNode], full_run: FullRun) -> None:
    views = int(full_run.table("SELECT count(*) AS n FROM scrubbed_events")["n"].iloc[0])
    assert f"{views:,} page views came in" in text_of(html_of(executed["removed"]))
    best = full_run.table("SELECT log_loss FROM churn_model ORDER BY log_loss LIMIT 1")["log_loss"].iloc[0]
    assert f"the lowest log loss, {best:.3f} against" in text_of(html_of(executed["candidates"]))
