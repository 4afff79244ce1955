"""Tests of the users' own lists: what they add, which row wins, and what a wrong line is told."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from browse_assets import resources
from browse_assets.reference.files import KEY_COLUMNS, ReferenceFileError
from browse_assets.resources import load_reference, withheld_values
from browse_assets.settings import PROJECT_ROOT, REFERENCE_DIR

SMALL = {
    "domains": "domain,topic_id,source\nespn.com,483,curated\nlemonde.fr,648,curated\n",
    "neutral_domains": "domain,kind,term_parameter,source\n"
    "bing.com,search_engine,q,curated\nmsn.com,portal,,curated\nreddit.com,social_network,,curated\n",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped lists, with two small ones, and room for files of one's own."""
    for path in REFERENCE_DIR.glob("*.csv"):
        shutil.copy(path, tmp_path)
    for name, text in SMALL.items():
        (tmp_path / f"{name}.csv").write_text(text)
    monkeypatch.setattr(resources, "REFERENCE_DIR", tmp_path)
    return tmp_path


@pytest.fixture
def rows(folder: Path) -> Iterator[Callable[[str], list[tuple[str, ...]]]]:
    """All rows of a list as it is loaded."""
    with duckdb.connect() as con:

        def loaded(name: str) -> list[tuple[str, ...]]:
            load_reference(con, [name])
            return con.execute(f"SELECT * FROM reference_{name} ORDER BY 1").fetchall()

        yield loaded


def test_own_rows_are_added_and_win(folder: Path, rows: Callable[[str], list[tuple[str, ...]]]) -> None:
    (folder / "domains.ours.csv").write_text("topic_id,domain\n497,espn.com\n422,pets.example\n")
    assert rows("domains") == [
        ("espn.com", "497", "domains.ours"),
        ("lemonde.fr", "648", "curated"),
        ("pets.example", "422", "domains.ours"),
    ]


def test_of_two_own_files_the_last_by_name_wins(folder: Path, rows: Callable[[str], list[tuple[str, ...]]]) -> None:
    (folder / "domains.a.csv").write_text("domain,topic_id,source\nespn.com,1,mine\n")
    (folder / "domains.b.csv").write_text('domain,topic_id,source\r\nespn.com,2,"ours, too"\r\n')
    assert rows("domains")[0] == ("espn.com", "2", "ours, too")


def test_a_domain_is_either_neutral_or_has_a_topic(folder: Path, rows: Callable[[str], list[tuple[str, ...]]]) -> None:
    (folder / "neutral_domains.ours.csv").write_text("domain,kind,term_parameter\nespn.com,portal,\n")
    (folder / "domains.ours.csv").write_text("domain,topic_id\nreddit.com,432\nbing.com,627\n")
    assert [row[0] for row in rows("domains")] == ["bing.com", "lemonde.fr", "reddit.com"]
    assert rows("neutral_domains") == [
        ("bing.com", "search_engine", "q", "curated"),  # still the place of its search terms
        ("espn.com", "portal", None, "neutral_domains.ours"),
        ("msn.com", "portal", None, "curated"),
    ]


def test_an_empty_own_file_changes_nothing(folder: Path, rows: Callable[[str], list[tuple[str, ...]]]) -> None:
    before = rows("domains")
    (folder / "domains.ours.csv").write_text("domain,topic_id\n")
    assert rows("domains") == before


@pytest.mark.parametrize("name", sorted(KEY_COLUMNS))
def test_every_shipped_list_is_a_valid_own_file(
    name: str, folder: Path, rows: Callable[[str], list[tuple[str, ...]]]
) -> None:
    before = rows(name)
    shutil.copy(folder / f"{name}.csv", folder / f"{name}.copy.csv")
    assert sorted(map(str, rows(name))) == sorted(map(str, before))


WRONG = [
    ("domains", "domain\nespn.com\n", "line 1: .* domain, topic_id, source"),
    ("domains", "", "line 1: .* domain, topic_id, source"),
    ("domains", "domain,topic_id,topik\nespn.com,1,x\n", "line 1: .* domain, topic_id, source"),
    ("domains", "domain,topic_id\nespn.com,1\nlemonde.fr,99999\n", "line 3: topic_id is not known"),
    ("domains", "domain,topic_id\nwww.espn.com,1\n", "line 2: not a registrable domain"),
    ("domains", "domain,topic_id\nEspn.com,1\n", "line 2: not a registrable domain"),
    ("domains", "domain,topic_id\nco.uk,1\n", "line 2: not a registrable domain"),
    ("domains", "domain,topic_id\nhttps://espn.com/,1\n", "line 2: not a registrable domain"),
    ("domains", "domain,topic_id\nespn.com,1,2\n", "line 2: 3 values for 2 columns"),
    ("domains", "domain,topic_id\nespn.com,1\nespn.com,2\n", "line 3: this row stands twice"),
    ("domains", "domain,topic_id\nespn\xff.com,1\n", "not a CSV file in UTF-8"),
    ("neutral_domains", "domain,kind,term_parameter\nespn.com,sports,\n", "line 2: kind is not known; take one of"),
    ("neutral_domains", "domain,kind,term_parameter\nask.com,search_engine,\n", "line 2: term_parameter belongs to"),
    ("finance_terms", "finance_product,term\ncredit_cards,(?<=x)y\n", "line 2: term is not an RE2"),
    ("finance_terms", "finance_product,term\nyachts,yacht\n", "line 2: finance_product is not known"),
    ("finance_domains", "domain,kind,default_product\nespn.com,bank,yachts\n", "line 2: default_product is not known"),
]


@pytest.mark.parametrize(("name", "text", "message"), WRONG)
def test_a_wrong_line_is_told_where_and_what_to_do(
    name: str, text: str, message: str, folder: Path, rows: Callable[[str], list[tuple[str, ...]]]
) -> None:
    (folder / f"{name}.ours.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(ReferenceFileError, match=rf"^data/reference/{name}\.ours\.csv.*{message}") as caught:
        rows(name)
    assert caught.value.__cause__ is None  # what an incident and the terminal tell is the first cause


def test_what_is_wrong_is_said_where_other_errors_are_withheld(
    folder: Path, rows: Callable[[str], list[tuple[str, ...]]]
) -> None:
    (folder / "domains.ours.csv").write_text("domain,topic_id\nwww.espn.com,1\n")
    with pytest.raises(ReferenceFileError, match="line 2"), withheld_values("Scrubbing"):
        rows("domains")


def test_own_files_are_ignored_by_git() -> None:
    assert "data/reference/*.*.csv" in (PROJECT_ROOT / ".gitignore").read_text().splitlines()
