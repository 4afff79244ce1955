"""Question 1: what personal data came in and was removed, and whether any is left.

What belongs here: reading pii_removed and the checks, and a handful of made-up rows put through the real assets. What
does not: the rules (`analysis/scrubbing.py`), the search for leaks (`leak_checks.py`). No value of the panel is shown.
"""

import csv
from typing import Any

from browse_assets.analysis.churn_report import listed, percent, plain
from browse_assets.notebook.answer import Answer
from browse_assets.notebook.installation import Installation, scratch_installation

# Replaced in every row by their nature, and no find: the person's id and the IP address.
_IN_EVERY_ROW = ("user_id", "ip")

# Progress of an asset's run is for `make run`; here it would stand between the tables.
_QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}

# Made up: example.com mail, 555-01xx telephone, test card, documentation address (RFC 5737), a made-up token. Each row
# is what was typed or shown, and where.
SYNTHETIC_ROWS: tuple[tuple[str, str, str], ...] = (
    ("mail in an address", "https://shop.example.com/unsubscribe?email=jo.roe%40example.com&page=2", "Unsubscribe"),
    ("account in a path", "https://github.com/users/jo-roe-1984/repos", "Repositories"),
    ("token in a link", "https://example.com/reset/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJl", "New password"),
    ("telephone in a title", "https://example.com/contact", "Call Jo on +1 212 555 0147 today"),
    ("card in a title", "https://example.com/pay", "Paid with 4111 1111 1111 1111"),
    ("mail in a title", "https://mail.example.com/inbox", "Inbox (3) - jo.roe@example.com"),
    ("nothing personal", "https://example.com/p/987654321?page=2", "Headphones WH-1000XM5, ISBN 978-3-16-148410-0"),
)


def removed(installation: Installation) -> Answer:
    """Values of personal data by kind and column, of all files together."""
    from browse_assets.analysis.figures import stacked_bar_figure

    rows = installation.query(
        "SELECT kind, column_name AS col, sum(values_removed)::BIGINT AS n FROM pii_removed GROUP BY ALL "
        "ORDER BY kind, col"
    )
    views = int(installation.value("SELECT count(*) FROM scrubbed_events"))
    with_any = int(installation.value("SELECT count(*) FROM scrubbed_events WHERE len(removed) > 0"))
    table = rows.pivot_table(index="kind", columns="col", values="n", fill_value=0, aggfunc="sum")
    table = table.assign(total=table.sum(axis=1)).astype("int64").sort_values("total", ascending=False, kind="stable")
    found = rows[~rows["col"].isin(_IN_EVERY_ROW)]
    by_kind = found.groupby("kind")["n"].sum().sort_values(ascending=False, kind="stable")
    most = [f"{plain(str(kind))} {n:,}" for kind, n in by_kind.head(5).items()]
    words = (
        f"{views:,} page views came in. In each the person's id was replaced by a pseudonym and the IP address was "
        f"dropped. Besides, {int(found['n'].sum()):,} values of {len(by_kind)} kinds that are or can be "
        "personal were taken out of "
        f"addresses, titles, searches and tags, most of all {listed(most)}. "
        f"{percent(with_any / views)} of the page views had something removed."
        if views
        else "No page view came in, so nothing had to be removed."
    )
    figure = None
    if len(found):
        amounts = [(row["kind"], row["col"], float(row["n"])) for row in found.to_dict("records")]
        figure = stacked_bar_figure(amounts, title="Personal values removed", value_label="values (logarithmic)")
    return Answer(words, table.reset_index(), figure, "Values removed, by kind and column")


def left(installation: Installation) -> Answer:
    """What the searches for personal data in every text of the warehouse found, as Dagster has it on record."""
    import pandas as pd

    from browse_assets.leak_checks import LEAK_CHECKS

    keys = [spec.key for check in LEAK_CHECKS for spec in check.check_specs]
    results = installation.checks(keys)
    ran = [result for result in results if result.passed is not None]
    failed = [result for result in ran if not result.passed]
    table = pd.DataFrame(
        {
            "table": [result.asset for result in results],
            "check": [result.name for result in results],
            "passed": pd.Series([result.passed for result in results], dtype="object"),
            "found": [result.says for result in results],
        }
    ).sort_values(["passed", "table"], kind="stable")
    if not ran:
        verdict = "No search is on record here: whether any is left is not known. Run the job."
    elif failed:
        verdict = f"{len(failed)} of {len(ran)} searches found something: {listed([r.asset for r in failed])}."
    else:
        verdict = f"All {len(ran)} searches on record found nothing."
    if ran and len(ran) < len(results):
        verdict += f" {len(results) - len(ran)} are not on record."
    words = (
        "Is any left? A check on each table searches every text again, in plain and decoded form, for mails, "
        "telephone, "
        "card, account and social security numbers, addresses, tokens, places and the panel's own ids; where one "
        f"fails, the run stops there. {verdict} That is no proof: names of people in free text are not among the kinds "
        "that are looked for. " + _recognised(installation)
    )
    return Answer(words, table, None, "Searches for personal data, newest result")


def _recognised(installation: Installation) -> str:
    """How far people can still be told apart without any personal value."""
    rates = installation.query(
        "SELECT people, match_rate, match_rate_low, match_rate_high, chance FROM reidentification "
        "WHERE view = 'domains' AND match_rate IS NOT NULL"
    )
    if not len(rates):
        return "People stay recognisable by their habits; with so few people here that was not measured."
    row = rates.iloc[0]
    return (
        f"And habits tell people apart: by the domains that they visit alone, {percent(row['match_rate'])} of "
        f"{int(row['people']):,} people are found again in another period ({percent(row['match_rate_low'])} to "
        f"{percent(row['match_rate_high'])}; a blind guess finds {100 * row['chance']:.1f} %). So the tables are "
        "personal data still, under pseudonyms."
    )


def worked_examples() -> Answer:
    """Made-up rows before and after the assets raw_events and scrubbed_events, in a throw-away installation."""
    import dagster as dg
    import duckdb
    import pandas as pd

    from browse_assets.assets.events import raw_events, scrubbed_events
    from browse_assets.resources import Databases

    with scratch_installation() as settings:
        settings.inbox.mkdir(parents=True)
        with (settings.inbox / "examples.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["userId", "timestamp", "url", "title", "ip"])
            for minute, (_, url, title) in enumerate(SYNTHETIC_ROWS):
                writer.writerow(["made-up-person-1", f"2026-01-05T10:{minute:02d}:00Z", url, title, "203.0.113.7"])
        made = dg.materialize([raw_events, scrubbed_events], resources={"databases": Databases()}, run_config=_QUIET)
        assert made.success
        with duckdb.connect(str(settings.warehouse_path), read_only=True) as con:
            after: list[tuple[Any, ...]] = con.execute(
                "SELECT url, title, array_to_string(list_transform(removed, lambda r: r.kind), ', ') "
                "FROM scrubbed_events ORDER BY event_time"
            ).fetchall()
    table = pd.DataFrame(
        [
            (what, f"{url} | {title}", f"{clean_url} | {clean_title}", kinds)
            for (what, url, title), (clean_url, clean_title, kinds) in zip(SYNTHETIC_ROWS, after, strict=True)
        ],
        columns=["example", "before (address | title)", "after", "kinds removed"],
    )
    changed = sum(before != now for before, now in zip(table.iloc[:, 1], table.iloc[:, 2], strict=True))
    words = (
        f"How it works, on {len(table)} made-up rows that have just gone through the same two assets: {changed} were "
        "changed, each value replaced by its kind in braces, and what is not personal stayed."
    )
    return Answer(words, table, None, "Made-up rows before and after")
