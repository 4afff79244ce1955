"""Consent: what it admits to the second, what it grants not, and that everything fails closed."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.assets.consent import admit_events, load_consent
from browse_assets.keys import Keys
from browse_assets.readers.errors import UnreadableFile
from browse_assets.settings import Settings
from browse_assets.tables import tables_of
from browse_assets_tests.assets.test_loading import write_panel
from browse_assets_tests.conftest import SECRET

Query = Callable[..., list[tuple[Any, ...]]]
Materialize = Callable[..., Any]

HEADER = ["userId", "ip", "timestamp", "url"]
CONSENT_HEADER = ["user_id", "purpose", "from", "to"]
EVENTS = ("raw_events", "input_files", "raw_customers", "scrubbed_events", "pii_removed", "user_days")


# Enough of them to see what left the vault.
SHORT = ("raw_events", "raw_customers", "scrubbed_events", "user_days")


def page(user: str, time: str) -> list[str]:
    return [user, "192.0.2.1", time, f"https://example.com/{user}"]


def key_of(user: str) -> str:
    return str(Keys(bytes.fromhex(SECRET)).user_key(user))


@pytest.fixture
def vault() -> Iterator[duckdb.DuckDBPyConnection]:
    """Empty tables of the vault in memory."""
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'")
        con.execute("ATTACH ':memory:' AS vault")
        for table in tables_of("vault"):
            con.execute(table.ddl("vault.main"))
        yield con


def grants(con: duckdb.DuckDBPyConnection) -> list[tuple[Any, ...]]:
    return con.execute(
        "SELECT user_id, attributes ->> 'from', attributes ->> 'to', attributes ->> 'problem' "
        "FROM vault.main.raw_customers WHERE row_number > 0 ORDER BY row_number"
    ).fetchall()


MIDNIGHT, TEN = "2024-05-01T00:00:00.000000", "2024-05-01T10:00:00.000000"
# (purpose, from, to) as given, and from, to, problem as understood.
ROWS = [
    ("research", "2024-05-01", "2024-06-01", MIDNIGHT, "2024-06-01T00:00:00.000000", None),
    ("Ads ", "2024-05-01T10:00:00+02:00", "", "2024-05-01T08:00:00.000000", None, None),
    ("product", "2024-05-01 10:00Z", "2024-05-01T10:00:00.5", TEN, "2024-05-01T10:00:00.500000", None),
    ("measurement", "2024-05-01 10:00:00+00", "", TEN, None, None),
    ("research", "", "", None, None, "bad_from"),
    ("research", "infinity", "", None, None, "bad_from"),
    ("research", "epoch", "", None, None, "bad_from"),
    ("research", "01.05.2024", "", None, None, "bad_from"),
    ("research", "2024-02-30", "", None, None, "bad_from"),
    ("research", "2024-05-01", "infinity", MIDNIGHT, None, "bad_to"),
    ("research", "2024-05-01", "never", MIDNIGHT, None, "bad_to"),
    ("research", "2024-05-01", "NULL", MIDNIGHT, None, "bad_to"),
    ("research", "2024-05-01", "2024-05-01T24:00:00", MIDNIGHT, None, "bad_to"),
    ("research", "2024-05-02", "2024-05-01", "2024-05-02T00:00:00.000000", MIDNIGHT, "ends_before_it_begins"),
    ("credit_decision", "2024-05-01", "", MIDNIGHT, None, "unknown_purpose"),
    ("everything", "2024-05-01", "", MIDNIGHT, None, "unknown_purpose"),
    ("", "2024-05-01", "", MIDNIGHT, None, "unknown_purpose"),
]  # fmt: skip


def test_a_row_is_read_to_the_letter_or_grants_nothing(tmp_path: Path, vault: duckdb.DuckDBPyConnection) -> None:
    write_panel(tmp_path / "consent.csv", [["ann", *row[:3]] for row in ROWS], CONSENT_HEADER)
    assert load_consent(vault, tmp_path) is None
    assert grants(vault) == [("ann", *row[3:]) for row in ROWS]


def test_parquet_and_other_names_of_columns(tmp_path: Path, vault: duckdb.DuckDBPyConnection) -> None:
    vault.execute(
        "COPY (SELECT 7 AS panelistId, 'ads' AS Purpose, TIMESTAMPTZ '2024-05-01 10:00:00+02' AS \"Valid from\", "
        f"NULL::TIMESTAMPTZ AS until) TO '{tmp_path / 'consent.parquet'}' (FORMAT parquet)"
    )
    assert load_consent(vault, tmp_path) is None
    assert grants(vault) == [("7", "2024-05-01T08:00:00.000000", None, None)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("consent.csv", "user_id,purpose,from\nann,ads,2024-01-01\n"),  # no `to`: for ever?
        ("consent.csv", "user_id,purpose,from,to,withdrawn_at\nann,ads,2024-01-01,,2024-02-01\n"),
        ("consent.csv", "user_id,from,to\nann,2024-01-01,\n"),
        ("consent.csv", "user_id,purpose,from,to\nann,ads,2024-01-01\n"),
        ("consent.csv", ""),
        ("consent.parquet", "user_id,purpose,from,to\n"),
        ("Consent.csv", "user_id,purpose,from,to\nann,ads,2024-01-01,\n"),
        ("consents.csv", "user_id,purpose,from,to\nann,ads,2024-01-01,\n"),
        ("consent.xlsx", "user_id,purpose,from,to\nann,ads,2024-01-01,\n"),
    ],
)
def test_a_table_that_cannot_be_read_grants_nothing(
    tmp_path: Path, vault: duckdb.DuckDBPyConnection, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    vault.execute("INSERT INTO vault.main.raw_events (event_id, user_id, load_id) VALUES (uuid(), 'ann', 1)")
    for _ in range(2):  # and again the next time
        assert isinstance(load_consent(vault, tmp_path), UnreadableFile)
        admit_events(vault, 0)
        assert vault.execute("SELECT count(*) FROM admitted_events").fetchone() == (0,)


def test_two_tables_are_not_chosen_between(tmp_path: Path, vault: duckdb.DuckDBPyConnection) -> None:
    for name in ("consent.csv", "consent.parquet"):
        (tmp_path / name).write_text("user_id,purpose,from,to\n")
    error = load_consent(vault, tmp_path)
    assert error is not None
    assert error.code == "which_file"


MINUTES = st.integers(0, 12)


@pytest.fixture(scope="module")
def reused() -> Iterator[duckdb.DuckDBPyConnection]:
    """The vault's tables for many examples."""
    with duckdb.connect() as con:
        con.execute("ATTACH ':memory:' AS vault")
        for table in tables_of("vault"):
            con.execute(table.ddl("vault.main"))
        yield con


@hypothesis.settings(max_examples=40)
@given(
    consents=st.lists(st.tuples(st.sampled_from("ab"), MINUTES, st.none() | MINUTES), max_size=5),
    events=st.lists(st.tuples(st.sampled_from("abc"), MINUTES, st.integers(1, 3)), max_size=12),
    since=st.integers(0, 3),
)
def test_an_event_is_admitted_when_any_consent_covers_it(
    reused: duckdb.DuckDBPyConnection,
    consents: list[tuple[str, int, int | None]],
    events: list[tuple[str, int, int]],
    since: int,
) -> None:
    """Against a plain loop; overlapping, adjoining and empty periods included."""

    def at(minute: int) -> str:
        return (datetime(2024, 5, 1) + timedelta(minutes=minute)).isoformat()

    for name in ("raw_customers", "raw_events"):
        reused.execute(f"DELETE FROM vault.main.{name}")
    reused.execute("INSERT INTO vault.main.raw_customers (source_table, row_number) VALUES ('consent', 0)")
    for number, (user, start, end) in enumerate(consents, start=1):
        reused.execute(
            "INSERT INTO vault.main.raw_customers (source_table, row_number, user_id, attributes) "
            "VALUES ('consent', ?, ?, json_object('purpose', 'ads', 'from', ?, 'to', ?))",
            [number, user, at(start), None if end is None else at(end)],
        )
    for user, minute, load in events:
        reused.execute(
            "INSERT INTO vault.main.raw_events (event_id, user_id, event_time, load_id) VALUES (uuid(), ?, ?, ?)",
            [user, at(minute), load],
        )
    admit_events(reused, since)
    found = reused.execute("SELECT user_id, event_time, load_id FROM admitted_events").fetchall()
    expected = [
        (user, datetime(2024, 5, 1) + timedelta(minutes=minute), load)
        for user, minute, load in events
        if load > since
        and any(user == who and start <= minute and (end is None or minute < end) for who, start, end in consents)
    ]
    assert sorted(found) == sorted(expected)


def test_events_outside_consent_do_not_leave_the_vault(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    write_panel(
        settings.inbox / "p.csv",
        [
            page("ann", "2024-04-30T23:59:59Z"),
            page("ann", "2024-05-01T00:00:00Z"),
            page("ann", "2024-05-31T23:59:59Z"),
            page("ann", "2024-06-01T00:00:00Z"),
            page("bob", "2024-05-10T00:00:00Z"),
            page("eve", "2024-05-10T00:00:00Z"),
        ],
        HEADER,
    )
    consents = [
        ["ann", "research", "2024-05-01", "2024-06-01"],
        ["bob", "product", "2024-05-01", "soon"],
        ["zoe", "product", "2024-05-01", ""],
    ]
    write_panel(settings.customers / "consent.csv", consents, CONSENT_HEADER)
    result = materialize(*EVENTS)
    assert result.success
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert [str(row[0]) for row in warehouse("SELECT event_time FROM scrubbed_events ORDER BY 1")] == [
        "2024-05-01 00:00:00",
        "2024-05-31 23:59:59",
    ]
    assert warehouse("SELECT DISTINCT user_key::VARCHAR FROM user_days") == [(key_of("ann"),)]
    assert warehouse("SELECT values_removed FROM pii_removed WHERE column_name IN ('ip', 'user_id')") == [(2,), (2,)]
    scrubbed = result.asset_materializations_for_node("scrubbed_events")[0].metadata
    assert scrubbed["page views outside consent"].value == 4
    customers = result.asset_materializations_for_node("raw_customers")[0].metadata
    assert customers["consents that grant nothing"].value == "bad_to 1"
    assert customers["consent"].value == 3


def test_a_consent_given_withdrawn_or_gone_makes_the_tables_anew(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    everything = "SELECT user_key::VARCHAR, count(*) FROM scrubbed_events GROUP BY 1 ORDER BY 1"
    write_panel(
        settings.inbox / "p.csv", [page(u, f"2024-05-0{d}T00:00:00Z") for u in ("ann", "bob") for d in (1, 2)], HEADER
    )
    path = settings.customers / "consent.csv"
    ann, bob = (["ann", "research", "2024-01-01", ""], ["bob", "ads", "2024-01-01", ""])
    by_consent = [
        ([ann, [*bob[:3], "2024-05-02"]], {"ann": 2, "bob": 1}),
        ([], {}),
    ]
    for rows, expected in by_consent:
        write_panel(path, rows, CONSENT_HEADER)
        assert materialize(*SHORT).success
        assert dict(warehouse(everything)) == {key_of(user): n for user, n in expected.items()}
        assert sum(n for _, n in warehouse("SELECT user_key, sum(page_views) FROM user_days GROUP BY 1")) == sum(
            expected.values()
        )
    path.unlink()
    assert materialize(*SHORT).success
    assert dict(warehouse(everything)) == {key_of("ann"): 2, key_of("bob"): 2}


def test_a_broken_consent_table_fails_the_run_and_leaves_the_tables(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    write_panel(settings.inbox / "p.csv", [page("ann", "2024-05-01T00:00:00Z")], HEADER)
    path = settings.customers / "consent.csv"
    write_panel(path, [["ann", "research", "2024-01-01", ""]], CONSENT_HEADER)
    assert materialize(*SHORT).success
    path.write_text("user_id,purpose\nann,research\n")
    write_panel(settings.inbox / "more.csv", [page("ann", "2024-05-02T00:00:00Z")], HEADER)
    result = materialize(*SHORT, raise_on_error=False)
    (failure,) = [event for event in result.all_events if event.is_step_failure]
    assert failure.step_key == "raw_customers"
    assert "Until it can be read nothing leaves the vault" in str(failure.event_specific_data)
    assert warehouse("SELECT count(*) FROM scrubbed_events") == [(1,)]
    assert materialize("scrubbed_events").success  # on its own, past the failure: closed
    assert warehouse("SELECT count(*) FROM scrubbed_events") == [(0,)]


def test_customers_without_a_consent_in_force_stay_in_the_vault(
    settings: Settings, materialize: Materialize, warehouse: Query
) -> None:
    users = ["ann", "bob", "eve"]
    write_panel(settings.inbox / "p.csv", [page(user, "2024-05-10T00:00:00Z") for user in users], HEADER)
    write_panel(
        settings.customers / "transactions.csv", [[u, "2024-05-01", "5"] for u in users], ["user_id", "time", "amount"]
    )
    consents = [
        ["ann", "product", "2024-05-01", "2024-06-01"],
        ["bob", "product", "2024-05-01", "2024-05-10"],  # over at as_of, 10 May
        ["zoe", "product", "2024-05-01", ""],  # no customer
    ]
    write_panel(settings.customers / "consent.csv", consents, CONSENT_HEADER)
    materialize(*SHORT, "customer_features")
    assert warehouse("SELECT user_key::VARCHAR, transactions FROM customer_features") == [(key_of("ann"), 1)]
    (settings.customers / "consent.csv").unlink()
    materialize(*SHORT, "customer_features")
    assert len(warehouse("SELECT * FROM customer_features")) == 3
