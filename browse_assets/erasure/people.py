"""People taken out of everything that is stored of them, and the proof of it.

What belongs here: the order of the steps, who is meant, the search afterwards. What does not: Dagster's
job (`removal.py`), which rows of the databases go (`stored_rows.py`), input files (`input_files.py`).

The steps may be repeated: a process that is killed between them leaves less of the person each time, and
the databases, which change last, still know who is meant.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import duckdb

from browse_assets.byte_search import Search, holds, names_of, readings, search_files, search_tables
from browse_assets.dagster_records import rewrite_records, without_rows_of_people
from browse_assets.erasure.input_files import edit_customers, edit_inbox, refuse_uneditable
from browse_assets.erasure.stored_rows import count_rows, prepare, without_people
from browse_assets.erasure.wanted_people import PLACEHOLDER, WantedPeople
from browse_assets.keys import Keys, load_keys
from browse_assets.postgres_records import row_readings
from browse_assets.resources import open_databases, withheld_values
from browse_assets.rewriting import rewrite_databases, stored_tables
from browse_assets.settings import Settings

EVERY_ID = """
    SELECT user_id FROM vault.main.raw_events
    UNION SELECT user_id FROM vault.main.raw_customers
    UNION SELECT user_id FROM vault.main.raw_people
    UNION SELECT json_extract_string(row, '$.user_id') FROM vault.main.raw_rejected WHERE json_valid(row)
"""


# Folders of an installation by their own names: where something is left may be told by them.
_PARTS = ("inbox", "customers", "erase", "export", "exports", "reports", "scratch", "keys", "dagster_home", "mlflow")


@dataclass(frozen=True)
class Erasure:
    """What an erasure came to; nothing in it says who."""

    requested: int
    known: int
    page_views: int
    customer_rows: int
    files_edited: int
    files_deleted: int
    reports_removed: int
    exports_removed: int
    searched_by_id: int
    tables_searched: int
    search: Search

    @property
    def left(self) -> list[str]:
        """Where something was found after all."""
        return self.search.places


def erase(
    settings: Settings,
    requests: Sequence[str],
    *,
    mark_models: Callable[[], None],
    finish: Callable[[], None],
) -> Erasure:
    """Erase people, then search every byte of the installation for them.

    Args:
        settings: the installation.
        requests: the ids that the panel knows them by (or their folder's name), or their `user_key`; an
            unknown id is no error, and leaves its tombstone too.
        mark_models: tells the model registry that its models know an erased person.
        finish: removes the request itself (a queue's file), before the search.

    Raises:
        UneditableFileError: an input file holds an id and cannot be edited; nothing was changed.
    """
    keys = load_keys(settings)
    with open_databases(settings, vault="write", warehouse="write", keys=keys) as con:
        with withheld_values("Finding who is to be erased"):
            people, known = _find(con, keys, requests)
            page_views, customer_rows = count_rows(con, people)
            refuse_uneditable(settings, people)
        if page_views:
            mark_models()
        with withheld_values("Editing the input files"):
            edited = edit_inbox(settings, people)
            customer_files = edit_customers(settings, people)
        with withheld_values("Clearing records and reports"):
            clear_records(settings, people)
            reports = _remove_reports(settings, people)
            exports = _remove_exports(settings, people)
            _remove_export_requests(settings, people)
            prepare(con, people, edited, resets_panel=page_views > 0, resets_customers=customer_rows > 0)
        rewrite_databases(con, settings, keys, lambda table: without_people(table, people))
    finish()
    with withheld_values("Searching for what is left"):
        clear_records(settings, people)
        search, tables = _prove(settings, people)
    return Erasure(
        requested=len(requests),
        known=known,
        page_views=page_views,
        customer_rows=customer_rows,
        files_edited=sum(file.new is not None for file in edited) + customer_files,
        files_deleted=sum(file.new is None for file in edited),
        reports_removed=reports,
        exports_removed=exports,
        searched_by_id=len(people.unusual_ids),
        tables_searched=tables,
        search=search,
    )


def _find(con: duckdb.DuckDBPyConnection, keys: Keys, requests: Sequence[str]) -> tuple[WantedPeople, int]:
    """The people, and how many of the requests somebody is known for."""
    ids = {row[0] for row in con.execute(EVERY_ID).fetchall() if row[0] is not None}
    by_key = {keys.user_key(user_id): user_id for user_id in ids}
    in_warehouse = {
        row[0]
        for table in stored_tables(con, "warehouse")
        if "user_key" in table.columns
        for row in con.execute(f"SELECT DISTINCT try_cast(user_key AS UUID) FROM {table.source}").fetchall()
    }
    user_ids: set[str] = set()
    user_keys: set[UUID] = set()
    known = 0
    for request in requests:
        key = None if request in ids else _as_key(request)
        is_known = request in ids or key in by_key or (key is not None and key in in_warehouse)
        known += is_known
        if key is not None and key in by_key:
            user_ids.add(by_key[key])
        elif key is not None and is_known:
            user_keys.add(key)
        else:
            user_ids.add(request)
    return WantedPeople(user_ids, user_keys | {keys.user_key(user_id) for user_id in user_ids}), known


def _as_key(request: str) -> UUID | None:
    try:
        return UUID(request)
    except ValueError:
        return None


def clear_records(settings: Settings, people: WantedPeople) -> None:
    """Take the people out of Dagster's records: run configurations, previews, whatever quotes them."""
    keys = {str(key) for key in people.user_keys}

    def change(text: str) -> str:
        text = without_config_values(without_rows_of_people(text), people.user_ids | keys)
        for key in keys:
            text = text.replace(key, PLACEHOLDER)
        return people.without_mentions(text)

    rewrite_records(settings, change)


def without_config_values(text: str, values: frozenset[str] | set[str]) -> str:
    """A stored run without the values in its configuration; any other text as it is."""
    if '"run_config"' not in text:
        return text
    try:
        run = json.loads(text)
    except ValueError:
        return text
    return json.dumps(_replaced(run, values)) if isinstance(run, dict) else text


def _replaced(node: object, values: frozenset[str] | set[str], *, is_config: bool = False) -> object:
    if isinstance(node, dict):
        return {
            key: _replaced(value, values, is_config=is_config or key == "run_config") for key, value in node.items()
        }
    if isinstance(node, list):
        return [_replaced(value, values, is_config=is_config) for value in node]
    return PLACEHOLDER if is_config and isinstance(node, str) and node.strip() in values else node


def _remove_reports(settings: Settings, people: WantedPeople) -> int:
    """Reports that show one of the people; the next run writes them anew."""
    removed = 0
    for path in sorted(path for path in settings.reports.rglob("*") if path.is_file()):
        if _shows(path, settings.reports, people):
            path.unlink()
            removed += 1
    return removed


def _remove_exports(settings: Settings, people: WantedPeople) -> int:
    """Answers to the people, and answers to others that quote them, whole: `make export` writes those anew."""
    if not settings.exports.is_dir():
        return 0
    keys = {str(key) for key in people.user_keys}
    folders = sorted(path for path in settings.exports.iterdir() if path.is_dir())
    theirs = [
        folder
        for folder in folders
        if folder.name in keys or any(_shows(path, folder, people) for path in folder.rglob("*") if path.is_file())
    ]
    for folder in theirs:
        shutil.rmtree(folder)
    return len(theirs)


def _remove_export_requests(settings: Settings, people: WantedPeople) -> None:
    """Lines of `data/export/` that ask for one of the people: nobody could answer them any more."""
    asked = people.user_ids | {str(key) for key in people.user_keys}
    if not settings.export_requests.is_dir():
        return
    for path in sorted(path for path in settings.export_requests.iterdir() if path.is_file()):
        lines = [line for line in path.read_text("utf-8-sig").splitlines() if line.strip()]
        kept = [line for line in lines if line.strip() not in asked]
        if not kept and lines:
            path.unlink()
        elif len(kept) < len(lines):
            path.write_text("\n".join(kept) + "\n", encoding="utf-8")


def _shows(path: Path, root: Path, people: WantedPeople) -> bool:
    """Whether one of the people is in a file, or in its name below the root."""
    names = (name.encode("utf-8", "surrogateescape") for name in names_of(path.relative_to(root)))
    return any(holds(name, people.spellings) for name in names) or any(
        holds(content, people.spellings) for _, content in readings(path)
    )


def _prove(settings: Settings, people: WantedPeople) -> tuple[Search, int]:
    """Every file of the installation, every value of both databases, every row that is kept in PostgreSQL."""
    search = search_files([settings.data_dir, *settings.mlflow_paths], people.spellings, _PARTS)
    _search_records(settings, people, search)
    with open_databases(settings, vault="read", warehouse="read") as con:
        tables = [*stored_tables(con, "vault"), *stored_tables(con, "warehouse")]
        search.places += search_tables(con, [table.source for table in tables], people.spellings)
        # Ids that are also words or numbers cannot be told from those by bytes, but by their column.
        for table in tables:
            for column in {"user_id", "user_key"} & set(table.columns):
                values = people.user_ids if column == "user_id" else {str(key) for key in people.user_keys}
                found = con.execute(
                    f"SELECT 1 FROM {table.source} WHERE list_contains($values::VARCHAR[], {column}::VARCHAR) LIMIT 1",
                    {"values": sorted(values)},
                ).fetchone()
                search.places += [f"{table.source}.{column}"] if found else []
    return search, len(tables)


def _search_records(settings: Settings, people: WantedPeople, search: Search) -> None:
    """What Dagster and MLflow keep in PostgreSQL, row by row."""
    for name, url in settings.postgres_urls.items():
        found = set()
        for table, content in row_readings(url):
            search.bytes += len(content)
            if holds(content, people.spellings):
                found.add(f"{name}'s table {table}")
        search.places += sorted(found)
