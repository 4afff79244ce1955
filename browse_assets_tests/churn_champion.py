"""A champion of churn made in a second, for tests of what it is used for.

What belongs here: made-up people, a small candidate fitted on them, and its place in a registry. What does
not: training as the asset does it (`analysis/test_churn.py`).
"""

import uuid
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from browse_assets.analysis.churn_calibration import calibrate
from browse_assets.analysis.churn_candidates import FOREST, LIGHTGBM, LOGISTIC, SKOPS_TRUSTED_TYPES, new_pipeline
from browse_assets.analysis.drift import drift_reference
from browse_assets.assets.churn_logging import CHURN_MODEL_NAME, DRIFT_REFERENCE
from browse_assets.assets.state import State, write_state
from browse_assets.resources import ExperimentTracker
from browse_assets.tables import CHURN_FEATURES, CHURN_SNAPSHOTS

# The first are enough: of 150 made-up people, a model of all features would learn the noise.
NUMBERS = tuple(column.name for column in CHURN_FEATURES if column.type == "DOUBLE")[:20]
# As large as what tuning chooses on a thousand people.
PARAMS: dict[str, dict[str, Any]] = {
    LOGISTIC: {"C": 1.0, "knots": 4},
    FOREST: {"n_estimators": 100, "max_depth": 8, "min_samples_leaf": 5},
    LIGHTGBM: {"n_estimators": 100, "learning_rate": 0.05, "num_leaves": 8},
}
PLANS = ("basic", "plus", "premium")


def made_up_people(people: int, seed: int = 1) -> pd.DataFrame:
    """Features of people who leave the likelier, the longer they were away, and more so on the plan basic."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.exponential(3, (people, len(NUMBERS))), columns=list(NUMBERS))
    frame["gap_mean_days"] = frame["gap_mean_days"].where(rng.random(people) > 0.2)
    frame["customer_plan"] = pd.Series(rng.choice([*PLANS, None], people, p=[0.3, 0.2, 0.4, 0.1])).astype("str")
    odds = frame["days_since_last"] - 4 + 2 * (frame["customer_plan"] == "basic")
    return frame.assign(churned=(rng.random(people) < 1 / (1 + np.exp(-odds))).astype(float))


def fitted_candidate(people: pd.DataFrame, name: str = LOGISTIC, without: tuple[str, ...] = ()) -> Any:
    """A calibrated candidate that knows all columns but churned and those of `without`."""
    x, y = people.drop(columns=["churned", *without]), people["churned"].astype(int).to_numpy()
    half = len(x) // 2
    pipeline = new_pipeline(name, PARAMS.get(name, {}), seed=1, rule_feature="days_since_last").fit(x[:half], y[:half])
    return calibrate(pipeline, x[half:], y[half:])


def register_champion(estimator: Any, people: pd.DataFrame | None) -> str:
    """Log and register it in the installation's store, with these people as reference; its version."""
    mlflow = ExperimentTracker().client()
    with ExperimentTracker().training_run("churn", "churn", {}) as run:
        if people is not None:
            mlflow.log_table(drift_reference(people, min_group=11), DRIFT_REFERENCE)
        info = mlflow.sklearn.log_model(
            estimator,
            name="model",
            pip_requirements=["scikit-learn"],
            pyfunc_predict_fn="predict_proba",  # as churn_logging.py logs it
            skops_trusted_types=list(SKOPS_TRUSTED_TYPES),
        )
    client = mlflow.MlflowClient()
    if not client.search_registered_models(f"name = '{CHURN_MODEL_NAME}'"):
        client.create_registered_model(CHURN_MODEL_NAME)
    version = client.create_model_version(CHURN_MODEL_NAME, info.model_uri, run_id=run.info.run_id)
    client.set_registered_model_alias(CHURN_MODEL_NAME, "champion", version.version)
    return str(version.version)


def without_champion() -> None:
    """Nobody is champion in the installation's store any more."""
    client = ExperimentTracker().client().MlflowClient()
    if client.search_registered_models(f"name = '{CHURN_MODEL_NAME}'"):
        client.delete_registered_model_alias(CHURN_MODEL_NAME, "champion")


def fill_snapshots(con: duckdb.DuckDBPyConnection, people: pd.DataFrame, *, load_id: int = 1) -> pd.DataFrame:
    """Newest snapshots of these people, of whom the last has stopped; two more are known of."""
    rows = people.drop(columns="churned").assign(
        user_key=[str(uuid.UUID(int=i)) for i in range(len(people))],
        snapshot_time=pd.Timestamp("2026-05-01"),
        eligible=False,
        reason=["outcome_not_observed"] * (len(people) - 1) + ["already_stopped"],
        as_of=pd.Timestamp("2026-05-01 10:00"),
    )
    con.register("rows", rows[[name for name in CHURN_SNAPSHOTS.column_names if name in rows.columns]])
    con.execute("DELETE FROM churn_snapshots")
    con.execute("INSERT INTO churn_snapshots BY NAME SELECT * REPLACE (user_key::UUID AS user_key) FROM rows")
    write_state(con, "churn_snapshots", State(load_id, f"snapshots {load_id}"))
    con.execute("DELETE FROM user_days")
    con.execute("INSERT INTO user_days (user_key, day) SELECT user_key, DATE '2026-04-30' FROM rows")
    con.execute(
        "INSERT INTO customer_features (user_key) SELECT uuid() FROM range(2) WHERE $first", {"first": load_id == 1}
    )
    return rows
