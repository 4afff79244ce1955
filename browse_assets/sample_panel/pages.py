"""The web that the sample panel browses: sections of sites and their pages.

Here: the pool of pages, built once per panel. Not here: how a page looks (`page_shapes.py`), who visits
which (`browsing.py`).
A section is one host's pages on one matter; a group names the sections that serve a need, such as
("topic", "Cooking", "en"), ("search", "google", "Cooking", "en") or ("shopping", "de").
"""

from dataclasses import dataclass
from datetime import date, timedelta
from urllib.parse import quote_plus

import numpy as np
import numpy.typing as npt

from browse_assets.sample_panel.everyday_sites import (
    FIXED_SITES,
    LANGUAGES,
    MOBILE_HOSTS,
    NEWS_SHAPES,
    NEWS_SITES,
    NEWS_SUBJECTS,
    SEARCH_ENGINES,
    SHOPS,
    TOPICAL_EVERYDAY,
)
from browse_assets.sample_panel.financial_sites import (
    FINANCE_PRODUCTS,
    SERVICING_PATHS,
    SERVICING_SITES,
)
from browse_assets.sample_panel.local_topics import LOCAL_TOPICS
from browse_assets.sample_panel.page_shapes import (
    Dice,
    Tag,
    address_of,
    headlines_of,
    host_of,
    meta_tags_of,
    site_name,
    slug,
)
from browse_assets.sample_panel.topics import TOPICS, Topic
from browse_assets.sample_panel.wares import Ware

IntArray = npt.NDArray[np.int64]
TextArray = npt.NDArray[np.object_]
GroupKey = tuple[str, ...]
Page = tuple[str, str, list[Tag]]  # path or full URL, title, meta tags

EVERGREEN_PAGES = 22  # per topical section; a person's repeats then look like favourites
EVERYDAY_TOPIC_PAGES = 10  # per topic on a host such as youtube.com
WEEKLY_PAGES = 3  # new dated articles per week and section
# Topics whose subjects are goods: what everyday shops sell, and shops name plainly.
GOODS = {"Consumer Electronics", "Beauty", "Style & Fashion", "Home Improvement", "Parenting",
         "Interior Decorating", "Cycling", "Gardening", "PC Games", "Console Games",
         "Books and Literature", "Motorcycles"}  # fmt: skip
_TITLE_TAILS = {
    "www.youtube.com": " - YouTube",
    "www.reddit.com": " : Reddit",
    "en.wikipedia.org": " - Wikipedia",
    "de.wikipedia.org": " - Wikipedia",
    "fr.wikipedia.org": " — Wikipédia",
    "es.wikipedia.org": " - Wikipedia, la enciclopedia libre",
    "www.amazon.com": " : Amazon.com",
    "www.amazon.de": " : Amazon.de",
    "www.ebay.com": " | eBay",
    "www.imdb.com": " - IMDb",
}
GOODS_SHAPES = {
    "en": "{};{} - top rated;{} - best seller;{} (new);Buy {} online;{} under $50",
    "de": "{};{} günstig kaufen;{} - Bestseller;{} im Angebot",
    "fr": "{};{} pas cher;{} : meilleures ventes;{} en promo",
    "es": "{};{} en oferta;{}: los más vendidos;Comprar {}",
}


@dataclass(frozen=True)
class Catalogue:
    """All pages, and how they are grouped. Arrays `page_*` are indexed by page, `section_*` by
    section; the tags of page i are `tag_*[tag_start[i]:tag_start[i + 1]]`."""

    page_url: TextArray
    page_mobile_url: TextArray
    page_title: TextArray
    page_section: IntArray
    tag_start: IntArray
    tag_name: TextArray
    tag_content: TextArray
    section_host: TextArray
    section_first: IntArray
    section_evergreen: IntArray
    section_weekly: IntArray
    section_in_order: npt.NDArray[np.bool_]
    groups: dict[GroupKey, IntArray]
    group_ids: dict[GroupKey, int]
    all_topics: tuple[Topic, ...]

    @property
    def topic_of_page(self) -> TextArray:
        """Name of the topic that a page belongs to or searches for, empty for none."""
        of_section = np.full(len(self.section_host), "", dtype=object)
        for key, sections in self.groups.items():
            if key[0] in ("topic", "search"):
                of_section[sections] = key[1]
        return of_section[self.page_section]


class CatalogueBuilder:
    """Collects sections and pages in lists; `finish` turns them into arrays."""

    def __init__(self, seed: int, start: date, weeks: int) -> None:
        self.dice = Dice(f"catalogue {seed}")
        self._start = start
        self._weeks = weeks
        self._urls: list[str] = []
        self._titles: list[str] = []
        self._page_section: list[int] = []
        self._tags: list[list[Tag]] = []
        self._sections: list[tuple[str, int, int, int, bool]] = []
        self._groups: dict[GroupKey, list[int]] = {}

    def add_section(
        self,
        group: GroupKey,
        host: str,
        pages: list[Page],
        weekly: list[Page] | None = None,
        in_order: bool = False,
    ) -> None:
        """Add one section; a page is (path or full URL, title, tags)."""
        number = len(self._sections)
        every_week = len(weekly) // self._weeks if weekly else 0
        self._sections.append((host, len(self._urls), len(pages), every_week, in_order))
        for path, title, tags in pages + (weekly or []):
            self._urls.append(path if path.startswith("http") else f"https://{host}{path}")
            self._titles.append(title)
            self._tags.append(tags)
            self._page_section.append(number)
        self._groups.setdefault(group, []).append(number)

    def topic_pages(
        self, host: str, shape: str, topic: Topic, headlines: list[tuple[str, str]], count: int
    ) -> tuple[list[Page], list[Page]]:
        """Evergreen and weekly pages of one host on one topic."""
        variant, name, offset = self.dice.pick(3), site_name(host), self.dice.pick(len(headlines))
        if host in _TITLE_TAILS:
            tail = _TITLE_TAILS[host]
        else:
            tail = (" | ", " - ", " — ")[self.dice.pick(3)] + name if self.dice.pick(4) else ""
        if shape in "pdi" and topic.name in GOODS:
            headlines = headlines_of(topic.subjects, GOODS_SHAPES[topic.language])

        def page(position: int, day: date) -> tuple[str, str, list[Tag]]:
            headline, subject = headlines[(offset + position) % len(headlines)]
            if host.endswith("wikipedia.org"):
                headline = subject[0].upper() + subject[1:]
            path = address_of(self.dice, shape, variant, headline, subject, topic, day)
            return (
                path,
                headline + tail,
                meta_tags_of(self.dice, shape, headline, subject, topic, f"https://{host}{path}"),
            )

        dated = shape == "a"
        pages = [page(i, self._start - timedelta(days=3 + 4 * i)) for i in range(4 if dated else count)]
        weekly = []
        if dated:
            for week in range(self._weeks):
                # Never after the week's first day: nobody reads an article before it is out.
                first = self._start + timedelta(days=7 * week)
                weekly += [page(4 + WEEKLY_PAGES * week + j, first - timedelta(days=j)) for j in range(WEEKLY_PAGES)]
        return pages, weekly

    def finish(self, topics: tuple[Topic, ...]) -> Catalogue:
        """All that was added, as arrays."""
        hosts, first, evergreen, weekly, in_order = zip(*self._sections, strict=True)
        mobile = []
        for url in self._urls:
            host = url.split("/", 3)[2]
            mobile.append(url.replace(host, MOBILE_HOSTS[host], 1) if host in MOBILE_HOSTS else url)
        return Catalogue(
            page_url=np.array(self._urls, dtype=object),
            page_mobile_url=np.array(mobile, dtype=object),
            page_title=np.array(self._titles, dtype=object),
            page_section=np.array(self._page_section),
            tag_start=np.cumsum([0] + [len(tags) for tags in self._tags]),
            tag_name=np.array([name for tags in self._tags for name, _ in tags], dtype=object),
            tag_content=np.array([text for tags in self._tags for _, text in tags], dtype=object),
            section_host=np.array(hosts, dtype=object),
            section_first=np.array(first),
            section_evergreen=np.array(evergreen),
            section_weekly=np.array(weekly),
            section_in_order=np.array(in_order),
            groups={key: np.array(sections) for key, sections in self._groups.items()},
            group_ids={key: number for number, key in enumerate(self._groups)},
            all_topics=topics,
        )


def build_catalogue(seed: int, start: date, weeks: int, wares: tuple[Ware, ...]) -> Catalogue:
    """All pages of the panel's web; the same arguments give the same pages."""
    builder = CatalogueBuilder(seed, start, weeks)
    topics = TOPICS + LOCAL_TOPICS
    for topic in topics:
        _add_topic(builder, topic)
    for site in FIXED_SITES:
        pages: list[Page] = []
        for entry in site.pages:
            path, title = entry.split(" | ", 1)
            pages.append((path, title, [("og:title", title)] if builder.dice.pick(2) else []))
        for language in site.languages.split():
            builder.add_section((site.group, language), site.host, pages)
    for language in LANGUAGES:
        news = Topic("News", "", "news", "", "", "", "", {"en": "news"}.get(language, "aktuell"), language)
        headlines = headlines_of(NEWS_SUBJECTS[language], NEWS_SHAPES[language])
        for host in NEWS_SITES[language].split():
            evergreen, weekly = builder.topic_pages(host, "a", news, headlines, 4)
            front: list[Page] = [
                (
                    "/",
                    f"{site_name(host)} - Breaking News" if language == "en" else site_name(host),
                    [],
                )
            ]
            builder.add_section(("news", language), host, front + evergreen[:2], weekly)
    _add_finance(builder)
    for ware in wares:
        _add_ware(builder, ware)
    return builder.finish(topics)


def _add_topic(builder: CatalogueBuilder, topic: Topic) -> None:
    headlines = headlines_of(topic.subjects, topic.shapes)
    key: GroupKey = ("topic", topic.name, topic.language)
    for site in topic.sites.split():
        host, shape = host_of(site)
        pages, weekly = builder.topic_pages(host, shape, topic, headlines, EVERGREEN_PAGES)
        name = site_name(host)
        front: list[Page] = [
            (
                "/",
                f"{name}: {topic.keywords.split(', ')[-1].capitalize()}",
                [("description", topic.keywords)],
            )
        ]
        builder.add_section(key, host, front + pages, weekly)
    for host, languages, shape in TOPICAL_EVERYDAY:
        if topic.language in languages.split():
            everyday = "y" if host == "www.youtube.com" else shape
            pages, _ = builder.topic_pages(host, everyday, topic, headlines, EVERYDAY_TOPIC_PAGES)
            builder.add_section(key, host, pages)
            if host == "www.youtube.com":
                builder.add_section(("video", topic.language), host, pages)
    for host, languages, shape in SHOPS:
        if topic.language in languages.split() and topic.name in GOODS:
            pages, _ = builder.topic_pages(host, shape, topic, headlines, EVERYDAY_TOPIC_PAGES)
            builder.add_section(("shopping", topic.language), host, pages)
    terms = [query.format(subject.lower())
             for subject in topic.subjects.split(";") for query in topic.queries.split(";")]  # fmt: skip
    _add_searches(builder, ("search", topic.name, topic.language), terms)


def _add_searches(builder: CatalogueBuilder, key: GroupKey, terms: list[str]) -> None:
    """One section per search engine with a result page for each term."""
    for name, _, before, after, tail in SEARCH_ENGINES:
        pages = [(before + quote_plus(term) + after, term + tail, list[Tag]()) for term in terms]
        builder.add_section((*key, name), before.split("/")[2], pages)


def _add_finance(builder: CatalogueBuilder) -> None:
    for product in FINANCE_PRODUCTS:
        by_host: dict[str, list[Page]] = {}
        for entry in product.pages:
            address, title = entry.split(" | ", 1)
            host, path = address.split("/", 1)
            tags = [("og:title", title)] if builder.dice.pick(3) else [("description", title)]
            by_host.setdefault(host, []).append((f"/{path}", title, tags))
        for host, pages in by_host.items():
            builder.add_section(("shop", product.name, product.language), host, pages, in_order=True)
        _add_searches(builder, ("shop search", product.name, product.language), product.queries.split(";"))
    for line in SERVICING_SITES.split("\n")[1:-1]:
        language, _, product_name, host, name = line.split("|")
        servicing: list[Page] = []
        for entry in SERVICING_PATHS[language]:
            path, title = entry.format(name).split(" | ", 1)
            servicing.append((path, title, []))
        builder.add_section(("servicing", host, product_name), host, servicing, in_order=True)


def _add_ware(builder: CatalogueBuilder, ware: Ware) -> None:
    """Pages on one ware: its maker's, a shop's, reviews and videos."""
    name, code = ware.name, slug(ware.name)
    product: list[Tag] = [("og:type", "product"), ("product:brand", ware.brand), ("og:title", name)]
    price: list[Tag] = [("og:title", name), ("product:price:amount", f"{ware.price}.00")]
    review: list[Tag] = [("og:title", f"{name} review")]
    places: list[tuple[str, list[Page]]] = [
        (ware.host, [(f"/products/{code}", f"{name} | {ware.brand}", product),
                     (f"/products/{code}/specs", f"{name} specs | {ware.brand}", price)]),
        ("www.amazon.com", [(f"/{code}/dp/B0{builder.dice.number(8)}", f"{name} : Amazon.com", product)]),
        ("www.bestbuy.com", [(f"/site/{code}/{builder.dice.number(7)}.p?skuId={builder.dice.number(7)}",
                              f"{name} - Best Buy", product)]),
        ("www.theverge.com", [(f"/reviews/{builder.dice.number(6)}/{code}-review",
                               f"{name} review - The Verge", review)]),
        ("www.youtube.com", [(f"/watch?v={builder.dice.code(11)}", f"{name} - worth it? - YouTube", review)]),
        ("www.cnet.com", [(f"/reviews/{code}-review/", f"{name} Review - CNET", review)]),
    ]  # fmt: skip
    for host, pages in places:
        builder.add_section(("ware", name), host, pages)
    terms = [name.lower(), f"{name.lower()} review", f"{name.lower()} price"]
    _add_searches(builder, ("ware search", name), terms)
