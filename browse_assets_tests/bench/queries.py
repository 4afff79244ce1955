"""The queries of docs/queries.md, read from the page itself, so that what is shown, tested and timed is one.

What belongs here: reading and timing them. What does not: what they say.
"""

import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_HEADING_OR_SQL = re.compile(r"^## (?P<title>[^\n]+)$|^```sql\n(?P<sql>.*?)^```$", re.MULTILINE | re.DOTALL)
PAGE = Path(__file__).parents[2] / "docs" / "queries.md"
REPETITIONS = 5


@dataclass(frozen=True)
class Query:
    """One statement of the page, under the heading above it."""

    title: str
    sql: str


def read_queries(page: Path) -> list[Query]:
    """Statements in the order of the page; the first one, before any heading, sets who the person is."""
    title, found = "", []
    for match in _HEADING_OR_SQL.finditer(page.read_text(encoding="utf-8")):
        title = match["title"] or title
        if match["sql"] is not None:
            found.append(Query(title, match["sql"].strip()))
    return found


def time_queries(warehouse: Path, queries: Sequence[Query]) -> list[tuple[str, float, float, int]]:
    """Title, first and median milliseconds (wall) and rows of each query, in one connection for all.

    The first time reads from the file, or from the system's cache of it; the median is of `REPETITIONS` after it.
    """
    import duckdb

    person, *asked = queries
    figures = []
    with duckdb.connect(warehouse, read_only=True) as con:
        con.execute(person.sql)
        for query in asked:
            spent, rows = [], 0
            for _ in range(1 + REPETITIONS):
                started = time.perf_counter()
                rows = len(con.execute(query.sql).fetchall())
                spent.append((time.perf_counter() - started) * 1000)
            figures.append((query.title, spent[0], median(spent[1:]), rows))
    return figures


def queries_table(figures: Sequence[tuple[str, float, float, int]]) -> list[str]:
    """The figures as lines of text."""
    width = max(len(title) for title, *_ in figures)
    head = f"{'docs/queries.md':<{width}}{'first ms':>10}{'median ms':>11}{'rows':>8}"
    return [head, *(f"{title:<{width}}{first:>10.1f}{usual:>11.1f}{rows:>8,}" for title, first, usual, rows in figures)]


if __name__ == "__main__":
    print("\n".join(queries_table(time_queries(Path(sys.argv[2]), read_queries(Path(sys.argv[1]))))))
