"""Staging one file into a list of rows, as the tests of the readers want it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from browse_assets.readers.staging import stage
from browse_assets.tables import STAGED_ROWS

Row = dict[str, object]


class Reader:
    """Stages files and hands back their rows in order, and the format that was found."""

    def __init__(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> None:
        self.con = con
        self.scratch = scratch
        self.format: str | None = None
        self.needed_no_scan: bool | None = None  # whether a CSV file could be read without a scan

    def __call__(self, path: Path, owner: str = "owner") -> list[Row]:
        """One dict per staged row, ordered by row_number; checks what every reader owes."""
        with stage(self.con, path, owner=owner, scratch=self.scratch) as staged:
            relation = staged.relation
            self.format = staged.format
            expected = [column.name for column in STAGED_ROWS.columns]
            assert relation.columns == expected
            types = self.con.execute(f"SELECT {', '.join(f'NULL::{c.type}' for c in STAGED_ROWS.columns)}")
            assert [str(kind) for kind in relation.types] == [str(d[1]) for d in types.description or []]
            rows = self.con.sql("SELECT * FROM relation ORDER BY row_number").fetchall()
        if self.format == "csv":
            self.needed_no_scan = self._reads_the_same_unscanned(path, owner, rows)
        assert not list(self.scratch.iterdir())
        read = [one for row in rows for one in _unfolded(dict(zip(expected, row, strict=True)))]
        numbers = [row["row_number"] for row in read]
        assert len(set(numbers)) == len(numbers)
        return read

    def _reads_the_same_unscanned(self, path: Path, owner: str, rows: list[tuple[object, ...]]) -> bool:
        with stage(self.con, path, owner=owner, scratch=self.scratch, scans=False) as staged:
            try:
                unscanned = staged.relation.order("row_number").fetchall()
            except duckdb.Error:
                return False
        assert unscanned == rows
        return True


def _unfolded(row: dict[str, Any]) -> list[Row]:
    """The rows of the file that a staged row stands for."""
    rows = row.pop("rows")
    if row.pop("has_distinct_tags"):
        names = [tag["name"] for tag in row["metadata"] or [] if tag]
        assert len(set(names)) == len(names) == (rows if rows > 1 else len(names))
    if rows == 1:
        return [row]
    tags = row["metadata"] or [None] * rows
    assert len(tags) == rows
    return [
        row | {"row_number": row["row_number"] + place, "metadata": [tag] if tag else None}
        for place, tag in enumerate(tags)
    ]


@pytest.fixture
def read(tmp_path: Path) -> Iterator[Callable[..., list[Row]]]:
    """A reader on a connection and scratch folder of its own."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(mode=0o700)
    with duckdb.connect() as con:
        yield Reader(con, scratch)
