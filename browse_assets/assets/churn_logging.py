"""What a training of churn tells MLflow, and what its registry says who is champion.

What belongs here: logging parameters, metrics, figures, data and models of churn, and the registry's aliases.
What does not: training and the decision (`analysis/churn*.py`), what all trainings log (`training.py`).
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from browse_assets.assets.training import REQUIREMENTS, LoggedTraining, log_data, run_path, run_tags
from browse_assets.resources import ExperimentTracker
from browse_assets.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn import ChurnTraining
    from browse_assets.analysis.churn_promotion import Promotion

CHURN_MODEL_NAME = "churn"
# The people whom the best model was tested on, by feature and bin: what later people are compared with.
DRIFT_REFERENCE = "drift_reference.json"


def log_churn(
    context: dg.AssetExecutionContext,
    tracker: ExperimentTracker,
    training: "ChurnTraining",
    promotion: "Promotion",
    as_of: datetime,
    audit: "pd.DataFrame",
) -> LoggedTraining:
    """One training of churn: parent run, a nested run for each candidate, and the registry's aliases."""
    mlflow = tracker.client()
    with tracker.training_run("churn", "churn", run_tags(context, as_of)) as parent:
        mlflow.log_params({"status": training.status, **{f"rows_{k}": v for k, v in training.rows.items()}})
        mlflow.log_params({"threshold_by": training.threshold_by, "values": str(training.values)})
        mlflow.log_text(promotion.reason, "reason.txt")
        mlflow.set_tags({"champion": promotion.promoted or "none", "reason": promotion.reason})
        if training.status == "trained":
            log_data(mlflow, training.train, "churn_snapshots", "training")
            log_data(
                mlflow,
                training.test.assign(churned=training.predictions["churned"].astype("float64")),
                "churn_snapshots",
                "test",
            )
            _log_comparison(mlflow, training)
            mlflow.log_table(audit, "audit.json")
        nested: dict[str, str] = {}
        models: dict[str, Any] = {}
        for _, row in training.table.iterrows():
            name = str(row["model"])
            with mlflow.start_run(run_name=name, nested=True, tags=run_tags(context, as_of)) as run:
                nested[name] = run.info.run_id
                models[name] = _log_candidate(mlflow, training, name, row)
        _set_aliases(mlflow, training, promotion, models)
        return LoggedTraining(run_path(parent), nested)


def _log_comparison(mlflow: Any, training: "ChurnTraining") -> None:
    from browse_assets.analysis import figures

    outcome = training.predictions["churned"]
    curves = {str(name): training.predictions[name] for name in training.table["model"]}
    mlflow.log_figure(figures.roc_figure(outcome, curves), "figures/roc.png")
    mlflow.log_figure(figures.precision_recall_figure(outcome, curves), "figures/precision_recall.png")
    mlflow.log_figure(figures.calibration_figure(outcome, curves), "figures/calibration.png")
    mlflow.log_figure(figures.lift_figure(outcome, curves), "figures/lift.png")
    mlflow.log_table(training.table, "candidates.json")
    mlflow.log_table(training.differences, "differences.json")


def _log_candidate(mlflow: Any, training: "ChurnTraining", name: str, row: Any) -> Any:
    """Parameters, metrics, figures and model of one candidate; returns what mlflow says of the model."""
    from browse_assets.analysis import figures
    from browse_assets.analysis.churn_candidates import SKOPS_TRUSTED_TYPES

    tuned = training.tuned[name]
    mlflow.log_params({**tuned.params, "threshold": round(float(row["threshold"]), 6)})
    metrics = {
        key: float(value)
        for key, value in row.items()
        if key not in ("model", "people", "threshold", "is_challenger") and value == value
    }
    mlflow.log_metrics({**metrics, "people": float(row["people"])})
    if name in training.person_disjoint_auc:
        mlflow.log_metric("person_disjoint_roc_auc", training.person_disjoint_auc[name])
    outcome = training.predictions["churned"]
    called = training.predictions[name] >= row["threshold"]
    mlflow.log_figure(figures.confusion_figure(outcome, called), "figures/confusion.png")
    mlflow.log_figure(
        figures.calibration_figure(outcome, {name: training.predictions[name]}), "figures/calibration.png"
    )
    mine = training.importances[training.importances["model"] == name]
    if len(mine):
        mlflow.log_figure(
            figures.importance_figure(list(mine["feature"]), list(mine["importance"]), list(mine["importance_sd"])),
            "figures/importance.png",
        )
    if name == training.best:
        from browse_assets.analysis.drift import drift_reference

        # The test, not the training rows: one row for each person, and scores that were not learned from.
        people = training.test.assign(probability=training.predictions[name])
        mlflow.log_table(drift_reference(people, min_group=load_settings().min_group), DRIFT_REFERENCE)
    usual = usual_person(training.train[list(training.features)])
    estimator = training.estimators[name]
    return mlflow.sklearn.log_model(
        estimator,
        name="model",
        pip_requirements=REQUIREMENTS,
        signature=mlflow.models.infer_signature(usual, estimator.predict_proba(usual)[:, 1]),
        input_example=usual,
        pyfunc_predict_fn="predict_proba",
        skops_trusted_types=list(SKOPS_TRUSTED_TYPES),
    )


def _set_aliases(mlflow: Any, training: "ChurnTraining", promotion: "Promotion", models: dict[str, Any]) -> None:
    """`challenger` is the best model of this training, `champion` too if it is promoted, else nobody."""
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{CHURN_MODEL_NAME}'"):
        client.create_registered_model(CHURN_MODEL_NAME)
    for alias, name in (("champion", promotion.promoted), ("challenger", training.best)):
        if name is None:
            client.delete_registered_model_alias(CHURN_MODEL_NAME, alias)
            continue
        info = models[name]
        version = client.create_model_version(
            CHURN_MODEL_NAME,
            info.model_uri,
            run_id=info.run_id,
            tags={"candidate": name},
            model_id=info.model_id,
        )
        client.set_registered_model_alias(CHURN_MODEL_NAME, alias, version.version)


def load_champion(tracker: ExperimentTracker) -> Any:
    """The fitted, calibrated estimator behind `models:/churn@champion`."""
    return tracker.client().sklearn.load_model(f"models:/{CHURN_MODEL_NAME}@champion")


def champion_version(tracker: ExperimentTracker) -> str:
    """Registered version of the champion."""
    client = tracker.client().MlflowClient()
    return str(client.get_model_version_by_alias(CHURN_MODEL_NAME, "champion").version)


def usual_person(features: "pd.DataFrame") -> "pd.DataFrame":
    """One row that is nobody's: the median of each number, the most common of each text."""
    import pandas as pd

    usual = {
        name: column.median() if pd.api.types.is_numeric_dtype(column) else next(iter(column.mode()), None)
        for name, column in features.items()
    }
    return pd.DataFrame([usual])
