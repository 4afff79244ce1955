"""Ablation of churn: what is planted is missed when it is left out, on the split of the training itself."""

import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn_tuning
from browse_assets.analysis.churn import train_churn
from browse_assets.analysis.churn_ablation import (
    BROWSING_ALONE,
    CANDIDATE,
    DECLARED,
    FEATURE_GROUPS,
    FULL,
    HALF,
    NOT_CALIBRATED,
    Ablation,
    ablate,
    group_of,
)
from browse_assets.analysis.churn_rows import NOT_FEATURES
from browse_assets.analysis.churn_windows import plan_windows
from browse_assets.tables import CHURN_SNAPSHOTS

AS_OF = pd.Timestamp("2026-10-01")
PLAN = plan_windows(AS_OF - pd.Timedelta(days=224), AS_OF)
FEATURES = ("days_since_last", "sessions", "gap_mean_days", "transactions", "customer_plan")


def snapshots(people: int = 200) -> pd.DataFrame:
    """Odds of leaving grow with the pause between visits alone."""
    rng = np.random.default_rng(5)
    frames = []
    for t0 in PLAN.snapshot_times:
        gap = rng.exponential(3, people)
        frames.append(
            pd.DataFrame(
                {
                    "user_key": [f"person-{i:04d}" for i in range(people)],
                    "snapshot_time": t0,
                    "eligible": True,
                    "churned": pd.array(rng.random(people) < 1 / (1 + np.exp(4 - 1.5 * gap)), "boolean"),
                    "days_since_last": rng.exponential(4, people),
                    "sessions": rng.poisson(20, people),
                    "gap_mean_days": gap,
                    "transactions": rng.poisson(3, people),
                    "customer_plan": rng.choice(["basic", "premium"], people),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def found() -> Ablation:
    return ablate(snapshots(), plan=PLAN, features=FEATURES)


def test_each_feature_is_in_one_group() -> None:
    features = [name for name in CHURN_SNAPSHOTS.column_names if name not in NOT_FEATURES]
    grouped = [name for names in FEATURE_GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(features)
    assert [name for name in features if group_of(name) == "others"] == []
    assert group_of("customer_plan") == DECLARED
    assert group_of("tomorrow") == "others"


def test_the_variants_are_everything_and_everything_but(found: Ablation) -> None:
    assert list(found.table["variant"]) == [
        FULL,
        NOT_CALIBRATED,
        HALF,
        "without recency",
        "without amount",
        "without rhythm",
        "without transactions",
        f"without {DECLARED}",
        BROWSING_ALONE,
    ]
    assert list(found.table["features"]) == [5, 5, 5, 4, 4, 4, 4, 4, 3]
    full = found.table.iloc[0]
    assert [full[f"log_loss_difference{end}"] for end in ("", "_low", "_high")] == [0, 0, 0]


def test_what_is_planted_is_missed_and_nothing_else(found: Ablation) -> None:
    table = found.table.set_index("variant")
    assert table.loc["without rhythm", "log_loss_difference_low"] > 0
    assert table.loc["without rhythm", "roc_auc_difference_high"] < 0
    for variant in ("without recency", "without amount", "without transactions", f"without {DECLARED}"):
        assert table.loc[variant, "log_loss_difference_low"] <= 0.005
        assert abs(table.loc[variant, "log_loss_difference"]) < 0.03


def test_calibration_keeps_the_order_and_the_threshold_the_probabilities(found: Ablation) -> None:
    table = found.table.set_index("variant")
    assert table.loc[NOT_CALIBRATED, "roc_auc_difference"] == pytest.approx(0, abs=1e-9)
    assert table.loc[NOT_CALIBRATED, "log_loss_difference"] != 0
    assert table.loc[HALF, "log_loss_difference"] == 0
    assert table.loc[HALF, "threshold"] == 0.5


def test_it_is_the_model_that_the_training_would_fit_without_tuning(
    found: Ablation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(churn_tuning.TRIALS, CANDIDATE, 1)  # the first trial is the defaults
    training = train_churn(snapshots(), plan=PLAN, features=FEATURES, candidates=("dummy", CANDIDATE))
    model = training.table.set_index("model").loc[CANDIDATE]
    assert found.people == len(training.predictions)
    assert found.left == training.predictions["churned"].sum()
    for metric in ("log_loss", "roc_auc"):
        assert found.table[metric].iloc[0] == pytest.approx(model[metric], abs=1e-9)
        assert found.table[f"{metric}_low"].iloc[0] == pytest.approx(model[f"{metric}_low"], abs=1e-9)


def test_the_same_people_give_the_same_numbers_in_any_order(found: Ablation) -> None:
    shuffled = snapshots().sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(ablate(shuffled, plan=PLAN, features=FEATURES).table, found.table)


def test_too_few_people_are_a_reason_and_no_table() -> None:
    few = ablate(snapshots(people=4), plan=PLAN, features=FEATURES)
    assert not len(few.table)
    assert "Too few people" in few.reason
