"""Connections: the encrypted vault, the warehouse and the experiment tracker.

What belongs here: opening, locking, transactions, and the Dagster resources that hand them to
assets. What does not: the keys (`keys.py`), what the tables hold (`tables.py`) or how they are filled (`assets/`).
"""

import ctypes
import errno
import logging
import os
import shutil
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
import duckdb
from duckdb_extensions import import_extension

from browse_assets.engine.session import SparkUnavailableError
from browse_assets.file_swap import JOURNAL, finish, remove_parts
from browse_assets.foreseen import ForeseenError
from browse_assets.keys import Keys, VaultKeyError, load_keys
from browse_assets.reference.files import ReferenceFileError
from browse_assets.reference.merging import merge_own_rows
from browse_assets.settings import PROJECT_ROOT, REFERENCE_DIR, Settings, load_settings
from browse_assets.tables import Table, tables_of

if TYPE_CHECKING:
    import mlflow

Access = Literal["read", "write"]

# One process may write a DuckDB file: runs that touch the databases take turns.
WRITER_POOL = "duckdb_writer"

# Ends the name of a table that is made beside the one that it becomes, in many transactions.
PART = "_part"

# The first with a dictionary of compressed texts (DICT_FSST): scrubbed_events of a million page views is written in 2.1
# instead of 2.7 CPU s, read in 0.14 instead of 0.19, and takes 169 instead of 185 MB. DuckDB before 1.3 cannot open it.
# What is encrypted has a newer one by itself.
_STORAGE = "STORAGE_VERSION 'v1.3.0'"

_M_MMAP_THRESHOLD = -3  # malloc.h
_LARGE_BYTES = 128 * 1024  # glibc's own threshold, which it would raise

# A notebook that reads keeps the file for as long as its query takes; a run waits that long, not for ever.
LOCK_WAIT_SECONDS = 60.0
LOCK_RETRY_SECONDS = 0.2


class DatabaseBusyError(ForeseenError):
    """Another process has kept a database for longer than LOCK_WAIT_SECONDS."""


class PrivateDataError(ForeseenError):
    """A statement over personal data failed; the engine's own text could quote a value and is withheld."""


@contextmanager
def withheld_values(what: str) -> Iterator[None]:
    """Let no error text out of a step over personal data: DuckDB's and Python's quote values.

    The errors of this module pass; all others become one that names the step, the kind of error and
    the line of the project, and shows no chained exception.
    """
    try:
        yield
    except (VaultKeyError, DatabaseBusyError, PrivateDataError, ReferenceFileError, SparkUnavailableError):
        raise
    except Exception as error:
        mendable = _mendable(error)
        if mendable:
            raise PrivateDataError(f"{what} failed: {mendable}. The tables are as before.") from None
        raise PrivateDataError(
            f"{what} failed with {type(error).__name__} at {line_of(error)}; its text is withheld because "
            "it may quote personal data. The tables are as before."
        ) from None


def _mendable(error: Exception) -> str | None:
    """What to do, where it is no fault of the program."""
    is_full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    said = str(error)  # Spark's errors are those of Java, quoted
    if is_full or "No space left on device" in said:
        return "the disk is full; make room, then start again"
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError) or "java.lang.OutOfMemoryError" in said:
        return "memory ran out; close other programs, or raise BROWSE_MEMORY_LIMIT, then start again"
    return None


def line_of(error: Exception) -> str:
    """File and line of the project where an error came up, without its text."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(PROJECT_ROOT / "browse_assets")]
    if not own:
        return "a line outside the project"
    return f"{Path(own[-1].filename).relative_to(PROJECT_ROOT).as_posix()}:{own[-1].lineno}"


@contextmanager
def open_databases(
    settings: Settings,
    *,
    vault: Access | None = None,
    warehouse: Access | None = None,
    keys: Keys | None = None,
    wait_seconds: float | None = None,
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the wanted databases attached as `vault` and `warehouse`, each with its tables.

    Large intermediate results spill below the data folder, encrypted where the vault is open.
    Unqualified names mean the warehouse where it is attached. Another process's lock is waited for, up to
    LOCK_WAIT_SECONDS if not given.

    Raises:
        VaultKeyError: the vault was written with another key.
        DatabaseBusyError: another process holds a database.
    """
    finish(settings.data_dir)
    settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _instance(settings, is_encrypted=vault is not None, is_kept="write" not in (vault, warehouse)) as con:
        if vault is not None:
            con.execute("SET temp_file_encryption = true")
        con.execute("SET temp_directory = ?", [str(settings.scratch / "spill")])
        con.execute("SET autoinstall_known_extensions = false")
        # As a pragma: in a notebook DuckDB refuses to SET it where ipywidgets are missing.
        con.execute("PRAGMA disable_progress_bar")
        con.execute("SET TimeZone = 'UTC'")
        # Text scans carry no row estimate, so these two build hash tables on the events: off,
        # scrubbing takes half the time (5.0 to 2.4 CPU s per million events).
        con.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        # By default each thread keeps five groups of rows (122,880 each) and writes the last of them at the end, one
        # thread after the other, while the first looks all the time whether they are done: 2.8 instead of 3.6 CPU s to
        # write a million page views into the vault, in two thirds of the time.
        con.execute("SET write_buffer_row_group_count = 1")
        if settings.memory_limit:
            _return_freed_memory()
            con.execute("SET memory_limit = ?", [settings.memory_limit])
        if settings.threads:
            con.execute("SET threads = ?", [settings.threads])
        if vault is not None:
            _attach_vault(con, settings, vault, keys or load_keys(settings), wait_seconds)
        if warehouse is not None:
            storage = _STORAGE if warehouse == "write" else ""
            _attach(con, settings.warehouse_path, "warehouse", warehouse, storage, wait_seconds)
            if warehouse == "write":
                _make_tables(con, "warehouse")
            con.execute("USE warehouse")
        yield con


# DuckDB without any database, for the next look at one: to make it takes 20 ms of CPU time, and a run looks 80 times.
_IDLE: dict[tuple[object, ...], list[duckdb.DuckDBPyConnection]] = {}


@contextmanager
def _instance(settings: Settings, *, is_encrypted: bool, is_kept: bool) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection without a database, closed at the end, and with it every file that was attached.

    Args:
        is_encrypted: whether it can open the vault.
        is_kept: only reads; the instance is then used again, by one at a time.
    """
    key = (os.getpid(), is_encrypted, settings.scratch, settings.memory_limit, settings.threads)
    idle = _IDLE.setdefault(key, []) if is_kept else []
    try:
        instance = idle.pop()
    except IndexError:
        instance = _connect_with_crypto() if is_encrypted else duckdb.connect(":memory:")
    con = instance.cursor()
    is_clean = False
    try:
        yield con
        is_clean = True
    finally:
        con.close()  # its temporary tables, views and variables are gone with it
        # What has spilled may have lost its folder when it is used again.
        if is_kept and is_clean and not (settings.scratch / "spill").exists():
            for alias in ("warehouse", "vault"):
                instance.execute(f"DETACH DATABASE IF EXISTS {alias}")
            idle.append(instance)
        else:
            instance.close()


@cache
def _return_freed_memory() -> None:
    """Let glibc give freed blocks back to the system at once, once in a process; other systems do so anyway.

    By default it keeps them once they have come and gone: with 10 million page views and a limit of 2 GB the process
    grew to 4.0 GB while DuckDB moved its blocks to the disk, and with this to 2.4 GB.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # musl has no mallopt
            ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


# Time and size of the extension files whose signature DuckDB has checked in this process.
_CHECKED: dict[Path, tuple[int, int]] = {}


def _connect_with_crypto() -> duckdb.DuckDBPyConnection:
    """A connection with the crypto module without which DuckDB does not encrypt.

    DuckDB checks the module's signature at each load, over all of the file: 0.14 CPU s, fifty times in a run. Here it
    is checked once in a process, and again when the file has changed.
    """
    is_checked = bool(_CHECKED) and all(path.exists() and _stamp(path) == stamp for path, stamp in _CHECKED.items())
    con = duckdb.connect(":memory:", config={"allow_unsigned_extensions": is_checked})
    try:
        if not is_checked:
            import_extension("httpfs", con=con)
        con.execute("LOAD httpfs")
        if not is_checked:
            found = con.execute("SELECT install_path FROM duckdb_extensions() WHERE extension_name = 'httpfs'")
            _CHECKED.clear()
            _CHECKED.update(
                {path: _stamp(path) for (name,) in found.fetchall() if name and (path := Path(name)).exists()}
            )
    except BaseException:
        con.close()
        raise
    return con


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _attach_vault(
    con: duckdb.DuckDBPyConnection, settings: Settings, access: Access, keys: Keys, wait_seconds: float | None
) -> None:
    _attach(con, settings.vault_path, "vault", access, _encryption(keys), wait_seconds)
    if access == "write":
        settings.vault_path.chmod(0o600)
        _make_tables(con, "vault")


def _encryption(keys: Keys) -> str:
    return f"ENCRYPTION_KEY '{keys.vault}', ENCRYPTION_CIPHER 'GCM'"


def attach_part(con: duckdb.DuckDBPyConnection, path: Path, alias: str, keys: Keys | None) -> None:
    """Attach a database file that is being made anew, encrypted where keys are given (mode 0600)."""
    _attach(con, path, alias, "write", _encryption(keys) if keys else _STORAGE)
    if keys:
        path.chmod(0o600)


def _make_tables(con: duckdb.DuckDBPyConnection, database: Literal["vault", "warehouse"]) -> None:
    """Tables that are not there yet, and columns that a version of the project since has added."""
    present: dict[str, set[str]] = {}
    for table_name, column_name in con.execute(
        "SELECT table_name, column_name FROM duckdb_columns() WHERE database_name = ?", [database]
    ).fetchall():
        present.setdefault(table_name, set()).add(column_name)
    for name in present:
        if name.endswith(PART):  # of a run that was killed: an erasure would not know it
            con.execute(f'DROP TABLE {database}.main."{name}"')
    for table in tables_of(database):
        if table.name not in present:
            con.execute(table.ddl(f"{database}.main"))
            continue
        for column in table.columns:
            if column.name not in present[table.name]:
                con.execute(f'ALTER TABLE {database}.main.{table.name} ADD COLUMN "{column.name}" {column.type}')


def _attach(
    con: duckdb.DuckDBPyConnection,
    path: Path,
    alias: str,
    access: Access,
    options: str,
    wait_seconds: float | None = None,
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    clauses = ", ".join(part for part in (options, "READ_ONLY" if access == "read" else "") if part)
    quoted = str(path).replace("'", "''")
    statement = f"ATTACH '{quoted}' AS {alias}" + (f" ({clauses})" if clauses else "")
    patience = LOCK_WAIT_SECONDS if wait_seconds is None else wait_seconds
    deadline = time.monotonic() + patience
    while True:
        problem: Exception
        try:
            con.execute(statement)
            return
        except duckdb.InvalidInputException:
            problem = VaultKeyError(
                f"The key does not open {path.name}: it was written with another one. Set the right "
                "BROWSE_SECRET_KEY or put the right key file back. Nothing was touched."
            )
        except duckdb.IOException as error:
            if "lock" not in str(error):
                problem = DatabaseBusyError(f"{path.name} cannot be opened. Nothing was touched.")
            elif time.monotonic() < deadline:
                time.sleep(LOCK_RETRY_SECONDS)
                continue
            else:
                problem = DatabaseBusyError(
                    f"Another process has kept {path.name} for {patience:.0f} s. Close the "
                    "notebook or shell that has it open, or let the other run end; then start again."
                )
        raise problem  # the engine's own error would show the statement, and with it the key


@contextmanager
def transaction(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """All or nothing: what a killed or failed block has written is not there."""
    con.execute("BEGIN TRANSACTION")
    try:
        yield
    except BaseException:
        con.execute("ROLLBACK")
        raise
    con.execute("COMMIT")


def replace_table(con: duckdb.DuckDBPyConnection, table: Table, select: str, params: Any = None) -> int:
    """Fill a table anew from a SELECT with its columns by name; returns the number of rows."""
    con.execute(f"DELETE FROM {table.name}")
    return insert_rows(con, table, select, params)


def insert_rows(con: duckdb.DuckDBPyConnection, table: Table, select: str, params: Any = None) -> int:
    """Insert a SELECT with the table's columns, by name; returns the number of rows."""
    columns = ", ".join(f'"{name}"' for name in table.column_names)
    schema = "vault.main." if table.database == "vault" else ""
    body = select.strip().rstrip(";")
    statement = f"INSERT INTO {schema}{table.name} ({columns}) SELECT {columns} FROM (\n{body}\n)"
    row = con.execute(statement, params).fetchone()
    assert row is not None
    return int(row[0])


def load_reference(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> None:
    """Make `reference_<name>` a temporary table of text for each list of data/reference.

    The users' own files (`domains.ours.csv`) are part of it; where both have a row, theirs wins.

    Raises:
        ReferenceFileError: an own file is not usable; the message says which line, and what to do.
    """
    for name in names:
        path = REFERENCE_DIR / f"{name}.csv"
        with path.open(encoding="utf-8") as file:
            columns = ", ".join(f"'{column}': 'VARCHAR'" for column in file.readline().strip().split(","))
        # The columns are given: 28,000 rows take 21 ms so, and 29 when DuckDB looks for the dialect first.
        con.execute(
            f"CREATE OR REPLACE TEMP TABLE reference_{name} AS SELECT * FROM read_csv(?, auto_detect = false, "
            f"header = true, delim = ',', quote = '\"', escape = '\"', columns = {{{columns}}})",
            [str(path)],
        )
        merge_own_rows(con, name, REFERENCE_DIR)


def empty_scratch(settings: Settings) -> None:
    """Remove what a killed run may have left of its temporary copies; the vault is open for writing."""
    remove_parts((settings.vault_path, settings.warehouse_path, settings.key_file, settings.data_dir / JOURNAL))
    shutil.rmtree(settings.scratch, ignore_errors=True)
    settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)


class Databases(dg.ConfigurableResource):
    """The vault and the warehouse of this installation; opened late, closed early."""

    @property
    def settings(self) -> Settings:
        """The environment, read when it is needed."""
        return load_settings()

    @contextmanager
    def open(
        self, *, vault: Access | None = None, warehouse: Access | None = None
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """See `open_databases`."""
        with open_databases(self.settings, vault=vault, warehouse=warehouse) as con:
            yield con


class ExperimentTracker(dg.ConfigurableResource):
    """MLflow, pointed at this installation's store."""

    @contextmanager
    def training_run(
        self, experiment: str, name: str, tags: Mapping[str, str], *, note: str = ""
    ) -> "Iterator[mlflow.ActiveRun]":
        """A parent run in the experiment, which is made on first use and described by `note`."""
        mlflow = self.client()
        if mlflow.get_experiment_by_name(experiment) is None:
            settings = load_settings()
            settings.artifact_dir.mkdir(parents=True, exist_ok=True)
            # A database alone knows no place for files, and would take ./mlruns; a server knows its own.
            is_local = not settings.tracking_uri.startswith(("http://", "https://"))
            location = (settings.artifact_dir / experiment).as_uri() if is_local else None
            mlflow.create_experiment(experiment, artifact_location=location)
        mlflow.set_experiment(experiment)
        client, experiment_id = mlflow.MlflowClient(), mlflow.get_experiment_by_name(experiment).experiment_id
        # Said, so that MLflow's page neither guesses nor asks whether this is about language models.
        client.set_experiment_tag(experiment_id, "mlflow.experimentKind", "custom_model_development")
        if note:
            client.set_experiment_tag(experiment_id, "mlflow.note.content", note)
        self._end_orphans(client, experiment_id)
        with mlflow.start_run(run_name=name, tags=dict(tags)) as run:
            yield run

    @staticmethod
    def _end_orphans(client: Any, experiment_id: str) -> None:
        """Trainings take turns, so a run that still says RUNNING belongs to a process that was killed."""
        for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'"):
            client.set_terminated(run.info.run_id, "KILLED")

    @property
    def tracking_uri(self) -> str:
        """Address of the store."""
        return load_settings().tracking_uri

    def client(self) -> Any:
        """The mlflow module with its tracking address set (importing it takes 4 s: only in training)."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        import mlflow

        # Its progress lines would stand between those of `make run`; warnings are kept.
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        settings = load_settings()
        if settings.tracking_uri.startswith("sqlite:///"):
            Path(settings.tracking_uri.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        mlflow.set_tracking_uri(settings.tracking_uri)
        mlflow.set_registry_uri(settings.tracking_uri)
        return mlflow
