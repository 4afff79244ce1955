"""Matching halves: known answers, chance where there is nothing to go by, and steady samples."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browse_assets.analysis import reidentification
from browse_assets.analysis.reidentification import (
    guess_in_groups,
    match_halves,
    pick_people,
    wilson_interval,
)

PEOPLE = [f"user{n:02d}" for n in range(24)]


def visits(rows: list[tuple[str, int, str, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["user_key", "half", "item", "visits"])


def test_people_with_sites_of_their_own_are_all_matched() -> None:
    rows = [(user, half, f"{user}.example", 1) for user in PEOPLE for half in (1, 2)]
    rows += [(user, half, "google.com", 50) for user in PEOPLE for half in (1, 2)]
    found = match_halves(visits(rows), PEOPLE)
    assert (found.people, found.rate, found.reason) == (24, 1.0, None)
    assert (found.low, found.high) == pytest.approx((0.862, 1.0), abs=0.001)


def test_people_who_are_all_alike_are_matched_by_chance() -> None:
    rows = [(user, half, "google.com", 5) for user in PEOPLE for half in (1, 2)]
    assert match_halves(visits(rows), PEOPLE).rate == pytest.approx(1 / 24)


def test_nothing_to_go_by_is_chance_and_a_stranger_is_a_miss() -> None:
    assert match_halves(visits([]), PEOPLE).rate == pytest.approx(1 / 24)
    # The second half of each is the first half of the next.
    rows = [(user, 1, f"{n}.example", 1) for n, user in enumerate(PEOPLE)]
    rows += [(user, 2, f"{(n + 1) % 24}.example", 1) for n, user in enumerate(PEOPLE)]
    assert match_halves(visits(rows), PEOPLE).rate == 0


def test_pairs_who_share_a_site_share_the_guess_and_rare_sites_weigh_more() -> None:
    rows = [(user, half, f"{n // 2}.example", 1) for n, user in enumerate(PEOPLE) for half in (1, 2)]
    assert match_halves(visits(rows), PEOPLE).rate == pytest.approx(0.5)
    # Everybody reads google.com often; one rare page each is enough.
    loud = [(user, half, "google.com", 1000) for user in PEOPLE for half in (1, 2)]
    rare = [(user, half, f"{user}.example", 1) for user in PEOPLE for half in (1, 2)]
    assert match_halves(visits(loud + rare), PEOPLE).rate == 1


def test_people_outside_the_sample_are_not_compared() -> None:
    rows = [(user, half, f"{user}.example", 1) for user in PEOPLE for half in (1, 2)]
    rows += [("stranger", half, "user00.example", 9) for half in (1, 2)]
    assert match_halves(visits(rows), PEOPLE) == match_halves(visits(rows[:-2]), PEOPLE)


def test_too_few_people_give_no_rate() -> None:
    found = match_halves(visits([]), PEOPLE[:19])
    assert (found.people, found.rate, found.low, found.high) == (19, None, None, None)
    assert found.reason == "fewer than 20 people with both halves: 19"
    assert guess_in_groups([11], 19).rate is None


@given(st.lists(st.tuples(st.integers(0, 23), st.integers(1, 2), st.integers(0, 9), st.integers(1, 5)), max_size=80))
@settings(max_examples=30)
def test_blocks_do_not_change_the_rate(drawn: list[tuple[int, int, int, int]]) -> None:
    frame = visits([(PEOPLE[user], half, f"{item}.example", n) for user, half, item, n in drawn])
    frame = frame.groupby(["user_key", "half", "item"], as_index=False)["visits"].sum()
    whole = match_halves(frame, PEOPLE)
    before, reidentification.BLOCK = reidentification.BLOCK, 7
    try:
        in_blocks = match_halves(frame, PEOPLE)
    finally:
        reidentification.BLOCK = before
    assert in_blocks == whole
    assert whole.rate is not None
    assert 0 <= whole.rate <= 1


def test_groups_give_at_most_one_in_k() -> None:
    assert guess_in_groups([11] * 20, 20).rate == pytest.approx(1 / 11)
    assert guess_in_groups([11] * 10 + [100] * 10, 20).rate == pytest.approx((1 / 11 + 1 / 100) / 2)
    assert guess_in_groups([], 20).reason == "nothing is released"


def test_samples_are_steady_and_whole_where_they_can_be() -> None:
    assert pick_people(PEOPLE[::-1], 24, seed=1) == PEOPLE
    some = pick_people(PEOPLE, 10, seed=1)
    assert some == pick_people(PEOPLE[::-1], 10, seed=1)
    assert len(set(some)) == 10
    assert some == sorted(some)


@given(st.integers(0, 200), st.integers(1, 200))
def test_the_interval_holds_the_rate(hits: int, n: int) -> None:
    rate = min(hits, n) / n
    low, high = wilson_interval(rate, n)
    assert 0 <= low <= rate + 1e-12
    assert rate - 1e-12 <= high <= 1
    assert np.isfinite([low, high]).all()


def test_the_interval_is_wilsons() -> None:
    assert wilson_interval(0.5, 100) == pytest.approx((0.4038, 0.5962), abs=1e-4)
