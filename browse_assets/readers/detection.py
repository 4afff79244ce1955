"""What a file is, by its content: magic bytes, tables, keys, header; never by its name.

What belongs here: telling formats apart. What does not: reading them (`staging.py`).
"""

import json
import re
import tempfile
from pathlib import Path

from browse_assets.readers.archive import ZIP_MAGIC
from browse_assets.readers.elements import TAKEOUT_KEY, has_key
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.history_database import MAGIC as SQLITE_MAGIC
from browse_assets.readers.history_database import browser_of, opened_copy
from browse_assets.readers.panel_csv import read_header
from browse_assets.readers.panel_parquet import damaged_parquet, parquet_columns
from browse_assets.readers.text import (
    BAD_BYTE,
    HEAD_BYTES,
    LINE_LIMIT,
    TextSource,
    compression_of,
    not_utf8,
    raw_chunks,
    unpack,
)

# Rows name their person, and an extension collected them. In SQL the same list stands as literals.
PANEL_FORMATS = ("csv", "jsonl", "json_array", "parquet")
FORMATS = (
    *PANEL_FORMATS,
    "chrome",
    "firefox",
    "safari",
    "takeout",
    "zip",
)
PARQUET_MAGIC = b"PAR1"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
# Random bytes have 11 %; text may have a stray one, which is its row's trouble and not the file's.
_MAX_CONTROL_SHARE = 0.02
# Broken lines may come first, but not hundreds of them.
_TRIED_LINES = 200


def identify(path: Path, *, scratch: Path | None = None) -> str:
    """The format of a file: one of `FORMATS`.

    Args:
        path: the file; it is only read, never opened as a database.
        scratch: folder for a temporary copy of a database; the system's by default.

    Raises:
        UnreadableFile: `empty`, `binary`, `truncated`, `unreadable`, `unknown_format`,
            `no_known_columns`, `header_only`, `not_utf8`, `line_too_long`, `sqlite_damaged`,
            `archive_too_large`.
    """
    first = next(raw_chunks(path), b"")
    if not first:
        raise UnreadableFile("empty", "it holds nothing; export it again")
    if first.startswith(ZIP_MAGIC):
        if compression_of(path):
            raise UnreadableFile("unknown_format", "it is a zip inside another compression; unpack it once")
        return "zip"
    if first.startswith((SQLITE_MAGIC, PARQUET_MAGIC)):
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            return _identify_random_access(path, first, Path(folder))
    return _identify_text(path, first)


def _identify_random_access(path: Path, first: bytes, scratch: Path) -> str:
    if compression_of(path):
        unpacked = scratch / "unpacked"
        unpack(path, unpacked)
        path = unpacked
    if first.startswith(SQLITE_MAGIC):
        with opened_copy(path, scratch) as con:
            return browser_of(con)
    if path.stat().st_size < 12:  # magic twice and a length
        raise damaged_parquet()
    parquet_columns(path)
    return "parquet"


def _identify_text(path: Path, first: bytes) -> str:
    beginning = first[:HEAD_BYTES]
    if not first.startswith(_UTF16_MARKS) and len(_CONTROL.findall(beginning)) > len(beginning) * _MAX_CONTROL_SHARE:
        raise UnreadableFile(
            "binary", "it is neither text nor a kind of file that is known; see the README for formats"
        )
    source = TextSource(path, line_limit=None)
    head, is_whole = source.head()
    if not is_whole and b"\n" not in head and b"\r" not in head:
        head, is_whole = source.head(LINE_LIMIT)
    text = head.strip()
    if not text:
        raise UnreadableFile("empty", "it holds nothing but blanks; export it again")
    if text.startswith(b"{"):
        return _identify_object(source, head, is_whole)
    if text.startswith(b"["):
        return _identify_array(text)
    return _identify_csv(source, head, text, is_whole)


def _identify_object(source: TextSource, head: bytes, is_whole: bool) -> str:
    """JSON lines, or the one object of a Takeout."""
    lines = head.splitlines()
    if not is_whole and len(lines) > 1:
        lines = lines[:-1]  # cut in the middle
    for line in lines[:_TRIED_LINES]:
        parsed = _parsed_object(line)
        if parsed is not None and not isinstance(parsed.get("Browser History"), list):
            return "jsonl"
    if has_key(source, TAKEOUT_KEY):
        return "takeout"
    if len(lines) == 1 and len(lines[0]) > LINE_LIMIT:
        raise UnreadableFile("line_too_long", "its first line is longer than 8 MiB; put one object on each line")
    raise UnreadableFile(
        "unknown_format",
        "it begins as JSON, but holds neither one page view per line nor a browser's history",
    )


def _parsed_object(line: bytes) -> dict[str, object] | None:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


def _identify_array(text: bytes) -> str:
    if re.match(rb"\[\s*\]", text):
        raise UnreadableFile("header_only", "its list is empty; export it again")
    if re.match(rb"\[\s*\{", text) or re.fullmatch(rb"\[\s*", text):
        return "json_array"
    raise UnreadableFile("unknown_format", "it is a list in JSON, but not one of objects")


def _identify_csv(source: TextSource, head: bytes, text: bytes, is_whole: bool) -> str:
    header = text.splitlines()[0]
    if source.has_bad_bytes and BAD_BYTE.encode() in header:
        raise not_utf8()
    if len(header) > LINE_LIMIT:
        raise UnreadableFile("line_too_long", "its first line is longer than 8 MiB; this is no list of page views")
    try:
        read_header(head)
    except UnreadableFile:
        if b"," in header or b";" in header or b"\t" in header or b"|" in header:
            raise
        raise UnreadableFile(
            "unknown_format", "it is text, but neither CSV nor JSON; see the README for formats"
        ) from None
    if is_whole and len(text.splitlines()) == 1:
        raise UnreadableFile("header_only", "it has a header and no rows; export it again")
    return "csv"
