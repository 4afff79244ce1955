"""What each table holds, so that a materialization does only what is new.

What belongs here: reading and writing `asset_state`, the hash of the rules, as_of. What does not:
deciding what an asset does with it.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from browse_assets.settings import REFERENCE_DIR, Settings

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class State:
    """Newest load in a table, the hash of what made it, and the MLflow run of a trained one.

    Equal states hold equal tables, whichever run trained them.
    """

    load_id: int
    fingerprint: str
    mlflow_run: str | None = field(default=None, compare=False)


EMPTY = State(load_id=0, fingerprint="")


@cache
def rules_version() -> str:
    """Hash of the SQL, the analysis code, the readers, the data dictionary and the reference lists.

    When it changes, every derived table is made anew: an increment on top of other rules would be a
    table that no single version of the project could have made.
    """
    digest = hashlib.sha256()
    sources = [
        *sorted(_PACKAGE.glob("sql/*.sql")),
        *sorted(_PACKAGE.glob("analysis/*.py")),
        *sorted(_PACKAGE.glob("readers/*.py")),
        _PACKAGE / "tables.py",
        *sorted(REFERENCE_DIR.glob("*.csv")),
    ]
    for source in sources:
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


def fingerprint(*parts: Any) -> str:
    """Hash of the rules and of whatever else a table depends on."""
    text = "\x1f".join([rules_version(), *(repr(part) for part in parts)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_state(con: duckdb.DuckDBPyConnection, asset: str) -> State:
    """State of an asset's table; EMPTY before its first materialization."""
    row = con.execute("SELECT load_id, fingerprint, mlflow_run FROM asset_state WHERE asset = ?", [asset]).fetchone()
    return State(int(row[0]), str(row[1]), row[2]) if row else EMPTY


def load_reached(con: duckdb.DuckDBPyConnection, name: str, *depends_on: Any) -> int:
    """The load of a state with the rules of now and the same dependencies; 0: there is none."""
    state = read_state(con, name)
    return state.load_id if state.fingerprint == fingerprint(name, *depends_on) else 0


def require_state(con: duckdb.DuckDBPyConnection, asset: str) -> State:
    """State of an asset that this one is made from.

    Raises:
        dagster.Failure: it was never materialized, so there is nothing to make this one from.
    """
    state = read_state(con, asset)
    if state == EMPTY:
        raise dg.Failure(
            f"{asset} was never materialized: materialize it first, or the whole job ml_analysis_pipeline.",
            allow_retries=False,
        )
    return state


def write_state(con: duckdb.DuckDBPyConnection, asset: str, state: State) -> None:
    """Store the state, in the transaction that writes the table."""
    con.execute("DELETE FROM asset_state WHERE asset = ?", [asset])
    con.execute(
        "INSERT INTO asset_state VALUES (?, ?, ?, ?)",
        [asset, state.load_id, state.fingerprint, state.mlflow_run],
    )


def read_as_of(con: duckdb.DuckDBPyConnection, settings: Settings) -> datetime | None:
    """End of every window: BROWSE_AS_OF, else the newest event; None when there is no event."""
    row = con.execute("SELECT max(event_time) FROM scrubbed_events").fetchone()
    newest: datetime | None = row[0] if row else None
    if newest is None:
        return None
    return settings.as_of or newest
