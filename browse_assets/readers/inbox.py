"""The inbox: which files it holds, whose they are, and what identifies their content.

What belongs here: walking folders and hashing. What does not: looking into formats (`detection.py`) or
deciding what a file's rows mean (`sql/`).
"""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# Files that a program is still writing, and SQLite's companions, which are read with their database.
_UNFINISHED = (".part", ".tmp", ".crdownload", ".download")
_COMPANIONS = ("-wal", "-shm", "-journal")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class InboxFile:
    """One file of the inbox, as it was found."""

    path: Path
    relative: str
    owner: str | None
    size_bytes: int
    modified_ns: int

    @property
    def written_at(self) -> datetime:
        """When the file was last written, UTC."""
        return datetime.fromtimestamp(self.modified_ns / 1e9, UTC).replace(tzinfo=None)


def list_inbox(folder: Path) -> list[InboxFile]:
    """The regular files below a folder, in the order of their relative paths.

    A personal history file belongs to the subfolder of the inbox that it lies in (`owner`).

    Raises:
        OSError: a folder cannot be read: a failed read is not an empty inbox.
    """
    found: list[InboxFile] = []
    if not folder.exists():
        return found
    for root, directories, names in os.walk(folder, onerror=_fail):
        directories[:] = sorted(name for name in directories if not name.startswith("."))
        present = set(names)
        parents = Path(root).relative_to(folder).parts
        for name in sorted(names):
            if name.startswith(".") or name.endswith(_UNFINISHED):
                continue
            if any(name.endswith(end) and name.removesuffix(end) in present for end in _COMPANIONS):
                continue
            # Paths as text: sensors look every 15 s, and objects of 10,000 of them cost a second each time.
            status = os.stat(os.path.join(root, name))
            if stat.S_ISREG(status.st_mode):
                logs = [f"{name}{end}" for end in ("-wal", "-journal") if f"{name}{end}" in present]
                found.append(_describe(root, parents, name, status, logs))
    return sorted(found, key=lambda file: file.relative)


def _fail(error: OSError) -> None:
    raise error


def _describe(root: str, parents: Sequence[str], name: str, status: os.stat_result, logs: Sequence[str]) -> InboxFile:
    companions = [os.path.join(root, log) for log in logs]
    statuses = [status, *(os.stat(other) for other in companions if os.path.isfile(other))]
    return InboxFile(
        path=Path(root, name),
        relative="/".join([*parents, name]),
        owner=parents[0] if parents else None,
        size_bytes=sum(each.st_size for each in statuses),
        modified_ns=max(each.st_mtime_ns for each in statuses),
    )


def content_id(file: InboxFile) -> str:
    """SHA-256 of the content, of a database's write-ahead log too, since its newest rows are there.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    for path in (file.path, file.path.with_name(file.path.name + "-wal")):
        if path != file.path and not path.is_file():
            continue
        with path.open("rb") as opened:
            while chunk := opened.read(_CHUNK_BYTES):
                digest.update(chunk)
    return digest.hexdigest()


def unknown_files(files: Iterable[InboxFile], known: Mapping[str, tuple[int, int]]) -> list[InboxFile]:
    """The files that may hold something new: unknown path, or size or time differ from when it was read.

    Args:
        files: what the inbox holds.
        known: size in bytes and modification time in ns of what was read, by relative path.
    """
    return [file for file in files if known.get(file.relative) != (file.size_bytes, file.modified_ns)]
