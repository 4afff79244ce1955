"""Time in slices of about as many rows, for steps that shall not hold all rows at once.

What belongs here: where slices begin and end. What does not: what is done with them.
"""

from datetime import datetime
from typing import Literal

import duckdb

# From its first time on, and before its second.
Span = tuple[datetime, datetime]


def time_slices(
    con: duckdb.DuckDBPyConnection, rows: str, limit: int, whole: Literal["minute", "day"] = "minute"
) -> list[Span]:
    """Spans of whole minutes or days, in order, of about as many rows each; together they hold all of them.

    A short span at the end would leave a short piece of a table, which DuckDB puts together with long ones at each of
    the next days' commits: 1.4 CPU s instead of 0.3.

    Args:
        con: where the rows are.
        rows: what follows FROM, with a column event_time that is never NULL.
        limit: rows, and up to a tenth more; a minute or day of more is a span of its own.
        whole: what is never cut in two.
    """
    starts = con.execute(
        f"""
        SELECT min(start) FROM (
            SELECT start, sum(n) OVER (ORDER BY start) - n AS rows_before, sum(n) OVER () AS total FROM (
                SELECT date_trunc('{whole}', event_time) AS start, count(*) AS n FROM {rows} GROUP BY start))
        GROUP BY rows_before * greatest(1, ceil(total / $limit - 0.1))::BIGINT // total ORDER BY 1
        """,
        {"limit": limit},
    ).fetchall()
    # A day is given as a DATE.
    cuts = [datetime(start.year, start.month, start.day) if whole == "day" else start for (start,) in starts]
    return list(zip(cuts, [*cuts[1:], datetime.max], strict=False))  # no rows, no span


def within(span: Span) -> str:
    """SQL: whether event_time lies in a span; as constants, so that parts of a table without such rows are left out."""
    return f"event_time >= TIMESTAMP '{span[0]}' AND event_time < TIMESTAMP '{span[1]}'"
