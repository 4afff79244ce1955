"""Names in free text: spans of a tiny model made here; skipped without the extra `ner`."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.names import NamesNotAvailableError, find_names, merged
from browse_assets.settings import PROJECT_ROOT, load_settings


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that knows one name by its given name, and a place."""
    pytest.importorskip("presidio_analyzer")
    spacy = pytest.importorskip("spacy")
    blank = spacy.blank("en")
    ruler = blank.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            {"label": "PERSON", "pattern": [{"ORTH": "Maria"}, {"IS_TITLE": True, "OP": "?"}]},
            {"label": "GPE", "pattern": "Berlin"},
        ]
    )
    folder = tmp_path_factory.mktemp("model")
    blank.to_disk(folder)
    return str(folder)


def test_spans_of_people_in_the_order_of_the_texts(model: str) -> None:
    texts = ["Letter to Maria Lindqvist", "Weather in Berlin", "", "Maria met Maria Okonkwo"]
    found = find_names(texts, model)
    assert [[text[start:end] for start, end in spans] for text, spans in zip(texts, found, strict=True)] == [
        ["Maria Lindqvist"],
        [],
        [],
        ["Maria", "Maria Okonkwo"],
    ]


def test_searches_in_lower_case_are_read_with_capitals(model: str) -> None:
    (spans,) = find_names(["photos of maria lindqvist"], model)
    assert spans == [(10, 25)]


def test_a_text_that_would_move_with_capitals_is_read_as_it_is(model: str) -> None:
    assert len("ŉ maria".title()) > len("ŉ maria")
    assert find_names(["ŉ maria"], model) == [[]]


def test_more_texts_than_one_batch(model: str) -> None:
    assert find_names(["Maria"] * 600, model) == [[(0, 5)]] * 600


def test_a_model_that_is_not_installed_says_what_to_do(model: str) -> None:
    del model
    with pytest.raises(NamesNotAvailableError, match=r"no_such_model .*BROWSE_NER_MODEL"):
        find_names(["Maria"], "no_such_model")


def test_without_the_extra_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("spacy", "presidio_analyzer", "presidio_analyzer.nlp_engine"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NamesNotAvailableError, match="make ner"):
        find_names(["Maria"], "model_of_no_extra")


SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 9)).map(lambda pair: (pair[0], sum(pair))))


@given(SPANS)
def test_merged_spans_cover_the_same_characters_once(spans: list[tuple[int, int]]) -> None:
    joined = merged(spans)
    covered = [place for start, end in joined for place in range(start, end)]
    assert len(covered) == len(set(covered))
    assert set(covered) == {place for start, end in spans for place in range(start, end)}
    assert joined == sorted(joined)


def test_the_model_is_off_unless_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_NER_MODEL", "")
    assert load_settings().ner_model is None
    monkeypatch.setenv("BROWSE_NER_MODEL", "some_model")
    assert load_settings().ner_model == "some_model"


def test_a_run_without_the_setting_imports_no_model(tmp_path: Path) -> None:
    pytest.importorskip("presidio_analyzer")  # where it is not installed every run shows it
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from browse_assets_tests.privacy.labelled_set import labelled_set\n"
        "from browse_assets_tests.privacy.measure import measure\n"
        "measure(labelled_set(1, 1)[:20], Path(sys.argv[1]))\n"
        "print([name for name in ('presidio_analyzer', 'spacy', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "data")],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
