"""Assets of products: which are seen in the panel, which are new, who is interested.

What belongs here: products and product_interest. What does not: recognising a product on a page
(`sql/product_pages.sql`), the statistics of evidence (`analysis/interest.py`).
"""

from datetime import datetime

import dagster as dg
import duckdb

from browse_assets.assets.events import domain_features
from browse_assets.assets.evidence import label_pages, refresh_as_of, touches_of
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.resources import WRITER_POOL, Databases, load_reference
from browse_assets.sql import read_sql
from browse_assets.tables import PRODUCT_INTEREST, PRODUCTS

_ITEM_EVENTS = """
    SELECT user_key, product_id AS item, event_time, session_id, domain
    FROM page_events JOIN product_pages USING (page_id)
"""
_STAGES = ["view", "compare", "cart", "purchase"]


def _find_product_pages(con: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    con.execute(read_sql("macros"))
    load_reference(con, ["products"])
    con.execute("SET VARIABLE page_guard = (SELECT string_agg('(?:' || pattern || ')', '|') FROM reference_products)")
    con.execute("CREATE OR REPLACE TEMP TABLE guarded_domains AS SELECT NULL::VARCHAR AS domain WHERE FALSE")
    for name in ("pages", "page_events"):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS " + read_sql(name), {"as_of": as_of})
    label_pages(con, "product_names", "product_id", "SELECT product_id, pattern FROM reference_products")
    con.execute("CREATE OR REPLACE TEMP TABLE product_pages AS " + read_sql("product_pages"))
    con.execute("CREATE OR REPLACE TEMP TABLE item_events AS " + _ITEM_EVENTS)


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[domain_features])
def products(databases: Databases) -> dg.MaterializeResult:
    """One row per product seen in the panel.

    Products are those of the watch list `data/reference/products.csv`, recognised in path, title or
    search terms. Caveat: what is not on the list is not seen by this version.
    """
    with databases.open(warehouse="write") as con:

        def compute(as_of: datetime) -> dict[str, str]:
            _find_product_pages(con, as_of)
            con.execute("CREATE TEMP TABLE seen_products AS " + read_sql("products"), {"as_of": as_of})
            return {"products": "SELECT * FROM seen_products ORDER BY product_id"}

        refresh_as_of(con, databases.settings, (PRODUCTS,), compute)
        return table_result(
            con,
            PRODUCTS,
            preview_select="SELECT product_id, brand, category, first_seen, is_new FROM products "
            "ORDER BY is_new DESC NULLS LAST, first_seen DESC, product_id LIMIT 5",
        )


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[products])
def product_interest(databases: Databases) -> dg.MaterializeResult:
    """One row per person and product that the person touched.

    A new product (launched or first seen within 90 days) counts as an interest only when the person
    saw it within 14 days, others within 28. `is_new_to_person` is NULL for people whose own history is
    too young to tell.
    """
    with databases.open(warehouse="write") as con:

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.interest import score_evidence

            _find_product_pages(con, as_of)
            touches, exposure = touches_of(con, _ITEM_EVENTS, as_of)
            is_new = dict(con.execute("SELECT product_id, coalesce(is_new, FALSE) FROM products").fetchall())
            limits = touches["item"].map(is_new).map({True: 14.0, False: 28.0}).fillna(28.0)
            scored = score_evidence(touches, exposure, as_of=pd.Timestamp(as_of), recency_limit_days=limits)
            con.register("scored", scored)
            con.execute(
                "CREATE TEMP TABLE interests AS " + read_sql("product_interest"),
                {"as_of": as_of, "stages": _STAGES},
            )
            return {"product_interest": "SELECT * FROM interests ORDER BY user_key, product_id"}

        refresh_as_of(con, databases.settings, (PRODUCT_INTEREST,), compute, upstream="products")
        top = con.execute(
            "SELECT name || CASE WHEN is_new THEN ' (new)' ELSE '' END, count(*) FROM product_interest "
            "JOIN products USING (product_id) WHERE is_interested GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            PRODUCT_INTEREST,
            preview_select="SELECT user_key, product_id, stage, sessions, lift, probability, is_interested, "
            "is_new_to_person FROM product_interest ORDER BY probability DESC, user_key, product_id LIMIT 5",
            extra=bar_plot("people interested by product", top),
        )
