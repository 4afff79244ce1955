"""Both databases written anew into fresh files: what is left out of the copy is in no byte of them.

What belongs here: the compacting copy and its exchange for the old files. What does not: which rows and
values change (`rotate_keys.py`, `erasure/`, `retention.py`), the exchange itself (`file_swap.py`).

DuckDB keeps the bytes of deleted rows in free blocks of the file, and VACUUM does not give them back:
only a copy is sure to hold nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb

from browse_assets.engine.lake import Lake
from browse_assets.file_swap import JOURNAL, Move, commit, planned, remove_parts
from browse_assets.keys import Keys
from browse_assets.resources import attach_part, withheld_values
from browse_assets.settings import Settings
from browse_assets.tables import TABLES, Database

_DATABASES: tuple[Database, ...] = ("vault", "warehouse")


@dataclass(frozen=True)
class StoredTable:
    """One table as it is in a file, which may hold tables that the data dictionary does not know.

    Attributes:
        source: its name in SQL, with database and schema.
    """

    database: Database
    schema: str
    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]

    @property
    def source(self) -> str:
        """Qualified and quoted."""
        return f"{self.database}.{_quoted(self.schema)}.{_quoted(self.name)}"


Choose = Callable[[StoredTable], str]


def stored_tables(con: duckdb.DuckDBPyConnection, database: Database) -> list[StoredTable]:
    """The tables of an attached database, by name."""
    rows = con.execute(
        "SELECT schema_name, table_name, list(column_name ORDER BY column_index), "
        "list(data_type ORDER BY column_index) FROM duckdb_tables() "
        "JOIN duckdb_columns() USING (database_name, schema_name, table_name) "
        "WHERE database_name = ? GROUP BY ALL ORDER BY ALL",
        [database],
    ).fetchall()
    return [StoredTable(database, schema, name, tuple(columns), tuple(types)) for schema, name, columns, types in rows]


def rewrite_databases(
    con: duckdb.DuckDBPyConnection, settings: Settings, new_keys: Keys, choose: Choose, moves: Sequence[Move] = ()
) -> None:
    """Write vault and warehouse anew and put them in the place of the old ones.

    All or nothing: a process that is killed at any moment leaves the old files in force, or the new ones.

    Args:
        con: both databases attached for writing, so that nobody else writes them; to be closed after this.
        settings: where they lie.
        new_keys: what the new vault is encrypted with.
        choose: the SELECT that gives a table's new rows, with the table's columns; that of a table of the
            warehouse may read the new vault as `new_vault.main.<table>`.
        moves: other files to be replaced at the same moment, after the databases.
    """
    targets = (settings.vault_path, settings.warehouse_path)
    remove_parts((*targets, settings.data_dir / JOURNAL))
    parts = [planned(target) for target in targets]
    with withheld_values("Writing the databases anew"):
        for database, move in zip(_DATABASES, parts, strict=True):
            con.execute(f"CHECKPOINT {database}")
            attach_part(con, move.part, f"new_{database}", new_keys if database == "vault" else None)
            for table in stored_tables(con, database):
                _copy(con, table, choose(table))
            _copy_views(con, database)
        for database in _DATABASES:
            con.execute(f"CHECKPOINT new_{database}")
            con.execute(f"DETACH new_{database}")
    Lake(settings.lake_dir).clear()  # copies of the old rows, which Spark reads
    commit(settings.data_dir, [*parts, *moves])


def _copy(con: duckdb.DuckDBPyConnection, table: StoredTable, select: str) -> None:
    schema = f"new_{table.database}.{_quoted(table.schema)}"
    target = f"{schema}.{_quoted(table.name)}"
    columns = ", ".join(_quoted(name) for name in table.columns)
    known = TABLES.get(table.name)
    if known is not None and known.database == table.database and set(known.column_names) == set(table.columns):
        con.execute(known.ddl(schema))
        con.execute(f"INSERT INTO {target} ({columns}) SELECT {columns} FROM ({select})")
    else:
        con.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        con.execute(f"CREATE TABLE {target} AS SELECT {columns} FROM ({select})")


def _copy_views(con: duckdb.DuckDBPyConnection, database: Database) -> None:
    """An analyst's own views; they name tables without their database, or they would not work elsewhere."""
    views = con.execute(
        "SELECT sql FROM duckdb_views() WHERE database_name = ? AND NOT internal ORDER BY view_oid", [database]
    ).fetchall()
    con.execute(f"USE new_{database}")
    for (statement,) in views:
        con.execute(statement)
    con.execute("USE warehouse")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
