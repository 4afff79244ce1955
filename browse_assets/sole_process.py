"""A command that may run only once at a time for one data folder.

What belongs here: the lock, and what is said to whoever comes second. What does not: the lock of a DuckDB file,
which DuckDB keeps itself.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from browse_assets.foreseen import ForeseenError

_LOOKED_AT_SECONDS = 0.5
_LONGEST = 4000  # bytes read of a lock file


class AlreadyRunningError(ForeseenError):
    """Another process works on the same data folder; the message says which, since when, and at what.

    Attributes:
        holder: who that is, without what to do about it.
    """

    def __init__(self, holder: str, advice: str) -> None:
        super().__init__(f"{holder}. {advice}")
        self.holder = holder


@dataclass(frozen=True)
class Lock:
    """A lock that is held.

    Attributes:
        descriptor: a child that inherits it keeps the lock when the parent is killed.
        command: who holds it, such as `make run`.
    """

    descriptor: int
    command: str

    def tell(self, about: str, servers: tuple[int, ...] = ()) -> None:
        """What is going on, for whoever comes second; `servers` are process groups that hold the lock too."""
        note = {"command": self.command, "process": os.getpid(), "since": time.time(), "about": about}
        with suppress(ValueError, OSError):
            note["since"] = json.loads(os.pread(self.descriptor, _LONGEST, 0))["since"]
        content = json.dumps({**note, "servers": servers}).encode()
        os.pwrite(self.descriptor, content, 0)
        os.ftruncate(self.descriptor, len(content))


@contextmanager
def sole_process(data_dir: Path, name: str, about: str = "", *, command: str = "") -> Iterator[Lock]:
    """Hold `<data_dir>/<name>.lock` for as long as the block lasts.

    The kernel gives the lock back when its last holder ends, however it ends: no stale lock to remove.

    Args:
        data_dir: data folder of the installation.
        name: `run` for what writes the tables, `ui` for the servers.
        about: said to whoever comes second, such as addresses.
        command: what the user typed; `make <name>` if not given.

    Raises:
        AlreadyRunningError: somebody else holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not _is_taken(descriptor):
            raise _refusal(name, os.pread(descriptor, _LONGEST, 0).decode(errors="replace"))
        os.ftruncate(descriptor, 0)
        lock = Lock(descriptor, command or f"make {name}")
        lock.tell(about)
        yield lock
    finally:
        os.close(descriptor)


def _is_taken(descriptor: int) -> bool:
    """Whether the lock is ours now; somebody who only looks (`ui.CommandRuns`) has it for a moment."""
    deadline = time.monotonic() + _LOOKED_AT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOOKED_AT_SECONDS / 10)


def _refusal(name: str, content: str) -> AlreadyRunningError:
    """Who holds the lock, since when, at what, and what to do about it."""
    try:
        held = json.loads(content)
        command, process, about = held["command"], held["process"], held["about"]
        since = time.strftime("%H:%M:%S", time.localtime(held["since"]))
        servers = [f"-{group}" for group in held["servers"]]
    except (ValueError, KeyError, TypeError):  # just taken, or by another version
        return AlreadyRunningError(f"make {name} is already running here", "Wait until it has ended.")
    if servers and not _is_alive(process):
        return AlreadyRunningError(
            f"a {command} of {since} was killed, and its servers run on ({about})",
            f"End them: kill -INT -- {' '.join(servers)}",
        )
    return AlreadyRunningError(
        f"{command} is already running here since {since} (process {process}){f': {about}' if about else ''}",
        f"Wait until it has ended, or end it: Ctrl-C where it runs, or kill -INT {process}.",
    )


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
