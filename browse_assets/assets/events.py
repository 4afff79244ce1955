"""Assets from the inbox to the daily rollups.

What belongs here: raw_events, what it says about files, scrubbed_events, and the two rollups that
everything else is made from. What does not: what the rollups mean (`interests.py`, `churn.py`).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import dagster as dg
import duckdb

from browse_assets.analysis.names import find_names
from browse_assets.assets.consent import admit_events, consent_table
from browse_assets.assets.loading import load_inbox
from browse_assets.assets.panel_ids import nothing_alike_until, panel_ids
from browse_assets.assets.reporting import bar_plot, drawn, stacked_bar_plot, table_result
from browse_assets.assets.scrubbing import prepare_scrubbing, scrub_admitted_events
from browse_assets.assets.sessions import cut_sessions
from browse_assets.assets.slices import Span, time_slices, within
from browse_assets.assets.state import EMPTY, State, fingerprint, read_state, require_state, write_state
from browse_assets.engine.choice import Connection, bring_back, computing, result_of
from browse_assets.keys import Keys, load_keys
from browse_assets.preflight import require_ready
from browse_assets.resources import (
    PART,
    WRITER_POOL,
    Databases,
    empty_scratch,
    insert_rows,
    load_reference,
    replace_table,
    transaction,
    withheld_values,
)
from browse_assets.settings import Settings
from browse_assets.sql import read_sql
from browse_assets.tables import (
    DOMAIN_FEATURES,
    INPUT_FILES,
    PII_REMOVED,
    REJECTED_EVENTS,
    SCRUBBED_EVENTS,
    USER_DAYS,
    Table,
)

# Page views that are scrubbed, or summed up, at one time: what they need is in memory meanwhile.
SLICE_EVENTS = 1_000_000

_PART = replace(SCRUBBED_EVENTS, name=SCRUBBED_EVENTS.name + PART)
_WRITTEN = """
    SELECT fresh.* EXCLUDE (given_seconds, given_kind, load_id), session_id, dwell_seconds, dwell_method
    FROM fresh JOIN sessioned ON sessioned.event_id = fresh.event_id
"""


@dg.asset(pool=WRITER_POOL, group_name="events")
def raw_events(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per page view, as it came in: personal, encrypted, never shown.

    Reads what is new in `inbox/` (panel CSV, JSON lines and Parquet, Chrome, Firefox and Safari
    histories, Google Takeout) into the vault; with an inbox that never held anything, the bundled
    synthetic sample panel. A file is known by its content and read once. Caveat: two page views of one
    person on the same URL at the same time, to 1 µs, are one.
    """
    settings = databases.settings
    require_ready(settings)
    keys = load_keys(settings)
    with databases.open(vault="write") as con:
        empty_scratch(settings)
        with withheld_values("Reading the inbox"):  # an OSError names the path, and a folder can name a person
            report = load_inbox(con, settings, keys, context.log.info)
        rows = con.execute("SELECT count(*) FROM vault.raw_events").fetchone()
    assert rows is not None
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": int(rows[0]),
            "origin": report.origin,
            "files seen": report.files_seen,
            "files read": report.files_read,
            "files failed": report.files_failed,
        }
    )


@dg.asset(pool=WRITER_POOL, group_name="events", deps=[raw_events])
def input_files(databases: Databases) -> dg.MaterializeResult:
    """One row per input file ever seen, with what became of its rows.

    rows_read = accepted + folded + duplicates + rejected for each file that could be read; a blocking
    check says so. Paths stay in the vault, since a file's name can name a person. Caveat: a file that differs by 1 byte
    is another file; what it repeats counts as duplicates.
    """
    columns = ", ".join(INPUT_FILES.column_names)
    with databases.open(vault="read", warehouse="write") as con:
        with transaction(con), withheld_values("Copying the list of files"):
            replace_table(con, INPUT_FILES, f"SELECT {columns} FROM vault.raw_files ORDER BY load_id, file_id")
        return table_result(
            con,
            INPUT_FILES,
            preview_select="SELECT left(file_id, 12) AS file, format, status, rows_read, accepted, "
            "duplicates, rejected, reason FROM input_files",
            extra=_sums(con, "input_files", ("rows_read", "accepted", "folded", "duplicates", "rejected")),
        )


@dg.asset(pool=WRITER_POOL, group_name="events", deps=[raw_events])
def rejected_events(databases: Databases) -> dg.MaterializeResult:
    """One row per rejected row, with the reason; the row itself stays in the vault.

    Caveat: a row has 1 reason, the first that was found, though several may hold.
    """
    columns = ", ".join(REJECTED_EVENTS.column_names)
    with databases.open(vault="read", warehouse="write") as con:
        with transaction(con), withheld_values("Copying the list of rejected rows"):
            replace_table(
                con, REJECTED_EVENTS, f"SELECT {columns} FROM vault.raw_rejected ORDER BY file_id, row_number"
            )
        return table_result(
            con,
            REJECTED_EVENTS,
            preview_select="SELECT reason, count(*) AS rows FROM rejected_events GROUP BY ALL ORDER BY 2 DESC, 1",
        )


@dg.asset(pool=WRITER_POOL, group_name="events", deps=[raw_events, "raw_customers", input_files])
def scrubbed_events(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per page view, without personal data.

    People are pseudonyms, addresses are gone, URLs keep scheme, host, scrubbed path and known parameters,
    texts have typed placeholders such as {email}; sessions and dwell by the definitions of the README.
    Where there is a consent table, page views that no consent covers are not here. Caveat: names of people
    in free text stay, unless BROWSE_NER_MODEL is set; the model then finds about 0.75 of those in titles.
    """
    settings = databases.settings
    keys = load_keys(settings)
    with databases.open(vault="read", warehouse="write") as con:
        stored = read_state(con, "scrubbed_events")
        target = _vault_state(con, settings.ner_model)
        if target == stored:
            context.log.info("Nothing new in the vault: no row is changed.")
        else:
            since = stored.load_id if stored.fingerprint == target.fingerprint else 0
            if settings.ner_model is not None:
                find_names([], settings.ner_model)  # a model that is missing is said, and not withheld
            with withheld_values("Scrubbing"):
                if since and _newcomers_are_named(con, keys, since):
                    since = 0
                _scrub(con, keys, since, target, settings)
        per_day = con.execute(
            "SELECT event_time::DATE AS day, count(*) FROM scrubbed_events GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        withheld = _withheld(con)
        return table_result(
            con,
            SCRUBBED_EVENTS,
            preview_select="SELECT event_time, domain, left(title, 32) AS title, transition, dwell_seconds AS dwell "
            "FROM scrubbed_events ORDER BY event_time DESC, event_id LIMIT 5",
            extra=withheld | (drawn("events per day", per_day, lambda: _day_figure(per_day)) if per_day else {}),
        )


def _vault_state(con: duckdb.DuckDBPyConnection, ner_model: str | None) -> State:
    """Newest load of the vault; its oldest load is in the fingerprint, as it changes when files leave.

    So are the consent table and the model of names: a consent given or withdrawn makes everything from
    here on anew.
    """
    row = con.execute("SELECT coalesce(max(load_id), 0), min(load_id) FROM vault.raw_files").fetchone()
    assert row is not None
    return State(load_id=int(row[0]), fingerprint=fingerprint("scrubbed_events", row[1], consent_table(con), ner_model))


def _newcomers_are_named(con: duckdb.DuckDBPyConnection, keys: Keys, since: int) -> bool:
    """Whether a stored text shows the id of somebody who was not in the panel yet when it was scrubbed."""
    from browse_assets.analysis.leaks import PanelIds, is_distinctive

    newcomers = con.execute(
        "SELECT user_id FROM vault.main.raw_events WHERE source IN ('csv', 'jsonl', 'json_array', 'parquet') "
        f"GROUP BY user_id HAVING min(load_id) > {since}"
    ).fetchall()
    ids = PanelIds(user_id for (user_id,) in newcomers if is_distinctive(user_id))
    if ids.guard is None:
        return False
    searched = nothing_alike_until(con, keys, PanelIds(filter(is_distinctive, panel_ids(con))))
    if searched >= since:
        return False
    con.execute(
        "CREATE OR REPLACE TEMP TABLE first_rows AS " + read_sql("first_rows"), {"after": searched, "up_to": since}
    )
    texts = con.execute(
        "SELECT DISTINCT text FROM (SELECT unnest([url, title, search_terms, array_to_string("
        "list_transform(metadata, lambda tag: tag.content), chr(10))]) AS text FROM scrubbed_events "
        "WHERE rowid IN (SELECT first_row FROM first_rows)) WHERE regexp_matches(text, $guard)",
        {"guard": ids.guard},
    ).fetchall()
    return any(ids.are_in(text) for (text,) in texts)


def _withheld(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """How many page views of the vault no consent covers; nothing without a consent table."""
    if consent_table(con) is None:
        return {}
    row = con.execute(
        "SELECT (SELECT count(*) FROM vault.main.raw_events) - (SELECT count(*) FROM scrubbed_events)"
    ).fetchone()
    assert row is not None
    return {"page views outside consent": int(row[0])}


def _scrub(con: duckdb.DuckDBPyConnection, keys: Keys, since: int, target: State, settings: Settings) -> None:
    """Bring page views of loads after `since` into scrubbed_events; 0 makes it anew, beside the one that is there."""
    admit_events(con, since)
    with computing(settings, con) as work:
        replace_ids = prepare_scrubbing(work, keys, reads_all_texts=settings.ner_model is not None)
        # Spark has room for all of them, and begins each step with the rows that leave the vault.
        spans: Sequence[Span | None] = time_slices(con, "admitted_events", SLICE_EVENTS) if work is con else [None]

        def write(table: Table) -> None:
            for span in spans:
                if span is not None:
                    admit_events(con, since, span)
                scrub_admitted_events(work, replace_ids, ner_model=settings.ner_model)
                cut_sessions(work, table.name)
                write_slice(work, con, table, target.load_id)

        if since == 0:
            con.execute(f"DROP TABLE IF EXISTS {_PART.name}")
            con.execute(_PART.ddl())
            write(_PART)
        with transaction(con):
            if since == 0:
                con.execute("DROP TABLE scrubbed_events")
                con.execute(f"ALTER TABLE {_PART.name} RENAME TO scrubbed_events")
            else:
                write(SCRUBBED_EVENTS)
            # The sample panel takes its purges with it.
            con.execute("DELETE FROM purges WHERE horizon NOT IN (SELECT horizon FROM vault.main.raw_horizon)")
            write_state(con, "scrubbed_events", target)


def write_slice(work: Connection, con: duckdb.DuckDBPyConnection, table: Table, load_id: int) -> None:
    """Write `fresh` with its sessions, and what the stored page views of the same people have become."""
    bring_back(work, "new_events")
    bring_back(work, "sessioned")
    con.execute(f"DELETE FROM {table.name} WHERE event_id IN (SELECT event_id FROM new_events)")
    con.execute(
        f"""
        UPDATE {table.name} SET session_id = cut.session_id, dwell_seconds = cut.dwell_seconds,
            dwell_method = cut.dwell_method, load_id = $load_id
        FROM sessioned AS cut WHERE cut.is_stored AND cut.event_id = {table.name}.event_id
        """,
        {"load_id": load_id},
    )
    rows = result_of(work, "written", _WRITTEN, "event_time, event_id")
    # Later steps may show rows in the order in which they lie.
    insert_rows(con, table, f"SELECT *, {int(load_id)} AS load_id FROM ({rows}) ORDER BY event_time, event_id")


@dg.asset(pool=WRITER_POOL, group_name="events", deps=[scrubbed_events])
def pii_removed(context: dg.AssetExecutionContext, databases: Databases) -> dg.MaterializeResult:
    """One row per file, column and kind of personal data that was removed or replaced.

    Counts values, not rows: two e-mails in one title are two. A parameter that is unknown or tracks counts
    as one value, and so does a fragment. Caveat: what the rules miss is in no count; on the project's labelled set they
    find 1.00 of the structured values and 0.67 of people's names (`make privacy-report`).
    """
    with databases.open(vault="read", warehouse="write") as con:
        source, stored = require_state(con, "scrubbed_events"), read_state(con, "pii_removed")
        if source == stored:
            context.log.info("Nothing new: no row is changed.")
        else:
            since = stored.load_id if stored.fingerprint == source.fingerprint else 0
            con.execute(
                "CREATE TEMP TABLE touched_files AS SELECT DISTINCT file_id FROM scrubbed_events WHERE load_id > ?",
                [since],
            )
            admit_events(con, 0)
            with transaction(con), withheld_values("Counting what was removed"):
                scope = " WHERE file_id IN (SELECT file_id FROM touched_files)" if since else ""
                con.execute("DELETE FROM pii_removed" + scope)
                insert_rows(con, PII_REMOVED, read_sql("pii_removed"))
                write_state(con, "pii_removed", source)
        by_kind = con.execute(
            "SELECT kind, column_name, sum(values_removed) FROM pii_removed GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        rows = [(kind, column, int(values)) for kind, column, values in by_kind]
        return table_result(
            con,
            PII_REMOVED,
            preview_select="SELECT left(file_id, 12) AS file, column_name, kind, values_removed "
            "FROM pii_removed ORDER BY values_removed DESC, file_id, column_name, kind",
            preview_rows=30,
            extra={
                "values removed": sum(values for _, _, values in rows),
                **stacked_bar_plot("personal data removed by kind and column", rows, "values removed"),
            },
        )


@dg.asset(pool=WRITER_POOL, group_name="events", deps=[scrubbed_events])
def domain_features(databases: Databases) -> dg.MaterializeResult:
    """One row per person, domain and day (UTC).

    Only the days of people with new events are made anew. Caveat: a topic is known for the 28,489
    domains of `data/reference/domains.csv` alone; elsewhere topic_id is NULL, never a guess.
    """
    with databases.open(warehouse="write") as con:
        load_reference(con, ["domains", "topics"])
        _roll_up(con, databases.settings, DOMAIN_FEATURES)
        top = con.execute(
            "SELECT domain, sum(page_views) FROM domain_features GROUP BY ALL ORDER BY 2 DESC, 1 LIMIT 15"
        ).fetchall()
        return table_result(con, DOMAIN_FEATURES, extra=bar_plot("most visited domains", top))


@dg.asset(pool=WRITER_POOL, group_name="events", deps=[scrubbed_events])
def user_days(databases: Databases) -> dg.MaterializeResult:
    """One row per person and day (UTC) with any event: the basis of churn.

    Caveat: a day ends at midnight UTC, which is 16:00 in California: an evening there counts as the day after.
    """
    with databases.open(warehouse="write") as con:
        _roll_up(con, databases.settings, USER_DAYS)
        people = con.execute("SELECT count(DISTINCT user_key) FROM user_days").fetchone()
        return table_result(con, USER_DAYS, extra={"people": int(people[0]) if people else 0})


def _roll_up(con: duckdb.DuckDBPyConnection, settings: Settings, table: Table) -> None:
    """Make the person-days anew that hold events of loads later than the table's."""
    source, stored = require_state(con, "scrubbed_events"), read_state(con, table.name)
    if source == stored:
        return
    is_increment = stored != EMPTY and stored.fingerprint == source.fingerprint
    news = f"scrubbed_events WHERE load_id > {stored.load_id if is_increment else 0}"
    with computing(settings, con) as work, transaction(con):
        if not is_increment:
            # The events of days before the horizon of retention are gone: their rollups stay as they are.
            con.execute(
                f"DELETE FROM {table.name} WHERE day >= (SELECT coalesce(max(horizon), '-infinity') FROM purges)"
            )
        spans: Sequence[Span | None] = time_slices(con, news, SLICE_EVENTS, "day") if work is con else [None]
        for span in spans:
            also = f" AND {within(span)}" if span else ""
            con.execute(
                "CREATE OR REPLACE TEMP TABLE changed_days AS "
                f"SELECT DISTINCT user_key, event_time::DATE AS day FROM {news}{also}"
            )
            work.execute(f"CREATE OR REPLACE TEMP VIEW day_events AS SELECT * FROM scrubbed_events WHERE TRUE{also}")
            if is_increment:
                con.execute(
                    f"DELETE FROM {table.name} USING changed_days "
                    f"WHERE {table.name}.user_key = changed_days.user_key AND {table.name}.day = changed_days.day"
                )
            insert_rows(con, table, result_of(work, "rolled_up", read_sql(table.name)))
        write_state(con, table.name, source)


def _sums(con: duckdb.DuckDBPyConnection, table: str, columns: tuple[str, ...]) -> dict[str, int]:
    totals = con.execute(
        "SELECT " + ", ".join(f"coalesce(sum({column}), 0)" for column in columns) + f" FROM {table}"
    ).fetchone()
    assert totals is not None
    return {column: int(total) for column, total in zip(columns, totals, strict=True)}


def _day_figure(per_day: list[tuple[Any, ...]]) -> Any:
    from browse_assets.analysis.figures import bar_figure

    return bar_figure(
        [str(day) for day, _ in per_day], [n for _, n in per_day], title="events per day", horizontal=False
    )
