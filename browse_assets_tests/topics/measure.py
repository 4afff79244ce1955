"""How good the topic classifier is on pages that somebody else labelled: python -m browse_assets_tests.topics.measure

Prints figures for the held-out half (with the argument `dev`: of the other half), texts alone: the host head has seen
the domains of real sites, and labels of hosts must not grade texts. Then both heads' reference points.
"""

import csv
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from browse_assets.analysis.hosts import describe_hosts
from browse_assets.analysis.topic_training import (
    HELD_OUT,
    Examples,
    TopicTraining,
    fit_head,
    group_parts,
    host_examples,
    train_topics,
)
from browse_assets.analysis.topics import NOTHING, brand_label, page_features, page_words
from browse_assets.resources import load_reference
from browse_assets.settings import REFERENCE_DIR
from browse_assets.sql import read_sql

PAGES = Path(__file__).parent / "labelled_pages.csv"
# Chosen before anything was measured: seven topics that few people would mix up, as the reference point's were.
SEVEN = (
    "Automotive",
    "Food & Drink",
    "Sports",
    "Technology & Computing",
    "Travel",
    "Medical Health",
    "Style & Fashion",
)
LARGEST = 22


def read_list(name: str) -> pd.DataFrame:
    return pd.read_csv(REFERENCE_DIR / f"{name}.csv", dtype=str, keep_default_na=False)


def labelled_pages(half: str) -> pd.DataFrame:
    """The labelled pages of a half, with the domain and the text as `sql/new_pages.sql` makes them."""
    with PAGES.open(encoding="utf-8", newline="") as file:
        pages = pd.DataFrame([row for row in csv.DictReader(file) if row["half"] == half])
    hosts = [url.split("/")[2].lower() for url in pages["url"]]
    known = describe_hosts(sorted(set(hosts))).to_pandas().set_index("raw_host")
    pages["domain"] = [known.loc[host, "domain"] for host in hosts]
    pages["text"] = _texts(pages.assign(host=hosts))
    return pages


def _texts(pages: pd.DataFrame) -> list[str]:
    """By the SELECT that the asset runs, with an empty dictionary: every page is judged."""
    import duckdb

    con = duckdb.connect()
    con.execute(read_sql("macros"))
    load_reference(con, ["domains", "neutral_domains"])
    con.execute("DELETE FROM reference_domains")
    con.execute("DELETE FROM reference_neutral_domains")
    con.execute("CREATE TABLE page_topics (page_id BIGINT)")
    con.register("rows", pages.reset_index(names="page_id").drop(columns=["topic_id"]))
    con.execute(
        "CREATE TABLE scrubbed_events AS SELECT page_id, url, host, domain, title, NULL::VARCHAR AS search_terms, "
        "[{'name': 'description', 'content': description}, {'name': 'keywords', 'content': keywords}] AS metadata, "
        "1 AS load_id FROM rows"
    )
    found = con.execute(f"SELECT text FROM ({read_sql('new_pages').strip().rstrip(';')}) ORDER BY page_id",
                        {"known_load": 0}).fetchall()  # fmt: skip
    return [text or "" for (text,) in found]


def judge(training: TopicTraining, pages: pd.DataFrame) -> pd.DataFrame:
    """tier_1 (truth), called (most likely, '' = nothing), probability and answered by page, from texts alone."""
    head = training.model.page
    tiers = read_list("topics").set_index("topic_id")["tier_1"].to_dict() | {NOTHING: ""}
    words = [page_words(t, brand_label(d)) for t, d in zip(pages["text"], pages["domain"], strict=True)]
    probabilities = np.exp(head.log_probabilities(*page_features(words)))
    best, most = probabilities.argmax(axis=1), probabilities.max(axis=1)
    classes = [head.classes[place] for place in best]
    seven = [place for place, name in enumerate(head.classes) if tiers[name] in SEVEN]
    return pd.DataFrame(
        {
            "tier_1": pages["tier_1"].to_numpy(),
            "called": [tiers[name] for name in classes],
            "of_seven": [tiers[head.classes[seven[place]]] for place in probabilities[:, seven].argmax(axis=1)],
            "probability": most,
            "answered": (most >= head.threshold) & (np.array(classes, dtype=object) != NOTHING),
            "language": pages["language"].to_numpy(),
            "is_homepage": (pages["is_homepage"] == "true").to_numpy(),
        }
    )


def figures(judged: pd.DataFrame) -> dict[str, float]:
    """accuracy and coverage (pages with a topic), precision (answers), seven (accuracy over seven topics)."""
    right = judged["called"] == judged["tier_1"]
    named = judged["tier_1"] != ""
    seven = judged["tier_1"].isin(SEVEN)
    is_seven = judged["of_seven"] == judged["tier_1"]
    return {
        "pages": float(len(judged)),
        "accuracy": float(right[named].mean()),
        "coverage": float(judged.loc[named, "answered"].mean()),
        "precision": float(right[judged["answered"]].mean()),
        "answers_on_nothing": float(judged.loc[~named, "answered"].mean()),
        "seven": float(is_seven[seven].mean()),
        "seven_homepages": float(is_seven[seven & judged["is_homepage"]].mean()),
        **{
            f"accuracy_{code}": float(right[named & (judged["language"] == code)].mean())
            for code in ("en", "de", "fr", "es")
        },
    }


def _largest(examples: Examples) -> npt.NDArray[np.bool_]:
    names, counts = np.unique(examples.classes, return_counts=True)
    return np.isin(examples.classes, names[np.argsort(-counts, kind="stable")[:LARGEST]])


def host_reference(domains: pd.DataFrame) -> dict[str, float]:
    """Precision@1 of host names alone over the 22 largest topics, one group in five held out, and of the baseline.

    The baseline is what the reference point was: logistic regression over character n-grams.
    """
    from sklearn.linear_model import LogisticRegression

    examples = host_examples(domains, read_list("topics"))
    examples = examples.rows(_largest(examples))
    held_out = group_parts(examples.groups, HELD_OUT, "held out") == 0
    seen, unseen = examples.rows(~held_out), examples.rows(held_out)
    head = fit_head(seen, "host")
    called = np.array(head.classes, dtype=object)[head.log_probabilities(unseen.dense, unseen.sparse).argmax(axis=1)]
    with threadpool_limits(1):
        baseline = LogisticRegression(C=10, max_iter=60).fit(seen.sparse, seen.classes)
        right = baseline.predict(unseen.sparse) == unseen.classes
    return {
        "hosts": float(len(unseen)),
        "precision_at_1": float((called == unseen.classes).mean()),
        "ngram_regression": float(right.mean()),
    }


def main() -> None:
    half = "dev" if "dev" in sys.argv else "held_out"
    domains = read_list("domains")
    training = train_topics(domains, read_list("topic_texts"), read_list("topics"))
    for head, quality in training.quality.items():
        threshold = getattr(training.model, head).threshold
        print(
            head,
            training.examples[head],
            f"threshold {threshold}",
            {k: round(v, 3) for k, v in quality.overall.items()},
        )
    print(
        f"labelled pages, {half}:", {k: round(v, 3) for k, v in figures(judge(training, labelled_pages(half))).items()}
    )
    if "hosts" in sys.argv:
        for name, rows in (("curated", domains[domains["source"] == "curated"]), ("all", domains)):
            print(f"hosts, {name}:", {k: round(v, 3) for k, v in host_reference(rows).items()})


if __name__ == "__main__":
    main()
