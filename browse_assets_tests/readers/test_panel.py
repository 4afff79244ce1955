"""Panel files: one meaning whatever the format, every row kept, times and meta tags by a table of cases."""

import csv
import gzip
import json
import re
import subprocess
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from browse_assets.readers.columns import panel_columns

NOON = "2026-01-05T12:00:00Z"
TAG = [{"name": "og:url", "content": "https://example.com/a?b=1"}]


def _write_csv(path: Path, rows: list[dict[str, object]], **options: object) -> Path:
    with path.open("w", newline="", encoding=str(options.pop("encoding", "utf-8"))) as file:
        writer = csv.DictWriter(file, list(rows[0]), **options)  # type: ignore[arg-type]
        writer.writeheader()
        writer.writerows(rows)
    return path


FLAT: list[dict[str, object]] = [
    {
        "userId": "u1",
        "ip": "192.0.2.7",
        "timestamp": "2026-01-05T12:00:00.250Z",
        "url": "https://example.com/ä?x=1,2",
        "title": 'Quotes " and\nline ends; naïve 🙂',
        "metadata.name": "og:url",
        "metadata.content": "https://example.com/a?b=1",
        "duration": "12.5",
        "referrer": "https://example.org/",
        "transition": "auto_bookmark",
        "device": "mobile",
        "country": "de",
        "language": "de-AT",
    },
    {
        "userId": "u2",
        "ip": "",
        "timestamp": "2026-01-05 13:00:00",
        "url": "https://example.com/",
        "title": "",
        "metadata.name": "",
        "metadata.content": "",
        "duration": "-1",
        "referrer": "",
        "transition": "",
        "device": "",
        "country": "",
        "language": "und",
    },
]


def _as_file(tmp_path: Path, shape: str) -> Path:
    path = tmp_path / "inbox_file"
    if shape == "csv":
        return _write_csv(path, FLAT)
    if shape in ("semicolon", "tab", "pipe"):
        return _write_csv(path, FLAT, delimiter={"semicolon": ";", "tab": "\t", "pipe": "|"}[shape])
    if shape == "bom":
        return _write_csv(path, FLAT, encoding="utf-8-sig")
    if shape == "utf-16":
        return _write_csv(path, FLAT, encoding="utf-16")
    if shape == "csv.gz":
        path.write_bytes(gzip.compress(_write_csv(path, FLAT).read_bytes()))
    elif shape == "csv.zst":
        raw = _write_csv(path, FLAT).read_bytes()
        with path.open("wb") as file, pa.CompressedOutputStream(pa.PythonFile(file), "zstd") as out:
            out.write(raw)
    elif shape == "jsonl":
        path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in FLAT), encoding="utf-8")
    elif shape == "jsonl.gz":
        path.write_bytes(gzip.compress("\n".join(json.dumps(row) for row in FLAT).encode()))
    elif shape == "json_array":
        path.write_text(json.dumps(FLAT, indent=1), encoding="utf-8")
    elif shape == "nested":
        lines = []
        for row in FLAT:
            flat = {key: value for key, value in row.items() if not key.startswith("metadata")}
            name = row["metadata.name"]
            tag = {"name": name, "content": row["metadata.content"]} if name else None
            lines.append(json.dumps({**flat, "metadata": tag}))
        path.write_text("\n".join(lines), encoding="utf-8")
    elif shape == "parquet":
        pq.write_table(pa.Table.from_pylist(FLAT), path)
    elif shape == "parquet.gz":
        pq.write_table(pa.Table.from_pylist(FLAT), path)
        path.write_bytes(gzip.compress(path.read_bytes()))
    else:
        raise AssertionError(shape)
    return path


SHAPES = [
    "csv",
    "semicolon",
    "tab",
    "pipe",
    "bom",
    "utf-16",
    "csv.gz",
    "csv.zst",
    "jsonl",
    "jsonl.gz",
    "json_array",
    "nested",
    "parquet",
    "parquet.gz",
]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_format_gives_the_same_rows(shape: str, tmp_path: Path, read) -> None:
    first, second = read(_as_file(tmp_path, shape))
    assert first == {
        "row_number": 1,
        "user_id": "u1",
        "ip": "192.0.2.7",
        "event_time": datetime(2026, 1, 5, 12, 0, 0, 250_000),
        "url": "https://example.com/ä?x=1,2",
        "title": 'Quotes " and\nline ends; naïve 🙂',
        "metadata": TAG,
        "duration_seconds": 12.5,
        "duration_kind": "extension",
        "referrer": "https://example.org/",
        "transition": "bookmark",
        "device": "mobile",
        "country": "DE",
        "language": "de-AT",
        "search_terms": None,
        "reason": None,
        "raw_text": None,
    }
    given = {key: value for key, value in second.items() if value is not None}
    assert given == {
        "row_number": 2,
        "user_id": "u2",
        "event_time": datetime(2026, 1, 5, 13),
        "url": "https://example.com/",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05T12:00:00", "2026-01-05 12:00:00"),
        (" 2026-01-05T12:00:00Z ", "2026-01-05 12:00:00"),
        ("2026-01-05 12:00:00 UTC", "2026-01-05 12:00:00"),
        ("2026-01-05T12:00Z", "2026-01-05 12:00:00"),
        ("2026-01-05", "2026-01-05 00:00:00"),
        ("2026-01-05T12:00:00+0200", "2026-01-05 10:00:00"),
        ("2026-01-05T12:00:00+02:00", "2026-01-05 10:00:00"),
        ("2026-01-05T12:00:00+02", "2026-01-05 10:00:00"),
        ("2026-01-05T12:00+02", "2026-01-05 10:00:00"),
        ("2026-01-05 12:00:00 -0530", "2026-01-05 17:30:00"),
        ("2026-01-05T00:30:00.5+01:00", "2026-01-04 23:30:00.500000"),
        ("2026-01-05T12:00:00.123456Z", "2026-01-05 12:00:00.123456"),
        ("2026-01-05T12:00:00.123456789Z", "2026-01-05 12:00:00.123456"),
        ("2026-01-05T12:00:00,250Z", "2026-01-05 12:00:00.250000"),
        ("20260105T120000Z", "2026-01-05 12:00:00"),
        ("20260105T120000+0100", "2026-01-05 11:00:00"),
        ("1767614400", "2026-01-05 12:00:00"),
        ("1767614400.25", "2026-01-05 12:00:00.250000"),
        ("1767614400.123456", "2026-01-05 12:00:00.123456"),
        ("1767614400250", "2026-01-05 12:00:00.250000"),
        ("1767614400250.5", "2026-01-05 12:00:00.250500"),
        ("1767614400123456", "2026-01-05 12:00:00.123456"),
        ("1767614400123456789", "2026-01-05 12:00:00.123456"),
        ("1.7676144e9", "2026-01-05 12:00:00"),
        ("0", "1970-01-01 00:00:00"),
        ("-86400", "1969-12-31 00:00:00"),
    ],
)
def test_times(text: str, expected: str, tmp_path: Path, read) -> None:
    rows = read(_write_csv(tmp_path / "f", [{"uid": "u", "time": text, "url": "https://example.com/"}]))
    assert rows[0]["event_time"] == datetime.fromisoformat(expected)
    assert rows[0]["reason"] is None


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "infinity",
        "epoch",
        "NaN",
        "2026-13-05T00:00:00Z",
        "2026-02-30",
        "2026-01-05T12:00:60Z",
        "2026-01-05T12:00:00+99:00",
        "2026-01-05 12:00:00 Europe/Vienna",
        "05/01/2026 12:00",
        "12:00:00",
        "99999999999999999999",
        "1e300",
        "-",
    ],
)
def test_times_that_say_nothing_are_bad_time(text: str, tmp_path: Path, read) -> None:
    rows = read(_write_csv(tmp_path / "f", [{"uid": "u", "time": text, "url": "https://example.com/"}]))
    assert (rows[0]["event_time"], rows[0]["reason"]) == (None, "bad_time")


def test_an_absent_time_is_no_reason_yet(tmp_path: Path, read) -> None:
    rows = read(_write_csv(tmp_path / "f", [{"uid": "u", "time": " ", "url": "https://example.com/"}]))
    assert (rows[0]["event_time"], rows[0]["reason"]) == (None, None)


@pytest.mark.parametrize("zone", ["UTC", "America/New_York"])
def test_the_sessions_zone_changes_nothing(zone: str, tmp_path: Path, read) -> None:
    read.con.execute(f"SET TimeZone = '{zone}'")
    texts = [{"uid": "u", "time": t, "url": "x"} for t in ("2026-01-05T12:00:00", "2026-01-05T14:00:00+02:00")]
    assert {row["event_time"] for row in read(_write_csv(tmp_path / "f", texts))} == {datetime(2026, 1, 5, 12)}
    aware = pa.array([datetime(2026, 1, 5, 12)], pa.timestamp("ms", tz="Europe/Vienna"))
    pq.write_table(pa.table({"uid": ["u"], "time": aware, "url": ["x"]}), tmp_path / "g")
    assert read(tmp_path / "g")[0]["event_time"] == datetime(2026, 1, 5, 12)


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime(2026, 1, 5, 12)], pa.timestamp("us")),
        pa.array([datetime(2026, 1, 5, 12)], pa.timestamp("ns", tz="UTC")),
        pa.array([datetime(2026, 1, 5, 12)], pa.timestamp("s")),
        pa.array([1767614400], pa.int64()),
        pa.array([1767614400000], pa.int64()),
        pa.array([1767614400.0], pa.float64()),
        pa.array(["2026-01-05T13:00:00+01:00"]),
    ],
    ids=str,
)
def test_parquet_times_of_every_type(times: pa.Array, tmp_path: Path, read) -> None:
    pq.write_table(pa.table({"uid": pa.array([7]), "ts": times, "url": ["x"]}), tmp_path / "f")
    row = read(tmp_path / "f")[0]
    assert (row["user_id"], row["event_time"], row["reason"]) == ("7", datetime(2026, 1, 5, 12), None)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"name": "a", "content": "b"}, [("a", "b")]),
        ({"property": "og:url", "content": "b", "lang": "en"}, [("og:url", "b")]),
        ({"name": "", "property": "og:url", "content": "b"}, [("og:url", "b")]),
        ({"itemprop": "a", "value": "b"}, [("a", "b")]),
        ([{"name": "a", "content": "b"}, {"property": "c", "content": "d"}], [("a", "b"), ("c", "d")]),
        ({"og:title": "a", "x/y~z": "b", 'q"q': "c"}, [("og:title", "a"), ("x/y~z", "b"), ('q"q', "c")]),
        ([{"og:title": "a"}, {"og:url": "b"}], [("og:title", "a"), ("og:url", "b")]),
        ({"name": ["a", "c"], "content": ["b", "d"]}, [("a", "b"), ("c", "d")]),
        ({"n": 1, "deep": {"x": [1]}}, [("n", "1"), ("deep", '{"x":[1]}')]),
        ({"name": "a", "content": None}, [("a", None)]),
        ([], None),
        ({}, None),
        (None, None),
        ("plain words", None),
        ([1, "x", None], None),
        (3, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", ["jsonl", "text"])
def test_metadata_shapes(metadata: object, expected: list | None, shape: str, tmp_path: Path, read) -> None:
    path = tmp_path / "f"
    if shape == "jsonl":
        path.write_text(json.dumps({"uid": "u", "time": NOON, "metadata": metadata}))
    else:
        _write_csv(path, [{"uid": "u", "time": NOON, "metadata": json.dumps(metadata)}])
    tags = expected and [{"name": name, "content": content} for name, content in expected]
    assert read(path)[0]["metadata"] == tags


def test_duplicate_keys_break_nothing(tmp_path: Path, read) -> None:
    (tmp_path / "f").write_text('{"uid":"u","time":"%s","metadata":{"a":"b","a":"c"}}' % NOON)  # noqa: UP031
    assert read(tmp_path / "f")[0]["metadata"] == [{"name": "a", "content": "b"}] * 2


@pytest.mark.parametrize(
    "kind",
    [
        pa.struct([("name", pa.string()), ("content", pa.string())]),
        pa.list_(pa.struct([("name", pa.string()), ("content", pa.string())])),
        pa.map_(pa.string(), pa.string()),
        pa.struct([("og:url", pa.string())]),
        pa.struct([("name", pa.list_(pa.string())), ("content", pa.list_(pa.string()))]),
    ],
    ids=str,
)
def test_nested_parquet_metadata(kind: pa.DataType, tmp_path: Path, read) -> None:
    content = TAG[0]["content"]
    value: object = TAG[0]
    if pa.types.is_list(kind):
        value = TAG
    elif pa.types.is_map(kind):
        value = [("og:url", content)]
    elif kind.num_fields == 1:
        value = {"og:url": content}
    elif pa.types.is_list(kind.field(0).type):
        value = {"name": ["og:url"], "content": [content]}
    pq.write_table(pa.table({"uid": ["u"], "ts": [1], "metadata": pa.array([value], kind)}), tmp_path / "f")
    assert read(tmp_path / "f")[0]["metadata"] == TAG


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("userId", "user_id", "USER-ID", "uid", "panelist_id", "respondentId", "visitor_id"), "user_id"),
        (("timestamp", "createdAt", "event_time", "visit_time", "ts", "datetime"), "time"),
        (("url", "page_url", "href", "Address"), "url"),
        (("metadata.name", "metadata_name", "metaName"), "meta_name"),
        (("dwell", "time_on_page", "duration_seconds"), "duration"),
    ],
)
def test_usual_names(names: tuple[str, ...], field: str) -> None:
    for name in names:
        assert panel_columns([name]).by_field == {field: (name,)}


def test_name_and_content_mean_a_tag_only_together() -> None:
    assert panel_columns(["uid", "name"]).by_field.keys() == {"user_id"}
    assert panel_columns(["uid", "name", "content"]).is_panel
    assert not panel_columns(["uid", "time", "title"]).is_panel
    assert not panel_columns(["url", "title"]).is_panel


def test_durations(tmp_path: Path, read) -> None:
    rows = [{"uid": "u", "url": "x", "duration_ms": d} for d in ("1500", "-1", "NaN", "inf", "long", "0", "")]
    found = [(r["duration_seconds"], r["duration_kind"]) for r in read(_write_csv(tmp_path / "f", rows))]
    nothing = (None, None)
    assert found == [(1.5, "extension"), *[nothing] * 4, (0.0, "extension"), nothing]


def test_broken_json_lines_are_numbered_and_kept(tmp_path: Path, read) -> None:
    deep = "[" * 100_000
    (tmp_path / "f").write_bytes(
        b'{"uid":"u1","time":1,"url":"a"}\n{"uid":\n\n[1]\n{"user_id":2,"createdAt":"2","url":"b","title":null}\r\n'
        b'{"uid":"\xff","time":1,"url":"c"}\n"text"\n' + deep.encode()
    )
    rows = read(tmp_path / "f")
    assert [(r["row_number"], r["user_id"], r["reason"]) for r in rows] == [
        (1, "u1", None),
        (2, None, "malformed"),
        (4, None, "malformed"),
        (5, "2", None),
        (6, None, "malformed"),
        (7, None, "malformed"),
        (8, None, "malformed"),
    ]
    assert rows[1]["raw_text"] == '{"uid":'
    assert rows[6]["raw_text"] == deep


def test_a_stray_byte_costs_its_row_alone(tmp_path: Path, read) -> None:
    rows = ['{"uid":"u%d","time":1,"url":"https://example.com/"}' % n for n in range(20)]  # noqa: UP031
    for text in ("\n".join(rows), "[" + ",".join(rows) + "]"):
        for stray in (b"\x00", b"\xff"):
            (tmp_path / "f").write_bytes(text.encode().replace(b"u7", stray))
            assert [r["row_number"] for r in read(tmp_path / "f") if r["reason"]] == [8]


def test_array_members_end_where_they_end(tmp_path: Path, read) -> None:
    tricky = ["a,b", "]", "}", '"', "\\", '\\"', "\\\\", "{[", "é🙂", "\n"]
    members = [{"uid": str(n), "time": n, "url": "x", "title": t, "y": [{"z": [1, t]}]} for n, t in enumerate(tricky)]
    (tmp_path / "f").write_text(json.dumps(members * 3000, ensure_ascii=False))
    rows = read(tmp_path / "f")
    assert [r["title"] for r in rows] == tricky * 3000
    assert [r["row_number"] for r in rows] == list(range(1, 30_001))
    (tmp_path / "g").write_text(' [ {"uid":"u","time":1,"url":"x"} , 7 ,{"uid":tru} ]\n')
    assert [(r["row_number"], r["raw_text"]) for r in read(tmp_path / "g")] == [
        (1, None),
        (2, "7"),
        (3, '{"uid":tru}'),
    ]


@pytest.mark.parametrize("name", ["'; DROP TABLE x; --.csv", "a*[b]?{c}.parquet", "%s$(x).jsonl", "-wal"])
def test_names_mean_nothing(name: str, tmp_path: Path, read) -> None:
    folder = tmp_path / "o'brien [x]*"
    folder.mkdir()
    pq.write_table(pa.table({"uid": ["u"], "ts": [1], "url": ["x"]}), folder / name)
    assert len(read(folder / name)) == 1
    (folder / name).write_text("uid,time,url\nu,1,x\n")
    assert len(read(folder / name)) == 1
    assert read.format == "csv"


def test_transitions_of_the_extension_api(tmp_path: Path, read) -> None:
    words = {"LINK": "link", "form_submit": "form", "generated": "search", "manual_subframe": "subframe"}
    words |= {"auto toplevel": "start", "Reload": "reload", "teleport": "other", "redirect": "redirect"}
    rows = [{"uid": "u", "url": "x", "transition": word} for word in words]
    assert [r["transition"] for r in read(_write_csv(tmp_path / "f", rows))] == list(words.values())


# A file with control characters among its first is binary, not text.


def test_compressed_by_the_usual_tools(tmp_path: Path, read) -> None:
    _write_csv(tmp_path / "f", FLAT)
    once = gzip.compress((tmp_path / "f").read_bytes())
    (tmp_path / "two_members").write_bytes(once + gzip.compress(b"u3,,3,y,,,,,,,,,\r\n"))
    assert len(read(tmp_path / "two_members")) == 3
    try:
        subprocess.run(["zstd", "-q", str(tmp_path / "f"), "-o", str(tmp_path / "z")], check=True)
    except FileNotFoundError:
        pytest.skip("no zstd here")
    assert len(read(tmp_path / "z")) == 2


def test_the_connection_is_left_as_it_was(tmp_path: Path, read) -> None:
    con: duckdb.DuckDBPyConnection = read.con
    for shape in ("csv", "jsonl", "parquet"):
        read(_as_file(tmp_path, shape))
    assert con.sql("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchone() == (0,)
    assert con.sql("SELECT count(*) FROM duckdb_tables()").fetchone() == (0,)


def test_panel_formats_are_the_same_everywhere() -> None:
    """A format left out of one of these lists: its people stay in texts, in files after an erasure, or serve ads."""
    from browse_assets.assets.releases import EXTENSION_SOURCES
    from browse_assets.erasure import input_files
    from browse_assets.readers.detection import FORMATS, PANEL_FORMATS
    from browse_assets.settings import PROJECT_ROOT

    assert set(PANEL_FORMATS) < set(FORMATS)
    assert PANEL_FORMATS == EXTENSION_SOURCES == input_files._ROWS
    written = "(" + ", ".join(f"'{name}'" for name in PANEL_FORMATS) + ")"
    lists = {
        path.name: re.findall(r"\bsource (?:NOT )?IN (\([^()]*\))", path.read_text(encoding="utf-8"))
        for path in sorted((PROJECT_ROOT / "browse_assets").rglob("*"))
        if path.suffix in (".py", ".sql")
    }
    found = {name: set(listed) for name, listed in lists.items() if any("'csv'" in one for one in listed)}
    assert found == {key: {written} for key in ("events.py", "panel_ids.sql", "suspects.sql")}
