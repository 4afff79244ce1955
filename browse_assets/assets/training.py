"""What a training run tells MLflow, and where to find it again.

What belongs here: logging parameters, metrics, figures, data and models, and the registry's aliases.
What does not: training itself (`analysis/`), the connection (`resources.ExperimentTracker`).
Everything that needs mlflow goes through the tracker, which imports it when it is used (4 s).
"""

from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import dagster as dg

from browse_assets.assets.state import rules_version
from browse_assets.resources import ExperimentTracker
from browse_assets.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.audience_models import AttributeModel
    from browse_assets.analysis.product_backtest import Backtest
    from browse_assets.analysis.segments import Segmentation

# Named, since mlflow would otherwise find them out by importing the model in a new process (15 s).
REQUIREMENTS = [f"{name}=={version(name)}" for name in ("scikit-learn", "pandas", "numpy")]


@dataclass(frozen=True)
class LoggedTraining:
    """Where a training run lies: `experiments/<id>/runs/<id>`, and the nested run of each candidate."""

    run: str
    candidate_runs: dict[str, str]


def run_link(run: str | None) -> dict[str, dg.UrlMetadataValue]:
    """The MLflow page of a training, as metadata of its asset."""
    if run is None:
        return {}
    return {"MLflow run": dg.MetadataValue.url(f"{load_settings().mlflow_address}/#/{run}")}


def run_tags(context: dg.AssetExecutionContext, as_of: datetime | None) -> dict[str, str]:
    """Back from an MLflow run to the materialization that made it."""
    asset = context.asset_key.to_user_string()
    address = f"{load_settings().dagster_address}/runs/{context.run.run_id}"
    return {
        "dagster_run_id": context.run.run_id,
        "asset": asset,
        "code_version": rules_version(),
        "as_of": str(as_of),
        "mlflow.note.content": f"Logged by the asset `{asset}` in [Dagster run {context.run.run_id[:8]}]({address}).",
    }


def run_path(run: Any) -> str:
    """`experiments/<id>/runs/<id>`, as `run_link` takes it."""
    return f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def log_data(mlflow: Any, frame: "pd.DataFrame", name: str, use: str) -> None:
    """The columns, digest and profile of a training set; pseudonyms are not among its columns."""
    mlflow.log_input(mlflow.data.from_pandas(frame, name=name), context=use)


def log_segments(
    context: dg.AssetExecutionContext,
    tracker: ExperimentTracker,
    found: "Segmentation",
    sessions: "pd.DataFrame",
    language_agreement: float,
    as_of: datetime | None,
) -> str:
    """One training of segments: parent run, and one nested run for each number of segments tried."""
    mlflow = tracker.client()
    from browse_assets.analysis.figures import bar_figure, segment_figure

    with tracker.training_run("interest_segments", "interest_segments", run_tags(context, as_of)) as run:
        mlflow.log_params({**found.params, "people": len(sessions), "topics": sessions.shape[1]})
        mlflow.log_metric("k", found.k)
        mlflow.log_text(found.reason, "reason.txt")
        if found.k > 1:
            mlflow.log_metric("stability", found.stability)
            mlflow.log_metric("silhouette", found.silhouette[found.k])
        if found.chance:
            mlflow.log_metric("silhouette_by_chance", max(found.chance))
        if language_agreement == language_agreement:
            mlflow.log_metric("language_agreement", language_agreement)
        for k, silhouette in found.silhouette.items():
            with mlflow.start_run(run_name=f"k = {k}", nested=True):
                mlflow.log_param("k", k)
                mlflow.log_metric("silhouette", silhouette)
        log_data(mlflow, sessions.reset_index(drop=True), "topic_sessions", "training")
        known = found.labels >= 0
        names = found.labels[known].map(found.names)
        if found.k:
            coordinates = found.coordinates[known]
            mlflow.log_figure(segment_figure(coordinates["x"], coordinates["y"], list(names)), "figures/segments.png")
            sizes = names.value_counts().sort_values(ascending=False, kind="stable")
            mlflow.log_figure(
                bar_figure(list(sizes.index), list(sizes), title="people by segment"), "figures/sizes.png"
            )
        if found.model is not None:
            mlflow.sklearn.log_model(
                found.model,
                name="model",
                pip_requirements=REQUIREMENTS,
                signature=mlflow.models.infer_signature(sessions, found.model.predict(sessions)),
                skops_trusted_types=["browse_assets.analysis.segment_scaling.ScaledShares"],
            )
        return run_path(run)


def log_attribute_models(
    context: dg.AssetExecutionContext,
    tracker: ExperimentTracker,
    trained: "dict[str, AttributeModel]",
    features: "pd.DataFrame",
    as_of: datetime,
) -> LoggedTraining:
    """One training of the audience's attributes: parent run, and a nested run for each attribute."""
    mlflow = tracker.client()
    from browse_assets.analysis.audience_models import SKOPS_TRUSTED_TYPES
    from browse_assets.analysis.figures import bar_figure

    nested: dict[str, str] = {}
    with tracker.training_run("audience_attributes", "audience_attributes", run_tags(context, as_of)) as parent:
        mlflow.log_params({"people": len(features), "features": features.shape[1], "attributes": ", ".join(trained)})
        log_data(mlflow, features.reset_index(drop=True), "audience_features", "training")
        for attribute, found in trained.items():
            with mlflow.start_run(run_name=attribute, nested=True, tags=run_tags(context, as_of)) as run:
                nested[attribute] = run.info.run_id
                mlflow.log_params({"people": found.people, "values": ", ".join(found.values)})
                mlflow.set_tag("is_published", str(found.is_published).lower())
                mlflow.log_text(found.reason, "reason.txt")
                names = ("log_loss", "prior_log_loss", "gain", "gain_low", "gain_high", "accuracy", "accuracy_low")
                values = {name: getattr(found, name) for name in (*names, "accuracy_high", "majority_accuracy")}
                mlflow.log_metrics({name: value for name, value in values.items() if value == value})
                if found.held_out is not None:
                    sizes = found.held_out["declared"].value_counts().sort_index()
                    mlflow.log_figure(
                        bar_figure(list(sizes.index), list(sizes), title=f"people who declared {attribute}"),
                        "figures/declared.png",
                    )
                if found.model is not None:
                    usual = features.median().to_frame().T  # a usual person, not one of the panel
                    mlflow.sklearn.log_model(
                        found.model,
                        name="model",
                        pip_requirements=REQUIREMENTS,
                        signature=mlflow.models.infer_signature(usual, found.model.predict_proba(usual)),
                        input_example=usual,
                        pyfunc_predict_fn="predict_proba",
                        skops_trusted_types=list(SKOPS_TRUSTED_TYPES),
                    )
        return LoggedTraining(run_path(parent), nested)


def load_attribute_model(tracker: ExperimentTracker, run_id: str) -> Any:
    """The fitted, calibrated estimator of an attribute, from the run that audience_models names."""
    return tracker.client().sklearn.load_model(f"runs:/{run_id}/model")


def log_reidentification(
    context: dg.AssetExecutionContext,
    tracker: ExperimentTracker,
    rates: "pd.DataFrame",
    params: dict[str, Any],
    as_of: datetime | None,
) -> str:
    """One measurement of re-identification: the rate of each view with its interval, and a picture."""
    mlflow = tracker.client()
    from browse_assets.analysis.figures import bar_figure

    with tracker.training_run("privacy", "reidentification", run_tags(context, as_of)) as run:
        mlflow.log_params({**params, "people": int(rates["people"].max())})
        for row in rates.to_dict("records"):
            names = {"match_rate": "", "match_rate_low": "_low", "match_rate_high": "_high", "chance": "_chance"}
            values = {f"{row['view']}{suffix}": row[name] for name, suffix in names.items()}
            mlflow.log_metrics({name: value for name, value in values.items() if value == value})
        mlflow.log_table(rates[["view", "people", "match_rate", "match_rate_low", "match_rate_high"]], "rates.json")
        measured = rates[rates["match_rate"].notna()]
        if len(measured):
            percent = [100 * rate for rate in measured["match_rate"]]
            figure = bar_figure(list(measured["view"]), percent, title="people re-identified, %")
            mlflow.log_figure(figure, "figures/reidentification.png")
        return run_path(run)


def log_product_return(
    context: dg.AssetExecutionContext, tracker: ExperimentTracker, found: "Backtest", as_of: datetime | None
) -> LoggedTraining:
    """One back-test of who returns to a product: parent run, and a nested run for each method."""
    mlflow = tracker.client()
    from browse_assets.analysis.figures import bar_figure, calibration_figure
    from browse_assets.analysis.product_backtest import METHODS

    with tracker.training_run("product_return", "product_return", run_tags(context, as_of)) as parent:
        mlflow.log_params({"status": found.status, **found.params})
        mlflow.log_text(found.reason, "reason.txt")
        nested: dict[str, str] = {}
        for row in found.table.to_dict("records"):
            with mlflow.start_run(run_name=row["method"], nested=True, tags=run_tags(context, as_of)) as run:
                nested[row["method"]] = run.info.run_id
                mlflow.log_param("method", METHODS[row["method"]])
                metrics = {str(k): float(v) for k, v in row.items() if isinstance(v, float) and v == v}
                mlflow.log_metrics({**metrics, "is_above_popularity": float(row["is_above_popularity"])})
        if len(found.table):
            outcome = found.predictions["returned"]
            probabilities = {method: found.predictions[method] for method in METHODS}
            ranked = found.table.sort_values("precision_at_k", ascending=False)
            mlflow.log_figure(
                bar_figure(list(ranked["method"]), list(100 * ranked["precision_at_k"]), title="precision at k, %"),
                "figures/precision_at_k.png",
            )
            mlflow.log_figure(calibration_figure(outcome, probabilities), "figures/calibration.png")
            mlflow.log_table(found.table, "methods.json")
        return LoggedTraining(run_path(parent), nested)
