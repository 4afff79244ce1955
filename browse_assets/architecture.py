"""`make dictionary` also writes docs/architecture.md from the docstrings of all modules.

What belongs here: the parts that the project falls into, in reading order, and which module is in which. What does
not: what a module is for (its own docstring says it), who may import whom (a test keeps that).
"""

import argparse
import ast
import re
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from browse_assets.settings import PROJECT_ROOT

PACKAGE = PROJECT_ROOT / "browse_assets"
PAGE = PROJECT_ROOT / "docs" / "architecture.md"


@dataclass(frozen=True)
class Part:
    """A part of the project.

    Attributes:
        title: heading.
        about: what all its modules have in common, and what to know before changing one.
        members: modules by name, packages with a trailing slash.
    """

    title: str
    about: str
    members: tuple[str, ...]


PARTS = (
    Part(
        "What Dagster sees",
        "Thin: an asset reads, calls, writes and reports. Policy (owners, kinds, schemas, tags) is applied to the "
        "whole graph at once, in `definitions.py`.",
        (
            "definitions",
            "assets/",
            "column_lineage",
            "automation",
            "arrivals",
            "arrival_sensors",
            "incidents",
            "incident_sensor",
            "glimpse",
            "checks",
            "leak_checks",
            "report_checks",
            "verdict",
            "verified",
        ),
    ),
    Part(
        "Facts about tables, and where things lie",
        "The dictionary in `tables.py` makes the DDL, the schema in the UI, the contract checks, the README's section "
        "and the columns that the leak checks search.",
        (
            "tables",
            "settings",
            "keys",
            "resources",
            "file_swap",
            "rewriting",
            "dagster_home",
            "dagster_records",
            "postgres_records",
        ),
    ),
    Part(
        "Reading files",
        "One module per format: a file becomes staged rows, and nothing is judged yet. Formats are told by content.",
        ("readers/",),
    ),
    Part(
        "SELECTs",
        "One plain SELECT per file, which runs as it stands in a DuckDB shell once the tables that it needs are there.",
        ("sql/",),
    ),
    Part(
        "A second engine",
        "Spark takes the same statements as DuckDB, translated: an asset is given a connection and need not know "
        "which. `engine/choice.py` is all that assets see of it.",
        ("engine/",),
    ),
    Part(
        "Pure logic",
        "Frames and numbers in, frames and numbers out. Knows no Dagster, no MLflow, no database, no clock.",
        ("analysis/",),
    ),
    Part(
        "Lists",
        "What is known of domains, products, finance and topics: lists in `data/reference`, text that all can edit.",
        ("reference/",),
    ),
    Part(
        "People's rights, and keys",
        "Erasing, exporting, ageing, re-keying. Each proves what it did by searching bytes, not by trusting a DELETE.",
        (
            "removal",
            "remove",
            "erasure/",
            "tombstones",
            "byte_search",
            "retention",
            "export_user",
            "export",
            "person_data",
            "release",
            "release_files",
            "rotate_keys",
            "key_rotation",
        ),
    ),
    Part(
        "Commands",
        "What `make` starts. Each has `--help`; none imports what only training needs before it has said something.",
        (
            "command_line",
            "foreseen",
            "stopping",
            "sole_process",
            "progress",
            "run",
            "preflight",
            "in_process",
            "summary",
            "ui",
            "ports",
            "server_process",
            "serve",
            "scoring_app",
            "model_card",
            "dictionary",
            "architecture",
        ),
    ),
    Part(
        "The notebook",
        "One module per question; the notebook itself holds no logic. Reads the tables as anybody would.",
        ("notebook/",),
    ),
    Part(
        "Servers elsewhere",
        "What the container image starts, and the door for those who may only look (`deploy/`, `Dockerfile`).",
        ("container", "viewer_webserver"),
    ),
    Part(
        "The sample panel",
        "Invents people, their browsing, and the truth that tests compare with. Never imported by the pipeline, and "
        "reads none of its lists.",
        ("sample_panel/",),
    ),
)

INTRODUCTION = """# Architecture

Written by `make dictionary` from the first sentences of all modules and SELECTs: change those, not this page.

![Files come in at the left, are read into an encrypted vault, scrubbed once, and everything else is made from the \
scrubbed tables of the warehouse](architecture.svg)

**One way in, one wall.** Raw rows exist only in the vault, and for a step of Spark in files whose key no file
holds. `scrubbed_events` is the wall: whatever is right of it is made from scrubbed rows, and checks search every text
column after each run and block what comes after.
**One writer.** A DuckDB file is written by one process: runs queue, steps run in process.
**Imports go one way.** definitions → assets, checks, automation, resources · assets → readers, analysis, sql, tables,
resources · readers, resources → tables · analysis → nothing of the project. `browse_assets_tests/test_imports.py` holds
the rule for every module and fails for one without a rule.
**As-of, not now.** Windows end at the data's `as_of`; pure modules may not import the clock.
**Increments.** A file is known by its content and read once; an asset notes what it was made from (`asset_state`) and
does nothing when that has not changed.
"""


def modules_of(member: str) -> list[Path]:
    """The files of one member of a part, in order of name; a package's `__init__` first."""
    if not member.endswith("/"):
        return [PACKAGE / f"{member}.py"]
    files = [path for path in (PACKAGE / member).iterdir() if path.suffix == (".sql" if member == "sql/" else ".py")]
    return sorted(files, key=lambda path: (path.stem != "__init__", path.name))


def first_sentence(path: Path) -> str:
    """What a module or a SELECT says of itself first.

    Raises:
        ValueError: it says nothing.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sql":
        header = "\n".join(takewhile(lambda line: line.startswith("--"), text.splitlines()))
        said = re.split(r"\n--\s*\n|\n-- [A-Z][a-z ]+:", header)[0]
        found = re.sub(r"\s*\n--\s+", " ", said).removeprefix("-- ").removeprefix("What: ")
    else:
        found = (ast.get_docstring(ast.parse(text)) or "").split("\n\n")[0]
    if not found.strip():
        raise ValueError(f"{path.name} does not say what it is for")
    sentence = " ".join(found.split()).replace("|", "\\|")
    return sentence[0].upper() + sentence[1:]


def architecture_markdown() -> str:
    """The page as it should stand in docs/architecture.md."""
    sections = [INTRODUCTION]
    for part in PARTS:
        lines = [f"## {part.title}", "", part.about, "", "| file | what it is |", "|---|---|"]
        for member in part.members:
            for path in modules_of(member):
                if path.name != "__init__.py" or path.read_text(encoding="utf-8").strip():
                    name = path.relative_to(PACKAGE).as_posix()
                    lines.append(f"| [{name}](../browse_assets/{name}) | {first_sentence(path)} |")
        sections.append("\n".join(lines) + "\n")
    return "\n".join(sections)


def main() -> None:
    """Write the page."""
    argparse.ArgumentParser(
        prog="make dictionary",
        description="Write docs/architecture.md again from the first sentences of all modules and SELECTs. Nothing "
        "else is touched; the picture beside it is drawn by hand.",
    ).parse_args()
    PAGE.write_text(architecture_markdown(), encoding="utf-8")


if __name__ == "__main__":
    main()
