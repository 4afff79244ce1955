"""Division of churn's labelled rows: which of them fit, tune, calibrate, set the threshold and test.

Here: the rows in an order of their own, people dealt into parts, parts in time, folds. Not here: what is done with any
part (`churn`), the times of the snapshots (`churn_windows`), features and tables (SQL).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_features import feature_frame
from browse_assets.analysis.churn_tuning import Fold
from browse_assets.analysis.churn_windows import WindowPlan

IntArray = npt.NDArray[np.intp]

# With fewer of either outcome, an interval of any metric spans nearly everything.
MIN_PER_CLASS = 10
# Each of fitting, calibrating and setting the threshold must see both outcomes a few times.
MIN_PER_CLASS_IN_PART = 5
PEOPLE_FOLDS = 3
# Dealt so often where there is no order in time; with more rows than that one division says the same as two.
REPEATS, MOST_REPEATED_ROWS = 2, 10_000
# Where there is no order in time, one person in four is for the test.
TEST_HANDS = 4


@dataclass(frozen=True)
class Parts:
    """Positions of the rows that each step of training may see; no row is in two of them."""

    fit: IntArray
    calibrate: IntArray
    threshold: IntArray


@dataclass(frozen=True)
class LabelledRows:
    """Labelled rows in an order that depends on what they say, not on who they are of.

    Attributes:
        user_key: the person.
        time: the snapshot.
        said: hash of what the row says, its time and outcome included.
        x: typed features, without those that are the same in all rows.
        y: 1 for churned, else 0.
    """

    user_key: pd.Series
    time: pd.Series
    said: npt.NDArray[np.uint64]
    x: pd.DataFrame
    y: IntArray


def labelled_rows(snapshots: pd.DataFrame, features: Sequence[str]) -> LabelledRows:
    """Eligible rows with a known outcome, in the order of time and of what they say; features that vary.

    Raises:
        ValueError: a column is missing, or a person has two rows of one time.
    """
    needed = ("user_key", "snapshot_time", "eligible", "churned")
    missing = [name for name in needed if name not in snapshots.columns]
    if missing:
        raise ValueError(f"snapshots lack the columns {missing}")
    if snapshots.duplicated(["user_key", "snapshot_time"]).any():
        raise ValueError("snapshots have more than one row for a person and time")
    usable = snapshots["eligible"].fillna(False).astype(bool) & snapshots["churned"].notna()
    frame = snapshots[usable].reset_index(drop=True)
    x = feature_frame(frame, features)
    x = x.loc[:, x.nunique(dropna=False) > 1]
    churned = frame["churned"].astype(bool).rename("churned")
    said = pd.util.hash_pandas_object(x.assign(snapshot_time=frame["snapshot_time"], churned=churned), index=False)
    # Sums over rows depend on their order in the last bits, and so do drawn samples.
    order = np.lexsort((frame["user_key"].astype(str).to_numpy(), said.to_numpy(), frame["snapshot_time"].to_numpy()))
    return LabelledRows(
        user_key=frame["user_key"].iloc[order].reset_index(drop=True),
        time=frame["snapshot_time"].iloc[order].reset_index(drop=True),
        said=said.to_numpy().astype(np.uint64)[order],
        x=x.iloc[order].reset_index(drop=True),
        y=churned.to_numpy().astype(np.intp)[order],
    )


def deal(rows: LabelledRows, among: IntArray, hands: int, *, again: int = 0) -> IntArray:
    """For each of the positions a hand from 0: the people of either outcome are dealt out in turn.

    So each hand gets the same share of leavers, and all rows of a person. The order is that of what a person's rows
    say together, shuffled anew for each `again`; the key only orders people who say the same.
    """
    dealt = pd.DataFrame({"key": rows.user_key.iloc[among].astype(str), "said": rows.said[among], "y": rows.y[among]})
    people = dealt.groupby("key", sort=True).agg(said=("said", "sum"), churned=("y", "max"))
    # Odd multiples of a hash are another order of the same people.
    people["said"] = people["said"].to_numpy() * np.uint64(2 * again * 0x9E3779B97F4A7C15 % 2**64 + 1)
    people = people.sort_values("said", kind="stable")
    hand = people.groupby("churned").cumcount() % hands
    return np.asarray(dealt["key"].map(hand), dtype=np.intp)


def train_and_test(
    rows: LabelledRows, plan: WindowPlan | None, test_people: Collection[str] | None = None
) -> tuple[IntArray, IntArray]:
    """Positions of the rows to learn from and to test on: by the plan's times, or one person in four where it is None.

    Args:
        rows: what is divided.
        plan: times of training and test.
        test_people: who is tested on, where a data set comes with a test; only without a plan.
    """
    if plan is None:
        if test_people is None:
            is_test = deal(rows, np.arange(len(rows.y)), TEST_HANDS) == 0
        else:
            is_test = rows.user_key.astype(str).isin([str(key) for key in test_people]).to_numpy()
        return np.flatnonzero(~is_test), np.flatnonzero(is_test)
    return (
        np.flatnonzero(rows.time.isin(plan.train_times).to_numpy()),
        np.flatnonzero((rows.time == plan.test_time).to_numpy()),
    )


def lacking(which: str, y: IntArray) -> str:
    """Why these outcomes are too few, empty when they are enough."""
    churned, stayed = int(y.sum()), int(len(y) - y.sum())
    if min(churned, stayed) >= MIN_PER_CLASS:
        return ""
    return (
        f"the {which} rows hold {churned} people who left and {stayed} who stayed: "
        f"at least {MIN_PER_CLASS} of each are needed"
    )


def split_rows(rows: LabelledRows, plan: WindowPlan | None) -> tuple[IntArray, IntArray, Parts | None]:
    """Positions of the rows that `train_churn` learns from and tests on, and the parts of the former.

    The parts are None where they cannot be divided so that each sees enough of both outcomes.
    """
    train, test = train_and_test(rows, plan)
    return train, test, divide(rows, train, in_time=plan is not None) if len(train) else None


def divide(rows: LabelledRows, train: IntArray, *, in_time: bool) -> Parts | None:
    """Latest snapshot in halves where that leaves enough of both outcomes, else people 60:20:20."""
    latest = train[(rows.time.iloc[train] == rows.time.iloc[train].max()).to_numpy()]
    half, fifth = deal(rows, latest, 2), deal(rows, train, 5)
    by_time = Parts(fit=np.setdiff1d(train, latest), calibrate=latest[half == 0], threshold=latest[half == 1])
    by_people = Parts(fit=train[fifth < 3], calibrate=train[fifth == 3], threshold=train[fifth == 4])
    for parts in (by_time, by_people) if in_time else (by_people,):
        seen = [rows.y[part] for part in (parts.fit, parts.calibrate, parts.threshold)]
        if all(min(y.sum(), len(y) - y.sum()) >= MIN_PER_CLASS_IN_PART for y in seen):
            return parts
    return None


def folds_of(rows: LabelledRows, fit: IntArray, plan: WindowPlan | None) -> tuple[list[Fold], str]:
    """Pairs of positions to fit on and to hold out: forward in time if two such pairs exist."""

    def usable(folds: list[Fold]) -> list[Fold]:
        return [f for f in folds if len(f[1]) and 0 < rows.y[f[0]].sum() < len(f[0])]

    if plan is not None:
        time = rows.time.iloc[fit]
        known_at = time.map(plan.outcome_end)
        forward = [(fit[(known_at <= t0).to_numpy()], fit[(time == t0).to_numpy()]) for t0 in sorted(time.unique())]
        if len(usable(forward)) >= 2:
            return usable(forward), f"{len(usable(forward))} folds forward in time"
    repeats = REPEATS if plan is None and len(fit) <= MOST_REPEATED_ROWS else 1
    thirds = [deal(rows, fit, PEOPLE_FOLDS, again=again) for again in range(repeats)]
    words = f"{PEOPLE_FOLDS} stratified folds of people" + (f", dealt {repeats} times" if repeats > 1 else "")
    return usable([(fit[third != k], fit[third == k]) for third in thirds for k in range(PEOPLE_FOLDS)]), words
