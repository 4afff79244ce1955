"""Looking for values in the bytes of files: plain, encoded, packed, in any column of a database.

What belongs here: how a value may be written, opening packed files, counting. What does not: which values
and which files (`erasure/`, `rotate_keys.py`), and the vault's key.
"""

import base64
import gzip
import hashlib
import json
import mmap
import re
import sqlite3
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import duckdb

SQLITE_MAGIC = b"SQLite format 3\0"
_CHUNK_BYTES = 1 << 24
_OVERLAP = 1 << 12
_MIN_CODED = 8  # shorter pieces of Base64 turn up by chance in 100 MB of pictures and packed data

# What may stand beside an id: `panelist-1` is not in `panelist-10`, nor `ann@example.com` in
# `jo.ann@example.com`; %20 and the \n of JSON are no letters. Without lookarounds, for DuckDB's RE2.
_BEFORE = r"(^|[^A-Za-z0-9._+\-]|%[0-9A-Fa-f]{2}|\\[nrt])"
_AFTER = r"($|[^A-Za-z0-9_.\-]|\.[^A-Za-z0-9]|\.$)"


def can_be_searched(value: str) -> bool:
    """Whether a value is unusual enough that finding it means finding the person.

    `alice` and `4711` are also words and numbers of other people: at least six characters, not letters
    alone, and for digits alone at least nine.
    """
    return len(value) >= 6 and not value.isalpha() and not (value.isdigit() and len(value) < 9)


def mention_pattern(value: str) -> str:
    """A value or its percent-encoding as a whole, for `re` and RE2; groups 1 and 3 are what stands beside it."""
    spellings = {re.escape(value), re.escape(quote(value, safe=""))}
    return f"(?i){_BEFORE}({'|'.join(sorted(spellings))}){_AFTER}"


@dataclass(frozen=True)
class Wanted:
    """What is searched for: spellings in any case, spellings in their own case, and patterns of wholes."""

    whole: tuple[tuple[bytes, re.Pattern[bytes]], ...]
    any_case: tuple[bytes, ...]
    own_case: tuple[bytes, ...]


def wanted(values: Iterable[str], keys: Iterable[UUID] = ()) -> Wanted:
    """All usual spellings of values (see `can_be_searched`) and of pseudonyms."""
    whole: list[tuple[bytes, re.Pattern[bytes]]] = []
    any_case: set[bytes] = set()
    own_case: set[bytes] = set()
    for value in values:
        plain = value.encode()
        whole += [
            (text.lower(), re.compile(mention_pattern(value).encode())) for text in {plain, quote(value, "").encode()}
        ]
        any_case |= {
            value.lower().encode("utf-16-le"),
            plain.hex().encode(),
            plain.lower().hex().encode(),
            "".join(f"%{byte:02x}" for byte in plain).encode(),
        }
        escaped = json.dumps(value)[1:-1].lower().encode()
        if escaped != plain.lower():
            any_case.add(escaped)
        own_case |= {coded for coded in _base64_spellings(plain) if len(coded) >= _MIN_CODED}
    for key in keys:
        any_case |= {str(key).encode(), key.hex.encode()}
        # DuckDB keeps a UUID as a number with its first bit turned, lowest byte first.
        own_case |= {key.bytes, (key.int ^ (1 << 127)).to_bytes(16, "little")}
    return Wanted(tuple(whole), tuple(sorted(any_case)), tuple(sorted(own_case)))


def _base64_spellings(plain: bytes) -> Iterator[bytes]:
    for offset in range(3):
        # The characters at both ends also depend on what stands beside the value.
        coded = base64.b64encode(b"\0" * offset + plain)[-(-8 * offset // 6) :].rstrip(b"=")
        coded = coded[: len(coded) - (1 if (offset + len(plain)) % 3 else 0)]
        yield coded
        yield coded.replace(b"+", b"-").replace(b"/", b"_")


def holds(content: bytes, what: Wanted) -> bool:
    """Whether any spelling is in the content."""
    lower = content.lower()
    return (
        any(needle in lower for needle in what.any_case)
        or any(needle in content for needle in what.own_case)
        or any(needle in lower and pattern.search(content) for needle, pattern in what.whole)
    )


@dataclass
class Search:
    """What was looked through: files, bytes (unpacked ones too), and the places where something was found."""

    files: int = 0
    bytes: int = 0
    places: list[str] = field(default_factory=list)


def search_files(roots: Iterable[Path], what: Wanted, parts: Collection[str] = ()) -> Search:
    """Search every file below the folders, and the paths themselves.

    A place is given as the folder, the kind of file and the beginning of its content's SHA-256: a name could be
    that of the person. Of the folders in it only those in `parts` are named.
    """
    found = Search()
    seen: set[Path] = set()
    for root in roots:
        for path in [root] if root.is_file() else sorted(root.rglob("*")):
            relative = path.relative_to(root.parent if root.is_file() else root)
            if any(holds(name.encode("utf-8", "surrogateescape"), what) for name in names_of(relative)):
                found.places.append(f"a name in {_part_of(root, relative, parts)}")
            if not path.is_file() or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            found.files += 1
            for how, content in readings(path):
                found.bytes += len(content)
                if holds(content, what):
                    where = f"{_part_of(root, relative, parts)}: a file {path.suffix or 'without ending'} ({how})"
                    with path.open("rb") as file:
                        found.places.append(f"{where}, SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()[:12]}")
                    break
    return found


def _part_of(root: Path, relative: Path, parts: Collection[str]) -> str:
    return f"{root.name}/{relative.parts[0]}" if relative.parts[0] in parts else root.name


def names_of(path: Path) -> tuple[str, ...]:
    """A path as it is and without one and two endings: in `ann@example.com.csv.gz` they hide where an id ends."""
    return str(path), str(path.with_suffix("")), str(path.with_suffix("").with_suffix(""))


def readings(path: Path) -> Iterator[tuple[str, bytes]]:
    """The bytes of a file in pieces that overlap, and what is packed in it (zip, gzip, SQLite).

    DuckDB's own packing is not undone here: see `search_tables`.
    """
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        start = content[:16]
        for offset in range(0, len(content), _CHUNK_BYTES):
            yield "bytes", content[max(0, offset - _OVERLAP) : offset + _CHUNK_BYTES]
    if start.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                yield "in a zip", archive.read(name)
    elif start.startswith(b"\x1f\x8b"):
        yield "gzip", gzip.decompress(path.read_bytes())
    elif start == SQLITE_MAGIC:
        yield from _sqlite_readings(path)


def _sqlite_readings(path: Path) -> Iterator[tuple[str, bytes]]:
    """Long values, which lie on several pages, in one piece."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as con:
        con.text_factory = bytes
        tables = [name.decode() for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in con.execute(f'SELECT * FROM "{table}"'):
                joined = b"\n".join(value for value in row if isinstance(value, bytes))
                yield "SQLite", joined
                yield from (("SQLite", inflated) for value in row if (inflated := _inflated(value)))


def _inflated(value: object) -> bytes:
    if not isinstance(value, bytes) or value[:1] != b"\x78":
        return b""
    try:
        return zlib.decompress(value)
    except zlib.error:
        return b""


def search_tables(con: duckdb.DuckDBPyConnection, sources: Sequence[str], what: Wanted) -> list[str]:
    """Tables (by their name in SQL) with a row in which any text spelling is found, as values."""
    texts = [needle for needle in what.any_case if _is_text(needle)]
    own = [needle for needle in what.own_case if _is_text(needle)]
    parameters = {f"any{i}": needle.decode() for i, needle in enumerate(texts)}
    parameters |= {f"own{i}": needle.decode() for i, needle in enumerate(own)}
    tests = [f"contains(lower(content), ${name})" for name in parameters if name.startswith("any")]
    tests += [f"contains(content, ${name})" for name in parameters if name.startswith("own")]
    for i, (needle, pattern) in enumerate(what.whole):
        parameters |= {f"plain{i}": needle.decode(), f"whole{i}": pattern.pattern.decode()}
        tests.append(f"(contains(lower(content), $plain{i}) AND regexp_matches(content, $whole{i}))")
    if not tests:
        return []
    return [
        source
        for source in sources
        if con.execute(
            f"SELECT 1 FROM (SELECT stored::VARCHAR AS content FROM {source} AS stored) "
            f"WHERE {' OR '.join(tests)} LIMIT 1",
            parameters,
        ).fetchone()
    ]


def _is_text(needle: bytes) -> bool:
    return all(32 <= byte < 127 for byte in needle)
