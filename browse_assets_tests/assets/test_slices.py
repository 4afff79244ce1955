"""Slices of time hold every row once, and about as many each."""

from datetime import datetime

import duckdb
import pytest

from browse_assets.assets.slices import time_slices, within

LIMIT = 1_000


@pytest.mark.parametrize(
    ("rows", "spans"), [(0, 0), (1, 1), (1_000, 1), (1_099, 1), (1_200, 2), (10_050, 10), (10_500, 11)]
)
def test_slices_are_alike_and_hold_all_rows(rows: int, spans: int) -> None:
    """Ten rows a minute; a slice ends with a minute."""
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE events AS SELECT TIMESTAMP '2024-01-01' + to_seconds(6 * i) AS event_time FROM range(?) r(i)",
            [rows],
        )
        found = time_slices(con, "events", LIMIT)
        sizes = [con.execute(f"SELECT count(*) FROM events WHERE {within(span)}").fetchall()[0][0] for span in found]
    assert len(found) == spans
    assert sum(sizes) == rows
    assert max(sizes, default=0) <= 1.1 * LIMIT
    assert max(sizes, default=0) - min(sizes, default=0) <= 20


def test_a_day_is_never_cut() -> None:
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE events AS SELECT TIMESTAMP '2024-01-01' + to_hours(i) AS event_time FROM range(72) r(i)"
        )
        found = time_slices(con, "events", 10, "day")
    starts = [datetime(2024, 1, day) for day in (1, 2, 3)]
    assert found == list(zip(starts, [*starts[1:], datetime.max], strict=True))
