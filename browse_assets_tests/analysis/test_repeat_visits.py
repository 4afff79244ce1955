"""MBG/NBD against numerical integration and against simulated visits."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, gamma

from browse_assets.analysis.repeat_visits import MIN_PAIRS, RepeatModel, fit_repeat_model, history_of, log_likelihood

MODEL = RepeatModel(r=0.6, alpha=6.0, a=0.9, b=1.6)


def integral(x: int, t_x: float, age: float, *, alive_only: bool = False) -> float:
    """The likelihood from its definition: the mean over rates and over chances to end, at 1,200 quantiles of each."""
    middle = (np.arange(1200) + 0.5) / 1200
    rate = gamma.ppf(middle, MODEL.r, scale=1 / MODEL.alpha)[:, None]
    end = beta.ppf(middle, MODEL.a, MODEL.b)[None, :]
    stays = rate**x * (1 - end) ** (x + 1) * np.exp(-rate * age)
    ends = 0.0 if alive_only else rate**x * end * (1 - end) ** x * np.exp(-rate * t_x)
    return float((stays + ends).mean())


@pytest.mark.parametrize(("x", "t_x", "age"), [(2, 20.0, 39.0), (5, 38.0, 39.0)])
def test_likelihood_and_chance_to_be_alive_are_their_integrals(x: int, t_x: float, age: float) -> None:
    whole = integral(x, t_x, age)
    assert np.exp(log_likelihood(MODEL, [x], [t_x], [age])[0]) == pytest.approx(whole, rel=2e-3)
    assert MODEL.alive([x], [t_x], [age])[0] == pytest.approx(integral(x, t_x, age, alive_only=True) / whole, rel=2e-3)


@given(st.floats(0.1, 500))
def test_who_came_once_may_be_gone(age: float) -> None:
    """The difference to the BG/NBD, in which they are alive for sure."""
    alive = MODEL.alive([0], [0], [age])[0]
    assert 0 < alive < 1
    assert alive > MODEL.alive([0], [0], [age + 50])[0]


def simulate(people: int, age: float, beyond: float, seed: int) -> np.ndarray:
    """(x, t_x, visits in the time beyond) of each, drawn from MODEL."""
    rng = np.random.default_rng(seed)
    rates, ends = rng.gamma(MODEL.r, 1 / MODEL.alpha, people), rng.beta(MODEL.a, MODEL.b, people)
    rows = np.zeros((people, 3))
    for n, (rate, end) in enumerate(zip(rates, ends, strict=True)):
        now = 0.0
        while rng.random() >= end:
            now += rng.exponential(1 / max(rate, 1e-12))
            if now > age + beyond:
                break
            if now <= age:
                rows[n, :2] = rows[n, 0] + 1, now
            else:
                rows[n, 2] += 1
    return rows


def test_forecasts_are_what_simulated_people_do() -> None:
    x, t_x, beyond = simulate(40_000, 40, 14, seed=1).T
    age = np.full(len(x), 40.0)
    assert MODEL.returning(x, t_x, age, 14).mean() == pytest.approx((beyond > 0).mean(), abs=0.005)
    assert MODEL.expected(x, t_x, age, 14).mean() == pytest.approx(beyond.mean(), rel=0.06)
    often = x >= 3
    assert MODEL.expected(x, t_x, age, 14)[often].mean() == pytest.approx(beyond[often].mean(), rel=0.08)
    assert MODEL.returning(x, t_x, age, 14)[often].mean() == pytest.approx((beyond[often] > 0).mean(), abs=0.02)


def test_the_fit_finds_what_was_drawn() -> None:
    x, t_x, _ = simulate(6_000, 60, 1, seed=2).T
    fitted = fit_repeat_model(x, np.round(t_x), np.full(len(x), 60.0))
    assert fitted is not None
    assert fitted.r / fitted.alpha == pytest.approx(MODEL.r / MODEL.alpha, rel=0.25)
    assert fitted.a / (fitted.a + fitted.b) == pytest.approx(MODEL.a / (MODEL.a + MODEL.b), abs=0.1)


def test_too_little_or_wrong_data() -> None:
    few, zeros = np.ones(MIN_PAIRS - 1), np.zeros(MIN_PAIRS)
    assert fit_repeat_model(few, few, few * 2) is None
    assert fit_repeat_model(zeros, zeros, zeros + 5) is None
    with pytest.raises(ValueError, match="before the end"):
        fit_repeat_model([1.0], [9.0], [5.0])


def test_history_in_whole_days() -> None:
    x, t_x, age = history_of([1, 3], [10.2, 10.6], [10.2, 2.4])
    assert (list(x), list(t_x), list(age)) == ([0, 2], [0, 9], [10, 11])
