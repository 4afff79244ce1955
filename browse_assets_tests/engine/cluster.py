"""A standalone Spark cluster on this machine: a master and two workers, each a process of its own, on loopback.

What belongs here: starting and ending it, and whether Spark can be started at all. What does not: what runs on it.
"""

import contextlib
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

# Two cores and small data: the compiler of long runs would cost more than it gives, and so would collectors' threads.
JAVA_OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"

_MISSING = [
    name
    for name, found in (("pyspark (make spark)", importlib.util.find_spec("pyspark")), ("Java", shutil.which("java")))
    if not found
]
needs_spark = pytest.mark.skipif(bool(_MISSING), reason=f"Spark cannot be started: {' and '.join(_MISSING)} not found")


def write_defaults(folder: Path, secret: str = "") -> Path:
    """SPARK_CONF_DIR with what makes small jobs quick, and the secret of a cluster; no one else may read it."""
    folder.mkdir(parents=True)
    lines = [
        f"spark.driver.extraJavaOptions {JAVA_OPTIONS}",
        f"spark.executor.extraJavaOptions {JAVA_OPTIONS}",
        "spark.executor.memory 800m",
        "spark.cores.max 2",
    ]
    if secret:
        lines += ["spark.authenticate true", "spark.network.crypto.enabled true", f"spark.authenticate.secret {secret}"]
    file = folder / "spark-defaults.conf"
    file.touch(mode=0o600)
    file.write_text("\n".join(lines) + "\n")
    return folder


@dataclass
class Cluster:
    """Its master's address, its configuration, and the processes of its workers."""

    address: str
    conf_dir: Path
    workers: list[subprocess.Popen[bytes]]

    def kill_a_worker(self) -> None:
        """Kill the first worker with its executors, as a machine that loses power."""
        os.killpg(self.workers[0].pid, signal.SIGKILL)


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Cluster]:
    """The cluster, ended at the end with everything that it started."""
    conf_dir = write_defaults(folder / "conf", secrets.token_hex(32))
    port, *ui_ports = _free_ports(4)
    address = f"spark://127.0.0.1:{port}"
    running: list[subprocess.Popen[bytes]] = []
    try:
        with (folder / "log").open("wb") as log:

            def start(role: str, *arguments: str) -> None:
                running.append(_start(folder, conf_dir, log.fileno(), role, *arguments))

            start("master.Master", "--port", str(port), "--webui-port", str(ui_ports[0]))
            _wait_for(port)
            for number in (1, 2):
                work = folder / f"worker-{number}"
                options = ("--cores", "1", "--memory", "1g", "--work-dir", str(work))
                start("worker.Worker", *options, "--webui-port", str(ui_ports[number]), address)
        yield Cluster(address, conf_dir, running[1:])
    finally:
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _start(folder: Path, conf_dir: Path, log: int, role: str, *arguments: str) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(conf_dir),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_LOCAL_DIRS": str(folder / "blocks"),
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_DAEMON_JAVA_OPTS": JAVA_OPTIONS,
    }
    command = [str(home / "bin" / "spark-class"), f"org.apache.spark.deploy.{role}", "--host", "127.0.0.1"]
    properties = ["--properties-file", str(conf_dir / "spark-defaults.conf")]
    return subprocess.Popen(
        [*command, *properties, *arguments], env=environment, stdout=log, stderr=log, start_new_session=True
    )


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while True:
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline, "the master did not start within 60 s"
        time.sleep(0.2)
