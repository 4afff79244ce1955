"""The asset page_products: which product a page is about, judged once for each distinct page.

What belongs here: the order of the statements, and handing each distinct name to the rules once. What does not:
what a page says (`sql/product_signals.sql`, `sql/named_products.sql`), names and merging (`analysis/`), people.
"""

from typing import Any

import dagster as dg
import duckdb

from browse_assets.assets.events import domain_features
from browse_assets.assets.evidence import is_gone, label_pages
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.assets.state import EMPTY, State, fingerprint, read_state, require_state, write_state
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    insert_rows,
    load_reference,
    transaction,
    withheld_values,
)
from browse_assets.sql import read_sql
from browse_assets.tables import PAGE_PRODUCTS

_LISTED = """
    SELECT product_id, 'product_list' AS method, name, nullif(brand, '') AS brand, nullif(category, '') AS category,
        pattern, domains, try_cast(nullif(launch_date, '') AS DATE) AS launch_date
    FROM reference_products
    UNION ALL BY NAME
    SELECT product_id, 'watch_list' AS method, name, pattern, try_cast(nullif(launch_date, '') AS DATE) AS launch_date
    FROM watched
"""


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[domain_features])
def page_products(databases: Databases) -> dg.MaterializeResult:
    """One row per distinct page and product that it sells or names.

    Sold: by meta tags of shops (og:type, product:*, prices, JSON-LD) or an address of a marketplace. Named: a product
    of a list, or one that a page of the panel sells, in title, path or search terms. Each page is judged once; its
    words are searched again only when names are new. Caveat: goods without brand or number are one product
    per shop; without a shop's tags, 55 marketplaces and the 243 products of the shipped list are known.
    """
    with databases.open(warehouse="write") as con:
        source, stored = require_state(con, "scrubbed_events"), read_state(con, "page_products")
        target = State(source.load_id, fingerprint("page_products", source.fingerprint))
        if stored != target:
            since = stored.load_id if stored != EMPTY and stored.fingerprint == target.fingerprint else 0
            load_lists(con)  # what is wrong with the user's own list is said, and not withheld
            with withheld_values("Looking for products"), transaction(con):
                find_products(con, since)
                write_state(con, "page_products", target)
        by_method = con.execute(
            "SELECT method || ', ' || stage, count(*) FROM page_products GROUP BY ALL ORDER BY 2 DESC, 1"
        ).fetchall()
        return table_result(
            con,
            PAGE_PRODUCTS,
            preview_select="SELECT method, stage, count(*) AS pages, count(DISTINCT product_id) AS products "
            "FROM page_products GROUP BY ALL ORDER BY ALL",
            preview_rows=20,
            extra=bar_plot("pages by method and stage", by_method[:15]),
        )


def find_products(con: duckdb.DuckDBPyConnection, since: int) -> None:
    """Fill `page_products` with what pages of loads after `since` say; 0 makes it anew."""
    con.execute(read_sql("macros"))
    load_reference(con, ["marketplaces"])
    load_lists(con)
    names_before = _names(con) if since else []
    gone = is_gone("page_products") if since else "TRUE"
    deleted = con.execute(f"DELETE FROM page_products WHERE {gone}").fetchone()
    if deleted and deleted[0]:  # they may have joined two names that are two products now
        names_before = []
    _judge_new_pages(con, since)
    _search_names(con, since, names_before)
    _merge(con)


def load_lists(con: duckdb.DuckDBPyConnection) -> None:
    """Make `watched` (the watch list) and `listed` (both lists: product_id, method, name, spoken, pattern, ...)."""
    from dataclasses import astuple

    from browse_assets.analysis.product_names import words_of
    from browse_assets.analysis.watchlist import watched_products

    load_reference(con, ["products", "watchlist"])
    watched = [astuple(row) for row in watched_products(_rows(con, "watchlist"), _rows(con, "products"))]
    columns = ("product_id", "name", "pattern", "url_pattern", "launch_date", "description")
    _register(con, "watched", columns, watched)
    con.execute("CREATE OR REPLACE TEMP TABLE both_lists AS " + _LISTED)
    names = con.execute("SELECT DISTINCT name FROM both_lists ORDER BY 1").fetchall()
    _register(con, "listed_words", ("name", "spoken"), [(name, " ".join(words_of(name))) for (name,) in names])
    con.execute("CREATE OR REPLACE TEMP TABLE listed AS SELECT * FROM both_lists JOIN listed_words USING (name)")


def _rows(con: duckdb.DuckDBPyConnection, name: str) -> list[dict[str, str]]:
    cursor = con.execute(f"SELECT * FROM reference_{name} ORDER BY ALL")
    columns = [column[0] for column in cursor.description or ()]
    return [dict(zip(columns, (value or "" for value in row), strict=True)) for row in cursor.fetchall()]


def _register(con: duckdb.DuckDBPyConnection, name: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    """A temporary table of texts; lists stay lists."""
    body = ", ".join(f"{column} VARCHAR{'[]' if column == 'codes' else ''}" for column in columns)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({body})")
    if rows:
        lists = {f"c{number}": [row[number] for row in rows] for number in range(len(columns))}
        types = {
            f"c{number}": "VARCHAR[][]" if column == "codes" else "VARCHAR[]" for number, column in enumerate(columns)
        }
        con.execute(f"INSERT INTO {name} SELECT " + ", ".join(f"unnest(${key}::{types[key]})" for key in lists), lists)


def _known_brands(con: duckdb.DuckDBPyConnection) -> frozenset[str]:
    from browse_assets.analysis.product_names import words_of

    brands = con.execute("SELECT DISTINCT brand FROM reference_products WHERE brand <> ''").fetchall()
    return frozenset("".join(words_of(brand)) for (brand,) in brands)


def _judge_new_pages(con: duckdb.DuckDBPyConnection, since: int) -> None:
    """Rows of new pages that sell a product."""
    con.execute("CREATE OR REPLACE TEMP TABLE new_product_pages AS " + read_sql("new_product_pages"), {"since": since})
    con.execute(
        "CREATE OR REPLACE TEMP TABLE market_pages "
        "(page_id UUID, market_kind VARCHAR, market_code VARCHAR, is_resale BOOLEAN)"
    )
    con.execute(
        "CREATE OR REPLACE TEMP TABLE on_markets AS SELECT page_id, site, url FROM new_product_pages "
        "WHERE site IN (SELECT site FROM reference_marketplaces)"
    )
    for site, kind, pattern, is_resale in con.execute("FROM reference_marketplaces ORDER BY ALL").fetchall():
        con.execute(
            "INSERT INTO market_pages SELECT page_id, $kind, nullif(regexp_extract(url, $pattern, 1), ''), $is_resale "
            "FROM on_markets WHERE site = $site AND regexp_matches(url, $pattern) "
            "AND page_id NOT IN (SELECT page_id FROM market_pages)",
            {"site": site, "kind": kind, "pattern": pattern, "is_resale": is_resale == "true"},
        )
    con.execute("CREATE OR REPLACE TEMP TABLE product_signals AS " + read_sql("product_signals"))
    _register(con, "judged", _JUDGED, _judged_pages(con))
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE own_products AS
        SELECT signals.page_id, '' AS product_id, signals.stage, signals.method, judged.name,
            nullif(judged.name_key, '') AS name_key, judged.brand, judged.category, judged.codes,
            judged.is_specific::BOOLEAN AS is_specific, judged.is_nameable::BOOLEAN AS is_nameable, signals.load_id
        FROM product_signals AS signals JOIN judged ON judged.page_id = signals.page_id::VARCHAR
        """
    )
    con.execute("DELETE FROM page_products WHERE page_id IN (SELECT page_id FROM own_products)")
    insert_rows(con, PAGE_PRODUCTS, "SELECT * FROM own_products ORDER BY page_id")


_JUDGED = ("page_id", "name", "name_key", "brand", "category", "codes", "is_specific", "is_nameable")


def _judged_pages(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    """Names and codes of `product_signals`; pages that give neither are left out."""
    from functools import cache

    from browse_assets.analysis.product_names import is_brand_and_model, read_json_ld, reduce_name
    from browse_assets.analysis.products import product_code

    known = _known_brands(con)
    reduce = cache(lambda name, brand, site: reduce_name(name, brand, site, known))
    rows: list[tuple[Any, ...]] = []
    for page_id, site, name, brand, category, gtin, mpn, sku, json_ld, kind, code, is_resale in con.execute(
        "SELECT page_id::VARCHAR, site, name, brand, category, gtin, mpn, sku, json_ld, market_kind, market_code, "
        "is_resale FROM product_signals ORDER BY page_id"
    ).fetchall():
        said = (read_json_ld(json_ld) if json_ld else None) or {"codes": {}}
        name = said.get("name") or name
        brand = None if is_resale else brand or said.get("brand")
        category = None if is_resale else category or said.get("category")
        given = {**said["codes"], "gtin": gtin, "mpn": mpn, "sku": sku, kind: code}
        codes = {
            product_code(key, text, brand, site) for key, text in given.items() if key and text and "{" not in text
        }
        reduced = reduce(name or "", brand, site)
        if reduced.key and not reduced.is_specific:  # goods without brand and model are a product of their shop
            codes.add(f"shop:{site} {reduced.compact}")
        found = sorted(code for code in codes if code)
        nameable = reduced.is_specific and is_brand_and_model(reduced.key, known)
        if reduced.is_specific or found:
            rows.append(
                (page_id, reduced.shown, reduced.key, brand, category, found, str(reduced.is_specific), str(nameable))
            )
    return rows


def _names(con: duckdb.DuckDBPyConnection) -> list[str]:
    return [
        name
        for (name,) in con.execute(
            "SELECT DISTINCT name_key FROM page_products "
            "WHERE is_specific AND method IN ('metadata', 'marketplace') AND contains(name_key, ' ') ORDER BY 1"
        ).fetchall()
    ]


def _search_names(con: duckdb.DuckDBPyConnection, since: int, names_before: list[str]) -> None:
    """Rows of pages that name a product: of the new pages, or of all when there are other names than before."""
    from browse_assets.analysis.product_names import VARIANTS, spellings_of

    names = _names(con)
    since = since if names == names_before else 0
    con.execute("CREATE OR REPLACE TEMP TABLE product_texts AS " + read_sql("product_texts"), {"since": since})
    spoken = [(name, spelling) for name in names for spelling in spellings_of(name)]
    _register(con, "spoken_names", ("name_key", "spoken"), spoken)
    _register(con, "variant_words", ("word",), [(word,) for word in sorted(VARIANTS)])
    con.execute("SET VARIABLE product_guard = (SELECT string_agg('(?:' || pattern || ')', '|') FROM listed)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pages AS SELECT page_id, text, url FROM product_texts "
        "WHERE regexp_matches(text, getvariable('product_guard')) ORDER BY page_id"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE listed_names (page_id UUID, product_id VARCHAR)")
    _match_lists(con, "listed_names")
    for product_id, pattern in con.execute("SELECT product_id, url_pattern FROM watched ORDER BY 1").fetchall():
        con.execute(
            "INSERT INTO listed_names SELECT page_id, $product_id FROM product_texts "
            "WHERE $pattern <> '' AND regexp_matches(url, $pattern) EXCEPT FROM listed_names",
            {"product_id": product_id, "pattern": pattern},
        )
    con.execute("CREATE OR REPLACE TEMP TABLE named AS " + read_sql("named_products"))
    con.execute(
        "DELETE FROM page_products WHERE method NOT IN ('metadata', 'marketplace') "
        "AND page_id IN (SELECT page_id FROM product_texts)"
    )
    insert_rows(
        con,
        PAGE_PRODUCTS,
        "SELECT page_id, coalesce(product_id, '') AS product_id, stage, method, NULL AS name, name_key, NULL AS brand, "
        "NULL AS category, []::VARCHAR[] AS codes, TRUE AS is_specific, FALSE AS is_nameable, load_id "
        "FROM named ORDER BY page_id, product_id, name_key",
    )


def _match_lists(con: duckdb.DuckDBPyConnection, target: str) -> None:
    """`label_pages` for both lists: 250 statements, 0.3 s, that few new pages need."""
    if con.execute("SELECT 1 FROM pages LIMIT 1").fetchone():
        label_pages(con, target, "product_id", "SELECT product_id, pattern FROM listed")


def _merge(con: duckdb.DuckDBPyConnection) -> None:
    """Give every row the product that its name and codes stand for."""
    from browse_assets.analysis.products import merge_products

    sightings = [
        tuple(keys)
        for (keys,) in con.execute(
            f"SELECT DISTINCT {_KEYS} FROM page_products WHERE method IN ('metadata', 'marketplace')"
        ).fetchall()
    ]
    listed = _listed_keys(con)
    # A shop's goods without a brand are what a brand's are, when they are called the same.
    known = {key for key, *_ in sightings if key.startswith("name:")} | listed.keys()
    sightings += [(name, shop) for name, shop in con.execute(_UNSPECIFIC).fetchall() if name in known]
    ids = merge_products(sightings, listed)
    _register(con, "merged", ("key", "merged_id"), sorted(ids.items()))
    con.execute(
        f"""
        UPDATE page_products SET product_id = merged.merged_id FROM merged
        WHERE page_products.product_id <> merged.merged_id AND method NOT IN ('product_list', 'watch_list')
          AND {_KEYS}[1] = merged.key
        """
    )
    # Two spellings of one product on a page: the surest says it.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE one_each AS SELECT * FROM page_products
        QUALIFY row_number() OVER (PARTITION BY page_id, product_id ORDER BY
            list_position(['metadata', 'marketplace', 'watch_list', 'product_list', 'title'], method), name_key) = 1
        """
    )
    con.execute("DELETE FROM page_products")
    insert_rows(con, PAGE_PRODUCTS, "SELECT * FROM one_each ORDER BY page_id, product_id")


_NAME = "'name:' || replace(name_key, ' ', '')"
_SHOP = "list_filter(codes, lambda code: starts_with(code, 'shop:'))"
_KEYS = (
    f"list_concat(CASE WHEN is_specific THEN [{_NAME}] ELSE {_SHOP} END, "
    "list_filter(codes, lambda code: NOT starts_with(code, 'shop:')))"
)
_UNSPECIFIC = f"""
    SELECT DISTINCT {_NAME}, unnest({_SHOP}) FROM page_products
    WHERE NOT is_specific AND name_key IS NOT NULL ORDER BY ALL
"""


def _listed_keys(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Product id of the keys that a list's names stand for, and of those that pages give the same product."""
    from browse_assets.analysis.product_names import is_accessory, is_listed_name, words_of

    keys: dict[str, str] = {}
    patterns: dict[str, str] = {}
    for product_id, name, brand, pattern in con.execute(
        "SELECT product_id, name, brand, pattern FROM listed ORDER BY product_id, method"
    ).fetchall():
        patterns[product_id] = pattern
        for words in (words_of(name), words_of(f"{brand or ''} {name}")):
            keys.setdefault("name:" + "".join(words), product_id)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pages AS SELECT DISTINCT name_key AS page_id, name_key AS text "
        "FROM page_products WHERE method IN ('metadata', 'marketplace') "
        "AND regexp_matches(name_key, getvariable('product_guard'))"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE listed_keys (page_id VARCHAR, product_id VARCHAR)")
    _match_lists(con, "listed_keys")
    for name_key, product_id in con.execute("FROM listed_keys ORDER BY ALL").fetchall():
        if not is_accessory(name_key) and is_listed_name(name_key, patterns[product_id]):
            keys.setdefault("name:" + name_key.replace(" ", ""), product_id)
    return keys
