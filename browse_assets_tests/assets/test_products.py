"""Products from tags, marketplaces, lists and words; who watches what: from hand-made browsing."""

import csv
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from browse_assets.analysis.scrubbing import scrub_address
from browse_assets.assets import product_pages
from browse_assets.assets.products import load_product_events
from browse_assets.settings import REFERENCE_DIR, Settings
from browse_assets.sql import read_sql
from browse_assets_tests.assets.test_answers import AS_OF, EVENTS

Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]
PRODUCTS = ("page_products", "products")
Tags = dict[str, str]
Visit = tuple[str, float, str, str, Tags]
Scratch = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]

SONY: Tags = {"og:type": "product", "og:title": "Sony WH-1000XM9", "product:brand": "Sony"}
BREWER: Tags = {"og:type": "product", "og:title": "Zorro Brewmaster", "product:brand": "Zorro"}


def write(path: Path, visits: list[Visit]) -> None:
    """JSON lines of (person, days ago, url, title, tags)."""
    rows = [
        {
            "userId": user,
            "timestamp": (AS_OF - timedelta(days=days)).isoformat(),
            "url": url,
            "title": title,
            "metadata": [{"name": name, "content": content} for name, content in tags.items()],
        }
        for user, days, url, title, tags in visits
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


PAGES: list[Visit] = [
    ("ann", 9, "https://www.sony.example/products/wh-1000xm9", "Sony WH-1000XM9 | Sony", SONY),
    ("bob", 8, "https://www.amazon.com/Sony/dp/B0ABCDEFGH", "Sony WH1000XM9 Headphones, Black : Amazon.com", {}),
    ("ann", 7, "https://www.theverge.com/reviews/sony-wh-1000xm9-review", "Sony WH-1000XM9 review - The Verge", {}),
    ("ann", 6, "https://www.google.com/search?q=wh-1000xm9+price", "wh-1000xm9 price", {}),
    ("ann", 5, "https://shop.example.com/cart/sony-wh-1000xm9", "Your cart: Sony WH-1000XM9", {}),
    ("ann", 4, "https://www.theverge.com/news/sony-wh-1000xm9-pro", "Sony WH-1000XM9 Pro leaks", {}),
    ("eve", 9, "https://www.etsy.com/listing/1234567890/mug", "Custom mug for Anna Example - Etsy", {}),
    ("eve", 8, "https://www.zorro.example/brewmaster", "Zorro Brewmaster", BREWER),
    ("eve", 7, "https://shop.example.com/p/zorro", "Zorro Brewmaster", BREWER),
    (
        "eve",
        6,
        "https://www.zorro.example/secret",
        "Zorro Anna Example Edition",
        BREWER | {"og:title": "Zorro Anna Example"},
    ),
]


def test_one_product_at_several_shops_and_how_far_each_page_goes(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    text = json.dumps(
        {"@context": "https://schema.org", "@type": "Product", "name": "Sony WH-1000XM9", "brand": {"name": "Sony"}}
    )
    json_ld = ("bob", 3.0, "https://www.ears.example/1", "Best ears ever", {"json-ld": text})
    write(settings.inbox / "p.jsonl", [*PAGES, json_ld])
    result = materialize(*EVENTS, *PRODUCTS, "product_backtest")
    assert warehouse(
        "SELECT DISTINCT method, stage, domain FROM page_products JOIN scrubbed_events USING (page_id) "
        "WHERE product_id IN (SELECT product_id FROM products WHERE name = 'Sony WH-1000XM9') ORDER BY domain"
    ) == [
        ("marketplace", "product", "amazon.com"),
        ("metadata", "product", "ears.example"),
        ("title", "cart", "example.com"),
        ("title", "search", "google.com"),
        ("metadata", "product", "sony.example"),
        ("title", "compare", "theverge.com"),
    ]
    assert warehouse("SELECT brand, method FROM products WHERE name = 'Sony WH-1000XM9'") == [("Sony", "metadata")]
    # Two shops that name the brand tell a name; one shop, or a private seller, does not.
    assert warehouse("SELECT name, brand FROM products ORDER BY name NULLS LAST") == [
        ("Sony WH-1000XM9", "Sony"),
        ("Zorro Brewmaster", "Zorro"),
        (None, None),
        (None, None),
    ]
    assert warehouse("SELECT count(*) FROM product_backtest") == [(0,)]
    metadata = result.asset_materializations_for_node("product_backtest")[0].metadata
    assert metadata["status"].value == "not_enough_history"


SELECT = "SELECT page_id, product_id, stage, method, name, name_key, codes FROM page_products ORDER BY ALL"


def fill(con: duckdb.DuckDBPyConnection, load: int, visits: list[Visit]) -> None:
    """Page views as the scrubbing leaves them, without its cost."""
    for number, (user, days, url, title, tags) in enumerate(visits):
        host = url.split("/")[2]
        con.execute(
            "INSERT INTO scrubbed_events (event_id, user_key, event_time, url, host, domain, title, metadata, "
            "session_id, page_id, load_id, search_terms) VALUES (md5($id)::UUID, md5($user)::UUID, "
            "$time, $url, $host, $domain, $title, $tags, md5($id)::UUID, md5($url || $title)::UUID, $load, $terms)",
            {
                "id": f"{load} {number}", "user": user, "time": AS_OF - timedelta(days=days), "url": url.split("?")[0],
                "host": host, "domain": ".".join(host.split(".")[-2:]), "title": title, "load": load,
                "tags": [{"name": name, "content": content} for name, content in tags.items()],
                "terms": title if "?q=" in url else None,
            },
        )  # fmt: skip


def test_increments_and_a_rebuild_find_the_same(scratch_warehouse: Scratch) -> None:
    """The review comes first, the page that sells the product later: then the review is about it too."""
    with scratch_warehouse() as con:
        for load, part in enumerate((PAGES[2:6], PAGES[:2], PAGES[6:]), start=1):
            fill(con, load, part)
            product_pages.find_products(con, load - 1)
        grown = con.execute(SELECT).fetchall()
        assert {row[3] for row in grown} == {"metadata", "marketplace", "title"}
        product_pages.find_products(con, 0)
        assert con.execute(SELECT).fetchall() == grown
        con.execute("DELETE FROM scrubbed_events WHERE domain IN ('sony.example', 'amazon.com')")
        product_pages.find_products(con, 9)
        gone = con.execute(SELECT).fetchall()
        product_pages.find_products(con, 0)
        assert con.execute(SELECT).fetchall() == gone != grown


def names_of(con: duckdb.DuckDBPyConnection) -> list[str | None]:
    product_pages.find_products(con, 0)
    load_product_events(con, AS_OF)
    select = con.execute(read_sql("products"), {"as_of": AS_OF, "min_group": 11})
    return [row[1] for row in select.fetchall()]


def test_a_name_that_many_have_seen_is_told(scratch_warehouse: Scratch) -> None:
    with scratch_warehouse() as con:
        mug: list[Visit] = [
            (f"p{n}", 3, "https://www.etsy.com/listing/1234567890/mug", "Fox mug - Etsy", {}) for n in range(11)
        ]
        fill(con, 1, mug[:10])
        assert names_of(con) == [None]
        fill(con, 2, mug[10:])
        assert names_of(con) == ["Fox mug"]


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    """A watch list of two: one that is visited, and one that nobody knows."""
    rows = [
        ["Sony WH-1000XM9", "", "", "2026-06-20", "Wireless headphones"],
        ["Zzyx Grill", "", "", "", "Outdoor grill and smoker for cooking"],
    ]
    found = [
        dict(zip(("name", "keywords", "url_patterns", "launch_date", "description"), row, strict=True)) for row in rows
    ]
    read = product_pages._rows
    monkeypatch.setattr(product_pages, "_rows", lambda con, name: found if name == "watchlist" else read(con, name))
    return found


def test_the_watch_list_by_visits_and_by_likeness(
    settings: Settings, materialize: Materialize, warehouse: Query, watching: list[dict[str, str]]
) -> None:
    cook = [("cook", day, "https://www.allrecipes.com/grill", "Grilled corn", Tags()) for day in range(1, 9)]
    others = [(f"o{n}", day, "https://www.bing.com/", "Bing", Tags()) for n in range(24) for day in range(2, 20, 3)]
    readers = [(f"o{n}", 3.5, "https://www.espn.com/nba", "NBA", Tags()) for n in range(24)]
    write(settings.inbox / "p.jsonl", [*PAGES, *cook, *others, *readers])
    names = ("interest_profile", *PRODUCTS, "product_interest", "watchlist_interest")
    materialize(*EVENTS, *names)
    people = warehouse("SELECT count(DISTINCT user_key) FROM scrubbed_events")[0][0]
    assert warehouse("SELECT count(*) FROM watchlist_interest") == [(people * len(watching),)]
    visited = warehouse(
        "SELECT sessions, probability, is_interested FROM watchlist_interest WHERE basis = 'visits' ORDER BY 1"
    )
    assert [row[0] for row in visited] == [1, 4]
    assert all(probability is not None for _, probability, _ in visited)
    grill = "watch_name = 'Zzyx Grill'"
    assert warehouse(f"SELECT DISTINCT probability FROM watchlist_interest WHERE {grill}") == [(None,)]
    assert warehouse(f"SELECT DISTINCT sessions FROM watchlist_interest WHERE {grill}") == [(0,)]
    likest = "SELECT user_key, basis FROM watchlist_interest WHERE similarity IS NOT NULL"
    cook_key = warehouse("SELECT DISTINCT user_key FROM scrubbed_events WHERE domain = 'allrecipes.com'")[0][0]
    assert warehouse(f"{likest} AND {grill} ORDER BY similarity DESC, user_key LIMIT 1") == [(cook_key, "similarity")]
    assert warehouse("SELECT launch_date, is_new FROM products WHERE name = 'Sony WH-1000XM9'") == [
        ((AS_OF - timedelta(days=10)).date(), True)
    ]


def test_marketplaces_are_known_by_their_addresses() -> None:
    """Addresses as the scrubbing leaves them: codes of goods stay, what is lost is a placeholder."""
    with (REFERENCE_DIR / "marketplaces.csv").open(encoding="utf-8") as file:
        patterns = [(row["site"], row["pattern"]) for row in csv.DictReader(file)]
    for address, code in [
        ("https://www.amazon.com/Sony/dp/B09XS7JWHH/ref=sr_1_1", "B09XS7JWHH"),
        ("https://www.amazon.de/gp/product/B0CHX1W1XY", "B0CHX1W1XY"),
        ("https://www.ebay.co.uk/itm/123456789012", "123456789012"),
        ("https://www.walmart.com/ip/Apple-AirPods-Pro/5689919121", "5689919121"),
        ("https://www.etsy.com/listing/1234567890/mug", "1234567890"),
        ("https://www.target.com/p/apple-airpods-pro/-/A-85978622", "85978622"),
        ("https://www.bestbuy.com/site/sony-wh-1000xm5/6505727.p", "6505727"),
        ("https://apps.apple.com/us/app/duolingo/id570060128", "570060128"),
        ("https://store.steampowered.com/app/1091500/Cyberpunk_2077/", "1091500"),
        ("https://www.aliexpress.com/item/1005004567890123.html", "1005004567890123"),
        ("https://www.zalando.de/nike-air-max-ni112o0gt-q11.html", "ni112o0gt-q11"),
        ("https://www.ikea.com/us/en/p/billy-bookcase-white-00263850/", "00263850"),
        ("https://allegro.pl/oferta/iphone-15-13456789012", "{id}"),
    ]:
        label = address.split("/")[2].split(".")[-3 if ".co." in address else -2]
        found = [m[1] for site, p in patterns if site == label and (m := re.search(p, scrub_address(address)))]
        assert found[:1] == [code], address
