"""Asset of re-identification: how well each view of the data tells people apart.

What belongs here: reidentification. What does not: the measure (`analysis/reidentification.py`), what is
compared (`sql/half_visits.sql`). The vault's hosts are read, and only rates come out.
"""

from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.events import domain_features, scrubbed_events
from browse_assets.assets.releases import released_audiences
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.assets.training import log_reidentification, run_link
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    load_reference,
    replace_table,
    transaction,
    withheld_values,
)
from browse_assets.sql import read_sql
from browse_assets.tables import REIDENTIFICATION

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.reidentification import MatchRate

# 5,000 people are compared in about 3 s on one core; the work grows with the square of their number.
MOST_PEOPLE = 5000
SEED = 20120720

VIEWS = {
    "raw_hosts": "the vault: hosts as they came in, by page views",
    "domains": "domain_features: registrable domains, by sessions",
    "topics": "topics of those domains, by sessions, as interest_profile knows them",
    "released_topics": "as if the topics of released_audiences were told of each person",
    "released_groups": "released_audiences as it is: at most a guess among the smallest group",
}


@dg.asset(pool=WRITER_POOL, group_name="privacy", deps=[scrubbed_events, domain_features, released_audiences])
def reidentification(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per view of the data: how often a person's second half is matched to their first.

    The period is cut at its middle, each second half is matched to the most similar of all first halves
    (TF-IDF cosine), over people seen in both, at most 5,000 drawn with a fixed seed. Logged to MLflow,
    experiment `privacy`. Caveat: it is one simple attack without other knowledge, so a lower bound of
    what is possible; with more people the rate falls. With fewer than 20 people there is no rate.
    """
    with databases.open(vault="read", warehouse="write") as con:
        sources = [require_state(con, name) for name in ("domain_features", "released_audiences")]
        as_of = read_as_of(con, databases.settings)
        target = State(
            max(source.load_id for source in sources),
            fingerprint("reidentification", [s.fingerprint for s in sources], as_of, MOST_PEOPLE, SEED),
        )
        stored = read_state(con, "reidentification")
        extra: dict[str, Any] = {}
        if stored == target:
            context.log.info("Nothing new: the rates stand as they are.")
            extra |= run_link(stored.mlflow_run)
        else:
            with withheld_values("Matching halves"):
                split_day = _split_day(con, as_of)
                table = _measure(con, as_of, split_day)
            run = log_reidentification(
                context, tracker, table, {"most_people": MOST_PEOPLE, "seed": SEED, "split": "middle day"}, as_of
            )
            with transaction(con):
                con.register("measured", table)
                replace_table(
                    con,
                    REIDENTIFICATION,
                    "SELECT *, $split_day::DATE AS split_day, $as_of::TIMESTAMP AS as_of FROM measured "
                    "ORDER BY position",
                    {"split_day": split_day, "as_of": as_of},
                )
                write_state(con, "reidentification", replace(target, mlflow_run=run))
            extra |= run_link(run)
        rates = con.execute(
            'SELECT "view", 100 * match_rate FROM reidentification WHERE match_rate IS NOT NULL ORDER BY position'
        ).fetchall()
        return table_result(
            con,
            REIDENTIFICATION,
            preview_select='SELECT "view", people, match_rate, match_rate_low, match_rate_high, chance, reason '
            "FROM reidentification ORDER BY position",
            extra=extra | bar_plot("people re-identified, %", rates),
        )


def _measure(con: duckdb.DuckDBPyConnection, as_of: datetime | None, split_day: datetime | None) -> "pd.DataFrame":
    """The rows of the table."""
    import pandas as pd

    from browse_assets.analysis.reidentification import MatchRate, guess_in_groups, match_halves, pick_people

    found: dict[str, MatchRate] = {view: MatchRate(0, reason="there are no events") for view in VIEWS}
    if as_of is not None:
        both = con.execute(
            "SELECT user_key::VARCHAR FROM user_days WHERE last_time <= $as_of GROUP BY ALL "
            "HAVING bool_or(day < $split_day) AND bool_or(day >= $split_day)",
            {"as_of": as_of, "split_day": split_day},
        ).fetchall()
        people = pick_people([key for (key,) in both], MOST_PEOPLE, seed=SEED)
        con.execute(
            "CREATE TEMP TABLE picked AS SELECT unnest($people::VARCHAR[])::UUID AS user_key", {"people": people}
        )
        load_reference(con, ["topics"])
        con.execute("CREATE OR REPLACE TEMP TABLE topic_lineage AS " + read_sql("topic_lineage"))
        visits = con.execute(read_sql("half_visits"), {"split_day": split_day, "as_of": as_of}).df()
        visits["user_key"] = visits["user_key"].astype(str)
        smallest = [n for _, n in con.execute(read_sql("smallest_groups")).fetchall()]
        for view in VIEWS:
            found[view] = match_halves(visits[visits["view"] == view], people)
        found["released_groups"] = guess_in_groups(smallest, len(people))
    rows = [_row(position, view, found[view]) for position, view in enumerate(VIEWS)]
    numbers = ("match_rate", "match_rate_low", "match_rate_high", "chance")
    return pd.DataFrame(rows).astype(dict.fromkeys(numbers, "float64"))


def _row(position: int, view: str, rate: "MatchRate") -> dict[str, Any]:
    values = asdict(rate)
    return {
        "view": view,
        "position": position,
        "description": VIEWS[view],
        "people": values["people"],
        "match_rate": values["rate"],
        "match_rate_low": values["low"],
        "match_rate_high": values["high"],
        "chance": 1 / values["people"] if values["people"] else None,
        "reason": values["reason"],
    }


def _split_day(con: duckdb.DuckDBPyConnection, as_of: datetime | None) -> datetime | None:
    """The midnight nearest to the middle between the first event and as_of."""
    import pandas as pd

    row = con.execute("SELECT min(first_time) FROM user_days").fetchone()
    if as_of is None or row is None or row[0] is None:
        return None
    first = pd.Timestamp(row[0])
    middle: datetime = (first + (pd.Timestamp(as_of) - first) / 2).round("D").to_pydatetime()
    return middle
