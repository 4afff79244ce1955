"""Whether the report of churn is whole, and about nobody: its files are read again, apart from what wrote them.

What belongs here: the check of churn_report's files. What does not: what the report says (`analysis/churn_report*.py`).
"""

import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import duckdb

from browse_assets.resources import WRITER_POOL, Databases
from browse_assets.verdict import verdict

SECTIONS = 10
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
PEOPLE = """
    SELECT user_key::VARCHAR FROM user_days UNION SELECT user_key::VARCHAR FROM churn_snapshots
    UNION SELECT user_key::VARCHAR FROM customer_features
"""
WINNER = "SELECT model FROM churn_model WHERE people >= ? ORDER BY log_loss, model LIMIT 1"


class Page(HTMLParser):
    """Sections of a page, its text, and whatever it would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.sections = 0
        self.foreign: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count sections; note scripts, frames and addresses that are neither data nor on the page."""
        self.sections += tag == "section"
        if tag in ("script", "iframe", "object", "embed", "link", "base", "form"):
            self.foreign.append(tag)
        self.foreign += [
            name
            for name, value in attrs
            if name.startswith("on")
            or (name in ("src", "href", "srcset", "action") and not (value or "").startswith(("data:image/png", "#")))
        ]

    def handle_data(self, data: str) -> None:
        """Keep the text."""
        self.text.append(data)


def _faults(path: Path, people: set[str], winner: str | None) -> list[str]:
    """What is wrong with a file of the report, in words that name no person."""
    if not path.exists():
        return ["is missing"]
    found = []
    if path.suffix == ".html":
        content = path.read_text(encoding="utf-8")
        page = Page()
        page.feed(content)
        sections, text = page.sections, " ".join(page.text)
        found += ["fetches or runs something"] if page.foreign else []
    else:
        with zipfile.ZipFile(path) as deck:
            slides = [name for name in deck.namelist() if re.fullmatch(r"ppt/slides/slide\d+\.xml", name)]
            content = "".join(deck.read(name).decode("utf-8") for name in deck.namelist() if name.endswith(".xml"))
        sections, text = len(slides), content
    found += [f"has {sections} sections instead of {SECTIONS}"] if sections != SECTIONS else []
    found += ["names a pseudonym"] if {key.lower() for key in UUID.findall(content)} & people else []
    found += ["does not name the winner"] if winner and winner.replace("_", " ") not in text.lower() else []
    return found


@dg.asset_check(pool=WRITER_POOL, asset="churn_report", blocking=True)
def report_is_whole(databases: Databases) -> dg.AssetCheckResult:
    """Page and slides are there with ten sections each, name the lowest log loss, fetch nothing, name no pseudonym."""
    with databases.open(warehouse="read") as con:
        rows: list[tuple[str, str]] = []
        if con.execute("SELECT 1 FROM asset_state WHERE asset = 'churn_report'").fetchone():
            people = {key for (key,) in con.execute(PEOPLE).fetchall()}
            winner = _winner(con, databases.settings.min_group)
            for name in ("churn_report.html", "churn_report.pptx"):
                rows += [(name, fault) for fault in _faults(databases.settings.reports / name, people, winner)]
        con.execute("CREATE OR REPLACE TEMP TABLE report_faults (file VARCHAR, fault VARCHAR)")
        if rows:
            con.executemany("INSERT INTO report_faults VALUES (?, ?)", rows)
        return verdict(con, "SELECT file, fault FROM report_faults ORDER BY ALL", "faults of the report")


def _winner(con: duckdb.DuckDBPyConnection, min_group: int) -> str | None:
    """The lowest log loss, where its test has enough people to be told of."""
    row = con.execute(WINNER, [min_group]).fetchone()
    return str(row[0]) if row else None
