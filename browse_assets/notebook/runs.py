"""Runs of MLflow, read back for the notebook, and the one experiment that the notebook itself makes: churn's ablation.

What belongs here: finding the runs behind the tables, logging an ablation beside the training that it is of. What does
not: how the ablation is computed (`analysis/churn_ablation.py`), what is said of it (`accuracy.py`).

The ablation is no asset: no table and nobody's score depends on it, and `make run` need not take its seconds at each
training. It is made once for each training, where the notebook may write.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from browse_assets.notebook.installation import Installation, NotebookError, without_jupyter_warnings
from browse_assets.resources import ExperimentTracker

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn_ablation import Ablation

ABLATION_OF = "ablation_of"
_NAME = "tags.mlflow.runName"
_READ_ONLY = "It is logged by a notebook that runs the job itself; this installation is only read."


def store(installation: Installation) -> Any:
    """The mlflow module on the installation's store.

    Raises:
        NotebookError: there is no store: to open one would make it.
    """
    address = installation.settings.tracking_uri
    if address.startswith("sqlite:///") and not Path(address.removeprefix("sqlite:///")).exists():
        raise NotebookError("There are no MLflow runs here yet: run the job first.")
    with without_jupyter_warnings():
        return ExperimentTracker().client()


def training_of(installation: Installation, asset: str) -> tuple[str, str] | None:
    """Experiment and run of an asset's last training; None where there was none."""
    found = installation.query("SELECT mlflow_run FROM asset_state WHERE asset = $asset", {"asset": asset})
    if not len(found) or not isinstance(path := found["mlflow_run"].iloc[0], str):
        return None
    _, experiment, _, run = path.split("/")
    return experiment, run


def nested_runs(installation: Installation, experiment: str, run: str) -> "pd.DataFrame":
    """The runs nested in one, as `mlflow.search_runs` gives them, in the order they were made, with a column `name`."""
    found = store(installation).search_runs(
        [experiment],
        filter_string=f"tags.mlflow.parentRunId = '{run}' AND attributes.status = 'FINISHED'",
        order_by=["attributes.start_time ASC"],
    )
    return found.assign(name=found[_NAME]) if len(found) else found.assign(name=[])


def metrics(runs: "pd.DataFrame", *names: str) -> "pd.DataFrame":
    """Columns of the wanted metrics beside `name`; a metric that no run has is unknown in all."""
    columns = {name: f"metrics.{name}" for name in names}
    found = runs.reindex(columns=["name", *columns.values()])
    return found.rename(columns={column: name for name, column in columns.items()}).reset_index(drop=True)


def churn_ablation(installation: Installation) -> "tuple[pd.DataFrame, dict[str, str]]":
    """Runs of the ablation of churn's last training and its parameters; both empty where there is none.

    Made and logged first where it is missing and the installation is the notebook's own.
    """
    import pandas as pd

    training = training_of(installation, "churn_model")
    if training is None:
        return pd.DataFrame({"name": []}), {}
    experiment, run = training
    mlflow = store(installation)
    wanted = f"tags.{ABLATION_OF} = '{run}' AND attributes.status = 'FINISHED'"
    parents = mlflow.search_runs([experiment], filter_string=wanted, max_results=1)
    if not len(parents):
        found = _ablate(installation) if installation.is_own else None
        if found is None or found.reason:
            return pd.DataFrame({"name": []}), {"reason": found.reason if found else _READ_ONLY}
        _log(installation, found, run)
        parents = mlflow.search_runs([experiment], filter_string=wanted, max_results=1)
    parent = str(parents["run_id"].iloc[0])
    params = dict(mlflow.get_run(parent).data.params)
    return nested_runs(installation, experiment, parent), params


def _ablate(installation: Installation) -> "Ablation":
    import duckdb

    from browse_assets.analysis.churn_ablation import Ablation, ablate
    from browse_assets.analysis.churn_rows import training_rows
    from browse_assets.analysis.evaluation import OutcomeValues
    from browse_assets.assets.churn_snapshots import ChurnWindows, read_plan

    settings = installation.settings
    rows = installation.query("SELECT * FROM churn_snapshots ORDER BY user_key, snapshot_time")
    if not installation.value("SELECT count(*) FROM churn_model"):
        return Ablation(reason="Nothing was trained: there is too little history.")
    snapshots, features = training_rows(rows.assign(user_key=rows["user_key"].astype(str)))
    with duckdb.connect(str(settings.warehouse_path), read_only=True) as con:
        plan = read_plan(con, settings, ChurnWindows())
    values = None if settings.churn_values is None else OutcomeValues(*settings.churn_values)
    return ablate(snapshots, plan=plan, features=features, values=values)


def _log(installation: Installation, found: "Ablation", training: str) -> None:
    """Parent run `ablation` in the experiment churn, a nested run for each variant."""
    from browse_assets.analysis.churn_ablation import CANDIDATE, FULL

    mlflow = store(installation)
    note = (
        f"What leaving something out does to {CANDIDATE} without tuning, on the rows of training {training}. "
        f"Differences are to `{FULL}`, on the same people. Logged by the notebook."
    )
    tags = {ABLATION_OF: training, "mlflow.note.content": note}
    with ExperimentTracker().training_run("churn", "ablation", tags):
        mlflow.log_params({"candidate": CANDIDATE, "people": found.people, "left": found.left})
        for row in found.table.to_dict("records"):
            with mlflow.start_run(run_name=str(row["variant"]), nested=True):
                mlflow.log_params({"left_out": row["left_out"] or "nothing", "features": row["features"]})
                numbers = {name: value for name, value in row.items() if isinstance(value, float) and value == value}
                mlflow.log_metrics(numbers)
