"""People taken out of the input files that users keep in `inbox/` and `customers/`.

What belongs here: which of a file's rows are whose, and writing the file without them. What does not:
databases (`people.py`), reading files for the vault (`readers/`).

Rows of other people stay byte for byte, but for an id of an erased person that they quote. A history
belongs to one person as a whole. What cannot be edited is refused before anything is changed.
"""

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from browse_assets.byte_search import holds, names_of, readings
from browse_assets.erasure.wanted_people import WantedPeople
from browse_assets.readers.columns import panel_columns
from browse_assets.readers.customers import user_column
from browse_assets.readers.detection import identify
from browse_assets.readers.errors import UnreadableFile
from browse_assets.readers.inbox import InboxFile, content_id, list_inbox
from browse_assets.readers.panel_csv import DELIMITERS, read_header
from browse_assets.readers.text import LINE_LIMIT, compression_of, raw_chunks
from browse_assets.resources import PrivateDataError
from browse_assets.settings import Settings

_ROWS = ("csv", "jsonl", "json_array", "parquet")
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
UserOf = Callable[[Sequence[str]], str | None]
Edit = Callable[[str], str | None]  # a row to what stays of it


class UneditableFileError(PrivateDataError):
    """A file holds an id and cannot be written without it; the message does not name the file."""


@dataclass(frozen=True)
class EditedFile:
    """What became of one file of the inbox; `new` is None when it was deleted."""

    relative: str
    new: InboxFile | None


def refuse_uneditable(settings: Settings, people: WantedPeople) -> None:
    """See that every file which holds one of the people can be written without them.

    Raises:
        UneditableFileError: it cannot; nothing was changed.
    """
    stuck = []
    for file in list_inbox(settings.inbox):
        kind = _kind(file.path, settings)
        if kind in _ROWS or _is_theirs(file, people):
            continue
        if any(holds(content, people.spellings) for _, content in readings(file.path)):
            stuck.append(content_id(file)[:12])
    if stuck:
        raise UneditableFileError(
            f"{len(stuck)} files of the inbox hold the id and cannot be edited (histories of other people, archives, "
            f"files that cannot be read). Their content begins with SHA-256 {', '.join(sorted(stuck)[:5])}. Take them "
            "out of the inbox, then erase again. Nothing was changed."
        )


def edit_inbox(settings: Settings, people: WantedPeople) -> list[EditedFile]:
    """Write each file of the inbox that holds one of the people without them, or delete it."""
    edited: list[EditedFile] = []
    for file in list_inbox(settings.inbox):
        kind = _kind(file.path, settings)
        if kind not in _ROWS:
            if _is_theirs(file, people):
                _delete(file.path)
                edited.append(EditedFile(file.relative, None))
            continue
        target = file.path.with_name(_name_without(file.path.name, people))
        outcome = _edit_rows(file.path, target, kind, people, _panel_user)
        if outcome == "emptied":
            edited.append(EditedFile(file.relative, None))
        elif outcome == "written":
            relative = target.relative_to(settings.inbox).as_posix()
            edited.append(EditedFile(file.relative, _described(target, relative)))
    _remove_folders(settings.inbox, people)
    return edited


def edit_customers(settings: Settings, people: WantedPeople) -> int:
    """Write the customer tables without the people; returns how many files were changed."""
    changed = 0
    for path in sorted(settings.customers.rglob("*")):
        kind = {".csv": "csv", ".parquet": "parquet"}.get(path.suffix.lower())
        if path.is_file() and kind is not None:
            changed += _edit_rows(path, path, kind, people, user_column_index, keep_empty=True) != "same"
    return changed


def _name_without(name: str, people: WantedPeople) -> str:
    """A file's name without the ids in it; the longest part that ends with an id is looked at first."""
    for shown in names_of(Path(name)):
        if (cleared := people.without_mentions(shown)) != shown:
            return cleared.replace("{erased}", "erased") + name.removeprefix(shown)
    return name


def _kind(path: Path, settings: Settings) -> str | None:
    settings.scratch.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return identify(path, scratch=settings.scratch)
    except UnreadableFile:
        return None


def _is_theirs(file: InboxFile, people: WantedPeople) -> bool:
    return (file.owner or content_id(file)) in people.user_ids


def _delete(path: Path) -> None:
    for companion in ("-wal", "-shm", "-journal"):
        path.with_name(path.name + companion).unlink(missing_ok=True)
    path.unlink()


def _described(path: Path, relative: str) -> InboxFile:
    status = path.stat()
    return InboxFile(path, relative, None, status.st_size, status.st_mtime_ns)


def _remove_folders(inbox: Path, people: WantedPeople) -> None:
    """A person's own folder: what programs left in it (hidden, unfinished) and, once it is empty, itself."""
    kept = {file.path for file in list_inbox(inbox)}
    for folder in (inbox / user_id for user_id in people.user_ids if len(Path(user_id).parts) == 1):
        if folder.parent != inbox or not folder.is_dir():
            continue
        for path in sorted(folder.rglob("*"), reverse=True):
            if path.is_dir():
                with suppress(OSError):
                    path.rmdir()
            elif path not in kept:
                path.unlink()
        with suppress(OSError):
            folder.rmdir()


def _panel_user(names: Sequence[str]) -> list[str]:
    return list(panel_columns(names).by_field.get("user_id", ()))


def user_column_index(names: Sequence[str]) -> list[str]:
    """The one column of a customer table that names the person."""
    found = user_column(names)
    return [found] if found is not None else []


def _edit_rows(
    path: Path,
    target: Path,
    kind: str,
    people: WantedPeople,
    user_columns: Callable[[Sequence[str]], list[str]],
    *,
    keep_empty: bool = False,
) -> str:
    """`same`, `written` or `emptied`; the file is exchanged in one step, or not at all."""
    part = path.with_name("erasure.part")
    status = path.stat()
    try:
        if kind == "parquet":
            counts = _write_parquet(path, part, people, user_columns)
        else:
            counts = _write_text(path, part, kind, people, user_columns)
        rows, changed = counts
        if not changed and target == path:
            return "same"
        if rows == 0 and not keep_empty:
            path.unlink()
            return "emptied"
        shutil.copymode(path, part)
        os.utime(part, ns=(status.st_atime_ns, status.st_mtime_ns))  # rows are judged by when it was written
        with part.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(part, target)
        if target != path:
            path.unlink()
        return "written"
    finally:
        part.unlink(missing_ok=True)


def _write_text(
    path: Path, part: Path, kind: str, people: WantedPeople, user_columns: Callable[[Sequence[str]], list[str]]
) -> tuple[int, bool]:
    chunks = raw_chunks(path)
    first = next(chunks, b"")
    encoding = "utf-16" if first.startswith(_UTF16_MARKS) else None
    content: Iterator[bytes] = _chain(first, chunks)
    if encoding:
        content = iter([b"".join(content).decode("utf-16").encode()])
    records: Iterator[tuple[bytes, bytes | None]]
    if kind == "csv":
        records = _csv_records(_lines(content), people, user_columns)
    elif kind == "jsonl":
        records = ((line, _edited_json(line, people)) for line in _lines(content))
    else:
        records = _array_records(b"".join(content), people)
    rows = -1 if kind == "csv" else 0  # the header is no row
    changed = False
    with _packed_like(path, part) as out:
        pending: list[bytes] = []
        for before, after in records:
            changed |= before != after
            if after is None:
                continue
            rows += bool(after.strip(b" \t\r\n[],\xef\xbb\xbf"))
            if encoding:
                pending.append(after)
            else:
                out.write(after)
        if encoding:
            out.write(b"".join(pending).decode().encode("utf-16"))
    return rows, changed


def _chain(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


@contextmanager
def _packed_like(path: Path, part: Path) -> Iterator[IO[bytes]]:
    packing = compression_of(path)
    with part.open("wb") as raw:
        if packing is None:
            yield raw
        else:
            with pa.CompressedOutputStream(pa.PythonFile(raw), packing) as out:
                yield cast(IO[bytes], out)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Lines with their ends; a file without any line feed has carriage returns."""
    pending = b""
    end = b""
    for chunk in chunks:
        block = pending + chunk
        end = end or (b"\n" if b"\n" in block else b"\r" if b"\r" in block[:-1] else b"")
        *whole, pending = block.split(end) if end else [block]
        yield from (line + end for line in whole)
    if pending:
        yield pending


def _csv_records(
    lines: Iterator[bytes], people: WantedPeople, user_columns: Callable[[Sequence[str]], list[str]]
) -> Iterator[tuple[bytes, bytes | None]]:
    records = _joined(lines)
    head, _ = next(records, (b"", True))
    yield head, head
    names, delimiter = _header(head, user_columns)
    places = [names.index(name) for name in user_columns(names)]

    def edited(record: bytes) -> bytes | None:
        return _edited_csv(record, people, delimiter, len(names), places)

    for record, is_closed in records:
        if not people.may_be_in(record):
            yield record, record
        elif (is_closed and len(_fields(record, delimiter)) == len(names)) or record.count(b"\n") <= 1:
            yield record, edited(record)
        else:  # a quote that never closes: each line for itself, as the reader takes it
            yield from ((line, edited(line)) for line in record.splitlines(keepends=True))


def _joined(lines: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Records: lines put together for as long as a quote is open, within reason; and whether it was closed."""
    pending = b""
    for line in lines:
        pending = pending + line if pending else line
        is_closed = pending.count(b'"') % 2 == 0
        if is_closed or len(pending) > LINE_LIMIT:
            yield pending, is_closed
            pending = b""
    if pending:
        yield pending, False


def _header(head: bytes, user_columns: Callable[[Sequence[str]], list[str]]) -> tuple[list[str], str]:
    text = head.removeprefix(b"\xef\xbb\xbf")
    with suppress(UnreadableFile):
        header = read_header(text)
        if user_columns(header.names):
            return list(header.names), header.delimiter
    for delimiter in DELIMITERS:
        names = _fields(text, delimiter)
        if user_columns(names):
            return names, delimiter
    return _fields(text, ","), ","


def _fields(record: bytes, delimiter: str) -> list[str]:
    text = record.decode("utf-8", "replace")
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return []


def _edited_csv(record: bytes, people: WantedPeople, delimiter: str, width: int, places: list[int]) -> bytes | None:
    fields = _fields(record, delimiter)
    text = record.decode("utf-8", "surrogateescape")
    user = next((fields[place].strip() for place in places if fields[place]), "") if len(fields) == width else ""
    if user in people.user_ids or (not user and people.are_named_in(text)):
        return None
    return people.without_mentions(text).encode("utf-8", "surrogateescape")


def _edited_json(element: bytes, people: WantedPeople) -> bytes | None:
    if not people.may_be_in(element):
        return element
    text = element.decode("utf-8", "surrogateescape")
    user = _json_user(text)
    if user in people.user_ids or (not user and people.are_named_in(text)):
        return None
    return people.without_mentions(text).encode("utf-8", "surrogateescape")


def _json_user(text: str) -> str:
    try:
        row: Any = json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(row, dict):
        return ""
    values = (row[name] for name in _panel_user(list(row)))
    return next((str(value).strip() for value in values if value not in (None, "")), "")


def _array_records(content: bytes, people: WantedPeople) -> Iterator[tuple[bytes, bytes | None]]:
    """The members of one list, with what stands before each; the bracket that closes it comes last."""
    text = content.decode("utf-8", "surrogateescape")
    decoder = json.JSONDecoder()
    start = text.index("[") + 1
    is_first = True
    yield text[:start].encode(), text[:start].encode()
    while True:
        begin = start
        while text[begin : begin + 1] in (" ", "\t", "\r", "\n", ","):
            begin += 1
        if text[begin : begin + 1] in ("]", ""):
            break
        try:
            _, stop = decoder.raw_decode(text, begin)
        except ValueError:
            raise UneditableFileError(
                "A file of the inbox is a list in JSON that is broken, and cannot be edited. Take it out of the "
                "inbox, then erase again."
            ) from None
        before, member = text[start:begin], text[begin:stop].encode("utf-8", "surrogateescape")
        after = _edited_json(member, people)
        joint = before.replace(",", "") if is_first else before
        whole = before.encode() + member
        yield whole, None if after is None else joint.encode() + after
        is_first &= after is None
        start = stop
    tail = text[start:].encode("utf-8", "surrogateescape")
    yield tail, tail


def _write_parquet(
    path: Path, part: Path, people: WantedPeople, user_columns: Callable[[Sequence[str]], list[str]]
) -> tuple[int, bool]:
    if compression_of(path):
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".erasure") as folder:
            inner = Path(folder) / "unpacked"
            inner.write_bytes(b"".join(raw_chunks(path)))
            outcome = _write_parquet(inner, Path(folder) / "edited", people, user_columns)
            with _packed_like(path, part) as out:
                out.write((Path(folder) / "edited").read_bytes())
            return outcome
    with pq.ParquetFile(path) as file:
        table = file.read()
        codec = file.metadata.row_group(0).column(0).compression if file.metadata.num_row_groups else "SNAPPY"
    users = pa.nulls(len(table), pa.string())
    for name in user_columns(table.schema.names):
        column = table.column(table.schema.names.index(name))
        texts = pc.utf8_trim_whitespace(pc.cast(column.combine_chunks(), pa.string()))
        users = pc.coalesce(users, pc.if_else(pc.equal(texts, ""), None, texts))
    theirs = pc.is_in(users, value_set=pa.array(sorted(people.user_ids), pa.string()))
    kept = table.filter(pc.invert(theirs))
    cleared = pa.table([_without_mentions(column, people) for column in kept.columns], schema=kept.schema)
    pq.write_table(cleared, part, compression="none" if codec == "UNCOMPRESSED" else codec.lower())
    return len(cleared), not cleared.equals(table)


def _without_mentions(column: pa.ChunkedArray, people: WantedPeople) -> pa.ChunkedArray:
    if not people.unusual_ids or not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    values = [None if value is None else people.without_mentions(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(values, column.type)])
