"""JSON text cut into its elements, block by block: lines, or the members of one long array.

What belongs here: finding where elements end, in bounded memory and without a Python call per
element. What does not: what an element says (`panel_json.py`, `takeout.py`).
"""

import contextlib
import re
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.text import LINE_LIMIT, TextSource

SCHEMA = pa.schema([("row_number", pa.int64()), ("element", pa.string())])
# Inside a string both quotes would be escaped. Begins with a literal, which is 30 times as fast to search.
TAKEOUT_KEY = re.compile(rb'"Browser History"\s*:\s*\[')
# The key and some spaces around its colon; enough to find it across two chunks.
_KEY_OVERLAP = 256

_OPENERS = np.zeros(256, np.int8)
_OPENERS[[ord("{"), ord("[")]] = 1
_OPENERS[[ord("}"), ord("]")]] = -1


def line_batches(source: TextSource) -> Iterator[pa.RecordBatch]:
    """The lines that are not blank; `row_number` is the line's number from 1."""
    pending = b""
    done = 0
    for chunk in source.chunks():
        block = pending + chunk
        cut = block.rfind(b"\n") + 1
        pending = block[cut:]
        if cut:
            batch, lines = _lines(block[:cut], done)
            done += lines
            yield batch
    if pending:
        yield _lines(pending, done)[0]


def _lines(block: bytes, done: int) -> tuple[pa.RecordBatch, int]:
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == 0x0A) + 1
    if not len(ends) or ends[-1] != len(block):
        ends = np.append(ends, len(block))
    return _batch(block, ends, done, " \t\r\n"), len(ends)


def _batch(block: bytes, ends: npt.NDArray[np.int64], done: int, trimmed: str) -> pa.RecordBatch:
    """Elements between the ends, numbered after `done`, without the blank ones."""
    offsets = np.concatenate(([0], ends)).astype(np.int32)
    texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(block))
    texts = pc.ascii_trim(texts, trimmed)
    numbers = pa.array(np.arange(done + 1, done + len(ends) + 1, dtype=np.int64))
    return pa.record_batch([numbers, texts], schema=SCHEMA).filter(pc.not_equal(texts, ""))


def array_batches(source: TextSource, key: re.Pattern[bytes] | None = None) -> Iterator[pa.RecordBatch]:
    """The members of the array that the text is, or of the first one under `key`.

    `row_number` is the member's place from 1.

    Raises:
        UnreadableFile: `truncated` when the array does not end, `line_too_long` for a member of more
            than 8 MiB, `unknown_format` when there is no such array.
    """
    # Closed with the reader: nobody else would close the file behind it.
    with contextlib.closing(source.chunks()) as chunks:  # type: ignore[type-var]
        pending = _after_opening(chunks, key)
        done = 0
        is_open = True
        while is_open:
            ends, closing = _member_ends(pending)
            is_open = closing is None
            if closing is not None:
                ends = np.append(ends, closing)
            if len(ends):
                batch = _batch(pending[: ends[-1]], ends, done, ", \t\r\n")
                # An empty array has one blank member, which is none.
                done += len(ends)
                if batch.num_rows:
                    yield batch
                pending = pending[ends[-1] + 1 :]
            if len(pending) > LINE_LIMIT:
                raise UnreadableFile("line_too_long", "an element is longer than 8 MiB; this is no list of page views")
            if is_open:
                chunk = next(chunks, None)
                if chunk is None:
                    raise UnreadableFile("truncated", "the JSON ends in the middle; export or copy the file again")
                pending += chunk
        for _ in chunks:  # to the end, where a cut or damaged compression shows
            pass


def _after_opening(chunks: Iterator[bytes], key: re.Pattern[bytes] | None) -> bytes:
    """What follows the array's opening bracket in the chunk that holds it."""
    pattern = key or re.compile(rb"\A\s*\[")
    pending = b""
    for chunk in chunks:
        pending += chunk
        if found := pattern.search(pending):
            return pending[found.end() :]
        if key or pending.strip():
            pending = pending[-_KEY_OVERLAP:]
    raise UnreadableFile("unknown_format", "it is no list of page views in JSON; see the README for formats")


def has_key(source: TextSource, key: re.Pattern[bytes]) -> bool:
    """Whether the text has the key anywhere, read to the first place."""
    pending = b""
    with contextlib.closing(source.chunks()) as chunks:  # type: ignore[type-var]
        for chunk in chunks:
            pending += chunk
            if key.search(pending):
                return True
            pending = pending[-_KEY_OVERLAP:]
    return False


def _member_ends(block: bytes) -> tuple[npt.NDArray[np.int64], int | None]:
    """Where members end (their commas) in a block that begins inside the array, and its closing."""
    data = np.frombuffer(block, np.uint8)
    quotes = data == 0x22
    if b"\\" in block:
        quotes[_escaped(data)] = False
    outside = np.cumsum(quotes, dtype=np.int32) % 2 == 0
    depth = np.cumsum(np.where(outside, _OPENERS[data], 0), dtype=np.int32)
    ends = np.flatnonzero((data == 0x2C) & outside & (depth == 0))
    closings = np.flatnonzero(depth < 0)
    if not len(closings):
        return ends, None
    return ends[ends < closings[0]], int(closings[0])


def _escaped(data: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Places of characters that a backslash escapes: every second one after the start of a run."""
    slashes = np.flatnonzero(data == 0x5C)
    starts_run = np.concatenate(([True], np.diff(slashes) > 1))
    order = np.arange(len(slashes))
    in_run = order - np.maximum.accumulate(np.where(starts_run, order, 0))
    after = slashes[in_run % 2 == 0] + 1
    return after[after < len(data)]
