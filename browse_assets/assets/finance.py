"""Assets of finance: which pages are about which financial product, who shops for it and who has it.

What belongs here: page_finance and finance_flags. What does not: the rules (`sql/page_finance.sql`, the
lists `data/reference/finance_*.csv`), names of banks (`analysis/finance_hosts.py`), the statistics of
evidence (`analysis/interest.py`).
"""

import csv
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg
import duckdb

from browse_assets.assets.events import scrubbed_events
from browse_assets.assets.evidence import is_gone, label_pages, refresh_as_of, touches_of
from browse_assets.assets.reporting import bar_plot, grouped_bar_plot, table_result
from browse_assets.assets.state import EMPTY, read_state, require_state, write_state
from browse_assets.engine.choice import bring_back, computing
from browse_assets.resources import WRITER_POOL, Databases, insert_rows, load_reference, transaction
from browse_assets.settings import REFERENCE_DIR
from browse_assets.sql import read_sql
from browse_assets.tables import FINANCE_FLAGS, FINANCE_PRODUCTS, FORBIDDEN_USES, NEVER_TOLD_PRODUCTS, PAGE_FINANCE

if TYPE_CHECKING:
    from browse_assets.analysis.finance_hosts import HostWord, HostWords

# What of a page the patterns are matched on.
_TEXTS = {
    "path": "path_text",
    "title": "title_text",
    "search_terms": "terms_text",
    "about": "about_text",
    "host": "left(host, greatest(0, length(host) - length(domain)))",
}
_FIELDS = ("path", "title", "search_terms", "about")
# What a table of labels says, and its list; one pattern of all terms together would be 20 times as slow.
_LISTS = {
    "finance_named": ("finance_product", "SELECT finance_product, term FROM reference_finance_terms"),
    "finance_intents": ("intent", "SELECT intent, pattern FROM reference_finance_intents WHERE field = '{}'"),
    "finance_vetoes": ("veto", "SELECT veto, pattern FROM reference_finance_vetoes WHERE field = '{}'"),
}

# From all who looked once to who is interested now; customers are apart, they need not have shopped.
_FUNNEL = ("shopped in 1 session or more", "in 2 or more", "interested", "customers")

# Where a bank, lender or insurer that no list and no name gives away says what it is.
_SIGN_TEXT = "concat_ws(' ', title_text, about_text)"


@dg.asset(pool=WRITER_POOL, group_name="finance", deps=[scrubbed_events])
def page_finance(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per distinct page and financial product that it is about, with what a visit of it shows.

    Each page is judged once, from host name, path, title, search terms and meta tags; `why` says by what.
    A bank that no list knows is known by its name. Caveat: words in English, German, French and Spanish,
    fewer in Italian, Dutch, Polish and Portuguese; news, jobs and debt relief are left out on purpose. On 211
    pages that no rule was made from: precision 0.91 and recall 0.66 for shopping, 0.73 and 0.46 for servicing.
    """
    with databases.open(warehouse="write") as con:
        source, stored = require_state(con, "scrubbed_events"), read_state(con, "page_finance")
        if source == stored:
            context.log.info("Nothing new: no row is changed.")
        else:
            is_increment = stored != EMPTY and stored.fingerprint == source.fingerprint
            judge_pages(con, since=stored.load_id if is_increment else 0)
            with transaction(con):
                if is_increment:
                    con.execute("DELETE FROM page_finance WHERE page_id IN (SELECT page_id FROM pages)")
                    con.execute(f"DELETE FROM page_finance WHERE {is_gone('page_finance')}")
                else:
                    con.execute("DELETE FROM page_finance")
                insert_rows(con, PAGE_FINANCE, "SELECT * FROM judged_pages ORDER BY page_id, finance_product")
                write_state(con, "page_finance", source)
        by_reason = con.execute(
            "SELECT why || ': ' || intent, count(*) FROM page_finance GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            PAGE_FINANCE,
            preview_select="SELECT finance_product, intent, count(*) AS pages FROM page_finance "
            "GROUP BY ALL ORDER BY 3 DESC, 1, 2",
            extra=bar_plot("pages by how they were judged", by_reason),
        )


def judge_pages(con: duckdb.DuckDBPyConnection, since: int) -> None:
    """Make `judged_pages` of the distinct pages in loads after `since`, and `pages` that may be financial.

    Args:
        con: the warehouse.
        since: newest load whose pages are judged already; 0 for all.
    """
    con.execute(read_sql("macros"))
    load_reference(
        con,
        [
            "domains",
            "finance_domains",
            "finance_sections",
            "finance_terms",
            "finance_intents",
            "finance_objects",
            "finance_offers",
            "finance_page_signs",
            "finance_site_terms",
            "finance_vetoes",
        ],
    )
    _find_sites(con, since)
    con.execute("CREATE OR REPLACE TEMP TABLE pages AS " + read_sql("finance_texts"), {"since": since})
    con.execute("DROP TABLE IF EXISTS finance_signs")
    label_pages(con, "finance_signs", "kind", "SELECT kind, pattern FROM reference_finance_page_signs", _SIGN_TEXT)
    _label(con, "finance_named", ("path", "title", "search_terms"))
    _label_together(con)
    # What only a description names counts on financial sites alone.
    con.execute(
        "CREATE OR REPLACE TEMP TABLE pages AS SELECT * FROM pages "
        "WHERE domain IN (SELECT domain FROM guarded_domains) "
        "OR page_id IN (SELECT page_id FROM finance_named UNION ALL SELECT page_id FROM finance_signs)"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE page_sites AS " + read_sql("finance_page_sites"))
    _label(con, "finance_named", ("about",))
    _label(con, "finance_intents", ("host", *_FIELDS))
    _label(con, "finance_vetoes", _FIELDS)
    _label_by_site(con)
    con.execute("CREATE OR REPLACE TEMP TABLE judged_pages AS " + read_sql("page_finance"))


def _find_sites(con: duckdb.DuckDBPyConnection, since: int) -> None:
    """Make `finance_sites`: financial sites by the lists, and by their names where no list knows them."""
    from browse_assets.analysis.finance_hosts import HostWords, describe_finance_hosts, words_in_hosts
    from browse_assets.analysis.hosts import public_suffix  # tldextract and pyarrow: 0.3 s

    domains = con.execute(
        "SELECT DISTINCT domain FROM scrubbed_events WHERE load_id > ? ORDER BY 1", [since]
    ).fetchall()
    names = [(domain, public_suffix(domain)) for (domain,) in domains if domain]
    con.register("named_sites", describe_finance_hosts(names, host_words()))
    con.register("words_of_names", words_in_hosts(names, HostWords(_listed_words())))
    con.execute("CREATE OR REPLACE TEMP TABLE finance_sites AS " + read_sql("finance_sites"))
    con.execute(
        "CREATE OR REPLACE TEMP TABLE guarded_domains AS SELECT domain FROM finance_sites UNION "
        "SELECT domain FROM (SELECT DISTINCT host, domain FROM scrubbed_events) AS hosts "
        "JOIN reference_finance_sections AS sections "
        "ON sections.site IN (hosts.host, hosts.domain) OR ends_with(hosts.host, '.' || sections.site)"
    )


def host_words() -> "HostWords":
    """The words by which names of banks, lenders and insurers are known."""
    from browse_assets.analysis.finance_hosts import HostWords

    return HostWords([word for word in _listed_words() if word.meaning != "object"])


def _listed_words() -> "list[HostWord]":
    from browse_assets.analysis.finance_hosts import HostWord

    with (REFERENCE_DIR / "finance_host_words.csv").open(encoding="utf-8", newline="") as file:
        return [HostWord(*row.values()) for row in csv.DictReader(file)]


def _label(con: duckdb.DuckDBPyConnection, target: str, fields: tuple[str, ...]) -> None:
    """Add to `target` (page_id, field, label) which of its list's patterns match these fields of `pages`."""
    label, listed = _LISTS[target]
    con.execute(f"CREATE TEMP TABLE IF NOT EXISTS {target} (page_id UUID, field VARCHAR, {label} VARCHAR)")
    for field in fields:
        con.execute(f"DELETE FROM {target} WHERE field = ?", [field])
        con.execute("DROP TABLE IF EXISTS found_labels")
        # Descriptions read like titles: one list of intents for both.
        by_list = "title" if (target, field) == ("finance_intents", "about") else field
        label_pages(con, "found_labels", label, listed.format(by_list), _TEXTS[field])
        con.execute(f"INSERT INTO {target} SELECT page_id, '{field}', {label} FROM found_labels")


def _label_together(con: duckdb.DuckDBPyConnection) -> None:
    """Add to `finance_named` what a thing and an offer name together: `dogs` and `coverage` for two of its words.

    On all texts of the page and the words of the site's name; weaker than an exact term.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE all_pages AS SELECT * FROM pages")
    con.execute("CREATE OR REPLACE TEMP TABLE pages AS " + read_sql("finance_fronts"))
    offers = (
        "SELECT offer || ' ' || weight || ' ' || row_number() OVER (ORDER BY offer, pattern), pattern "
        "FROM reference_finance_offers"
    )
    # A company's name is a thing too: `geico` is about cars.
    objects = (
        "SELECT finance_product, pattern FROM reference_finance_objects UNION ALL "
        "SELECT default_product, '\\b' || split_part(domain, '.', 1) || '\\b' FROM reference_finance_domains "
        "WHERE default_product <> 'banking' AND length(split_part(domain, '.', 1)) >= 5"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE found_words (page_id UUID, field VARCHAR, kind VARCHAR, word VARCHAR)")
    for kind, patterns in (("offer", offers), ("object", objects)):
        for field in ("front_text", "about_text"):
            con.execute("DROP TABLE IF EXISTS found_labels")
            label_pages(con, "found_labels", "word", patterns, field)
            con.execute(f"INSERT INTO found_words SELECT page_id, '{field}', '{kind}', word FROM found_labels")
        # Few pages offer anything: only on those are things looked for.
        con.execute("CREATE OR REPLACE TEMP TABLE offered AS " + read_sql("finance_offered"))
        con.execute("CREATE OR REPLACE TEMP TABLE pages AS SELECT * FROM pages SEMI JOIN offered USING (page_id)")
    con.execute("INSERT INTO finance_named " + read_sql("finance_together"))
    con.execute("CREATE OR REPLACE TEMP TABLE pages AS SELECT * FROM all_pages")


def _label_by_site(con: duckdb.DuckDBPyConnection) -> None:
    """Add to `finance_named` what words say that name a product on a financial site only: `/auto` at an insurer."""
    (kinds,) = zip(
        *con.execute("SELECT DISTINCT kind FROM reference_finance_site_terms ORDER BY 1").fetchall(), strict=True
    )
    con.execute("DELETE FROM finance_named WHERE field IN ('site path', 'site title')")
    con.execute("CREATE OR REPLACE TEMP TABLE all_pages AS SELECT * FROM pages")
    own = read_sql("finance_own_products")
    for kind in kinds:
        con.execute(
            "CREATE OR REPLACE TEMP TABLE pages AS SELECT all_pages.* FROM all_pages JOIN page_sites USING (page_id) "
            "WHERE kind = ?",
            [kind],
        )
        for field, text in (("path", "site_text"), ("title", _TEXTS["title"])):
            con.execute("DROP TABLE IF EXISTS found_labels")
            label_pages(
                con,
                "found_labels",
                "finance_product",
                f"SELECT finance_product, term FROM reference_finance_site_terms WHERE kind = '{kind}'",
                text,
            )
            con.execute(f"INSERT INTO finance_named SELECT page_id, 'site {field}', finance_product FROM ({own})")
    con.execute("CREATE OR REPLACE TEMP TABLE pages AS SELECT * FROM all_pages")


@dg.asset(
    pool=WRITER_POOL,
    group_name="finance",
    deps=[page_finance],
    metadata={"forbidden uses": dg.MetadataValue.md(FORBIDDEN_USES["finance_flags"])},
)
def finance_flags(databases: Databases) -> dg.MaterializeResult:
    """One row per person and financial product that the person shopped for or used.

    Shopping is comparing, rates, applying, and alone counts as interest; servicing is logging in to
    what one has, and shows a customer. Never for a credit decision, never told together with age, gender,
    family status or postcode. Caveat: intent comes from words; a page with neither kind of word says nothing, and
    of shopping on sites that no rule was made from a third is missed (recall 0.66, precision 0.91).
    """
    with databases.open(warehouse="write") as con, computing(databases.settings, con) as work:

        def compute(as_of: datetime) -> dict[str, str]:
            import pandas as pd

            from browse_assets.analysis.interest import score_evidence

            work.execute(read_sql("macros"))
            work.execute("CREATE TEMP TABLE finance_events AS " + read_sql("finance_events"), {"as_of": as_of})
            work.execute("CREATE TEMP TABLE item_events AS " + read_sql("finance_items"))
            touches, exposure = touches_of(work, as_of)
            work.register(
                "scored",
                score_evidence(touches, exposure, as_of=pd.Timestamp(as_of), item_count=len(FINANCE_PRODUCTS)),
            )
            work.execute("CREATE TEMP TABLE flags AS " + read_sql("finance_flags"), {"as_of": as_of})
            bring_back(work, "flags")
            return {"finance_flags": "SELECT * FROM flags ORDER BY user_key, finance_product"}

        refresh_as_of(con, databases.settings, (FINANCE_FLAGS,), compute, upstream="page_finance")
        funnel = con.execute(
            "SELECT replace(finance_product, '_', ' '), count_if(shopping_sessions > 0) AS looked, "
            "count_if(shopping_sessions > 1), count_if(is_interested), count_if(is_customer) FROM finance_flags "
            "WHERE NOT list_contains($never_told, finance_product) GROUP BY ALL ORDER BY looked DESC, 1",
            {"never_told": list(NEVER_TOLD_PRODUCTS)},
        ).fetchall()
        return table_result(
            con,
            FINANCE_FLAGS,
            preview_select="SELECT user_key, finance_product, shopping_sessions, servicing_sessions, "
            "probability, is_interested, is_customer FROM finance_flags "
            "ORDER BY probability DESC NULLS LAST, user_key, finance_product LIMIT 5",
            extra=grouped_bar_plot("people by financial product", funnel, _FUNNEL, databases.settings.min_group),
        )
