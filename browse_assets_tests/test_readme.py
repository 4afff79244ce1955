"""The README is true: its commands, variables, dictionary, pictures and example."""

import re
from typing import Any

import duckdb

from browse_assets.settings import PROJECT_ROOT
from browse_assets.tables import dictionary_markdown, tables_of

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")


def test_commands_are_targets_of_the_makefile() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"run", "ui", "test", "bench"} <= named
    assert named <= targets


def test_variables_are_those_of_the_example() -> None:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    listed = set(re.findall(r"^#([A-Z_]+)=", example, flags=re.MULTILINE))
    assert set(re.findall(r"`((?:BROWSE|MLFLOW)_[A-Z_]+)`", README)) == listed


def test_data_dictionary_is_the_generated_one() -> None:
    begin, end = "<!-- data dictionary: begin -->\n", "<!-- data dictionary: end -->"
    assert README.split(begin)[1].split(end)[0].strip() == dictionary_markdown(), "run: make dictionary"


def test_files_it_points_to_exist() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (PROJECT_ROOT / target).exists(), target


def test_the_example_runs_on_the_tables(tmp_path: Any) -> None:
    path = tmp_path / "browse.duckdb"
    with duckdb.connect(str(path)) as con:
        for table in tables_of("warehouse"):
            con.execute(table.ddl())
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    found: dict[str, Any] = {}
    exec(code.replace("data/browse.duckdb", str(path)), found)
    assert list(found["interests"].columns[:2]) == ["user_key", "topic_id"]
