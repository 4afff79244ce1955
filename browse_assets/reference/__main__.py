"""`make domains`: write domains.csv and neutral_domains.csv again, keeping the rows written by hand.

What belongs here: reading the lists and the packages, writing the lists. What does not: the rules.
"""

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

from browse_assets.command_line import leave, run_command
from browse_assets.reference.packages import NAME_SUGGESTION_INDEX, THIRD_PARTY_WEB, read_package
from browse_assets.reference.sites import Category, governments, listings, topics_of_sites
from browse_assets.reference.trackers import tracker_domains
from browse_assets.settings import REFERENCE_DIR

CURATED = "curated"


def main(folder: Path = REFERENCE_DIR) -> int:
    """Fetch the packages and write both lists: rows by hand win, then websites, then trackers."""
    items, entities = read_package(NAME_SUGGESTION_INDEX, ("dist/json/nsi.json", "dist/wikidata/wikidata.json"))
    (third_parties,) = read_package(THIRD_PARTY_WEB, ("dist/entities-nostats.json",))
    categories = {row["category"]: Category(row["topic_id"], row["role"]) for row in _read(folder / "osm_topics.csv")}
    parents = {row["topic_id"]: row["parent_topic_id"] for row in _read(folder / "topics.csv")}
    sites = topics_of_sites(
        listings(items["nsi"], entities["wikidata"]), categories, parents, governments(entities["wikidata"])
    )
    by_hand = [row for row in _read(folder / "domains.csv") if row["source"] == CURATED]
    neutral = [row for row in _read(folder / "neutral_domains.csv") if row["source"] == CURATED]
    known = {row["domain"] for row in [*by_hand, *neutral]}
    written = [
        *((row["domain"], row["topic_id"], CURATED) for row in by_hand),
        *((domain, topic, _name(NAME_SUGGESTION_INDEX)) for domain, topic in sites.items() if domain not in known),
    ]
    known |= set(sites)
    trackers = [domain for domain in tracker_domains(third_parties) if domain not in known]
    _write(folder / "domains.csv", ("domain", "topic_id", "source"), written)
    _write(
        folder / "neutral_domains.csv",
        ("domain", "kind", "term_parameter", "source"),
        [
            *((row["domain"], row["kind"], row["term_parameter"], CURATED) for row in neutral),
            *((domain, "tracker_or_cdn", "", _name(THIRD_PARTY_WEB)) for domain in trackers),
        ],
    )
    print(f"Written: {len(written):,} domains with a topic ({len(by_hand):,} by hand), {len(trackers):,} trackers.")
    return 0


def _name(package: str) -> str:
    return package.split("@")[0]


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(sorted(rows))


if __name__ == "__main__":
    argparse.ArgumentParser(
        prog="make domains",
        description="Write data/reference/domains.csv and neutral_domains.csv again from the npm packages that they "
        "come from; rows written by hand stay. Needs npm and a network.",
    ).parse_args()
    leave(run_command(lambda _: main()))
