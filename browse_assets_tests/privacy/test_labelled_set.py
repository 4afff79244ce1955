"""Floors of what is removed and ceilings of what is changed, on values that nobody looked at; and the harness.

The scrubber is run once over the whole labelled set.
"""

from collections import Counter
from pathlib import Path

import pytest

from browse_assets_tests.privacy.__main__ import SEED
from browse_assets_tests.privacy.labelled_set import CLEAN, Case, Event, labelled_set
from browse_assets_tests.privacy.leaks import is_leaked
from browse_assets_tests.privacy.measure import Measurement, judge, measure
from browse_assets_tests.privacy.places import PLACES
from browse_assets_tests.privacy.report import (
    CEILINGS,
    OVERSCRUBBED_CEILING,
    RECALL_FLOOR,
    by_kind,
    by_place,
    f_beta,
    overscrubbed,
    recall,
    report,
    structured,
)
from browse_assets_tests.privacy.values import KINDS, Secret

# Held out: the report's values are those of SEED. Do not print this seed's misses; fix by principle.
HELD_OUT_SEED = 7_340_033


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return labelled_set(HELD_OUT_SEED)


@pytest.fixture(scope="module")
def measurement(cases: list[Case], tmp_path_factory: pytest.TempPathFactory) -> Measurement:
    return measure(cases, tmp_path_factory.mktemp("labelled") / "data")


class TestFloors:
    """The figure is taken before the assertion, so that a failure shows it and none of the held-out values."""

    def test_recall_over_all(self, measurement: Measurement) -> None:
        found = recall(structured(measurement.outcomes))
        assert found >= RECALL_FLOOR

    @pytest.mark.parametrize("place", [place.name for place in PLACES])
    def test_recall_in_every_place(self, place: str, measurement: Measurement) -> None:
        found = recall([o for o in structured(measurement.outcomes) if o.case.place == place])
        assert found >= RECALL_FLOOR

    @pytest.mark.parametrize("encoding", sorted({encoding for place in PLACES for encoding in place.encodings}))
    def test_recall_under_every_encoding(self, encoding: str, measurement: Measurement) -> None:
        found = recall([o for o in structured(measurement.outcomes) if o.case.encoding == encoding])
        assert found >= RECALL_FLOOR

    # An e-mail in disguise is structured nowhere.
    @pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "email_obfuscated"])
    def test_recall_of_every_kind(self, kind: str, measurement: Measurement) -> None:
        found = recall([o for o in structured(measurement.outcomes) if o.case.kind == kind])
        assert found >= RECALL_FLOOR

    @pytest.mark.parametrize("place", CEILINGS)
    def test_clean_values_are_left_alone(self, place: str, measurement: Measurement) -> None:
        changed = overscrubbed(measurement.outcomes, place)
        assert changed <= OVERSCRUBBED_CEILING

    def test_the_registrable_domain_survives(self, measurement: Measurement) -> None:
        rows = [(o.case.event.url.split("/")[2], o.row) for o in measurement.outcomes]
        lost = sum(row is None or not f".{host}".endswith(f".{row['domain']}") for host, row in rows)
        assert lost == 0


class TestTheSet:
    def test_it_is_large_and_the_same_for_the_same_seed(self, cases: list[Case]) -> None:
        planted = [case for case in cases if case.secret]
        assert len(planted) >= 3_000
        assert len(cases) - len(planted) >= 3_000
        assert labelled_set(HELD_OUT_SEED) == cases
        assert HELD_OUT_SEED != SEED

    def test_another_seed_gives_other_values_under_the_same_headings(self, cases: list[Case]) -> None:
        other = labelled_set(SEED)
        assert Counter((c.kind, c.place, c.encoding) for c in cases) == Counter(
            (c.kind, c.place, c.encoding) for c in other
        )
        values, others = ({c.secret.written for c in some if c.secret} for some in (cases, other))
        assert len(values & others) < len(values) / 10

    def test_every_secret_is_found_in_its_event(self, cases: list[Case]) -> None:
        for case in cases:
            if case.secret:
                event = case.event
                texts = [event.url, event.title, event.referrer, *(content for _, content in event.tags)]
                assert is_leaked(case.secret, texts), (case.kind, case.place, case.encoding)

    def test_every_kind_and_every_place_has_values(self, cases: list[Case]) -> None:
        assert {case.kind for case in cases} == {*KINDS, CLEAN}
        assert {case.place for case in cases if case.secret} == {place.name for place in PLACES}


class TestTheSearch:
    SECRET = Secret("phone", "+1 212-555-0142", ("2125550142",))
    MAIL = Secret("email", "ann.lee@example.com", ("ann.lee",))

    @pytest.mark.parametrize(
        "left",
        [
            "call +1 (212) 555-0142 now",
            "/call/%2B1%20212%20555%200142",
            "/call/%252B1%2520212%2520555%25200142",
            "212\u00a0555\u20110142",
            "&#50;&#49;&#50;&#53;&#53;&#53;&#48;&#49;&#52;&#50;",
            "/go/KzEyMTI1NTUwMTQy",
            "+1 {phone} 5550142",  # six tenths of it tell it
        ],
    )
    def test_a_leak_is_found(self, left: str) -> None:
        assert is_leaked(self.SECRET, ["nothing", left])

    @pytest.mark.parametrize("left", ["call {phone} now", "+1 212 {phone}", "{phone} 0142", "order 21255", ""])
    def test_what_tells_nothing_is_none(self, left: str) -> None:
        assert not is_leaked(self.SECRET, [left])

    @pytest.mark.parametrize(
        "left", ["ANN.LEE@EXAMPLE.COM", "ann.lee", "ann-lee-example", "YW5uLmxlZUBleGFtcGxlLmNvbQ"]
    )
    def test_an_email_is_found_by_its_first_part(self, left: str) -> None:
        assert is_leaked(self.MAIL, [left])

    def test_its_domain_alone_is_no_leak(self) -> None:
        assert not is_leaked(self.MAIL, ["{email} at example.com"])


def row(**columns: object) -> dict[str, object]:
    return {
        "url": "https://www.example.com/start",
        "title": "Welcome",
        "domain": "example.com",
        "removed": None,
        **columns,
    }


class TestJudging:
    POSITIVE = Case(
        "email",
        "title",
        "plain",
        Event("https://www.example.com/start", "Mail ann.lee@example.com"),
        "Mail ann.lee@example.com",
        Secret("email", "ann.lee@example.com", ("ann.lee",)),
        ("Mail",),
    )
    CLEAN_URL = Case(
        CLEAN, "url", "news", Event("https://www.example.com/a-12345678?q=1"), "", kept=("https://www.example.com/a",)
    )
    CLEAN_TAG = Case(CLEAN, "metadata", "price", Event("", tags=(("price", "9.99"),)), "9.99", kept=("price", "9.99"))

    def test_a_removed_value(self) -> None:
        outcome = judge(self.POSITIVE, row(title="Mail {email}"))
        assert outcome.is_removed
        assert outcome.is_kept
        assert not outcome.wrong_placeholders

    @pytest.mark.parametrize(
        "columns",
        [
            {"title": "Mail ann.lee@example.com"},
            {"title": "Mail {email}", "metadata": [{"name": "a", "content": "ann.lee"}]},
            {"title": "Mail {email}", "url": "https://www.example.com/ann%2Elee"},
            {"title": "Mail {email}", "referrer_domain": "ann.lee.example.com"},
        ],
    )
    def test_a_leak_in_any_column_counts(self, columns: dict[str, object]) -> None:
        outcome = judge(self.POSITIVE, row(**columns))
        assert not outcome.is_removed
        assert by_kind([outcome])[0].recall == 0
        assert by_place([outcome])[0].recall == 0
        assert recall(structured([outcome])) == 0

    def test_words_that_went_with_the_value_count(self) -> None:
        assert not judge(self.POSITIVE, row(title="{email}")).is_kept

    def test_a_wrong_placeholder_counts_against_its_kind(self) -> None:
        outcome = judge(self.POSITIVE, row(title="Mail {phone}"))
        assert outcome.is_removed
        assert outcome.wrong_placeholders == {"phone"}
        assert {score.name: score.wrong for score in by_kind([outcome])}["phone"] == 1

    @pytest.mark.parametrize(
        ("url", "is_kept"),
        [
            ("https://www.example.com/a-12345678", True),
            ("https://www.example.com/a-12345678?q=1", True),
            ("https://www.example.com/a-{id}", False),
            ("https://www.example.com/", False),
            (None, False),
        ],
    )
    def test_a_clean_address_is_judged_before_its_query(self, url: str | None, is_kept: bool) -> None:
        outcome = judge(self.CLEAN_URL, row(url=url))
        assert outcome.is_kept is is_kept
        assert overscrubbed([outcome], "url") == (0 if is_kept else 1)

    @pytest.mark.parametrize(
        ("tags", "is_kept"),
        [
            ([{"name": "price", "content": "9.99"}], True),
            ([{"name": "price", "content": "{id}"}], False),
            ([], False),
            (None, False),
        ],
    )
    def test_a_clean_tag_must_be_there_unchanged(self, tags: list[dict[str, str]] | None, is_kept: bool) -> None:
        assert judge(self.CLEAN_TAG, row(metadata=tags)).is_kept is is_kept

    def test_an_event_that_was_refused_leaks_nothing_and_is_lost(self) -> None:
        assert judge(self.POSITIVE, None).is_removed
        assert not judge(self.CLEAN_URL, None).is_kept


def test_f2_weighs_recall_twice() -> None:
    assert f_beta(1.0, 1.0) == 1.0
    assert f_beta(0.0, 0.0) == 0.0
    assert f_beta(0.5, 1.0) == pytest.approx(5 * 0.5 / (4 * 0.5 + 1))
    assert f_beta(0.5, 1.0) > f_beta(1.0, 0.5)


def test_the_report_names_its_seed_and_its_counts(measurement: Measurement, cases: list[Case], tmp_path: Path) -> None:
    text = report(measurement, HELD_OUT_SEED)
    assert f"seed {HELD_OUT_SEED}" in text
    assert f"{sum(case.secret is not None for case in cases):,} personal values" in text
    assert all(f"\n{kind} " in text for kind in KINDS)
    assert all(f"\n{place.name} " in text for place in PLACES)
