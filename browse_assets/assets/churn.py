"""Assets of churn: the models trained on snapshots of people, the scores of today.

What belongs here: churn_model, churn_scores. What does not: the snapshots (`churn_snapshots.py`), training and
scoring (`analysis/churn*.py`).
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.churn_logging import champion_version, load_champion, log_churn
from browse_assets.assets.churn_snapshots import ChurnWindows, churn_snapshots, read_plan, snapshots_as_of
from browse_assets.assets.reporting import plot, table_result
from browse_assets.assets.state import State, fingerprint, read_state, require_state, write_state
from browse_assets.assets.training import run_link
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    replace_table,
    transaction,
)
from browse_assets.tables import CHURN_MODEL, CHURN_SCORES

if TYPE_CHECKING:
    import pandas as pd


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[churn_snapshots])
def churn_model(
    context: dg.AssetExecutionContext,
    config: ChurnWindows,
    databases: Databases,
    tracker: ExperimentTracker,
) -> dg.MaterializeResult:
    """One row per candidate model of the last training.

    Dummy, one rule (days since the last visit), logistic regression, decision tree and random forest,
    tuned on log loss, calibrated, then given a threshold, each on data that the step before did not
    see; measured on the last snapshot whose outcome is known, with 95 % intervals over people. A model
    is promoted only if it beats the dummy for sure and the one rule at all; if none does, the reason
    says so. Caveat: the intervals speak of people like these, not of another season.
    """
    with databases.open(warehouse="write") as con:
        source, stored = require_state(con, "churn_snapshots"), read_state(con, "churn_model")
        target = State(source.load_id, fingerprint("churn_model", source.fingerprint))
        as_of = snapshots_as_of(con, databases.settings)
        extra: dict[str, Any] = {}
        if stored == target or as_of is None:
            context.log.info("Nothing new to learn from: the models stand as they are.")
            extra |= run_link(stored.mlflow_run)
        else:
            from browse_assets.analysis.churn import SEED, train_churn
            from browse_assets.analysis.churn_promotion import decide
            from browse_assets.analysis.churn_rows import training_rows
            from browse_assets.analysis.figures import calibration_figure, lift_figure

            snapshots, features = training_rows(_read_snapshots(con))
            training = train_churn(
                snapshots,
                plan=read_plan(con, databases.settings, config),
                features=features,
                # Of people who do not browse nothing says how long they have been away.
                rule_feature="days_since_last" if snapshots["days_since_last"].notna().any() else None,
            )
            promotion = decide(training, seed=SEED)
            logged = log_churn(context, tracker, training, promotion, as_of)
            table = training.table.assign(
                mlflow_run_id=training.table["model"].map(logged.candidate_runs),
                is_champion=training.table["model"] == promotion.promoted,
                reason=promotion.reason,
            )
            with transaction(con):
                con.register("candidates", table)
                replace_table(
                    con,
                    CHURN_MODEL,
                    "SELECT *, $as_of::TIMESTAMP AS as_of FROM candidates ORDER BY log_loss, model",
                    {"as_of": as_of},
                )
                write_state(con, "churn_model", replace(target, mlflow_run=logged.run))
            extra |= run_link(logged.run) | {"status": training.status, "verdict": promotion.reason}
            if training.status == "trained":
                outcome, curves = training.predictions["churned"], training.predictions
                best = str(training.best)
                extra["reliability"] = plot(calibration_figure(outcome, {best: curves[best]}), "reliability")
                extra["lift"] = plot(lift_figure(outcome, {best: curves[best]}), "lift")
        return table_result(
            con,
            CHURN_MODEL,
            preview_select="SELECT model, roc_auc, average_precision, log_loss, brier, is_champion "
            "FROM churn_model ORDER BY log_loss, model",
            extra=extra,
        )


def _read_snapshots(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    frame = con.execute("SELECT * FROM churn_snapshots ORDER BY user_key, snapshot_time").df()
    frame["user_key"] = frame["user_key"].astype(str)
    return frame


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[churn_model])
def churn_scores(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per person who has not stopped already; empty without a champion.

    Scored with `models:/churn@champion`; reasons are the features that move the score most against a
    usual person. Caveat: reasons tell what the model looks at, not what would keep the person.
    """
    with databases.open(warehouse="write") as con:
        model, stored = require_state(con, "churn_model"), read_state(con, "churn_scores")
        has_champion = con.execute("SELECT count(*) FROM churn_model WHERE is_champion").fetchone() != (0,)
        target = State(model.load_id, fingerprint("churn_scores", model.fingerprint, model.mlflow_run))
        if stored == target:
            context.log.info("Nothing new: the scores stand as they are.")
        else:
            from browse_assets.analysis.churn_rows import training_rows
            from browse_assets.analysis.churn_scores import score_people

            select = "SELECT * FROM churn_scores WHERE FALSE"
            if has_champion:
                people = con.execute(
                    "SELECT * FROM churn_snapshots "
                    "WHERE snapshot_time = (SELECT max(snapshot_time) FROM churn_snapshots) "
                    "AND reason IS DISTINCT FROM 'already_stopped' ORDER BY user_key"
                ).df()
                people["user_key"] = people["user_key"].astype(str)
                champion = load_champion(tracker)
                people, _ = training_rows(people, expected=champion.feature_names_in_)
                scores = score_people(champion, people)
                scores["as_of"] = people["as_of"]
                scores["model_version"] = champion_version(tracker)
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
            extra={f"people {band}": count for band, count in bands},
        )
