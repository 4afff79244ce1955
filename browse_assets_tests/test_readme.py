"""README and docs/privacy.md are true: commands, variables, dictionary, columns, files, pictures and example."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from browse_assets.analysis.scrubbing import personal_kind, scrub_address, scrub_text
from browse_assets.leak_checks import LEAK_CHECKS
from browse_assets.settings import PROJECT_ROOT, Settings
from browse_assets.tables import TABLES, dictionary_markdown, tables_of

README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
PRIVACY = (PROJECT_ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
CONTRIBUTING = (PROJECT_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

DEPLOY = (PROJECT_ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/deploy.md",
    "docs/privacy.md",
    "docs/scale.md",
)

# What `name.ending` may be instead of a column: a file, or a host of an example.
ENDINGS = {"com", "csv", "duckdb", "example", "html", "json", "key", "md", "parquet", "py", "sql", "txt"}


def targets_of_the_makefile() -> set[str]:
    makefile = (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))


def variables_of_the_example() -> set[str]:
    example = (PROJECT_ROOT / ".env.example").read_text(encoding="utf-8")
    return set(re.findall(r"^#([A-Z_]+)=", example, flags=re.MULTILINE))


def variables_in(text: str) -> set[str]:
    return set(re.findall(r"`((?:BROWSE|MLFLOW)_[A-Z_]+)`", text))


def commands_in(text: str) -> set[str]:
    """Targets after `make` where it is a command: in backticks, or at the start of a line."""
    return set(re.findall(r"(?:`|^)make ([a-z-]+)", text, flags=re.MULTILINE))


def columns_in(text: str) -> set[tuple[str, str]]:
    """Each `table.column` in backticks."""
    named = re.findall(r"`([a-z_]+)\.([a-z_]+)`", text)
    return {(table, column) for table, column in named if column not in ENDINGS}


def missing_columns(text: str) -> set[tuple[str, str]]:
    return {(t, c) for t, c in columns_in(text) if t not in TABLES or c not in TABLES[t].column_names}


def paths_in(text: str) -> set[str]:
    """Files and folders in backticks, named from the project's folder."""
    return set(re.findall(r"`((?:browse_assets|browse_assets_tests|data|docs|mlflow)/[\w./-]*)`", text))


def places_of_an_installation() -> Iterator[Path]:
    """Where settings say that things lie; they need not be there yet."""
    settings = Settings(PROJECT_ROOT / "data", "sqlite:///mlflow/mlflow.db", PROJECT_ROOT / "mlflow" / "artifacts")
    for name, attribute in vars(Settings).items():
        if isinstance(attribute, property) and isinstance(path := getattr(settings, name), Path):
            yield path
    yield from (settings.data_dir / "logs", settings.reports / "releases", settings.customers / "consent.csv")
    yield Path(settings.lake_dir)
    yield from (settings.reports / "churn_report.html", settings.reports / "churn_report.pptx")


def missing_paths(text: str) -> set[str]:
    places = set(places_of_an_installation())
    return {path for path in paths_in(text) if not (PROJECT_ROOT / path).exists() and PROJECT_ROOT / path not in places}


def test_commands_are_targets_of_the_makefile() -> None:
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"run", "ui", "test", "bench"} <= named
    assert named <= targets_of_the_makefile()


def test_variables_are_those_of_the_example() -> None:
    assert variables_in(README) == variables_of_the_example()


def test_privacy_names_what_is_there() -> None:
    assert {"privacy-report", "release", "erase", "export", "rotate-keys"} <= commands_in(PRIVACY)
    assert commands_in(PRIVACY) <= targets_of_the_makefile()
    assert {"BROWSE_RETENTION_DAYS", "BROWSE_NER_MODEL"} <= variables_in(PRIVACY)
    assert variables_in(PRIVACY) <= variables_of_the_example()
    assert ("scrubbed_events", "user_key") in columns_in(PRIVACY)
    assert missing_columns(PRIVACY) == set()
    assert {"data/browse.duckdb", "data/reference/url_parameters.csv"} <= paths_in(PRIVACY)
    assert missing_paths(PRIVACY) == set()


def test_the_guide_to_deploying_names_what_is_there() -> None:
    assert {"image", "lock"} <= commands_in(DEPLOY)
    assert commands_in(DEPLOY) <= targets_of_the_makefile()
    assert variables_in(DEPLOY) <= variables_of_the_example()
    assert missing_paths(DEPLOY) == set()
    for module in re.findall(r"`?(?:python -m )?(browse_assets\.[a-z_]+)`", DEPLOY):
        assert (PROJECT_ROOT / module.replace(".", "/")).with_suffix(".py").exists(), module
    compose = yaml.safe_load((PROJECT_ROOT / "compose.yaml").read_text(encoding="utf-8"))
    commands = re.findall(r"docker compose (?:exec(?: -T)?|run --rm|logs|up -d|stop|start|cp) ([a-z].*)", DEPLOY)
    named = {word for command in commands for word in re.findall(r"^[a-z -]+", command)[0].split()}
    assert {"code", "init", "postgres", "proxy"} <= named & set(compose["services"])
    assert set(re.findall(r"browse-assets_([a-z]+):", DEPLOY)) <= set(compose["volumes"])
    rows = re.findall(r"^\| `([a-z-]+)`(?:, `([a-z-]+)`)? \|", DEPLOY.split("## One host")[0], flags=re.MULTILINE)
    assert {name for row in rows for name in row if name} == set(compose["services"])


def test_privacy_names_checks_that_run() -> None:
    names = {spec.name for check in LEAK_CHECKS for spec in check.check_specs}
    assert "`no_personal_data`" in PRIVACY
    assert "no_personal_data" in names
    assert all(name.endswith("_no_personal_data") for name in names - {"no_personal_data"})


def scrubbed(example: str) -> str:
    """An example of docs/privacy.md after the rules of its part; paths are those of any site."""
    if example.startswith("?"):
        name, _, value = example[1:].partition("=")
        return "?" if personal_kind(name, value) else example
    if example.startswith("/"):
        return scrub_address(f"https://example.com{example}").removeprefix("https://example.com")
    if re.fullmatch(r"[a-z-]+\.[a-z]+[a-z./]*", example):
        return scrub_address(f"https://{example}").removeprefix("https://")
    return scrub_text(example)


def known_limits() -> list[tuple[str, str]]:
    """What the table of limits says stays: before and after, mostly the same."""
    table = PRIVACY.split("| what stays |")[1].split("\n\n")[0]
    cells = [row.split(" | ")[-1] for row in table.splitlines()[2:]]
    changed = [pair for cell in cells for pair in re.findall(r"`([^`]+)` becomes `([^`]+)`", cell)]
    same = [text for cell in cells if " becomes " not in cell for text in re.findall(r"`([^`]+)`", cell)]
    return changed + [(text, text) for text in same]


def test_known_limits_are_as_privacy_says() -> None:
    """A limit that is gone has to go from the page too."""
    limits = known_limits()
    assert len(limits) >= 20
    assert [(before, scrubbed(before)) for before, _ in limits] == limits


def test_what_is_not_there_is_noticed() -> None:
    """Else the test above could not fail."""
    text = "`make nonsense`, `scrubbed_events.nonsense`, `nonsense.user_key`, `data/nonsense.csv`, `browse_assets/x.py`"
    assert commands_in(text) == {"nonsense"}
    assert missing_columns(text) == {("scrubbed_events", "nonsense"), ("nonsense", "user_key")}
    assert missing_paths(text) == {"data/nonsense.csv", "browse_assets/x.py"}


def test_the_guides_for_contributors_name_what_is_there() -> None:
    assert commands_in(CONTRIBUTING) <= targets_of_the_makefile()
    assert variables_in(CONTRIBUTING) <= variables_of_the_example()
    example = "browse_assets/sql/visiting_hours.sql"
    assert missing_paths(CONTRIBUTING) == {example}
    code = "".join(path.read_text(encoding="utf-8") for path in PROJECT_ROOT.glob("browse_assets*/**/*.py"))
    constants = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)*)`", CONTRIBUTING)) - variables_of_the_example()
    assert {"MAY_IMPORT", "BROWSER_TABLES", "FINANCE_PRODUCTS"} <= constants
    assert {name for name in constants if not re.search(rf"\b{name}\b", code)} == set()
    functions = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)`", CONTRIBUTING)) - set(TABLES)
    known = code + (PROJECT_ROOT / "data" / "reference" / "finance_products.csv").read_text(encoding="utf-8")
    ours = {"visiting_hours", "buy_now_pay_later"}
    assert {name for name in functions - ours if not re.search(rf"\b{name}\b", known)} == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    """Files that are linked exist, and so does the heading of theirs that is meant."""
    path = PROJECT_ROOT / document
    for target, _, anchor in re.findall(r"\]\(([^)#]*)(#([^)]*))?\)", path.read_text(encoding="utf-8")):
        linked = path.parent / target if target else path
        assert linked.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", linked.read_text(encoding="utf-8"), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, anchor


def test_data_dictionary_is_the_generated_one() -> None:
    begin, end = "<!-- data dictionary: begin -->\n", "<!-- data dictionary: end -->"
    assert README.split(begin)[1].split(end)[0].strip() == dictionary_markdown(), "run: make dictionary"


def test_the_example_runs_on_the_tables(tmp_path: Any) -> None:
    path = tmp_path / "browse.duckdb"
    with duckdb.connect(str(path)) as con:
        for table in tables_of("warehouse"):
            con.execute(table.ddl())
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    found: dict[str, Any] = {}
    exec(code.replace("data/browse.duckdb", str(path)), found)
    assert list(found["interests"].columns[:2]) == ["user_key", "topic_id"]
