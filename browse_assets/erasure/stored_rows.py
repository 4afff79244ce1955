"""Which rows of vault and warehouse are an erased person's, and what the tables are without them.

What belongs here: SELECTs over both databases. What does not: files, Dagster, the order of the steps
(`people.py`), writing the databases (`rewriting.py`).
"""

import json
from collections.abc import Sequence
from urllib.parse import quote

import duckdb

from browse_assets.erasure.input_files import EditedFile
from browse_assets.erasure.wanted_people import PLACEHOLDER, WantedPeople
from browse_assets.rewriting import StoredTable
from browse_assets.tombstones import no_tombstones, read_tombstones

# They hold rows of single people, each made from that person's events alone: without the person's rows they
# are what a new materialization would make. All others compare people, and are made anew by the next run.
STANDING_ASSETS = ("scrubbed_events", "domain_features", "user_days")
# Tables of the warehouse that hold columns of the vault, row by row.
_COPIES = {"input_files": "raw_files", "rejected_events": "raw_rejected"}
# Names and hashes, not texts of pages: a replacement inside them would break what refers to them.
_NO_TEXT = {"user_id", "user_key", "file_id", "source", "source_table", "tombstone", "salt", "raw_host"}


def count_rows(con: duckdb.DuckDBPyConnection, people: WantedPeople) -> tuple[int, int]:
    """Page views and customer rows of the people; makes the temporary tables erased_ids and erased_keys."""
    for name, values in (("erased_ids", people.user_ids), ("erased_keys", {str(key) for key in people.user_keys})):
        kind = "UUID" if name == "erased_keys" else "VARCHAR"
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT unnest($values::VARCHAR[])::{kind} AS erased",
            {"values": sorted(values)},
        )
    row = con.execute(
        """
        SELECT greatest(
                (SELECT count(*) FROM vault.main.raw_events WHERE user_id IN (SELECT erased FROM erased_ids)),
                (SELECT count(*) FROM scrubbed_events WHERE user_key IN (SELECT erased FROM erased_keys)),
                (SELECT count(*) FROM user_days WHERE user_key IN (SELECT erased FROM erased_keys))),
            (SELECT count(*) FROM vault.main.raw_customers WHERE user_id IN (SELECT erased FROM erased_ids))
        """
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def prepare(
    con: duckdb.DuckDBPyConnection,
    people: WantedPeople,
    edited: Sequence[EditedFile],
    *,
    resets_panel: bool,
    resets_customers: bool,
) -> None:
    """Temporary tables that `without_people` reads; after `count_rows`."""
    con.execute(
        "CREATE OR REPLACE TEMP TABLE edited_files "
        "(path VARCHAR, new_path VARCHAR, size_bytes BIGINT, modified_ns BIGINT)"
    )
    for file in edited:
        new = (file.new.relative, file.new.size_bytes, file.new.modified_ns) if file.new else (None, None, None)
        con.execute("INSERT INTO edited_files VALUES (?, ?, ?, ?)", [file.relative, *new])
    con.execute(
        "CREATE OR REPLACE TEMP TABLE erased_events AS SELECT file_id, count(*) AS n FROM vault.main.raw_events "
        "WHERE user_id IN (SELECT erased FROM erased_ids) GROUP BY file_id"
    )
    # A file is theirs alone when it is gone, or lies in their folder, and brought nothing of anybody else.
    con.execute(
        """
        CREATE OR REPLACE TEMP TABLE removed_files AS
        SELECT file_id FROM vault.main.raw_files AS files
        WHERE (path IN (SELECT path FROM edited_files WHERE new_path IS NULL)
               OR file_id IN (SELECT erased FROM erased_ids)
               OR (contains(path, '/') AND split_part(path, '/', 1) IN (SELECT erased FROM erased_ids)))
          AND file_id NOT IN (SELECT file_id FROM vault.main.raw_events
                              WHERE user_id NOT IN (SELECT erased FROM erased_ids))
        """
    )
    _prepare_rejections(con, people)
    _prepare_tombstones(con, people)
    standing = list(STANDING_ASSETS)
    keeps = "TRUE" if not (resets_panel or resets_customers) else "asset IN (SELECT unnest($standing::VARCHAR[]))"
    if not resets_panel and resets_customers:
        keeps = "asset NOT IN ('customer_features', 'churn_snapshots')"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE kept_states AS SELECT asset FROM asset_state WHERE {keeps}",
        {"standing": standing} if "$standing" in keeps else None,
    )


def _prepare_rejections(con: duckdb.DuckDBPyConnection, people: WantedPeople) -> None:
    con.execute("CREATE OR REPLACE TEMP TABLE erased_rejections (file_id VARCHAR, row_number BIGINT)")
    rows = con.execute("SELECT file_id, row_number, row FROM vault.main.raw_rejected WHERE row IS NOT NULL").fetchall()
    theirs = [[file_id, number] for file_id, number, text in rows if _is_theirs(text, people)]
    if theirs:
        con.executemany("INSERT INTO erased_rejections VALUES (?, ?)", theirs)


def _is_theirs(row: str, people: WantedPeople) -> bool:
    """A rejected row that names one of the people as its person, or nobody and quotes one of them."""
    if not people.may_be_in(row.encode("utf-8", "surrogatepass")):
        return False
    try:
        parsed = json.loads(row)
    except ValueError:
        parsed = None
    user = parsed.get("user_id") if isinstance(parsed, dict) else None
    return user in people.user_ids if user else people.are_named_in(row)


def _prepare_tombstones(con: duckdb.DuckDBPyConnection, people: WantedPeople) -> None:
    tombstones = (read_tombstones(con) or no_tombstones()).with_people(people.user_ids)
    con.execute(
        "CREATE OR REPLACE TEMP TABLE stones AS SELECT unnest($stones::VARCHAR[]) AS tombstone, $salt AS salt, "
        "(SELECT coalesce(max(load_id), 0) FROM (SELECT load_id FROM vault.main.raw_files "
        "UNION ALL SELECT load_id FROM vault.main.raw_tombstones)) AS load_id",
        {"stones": sorted(tombstones.stones), "salt": tombstones.salt},
    )


def without_people(table: StoredTable, people: WantedPeople) -> str:
    """The SELECT that gives a table's rows without the people, and without their ids in other people's rows."""
    name = table.name
    if table.database == "vault":
        if name == "raw_tombstones":
            return "SELECT * FROM stones ORDER BY tombstone"
        if name == "raw_files":
            return _raw_files(table, people)
        if name == "raw_rejected":
            return _raw_rejected(table, people)
        if "user_id" in table.columns:
            return f"{_cleared(table, people)} WHERE user_id IS NULL OR user_id NOT IN (SELECT erased FROM erased_ids)"
    elif name in _COPIES:
        return f"SELECT {', '.join(table.columns)} FROM new_vault.main.{_COPIES[name]}"
    elif name == "pii_removed":
        return f"SELECT * FROM {table.source} WHERE file_id NOT IN (SELECT file_id FROM erased_events)"
    elif name == "asset_state":
        return f"SELECT * FROM {table.source} WHERE asset IN (SELECT asset FROM kept_states)"
    if "user_key" in table.columns:
        return (
            f"{_cleared(table, people)} WHERE user_key IS NULL "
            "OR coalesce(try_cast(user_key AS UUID) NOT IN (SELECT erased FROM erased_keys), TRUE)"
        )
    if "page_id" in table.columns:  # what is known of pages: those that only the people visited go too
        return (
            f"{_cleared(table, people)} WHERE page_id IN (SELECT page_id FROM scrubbed_events "
            "WHERE user_key NOT IN (SELECT erased FROM erased_keys))"
        )
    return _cleared(table, people)


def _raw_files(table: StoredTable, people: WantedPeople) -> str:
    path = _without_mentions("coalesce(edited.new_path, files.path)", people)
    return f"""
        SELECT files.* REPLACE (
            {path} AS path,
            coalesce(edited.size_bytes, files.size_bytes) AS size_bytes,
            coalesce(edited.modified_ns, files.modified_ns) AS modified_ns,
            CASE WHEN events.n IS NULL THEN files.erased ELSE coalesce(files.erased, 0) + events.n END AS erased)
        FROM {table.source} AS files
        LEFT JOIN (SELECT * FROM edited_files WHERE new_path IS NOT NULL) AS edited USING (path)
        LEFT JOIN erased_events AS events USING (file_id)
        WHERE file_id NOT IN (SELECT file_id FROM removed_files)
        ORDER BY files.rowid
    """


def _raw_rejected(table: StoredTable, people: WantedPeople) -> str:
    return f"""
        SELECT stored.* REPLACE (
            CASE WHEN theirs.row_number IS NULL THEN reason ELSE 'erased' END AS reason,
            CASE WHEN theirs.row_number IS NULL THEN {_without_mentions("row", people)} END AS row)
        FROM {table.source} AS stored
        LEFT JOIN erased_rejections AS theirs USING (file_id, row_number)
        WHERE file_id NOT IN (SELECT file_id FROM removed_files)
        ORDER BY stored.rowid
    """


def _cleared(table: StoredTable, people: WantedPeople) -> str:
    replaced = []
    for column, kind in zip(table.columns, table.types, strict=True):
        quoted = f'"{column}"'
        if column in _NO_TEXT or not people.unusual_ids:
            continue
        if kind in ("VARCHAR", "JSON"):
            replaced.append(f"{_without_mentions(quoted + '::VARCHAR', people)}::{kind} AS {quoted}")
        elif column == "metadata":
            content = _without_mentions("tag.content", people)
            replaced.append(
                f"CASE WHEN {_may_mention('metadata::VARCHAR', people)} THEN list_transform(metadata, "
                f"lambda tag: {{'name': tag.name, 'content': {content}}}) ELSE metadata END AS metadata"
            )
    columns = f"* REPLACE ({', '.join(replaced)})" if replaced else "*"
    return f"SELECT {columns} FROM {table.source}"


def _without_mentions(expression: str, people: WantedPeople) -> str:
    """SQL: a text with each unusual id replaced; twice, since two of them may share what stands between."""
    cleared = expression
    for pattern in people.mention_patterns:
        for _ in range(2):
            cleared = f"regexp_replace({cleared}, {_literal(pattern)}, '\\1{PLACEHOLDER}\\3', 'g')"
    return f"CASE WHEN {_may_mention(expression, people)} THEN {cleared} ELSE {expression} END"


def _may_mention(expression: str, people: WantedPeople) -> str:
    """SQL: whether the patterns have to be tried at all; a substring test is far cheaper than they are."""
    texts = {text.lower() for user_id in people.unusual_ids for text in (user_id, quote(user_id, safe=""))}
    return " OR ".join(f"contains(lower({expression}), {_literal(text)})" for text in sorted(texts)) or "FALSE"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
