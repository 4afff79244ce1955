"""From the inbox to the vault: which files are new, their rows, and what became of each.

What belongs here: the order of the steps and the vault's transaction. What does not: formats
(`readers/`), judging and folding rows (`sql/`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from browse_assets.assets.slices import time_slices, within
from browse_assets.assets.staged_files import FileOutcome, Stager, identified
from browse_assets.assets.state import rules_version
from browse_assets.keys import Keys
from browse_assets.readers.customers import CONSENT, CUSTOMER_TABLES
from browse_assets.readers.inbox import InboxFile, list_inbox, unknown_files
from browse_assets.resources import insert_rows, transaction, withheld_values
from browse_assets.settings import SAMPLE_DIR, Settings
from browse_assets.sql import read_sql
from browse_assets.tables import RAW_EVENTS, RAW_FILES, RAW_REJECTED, STAGED_ROWS
from browse_assets.tombstones import read_tombstones

# Lists of tags and the first row of each page view are in memory while a slice is folded: half a gigabyte for as many.
SLICE_ROWS = 1_000_000
_VAULT_TABLES = ("raw_events", "raw_rejected", "raw_customers", "raw_files")


@dataclass(frozen=True)
class LoadReport:
    """What one load did."""

    load_id: int
    origin: str
    files_seen: int
    files_read: int
    files_failed: int


def load_inbox(
    con: duckdb.DuckDBPyConnection, settings: Settings, keys: Keys, say: Callable[[str], None]
) -> LoadReport:
    """Read what is new in the inbox (or, while nothing real was ever put there or into customers/, the sample panel).

    One transaction: all of the load is in the vault, or nothing of it. A file that cannot be read is a
    row in raw_files and stops no other.
    """
    files, origin = _choose_files(con, settings)
    outcomes = _stage_new_files(con, files, settings, keys, say)
    load_id = _next_load(con)
    if outcomes:
        with withheld_values("Folding rows into page views"):
            # Real people are not refused by how far the sample was purged: it leaves with its horizon.
            _refuse_removed(con, has_horizon=origin == "sample" or not _has_sample(con))
            _judge_rows(con, keys)
    with transaction(con), withheld_values("Writing the vault"):
        if origin == "inbox" and _has_sample(con):
            _forget_sample(con)
        if outcomes:
            _forget_superseded(con, outcomes)
            _write_events(con, load_id)
            _write_files(con, outcomes, origin, load_id)
    failed = sum(outcome.failure is not None for outcome in outcomes)
    return LoadReport(load_id, origin, len(files), len(outcomes) - failed, failed)


def _choose_files(con: duckdb.DuckDBPyConnection, settings: Settings) -> tuple[list[InboxFile], str]:
    files = list_inbox(settings.inbox)
    has_real = con.execute("SELECT count(*) FROM vault.raw_files WHERE origin = 'inbox'").fetchone()
    if files or (has_real and has_real[0]) or _has_own_customers(con, settings):
        return files, "inbox"
    return list_inbox(SAMPLE_DIR / "inbox"), "sample"


def _has_own_customers(con: duckdb.DuckDBPyConnection, settings: Settings) -> bool:
    """Customers of one's own are real people, with or without browsing; a consent table alone is nobody yet.

    Those that the vault holds are one's own where it holds no sample, also when their folder is gone.
    """
    stored = con.execute("SELECT count(*) FROM vault.raw_customers WHERE source_table <> ?", [CONSENT]).fetchone()
    if stored and stored[0] and not _has_sample(con):
        return True
    names = {f"{table}{ending}" for table in CUSTOMER_TABLES if table != CONSENT for ending in (".csv", ".parquet")}
    return any((settings.customers / name).is_file() for name in sorted(names))


def _stage_new_files(
    con: duckdb.DuckDBPyConnection,
    files: list[InboxFile],
    settings: Settings,
    keys: Keys,
    say: Callable[[str], None],
) -> list[FileOutcome]:
    known_paths = {
        path: (size, modified)
        for path, size, modified in con.execute(
            "SELECT path, size_bytes, modified_ns FROM vault.raw_files "
            "WHERE status = 'read' OR rules = ? ORDER BY load_id",
            [rules_version()],
        ).fetchall()
    }
    known_ids = {
        row[0]
        for row in con.execute(
            "SELECT file_id FROM vault.raw_files WHERE status = 'read' OR rules = ?", [rules_version()]
        ).fetchall()
    }
    con.execute(read_sql("macros"))
    _create_staging(con)
    with TemporaryDirectory(dir=settings.scratch) as scratch:
        stager = Stager(con, keys, Path(scratch), say)
        for file in unknown_files(files, known_paths):
            outcome = identified(file, keys)
            if outcome.file_id not in known_ids:
                known_ids.add(outcome.file_id)
                stager.add(outcome)
        stager.finish()
    return stager.outcomes


def _create_staging(con: duckdb.DuckDBPyConnection) -> None:
    columns = ", ".join(f'"{column.name}" {column.type}' for column in STAGED_ROWS.columns)
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE staged_rows ({columns}, file_order BIGINT, position BIGINT, "
        "written_at TIMESTAMP, other_page VARCHAR, raw_host VARCHAR, event_id UUID)"
    )
    con.execute("CREATE OR REPLACE TEMP TABLE staged_files (file_order BIGINT, file_id VARCHAR, source VARCHAR)")


def _refuse_removed(con: duckdb.DuckDBPyConnection, *, has_horizon: bool) -> None:
    """Rows of erased people and from before the horizon of retention: counted with a reason, not kept."""
    removal = "event_id = NULL, raw_text = NULL"
    tombstones = read_tombstones(con)
    if tombstones is not None:
        ids = con.execute("SELECT DISTINCT user_id FROM staged_rows WHERE user_id IS NOT NULL").fetchall()
        erased = [user_id for (user_id,) in ids if tombstones.knows(user_id)]
        con.execute(
            f"UPDATE staged_rows SET reason = 'erased', {removal} WHERE list_contains($erased::VARCHAR[], user_id)",
            {"erased": erased},
        )
        for order, number, text in con.execute(
            "SELECT file_order, row_number, to_json(staged_rows)::VARCHAR FROM staged_rows WHERE user_id IS NULL"
        ).fetchall():
            if tombstones.are_in(text):
                con.execute(
                    f"UPDATE staged_rows SET reason = 'erased', {removal} WHERE file_order = ? AND row_number = ?",
                    [order, number],
                )
    row = con.execute("SELECT max(horizon) FROM vault.main.raw_horizon").fetchone()
    if has_horizon and row is not None and row[0] is not None:
        con.execute(
            f"UPDATE staged_rows SET reason = 'expired', {removal} WHERE reason IS DISTINCT FROM 'erased' "
            "AND event_time < $horizon AND event_time >= TIMESTAMP '1990-01-01'",
            {"horizon": row[0]},
        )


def _judge_rows(con: duckdb.DuckDBPyConnection, keys: Keys) -> None:
    from browse_assets.analysis.hosts import describe_hosts  # tldextract 0.2 s: only where there is something new

    con.execute("CREATE OR REPLACE TEMP TABLE borrowed_pages AS " + read_sql("borrowed_pages"))
    con.execute(
        """
        UPDATE staged_rows
        SET other_page = borrowed.page_url, raw_host = url_host(borrowed.page_url), reason = NULL,
            event_id = page_view_id($event_key, user_id, event_time, borrowed.page_url)
        FROM borrowed_pages AS borrowed
        WHERE staged_rows.file_order = borrowed.file_order
          AND staged_rows.row_number = borrowed.row_number
        """,
        {"event_key": keys.event},
    )
    hosts = con.execute("SELECT DISTINCT raw_host FROM staged_rows WHERE reason IS NULL").fetchall()
    described = describe_hosts([row[0] for row in hosts])
    con.register("described_hosts", described)
    con.execute(
        """
        UPDATE staged_rows
        SET reason = CASE described.kind WHEN 'bad' THEN 'bad_url' ELSE 'not_web' END, event_id = NULL
        FROM described_hosts AS described
        WHERE staged_rows.reason IS NULL
          AND described.raw_host = staged_rows.raw_host
          AND described.kind <> 'web'
        """
    )
    con.unregister("described_hosts")


def _next_load(con: duckdb.DuckDBPyConnection) -> int:
    # An erasure may take the newest load's only file: its number is not given again, or the assets that
    # note the newest load they hold would pass over what comes next.
    row = con.execute(
        "SELECT coalesce(max(load_id), 0) + 1 FROM (SELECT load_id FROM vault.main.raw_files "
        "UNION ALL SELECT load_id FROM vault.main.raw_tombstones)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _has_sample(con: duckdb.DuckDBPyConnection) -> bool:
    row = con.execute("SELECT count(*) FROM vault.main.raw_files WHERE origin = 'sample'").fetchone()
    return row is not None and row[0] > 0


def _forget_sample(con: duckdb.DuckDBPyConnection) -> None:
    """The synthetic panel leaves with the first real file: the two never mix."""
    sample = "(SELECT file_id FROM vault.raw_files WHERE origin = 'sample')"
    for table in _VAULT_TABLES:
        con.execute(f"DELETE FROM vault.{table} WHERE file_id IN {sample}")
    for table in ("raw_people", "raw_horizon"):  # they can only be the sample's, as the two never mix
        con.execute(f"DELETE FROM vault.main.{table}")


def _forget_superseded(con: duckdb.DuckDBPyConnection, outcomes: list[FileOutcome]) -> None:
    """A failed file that came back changed, or read with new rules, is judged by what it is now."""
    paths = [outcome.file.relative for outcome in outcomes]
    con.execute(
        "DELETE FROM vault.raw_files WHERE status = 'failed' AND path IN (SELECT unnest(?::VARCHAR[]))", [paths]
    )


def _write_events(con: duckdb.DuckDBPyConnection, load_id: int) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE slice_counts "
        "(file_order BIGINT, accepted BIGINT, folded BIGINT, duplicates BIGINT)"
    )
    # The rows of one page view have one time, so what comes of them does not depend on where slices end.
    for span in time_slices(con, "staged_rows WHERE reason IS NULL", SLICE_ROWS):
        con.execute(
            "CREATE OR REPLACE TEMP VIEW slice_rows AS "
            f"SELECT * FROM staged_rows WHERE reason IS NULL AND {within(span)}"
        )
        con.execute(
            "CREATE OR REPLACE TEMP VIEW known_events AS "
            f"SELECT event_id, metadata FROM vault.main.raw_events WHERE {within(span)}"
        )
        _write_slice(con, load_id)
    con.execute("CREATE OR REPLACE TEMP TABLE load_files AS " + read_sql("load_files"))
    _write_rejected(con, load_id)


def _write_slice(con: duckdb.DuckDBPyConnection, load_id: int) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE row_outcomes AS " + read_sql("row_outcomes"))
    con.execute("INSERT INTO slice_counts BY NAME " + read_sql("slice_counts"))
    insert_rows(con, RAW_EVENTS, read_sql("raw_events"), {"load_id": load_id})
    if con.execute("SELECT 1 FROM row_outcomes WHERE is_known LIMIT 1").fetchone() is None:
        return
    con.execute(
        """
        UPDATE vault.main.raw_events
        SET metadata = list_sort(list_distinct(list_concat(raw_events.metadata, more.metadata))),
            load_id = $load_id
        FROM (
            SELECT event_id, flatten(list(metadata)) AS metadata
            FROM slice_rows
            SEMI JOIN (SELECT event_id FROM row_outcomes WHERE outcome = 'folded' AND is_known) AS told_more
                USING (event_id)
            GROUP BY event_id
        ) AS more
        WHERE raw_events.event_id = more.event_id
        """,
        {"load_id": load_id},
    )


def _write_rejected(con: duckdb.DuckDBPyConnection, load_id: int) -> None:
    hidden = ("row_number", "rows", "has_distinct_tags", "reason", "raw_text")
    shown = ", ".join(f"{name} := {name}" for name in STAGED_ROWS.column_names if name not in hidden)
    insert_rows(
        con,
        RAW_REJECTED,
        f"""
        SELECT file_id, row_number, reason, CASE WHEN reason NOT IN ('erased', 'expired')
                THEN coalesce(raw_text, to_json(struct_pack({shown}))::VARCHAR) END AS row, $load_id AS load_id
        FROM (
            SELECT * EXCLUDE (place) REPLACE (
                row_number + place AS row_number,
                CASE WHEN rows = 1 THEN metadata
                    WHEN metadata[place + 1] IS NOT NULL THEN metadata[place + 1:place + 1] END AS metadata)
            FROM (SELECT *, unnest(range(rows)) AS place FROM staged_rows WHERE reason IS NOT NULL)
        )
        JOIN staged_files USING (file_order) ORDER BY file_order, row_number
        """,
        {"load_id": load_id},
    )


def _write_files(con: duckdb.DuckDBPyConnection, outcomes: list[FileOutcome], origin: str, load_id: int) -> None:
    con.execute(
        "CREATE OR REPLACE TEMP TABLE outcomes (file_id VARCHAR, path VARCHAR, format VARCHAR, "
        "failure VARCHAR, size_bytes BIGINT, modified_ns BIGINT)"
    )
    columns = zip(
        *((o.file_id, o.file.relative, o.format, o.failure, o.file.size_bytes, o.file.modified_ns) for o in outcomes),
        strict=True,
    )
    con.execute(
        "INSERT INTO outcomes SELECT unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), "
        "unnest(?::VARCHAR[]), unnest(?::BIGINT[]), unnest(?::BIGINT[])",
        [list(column) for column in columns],
    )
    insert_rows(
        con,
        RAW_FILES,
        """
        SELECT outcomes.* EXCLUDE (failure), $origin AS origin, failure AS reason,
            CASE WHEN failure IS NULL THEN 'read' ELSE 'failed' END AS status,
            load_files.* EXCLUDE (file_id), NULL::BIGINT AS erased, NULL::BIGINT AS expired,
            $rules AS rules, $load_id AS load_id
        FROM outcomes LEFT JOIN load_files USING (file_id) ORDER BY path
        """,
        {"origin": origin, "rules": rules_version(), "load_id": load_id},
    )
