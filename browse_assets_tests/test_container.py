"""Services of the container: passwords, addresses, command lines, health."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from browse_assets import container
from browse_assets.settings import PROJECT_ROOT, Settings, load_settings
from browse_assets.sole_process import sole_process


class BecameError(Exception):
    """A process would have been replaced; holds its command."""


@pytest.fixture
def become(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> Callable[..., list[str]]:
    """What the process becomes with these arguments; nothing is started."""

    def stop(_program: str, command: list[str]) -> None:
        raise BecameError(command)

    monkeypatch.setattr(os, "execvp", stop)
    monkeypatch.setattr(container, "SERVICE_FILE", tmp_path / "service")
    monkeypatch.setattr(container, "_end_orphaned_runs", lambda _settings: None)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv("BROWSE_SECRETS_DIR", str(tmp_path / "secrets"))
    for database in container.DATABASES:
        (tmp_path / "secrets" / database).mkdir(parents=True)
    # What the code under test sets itself is taken back at the end as well.
    for name in ("BROWSE_DAGSTER_POSTGRES_URL", "MLFLOW_BACKEND_STORE_URI", "BROWSE_POSTGRES_HOST", "BROWSE_CODE_PORT"):
        monkeypatch.setenv(name, "")

    def run(*arguments: str) -> list[str]:
        with pytest.raises(BecameError) as caught:
            container.main(arguments)
        command: list[str] = caught.value.args[0]
        return command

    interrupted = signal.getsignal(signal.SIGINT)
    yield run
    signal.signal(signal.SIGINT, interrupted)
    os.environ.pop("DAGSTER_HOME", None)


def test_init_makes_each_password_once(
    become: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert container.main(["init"]) == 0
    files = [tmp_path / "secrets" / database / "password" for database in ("dagster", "mlflow")]
    made = [file.read_text() for file in files]
    assert all(len(password) >= 32 for password in made)
    assert made[0] != made[1]
    assert not any(password in capsys.readouterr().out for password in made)
    assert [file.stat().st_mode & 0o777 for file in files] == [0o444, 0o444]
    assert container.main(["init"]) == 0
    assert [file.read_text() for file in files] == made


def test_passwords_stay_out_of_command_lines(
    become: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BROWSE_POSTGRES_HOST", "postgres")
    container.main(["init"])
    (tmp_path / "secrets" / "mlflow" / "password").chmod(0o644)
    (tmp_path / "secrets" / "mlflow" / "password").write_text("a/b@c:d e")
    command = become("mlflow")
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg2://mlflow:a%2Fb%40c%3Ad%20e@postgres/mlflow"
    assert "a%2Fb" not in " ".join(command)
    assert command[1:4] == ["-m", "mlflow", "server"]
    assert command[command.index("--allowed-hosts") + 1] == "localhost,127.0.0.1:5000,mlflow:5000"


def test_without_postgres_there_is_sqlite(become: Callable[..., list[str]], settings: Settings) -> None:
    become("mlflow")
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == f"sqlite:///{settings.data_dir / 'mlflow' / 'mlflow.db'}"
    become("webserver")
    assert os.environ["BROWSE_DAGSTER_POSTGRES_URL"] == ""


def test_a_given_address_is_taken(become: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSE_POSTGRES_HOST", "postgres")
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql+psycopg2://db.example/mine")
    become("mlflow")
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg2://db.example/mine"
    container.SERVICE_FILE.unlink()
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", "postgresql://db.example/mine")  # SQLAlchemy: of a driver we lack
    become("mlflow")
    assert os.environ["MLFLOW_BACKEND_STORE_URI"] == "postgresql+psycopg2://db.example/mine"


def test_a_missing_password_is_said(
    become: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROWSE_POSTGRES_HOST", "postgres")
    assert container.main(["mlflow"]) == 2
    assert "run the service `init` first, or set MLFLOW_BACKEND_STORE_URI" in capsys.readouterr().err


def test_dagster_is_on_the_postgres_of_the_password(
    become: Callable[..., list[str]], settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BROWSE_POSTGRES_HOST", "postgres")
    container.main(["init"])
    password = (tmp_path / "secrets" / "dagster" / "password").read_text()
    become("daemon")
    assert os.environ["BROWSE_DAGSTER_POSTGRES_URL"] == f"postgresql+psycopg2://dagster:{password}@postgres/dagster"
    written = (settings.dagster_home / "dagster.yaml").read_text()
    assert "env: BROWSE_DAGSTER_POSTGRES_URL" in written
    assert password not in written


def test_the_two_web_servers(become: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    admin = become("webserver", "--host", "127.0.0.1")
    assert Path(admin[0]).name == "dagster-webserver"
    assert admin[-2:] == ["--path-prefix", "/dagster"]
    assert "--read-only" not in admin
    assert admin[admin.index("-h") + 1] == "127.0.0.1"
    container.SERVICE_FILE.unlink()
    monkeypatch.setenv("BROWSE_DAGSTER_PORT", "3001")
    viewer = become("viewer")
    assert viewer[1:3] == ["-m", "browse_assets.viewer_webserver"]
    assert viewer[viewer.index("-p") + 1 :] == ["3001", "--path-prefix", "/view", "--read-only"]


def test_the_code_server_makes_key_and_folders_and_is_alone(
    become: Callable[..., list[str]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BROWSE_SECRET_KEY", "")
    command = become("code")
    assert command[1:6] == ["-m", "dagster", "api", "grpc", "-m"]
    assert command[command.index("-p") + 1] == "4000"
    assert command[-2:] == ["--location-name", "browse_assets"]  # as in workspace.yaml and deploy/workspace.yaml
    assert settings.key_file.stat().st_mode & 0o777 == 0o600
    assert settings.reports.is_dir()
    with sole_process(settings.data_dir, "ui"):
        assert container.main(["code"]) == 2
    assert "already running here" in capsys.readouterr().err


def test_the_lock_lives_on_in_the_server(settings: Settings, tmp_path: Path) -> None:
    """As `code` holds it: inherited over exec, given back when the server ends."""
    script = (
        "import os, sys; from contextlib import ExitStack; from browse_assets.sole_process import sole_process\n"
        "from browse_assets.settings import load_settings\n"
        "with ExitStack() as held:\n"
        "    lock = held.enter_context(sole_process(load_settings().data_dir, 'ui'))\n"
        "    os.set_inheritable(lock.descriptor, True)\n"
        "    os.execvp(sys.executable, [sys.executable, '-c', 'print(1, flush=True); input()'])\n"
    )
    server = subprocess.Popen(
        [sys.executable, "-c", script], cwd=PROJECT_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert server.stdout.readline() == "1\n"
    assert container.main(["code"]) == 2
    server.communicate("\n", timeout=60)
    with sole_process(settings.data_dir, "ui"):
        pass


def test_anything_else_is_a_command(become: Callable[..., list[str]]) -> None:
    assert become("dagster", "--version") == ["dagster", "--version"]
    assert "DAGSTER_HOME" in os.environ
    assert container.SERVICE_FILE.read_text() == "command"


def test_a_command_beside_the_server_leaves_its_health_alone(become: Callable[..., list[str]]) -> None:
    become("mlflow")
    become("run")
    assert container.SERVICE_FILE.read_text() == "mlflow"


def test_a_server_can_be_ended_however_it_was_started(become: Callable[..., list[str]]) -> None:
    """Dagster's servers give SIGTERM the handler of SIGINT: one that came in ignored would ignore both."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        become("code")
        assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_chart_s_code_server_is_prepared_as_well(become: Callable[..., list[str]], settings: Settings) -> None:
    given = ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", "4000", "-m", "browse_assets.definitions"]
    assert become(*given) == given
    assert container.SERVICE_FILE.read_text() == "code"
    assert settings.erase_queue.is_dir()


def test_a_given_home_is_left_alone(become: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/given")
    become("daemon")
    assert os.environ["DAGSTER_HOME"] == "/given"
    assert not load_settings().dagster_home.exists()


def test_runs_that_were_killed_are_ended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import dagster as dg

    from browse_assets.dagster_home import prepare_dagster_home

    @dg.job
    def empty() -> None: ...

    monkeypatch.setenv("DAGSTER_HOME", str(prepare_dagster_home(settings)))
    with dg.DagsterInstance.get() as instance:
        run = instance.create_run_for_job(empty, status=dg.DagsterRunStatus.STARTED)
        container._end_orphaned_runs(settings)
        ended = instance.get_run_by_id(run.run_id)
    assert ended is not None
    assert ended.status == dg.DagsterRunStatus.FAILURE


class Page(BaseHTTPRequestHandler):
    """Answers what a server of the containers answers when it is well."""

    def do_GET(self) -> None:
        self.send_response(200 if self.path in ("/dagster/server_info", "/view/server_info", "/health") else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def page() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Page)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("service", ["webserver", "viewer", "mlflow"])
def test_health_is_asked_where_the_server_answers(
    service: str, page: int, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BROWSE_DAGSTER_PORT", "BROWSE_MLFLOW_PORT"):
        monkeypatch.setenv(name, str(page))
    assert container.is_healthy(service, load_settings())
    monkeypatch.setitem(container.PREFIXES, "webserver", "/elsewhere")
    assert container.is_healthy(service, load_settings()) == (service != "webserver")


def test_health_of_the_code_server(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import grpc
    from grpc_health.v1 import health, health_pb2, health_pb2_grpc

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    port = server.add_insecure_port("127.0.0.1:0")
    servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    servicer.set("DagsterApi", health_pb2.HealthCheckResponse.SERVING)
    server.start()
    monkeypatch.setenv("BROWSE_CODE_PORT", str(port))
    assert container.is_healthy("code", settings)
    servicer.set("DagsterApi", health_pb2.HealthCheckResponse.NOT_SERVING)
    assert not container.is_healthy("code", settings)
    server.stop(None).wait()
    assert not container.is_healthy("code", settings)


def test_health_says_so_by_its_exit_code(
    become: Callable[..., list[str]], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert container.main(["health"]) == 2  # nothing was started here
    container.SERVICE_FILE.write_text("run")
    assert container.main(["health"]) == 0
    container.SERVICE_FILE.write_text("mlflow")
    monkeypatch.setattr(container, "_answers", lambda _address: False)
    assert container.main(["health"]) == 1


def test_asking_for_health_is_cheap() -> None:
    """It happens once a minute in each of five containers."""
    code = "import sys, browse_assets.container; print({'dagster', 'duckdb', 'mlflow', 'grpc'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_vault_without_its_key_is_said(
    become: Callable[..., list[str]],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("BROWSE_SECRET_KEY", "")
    settings.vault_path.write_bytes(b"not opened")
    assert container.main(["code"]) == 2
    assert "its key is gone" in capsys.readouterr().err
