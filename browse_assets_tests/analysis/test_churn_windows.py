"""Windows of churn: dates worked out by hand, and what must hold for any span of data."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.churn_windows import WindowPlan, plan_windows

AS_OF = pd.Timestamp("2026-10-01 15:30:00")


def _plan(days: float, **asked: int) -> WindowPlan:
    return plan_windows(AS_OF - pd.Timedelta(days=days), AS_OF, **asked)


def test_default_windows_by_hand() -> None:
    plan = _plan(274)
    days_before = [(AS_OF - t0).days for t0 in plan.snapshot_times]
    # Test at 37 = 7 + 30; training at 74 = 37 + 37, then every 30 days while 90 fit before.
    assert days_before == [164, 134, 104, 74, 37]
    assert plan.test_time == AS_OF - pd.Timedelta(days=37)
    assert plan.train_times == plan.snapshot_times[:-1]
    assert (plan.window_days, plan.gap_days, plan.outcome_days) == (90, 7, 30)
    assert (plan.too_short, plan.warning) == (False, "")


def test_164_days_are_just_enough() -> None:
    # W + 2 (g + H) = 90 + 2 * 37: one snapshot to train on, one to test.
    assert (len(_plan(164).snapshot_times), _plan(164).warning) == (2, "")
    shrunk = _plan(163.9)
    # 29/30 of 90 and 7, rounded down: 87, 6 and 29 need 157 days.
    assert (shrunk.window_days, shrunk.gap_days, shrunk.outcome_days) == (87, 6, 29)
    assert "shrunk to 87, 6 and 29 days" in shrunk.warning


def test_smallest_windows_by_hand() -> None:
    plan = _plan(26)
    assert (plan.window_days, plan.gap_days, plan.outcome_days) == (14, 1, 5)
    assert [(AS_OF - t0).days for t0 in plan.snapshot_times] == [12, 6]
    plan = _plan(25.9)
    assert plan.too_short
    assert (plan.test_time, plan.train_times) == (None, ())
    assert "14, 1 and 5 days" in plan.warning
    assert "need 26 days" in plan.warning


def test_more_training_snapshots_for_shorter_windows() -> None:
    plan = _plan(164, min_train_snapshots=3)
    assert len(plan.train_times) == 3
    assert plan.outcome_days < 30


def test_a_gap_of_none_is_allowed() -> None:
    plan = _plan(60, window_days=20, gap_days=0, outcome_days=10)
    assert [(AS_OF - t0).days for t0 in plan.snapshot_times] == [40, 30, 20, 10]


@pytest.mark.parametrize("asked", [{"window_days": 0}, {"gap_days": -1}, {"outcome_days": 0}])
def test_impossible_windows_are_refused(asked: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        _plan(100, **asked)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="precedes"):
        _plan(-1)


@given(
    st.floats(0, 800),
    st.integers(1, 120),
    st.integers(0, 14),
    st.integers(1, 60),
    st.integers(1, 4),
)
def test_no_window_leaves_the_data_and_no_outcome_reaches_the_test(
    days: float, window: int, gap: int, outcome: int, least: int
) -> None:
    plan = _plan(
        days,
        window_days=window,
        gap_days=gap,
        outcome_days=outcome,
        min_train_snapshots=least,
    )
    first = AS_OF - pd.Timedelta(days=days)
    assert plan.too_short or len(plan.train_times) >= least
    for t0 in plan.snapshot_times:
        assert t0 - pd.Timedelta(days=plan.window_days) >= first
        assert plan.outcome_end(t0) <= AS_OF
    for earlier, later in zip(plan.train_times, plan.snapshot_times[1:], strict=False):
        assert later - earlier >= pd.Timedelta(days=plan.outcome_days)
    for t0 in plan.train_times:
        assert plan.outcome_end(t0) <= plan.snapshot_times[-1]
    shrunk = (plan.window_days, plan.gap_days, plan.outcome_days) != (window, gap, outcome)
    assert bool(plan.warning) is (shrunk or plan.too_short)
