"""Tables in memory for tests of checks."""

from collections.abc import Iterator

import duckdb
import pytest

from browse_assets.tables import tables_of
from browse_assets_tests.checks.hand_made import OPENED, Connection


@pytest.fixture
def con() -> Iterator[Connection]:
    """Empty tables of vault and warehouse, for checks on hand-made rows."""
    with duckdb.connect() as opened:
        for database in ("vault", "warehouse"):
            opened.execute(f"ATTACH ':memory:' AS {database}")
            for table in tables_of(database):
                opened.execute(table.ddl(f"{database}.main"))
        opened.execute("USE warehouse")
        OPENED.append(opened)
        yield opened
        OPENED.pop()
