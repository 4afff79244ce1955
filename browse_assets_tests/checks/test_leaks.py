"""Every text of every table is searched for personal data, and for the panel's own ids."""

import pytest

from browse_assets.leak_checks import searched_tables, text_columns
from browse_assets.tables import Table, tables_of
from browse_assets_tests.checks.cases import ANN, BOB, FILE_EVENT, SECRET_TEXT, Case, event, file
from browse_assets_tests.checks.hand_made import (
    BY_NAME,
    LEAK_TABLES,
    Connection,
    assert_shows,
    fill,
    filled,
    run,
    sample_of,
    shown_rows,
)

# Ids that can be nothing else are found in everybody's texts, others in their owner's alone.
IDS = [
    ("panelist-00017", 1, ANN, True),
    ("panelist-00017", 1, BOB, True),
    ("maria", 1, ANN, True),
    ("maria", 1, BOB, False),
    ("mari", 1, ANN, False),
    ("panelist-00018", 0, ANN, False),
]


@pytest.mark.parametrize("table", LEAK_TABLES, ids=lambda table: table.name)
def test_every_text_of_every_table_is_searched(table: Table, con: Connection) -> None:
    """One row passes; then each column in turn holds what it should not."""
    name = f"{table.name}_no_personal_data"
    assert BY_NAME[name].check_specs_by_output_name
    rest = {c.name: sample_of(c.type).strip("'") for c in table.columns if c.name in table.key}
    clean = {column.name: filled(column.type, "News of 2024-05-01") for column in text_columns(table)}
    fill(con, {table.name: [rest | clean]})
    assert run(name).passed
    for column in text_columns(table):
        con.execute(f"DELETE FROM {table.name}")
        fill(con, {table.name: [rest | clean | {column.name: filled(column.type, f"of {SECRET_TEXT}")}]})
        assert_shows(run(name), Case({}, 1, {"part": column.name, "kind": "email"}))


def test_tables_without_a_check_hold_no_text() -> None:
    silent = {table.name for table in tables_of("warehouse")} - {table.name for table in searched_tables()}
    assert silent == {"user_days", "purges"}


@pytest.mark.parametrize(("user_id", "has_events", "reader", "is_found"), IDS)
def test_ids_of_the_panel_are_found(
    user_id: str, has_events: int, reader: str, is_found: bool, con: Connection
) -> None:
    raw = {"event_id": event(1)["event_id"], "user_id": user_id, "source": "csv"}
    events = [event(1), event(2, user_key=reader, title=f"Inbox of {user_id.upper()}, page 1 of 20")]
    fill(con, {"vault.main.raw_events": [raw] * has_events, "scrubbed_events": events})
    result = run("no_personal_data")
    assert result.passed is not is_found
    if is_found:
        assert shown_rows(result) == [{"event_id": event(2)["event_id"], "part": "title", "kind": "user_id"}]


def test_ids_of_customers_are_found_and_the_owner_of_a_history_is_not(con: Connection) -> None:
    ids = {"user_id": "customer-4711", "source_table": "customers"}
    fill(con, {"vault.main.raw_customers": [ids], "products": [{"product_id": "a", "name": "for CUSTOMER-4711"}]})
    assert not run("products_no_personal_data").passed
    fill(con, {"vault.main.raw_events": [{"user_id": "f" * 64, "source": "csv"}]})
    fill(con, {"vault.main.raw_events": [{"user_id": "my-chrome-2024", "source": "chrome"}]})
    fill(con, {"input_files": [file(reason="my-chrome-2024")]})
    assert run("input_files_no_personal_data").passed


def test_ids_that_are_hashes_are_found(con: Connection) -> None:
    """Panels that hash an e-mail address make ids of 64 digits, as files have; what hashes files is not searched."""
    hashed = "0a" * 32
    raw = FILE_EVENT | {"user_id": hashed, "source": "csv"}
    fill(
        con, {"vault.main.raw_events": [raw], "scrubbed_events": [event(1, title=f"Profile {hashed}", file_id=hashed)]}
    )
    (found,) = shown_rows(run("no_personal_data"))
    assert found["part"] == "title"
    assert "user_id" in found["kind"]


def test_digits_in_the_hash_of_a_file_are_no_card(con: Connection) -> None:
    """One of ten thousand hashes holds some that look like one; a file without a hash is looked at as before."""
    like_a_card = "4111111111111111"
    fill(con, {"input_files": [file(file_id=like_a_card.rjust(64, "a"))]})
    assert run("input_files_no_personal_data").passed
    fill(con, {"input_files": [file(file_id=like_a_card)]})
    assert_shows(run("input_files_no_personal_data"), Case({}, 1, {"part": "file_id", "kind": "card"}))


def test_the_owner_of_a_history_may_stand_in_the_customer_list(con: Connection) -> None:
    """The scrubbing leaves a folder's name where it is a word: a check of it would fail every run."""
    fill(
        con,
        {
            "vault.main.raw_events": [{"event_id": event(1)["event_id"], "user_id": "wilhelmine", "source": "chrome"}],
            "vault.main.raw_customers": [{"user_id": "wilhelmine", "source_table": "customers"}],
            "scrubbed_events": [event(1, search_terms="wilhelmine street")],
        },
    )
    assert run("no_personal_data").passed
