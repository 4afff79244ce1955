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
    "settings": {"foreseen"},
    "sql": set(),
    "analysis": set(),
    "sample_panel": set(),
    "readers": {"tables"},
    "file_swap": set(),
    "keys": {"file_swap", "foreseen", "settings"},
    "reference": {"analysis", "command_line", "foreseen", "settings"},
    "resources": {"engine", "file_swap", "foreseen", "keys", "reference", "settings", "tables"},
    "engine": {"foreseen", "settings", "tables"},
    "rewriting": {"engine", "file_swap", "keys", "resources", "settings", "tables"},
    "byte_search": set(),
    "dagster_records": {"postgres_records", "settings"},
    "tombstones": set(),
    "erasure": {
        "byte_search",
        "dagster_records",
        "keys",
        "postgres_records",
        "readers",
        "resources",
        "rewriting",
        "settings",
        "tables",
        "tombstones",
    },
    "retention": {"assets", "keys", "resources", "rewriting", "settings"},
    "remove": {
        "command_line",
        "in_process",
        "keys",
        "progress",
        "removal",
        "resources",
        "settings",
        "sole_process",
        "stopping",
    },
    "removal": {"arrivals", "dagster_records", "erasure", "keys", "resources", "retention", "settings"},
    "rotate_keys": {"command_line", "key_rotation", "progress", "settings", "sole_process", "stopping"},
    "dagster_home": {"settings", "sole_process"},
    "column_lineage": {"settings", "sql", "tables"},
    "assets": {
        "analysis",
        "column_lineage",
        "engine",
        "file_swap",
        "foreseen",
        "keys",
        "preflight",
        "readers",
        "resources",
        "settings",
        "sql",
        "tables",
        "tombstones",
    },
    "checks": {"leak_checks", "report_checks", "resources", "tables", "verdict", "verified"},
    "verified": {"assets"},
    "report_checks": {"resources", "verdict"},
    "leak_checks": {"analysis", "assets", "keys", "resources", "sql", "tables", "verdict", "verified"},
    "verdict": set(),
    "person_data": {"analysis", "keys", "tables"},
    "export_user": {"analysis", "dagster_records", "keys", "person_data", "resources", "settings"},
    "glimpse": {"resources", "settings"},
    "automation": {"glimpse", "resources", "settings"},
    "arrivals": {"readers"},
    "arrival_sensors": {"arrivals", "assets", "automation", "glimpse", "keys", "readers", "resources", "settings"},
    "incidents": {"analysis", "resources", "tables"},
    "incident_sensor": {"glimpse", "incidents", "resources", "settings"},
    "release": {
        "assets",
        "command_line",
        "progress",
        "release_files",
        "settings",
        "sole_process",
        "stopping",
        "tables",
    },
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
    "architecture": {"settings"},
    "model_card": {"assets", "command_line", "resources", "settings", "stopping"},
    "run": {
        "command_line",
        "definitions",
        "in_process",
        "preflight",
        "progress",
        "settings",
        "sole_process",
        "stopping",
        "summary",
    },
    "export": {"command_line", "definitions", "in_process", "keys", "progress", "settings", "sole_process", "stopping"},
    "ui": {"command_line", "dagster_home", "ports", "progress", "server_process", "settings", "sole_process"},
    "server_process": {"ports", "settings"},
    "serve": {"analysis", "assets", "command_line", "ports", "resources", "scoring_app", "settings", "stopping"},
    "scoring_app": {"resources"},
    "sole_process": {"foreseen"},
    "foreseen": set(),
    "stopping": set(),
    "command_line": {"foreseen", "stopping"},
    "progress": set(),
    "key_rotation": {
        "byte_search",
        "dagster_records",
        "file_swap",
        "keys",
        "postgres_records",
        "resources",
        "rewriting",
        "settings",
        "sql",
    },
    "in_process": {"dagster_home", "settings", "sole_process", "stopping"},
    "preflight": {"engine", "foreseen", "keys", "reference", "resources", "settings"},
    "release_files": {"assets", "keys", "readers", "resources", "settings", "tables"},
    "ports": {"settings"},
    "notebook": {"analysis", "assets", "leak_checks", "resources", "run", "settings", "tables"},
    "postgres_records": set(),
    "container": {"dagster_home", "keys", "settings", "sole_process"},
    "viewer_webserver": set(),
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
        "print([name for name in ('mlflow', 'sklearn', 'matplotlib', 'scipy', 'sqlglot') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_no_python_file_shadows_mlflow() -> None:
    assert not list((PROJECT_ROOT / "mlflow").rglob("*.py"))
