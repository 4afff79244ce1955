"""Which input files have come since the last look, and whether they rest.

What belongs here: the diff between what the folders hold and what was handled, and what the vault has read already.
What does not: asking for runs (`arrival_sensors.py`), reading the files (`readers/`, `assets/loading.py`).

Nothing kept between two looks names a file or a folder, since both may name a person: a look is remembered as one keyed
hash of the whole set, so the cursor has 200 bytes for ten thousand files as for one. Which files of a changed set are
new is then asked of the vault, which knows what it has read.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb

from browse_assets.readers.customers import CONSENT, CUSTOMER_TABLES
from browse_assets.readers.inbox import InboxFile, list_inbox

# A writer that pauses for longer is taken for done; its file is read again when it goes on, since it then differs.
REST_SECONDS = 10.0
# In a folder that never rests, such as one that gets a file every few seconds, what rests is read this often.
PATIENCE_SECONDS = 300.0
_ENDINGS = (".csv", ".parquet")


class UnreadableFolderError(Exception):
    """A folder of input files could not be read, which says nothing about what it holds."""


@dataclass(frozen=True)
class Look:
    """What a sensor remembers between two looks: its cursor.

    Attributes:
        handled: hash of the files that a run was asked for, or that were found to be read already.
        seen: hash of the files at the last look, where it is another.
        since: epoch seconds of the first look that found another; 0 when there was none.
    """

    handled: str = ""
    seen: str = ""
    since: float = 0.0

    def dump(self) -> str:
        """As text."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str | None) -> "Look":
        """From text; what is none of ours is no look at all: at worst one look into the vault more."""
        try:
            found = json.loads(text or "{}")
            return cls(str(found.get("handled", "")), str(found.get("seen", "")), float(found.get("since", 0.0)))
        except (ValueError, TypeError, AttributeError):
            return cls()


def resting(files: Iterable[InboxFile], now: float) -> list[InboxFile]:
    """Those that nobody has written to for REST_SECONDS.

    A file dated in the future (another clock) counts as resting: `look_again` waits until it no longer changes.

    Args:
        files: what the folder holds.
        now: epoch seconds.
    """
    return [file for file in files if not 0 <= now - file.modified_ns / 1e9 < REST_SECONDS]


def state_of(files: Sequence[InboxFile]) -> str:
    """The set as text: path, size and time of each; empty for no file. Personal: to be hashed with a key."""
    ordered = sorted(files, key=lambda file: file.relative)
    return "\x1e".join(f"{file.relative}\x1f{file.size_bytes}\x1f{file.modified_ns}" for file in ordered)


def look_again(last: Look, digest: str, now: float) -> tuple[Look, bool]:
    """The next cursor, and whether the set is to be handled now.

    It is when it differs from what was handled, and was the same at the look before or has kept changing for
    PATIENCE_SECONDS. Handling it makes it `handled_now(digest)`; where that fails, the cursor returned here stays and
    the next look tries again.

    Args:
        last: the cursor.
        digest: keyed hash of the resting files; empty for none.
        now: epoch seconds.
    """
    if digest == last.handled:
        return handled_now(digest), False
    since = last.since or now
    is_due = (last.since > 0 and digest == last.seen) or now - since >= PATIENCE_SECONDS
    return Look(handled=last.handled, seen=digest, since=since), is_due


def handled_now(digest: str) -> Look:
    """The cursor after a set was handled."""
    return Look(handled=digest)


def read_folder(folder: Path, name: str) -> list[InboxFile]:
    """The files of a folder of input files; none where it is empty.

    Args:
        folder: the folder, which has to be there.
        name: how it is called in messages: its own path can name a person.

    Raises:
        UnreadableFolderError: it is not there, or it or a folder in it cannot be read.
    """
    try:
        if not folder.is_dir():
            raise FileNotFoundError
        return list_inbox(folder)
    except OSError as error:
        raise UnreadableFolderError(
            f"data/{name} cannot be read ({type(error).__name__}): a mount that is missing, or permissions. That is no "
            "empty folder: nothing is concluded from it, and it is looked at again."
        ) from None


def customer_tables(files: Iterable[InboxFile]) -> list[InboxFile]:
    """Those files of `customers/` that are one of its tables, or claim to be the consent table."""
    names = {f"{table}{ending}" for table in CUSTOMER_TABLES for ending in _ENDINGS}
    return [
        file
        for file in files
        if "/" not in file.relative and (file.relative in names or file.relative.lower().startswith(CONSENT))
    ]


def read_known_files(con: duckdb.DuckDBPyConnection, rules: str) -> dict[str, tuple[int, int]]:
    """Size and modification time of each file of the inbox that a run has read, or failed to by these rules."""
    return {
        path: (size, modified)
        for path, size, modified in con.execute(
            "SELECT path, size_bytes, modified_ns FROM vault.main.raw_files "
            "WHERE origin = 'inbox' AND (status = 'read' OR rules = ?) ORDER BY load_id",
            [rules],
        ).fetchall()
    }


def read_known_tables(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Hash of the content that each customer table in the vault was read from."""
    return dict(
        con.execute(
            "SELECT source_table, max(file_id) FROM vault.main.raw_customers WHERE file_id IS NOT NULL GROUP BY ALL"
        ).fetchall()
    )


def changed_tables(files: Iterable[InboxFile], known: Mapping[str, str]) -> list[str]:
    """Names of the customer tables whose content the vault does not hold, in order; at most five names.

    Raises:
        UnreadableFolderError: a file cannot be read.
    """
    changed = set()
    for file in files:
        is_consent = file.relative.lower().startswith(CONSENT)
        table = CONSENT if is_consent else file.path.stem
        try:
            with file.path.open("rb") as opened:
                content = hashlib.file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise UnreadableFolderError(
                f"data/customers: {table} cannot be read ({type(error).__name__}); it is looked at again."
            ) from None
        if known.get(table) != content:
            changed.add(table)
    return sorted(changed)
