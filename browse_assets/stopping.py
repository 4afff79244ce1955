"""Ctrl-C: a command ends in order within seconds, or at once, and leaves nothing running.

What belongs here: signals of one process. What does not: what a command does before it ends (`on_stop`), servers
in processes of their own (`server_process.py`).

A handler of Python's own would come too late: it runs between two steps of the main thread, which a training in
native code may not take for a minute. So the signals are blocked in all threads, and one thread waits for them.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

# The tables stand a kill at any moment, so nobody has to wait for longer.
GRACE_SECONDS = 3.0
_NOTE_SECONDS = 1.0
_SAME_SECONDS = 0.3  # `make` passes SIGTERM on to a process that got it with its group
_DELIVERED = signal.SIGUSR1  # makes the main thread raise; Dagster replaces handlers of SIGINT, never of this one
_FINISHED = signal.SIGUSR2  # ends the waiting thread
_SHOW_CURSOR = "\x1b[?25h"


class StopRequests:
    """Whether an end was asked for, and what is to be done then."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.signal: signal.Signals | None = None
        self.say = say
        self.on_stop: Callable[[], None] | None = None
        self.watcher: threading.Thread | None = None
        self._timer: threading.Timer | None = None
        self._is_over = False

    @property
    def is_requested(self) -> bool:
        """Whether somebody pressed Ctrl-C, or sent SIGTERM or SIGHUP."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """130 for Ctrl-C, as shells have it."""
        return 128 + (self.signal or signal.SIGINT)

    def watch(self, awaited: set[signal.Signals]) -> None:
        """Wait for signals until the command is over: the first ends it in order, the second at once."""
        first = float("inf")
        while (number := signal.Signals(signal.sigwait({*awaited, _FINISHED}))) != _FINISHED:
            if self.is_requested:
                if time.monotonic() - first < _SAME_SECONDS:
                    continue
                self.end_at_once("Stopped at once.")
            self.signal, first = number, time.monotonic()
            with suppress(OSError, ValueError):  # a terminal that is gone (SIGHUP), a pipe that is closed
                self.say("Stopping ... (Ctrl-C again: at once)")
            why = "Stopped in the middle of a step that does not listen."
            self._timer = threading.Timer(GRACE_SECONDS, self.end_at_once, [why])
            self._timer.daemon = True
            self._timer.start()
            self._note()
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, _DELIVERED)

    def forward(self, number: int, _: object) -> None:
        """A signal that a thread got which is older than the block, and so does not have it blocked."""
        if self.watcher and self.watcher.ident:
            signal.pthread_kill(self.watcher.ident, number)

    def deliver(self, *_: object) -> None:
        """In the main thread, between two of its steps."""
        if not self._is_over:
            raise KeyboardInterrupt

    def finish(self) -> None:
        """The block is over: what comes now has nothing to end."""
        self._is_over = True
        if self._timer:
            self._timer.cancel()

    def _note(self) -> None:
        """What is to be noted elsewhere, in a thread of its own: a lock there must not hold up the end."""
        if self.on_stop is None:
            return
        noting = threading.Thread(target=self.on_stop, daemon=True)
        noting.start()
        noting.join(_NOTE_SECONDS)

    def end_at_once(self, why: str) -> NoReturn:
        """Kill what this process has started, then end it without another step."""
        for process in descendants(os.getpid()):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        with suppress(OSError, ValueError):
            if sys.stdout.isatty():
                os.write(sys.stdout.fileno(), f"{_SHOW_CURSOR}\r".encode())
            os.write(sys.stderr.fileno(), f"{why} The tables are as the last finished step left them.\n".encode())
        os._exit(self.exit_code)


def descendants(process: int) -> list[int]:
    """Ids of all processes that a process has started, and of those that they have started; none without `ps`."""
    try:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False).stdout
    except OSError:  # slim containers have no `ps`; there nothing may keep the process itself from its end
        listed = ""
    children: dict[int, list[int]] = {}
    for line in listed.splitlines():
        child, parent = (int(number) for number in line.split())
        children.setdefault(parent, []).append(child)
    found = [process]
    for parent in found:
        found += children.get(parent, [])
    return found[1:]


@contextmanager
def stop_requests(say: Callable[[str], None]) -> Iterator[StopRequests]:
    """Let SIGINT, SIGTERM and SIGHUP end the block with KeyboardInterrupt, however busy it is.

    Outside the main thread, where nothing can be interrupted, the block runs as it is.
    """
    requests = StopRequests(say)
    if threading.current_thread() is not threading.main_thread():
        yield requests
        return
    # As `nohup` leaves SIGHUP, it stays; as `&` in a script leaves SIGINT, Ctrl-C and `kill -INT` would do nothing.
    awaited = {signal.SIGINT, signal.SIGTERM}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        awaited.add(signal.SIGHUP)
    before = {number: signal.signal(number, requests.forward) for number in awaited}
    before[_DELIVERED] = signal.signal(_DELIVERED, requests.deliver)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*awaited, _FINISHED})
    watcher = requests.watcher = threading.Thread(target=requests.watch, args=[awaited], daemon=True)
    watcher.start()
    try:
        yield requests
    finally:
        requests.finish()
        assert watcher.ident is not None
        signal.pthread_kill(watcher.ident, _FINISHED)
        watcher.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for number, handler in before.items():
            signal.signal(number, handler)
