"""Panel CSV: broken rows, quotes, and neighbours that differ in a meta tag alone."""

import csv
import io
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from browse_assets.readers.staging import stage

_CONTROL = "".join(map(chr, [*range(9), *range(14, 32), 127]))
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=_CONTROL), max_size=12)


def test_broken_csv_rows_are_numbered_and_kept(tmp_path: Path, read) -> None:
    (tmp_path / "f").write_bytes(
        b'uid,time,url\nu1,1,a\nu2,2\n\n"u\n3",3,c\nu4,4,d,e\nu\xff5,5,\xc3\xa9\nu6,6,\xef\xbf\xbdf\xc3\xa4\n'
    )
    rows = read(tmp_path / "f")
    assert [(r["row_number"], r["user_id"], r["reason"], r["raw_text"]) for r in rows] == [
        (1, "u1", None, None),
        (2, None, "malformed", "u2,2"),
        (3, "u\n3", None, None),
        (4, None, "malformed", "u4,4,d,e"),
        (5, None, "malformed", "u\ufffd5,5,é"),
        (6, "u6", None, None),
    ]
    assert rows[5]["url"] == "\ufffdfä"


def test_broken_rows_far_apart_keep_their_places(tmp_path: Path, read) -> None:
    size = 200_000
    broken = {1, 70_000, 70_001, 150_000, size}
    lines = (f"{n}" if n in broken else f"u{n},{n},https://example.com/{'x' * 80}" for n in range(1, size + 1))
    (tmp_path / "f").write_text("uid,time,url\n" + "\n".join(lines))
    rows = read(tmp_path / "f")
    assert len(rows) == size
    assert {r["row_number"] for r in rows if r["reason"]} == broken
    assert all(r["user_id"] == f"u{r['row_number']}" for r in rows if not r["reason"])
    assert read.needed_no_scan


@pytest.mark.parametrize("closing", [b"", b'u9,9,"quoted"\n'])
def test_a_quote_that_never_closes_costs_one_row(closing: bytes, tmp_path: Path, read) -> None:
    rows = b"".join(b"u%d,%d,https://example.com/\n" % (n, n) for n in range(3, 300_000))
    (tmp_path / "f").write_bytes(b'uid,time,url\nu1,1,a\nu2,2,"b\n' + rows + closing)
    found = read(tmp_path / "f")
    assert [r["row_number"] for r in found if r["reason"]] == [2]
    assert found[1]["raw_text"] == 'u2,2,"b'
    assert not read.needed_no_scan
    assert len(found) == 299_999 + bool(closing)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(_TEXT, _TEXT, _TEXT), min_size=1, max_size=20),
    delimiter=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_python_writes_is_read_back(rows, delimiter: str, quoting: int, tmp_path: Path, read) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, quoting=quoting)
    writer.writerow(["uid", "url", "title"])
    writer.writerows(rows)
    content = buffer.getvalue().encode()
    (tmp_path / "f").write_bytes(content)
    found = read(tmp_path / "f")
    expected = [tuple(value or None for value in row) for row in rows]
    assert [(r["user_id"], r["url"], r["title"]) for r in found] == expected
    assert not any(r["reason"] for r in found)


def test_neighbours_that_differ_in_their_tag_alone_are_one_staged_row(tmp_path: Path) -> None:
    (tmp_path / "f").write_text(
        "uid,ts,url,title,meta name,meta content\n"
        "u1,1700000000,https://a.example/,A,og:type,x\n"
        "u1,1700000000,https://a.example/,A,,\n"
        "u1,1700000000,https://a.example/,A,og:title,\n"
        "u1,1700000000,https://a.example/,B,og:title,y\n"  # another title
        "u1,1700000000,https://a.example/\n"  # broken: its neighbours are none of each other
        "u1,1700000000,https://a.example/,B,og:url,y\n"
        "u1,1700000000,,B,og:url,https://b.example/\n"  # without an address each is judged by its own tag
        "u1,1700000000,,B,canonical,https://c.example/\n"
        ",1700000000,https://a.example/,,,\n"
        ",1700000000,https://a.example/,,,\n"
        "u2,1700000000,https://a.example/,,,\n"
        "u2,1700000000,https://a.example/,,,\n"
    )
    with duckdb.connect() as con, stage(con, tmp_path / "f", owner="o", scratch=tmp_path) as staged:
        rows = staged.relation.project("row_number, rows, title, metadata, reason").order("row_number").fetchall()
    assert rows == [
        (1, 3, "A", [{"name": "og:type", "content": "x"}, None, {"name": "og:title", "content": None}], None),
        (4, 1, "B", [{"name": "og:title", "content": "y"}], None),
        (5, 1, None, None, "malformed"),
        (6, 1, "B", [{"name": "og:url", "content": "y"}], None),
        (7, 1, "B", [{"name": "og:url", "content": "https://b.example/"}], None),
        (8, 1, "B", [{"name": "canonical", "content": "https://c.example/"}], None),
        (9, 1, None, None, None),
        (10, 1, None, None, None),
        (11, 2, None, None, None),
    ]


@pytest.mark.parametrize(
    ("names", "differ"),
    [
        (["a"], True),
        ([""], True),
        (["a", "b", "c"], True),
        (["a", "b", "a"], False),
        (["a", "b", "c", "d", "e", "f", "g", "a"], False),
        (["a", "", "b"], False),  # in a list an empty tag is NULL
        (list("abcdefgh"), True),
        (list("abcdefghi"), False),  # too many to be compared
    ],
)
def test_whether_the_tags_of_neighbours_differ(names: list[str], differ: bool, tmp_path: Path) -> None:
    around = "u0,1700000000,https://a.example/,a,x\n"
    lines = "".join(f"u1,1700000000,https://a.example/,{name},x\n" for name in names)
    (tmp_path / "f").write_text("uid,ts,url,meta name,meta content\n" + around + lines + around)
    with duckdb.connect() as con, stage(con, tmp_path / "f", owner="o", scratch=tmp_path) as staged:
        rows = staged.relation.project("row_number, rows, has_distinct_tags").order("row_number").fetchall()
    assert rows == [(1, 1, True), (2, len(names), differ), (len(names) + 2, 1, True)]
