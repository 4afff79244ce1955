"""`make ui`: Dagster and MLflow side by side, until Ctrl-C.

What belongs here: which servers, on which ports, for how long. What does not: one server's process
(`server_process.py`), Dagster's configuration (`dagster_home.py`), what is shown (`definitions.py`).
"""

import argparse
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from browse_assets.dagster_home import end_orphaned_runs, prepare_dagster_home
from browse_assets.server_process import HOST, Server
from browse_assets.settings import PROJECT_ROOT, Settings, SettingsError, load_settings
from browse_assets.sole_process import AlreadyRunningError, sole_process

START_SECONDS = 180.0  # 15 s when idle; the first creation of MLflow's schema and a busy machine add
END_SECONDS = 10.0  # Dagster gives a run that long to note that it was interrupted; then it is killed
LOOK_SECONDS = 0.25


class UiError(Exception):
    """A server could not be started or ended by itself; the message says what to look at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both servers until SIGINT, SIGTERM or SIGHUP (0), or until one ends by itself (1)."""
    parser = argparse.ArgumentParser(
        prog="make ui",
        description="Dagster UI (with its daemon) and MLflow UI, until Ctrl-C ends both. "
        "Ports: BROWSE_DAGSTER_PORT (3000) and BROWSE_MLFLOW_PORT (5000); a port in use is passed over.",
    )
    parser.add_argument(
        "-w", "--workspace", type=Path, default=PROJECT_ROOT / "workspace.yaml", help="what Dagster loads"
    )
    workspace = parser.parse_args(arguments).workspace.resolve()
    stop = Stop()
    try:
        settings = load_settings()
        ports = choose_ports(settings)
        about = ", ".join(f"http://{HOST}:{port}" for port in ports.values())
        with sole_process(settings.data_dir, "ui", about) as lock:
            servers = _servers(settings, ports, workspace)
            return _serve(servers, _environment(settings, ports), lock, stop)
    except (SettingsError, AlreadyRunningError) as error:
        print(f"Not started: {error}.", file=sys.stderr)
        return 2
    except UiError as error:
        print(error, file=sys.stderr)
        return 1


class Stop:
    """Counts the requests to end; the second one means at once."""

    def __init__(self) -> None:
        self._requests = 0
        self._requested = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request)

    def _request(self, *_: object) -> None:
        self._requests += 1
        self._requested.set()

    def wait(self) -> bool:
        """Wait a moment; whether an end was requested."""
        return self._requested.wait(LOOK_SECONDS)

    @property
    def is_urgent(self) -> bool:
        """Whether an end was requested twice."""
        return self._requests > 1


def choose_ports(settings: Settings) -> dict[str, int]:
    """The port of each variable: the wanted one, or the next free one, which is then said.

    Raises:
        SettingsError: no port is free.
    """
    chosen: dict[str, int] = {}
    wanted_ports = {"BROWSE_DAGSTER_PORT": settings.dagster_port, "BROWSE_MLFLOW_PORT": settings.mlflow_port}
    for variable, wanted in wanted_ports.items():
        candidates = [port for port in range(wanted, 65536) if port not in chosen.values()]
        port = next((port for port in candidates[:100] if _is_free(port)), None)
        if port is None:
            raise SettingsError(f"no port from {wanted} on is free; set {variable} to another")
        if port != wanted:
            print(f"Port {wanted} is in use: taking {port} instead ({variable} chooses another).")
        chosen[variable] = port
    return chosen


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex((HOST, port)) == 0:  # also finds one that listens on every address (macOS)
            return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just ended
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _servers(settings: Settings, ports: Mapping[str, int], workspace: Path) -> list[Server]:
    logs = settings.data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    dagster, mlflow = ports["BROWSE_DAGSTER_PORT"], ports["BROWSE_MLFLOW_PORT"]
    dagster_arguments = ["dagster", "dev", "-w", str(workspace), "-h", HOST, "-p", str(dagster)]
    servers = [Server("Dagster", dagster, "/server_info", dagster_arguments, logs / "dagster.log")]
    if settings.tracking_uri.startswith(("http://", "https://")):
        print(f"MLflow's server is elsewhere (MLFLOW_TRACKING_URI): {settings.tracking_uri}")
        return servers
    settings.artifact_dir.mkdir(parents=True, exist_ok=True)
    # Runs in process write to absolute places; the server's own experiments must go there too, or a run
    # without the server could not read them.
    artifacts = str(settings.artifact_dir.resolve())
    mlflow_arguments = ["mlflow", "server", "--host", HOST, "--port", str(mlflow), "--workers", "1"]
    mlflow_arguments += ["--backend-store-uri", settings.tracking_uri]
    mlflow_arguments += ["--default-artifact-root", artifacts, "--artifacts-destination", artifacts]
    # MLflow shows its pages for language models until the switch is clicked, which the browser remembers. An address
    # with ?workflowType=machine_learning holds for one page only, and there the click would do nothing.
    experiments = "/#/experiments  (click 'Model training' at the top left, once)"
    return [*servers, Server("MLflow", mlflow, "/health", mlflow_arguments, logs / "mlflow.log", experiments)]


def _environment(settings: Settings, ports: Mapping[str, int]) -> dict[str, str]:
    return {
        **os.environ,
        **{variable: str(port) for variable, port in ports.items()},  # for links between the two
        "BROWSE_DATA_DIR": str(settings.data_dir),
        "DAGSTER_HOME": str(prepare_dagster_home(settings)),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen processes for jobs that nobody sends
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "PYTHONUNBUFFERED": "1",
    }


def _serve(servers: Sequence[Server], environment: Mapping[str, str], lock: int, stop: Stop) -> int:
    names = " and ".join(server.name for server in servers)
    print(f"Starting {names} (about 20 seconds) ...", flush=True)
    _end_orphaned_runs(Path(environment["BROWSE_DATA_DIR"]), environment["DAGSTER_HOME"])
    try:
        for server in servers:
            server.start(environment, lock)
        deadline = time.monotonic() + START_SECONDS
        if _watch(servers, stop, until=lambda: all(server.answers() for server in servers), by=deadline):
            for server in servers:
                print(f"{server.name:<8} {server.address}{server.first_page}")
            print("Ctrl-C ends both." if len(servers) > 1 else "Ctrl-C ends it.", flush=True)
            _watch(servers, stop, until=lambda: False, by=float("inf"))
        print(f"\nEnding {names} ...", flush=True)
    finally:
        _end(servers, stop)
    print("Ended.", flush=True)
    return 0


def _watch(servers: Sequence[Server], stop: Stop, *, until: Callable[[], bool], by: float) -> bool:
    """Show important lines until the condition holds (True) or an end is requested (False).

    Raises:
        UiError: a server ended by itself, or the time is over.
    """
    while not stop.wait():
        for server in servers:
            for line in server.important_lines():
                print(f"{server.name}: {line}", flush=True)
            if server.has_ended():
                raise UiError(f"{server.name} ended by itself, so all is ended. {server.last_lines()}")
        if until():
            return True
        if time.monotonic() > by:
            slow = next((server for server in servers if not server.answers()), servers[0])
            raise UiError(f"{slow.name} did not answer in {START_SECONDS:.0f} s. {slow.last_lines()}")
    return False


def _end(servers: Sequence[Server], stop: Stop) -> None:
    """End every process group: SIGINT as Ctrl-C would, SIGKILL when that takes too long."""
    for number, seconds in ((signal.SIGINT, END_SECONDS), (signal.SIGKILL, END_SECONDS)):
        for server in servers:
            server.end(number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not (stop.is_urgent and number == signal.SIGINT):
            if all(server.is_gone() for server in servers):
                return
            time.sleep(LOOK_SECONDS)
    left = ", ".join(server.name for server in servers if not server.is_gone())
    print(f"Something of {left} is left running; `ps` shows it.", file=sys.stderr)


def _end_orphaned_runs(data_dir: Path, home: str) -> None:
    """Unless `make run` is going, no run can be: the lock `ui` is held, so there is no other daemon."""
    import dagster as dg  # takes 2 s: after the first line on the terminal, and not for --help

    try:
        with sole_process(data_dir, "run"), dg.DagsterInstance.from_config(home) as instance:
            ended = end_orphaned_runs(instance)
    except AlreadyRunningError:
        return
    if ended:
        print(f"Runs that had been killed, now marked as failed: {ended}. The next run completes them.")


if __name__ == "__main__":
    sys.exit(main())
