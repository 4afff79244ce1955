"""Old events purged: out of the vault and the warehouse, not out of the rollups, and they stay away."""

from datetime import datetime
from typing import Any

import dagster as dg
import pytest

from browse_assets.assets import events, state
from browse_assets.key_rotation import rotate
from browse_assets.keys import keys_from, load_keys
from browse_assets.removal import purge_old_events, purge_old_events_daily
from browse_assets.resources import Databases, open_databases
from browse_assets.retention import horizon_of
from browse_assets.settings import Settings, load_settings
from browse_assets_tests.assets.test_loading import view, write_panel
from browse_assets_tests.erasure.test_erase_user import failed_checks, rows
from browse_assets_tests.in_process import materialize_assets

CHAIN = (
    "raw_events",
    "input_files",
    "rejected_events",
    "scrubbed_events",
    "pii_removed",
    "domain_features",
    "user_days",
)
DAYS = "SELECT day, sum(page_views) FROM user_days GROUP BY ALL ORDER BY 1"


def make(*names: str) -> dg.ExecuteInProcessResult:
    return materialize_assets(*(names or CHAIN))


def run_purge() -> dict[str, Any]:
    result = purge_old_events.execute_in_process(resources={"databases": Databases()})
    (event,) = [event for event in result.all_node_events if event.is_successful_output]
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def test_the_horizon_is_a_midnight() -> None:
    assert horizon_of(datetime(2024, 5, 10, 13, 30), 7) == datetime(2024, 5, 3)
    assert horizon_of(datetime(2024, 5, 10), 1) == datetime(2024, 5, 9)


@pytest.fixture
def panel(settings: Settings) -> Settings:
    """ann on 1 to 10 May, bob on 1 May alone: nothing is left of him but rollups."""
    pages = [view("ann", f"2024-05-{day:02}T10:00:00Z", f"https://espn.com/{day}") for day in range(1, 11)]
    pages += [view("bob", f"2024-05-01T10:0{minute}:00Z", f"https://bbc.co.uk/{minute}") for minute in range(3)]
    write_panel(settings.inbox / "p.csv", pages)
    return settings


def test_old_events_go_and_rollups_stay(panel: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not failed_checks(make())
    assert run_purge() == {}  # not set: nothing is removed
    before = rows(DAYS)
    monkeypatch.setenv("BROWSE_RETENTION_DAYS", "7")
    done = run_purge()
    assert done == {
        "horizon": "2024-05-03 00:00:00",
        "raw_events": 5,
        "scrubbed_events": 5,
        "raw_rejected (text only)": 0,
    }
    for table in ("vault.raw_events", "scrubbed_events"):
        assert rows(f"SELECT count(*), min(event_time) FROM {table}") == [(8, datetime(2024, 5, 3, 10))]
    assert rows(DAYS) == before
    assert rows("SELECT accepted, expired FROM input_files") == [(13, 5)]
    assert rows("SELECT page_views, retention_days FROM purges") == [(5, 7)]

    # Nothing comes back: neither from the same file nor from a new one with an old row and a new one.
    late = [
        view("ann", "2024-05-02T11:00:00Z", "https://espn.com/x"),
        view("ann", "2024-05-10T11:00:00Z", "https://espn.com/y"),
    ]
    write_panel(panel.inbox / "late.csv", late)
    assert not failed_checks(make())
    assert rows("SELECT reason, row FROM vault.raw_rejected") == [("expired", None)]
    assert rows(DAYS)[:-1] == before[:-1]
    assert rows(DAYS)[-1][1] == before[-1][1] + 1

    # Other rules: everything is made anew from the vault, but what the vault no longer has.
    after = rows(DAYS)
    with monkeypatch.context() as patch:
        patch.setattr(state, "rules_version", lambda: "another version")
        patch.setattr(events, "fingerprint", lambda *parts: repr(parts))
        assert not failed_checks(make("scrubbed_events", "domain_features", "user_days"))
    assert rows(DAYS) == after

    # Keys change for people of whom only rollups are left, too; who comes back is the same person.
    rotate_to = "cd" * 32
    monkeypatch.setenv("BROWSE_NEW_SECRET_KEY", rotate_to)
    rotate(load_settings())
    monkeypatch.setenv("BROWSE_SECRET_KEY", rotate_to)
    new = keys_from(rotate_to, "")
    assert rows("SELECT DISTINCT user_key FROM user_days ORDER BY 1") == [
        (key,) for key in sorted((new.user_key("ann"), new.user_key("bob")))
    ]


def test_what_is_known_of_a_page_goes_with_its_last_view(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    cards, loans = "https://www.nerdwallet.com/best/credit-cards", "https://www.nerdwallet.com/best/loans/auto-loans"
    pages = [view("ann", f"2024-05-{day}T10:00:00Z", cards) for day in ("01", "10")]
    write_panel(settings.inbox / "p.csv", [*pages, view("bob", "2024-05-01T10:00:00Z", loans)])
    make("raw_events", "input_files", "scrubbed_events", "page_finance")
    products = "SELECT finance_product FROM page_finance ORDER BY 1"
    assert rows(products) == [("auto_loans",), ("credit_cards",)]
    monkeypatch.setenv("BROWSE_RETENTION_DAYS", "7")
    run_purge()
    assert rows(products) == [("credit_cards",)]


def test_a_second_purge_moves_the_horizon_and_removes_only_what_is_newly_old(
    panel: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("raw_events", "input_files", "scrubbed_events")
    monkeypatch.setenv("BROWSE_RETENTION_DAYS", "7")
    run_purge()
    modified = panel.vault_path.stat().st_mtime_ns
    assert run_purge()["raw_events"] == 0
    assert panel.vault_path.stat().st_mtime_ns == modified
    monkeypatch.setenv("BROWSE_RETENTION_DAYS", "3")
    assert run_purge()["raw_events"] == 4
    assert rows("SELECT horizon, page_views FROM purges ORDER BY 1") == [
        (datetime(2024, 5, 3), 5),
        (datetime(2024, 5, 7), 4),
    ]
    assert rows("SELECT expired FROM input_files") == [(9,)]


def test_the_sample_takes_its_purges_with_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else rows of real people older than the sample's horizon would be refused."""
    write_panel(settings.inbox / "p.csv", [view("ann", "2024-05-01T10:00:00Z", "https://espn.com/1")])
    make("raw_events", "scrubbed_events", "user_days")
    with open_databases(settings, vault="write", warehouse="write", keys=load_keys(settings)) as con:
        con.execute("UPDATE vault.main.raw_files SET origin = 'sample'")
        con.execute("INSERT INTO vault.main.raw_horizon VALUES ('2026-01-01')")
        con.execute("INSERT INTO purges (horizon) VALUES ('2026-01-01')")
    write_panel(settings.inbox / "q.csv", [view("bob", "2024-05-02T10:00:00Z", "https://espn.com/2")])
    (settings.inbox / "p.csv").unlink()
    assert not failed_checks(make())
    assert rows("SELECT count(*) FROM scrubbed_events") == [(1,)]
    assert rows("SELECT count(*) FROM purges") == [(0,)]


def test_the_schedule_skips_until_it_is_configured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    del settings
    monkeypatch.delenv("BROWSE_RETENTION_DAYS", raising=False)
    context = dg.build_schedule_context()
    assert isinstance(purge_old_events_daily(context), dg.SkipReason)
    monkeypatch.setenv("BROWSE_RETENTION_DAYS", "90")
    assert isinstance(purge_old_events_daily(context), dg.RunRequest)
