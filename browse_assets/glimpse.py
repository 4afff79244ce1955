"""A short look into the databases from a sensor, which must neither wait for a run nor keep one waiting.

What belongs here: opening for a moment, from the process that holds all sensors. What does not: what they look for
(`arrivals.py`, `incidents.py`, `automation.py`), how runs open the databases (`resources.py`).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from browse_assets.resources import Access, DatabaseBusyError, open_databases
from browse_assets.settings import Settings

# A run opens late and closes early, so most waits are shorter; a training keeps the files for its whole length.
GLIMPSE_SECONDS = 2.0

# Sensors are threads of one process, and a POSIX lock belongs to the process: a second connection that closes a file
# would give back the lock of the first.
_ONE_AT_A_TIME = threading.Lock()


@contextmanager
def glimpse(
    settings: Settings, *, vault: Access | None = None, warehouse: Access | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """`open_databases` for a moment.

    Raises:
        DatabaseBusyError: a run, a notebook or another sensor has a file open: look again later.
        VaultKeyError: the vault was written with another key.
    """
    if not _ONE_AT_A_TIME.acquire(timeout=2 * GLIMPSE_SECONDS):
        raise DatabaseBusyError("Another sensor is looking. Nothing was touched.")
    try:
        opened = open_databases(settings, vault=vault, warehouse=warehouse, wait_seconds=GLIMPSE_SECONDS)
        try:
            con = opened.__enter__()
        except duckdb.Error as error:  # this very process has it open, in another mode
            raise DatabaseBusyError(f"A database is in use ({type(error).__name__}). Nothing was touched.") from None
        try:
            yield con
        finally:
            opened.__exit__(None, None, None)
    finally:
        _ONE_AT_A_TIME.release()
