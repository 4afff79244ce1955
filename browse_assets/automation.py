"""Jobs and sensors: what runs together, and when.

What belongs here: jobs, schedules, sensors. What does not: what an asset does (`assets/`), removing data
(`removal.py`).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import dagster as dg
import duckdb

from browse_assets.settings import load_settings

DRIFT_TAG = "churn_drift"

ml_analysis_pipeline = dg.define_asset_job(
    "ml_analysis_pipeline",
    selection=dg.AssetSelection.all(),
    description="Everything, from new files in the inbox to profiles, flags, models and scores.",
    executor_def=dg.in_process_executor,
)

churn_scoring = dg.define_asset_job(
    "churn_scoring",
    selection=dg.AssetSelection.assets("churn_drift").upstream() - dg.AssetSelection.assets("churn_model"),
    description="From new files in the inbox to churn_scores and churn_drift by the champion as it stands, without "
    "a training: what may run as often as files come in. When its people have drifted, churn_drift_sensor asks for "
    "the training.",
    executor_def=dg.in_process_executor,
)

churn_retraining = dg.define_asset_job(
    "churn_retraining",
    selection=dg.AssetSelection.groups("churn"),
    description="Trains churn anew on the people of today, decides who is champion, and scores by it.",
    executor_def=dg.in_process_executor,
)


class UnreadableWarehouseError(Exception):
    """The warehouse could not be read just now, which says nothing about drift; the message says why."""


@dataclass(frozen=True)
class Drift:
    """What churn_drift says, and whether the models know these people already.

    Attributes:
        features: those that have drifted, the farthest first; `probability` may be one.
        model_version: the champion that was compared.
        as_of: end of the data that was compared.
        state: hash of the data and the champion that churn_drift was made from.
        is_trained_on: whether the last training saw these data or later ones.
    """

    features: tuple[str, ...]
    model_version: str
    as_of: datetime
    state: str
    is_trained_on: bool

    @property
    def run_key(self) -> str:
        """The same for the same drift."""
        parts = (self.as_of, self.model_version, self.state)
        return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def read_drift(warehouse: Path) -> Drift | None:
    """The newest drift, read without waiting; None when churn_drift says that there is none.

    Raises:
        UnreadableWarehouseError: it is not there, being written, or has no churn_drift yet.
    """
    if not warehouse.exists():
        raise UnreadableWarehouseError("there is no warehouse yet")
    try:
        with duckdb.connect(str(warehouse), read_only=True) as con:
            drifted = con.execute(
                "SELECT feature, model_version, as_of FROM churn_drift WHERE has_drifted ORDER BY psi DESC, feature"
            ).fetchall()
            states = dict(
                con.execute(
                    "SELECT asset, (load_id, fingerprint) FROM asset_state "
                    "WHERE asset IN ('churn_drift', 'churn_model')"
                ).fetchall()
            )
            (trained_until,) = con.execute("SELECT max(as_of) FROM churn_model").fetchone() or (None,)
    except duckdb.CatalogException:
        raise UnreadableWarehouseError("churn_drift was never made") from None
    except duckdb.Error as error:
        raise UnreadableWarehouseError(f"the warehouse is in use ({type(error).__name__})") from None
    if not drifted:
        return None
    _, model_version, as_of = drifted[0]
    measured, trained = states["churn_drift"], states.get("churn_model", (0, ""))
    return Drift(
        features=tuple(name for name, _, _ in drifted),
        model_version=model_version,
        as_of=as_of,
        state=measured[1],
        # A training without candidates (too little history) has no as_of, but saw the files all the same.
        is_trained_on=trained[0] >= measured[0] and (trained_until is None or trained_until >= as_of),
    )


@dg.sensor(job=churn_retraining, minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
def churn_drift_sensor() -> dg.RunRequest | dg.SkipReason:
    """Asks for the job churn_retraining when churn_drift shows drift on data that no training has seen.

    Such data come from the job churn_scoring; after ml_analysis_pipeline, whose own training saw them, nothing is
    asked: the same data would train the same models. The same drift asks once. On from the start: it only
    reads, and a training changes the champion only by the rule of every training.
    """
    try:
        drift = read_drift(load_settings().warehouse_path)
    except UnreadableWarehouseError as error:
        return dg.SkipReason(f"Whether people have drifted is not known: {error}. Looked at again in a minute.")
    if drift is None:
        return dg.SkipReason("No feature has drifted.")
    found = f"{len(drift.features)} drifted ({', '.join(drift.features[:3])}) from version {drift.model_version}"
    if drift.is_trained_on:
        return dg.SkipReason(f"{found}, but the last training saw these data: the next asks for newer ones.")
    return dg.RunRequest(run_key=drift.run_key, tags={DRIFT_TAG: found})
