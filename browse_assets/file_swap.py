"""Several files replaced together: all of them or none, whenever the process is killed.

What belongs here: the journal, renames, syncing, and finishing what a kill interrupted. What does not:
what the new files hold (`rewriting.py`, `rotate_keys.py`).

New files are written in full beside the old (`<name>.<random>.part`). The journal that lists them is the
one moment that decides: before it is in its place the old files are in force and the parts are litter;
from then on the new ones are, and whoever opens the databases next renames what is left to rename.
"""

import json
import os
import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

JOURNAL = "replacement.json"


@dataclass(frozen=True)
class Move:
    """One file that is written in full, and the one whose place it takes."""

    part: Path
    target: Path


def planned(target: Path) -> Move:
    """A name beside the target (a link is followed) that no other replacement uses."""
    resolved = target.resolve()
    return Move(resolved.with_name(f"{resolved.name}.{secrets.token_hex(4)}.part"), resolved)


def commit(folder: Path, moves: Sequence[Move]) -> None:
    """Put the parts in their places, in order; the parts are complete and closed.

    Args:
        folder: the data folder, where the journal lies for as long as this takes.
        moves: files to replace; a database's write-ahead log is taken away with it.
    """
    folder = folder.resolve()
    for move in moves:
        _sync(move.part)
        _sync(move.part.parent)
    listed = [[os.path.relpath(path, folder) for path in (move.part, move.target)] for move in moves]
    journal = folder / JOURNAL
    draft = journal.with_name(f"{JOURNAL}.{secrets.token_hex(4)}.part")
    draft.write_text(json.dumps(listed))
    _sync(draft)
    os.replace(draft, journal)
    _sync(folder)
    finish(folder)


def is_decided(folder: Path) -> bool:
    """Whether a replacement is in force whose renames are not done yet."""
    return (folder / JOURNAL).exists()


def finish(folder: Path) -> None:
    """Do the renames that a killed `commit` left; nothing where there is no journal.

    Cheap (one look for a file), so that every opening of the databases begins with it. Two processes may
    do it at the same time.
    """
    folder = folder.resolve()
    journal = folder / JOURNAL
    try:
        listed = json.loads(journal.read_text())
    except FileNotFoundError:
        return
    for part, target in ((folder / names[0], folder / names[1]) for names in listed):
        if part.exists():
            # The log of the old file would be replayed into the new one.
            for log in target.parent.glob(f"{target.name}.wal*"):
                log.unlink(missing_ok=True)
            with suppress(FileNotFoundError):  # another process was faster
                os.replace(part, target)
            _sync(target.parent)
    journal.unlink(missing_ok=True)
    _sync(folder)


def remove_parts(targets: Iterable[Path]) -> None:
    """Remove what replacements that were killed before their commit have left.

    To be called by a process that holds the databases, so that no replacement is going on.
    """
    for target in (path.resolve() for path in targets):
        for left in target.parent.glob(f"{target.name}.*.part*"):
            left.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
