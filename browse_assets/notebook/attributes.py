"""Question 2: which attributes were derived, and on what evidence.

What belongs here: topics of pages, interests, attributes and segments as the tables have them. What does not: how they
are found (`analysis/`).
"""

from typing import TYPE_CHECKING

from browse_assets.analysis.churn_report import capital, listed, percent, plain
from browse_assets.notebook.answer import Answer
from browse_assets.notebook.installation import SHOWN_OF_KEY, Installation

if TYPE_CHECKING:
    from uuid import UUID

_METHODS = {
    "dictionary": "the site is on a list of one topic",
    "page_classifier": "a classifier read the page's text",
    "host_classifier": "no text: a classifier read the host's name",
    "abstained": "no answer was sure enough, so none is given",
    "not_judged": "about nothing: mail, log-in, cart",
    "withheld": "sensitive (health, religion, politics, ...): not stored",
}
# As many colours as a map of segments can have; the last is for all others.
_MOST_SEGMENTS = 8
_TOP = 12


def page_topics(installation: Installation) -> Answer:
    """How the topic of each distinct page is known."""
    from browse_assets.analysis.figures import bar_figure

    table = installation.query(
        "SELECT method, count(*) AS pages, count(topic_id) AS with_topic FROM page_topics GROUP BY ALL "
        "ORDER BY pages DESC, method"
    )
    pages, known = int(table["pages"].sum()), int(table["with_topic"].sum())
    table["how"] = table["method"].map(_METHODS).fillna("")
    words = (
        f"Each of the {pages:,} distinct pages was judged once, by the site's entry in a dictionary where it has one, "
        f"else by its text. {percent(known / pages)} have a topic of the IAB Content taxonomy; of the others nothing "
        "is guessed."
        if pages
        else "There are no pages to judge."
    )
    names = [plain(method) for method in table["method"]]
    figure = bar_figure(names, list(table["pages"]), title="Distinct pages by how they were judged") if pages else None
    return Answer(words, table, figure, "How topics are known")


def interests(installation: Installation) -> Answer:
    """How many people are interested in each first-tier topic; of one person, the topics themselves."""
    from browse_assets.analysis.figures import bar_figure

    counts = installation.query(
        "SELECT topic, count(*) AS touched, count_if(is_interested)::BIGINT AS interested FROM interest_profile "
        "WHERE tier = 1 GROUP BY ALL HAVING interested > 0 ORDER BY interested DESC, topic"
    )
    people = int(installation.value("SELECT count(DISTINCT user_key) FROM interest_profile WHERE is_interested"))
    is_told = counts["interested"] >= installation.min_group
    table = counts[is_told].assign(touched=counts["touched"].map(installation.told))
    hidden = int((~is_told).sum())
    words = (
        f"An interest needs evidence: sessions on the topic clearly above the panel's mean (probability at least 0.9), "
        f"on two days or more, the last within four weeks. {installation.told(people)} of {installation.people:,} "
        f"people have at least one.{installation.hidden(hidden, 'topics')}"
    )
    figure = None
    if len(table):
        top = table.head(_TOP)
        figure = bar_figure(list(top["topic"]), list(top["interested"]), title="People interested, by first-tier topic")
    return Answer(words, table.reset_index(drop=True), figure, "Interests")


def profile(installation: Installation) -> Answer:
    """Everything derived of one person, each with its evidence: of a panel, whoever has most interests."""
    key = _most_interests(installation)
    if key is None:
        return Answer("Nobody has an interest with enough evidence yet.", installation.query(_PROFILE, {"key": None}))
    table = installation.query(_PROFILE, {"key": key})
    kinds = table["kind"].value_counts()
    counted = listed([f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in kinds.items()])
    name = str(key)[:SHOWN_OF_KEY]
    whose = "the one person here" if installation.is_one_person else f"one person of the panel, {name}"
    words = (
        f"What was concluded about {whose}, and why: {counted}. Evidence is sessions by domain, so that each "
        "conclusion can be looked up, and doubted."
    )
    return Answer(words, table, None, f"Profile of {name}")


_PROFILE = """
    SELECT kind, what, probability, evidence FROM (
        SELECT 'interest' AS kind, coalesce(parent_topic || ' > ', '') || topic AS what, probability,
            evidence_text AS evidence, 0 AS place
        FROM interest_profile WHERE user_key = $key AND is_interested
        UNION ALL
        SELECT 'attribute', replace(attribute, '_', ' ') || ': ' || value, probability, explanation, 1
        FROM audience_attributes WHERE user_key = $key
        UNION ALL
        SELECT 'segment', segment, NULL, 'nearest group of people by share of sessions per topic', 2
        FROM interest_segments WHERE user_key = $key
    ) ORDER BY place, probability DESC, what
"""


def _most_interests(installation: Installation) -> "UUID | None":
    found = installation.query(
        "SELECT user_key FROM interest_profile WHERE is_interested GROUP BY ALL ORDER BY count(*) DESC, "
        "user_key LIMIT 1"
    )
    return found["user_key"].iloc[0] if len(found) else None


def audience(installation: Installation) -> Answer:
    """Attributes told of people: values that enough people share, and how sure they are."""
    from browse_assets.analysis.figures import bar_figure

    counts = installation.query(
        "SELECT replace(attribute, '_', ' ') AS attribute, value, count(*) AS people, avg(probability) AS "
        "mean_probability FROM audience_attributes GROUP BY ALL ORDER BY attribute, people DESC, value"
    )
    is_told = counts["people"] >= installation.min_group
    models = installation.query("SELECT attribute, is_published, reason FROM audience_models ORDER BY attribute")
    verdicts = [f" {capital(plain(row['attribute']))}: {row['reason']}." for row in models.to_dict("records")]
    words = (
        "Attributes rest on hours of activity, languages, country domains and telling pages, each with a probability."
        f"{installation.hidden(int((~is_told).sum()), 'values')} Age and gender are modelled only from people who "
        f"declared them; a model that does not surely beat guessing abstains.{''.join(verdicts)}"
    )
    table = counts[is_told].reset_index(drop=True)
    by_attribute = installation.query(
        "SELECT replace(attribute, '_', ' ') AS attribute, count(DISTINCT user_key) AS people FROM audience_attributes "
        "GROUP BY ALL ORDER BY people DESC, attribute"
    )
    by_attribute = by_attribute[by_attribute["people"] >= installation.min_group]
    figure = None
    if len(by_attribute):
        figure = bar_figure(
            list(by_attribute["attribute"]), list(by_attribute["people"]), title="People with a value, by attribute"
        )
    return Answer(words, table, figure, "Attributes by value")


def segments(installation: Installation) -> Answer:
    """Groups of people by what their sessions are about, and a map of them."""
    from browse_assets.analysis.figures import segment_figure

    table = installation.query(
        "SELECT segment, count(*) AS people FROM interest_segments GROUP BY ALL ORDER BY people DESC, segment"
    )
    points = installation.query("SELECT x, y, segment FROM interest_segments ORDER BY user_key")
    if len(table) < 2:
        return Answer("There are too few people, or too little between them, for segments.", table)
    kept = list(table["segment"].head(_MOST_SEGMENTS if len(table) <= _MOST_SEGMENTS else _MOST_SEGMENTS - 1))
    names = points["segment"].where(points["segment"].isin(kept), "smaller segments")
    words = (
        f"{len(points):,} people fall into {len(table)} segments by the first-tier topics of their sessions; none has "
        f"fewer than {installation.settings.min_group}. Each point is a person; near points browse alike. Segments "
        "overlap on the map, which has two of many dimensions, and in truth: people shade into each other."
    )
    return Answer(words, table, segment_figure(points["x"], points["y"], list(names)), "Segments")
