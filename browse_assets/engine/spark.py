"""A connection to Apache Spark that takes the statements which assets give to DuckDB.

What belongs here: running translated statements, temporary tables, and rows that come and go. What does not: what a
statement means on Spark (`translation.py`), the session and its protection (`session.py`), files (`lake.py`).
"""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from browse_assets.engine.lake import KEPT, STEP, Lake
from browse_assets.engine.patterns import UntranslatableError
from browse_assets.engine.translation import Macros, parse_statements, read_macro, spark_sql
from browse_assets.engine.verdicts import Verdict, by_column
from browse_assets.tables import tables_of

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

# What a step over personal data reads of the vault; all else that DuckDB hands over holds none.
PERSONAL = frozenset({"admitted_events"})
# Up to so many rows go to Spark in memory, more as files.
ROWS_IN_MEMORY = 20_000

ROWS_PER_BATCH = 50_000
# Columns of the warehouse that are text on Spark.
_UUIDS = frozenset(column.name for table in tables_of("warehouse") for column in table.columns if column.type == "UUID")


class SparkConnection:
    """One step's temporary tables, macros and results on Spark, beside the connection to DuckDB.

    A table that Spark does not know is taken from DuckDB when a statement first names it: tables of the warehouse,
    lists, and `admitted_events`, which goes through encrypted files.

    Attributes:
        local: the connection to DuckDB.
    """

    def __init__(self, start: "Callable[[], SparkSession]", local: duckdb.DuckDBPyConnection, lake: Lake) -> None:
        self.local = local
        self._start = start
        self._lake = lake
        self._work = STEP + secrets.token_hex(8)
        self._key = secrets.token_bytes(32)
        self._macros: Macros = {}
        self._variables: dict[str, Any] = {}
        self._views: dict[str, DataFrame] = {}
        self._kept: dict[str, str] = {}
        self._persisted: list[DataFrame] = []
        self._result: DataFrame | None = None

    @cached_property
    def _session(self) -> "SparkSession":
        """Started when something is to be computed: a step with nothing new does without."""
        return self._start()

    def execute(self, statements: str, params: Any = None) -> "SparkConnection":
        """Run statements of DuckDB's SQL: SELECT, CREATE MACRO, TABLE and VIEW, DROP TABLE.

        Raises:
            UntranslatableError: a statement cannot be said on Spark.
        """
        for statement in parse_statements(statements):
            self._run(statement, params)
        return self

    def _run(self, statement: exp.Expression, params: Any) -> None:
        if isinstance(statement, exp.Create) and isinstance(statement.this, exp.UserDefinedFunction):
            name, parameters, body = read_macro(statement)
            self._macros[name] = (parameters, body)
        elif isinstance(statement, exp.Create) and statement.expression is not None:
            frame = self._frame(statement.expression, params)
            self._keep(statement.this.name, frame, is_stored=statement.kind == "TABLE")
        elif isinstance(statement, exp.Drop):
            self._views.pop(statement.this.name, None)
        elif isinstance(statement, exp.Query):
            self._result = self._frame(statement, params, is_ordered=True)
        else:
            raise UntranslatableError(f"a statement of the kind {type(statement).__name__}")

    def _frame(self, select: exp.Expression, params: Any, *, is_ordered: bool = False) -> "DataFrame":
        """The rows of a SELECT, not computed yet."""
        if isinstance(select, exp.Subquery):
            select = select.unnest()
        if isinstance(select, exp.Union) and select.args.get("by_name"):
            first, second = (self._frame(side, params) for side in (select.this, select.expression))
            return first.unionByName(second, allowMissingColumns=True)
        select = select.copy()
        if not is_ordered and not select.args.get("limit"):
            select.set("order", None)  # of a table that is only read again
        self._provide(select)
        return self._session.sql(spark_sql(select, self._macros, params, self._variables))

    def _provide(self, select: exp.Expression) -> None:
        own = {cte.alias for cte in select.find_all(exp.CTE)}
        for table in select.find_all(exp.Table):
            if table.db:
                raise UntranslatableError("a table of the vault; admitted_events is what may leave it")
            name = table.name
            if name in own:
                continue
            if name not in self._views:
                self._keep(name, self._from_duckdb(name))
            table.set("this", exp.to_identifier(self._kept[name]))
            if not table.alias:
                table.set("alias", exp.TableAlias(this=exp.to_identifier(name)))

    def _keep(self, name: str, frame: "DataFrame", *, is_stored: bool = False) -> None:
        """As a view of a name that no other step has; stored tables are computed once, when first read."""
        if is_stored:
            frame = self._stored(frame)
        self._views[name] = frame
        self._kept[name] = f"{name}_{self._work.replace('-', '_')}_{len(self._persisted)}"
        frame.createOrReplaceTempView(self._kept[name])

    def _stored(self, frame: "DataFrame") -> "DataFrame":
        """The frame with its rows kept, in memory and on encrypted disk, and made again where a machine is lost.

        Read through its RDD: plans of tables made of tables made of tables would each hold all plans before them, and
        Spark writes every plan out before it runs it.
        """
        from pyspark.sql import DataFrame

        kept = frame.persist()
        self._persisted.append(kept)
        rows = kept._jdf.queryExecution().toRdd()
        made = self._session._jsparkSession.internalCreateDataFrame(rows, kept._jdf.schema(), False)
        return DataFrame(made, self._session)

    # --- From DuckDB ---

    def _from_duckdb(self, name: str) -> "DataFrame":
        columns = self.local.execute(f"DESCRIBE {name}").fetchall()
        shown = ", ".join(
            f'"{column}"::VARCHAR AS "{column}"' if kind == "UUID" else f'"{column}"' for column, kind, *_ in columns
        )
        select = f"SELECT {shown} FROM {name}"
        if name in PERSONAL:
            return self._from_files(name, select)
        if name == "scrubbed_events":
            return self._scrubbed_events(select)
        if name in {table.name for table in tables_of("warehouse")}:
            row = self.local.execute(f"SELECT count(*) FROM {name}").fetchone()
            if row is not None and row[0] > ROWS_IN_MEMORY:
                folder = f"{self._work}/{name}"
                self._lake.write(folder, self.local.execute(select).to_arrow_reader(ROWS_PER_BATCH))
                return self._session.read.parquet(self._lake.spark_address(folder))
        table = self.local.execute(select).to_arrow_table()
        if not table.num_rows:  # PySpark fails on a list of structs without a batch
            from pyspark.sql.pandas.types import from_arrow_schema

            return self._session.createDataFrame([], from_arrow_schema(table.schema, prefer_timestamp_ntz=True))
        return self._session.createDataFrame(table)

    def _scrubbed_events(self, select: str) -> "DataFrame":
        """Written once for all steps that read it: it is the largest, and what changes it changes its state."""
        row = self.local.execute(
            "SELECT load_id, fingerprint FROM asset_state WHERE asset = 'scrubbed_events'"
        ).fetchone()
        folder = KEPT + "-".join(map(str, row or ("none",)))
        self._lake.remove(KEPT, but=folder)
        if not self._lake.has(folder):
            self._lake.remove(folder)
            self._lake.write(folder, self.local.execute(select).to_arrow_reader(ROWS_PER_BATCH))
        return self._session.read.parquet(self._lake.spark_address(folder))

    def _from_files(self, name: str, select: str) -> "DataFrame":
        """Rows that leave the vault: encrypted files, which executors open in Python, as Spark itself lacks the key."""
        from pyspark.sql.pandas.types import from_arrow_schema

        reader = self.local.execute(select).to_arrow_reader(ROWS_PER_BATCH)
        schema = from_arrow_schema(reader.schema, prefer_timestamp_ntz=True)
        files = self._lake.write(f"{self._work}/{name}", reader, self._key)
        read = _reader(self._lake, files, self._key)
        numbers = self._session.range(0, len(files), 1, len(files))
        return self._stored(numbers.mapInArrow(read, schema))

    def register(self, name: str, rows: "pa.Table | pd.DataFrame") -> None:
        """Make rows known by a name, as `DuckDBPyConnection.register` does."""
        import pyarrow as pa

        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pandas(rows, preserve_index=False)
        self._keep(name, self._session.createDataFrame(_with_plain_types(table)))

    def unregister(self, name: str) -> None:
        """Forget a name."""
        self._views.pop(name, None)

    # --- Results ---

    def _rows(self) -> "DataFrame":
        assert self._result is not None, "nothing was executed"
        return self._result

    def fetchall(self) -> list[tuple[Any, ...]]:
        """All rows of the last SELECT."""
        return [tuple(row) for row in self._rows().collect()]

    def fetchone(self) -> tuple[Any, ...] | None:
        """The first row of the last SELECT."""
        row = self._rows().first()
        return None if row is None else tuple(row)

    def df(self) -> "pd.DataFrame":
        """The last SELECT as a pandas frame on this machine."""
        frame: pd.DataFrame = self._rows().toArrow().to_pandas()
        return frame

    def map_values(self, name: str, select: str, rule: Callable[..., Verdict], columns: tuple[str, ...]) -> None:
        """Make a table of the rows of a SELECT and what a rule says of each: see `choice.map_values`.

        The rule runs where the rows are, in Python beside each executor, on Arrow batches.
        """
        (statement,) = parse_statements(select)
        rows = self._frame(statement, None)
        schema = ", ".join(f"`{column}` STRING" for column in (*rows.columns, *columns))
        spread = rows.repartition(max(2, self._session.sparkContext.defaultParallelism))
        self._keep(name, spread.mapInArrow(_judge(rule, columns), schema), is_stored=True)

    def bring_back(self, name: str) -> None:
        """Make a table without personal data a temporary table of DuckDB's too, through files of the lake."""
        folder = f"{self._work}/back-{name}"
        self._views[name].write.parquet(self._lake.spark_address(folder))
        self.local.register("brought_back", self._lake.dataset(folder))
        columns = ", ".join(
            f'"{column}"::UUID AS "{column}"' if column in _UUIDS else f'"{column}"'
            for column in self._views[name].columns
        )
        self.local.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT {columns} FROM brought_back")
        self.local.unregister("brought_back")

    def close(self) -> None:
        """Forget everything of this step; its files are deleted."""
        if "_session" not in self.__dict__:
            return
        try:
            with suppress(Exception):  # a Spark that has died holds nothing, and what it died of is to be told
                for view in self._kept.values():
                    self._session.catalog.dropTempView(view)
                for frame in self._persisted:
                    frame.unpersist()
        finally:
            self._lake.remove(self._work)


def _with_plain_types(table: "pa.Table") -> "pa.Table":
    """Times in microseconds, which are all that Spark has."""
    import pyarrow as pa

    schema = pa.schema(
        [field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in table.schema]
    )
    return table.cast(schema)


# The two that follow are sent to executors: nested functions go by their code, and need no Dagster there.


def _reader(
    lake: Lake, files: list[str], key: bytes
) -> "Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]":
    def read(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        for batch in batches:
            for number in batch.column(0).to_pylist():
                yield from lake.read(files[number], key)

    return read


def _judge(
    rule: Callable[..., Verdict], columns: tuple[str, ...]
) -> "Callable[[Iterable[pa.RecordBatch]], Iterable[pa.RecordBatch]]":
    def judge(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        for batch in batches:
            values = [column.to_pylist() for column in batch.columns]
            try:
                verdicts = [rule(*row) for row in zip(*values, strict=True)]
            except Exception as error:
                # Its text could quote a value, and would stand in the logs of Spark.
                raise RuntimeError(f"a rule failed with {type(error).__name__}; its text is withheld") from None
            made = by_column(verdicts, len(columns))
            arrays = [pa.array(column, pa.string()) for column in (*values, *made)]
            yield pa.RecordBatch.from_arrays(arrays, names=[*batch.schema.names, *columns])

    return judge
