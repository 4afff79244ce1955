"""Assets of interest: topics by person, and segments of people.

What belongs here: interest_profile and interest_segments. What does not: the statistics of evidence
(`analysis/interest.py`) and of clusters (`analysis/segments.py`).
"""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.events import domain_features
from browse_assets.assets.evidence import refresh_as_of, touches_of
from browse_assets.assets.reporting import bar_plot, drawn, table_result
from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.assets.topics import page_topics
from browse_assets.assets.training import log_segments, run_link
from browse_assets.engine.choice import computing, result_of
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    load_reference,
    replace_table,
    transaction,
)
from browse_assets.sql import read_sql
from browse_assets.tables import INTEREST_PROFILE, INTEREST_SEGMENTS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dg.asset(pool=WRITER_POOL, group_name="interests", deps=[domain_features, page_topics])
def interest_profile(databases: Databases) -> dg.MaterializeResult:
    """One row per person and topic that the person touched, and topic above it.

    Sessions on pages of a known topic, each weighing half after 14 days, against the panel's usual
    rate; a session that touches Soccer touches Sports. Caveat: sensitive topics (health, religion, politics,
    ...) are left out, unless BROWSE_SENSITIVE_TOPICS_PURPOSE names what they are needed for; and few sessions seldom
    make an interest: of the synthetic sample's, 0.22 with 2 sessions in 28 days are flagged, 0.98 with 8 or more.
    """
    purpose = databases.settings.sensitive_topics_purpose
    with databases.open(warehouse="write") as con, computing(databases.settings, con) as work:
        load_reference(con, ["topics"])
        con.execute(
            "CREATE OR REPLACE TEMP TABLE topic_ancestry AS " + read_sql("topic_ancestry"),
            {"with_sensitive": purpose is not None},
        )

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.interest import score_evidence

            work.execute(read_sql("macros"))
            work.execute("CREATE TEMP TABLE item_events AS " + read_sql("topic_items"), {"as_of": as_of})
            touches, exposure = touches_of(work, as_of)
            tier_of = dict(con.execute("SELECT DISTINCT item_id, tier FROM topic_ancestry").fetchall())
            # Each tier by itself: shares of a person's topics add up to 1 within a tier.
            tiers = [
                score_evidence(part, exposure, as_of=pd.Timestamp(as_of)).assign(tier=tier)
                for tier, part in touches.groupby(touches["item"].map(tier_of).astype("int64"))
            ] or [score_evidence(touches, exposure, as_of=pd.Timestamp(as_of)).assign(tier=0)]
            work.register("scored", pd.concat(tiers, ignore_index=True))
            work.execute(
                "CREATE TEMP TABLE scored_topics AS SELECT *, $as_of::TIMESTAMP AS as_of FROM scored", {"as_of": as_of}
            )
            return {
                "interest_profile": result_of(work, "profiled", read_sql("interest_profile"), "user_key, tier, rank")
            }

        refresh_as_of(
            con, databases.settings, (INTEREST_PROFILE,), compute, upstream="page_topics", depends_on=(purpose,)
        )
        top = con.execute(
            "SELECT topic, count(*) FROM interest_profile WHERE is_interested GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            INTEREST_PROFILE,
            preview_select="SELECT user_key, topic, probability, evidence_text "
            "FROM interest_profile ORDER BY probability DESC, user_key, topic LIMIT 5",
            extra={
                "sensitive topics": f"stored; purpose: {purpose}" if purpose else "left out",
                **bar_plot("people interested by topic", top, databases.settings.min_group),
                "interests": sum(count for _, count in top),
            },
        )


@dg.asset(pool=WRITER_POOL, group_name="interests", deps=[interest_profile, "audience_attributes"])
def interest_segments(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per person with any topic: the group of people with the same topics.

    k-means on square roots of smoothed shares of first-tier topics; the number of groups by silhouette
    (against data without structure), their stability by bootstrap, both logged to MLflow. No group is smaller
    than k = BROWSE_MIN_GROUP (11) people: who would be left over goes to the nearest group, and fewer than k
    people are in none. Caveat: a silhouette below 0.25 says that people shade into each other, and the run
    says so. Sessions are not decayed here: what a person is like does not fade in two weeks.
    """
    with databases.open(warehouse="write") as con:
        source, stored = require_state(con, "interest_profile"), read_state(con, "interest_segments")
        attributes = read_state(con, "audience_attributes")
        min_group = databases.settings.min_group
        target = State(
            source.load_id,
            fingerprint("interest_segments", source.fingerprint, attributes.load_id, attributes.fingerprint, min_group),
        )
        as_of = read_as_of(con, databases.settings)
        extra: dict[str, Any] = {}
        if stored == target:
            context.log.info("Nothing new: the segments stand as they are.")
            extra |= run_link(stored.mlflow_run)
        else:
            from browse_assets.analysis.segments import language_agreement, segment_people

            sessions = sessions_by_topic(con)
            found = segment_people(sessions, min_people=min_group)
            languages = con.execute(
                "SELECT user_key::VARCHAR AS user_key, value FROM audience_attributes WHERE attribute = 'language' "
                "QUALIFY row_number() OVER (PARTITION BY user_key ORDER BY probability DESC, value) = 1 ORDER BY 1"
            ).df()
            agreement = language_agreement(found.labels, languages.set_index("user_key")["value"])
            frame = found.coordinates.assign(segment_id=found.labels)
            frame["segment"] = frame["segment_id"].map(found.names)
            con.register("segmented", frame.reset_index(names="user_key"))
            run = log_segments(context, tracker, found, sessions, agreement, as_of)
            extra["why so many"] = found.reason
            with transaction(con):
                replace_table(
                    con,
                    INTEREST_SEGMENTS,
                    "SELECT * REPLACE (user_key::UUID AS user_key), $as_of::TIMESTAMP AS as_of "
                    "FROM segmented WHERE segment_id >= 0 ORDER BY user_key",
                    {"as_of": as_of},
                )
                write_state(con, "interest_segments", replace(target, mlflow_run=run))
            extra |= run_link(run)
        extra |= _segment_map(con)
        return table_result(
            con,
            INTEREST_SEGMENTS,
            preview_select="SELECT segment_id, segment, count(*) AS people FROM interest_segments "
            "GROUP BY ALL ORDER BY 1",
            extra=extra,
        )


def sessions_by_topic(con: duckdb.DuckDBPyConnection) -> "pd.DataFrame":
    """One row per person with any topic, one column per first-tier topic: sessions that touch it."""
    load_reference(con, ["topics"])
    touched = con.execute(
        "SELECT user_key::VARCHAR AS user_key, topics.tier_1, sum(sessions)::DOUBLE AS sessions "
        "FROM interest_profile JOIN reference_topics AS topics USING (topic_id) "
        "WHERE tier = 1 AND lower(topics.is_sensitive) = 'false' GROUP BY ALL ORDER BY ALL"
    ).df()
    return touched.pivot(index="user_key", columns="tier_1", values="sessions").fillna(0.0)


def _segment_map(con: duckdb.DuckDBPyConnection) -> dict[str, dg.MarkdownMetadataValue]:
    people = con.execute("SELECT x, y, segment FROM interest_segments ORDER BY user_key").fetchall()
    if not people:
        return {}

    def draw() -> "Figure":
        from browse_assets.analysis.figures import segment_figure

        return segment_figure(*zip(*people, strict=True))

    return drawn("segment map", people, draw)
