"""A command that may run only once at a time for one data folder.

What belongs here: the lock. What does not: the lock of a DuckDB file, which DuckDB keeps itself.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class AlreadyRunningError(Exception):
    """Another process of the same command works on the same data folder; the message says which."""


@contextmanager
def sole_process(data_dir: Path, command: str, about: str = "") -> Iterator[int]:
    """Hold `<data_dir>/<command>.lock` for as long as the block lasts.

    The kernel gives the lock back when its last holder ends, however it ends: no stale lock to remove.

    Args:
        data_dir: data folder of the installation.
        command: `run` or `ui`.
        about: said to whoever comes second, such as addresses.

    Yields:
        The descriptor. A child that inherits it keeps the lock when the parent is killed.

    Raises:
        AlreadyRunningError: somebody else holds it.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(data_dir / f"{command}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip()
            raise AlreadyRunningError(f"make {command} is already running here ({holder})") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}{', ' if about else ''}{about}\n".encode(), 0)
        yield descriptor
    finally:
        os.close(descriptor)
