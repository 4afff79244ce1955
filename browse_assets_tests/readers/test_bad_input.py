"""Files that cannot be read: each ends with a code and words, none with a value of the file or a trace."""

import gzip
import io
import json
import os
import random
import sqlite3
import tracemalloc
import zipfile
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from browse_assets.readers.detection import identify
from browse_assets.readers.errors import UnreadableFile

SECRET = "jane.roe@example.com"
HEADER = b"uid,time,url\n"
ROW = f"{SECRET},1767614400,https://example.com/\n".encode()
LINE = (json.dumps({"uid": SECRET, "time": 1, "url": "https://example.com/"}) + "\n").encode()
TAKEOUT = json.dumps(
    {"Browser History": [{"title": SECRET, "url": "https://example.com/", "time_usec": 1_700_000_000_000_000}]}
).encode()


def _parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _sqlite(tmp_path: Path, script: str) -> bytes:
    path = tmp_path / "made.sqlite"
    with sqlite3.connect(path) as con:
        con.executescript(script)
    con.close()
    return path.read_bytes()


def _history(tmp_path: Path) -> bytes:
    return _sqlite(
        tmp_path,
        """CREATE TABLE urls(id INTEGER PRIMARY KEY, url TEXT, title TEXT);
        CREATE TABLE visits(id INTEGER PRIMARY KEY, url INTEGER, visit_time INTEGER, from_visit INTEGER,
            transition INTEGER);
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
        INSERT INTO visits SELECT i, i, 13300000000000000 + i, 0, 1 FROM n;""",
    )


def _zip(members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _encrypted_zip() -> bytes:
    """A zip whose member says that it is encrypted (bit 0 of its flags, in both headers)."""
    raw = bytearray(_zip({"History.json": TAKEOUT}))
    raw[6] |= 1
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


RANDOM = random.Random(7)
PANEL = pa.table({"uid": [SECRET] * 5000, "ts": list(range(5000)), "url": [str(i) for i in range(5000)]})


def _damaged_pages() -> bytes:
    raw = bytearray(_parquet(PANEL))
    raw[200:4000] = RANDOM.randbytes(3800)
    return bytes(raw)


BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "empty"),
    "blank": (b" \n\r\n\t", "empty"),
    "empty gzip": (gzip.compress(b""), "empty"),
    "header only": (HEADER, "header_only"),
    "header without line end": (HEADER.strip(), "header_only"),
    "header and blank lines": (HEADER + b"\n\n", "header_only"),
    "empty array": (b"[ ]", "header_only"),
    "parquet without rows": (_parquet(PANEL.slice(0, 0)), "header_only"),
    "binary": (RANDOM.randbytes(5000), "binary"),
    "png": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "binary"),
    "csv with NULs": (HEADER + b"\x00" * 100, "binary"),
    "utf-16 without mark": (HEADER.decode().encode("utf-16-le"), "binary"),
    "html": (b"<!doctype html><html><body>Sign in</body></html>", "unknown_format"),
    "prose": (b"Dear diary\nnothing happened\n", "unknown_format"),
    "no known columns": (b"customerID,tenure,Churn\n1,2,No\n", "no_known_columns"),
    "header of open quotes": (b'uid,"time,url\n' + ROW * 9, "no_known_columns"),
    "json lines without": (b'{"a":1}\n{"b":2}\n', "no_known_columns"),
    "json array without": (b'[{"a":1}]', "no_known_columns"),
    "parquet without": (_parquet(pa.table({"a": [1]})), "no_known_columns"),
    "array of numbers": (b"[1,2]", "unknown_format"),
    "one json object": (b'{\n "uid": 1,\n "url": 2\n}', "unknown_format"),
    "latin-1 header": ("uid;time;url;größe\n1;2;3;4\n".encode("latin-1"), "not_utf8"),
    "latin-1 rows": (HEADER + "ü,1,ö\n".encode("latin-1") * 9, "not_utf8"),
    "latin-1 json": ('{"uid":"ü","url":"x"}\n'.encode("latin-1") * 9, "not_utf8"),
    "broken utf-16": (b"\xff\xfe" + HEADER.decode().encode("utf-16-le") + b"\x00\xd8" * 3, "not_utf8"),
    "truncated gzip": (gzip.compress(HEADER + ROW * 90_000)[:-900], "truncated"),
    "gzip without its sum": (gzip.compress(HEADER + ROW * 9)[:-4], "truncated"),
    "damaged gzip": (gzip.compress(HEADER + ROW)[:-8] + b"\x00" * 8, "truncated"),
    "truncated json gzip": (gzip.compress(LINE * 90_000)[:-900], "truncated"),
    "truncated array": (b"[" + LINE.strip() + b",", "truncated"),
    "truncated takeout": (TAKEOUT[:-3], "truncated"),
    "truncated parquet": (_parquet(PANEL)[:-500], "truncated"),
    "damaged parquet": (_damaged_pages(), "truncated"),
    "parquet names not text": (_parquet(pa.table({"uidx": [1]})).replace(b"uidx", b"u\xffdx"), "truncated"),
    "parquet magic alone": (b"PAR1", "truncated"),
    "zip without end": (_zip({"History.json": TAKEOUT})[:-30], "truncated"),
    "zip member damaged": (
        _zip({"History.json": TAKEOUT}, zipfile.ZIP_STORED).replace(b"jane", b"john"),
        "truncated",
    ),
    "zip without history": (
        _zip({"a.txt": b"hello", "b.json": b"{}", "c.csv": HEADER + ROW}),
        "archive_without_history",
    ),
    "empty zip": (_zip({}), "archive_without_history"),
    "zip climbs out": (_zip({"a/../../History.json": TAKEOUT}), "archive_path_outside"),
    "zip absolute": (_zip({"/tmp/History.json": TAKEOUT}), "archive_path_outside"),
    "zip drive": (_zip({"C:\\History.json": TAKEOUT}), "archive_path_outside"),
    "zip climbs out backwards": (_zip({"a\\..\\..\\x.json": TAKEOUT}), "archive_path_outside"),
    "encrypted zip": (_encrypted_zip(), "encrypted_archive"),
    "zip in gzip": (gzip.compress(_zip({"History.json": TAKEOUT})), "unknown_format"),
    "sqlite magic alone": (b"SQLite format 3\x00" + b"\x01" * 4000, "sqlite_damaged"),
}


def _unreadable(read, path: Path) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read(path)
    error = caught.value
    assert SECRET not in str(error)
    assert path.name not in str(error)
    assert str(path.parent) not in str(error)
    assert len(error.message.split()) > 3
    assert not list(read.scratch.iterdir())
    return error


@pytest.mark.parametrize("name", BAD)
def test_bad_files_have_a_code(name: str, tmp_path: Path, read) -> None:
    content, code = BAD[name]
    path = tmp_path / "private_name"
    path.write_bytes(content)
    assert _unreadable(read, path).code == code


@pytest.mark.parametrize("script", ["CREATE TABLE notes(x)", "CREATE TABLE urls(a); CREATE TABLE visits(b)"])
def test_other_databases_are_unknown(script: str, tmp_path: Path, read) -> None:
    (tmp_path / "private_name").write_bytes(_sqlite(tmp_path, script))
    assert _unreadable(read, tmp_path / "private_name").code == "unknown_format"


def test_truncated_and_damaged_databases(tmp_path: Path, read) -> None:
    whole = _history(tmp_path)
    (tmp_path / "private_name").write_bytes(whole[: len(whole) // 2])
    assert _unreadable(read, tmp_path / "private_name").code == "sqlite_damaged"
    (tmp_path / "private_name").write_bytes(whole.replace(b"CREATE TABLE visits", b"CREATE \xffABLE visits"))
    assert _unreadable(read, tmp_path / "private_name").code == "sqlite_damaged"
    (tmp_path / "private_name").write_bytes(whole[:8192] + RANDOM.randbytes(len(whole) - 8192))
    assert _unreadable(read, tmp_path / "private_name").code == "sqlite_damaged"


def test_truncated_zstandard(tmp_path: Path, read) -> None:
    sink = io.BytesIO()
    with pa.CompressedOutputStream(pa.PythonFile(sink, "w"), "zstd") as out:
        out.write(HEADER + b"".join(b"u%d,%d,https://example.com/\n" % (i, i * i) for i in range(200_000)))
        out.flush()
        packed = sink.getvalue()
    (tmp_path / "private_name").write_bytes(packed[: len(packed) // 2])
    assert _unreadable(read, tmp_path / "private_name").code == "truncated"


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path / "missing", tmp_path):
        with pytest.raises(UnreadableFile, match="unreadable"):
            identify(path)


@pytest.mark.parametrize(
    ("start", "filler", "mebibytes"),
    [(HEADER + ROW, b"a", 1024), (LINE, b" ", 64), (b"", b"a,", 64), (b'{"uid":"', b"a", 64)],
    ids=["row", "json line", "header", "json object"],
)
def test_a_line_of_a_gigabyte_needs_little_memory(
    start: bytes, filler: bytes, mebibytes: int, tmp_path: Path, read
) -> None:
    path = tmp_path / "private_name"
    block = filler * (2**20 // len(filler))
    with path.open("wb") as file:
        file.write(start)
        for _ in range(mebibytes):
            file.write(block)
    tracemalloc.start()
    try:
        assert _unreadable(read, path).code == "line_too_long"
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        path.unlink()
    assert peak < 50 * 2**20


@pytest.mark.parametrize("around", [(b"[", b"]"), (b'{"Browser History":[', b"]}")], ids=["array", "takeout"])
def test_an_element_of_many_megabytes(around: tuple[bytes, bytes], tmp_path: Path, read) -> None:
    (tmp_path / "private_name").write_bytes(around[0] + b'{"uid":"' + b"a" * 20_000_000 + b'"}' + around[1])
    assert _unreadable(read, tmp_path / "private_name").code == "line_too_long"


def test_quoted_rows_of_many_megabytes(tmp_path: Path, read) -> None:
    """Short lines, one value: Arrow gives up on it, and line by line nothing is lost but that value."""
    (tmp_path / "private_name").write_bytes(HEADER + ROW + b'u,1,"' + b"a\n" * 10_000_000 + b'"\n' + ROW)
    assert _unreadable(read, tmp_path / "private_name").code == "too_many_malformed"


def test_mostly_broken_rows_do_not_fill_the_memory(tmp_path: Path, read) -> None:
    (tmp_path / "private_name").write_bytes(HEADER + ROW + b"a\n" * 3_000_000)
    assert _unreadable(read, tmp_path / "private_name").code == "too_many_malformed"


def test_bombs(tmp_path: Path, read) -> None:
    bomb = tmp_path / "private_name"
    with (
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("History.json", "w") as out,
    ):
        for _ in range(60):
            out.write(b" " * 10**6)
    assert _unreadable(read, bomb).code == "archive_too_large"
    with gzip.open(bomb, "wb", compresslevel=1) as out:
        out.write(HEADER)
        for _ in range(60):
            out.write(b"\n" * 10**6)
    assert _unreadable(read, bomb).code == "archive_too_large"
    declared = bytearray(_zip({"a.bin": b"x"}))
    at = declared.index(b"PK\x01\x02") + 24
    declared[at : at + 4] = (2**31 + 1).to_bytes(4, "little")
    bomb.write_bytes(declared)
    assert _unreadable(read, bomb).code == "archive_too_large"


def test_a_zip_that_lies_about_sizes(tmp_path: Path, read) -> None:
    raw = bytearray(_zip({"History.json": TAKEOUT + b" " * 10**6}))
    at = raw.index(b"PK\x01\x02") + 24
    raw[at : at + 4] = len(TAKEOUT).to_bytes(4, "little")
    (tmp_path / "private_name").write_bytes(raw)
    assert _unreadable(read, tmp_path / "private_name").code == "truncated"


def test_errors_while_consuming_are_translated(tmp_path: Path) -> None:
    from browse_assets.readers.staging import stage, translate

    path, scratch = tmp_path / "private_name", tmp_path / "scratch"
    path.write_bytes(HEADER + ROW * 100)
    scratch.mkdir()
    with duckdb.connect() as con, stage(con, path, owner="o", scratch=scratch) as staged:
        path.write_bytes(b"")  # emptied between the check and the use
        with pytest.raises(duckdb.Error) as caught:
            staged.relation.fetchall()
        said = translate(caught.value)
    assert said.code == "read_failed"
    assert SECRET not in str(said)
    assert translate(duckdb.OutOfMemoryException("x")).code == "out_of_memory"
    assert translate(said) is said
