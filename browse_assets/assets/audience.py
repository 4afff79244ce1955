"""Assets of the audience: what can honestly be said of people beyond their interests.

What belongs here: audience_models and audience_attributes. What does not: the statistics
(`analysis/audience.py`, `analysis/audience_models.py`, `analysis/interest.py`), what a page is a sign of (`sql/`
and `data/reference/audience_signals.csv`).
"""

from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from browse_assets.assets.customers import customer_features
from browse_assets.assets.events import domain_features
from browse_assets.assets.evidence import label_pages, refresh_as_of
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.assets.state import require_state
from browse_assets.assets.topics import page_topics
from browse_assets.assets.training import load_attribute_model, log_attribute_models, run_link
from browse_assets.resources import WRITER_POOL, Databases, ExperimentTracker, load_reference
from browse_assets.sql import read_sql
from browse_assets.tables import AUDIENCE_ATTRIBUTES, AUDIENCE_MODELS

if TYPE_CHECKING:
    import pandas as pd

# Days after which a sign is too old: a purchase is over sooner than a child is grown up.
_RECENCY_DAYS = {"parent_of_young_children": 90.0, "student": 90.0, "pet_owner": 90.0, "small_business_owner": 90.0}
_SIGNAL_RECENCY_DAYS = 28.0


@dg.asset(pool=WRITER_POOL, group_name="audience", deps=[domain_features, customer_features])
def audience_models(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per attribute that may be modelled: how well browsing tells it, and whether that is published.

    Trained on people who declared the attribute in customers/customers (BROWSE_MODELLED_ATTRIBUTES: age band and
    gender), judged on held-out people. It is published only if its log loss beats the values' shares with a
    95 % interval above no gain, and its accuracy the commonest value; else it abstains, and `reason` says so. Caveat:
    who declares may differ from who does not; on the sample gender is right for 0.67 of the 171 who did not.
    """
    settings = databases.settings
    with databases.open(warehouse="write") as con:
        customers = require_state(con, "customer_features")
        parent_run: list[str] = []

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.audience_models import train_attribute

            features = _features(con, as_of)
            trained = {
                attribute: train_attribute(features, _declared(con, attribute), min_group=settings.min_group)
                for attribute in settings.modelled_attributes
            }
            runs = log_attribute_models(context, tracker, trained, features, as_of)
            parent_run.append(runs.run)
            rows = [
                {
                    "attribute": attribute,
                    "as_of": as_of,
                    "mlflow_run_id": runs.candidate_runs[attribute],
                    "classes": list(model.values),
                    **{name: getattr(model, name) for name in _NUMBERS},
                }
                for attribute, model in trained.items()
            ]
            frame = pd.DataFrame(rows, columns=list(AUDIENCE_MODELS.column_names))
            con.register("trained", frame)
            numbers = ", ".join(
                f"CASE WHEN NOT isnan({column.name}) THEN {column.name} END AS {column.name}"
                for column in AUDIENCE_MODELS.columns
                if column.type == "DOUBLE"
            )
            return {"audience_models": f"SELECT * REPLACE ({numbers}) FROM trained ORDER BY attribute"}

        if not settings.modelled_attributes:
            con.execute("DELETE FROM audience_models")
        made = refresh_as_of(
            con,
            settings,
            (AUDIENCE_MODELS,),
            compute,
            depends_on=(customers.load_id, customers.fingerprint, settings.modelled_attributes, settings.min_group),
        )
        if not made:
            context.log.info("Nothing new: the models stand as they are.")
        verdicts = con.execute("SELECT attribute, reason FROM audience_models ORDER BY 1").fetchall()
        return table_result(
            con,
            AUDIENCE_MODELS,
            preview_select="SELECT attribute, people, log_loss, prior_log_loss, accuracy, majority_accuracy, "
            "is_published FROM audience_models ORDER BY attribute",
            extra={**dict(verdicts), **run_link(parent_run[-1] if parent_run else None)},
        )


_NUMBERS = (
    "people",
    "log_loss",
    "prior_log_loss",
    "gain",
    "gain_low",
    "gain_high",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "majority_accuracy",
    "is_published",
    "reason",
)


@dg.asset(pool=WRITER_POOL, group_name="audience", deps=[page_topics, audience_models])
def audience_attributes(databases: Databases, tracker: ExperimentTracker) -> dg.MaterializeResult:
    """One row per person, attribute and value that the person's browsing speaks for.

    Language and languages read, country and UTC offset, chronotype, devices, signs of life stages and of
    planned purchases, and attributes predicted by a model that beat its baselines. What is not sure enough
    has no row. Nothing on health, religion, ethnicity, sexuality, politics or debt. Caveat: a sign says that
    somebody reads such pages more often than usual, not that they are a parent or buy a car; on the synthetic sample
    1.00 of 285 languages and 0.89 of 130 chronotypes are right.
    """
    with databases.open(warehouse="write") as con:
        models = require_state(con, "audience_models")

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            _find_items(con, as_of)
            frames = [*_told_by_counts(con, as_of), _signals(con, as_of), _predicted(con, tracker, as_of)]
            known = [frame for frame in frames if len(frame)]
            columns = ["user_key", "attribute", "value", "probability", "item", "explanation"]
            found = pd.concat(known)[columns] if known else pd.DataFrame(columns=columns)
            text = {name: "object" for name in columns if name != "probability"}
            con.register("found", found.astype({**text, "probability": "float64"}))
            con.execute("CREATE TEMP TABLE found_attributes AS " + _FOUND, {"as_of": as_of})
            return {"audience_attributes": "SELECT * FROM found_attributes ORDER BY user_key, attribute, value"}

        refresh_as_of(
            con,
            databases.settings,
            (AUDIENCE_ATTRIBUTES,),
            compute,
            upstream="page_topics",
            depends_on=(models.load_id, models.fingerprint),
        )
        counts = con.execute(
            "SELECT attribute, count(DISTINCT user_key) FROM audience_attributes GROUP BY ALL ORDER BY 2 DESC, 1"
        ).fetchall()
        return table_result(
            con,
            AUDIENCE_ATTRIBUTES,
            preview_select="SELECT attribute, value, count(*) AS people, avg(probability) AS mean_probability "
            "FROM audience_attributes GROUP BY ALL "
            f"HAVING count(*) >= {databases.settings.min_group} ORDER BY 1, 3 DESC, 2",
            preview_rows=40,
            extra=bar_plot("people by attribute", counts, databases.settings.min_group),
        )


_FOUND = """
    SELECT found.user_key::VARCHAR::UUID AS user_key, attribute::VARCHAR AS attribute, value::VARCHAR AS value,
        probability, touched.evidence,
        coalesce(explanation::VARCHAR, concat(
            touched.sessions, CASE WHEN touched.sessions = 1 THEN ' session on ' ELSE ' sessions on ' END,
            touched.active_days, CASE WHEN touched.active_days = 1 THEN ' day: ' ELSE ' days: ' END,
            list_aggregate(list_transform(touched.evidence, lambda e: concat(e.domain, ' ', e.sessions)),
                           'string_agg', ', '))) AS explanation,
        $as_of::TIMESTAMP AS as_of
    FROM found
    LEFT JOIN touched ON touched.user_key = found.user_key::VARCHAR::UUID AND touched.item = found.item::VARCHAR
"""


def _find_items(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Make `item_events`, `touched` (evidence by person and item) and `exposure`."""
    con.execute(read_sql("macros"))
    load_reference(con, ["audience_signals", "countries", "domains", "language_words", "topics"])
    con.execute("CREATE TEMP TABLE audience_pages AS " + read_sql("audience_pages"), {"as_of": as_of})
    con.execute("CREATE TEMP TABLE page_languages AS " + read_sql("page_languages"))
    con.execute("CREATE OR REPLACE TEMP TABLE topic_lineage AS " + read_sql("topic_lineage"))
    terms = "SELECT attribute || '|' || weight, pattern FROM reference_audience_signals WHERE kind = 'term'"
    con.execute(f"SET VARIABLE term_guard = (SELECT string_agg(pattern, '|') FROM ({terms}) AS t (label, pattern))")
    con.execute(
        "CREATE TEMP TABLE pages AS SELECT page_id, text FROM audience_pages "
        "WHERE regexp_matches(text, getvariable('term_guard'))"
    )
    con.execute("CREATE TEMP TABLE signal_terms (page_id UUID, label VARCHAR)")
    label_pages(con, "signal_terms", "label", terms)
    con.execute("CREATE TEMP TABLE signal_pages AS " + read_sql("audience_signals"))
    con.execute("CREATE TEMP TABLE item_events AS " + read_sql("audience_events"), {"as_of": as_of})
    con.execute("CREATE TEMP TABLE session_times AS " + read_sql("session_times"), {"as_of": as_of})
    con.execute("CREATE TEMP TABLE touched AS " + read_sql("touches"), {"as_of": as_of})
    con.execute("CREATE TEMP TABLE exposure AS " + read_sql("exposure"), {"as_of": as_of})


def _counts(con: duckdb.DuckDBPyConnection, kind: str) -> "pd.DataFrame":
    """Sessions by person (rows) and value of a kind of item (columns)."""
    rows = con.execute(
        "SELECT user_key::VARCHAR AS user_key, split_part(item, ':', 2) AS value, sessions::DOUBLE AS sessions "
        "FROM touched WHERE split_part(item, ':', 1) = ? ORDER BY ALL",
        [kind],
    ).df()
    return rows.pivot(index="user_key", columns="value", values="sessions").fillna(0.0)


def _told_by_counts(con: duckdb.DuckDBPyConnection, as_of: datetime) -> "list[pd.DataFrame]":
    """Languages, country, UTC offset, chronotype and devices."""
    from browse_assets.analysis.audience import describe_devices, describe_languages, describe_places

    sessions = con.execute(
        "SELECT user_key::VARCHAR AS user_key, count(DISTINCT session_id)::DOUBLE AS sessions, "
        "count(DISTINCT event_time::DATE)::DOUBLE AS days FROM scrubbed_events WHERE event_time <= ? "
        "GROUP BY 1 ORDER BY 1",
        [as_of],
    ).df()
    hours = con.execute(
        "SELECT user_key::VARCHAR AS user_key, hour(event_time) AS hour, "
        "count(DISTINCT event_time::DATE)::DOUBLE AS days FROM scrubbed_events WHERE event_time <= ? "
        "GROUP BY 1, 2 ORDER BY 1, 2",
        [as_of],
    ).df()
    labelled = con.execute(
        "SELECT user_key::VARCHAR AS user_key, count(DISTINCT session_id)::DOUBLE AS sessions FROM item_events "
        "WHERE starts_with(item, 'language:') GROUP BY 1 ORDER BY 1"
    ).df()
    people = sessions.set_index("user_key")
    spoken = _counts(con, "language")
    languages, main = describe_languages(spoken, labelled.set_index("user_key")["sessions"])
    return [
        languages,
        *describe_places(
            main_language=main,
            domains=_counts(con, "country_domain"),
            sources=_counts(con, "source_country"),
            hours=hours.pivot(index="user_key", columns="hour", values="days").reindex(columns=range(24)).fillna(0.0),
            people=people,
            countries=con.execute("SELECT * FROM reference_countries ORDER BY country").df(),
        ),
        describe_devices(_counts(con, "device")),
    ]


def _signals(con: duckdb.DuckDBPyConnection, as_of: datetime) -> "pd.DataFrame":
    """Signs of life stages and of planned purchases that are as sure as an interest."""
    import pandas as pd

    from browse_assets.analysis.interest import score_evidence

    pairs = con.execute(
        "SELECT user_key::VARCHAR AS user_key, item, decayed_sessions, sessions, active_days, last_seen "
        "FROM touched WHERE starts_with(item, 'signal:') ORDER BY ALL"
    ).df()
    exposure = con.execute("SELECT user_key::VARCHAR AS user_key, decayed_sessions, decayed_squares FROM exposure").df()
    attribute = pairs["item"].str.removeprefix("signal:")
    counted = con.execute("SELECT count(DISTINCT attribute) FROM reference_audience_signals").fetchone()
    scored = score_evidence(
        pairs.astype({"user_key": str, "item": str}),
        exposure.astype({"user_key": str}).set_index("user_key"),
        as_of=pd.Timestamp(as_of),
        recency_limit_days=attribute.map(_RECENCY_DAYS).fillna(_SIGNAL_RECENCY_DAYS).astype("float64"),
        item_count=int(counted[0]) if counted else None,
    )
    sure = scored[scored["is_interested"]]
    return sure.assign(attribute=sure["item"].str.removeprefix("signal:"), value="likely", explanation=None)


def _features(con: duckdb.DuckDBPyConnection, as_of: datetime) -> "pd.DataFrame":
    """One row per person, one column per feature of the attribute models, always the same columns."""
    load_reference(con, ["domains", "topics"])
    con.execute("CREATE OR REPLACE TEMP TABLE topic_lineage AS " + read_sql("topic_lineage"))
    found = con.execute(read_sql("audience_features"), {"as_of": as_of}).df()
    topics = con.execute(
        "SELECT 'topic:' || topic_id FROM reference_topics WHERE parent_topic_id = '' "
        "AND lower(is_sensitive) = 'false' ORDER BY 1"
    ).fetchall()
    columns = [topic for (topic,) in topics]
    columns += [f"site:{number}" for number in range(128)] + [f"hour:{number}" for number in range(6)]
    columns += ["weekend", "device:mobile", "device:tablet"]
    wide = found.assign(user_key=found["user_key"].astype(str)).pivot(
        index="user_key", columns="feature", values="value"
    )
    return wide.reindex(columns=columns).astype("float64").fillna(0.0).sort_index()


def _declared(con: duckdb.DuckDBPyConnection, attribute: str) -> "pd.Series":
    """What people declared, by user_key; `declared_age_band` and `Age band` are age_band too."""
    rows = con.execute(
        "SELECT user_key::VARCHAR AS user_key, any_value(entry.value ORDER BY entry.key) AS value "
        "FROM (SELECT user_key, unnest(map_entries(attributes)) AS entry FROM customer_features) "
        "WHERE regexp_replace(replace(lower(entry.key), ' ', '_'), '^declared_', '') = ? GROUP BY 1 ORDER BY 1",
        [attribute],
    ).df()
    return rows.astype({"user_key": str}).set_index("user_key")["value"]


def _predicted(con: duckdb.DuckDBPyConnection, tracker: ExperimentTracker, as_of: datetime) -> "pd.DataFrame":
    """Values of the published models for people who did not declare the attribute."""
    import pandas as pd

    from browse_assets.analysis.audience_models import predict_attribute

    published = con.execute(
        "SELECT attribute, mlflow_run_id, classes, people FROM audience_models WHERE is_published ORDER BY 1"
    ).fetchall()
    if not published:
        return pd.DataFrame()
    features = _features(con, as_of)
    parts = []
    for attribute, run_id, classes, people in published:
        asked = features[~features.index.isin(_declared(con, attribute).index)]
        if len(asked):
            predicted = predict_attribute(load_attribute_model(tracker, run_id), classes, asked)
            why = f"not declared: predicted by a model of {people} people who did"
            parts.append(
                predicted.assign(attribute=attribute, item=None, explanation=why).reset_index(names="user_key")
            )
    return pd.concat(parts) if parts else pd.DataFrame()
