"""The front door by itself: passwords, certificate, limits, what it says; nothing stands behind it here."""

import re
import socket
import stat
import subprocess
from collections.abc import Iterator

import pytest

from browse_assets_tests.door_process import ADMIN, PASSWORDS, USERS, VIEWER, WITHOUT_NGINX, Proxy

pytestmark = pytest.mark.skipif(bool(WITHOUT_NGINX), reason=WITHOUT_NGINX)

MADE = re.compile(r"Password of the user (\w+), made at this first start and shown only now: (\w+)")
NOTHING_BEHIND = 502  # the password was right, and the server behind does not run


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def started() -> Iterator[Proxy]:
    made = Proxy()
    made.start()
    yield made
    made.remove()


def test_passwords_are_made_once_and_shown_once(proxy: Proxy) -> None:
    proxy.start({})
    shown = dict(MADE.findall(proxy.said()))
    assert set(shown) == {"admin", "viewer"}
    assert shown["admin"] != shown["viewer"]
    assert all(len(password) == 32 for password in shown.values())
    assert proxy.ask("/dagster/", "admin", password=shown["admin"]).status == NOTHING_BEHIND
    listed = subprocess.run(["ps", "-A", "-o", "args="], capture_output=True, text=True, check=True).stdout
    assert not any(password in listed for password in shown.values())

    proxy.stop()
    proxy.log.write_text("")
    proxy.start({})
    assert proxy.ask("/dagster/", "admin", password=shown["admin"]).status == NOTHING_BEHIND
    assert proxy.ask("/view/", "viewer", password=shown["viewer"]).status == NOTHING_BEHIND
    assert not any(password in proxy.said() for password in shown.values())
    files = [path for folder in (proxy.state, proxy.run) for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not any(password.encode() in path.read_bytes() for path in files for password in shown.values())
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in (proxy.state, proxy.run)} == {0o700}


def test_a_given_password_takes_the_place_of_the_last_one(proxy: Proxy) -> None:
    proxy.start({"BROWSE_ADMIN_PASSWORD": ADMIN})
    assert set(dict(MADE.findall(proxy.said()))) == {"viewer"}
    assert proxy.ask("/dagster/", "admin").status == NOTHING_BEHIND
    assert ADMIN not in proxy.said()
    proxy.stop()
    secret = proxy.folder / "secret"
    secret.write_text("another-password\n")
    secret.chmod(0o644)
    proxy.start({"BROWSE_ADMIN_PASSWORD_FILE": str(secret)})
    assert proxy.ask("/dagster/", "admin").status == 401
    assert proxy.ask("/dagster/", "admin", password="another-password").status == NOTHING_BEHIND


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"BROWSE_ADMIN_PASSWORD": "eleven-char"}, "BROWSE_ADMIN_PASSWORD is shorter than 12 characters"),
        ({"BROWSE_ADMIN_PASSWORD": VIEWER, "BROWSE_VIEWER_PASSWORD": VIEWER}, "the same password"),
        ({"BROWSE_ADMIN_PASSWORD_FILE": "/nowhere"}, "BROWSE_ADMIN_PASSWORD_FILE names a file that cannot be read"),
        ({"BROWSE_TLS": "yes"}, "BROWSE_TLS is neither on nor off"),
        ({"BROWSE_PROXY_PORT": "80;}"}, "BROWSE_PROXY_PORT has a value that cannot be used"),
        ({"BROWSE_UPSTREAM_MLFLOW": "mlflow:5000; }"}, "BROWSE_UPSTREAM_MLFLOW has a value that cannot be used"),
        ({"BROWSE_PROXY_STATE": "/proc/nothing"}, "must be folders that this user may write"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_cannot_be_used_is_said_and_nothing_is_started(proxy: Proxy, variables: dict[str, str], said: str) -> None:
    process = proxy.launch(variables)
    assert process.wait(timeout=60) == 2
    assert re.search(f"^Not started: .*{re.escape(said)}", proxy.said(), re.MULTILINE)
    assert not any(value in proxy.said() for name, value in variables.items() if name in PASSWORDS)


def test_only_the_health_page_is_open(started: Proxy) -> None:
    assert started.ask("/healthz").body == b"ok\n"
    paths = ["/", "/index.html", "/none", "/favicon.ico", "/dagster/", "/view/", "/mlflow/", "/view-mlflow/"]
    methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]
    found = started.statuses(*({"path": path, "method": method} for path in paths for method in methods))
    assert set(found) == {401}
    assert started.ask("/.may").status == 404


def test_a_viewers_password_opens_no_door_of_the_admin(started: Proxy) -> None:
    paths = ["/dagster/", "/dagster/graphql", "/mlflow/", "/mlflow/api/2.0/mlflow/runs/search"]
    wrong = [("viewer", VIEWER), ("viewer", ADMIN), ("admin", VIEWER)]
    asked = [{"path": path, "user": user, "password": password} for path in paths for user, password in wrong]
    assert set(started.statuses(*asked)) == {401}
    assert set(started.statuses(*({"path": path, "user": "admin"} for path in paths))) == {NOTHING_BEHIND}
    crooked = ["/view/x/../../dagster/graphql", "/view/%2e%2e/dagster/graphql", "//dagster/graphql"]
    assert set(started.statuses(*({"path": path, "user": "viewer"} for path in crooked))) == {401}


def test_a_door_without_its_last_slash_points_to_the_one_with_it(started: Proxy) -> None:
    """The one thing that is told without a password: nginx redirects before it asks for one."""
    for door in ("/dagster", "/view", "/mlflow", "/view-mlflow"):
        answer = started.ask(f"{door}?a=b")
        assert (answer.status, answer.headers["location"]) == (301, f"{door}/")


def test_the_first_page_links_what_the_user_may_open(started: Proxy) -> None:
    for user, doors in {"viewer": 2, "admin": 4}.items():
        answer = started.ask("/", user)
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/html"
        links = re.findall(rb'href="(/[a-z-]+/)', answer.body)
        assert len(links) == len(set(links)) == doors
        assert all(started.ask(link.decode(), user).status == NOTHING_BEHIND for link in links)


def test_answers_carry_the_headers_of_a_careful_site(started: Proxy) -> None:
    for path in ("/", "/dagster/", "/view-mlflow/"):
        headers = started.ask(path, "admin").headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "SAMEORIGIN"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["server"] == "nginx"  # no version
    cookie = started.ask("/", "admin").headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "set-cookie" not in started.ask("/", "admin", password="wrong").headers


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/dagster/", {}, NOTHING_BEHIND),
        ("/dagster/graphql", {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}, NOTHING_BEHIND),
        ("/dagster/graphql", {"Origin": "http://elsewhere.example"}, 403),
        ("/dagster/graphql", {"Origin": "null"}, 403),
        ("/dagster/graphql", {"Origin": "http://127.0.0.1:{port}.elsewhere.example"}, 403),
        ("/dagster/graphql?query=mutation", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
        ("/mlflow/", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}, 403),
        (
            "/dagster/assets",  # a link in a message
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            NOTHING_BEHIND,
        ),
        (
            "/dagster/graphql?query=mutation",
            {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"},
            403,
        ),
    ],
)
def test_another_site_cannot_use_the_login_of_a_browser(
    started: Proxy, path: str, headers: dict[str, str], status: int
) -> None:
    sent = {name: value.format(port=started.port) for name, value in headers.items()}
    assert started.ask(path, "admin", headers=sent).status == status


def test_guessing_is_slowed_and_nobody_who_is_in_notices(proxy: Proxy) -> None:
    proxy.start({**PASSWORDS, "BROWSE_PROXY_TRIES": "60"})
    cookie = proxy.ask("/", "admin").headers["set-cookie"].split(";")[0]
    # From one address, without waiting for the answers: they take a second each when the password is wrong.
    guesses = [socket.create_connection(("127.0.0.1", proxy.port), timeout=60) for _ in range(60)]
    for guess in guesses:
        guess.sendall(b"GET /dagster/ HTTP/1.1\r\nHost: x\r\nAuthorization: Basic YWRtaW46Z3Vlc3M=\r\n\r\n")
    statuses = [int(guess.recv(64).split()[1]) for guess in guesses]
    for guess in guesses:
        guess.close()
    assert set(statuses) == {401, 429}
    assert 5 <= statuses.count(429) <= 20
    assert {proxy.ask("/dagster/", "admin", headers={"Cookie": cookie}).status for _ in range(20)} == {NOTHING_BEHIND}
    # The cookie alone opens nothing, and a viewer's does not speed up guesses at the admin's password.
    assert proxy.ask("/dagster/", headers={"Cookie": cookie}).status in (401, 429)


def test_bodies_have_a_limit(started: Proxy) -> None:
    assert started.ask("/view/graphql", "viewer", method="POST", body="x" * 2_000_000).status == 413
    assert started.ask("/mlflow/api", "admin", method="POST", body="x" * 2_000_000).status == NOTHING_BEHIND


def test_the_log_holds_nothing_personal(proxy: Proxy) -> None:
    proxy.start()
    proxy.ask("/dagster/runs/person-1?q=ann@example.com", "admin")
    proxy.ask("/dagster/?q=ann@example.com", "admin", password="what-ann-typed")
    proxy.ask("/dagster/", "ann@example.com", password="what-ann-typed")
    proxy.ask("/ann@example.com", headers={"User-Agent": "ann", "Referer": "http://ann.example.com/"})
    proxy.stop()
    said = proxy.said()
    lines = [line for line in said.splitlines() if " bytes " in line]
    assert all(re.fullmatch(r"\S+ GET (dagster|healthz|-) \d+ \d+ bytes [\d.]+ s", line) for line in lines), lines
    assert sum(" GET dagster 401 " in line for line in lines) == 2
    assert not any(word in said for word in ("ann", "127.0.0.1:", *USERS.values()))


def test_with_tls_the_plain_port_only_points_to_it(proxy: Proxy) -> None:
    proxy.start({**PASSWORDS, "BROWSE_TLS": "on"})
    assert "self-signed" in proxy.said()
    assert proxy.ask("/", tls=True).status == 401
    answer = proxy.ask("/", "admin", tls=True)
    assert answer.status == 200
    assert "Secure" in answer.headers["set-cookie"]
    for path in ("/", "/dagster/graphql?query=secret"):
        plain = proxy.ask(path, "admin", method="POST")
        assert plain.status == 301
        assert plain.headers["location"] == f"https://127.0.0.1:{proxy.tls_port}{path.split('?')[0]}"
        assert "set-cookie" not in plain.headers
    # A line break in the path stays coded: decoded, it would end the header and begin another.
    for tls in (False, True):
        with socket.create_connection(("127.0.0.1", proxy.tls_port if tls else proxy.port), timeout=60) as plainly:
            plainly.sendall(b"GET /a%0d%0aSet-Cookie:%20b=c?d HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            head = plainly.makefile("rb").read().split(b"\r\n\r\n")[0]
        assert f"Location: https://x:{proxy.tls_port}/a%0d%0aSet-Cookie:%20b=c".encode() in head.split(b"\r\n")
        assert b"\r\nSet-Cookie" not in head
    certificate = (proxy.state / "self-signed.crt").read_bytes()
    proxy.stop()
    proxy.start({**PASSWORDS, "BROWSE_TLS": "on"})
    assert (proxy.state / "self-signed.crt").read_bytes() == certificate
    # A certificate of one's own, as a container has it mounted.
    own = {"BROWSE_TLS_CERTIFICATE": "own.crt", "BROWSE_TLS_KEY": "own.key"}
    for name in own.values():
        (proxy.folder / name).write_bytes((proxy.state / f"self-signed{name[3:]}").read_bytes())
        (proxy.folder / name).chmod(0o644)
    (proxy.state / "self-signed.key").unlink()
    proxy.stop()
    proxy.log.write_text("")
    proxy.start({**PASSWORDS, "BROWSE_TLS": "on", **{k: str(proxy.folder / v) for k, v in own.items()}})
    assert proxy.ask("/", "viewer", tls=True).status == 200
    assert "self-signed" not in proxy.said()
