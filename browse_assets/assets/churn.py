"""Asset churn_model: the models trained on snapshots of people, and their audit.

What belongs here: churn_model. What does not: the snapshots (`churn_snapshots.py`), training (`analysis/churn*.py`),
the audit's futures (`churn_audit.py`), the scores of today (`churn_scores.py`).
"""

import os
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.churn_audit import false_futures
from browse_assets.assets.churn_logging import is_known, log_churn, read_incumbent
from browse_assets.assets.churn_snapshots import (
    ChurnWindows,
    churn_snapshots,
    compute_snapshots,
    load_customer_rows,
    read_plan,
    read_windows,
    snapshots_as_of,
)
from browse_assets.assets.customers import customer_folder
from browse_assets.assets.reporting import plot, table_result
from browse_assets.assets.state import State, fingerprint, read_state, require_state, write_state
from browse_assets.assets.training import compare_link, run_link
from browse_assets.keys import load_keys
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    replace_table,
    transaction,
    withheld_values,
)
from browse_assets.settings import SAMPLE_DIR, Settings
from browse_assets.tables import CHURN_AUDIT, CHURN_MODEL, Table

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn_card import TrainingData
    from browse_assets.analysis.churn_windows import WindowPlan


# Each fit of a million snapshots takes up to 1 GB beside the rows that all share.
MOST_WORKERS = 4


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[churn_snapshots])
def churn_model(
    context: dg.AssetExecutionContext,
    config: ChurnWindows,
    databases: Databases,
    tracker: ExperimentTracker,
) -> dg.MaterializeResult:
    """One row per candidate model of the last training.

    Dummy, one rule (days since the last visit), logistic regression, trees and boosting, tuned on log
    loss, calibrated, then given a threshold, each on data that the step before did not see; measured on
    the last snapshot whose outcome is known, with 95 % intervals over people. The best model becomes
    champion only if it surely beats the dummy, the one rule at all and the champion so far surely, is
    calibrated and passes the audit; the decision and its reason are in each row. Caveat: the intervals
    speak of people like these, not of another season, and the sample's test has 221 people.
    """
    settings = databases.settings
    with databases.open(vault="read", warehouse="write") as con:
        source, stored = require_state(con, "churn_snapshots"), read_state(con, "churn_model")
        values = settings.churn_values
        target = State(source.load_id, fingerprint("churn_model", source.fingerprint, values))
        as_of = snapshots_as_of(con, settings)
        extra: dict[str, Any] = {}
        if as_of is None or (stored == target and is_known(tracker, stored.mlflow_run)):
            context.log.info("Nothing new to learn from: the models stand as they are.")
            extra |= run_link(stored.mlflow_run)
        else:
            import pandas as pd

            from browse_assets.analysis.churn import SEED, train_churn
            from browse_assets.analysis.churn_audit import audit_churn, audit_passed
            from browse_assets.analysis.churn_promotion import decide
            from browse_assets.analysis.churn_rows import training_rows
            from browse_assets.analysis.evaluation import OutcomeValues
            from browse_assets.analysis.figures import calibration_figure, lift_figure

            snapshots, features = training_rows(_read_snapshots(con))
            plan = read_plan(con, settings, config)
            training = train_churn(
                snapshots,
                plan=plan,
                features=features,
                # Of people who do not browse nothing says how long they have been away.
                rule_feature="days_since_last" if snapshots["days_since_last"].notna().any() else None,
                values=None if values is None else OutcomeValues(*values),
                workers=min(MOST_WORKERS, settings.threads or os.cpu_count() or 1),
            )
            futures = []
            if training.status == "trained":
                with withheld_values("Auditing the features"):
                    load_customer_rows(con, load_keys(settings), as_of, is_fixed=settings.as_of is not None)
                    futures = false_futures(con, read_windows(con, as_of, config), as_of, compute_snapshots)
            audit = audit_churn(training, snapshots, futures=futures)
            data = _training_data(con, settings, as_of, plan)
            incumbent = read_incumbent(tracker, training, snapshots, data)
            promotion = decide(training, seed=SEED, audit_passed=audit_passed(audit), incumbent=incumbent)
            logged = log_churn(
                context,
                tracker,
                training,
                promotion,
                data,
                audit=audit,
                min_group=settings.min_group,
                incumbent=incumbent,
            )
            table = training.table.assign(
                mlflow_run_id=training.table["model"].map(logged.candidate_runs),
                is_champion=training.table["model"] == promotion.promoted,
                champion_beats_dummy=pd.Series(promotion.beats_dummy, index=training.table.index, dtype="boolean"),
                decision=promotion.decision,
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
            extra |= run_link(logged.run) | {"decision": promotion.decision, "verdict": promotion.reason}
            if training.status == "trained":
                outcome, curves = training.predictions["churned"], training.predictions
                best = str(training.best)
                extra["reliability"] = plot(calibration_figure(outcome, {best: curves[best]}), "reliability")
                extra["lift"] = plot(lift_figure(outcome, {best: curves[best]}), "lift")
        runs = con.execute("SELECT mlflow_run_id FROM churn_model ORDER BY log_loss, model").fetchall()
        extra |= compare_link(read_state(con, "churn_model").mlflow_run, [run for (run,) in runs if run])
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


def _training_data(
    con: duckdb.DuckDBPyConnection, settings: Settings, as_of: datetime, plan: "WindowPlan | None"
) -> "TrainingData":
    from browse_assets.analysis.churn_card import TrainingData

    left_out = con.execute(
        "SELECT reason, count(*) FROM churn_snapshots WHERE NOT eligible AND reason IS NOT NULL GROUP BY ALL ORDER BY 1"
    ).fetchall()
    is_sample = customer_folder(con, settings) == SAMPLE_DIR / "customers"
    return TrainingData("sample" if is_sample else "own", as_of, plan, dict(left_out))


def _read_snapshots(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    frame = con.execute("SELECT * FROM churn_snapshots ORDER BY user_key, snapshot_time").df()
    frame["user_key"] = frame["user_key"].astype(str)
    return frame
