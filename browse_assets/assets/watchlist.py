"""The asset watchlist_interest: is this person interested in product X, visited or not.

What belongs here: joining visits and likeness. What does not: the list's meaning (`analysis/watchlist.py`), likeness
and its cut (`analysis/product_likeness.py`), interest by visits (`products.py`).
"""

from datetime import datetime

import dagster as dg

from browse_assets.assets.evidence import refresh_as_of
from browse_assets.assets.product_pages import load_lists
from browse_assets.assets.products import product_interest
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.assets.state import require_state
from browse_assets.resources import WRITER_POOL, Databases
from browse_assets.sql import read_sql
from browse_assets.tables import WATCHLIST_INTEREST


@dg.asset(pool=WRITER_POOL, group_name="products", deps=[product_interest, "interest_profile"])
def watchlist_interest(databases: Databases) -> dg.MaterializeResult:
    """One row per person and product of the watch list `data/reference/watchlist.csv`.

    By visits where the person has any (as product_interest says), else by the likeness of the product's description
    to the person's topics and products. Caveat: likeness says that somebody is of the kind that might want it; it is
    no probability, and its cut is set so that few are called (0 to 4 of the sample's 318 people per product).
    """
    with databases.open(warehouse="write") as con:

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.product_likeness import likeness_cut, likeness_to

            load_lists(con)
            con.execute("CREATE TEMP TABLE watch_visits AS " + read_sql("watch_visits"), {"as_of": as_of})
            described = con.execute(
                "SELECT DISTINCT name, description FROM watched WHERE description <> '' ORDER BY name"
            ).fetchall()
            descriptions = pd.Series([text for _, text in described], index=[name for name, _ in described], dtype=str)
            likeness = likeness_to(descriptions, con.execute(read_sql("liked_items")).df())
            con.execute(
                "CREATE TEMP TABLE likeness (user_key UUID, watch_name VARCHAR, likeness DOUBLE, nearest VARCHAR)"
            )
            con.execute("CREATE TEMP TABLE cuts (watch_name VARCHAR, cut DOUBLE)")
            if len(likeness):
                con.register("likeness_rows", likeness)
                con.execute(
                    "INSERT INTO likeness SELECT user_key::UUID, watch_name, likeness, nearest FROM likeness_rows"
                )
            for name, rows in likeness.groupby("watch_name"):
                con.execute("INSERT INTO cuts VALUES (?, ?)", [name, likeness_cut(rows["likeness"])])
            return {"watchlist_interest": f"SELECT *, TIMESTAMP '{as_of}' AS as_of FROM ({_JUDGED})"}

        profile = require_state(con, "interest_profile")
        refresh_as_of(
            con,
            databases.settings,
            (WATCHLIST_INTEREST,),
            compute,
            upstream="product_interest",
            depends_on=(profile.load_id, profile.fingerprint),
        )
        called = con.execute(
            "SELECT watch_name || ', by ' || basis, count(*) FILTER (is_interested) FROM watchlist_interest "
            "WHERE basis IS NOT NULL GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            WATCHLIST_INTEREST,
            preview_select="SELECT watch_name, basis, count(*) AS people, "
            "count(*) FILTER (is_interested) AS interested FROM watchlist_interest GROUP BY ALL ORDER BY ALL",
            preview_rows=20,
            extra=bar_plot("people interested by watched product", called),
        )


_JUDGED = """
    SELECT visits.user_key, visits.watch_name, visits.product_id,
        CASE WHEN visits.sessions > 0 THEN 'visits' WHEN likeness.likeness IS NOT NULL THEN 'similarity' END AS basis,
        visits.sessions, visits.active_days, visits.last_seen, visits.recency_days,
        likeness.likeness AS similarity, cuts.cut AS similarity_cut, likeness.nearest, visits.probability,
        CASE WHEN visits.sessions > 0 THEN visits.is_interested ELSE likeness.likeness >= cuts.cut END AS is_interested
    FROM watch_visits AS visits
    LEFT JOIN likeness USING (user_key, watch_name)
    LEFT JOIN cuts USING (watch_name)
    ORDER BY visits.user_key, visits.watch_name
"""
