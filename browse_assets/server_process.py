"""One server in a process of its own: start it, ask it, read its log, end it with all it started.

What belongs here: processes, signals, the log file. What does not: which servers there are (`ui.py`).
"""

import http.client
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from browse_assets.ports import HOST
from browse_assets.settings import PROJECT_ROOT

# What deserves a line on the terminal; everything is in the log file.
IMPORTANT = re.compile(r"\b(ERROR|CRITICAL|RUN_START|RUN_SUCCESS|RUN_FAILURE|RUN_CANCELED)\b")
# Dagster's own line of it: date, time, zone, logger, level, job, run, process, event, words.
_OF_RUN = re.compile(
    r"^\S+ (?P<time>\S+) \S+ - dagster - \w+ - (?P<job>\w+) - (?P<run>[0-9a-f]{8})\S* - \d+ - (?P<event>RUN_\w+) "
)
_BECAME = {
    "RUN_START": "started",
    "RUN_SUCCESS": "is done",
    "RUN_FAILURE": "failed; its page says why",
    "RUN_CANCELED": "was canceled",
}
ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Server:
    """One server: a process group of its own, so that the terminal's Ctrl-C reaches only this module
    and everything that the server started can be ended with it."""

    def __init__(
        self, name: str, port: int, health: str, arguments: Sequence[str], log: Path, first_page: str = ""
    ) -> None:
        self.name = name
        self.first_page = first_page  # printed after the address: the page to see first, and what to do there
        self.address = f"http://{HOST}:{port}"
        self._port = port
        self._health = health
        self._arguments = arguments
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: BinaryIO | None = None
        self._rest = b""

    def last_lines(self) -> str:
        """The end of the log, to be shown when the server failed."""
        if self._reader is None:
            return ""
        self._reader.seek(0)
        lines = ANSI.sub("", self._reader.read().decode(errors="replace")).splitlines()[-12:]
        return "\n  ".join([f"The end of {self.log}:", *lines])

    def start(self, environment: Mapping[str, str], lock: int) -> None:
        """Start it, its output going to its log file (mode 0600)."""
        descriptor = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        self._reader = self.log.open("rb")  # stays open: a log that somebody removes ends nothing
        with os.fdopen(descriptor) as output:
            # Handlers of this process become the default again in the child. So SIGINT works there even
            # where this process was started with it ignored, as by `&` in a script.
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._arguments],
                cwd=PROJECT_ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
            )

    def answers(self) -> bool:
        """Whether its health page says 200."""
        connection = http.client.HTTPConnection(HOST, self._port, timeout=5)
        try:
            connection.request("GET", self._health)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def has_ended(self) -> bool:
        """Whether the server's own process is gone."""
        return self._process is None or self._process.poll() is not None

    def how_it_ended(self) -> str:
        """The signal or the exit code that its own process ended with, in words."""
        code = self._process.poll() if self._process else None
        if code is None:
            return "ended"
        if code >= 0:
            return f"ended by itself with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:  # a real-time signal
            name = f"signal {-code}"
        hint = "; the system does that when memory runs out" if -code == signal.SIGKILL else ""
        return f"was ended by {name} from outside{hint}"

    @property
    def group(self) -> int:
        """The process group of all that it started; 0 before it was."""
        return self._process.pid if self._process else 0

    def is_gone(self) -> bool:
        """Whether nothing that the server started is left."""
        return self.has_ended() and not self._signal(0)

    def end(self, number: signal.Signals) -> None:
        """Send a signal to the server and all that it started."""
        self._signal(number)

    def _signal(self, number: int) -> bool:
        if self._process is None:
            return False
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
            return False
        return True

    def important_lines(self) -> list[str]:
        """What was logged since the last call and deserves to be seen."""
        fresh = self._reader.read() if self._reader else b""
        *lines, self._rest = (self._rest + fresh).split(b"\n")
        texts = [ANSI.sub("", line.decode(errors="replace")).strip() for line in lines]
        return [in_words(text[:300]) for text in texts if IMPORTANT.search(text)]


def in_words(line: str) -> str:
    """A line of Dagster about a run as people say it (times are UTC); any other line as it is."""
    found = _OF_RUN.match(line)
    if found is None or found["event"] not in _BECAME:
        return line
    job = "chosen assets" if found["job"].startswith("__") else found["job"]
    return f"{found['time']} run {found['run']} of {job} {_BECAME[found['event']]}"
