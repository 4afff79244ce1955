"""The report of churn as files: a page and slides, made of the tables and of the training's run.

What belongs here: the asset churn_report, reading its facts, writing its two files. What does not: what the report says
and how it looks (`analysis/churn_report*.py`).
"""

import os
import re
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.churn import churn_model
from browse_assets.assets.churn_scores import churn_scores
from browse_assets.assets.churn_snapshots import ChurnWindows, read_windows
from browse_assets.assets.reporting import preview
from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.assets.training import run_link
from browse_assets.resources import WRITER_POOL, Databases, ExperimentTracker, transaction
from browse_assets.settings import NEVER_MODELLED, Settings
from browse_assets.sql import read_sql
from browse_assets.tables import CHURN_FEATURES

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn_report import ReportFacts, TrainingRecord

FILES = ("churn_report.html", "churn_report.pptx")
FIGURES = ("roc", "precision_recall", "calibration", "lift", "gain", "importance", "shap")
ROWS = "rows_"


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[churn_model, churn_scores])
def churn_report(
    context: dg.AssetExecutionContext,
    config: ChurnWindows,
    databases: Databases,
    tracker: ExperimentTracker,
) -> dg.MaterializeResult:
    """One report of ten sections, as `reports/churn_report.html` and as slides, `churn_report.pptx`.

    Every number and picture comes from the tables and from the training's run in MLflow; sentences are
    chosen by the results. Made anew when the training or the scores changed, or a file is missing.
    Caveat: only groups of at least k people (BROWSE_MIN_GROUP, 11 or more) are told, so small groups appear merged.
    """
    settings = databases.settings
    with databases.open(warehouse="write") as con:
        scores, model = require_state(con, "churn_scores"), read_state(con, "churn_model")
        windows = (config.window_days, config.gap_days, config.outcome_days)
        target = State(
            scores.load_id,
            fingerprint("churn_report", scores.fingerprint, model.mlflow_run, settings.min_group, windows),
        )
        paths = [settings.reports / name for name in FILES]
        if read_state(con, "churn_report") == target and all(path.exists() for path in paths):
            context.log.info("Nothing new to tell: the report stands as it is.")
        else:
            from browse_assets.analysis.churn_report_html import render_html
            from browse_assets.analysis.churn_report_pptx import render_pptx
            from browse_assets.analysis.churn_report_story import build_report

            report = build_report(read_facts(con, settings, tracker, config, model.mlflow_run))
            settings.reports.mkdir(parents=True, exist_ok=True)
            for path, content in zip(paths, (render_html(report).encode(), render_pptx(report)), strict=True):
                _replace(path, content)
            with transaction(con):
                write_state(con, "churn_report", target)
        return dg.MaterializeResult(
            metadata={
                "files": ", ".join(f"reports/{path.name}" for path in paths),
                "size_kb": round(sum(path.stat().st_size for path in paths) / 1024),
                "preview": preview(
                    con,
                    "SELECT model, accuracy, precision, recall, f1, roc_auc, log_loss, is_champion FROM churn_model "
                    "ORDER BY log_loss, model",
                    10,
                ),
                **run_link(model.mlflow_run),
            }
        )


def _replace(path: Path, content: bytes) -> None:
    """Whole or not at all, whenever the process is killed."""
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)


def read_facts(
    con: duckdb.DuckDBPyConnection,
    settings: Settings,
    tracker: ExperimentTracker,
    config: ChurnWindows,
    mlflow_run: str | None,
) -> "ReportFacts":
    """What the report is made of; people are numbered, their keys stay in the tables."""
    from browse_assets.analysis.churn_report import ReportFacts

    model = con.execute("SELECT * FROM churn_model ORDER BY log_loss, model").df()
    as_of = _read_as_of(con, settings)
    return ReportFacts(
        as_of=as_of,
        min_group=settings.min_group,
        is_sample=con.execute("SELECT bool_or(origin = 'sample') FROM input_files").fetchone() == (True,),
        files=con.execute(
            "SELECT format, count(*) AS files, sum(rows_read)::BIGINT AS rows_read, sum(accepted)::BIGINT AS accepted, "
            "sum(folded)::BIGINT AS folded, sum(duplicates)::BIGINT AS duplicates, sum(rejected)::BIGINT AS rejected "
            "FROM input_files WHERE status = 'read' GROUP BY format ORDER BY format"
        ).df(),
        failed_files=_count(con, "SELECT count(*) FROM input_files WHERE status = 'failed'"),
        removed=con.execute(
            "SELECT kind, sum(values_removed)::BIGINT AS values_removed FROM pii_removed "
            "WHERE kind <> 'pseudonymised' GROUP BY kind ORDER BY kind"
        ).df(),
        browsing=_read_browsing(con),
        weeks=con.execute(read_sql("active_weeks")).df(),
        retention=con.execute(read_sql("retention_weeks")).df(),
        **_read_people(con),
        model=model,
        audit=_read_audit(con),
        scores=con.execute("SELECT probability, band FROM churn_scores ORDER BY user_key").df(),
        features=tuple((column.name, column.description) for column in CHURN_FEATURES),
        windows=_read_windows(con, as_of, config),
        training=read_training(tracker, settings, mlflow_run, model),
    )


def _read_as_of(con: duckdb.DuckDBPyConnection, settings: Settings) -> datetime | None:
    """As of when the report tells: the training's time, else the snapshots', else that of the data."""
    for table in ("churn_model", "churn_snapshots"):
        row = con.execute(f"SELECT max(as_of) FROM {table}").fetchone()
        if row is not None and row[0] is not None:
            as_of: datetime = row[0]
            return as_of
    return read_as_of(con, settings)


def _read_browsing(con: duckdb.DuckDBPyConnection) -> dict[str, Any]:
    found = con.execute(
        "SELECT count(DISTINCT user_key) AS people, count(*) AS person_days, min(day) AS first_day, "
        "max(day) AS last_day FROM user_days"
    )
    row = found.fetchone()
    assert row is not None
    return dict(zip(("people", "person_days", "first_day", "last_day"), row, strict=True))


def _count(con: duckdb.DuckDBPyConnection, select: str) -> int:
    row = con.execute(select).fetchone()
    assert row is not None
    return int(row[0])


def _read_people(con: duckdb.DuckDBPyConnection) -> "dict[str, pd.DataFrame]":
    """Snapshots and customers, each person as a number that is the same in both; sensitive attributes stay away."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE numbered AS SELECT user_key, row_number() OVER (ORDER BY user_key) AS person "
        "FROM (SELECT user_key FROM churn_snapshots UNION SELECT user_key FROM customer_features)"
    )
    found = {
        "snapshots": con.execute(
            "SELECT person, churn_snapshots.* EXCLUDE (user_key, as_of) "
            "FROM churn_snapshots JOIN numbered USING (user_key) ORDER BY person, snapshot_time"
        ).df(),
        "customers": con.execute(
            "SELECT person, attributes, transactions, transaction_amount, service_interactions "
            "FROM customer_features JOIN numbered USING (user_key) ORDER BY person"
        ).df(),
    }
    for frame in found.values():
        if "attributes" in frame:
            frame["attributes"] = frame["attributes"].map(_told_attributes)
    return found


def _told_attributes(attributes: Any) -> dict[str, str] | None:
    """Without what is never modelled; None for nobody's."""
    if not isinstance(attributes, dict):
        return None
    return {name: value for name, value in attributes.items() if not re.search(NEVER_MODELLED, name.lower())}


def _read_audit(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    """The leakage audit of the training."""
    return con.execute("SELECT test, subject, value, low, high, passed, detail FROM churn_audit ORDER BY position").df()


def _read_windows(
    con: duckdb.DuckDBPyConnection, as_of: datetime | None, config: ChurnWindows
) -> tuple[int, int, int] | None:
    """W, g and H of the snapshots; None where the snapshots were not made by this plan."""
    if as_of is None:
        return None
    plan = read_windows(con, as_of, config)
    times = {time for (time,) in con.execute("SELECT DISTINCT snapshot_time FROM churn_snapshots").fetchall()}
    is_made_by_it = not plan.too_short and {time.to_pydatetime() for time in plan.snapshot_times} <= times
    return (plan.window_days, plan.gap_days, plan.outcome_days) if is_made_by_it else None


def read_training(
    tracker: ExperimentTracker, settings: Settings, mlflow_run: str | None, model: "pd.DataFrame"
) -> "TrainingRecord":
    """What the training's run logged: parameters, figures of the best model, and those of all candidates."""
    from browse_assets.analysis.churn_report import TrainingRecord

    if mlflow_run is None:
        return TrainingRecord("not_enough_history", "there is nothing to learn from")
    client = tracker.client().MlflowClient()
    parent = client.get_run(mlflow_run.rsplit("/", 1)[-1])
    params = parent.data.params
    runs = {name: client.get_run(run) for name, run in zip(model["model"], model["mlflow_run_id"], strict=True)}
    metric = "random_split_roc_auc"
    figures = _logged_figures(client, settings, parent.info.run_id)
    for name in model.loc[model["is_challenger"].fillna(False).astype(bool), "model"]:
        figures = _logged_figures(client, settings, runs[name].info.run_id, ("importance", "shap")) | figures
    return TrainingRecord(
        status=params["status"],
        reason=parent.data.tags.get("reason", ""),
        split="people" if params.get("split") == "people" else "time",
        folds=params.get("folds", ""),
        threshold_by=params.get("threshold_by", "f1"),
        rows={name.removeprefix(ROWS): int(value) for name, value in params.items() if name.startswith(ROWS)},
        params={
            name: {key: value for key, value in run.data.params.items() if key != "threshold"}
            for name, run in runs.items()
        },
        random_split_auc={name: run.data.metrics[metric] for name, run in runs.items() if metric in run.data.metrics},
        figures=figures,
    )


def _logged_figures(
    client: Any, settings: Settings, run_id: str, wanted: tuple[str, ...] = FIGURES
) -> dict[str, bytes]:
    """Pictures of a run by name, those that it has; one that is listed but cannot be read is an error."""
    there = {artifact.path for artifact in client.list_artifacts(run_id, "figures")}
    with TemporaryDirectory(dir=settings.scratch) as folder:
        return {
            name: Path(client.download_artifacts(run_id, f"figures/{name}.png", folder)).read_bytes()
            for name in wanted
            if f"figures/{name}.png" in there
        }
