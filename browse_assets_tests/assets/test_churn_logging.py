"""Churn in MLflow: what a training logs, who is champion afterwards, and that the champion scores as it did."""

from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import mlflow
import numpy as np
import pandas as pd
import pytest

from browse_assets.analysis import churn_candidates
from browse_assets.analysis.churn import ChurnTraining, train_churn
from browse_assets.analysis.churn_card import TrainingData
from browse_assets.analysis.churn_promotion import Promotion, decide
from browse_assets.analysis.churn_windows import WindowPlan, plan_windows
from browse_assets.analysis.evaluation import resample_metrics
from browse_assets.assets import training as assets_training
from browse_assets.assets.churn_logging import (
    CHURN_MODEL_NAME,
    NEEDS_RETRAINING,
    find_champion,
    load_champion,
    log_churn,
    read_incumbent,
    score_digest,
)
from browse_assets.assets.training import LoggedTraining, log_data
from browse_assets.resources import ExperimentTracker
from browse_assets.settings import Settings

AS_OF = pd.Timestamp("2026-10-01")
FEATURES = ("pause_days", "visits", "customer_plan")
NO_AUDIT = pd.DataFrame(columns=["test", "subject", "passed", "detail"])
CONTEXT: Any = SimpleNamespace(asset_key=dg.AssetKey("churn_model"), run=SimpleNamespace(run_id="0" * 36))


def plan_of(days_later: int = 0) -> WindowPlan:
    as_of = AS_OF + pd.Timedelta(days=days_later)
    return plan_windows(as_of - pd.Timedelta(days=164), as_of)


# Two baselines and one model: the others are logged alike, and training takes most of the time.
QUICK = ("dummy", "one_rule", "logistic_regression")


def people_at(plan: WindowPlan, seed: int = 1) -> pd.DataFrame:
    """Who pauses for long leaves; plans are texts, some unknown."""
    rng = np.random.default_rng(seed)
    frames = []
    for time in plan.snapshot_times:
        pause = rng.exponential(3, 200)
        frames.append(
            pd.DataFrame(
                {
                    "user_key": [f"00000000-0000-0000-0000-{i:012d}" for i in range(200)],
                    "snapshot_time": time,
                    "eligible": True,
                    "churned": pd.array(rng.random(200) < 1 / (1 + np.exp(4 - pause)), "boolean"),
                    "pause_days": np.where(rng.random(200) < 0.05, np.nan, pause),
                    "visits": rng.poisson(9, 200).astype(float),
                    "customer_plan": pd.Series(rng.choice(["basic", "plus", None], 200), dtype=object),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def data_of(plan: WindowPlan, origin: Any = "own") -> TrainingData:
    return TrainingData(origin, datetime(2026, 10, 1), plan, {"already_stopped": 40})


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return people_at(plan_of())


@pytest.fixture(scope="module")
def training(rows: pd.DataFrame) -> ChurnTraining:
    return train_churn(rows, plan=plan_of(), features=FEATURES, rule_feature="visits", candidates=QUICK)


@pytest.fixture
def tracker(settings: Settings) -> ExperimentTracker:
    """A registry in which nobody is champion: the store is one for all tests."""
    del settings
    found = ExperimentTracker()
    client = found.client().MlflowClient()
    if client.search_registered_models(f"name = '{CHURN_MODEL_NAME}'"):
        client.delete_registered_model_alias(CHURN_MODEL_NAME, "champion")
    return found


def logged(
    tracker: ExperimentTracker, training: ChurnTraining, rows: pd.DataFrame, data: TrainingData
) -> tuple[Promotion, LoggedTraining]:
    """What the asset does between training and its table."""
    incumbent = read_incumbent(tracker, training, rows, data)
    promotion = decide(training, seed=1, audit_passed=True, incumbent=incumbent)
    run = log_churn(CONTEXT, tracker, training, promotion, data, audit=NO_AUDIT, min_group=11, incumbent=incumbent)
    return promotion, run


def champion_version(tracker: ExperimentTracker) -> str:
    found = find_champion(tracker)
    assert found is not None
    return found.version


def test_what_a_training_logs_and_that_its_champion_scores_the_same_again(
    tracker: ExperimentTracker, training: ChurnTraining, rows: pd.DataFrame, settings: Settings
) -> None:
    assert find_champion(tracker) is None
    promotion, run = logged(tracker, training, rows, data_of(plan_of()))
    assert promotion.decision == "promoted"
    mlflow = tracker.client()
    client = mlflow.MlflowClient()

    found = client.get_model_version_by_alias(CHURN_MODEL_NAME, "champion")
    assert champion_version(tracker) == str(found.version)
    assert client.get_model_version_by_alias(CHURN_MODEL_NAME, "challenger").version == found.version
    tags = {"candidate", "origin", "as_of", "test_time", "dagster_run_id", "decision", "reason"}
    assert tags <= set(found.tags)
    assert (found.tags["candidate"], found.tags["origin"]) == (training.best, "own")
    assert "log loss" in found.description
    assert "champion" in client.get_registered_model(CHURN_MODEL_NAME).description

    # The same people again, by the model as it was stored: the same figures.
    estimator = load_champion(tracker)
    test = rows[rows["snapshot_time"] == plan_of().test_time].set_index("user_key")
    again = churn_candidates.churn_probability(
        estimator, test.loc[list(training.predictions["user_key"]), list(FEATURES)]
    )
    assert np.abs(again - training.predictions[training.best]).max() < 1e-9
    assert score_digest(again) == found.tags["score_digest"]
    table = training.table.set_index("model")
    samples = resample_metrics(
        training.predictions["churned"], {"m": again}, {"m": table.loc[training.best, "threshold"]}, seed=1, resamples=1
    )
    stored = client.get_run(found.run_id).data.metrics
    for metric in ("log_loss", "roc_auc", "brier", "f1", "lift_10"):
        assert samples["m"][metric].iloc[0] == pytest.approx(stored[metric], abs=1e-9)

    parent = client.get_run(run.run.split("/")[-1])
    assert parent.data.tags["decision"] == "promoted"
    assert parent.data.params["window_days"] == "90"
    assert parent.data.metrics["log_loss"] == pytest.approx(stored["log_loss"])
    assert {use.tags[0].value for use in parent.inputs.dataset_inputs} == {"training", "test"}
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"model_card.md", "reason.txt", "candidates.json", "differences.json", "shap.json"} <= files
    pictures = {file.path for file in client.list_artifacts(parent.info.run_id, "figures")}
    names = ("roc", "precision_recall", "calibration", "lift", "gain", "importance", "shap")
    assert pictures == {f"figures/{name}.png" for name in names}
    note = client.get_experiment(parent.info.experiment_id).tags["mlflow.note.content"]
    assert "model_card.md" in note
    assert client.get_experiment(parent.info.experiment_id).tags["mlflow.experimentKind"] == "custom_model_development"
    assert parent.data.tags["mlflow.note.content"].startswith("One training; the runs nested in it are its candidates")
    assert set(run.candidate_runs) == set(training.table["model"])
    for name, run_id in run.candidate_runs.items():
        child = client.get_run(run_id)
        assert child.outputs.model_outputs, name
        assert {"log_loss", "log_loss_low", "log_loss_high"} <= set(child.data.metrics)
        assert f"log loss {child.data.metrics['log_loss']:.3f} (95 % interval" in child.data.tags["mlflow.note.content"]
        drawn = {file.path for file in client.list_artifacts(run_id, "figures")}
        assert {"figures/confusion.png", "figures/calibration.png"} <= drawn

    info = mlflow.models.get_model_info(f"models:/{CHURN_MODEL_NAME}@champion")
    kinds = {column.name: (column.type.name, column.required) for column in info.signature.inputs}
    assert kinds == {"pause_days": ("double", False), "visits": ("double", False), "customer_plan": ("string", False)}
    example = mlflow.pyfunc.load_model(f"models:/{CHURN_MODEL_NAME}@champion").input_example
    assert len(example) == 1
    nobody(settings)


def nobody(settings: Settings) -> None:
    """No file of the store, the database included, holds a pseudonym."""
    experiment = ExperimentTracker().client().get_experiment_by_name("churn")
    folders = [*settings.mlflow_paths, Path(experiment.artifact_location.removeprefix("file://"))]
    paths = [path for path in folders if path.is_file()]
    paths += [path for root in folders if root.is_dir() for path in root.rglob("*") if path.is_file()]
    assert len(paths) > 20
    for path in paths:
        assert b"00000000-0000-0000-0000-00000000" not in Path(path).read_bytes(), path.name


@pytest.mark.usefixtures("without_figures")
def test_a_champion_stays_until_something_is_surely_better(
    tracker: ExperimentTracker, training: ChurnTraining, rows: pd.DataFrame
) -> None:
    first, _ = logged(tracker, training, rows, data_of(plan_of()))
    version = champion_version(tracker)
    # Made again after its table was not written: the same is decided, by a version of its own.
    again, _ = logged(tracker, training, rows, data_of(plan_of()))
    assert again == first
    assert int(champion_version(tracker)) == int(version) + 1
    version = champion_version(tracker)

    later = plan_of(30)
    newer = people_at(later, seed=2)
    second = train_churn(newer, plan=later, features=FEATURES, rule_feature="visits", candidates=QUICK)
    kept, run = logged(tracker, second, newer, data_of(later))
    assert kept.decision == "kept"
    assert f"version {version} (" in kept.reason
    assert "may favour" not in kept.reason
    assert champion_version(tracker) == version
    mlflow = tracker.client()
    challenger = mlflow.MlflowClient().get_model_version_by_alias(CHURN_MODEL_NAME, "challenger")
    assert int(challenger.version) == int(version) + 1
    assert challenger.tags["decision"] == "kept"
    card = mlflow.artifacts.load_text(f"runs:/{run.run.split('/')[-1]}/model_card.md")
    assert "**kept**. Version" in card

    # Nothing to learn from changes nothing; nor does it move what has no successor.
    short = ChurnTraining("not_enough_history", "3 days are too short")
    left, _ = logged(tracker, short, newer.head(0), data_of(later))
    assert (left.decision, champion_version(tracker)) == ("not_enough_history", version)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch, tracker: ExperimentTracker) -> None:
    """Pictures are most of a log's time, and one test looks at them."""
    monkeypatch.setattr(tracker.client(), "log_figure", lambda *_: None)
    empty = SimpleNamespace(features=pd.DataFrame({"feature": [], "mean_abs": [], "direction": []}), unit="", rows=0)
    monkeypatch.setattr("browse_assets.analysis.churn_shap.summarise_shap", lambda *_, **__: empty)


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize("how", ["origin", "erasure", "feature", "type"])
def test_a_champion_that_may_not_stay_is_retired(
    how: str, tracker: ExperimentTracker, training: ChurnTraining, rows: pd.DataFrame
) -> None:
    logged(tracker, training, rows, data_of(plan_of()))
    client = tracker.client().MlflowClient()
    version = champion_version(tracker)
    later = plan_of(30)
    newer = people_at(later, seed=2)
    found = ChurnTraining("not_enough_history", "3 days are too short")
    origin = "own"
    if how == "origin":
        origin = "sample"
    elif how == "erasure":
        client.set_model_version_tag(CHURN_MODEL_NAME, version, NEEDS_RETRAINING, "a person in its data was erased")
    else:
        changed = newer.drop(columns="customer_plan") if how == "feature" else newer.assign(visits="many")
        features = [name for name in FEATURES if name in changed.columns and (how == "feature" or name != "visits")]
        # Without a weak feature for it the one rule takes the best, which no model beats here.
        rule = "visits" if how == "feature" else None
        found = train_churn(changed, plan=later, features=features, rule_feature=rule, candidates=QUICK)
        newer = changed
    incumbent = read_incumbent(tracker, found, newer, data_of(later, origin))
    assert incumbent is not None
    words = {
        "origin": "it learned from the panel's own files, these are the bundled sample panel",
        "erasure": "a person in its data was erased",
        "feature": "the data have no customer_plan any more",
        "type": "a feature that was a number is text now",
    }
    assert words[how] in incumbent.retired
    promotion, _ = logged(tracker, found, newer, data_of(later, origin))
    assert "is champion no longer" in promotion.reason
    assert promotion.decision == {"feature": "promoted", "type": "none"}.get(how, "not_enough_history")
    if promotion.promoted is None:
        assert promotion.retires
        assert find_champion(tracker) is None
    else:
        assert champion_version(tracker) != version


def test_digests_tell_scores_and_nobody() -> None:
    assert score_digest([0.2, 0.1]) == score_digest(pd.Series([0.1, 0.2]))
    assert score_digest([0.1, 0.2]) != score_digest([0.1, 0.2 + 1e-8])


def test_of_many_rows_columns_and_counts_are_logged_as_of_few(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pd.DataFrame(
        {
            "number": np.arange(500.0),
            "gaps": np.where(np.arange(500) == 400, np.nan, 1.0),
            "text": pd.Series(["a"] * 500, dtype="str"),
            "unknown text": pd.Series([None if i == 300 else "b" for i in range(500)], dtype="str"),
        }
    )
    logged: list[dict[str, str]] = []
    monkeypatch.setattr(
        mlflow, "log_input", lambda dataset, context: logged.append(dataset.to_dict() | {"use": context})
    )
    log_data(mlflow, frame, "rows", "training")
    monkeypatch.setattr(assets_training, "MOST_ROWS_DIGESTED", 100)
    log_data(mlflow, frame, "rows", "training")
    log_data(mlflow, frame.assign(number=lambda f: f["number"] + (f.index == 499)), "rows", "training")
    few, many, other = logged
    assert few == mlflow.data.from_pandas(frame, name="rows").to_dict() | {"use": "training"}
    assert {k: v for k, v in few.items() if k != "digest"} == {k: v for k, v in many.items() if k != "digest"}
    assert many["digest"] != other["digest"]
    assert len(many["digest"]) == len(few["digest"]) == 8
