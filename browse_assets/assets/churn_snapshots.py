"""Snapshots of people: what was known of them at a time, and whether they left after it.

What belongs here: the asset churn_snapshots, its inputs out of the vault and the plan of its times. What does not:
windows (`analysis/churn_windows.py`), features and labels (`sql/churn_*.sql`, `sql/customer_*.sql`), how attributes
are made coarse (`analysis/coarsening.py`), training (`churn.py`).
"""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.consent import admit_customers
from browse_assets.assets.customers import NO_TIME, customer_features, customers_as_of, load_user_keys
from browse_assets.assets.events import domain_features, user_days
from browse_assets.assets.evidence import refresh_as_of
from browse_assets.assets.reporting import table_result
from browse_assets.assets.state import read_as_of
from browse_assets.keys import Keys, load_keys
from browse_assets.resources import WRITER_POOL, Databases, load_reference, withheld_values
from browse_assets.settings import NEVER_MODELLED, Settings
from browse_assets.sql import read_sql
from browse_assets.tables import CHURN_SNAPSHOTS

if TYPE_CHECKING:
    from browse_assets.analysis.churn_windows import WindowPlan

# Rows of `customers` with a time of their own are made coarse for each snapshot apart, by what was known then. With
# more times than these (labels that each have their own), there would be too few people at each to hide among.
MOST_ATTRIBUTE_TIMES = 24
# As analysis/churn.py asks of training and test: with fewer of either outcome people are split instead of times.
LEAST_OF_OUTCOME = 10
MOST_LABEL_TIMES = 36

COUNTS = """
    SELECT count(DISTINCT user_key) FILTER (eligible AND churned) AS churned,
        count(DISTINCT user_key) FILTER (reason = 'tracking_lost') AS tracking_lost
    FROM churn_snapshots
"""


class ChurnWindows(dg.Config):
    """W, g and H of the definition of churn, in days."""

    window_days: int = 90
    gap_days: int = 7
    outcome_days: int = 30


@dg.asset(pool=WRITER_POOL, group_name="churn", deps=[user_days, domain_features, customer_features])
def churn_snapshots(
    context: dg.AssetExecutionContext, config: ChurnWindows, databases: Databases
) -> dg.MaterializeResult:
    """One row per person and snapshot time.

    Features see (t0 - W, t0], churn is no activity in (t0 + g, t0 + g + H]; W = 90, g = 7, H = 30 days,
    shrunk together with a warning when the data are too short. The last snapshot time is the newest
    midnight: its outcome is not known, its rows are what churn_scores scores. Labels in
    `customers/churn_labels` replace the rule. Caveat: without transactions or service interactions a
    silent extension looks like a person who left; with them, only one more than 14 days after the last page
    view tells the two apart.
    """
    settings = databases.settings
    notes: dict[str, Any] = {}
    with databases.open(vault="read", warehouse="write") as con:
        tables = con.execute("SELECT DISTINCT source_table, file_id FROM vault.raw_customers ORDER BY ALL").fetchall()
        keys = load_keys(settings)

        def compute(as_of: datetime) -> dict[str, str]:
            plan = read_windows(con, as_of, config)
            if plan.warning:
                context.log.warning(plan.warning)
            with withheld_values("Reading customer rows"):
                load_customer_rows(con, keys, as_of, is_fixed=settings.as_of is not None)
                notes.update(_problems(con))
                compute_snapshots(con, plan, as_of)
            for problem, rows in notes.items():
                context.log.warning(f"{problem}: {rows}")
            return {"churn_snapshots": "SELECT * FROM snapshots ORDER BY user_key, snapshot_time"}

        refresh_as_of(
            con,
            settings,
            (CHURN_SNAPSHOTS,),
            compute,
            upstream="user_days",
            depends_on=(config.window_days, config.gap_days, config.outcome_days, tuple(tables)),
            as_of=customers_as_of(con, settings),
        )
        as_of = snapshots_as_of(con, settings)
        if as_of is not None:
            plan = read_windows(con, as_of, config)
            notes |= {
                "windows": f"W = {plan.window_days}, g = {plan.gap_days}, H = {plan.outcome_days} days",
                "warning": plan.warning or "none",
            }
        reasons = con.execute(
            "SELECT reason, count(*) FROM churn_snapshots WHERE NOT eligible GROUP BY ALL ORDER BY 2 DESC, 1"
        ).fetchall()
        counts = con.execute(COUNTS).fetchone()
        assert counts is not None
        return table_result(
            con,
            CHURN_SNAPSHOTS,
            preview_select="SELECT snapshot_time, count(*) AS people, count_if(eligible) AS eligible, "
            "count_if(churned AND eligible) AS churned, count_if(reason = 'tracking_lost') AS tracking_lost "
            "FROM churn_snapshots GROUP BY ALL ORDER BY 1 DESC LIMIT 5",
            extra=notes
            | {"people churned": counts[0], "people lost to tracking": counts[1]}
            | {f"rows not eligible: {reason}": rows for reason, rows in reasons},
        )


def read_windows(con: duckdb.DuckDBPyConnection, as_of: datetime, config: ChurnWindows) -> "WindowPlan":
    """When people are looked at, by the rule; without any browsing as_of is the only time."""
    import pandas as pd

    from browse_assets.analysis.churn_windows import WindowPlan, plan_windows

    first = con.execute("SELECT min(day) FROM user_days").fetchone()
    if first is None or first[0] is None:
        return WindowPlan(config.window_days, config.gap_days, config.outcome_days, (), pd.Timestamp(as_of))
    # Whole days: the day that as_of cuts in two is left out, for features and outcome alike.
    midnight = pd.Timestamp(as_of).floor("D")
    return plan_windows(
        min(pd.Timestamp(first[0]), midnight),
        midnight,
        window_days=config.window_days,
        gap_days=config.gap_days,
        outcome_days=config.outcome_days,
    )


def snapshots_as_of(con: duckdb.DuckDBPyConnection, settings: Settings) -> datetime | None:
    """as_of of churn_snapshots, also where nobody browses; that of the events while it has no row."""
    row = con.execute("SELECT max(as_of) FROM churn_snapshots").fetchone()
    return row[0] if row and row[0] else read_as_of(con, settings)


def read_plan(con: duckdb.DuckDBPyConnection, settings: Settings, config: ChurnWindows) -> "WindowPlan | None":
    """The times of training and test in churn_snapshots; None where only people can be split.

    By the rule, that of `read_windows`. With given labels their own times, where these are at most 36, the last has
    at least 10 people of either outcome, and so have those of which g + H days are over by then: how long a label
    looks ahead nobody says, and g and H are what else is asked here.
    """
    import pandas as pd

    from browse_assets.analysis.churn_windows import WindowPlan

    as_of = snapshots_as_of(con, settings) or NO_TIME
    if con.execute("SELECT bool_or(label_source = 'given') FROM churn_snapshots").fetchone() != (True,):
        return read_windows(con, as_of, config)
    times = con.execute(
        "SELECT snapshot_time, count_if(churned), count_if(NOT churned) FROM churn_snapshots WHERE eligible "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    if not 2 <= len(times) <= MOST_LABEL_TIMES:
        return None
    plan = WindowPlan(
        config.window_days,
        config.gap_days,
        config.outcome_days,
        tuple(pd.Timestamp(time) for time, _, _ in times),
        pd.Timestamp(as_of),
    )
    known = [row for row in times if pd.Timestamp(row[0]) in plan.train_times]
    for rows in (known, times[-1:]):
        if min(sum(left for _, left, _ in rows), sum(stayed for _, _, stayed in rows)) < LEAST_OF_OUTCOME:
            return None
    return plan


def load_customer_rows(
    con: duckdb.DuckDBPyConnection, keys: Keys | None, as_of: datetime, *, is_fixed: bool = False
) -> None:
    """Make the customers' side of the snapshots temporary tables, out of the vault.

    customer_declarations, transactions, service_interactions, given_labels, customer_people, as their SQL says.

    Args:
        con: with vault and warehouse attached.
        keys: of the pseudonyms; None: no vault is attached, and the tables are empty.
        as_of: consents in force then admit.
        is_fixed: as_of was asked for (BROWSE_AS_OF): labels of later times were not known then.
    """
    con.execute(read_sql("macros"))
    if keys is None:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE admitted_customers (source_table VARCHAR, row_number BIGINT, "
            "user_id VARCHAR, event_time TIMESTAMP, attributes JSON)"
        )
        con.execute("CREATE OR REPLACE TEMP TABLE user_keys (user_id VARCHAR, user_key UUID)")
    else:
        admit_customers(con, as_of)
        load_user_keys(con, keys)
    for table, file, params in (
        ("customer_declarations", "customer_declarations", {"never_modelled": NEVER_MODELLED}),
        ("transactions", "customer_transactions", None),
        ("service_interactions", "customer_service", None),
        ("given_labels", "given_labels", None),
    ):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {table} AS " + read_sql(file), params)
    if is_fixed:
        con.execute("DELETE FROM given_labels WHERE event_time > ?", [as_of])
    con.execute(
        "CREATE OR REPLACE TEMP TABLE customer_people AS SELECT DISTINCT user_key "
        "FROM user_keys JOIN admitted_customers USING (user_id) ORDER BY 1"
    )


def _problems(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Rows of customer tables that could not be used, by why; only those that there are."""
    row = con.execute(
        """
        SELECT (SELECT count_if(churned IS NULL) FROM given_labels),
            (SELECT count_if(is_time_unread) FROM given_labels),
            (SELECT count_if(event_time IS NULL) FROM transactions),
            (SELECT count_if(event_time IS NULL) FROM service_interactions),
            (SELECT count(*) FROM admitted_customers WHERE user_id IS NULL)
        """
    ).fetchone()
    assert row is not None
    names = (
        "labels that cannot be read",
        "labels with a time that cannot be read",
        "transactions without a time",
        "service interactions without a time",
        "customer rows that name nobody",
    )
    return {name: int(rows) for name, rows in zip(names, row, strict=True) if rows}


def compute_snapshots(
    con: duckdb.DuckDBPyConnection, plan: "WindowPlan", as_of: datetime, *, into: str = "snapshots"
) -> None:
    """Make `into` a temporary table with the rows of churn_snapshots, after `load_customer_rows`.

    Reads user_days and domain_features and the tables of `load_customer_rows` under their bare names, so that
    temporary tables of these names stand in for them.

    Args:
        con: the warehouse.
        plan: of `read_windows`.
        as_of: of the table's column.
        into: name of the temporary table.
    """
    import pandas as pd

    load_reference(con, ["finance_domains", "domains", "topics"])
    con.register("planned_times", pd.DataFrame({"snapshot_time": [*plan.snapshot_times, plan.as_of]}))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE snapshot_times AS SELECT snapshot_time::TIMESTAMP AS snapshot_time "
        "FROM planned_times ORDER BY 1"
    )
    has_browsing = con.execute("SELECT count(*) > 0 FROM user_days").fetchone() == (True,)
    unlabelled_time = plan.test_time if has_browsing else plan.as_of
    con.execute(
        "CREATE OR REPLACE TEMP TABLE snapshot_people AS " + read_sql("churn_people"),
        {
            "score_time": plan.as_of.to_pydatetime(),
            "default_label_time": None if unlabelled_time is None else unlabelled_time.to_pydatetime(),
        },
    )
    _find_holes(con)
    _coarsen_attributes(con)
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


def _find_holes(con: duckdb.DuckDBPyConnection) -> None:
    import pandas as pd

    from browse_assets.analysis.churn_coverage import coverage_holes

    days = con.execute("SELECT day, count(*) AS people FROM user_days GROUP BY ALL ORDER BY ALL").df()
    holes = coverage_holes(pd.Series(days["people"].to_numpy(), index=pd.DatetimeIndex(days["day"])))
    con.execute("CREATE OR REPLACE TEMP TABLE hole_days (day DATE)")
    if holes:
        con.executemany("INSERT INTO hole_days VALUES (?)", [[day.date()] for day in holes])


def _coarsen_attributes(con: duckdb.DuckDBPyConnection) -> None:
    """Make coarse_attributes and attribute_times, by what customers said up to each snapshot time.

    Rows without a time hold at any time, and are made coarse once.
    """
    is_timed = con.execute("SELECT count(event_time) > 0 FROM customer_declarations").fetchone() == (True,)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE coarse_attributes (user_key UUID, snapshot_time TIMESTAMP, name VARCHAR, "
        "content VARCHAR, own_day BIGINT, coarse_day BIGINT)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE attribute_times (user_key UUID, snapshot_time TIMESTAMP, latest_time TIMESTAMP)"
    )
    if not is_timed:
        _add_attributes(con, None)
        return
    times = con.execute("SELECT DISTINCT snapshot_time FROM snapshot_people ORDER BY 1").fetchall()
    for (time,) in times if len(times) <= MOST_ATTRIBUTE_TIMES else []:
        _add_attributes(con, time)


def _add_attributes(con: duckdb.DuckDBPyConnection, time: datetime | None) -> None:
    from browse_assets.analysis.coarsening import coarse_attributes

    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE latest_declarations AS
        SELECT * FROM customer_declarations
        WHERE $time::TIMESTAMP IS NULL OR event_time IS NULL OR event_time <= $time::TIMESTAMP
        QUALIFY rank() OVER (PARTITION BY user_key ORDER BY event_time DESC NULLS LAST, row_number DESC) = 1
        """,
        {"time": time},
    )
    declared = con.execute(
        "SELECT user_key::VARCHAR AS user_key, name, content, is_personal, is_private_name FROM latest_declarations "
        "ORDER BY name, user_key"
    ).df()
    coarse = coarse_attributes(declared)
    con.register("coarse", coarse.astype({"own_day": "Int64", "coarse_day": "Int64"}))
    con.execute(
        "INSERT INTO coarse_attributes SELECT user_key::UUID, $time::TIMESTAMP, name::VARCHAR, content::VARCHAR, "
        "own_day, coarse_day FROM coarse",
        {"time": time},
    )
    con.unregister("coarse")
    con.execute(
        "INSERT INTO attribute_times SELECT DISTINCT user_key, $time::TIMESTAMP, event_time FROM latest_declarations "
        "WHERE event_time IS NOT NULL",
        {"time": time},
    )
