"""Coverage holes: days worked out by hand."""

import pandas as pd

from browse_assets.analysis.churn_coverage import coverage_holes

DAYS = pd.date_range("2026-01-01", periods=90)


def test_days_with_under_a_quarter_of_the_usual_people_are_holes() -> None:
    people = pd.Series(40, index=DAYS)
    people[people.index.day_of_week >= 5] = 20  # weekends are no holes
    people.iloc[30], people.iloc[31] = 10, 9  # a quarter of 40 is none, less is one
    assert coverage_holes(people) == [DAYS[31]]
    assert coverage_holes(people.drop(DAYS[50])) == [DAYS[31], DAYS[50]]  # a day of nobody


def test_a_hole_may_last_to_the_end() -> None:
    people = pd.Series([40] * 40 + [1] * 50, index=DAYS)
    assert coverage_holes(people) == list(DAYS[40:])


def test_few_people_and_slow_change_are_none() -> None:
    assert coverage_holes(pd.Series([19] * 40 + [0] * 50, index=DAYS)) == []
    assert coverage_holes(pd.Series(range(190, 10, -2), index=DAYS)) == []
    assert coverage_holes(pd.Series(dtype="int64")) == []
