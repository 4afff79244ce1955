"""Assets of churn: snapshots of people, the models trained on them, the scores of today.

What belongs here: churn_snapshots, churn_model, churn_scores. What does not: windows, training and
scoring (`analysis/churn*.py`), features (`sql/churn_snapshots.sql`).
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.churn_logging import champion, load_champion, log_churn, read_incumbent
from browse_assets.assets.customers import customer_folder
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
from browse_assets.settings import SAMPLE_DIR, Settings
from browse_assets.sql import read_sql
from browse_assets.tables import CHURN_FEATURES, CHURN_MODEL, CHURN_SCORES, CHURN_SNAPSHOTS

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn_card import TrainingData
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
            import pandas as pd

            load_reference(con, ["finance_domains"])
            plan = _plan(con, as_of, config)
            if plan.warning:
                context.log.warning(plan.warning)
            times = pd.DataFrame({"snapshot_time": [*plan.snapshot_times, plan.as_of]})
            con.register("snapshot_times", times)
            con.execute(
                "CREATE TEMP TABLE snapshots AS " + read_sql("churn_snapshots"),
                {
                    "as_of": as_of,
                    "observed_until": plan.as_of.to_pydatetime(),
                    "window_days": plan.window_days,
                    "gap_days": plan.gap_days,
                    "outcome_days": plan.outcome_days,
                },
            )
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
    speak of people like these, not of another season.
    """
    with databases.open(vault="read", warehouse="write") as con:
        source, stored = require_state(con, "churn_snapshots"), read_state(con, "churn_model")
        values = databases.settings.churn_values
        target = State(source.load_id, fingerprint("churn_model", source.fingerprint, values))
        as_of = read_as_of(con, databases.settings)
        extra: dict[str, Any] = {}
        if stored == target or as_of is None:
            context.log.info("Nothing new to learn from: the models stand as they are.")
            extra |= run_link(stored.mlflow_run)
        else:
            import pandas as pd

            from browse_assets.analysis.churn import SEED, train_churn
            from browse_assets.analysis.churn_promotion import decide
            from browse_assets.analysis.evaluation import OutcomeValues
            from browse_assets.analysis.figures import calibration_figure, lift_figure

            snapshots, plan = _read_snapshots(con), _plan(con, as_of, config)
            training = train_churn(
                snapshots,
                plan=plan,
                features=FEATURES,
                rule_feature="days_since_last",
                values=None if values is None else OutcomeValues(*values),
            )
            data = _training_data(con, databases.settings, as_of, plan)
            incumbent = read_incumbent(tracker, training, snapshots, data)
            audit = pd.DataFrame(columns=["test", "subject", "passed", "detail"])
            promotion = decide(training, seed=SEED, audit_passed=True, incumbent=incumbent)
            logged = log_churn(
                context,
                tracker,
                training,
                promotion,
                data,
                audit=audit,
                min_group=databases.settings.min_group,
                incumbent=incumbent,
            )
            table = training.table.assign(
                mlflow_run_id=training.table["model"].map(logged.candidate_runs),
                is_champion=training.table["model"] == promotion.promoted,
                champion_beats_dummy=pd.Series(promotion.beats_dummy, index=training.table.index, dtype="boolean"),
                decision=promotion.decision,
                reason=promotion.reason,
            )
            # NaN is how pandas says unknown.
            numbers = ", ".join(
                f"CASE WHEN NOT isnan({column.name}) THEN {column.name} END AS {column.name}"
                for column in CHURN_MODEL.columns
                if column.type == "DOUBLE"
            )
            with transaction(con):
                con.register("candidates", table)
                replace_table(
                    con,
                    CHURN_MODEL,
                    f"SELECT * REPLACE ({numbers}), $as_of::TIMESTAMP AS as_of FROM candidates "
                    "ORDER BY log_loss, model",
                    {"as_of": as_of},
                )
                write_state(con, "churn_model", replace(target, mlflow_run=logged.run))
            extra |= run_link(logged.run) | {"decision": promotion.decision, "verdict": promotion.reason}
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


def _training_data(
    con: duckdb.DuckDBPyConnection, settings: Settings, as_of: datetime, plan: "WindowPlan"
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
        found = champion(tracker)
        target = State(model.load_id, fingerprint("churn_scores", model.fingerprint, found and found.version))
        if stored == target:
            context.log.info("Nothing new: the scores stand as they are.")
        else:
            from browse_assets.analysis.churn_scores import score_people

            select = "SELECT * FROM churn_scores WHERE FALSE"
            if found is not None:
                people = con.execute(
                    "SELECT * FROM churn_snapshots "
                    "WHERE snapshot_time = (SELECT max(snapshot_time) FROM churn_snapshots) "
                    "AND reason IS DISTINCT FROM 'already_stopped' ORDER BY user_key"
                ).df()
                people["user_key"] = people["user_key"].astype(str)
                scores = score_people(load_champion(tracker), people)
                scores["as_of"] = people["as_of"]
                scores["model_version"] = str(found.version)
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
