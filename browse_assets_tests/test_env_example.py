""".env.example and the code name the same variables."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
VARIABLE = re.compile(r"(BROWSE|MLFLOW)_[A-Z_]+")
# Set for the tools that this project starts, never read by it.
SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION",
}
# Set by the Dockerfile and compose.yaml for their own containers; nobody else has a reason to.
WIRING = {
    "BROWSE_CODE_HOST",
    "BROWSE_CODE_PORT",
    "BROWSE_POSTGRES_HOST",
    "BROWSE_PROXY_RESOLVER",
    "BROWSE_PROXY_TLS_PUBLIC_PORT",
    "BROWSE_SECRETS_DIR",
}


def variables_in_code() -> set[str]:
    found = set()
    for path in (ROOT / "browse_assets").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
                found.add(node.value)
    return (found | variables_of_compose()) - SWITCHES - WIRING


def variables_of_compose() -> set[str]:
    """Those that compose.yaml takes from the environment."""
    named = re.findall(r"\$\{([A-Z_]+)", (ROOT / "compose.yaml").read_text(encoding="utf-8"))
    return {name for name in named if VARIABLE.fullmatch(name)}


def variables_in_example() -> list[str]:
    return re.findall(r"^#((?:BROWSE|MLFLOW)_[A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)


def test_every_variable_is_in_the_example_and_the_other_way_round() -> None:
    example = variables_in_example()
    assert sorted(set(example)) == sorted(example)
    assert set(example) == variables_in_code()


def test_the_example_changes_nothing_until_edited() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    assert [line for line in lines if line and not line.startswith("#")] == []


def test_every_variable_is_explained() -> None:
    """Each has a line of prose above it, or a neighbour that shares one."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    for number, line in enumerate(lines):
        if VARIABLE.match(line.removeprefix("#")):
            assert lines[number - 1].startswith("#"), line
