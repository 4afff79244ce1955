"""Evidence of interest: posteriors computed by hand, and what must hold for any panel."""

import math
from collections.abc import Callable, Sequence
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browse_assets.analysis.interest import RatePrior, fit_rate_prior, score_evidence

AS_OF = pd.Timestamp("2026-03-01 12:00:00")


def _pairs(rows: Sequence[tuple[str, str, float]]) -> pd.DataFrame:
    """One row per (person, item, decayed sessions), all seen a day ago."""
    frame = pd.DataFrame(list(rows), columns=["user_key", "item", "decayed_sessions"])
    frame["sessions"] = 5
    frame["active_days"] = 4
    frame["last_seen"] = AS_OF - pd.Timedelta(days=1)
    return frame


def _exposure(values: dict[str, float]) -> pd.Series:
    return pd.Series(values, dtype=float)


def _panel(n: int = 20) -> tuple[pd.DataFrame, pd.Series]:
    """n people of 10 sessions: p00 spends 8 on news, everybody else 1; all 2 on mail."""
    people = [f"p{i:02d}" for i in range(n)]
    rows = [(p, "news", 8.0 if p == "p00" else 1.0) for p in people]
    rows += [(p, "mail", 2.0) for p in people]
    return _pairs(rows), _exposure(dict.fromkeys(people, 10.0))


def test_prior_by_hand() -> None:
    # m = 9/30; sum e (r-m)^2 = 6.5 - 2.7 = 3.8; Poisson part 2 * 0.3; scale 30 - 300/30 = 20.
    prior = fit_rate_prior([8, 1, 0], [10, 10, 10])
    assert prior.mean == pytest.approx(0.3)
    assert prior.b == pytest.approx(0.3 / 0.16)
    assert prior.a == pytest.approx(0.3 * 0.3 / 0.16)


def test_prior_with_unequal_exposure_by_hand() -> None:
    # m = 6/30; sum f^2/e = 25/5 + 1/25 = 5.04, less 0.04 * 30 = 3.84, less 0.2 = 3.64;
    # scale 30 - 650/30 = 25/3; variance 0.4368; b = 0.2 / 0.4368.
    prior = fit_rate_prior([5, 1], [5, 25])
    assert prior.b == pytest.approx(0.2 / 0.4368)


def test_underdispersed_item_weighs_no_more_than_the_panel_has_seen() -> None:
    prior = fit_rate_prior([1, 1, 1], [10, 10, 10])
    assert (prior.a, prior.b, prior.mean) == (pytest.approx(3), 30, 0.1)


def test_untouched_item_and_single_person() -> None:
    assert fit_rate_prior([0, 0], [3, 4]) == RatePrior(a=0, b=7, mean=0)
    assert fit_rate_prior([2], [4]) == RatePrior(a=2, b=4, mean=0.5)


def test_people_without_sessions_change_no_prior() -> None:
    assert fit_rate_prior([8, 1, 0, 0], [10, 10, 10, 0]) == fit_rate_prior([8, 1, 0], [10, 10, 10])


def test_people_who_touch_nothing_lower_the_panel_mean() -> None:
    assert fit_rate_prior([8, 0], [10, 30]).mean == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("touching", "exposure", "message"),
    [
        ([-1], [1], "not negative"),
        ([np.nan], [1], "finite"),
        ([1], [0], "who has none"),
        ([0], [0], "nobody has any exposure"),
        ([1, 2], [3], "one length"),
    ],
)
def test_prior_refuses_what_is_no_count(touching: list[float], exposure: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit_rate_prior(touching, exposure)


def test_posterior_by_hand() -> None:
    # Both touch it once in ten: under-dispersed, prior Gamma(2, 20), posterior Gamma(3, 30).
    # P(Gamma(3, 30) > 0.1) = P(Poisson(3) <= 2) = e^-3 (1 + 3 + 9/2).
    scored = score_evidence(
        _pairs([("a", "news", 1), ("b", "news", 1)]),
        _exposure({"a": 10, "b": 10}),
        as_of=AS_OF,
        min_people=2,
    )
    assert scored["score"].tolist() == pytest.approx([0.1, 0.1])
    assert scored["lift"].tolist() == pytest.approx([1, 1])
    assert scored["probability"].tolist() == pytest.approx([8.5 * math.exp(-3)] * 2)
    assert scored["baseline"].tolist() == ["panel", "panel"]


def test_personal_baseline_by_hand() -> None:
    # One person, e = 10, f = 6, 0.5, 0.5 over three items: m = 7/30, sum f^2/e = 3.65;
    # variance (3.65 - 49/30 - 14/30) / (30 - 10) = 1.55 / 20; b = m / variance.
    pairs = _pairs([("a", "x", 6), ("a", "y", 0.5), ("a", "z", 0.5)])
    scored = score_evidence(pairs, _exposure({"a": 10}), as_of=AS_OF)
    m = 7 / 30
    b = m / (1.55 / 20)
    assert scored["baseline"].unique().tolist() == ["person"]
    assert scored["score"].tolist() == pytest.approx([(m * b + f) / (b + 10) for f in (6, 0.5, 0.5)])
    assert scored["lift"].to_numpy() == pytest.approx(scored["score"].to_numpy() / m)
    assert scored["item"].tolist() == ["x", "y", "z"]
    assert scored["is_interested"].tolist() == [True, False, False]


def test_item_count_lowers_the_personal_mean() -> None:
    pairs = _pairs([("a", "x", 6)])
    alone = score_evidence(pairs, _exposure({"a": 10}), as_of=AS_OF)
    of_ten = score_evidence(pairs, _exposure({"a": 10}), as_of=AS_OF, item_count=10)
    assert alone["lift"][0] == pytest.approx(1)
    assert of_ten["lift"][0] > 5


def test_the_panel_is_the_baseline_from_twenty_people_with_sessions_on() -> None:
    pairs, exposure = _panel(20)
    assert set(score_evidence(pairs, exposure, as_of=AS_OF)["baseline"]) == {"panel"}
    exposure["p19"] = 0.0
    pairs = pairs[pairs["user_key"] != "p19"]
    assert set(score_evidence(pairs, exposure, as_of=AS_OF)["baseline"]) == {"person"}


def test_planted_interest_is_found_and_nothing_else() -> None:
    scored = score_evidence(*_panel(), as_of=AS_OF)
    found = scored.loc[scored["is_interested"], ["user_key", "item"]]
    assert found.to_numpy().tolist() == [["p00", "news"]]
    first = scored[scored["user_key"] == "p00"]
    assert first["item"].tolist() == ["news", "mail"]
    assert first["share"].tolist() == pytest.approx([0.8, 0.2])
    mail = scored[scored["item"] == "mail"]
    assert mail["lift"].to_numpy() == pytest.approx(np.ones(20))


@pytest.mark.parametrize(
    ("column", "value", "interested"),
    [
        ("sessions", 2, True),
        ("sessions", 1, False),
        ("active_days", 2, True),
        ("active_days", 1, False),
        ("last_seen", AS_OF - pd.Timedelta(days=28), True),
        ("last_seen", AS_OF - pd.Timedelta(days=28, seconds=1), False),
    ],
)
def test_limits_of_interest(column: str, value: int | pd.Timestamp, interested: bool) -> None:
    pairs, exposure = _panel()
    pairs[column] = value
    scored = score_evidence(pairs, exposure, as_of=AS_OF)
    assert bool(scored.loc[0, "is_interested"]) is interested


def test_recency_limit_per_row_follows_its_row() -> None:
    pairs, exposure = _panel()
    pairs = pairs.assign(last_seen=AS_OF - pd.Timedelta(days=20)).iloc[::-1]
    limit = np.where((pairs["user_key"] == "p00") & (pairs["item"] == "news"), 14, 28)
    scored = score_evidence(pairs, exposure, as_of=AS_OF, recency_limit_days=limit)
    assert not scored["is_interested"].any()
    scored = score_evidence(pairs, exposure, as_of=AS_OF, recency_limit_days=42 - limit)
    assert scored["is_interested"].sum() == 1


def test_ties_rank_by_item() -> None:
    rows = [("a", item, 2.0) for item in ("z", "m", "b")]
    scored = score_evidence(_pairs(rows), _exposure({"a": 10}), as_of=AS_OF)
    assert scored["item"].tolist() == ["b", "m", "z"]
    assert scored["rank"].tolist() == [1, 2, 3]


def test_fully_decayed_evidence_says_nothing() -> None:
    # 2^-(age/14) of a visit decades ago is 0 in floating point.
    scored = score_evidence(_pairs([("a", "x", 0.0), ("b", "x", 0.0)]), _exposure({"a": 5, "b": 0}), as_of=AS_OF)
    assert scored["probability"].tolist() == [0, 0]
    assert scored["share"].tolist() == [0, 0]
    assert scored["lift"].isna().all()


def test_no_pairs_give_no_rows() -> None:
    empty = _pairs([])
    scored = score_evidence(empty, _exposure({"a": 1}), as_of=AS_OF)
    assert len(scored) == 0
    assert {"score", "rank", "is_interested", "baseline"} <= set(scored.columns)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.drop(columns="sessions"), "lack the columns"),
        (lambda p: pd.concat([p, p.head(1)]), "more than one row"),
        (lambda p: p.assign(user_key="secret-person"), "people who have no exposure"),
        (lambda p: p.assign(last_seen=AS_OF + pd.Timedelta(seconds=1)), "after as_of"),
        (lambda p: p.assign(decayed_sessions=np.inf), "finite"),
        (lambda p: p.assign(item=None), "without an item"),
    ],
)
def test_bad_pairs_are_refused_without_naming_a_person(
    change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    pairs = change(_pairs([("a", "x", 1.0)]))
    with pytest.raises(ValueError, match=message) as error:
        score_evidence(pairs, _exposure({"a": 5}), as_of=AS_OF)
    assert "secret" not in str(error.value)


@st.composite
def _panels(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.Series]:
    """2 to 8 people, some touching up to 4 items in at most all of their sessions."""
    n = draw(st.integers(2, 8))
    exposure = {f"p{i}": draw(st.floats(0.01, 200)) for i in range(n)}
    rows = [
        (person, item, exposure[person] * draw(st.floats(0, 1)))
        for person in exposure
        for item in draw(st.sets(st.sampled_from("wxyz")))
    ]
    return _pairs(rows or [("p0", "w", exposure["p0"])]), _exposure(exposure)


@settings(max_examples=60, deadline=None)
@given(_panels(), st.sampled_from([2, 20]))
def test_evidence_is_well_formed(panel: tuple[pd.DataFrame, pd.Series], min_people: int) -> None:
    pairs, exposure = panel
    scored = score_evidence(pairs, exposure, as_of=AS_OF, min_people=min_people)
    assert scored["probability"].between(0, 1).all()
    assert (scored["score"] >= 0).all()
    shares = scored.groupby("user_key")["share"].sum()
    assert (np.isclose(shares, 1) | (shares == 0)).all()
    for _, person in scored.groupby("user_key"):
        assert person["rank"].tolist() == list(range(1, len(person) + 1))
        assert (np.diff(person["probability"]) <= 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(_panels(), st.randoms(use_true_random=False))
def test_order_of_rows_changes_no_bit(panel: tuple[pd.DataFrame, pd.Series], random: Random) -> None:
    pairs, exposure = panel
    shuffled = list(range(len(pairs)))
    random.shuffle(shuffled)
    pd.testing.assert_frame_equal(
        score_evidence(pairs, exposure, as_of=AS_OF, min_people=2),
        score_evidence(pairs.iloc[shuffled], exposure.iloc[::-1], as_of=AS_OF, min_people=2),
        check_exact=True,
    )


@settings(max_examples=60, deadline=None)
@given(_panels())
def test_each_row_is_the_posterior_of_its_items_prior(
    panel: tuple[pd.DataFrame, pd.Series],
) -> None:
    pairs, exposure = panel
    scored = score_evidence(pairs, exposure, as_of=AS_OF, min_people=2)
    for item, rows in scored.groupby("item"):
        touched = pairs[pairs["item"] == item].set_index("user_key")["decayed_sessions"]
        prior = fit_rate_prior(touched.reindex(exposure.index, fill_value=0.0), exposure)
        e = exposure[rows["user_key"]].to_numpy()
        expected = (prior.a + rows["decayed_sessions"].to_numpy()) / (prior.b + e)
        assert rows["score"].to_numpy() == pytest.approx(expected, rel=1e-6)


@settings(max_examples=60, deadline=None)
@given(_panels(), st.floats(0.01, 200), st.floats(0, 1), st.floats(0, 1))
def test_more_sessions_never_lower_the_probability(
    panel: tuple[pd.DataFrame, pd.Series], sessions: float, one: float, other: float
) -> None:
    pairs, exposure = panel
    low, high = sorted((one, other))
    extra = _pairs([("low", "w", low * sessions), ("high", "w", high * sessions)])
    exposure = pd.concat([exposure, _exposure({"low": sessions, "high": sessions})])
    scored = score_evidence(pd.concat([pairs, extra]), exposure, as_of=AS_OF, min_people=2)
    p = scored[scored["item"] == "w"].set_index("user_key")["probability"]
    assert p["high"] >= p["low"] - 1e-12


@settings(max_examples=60, deadline=None)
@given(_panels())
def test_twice_the_data_moves_nobody_closer_to_the_mean(
    panel: tuple[pd.DataFrame, pd.Series],
) -> None:
    pairs, exposure = panel
    doubled = pairs.assign(decayed_sessions=2 * pairs["decayed_sessions"])
    key = ["user_key", "item"]
    once = score_evidence(pairs, exposure, as_of=AS_OF, min_people=2).set_index(key)
    twice = score_evidence(doubled, 2 * exposure, as_of=AS_OF, min_people=2).set_index(key)
    away = (once["lift"] - 1).abs()
    assert ((twice["lift"].reindex(once.index) - 1).abs() - away).fillna(0).min() >= -1e-6


def test_twice_the_data_makes_a_planted_interest_surer() -> None:
    pairs, exposure = _panel()
    doubled = pairs.assign(decayed_sessions=2 * pairs["decayed_sessions"])
    once = score_evidence(pairs, exposure, as_of=AS_OF)
    twice = score_evidence(doubled, 2 * exposure, as_of=AS_OF)
    assert twice["probability"][0] > once["probability"][0] > 0.9
