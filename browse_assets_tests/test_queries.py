"""The queries of docs/queries.md, each on a finished installation."""

import duckdb
import pytest

from browse_assets_tests.bench.queries import PAGE, Query, read_queries
from browse_assets_tests.prepared import FullRun

PERSON, *QUERIES = read_queries(PAGE)


def test_there_are_twelve_and_the_person_they_are_about() -> None:
    assert PERSON.sql.startswith("SET VARIABLE person")
    assert [query.title.split(".")[0] for query in QUERIES] == [str(number) for number in range(1, 13)]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.title.split(".")[0])
def test_a_query_answers(query: Query, full_run: FullRun) -> None:
    with duckdb.connect(full_run.data_dir / "browse.duckdb", read_only=True) as con:
        con.execute(PERSON.sql)
        found = con.execute(query.sql)
        columns = [column[0] for column in found.description]
        rows = found.fetchall()
        assert rows, query.title
        assert len(set(columns)) == len(columns)
        # In a full order: the same rows each time, also where a LIMIT cuts.
        assert rows == con.execute(query.sql).fetchall()
