"""Reasons read as sentences, whatever the feature, the value and the usual one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.analysis.churn_reasons import WORDS, reason
from browse_assets.analysis.leaks import find_leaks
from browse_assets.tables import CHURN_FEATURES

SAID: list[tuple[str, float | str | None, float | str | None, str]] = [
    ("days_since_last", 12.0, 2.0, "last active 12 days ago (usual 2)"),
    ("days_since_last", 1.0, 2.0, "last active 1 day ago (usual 2)"),
    ("days_since_last", 2.04, 1.98, "last active 2.04 days ago (usual 1.98)"),  # not "2 (usual 2)"
    ("gap_mean_days", None, 3.0, "mean pause between active days unknown (usual 3)"),
    ("finance_share", 0.05, 0.0, "5 % of the pages are financial (usual 0 %)"),
    ("dwell_per_session", 35.2, 61.0, "35 s spent per visit (usual 61)"),
    ("page_views", 1234.0, 80.4, "pages viewed 1,234 (usual 80)"),
    ("customer_plan", "basic", "premium", "plan basic (usual premium)"),
    ("customer_plan", None, "premium", "plan unknown (usual premium)"),
    ("customer_plan", "basic", None, "plan basic (usual unknown)"),
    ("customer_monthly_charge", 80.0, 19.9, "monthly charge 80 (usual 20)"),
    ("customer_points", 4111111111111111.0, 5.0, "points 4e+09 million (usual 5)"),
    ("customer_note", "x" * 60, "y", f"note {'x' * 39}… (usual y)"),
]


@pytest.mark.parametrize(("feature", "value", "usual", "said"), SAID)
def test_a_reason_reads_as_a_sentence(feature: str, value: float | str | None, usual: float | str, said: str) -> None:
    assert reason(feature, value, usual, raises=True) == f"{said}: raises the risk"
    assert reason(feature, value, usual, raises=False) == f"{said}: lowers the risk"


def test_every_feature_has_words() -> None:
    assert {column.name for column in CHURN_FEATURES} <= set(WORDS)
    assert all(words.phrase.count("{}") == 1 for words in WORDS.values())


@given(
    st.sampled_from([*WORDS, "customer_{odd}_name"]),
    st.none() | st.floats(allow_nan=False, allow_infinity=False),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_no_number_looks_like_personal_data(feature: str, value: float | None, usual: float) -> None:
    said = reason(feature, value, usual, raises=True)
    assert len(said) < 150
    assert find_leaks(said) == frozenset()
