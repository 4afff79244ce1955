"""The users' own files beside the lists of data/reference: `domains.ours.csv` adds to `domains.csv`.

What belongs here: finding, reading and checking them. What does not: the tables that they become
(`resources.load_reference`).
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from browse_assets.foreseen import ForeseenError

# Leading columns that identify a row, for the lists that users may add to.
KEY_COLUMNS = {
    "account_domains": 1,
    "domains": 1,
    "finance_domains": 1,
    "finance_intents": 3,
    "finance_terms": 2,
    "marketplaces": 2,
    "neutral_domains": 1,
    "products": 1,
    "url_parameters": 1,
    "watchlist": 1,
}
# Columns whose values another list names.
_NAMED_IN = {"topic_id": ("topics", "topic_id"), "default_product": ("finance_products", "finance_product")}
_NAMED_IN["finance_product"] = _NAMED_IN["default_product"]
# Columns with a handful of values, those that the shipped list uses, and columns that may be left out.
_CLOSED, _OPTIONAL = ("kind", "intent", "field"), ("source",)


class ReferenceFileError(ForeseenError, ValueError):
    """A user's own list is not usable; the message names file and line, and says what to do."""


_SHOWN_PROBLEMS = 10


@dataclass(frozen=True)
class OwnRows:
    """Rows of all own files of one list; of two rows with one key, the file that sorts last wins."""

    columns: list[str]
    key_width: int
    rows: list[tuple[str, ...]]

    def columns_of_rows(self) -> dict[str, list[str | None]]:
        """Values by column; what is empty is NULL, as the database reads it from the shipped list."""
        return {column: [row[place] or None for row in self.rows] for place, column in enumerate(self.columns)}


def own_files(folder: Path, name: str) -> list[Path]:
    """The users' own files of a list (`domains.ours.csv`), in the order of their names."""
    return sorted(folder.glob(f"{name}.*.csv")) if name in KEY_COLUMNS else []


def read_own_rows(folder: Path, name: str, is_pattern: Callable[[str], bool]) -> OwnRows:
    """Rows of the own files of a list, with the shipped list's columns.

    Args:
        is_pattern: whether a text is a regular expression that the database takes.

    Raises:
        ReferenceFileError: a column is missing or unknown, a line is ragged, a domain is not registrable,
            a value is not among those allowed, a key stands twice in one file; all such lines at once.
    """
    shipped = _read(folder / f"{name}.csv")
    columns, width = list(shipped[0]), KEY_COLUMNS[name]
    allowed = {column: {row[column] for row in shipped} for column in _CLOSED if column in columns}
    for column, (other, key) in _NAMED_IN.items():
        if column in columns:
            allowed[column] = {row[key] for row in _read(folder / f"{other}.csv")}
    if "default_product" in columns:
        allowed["default_product"].add("")
    rows: dict[tuple[str, ...], tuple[str, ...]] = {}
    problems: list[str] = []
    for path in own_files(folder, name):
        try:
            read = _read_own(path, columns)
        except ReferenceFileError as error:
            problems.append(str(error))
            continue
        problems += _problems_of_values(path, read, allowed, is_pattern)
        keys = [tuple(row[column] for column in columns[:width]) for row in read]
        seen: set[tuple[str, ...]] = set()
        for number, row_key in enumerate(keys, start=2):
            if row_key in seen:
                problems.append(f"{_shown(path)}, line {number}: this row stands twice; remove one of them")
            seen.add(row_key)
        rows |= {key: tuple(row[column] for column in columns) for key, row in zip(keys, read, strict=True)}
    if problems:
        more = len(problems) - _SHOWN_PROBLEMS
        shown = [
            *problems[:_SHOWN_PROBLEMS],
            *([f"and {more} more lines of data/reference/{name}"] if more > 0 else []),
        ]
        raise ReferenceFileError("\n".join(shown))
    return OwnRows(columns, width, [rows[key] for key in sorted(rows)])


def _shown(path: Path) -> str:
    return f"data/reference/{path.name}"


def _read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _read_own(path: Path, columns: list[str]) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = list(csv.reader(file, strict=True))
    except (UnicodeDecodeError, csv.Error):
        # Without the cause, which would be told in its place.
        raise ReferenceFileError(f"{_shown(path)}: not a CSV file in UTF-8; save it as one") from None
    header = lines[0] if lines else []
    missing = [column for column in columns if column not in header and column not in _OPTIONAL]
    unknown = [column for column in header if column not in columns]
    if missing or unknown or len(set(header)) < len(header):
        raise ReferenceFileError(
            f"{_shown(path)}, line 1: the first line must name the columns {', '.join(columns)}"
            f" ({', '.join(_OPTIONAL)} may be left out); write it so"
        )
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            raise ReferenceFileError(
                f"{_shown(path)}, line {number}: {len(line)} values for {len(header)} columns; "
                "put a value with a comma into double quotes"
            )
        values = {column: value.strip() for column, value in zip(header, line, strict=True)}
        rows.append({"source": path.stem, **values} if "source" in columns else values)
    return rows


def unused_own_files(folder: Path) -> list[Path]:
    """Files that look like own ones, of lists that take none: a misspelt name would be ignored in silence."""
    return sorted(path for path in folder.glob("*.*.csv") if path.name.split(".")[0] not in KEY_COLUMNS)


def _problems_of_values(
    path: Path, rows: list[dict[str, str]], allowed: dict[str, set[str]], is_pattern: Callable[[str], bool]
) -> Iterator[str]:
    from browse_assets.reference.sites import registrable_domains  # tldextract and pyarrow: 0.4 s

    registrable = set(registrable_domains(row["domain"] for row in rows if "domain" in row))
    for number, row in enumerate(rows, start=2):
        where = f"{_shown(path)}, line {number}"
        if "domain" in row and row["domain"] not in registrable:
            yield (
                f"{where}: not a registrable domain; write it in lower case without scheme, www and path "
                "(example.co.uk), and of a site below a public suffix the whole name (www.nhs.uk)"
            )
        for column, values in allowed.items():
            if row[column] not in values:
                known = ", ".join(sorted(values - {""})) if len(values) < 30 else "the ids of data/reference/topics.csv"
                yield f"{where}: {column} is not known; take one of {known}"
        for column in ("pattern", "term"):
            if column in row and not (row[column] and is_pattern(row[column])):
                yield f"{where}: {column} is not an RE2 regular expression; correct it"
        if "term_parameter" in row and bool(row["term_parameter"]) != (row["kind"] == "search_engine"):
            yield f"{where}: term_parameter belongs to a search_engine, and to nothing else"
