"""Checks look at what is new, and find all that a look at everything would."""

import pytest

from browse_assets.analysis.leaks import PanelIds
from browse_assets.assets.panel_ids import nothing_alike_until
from browse_assets.keys import load_keys
from browse_assets_tests.checks.cases import ANN, FILE_EVENT, SECRET_TEXT, event
from browse_assets_tests.checks.hand_made import Connection, HandMade, fill, run, shown_rows


def test_a_search_of_new_rows_leaves_out_what_it_has_seen_until_nothing_is_new(con: Connection) -> None:
    """And looks for the ids of people who came later in all rows."""
    state = "INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', ?, 'f')"
    fill(con, {"scrubbed_events": [event(1, load_id=1)]})
    con.execute(state, [1])
    assert run("no_personal_data").passed
    con.execute("UPDATE scrubbed_events SET title = ?", [SECRET_TEXT])
    fill(con, {"scrubbed_events": [event(2, load_id=2, search_terms=f"to {SECRET_TEXT}")]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert [row["event_id"] for row in shown_rows(run("no_personal_data"))] == [event(2)["event_id"]]
    con.execute("UPDATE scrubbed_events SET search_terms = NULL")
    assert run("no_personal_data").passed
    assert [row["event_id"] for row in shown_rows(run("no_personal_data"))] == [event(1)["event_id"]]

    con.execute("UPDATE scrubbed_events SET title = 'Hello pan-0001-abc12'")
    assert run("no_personal_data").passed
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": "pan-0001-abc12", "source": "csv"}]})
    con.execute("UPDATE asset_state SET load_id = 3 WHERE asset = 'scrubbed_events'")
    assert {row["kind"] for row in shown_rows(run("no_personal_data"))} == {"user_id"}


@pytest.mark.parametrize(
    ("title", "newcomer", "is_known"),
    [
        ("News of 2024", "pan-0002-xee69", True),
        ("News of 2024", "customer-4711", False),  # another beginning: never searched for
        ("Hello pan-0002-xee69", "pan-0002-xee69", False),
    ],
)
def test_ids_that_begin_as_others_are_not_searched_for_where_nothing_looked_like_them(
    title: str, newcomer: str, is_known: bool, con: Connection
) -> None:
    """Noted at load 1; asked at load 2, with somebody who came with it."""
    fill(con, {"scrubbed_events": [event(1, load_id=1, title=title)]})
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": "pan-0001-abc12", "source": "csv"}]})
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    assert run("no_personal_data").passed
    ids, keys = PanelIds(["pan-0001-abc12", newcomer]), load_keys(HandMade().settings)
    assert nothing_alike_until(con, keys, ids) == (1 if is_known else 0)
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": newcomer, "source": "csv"}]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert run("no_personal_data").passed is (newcomer not in title)
    # What load 2 brought was looked at too.
    assert nothing_alike_until(con, keys, ids) == (0 if newcomer in title else 2)


def test_what_was_noted_of_other_texts_is_forgotten(con: Connection) -> None:
    """A new consent brings page views of old loads."""
    fill(con, {"scrubbed_events": [event(1, load_id=1)]})
    fill(con, {"vault.main.raw_events": [FILE_EVENT | {"user_id": "pan-0001-abc12", "source": "csv"}]})
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    assert run("no_personal_data").passed
    ids, keys = PanelIds(["pan-0001-abc12"]), load_keys(HandMade().settings)
    assert nothing_alike_until(con, keys, ids) == 1
    con.execute("UPDATE asset_state SET fingerprint = 'g' WHERE asset = 'scrubbed_events'")
    assert nothing_alike_until(con, keys, ids) == 0
    assert run("no_personal_data").passed
    assert nothing_alike_until(con, keys, ids) == 1
    con.execute("UPDATE scrubbed_events SET title = 'Hello pan-0002-xee69'")
    assert run("no_personal_data").passed
    assert nothing_alike_until(con, keys, ids) == 0


@pytest.mark.parametrize("name", ["scrubbed_events", "domain_features"])
def test_a_contract_looks_for_doubles_of_new_rows_until_nothing_is_new(name: str, con: Connection) -> None:
    old, new = (
        {
            "scrubbed_events": event(day, load_id=day, event_time=f"2024-05-0{day} 10:00:00"),
            "domain_features": {"user_key": ANN, "domain": "example.com", "day": f"2024-05-0{day}"},
        }[name]
        for day in (1, 2)
    )
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    fill(con, {name: [old]})
    assert run(f"{name}_contract").passed
    fill(con, {name: [old, new, new]})
    fill(con, {"scrubbed_events": [event(9, load_id=2, event_time="2024-05-02 10:09:00")]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert shown_rows(run(f"{name}_contract"))[0]["n"] == "1"
    con.execute(f"DELETE FROM {name} WHERE rowid = 3")
    assert run(f"{name}_contract").passed
    assert shown_rows(run(f"{name}_contract"))[0]["n"] == "1"  # nothing new: all of them, so the first one


def test_sessions_are_judged_by_their_new_events(con: Connection) -> None:
    broken = [event(1, session_id=ANN, load_id=1), event(31, session_id=ANN, event_time="2024-05-01 10:31:01")]
    con.execute("INSERT INTO asset_state (asset, load_id, fingerprint) VALUES ('scrubbed_events', 1, 'f')")
    fill(con, {"scrubbed_events": [broken[0]]})
    assert run("sessions_by_definition").passed
    fill(con, {"scrubbed_events": [broken[1] | {"load_id": 2}]})
    con.execute("UPDATE asset_state SET load_id = 2 WHERE asset = 'scrubbed_events'")
    assert not run("sessions_by_definition").passed
    con.execute("UPDATE scrubbed_events SET load_id = 1")
    assert run("sessions_by_definition").passed
    assert not run("sessions_by_definition").passed  # nothing new: all of them again
