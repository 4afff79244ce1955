"""The topic of every distinct page: by list, by text, by host, or unknown; what is new and what reaches people."""

from collections.abc import Callable
from typing import Any

import duckdb
import pytest

from browse_assets.resources import load_reference
from browse_assets.settings import Settings
from browse_assets.sql import read_sql
from browse_assets_tests.assets.test_answers import AS_OF, HEADER, visit
from browse_assets_tests.assets.test_loading import write_panel

Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]

ASSETS = ("raw_events", "scrubbed_events", "page_topics")
RECIPE = "Easy banana bread recipe: bake with butter, flour, sugar and eggs in the oven"
HEALTH = "Type 2 diabetes symptoms, insulin treatment and when to see your doctor"
PAGES = (
    ("https://www.espn.com/nba", "Lakers"),
    ("https://kitchen-notes-of-mine.example/banana-bread", RECIPE),
    ("https://www.youtube.com/watch?v=1", f"{RECIPE} - YouTube"),
    ("https://www.nytimes.com/", "Home"),
    ("https://www.google.com/search?q=banana+bread+recipe", f"{RECIPE} - Google Search"),
    ("https://unheard-of.example/login", RECIPE),
    ("https://qzxkv.example/", "xkqj vvbz wrtp"),
    ("https://another-unheard-of.example/a", HEALTH),
)
FOUND = (
    "SELECT url, topic_id, method FROM page_topics JOIN (SELECT DISTINCT page_id, url FROM scrubbed_events) "
    "USING (page_id) ORDER BY url"
)


def panel(settings: Settings, name: str, pages: tuple[tuple[str, str], ...], user: str = "me") -> None:
    rows = [visit(user, day + place / 100, *page) for day in range(3) for place, page in enumerate(pages)]
    write_panel(settings.inbox / name, rows, HEADER)


def test_each_page_has_the_topic_of_its_list_or_its_text_or_none(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    panel(settings, "p.csv", PAGES)
    materialize(*ASSETS)
    found = {url.split("/")[2]: (topic, method) for url, topic, method in warehouse(FOUND)}
    assert found == {
        "www.espn.com": ("483", "dictionary"),
        "kitchen-notes-of-mine.example": ("210", "page_classifier"),
        "www.youtube.com": ("210", "page_classifier"),
        "www.nytimes.com": ("648", "dictionary"),
        "www.google.com": ("210", "page_classifier"),
        "unheard-of.example": (None, "not_judged"),
        "qzxkv.example": (None, "abstained"),
        "another-unheard-of.example": (None, "withheld"),
    }
    assert warehouse("SELECT count(*), count(DISTINCT page_id) FROM page_topics") == [(len(PAGES), len(PAGES))]
    assert warehouse(
        "SELECT bool_and(probability BETWEEN 0 AND 1) FROM page_topics WHERE method LIKE '%classifier'"
    ) == [(True,)]


def test_a_sensitive_page_is_known_and_reaches_no_person(
    settings: Settings,
    materialize: Materialize,
    warehouse: Query,
    scratch_warehouse: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    panel(settings, "p.csv", PAGES)
    monkeypatch.setenv("BROWSE_SENSITIVE_TOPICS_PURPOSE", "a study of health information")
    materialize(*ASSETS)
    health = "SELECT topic_id, method FROM page_topics WHERE domain = 'another-unheard-of.example'"
    assert warehouse(health) == [("286", "page_classifier")]
    monkeypatch.delenv("BROWSE_SENSITIVE_TOPICS_PURPOSE")
    materialize("page_topics")
    assert warehouse(health) == [(None, "withheld")]
    with scratch_warehouse() as con:
        load_reference(con, ["topics"])
        con.execute("CREATE TEMP TABLE topic_ancestry AS " + read_sql("topic_ancestry"), {"with_sensitive": False})
        items = con.execute(f"SELECT DISTINCT item, domain FROM ({read_sql('topic_items').strip().rstrip(';')})",
                            {"as_of": AS_OF}).fetchall()  # fmt: skip
    assert {item for item, _ in items} == {"483", "210", "648", "SPSHQ5"}  # Factual is one of the Genres
    assert "another-unheard-of.example" not in {domain for _, domain in items}


def test_increments_give_what_a_rebuild_gives_and_judge_only_what_is_new(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    panel(settings, "p.csv", PAGES[:4])
    materialize(*ASSETS)
    before = warehouse("SELECT page_id, load_id FROM page_topics")
    panel(settings, "q.csv", PAGES[3:], user="you")
    result = materialize(*ASSETS)
    (event,) = result.asset_materializations_for_node("page_topics")
    assert event.metadata["texts judged"].value == 3  # the others are listed or not judged
    assert set(before) <= set(warehouse("SELECT page_id, load_id FROM page_topics"))
    select = "SELECT page_id, domain, topic_id, method, probability FROM page_topics ORDER BY page_id"
    increment = warehouse(select)
    settings.warehouse_path.unlink()
    materialize(*ASSETS)
    assert warehouse(select) == increment
    result = materialize("page_topics")
    (event,) = result.asset_materializations_for_node("page_topics")
    assert "texts judged" not in event.metadata


def test_pages_whose_events_are_gone_are_gone(
    settings: Settings, materialize: Materialize, warehouse: Query, scratch_warehouse: Callable[..., Any]
) -> None:
    panel(settings, "p.csv", PAGES[:4])
    materialize(*ASSETS)
    with scratch_warehouse() as con:
        con.execute("DELETE FROM scrubbed_events WHERE domain = 'espn.com'")
        con.execute("UPDATE asset_state SET load_id = load_id + 1 WHERE asset = 'scrubbed_events'")
    materialize("page_topics")
    assert warehouse("SELECT count(*) FROM page_topics WHERE domain = 'espn.com'") == [(0,)]
    assert warehouse("SELECT count(*) FROM page_topics") == [(3,)]


def test_the_classifier_is_trained_once_and_logged(
    settings: Settings, materialize: Materialize, warehouse: Query, mlflow_store: str
) -> None:
    materialize("raw_events", "topic_classifier")
    overall = warehouse(
        "SELECT head, accuracy, coverage, precision_answered, mlflow_run FROM topic_classifier "
        "WHERE topic_id = 'all' ORDER BY head"
    )
    assert [head for head, *_ in overall] == ["host", "page"]
    assert all(0.4 < accuracy < 1 and coverage > 0.1 and right > 0.8 for _, accuracy, coverage, right, _ in overall)
    assert warehouse("SELECT count(*) >= 35 FROM topic_classifier WHERE head = 'page' AND support > 0") == [(True,)]
    import mlflow

    client = mlflow.MlflowClient(mlflow_store)
    run = overall[0][4].split("/")[-1]
    experiment = client.get_run(run).info.experiment_id
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{run}'")
    names = {each.info.run_name for each in nested}
    assert names == {
        *(f"{head}: {name}" for head in ("page", "host") for name in ("majority", "centroid", "bayes")),
        "page head",
        "host head",
    }
    page = next(each for each in nested if each.info.run_name == "page head")
    assert "accuracy" in page.data.metrics
    figures = {file.path for file in client.list_artifacts(page.info.run_id, "figures")}
    assert figures == {f"figures/{name}.png" for name in ("coverage_precision", "confusion", "calibration")}
    materialize("topic_classifier")
    assert warehouse("SELECT DISTINCT mlflow_run FROM topic_classifier") == [(overall[0][4],)]


def test_pages_and_texts_meet_by_hash() -> None:
    """Compared each with each, those of a million page views took 157 CPU s."""
    with duckdb.connect() as con:
        load_reference(con, ["topics"])
        con.execute(
            "CREATE TEMP TABLE new_pages AS SELECT i AS page_id, 'a.example' AS domain, 'judged' AS kind, "
            "NULL::VARCHAR AS topic_id, TRUE AS uses_host, i::VARCHAR AS text FROM range(1000) AS pages (i)"
        )
        con.execute(
            "CREATE TEMP TABLE text_topics AS SELECT domain, uses_host, text, '1' AS topic_id, 'text' AS method, "
            "0.9 AS probability FROM new_pages"
        )
        select = "EXPLAIN " + read_sql("page_topics")
        ((_, plan),) = con.execute(select, {"load_id": 1, "with_sensitive": False}).fetchall()
    assert "HASH_JOIN" in plan
    assert "NL_JOIN" not in plan
