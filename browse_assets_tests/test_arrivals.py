"""What rests and what is new: each set that comes to rest is handled once, and nothing that moves."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from browse_assets.arrivals import (
    PATIENCE_SECONDS,
    REST_SECONDS,
    Look,
    UnreadableFolderError,
    changed_tables,
    customer_tables,
    handled_now,
    look_again,
    read_folder,
    resting,
    state_of,
)
from browse_assets.readers.inbox import InboxFile

NOW = 1_800_000_000.0


def file(relative: str, *, age: float = 60.0, size: int = 1) -> InboxFile:
    return InboxFile(Path("/inbox") / relative, relative, None, size, int((NOW - age) * 1e9))


FILES = st.lists(
    st.builds(
        file, st.sampled_from(["a.csv", "b/History", "c.json"]), age=st.floats(-100, 100), size=st.integers(0, 3)
    ),
    max_size=4,
)


@pytest.mark.parametrize(
    ("age", "rests"), [(0.0, False), (REST_SECONDS - 0.1, False), (REST_SECONDS, True), (1e6, True), (-30.0, True)]
)
def test_a_file_rests_when_nobody_has_written_to_it_for_a_while(age: float, rests: bool) -> None:
    """One dated in the future rests by not changing between two looks."""
    assert bool(resting([file("a.csv", age=age)], NOW)) is rests


@given(FILES)
def test_the_state_is_of_the_set_whatever_its_order(files: list[InboxFile]) -> None:
    assert state_of(files) == state_of(files[::-1]) or len({f.relative for f in files}) < len(files)


@given(FILES, FILES)
def test_other_files_are_another_state(one: list[InboxFile], two: list[InboxFile]) -> None:
    def facts(files: list[InboxFile]) -> list[tuple[str, int, int]]:
        return sorted((f.relative, f.size_bytes, f.modified_ns) for f in files)

    if facts(one) != facts(two):
        assert state_of(sorted(one, key=str)) != state_of(sorted(two, key=str))


@given(st.lists(st.sampled_from(["", "A", "B", "C"]), max_size=30))
def test_a_set_that_rests_is_handled_once_and_none_that_moves(digests: list[str]) -> None:
    """Every 15 s a look; handling always succeeds."""
    look, handled = Look(), ""
    previous = None
    for tick, digest in enumerate(digests):
        now = NOW + 15 * tick
        look, is_due = look_again(Look.parse(look.dump()), digest, now)
        if is_due:
            assert digest != handled
            assert digest == previous or tick >= PATIENCE_SECONDS / 15
            look, handled = handled_now(digest), digest
        elif digest == previous:
            assert digest == handled
        previous = digest
        assert look.handled == handled


def test_a_folder_that_never_rests_is_read_every_five_minutes() -> None:
    look, due = Look(), []
    for tick in range(45):
        look, is_due = look_again(look, f"set {tick}", NOW + 15 * tick)
        if is_due:
            due.append(tick)
            look = handled_now(f"set {tick}")
    assert due == [20, 41]


def test_what_could_not_be_handled_is_due_again() -> None:
    first, _ = look_again(Look(), "A", NOW)
    second, is_due = look_again(first, "A", NOW + 15)
    third, is_still_due = look_again(second, "A", NOW + 30)
    assert (is_due, is_still_due) == (True, True)
    assert third.handled == ""


@pytest.mark.parametrize("text", [None, "", "{", "[]", "7", '{"since": "yesterday"}', '{"since": null}'])
def test_a_cursor_that_is_none_is_no_look(text: str | None) -> None:
    assert Look.parse(text) == Look()


def test_a_cursor_holds_hashes_only() -> None:
    assert set(Look.parse('{"handled": "x", "path": "ann/History"}').__dict__) == {"handled", "seen", "since"}


def test_a_folder_that_cannot_be_read_is_not_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_folder(tmp_path, "inbox") == []
    with pytest.raises(UnreadableFolderError, match=r"data/inbox cannot be read \(FileNotFoundError\)"):
        read_folder(tmp_path / "gone", "inbox")

    def refuse(_: Path) -> list[InboxFile]:
        raise PermissionError(13, "Permission denied", "/inbox/ann smith")

    monkeypatch.setattr("browse_assets.arrivals.list_inbox", refuse)
    with pytest.raises(UnreadableFolderError) as raised:
        read_folder(tmp_path, "inbox")
    assert "PermissionError" in str(raised.value)
    assert "smith" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_customer_tables_are_those_of_the_folder_itself(tmp_path: Path) -> None:
    names = [
        "customers.csv",
        "consent_new.xlsx",
        "Consent.csv",
        "notes.txt",
        "transactions.parquet",
        "old/customers.csv",
    ]
    assert [f.relative for f in customer_tables(map(file, names))] == [
        "customers.csv",
        "consent_new.xlsx",
        "Consent.csv",
        "transactions.parquet",
    ]
    for name in ("customers.csv", "consent.csv"):
        (tmp_path / name).write_text(name)
    files = customer_tables(read_folder(tmp_path, "customers"))
    known = {"customers": "8c0d5f7b", "transactions": "1"}
    assert changed_tables(files, known) == ["consent", "customers"]
    import hashlib

    known = {name: hashlib.sha256(f"{name}.csv".encode()).hexdigest() for name in ("customers", "consent")}
    assert changed_tables(files, known) == []
    (tmp_path / "consent.csv").unlink()
    with pytest.raises(UnreadableFolderError, match="consent cannot be read"):
        changed_tables(files, known)
