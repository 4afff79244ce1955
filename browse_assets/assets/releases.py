"""Assets of release: what may be told to others, as counts of groups of people.

What belongs here: released_audiences, and the rules about who may be told what. What does not: which
groups are too small (`analysis/suppression.py`), writing files for others (`release.py`).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import dagster as dg
import duckdb

from browse_assets.analysis.suppression import Group, releasable, rounded
from browse_assets.assets.consent import consent_table, consenting_people
from browse_assets.assets.events import user_days
from browse_assets.assets.finance import finance_flags
from browse_assets.assets.interests import interest_profile, interest_segments
from browse_assets.assets.reporting import bar_plot, table_result
from browse_assets.assets.state import State, fingerprint, read_as_of, read_state, require_state, write_state
from browse_assets.foreseen import ForeseenError
from browse_assets.keys import Keys, load_keys
from browse_assets.resources import (
    WRITER_POOL,
    Databases,
    load_reference,
    replace_table,
    transaction,
    withheld_values,
)
from browse_assets.sql import read_sql
from browse_assets.tables import CONSENT_PURPOSES, NEVER_TOLD_PRODUCTS, RELEASED_AUDIENCES, TABLES

# A dimension is released for the purposes that the table behind it may serve.
DIMENSIONS = {"topic": "interest_profile", "segment": "interest_segments", "finance_product": "finance_flags"}
EVERYBODY = "everybody"
_SOURCES = ("user_days", *DIMENSIONS.values())

# Sources of events that a browser extension collected: panel exports. Browsers' own files are not.
EXTENSION_SOURCES = ("csv", "jsonl", "json_array", "parquet")
LIMITED_USE = (
    "the Chrome Web Store's user data policy (Limited Use, developer.chrome.com/docs/webstore/program-policies/"
    "limited-use), which holds for aggregated, de-identified and derived data too"
)
FORBIDDEN_PURPOSES: Mapping[str, str] = {
    "credit_decision": "nothing here may decide on credit, whatever the data: browsing shows what people look at, "
    f"not what they can pay, and {LIMITED_USE}, forbids use to determine creditworthiness or for lending",
}


# Finance is told alone: with these it would tell who may not be told apart when money is decided on (ECOA,
# Regulation B, 12 CFR 1002; Fair Housing Act). Dimensions of what people look at may have such words in names.
FINANCE = "finance_product"
_INTERESTS = ("everybody", "topic", "segment", FINANCE)
PERSONAL_TRAITS = (
    "(^|[^a-z])(age|ages|aged|birth|gender|sex|female|male|family|families|marital|married|single|spouse|parent|"
    "parents|children|kids|household|life_stage|postcode|post_code|postal|zip|zipcode|plz)($|[^a-z])"
)


class ReleaseRefusedError(ForeseenError):
    """These data may not be told for this purpose; the message says why."""


@dataclass(frozen=True)
class Audience:
    """The groups of one purpose: rows of released_audiences, and how many groups are hidden by dimension."""

    rows: tuple[tuple[Any, ...], ...]
    hidden: dict[str, int]


def check_purpose(purpose: str, table: str) -> None:
    """Whether a table may be used for a purpose at all.

    Raises:
        ReleaseRefusedError: it may not, or one of the two is unknown.
    """
    if purpose in FORBIDDEN_PURPOSES:
        raise ReleaseRefusedError(f"{purpose}: {FORBIDDEN_PURPOSES[purpose]}.")
    if purpose not in CONSENT_PURPOSES:
        raise ReleaseRefusedError(f"unknown purpose; the known ones are {', '.join(CONSENT_PURPOSES)}.")
    if table not in TABLES:
        raise ReleaseRefusedError(f"unknown table; what is released is {RELEASED_AUDIENCES.name}.")
    allowed = TABLES[table].purposes
    if purpose not in allowed:
        raise ReleaseRefusedError(f"{table} may serve {', '.join(allowed)}, not {purpose}.")
    if table != RELEASED_AUDIENCES.name:
        raise ReleaseRefusedError(f"{table} stays here: others get counts of groups only, {RELEASED_AUDIENCES.name}.")


def check_combination(groups: Iterable[tuple[str, str, str]]) -> None:
    """Whether groups of these (dimension, item_id, item) may be told in one release.

    Raises:
        ReleaseRefusedError: a financial product stands beside age, gender, family status or postcode, or a
            product that is never told is among them.
    """
    listed = list(groups)
    products = {item_id for dimension, item_id, _ in listed if dimension == FINANCE}
    if products & set(NEVER_TOLD_PRODUCTS):
        raise ReleaseRefusedError(f"{', '.join(NEVER_TOLD_PRODUCTS)} are never told: they show who is short of money.")
    traits = {
        dimension
        for dimension, *items in listed
        if dimension not in _INTERESTS and re.search(PERSONAL_TRAITS, " ".join([dimension, *items]).lower())
    }
    if products and traits:
        raise ReleaseRefusedError(
            f"financial products are never told together with {', '.join(sorted(traits))}: "
            "age, gender, family status and postcode. Release one or the other."
        )


def refused_by_source(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """The purposes that the data of the warehouse may not serve because of where they came from, and why.

    One event is enough, since the panel's rates are in everybody's probabilities.
    """
    sources = ", ".join(f"'{source}'" for source in EXTENSION_SOURCES)
    row = con.execute(f"SELECT count(*) FROM scrubbed_events WHERE source IN ({sources})").fetchone()
    if row is None or row[0] == 0:
        return {}
    return {
        "ads": f"{row[0]:,} page views came from a browser extension, and {LIMITED_USE}, forbids to transfer or "
        "use such data for personalised advertising"
    }


def count_audience(
    con: duckdb.DuckDBPyConnection, keys: Keys, purpose: str, as_of: datetime, min_group: int
) -> Audience:
    """The released groups of the people whose consent covers the purpose at as_of.

    Args:
        con: vault and warehouse, open for reading at least.
        keys: for the pseudonyms of those who consented.
        purpose: one of CONSENT_PURPOSES.
        as_of: end of the window.
        min_group: k.
    """
    con.execute(
        "CREATE OR REPLACE TEMP TABLE audience AS SELECT DISTINCT user_key FROM user_days WHERE first_time <= $as_of",
        {"as_of": as_of},
    )
    consenting = consenting_people(con, keys, purpose, as_of)
    if consenting is not None:
        con.execute(
            "DELETE FROM audience WHERE user_key NOT IN (SELECT unnest($people::VARCHAR[])::UUID)",
            {"people": consenting},
        )
    load_reference(con, ["topics"])
    con.execute("CREATE OR REPLACE TEMP TABLE topic_lineage AS " + read_sql("topic_lineage"))
    groups = con.execute(read_sql("audience_groups")).fetchall()
    (everybody,) = con.execute("SELECT count(*) FROM audience").fetchall()[0]
    rows: list[tuple[Any, ...]] = []
    hidden: dict[str, int] = {}
    # as_of may be the very moment of one person's newest page view: others are told the day.
    day = as_of.replace(hour=0, minute=0, second=0, microsecond=0)
    if everybody >= min_group:
        shown = rounded(everybody, min_group=min_group)
        rows.append((purpose, EVERYBODY, EVERYBODY, EVERYBODY, None, shown, min_group, day))
    for dimension, source in DIMENSIONS.items():
        if purpose not in TABLES[source].purposes:
            continue
        mine = {row[1]: row for row in groups if row[0] == dimension}
        around_of = releasable(
            [Group(item_id, row[3] if row[3] in mine else None, row[4]) for item_id, row in mine.items()],
            everybody,
            min_group=min_group,
        )
        hidden[dimension] = len(mine) - len(around_of)
        for item_id, around in around_of.items():
            people = rounded(mine[item_id][4], min_group=min_group)
            rows.append((purpose, dimension, item_id, mine[item_id][2], around, people, min_group, day))
    check_combination((row[1], row[2], row[3]) for row in rows)
    return Audience(tuple(rows), hidden)


@dg.asset(
    pool=WRITER_POOL,
    group_name="privacy",
    deps=["raw_customers", user_days, interest_profile, interest_segments, finance_flags],
)
def released_audiences(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per purpose and group of at least k people whose count may be told to others.

    Everybody, people by topic of interest, by segment and by financial product they shop for; k is
    BROWSE_MIN_GROUP (11 at least), counts are rounded down to k + a multiple of 5, groups that would give
    a smaller one away by subtraction are left out, sensitive topics always. Caveat: a count is up to 4 too low; two
    releases of different days or purposes can be compared, and who knows a single person well may still learn from it.
    """
    settings = databases.settings
    keys = load_keys(settings)
    with databases.open(vault="read", warehouse="write") as con:
        sources = [require_state(con, name) for name in _SOURCES]
        as_of = read_as_of(con, settings)
        target = State(
            max(source.load_id for source in sources),
            fingerprint(
                "released_audiences",
                [(source.load_id, source.fingerprint) for source in sources],
                as_of,
                settings.min_group,
                consent_table(con),
            ),
        )
        refused = {**FORBIDDEN_PURPOSES, **refused_by_source(con)}
        notes: dict[str, Any] = {f"not for {purpose}": why for purpose, why in refused.items()}
        if read_state(con, "released_audiences") == target:
            context.log.info("Nothing new: the released groups stand as they are.")
        else:
            rows: list[tuple[Any, ...]] = []
            with withheld_values("Counting groups of people"):
                for purpose in CONSENT_PURPOSES:
                    if as_of is None or purpose in refused:
                        continue
                    audience = count_audience(con, keys, purpose, as_of, settings.min_group)
                    rows += audience.rows
                    notes |= {f"groups hidden, {purpose}, {name}": n for name, n in audience.hidden.items()}
            with transaction(con):
                _write(con, rows)
                write_state(con, "released_audiences", target)
        topics = con.execute(
            "SELECT item, max(people) FROM released_audiences WHERE dimension = 'topic' GROUP BY item_id, item "
            "ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(
            con,
            RELEASED_AUDIENCES,
            preview_select="SELECT purpose, dimension, count(*) AS groups, min(people) AS smallest "
            "FROM released_audiences GROUP BY ALL ORDER BY ALL",
            extra=notes | bar_plot("released: people by topic, at least", topics),
        )


def _write(con: duckdb.DuckDBPyConnection, rows: list[tuple[Any, ...]]) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in RELEASED_AUDIENCES.columns)
    con.execute(f"CREATE OR REPLACE TEMP TABLE counted_groups ({columns})")
    if rows:
        con.executemany(f"INSERT INTO counted_groups VALUES ({', '.join('?' * len(rows[0]))})", rows)
    replace_table(con, RELEASED_AUDIENCES, "SELECT * FROM counted_groups ORDER BY purpose, dimension, item_id")
