"""Who becomes champion: every branch of the decision with figures made by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis.churn import ChurnTraining
from browse_assets.analysis.churn_promotion import Incumbent, Promotion, decide, may_have_seen
from browse_assets.analysis.churn_reliability import reliability

# 400 people, every fourth of whom leaves. GOOD warns of 100, of whom 75 leave, as it says; 25 of the others do.
Y = np.tile([1, 0, 0, 0], 100)
GOOD = np.where((np.arange(400) % 16 == 1) | (np.arange(400) % 4 == 0) & (np.arange(400) % 16 != 0), 0.75, 25 / 300)
BASE = np.full(400, 0.25)
# The same order, half as sure, and hardly sure of anything.
WEAK = 0.5 * GOOD + 0.5 * BASE
TIMID = 0.1 * GOOD + 0.9 * BASE


def training(best: Any = GOOD, one_rule: Any = BASE, learned_rate: float = 0.25) -> ChurnTraining:
    """A training that came to these probabilities, from people of whom a share left."""
    p = {"dummy": BASE, "one_rule": one_rule, "lightgbm": best}
    losses = {name: float(-np.where(Y == 1, np.log(v), np.log1p(-v)).mean()) for name, v in p.items()}
    table = pd.DataFrame([{"model": name, "log_loss": loss, "threshold": 0.5} for name, loss in losses.items()])
    predictions = pd.DataFrame({"user_key": [str(i) for i in range(400)], "churned": Y, **p})
    learned = pd.DataFrame({"churned": [learned_rate]})
    return ChurnTraining("trained", "", best="lightgbm", table=table, predictions=predictions, train=learned)


def champion(probability: Any = None, **columns: Any) -> Incumbent:
    return Incumbent("3", "random_forest", probability, **columns)


def decided(found: ChurnTraining, *, audit_passed: bool = True, incumbent: Incumbent | None = None) -> Promotion:
    return decide(found, seed=1, audit_passed=audit_passed, incumbent=incumbent)


def test_the_first_that_is_good_is_promoted() -> None:
    found = decided(training())
    assert (found.decision, found.promoted, found.retires, found.beats_dummy) == ("promoted", "lightgbm", False, True)
    assert found.reason.startswith("lightgbm: log loss 0.")
    assert "95% interval -0." in found.reason
    assert "the one rule alone 0.562" in found.reason


@pytest.mark.parametrize(
    ("found", "audit_passed", "why"),
    [
        (training(best=BASE), True, "does not surely beat the dummy"),
        (training(best=WEAK, one_rule=GOOD), True, "the one rule alone does better"),
        (training(best=np.clip(GOOD + 0.1, 0, 0.99)), True, "is not calibrated: it predicts 0."),
        (training(best=TIMID), True, "is not calibrated: its probabilities are too timid (slope"),
        (training(), False, "the audit found a leak"),
    ],
    ids=["dummy", "one rule", "in the large", "slope", "audit"],
)
def test_whoever_fails_one_condition_is_not_promoted(found: ChurnTraining, audit_passed: bool, why: str) -> None:
    first = decided(found, audit_passed=audit_passed)
    assert (first.decision, first.promoted, first.beats_dummy) == ("none", None, None)
    assert f"no champion: lightgbm is the best model, but {why}" in first.reason
    later = decided(found, audit_passed=audit_passed, incumbent=champion(WEAK))
    assert (later.decision, later.promoted, later.retires) == ("kept", None, False)
    assert f"version 3 (random_forest) stays champion: lightgbm, the best new model, {why}" in later.reason


def test_a_rate_that_has_moved_is_not_the_models_fault_unless_it_is_further_off() -> None:
    high = np.clip(GOOD + 0.1, 0, 0.99)
    assert decided(training(best=high, learned_rate=0.4)).decision == "promoted"
    assert "the rate learned from is 0.150 off" in decided(training(best=high, learned_rate=0.4)).reason
    assert decided(training(best=high, learned_rate=0.27)).decision == "none"
    assert decided(replace(training(best=high, learned_rate=0.4), split="people")).decision == "none"


def test_a_champion_moves_only_for_what_is_surely_better() -> None:
    better = decided(training(), incumbent=champion(WEAK))
    assert (better.decision, better.promoted) == ("promoted", "lightgbm")
    assert better.reason.startswith("lightgbm takes the place of version 3 (random_forest): log loss 0.")
    for probability in (GOOD, np.clip(GOOD + 0.001, 0, 1)):
        tie = decided(training(), incumbent=champion(probability))
        assert (tie.decision, tie.promoted, tie.retires, tie.beats_dummy) == ("kept", None, False, True)
        assert "does not surely beat it" in tie.reason


def test_a_champion_that_is_kept_and_no_better_than_the_dummy_is_said_to_be() -> None:
    found = decided(training(best=BASE), incumbent=champion(BASE))
    assert (found.decision, found.beats_dummy) == ("kept", False)
    assert "version 3 (random_forest) itself does not surely beat the dummy any more" in found.reason


def test_a_champion_of_other_data_is_retired_whatever_was_found() -> None:
    old = champion(retired="it learned from the sample, these are own files")
    promoted = decided(training(), incumbent=old)
    assert (promoted.decision, promoted.promoted) == ("promoted", "lightgbm")
    none = decided(training(best=BASE), incumbent=old)
    assert (none.decision, none.retires, none.beats_dummy) == ("none", True, None)
    short = decided(ChurnTraining("not_enough_history", "3 days are too short"), incumbent=old)
    assert (short.decision, short.retires) == ("not_enough_history", True)
    for found in (promoted, none, short):
        assert "version 3 (random_forest) is champion no longer: it learned from the sample" in found.reason


def test_too_little_history_leaves_the_champion_alone() -> None:
    found = decided(ChurnTraining("not_enough_history", "3 days are too short"), incumbent=champion())
    assert (found.decision, found.promoted, found.retires) == ("not_enough_history", None, False)
    assert found.reason == "3 days are too short; version 3 (random_forest) stays champion as it is"
    alone = decided(ChurnTraining("not_enough_history", "3 days are too short"))
    assert (alone.reason, alone.retires) == ("3 days are too short", False)


def test_a_champion_that_may_know_the_test_is_said_to_be_favoured() -> None:
    found = decided(training(), incumbent=champion(GOOD, has_seen="its own test is later"))
    assert "(which may favour it: its own test is later)" in found.reason


def test_a_champion_without_scores_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no probabilities"):
        decided(training(), incumbent=champion())


@pytest.mark.parametrize(
    ("learned_from", "tested_at", "split", "says"),
    [
        ("2026-05-01T00:00:00", "2026-06-01T00:00:00", "time", ""),
        ("2026-06-01T00:00:00", "2026-06-01T00:00:00", "time", ""),
        ("2026-07-01T00:00:00", "2026-06-01T00:00:00", "time", "its own test is of 2026-07-01"),
        (None, "2026-06-01T00:00:00", "time", "no order in time"),
        ("2026-05-01T00:00:00", None, "people", "no order in time"),
    ],
)
def test_what_was_tested_later_may_have_seen_the_test(
    learned_from: str | None, tested_at: str | None, split: str, says: str
) -> None:
    found = may_have_seen(learned_from, tested_at, split=split)
    assert says in found
    assert bool(found) is bool(says)


def test_reliability_by_hand() -> None:
    found = reliability([1, 0, 0, 0], [0.25] * 4)
    assert (found.observed, found.predicted, found.problem) == (0.25, 0.25, "")
    assert np.isnan(found.slope)
    # sum (y - p)(1 - 2p) = 0.5 (0.75 - 3 x 0.25) = 0.
    assert found.z == pytest.approx(0)
    # Two groups, observed 0.2 and 0.8, told 0.38 and 0.62: log odds 1.386 against 0.5 either way.
    y = np.tile([1, 0, 0, 0, 0, 1, 1, 1, 1, 0], 200)
    p = np.tile([1 / (1 + np.exp(0.5))] * 5 + [1 / (1 + np.exp(-0.5))] * 5, 200)
    assert reliability(y, p).slope == pytest.approx(np.log(4) / 0.5, abs=1e-3)
    assert "too timid" in reliability(y, p).problem
    # The same with 20 people condemns nothing; with log odds twice as large it is too extreme.
    assert reliability(y[:20], p[:20]).problem == ""
    assert "too extreme" in reliability(y, 1 / (1 + np.exp(np.where(p > 0.5, -2.8, 2.8)))).problem
    # Without a mistake there is no slope.
    assert np.isnan(reliability([1, 1, 0, 0], [0.9, 0.8, 0.2, 0.1]).slope)
    assert np.isnan(reliability([1, 1, 1], [0.9, 0.8, 0.2]).slope)


def test_small_errors_don_t_fail_by_sheer_numbers() -> None:
    y = np.tile([1, 0, 0, 0], 25_000)
    found = reliability(y, np.full(100_000, 0.27))
    assert abs(found.z) > 10
    assert found.problem == ""
    assert "predicts 0.320 on average where 0.250 left" in reliability(y, np.full(100_000, 0.32)).problem
