"""Assets of topics: the classifier, and the topic of every distinct page.

What belongs here: topic_classifier and page_topics. What does not: features, fits and figures (`analysis/topics.py`,
`analysis/topic_training.py`), which pages are judged (`sql/new_pages.sql`), what MLflow is told (`topic_logging.py`).
"""

import os
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import dagster as dg
import duckdb

from browse_assets.assets.events import raw_events, scrubbed_events
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.assets.state import State, fingerprint, read_state, require_state, rules_version, write_state
from browse_assets.assets.topic_logging import log_topic_training
from browse_assets.assets.training import run_link
from browse_assets.file_swap import planned
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    ExperimentTracker,
    insert_rows,
    load_reference,
    replace_table,
    transaction,
    withheld_values,
)
from browse_assets.settings import REFERENCE_DIR, Settings
from browse_assets.sql import read_sql
from browse_assets.tables import PAGE_TOPICS, TOPIC_CLASSIFIER

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.topic_training import TopicTraining

# Texts go to Python in pieces of bounded size: 50,000 with their features take about 300 MB.
PAGES_AT_ONCE = 50_000


@cache
def _training(rules: str) -> "TopicTraining":
    """The classifier as these rules make it: closed forms, one thread, so the same numbers each time (12 CPU s)."""
    import pandas as pd

    from browse_assets.analysis.topic_training import train_topics

    del rules
    lists = [
        pd.read_csv(REFERENCE_DIR / f"{name}.csv", dtype=str, keep_default_na=False)
        for name in ("domains", "topic_texts", "topics")
    ]
    return train_topics(*lists)


# Nothing of raw_events is read; the check that no table shows an id of the panel needs the vault to be there.
@dg.asset(pool=WRITER_POOL, group_name="interests", deps=[raw_events])
def topic_classifier(
    context: dg.AssetExecutionContext, databases: Databases, tracker: ExperimentTracker
) -> dg.MaterializeResult:
    """One row per head of the classifier and topic, and one for all topics: its quality on held-out sites.

    Two heads: hosts (names of domains) and pages (texts). Trained on what the project ships, never on a panel's
    pages, and only when those lists or the code change. Caveat: texts are the project's own, short and clean; on
    the web expect less than the 0.77 right at once here, in German about 0.67.
    """
    with databases.open(warehouse="write") as con:
        target, stored = State(0, fingerprint("topic_classifier")), read_state(con, "topic_classifier")
        if stored == target:
            context.log.info("Nothing new: the classifier stands as it is.")
            run = stored.mlflow_run
        else:
            training = stored_training(databases.settings)
            load_reference(con, ["topics"])
            names = dict(con.execute("SELECT topic_id, topic FROM reference_topics").fetchall())
            run = log_topic_training(context, tracker, training, names)
            con.register("measured", _quality_rows(training, names))
            with transaction(con):
                replace_table(
                    con,
                    TOPIC_CLASSIFIER,
                    "SELECT *, $run::VARCHAR AS mlflow_run FROM measured ORDER BY head, support DESC, topic_id",
                    {"run": run},
                )
                write_state(con, "topic_classifier", replace(target, mlflow_run=run))
        return table_result(
            con,
            TOPIC_CLASSIFIER,
            preview_select='SELECT head, topic, "precision", recall, support, coverage, precision_answered, threshold '
            "FROM topic_classifier WHERE topic_id = 'all' ORDER BY head",
            extra=run_link(run)
            | bar_plot(
                "recall of texts: the 15 topics known worst",
                con.execute(
                    "SELECT topic, recall FROM topic_classifier WHERE head = 'page' AND topic_id <> 'all' "
                    "ORDER BY recall, topic LIMIT 15"
                ).fetchall(),
            ),
        )


def _quality_rows(training: "TopicTraining", names: dict[str, str]) -> "pd.DataFrame":
    import pandas as pd

    frames = []
    for head, quality in training.quality.items():
        known = quality.per_class[quality.per_class["topic_id"] != ""]
        overall = {name: quality.overall[name] for name in ("support", "coverage", "precision_answered")}
        whole = {
            "topic_id": "all",
            "precision": known["precision"].mean(),
            "recall": known["recall"].mean(),
            "f1": known["f1"].mean(),
            "accuracy": quality.overall["accuracy"],
            **overall,
        }
        rows = pd.concat([pd.DataFrame([whole]), known.assign(accuracy=None)], ignore_index=True)
        rows["topic"] = rows["topic_id"].map(names).fillna("all topics")
        frames.append(rows.assign(head=head, threshold=getattr(training.model, head).threshold))
    numbers = ("precision", "recall", "f1", "accuracy", "coverage", "precision_answered", "threshold")
    return pd.concat(frames, ignore_index=True).astype({**dict.fromkeys(numbers, "float64"), "support": "int64"})


def stored_training(settings: Settings) -> "TopicTraining":
    """The training of these rules: from its file, or made and kept where there is none of theirs.

    It depends on nothing but the rules, so a file of the same rules from another installation will do.
    """
    import numpy as np

    from browse_assets.analysis.topic_training import TopicTraining

    if settings.topic_model.exists():
        with np.load(settings.topic_model, allow_pickle=False) as parts:
            # A file of the first versions of the project held the model alone.
            if str(parts["rules"]) == rules_version() and "page_temperature" in parts:
                return TopicTraining.from_arrays(parts)
    training = _training(rules_version())
    # Nothing of a panel is in it, so it may lie beside the databases as a plain file.
    kept: dict[str, Any] = {"rules": np.asarray(rules_version()), **training.arrays()}
    move = planned(settings.topic_model)
    with move.part.open("wb") as file:
        np.savez(file, **kept)
    os.replace(move.part, move.target)
    return training


@dg.asset(pool=WRITER_POOL, group_name="interests", deps=[scrubbed_events, topic_classifier])
def page_topics(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per distinct page: what it is about, and how that is known.

    Listed domains of one topic have the dictionary's; pages of general sites and of domains that no list knows are
    judged by what they say. Only pages that are new are judged; sensitive topics are withheld. Caveat: 'abstained'
    is as good as unknown; of 524 pages that others labelled, 0.73 got an answer and 0.92 of those were right.
    """
    with databases.open(warehouse="write") as con:
        source, stored = require_state(con, "scrubbed_events"), read_state(con, "page_topics")
        with_sensitive = databases.settings.sensitive_topics_purpose is not None
        target = State(source.load_id, fingerprint("page_topics", source.fingerprint, with_sensitive))
        extra: dict[str, Any] = {}
        if stored == target:
            context.log.info("Nothing new: no page is judged.")
        else:
            extra |= _judge(con, databases.settings, stored, target)
        methods = con.execute("SELECT method, count(*) FROM page_topics GROUP BY ALL ORDER BY 2 DESC, 1").fetchall()
        top = con.execute(
            "SELECT topic_id, count(*) FROM page_topics WHERE method LIKE '%_classifier' "
            "GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        load_reference(con, ["topics"])
        names = dict(con.execute("SELECT topic_id, topic FROM reference_topics").fetchall())
        return table_result(
            con,
            PAGE_TOPICS,
            # Counts, no domains: a site of few visitors leads to them, and a stored preview outlives its rows.
            preview_select="SELECT method, count(*) AS pages, count(topic_id) AS named, "
            "avg(probability) AS mean_probability FROM page_topics GROUP BY ALL ORDER BY 2 DESC, 1",
            extra={
                **extra,
                **{f"pages: {method}": int(count) for method, count in methods},
                **bar_plot("pages named by the classifier", [(names[topic], count) for topic, count in top]),
            },
        )


def _judge(con: duckdb.DuckDBPyConnection, settings: Settings, stored: State, target: State) -> dict[str, Any]:
    """Write the topics of the pages that are new; of all pages when the rules are others."""
    is_increment = stored.fingerprint == target.fingerprint
    con.execute(read_sql("macros"))
    load_reference(con, ["domains", "neutral_domains", "topics"])
    with transaction(con), withheld_values("Naming the topics of pages"):
        gone = "WHERE page_id NOT IN (SELECT page_id FROM scrubbed_events)" if is_increment else ""
        con.execute(f"DELETE FROM page_topics {gone}")
        con.execute(
            "CREATE OR REPLACE TEMP TABLE new_pages AS " + read_sql("new_pages"),
            {"known_load": stored.load_id if is_increment else 0},
        )
        speed = _label_texts(con, settings)
        insert_rows(
            con,
            PAGE_TOPICS,
            read_sql("page_topics"),
            {"load_id": target.load_id, "with_sensitive": settings.sensitive_topics_purpose is not None},
        )
        write_state(con, "page_topics", target)
    return speed


def _label_texts(con: duckdb.DuckDBPyConnection, settings: Settings) -> dict[str, Any]:
    """Make `text_topics`: one row per distinct text of a domain among the new pages, and its topic."""
    from time import perf_counter

    import pandas as pd

    con.execute(
        "CREATE OR REPLACE TEMP TABLE new_texts AS "
        "SELECT row_number() OVER (ORDER BY domain, uses_host, text) AS text_id, * "
        "FROM (SELECT DISTINCT domain, uses_host, text FROM new_pages WHERE kind = 'judged')"
    )
    labels = [pd.DataFrame({"topic_id": [], "method": [], "probability": [], "text_id": []})]
    count = con.execute("SELECT count(*) FROM new_texts").fetchone()
    texts = int(count[0]) if count else 0
    model = stored_training(settings).model if texts else None
    began = perf_counter()
    for first in range(0, texts, PAGES_AT_ONCE):
        assert model is not None
        piece = con.execute(
            "SELECT * FROM new_texts WHERE text_id > $first AND text_id <= $last ORDER BY text_id",
            {"first": first, "last": first + PAGES_AT_ONCE},
        ).df()
        found = model.label(list(piece["domain"]), list(piece["text"]), list(piece["uses_host"]))
        labels.append(found.assign(text_id=piece["text_id"].to_numpy()))
    con.register("labels", pd.concat(labels[1:] or labels, ignore_index=True))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE text_topics AS SELECT text_id::BIGINT AS text_id, domain, uses_host, text, "
        "topic_id::VARCHAR AS topic_id, method::VARCHAR AS method, probability::DOUBLE AS probability "
        "FROM new_texts JOIN labels USING (text_id)"
    )
    return (
        {"texts judged": texts, "texts per second": round(texts / max(perf_counter() - began, 1e-6))} if texts else {}
    )
