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

# Who governs a place answers for everything in it: such a site says nothing of an interest. Matched at
# the start of the English description that Wikidata gives.
_GOVERNMENT = re.compile(
    r"^(?:[\w'’.-]+ ){0,5}?(?:city|town|township|village|municipality|commune|borough|county|canton|parish|state|country"
    r"|province|prefecture|region|council|government|ministry|department|district|federation|territory|voivodeship"
    r"|metropolis|metropole|métropole|emirate|sovereign state|governorate|island|communauté|agglomeration community"
    r"|intercommunality|community of communes|local authority|civil parish|urban community|authority)"
    r"(?: \((?!.*school).*\))?(?: (?:and|or) [\w ]+)?(?:,? (?:in|of|for|on|within|responsible|located|near|at|that|body|agency)\b|,|$)",
    re.IGNORECASE,
)
_NO_GOVERNMENT = re.compile(
    r"transport|transit|railway|\bbus|compan|school|educat|univers|colleg|librar|museum|hospital|health|utilit|water"
    r"|electric|energy|power|\bpark|brand|chain|retail|store|bank|corporation|operator|network|service|cooperative",
    re.IGNORECASE,
)
# A university runs libraries, clinics, power plants and car parks: it is a university all the same.
_UNIVERSITY = re.compile(r"\buniversit|\bcollege\b|\bhochschule\b", re.IGNORECASE)
_COLLEGE_EDUCATION = "137"
# Registrable domains of public bodies, under which everything is found.
_GOVERNMENT_DOMAIN = re.compile(
    r"(?:^|\.)(?:gov|govt|gouv|gob|gub|gv|mil|go)(?:\.[a-z]{2,3})*$|^(?:admin\.ch|europa\.eu|belgium\.be|canada\.ca)$"
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
    is_university: bool = False


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
        sites = {domains[url] for url in described.get("officialWebsites", ()) if url in domains}
        if sites and "dissolutions" not in described:
            is_university = bool(_UNIVERSITY.search(described.get("description", "")))
            rows.append(Listing(entity, category, tuple(sorted(sites)), is_university))
    return rows


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
        if is_government(entity.get("description", ""))
        for url in entity.get("officialWebsites", ())
    }
    return set(_domains(urls).values())


def is_government(description: str) -> bool:
    """Whether a description is of a place or of who governs it ("city in Ohio, United States")."""
    return bool(_GOVERNMENT.search(description)) and not _NO_GOVERNMENT.search(description)


def topics_of_sites(
    rows: Iterable[Listing],
    categories: Mapping[str, Category],
    parents: Mapping[str, str],
    governing: set[str],
) -> dict[str, str]:
    """Topic by domain, for the domains that have one.

    Each entity gives one vote to each of its topics, on each of its domains: in `main` categories, or in
    `side` ones on a domain without a `main` vote. What runs something `public`, and every government's
    domain, has no vote as an operator; a university is one whatever it operates. Most votes win; among
    equals their nearest common parent, and without one there is no topic.

    Raises:
        KeyError: a category has no row in `osm_topics.csv`.
    """
    listed = sorted(rows, key=lambda row: (row.entity, row.category))
    public = {row.entity for row in listed if categories[row.category].role == "public"}
    votes: dict[str, dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for row in listed:
        category = categories[row.category]
        operates = row.category.startswith("operators/")
        if operates and row.is_university:
            category = Category(_COLLEGE_EDUCATION, "main")
        if not category.topic_id or (operates and row.entity in public and not row.is_university):
            continue
        for domain in row.domains:
            if domain in governing or (operates and _GOVERNMENT_DOMAIN.search(domain)):
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
