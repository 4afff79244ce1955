"""Scores of churn: the same alone and in a batch, with reasons for numbers and texts by raw feature."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn_scores
from browse_assets.analysis.churn_candidates import (
    DUMMY,
    LIGHTGBM,
    LOGISTIC,
    ONE_RULE,
    SKOPS_TRUSTED_TYPES,
)
from browse_assets.analysis.churn_scores import explained_features, score_people, typed_features
from browse_assets_tests.churn_champion import fitted_candidate, made_up_people

PEOPLE = made_up_people(300)
CHOSEN = (DUMMY, ONE_RULE, LOGISTIC, LIGHTGBM)


@pytest.fixture(scope="module")
def estimators() -> dict[str, object]:
    return {name: fitted_candidate(PEOPLE, name) for name in CHOSEN}


@pytest.mark.parametrize("name", CHOSEN)
def test_a_person_scores_the_same_alone_and_in_any_batch(
    name: str, estimators: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = PEOPLE.iloc[:40].assign(user_key=[f"person-{i}" for i in range(40)])
    batch = score_people(estimators[name], frame)
    for i in (0, 39):
        alone = score_people(estimators[name], frame.iloc[[i]])
        pd.testing.assert_frame_equal(alone, batch.iloc[[i]], check_exact=True)
    monkeypatch.setattr(churn_scores, "BLOCK_VALUES", 200)  # one person, and nine features, at a time
    pd.testing.assert_frame_equal(score_people(estimators[name], frame.head(2)), batch.head(2), check_exact=True)


def test_reasons_say_what_moves_numbers_and_texts(estimators: dict[str, object]) -> None:
    usual = typed_features(estimators[LOGISTIC]).usual_
    away = {**usual, "days_since_last": 30.0}
    basic = {**usual, "customer_plan": "basic"}
    scores = score_people(estimators[LOGISTIC], pd.DataFrame([usual, away, basic], index=[7, 8, 9]))
    assert scores.index.tolist() == [7, 8, 9]
    assert scores["reasons"][7] == []  # who is as usual in all has nothing to say
    assert scores.loc[8, "band"] == "high"
    (away_reason,) = scores["reasons"][8]
    assert away_reason.startswith("last active 30 days ago (usual ")
    assert away_reason.endswith(": raises the risk")
    (plan_reason,) = scores["reasons"][9]
    assert plan_reason == "plan basic (usual premium): raises the risk"


def test_reasons_are_the_three_strongest_in_order(estimators: dict[str, object]) -> None:
    frame = PEOPLE.drop(columns="churned").iloc[[3]]
    estimator = estimators[LOGISTIC]
    usual = typed_features(estimator).usual_
    p = score_people(estimator, frame)["probability"].iloc[0]
    moves = {
        name: p - score_people(estimator, frame.assign(**{name: usual[name]}))["probability"].iloc[0]
        for name in frame.columns
    }
    strongest = sorted(moves, key=lambda name: -abs(moves[name]))[:3]
    reasons = score_people(estimator, frame)["reasons"].iloc[0]
    assert len(reasons) == 3
    for name, said in zip(strongest, reasons, strict=True):
        assert said.endswith("raises the risk" if moves[name] > 0 else "lowers the risk")


def test_bands_begin_at_a_fifth_and_at_a_half(estimators: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    given = np.array([0.1999, 0.2, 0.4999, 0.5])
    monkeypatch.setattr(churn_scores, "churn_probability", lambda _, x: np.tile(given, len(x) // 4))
    scores = score_people(estimators[LOGISTIC], PEOPLE.head(4))
    assert scores["band"].tolist() == ["low", "medium", "medium", "high"]
    assert scores["reasons"].tolist() == [[]] * 4


def test_nobody_unknown_people_and_unknown_categories(estimators: dict[str, object]) -> None:
    for name in CHOSEN:
        assert score_people(estimators[name], PEOPLE.head(0)).columns.tolist() == ["probability", "band", "reasons"]
        unknown = pd.DataFrame({column: [None, None] for column in PEOPLE.columns})
        odd = unknown.assign(customer_plan=["a plan to come", None], days_since_last=[float("inf"), None])
        assert score_people(estimators[name], odd)["probability"].between(0, 1).all()


def test_a_text_where_a_number_was_learned_is_refused_without_the_value(estimators: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="days_since_last must be a number") as caught:
        score_people(estimators[LOGISTIC], PEOPLE.head(1).assign(days_since_last="canary"))
    assert "canary" not in repr(caught.value)
    assert caught.value.__context__ is None
    with pytest.raises(ValueError, match="lack the features"):
        score_people(estimators[LOGISTIC], PEOPLE.head(1).drop(columns="sessions"))


def test_saved_candidates_score_as_before(estimators: dict[str, object]) -> None:
    skops = pytest.importorskip("skops.io")
    for estimator in estimators.values():
        loaded = skops.loads(skops.dumps(estimator), trusted=list(SKOPS_TRUSTED_TYPES))
        pd.testing.assert_frame_equal(score_people(loaded, PEOPLE.head(20)), score_people(estimator, PEOPLE.head(20)))


def test_only_what_the_model_sees_is_tried(estimators: dict[str, object]) -> None:
    features = [name for name in PEOPLE.columns if name != "churned"]
    assert explained_features(estimators[LOGISTIC]) == features
    constant = PEOPLE.assign(trend=1.0, customer_plan="basic")
    found = explained_features(fitted_candidate(constant, LOGISTIC))
    assert found == [name for name in features if name not in ("trend", "customer_plan")]
    assert explained_features(estimators[ONE_RULE]) == ["days_since_last"]
