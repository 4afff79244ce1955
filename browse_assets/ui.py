"""`make ui`: Dagster and MLflow side by side, until Ctrl-C.

What belongs here: which servers, on which ports, for how long. What does not: one server's process
(`server_process.py`), Dagster's configuration (`dagster_home.py`), what is shown (`definitions.py`).
"""

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from browse_assets.command_line import leave, run_command
from browse_assets.dagster_home import end_orphaned_runs, prepare_dagster_home
from browse_assets.ports import HOST, choose_port
from browse_assets.progress import Progress
from browse_assets.server_process import Server
from browse_assets.settings import PROJECT_ROOT, Settings, load_settings
from browse_assets.sole_process import AlreadyRunningError, Lock, sole_process

START_SECONDS = 180.0  # 15 s when idle; the first creation of MLflow's schema and a busy machine add
END_SECONDS = 10.0  # Dagster gives a run that long to note that it was interrupted; then it is killed
LOOK_SECONDS = 0.25
COMMAND_SECONDS = 5.0


class UiError(Exception):
    """A server could not be started, or has ended; the message says how, and what to look at."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both servers until SIGINT, SIGTERM or SIGHUP (0), or until one ends by itself (1)."""
    parser = argparse.ArgumentParser(
        prog="make ui",
        description="Dagster UI (with its daemon) and MLflow UI, until Ctrl-C ends both. "
        "Ports: BROWSE_DAGSTER_PORT (3000) and BROWSE_MLFLOW_PORT (5000); a port in use is passed over. A run that is "
        "going is ended too: its tables are then as its last finished asset left them.",
        epilog="Exit code: 0 ended by Ctrl-C; 1 a server could not start, or ended by itself; 2 not started.",
    )
    parser.add_argument(
        "-w", "--workspace", type=Path, default=PROJECT_ROOT / "workspace.yaml", help="what Dagster loads"
    )
    workspace = parser.parse_args(arguments).workspace.resolve()
    stop = Stop()
    return run_command(lambda _: _work(workspace, stop), waits=False)


def _work(workspace: Path, stop: "Stop") -> int:
    settings = load_settings()
    with sole_process(settings.data_dir, "ui") as lock:
        ports = choose_ports(settings)
        servers = _servers(settings, ports, workspace)
        lock.tell(", ".join(server.address for server in servers))
        try:
            return _serve(servers, _environment(settings, ports), lock, stop)
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
    dagster = choose_port(settings.dagster_port, "BROWSE_DAGSTER_PORT")
    mlflow = choose_port(settings.mlflow_port, "BROWSE_MLFLOW_PORT", taken=(dagster,))
    return {"BROWSE_DAGSTER_PORT": dagster, "BROWSE_MLFLOW_PORT": mlflow}


def _servers(settings: Settings, ports: Mapping[str, int], workspace: Path) -> list[Server]:
    logs = settings.data_dir / "logs"
    logs.mkdir(parents=True, exist_ok=True, mode=0o700)
    dagster, mlflow = ports["BROWSE_DAGSTER_PORT"], ports["BROWSE_MLFLOW_PORT"]
    dagster_arguments = ["dagster", "dev", "-w", str(workspace), "-h", HOST, "-p", str(dagster)]
    servers = [Server("Dagster", dagster, "/server_info", dagster_arguments, logs / "dagster.log")]
    if settings.tracking_uri.startswith(("http://", "https://")):
        print(f"MLflow's server is elsewhere (MLFLOW_TRACKING_URI): {without_login(settings.tracking_uri)}")
        return servers
    settings.artifact_dir.mkdir(parents=True, exist_ok=True)
    # Runs in process write to absolute places; the server's own experiments must go there too, or a run
    # without the server could not read them.
    artifacts = str(settings.artifact_dir.resolve())
    mlflow_arguments = ["mlflow", "server", "--host", HOST, "--port", str(mlflow), "--workers", "1"]
    mlflow_arguments += ["--default-artifact-root", artifacts, "--artifacts-destination", artifacts]
    return [*servers, Server("MLflow", mlflow, "/health", mlflow_arguments, logs / "mlflow.log")]


def without_login(address: str) -> str:
    """An address as it may be shown: a user's name and password in it are not."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _environment(settings: Settings, ports: Mapping[str, int]) -> dict[str, str]:
    home = str(prepare_dagster_home(settings))
    return {
        **os.environ,
        **{variable: str(port) for variable, port in ports.items()},  # for links between the two
        "BROWSE_DATA_DIR": str(settings.data_dir),
        "DAGSTER_HOME": home,
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # a dozen processes for jobs that nobody sends
        "MLFLOW_TRACKING_URI": settings.tracking_uri,
        "MLFLOW_BACKEND_STORE_URI": settings.tracking_uri,  # may hold a password: no argument, which `ps` shows
        "PYTHONUNBUFFERED": "1",
    }


def _serve(servers: Sequence[Server], environment: Mapping[str, str], lock: Lock, stop: Stop) -> int:
    names = " and ".join(server.name for server in servers)
    print(f"Starting {names} (about 20 seconds) ...", flush=True)
    commands = CommandRuns(Path(environment["BROWSE_DATA_DIR"]), environment["DAGSTER_HOME"])
    try:
        with Progress() as progress:
            progress.doing = f"starting {names}"
            commands.end_orphans()
            for server in servers:
                server.start(environment, lock.descriptor)
            lock.tell(", ".join(server.address for server in servers), tuple(server.group for server in servers))
            deadline = time.monotonic() + START_SECONDS
            is_up = _watch(servers, stop, until=lambda: all(server.answers() for server in servers), by=deadline)
        if is_up:
            for server in servers:
                # MLflow opens on its pages for language models; what was clicked is remembered.
                hint = "  (click 'Model training' at the top left)" if server.name == "MLflow" else ""
                print(f"{server.name:<8} {server.address}{hint}")
            print("Ctrl-C ends both." if len(servers) > 1 else "Ctrl-C ends it.", flush=True)
            _watch(servers, stop, until=commands.look, by=float("inf"))
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
                raise UiError(f"{server.name} {server.how_it_ended()}, so all is ended. {server.last_lines()}")
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


class CommandRuns:
    """Runs that a command on a terminal makes beside the UI (`make run`, `make erase`).

    One whose process was killed would fill the daemon's queue of one for ever, and nobody would say why.
    """

    def __init__(self, data_dir: Path, home: str) -> None:
        self._data_dir = data_dir
        self._home = home
        self._was_going = False
        self._next_look = 0.0

    def look(self) -> bool:
        """Every few seconds, whether such a command has ended, and left a run; False, as the UI goes on."""
        if time.monotonic() < self._next_look:
            return False
        self._next_look = time.monotonic() + COMMAND_SECONDS
        try:
            with sole_process(self._data_dir, "run", command="make ui, which looks for runs that were killed"):
                if self._was_going:
                    self._end(of_commands=True)
            self._was_going = False
        except AlreadyRunningError:
            self._was_going = True
        return False

    def end_orphans(self) -> None:
        """At the start. Unless a command is going, no run can be: the lock `ui` is held, so there is no daemon."""
        try:
            with sole_process(self._data_dir, "run", command="make ui, which looks for runs that were killed"):
                self._end(of_commands=False)
        except AlreadyRunningError as error:
            self._was_going = True
            print(f"Note: {error.holder}. Runs of the UI wait until it has ended.", flush=True)

    def _end(self, *, of_commands: bool) -> None:
        import dagster as dg  # takes 2 s: after the first line on the terminal, and not for --help

        with dg.DagsterInstance.from_config(self._home) as instance:
            ended = end_orphaned_runs(instance, of_commands=of_commands)
        if ended:
            print(f"Runs that had been killed, now marked as ended: {ended}. The next run completes them.", flush=True)


if __name__ == "__main__":
    leave(main())
