"""Bytes of a file as clean UTF-8 in chunks: decompressed, decoded, guarded, in bounded memory.

What belongs here: gzip and Zstandard by magic bytes, byte order marks, wrong encodings, limits on
lines and on unpacked size. What does not: what the text means (CSV, JSON).
"""

import codecs
import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import numpy as np
import pyarrow as pa

from browse_assets.readers.errors import UnreadableFile

LINE_LIMIT = 8 * 2**20  # no page view is that long; a file of one line must not fill the memory
CHUNK_BYTES = 2**20
HEAD_BYTES = 2**16

# A bomb: text of browsing packs 5 to 30 times, never 200 times.
MAX_RATIO = 200
RATIO_FREE_BYTES = 50 * 10**6
MAX_UNPACKED_BYTES = 2 * 2**30

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

# Where a file holds bytes that are not UTF-8, they become U+FFFD; a U+FFFD that was there before
# becomes this noncharacter meanwhile, so that the two can be told apart.
BAD_BYTE = "\ufffd"
KEPT_REPLACEMENT = "\ufdd0"
_LINE_END = 0x0A
_BAD_LINE = re.compile(BAD_BYTE.encode() + rb"[^\n]*")


def too_large() -> UnreadableFile:
    """The error of an archive that unpacks to more than anybody's browsing."""
    return UnreadableFile(
        "archive_too_large",
        "the file unpacks to far more than a browsing history; export the history alone, or unpack it",
    )


def not_utf8() -> UnreadableFile:
    """The error of a text in another encoding than it should have."""
    return UnreadableFile("not_utf8", "its text is not UTF-8 (nor marked UTF-16); save it as UTF-8 and put it back")


def compression_of(path: Path) -> str | None:
    """`gzip`, `zstd` or None, by magic bytes."""
    with open_regular(path) as file:
        magic = file.read(4)
    if magic.startswith(GZIP_MAGIC):
        return "gzip"
    return "zstd" if magic == ZSTD_MAGIC else None


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading; pipes and devices, which could block for ever, are refused.

    Raises:
        UnreadableFile: `unreadable`.
    """
    if path.is_file():
        with contextlib.suppress(OSError):
            return path.open("rb")
    raise UnreadableFile("unreadable", "it cannot be opened as a file; check that it exists, and its permissions")


def raw_chunks(path: Path, *, max_bytes: int | None = None) -> Iterator[bytes]:
    """The decompressed bytes of a file, at most 1 MiB at a time.

    Raises:
        UnreadableFile: `truncated` (damaged or cut compression), `archive_too_large`, `unreadable`.
    """
    packing = compression_of(path)
    packed_bytes = path.stat().st_size
    seen = 0
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(open_regular(path))
        stream: IO[bytes] = file
        if packing == "gzip":
            stream = cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=file)))
        elif packing == "zstd":
            stream = cast(IO[bytes], stack.enter_context(pa.CompressedInputStream(pa.PythonFile(file), "zstd")))
        while True:
            try:
                chunk = stream.read(CHUNK_BYTES)
            except (EOFError, zlib.error, OSError, pa.ArrowException):
                if packing is None:
                    raise UnreadableFile("unreadable", "reading it failed; check the disk it lies on") from None
                raise UnreadableFile(
                    "truncated", "the compressed file is cut off or damaged; export or copy it again"
                ) from None
            if not chunk:
                return
            seen += len(chunk)
            if packing and seen > max(RATIO_FREE_BYTES, MAX_RATIO * packed_bytes):
                raise too_large()
            if max_bytes is not None and seen > max_bytes:
                raise too_large()
            yield bytes(chunk)


def unpack(path: Path, target: Path) -> None:
    """Decompress a file whole, for formats that need random access; at most 2 GiB.

    Raises:
        UnreadableFile: as `raw_chunks`.
    """
    with target.open("xb") as out:
        for chunk in raw_chunks(path, max_bytes=MAX_UNPACKED_BYTES):
            out.write(chunk)


class TextSource:
    """A text file that can be streamed several times as UTF-8.

    Attributes:
        lines, bad_lines: line ends of the last pass, and lines with bytes that are not UTF-8.
        has_bad_bytes: whether a pass met bytes that are not UTF-8. Run one pass to the end before
            trusting it; later passes then mark such bytes with U+FFFD and nothing else.
        failure: the error that ended the last pass, for callers that only see it wrapped.
    """

    def __init__(self, path: Path, *, line_limit: int | None = LINE_LIMIT) -> None:
        self.path = path
        self.line_limit = line_limit
        self.has_bad_bytes = False
        self.lines = 0
        self.bad_lines = 0
        self.failure: UnreadableFile | None = None

    def chunks(self) -> Iterator[bytes]:
        """Valid UTF-8, at most a few MiB at a time, without byte order mark.

        Raises:
            UnreadableFile: as `raw_chunks`, and `line_too_long`, `not_utf8` (broken UTF-16).
        """
        self.failure = None
        self.lines = self.bad_lines = 0
        try:
            chunks = self._decoded()
            yield from self._short_lines(chunks) if self.line_limit else chunks
        except UnreadableFile as error:
            self.failure = error
            raise

    def refuse_wrong_encoding(self) -> None:
        """After a whole pass: refuse a file most of whose lines are not UTF-8.

        Text of a single line, such as compact JSON, is left to be judged by its elements.

        Raises:
            UnreadableFile: `not_utf8`.
        """
        if self.lines > 1 and 2 * self.bad_lines > self.lines + 1:
            raise not_utf8()

    def head(self, limit: int = HEAD_BYTES) -> tuple[bytes, bool]:
        """The beginning of the text, at least `limit` bytes of it, and whether that is all of it."""
        parts: list[bytes] = []
        size = 0
        with contextlib.closing(self.chunks()) as chunks:  # type: ignore[type-var]
            for chunk in chunks:
                parts.append(chunk)
                size += len(chunk)
                if size > limit:
                    return b"".join(parts), False
        return b"".join(parts), True

    def _decoded(self) -> Iterator[bytes]:
        raw = raw_chunks(self.path)
        first = next(raw, b"")
        if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            yield from _from_utf16(first, raw)
            return
        yield from self._from_utf8(first.removeprefix(codecs.BOM_UTF8), raw)

    def _from_utf8(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        mark = self.has_bad_bytes
        pending = first
        for chunk in _with_end(rest):
            try:
                used = codecs.utf_8_decode(pending, "strict", chunk is None)[1]
                block, pending = pending[:used], pending[used:]
                if mark:
                    block = block.replace(BAD_BYTE.encode(), KEPT_REPLACEMENT.encode())
            except UnicodeDecodeError:
                self.has_bad_bytes = True
                kept = pending.replace(BAD_BYTE.encode(), KEPT_REPLACEMENT.encode())
                text, used = codecs.utf_8_decode(kept, "replace", chunk is None)
                block, pending = text.encode(), kept[used:]
                self.bad_lines += len(_BAD_LINE.findall(block))
            if block:
                self.lines += int(np.count_nonzero(np.frombuffer(block, np.uint8) == _LINE_END))  # a sixth of count()
                yield block
            pending += chunk or b""

    def _short_lines(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        assert self.line_limit is not None
        run = 0  # bytes since the last line end
        for chunk in chunks:
            first = min((i for i in (chunk.find(b"\n"), chunk.find(b"\r")) if i >= 0), default=-1)
            if run + (len(chunk) if first < 0 else first) > self.line_limit:
                raise UnreadableFile(
                    "line_too_long",
                    f"a line is longer than {self.line_limit // 2**20} MiB; this is no list of page views",
                )
            last = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            run = run + len(chunk) if last < 0 else len(chunk) - last - 1
            yield chunk


def _with_end(chunks: Iterator[bytes]) -> Iterator[bytes | None]:
    """The chunks, then None for the end, so that the last bytes are flushed by the same loop."""
    yield from chunks
    yield None


def _from_utf16(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-16")()
    pending: bytes = first
    for chunk in _with_end(rest):
        try:
            yield decoder.decode(pending, chunk is None).encode()
        except UnicodeError:
            raise not_utf8() from None
        pending = chunk or b""


class ChunkFile(io.RawIOBase):
    """Chunks of bytes as a readable file, for parsers that want one."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        super().__init__()
        self._chunks = chunks
        self._pending = memoryview(b"")

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; b"" at the end."""
        if size < 0:
            return b"".join([bytes(self._pending), *self._chunks])
        parts: list[memoryview] = []
        missing = size
        while missing > 0:
            if not self._pending:
                chunk = next(self._chunks, None)
                if chunk is None:
                    break
                self._pending = memoryview(chunk)
            part, self._pending = self._pending[:missing], self._pending[missing:]
            parts.append(part)
            missing -= len(part)
        return b"".join(parts)
