"""The front door as a test sees it: nginx with the files of `deploy/proxy/`, on free ports of this machine.

What belongs here: starting and asking the proxy. What does not: what it must answer (`test_proxy.py`,
`test_front_door.py`).
"""

import base64
import http.client
import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from browse_assets.settings import PROJECT_ROOT
from browse_assets_tests.ui_process import free_port

# Debian keeps it out of the path of ordinary users.
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
WITHOUT_NGINX = "nginx is not installed" if NGINX is None or shutil.which("openssl") is None else ""
ADMIN, VIEWER = "the-admins-password", "the-viewers-password"
PASSWORDS = {"BROWSE_ADMIN_PASSWORD": ADMIN, "BROWSE_VIEWER_PASSWORD": VIEWER}
USERS = {"admin": ADMIN, "viewer": VIEWER}
NOBODY = 65534
START_SECONDS = 60.0


@dataclass
class Answer:
    """Status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)


class Proxy:
    """One proxy with a state folder that outlives it, so that it can be started again."""

    def __init__(self, upstreams: Mapping[str, str] | None = None) -> None:
        # Not below pytest's folder, which only its owner may enter: as root, the proxy runs as nobody.
        self.folder = Path(tempfile.mkdtemp(prefix="browse-door-"))
        self.state, self.run, self.log = (self.folder / name for name in ("state", "run", "log"))
        shutil.copytree(PROJECT_ROOT / "deploy" / "proxy", self.folder / "proxy")
        self.port, self.tls_port = free_port(), free_port()
        nowhere = f"127.0.0.1:{free_port()}"
        self._upstreams = upstreams or dict.fromkeys(("DAGSTER", "VIEW", "MLFLOW"), nowhere)
        self._process: subprocess.Popen[bytes] | None = None

    def environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """What a container's environment would be."""
        return {
            "PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin",
            "BROWSE_PROXY_STATE": str(self.state),
            "BROWSE_PROXY_RUN": str(self.run),
            "BROWSE_PROXY_HOST": "127.0.0.1",
            "BROWSE_PROXY_PORT": str(self.port),
            "BROWSE_PROXY_TLS_PORT": str(self.tls_port),
            **{f"BROWSE_UPSTREAM_{name}": address for name, address in self._upstreams.items()},
            "BROWSE_PROXY_TRIES": "60000",
            **variables,
        }

    def statuses(self, *requests: Mapping[str, Any]) -> list[int]:
        """The statuses of requests (arguments of `ask`), sent together: a wrong password takes a second."""
        with ThreadPoolExecutor(16) as pool:
            return list(pool.map(lambda arguments: self.ask(**arguments).status, requests))

    def launch(self, variables: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start the entrypoint, its output appended to the log; as nobody where this process is root's."""
        self.log.touch()
        user: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (self.folder, self.log):
                os.chown(path, NOBODY, NOBODY)
        for path in (self.folder / "proxy").iterdir():
            path.chmod(0o644)
        (self.folder / "proxy").chmod(0o755)
        with self.log.open("ab") as output:
            return subprocess.Popen(
                ["/bin/sh", str(self.folder / "proxy" / "entrypoint.sh")],
                env=self.environment(variables),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                **user,
            )

    def start(self, variables: Mapping[str, str] = PASSWORDS) -> None:
        """Start it, and wait until it answers.

        Raises:
            RuntimeError: it ended or took too long; the message holds what it said.
        """
        process = self._process = self.launch(variables)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if self.ask("/healthz").status == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"The proxy did not start:\n{self.said()}")

    def said(self) -> str:
        """Its whole log."""
        return self.log.read_text()

    def stop(self) -> None:
        """End nginx."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def remove(self) -> None:
        """End it, and take its folder away."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(
        self,
        path: str,
        user: str | None = None,
        *,
        method: str = "GET",
        password: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        tls: bool = False,
    ) -> Answer:
        """One request on a connection of its own; a redirect is not followed."""
        sent = dict(headers or {})
        if user is not None:
            sent["Authorization"] = basic(user, password or USERS[user])
        content = None if body is None else json.dumps(body)
        if content is not None:
            sent.setdefault("Content-Type", "application/json")
        connection = (
            http.client.HTTPSConnection("127.0.0.1", self.tls_port, timeout=60, context=_unverified())
            if tls
            else http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        )
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        finally:
            connection.close()


def basic(user: str, password: str) -> str:
    """The header Authorization."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
