"""What the finance rules find in labelled pages, and in host names alone, against the labels.

What belongs here: putting labelled rows where pages stand, and counting. What does not: floors (the tests).
"""

import csv
import hashlib
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from browse_assets.analysis.finance_hosts import HostWords
from browse_assets.analysis.hosts import describe_hosts, public_suffix
from browse_assets.assets.finance import host_words, judge_pages
from browse_assets.resources import load_reference
from browse_assets.settings import REFERENCE_DIR
from browse_assets.sql import read_sql

HERE = Path(__file__).parent
Row = Mapping[str, str]


@dataclass(frozen=True)
class Score:
    """Counts of one product (or of all) and intent; precision and recall are NaN-free fractions."""

    found: int
    wanted: int
    right: int

    @property
    def precision(self) -> float:
        """Share of what was found that is labelled so; 1 where nothing was found."""
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is labelled that was found; 1 where nothing is."""
        return self.right / self.wanted if self.wanted else 1.0


def read(name: str) -> list[dict[str, str]]:
    """Rows of a labelled CSV of this folder."""
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def page_id(number: int) -> uuid.UUID:
    """A row's page by its number."""
    return uuid.UUID(int=number + 1)


def judge(con: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> dict[int, dict[str, str]]:
    """Intent by product, for each row by its number; the rules run as they do in a materialization."""
    urls = [row["url"] for row in rows]
    raw = [url.split("/")[2].lower() for url in urls]
    hosts = {row["raw_host"]: row for row in describe_hosts(raw).to_pylist()}
    con.executemany(
        "INSERT INTO scrubbed_events (event_id, page_id, load_id, url, host, domain, title, search_terms, metadata) "
        "VALUES (uuid(), ?, 1, ?, ?, ?, nullif(?, ''), NULL, ?)",
        [
            [
                page_id(number),
                row["url"],
                hosts[host]["host"],
                hosts[host]["domain"],
                row["title"],
                [{"name": name, "content": row[name]} for name in ("description", "keywords") if row.get(name)],
            ]
            for number, (row, host) in enumerate(zip(rows, raw, strict=True))
        ],
    )
    judge_pages(con, since=0)
    found: dict[int, dict[str, str]] = {number: {} for number in range(len(rows))}
    for identifier, product, intent in con.execute(
        "SELECT page_id, finance_product, intent FROM judged_pages"
    ).fetchall():
        found[identifier.int - 1][product] = intent
    return found


def scores(rows: Sequence[Row], found: Mapping[int, Mapping[str, str]], intent: str) -> dict[str, Score]:
    """By product, and under `all`: pages found, labelled and both, of one intent."""
    wanted = {(n, row["finance_product"]) for n, row in enumerate(rows) if row["intent"] == intent}
    flagged = {(n, product) for n in range(len(rows)) for product, what in found[n].items() if what == intent}
    return count(wanted, flagged)


def count(wanted: set[tuple[int, str]], flagged: set[tuple[int, str]]) -> dict[str, Score]:
    """Scores of pairs (anything, product)."""
    counters = [Counter(product for _, product in pairs) for pairs in (flagged, wanted, flagged & wanted)]
    products = sorted(set().union(*counters))
    by_product = {product: Score(*(counter[product] for counter in counters)) for product in products}
    return {**by_product, "all": Score(*(sum(counter.values()) for counter in counters))}


def table(measured: Mapping[str, Score]) -> str:
    """Markdown: one row per product."""
    lines = ["| product | labelled | found | precision | recall |", "|---|---|---|---|---|"]
    lines += [
        f"| {name} | {score.wanted} | {score.found} | {score.precision:.2f} | {score.recall:.2f} |"
        for name, score in measured.items()
    ]
    return "\n".join(lines)


def rate(hits: Iterable[bool]) -> float:
    """Share that is true; 0 of none."""
    listed = list(hits)
    return sum(listed) / len(listed) if listed else 0.0


def flagged_of_nothing(rows: Sequence[Row], found: Mapping[int, Mapping[str, str]]) -> float:
    """Share of the pages labelled `none` that the rules say anything of."""
    return rate(bool(found[n]) for n, row in enumerate(rows) if row["intent"] == "none")


def banks_by_host(half: str, *, with_lists: bool) -> tuple[dict[str, float], float]:
    """Of one half: recall of US banks and credit unions by source, and the share of ordinary sites flagged.

    By the host name: its words alone, or as the product knows it, with the lists of sites too. Ordinary are the
    hand-made rows of domains.csv whose topic is not finance; by the words alone in both cases, since the lists
    know all of them as something else.
    """
    words = host_words()
    rows = [row for row in read("bank_hosts.csv") if row["half"] == half]
    listed = _listed_sites() if with_lists else set()
    sources = sorted({row["source"] for row in rows})
    recalls = {
        source: rate(
            row["domain"] in listed or _by_name(words, row["domain"])
            for row in rows
            if source in (row["source"], "all")
        )
        for source in [*sources, "all"]
    }
    topics = {row["topic_id"]: row for row in _reference("topics")}
    financial = {row["domain"] for row in _reference("finance_domains")}
    ordinary = [
        row["domain"]
        for row in _reference("domains")
        if row["source"] == "curated"
        and topics[row["topic_id"]]["tier_1"] not in ("Personal Finance", "Business and Finance")
        and row["domain"] not in financial
        and half_of(row["domain"]) == half
    ]
    return recalls, rate(_by_name(words, domain) for domain in ordinary)


def _listed_sites() -> set[str]:
    """Domains that `sql/finance_sites.sql` knows by a list."""
    with duckdb.connect() as con:
        load_reference(con, ["domains", "finance_domains"])
        con.execute("CREATE TEMP TABLE named_sites (domain VARCHAR, kind VARCHAR, default_product VARCHAR)")
        return {domain for domain, *_ in con.execute(read_sql("finance_sites")).fetchall()}


def half_of(domain: str) -> str:
    """`dev` or `held_out`, by the hash of the domain."""
    return "held_out" if int(hashlib.sha256(domain.encode()).hexdigest(), 16) % 2 else "dev"


def fresh_half(rows: Sequence[Row], half: str) -> list[Row]:
    """Fresh pages of one half, by the hash of the registrable domain: of `unseen` nobody read an error."""
    if half not in ("seen", "unseen"):
        raise ValueError(f"{half} is no half")
    raw = [row["url"].split("/")[2].lower() for row in rows]
    domains = {host["raw_host"]: host["domain"] for host in describe_hosts(raw).to_pylist()}
    wanted = {"seen": "dev", "unseen": "held_out"}[half]
    return [row for row, host in zip(rows, raw, strict=True) if half_of(domains[host]) == wanted]


def _by_name(words: HostWords, domain: str) -> bool:
    return words.judge(domain, public_suffix(domain)) is not None


def _reference(name: str) -> list[dict[str, str]]:
    with (REFERENCE_DIR / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
