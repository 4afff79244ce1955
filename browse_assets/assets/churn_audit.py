"""Asset churn_audit, and what the audit needs of the database: the same people's features under another future.

What belongs here: false futures of the inputs, and showing the table. What does not: the tests themselves
(`analysis/churn_audit.py`), the features (`sql/churn_snapshots.sql`), writing the table (churn_model, with its own).
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import dagster as dg
import duckdb

from browse_assets.assets.reporting import table_result
from browse_assets.resources import WRITER_POOL, Databases
from browse_assets.tables import CHURN_AUDIT, CHURN_SNAPSHOTS

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.churn_windows import WindowPlan

# What the SQL of the snapshots reads, with its own times; those that are there.
INPUTS = ("user_days", "domain_features", "transactions", "service_interactions", "customer_declarations")
# What it reads of whom to look at; the same in every future.
PEOPLE_INPUTS = ("given_labels", "customer_people")
# Of a snapshot's columns, those that may know what came after it; the others are features, or what they are made of.
OUTCOME = {"eligible", "reason", "churned", "label_source", "hole_days", "as_of"}
# A feature that sees the future sees it for everybody: 200 people take 0.1 s a time, whatever the panel.
PEOPLE = 200


class ComputeSnapshots(Protocol):
    """How the features are computed: into a temporary table, from the inputs under their own names."""

    def __call__(self, con: duckdb.DuckDBPyConnection, plan: "WindowPlan", as_of: datetime, *, into: str) -> None:
        """Make the table `into` with the columns of churn_snapshots."""


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=["churn_model"])
def churn_audit(databases: Databases) -> dg.MaterializeResult:
    """One row per test of the last training for leakage.

    Written by churn_model together with the models, so that neither is ever there without the other; shown here. A
    test that fails is an error, and its model is not promoted; a single feature that tells nearly all, and coverage
    that tells much, are warnings. Caveat: it finds the leaks that it looks for; a
    single feature is told of above a ROC AUC of 0.95.
    """
    with databases.open(warehouse="read") as con:
        return table_result(
            con,
            CHURN_AUDIT,
            preview_select="SELECT test, subject, value, low, high, passed, detail FROM churn_audit ORDER BY position",
            preview_rows=40,
        )


def false_futures(
    con: duckdb.DuckDBPyConnection, plan: "WindowPlan", as_of: datetime, compute: ComputeSnapshots
) -> "list[tuple[pd.DataFrame, pd.DataFrame]]":
    """Features of the same people as they are and under another future, at the first and the last time with outcomes.

    In the false future, all that comes after the snapshot, and what the snapshot cuts in two, is gone; in its place
    comes each person's past, backwards and with other values, from a microsecond after the snapshot on. Inputs are
    changed in temporary tables of the same names, which the SQL finds first.

    Args:
        con: the warehouse, with the temporary inputs of customers where there are any. These are gone afterwards.
        plan: the windows; its times are set to one of churn_snapshots at a time.
        as_of: end of every window.
        compute: runs the SQL of the snapshots.

    Returns:
        For each time the two frames: user_key, snapshot_time, features.
    """
    import pandas as pd

    inputs = [name for name in (*INPUTS, *PEOPLE_INPUTS) if _types(con, name)]
    times = con.execute("SELECT DISTINCT snapshot_time FROM churn_snapshots WHERE eligible ORDER BY 1").fetchall()
    features = ", ".join(
        f'"{column.name}"::VARCHAR AS "{column.name}"' if column.type.startswith("MAP") else f'"{column.name}"'
        for column in CHURN_SNAPSHOTS.columns
        if column.name not in OUTCOME
    )
    found = []
    try:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE audited_people AS SELECT DISTINCT user_key FROM churn_snapshots "
            f"WHERE eligible ORDER BY md5(user_key::VARCHAR) LIMIT {PEOPLE}"
        )
        for name in inputs:
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE real_{name} AS "
                f"SELECT * FROM {name} SEMI JOIN audited_people USING (user_key)"
            )
        for (t0,) in dict.fromkeys((*times[:1], *times[-1:])):
            at_t0 = replace(plan, snapshot_times=(pd.Timestamp(t0),))
            frames = []
            for is_false in (False, True):
                for name in inputs:
                    if is_false and name in INPUTS:
                        turned = _turned(name, _types(con, name))
                        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {turned}", {"t0": t0})
                    else:
                        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM real_{name}")
                compute(con, at_t0, as_of, into="audited_snapshots")
                frames.append(
                    con.execute(
                        f"SELECT {features} FROM audited_snapshots WHERE snapshot_time = $t0 ORDER BY user_key",
                        {"t0": t0},
                    ).df()
                )
            found.append((frames[0], frames[1]))
    finally:
        for name in (*inputs, *(f"real_{name}" for name in inputs), "audited_people", "audited_snapshots"):
            con.execute(f"DROP TABLE IF EXISTS temp.main.{name}")
    return found


def _types(con: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    """Types of a table's columns by name; empty where there is no such table."""
    rows = con.execute(
        "SELECT DISTINCT ON (column_name) column_name, data_type FROM duckdb_columns() "
        "WHERE table_name = ? AND database_name IN ('temp', current_database()) ORDER BY column_name",
        [table],
    ).fetchall()
    return dict(rows)


def _turned(name: str, types: dict[str, str]) -> str:
    """SELECT of what was over at $t0 or has no time, and of the same again from then on, turned round and changed."""
    first, last = ("first_time", "last_time") if "last_time" in types else ("event_time", "event_time")
    after = f"$t0::TIMESTAMP + (max({last}) OVER (PARTITION BY user_key) - {{}}) + INTERVAL 1 MICROSECOND"
    columns = {
        column: f"3 * {column} + 1"
        if kind in ("BIGINT", "INTEGER", "HUGEINT", "DOUBLE") or kind.startswith("DECIMAL")
        else f"NOT {column}"
        if kind == "BOOLEAN"
        else f"{column} || 'x'"
        if kind == "VARCHAR" and column != "name"
        else column
        for column, kind in types.items()
    }
    columns |= {first: after.format(last), last: after.format(first)}
    if "day" in types:
        columns["day"] = f"({after.format(last)})::DATE"
    changed = ", ".join(f"({value})::{types[column]} AS {column}" for column, value in columns.items())
    return (
        f"SELECT * FROM real_{name} WHERE {last} IS NULL OR {last} <= $t0::TIMESTAMP "
        f"UNION ALL BY NAME SELECT {changed} FROM real_{name} WHERE {last} <= $t0::TIMESTAMP"
    )
