"""The back-test on made-up pairs: order of time, metrics by hand, and what is too little."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis.product_backtest import METHODS, _ranking_at, cutoffs_of, run_backtest

END = pd.Timestamp("2026-06-30")


def made_pairs(cutoffs: int = 6, people: int = 80, seed: int = 3) -> pd.DataFrame:
    """People return by their recency and frequency; popularity says nothing."""
    rng = np.random.default_rng(seed)
    parts = []
    for n in range(cutoffs, 0, -1):
        visits = rng.geometric(0.4, people)
        last = rng.exponential(15, people)
        chance = np.clip(0.1 * visits * np.exp(-last / 15), 0, 0.9)
        parts.append(
            pd.DataFrame(
                {
                    "cutoff": END - pd.Timedelta(days=14 * n),
                    "user_key": [f"user {k:03}" for k in range(people)],
                    "product_id": "p",
                    "visits": visits,
                    "sessions": visits,
                    "decayed_sessions": visits * 2 ** (-last / 14),
                    "first_days": last + 3.0 * (visits - 1),
                    "last_days": last,
                    "stage": 3,
                    "people": rng.integers(1, 20, people),
                    "person_days": 9,
                    "returned": rng.random(people) < chance,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def test_every_method_is_compared_with_its_interval() -> None:
    found = run_backtest(made_pairs(), resamples=40)
    assert found.status == "tested"
    assert set(found.table["method"]) == set(METHODS)
    assert found.params["test_cutoffs"] == 4
    table = found.table.set_index("method")
    for metric in ("precision_at_k", "average_precision", "log_loss", "brier", "calibration_error"):
        assert (table[f"{metric}_low"] <= table[metric] + 0.02).all()
        assert (table[metric] <= table[f"{metric}_high"] + 0.02).all()
    assert table.loc["mbg_nbd", "average_precision"] > table.loc["popularity", "average_precision"]
    assert table.loc["mbg_nbd", "is_above_popularity"]
    assert not table.loc["popularity", "is_above_popularity"]
    assert found.predictions[list(METHODS)].apply(lambda p: p.between(0, 1)).all(axis=None)


def test_nothing_is_learnt_from_what_comes_after_the_cut_off() -> None:
    pairs = made_pairs()
    newest = pairs["cutoff"].max()
    other = pairs.assign(returned=pairs["returned"] ^ (pairs["cutoff"] == newest))
    columns = list(METHODS)
    before, after = (run_backtest(rows, resamples=2).predictions for rows in (pairs, other))
    assert before[columns].equals(after[columns])
    assert not before["returned"].equals(after["returned"])


def test_ranking_by_hand() -> None:
    """Ten of 20 are k; the best ten hold three of four returns: 0.3. Average precision: (1 + 1 + 3/4 + 4/16) / 4."""
    y = np.zeros(20)
    y[[0, 1, 3, 15]] = 1
    hits, k, ap, returns = _ranking_at(np.ones((1, 20)), y, -np.arange(20.0))
    assert (hits[0], k[0], returns[0]) == (3, 10, 4)
    assert ap[0] == pytest.approx((1 + 1 + 3 / 4 + 4 / 16) / 4)
    hits, k, ap, _ = _ranking_at(np.ones((1, 20)), y, np.zeros(20))
    assert hits[0] == pytest.approx(2)
    assert ap[0] == pytest.approx(0.2)


def test_too_little_history_is_a_result() -> None:
    for pairs in (made_pairs().assign(returned=False), made_pairs(cutoffs=1), made_pairs().iloc[:0]):
        found = run_backtest(pairs)
        assert (found.status, len(found.table)) == ("not_enough_history", 0)


def test_cut_offs_leave_room_before_and_after() -> None:
    assert cutoffs_of(END - pd.Timedelta(days=60), END) == [END - pd.Timedelta(days=28), END - pd.Timedelta(days=14)]
    assert cutoffs_of(END - pd.Timedelta(days=30), END) == []
    assert len(cutoffs_of(END - pd.Timedelta(days=400), END)) == 8
