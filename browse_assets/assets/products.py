"""Assets of products: which are seen in the panel, which are new, who is interested.

What belongs here: products and product_interest. What does not: recognising a product on a page
(`product_pages.py`), the watch list (`watchlist.py`), the statistics of evidence (`analysis/interest.py`).
"""

from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from browse_assets.assets.evidence import refresh_as_of, touches_of
from browse_assets.assets.product_pages import load_lists, page_products
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.engine.choice import Connection, bring_back, computing
from browse_assets.resources import WRITER_POOL, Databases
from browse_assets.sql import read_sql
from browse_assets.tables import PRODUCT_INTEREST, PRODUCT_STAGES, PRODUCTS

if TYPE_CHECKING:
    import pandas as pd

    from browse_assets.analysis.repeat_visits import FloatArray


def load_product_events(con: Connection, as_of: datetime) -> None:
    """Make `product_events`: see its SELECT."""
    con.execute("CREATE OR REPLACE TEMP TABLE product_events AS " + read_sql("product_events"), {"as_of": as_of})


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[page_products])
def products(databases: Databases) -> dg.MaterializeResult:
    """One row per product seen in the panel.

    One product at several shops is one where brand and model, or a code (EAN, ISBN, ASIN, maker's number), agree.
    Caveat: where shops name neither, each shop's goods are products of their own, and names that could hold a
    person's name are NULL: it takes a list, two shops or BROWSE_MIN_GROUP (11) people to be told.
    """
    with databases.open(warehouse="write") as con:

        def compute(as_of: datetime) -> dict[str, str]:
            load_product_events(con, as_of)
            load_lists(con)
            con.execute(
                "CREATE TEMP TABLE seen_products AS " + read_sql("products"),
                {"as_of": as_of, "min_group": databases.settings.min_group},
            )
            return {"products": "SELECT * FROM seen_products ORDER BY product_id"}

        depends_on = (databases.settings.min_group,)
        refresh_as_of(con, databases.settings, (PRODUCTS,), compute, upstream="page_products", depends_on=depends_on)
        return table_result(
            con,
            PRODUCTS,
            preview_select="SELECT name, brand, category, method, first_seen, is_new FROM products "
            "WHERE name IS NOT NULL ORDER BY is_new DESC NULLS LAST, first_seen DESC, product_id LIMIT 5",
        )


def _return_probability(scored: "pd.DataFrame", as_of: "pd.Timestamp") -> "FloatArray":
    from browse_assets.analysis.repeat_visits import RETURN_DAYS, fit_repeat_model, history_of

    ages = [(as_of - scored[column]).dt.total_seconds() / 86_400 for column in ("first_seen", "last_seen")]
    history = history_of(scored["active_days"], *ages)
    model = fit_repeat_model(*history)
    return history[0] * float("nan") if model is None else model.returning(*history, RETURN_DAYS)


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[products])
def product_interest(databases: Databases) -> dg.MaterializeResult:
    """One row per person and product that the person touched.

    A new product (launched or first seen within 90 days) counts as an interest only when the person
    saw it within 14 days, others within 28. Caveat: `is_new_to_person` is NULL where the person's own history
    began less than 28 days before the first visit: then everything is new.
    """
    with databases.open(warehouse="write") as con, computing(databases.settings, con) as work:

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.interest import score_evidence

            work.execute(read_sql("macros"))
            load_product_events(work, as_of)
            work.execute("CREATE TEMP VIEW item_events AS SELECT * FROM product_events")
            touches, exposure = touches_of(work, as_of)
            is_new = dict(con.execute("SELECT product_id, coalesce(is_new, FALSE) FROM products").fetchall())
            limits = touches["item"].map(is_new).map({True: 14.0, False: 28.0}).fillna(28.0)
            scored = score_evidence(touches, exposure, as_of=pd.Timestamp(as_of), recency_limit_days=limits)
            scored["return_probability"] = _return_probability(scored, pd.Timestamp(as_of))
            work.register("scored", scored)
            work.execute(
                "CREATE TEMP TABLE interests AS " + read_sql("product_interest"),
                {"as_of": as_of, "stages": list(PRODUCT_STAGES)},
            )
            bring_back(work, "interests")
            return {"product_interest": "SELECT * FROM interests ORDER BY user_key, product_id"}

        refresh_as_of(con, databases.settings, (PRODUCT_INTEREST,), compute, upstream="products")
        top = con.execute(
            "SELECT name || CASE WHEN is_new THEN ' (new)' ELSE '' END, count(*) FROM product_interest "
            "JOIN products USING (product_id) WHERE is_interested AND name IS NOT NULL GROUP BY ALL "
            "ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            PRODUCT_INTEREST,
            preview_select="SELECT user_key, product_id, stage, sessions, lift, probability, is_interested, "
            "is_new_to_person FROM product_interest ORDER BY probability DESC, user_key, product_id LIMIT 5",
            extra=bar_plot("people interested by product", top, databases.settings.min_group),
        )
