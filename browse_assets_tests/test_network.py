"""A whole run, set-up done, works without a network and does not even try to use one: no telemetry.

Also the one whole run that `test_privacy.py` searches: two such runs would double the time of the suite.
"""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pytest

from browse_assets.settings import PROJECT_ROOT

# Python runs this first in the process and in every Python that it starts. Whoever looks a host up or
# connects to one is written down and refused.
BLOCKED = """
import os
import socket

LOCAL = ("localhost", "127.0.0.1", "::1", "", None)


def refuse(what, address):
    with open(os.environ["ATTEMPTS_FILE"], "a") as attempts:
        attempts.write(f"{what} {address}\\n")
    raise OSError(f"no network in this test: {what} {address}")


def guarded(name, host_of):
    original = getattr(socket.socket, name)

    def call(self, *arguments):
        host = host_of(arguments)
        if self.family != getattr(socket, "AF_UNIX", None) and host not in LOCAL:
            refuse(name, host)
        return original(self, *arguments)

    return call


def look_up(name):
    original = getattr(socket, name)

    def call(host, *arguments, **options):
        if host not in LOCAL and host != socket.gethostname():
            refuse(name, host)
        return original(host, *arguments, **options)

    return call


class Guarded(socket.socket):
    connect = guarded("connect", lambda arguments: arguments[0][0])
    connect_ex = guarded("connect_ex", lambda arguments: arguments[0][0])
    sendto = guarded("sendto", lambda arguments: arguments[-1][0])


for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
    setattr(socket, name, look_up(name))
socket.socket = socket.SocketType = Guarded
"""

# They switch telemetry off from outside, or make MLflow think that it is being tested.
SILENCERS = {
    "MLFLOW_DISABLE_TELEMETRY",
    "DAGSTER_DISABLE_TELEMETRY",
    "DO_NOT_TRACK",
    "PYTEST_CURRENT_TEST",
    "PYTEST_VERSION",
    "CI",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "CIRCLECI",
    "TRAVIS",
    "JENKINS_URL",
    "BUILDKITE",
    "TEAMCITY_VERSION",
    "CODEBUILD_BUILD_ARN",
    "TF_BUILD",
    "BITBUCKET_BUILD_NUMBER",
}


@dataclass(frozen=True)
class Offline:
    """A finished process and the hosts it asked for."""

    return_code: int
    stdout: bytes
    stderr: bytes
    attempts: list[str]


def has_namespaces() -> bool:
    """Whether a process can be given a network of its own, without any device (Linux, where allowed)."""
    try:
        return subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def run_offline(command: list[str], folder: Path, variables: dict[str, str], hook: str = "") -> Offline:
    """Run Python with blocked sockets; below a namespace without network too, where there are namespaces.

    The first sees who tries, even if the refusal is swallowed; the second stops C code as well. The hook is
    code that runs first in the process, after the block.
    """
    (folder / "blocked").mkdir(parents=True)
    (folder / "blocked" / "sitecustomize.py").write_text(BLOCKED + hook)
    attempts = folder / "attempts.txt"
    attempts.touch()
    environment = {name: value for name, value in os.environ.items() if name not in SILENCERS}
    environment |= {"PYTHONPATH": str(folder / "blocked"), "ATTEMPTS_FILE": str(attempts), **variables}
    done = subprocess.run(
        [*(["unshare", "-rn"] if has_namespaces() else []), sys.executable, *command],
        cwd=PROJECT_ROOT,
        env=environment,
        capture_output=True,
        check=False,
        timeout=500,
    )
    return Offline(done.returncode, done.stdout, done.stderr, attempts.read_text().splitlines())


def test_the_block_blocks_and_sees(tmp_path: Path) -> None:
    """Else the other tests could not fail."""
    tries = """
        import socket, subprocess, sys, urllib.request
        def fails(call, *arguments):
            try:
                call(*arguments)
            except OSError:
                return
            sys.exit("not refused")
        fails(urllib.request.urlopen, "http://example.com/", None, 1)
        fails(socket.create_connection, ("192.0.2.1", 80), 1)
        fails(socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto, b"", ("198.51.100.1", 53))
        here, there = socket.socketpair()
        here.sendall(b"local")
        assert there.recv(5) == b"local"
        if len(sys.argv) == 1:
            subprocess.run([sys.executable, "-c", "import socket; socket.gethostbyname('child.example.com')"])
    """
    done = run_offline(["-c", textwrap.dedent(tries)], tmp_path, {})
    assert done.return_code == 0, done.stderr
    assert done.attempts == [
        "getaddrinfo example.com",
        "getaddrinfo 192.0.2.1",
        "sendto 198.51.100.1",
        "gethostbyname child.example.com",
    ]


def test_a_whole_run_needs_no_network_and_tries_none(shared_folder: Path) -> None:
    from browse_assets_tests.test_privacy import whole_run  # it imports this module

    run = whole_run(shared_folder)
    assert run.process.return_code == 0, run.process.stderr.decode()[-3000:]
    assert run.process.attempts == []
    assert (run.settings.artifact_dir / "churn" / "models").exists(), "no model was logged"
    assert run.export.return_code == 0, run.export.stderr.decode()[-3000:]
    assert run.export.attempts == []
    assert "telemetry:\n  enabled: false" in (run.settings.dagster_home / "dagster.yaml").read_text()


@pytest.mark.parametrize("module", ["mlflow", "dagster"])
def test_telemetry_is_off_in_the_run_itself(module: str, tmp_path: Path) -> None:
    """Without the variables that the Makefile and the tests set: the code alone switches it off."""
    asks = {
        "mlflow": "ExperimentTracker().client(); from mlflow.telemetry.utils import is_telemetry_disabled as off; "
        "assert off()",
        "dagster": "home = prepare_dagster_home(load_settings()); os.environ['DAGSTER_HOME'] = str(home); "
        "from dagster._core.telemetry import _get_instance_telemetry_enabled as on; import dagster; "
        "assert not on(dagster.DagsterInstance.get())",
    }
    code = (
        "import os; from browse_assets.resources import ExperimentTracker; "
        "from browse_assets.dagster_home import prepare_dagster_home; "
        f"from browse_assets.settings import load_settings; {asks[module]}"
    )
    variables = {"BROWSE_DATA_DIR": str(tmp_path / "data"), "MLFLOW_TRACKING_URI": ""}
    done = run_offline(["-c", code], tmp_path, variables)
    assert done.return_code == 0, done.stderr.decode()[-3000:]
    assert done.attempts == []
