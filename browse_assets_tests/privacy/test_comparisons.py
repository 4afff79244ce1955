"""The comparison with Presidio and the count of names: hand-made cases with known answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from browse_assets_tests.privacy.labelled_set import CLEAN, Case, Event
from browse_assets_tests.privacy.measure import judge
from browse_assets_tests.privacy.named_texts import CULTURES, named_texts
from browse_assets_tests.privacy.names_measure import counts, is_found, names_report
from browse_assets_tests.privacy.presidio_comparison import Detection, detect, without_overlaps
from browse_assets_tests.privacy.values import Secret

MAIL = Case(
    "email",
    "title",
    "plain",
    Event("https://www.example.com/", "Mail ann.lee@example.com"),
    "Mail ann.lee@example.com",
    Secret("email", "ann.lee@example.com", ("ann.lee",)),
)
NOTHING = Case(CLEAN, "url", "news", Event(""), "https://www.example.com/a?mail=ann.lee@example.com")


def test_the_longest_of_overlapping_spans_stays() -> None:
    assert without_overlaps([(5, 9, "A"), (0, 7, "B"), (9, 12, "C")]) == ((0, 7, "B"), (9, 12, "C"))


@pytest.mark.parametrize(
    ("spans", "is_removed"), [(((5, 24, "EMAIL_ADDRESS"),), True), ((), False), (((0, 5, "X"),), False)]
)
def test_a_value_is_removed_when_spans_cover_what_tells_it(
    spans: tuple[tuple[int, int, str], ...], is_removed: bool
) -> None:
    assert Detection(judge(MAIL, None), spans).is_removed is is_removed


def test_spans_in_a_query_do_not_change_an_address() -> None:
    outcome = judge(NOTHING, None)
    assert not Detection(outcome, ((31, 50, "EMAIL_ADDRESS"),)).is_changed
    assert Detection(outcome, ((8, 20, "URL"),)).is_changed
    assert not Detection(outcome, ()).is_changed


def test_presidio_finds_what_it_is_made_for() -> None:
    pytest.importorskip("presidio_analyzer")
    clean = replace(NOTHING, carrier="Chicken and pasta for the summer")
    (mail, nothing), seconds = detect([judge(MAIL, None), judge(clean, None)])
    assert mail.masked == "Mail <EMAIL_ADDRESS>"
    assert mail.is_removed
    assert not nothing.is_changed
    assert seconds > 0


def test_labelled_names_stand_where_their_spans_say() -> None:
    texts = named_texts(3, per_template=1)
    assert texts == named_texts(3, per_template=1)
    assert {text.culture for text in texts} == {*CULTURES, ""}
    named = [text for text in texts if text.span]
    assert len(named) == len(texts) / 2
    for text in named:
        assert text.span is not None
        given, family = CULTURES[text.culture]
        name = text.text[slice(*text.span)].lower()
        assert name.split()[0] in given.lower().split()
        assert name.split(maxsplit=1)[1] in family.lower().split()


def test_a_name_is_found_when_both_its_ends_are() -> None:
    assert is_found((2, 9), [(2, 9)])
    assert is_found((2, 9), [(0, 4), (5, 12)])
    assert not is_found((2, 9), [(2, 5)])


def test_counts_of_names_and_spans() -> None:
    labelled = [[(0, 4)], [(3, 8)], []]
    found = [[(0, 4), (6, 9)], [(3, 5)], [(1, 2)]]
    assert counts(labelled, found) == (2, 1, 4, 2)


def test_the_report_of_names(tmp_path: Path) -> None:
    spacy = pytest.importorskip("spacy")
    pytest.importorskip("presidio_analyzer")
    blank = spacy.blank("en")
    blank.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": [{"ORTH": "Wei"}, {}]}])
    blank.to_disk(tmp_path)
    text = names_report(str(tmp_path), 3)
    assert "Chinese" in text
    assert "Texts without a name that would be changed: 0.0%" in text
