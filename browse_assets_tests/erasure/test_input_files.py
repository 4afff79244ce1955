"""Rows taken out of files of each format, the others byte for byte."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.erasure import input_files
from browse_assets.erasure.input_files import UneditableFileError, edit_customers, edit_inbox, refuse_uneditable
from browse_assets.erasure.wanted_people import WantedPeople
from browse_assets.settings import Settings

ANN = "ann.lee-4411@example.com"
PEOPLE = WantedPeople([ANN], [])
HEAD = "userId,timestamp,url\r\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(tmp_path / "data", "", tmp_path / "artifacts")
    made.inbox.mkdir(parents=True)
    made.customers.mkdir()
    return made


def edited(settings: Settings, content: bytes, name: str = "p.csv", people: WantedPeople = PEOPLE) -> bytes | None:
    path = settings.inbox / name
    path.write_bytes(content)
    edit_inbox(settings, people)
    assert [left.name for left in settings.inbox.iterdir() if left.suffix == ".part"] == []
    return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize(
    ("content", "left"),
    [
        (HEAD + f"{ANN},2024,u\r\nbob,2024,u\r\n", HEAD + "bob,2024,u\r\n"),
        (HEAD + f'"{ANN}",2024,"a\nb"\r\nbob,2024,"c\nd"', HEAD + 'bob,2024,"c\nd"'),
        (HEAD + f" {ANN} ,2024,u\r\nbob,2024,u\r\n", HEAD + "bob,2024,u\r\n"),
        (HEAD + f"{ANN},cut\r\nbob,cut\r\n", HEAD + "bob,cut\r\n"),
        (HEAD + f"bob,2024,https://x.com/?m={ANN}&n=1\r\n", HEAD + "bob,2024,https://x.com/?m={erased}&n=1\r\n"),
        (HEAD + f"bob,2024,a%20{ANN.replace('@', '%40')}\r\n", HEAD + "bob,2024,a%20{erased}\r\n"),
        # Ids that hold hers, and hers in other case as the id of somebody else's row.
        (HEAD + f"jo.{ANN},2024,u\r\n{ANN}.au,2024,u\r\n", HEAD + f"jo.{ANN},2024,u\r\n{ANN}.au,2024,u\r\n"),
        (HEAD.replace(",", ";") + f"{ANN};2024;u\r\nbob;2024;u\r\n", HEAD.replace(",", ";") + "bob;2024;u\r\n"),
        # A quote that never closes must not take the rows after it along.
        (HEAD + f'{ANN},2024,"u\r\nbob,2024,u\r\nbob,2025,u\r\n', HEAD + "bob,2024,u\r\nbob,2025,u\r\n"),
        (HEAD + f"{ANN},2024,u\r\n", None),
    ],
)
def test_rows_of_csv(settings: Settings, content: str, left: str | None) -> None:
    assert edited(settings, content.encode()) == (None if left is None else left.encode())


@pytest.mark.parametrize("user_id", ["ann", "4711"])
def test_common_ids_go_by_their_column_alone(settings: Settings, user_id: str) -> None:
    people = WantedPeople([user_id], [])
    rows = HEAD + f"{user_id},2024,u\r\nbob,2024,https://x.com/{user_id}\r\n"
    assert edited(settings, rows.encode(), people=people) == (HEAD + f"bob,2024,https://x.com/{user_id}\r\n").encode()


def test_packed_marked_and_json_files(settings: Settings) -> None:
    line = '{{"uid": "{}", "ts": 1714557600, "url": "https://x.com/"}}\n'
    both, bob = line.format(ANN) + line.format("bob"), line.format("bob")
    (settings.inbox / "a.jsonl.gz").write_bytes(gzip.compress(both.encode()))
    (settings.inbox / "b.jsonl.zst").write_bytes(pa.compress(both.encode(), "zstd", asbytes=True))
    (settings.inbox / "c.json").write_text(json.dumps([json.loads(text) for text in both.splitlines()], indent=1))
    (settings.inbox / "d.csv").write_bytes((HEAD + f"{ANN},2024,u\r\nbob,2024,u\r\n").encode("utf-16"))
    (settings.inbox / "e.jsonl").write_text(
        json.dumps({"uid": ANN, "ts": 1, "url": "u"}).replace("@", "\\u0040") + "\n" + bob
    )
    edit_inbox(settings, PEOPLE)
    assert gzip.decompress((settings.inbox / "a.jsonl.gz").read_bytes()) == bob.encode()
    with pa.input_stream(str(settings.inbox / "b.jsonl.zst"), compression="zstd") as file:
        assert file.read() == bob.encode()
    assert [row["uid"] for row in json.loads((settings.inbox / "c.json").read_text())] == ["bob"]
    assert (settings.inbox / "d.csv").read_bytes().decode("utf-16") == HEAD + "bob,2024,u\r\n"
    assert (settings.inbox / "e.jsonl").read_text() == bob


@given(st.lists(st.sampled_from(["ann", "bob"]), min_size=1, max_size=6))
def test_a_list_in_json_stays_one(who: list[str]) -> None:
    text = "[ " + " ,\n".join(json.dumps({"uid": name, "n": n}) for n, name in enumerate(who)) + "\n]\n"
    kept = b"".join(
        after for _, after in input_files._array_records(text.encode(), WantedPeople(["ann"], [])) if after is not None
    )
    assert json.loads(kept) == [{"uid": name, "n": n} for n, name in enumerate(who) if name != "ann"]


def test_names_of_files_and_hidden_files_of_a_folder(settings: Settings) -> None:
    folder = settings.inbox / ANN
    folder.mkdir()
    (folder / ".DS_Store").write_bytes(b"left by a program")
    (folder / "broken").write_bytes(b"\x00\x01 not known")
    edited(settings, (HEAD + "bob,2024,u\r\n").encode(), name=f"export {ANN}.csv")
    assert [path.name for path in settings.inbox.iterdir()] == ["export erased.csv"]


def test_customer_tables_keep_their_header(settings: Settings) -> None:
    path = settings.customers / "customers.csv"
    path.write_text(f"customer;plan\n{ANN};basic\n")
    assert edit_customers(settings, PEOPLE) == 1
    assert path.read_text() == "customer;plan\n"
    assert edit_customers(settings, PEOPLE) == 0


def test_others_files_that_hold_the_id_are_refused(settings: Settings) -> None:
    (settings.inbox / "bob").mkdir()
    (settings.inbox / "bob" / "archive.bin").write_bytes(b"\x00\x01" + ANN.encode())
    with pytest.raises(UneditableFileError, match="1 files of the inbox hold the id") as caught:
        refuse_uneditable(settings, PEOPLE)
    assert ANN not in str(caught.value)
    refuse_uneditable(settings, WantedPeople(["nobody-9911"], []))
