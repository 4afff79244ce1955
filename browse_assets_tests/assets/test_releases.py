"""What is told to others: groups of k people or more, for a purpose that they and their source allow."""

import csv
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import pytest

from browse_assets import release
from browse_assets.assets import releases
from browse_assets.assets.releases import (
    FORBIDDEN_PURPOSES,
    ReleaseRefusedError,
    check_combination,
    check_purpose,
    count_audience,
)
from browse_assets.assets.state import State, read_state, write_state
from browse_assets.keys import Keys
from browse_assets.resources import open_databases
from browse_assets.settings import Settings, SettingsError, load_settings
from browse_assets.sql import read_sql
from browse_assets.tables import FORBIDDEN_USES, PURPOSES, TABLES
from browse_assets_tests.assets.test_loading import write_panel
from browse_assets_tests.conftest import SECRET

Open = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
Materialize = Callable[..., Any]

KEYS = Keys(bytes.fromhex(SECRET))
AS_OF = datetime(2026, 6, 30, 12)
SPORTS, TENNIS, RELIGION = "483", "541", "453"


def user(number: int) -> str:
    return f"user{number:03d}"


def key(number: int) -> str:
    return str(KEYS.user_key(user(number)))


def fill(con: duckdb.DuckDBPyConnection, *, source: str = "chrome") -> None:
    """60 people: 40 in segment 0 and 20 in segment 1; interests and finance as said below."""
    interested = {SPORTS: range(5), TENNIS: range(3, 20), RELIGION: range(30)}
    shopping = {"mortgages": range(30), "crypto": range(4), "banking": range(55)}
    con.execute(
        "INSERT INTO scrubbed_events (event_id, user_key, event_time, source) VALUES (uuid(), ?, ?, ?)",
        [key(0), AS_OF, source],
    )
    con.executemany(
        "INSERT INTO user_days (user_key, day, first_time) VALUES (?, '2026-06-01', '2026-06-01')",
        [[key(n)] for n in range(60)],
    )
    con.executemany(
        "INSERT INTO interest_profile (user_key, topic_id, topic, is_interested) VALUES (?, ?, 'topic', TRUE)",
        [[key(n), topic] for topic, people in interested.items() for n in people],
    )
    con.executemany(
        "INSERT INTO interest_segments (user_key, segment_id, segment) VALUES (?, ?, ?)",
        [[key(n), n // 40, f"segment {n // 40}"] for n in range(60)],
    )
    con.executemany(
        "INSERT INTO finance_flags (user_key, finance_product, is_interested) VALUES (?, ?, ?)",
        [[key(n), product, True] for product, people in shopping.items() for n in people]
        + [[key(n), "tax", False] for n in range(20)],
    )
    for name in ("user_days", "interest_profile", "interest_segments", "finance_flags"):
        write_state(con, name, State(1, "hand-made"))


def counts(con: duckdb.DuckDBPyConnection, purpose: str = "research", min_group: int = 11) -> dict[str, int]:
    audience = count_audience(con, KEYS, purpose, AS_OF, min_group)
    return {f"{row[1]} {row[2]}": row[5] for row in audience.rows}


def consent(settings: Settings, rows: list[list[str]]) -> None:
    write_panel(settings.customers / "consent.csv", rows, ["user_id", "purpose", "from", "to"])


def test_small_groups_their_complements_and_sensitive_topics_are_not_released(scratch_warehouse: Open) -> None:
    with scratch_warehouse() as con:
        fill(con)
        assert counts(con) == {
            "everybody everybody": 56,  # 60, rounded down to 11 + 9 * 5
            "segment 0": 36,
            "segment 1": 16,
            # 20 people are interested in sports, 17 of them in tennis: all but 3.
            f"topic {SPORTS}": 16,
            # 4 want crypto; 55 of 60 banking, which is all but 5.
            "finance_product mortgages": 26,
        }
        assert count_audience(con, KEYS, "research", AS_OF, 11).hidden == {
            "topic": 1,
            "segment": 0,
            "finance_product": 2,
        }
        assert set(counts(con, min_group=25)) == {"everybody everybody", "finance_product mortgages"}


def test_only_people_who_consented_to_the_purpose_count(
    scratch_warehouse: Open, settings: Settings, materialize: Materialize
) -> None:
    everyone = [[user(n), "product", "2026-01-01", ""] for n in range(60)]
    some = [[user(n), "research", "2026-01-01", "" if n < 25 else "2026-06-30"] for n in range(60)]
    consent(settings, everyone + some)
    materialize("raw_customers")
    with scratch_warehouse() as con:
        fill(con)
        assert counts(con, "product")["everybody everybody"] == 56
        assert counts(con, "research")["everybody everybody"] == 21  # 25 at as_of
        assert counts(con, "measurement") == {}


def test_ads_know_no_finance_and_no_extension(
    scratch_warehouse: Open, settings: Settings, materialize: Materialize
) -> None:
    with scratch_warehouse() as con:
        fill(con)
    result = materialize("released_audiences")
    assert all(check.passed for check in result.get_asset_check_evaluations())
    with open_databases(settings, warehouse="write") as con:
        rows = con.execute("SELECT purpose, dimension, count(*) FROM released_audiences GROUP BY ALL").fetchall()
        assert {purpose for purpose, _, _ in rows} == {"research", "measurement", "product", "ads"}
        assert {dimension for purpose, dimension, _ in rows if purpose == "ads"} == {"everybody", "topic", "segment"}
        con.execute("UPDATE scrubbed_events SET source = 'csv'")
        write_state(con, "user_days", State(2, "hand-made"))
    (event,) = materialize("released_audiences").asset_materializations_for_node("released_audiences")
    assert "Chrome Web Store" in str(event.metadata["not for ads"].value)
    assert "credit" in str(event.metadata["not for credit_decision"].value)
    with open_databases(settings, warehouse="read") as con:
        assert con.execute("SELECT count(*) FROM released_audiences WHERE purpose = 'ads'").fetchone() == (0,)
        before = con.execute("SELECT rowid, * FROM released_audiences ORDER BY ALL").fetchall()
        state = read_state(con, "released_audiences")
    materialize("released_audiences")
    with open_databases(settings, warehouse="read") as con:
        assert con.execute("SELECT rowid, * FROM released_audiences ORDER BY ALL").fetchall() == before
        assert read_state(con, "released_audiences") == state


def test_release_writes_the_same_files_again_and_refuses_what_is_stale(
    scratch_warehouse: Open, settings: Settings, materialize: Materialize, capsys: pytest.CaptureFixture[str]
) -> None:
    with scratch_warehouse() as con:
        fill(con)
    assert release.main(["research"]) == 2
    assert "is not made yet" in capsys.readouterr().err
    with scratch_warehouse() as con:
        write_state(con, "released_audiences", State(1, "of other tables"))
    assert release.main(["research"]) == 2
    assert "older than the tables" in capsys.readouterr().err
    materialize("released_audiences")
    assert release.main(["research"]) == 0
    (folder,) = (settings.reports / "releases").iterdir()
    assert folder.name == "2026-06-30-research"
    assert sorted(path.name for path in folder.iterdir()) == ["release.json", "released_audiences.csv"]
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert release.main(["research"]) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == files
    rows = list(csv.DictReader(files["released_audiences.csv"].decode().splitlines()))
    assert {(row["dimension"], row["item"], row["people"]) for row in rows} == {
        ("everybody", "everybody", "56"),
        ("topic", "Sports", "16"),
        ("segment", "segment 0", "36"),
        ("segment", "segment 1", "16"),
        ("finance_product", "mortgages", "26"),
    }
    assert {row["as_of"] for row in rows} == {"2026-06-30T00:00:00"}  # not the moment of the newest page view
    note = json.loads(files["release.json"])
    assert (note["purpose"], note["as_of"], note["min_group"], note["people"]) == (
        "research",
        "2026-06-30",
        11,
        56,
    )
    assert note["groups_suppressed"] == {"topic": 1, "segment": 0, "finance_product": 2}
    assert release.main(["ads"]) == 0
    capsys.readouterr()
    # Consent withdrawn on disk counts before the next run has read it.
    consent(settings, [[user(0), "research", "2026-01-01", ""]])
    assert release.main(["research"]) == 2
    assert "consent has changed" in capsys.readouterr().err
    (settings.customers / "consent.csv").write_text("nonsense")
    assert release.main(["research"]) == 2
    assert "consent has changed" in capsys.readouterr().err


def test_a_run_that_failed_is_not_taken_for_lack_of_consent(
    scratch_warehouse: Open, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with scratch_warehouse() as con:
        fill(con)
        con.execute("DELETE FROM user_days")
    assert release.main(["research"]) == 2
    said = capsys.readouterr().err
    assert "make run first" in said
    assert "consented" not in said
    assert not settings.reports.exists()


def test_release_refuses_ads_for_data_of_an_extension(
    scratch_warehouse: Open, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with scratch_warehouse() as con:
        fill(con, source="parquet")
    assert release.main(["ads"]) == 2
    said = capsys.readouterr().err
    assert "came from a browser extension" in said
    assert "Limited Use" in said
    assert "personalised advertising" in said
    assert not settings.reports.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["credit_decision"], "creditworthiness"),
        (["credit_decision", "--table", "released_audiences"], "creditworthiness"),
        (["profit"], "the known ones are research, measurement, product, ads"),
        ([], "the known ones are research, measurement, product, ads"),
        (["accountability"], "unknown purpose"),
        (["ads", "--table", "finance_flags"], "finance_flags may serve research, measurement, product, not ads"),
        (["research", "--table", "churn_scores"], "churn_scores may serve product, not research"),
        (["research", "--table", "interest_profile"], "counts of groups only"),
        (["research", "--table", "everything"], "unknown table"),
        (["research"], "make run first"),
    ],
)
def test_refusals_say_why(
    settings: Settings, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert release.main(arguments) == 2
    assert said in capsys.readouterr().err
    assert not settings.reports.exists()


@pytest.mark.parametrize(
    "trait",
    [
        ("age_band", "25-34", "25 to 34"),
        ("attribute", "gender", "female"),
        ("attribute", "life_stage", "parent of young children"),
        ("family_status", "married", "married"),
        ("region", "postcode 10115", "10115"),
        ("zip", "94110", "94110"),
    ],
)
def test_finance_is_never_told_with_age_gender_family_or_postcode(trait: tuple[str, str, str]) -> None:
    finance, topic = ("finance_product", "mortgages", "mortgages"), ("topic", "1", "Family and Parenting")
    check_combination([finance, topic])
    check_combination([trait, topic])
    with pytest.raises(ReleaseRefusedError, match="never told together with"):
        check_combination([topic, trait, finance])


def test_payday_loans_are_never_told(scratch_warehouse: Open) -> None:
    with pytest.raises(ReleaseRefusedError, match="never told"):
        check_combination([("finance_product", "payday_loans", "payday loans")])
    with scratch_warehouse() as con:
        fill(con)
        con.execute("UPDATE finance_flags SET finance_product = 'payday_loans' WHERE finance_product = 'mortgages'")
        assert not [name for name in counts(con) if "payday" in name]


def test_a_release_with_finance_and_a_trait_is_refused(
    scratch_warehouse: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Should somebody add such a dimension to releases, they stop: in the asset and in `make release`."""
    select = releases.read_sql("audience_groups").rstrip().rstrip(";")
    with_ages = f"FROM ({select}) UNION ALL SELECT 'age_band', '25-34', '25-34', NULL, 30"
    monkeypatch.setattr(releases, "read_sql", lambda name: with_ages if name == "audience_groups" else read_sql(name))
    monkeypatch.setitem(releases.DIMENSIONS, "age_band", "user_days")
    with scratch_warehouse() as con:
        fill(con)
        with pytest.raises(ReleaseRefusedError, match="age_band"):
            count_audience(con, KEYS, "research", AS_OF, 11)


def test_no_purpose_of_credit_can_be_declared() -> None:
    assert not set(FORBIDDEN_PURPOSES) & set(PURPOSES)
    assert "credit" in FORBIDDEN_USES["finance_flags"]
    with pytest.raises(ValueError, match="no such purpose: credit_decision"):
        replace(TABLES["finance_flags"], purposes=("research", "credit_decision"))


@pytest.mark.parametrize("table", TABLES)
def test_no_table_serves_credit_decisions(table: str) -> None:
    assert set(FORBIDDEN_PURPOSES) == {"credit_decision"}
    with pytest.raises(ReleaseRefusedError, match="lending"):
        check_purpose("credit_decision", table)


@pytest.mark.parametrize("value", ["10", "0", "-11", "eleven", "11.5"])
def test_k_can_only_be_raised(settings: Settings, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    assert settings.min_group == 11
    monkeypatch.setenv("BROWSE_MIN_GROUP", "12")
    assert load_settings().min_group == 12
    monkeypatch.setenv("BROWSE_MIN_GROUP", value)
    with pytest.raises(SettingsError, match="BROWSE_MIN_GROUP is not a whole number from 11"):
        load_settings()
