"""Question 5: whether people were shopping for financial products, apart from using what they have.

What belongs here: finance_flags in words. What does not: which page is shopping and which servicing
(`sql/page_finance.sql`).
"""

from browse_assets.analysis.churn_report import listed, plain
from browse_assets.notebook.answer import Answer
from browse_assets.notebook.installation import Installation, short
from browse_assets.tables import NEVER_TOLD_PRODUCTS

_SHOWN_ROWS = 8


def funnel(installation: Installation) -> Answer:
    """People from any page view to an interest in a financial product."""
    import pandas as pd

    from browse_assets.analysis.figures import bar_figure

    steps = {
        "seen at all": "SELECT count(DISTINCT user_key) FROM user_days",
        "any financial page": "SELECT count(DISTINCT user_key) FROM finance_flags",
        "any shopping": "SELECT count(DISTINCT user_key) FROM finance_flags WHERE shopping_sessions > 0",
        "two sessions on two days": "SELECT count(DISTINCT user_key) FROM finance_flags "
        "WHERE shopping_sessions >= 2 AND active_days >= 2",
        "interested now": "SELECT count(DISTINCT user_key) FROM finance_flags WHERE is_interested",
    }
    counts = {name: int(installation.value(select)) for name, select in steps.items()}
    table = pd.DataFrame({"step": list(counts), "people": [installation.told(count) for count in counts.values()]})
    told = {name: count for name, count in counts.items() if count >= installation.min_group}
    shopped, now = counts["any shopping"], counts["interested now"]
    words = (
        f"{'Yes' if shopped else 'No'}: of {counts['seen at all']:,} people, {installation.told(shopped)} "
        "compared, looked "
        f"up rates or applied for a financial product in some session, and {installation.told(now)} do so now: "
        "twice or "
        "more on two days, lately, and clearly more than the panel. Logging in to a bank or paying a premium is "
        "servicing: it makes somebody a customer, never a shopper."
    )
    figure = bar_figure(list(told), list(told.values()), title="People on the way to shopping") if told else None
    return Answer(words, table, figure, "Funnel")


def by_product(installation: Installation) -> Answer:
    """Shopping against servicing, by financial product."""
    from browse_assets.notebook.pictures import side_by_side_figure

    found = installation.query(
        "SELECT finance_product AS product, count_if(shopping_sessions > 0)::BIGINT AS shopping, "
        "count_if(is_interested)::BIGINT AS interested_now, count_if(is_customer)::BIGINT AS customers FROM "
        "finance_flags "
        "WHERE NOT list_contains($never, finance_product) GROUP BY ALL ORDER BY shopping DESC, customers DESC, product",
        {"never": list(NEVER_TOLD_PRODUCTS)},
    ).assign(product=lambda t: t["product"].map(plain))
    k = installation.min_group
    counts = ("shopping", "interested_now", "customers")
    is_told = found[list(counts)].max(axis=1) >= k
    table = found[is_told].copy()
    for name in counts:
        table[name] = table[name].map(installation.told)
    top = [f"{row['product']} ({row['shopping']})" for row in table.head(3).to_dict("records")]
    words = (
        f"Most people shop for {listed(top)}. A product can have many customers and few shoppers, as banking "
        "does where "
        "people mostly log in." + installation.hidden(int((~is_told).sum()), "products")
        if len(table)
        else "No financial product has enough people to be shown." + installation.hidden(len(found), "products")
    )
    figure = None
    if len(table):
        drawn = found[is_told]
        figure = side_by_side_figure(
            list(drawn["product"]),
            {
                "shopping": [n if n >= k else 0 for n in drawn["shopping"]],
                "customers (servicing on two days)": [n if n >= k else 0 for n in drawn["customers"]],
            },
            title="Shopping and servicing",
            value_label=f"people (no bar: fewer than {k})" if k > 1 else "people",
        )
    return Answer(words, table.reset_index(drop=True), figure, "Financial products")


def evidence(installation: Installation) -> Answer:
    """The surest shoppers, with what they did."""
    found = installation.query(
        "SELECT user_key AS person, finance_product AS product, shopping_sessions, servicing_sessions, active_days, "
        "last_seen, probability, array_to_string(list_transform(evidence, lambda e: e.domain || ' ' || "
        "e.sessions), ', ') "
        "AS shopping_at FROM finance_flags WHERE is_interested AND NOT list_contains($never, finance_product) "
        "ORDER BY probability DESC, shopping_sessions DESC, person, product LIMIT $rows",
        {"never": list(NEVER_TOLD_PRODUCTS), "rows": _SHOWN_ROWS},
    )
    table = found.assign(person=short(found["person"]), product=found["product"].map(plain))
    words = (
        f"The {len(table)} surest, with the domains where they shopped. This must never decide about credit, "
        "insurance, "
        "prices, employment or housing."
        if len(table)
        else "Nobody is shopping for a financial product with enough evidence."
    )
    return Answer(words, table, None, "Shoppers and their evidence")
