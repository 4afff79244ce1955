"""Assets of finance: who is shopping for which financial product, and who uses what they have.

What belongs here: finance_flags. What does not: telling shopping from servicing on a page
(`sql/finance_pages.sql`), the statistics of evidence (`analysis/interest.py`).
"""

from datetime import datetime

import dagster as dg

from browse_assets.assets.events import domain_features
from browse_assets.assets.evidence import label_pages, refresh_as_of, touches_of
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.resources import WRITER_POOL, Databases, load_reference
from browse_assets.sql import read_sql
from browse_assets.tables import FINANCE_FLAGS

_SHOPPING_EVENTS = """
    SELECT user_key, finance_product AS item, event_time, session_id, domain
    FROM page_events JOIN finance_pages USING (page_id)
    WHERE intent = 'shopping'
"""

# What of a page an intent's pattern is matched on.
_INTENT_TEXTS = {
    "path": "path_text",
    "host": "host",
    "title": "page_text(NULL, title, NULL)",
    "search_terms": "page_text(NULL, NULL, search_terms)",
}


@dg.asset(pool=WRITER_POOL, group_name="finance", deps=[domain_features])
def finance_flags(databases: Databases) -> dg.MaterializeResult:
    """One row per person and financial product that the person shopped for or used.

    Shopping is comparing, rates, applying, and alone counts as interest; servicing is logging in to
    what one has, and shows a customer. Caveat: intent comes from words in path, host, title and search
    terms; a page with neither kind of word says nothing.
    """
    with databases.open(warehouse="write") as con:

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.interest import score_evidence

            con.execute(read_sql("macros"))
            load_reference(con, ["finance_domains", "finance_terms", "finance_intents"])
            con.execute(
                "SET VARIABLE page_guard = (SELECT string_agg('(?:' || term || ')', '|') FROM reference_finance_terms)"
            )
            con.execute("CREATE TEMP TABLE guarded_domains AS SELECT domain FROM reference_finance_domains")
            for name in ("pages", "page_events"):
                con.execute(f"CREATE TEMP TABLE {name} AS " + read_sql(name), {"as_of": as_of})
            label_pages(
                con,
                "finance_names",
                "finance_product",
                "SELECT finance_product, term FROM reference_finance_terms",
            )
            for field, text in _INTENT_TEXTS.items():
                label_pages(
                    con,
                    "finance_intents",
                    "intent",
                    f"SELECT intent, pattern FROM reference_finance_intents WHERE field = '{field}'",
                    text,
                )
            con.execute("CREATE TEMP TABLE finance_pages AS " + read_sql("finance_pages"))
            touches, exposure = touches_of(con, _SHOPPING_EVENTS, as_of)
            con.register("scored", score_evidence(touches, exposure, as_of=pd.Timestamp(as_of)))
            con.execute("CREATE TEMP TABLE flags AS " + read_sql("finance_flags"), {"as_of": as_of})
            return {"finance_flags": "SELECT * FROM flags ORDER BY user_key, finance_product"}

        refresh_as_of(con, databases.settings, (FINANCE_FLAGS,), compute)
        funnel = con.execute(
            "SELECT finance_product || ' (' || what || ')', people FROM ("
            "SELECT finance_product, 'interested' AS what, count(*) AS people FROM finance_flags "
            "WHERE is_interested GROUP BY ALL UNION ALL "
            "SELECT finance_product, 'customer', count(*) FROM finance_flags WHERE is_customer GROUP BY ALL"
            ") ORDER BY people DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            FINANCE_FLAGS,
            preview_select="SELECT user_key, finance_product, shopping_sessions, servicing_sessions, "
            "probability, is_interested, is_customer FROM finance_flags "
            "ORDER BY probability DESC NULLS LAST, user_key, finance_product LIMIT 5",
            extra=bar_plot("people by financial product", funnel),
        )
