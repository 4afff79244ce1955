"""One service of the container image: what it needs is prepared, then its server takes this process's place.

What belongs here: the command line, the folders and the health of each service of compose.yaml. What does
not: what a server shows (`definitions.py`), starting servers without containers (`ui.py`), who may come in
(`deploy/proxy`).
"""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

from browse_assets.dagster_home import end_orphaned_runs, prepare_dagster_home
from browse_assets.keys import VaultKeyError, load_keys
from browse_assets.settings import PROJECT_ROOT, Settings, SettingsError, load_settings, with_driver
from browse_assets.sole_process import AlreadyRunningError, sole_process

HOST = "0.0.0.0"  # of the containers' own network; the proxy is the only one that is published
CODE_PORT = 4000
PREFIXES = {"webserver": "/dagster", "viewer": "/view"}  # where the proxy has them
WORKSPACE = PROJECT_ROOT / "deploy" / "workspace.yaml"
# Of whom: databases of PostgreSQL, each with a role and a random password of its own.
DATABASES = ("dagster", "mlflow")
SERVICE_FILE = Path("/tmp/browse_service")  # which service this container runs, for its health check
ANSWER_SECONDS = 10.0


class NotStartedError(Exception):
    """A service lacks something; the message says what."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Become the server of a service; returns only for `init`, `health` and what could not be started (2)."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    service = given[0] if given else "run"
    try:
        if given and service not in (*SERVICES, "health") and not service.startswith("-"):
            return _become_command(given)
        wanted = _parser().parse_args(given)
        settings = load_settings()
        if wanted.service == "health":
            return 0 if is_healthy(SERVICE_FILE.read_text().strip(), settings) else 1
        with ExitStack() as held:
            _become(wanted.service, SERVICES[wanted.service](settings, wanted.host, held))
    except (AlreadyRunningError, NotStartedError, SettingsError, OSError) as error:
        print(f"{service}: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="browse",
        description="A service of the container image; compose.yaml starts each of them in a container of its own. "
        "Anything else is run as a command, such as `dagster --version`.",
    )
    parser.add_argument("service", choices=[*SERVICES, "health"])
    parser.add_argument("--host", default=HOST, help="address to listen on (all of the container's)")
    return parser


def _become_command(command: Sequence[str]) -> int:
    """Become a command of this environment; a code server, as Dagster's Helm chart starts it, is prepared as `code`."""
    with ExitStack() as held:
        settings = load_settings()
        if list(command[:3]) == ["dagster", "api", "grpc"]:
            _prepare_code(settings, held)
            _become("code", command)
        with suppress(NotStartedError):  # where there is no password, there is no command that needs one
            _use_dagster()
        _become("command", command)
    return 0


def _become(service: str, command: Sequence[str]) -> None:
    """Replace this process, so that the container engine's signals reach the server; nothing where there is none."""
    if not command:
        return
    if not SERVICE_FILE.exists():  # a command beside the server does not change what is asked for its health
        SERVICE_FILE.write_text(service)
    sys.stdout.flush()
    # Ignored, as after a script's `&`, it stays so over exec, and Dagster handles SIGTERM alike: only a kill ends it.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.execvp(_script(command[0]), list(command))


def _init(_settings: Settings, _host: str, _held: ExitStack) -> list[str]:
    """Passwords of the databases, made once: random, readable in the services that mount their folder."""
    for database in DATABASES:
        path = _password_file(database)
        if path.exists():
            continue
        part = path.with_suffix(".part")
        part.write_text(secrets.token_urlsafe(32))
        part.chmod(0o444)  # PostgreSQL reads it as another user; the folder is in its container and the server's only
        part.replace(path)  # whole or not at all
        print(f"Made a password for the database {database}.")
    return []


def _code(settings: Settings, host: str, held: ExitStack) -> list[str]:
    """Dagster's code server, which also runs the runs: the one process tree that writes the databases."""
    _prepare_code(settings, held)
    command = [sys.executable, "-m", "dagster", "api", "grpc", "-m", "browse_assets.definitions"]
    return [*command, "-h", host, "-p", str(_code_port()), "--location-name", "browse_assets"]


def _prepare_code(settings: Settings, held: ExitStack) -> None:
    for folder in (settings.inbox, settings.customers, settings.reports):
        folder.mkdir(parents=True, exist_ok=True)
    settings.erase_queue.mkdir(exist_ok=True, mode=0o700)
    _make_key(settings)
    # Held until the server ends: a second one on the same data would run runs beside this one's queue.
    lock = held.enter_context(sole_process(settings.data_dir, "ui", "the code server", command="the code server"))
    os.set_inheritable(lock.descriptor, True)
    _use_dagster()
    _end_orphaned_runs(settings)


def _make_key(settings: Settings) -> None:
    try:
        load_keys(settings)
    except VaultKeyError as error:
        raise NotStartedError(str(error)) from None


def _end_orphaned_runs(settings: Settings) -> None:
    """No run can be alive: runs are children of the server that is only about to start."""
    import dagster as dg  # takes 2 s: not for `health` and `mlflow`

    with sole_process(settings.data_dir, "run"), dg.DagsterInstance.get() as instance:
        ended = end_orphaned_runs(instance)  # opening it has made the tables, so no other service races for that
    if ended:
        print(f"Runs that had been killed, now marked as failed: {ended}. The next run completes them.")


def _webserver(settings: Settings, host: str, _held: ExitStack) -> list[str]:
    _use_dagster()
    command = [_script("dagster-webserver"), "-w", str(WORKSPACE), "-h", host, "-p", str(settings.dagster_port)]
    return [*command, "--path-prefix", PREFIXES["webserver"]]


def _viewer(settings: Settings, host: str, _held: ExitStack) -> list[str]:
    _use_dagster()
    command = [sys.executable, "-m", "browse_assets.viewer_webserver", "-w", str(WORKSPACE), "-h", host]
    return [*command, "-p", str(settings.dagster_port), "--path-prefix", PREFIXES["viewer"], "--read-only"]


def _daemon(_settings: Settings, _host: str, _held: ExitStack) -> list[str]:
    _use_dagster()
    return [_script("dagster-daemon"), "run", "-w", str(WORKSPACE)]


def _mlflow(settings: Settings, host: str, _held: ExitStack) -> list[str]:
    settings.artifact_dir.mkdir(parents=True, exist_ok=True)
    _set_mlflow_store(settings)
    command = [sys.executable, "-m", "mlflow", "server", "--host", host, "--port", str(settings.mlflow_port)]
    # One worker and no jobs: 2 processes and 470 MB instead of 15 and 2 GB.
    command += ["--workers", "1", "--serve-artifacts", "--artifacts-destination", str(settings.artifact_dir)]
    # The proxy asks as `localhost`, the code server as `mlflow`; any other name is a page that rebinds its own.
    return [*command, "--allowed-hosts", f"localhost,127.0.0.1:{settings.mlflow_port},mlflow:{settings.mlflow_port}"]


def _run(_settings: Settings, _host: str, _held: ExitStack) -> list[str]:
    _use_dagster()
    return [sys.executable, "-m", "browse_assets.run"]


def _migrate(settings: Settings, _host: str, _held: ExitStack) -> list[str]:
    """Dagster's and MLflow's tables, brought to what this image's versions expect."""
    _use_dagster()
    subprocess.run([sys.executable, "-m", "dagster", "instance", "migrate"], check=True)
    _set_mlflow_store(settings)
    # `mlflow db upgrade` takes the address with its password as an argument, which everybody's `ps` shows.
    code = "import os, mlflow.db; mlflow.db.upgrade.callback(os.environ['MLFLOW_BACKEND_STORE_URI'])"
    return [sys.executable, "-c", code]


SERVICES: dict[str, Callable[[Settings, str, ExitStack], list[str]]] = {
    "init": _init,
    "code": _code,
    "webserver": _webserver,
    "viewer": _viewer,
    "daemon": _daemon,
    "mlflow": _mlflow,
    "run": _run,
    "migrate": _migrate,
}


def _use_dagster() -> None:
    """DAGSTER_HOME with its configuration, on PostgreSQL where there is one; one that is given is left as it is."""
    address = _database_address("BROWSE_DAGSTER_POSTGRES_URL", "dagster")
    if address:
        os.environ["BROWSE_DAGSTER_POSTGRES_URL"] = address
    if "DAGSTER_HOME" not in os.environ:
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(load_settings()))  # with that address


def _set_mlflow_store(settings: Settings) -> None:
    address = _database_address("MLFLOW_BACKEND_STORE_URI", "mlflow")
    # In the environment: command lines can be read by everybody on the host.
    os.environ["MLFLOW_BACKEND_STORE_URI"] = address or f"sqlite:///{settings.artifact_dir.parent / 'mlflow.db'}"


def _database_address(variable: str, database: str) -> str | None:
    """The address given in a variable, or the one made of BROWSE_POSTGRES_HOST and the generated password.

    Raises:
        NotStartedError: PostgreSQL is wanted, and there is no password for it.
    """
    given = os.environ.get(variable)
    host = os.environ.get("BROWSE_POSTGRES_HOST")
    if given or not host:
        return with_driver(given or None)
    try:
        password = _password_file(database).read_text().strip()
    except OSError:
        raise NotStartedError(
            f"there is no password of the database {database}: run the service `init` first, or set {variable}"
        ) from None
    return f"postgresql+psycopg2://{database}:{quote(password, safe='')}@{host}/{database}"


def _password_file(database: str) -> Path:
    return Path(os.environ.get("BROWSE_SECRETS_DIR") or "/secrets") / database / "password"


def _code_port() -> int:
    return int(os.environ.get("BROWSE_CODE_PORT") or CODE_PORT)


def _script(name: str) -> str:
    """A command of this environment, wherever PATH points."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or name


def is_healthy(service: str, settings: Settings) -> bool:
    """Whether the service of this container answers."""
    if service in PREFIXES:
        return _answers(f"http://127.0.0.1:{settings.dagster_port}{PREFIXES[service]}/server_info")
    if service == "mlflow":
        return _answers(f"http://127.0.0.1:{settings.mlflow_port}/health")
    if service == "code":
        return _code_server_answers()
    if service == "daemon":
        return _daemon_lives()
    return True  # it does its work and ends


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _code_server_answers() -> bool:
    """gRPC's own health protocol: `dagster api grpc-health-check` asks the same, and takes 3 s to import."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{_code_port()}") as channel:
        try:
            request = health_pb2.HealthCheckRequest(service="DagsterApi")
            answer = health_pb2_grpc.HealthStub(channel).Check(request, timeout=ANSWER_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _daemon_lives() -> bool:
    """Dagster's own question: whether each of its daemons has reported lately."""
    _use_dagster()
    return subprocess.run([_script("dagster-daemon"), "liveness-check"], capture_output=True).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
