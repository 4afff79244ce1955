"""Which rows are about one person, in the vault and in the warehouse.

What belongs here: finding the person and their rows, by the columns `user_id` and `user_key` of the data
dictionary, so that a new table is included without a word here. What does not: writing them down
(`analysis/person_report.py`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import duckdb

from browse_assets.analysis.leaks import PanelIds, is_distinctive
from browse_assets.analysis.person_report import PersonReport, Section
from browse_assets.keys import Keys
from browse_assets.tables import INPUT_FILES, PRODUCTS, RAW_REJECTED, Column, Table, tables_of

# What is made of visits before anything is concluded from them.
_MADE = {"scrubbed_events", "domain_features", "user_days", "customer_features"}

KNOWN_IDS = """
    SELECT user_id FROM vault.main.raw_events WHERE user_id IS NOT NULL
    UNION SELECT user_id FROM vault.main.raw_customers WHERE user_id IS NOT NULL
    UNION SELECT trim(row ->> 'user_id') FROM vault.main.raw_rejected WHERE json_valid(row) AND reason <> 'malformed'
"""

# A file is about the person alone when nobody else has a row in it: then its name may be shown.
SOURCES = """
    SELECT files.file_id, files.format, files.origin, files.first_event, files.last_event,
        CASE WHEN people.others = 0 THEN files.path END AS path, people.own_rows
    FROM vault.main.raw_files AS files
    JOIN (
        SELECT file_id, count_if(user_id = $user_id) AS own_rows, count_if(user_id <> $user_id) AS others
        FROM vault.main.raw_events GROUP BY file_id
    ) AS people USING (file_id)
    WHERE people.own_rows > 0
    ORDER BY files.load_id, files.file_id
"""


@dataclass(frozen=True)
class Person:
    """A person as the panel knows them, and as the warehouse does; the id is None when the vault has none."""

    user_id: str | None
    user_key: UUID


def find_person(con: duckdb.DuckDBPyConnection, keys: Keys, named: str) -> Person | None:
    """The person of a user id, or of a `user_key`; None when no table knows them."""
    known = {user_id for (user_id,) in con.execute(KNOWN_IDS).fetchall() if user_id}
    if named in known:
        return Person(named, keys.user_key(named))
    try:
        user_key = UUID(named)
    except ValueError:
        return None
    for user_id in sorted(known):
        if keys.user_key(user_id) == user_key:
            return Person(user_id, user_key)
    is_stored = any(
        con.execute(f"SELECT 1 FROM {table.name} WHERE user_key = ? LIMIT 1", [user_key]).fetchone()
        for table in _tables_with("warehouse", "user_key")
    )
    return Person(None, user_key) if is_stored else None


def report_on(con: duckdb.DuckDBPyConnection, person: Person) -> PersonReport:
    """Every row about the person, and about nobody else."""
    sections = [
        *(
            _section(con, table, "user_key = $user_key", {"user_key": person.user_key}, _part_of(table))
            for table in _tables_with("warehouse", "user_key")
        ),
        _section(
            con,
            PRODUCTS,
            "product_id IN (SELECT product_id FROM product_interest WHERE user_key = $user_key)",
            {"user_key": person.user_key},
            "made",
        ),
        *(
            _section(con, table, "user_id = $user_id", {"user_id": person.user_id}, "came_in")
            for table in _tables_with("vault", "user_id")
        ),
        _sources(con, person),
    ]
    rejected, withheld = _rejected_rows(con, person)
    notes = []
    if withheld:
        notes.append(
            f"{withheld} rows of input files could not be read and may be yours, but may also name somebody else. "
            "They are not shown here; whoever runs this can look at them with you."
        )
    as_of = con.execute("SELECT max(event_time) FROM scrubbed_events").fetchone()
    return PersonReport(
        user_id=person.user_id,
        user_key=str(person.user_key),
        as_of=as_of[0] if as_of else None,
        sections=[*sections, rejected],
        notes=notes,
    )


def _tables_with(database: Any, column: str) -> tuple[Table, ...]:
    return tuple(table for table in tables_of(database) if column in table.column_names)


def _part_of(table: Table) -> str:
    return "made" if table.name in _MADE else "concluded"


def _section(con: duckdb.DuckDBPyConnection, table: Table, where: str, params: dict[str, Any], part: str) -> Section:
    schema = "vault.main." if table.database == "vault" else ""
    names = ", ".join(f'"{name}"' for name in table.column_names)
    order = ", ".join(f'"{name}"' for name in _order_of(table))
    rows = con.execute(f"SELECT {names} FROM {schema}{table.name} WHERE {where} ORDER BY {order}", params).fetchall()
    return Section(part, table.name, table.grain, _described(table.columns), rows)


def _order_of(table: Table) -> tuple[str, ...]:
    """By time where rows have one, else by key."""
    times = tuple(name for name in ("event_time", "rank") if name in table.column_names)
    return (*times, *table.key)


def _described(columns: Iterable[Column]) -> list[tuple[str, str]]:
    return [(column.name, column.description) for column in columns]


def _sources(con: duckdb.DuckDBPyConnection, person: Person) -> Section:
    words = {column.name: column.description for column in INPUT_FILES.columns}
    columns = [(name, words[name]) for name in ("file_id", "format", "origin", "first_event", "last_event")]
    columns += [("path", "name of the file, where nobody else is in it"), ("own_rows", "your page views in it")]
    rows = con.execute(SOURCES, {"user_id": person.user_id}).fetchall()
    return Section("came_in", "sources", "One row per input file with page views of yours.", columns, rows)


def _rejected_rows(con: duckdb.DuckDBPyConnection, person: Person) -> tuple[Section, int]:
    """Rejected rows of the person; and how many others name them beside somebody else.

    A row that could be parsed has an owner. One that could not, or that names nobody, is theirs where their
    id stands in it as a word, can be nothing else than an id, and no other id of the vault is there too.
    """
    names = RAW_REJECTED.column_names
    parsed = "json_valid(row) AND reason <> 'malformed'"
    select = f"SELECT {', '.join(names)}, CASE WHEN {parsed} THEN nullif(trim(row ->> 'user_id'), '') END AS owner"
    own: list[Sequence[Any]] = []
    withheld = 0
    if person.user_id is not None:
        known = {user_id for (user_id,) in con.execute(KNOWN_IDS).fetchall() if user_id}
        me, others = PanelIds([person.user_id]), PanelIds(known - {person.user_id})
        rows = con.execute(
            f"{select} FROM vault.main.raw_rejected WHERE contains(lower(row), lower($user_id)) OR owner = $user_id "
            "ORDER BY file_id, row_number",
            {"user_id": person.user_id},
        ).fetchall()
        for *row, owner in rows:
            text = row[names.index("row")]
            if owner == person.user_id:
                own.append(row)
            elif owner is None and me.are_in(text):
                if others.are_in(text) or not is_distinctive(person.user_id):
                    withheld += 1
                else:
                    own.append(row)
    return Section("came_in", RAW_REJECTED.name, RAW_REJECTED.grain, _described(RAW_REJECTED.columns), own), withheld
