"""Counts of groups of people as files for others, or the reason why not.

What belongs here: the files, and refusing what is not up to date. What does not: the command (`release.py`), who is
counted and what is refused by purpose (`assets/releases.py`), which groups are hidden (`analysis/suppression.py`).
"""

import csv
import io
import json
import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from browse_assets.assets.consent import consent_file_id, consent_table
from browse_assets.assets.customers import customer_folder
from browse_assets.assets.releases import (
    DIMENSIONS,
    FORBIDDEN_PURPOSES,
    Audience,
    ReleaseRefusedError,
    check_purpose,
    count_audience,
    refused_by_source,
)
from browse_assets.assets.state import EMPTY, read_as_of, read_state
from browse_assets.keys import load_keys
from browse_assets.readers.errors import UnreadableFile
from browse_assets.resources import open_databases, withheld_values
from browse_assets.settings import Settings
from browse_assets.tables import PURPOSES, RELEASED_AUDIENCES, TABLES

NOTE = "release.json"


def write_release(settings: Settings, purpose: str) -> Path:
    """One CSV of counts and one note, in a folder of their own; the same tables give the same bytes.

    Raises:
        ReleaseRefusedError: the purpose, the data, or a table that is not up to date forbid it.
    """
    check_purpose(purpose, RELEASED_AUDIENCES.name)
    if not settings.warehouse_path.exists() or not settings.vault_path.exists():
        raise ReleaseRefusedError("there are no tables yet: make run first.")
    with open_databases(settings, vault="read", warehouse="read") as con, withheld_values("Counting groups of people"):
        # The refusal is the answer, not an error of the step: it passes through as text.
        found = _counted(con, settings, purpose)
    if isinstance(found, str):
        raise ReleaseRefusedError(found)
    audience, note = found
    folder = settings.reports / "releases" / f"{note['as_of']}-{purpose}"
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / f"{RELEASED_AUDIENCES.name}.csv", _csv_text(audience.rows))
    _replace(folder / NOTE, json.dumps(note, indent=2, ensure_ascii=False) + "\n")
    return folder


def _counted(con: duckdb.DuckDBPyConnection, settings: Settings, purpose: str) -> tuple[Audience, dict[str, Any]] | str:
    """The counts and their note, or why there are none."""
    refused = refused_by_source(con)
    if purpose in refused:
        return f"{purpose}: {refused[purpose]}."
    if not _consent_is_current(con, settings):
        return "customers/consent has changed since the last run, or cannot be read: make run first."
    as_of = read_as_of(con, settings)
    if as_of is None:
        return "there is nobody to count: no event has left the vault."
    if read_state(con, RELEASED_AUDIENCES.name) == EMPTY:
        # A run that failed before it, or an erasure since: empty tables must not read as nobody's consent.
        return f"{RELEASED_AUDIENCES.name} is not made yet of the tables as they are: make run first."
    audience = count_audience(con, load_keys(settings), purpose, as_of, settings.min_group)
    columns = ", ".join(f'"{name}"' for name in RELEASED_AUDIENCES.column_names)
    stored = con.execute(
        f"SELECT {columns} FROM {RELEASED_AUDIENCES.name} WHERE purpose = ? ORDER BY dimension, item_id", [purpose]
    ).fetchall()
    if stored != sorted(audience.rows, key=lambda row: row[1:3]):
        return f"{RELEASED_AUDIENCES.name} is older than the tables that it is made from: make run first."
    if not stored:
        return f"fewer than {settings.min_group} people consented to {purpose}: nothing can be told of them."
    note = {
        "purpose": purpose,
        "meaning": PURPOSES[purpose],
        "as_of": as_of.date().isoformat(),
        "min_group": settings.min_group,
        "counts": "rounded down to min_group + a multiple of 5; groups overlap, but for segments",
        "people": audience.rows[0][5],
        "consent": "people whose consent covers the purpose at as_of"
        if consent_table(con) is not None
        else "no consent table: everybody",
        "groups_released": {name: sum(row[1] == name for row in stored) for name in audience.hidden},
        "groups_suppressed": audience.hidden,
        "dimensions_left_out": {
            name: f"{source} may serve {', '.join(TABLES[source].purposes)}"
            for name, source in DIMENSIONS.items()
            if name not in audience.hidden
        },
        "suppressed_because": "fewer than min_group people, or a count that would give such a group away by "
        "subtraction; sensitive topics are never counted",
        "not_allowed": dict(FORBIDDEN_PURPOSES),
    }
    return Audience(tuple(stored), audience.hidden), note


def _consent_is_current(con: duckdb.DuckDBPyConnection, settings: Settings) -> bool:
    """Whether the vault holds the consents of the file as it is now: a withdrawal counts at once."""
    try:
        file_id = consent_file_id(customer_folder(con, settings))
    except UnreadableFile:
        return False
    table = consent_table(con)
    return file_id == (table.file_id if table is not None else None) and (file_id is None) == (table is None)


def _csv_text(rows: Sequence[tuple[Any, ...]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(RELEASED_AUDIENCES.column_names)
    writer.writerows([value.isoformat() if isinstance(value, datetime) else value for value in row] for row in rows)
    return file.getvalue()


def _replace(path: Path, text: str) -> None:
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)
