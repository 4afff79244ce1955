"""`python -m browse_assets_tests.sample_figures [data folder]`: whether README and docs/privacy.md say what came out.

What belongs here: figures of tables that `make run` has filled from the bundled sample panel, as sentences of the
documents and the SELECTs behind them. What does not: figures that need no run (`test_readme_claims.py`), and those that
other commands print (`make bench`, `make bench-churn`, `make privacy-report`, `python -m browse_assets_tests.finance`,
`python -m browse_assets_tests.topics.measure`).

A run of the sample takes three CPU minutes, so the suite does not make one: run this after a change of rules or
models, and before a release. Left out is what depends on the secret, since people are dealt into folds by pseudonym.
"""

import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from browse_assets.keys import Keys, load_keys
from browse_assets.settings import PROJECT_ROOT, SAMPLE_DIR, load_settings


@dataclass(frozen=True)
class Figure:
    """A sentence of a document, and a SELECT of one row that fills in its figures."""

    document: str
    template: str
    select: str


def _matched(view: str, *columns: str) -> str:
    return f"SELECT {', '.join(columns)} FROM reidentification WHERE view = '{view}'"


def _percent(column: str) -> str:
    return f"printf('%.0f', 100 * {column})"


def _reidentified(view: str, written: str) -> Figure:
    rate, low, high = (_percent(name) for name in ("match_rate", "match_rate_low", "match_rate_high"))
    return Figure("README.md", written + " | {} % | {} to {} % |", _matched(view, rate, low, high))


def _back_test(method: str, written: str) -> Figure:
    numbers = "printf('%.2f', precision_at_k)"
    return Figure(
        "README.md", f"| {written} | {{}} (", f"SELECT {numbers} FROM product_backtest WHERE method = '{method}'"
    )


FIGURES = (
    Figure("README.md", "On the sample panel ({} people)", "SELECT count(DISTINCT user_key) FROM scrubbed_events"),
    Figure(
        "README.md",
        "{} topics and all",
        "SELECT count(*) FROM released_audiences WHERE purpose = 'research' AND dimension = 'topic'",
    ),
    Figure(
        "README.md",
        "On the synthetic sample panel, {} people with both halves",
        "SELECT any_value(people) FROM reidentification",
    ),
    _reidentified("raw_hosts", "`raw_hosts`: the vault's hosts"),
    _reidentified("domains", "`domains`: `domain_features`"),
    _reidentified("topics", "`topics` of those domains"),
    _reidentified("released_topics", "`released_topics`: if the released topics were told of each person"),
    Figure(
        "docs/privacy.md",
        "by raw hosts {} %, **by domains {} % (95 % interval {} to {})**, by topics {} %, by released topics {} %",
        "SELECT " + ", ".join(
            f"max({_percent(column)}) FILTER (view = '{view}')"
            for view, column in (
                ("raw_hosts", "match_rate"), ("domains", "match_rate"), ("domains", "match_rate_low"),
                ("domains", "match_rate_high"), ("topics", "match_rate"), ("released_topics", "match_rate"),
            )
        ) + " FROM reidentification",
    ),
    Figure(
        "README.md",
        "The sample panel has {} distinct pages",
        "SELECT printf('%,d', count(*)) FROM page_topics",
    ),
    Figure(
        "README.md",
        "| `language` | 1.00 of 219 | 1.00 of {} |",
        "SELECT count(*) FROM audience_attributes WHERE attribute = 'language'",
    ),
    Figure(
        "README.md",
        "it calls {} to {} of 318 people per product",
        "SELECT min(n), max(n) FROM "
        "(SELECT count(*) FILTER (is_interested) AS n FROM watchlist_interest GROUP BY product_id)",
    ),
    Figure(
        "README.md",
        "sample panel ({} pairs, {} returns,",
        "SELECT printf('%,d', any_value(pairs)), any_value(returns) FROM product_backtest",
    ),
    _back_test("logistic", "logistic regression"),
    _back_test("mbg_nbd", "MBG/NBD"),
    _back_test("frequency", "frequency alone"),
    _back_test("recency", "recency alone"),
    _back_test("popularity", "popularity"),
    Figure(
        "README.md",
        "{} people left and {} are `tracking_lost`",
        "SELECT count(DISTINCT user_key) FILTER (eligible AND churned), "
        "count(DISTINCT user_key) FILTER (reason = 'tracking_lost') FROM churn_snapshots",
    ),
    Figure(
        "README.md",
        "of {} people flagged {} are lost to tracking, {} more had not left either (they pause, and go on paying), {} "
        "left late in the window; of those lost to tracking {} count as having left",
        "WITH judged AS (SELECT *, tracking_lost_time IS NOT NULL AS is_lost, "
        "coalesce(churn_time <= snapshot_time + to_days(37), FALSE) AS has_left "
        "FROM churn_snapshots JOIN truth_people USING (user_key)), "
        "flagged AS (SELECT * FROM judged WHERE reason = 'tracking_lost') "
        "SELECT (SELECT count(*) FROM flagged), (SELECT count(*) FROM flagged WHERE is_lost), "
        "(SELECT count(*) FROM flagged WHERE NOT is_lost AND NOT has_left), "
        "(SELECT count(*) FROM flagged WHERE has_left), "
        "(SELECT count(*) FROM judged WHERE eligible AND churned AND is_lost AND NOT has_left)",
    ),
    Figure(
        "README.md",
        "the sample's {} give two bands of recency",
        "SELECT count(*) FILTER (eligible AND churned) FROM churn_snapshots",
    ),
)  # fmt: skip


def flat(document: str) -> str:
    """A document as one line."""
    return " ".join((PROJECT_ROOT / document).read_text(encoding="utf-8").split())


def add_truth(con: duckdb.DuckDBPyConnection, keys: Keys) -> None:
    """Temporary table `truth_people`: what the makers of the sample know, one row per person, under pseudonyms."""
    con.execute("CREATE TEMP TABLE truth_people (user_key UUID, churn_time TIMESTAMP, tracking_lost_time TIMESTAMP)")
    with (SAMPLE_DIR / "truth" / "people.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            times = [row[name].removesuffix("Z") or None for name in ("churn_time", "tracking_lost_time")]
            con.execute("INSERT INTO truth_people VALUES (?, ?, ?)", [keys.user_key(row["userId"]), *times])


def stale(con: duckdb.DuckDBPyConnection, figures: Sequence[Figure] = FIGURES) -> list[str]:
    """Sentences that the documents lack, as the tables of this connection would have them."""
    missing = []
    for figure in figures:
        values = con.execute(figure.select).fetchone()
        sentence = figure.template.format(*values) if values else f"no row for: {figure.template}"
        if sentence not in flat(figure.document):
            missing.append(f"{figure.document}: {sentence}")
    return missing


def main() -> int:
    """Print what is stale; 1 when anything is."""
    settings = load_settings()
    folder = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else settings.data_dir
    with duckdb.connect(str(folder / "browse.duckdb"), read_only=True) as con:
        if con.execute("SELECT bool_and(origin = 'sample') FROM input_files").fetchone() != (True,):
            print("These tables are not of the sample panel: make run with an empty inbox first.")
            return 2
        add_truth(con, load_keys(replace(settings, data_dir=folder)))
        missing = stale(con)
    print("\n".join(missing) or f"{len(FIGURES)} sentences of the documents say what the tables hold.")
    return int(bool(missing))


if __name__ == "__main__":
    sys.exit(main())
