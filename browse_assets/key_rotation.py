"""A new secret: whatever was made with the old one is made with the new.

What belongs here: which values the keys have made. What does not: the command (`rotate_keys.py`), writing the
databases anew (`rewriting.py`), exchanging files (`file_swap.py`), deriving keys (`resources.py`).
"""

import os
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from browse_assets.byte_search import readings
from browse_assets.dagster_records import REMOVED, rewrite_records, without_rows_of_people
from browse_assets.file_swap import Move, is_decided, planned, remove_parts
from browse_assets.keys import Keys, VaultKeyError, keys_from, load_keys
from browse_assets.postgres_records import row_readings
from browse_assets.resources import open_databases, withheld_values
from browse_assets.rewriting import StoredTable, rewrite_databases, stored_tables
from browse_assets.settings import Settings
from browse_assets.sql import read_sql

_UUID = re.compile(rb"(?i)[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_UUID_TEXT = re.compile(_UUID.pattern.decode())
_EVENT_COLUMNS = ("event_id", "session_id")


@dataclass(frozen=True)
class Rotation:
    """What a change of keys came to."""

    people: int
    page_views: int
    reports_removed: int
    left: tuple[str, ...]


def rotate(settings: Settings) -> Rotation:
    """Change to the new secret: all or nothing, whenever the process is killed.

    Raises:
        VaultKeyError: there is nothing to change, the new secret is missing, malformed or the old one.
    """
    if not settings.vault_path.exists():
        raise VaultKeyError("There is no vault yet: the first run makes it, with the secret that is set by then.")
    old = load_keys(settings)
    new_hex = _new_secret(settings)
    new = keys_from(new_hex, "BROWSE_NEW_SECRET_KEY")
    if new.vault == old.vault:
        raise VaultKeyError("The new secret is the old one. Nothing was touched.")
    try:
        with open_databases(settings, vault="write", warehouse="write", keys=old) as con:
            return _rotate(con, settings, old, new, new_hex)
    except VaultKeyError:
        if _opens(settings, new):
            raise VaultKeyError(
                "The vault has the new key already: set BROWSE_SECRET_KEY to the value of BROWSE_NEW_SECRET_KEY, "
                "and remove BROWSE_NEW_SECRET_KEY."
            ) from None
        raise


def _new_secret(settings: Settings) -> str:
    if settings.new_secret_key_hex is not None:
        return settings.new_secret_key_hex
    if settings.secret_key_hex is not None:
        raise VaultKeyError(
            "BROWSE_SECRET_KEY is set, so the new secret has to come from you: put 32 or more random bytes in "
            "hexadecimal into BROWSE_NEW_SECRET_KEY (`openssl rand -hex 32` makes them). Nothing was touched."
        )
    return secrets.token_hex(32)


def _opens(settings: Settings, keys: Keys) -> bool:
    try:
        with open_databases(settings, vault="read", keys=keys):
            return True
    except VaultKeyError:
        return False


def _rotate(con: duckdb.DuckDBPyConnection, settings: Settings, old: Keys, new: Keys, new_hex: str) -> Rotation:
    with withheld_values("Finding what the keys have made"):
        people, page_views = _map_pseudonyms(con, old, new)
    _clear_records(con, settings)
    removed = _remove_reports(con, (settings.reports, settings.exports))
    with _key_file(settings, new_hex) as moves:
        rewrite_databases(con, settings, new, _rekeyed, moves)
    return Rotation(people, page_views, removed, tuple(_left(con, settings)))


@contextmanager
def _key_file(settings: Settings, new_hex: str) -> Iterator[list[Move]]:
    """The new secret as a file that waits to take the old one's place; none where the environment has it.

    It is taken away again when the change fails, unless that was decided already: the new vault opens with nothing
    else.
    """
    remove_parts([settings.key_file])
    if settings.secret_key_hex is not None:
        yield []
        return
    move = planned(settings.key_file)
    with os.fdopen(os.open(move.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(new_hex + "\n")
    try:
        yield [move]
    except Exception:
        if not is_decided(settings.data_dir):
            move.part.unlink(missing_ok=True)
        raise


def _map_pseudonyms(con: duckdb.DuckDBPyConnection, old: Keys, new: Keys) -> tuple[int, int]:
    """Temporary tables `new_people`, `new_events` and `new_files` (old, new) of all that is keyed."""
    import pandas as pd

    con.execute(read_sql("macros"))
    ids = [
        user_id
        for (user_id,) in con.execute(
            "SELECT user_id FROM vault.main.raw_events UNION SELECT user_id FROM vault.main.raw_customers "
            "UNION SELECT user_id FROM vault.main.raw_people ORDER BY 1"
        ).fetchall()
        if user_id is not None
    ]
    people = pd.DataFrame(
        [(str(old.user_key(user_id)), str(new.user_key(user_id))) for user_id in ids],
        columns=["old", "new"],
        dtype="str",
    )
    con.register("mapped_people", people)
    con.execute("CREATE TEMP TABLE new_people AS SELECT old::UUID AS old, new::UUID AS new FROM mapped_people")
    con.execute(
        "CREATE TEMP TABLE new_events AS SELECT event_id AS old, "
        "page_view_id($event_key, user_id, event_time, url) AS new FROM vault.main.raw_events",
        {"event_key": new.event},
    )
    paths = con.execute("SELECT file_id, path FROM vault.main.raw_files WHERE status = 'failed'").fetchall()
    files = [(file_id, new.path_id(path)) for file_id, path in paths if file_id == old.path_id(path)]
    con.execute("CREATE TEMP TABLE new_files (old VARCHAR, new VARCHAR)")
    if files:
        con.executemany("INSERT INTO new_files VALUES (?, ?)", files)
    _map_what_the_vault_no_longer_knows(con, new)
    page_views = con.execute("SELECT count(*) FROM vault.main.raw_events").fetchone()
    return len(ids), int(page_views[0]) if page_views else 0


def _map_what_the_vault_no_longer_knows(con: duckdb.DuckDBPyConnection, new: Keys) -> None:
    """Pseudonyms of the warehouse whose origin retention has purged: keyed hashes of the old ones."""
    for target, columns in (("new_people", ("user_key",)), ("new_events", _EVENT_COLUMNS)):
        for table in stored_tables(con, "warehouse"):
            for column in set(columns) & set(table.columns):
                con.execute(
                    f"INSERT INTO {target} SELECT old, left(sha256(concat($key, chr(31), old::VARCHAR)), 32)::UUID "
                    f"FROM (SELECT DISTINCT try_cast({column} AS UUID) AS old FROM {table.source}) "
                    f"WHERE old IS NOT NULL AND old NOT IN (SELECT old FROM {target})",
                    {"key": new.event},
                )


def _rekeyed(table: StoredTable) -> str:
    """A table's rows in their order, with new pseudonyms; a value that is no UUID stays NULL."""
    joins, replaced = [], []
    keyed = {"user_key": "new_people", **dict.fromkeys(_EVENT_COLUMNS, "new_events"), "file_id": "new_files"}
    for column, mapping in keyed.items():
        if column not in table.columns:
            continue
        alias = f"of_{column}"
        value = f"stored.{column}" if column == "file_id" else f"try_cast(stored.{column} AS UUID)"
        joins.append(f"LEFT JOIN {mapping} AS {alias} ON {alias}.old = {value}")
        new = f"coalesce({alias}.new, stored.file_id)" if column == "file_id" else f"{alias}.new"
        replaced.append(f"{new} AS {column}")
    if not joins:
        return f"SELECT * FROM {table.source}"
    return (
        f"SELECT stored.* REPLACE ({', '.join(replaced)}) FROM {table.source} AS stored "
        f"{' '.join(joins)} ORDER BY stored.rowid"
    )


def _named_in(paths: Iterable[Path]) -> dict[Path, set[str]]:
    """The texts in a file, and in its name and its folder's, that look like a pseudonym."""
    return {
        path: {
            match.lower().decode()
            for content in (f"{path.parent.name}/{path.name}".encode(), *(read for _, read in readings(path)))
            for match in _UUID.findall(content)
        }
        for path in paths
    }


def _named_in_tables(settings: Settings) -> dict[str, set[str]]:
    """The same of each table that Dagster and MLflow keep in PostgreSQL."""
    found: dict[str, set[str]] = {}
    for name, url in settings.postgres_urls.items():
        for table, content in row_readings(url):
            texts = (match.lower().decode() for match in _UUID.findall(content))
            found.setdefault(f"{name}'s table {table}", set()).update(texts)
    return found


def _old_among(con: duckdb.DuckDBPyConnection, found: Iterable[set[str]]) -> set[str]:
    texts = sorted(set().union(*found))
    rows = con.execute(
        "SELECT old::VARCHAR FROM (SELECT old FROM new_people UNION ALL SELECT old FROM new_events) "
        "WHERE old IN (SELECT unnest($texts::VARCHAR[])::UUID)",
        {"texts": texts},
    ).fetchall()
    return {text for (text,) in rows}


def _clear_records(con: duckdb.DuckDBPyConnection, settings: Settings) -> None:
    """Before the keys change: a record that is cleared too early does no harm, one that is kept would."""
    files = _named_in(path for path in settings.dagster_home.rglob("*.db*") if path.is_file())
    old = _old_among(con, [*files.values(), *_named_in_tables(settings).values()])

    def change(text: str) -> str:
        return _UUID_TEXT.sub(
            lambda match: REMOVED if match[0].lower() in old else match[0], without_rows_of_people(text)
        )

    rewrite_records(settings, change)


def _remove_reports(con: duckdb.DuckDBPyConnection, roots: Sequence[Path]) -> int:
    """Reports and exports name people by their old pseudonyms; they are made from the tables, and can be again."""
    paths = [path for root in roots for path in sorted(root.rglob("*"), reverse=True)]
    named = _named_in(path for path in paths if path.is_file())
    old = _old_among(con, named.values())
    outdated = [path for path, texts in named.items() if texts & old]
    for path in outdated:
        path.unlink()
    for path in paths:
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return len(outdated)


def _left(con: duckdb.DuckDBPyConnection, settings: Settings) -> list[str]:
    """Files and tables in which an old pseudonym still stands as text, but for files that users put there."""
    given = (settings.inbox, settings.customers, settings.erase_queue, settings.export_requests)
    skipped = (*given, settings.vault_path, settings.warehouse_path)
    paths = [
        path
        for root in (settings.data_dir, *settings.mlflow_paths)
        for path in ([root] if root.is_file() else sorted(root.rglob("*")))
        if path.is_file() and not any(path.is_relative_to(place) for place in skipped)
    ]
    named = {**{str(path): texts for path, texts in _named_in(paths).items()}, **_named_in_tables(settings)}
    old = _old_among(con, named.values())
    return [place for place, texts in named.items() if texts & old]
