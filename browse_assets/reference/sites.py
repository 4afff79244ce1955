"""Topics of the websites of brands, operators and transit networks of OpenStreetMap.

What belongs here: name-suggestion-index joined to its Wikidata websites, and the rule by which a site
that serves several categories gets one topic. What does not: getting the package, and the reviewed
table of categories (`data/reference/osm_topics.csv`).
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from browse_assets.analysis.hosts import describe_hosts

# Who governs a place answers for everything in it, so its site says nothing of an interest. Matched on the
# English description that Wikidata gives ("city in Ohio, United States") and on the label.
_GOVERNMENT = re.compile(
    r"^(?:[\w'’.–-]+ ){0,5}?(?:city|town|township|village|municipality|commune|borough|county|canton|parish|state"
    r"|country|province|prefecture|region|council|government|ministry|department|district|territory|voivodeship|metropolis"
    r"|metropole|métropole|emirate|governorate|island|communauté|intercommunality|community of communes"
    r"|agglomeration community|urban community|authority|governing body|administrative institution"
    r"|administrative territorial body)"
    r"(?: organi[sz]ation)?(?: \([^)]*\))?(?: (?:and|or) [\w ]+)?"
    r"(?:,? (?:in|of|for|on|within|responsible|located|near|at|that|body|agency)\b|,|$)",
    re.IGNORECASE,
)
_GOVERNMENT_LABEL = re.compile(
    r"(?:council|ayuntamiento|municipality|prefecture)$|^(?:ministry of|junta de)\b|communes\b", re.IGNORECASE
)
_NO_GOVERNMENT = re.compile(
    r"transport|transit|railway|\bbus(?:es)?\b|compan|school|educat|univers|colleg|librar|museum|hospital|health|utilit"
    r"|water|electric|energy|power|\bparks?\b|\bbrands?\b|\bchain|retail|\bstores?\b|\bbank\b|corporation|operator"
    r"|network|services?\b|cooperative|union",
    re.IGNORECASE,
)
# A university runs libraries, clinics, power plants and car parks: it is a university all the same. What a charity
# does beside its work (old clothes, charging stations) is the charity's.
_UNIVERSITY = re.compile(r"\buniversit|\bcollege\b|\bhochschule\b", re.IGNORECASE)
_CHARITY = re.compile(r"\bnon-?profit\b|\bcharit(?:y|ies|able)\b", re.IGNORECASE)
_COLLEGE_EDUCATION, _NON_PROFIT_ORGANIZATIONS = "137", "108"
# Networks and operators are listed with a page of their town's site more often than brands are.
_BRANDS = ("brands/", "flags/")
_TOWN_BRANDS = {"brands/amenity/bicycle_rental"}
# Registrable domains of public bodies, under which everything is found.
_GOVERNMENT_DOMAIN = re.compile(
    r"(?:^|\.)(?:gov|govt|gouv|gob|gub|gv|mil)(?:\.[a-z]{2,3})*$|\.(?:go|lg|bel|kommune)\.[a-z]{2}$"
    r"|^(?:admin\.ch|europa\.eu|belgium\.be|canada\.ca)$"
)


@dataclass(frozen=True)
class Category:
    """What a category of OpenStreetMap says of the sites in it (one row of `osm_topics.csv`).

    `main` is what a company does; `side` is done beside it and counts where no `main` does (a supermarket's
    charging stations); `none` says nothing; `public` is run by towns and states.
    """

    topic_id: str
    role: str


@dataclass(frozen=True)
class Listing:
    """One entity (brand, operator, network) of Wikidata in one category, with its registrable domains."""

    entity: str
    category: str
    domains: tuple[str, ...]
    body: str = ""  # "university" or "charity", by its description


def listings(items: Mapping[str, Any], entities: Mapping[str, Any]) -> list[Listing]:
    """Every brand, operator and network with a website; those that were dissolved are left out.

    Args:
        items: `nsi` of `dist/json/nsi.json`, by category (`brands/amenity/bank`).
        entities: `wikidata` of `dist/wikidata/wikidata.json`, by Wikidata id.
    """
    domains = _domains({url for entity in entities.values() for url in entity.get("officialWebsites", ())})
    found = {
        (entity, category)
        for category, content in items.items()
        for item in content.get("items", ())
        for key, entity in item["tags"].items()
        if key.endswith(":wikidata") and not key.startswith("not:")
    }
    rows = []
    for entity, category in sorted(found):
        described = entities.get(entity, {})
        own = not category.startswith(_BRANDS) or category in _TOWN_BRANDS
        urls = [url for url in described.get("officialWebsites", ()) if url in domains]
        sites = {domains[url] for url in urls if not own or _is_front_page(url, domains[url])}
        if sites and "dissolutions" not in described:
            rows.append(Listing(entity, category, tuple(sorted(sites)), _body(described.get("description", ""))))
    return rows


def _is_front_page(url: str, domain: str) -> bool:
    """Whether an address is a site's front page, in a language perhaps, and not a page or host of a larger body."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    host = (parts.hostname or "").removeprefix("www.")
    return host in {domain, domain.removeprefix("www.")} and all(len(step) <= 5 for step in parts.path.split("/"))


def _body(description: str) -> str:
    if _UNIVERSITY.search(description):
        return "university"
    return "charity" if _CHARITY.search(description) else ""


def _domains(urls: Iterable[str]) -> dict[str, str]:
    """Registrable domain by URL; URLs of addresses and of private hosts are left out."""
    hosts: dict[str, str] = {}
    for url in urls:
        try:
            host = urlsplit(url if "//" in url else f"//{url}").hostname
        except ValueError:
            continue
        if host and "." in host:
            hosts[url] = host
    described = describe_hosts(sorted(set(hosts.values()))).to_pylist()
    domain = {row["raw_host"]: row["domain"] for row in described if row["kind"] == "web"}
    registrable = set(registrable_domains(domain.values()))
    return {url: domain[host] for url, host in hosts.items() if domain.get(host) in registrable}


def registrable_domains(domains: Iterable[str]) -> list[str]:
    """Those of the given names that are registrable domains themselves, neither hosts below one nor suffixes."""
    names = sorted({name for name in domains if "." in name and "{" not in name and name == name.lower()})
    own = describe_hosts(names).to_pylist()
    # Below a suffix (`gouv.qc.ca`), one label more is the registrable domain; below a domain it is not.
    below = {row["raw_host"]: row["domain"] for row in describe_hosts([f"a.{name}" for name in names]).to_pylist()}
    return [row["raw_host"] for row in own if row["raw_host"] == row["domain"] == below[f"a.{row['raw_host']}"]]


def governments(entities: Mapping[str, Any]) -> set[str]:
    """Registrable domains of towns, counties, states and their authorities, by Wikidata's descriptions."""
    urls = {
        url
        for entity in entities.values()
        if is_government(entity.get("description", ""), entity.get("label", ""))
        for url in entity.get("officialWebsites", ())
    }
    return set(_domains(urls).values())


def is_government(description: str, label: str = "") -> bool:
    """Whether a description or a name is of a place or of who governs it ("city in Ohio, United States")."""
    named = _GOVERNMENT.search(description) or _GOVERNMENT_LABEL.search(label)
    return bool(named) and not _NO_GOVERNMENT.search(description)


def topics_of_sites(
    rows: Iterable[Listing],
    categories: Mapping[str, Category],
    parents: Mapping[str, str],
    governing: set[str],
) -> dict[str, str]:
    """Topic by domain, for the domains that have one.

    Each entity gives one vote to each of its topics, on each of its domains: in `main` categories, or in
    `side` ones on a domain without a `main` vote. What runs something `public` has no vote as an
    operator, and nobody one on a government's domain, but for transit on its own; a university is one
    whatever it operates. Most votes win; among equals their nearest common parent, and without one there
    is no topic.

    Raises:
        KeyError: a category has no row in `osm_topics.csv`.
    """
    listed = sorted(rows, key=lambda row: (row.entity, row.category))
    public = {row.entity for row in listed if categories[row.category].role == "public"}
    votes: dict[str, dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for row in listed:
        category = categories[row.category]
        operates, moves = (row.category.startswith(tree) for tree in ("operators/", "transit/"))
        if operates and row.body == "university":
            category = Category(_COLLEGE_EDUCATION, "main")
        elif row.body == "charity" and category.role == "side":
            category = Category(_NON_PROFIT_ORGANIZATIONS, "side")
        if not category.topic_id or (operates and row.entity in public and row.body != "university"):
            continue
        for domain in row.domains:
            if domain in governing or (not moves and _GOVERNMENT_DOMAIN.search(domain)):
                continue
            votes[domain][category.role].add((row.entity, category.topic_id))
    topics = {domain: _winner(roles.get("main") or roles["side"], parents) for domain, roles in votes.items()}
    return {domain: topic for domain, topic in sorted(topics.items()) if topic}


def _winner(votes: set[tuple[str, str]], parents: Mapping[str, str]) -> str:
    counted = Counter(topic for _, topic in votes)
    most = max(counted.values())
    lines = [_line(topic, parents) for topic in sorted(counted) if counted[topic] == most]
    return next((topic for topic in lines[0] if all(topic in line for line in lines)), "")


def _line(topic: str, parents: Mapping[str, str]) -> list[str]:
    """The topic, its parent, and so on up to the first tier."""
    line = [topic]
    while parents.get(line[-1]):
        line.append(parents[line[-1]])
    return line
