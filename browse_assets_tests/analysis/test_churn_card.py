"""The model card: what is told of groups, what is not, and that the stored card is one of this generator's."""

from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn_shap
from browse_assets.analysis.churn import ChurnTraining, train_churn
from browse_assets.analysis.churn_card import TrainingData, model_card, structure, version_note
from browse_assets.analysis.churn_fairness import group_figures
from browse_assets.analysis.churn_promotion import Promotion
from browse_assets.analysis.churn_shap import summarise_shap
from browse_assets.settings import PROJECT_ROOT

NO_AUDIT = pd.DataFrame(columns=["test", "subject", "passed", "detail"])
AUDIT = pd.DataFrame([{"test": "permuted_labels", "subject": None, "passed": True, "detail": "0.51"}])
DATA = TrainingData("sample", datetime(2026, 10, 1), None, {"already_stopped": 4, "tracking_lost": 40})
PROMOTED = Promotion("promoted", "logistic_regression", "logistic_regression: it is | better", beats_dummy=True)


def grouped(groups: list[tuple[str, int, int]], risk: float = 0.5) -> ChurnTraining:
    """A training whose test has people of these groups: name, leavers, stayers."""
    values = [name for name, leavers, stayers in groups for _ in range(leavers + stayers)]
    y = np.array([flag for _, leavers, stayers in groups for flag in [1] * leavers + [0] * stayers])
    p = np.where(y == 1, risk, 1 - risk)
    return ChurnTraining(
        "trained",
        "",
        best="logistic_regression",
        table=pd.DataFrame([{"model": "logistic_regression", "threshold": 0.5}]),
        predictions=pd.DataFrame({"churned": y, "logistic_regression": p}),
        test=pd.DataFrame({"visits": 1.0, "customer_plan": pd.Series(values).astype("str")}),
    )


def test_figures_of_groups_by_hand() -> None:
    found = group_figures(grouped([("basic", 30, 20), ("plus", 15, 60)], risk=0.8), min_group=11, seed=1)
    basic, plus = found.to_dict("records")
    assert (basic["attribute"], basic["value"], basic["people"]) == ("plan", "basic", 50)
    assert (basic["churn_rate"], basic["roc_auc"], basic["recall"], basic["false_positive_rate"]) == (0.6, 1, 1, 0)
    # 30 times 0.8 and 20 times 0.2 are 28 of 50, and 30 left.
    assert basic["gap"] == pytest.approx(28 / 50 - 30 / 50)
    assert basic["gap_low"] < basic["gap"] < basic["gap_high"]
    assert (plus["people"], plus["churn_rate"]) == (75, 0.2)


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        # 10 people are fewer than k; the smallest of the others goes with them, else they could be subtracted.
        ([("a", 5, 5), ("b", 20, 20), ("c", 30, 30)], {"c": 60}),
        # Two hidden groups of 16 people together can't be told apart.
        ([("a", 4, 4), ("b", 4, 4), ("c", 20, 20), ("d", 30, 30)], {"c": 40, "d": 60}),
        ([("a", 2, 2), ("b", 20, 20)], {}),
        ([("a", 50, 50)], {}),
    ],
)
def test_small_groups_are_hidden_and_cannot_be_subtracted(
    groups: list[tuple[str, int, int]], told: dict[str, int]
) -> None:
    found = group_figures(grouped(groups), min_group=11, seed=1)
    assert dict(zip(found["value"], found["people"], strict=True)) == told


def test_outcomes_of_few_people_are_not_told_of_a_large_group() -> None:
    found = group_figures(grouped([("a", 3, 47), ("b", 20, 40), ("c", 30, 40)]), min_group=11, seed=1).set_index(
        "value"
    )
    # Three leavers of a: hidden, and with them those of b, since the leavers of all are known.
    assert found["recall"].isna().to_dict() == {"a": True, "b": True, "c": False}
    assert found["churn_rate"].isna().to_dict() == {"a": True, "b": True, "c": False}
    assert found["false_positive_rate"].notna().all()
    assert found["gap"].notna().all()


def test_numbers_and_texts_of_many_values_make_no_groups() -> None:
    training = grouped([("a", 30, 30), ("b", 30, 30)])
    training.test["customer_age"] = 30.0
    training.test["customer_city"] = [str(i % 30) for i in range(120)]
    training.test["browser"] = ["x", "y"] * 60
    assert set(group_figures(training, min_group=11, seed=1)["attribute"]) == {"plan"}


@pytest.fixture(scope="module")
def trained() -> ChurnTraining:
    """A tiny training: who pauses for long leaves, and so do those of the plan basic."""
    rng = np.random.default_rng(3)
    pause, plan = rng.exponential(3, 500), rng.choice(["basic", "plus", "a|b"], 500)
    odds = -2.5 + pause * 0.8 + 1.5 * (plan == "basic")
    rows = pd.DataFrame(
        {
            "user_key": [f"person-{i:03d}" for i in range(500)],
            "snapshot_time": pd.Timestamp("2026-10-01"),
            "eligible": True,
            "churned": pd.array(rng.random(500) < 1 / (1 + np.exp(-odds)), "boolean"),
            "pause_days": np.where(rng.random(500) < 0.1, np.nan, pause),
            "visits": rng.poisson(9, 500).astype(float),
            "customer_plan": plan,
        }
    )
    return train_churn(rows, plan=None, features=("pause_days", "visits", "customer_plan"), rule_feature="pause_days")


def test_a_card_tells_everything_and_keeps_its_tables_whole(trained: ChurnTraining) -> None:
    card = model_card(trained, PROMOTED, DATA, AUDIT, min_group=11, seed=1)
    for text in (
        "**promoted**. Logistic_regression: it is | better.",
        "already stopped fewer than 11, tracking lost 40",
        "no order in time",
        "| metric | ",
        "| permuted labels |  | passed | 0.51 |",
        "| plan | a\\|b |",
        "The people are made up",
    ):
        assert text in card
    assert "nan" not in card.lower().replace("finance", "")
    assert "person-" not in card
    tables = [line for line in card.splitlines() if line.startswith("|")]
    widths = [line.replace("\\|", "").count("|") for line in tables]
    headers = [i for i, line in enumerate(tables) if set(line) <= set("|- ")]
    for start in headers:
        assert widths[start - 1] == widths[start] == widths[start + 1]
    assert len(version_note(trained, PROMOTED, DATA)) < 5_000


def test_a_card_of_nothing_says_so() -> None:
    nothing = ChurnTraining("not_enough_history", "3 days are too short")
    card = model_card(
        nothing, Promotion("not_enough_history", None, "3 days are too short"), DATA, NO_AUDIT, min_group=11, seed=1
    )
    assert card.startswith("# Model card: churn, none\n")
    assert "**not enough history**. 3 days are too short." in card
    assert "## Calibration" not in card


def test_the_stored_card_is_built_as_the_generator_builds_it(trained: ChurnTraining) -> None:
    stored = (PROJECT_ROOT / "docs" / "churn_model_card.md").read_text(encoding="utf-8")
    made = structure(model_card(trained, PROMOTED, DATA, AUDIT, min_group=11, seed=1))
    assert len(made) > 10
    assert structure(stored) == made
    assert "bundled sample panel" in stored


@pytest.mark.parametrize("name", ["logistic_regression", "random_forest", "lightgbm", "dummy"])
def test_shap_finds_what_matters_whatever_the_model(trained: ChurnTraining, name: str) -> None:
    found = summarise_shap(trained.estimators[name], trained.test, trained.train, seed=1)
    by_name = found.features.set_index("feature")
    assert set(by_name.index) == {"pause_days", "visits", "customer_plan"}
    if name == "dummy":
        assert (found.unit, found.rows) == ("probability", 100)
        assert (by_name["mean_abs"] == 0).all()
        return
    assert found.features["feature"].iloc[0] == "pause_days"
    assert by_name.loc["pause_days", "direction"] == "higher raises"
    assert by_name.loc["customer_plan", "direction"] == "by value"


def test_shapley_values_by_permutation_add_up_to_the_prediction(trained: ChurnTraining) -> None:
    estimator, train = trained.estimators["logistic_regression"], trained.train[list(trained.features)]
    rows = trained.test.head(20)
    usual = train.head(1)
    values = churn_shap._by_permutation(estimator, rows, usual, 1)
    p = churn_shap.churn_probability(estimator, rows)
    base = churn_shap.churn_probability(estimator, usual)
    assert values.sum(axis=1) == pytest.approx(p - base, abs=1e-8)
