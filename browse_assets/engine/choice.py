"""Which engine a step uses, and the little that differs for the step.

What belongs here: the choice by BROWSE_ENGINE, and calls that both engines take. What does not: either engine.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Union

import duckdb

from browse_assets.engine.verdicts import Verdict, by_column
from browse_assets.settings import Settings

# pyspark and sqlglot cost seconds to import: only where they are asked for.
if TYPE_CHECKING:
    from browse_assets.engine.spark import SparkConnection

Connection = Union[duckdb.DuckDBPyConnection, "SparkConnection"]


@contextmanager
def computing(settings: Settings, con: duckdb.DuckDBPyConnection) -> Iterator[Connection]:
    """What a step computes on: the connection itself, or Spark beside it where BROWSE_ENGINE says so.

    Raises:
        SparkUnavailableError: pyspark or Java is missing, or the cluster does not answer.
    """
    if settings.engine == "duckdb":
        yield con
        return
    from browse_assets.engine.lake import Lake
    from browse_assets.engine.session import spark_session
    from browse_assets.engine.spark import SparkConnection

    work = SparkConnection(lambda: spark_session(settings), con, Lake(settings.lake_dir))
    try:
        yield work
    finally:
        work.close()


def local(con: Connection) -> duckdb.DuckDBPyConnection:
    """The connection to DuckDB: for what stays in the vault, and for lists."""
    return con if isinstance(con, duckdb.DuckDBPyConnection) else con.local


def result_of(con: Connection, name: str, select: str, order: str = "ALL") -> str:
    """A SELECT for DuckDB with the rows of this one, which `con` computes.

    On DuckDB it is the SELECT itself, and nothing is computed yet; else one of the temporary table `name`, in the
    given order, which is to be the SELECT's own.
    """
    if isinstance(con, duckdb.DuckDBPyConnection):
        return select
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")
    con.bring_back(name)
    return f"SELECT * FROM {name} ORDER BY {order}"


def bring_back(con: Connection, name: str) -> None:
    """Make a temporary table known to DuckDB."""
    if not isinstance(con, duckdb.DuckDBPyConnection):
        con.bring_back(name)


def map_values(con: Connection, name: str, select: str, rule: Callable[..., Verdict], columns: tuple[str, ...]) -> None:
    """Make a temporary table of the rows of a SELECT of texts and what a rule in Python says of each.

    Args:
        con: where the SELECT runs; on Spark the rule runs there too.
        name: of the table.
        select: distinct rows of texts.
        rule: from a row's values to the text of the one new column, or to those of several.
        columns: names of the new columns.
    """
    if not isinstance(con, duckdb.DuckDBPyConnection):
        con.map_values(name, select, rule, columns)
        return
    import pyarrow as pa  # 0.1 s

    found = con.execute(select)
    names = [column[0] for column in found.description or []]
    rows = found.fetchall()
    made = by_column([rule(*row) for row in rows], len(columns))
    values = [[row[place] for row in rows] for place in range(len(names))]
    arrays = [pa.array(column, pa.string()) for column in (*values, *made)]
    con.register("verdicts", pa.table(arrays, names=[*names, *columns]))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM verdicts")
    con.unregister("verdicts")
