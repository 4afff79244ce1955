"""docs/architecture.md is what the code says of itself, and its picture shows every asset."""

import re

import pytest

from browse_assets.architecture import PACKAGE, PAGE, PARTS, architecture_markdown, first_sentence, modules_of
from browse_assets.definitions import ASSETS
from browse_assets.settings import PROJECT_ROOT


def test_the_page_is_the_generated_one() -> None:
    assert PAGE.read_text(encoding="utf-8") == architecture_markdown(), "run: make dictionary"


def test_every_module_and_select_is_in_one_part() -> None:
    listed = [path for part in PARTS for member in part.members for path in modules_of(member)]
    ours = {*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql")} - {
        PACKAGE / "__init__.py",
        PACKAGE / "sql" / "__init__.py",
    }
    assert set(listed) == ours
    assert len(listed) == len(ours)


def test_the_picture_names_every_asset_and_nothing_else() -> None:
    picture = (PROJECT_ROOT / "docs" / "architecture.svg").read_text(encoding="utf-8")
    words = {word for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture) for word in text.split()}
    assets = {asset.key.to_user_string() for asset in ASSETS}
    assert assets <= words
    assert {word for word in words if re.fullmatch(r"[a-z]+(_[a-z]+)+", word)} <= assets | {"churn_labels"}


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.py", '"""What it is: one | two.\n\nMore."""\n', "What it is: one \\| two."),
        (
            "a.sql",
            "-- What: one row per thing,\n--   of a kind.\n-- Columns: x.\nSELECT 1\n",
            "One row per thing, of a kind.",
        ),
        ("a.sql", "-- Rules that are shared.\n--\n-- f(x)  this\n", "Rules that are shared."),
    ],
)
def test_the_first_sentence_is_found(tmp_path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    assert first_sentence(tmp_path / name) == said


def test_a_module_without_a_docstring_is_told(tmp_path) -> None:
    (tmp_path / "silent.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match="does not say what it is for"):
        first_sentence(tmp_path / "silent.py")
