"""Metrics: equal to scikit-learn's where it has them, to hand-made numbers where it has not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from browse_assets.analysis.evaluation import (
    EVERYBODY,
    METRICS,
    NOBODY,
    OutcomeValues,
    best_f1_threshold,
    best_threshold,
    interval,
    paired_differences,
    resample_metrics,
    resample_rates,
    roc_auc_interval,
    usual_resamples,
)


@st.composite
def _predictions(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, float]:
    """At least one of each outcome, probabilities in tenths so that ties are common."""
    more = draw(st.lists(st.booleans(), max_size=40))
    y = np.array([True, False, *more], dtype=float)
    tenths = draw(st.lists(st.integers(0, 10), min_size=len(y), max_size=len(y)))
    return y, np.clip(np.array(tenths) / 10, 0.01, 0.99), draw(st.integers(1, 9)) / 10


@settings(max_examples=60, deadline=None)
@given(_predictions())
def test_metrics_are_those_of_scikit_learn(case: tuple[np.ndarray, np.ndarray, float]) -> None:
    y, p, threshold = case
    got = resample_metrics(y, {"m": p}, {"m": threshold}, seed=1, resamples=1)["m"].iloc[0]
    called = p >= threshold
    expected = {
        "accuracy": reference.accuracy_score(y, called),
        "recall": reference.recall_score(y, called),
        "f1": reference.f1_score(y, called, zero_division=0),
        "roc_auc": reference.roc_auc_score(y, p),
        "average_precision": reference.average_precision_score(y, p),
        "log_loss": reference.log_loss(y, p),
        "brier": reference.brier_score_loss(y, p),
    }
    assert got[list(expected)].to_dict() == pytest.approx(expected)
    if called.any():
        assert got["precision"] == pytest.approx(reference.precision_score(y, called))
    else:
        assert np.isnan(got["precision"])


@settings(max_examples=30, deadline=None)
@given(_predictions(), st.integers(0, 1000))
def test_a_resample_is_the_metric_of_the_people_drawn(case: tuple[np.ndarray, np.ndarray, float], seed: int) -> None:
    y, p, threshold = case
    got = resample_metrics(y, {"m": p}, {"m": threshold}, seed=seed, resamples=1)["m"].iloc[1]
    draws = np.random.default_rng(seed).multinomial(len(y), np.full(len(y), 1 / len(y)), size=1)[0]
    drawn_y, drawn_p = np.repeat(y, draws), np.repeat(p, draws)
    assert got["log_loss"] == pytest.approx(reference.log_loss(drawn_y, drawn_p, labels=[0, 1]))
    if 0 < drawn_y.sum() < len(drawn_y):
        assert got["roc_auc"] == pytest.approx(reference.roc_auc_score(drawn_y, drawn_p))
    else:
        assert np.isnan(got["roc_auc"])


def test_lift_by_hand() -> None:
    # 20 people, 5 churners; the two highest scores are both churners: (2/2) / (5/20).
    y = np.array([1, 1, 0, 0, 1] + [0] * 13 + [1, 1])
    p = np.linspace(0.95, 0.05, 20)
    got = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=1, resamples=1)["m"].iloc[0]
    assert got["lift_10"] == pytest.approx(4)


def test_lift_counts_ties_at_the_border_in_part() -> None:
    # One sure churner, then four tied people with two churners, of whom one place is left.
    y = np.array([1, 1, 1, 0, 0] + [0] * 15)
    p = np.array([0.9] + [0.8] * 4 + [0.1] * 15)
    got = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=1, resamples=1)["m"].iloc[0]
    assert got["lift_10"] == pytest.approx((1.5 / 2) / (3 / 20))


def test_calibration_error_by_hand() -> None:
    # Ten bins of two people: predicted 0.05 .. 0.95, and the rate is 0 in five, 1 in five.
    p = np.repeat(np.arange(0.05, 1, 0.1), 2)
    y = (p > 0.5).astype(float)
    got = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=1, resamples=1)["m"].iloc[0]
    assert got["calibration_error"] == pytest.approx(np.mean([0.05, 0.15, 0.25, 0.35, 0.45]))


def test_a_constant_at_the_base_rate_is_calibrated_and_lifts_nothing() -> None:
    y = np.array([1.0] * 3 + [0.0] * 7)
    got = resample_metrics(y, {"m": np.full(10, 0.3)}, {"m": 0.5}, seed=1)["m"]
    assert got[["calibration_error", "lift_10", "roc_auc"]].to_numpy()[0] == pytest.approx([0, 1, 0.5])
    # Also in each resample with a churner in it: a constant ranks nobody above anybody.
    assert got["lift_10"].dropna().to_numpy() == pytest.approx(np.ones(got["lift_10"].count()))


def test_draws_are_shared_between_models_and_fixed_by_the_seed() -> None:
    rng = np.random.default_rng(5)
    y, p = (rng.random(50) < 0.4).astype(float), rng.random(50)
    both = resample_metrics(y, {"a": p, "b": p}, {"a": 0.5, "b": 0.5}, seed=3)
    assert both["a"].shape == (1001, len(METRICS))
    assert both["a"].equals(both["b"])
    assert not both["a"].equals(resample_metrics(y, {"a": p}, {"a": 0.5}, seed=4)["a"])


def test_many_people_are_resampled_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    y, p = (rng.random(50) < 0.4).astype(float), rng.random(50)
    whole = resample_metrics(y, {"a": p}, {"a": 0.5}, seed=3)["a"]
    monkeypatch.setattr("browse_assets.analysis.evaluation.BLOCK_CELLS", 350)
    blocks = resample_metrics(y, {"a": p}, {"a": 0.5}, seed=3)["a"]
    np.testing.assert_allclose(blocks, whole, rtol=1e-12)


def test_interval_by_hand() -> None:
    assert interval([np.nan, *range(101)]) == (2.5, 97.5)
    assert np.isnan(interval([np.nan])).all()


@pytest.mark.parametrize(
    ("y", "p", "threshold"),
    [
        ([1, 1, 0, 0], [0.9, 0.6, 0.4, 0.1], 0.6),
        ([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1], 0.7),
        # Calling one (F1 2/3) and calling all (F1 2/3) tie: fewer people are called.
        ([1, 0, 0, 1], [0.9, 0.8, 0.7, 0.1], 0.9),
        ([0, 1, 0], [0.3, 0.3, 0.3], 0.3),
    ],
)
def test_threshold_by_hand(y: list[int], p: list[float], threshold: float) -> None:
    assert best_f1_threshold(y, p) == threshold


def test_profit_by_hand() -> None:
    # Called: a leaver (40) and a stayer (-5); not called: a leaver (-20) and two stayers (1 each).
    y, p = [1, 0, 1, 0, 0], [0.9, 0.8, 0.4, 0.3, 0.2]
    values = OutcomeValues(true_positive=40, false_positive=-5, false_negative=-20, true_negative=1)
    got = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=1, resamples=3, values=values)["m"]["profit"]
    assert got.iloc[0] == pytest.approx((40 - 5 - 20 + 2) / 5)
    assert np.isfinite(got).all()
    without = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=1, resamples=3)["m"]["profit"]
    assert without.isna().all()
    assert np.isnan(interval(without)).all()


@pytest.mark.parametrize(
    ("values", "threshold"),
    [
        # Worth of calling: the first leaver +10, then the stayer -4, then the leaver +10, then the stayer -4.
        ((10, -4, 0, 0), 0.7),
        # A stayer costs as much as a leaver brings: after the first leaver nothing is won.
        ((10, -10, 0, 0), 0.9),
        ((1, -100, 0, 0), 0.9),
        # Who is not called stays for nothing, and a call costs more than it can bring.
        ((-1, -5, 0, 0), NOBODY),
        ((0, 0, 0, 0), NOBODY),
        # A call costs nothing and a leaver missed does.
        ((0, 0, -1, 0), 0.7),
        ((10, 1, 0, 0), EVERYBODY),
        ((0, 0, -50, -1), EVERYBODY),
    ],
)
def test_threshold_of_profit_by_hand(values: tuple[float, ...], threshold: float) -> None:
    y, p = [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]
    assert best_threshold(y, p, OutcomeValues(*values)) == threshold


def test_without_values_the_threshold_is_that_of_f1() -> None:
    y, p = [1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1]
    assert best_threshold(y, p) == best_f1_threshold(y, p) == 0.7


@settings(max_examples=60, deadline=None)
@given(_predictions(), st.tuples(*[st.integers(-20, 20)] * 4))
def test_no_threshold_is_worth_more(case: tuple[np.ndarray, np.ndarray, float], worth: tuple[int, ...]) -> None:
    y, p, other = case
    values = OutcomeValues(*worth)
    tried = {"best": best_threshold(y, p, values), "other": other, "nobody": 2.0, "everybody": 0.0}
    samples = resample_metrics(y, dict.fromkeys(tried, p), tried, seed=1, resamples=1, values=values)
    profits = {name: float(sample["profit"].iloc[0]) for name, sample in samples.items()}
    assert profits["best"] >= max(profits.values()) - 1e-9
    by_hand = np.where(p >= other, np.where(y == 1, worth[0], worth[1]), np.where(y == 1, worth[2], worth[3])).mean()
    assert profits["other"] == pytest.approx(by_hand)


@settings(max_examples=20, deadline=None)
@given(_predictions(), st.integers(0, 1000))
def test_a_model_does_not_differ_from_itself(case: tuple[np.ndarray, np.ndarray, float], seed: int) -> None:
    y, p, threshold = case
    values = OutcomeValues(3, -1, 0, 0)
    thresholds = {"a": threshold, "b": threshold}
    samples = resample_metrics(y, {"a": p, "b": 1 - p}, thresholds, seed=seed, resamples=5, values=values)
    found = paired_differences(samples, "a").set_index(["model", "metric"])
    itself = found.loc["a"].drop("precision")  # not defined where nobody is called
    assert (itself == 0).all(axis=None)
    assert found.loc[("b", "brier"), "difference"] == pytest.approx(((1 - p - y) ** 2 - (p - y) ** 2).mean())


def test_differences_are_paired() -> None:
    """Of two models that are wrong about the same people, the difference is sure though neither figure is."""
    rng = np.random.default_rng(3)
    y = (rng.random(80) < 0.4).astype(float)
    p = np.clip(0.4 + 0.2 * (y - 0.4) + rng.normal(0, 0.2, 80), 0.02, 0.98)
    samples = resample_metrics(y, {"a": p, "b": p - 0.015 * y}, {"a": 0.5, "b": 0.5}, seed=1)
    found = paired_differences(samples, "a").set_index(["model", "metric"]).loc[("b", "brier")]
    low, high = interval(samples["b"]["brier"].iloc[1:])
    assert 0 < found["low"] < found["difference"] < found["high"]
    assert found["high"] - found["low"] < (high - low) / 2


def test_people_are_drawn_not_rows() -> None:
    """Each row thrice is no more evidence: the interval stays, where rows that count alone would narrow it."""
    rng = np.random.default_rng(8)
    y = (rng.random(60) < 0.4).astype(float)
    p = np.clip(0.4 + 0.3 * (y - 0.4) + rng.normal(0, 0.2, 60), 0.02, 0.98)
    once = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=2)["m"]
    thrice = resample_metrics(
        np.repeat(y, 3), {"m": np.repeat(p, 3)}, {"m": 0.5}, seed=2, people=np.repeat(np.arange(60), 3)
    )["m"]
    smooth = [name for name in METRICS if name not in ("calibration_error", "profit")]
    np.testing.assert_allclose(thrice[smooth], once[smooth], rtol=1e-9)
    rows = resample_metrics(np.repeat(y, 3), {"m": np.repeat(p, 3)}, {"m": 0.5}, seed=2)["m"]
    assert rows["log_loss"].iloc[1:].std() < 0.7 * once["log_loss"].iloc[1:].std()


@settings(max_examples=20, deadline=None)
@given(_predictions())
def test_auc_of_any_score(case: tuple[np.ndarray, np.ndarray, float]) -> None:
    y, p, _ = case
    auc, low, high = roc_auc_interval(y, 5 * p - 7, seed=1)
    assert auc == pytest.approx(reference.roc_auc_score(y, p))
    samples = resample_metrics(y, {"m": p}, {"m": 0.5}, seed=1)["m"]["roc_auc"]
    assert (low, high) == pytest.approx(interval(samples.iloc[1:]))
    wider = roc_auc_interval(y, p, seed=1, confidence=0.99)
    assert wider[1] <= low
    assert high <= wider[2]


def test_very_many_people_are_resampled_less_often() -> None:
    assert [usual_resamples(n) for n in (0, 1, 20_000, 40_000, 250_000)] == [1000, 1000, 1000, 500, 200]


def test_rates_alone_are_those_among_all_metrics() -> None:
    rng = np.random.default_rng(3)
    y, p = (rng.random(300) < 0.3).astype(float), np.round(rng.random(300), 2)
    rates = resample_rates(y, p, 0.6, seed=7, resamples=20)
    full = resample_metrics(y, {"m": p}, {"m": 0.6}, seed=7, resamples=20)["m"]
    staying = resample_metrics(1 - y, {"m": p}, {"m": 0.6}, seed=7, resamples=20)["m"]
    assert (rates["roc_auc"] == full["roc_auc"]).all()
    assert (rates["recall"] == full["recall"]).all()
    assert (rates["false_positive_rate"] == staying["recall"]).all()
    assert rates["roc_auc"].iloc[0] == pytest.approx(reference.roc_auc_score(y, p))
