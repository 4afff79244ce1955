"""Who may import whom (design section 7), and that loading the definitions is cheap."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from browse_assets.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "browse_assets"
# What each part may import of the project; a part is a top-level module or subpackage.
MAY_IMPORT: dict[str, set[str]] = {
    "tables": set(),
    "settings": set(),
    "sql": set(),
    "analysis": set(),
    "sample_panel": set(),
    "readers": {"tables"},
    "file_swap": set(),
    "reference": {"analysis", "settings"},
    "resources": {"tables", "settings", "file_swap", "reference"},
    "rewriting": {"tables", "settings", "resources", "file_swap"},
    "byte_search": set(),
    "dagster_records": set(),
    "tombstones": set(),
    "erasure": {
        "byte_search",
        "dagster_records",
        "readers",
        "resources",
        "rewriting",
        "settings",
        "tables",
        "tombstones",
    },
    "retention": {"assets", "resources", "rewriting", "settings"},
    "remove": {"dagster_home", "removal", "resources", "settings", "sole_process"},
    "removal": {"arrivals", "dagster_records", "erasure", "resources", "retention", "settings"},
    "rotate_keys": {
        "byte_search",
        "dagster_records",
        "file_swap",
        "resources",
        "rewriting",
        "settings",
        "sole_process",
        "sql",
    },
    "dagster_home": {"settings"},
    "assets": {"readers", "analysis", "file_swap", "sql", "tables", "resources", "settings", "tombstones"},
    "checks": {"tables", "resources", "leak_checks", "report_checks", "verdict"},
    "report_checks": {"resources", "verdict"},
    "leak_checks": {"tables", "resources", "analysis", "verdict"},
    "verdict": set(),
    "person_data": {"tables", "resources", "analysis"},
    "export_user": {"resources", "settings", "analysis", "person_data", "dagster_records"},
    "glimpse": {"resources", "settings"},
    "automation": {"glimpse", "resources", "settings"},
    "arrivals": {"readers"},
    "arrival_sensors": {"arrivals", "assets", "automation", "glimpse", "readers", "resources", "settings"},
    "incidents": {"analysis", "resources", "tables"},
    "incident_sensor": {"glimpse", "incidents", "resources", "settings"},
    "release": {"assets", "readers", "resources", "settings", "tables"},
    "definitions": {
        "arrival_sensors",
        "assets",
        "automation",
        "checks",
        "export_user",
        "incident_sensor",
        "removal",
        "resources",
        "tables",
    },
    "summary": {"resources", "settings", "sql"},
    "dictionary": {"settings", "tables"},
    "model_card": {"assets", "resources", "settings"},
    "run": {"definitions", "resources", "settings", "dagster_home", "summary", "sole_process"},
    "export": {"definitions", "dagster_home", "resources", "run", "settings", "sole_process"},
    "ui": {"settings", "dagster_home", "server_process", "sole_process"},
    "server_process": {"settings"},
    "serve": {"analysis", "assets", "resources", "scoring_app", "settings"},
    "scoring_app": {"resources"},
    "sole_process": set(),
}
PURE = {"analysis", "sample_panel"}
FORBIDDEN_IN_PURE = {"dagster", "mlflow", "duckdb", "sqlite3", "time"}


def imports_of(path: Path) -> set[str]:
    """Dotted names of everything that a module imports, at the top or inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_one_way(path: Path) -> None:
    part = part_of(path)
    own = {name.split(".")[1] for name in imports_of(path) if name.startswith("browse_assets.")}
    assert part in MAY_IMPORT, f"{part} has no rule"
    assert own - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part_of(path) in PURE],
    ids=lambda path: path.relative_to(PACKAGE).as_posix(),
)
def test_pure_modules_know_no_database_and_no_clock(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports_of(path)} & FORBIDDEN_IN_PURE
    text = path.read_text(encoding="utf-8")
    assert "now(" not in text
    assert "today(" not in text


def test_loading_the_definitions_imports_nothing_that_only_training_needs() -> None:
    code = (
        "import sys, browse_assets.definitions;"
        "print([name for name in ('mlflow', 'sklearn', 'matplotlib', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_python_file_shadows_mlflow() -> None:
    assert not list((PROJECT_ROOT / "mlflow").rglob("*.py"))
