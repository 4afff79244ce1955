"""What a training of churn tells MLflow, and what its registry says who is champion.

What belongs here: logging parameters, metrics, figures, data and models of churn, the registry's versions and
aliases, the champion read back. What does not: training, the decision and the model card (`analysis/churn*.py`), what
all trainings log (`training.py`). No run holds rows of people, since an erasure could not take them out of it: only
columns, counts and digests.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import dagster as dg

from browse_assets.assets.experiment_notes import TRAINING_NOTES
from browse_assets.assets.mlflow_lookup import AskMlflowError, aliased_version, has_run
from browse_assets.assets.training import REQUIREMENTS, LoggedTraining, log_data, run_path, run_tags
from browse_assets.resources import ExperimentTracker

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn import ChurnTraining
    from browse_assets.analysis.churn_card import TrainingData
    from browse_assets.analysis.churn_promotion import Incumbent, Promotion

CHURN_MODEL_NAME = "churn"
# The people whom the best model was tested on, by feature and bin: what later people are compared with.
DRIFT_REFERENCE = "drift_reference.json"
CHAMPION, CHALLENGER = "champion", "challenger"
# Beside those of all models: what the stored pipelines are made of and read by.
CHURN_REQUIREMENTS = [*REQUIREMENTS, *(f"{name}=={version(name)}" for name in ("scipy", "lightgbm", "skops"))]
# The tag that an erasure puts on versions (`removal.py`), and what MLflow says where nobody has an alias.
NEEDS_RETRAINING = "needs_retraining"
NO_SUCH = ("INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST")
# As many as there are colours.
MOST_CURVES = 8


def log_churn(
    context: dg.AssetExecutionContext,
    tracker: ExperimentTracker,
    training: "ChurnTraining",
    promotion: "Promotion",
    data: "TrainingData",
    *,
    audit: "pd.DataFrame",
    min_group: int,
    incumbent: "Incumbent | None" = None,
) -> LoggedTraining:
    """One training of churn: parent run, a nested run for each candidate, a version of the best, the aliases.

    Args:
        context: of the asset.
        tracker: MLflow.
        training: what was found.
        promotion: what was decided.
        data: where the people come from.
        audit: of leakage, one row per test; empty when none was made.
        min_group: k, for the groups of the model card.
        incumbent: the champion that the decision was about.
    """
    from browse_assets.analysis.churn import SEED
    from browse_assets.analysis.churn_card import EXPERIMENT_NOTE, candidate_note, model_card

    mlflow = tracker.client()
    tags = run_tags(context, data.as_of, TRAINING_NOTES["churn"]) | _tags(training, promotion, data)
    with tracker.training_run("churn", "churn", tags, note=EXPERIMENT_NOTE) as parent:
        mlflow.log_params(_params(training, data))
        mlflow.log_text(promotion.reason, "reason.txt")
        mlflow.log_text(model_card(training, promotion, data, audit, min_group=min_group, seed=SEED), "model_card.md")
        if len(audit):
            mlflow.log_table(audit.astype(object).where(audit.notna(), None), "audit.json")
        if training.best is not None:
            _log_comparison(mlflow, training)
        nested: dict[str, str] = {}
        models: dict[str, Any] = {}
        for row in training.table.to_dict("records"):
            name = str(row["model"])
            tags = run_tags(context, data.as_of, candidate_note(row, is_champion=name == promotion.promoted))
            with mlflow.start_run(run_name=name, nested=True, tags=tags) as run:
                nested[name] = run.info.run_id
                models[name] = _log_candidate(mlflow, training, name, row, min_group)
        _register(mlflow, training, promotion, data, models, context.run.run_id, incumbent)
        return LoggedTraining(run_path(parent), nested)


def _tags(training: "ChurnTraining", promotion: "Promotion", data: "TrainingData") -> dict[str, str]:
    return {
        "decision": promotion.decision,
        "reason": promotion.reason,
        "best": training.best or "none",
        "promoted": promotion.promoted or "none",
        "origin": data.origin,
        "test_time": data.test_time or "none",
    }


def _params(training: "ChurnTraining", data: "TrainingData") -> dict[str, Any]:
    from browse_assets.analysis.churn import SEED
    from browse_assets.analysis.evaluation import RESAMPLES

    plan = data.plan
    windows = (
        {} if plan is None else {name: getattr(plan, name) for name in ("window_days", "gap_days", "outcome_days")}
    )
    return {
        "status": training.status,
        "split": training.split,
        "folds": training.folds or "none",
        "seed": SEED,
        "bootstrap_resamples": RESAMPLES,
        "features": len(training.features),
        "threshold_by": training.threshold_by,
        "values": str(training.values),
        **windows,
        **({} if plan is None else {"train_snapshots": len(plan.train_times)}),
        **{f"rows_{name}": rows for name, rows in training.rows.items()},
    }


def _log_comparison(mlflow: Any, training: "ChurnTraining") -> None:
    """Data, tables and pictures of all candidates, and the figures of the best as those of the training."""
    from browse_assets.analysis import churn_figures, figures
    from browse_assets.analysis.churn import SEED
    from browse_assets.analysis.churn_candidates import LOGISTIC
    from browse_assets.analysis.churn_shap import summarise_shap

    best = str(training.best)
    log_data(mlflow, training.train, "churn_snapshots", "training")
    outcome = training.predictions["churned"]
    log_data(mlflow, training.test.assign(churned=outcome.astype("float64")), "churn_snapshots", "test")
    ranked = training.table.sort_values("log_loss", kind="stable")
    mlflow.log_metrics(_metrics(training.table.set_index("model").loc[best].to_dict()))
    mlflow.log_table(ranked, "candidates.json")
    mlflow.log_table(training.differences, "differences.json")
    mlflow.log_dict({name: score_digest(training.predictions[name]) for name in ranked["model"]}, "score_digests.json")

    curves = {str(name): training.predictions[name] for name in ranked["model"].head(MOST_CURVES)}
    plain = (best, LOGISTIC)
    importances = training.importances[training.importances["model"] == best]
    found = summarise_shap(training.estimators[best], training.test, training.train, seed=SEED)
    mlflow.log_table(found.features, "shap.json")
    pictures = {
        "roc": figures.roc_figure(outcome, curves),
        "precision_recall": figures.precision_recall_figure(outcome, curves),
        # Of two: the curves of all cross where most people are, and each candidate has its own.
        "calibration": churn_figures.reliability_figure(outcome, {m: p for m, p in curves.items() if m in plain}),
        "lift": figures.lift_figure(outcome, curves),
        "gain": churn_figures.gain_figure(outcome, curves),
        "importance": _importance_figure(importances, best),
        "shap": churn_figures.shap_figure(found, model=best),
    }
    for name, figure in pictures.items():
        mlflow.log_figure(figures.lay_out(figure), f"figures/{name}.png")


def _importance_figure(importances: "pd.DataFrame", name: str) -> Any:
    from browse_assets.analysis.figures import importance_figure

    return importance_figure(
        list(importances["feature"]),
        list(importances["importance"]),
        list(importances["importance_sd"]),
        title=f"What {name.replace('_', ' ')} uses",
    )


def _metrics(row: "dict[Any, Any]") -> dict[str, float]:
    """The numbers of a candidate; first what it is judged by: MLflow's comparison draws the first one."""
    leading = [name for name in ("log_loss", "roc_auc", "average_precision", "brier") if name in row]
    return {
        str(key): float(row[key])
        for key in [*leading, *(key for key in row if key not in leading)]
        if key not in ("model", "threshold") and row[key] is not None and row[key] == row[key]
    }


def _log_candidate(mlflow: Any, training: "ChurnTraining", name: str, row: "dict[Any, Any]", min_group: int) -> Any:
    """Parameters, metrics, figures and model of one candidate; returns what mlflow says of the model."""
    from browse_assets.analysis import figures
    from browse_assets.analysis.churn_candidates import SKOPS_TRUSTED_TYPES

    tuned = training.tuned[name]
    mlflow.log_params({**tuned.params, "threshold": round(float(row["threshold"]), 6)})
    if name == training.best:
        from browse_assets.analysis.drift import drift_reference

        # The test, not the training rows: one row for each person, and scores that were not learned from.
        people = training.test.assign(probability=training.predictions[name])
        mlflow.log_table(drift_reference(people, min_group=min_group), DRIFT_REFERENCE)
    info = mlflow.sklearn.log_model(
        training.estimators[name],
        name="model",
        pip_requirements=CHURN_REQUIREMENTS,
        signature=_signature(mlflow, training),
        # MLflow tries an example in a model loaded again (0.4 s): only of the one that may be served.
        input_example=usual_person(training.train[list(training.features)]) if name == training.best else None,
        pyfunc_predict_fn="predict_proba",
        skops_trusted_types=list(SKOPS_TRUSTED_TYPES),
    )
    extra = {"tuning_log_loss": tuned.log_loss, "person_disjoint_roc_auc": training.person_disjoint_auc.get(name)}
    # After the model, whose page shows them then: before, MLflow would copy them one by one (0.4 s).
    mlflow.log_metrics(_metrics({**row, **extra}), model_id=info.model_id)
    outcome, p = training.predictions["churned"], training.predictions[name]
    pictures = {
        "confusion": figures.confusion_figure(outcome, p >= row["threshold"]),
        "calibration": figures.calibration_figure(outcome, {name: p}),
    }
    mine = training.importances[training.importances["model"] == name]
    if len(mine):
        pictures["importance"] = _importance_figure(mine, name)
    for picture, figure in pictures.items():
        mlflow.log_figure(figures.lay_out(figure), f"figures/{picture}.png")
    return info


def _signature(mlflow: Any, training: "ChurnTraining") -> Any:
    """Raw features by name and type, each of which may be unknown, to P(stays) and P(churned)."""
    import numpy as np
    import pandas as pd
    from mlflow.types import ColSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = [
        ColSpec("double" if pd.api.types.is_numeric_dtype(training.train[name]) else "string", name, required=False)
        for name in training.features
    ]
    return mlflow.models.ModelSignature(
        inputs=Schema(columns), outputs=Schema([TensorSpec(np.dtype(np.float64), (-1, 2))])
    )


def usual_person(features: "pd.DataFrame") -> "pd.DataFrame":
    """One row that is nobody's: the median of each number, the most common of each text."""
    import pandas as pd

    usual = {
        name: column.median() if pd.api.types.is_numeric_dtype(column) else next(iter(column.mode()), None)
        for name, column in features.items()
    }
    return pd.DataFrame([usual])


def _register(
    mlflow: Any,
    training: "ChurnTraining",
    promotion: "Promotion",
    data: "TrainingData",
    models: dict[str, Any],
    dagster_run: str,
    incumbent: "Incumbent | None",
) -> None:
    """The best model as a version with the alias challenger; champion is moved or taken away by the decision."""
    from browse_assets.analysis.churn_card import MODEL_NOTE, version_note

    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{CHURN_MODEL_NAME}'"):
        client.create_registered_model(CHURN_MODEL_NAME)
    client.update_registered_model(CHURN_MODEL_NAME, MODEL_NOTE)
    if training.best is None:
        client.delete_registered_model_alias(CHURN_MODEL_NAME, CHALLENGER)
    else:
        info = models[training.best]
        tags = _tags(training, promotion, data) | {
            "candidate": training.best,
            "as_of": str(data.as_of),
            "dagster_run_id": dagster_run,
            "training": training_digest(training),
            "score_digest": score_digest(training.predictions[training.best]),
            "replaced": incumbent.version if incumbent is not None else "none",
        }
        made = client.create_model_version(
            CHURN_MODEL_NAME,
            info.model_uri,
            run_id=info.run_id,
            tags=tags,
            description=version_note(training, promotion, data),
            model_id=info.model_id,
        )
        client.set_registered_model_alias(CHURN_MODEL_NAME, CHALLENGER, made.version)
        if promotion.promoted is not None:
            client.set_registered_model_alias(CHURN_MODEL_NAME, CHAMPION, made.version)
    if promotion.promoted is None and promotion.retires:
        client.delete_registered_model_alias(CHURN_MODEL_NAME, CHAMPION)


@dataclass(frozen=True)
class Champion:
    """The registered version behind `models:/churn@champion`, and the MLflow run that logged it."""

    version: str
    run_id: str


def find_champion(tracker: ExperimentTracker) -> Champion | None:
    """The registry's champion; None where it says that there is none.

    Raises:
        mlflow.exceptions.MlflowException: the registry could not be asked.
    """
    try:
        known = aliased_version(tracker.tracking_uri, CHURN_MODEL_NAME, CHAMPION)
    except AskMlflowError:
        found = _champion(tracker.client())
        known = None if found is None else (str(found.version), str(found.run_id))
    return Champion(*known) if known else None


def is_known(tracker: ExperimentTracker, run: str | None) -> bool:
    """Whether the store has a training; not after the installation has moved to another store.

    Raises:
        mlflow.exceptions.MlflowException: the store could not be asked.
    """
    run_id = (run or "").rpartition("/")[2]
    try:
        return not run_id or has_run(tracker.tracking_uri, run_id)
    except AskMlflowError:
        return _version(tracker.client(), lambda client: client.get_run(run_id)) is not None


def _champion(mlflow: Any) -> Any:
    return _version(mlflow, lambda client: client.get_model_version_by_alias(CHURN_MODEL_NAME, CHAMPION))


def _version(mlflow: Any, ask: Any) -> Any:
    try:
        return ask(mlflow.MlflowClient())
    except mlflow.exceptions.MlflowException as error:
        if error.error_code in NO_SUCH:
            return None
        raise


def load_champion(tracker: ExperimentTracker) -> Any:
    """The fitted, calibrated estimator behind `models:/churn@champion`."""
    return tracker.client().sklearn.load_model(f"models:/{CHURN_MODEL_NAME}@{CHAMPION}")


def read_incumbent(
    tracker: ExperimentTracker, training: "ChurnTraining", rows: "pd.DataFrame", data: "TrainingData"
) -> "Incumbent | None":
    """The champion before this training, scored on the people of the new test.

    A training that was killed after it had moved the alias, and before its table was written, is made again from the
    same data: then the champion before is whom it had replaced, so that the same is decided.

    Args:
        tracker: MLflow.
        training: the new one.
        rows: what it was made from: user_key, snapshot_time and all columns of features.
        data: where its people come from.
    """
    from browse_assets.analysis.churn_promotion import Incumbent, may_have_seen

    mlflow = tracker.client()
    found = _champion(mlflow)
    if found is not None and training.best is not None and found.tags.get("training") == training_digest(training):
        before = found.tags["replaced"]
        found = _version(mlflow, lambda client: client.get_model_version(CHURN_MODEL_NAME, before))
    if found is None:
        return None
    tags = found.tags
    name = (str(found.version), tags.get("candidate", "an unknown candidate"))
    retired = _why_retired(tags, data)
    probability = None
    if not retired and training.best is not None:
        try:
            estimator = mlflow.sklearn.load_model(f"models:/{CHURN_MODEL_NAME}/{found.version}")
        except (AttributeError, ImportError, TypeError):
            # Made by classes that are no more; a store that cannot be read raises something else.
            estimator, retired = None, "this version of the project cannot load it"
        if estimator is not None:
            probability, retired = _scored(estimator, training, rows, data)
    learned_from = None if tags.get("test_time", "none") == "none" else tags["test_time"]
    has_seen = may_have_seen(learned_from, data.test_time, split=training.split)
    return Incumbent(*name, probability=probability, retired=retired, has_seen=has_seen)


def _why_retired(tags: dict[str, str], data: "TrainingData") -> str:
    from browse_assets.analysis.churn_card import ORIGINS

    if NEEDS_RETRAINING in tags:
        return tags[NEEDS_RETRAINING]
    origin = tags.get("origin")
    if origin != data.origin:
        return (
            f"it learned from {ORIGINS.get(origin or '', 'data of unknown origin')}, these are {ORIGINS[data.origin]}"
        )
    return ""


def _scored(estimator: Any, training: "ChurnTraining", rows: "pd.DataFrame", data: "TrainingData") -> tuple[Any, str]:
    """P(churned) of the people of the test in the order of the predictions, and why there is none."""
    from browse_assets.analysis.churn_candidates import churn_probability
    from browse_assets.analysis.churn_features import feature_frame

    features = [str(name) for name in estimator.feature_names_in_]
    gone = [name for name in features if name not in rows.columns]
    if gone:
        return None, f"the data have no {', '.join(gone)} any more"
    if data.plan is not None:
        rows = rows[rows["snapshot_time"] == data.plan.test_time]
    keyed = rows.assign(user_key=rows["user_key"].astype(str)).set_index("user_key")
    people = keyed.loc[list(training.predictions["user_key"].astype(str))].reset_index(drop=True)
    try:
        return churn_probability(estimator, feature_frame(people, features)), ""
    except ValueError:
        return None, "a feature that was a number is text now"


def score_digest(probabilities: Any) -> str:
    """SHA-256 of probabilities to 9 decimals in ascending order: equal for equal scores, and nobody's."""
    import numpy as np

    text = "\n".join(f"{p:.9f}" for p in np.sort(np.asarray(probabilities, dtype=np.float64)))
    return hashlib.sha256(text.encode()).hexdigest()


def training_digest(training: "ChurnTraining") -> str:
    """SHA-256 of what was learned from and what it came to: the same for a training that is made again."""
    import pandas as pd

    digest = hashlib.sha256()
    for frame in (training.train, training.test, training.predictions.drop(columns="user_key")):
        digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()
