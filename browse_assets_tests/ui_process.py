"""`make ui` as a test sees it: started on free ports, read, ended, and nothing left.

What belongs here: driving the process. What does not: what its pages must show (`test_browser.py`).
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
START_SECONDS = 240.0  # the limit of `ui.py` and a little more: CI has two cores for everything
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass
class RunningUi:
    """Both servers, answering."""

    process: subprocess.Popen[bytes]
    dagster: str
    mlflow: str
    output: Path

    def said(self) -> str:
        """What the terminal would have shown so far."""
        return self.output.read_text()

    def end(self, number: signal.Signals = signal.SIGINT, *, seconds: float = 60.0) -> int:
        """Send the signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=seconds)

    def groups(self) -> set[int]:
        """Process groups of its servers: everything that they start is in one of them."""
        listed = subprocess.run(["ps", "-A", "-o", "ppid=,pgid="], capture_output=True, text=True, check=True)
        pairs = [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
        return {group for parent, group in pairs if parent == self.process.pid}

    def ask_dagster(self, query: str) -> Any:
        """Data of a GraphQL query."""
        body = json.dumps({"query": query}).encode()
        request = urllib.request.Request(f"{self.dagster}/graphql", body, headers={"Content-Type": "application/json"})
        with DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)["data"]


def start_ui(data_dir: Path, *, arguments: Sequence[str] = (), ports: Mapping[str, int] | None = None) -> RunningUi:
    """Start it and wait for both servers.

    Args:
        data_dir: BROWSE_DATA_DIR, empty or filled.
        arguments: further ones of the command, such as another workspace.
        ports: BROWSE_DAGSTER_PORT and BROWSE_MLFLOW_PORT; free ones if not given.

    Raises:
        RuntimeError: it ended or took too long; the message holds what it said.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    output = data_dir / "ui-output.txt"
    # Empty, not absent: that also goes before a developer's own `.env`.
    environment = {**os.environ, "MLFLOW_TRACKING_URI": "", "BROWSE_SECRET_KEY": "", "BROWSE_AS_OF": ""}
    chosen = ports or {"BROWSE_DAGSTER_PORT": free_port(), "BROWSE_MLFLOW_PORT": free_port()}
    environment |= {name: str(port) for name, port in chosen.items()}
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "browse_assets.ui", *arguments],
            cwd=ROOT,
            env={**environment, "BROWSE_DATA_DIR": str(data_dir), "PYTHONUNBUFFERED": "1"},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # As `&` in a script leaves it: Ctrl-C has to work all the same.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        said = output.read_text()
        addresses = dict(re.findall(r"^(Dagster|MLflow) +(http://[^/\s]+)", said, re.MULTILINE))
        if "Ctrl-C ends" in said:
            return RunningUi(process, addresses["Dagster"], addresses["MLflow"], output)
        time.sleep(0.2)
    if process.poll() is None:
        process.terminate()
        process.wait(timeout=60)
    raise RuntimeError(f"make ui did not start:\n{output.read_text()}")


def fetch(address: str) -> bytes:
    """Body of a page, without any proxy."""
    with DIRECT.open(address, timeout=60) as answer:
        body: bytes = answer.read()
    return body


def free_port() -> int:
    """A port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def listens(address: str) -> bool:
    """Whether something accepts connections there."""
    host, port = address.removeprefix("http://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def group_is_alive(group: int) -> bool:
    """Whether any process of the group is left."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
