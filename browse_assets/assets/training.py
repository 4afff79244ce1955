"""What a training run tells MLflow, and where to find it again.

What belongs here: logging parameters, metrics, figures, data and models, and the registry's aliases.
What does not: training itself (`analysis/`), the connection (`resources.ExperimentTracker`).
Everything that needs mlflow goes through the tracker, which imports it when it is used (4 s).
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import dagster as dg

from browse_assets.assets.experiment_notes import EXPERIMENT_NOTES, TRAINING_NOTES
from browse_assets.assets.state import rules_version
from browse_assets.resources import ExperimentTracker
from browse_assets.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.audience_models import AttributeModel
    from browse_assets.analysis.product_backtest import Backtest
    from browse_assets.analysis.segments import Segmentation

# MLflow's address keeps the side of its pages that is about models that were trained.
_IN_TRAINING = "?workflowType=machine_learning"

# What MLflow's own digest looks at.
MOST_ROWS_LOOKED_AT = 10_000
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
    return {"MLflow run": dg.MetadataValue.url(f"{load_settings().mlflow_address}/#/{run}{_IN_TRAINING}")}


def compare_link(run: str | None, candidates: Sequence[str]) -> dict[str, dg.UrlMetadataValue]:
    """MLflow's comparison of a training's candidates, side by side; none with fewer than two.

    Args:
        run: the training, as `run_path` has it.
        candidates: ids of the nested runs.
    """
    if run is None or len(candidates) < 2:
        return {}
    experiment = run.split("/")[1]
    query = urlencode({"runs": json.dumps(list(candidates)), "experiments": json.dumps([experiment])})
    link = run_link(f"compare-runs?{query}")["MLflow run"].url or ""
    return {"candidates side by side": dg.MetadataValue.url(link.removesuffix(_IN_TRAINING) + "&" + _IN_TRAINING[1:])}


def run_tags(context: dg.AssetExecutionContext, as_of: datetime | None, note: str = "") -> dict[str, str]:
    """Back from an MLflow run to the materialization that made it, after a note of what the run is."""
    asset = context.asset_key.to_user_string()
    address = f"{load_settings().dagster_address}/runs/{context.run.run_id}"
    return {
        "dagster_run_id": context.run.run_id,
        "asset": asset,
        "code_version": rules_version(),
        "as_of": str(as_of),
        "mlflow.note.content": f"{note}\n\nLogged by the asset `{asset}` in "
        f"[Dagster run {context.run.run_id[:8]}]({address}).".strip(),
    }


def run_path(run: Any) -> str:
    """`experiments/<id>/runs/<id>`, as `run_link` takes it."""
    return f"experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def log_data(mlflow: Any, frame: "pd.DataFrame", name: str, use: str) -> None:
    """The columns, digest and profile of a training set; pseudonyms are not among its columns."""
    if len(frame) <= MOST_ROWS_LOOKED_AT:
        mlflow.log_input(mlflow.data.from_pandas(frame, name=name), context=use)
        return
    import pandas as pd

    # MLflow looks at each value of each column in Python: 85 s for 875,000 rows of 40. Types and gaps are those of
    # the first rows and of one row for each column's first gap; the digest is of all rows, where MLflow's is of 10,000.
    digest = hashlib.sha256(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes()).hexdigest()[:8]
    dataset = mlflow.data.from_pandas(frame, name=name, digest=digest)
    gaps = [int(column.isna().to_numpy().argmax()) for _, column in frame.items() if column.isna().any()]
    some = frame.iloc[sorted({*range(100), *gaps})]
    # A cached property, filled before it is asked for.
    vars(dataset)["schema"] = mlflow.data.from_pandas(some, name=name).schema
    mlflow.log_input(dataset, context=use)


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

    tags, note = run_tags(context, as_of, TRAINING_NOTES["interest_segments"]), EXPERIMENT_NOTES["interest_segments"]
    with tracker.training_run("interest_segments", "interest_segments", tags, note=note) as run:
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
            about = f"k-means with {k} groups: mean silhouette {silhouette:.3f}."
            with mlflow.start_run(run_name=f"k = {k}", nested=True, tags=run_tags(context, as_of, about)):
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
    tags, note = (
        run_tags(context, as_of, TRAINING_NOTES["audience_attributes"]),
        EXPERIMENT_NOTES["audience_attributes"],
    )
    with tracker.training_run("audience_attributes", "audience_attributes", tags, note=note) as parent:
        mlflow.log_params({"people": len(features), "features": features.shape[1], "attributes": ", ".join(trained)})
        log_data(mlflow, features.reset_index(drop=True), "audience_features", "training")
        for attribute, found in trained.items():
            about = f"Model of `{attribute}` by {found.people} people who declared it: {found.reason}"
            with mlflow.start_run(run_name=attribute, nested=True, tags=run_tags(context, as_of, about)) as run:
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

    tags, note = run_tags(context, as_of, TRAINING_NOTES["privacy"]), EXPERIMENT_NOTES["privacy"]
    with tracker.training_run("privacy", "reidentification", tags, note=note) as run:
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

    tags, note = run_tags(context, as_of, TRAINING_NOTES["product_return"]), EXPERIMENT_NOTES["product_return"]
    with tracker.training_run("product_return", "product_return", tags, note=note) as parent:
        mlflow.log_params({"status": found.status, **found.params})
        mlflow.log_text(found.reason, "reason.txt")
        nested: dict[str, str] = {}
        for row in found.table.to_dict("records"):
            about = (
                f"{METHODS[row['method']]}: precision at k {row['precision_at_k']:.3f}, log loss {row['log_loss']:.3f}."
            )
            with mlflow.start_run(run_name=row["method"], nested=True, tags=run_tags(context, as_of, about)) as run:
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
