"""Assets of churn: snapshots of people, and the models trained on them.

What belongs here: churn_snapshots, churn_model. What does not: windows and training (`analysis/churn*.py`),
features (`sql/churn_snapshots.sql`), the scores of today (`churn_scores.py`).
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.churn_audit import false_futures
from browse_assets.assets.churn_logging import log_churn
from browse_assets.assets.events import domain_features, user_days
from browse_assets.assets.evidence import refresh_as_of
from browse_assets.assets.reporting import plot, table_result
from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.assets.training import run_link
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    load_reference,
    replace_table,
    transaction,
)
from browse_assets.sql import read_sql
from browse_assets.tables import CHURN_AUDIT, CHURN_FEATURES, CHURN_MODEL, CHURN_SNAPSHOTS, Table

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn_windows import WindowPlan

FEATURES = tuple(column.name for column in CHURN_FEATURES)


class ChurnWindows(dg.Config):
    """W, g and H of the definition of churn, in days."""

    window_days: int = 90
    gap_days: int = 7
    outcome_days: int = 30


def _plan(con: duckdb.DuckDBPyConnection, as_of: datetime, config: ChurnWindows) -> "WindowPlan":
    import pandas as pd

    from browse_assets.analysis.churn_windows import plan_windows

    first = con.execute("SELECT min(day) FROM user_days").fetchone()
    # Whole days: the day that as_of cuts in two is left out, for features and outcome alike.
    midnight = pd.Timestamp(as_of).floor("D")
    first_day = min(pd.Timestamp(first[0]) if first and first[0] else midnight, midnight)
    return plan_windows(
        first_day,
        midnight,
        window_days=config.window_days,
        gap_days=config.gap_days,
        outcome_days=config.outcome_days,
    )


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[user_days, domain_features])
def churn_snapshots(
    context: dg.AssetExecutionContext, config: ChurnWindows, databases: Databases
) -> dg.MaterializeResult:
    """One row per person and snapshot time.

    Features see (t0 - W, t0], churn is no activity in (t0 + g, t0 + g + H]; W = 90, g = 7, H = 30 days,
    shrunk together with a warning when the data are too short. The last snapshot time is the newest
    midnight: its outcome is not known, its rows are what churn_scores scores.
    """
    notes: dict[str, Any] = {}
    with databases.open(warehouse="write") as con:

        def compute(as_of: datetime) -> dict[str, str]:
            plan = _plan(con, as_of, config)
            if plan.warning:
                context.log.warning(plan.warning)
            compute_snapshots(con, plan, as_of)
            return {"churn_snapshots": "SELECT * FROM snapshots ORDER BY user_key, snapshot_time"}

        refresh_as_of(
            con,
            databases.settings,
            (CHURN_SNAPSHOTS,),
            compute,
            upstream="user_days",
            depends_on=(config.window_days, config.gap_days, config.outcome_days),
        )
        as_of = read_as_of(con, databases.settings)
        if as_of is not None:
            plan = _plan(con, as_of, config)
            notes = {
                "windows": f"W = {plan.window_days}, g = {plan.gap_days}, H = {plan.outcome_days} days",
                "warning": plan.warning or "none",
            }
        return table_result(
            con,
            CHURN_SNAPSHOTS,
            preview_select="SELECT snapshot_time, count(*) AS people, count_if(eligible) AS eligible, "
            "count_if(churned AND eligible) AS churned FROM churn_snapshots GROUP BY ALL ORDER BY 1 DESC LIMIT 5",
            extra=notes,
        )


def compute_snapshots(
    con: duckdb.DuckDBPyConnection, plan: "WindowPlan", as_of: datetime, *, into: str = "snapshots"
) -> None:
    """Make the temporary table `into` with the columns of churn_snapshots."""
    import pandas as pd

    load_reference(con, ["finance_domains"])
    times = pd.DataFrame({"snapshot_time": [*plan.snapshot_times, plan.as_of]})
    con.register("snapshot_times", times)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {into} AS " + read_sql("churn_snapshots"),
        {
            "as_of": as_of,
            "observed_until": plan.as_of.to_pydatetime(),
            "window_days": plan.window_days,
            "gap_days": plan.gap_days,
            "outcome_days": plan.outcome_days,
        },
    )


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
        values = databases.settings.churn_values
        target = State(source.load_id, fingerprint("churn_model", source.fingerprint, values))
        as_of = read_as_of(con, databases.settings)
        extra: dict[str, Any] = {}
        if stored == target or as_of is None:
            context.log.info("Nothing new to learn from: the models stand as they are.")
            extra |= run_link(stored.mlflow_run)
        else:
            from browse_assets.analysis.churn import SEED, train_churn
            from browse_assets.analysis.churn_audit import audit_churn
            from browse_assets.analysis.churn_promotion import decide
            from browse_assets.analysis.evaluation import OutcomeValues
            from browse_assets.analysis.figures import calibration_figure, lift_figure

            snapshots = _read_snapshots(con)
            plan = _plan(con, as_of, config)
            training = train_churn(
                snapshots,
                plan=plan,
                features=FEATURES,
                rule_feature="days_since_last",
                values=None if values is None else OutcomeValues(*values),
            )
            futures = false_futures(con, plan, as_of, compute_snapshots) if training.status == "trained" else []
            audit = audit_churn(training, snapshots, futures=futures)
            promotion = decide(training, seed=SEED)
            logged = log_churn(context, tracker, training, promotion, as_of, audit)
            table = training.table.assign(
                mlflow_run_id=training.table["model"].map(logged.candidate_runs),
                is_champion=training.table["model"] == promotion.promoted,
                reason=promotion.reason,
            )
            tests = audit.assign(position=range(len(audit)), mlflow_run_id=logged.run.rpartition("/")[2])
            with transaction(con):
                con.register("candidates", table)
                con.register("tests", tests)
                replace_table(
                    con,
                    CHURN_MODEL,
                    f"SELECT * REPLACE ({_known(CHURN_MODEL)}), $as_of::TIMESTAMP AS as_of FROM candidates "
                    "ORDER BY log_loss, model",
                    {"as_of": as_of},
                )
                replace_table(
                    con,
                    CHURN_AUDIT,
                    f"SELECT * REPLACE ({_known(CHURN_AUDIT)}), $as_of::TIMESTAMP AS as_of FROM tests "
                    "ORDER BY position",
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


def _known(table: Table) -> str:
    """For `SELECT * REPLACE`: NaN, which is how pandas says unknown, is NULL."""
    return ", ".join(
        f"CASE WHEN NOT isnan({column.name}) THEN {column.name} END AS {column.name}"
        for column in table.columns
        if column.type == "DOUBLE"
    )


def _read_snapshots(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    frame = con.execute("SELECT * FROM churn_snapshots ORDER BY user_key, snapshot_time").df()
    frame["user_key"] = frame["user_key"].astype(str)
    return frame
