"""Windows of churn: at which times people are looked at, what is seen before, what is asked after.

Here: the plan of snapshot times for the days that there are. Not here: the snapshots' rows (SQL),
training on them (`churn`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

# Below these, "no activity" is mostly chance: two weeks to know somebody, five days to miss them.
SMALLEST_WINDOW_DAYS = 14
SMALLEST_GAP_DAYS = 1
SMALLEST_OUTCOME_DAYS = 5


@dataclass(frozen=True)
class WindowPlan:
    """When people are looked at: at t0, features see (t0-W, t0], the outcome is (t0+g, t0+g+H].

    Attributes:
        window_days: W.
        gap_days: g.
        outcome_days: H.
        snapshot_times: t0, oldest first; the last is the test. Empty when the data are too short.
        as_of: end of the data, and t0 of the people to be scored.
        warning: empty, or how the windows were shrunk or why there are none, in words.
    """

    window_days: int
    gap_days: int
    outcome_days: int
    snapshot_times: tuple[pd.Timestamp, ...]
    as_of: pd.Timestamp
    warning: str = ""

    @property
    def too_short(self) -> bool:
        """Whether not even the smallest windows fit into the data."""
        return not self.snapshot_times

    @property
    def test_time(self) -> pd.Timestamp | None:
        """t0 of the test snapshot: its outcome ends at `as_of`."""
        return self.snapshot_times[-1] if self.snapshot_times else None

    @property
    def train_times(self) -> tuple[pd.Timestamp, ...]:
        """t0 of the training snapshots: each outcome is over when the test snapshot is taken."""
        return tuple(t0 for t0 in self.snapshot_times[:-1] if self.outcome_end(t0) <= self.snapshot_times[-1])

    def outcome_end(self, t0: pd.Timestamp) -> pd.Timestamp:
        """t0 + g + H: from then on, the label of a snapshot at t0 is known."""
        return t0 + pd.Timedelta(days=self.gap_days + self.outcome_days)


def plan_windows(
    first_day: pd.Timestamp,
    as_of: pd.Timestamp,
    *,
    window_days: int = 90,
    gap_days: int = 7,
    outcome_days: int = 30,
    min_train_snapshots: int = 1,
) -> WindowPlan:
    """Place the snapshots so that every window lies wholly within the data.

    The test snapshot is the last one whose outcome is over: as_of - g - H. The latest training
    snapshot lies g + H before it, the first time at which its own outcome is over when the test
    snapshot is taken; earlier ones are H apart, so that outcome windows never overlap.

    Where W + 2 (g + H) + (n - 1) H days (n = `min_train_snapshots`) are more than there are, the
    three windows are shrunk together, H by whole days and the others in proportion, down to
    14, 1 and 5 days.

    Args:
        first_day: first day or event of the data.
        as_of: end of the data.
        window_days: W, that features see.
        gap_days: g, left out between features and outcome.
        outcome_days: H, in which activity is asked for.
        min_train_snapshots: windows shrink until at least this many fit before the test snapshot.

    Raises:
        ValueError: a number of days or snapshots is below 1 (gap: 0), or as_of precedes first_day.
    """
    first_day, as_of = pd.Timestamp(first_day), pd.Timestamp(as_of)
    if min(window_days, outcome_days, min_train_snapshots) < 1 or gap_days < 0:
        raise ValueError("windows and snapshots must be at least 1, the gap at least 0 days")
    if as_of < first_day:
        raise ValueError("as_of precedes the first day of the data")
    span = (as_of - first_day) / pd.Timedelta(days=1)
    asked = f"{window_days}, {gap_days} and {outcome_days} days (features, gap, outcome)"

    for window, gap, outcome in _smaller_and_smaller(window_days, gap_days, outcome_days):
        needed = window + 2 * (gap + outcome) + (min_train_snapshots - 1) * outcome
        if needed > span:
            continue
        warning = ""
        if (window, gap, outcome) != (window_days, gap_days, outcome_days):
            warning = (
                f"{span:.0f} days of data are too short for windows of {asked}: "
                f"shrunk to {window}, {gap} and {outcome} days"
            )
        return WindowPlan(
            window_days=window,
            gap_days=gap,
            outcome_days=outcome,
            snapshot_times=_snapshot_times(first_day, as_of, window, gap, outcome),
            as_of=as_of,
            warning=warning,
        )
    return WindowPlan(
        window_days=window_days,
        gap_days=gap_days,
        outcome_days=outcome_days,
        snapshot_times=(),
        as_of=as_of,
        warning=f"{span:.0f} days of data are too short: the smallest windows, {window}, {gap} "
        f"and {outcome} days (features, gap, outcome), need {needed} days",
    )


def _smaller_and_smaller(window: int, gap: int, outcome: int) -> Iterator[tuple[int, int, int]]:
    """What was asked, then H shorter by a day each and the others in proportion, then the least."""
    least = (
        min(window, SMALLEST_WINDOW_DAYS),
        min(gap, SMALLEST_GAP_DAYS),
        min(outcome, SMALLEST_OUTCOME_DAYS),
    )
    for days in range(outcome, least[2] - 1, -1):
        yield max(least[0], window * days // outcome), max(least[1], gap * days // outcome), days
    yield least


def _snapshot_times(
    first_day: pd.Timestamp, as_of: pd.Timestamp, window: int, gap: int, outcome: int
) -> tuple[pd.Timestamp, ...]:
    test = as_of - pd.Timedelta(days=gap + outcome)
    times = [test]
    t0 = test - pd.Timedelta(days=gap + outcome)
    while t0 - pd.Timedelta(days=window) >= first_day:
        times.append(t0)
        t0 -= pd.Timedelta(days=outcome)
    return tuple(reversed(times))
