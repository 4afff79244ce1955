"""What a training of the topic classifier tells MLflow.

What belongs here: its runs, metrics, tables, figures, data and model. What does not: training
(`analysis/topic_training.py`), how other trainings are logged (`training.py`).
"""

import re
from typing import TYPE_CHECKING, Any

import dagster as dg

from browse_assets.assets.experiment_notes import EXPERIMENT_NOTES, TRAINING_NOTES
from browse_assets.assets.training import REQUIREMENTS, run_path, run_tags
from browse_assets.resources import ExperimentTracker

if TYPE_CHECKING:
    from browse_assets.analysis.topic_training import HeadQuality, TopicTraining

HEADS = {"page": "texts of pages", "host": "names of sites"}
BASELINES = ("majority", "centroid", "bayes")


def log_topic_training(
    context: dg.AssetExecutionContext, tracker: ExperimentTracker, training: "TopicTraining", names: dict[str, str]
) -> str:
    """One training: a parent run, a nested run for each head, and one for each simple classifier beside it.

    Args:
        context: of the asset.
        tracker: MLflow.
        training: what was fitted and measured.
        names: topic name by topic id.
    """
    mlflow = tracker.client()
    from browse_assets.analysis import topic_training

    tags, note = run_tags(context, None, TRAINING_NOTES["topic_classifier"]), EXPERIMENT_NOTES["topic_classifier"]
    with tracker.training_run("topic_classifier", "topic_classifier", tags, note=note) as parent:
        mlflow.log_params(
            {
                "wanted_precision": topic_training.WANTED_PRECISION,
                "held_out": f"1 group in {topic_training.HELD_OUT}",
                "grouped_by": "brand label of hosts, site of texts",
            }
        )
        for head, quality in training.quality.items():
            mlflow.log_metrics({f"{head}_{name}": v for name, v in quality.overall.items() if v == v})
            about = f"The head that reads {HEADS[head]}: {quality.overall['accuracy']:.3f} right on sites not seen."
            with mlflow.start_run(run_name=f"{head} head", nested=True, tags=run_tags(context, None, about)):
                _log_head(mlflow, training, head, quality, names)
            for name in BASELINES:
                if f"accuracy_{name}" in quality.overall:
                    accuracy = quality.overall[f"accuracy_{name}"]
                    about = f"A simple classifier of {HEADS[head]} to compare with: {accuracy:.3f} right."
                    with mlflow.start_run(run_name=f"{head}: {name}", nested=True, tags=run_tags(context, None, about)):
                        mlflow.log_metric("accuracy", accuracy)
        return run_path(parent)


def _log_head(mlflow: Any, training: "TopicTraining", head: str, quality: "HeadQuality", names: dict[str, str]) -> None:
    import pandas as pd

    from browse_assets.analysis import topic_training
    from browse_assets.analysis.topic_figures import coverage_precision_figure, topic_confusion_figure

    fitted = getattr(training.model, head)
    mlflow.log_params(
        {
            "examples": training.examples[head],
            "classes": len(fitted.classes),
            "shrinkage": topic_training.SHRINKAGE[head],
            "temperature": round(training.temperature[head], 4),
            "threshold": fitted.threshold,
            "sparse_weight": topic_training.SPARSE_WEIGHT[head],
        }
    )
    mlflow.log_metrics({name: v for name, v in quality.overall.items() if v == v})
    table = quality.per_class.assign(topic=quality.per_class["topic_id"].map(names).fillna("(nothing)"))
    numbers = ("precision", "recall", "f1", "support")
    values = {f"{name}_{_slug(row['topic'])}": float(row[name]) for row in table.to_dict("records") for name in numbers}
    mlflow.log_metrics({name: value for name, value in values.items() if value == value})
    mlflow.log_table(table.astype(object).where(table.notna(), None), "per_class.json")
    mlflow.log_figure(coverage_precision_figure(quality.curve, fitted.threshold), "figures/coverage_precision.png")
    mlflow.log_figure(
        topic_confusion_figure(quality.truth, quality.predicted, names | {"": "(nothing)"}), "figures/confusion.png"
    )
    from browse_assets.analysis.figures import calibration_figure

    mlflow.log_figure(
        calibration_figure(quality.truth == quality.predicted, {head: quality.probability}), "figures/calibration.png"
    )
    held_out = pd.DataFrame({"truth": quality.truth.astype(str), "predicted": quality.predicted.astype(str)})
    mlflow.log_input(mlflow.data.from_pandas(held_out, name=f"{head}_held_out"), context="held out")
    if head == "page":
        _log_model(mlflow, fitted)


def _slug(topic: str) -> str:
    """A topic's name in letters that MLflow allows in the name of a metric."""
    return re.sub(r"[^a-z0-9]+", "_", topic.lower()).strip("_")


def _log_model(mlflow: Any, head: Any) -> None:
    """The head of texts over their features, as scikit-learn's own linear classifier with the same weights."""
    import numpy as np
    from scipy.sparse import csr_matrix, hstack
    from sklearn.linear_model import LogisticRegression

    from browse_assets.analysis.topics import page_features

    model = LogisticRegression()
    model.classes_ = np.array(head.classes, dtype=str)
    model.coef_ = np.vstack([head.weights, head.sparse_weights]).T.astype(np.float32)
    model.intercept_ = head.bias.copy()
    model.n_features_in_ = model.coef_.shape[1]
    dense, sparse = page_features(["easy chicken curry recipe", "used cars for sale"])
    example = csr_matrix(hstack([csr_matrix(dense), sparse]))
    mlflow.sklearn.log_model(
        model,
        name="model",
        pip_requirements=list(REQUIREMENTS),
        signature=mlflow.models.infer_signature(example, model.predict_proba(example)),
        input_example=example,
        pyfunc_predict_fn="predict_proba",
    )
