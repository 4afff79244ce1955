"""The written sample panel: same bytes for same arguments, and truth that its files bear out.

Counts are taken from the files with pandas here, by rules written down here again.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from browse_assets.sample_panel.truth import write_panel

if TYPE_CHECKING:
    from browse_assets_tests.sample_panel.conftest import Written

PLACE_COLUMN = {"title": "title", "metadata": "metadata.content", "referrer": "referrer"}


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_arguments_same_bytes_through_the_command_line(small_panel: Written, tmp_path: Path) -> None:
    arguments = [
        "--people",
        "30",
        "--days",
        "60",
        "--seed",
        "3",
        "--end",
        "2026-05-15",
        "--out",
        str(tmp_path),
    ]
    subprocess.run(
        [sys.executable, "-m", "browse_assets.sample_panel", *arguments],
        check=True,
        cwd=Path(__file__).parents[2],
        # Another hash seed: no set or hash may decide an order.
        env={**os.environ, "PYTHONHASHSEED": "4242"},
    )
    assert digests(tmp_path) == digests(small_panel.folder)


def test_another_seed_gives_other_people_and_files(small_panel: Written, tmp_path: Path) -> None:
    write_panel(tmp_path, people=30, days=60, seed=4, end=date(2026, 5, 15))
    ours, theirs = digests(small_panel.folder), digests(tmp_path)
    assert ours.keys() == theirs.keys()
    # Every file gets the same number of bad rows of each kind, whatever the seed.
    assert {name for name in ours if ours[name] == theirs[name]} == {"truth/rejected.csv"}


@pytest.mark.parametrize(("people", "days"), [(4, 60), (30, 34)])
def test_too_small_a_panel_is_refused(people: int, days: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 5 people and 35 days"):
        write_panel(tmp_path, people=people, days=days, seed=1, end=date(2026, 5, 15))
    assert list(tmp_path.iterdir()) == []


def test_all_three_formats_are_there(panel: Written) -> None:
    suffixes = {path.name.split(".", 1)[1] for path in (panel.folder / "inbox").iterdir()}
    assert suffixes == {"csv.gz", "jsonl.gz", "parquet"}


def test_counts_of_every_file_are_borne_out(panel: Written) -> None:
    rows = panel.classified()
    truth = panel.truth("files").set_index("file")
    seen: set[tuple[str, str, str]] = set()
    assert sorted(rows["file"].unique()) == sorted(truth.index)
    for name, content in rows.groupby("file", sort=True):
        expected = truth.loc[name]
        lines = content.drop_duplicates("row")
        assert len(lines) == expected["rows"]
        assert (lines["reason"] != "").sum() == expected["rejected_rows"]
        good = content[content["reason"] == ""]
        keys = list(zip(good["userId"], good["timestamp"], good["address"], strict=True))
        new, again = set(keys) - seen, set(keys) & seen
        assert len(new) == expected["page_views"]
        assert len(again) == expected["repeated_page_views"]
        line_keys = list(
            zip(
                *(lines.loc[lines["reason"] == "", c] for c in ("userId", "timestamp", "address")),
                strict=True,
            )
        )
        assert sum(key in again for key in line_keys) == expected["repeated_rows"]
        assert sum(key in new for key in line_keys) - len(new) == expected["folded_rows"]
        assert min(key[1] for key in new) == expected["first_event"]
        assert max(key[1] for key in new) == expected["last_event"]
        seen |= new
    parts = truth[["page_views", "folded_rows", "repeated_rows", "rejected_rows"]].sum(axis=1)
    assert (parts == truth["rows"]).all()
    assert truth["repeated_page_views"].sum() > 0


def test_rejected_rows_have_the_planted_reasons(panel: Written) -> None:
    rows = panel.classified().drop_duplicates(["file", "row"])
    found = rows[rows["reason"] != ""].groupby(["file", "reason"]).size()
    planted = panel.truth("rejected").set_index(["file", "reason"])["rows"]
    assert found.to_dict() == planted.to_dict()
    assert set(planted.index.get_level_values("reason")) == {
        "no_user", "no_time", "bad_time", "time_out_of_range", "no_url", "bad_url", "not_web",
    }  # fmt: skip


def test_some_page_views_have_their_address_only_in_a_tag(shipped_panel: Written) -> None:
    rows = shipped_panel.classified()
    without = rows[(rows["url"] == "") & (rows["reason"] == "")]
    assert 10 <= len(without) <= 100
    assert without["address"].str.startswith("https://").all()


def test_repeated_page_views_are_repeated_exactly(panel: Written) -> None:
    rows = panel.classified()
    good = rows[rows["reason"] == ""]
    columns = ["userId", "ip", "timestamp", "address", "title", "metadata.name", "metadata.content",
               "referrer", "transition", "device"]  # fmt: skip
    page_view = ["userId", "timestamp"]
    twice = good[good.groupby(page_view)["file"].transform("nunique") == 2]
    copies = [set(map(tuple, group[columns].to_numpy())) for _, group in twice.groupby("file")]
    first, second = set().union(*copies[0::2]), set().union(*copies[1::2])
    assert first == second
    assert len(first) > 10


def test_every_planted_value_is_in_the_files(panel: Written) -> None:
    personal = panel.truth("personal_data")
    text = {name: "\n".join(panel.rows[name].unique()) for name in ("url", "title", "metadata.content", "referrer")}
    missing = [
        (row.kind, row.place, row.encoding)
        for row in personal.itertuples()
        if str(row.written) not in text[PLACE_COLUMN.get(str(row.place), "url")]
    ]
    assert missing == []


def test_planted_values_are_in_as_many_page_views_as_said(small_panel: Written) -> None:
    personal = small_panel.truth("personal_data")
    rows = small_panel.classified()
    # Values that stand nowhere by chance and in one manner only: the count must be exact.
    long = personal[personal["kind"].isin(["token", "jwt", "email"]) & (personal["place"] != "metadata")]
    assert len(long) >= 5
    for row in long.itertuples():
        column = rows[PLACE_COLUMN.get(str(row.place), "url")]
        page_views = rows[column.str.contains(str(row.written), regex=False)][["userId", "timestamp"]]
        same = personal[(personal["written"] == row.written)]
        in_column = same[same["place"].map(lambda place: PLACE_COLUMN.get(place, "url")) == column.name]
        assert len(page_views.drop_duplicates()) == in_column["count"].sum()


def test_about_one_page_view_in_a_hundred_holds_personal_data(panel: Written) -> None:
    personal = panel.truth("personal_data")
    planted = personal.loc[personal["place"] != "referrer", "count"].sum()
    share = planted / panel.truth("files")["page_views"].sum()
    assert 0.008 < share < 0.014


def test_personal_data_is_varied_in_the_shipped_panel(shipped_panel: Written) -> None:
    personal = shipped_panel.truth("personal_data")
    assert set(personal["place"]) == {
        "url_query", "url_path", "url_fragment", "url_userinfo", "title", "metadata", "search", "referrer",
    }  # fmt: skip
    assert set(personal["encoding"]) == {"plain", "percent", "base64"}
    assert set(personal["kind"]) == {
        "email", "phone", "card_number", "iban", "ssn", "ip_address", "token", "jwt", "user_name",
        "person_name", "account_id", "password", "coordinates",
    }  # fmt: skip


def test_personal_data_is_from_reserved_ranges(shipped_panel: Written) -> None:
    personal = shipped_panel.truth("personal_data")
    values = {kind: group["value"].unique() for kind, group in personal.groupby("kind")}
    assert all(re.fullmatch(r"[a-z.0-9]+@(?:mail\.)?example\.(?:com|org|net)", v) for v in values["email"])
    reserved = r".*555\D{1,2}01\d\d|\+44 20 7946 0\d{3}|\+49 30 23125 \d{3}"
    assert all(re.fullmatch(reserved, value) for value in values["phone"])
    assert all(luhn_sum(value) % 10 == 0 for value in values["card_number"])
    networks = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")
    assert all(value.startswith(networks) for value in [*values["ip_address"], *shipped_panel.rows["ip"].unique()])


def luhn_sum(value: str) -> int:
    digits = [int(character) for character in reversed(value.replace(" ", ""))]
    return sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])


def test_shipped_panel_is_large_enough_and_small_enough(shipped_panel: Written) -> None:
    rows = shipped_panel.classified()
    good = rows[rows["reason"] == ""]
    assert good["userId"].nunique() >= 300
    assert good["time"].dt.date.nunique() >= 150
    assert sum(path.stat().st_size for path in shipped_panel.folder.rglob("*") if path.is_file()) < 5_000_000


def test_readme_says_that_it_is_synthetic_and_names_every_file(panel: Written) -> None:
    text = (panel.folder / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# Sample panel: SYNTHETIC, no real person")
    assert all(path.name in text for path in (panel.folder / "truth").iterdir())
    assert all(path.stem in text for path in (panel.folder / "customers").iterdir())


def test_shipped_panel_is_what_the_bare_command_makes(shipped_panel: Written) -> None:
    text = (shipped_panel.folder / "README.md").read_text(encoding="utf-8")
    assert "python -m browse_assets.sample_panel --people 320 --days 180 --seed 7 --end 2026-06-30\n" in text
    assert len(shipped_panel.truth("people")) == 320
