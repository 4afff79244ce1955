"""Assets of churn that the champion makes: the scores of today, and whether its people have changed.

What belongs here: churn_scores, churn_drift. What does not: which version is champion (`churn_logging.py`), scoring
and drift (`analysis/churn_scores.py`, `analysis/drift.py`), who becomes champion (`churn.py`), answering requests
(`serve.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.churn import churn_model
from browse_assets.assets.churn_logging import DRIFT_REFERENCE, Champion, find_champion, load_champion
from browse_assets.assets.churn_snapshots import churn_snapshots
from browse_assets.assets.reporting import table_result
from browse_assets.assets.state import State, fingerprint, read_state, require_state, write_state
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    replace_table,
    transaction,
    withheld_values,
)
from browse_assets.tables import CHURN_DRIFT, CHURN_SCORES

if TYPE_CHECKING:
    import pandas as pd

# Everybody seen up to the newest snapshot who has not stopped already.
PEOPLE = """
    SELECT * FROM churn_snapshots
    WHERE snapshot_time = (SELECT max(snapshot_time) FROM churn_snapshots)
      AND reason IS DISTINCT FROM 'already_stopped'
    ORDER BY user_key
"""


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[churn_snapshots, churn_model])
def churn_scores(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per person who has not stopped already; empty without a champion.

    Scored with `models:/churn@champion`, whoever the registry says that is; reasons are the features that move
    the score most against a usual person. Who was silent for H days has no score, they have left by the
    definition; who was never seen has none either: both are counted. Caveat: reasons tell what the model
    looks at, not what would keep the person; the newest day, up to 24 h, is not seen.
    """
    with databases.open(warehouse="write") as con:
        champion = find_champion(tracker)
        target = _state_of(con, "churn_scores", champion)
        if read_state(con, "churn_scores") == target:
            context.log.info("Nothing new: the scores stand as they are.")
        else:
            select = "SELECT * FROM churn_scores WHERE FALSE"
            if champion is not None:
                with withheld_values("Scoring"):
                    scores = _score(con, load_champion(tracker)).assign(model_version=champion.version)
                con.register("scores", scores)
                select = "SELECT * REPLACE (user_key::UUID AS user_key) FROM scores ORDER BY user_key"
            with transaction(con):
                replace_table(con, CHURN_SCORES, select)
                write_state(con, "churn_scores", target)
        bands = con.execute("SELECT band, count(*) FROM churn_scores GROUP BY ALL ORDER BY ALL").fetchall()
        return table_result(
            con,
            CHURN_SCORES,
            preview_select="SELECT user_key, probability, band, reasons FROM churn_scores "
            "ORDER BY probability DESC, user_key LIMIT 5",
            extra={
                "champion": f"version {champion.version}" if champion else "none",
                **{f"people {band}": count for band, count in bands},
                **_not_scored(con),
            },
        )


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[churn_scores])
def churn_drift(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per feature of the champion, and one for its probability; empty without a champion.

    The people scored against those whom the champion was tested on, in about ten bins of each feature: the
    population stability index, with the bound that chance alone exceeds once in 100 comparisons of all features.
    Caveat: a large index says that people have changed, not that the model has become worse; and 1 comparison in 100
    finds a drift where there is none.
    """
    with databases.open(warehouse="write") as con:
        scored = require_state(con, "churn_scores")
        champion = find_champion(tracker)
        if scored != _state_of(con, "churn_scores", champion):
            raise dg.Failure(
                "churn_scores is of other snapshots or another champion: materialize it first.", allow_retries=False
            )
        target = _state_of(con, "churn_drift", champion)
        extra: dict[str, Any] = {}
        if read_state(con, "churn_drift") == target:
            context.log.info("Nothing new: the drift stands as it is.")
        else:
            from browse_assets.analysis.drift import measure_drift

            reference = _read_reference(tracker, champion)
            select = "SELECT * FROM churn_drift WHERE FALSE"
            if champion is not None and reference is not None:
                rows = _people(con, sorted(set(reference["feature"]) - {"probability"}))
                scores = con.execute("SELECT probability FROM churn_scores ORDER BY user_key").df()
                with withheld_values("Measuring drift"):
                    found = measure_drift(
                        reference,
                        rows.assign(probability=scores["probability"].to_numpy()),
                        min_group=databases.settings.min_group,
                    ).assign(model_version=champion.version)
                con.register("found", found)
                select = (
                    "SELECT *, (SELECT max(as_of) FROM churn_snapshots) AS as_of FROM found ORDER BY psi DESC, feature"
                )
            with transaction(con):
                replace_table(con, CHURN_DRIFT, select)
                write_state(con, "churn_drift", target)
            if champion is not None and reference is None:
                extra["warning"] = f"version {champion.version} was logged without {DRIFT_REFERENCE}"
                context.log.warning(extra["warning"])
        drifted = con.execute("SELECT feature FROM churn_drift WHERE has_drifted ORDER BY psi DESC, feature").fetchall()
        return table_result(
            con,
            CHURN_DRIFT,
            preview_select="SELECT feature, psi, bound, has_drifted FROM churn_drift ORDER BY psi DESC, feature",
            extra={"drifted": ", ".join(name for (name,) in drifted) or "none", **extra},
        )


def _state_of(con: duckdb.DuckDBPyConnection, asset: str, champion: Champion | None) -> State:
    """What a table by this champion, of these snapshots, is."""
    source = require_state(con, "churn_snapshots")
    return State(source.load_id, fingerprint(asset, source.fingerprint, champion and champion.version))


def _people(con: duckdb.DuckDBPyConnection, features: Sequence[str]) -> "pd.DataFrame":
    from browse_assets.analysis.churn_rows import training_rows

    people = con.execute(PEOPLE).df()
    people["user_key"] = people["user_key"].astype(str)
    return training_rows(people, expected=[str(name) for name in features])[0]


def _score(con: duckdb.DuckDBPyConnection, estimator: Any) -> "pd.DataFrame":
    from browse_assets.analysis.churn_scores import score_people

    people = _people(con, estimator.feature_names_in_)
    return score_people(estimator, people).assign(as_of=people["as_of"])


def _not_scored(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """People without a score, by why; together with the scored they are all people known."""
    row = con.execute(
        """
        SELECT count(*) FILTER (reason = 'already_stopped'),
            (SELECT count(*) FROM (SELECT user_key FROM user_days UNION SELECT user_key FROM customer_features))
                - count(*)
        FROM churn_snapshots WHERE snapshot_time = (SELECT max(snapshot_time) FROM churn_snapshots)
        """
    ).fetchone()
    assert row is not None
    return {"not scored, stopped already": int(row[0]), "not scored, no history": int(row[1])}


def _read_reference(tracker: ExperimentTracker, champion: Champion | None) -> "pd.DataFrame | None":
    """The champion's people in bins, as its training logged them; None where it logged none."""
    if champion is None:
        return None
    mlflow = tracker.client()
    if DRIFT_REFERENCE not in {file.path for file in mlflow.MlflowClient().list_artifacts(champion.run_id)}:
        return None
    import pandas as pd

    stored = mlflow.artifacts.load_dict(f"runs:/{champion.run_id}/{DRIFT_REFERENCE}")
    frame = pd.DataFrame(stored["data"], columns=stored["columns"])
    return frame.astype({"low": "float64", "high": "float64", "people": "float64"})
