"""What an asset check says: how many rows offend, and the first of them.

What belongs here: turning a SELECT of offending rows into a result. What does not: which rows offend
(`checks.py`, `leak_checks.py`); the rows shown must hold nothing personal, and that is for the SELECT.
"""

from typing import Any

import dagster as dg
import duckdb

_SHOWN_ROWS = 10


def verdict(
    con: duckdb.DuckDBPyConnection,
    select: str,
    what: str,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
    *,
    since: int | None = None,
) -> dg.AssetCheckResult:
    """Passed when the SELECT gives no row; else how many, and the first ten as a table.

    `since` is the load up to which rows were looked at before, 0 for none, where the check says so.
    """
    count, rows = _offending(con, select)
    return dg.AssetCheckResult(
        passed=count == 0,
        severity=severity,
        description=f"{count} {what}" if count else f"no {what}",
        metadata={
            "offending rows": count,
            **({} if since is None else {"looked at": f"rows of loads after {since}" if since else "all rows"}),
            **({"rows": _table(rows)} if rows else {}),
        },
    )


def _offending(con: duckdb.DuckDBPyConnection, select: str) -> tuple[int, list[dict[str, Any]]]:
    counted = con.execute(f"SELECT count(*) FROM ({select})").fetchone()
    assert counted is not None
    if counted == (0,):  # nearly always, and to ask for the rows looks at all of them once more
        return 0, []
    found = con.sql(select)
    rows = [
        {name: str(value) for name, value in zip(found.columns, row, strict=True)}
        for row in found.fetchmany(_SHOWN_ROWS)
    ]
    return int(counted[0]), rows


def _table(rows: list[dict[str, Any]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema=schema)
