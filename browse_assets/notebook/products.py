"""Questions 3 and 4: which products people are interested in, and whether a new one is among them.

What belongs here: product_interest, products and watchlist_interest in words. What does not: which page sells what and
what interest is (`analysis/products.py`, `analysis/interest.py`).
"""

from browse_assets.analysis.churn_report import listed, percent
from browse_assets.notebook.answer import Answer
from browse_assets.notebook.installation import Installation, short

_TOP = 12
_SHOWN_PEOPLE = 5


def by_product(installation: Installation) -> Answer:
    """Named products by how many people are interested."""
    import pandas as pd

    from browse_assets.analysis.figures import bar_figure

    found = installation.query(
        "SELECT name AS product, category, count(*) AS visited, count_if(is_interested)::BIGINT AS interested, "
        "bool_or(is_new) AS new FROM product_interest JOIN products USING (product_id) WHERE name IS NOT NULL "
        "GROUP BY ALL HAVING interested > 0 ORDER BY interested DESC, product LIMIT $top",
        {"top": _TOP},
    )
    pairs, nameless, people = installation.query(
        "SELECT count(*), count(*) FILTER (name IS NULL), count(DISTINCT user_key) FROM product_interest "
        "JOIN products USING (product_id) WHERE is_interested"
    ).iloc[0]
    seen = int(installation.value("SELECT count(*) FROM products"))
    is_told = found["interested"] >= installation.min_group
    # Where the count is not told, neither is the order by it.
    small = found[~is_told].sort_values("product", kind="stable")
    table = pd.concat([found[is_told], small])
    for name in ("visited", "interested"):
        table[name] = table[name].map(installation.told)
    words = (
        f"The pages name or sell {seen:,} different products. {installation.told(people)} of {installation.people:,} "
        f"people are interested in at least one: several sessions on two days or more, lately, and clearly more than "
        f"the panel. That makes {int(pairs):,} pairs of person and product; {int(nameless):,} of them are products "
        "whose name is not told, since a title that few people saw could hold somebody's name."
        if pairs
        else f"The pages name or sell {seen:,} different products; no interest has enough evidence."
    )
    figure = None
    if is_told.any():
        figure = bar_figure(
            list(found["product"][is_told]), list(found["interested"][is_told]), title="People interested, by product"
        )
    return Answer(words, table.reset_index(drop=True), figure, "Named products with most interest")


def by_stage(installation: Installation) -> Answer:
    """How near to buying people came, of all they touched and of what they are interested in."""
    from browse_assets.notebook.pictures import side_by_side_figure

    table = installation.query(
        "SELECT stage, count(*) AS touched, count_if(is_interested)::BIGINT AS interested FROM product_interest "
        "GROUP BY stage ORDER BY list_position(['search', 'category', 'product', 'compare', 'cart', 'checkout'], stage)"
    )
    reached = int(installation.value("SELECT count(*) FROM product_interest WHERE stage IN ('cart', 'checkout')"))
    touched, interested = int(table["touched"].sum()), int(table["interested"].sum())
    words = (
        f"Of {touched:,} pairs of person and product that were touched at all, {interested:,} "
        f"({percent(interested / touched)}) are interest; the others were looked at too seldom, too long ago, or no "
        f"more than by anybody. {reached:,} came as far as a cart or checkout."
        if touched
        else "No product was touched."
    )
    figure = None
    if touched:
        figure = side_by_side_figure(
            list(table["stage"]),
            {"touched": list(table["touched"]), "interested": list(table["interested"])},
            title="Pairs of person and product, by furthest stage",
            value_label="pairs",
        )
    return Answer(words, table, figure, "Stages")


def of_people(installation: Installation, *, only_new: bool = False) -> Answer:
    """The products of a few people, with their evidence: of whoever has the most of them.

    Args:
        installation: whose.
        only_new: only products that are new to the panel or to the person.
    """
    wanted = "is_interested AND name IS NOT NULL" + (" AND (is_new OR is_new_to_person)" if only_new else "")
    found = installation.query(
        f"""
        SELECT user_key AS person, name AS product, stage, sessions, active_days, last_seen, probability,
            return_probability AS returns_within_14_days, is_new AS new_to_panel, is_new_to_person AS new_to_person
        FROM product_interest JOIN products USING (product_id)
        WHERE {wanted} AND user_key IN (
            SELECT user_key FROM product_interest JOIN products USING (product_id) WHERE {wanted}
            GROUP BY ALL ORDER BY count(*) DESC, user_key LIMIT $people)
        ORDER BY person, probability DESC, product
        """,
        {"people": _SHOWN_PEOPLE},
    )
    table = found.assign(person=short(found["person"]))
    kind = "a new product" if only_new else "a named product"
    if not len(table):
        return Answer(f"Nobody is interested in {kind} with enough evidence.", table)
    first = table.iloc[0]
    words = (
        f"Person by person ({table['person'].nunique()} of those with most): {first['person']} is interested in "
        f"{listed(list(table['product'][table['person'] == first['person']]))}. For the first of them the evidence is "
        f"{int(first['sessions'])} sessions on {int(first['active_days'])} days."
    )
    return Answer(words, table, None, "New products by person" if only_new else "Products by person")


def new_products(installation: Installation) -> Answer:
    """Interest by whether the product is new to the panel or to the person."""
    from browse_assets.analysis.figures import bar_figure

    table = installation.query(
        """
        SELECT CASE WHEN is_new IS NULL AND is_new_to_person IS NULL THEN 'too little history to tell'
                WHEN is_new AND is_new_to_person THEN 'new to the panel and to the person'
                WHEN is_new THEN 'new to the panel'
                WHEN is_new_to_person THEN 'known, but new to the person'
                ELSE 'known to both' END AS interest_is,
            count(*) AS pairs, count(DISTINCT product_id) AS products, count(DISTINCT user_key) AS people
        FROM product_interest JOIN products USING (product_id) WHERE is_interested
        GROUP BY ALL ORDER BY pairs DESC, interest_is
        """
    )
    new, all_new, pairs = installation.query(
        "SELECT count(*) FILTER (is_new OR is_new_to_person), count(DISTINCT product_id) FILTER (is_new), count(*) "
        "FROM product_interest JOIN products USING (product_id) WHERE is_interested"
    ).iloc[0]
    words = (
        f"Yes: of {int(pairs):,} interests in products, {int(new):,} ({percent(new / pairs)}) are in something "
        "new, and "
        f"{int(all_new):,} of the products are new to the whole panel."
        if new
        else "No new product is among the interests."
    )
    words += (
        " New to the panel: launched or first seen at most 90 days before the end of the data. New to the "
        "person: first "
        "seen at most 60 days before, by somebody known for longer."
    )
    shown = table.assign(people=table["people"].map(installation.told))
    figure = None
    if len(table):
        figure = bar_figure(list(table["interest_is"]), list(table["pairs"]), title="Interests in products, by novelty")
    return Answer(words, shown, figure, "Interests by novelty")


def watch_list(installation: Installation) -> Answer:
    """The products of data/reference/watchlist.csv: who visited them, and who is like it without a visit."""
    from browse_assets.notebook.pictures import intervals_figure

    found = installation.query(
        """
        SELECT watch_name AS product, count_if(basis = 'visits')::BIGINT AS visited,
            count_if(is_interested AND basis = 'visits')::BIGINT AS interested_by_visits,
            count_if(is_interested AND basis = 'similarity')::BIGINT AS interested_by_similarity,
            median(similarity) AS usual_similarity, quantile_cont(similarity, 0.025) AS low,
            quantile_cont(similarity, 0.975) AS high, max(similarity_cut) AS needed_similarity
        FROM watchlist_interest GROUP BY ALL ORDER BY product
        """
    )
    counts = ("visited", "interested_by_visits", "interested_by_similarity")
    table = found.drop(columns=["low", "high"])
    for name in counts:
        table[name] = table[name].map(installation.told)
    visited, similar = int(found["visited"].sum()), int(found["interested_by_similarity"].sum())
    words = (
        f"The watch list asks about {len(found)} products, seen in the panel or not. "
        + ("Some were visited. " if visited else "None of them was visited here. ")
        + "For who never visited one, its description is compared with the person's own topics and products. "
        + ("A few people stand out far enough to be named interested; " if similar else "Nobody stands out; ")
        + "a similarity is a hint, no probability, and is not measured against any truth."
        if len(found)
        else "The watch list is empty."
    )
    drawn = found[found["usual_similarity"].notna()]
    figure = None
    if len(drawn) and installation.people >= installation.settings.min_group:
        rows = [tuple(row) for row in drawn[["product", "usual_similarity", "low", "high"]].itertuples(index=False)]
        figure = intervals_figure(
            rows,
            title="Likeness of people to the watch list",
            value_label="similarity: median, and middle 95 % of people",
        )
    return Answer(words, table, figure, "Watch list")
