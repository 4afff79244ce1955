"""Dagster and MLflow behind the front door, all of it running: who may see, who may change.

`door` starts a code server, both of Dagster's web servers, MLflow and nginx once; skipped without nginx.
"""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from browse_assets.dagster_home import prepare_dagster_home
from browse_assets.settings import PROJECT_ROOT, Settings
from browse_assets_tests.door_process import USERS, WITHOUT_NGINX, Answer, Proxy, basic
from browse_assets_tests.test_browser import CHROMIUM, CHROMIUM_ARGUMENTS, LOOK_MILLISECONDS
from browse_assets_tests.ui_process import free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.skipif(bool(WITHOUT_NGINX), reason=WITHOUT_NGINX)

START_SECONDS = 240.0
CODE = """
import dagster as dg

@dg.asset(description="One row per thing that was counted.")
def counted() -> int:
    return 1

@dg.sensor(job_name="count_all")
def watching():
    raise RuntimeError("a viewer ran this sensor's code")

defs = dg.Definitions(assets=[counted], jobs=[dg.define_asset_job("count_all")], sensors=[watching])
"""
PLACE = {"repositoryName": "__repository__", "repositoryLocationName": "counting"}
LAUNCH = """
mutation Launch($job: JobOrPipelineSelector!) {
  launchRun(executionParams: {selector: $job, mode: "default"}) {
    __typename ... on LaunchRunSuccess { run { runId status } }
  }
}"""
LAUNCHED = {"query": LAUNCH, "variables": {"job": {**PLACE, "jobName": "count_all"}}}
RUNS = {"query": "{ runsOrError { ... on Runs { results { runId } } } }"}
SUBSCRIPTION = """
subscription Log($run: ID!) {
  pipelineRunLogs(runId: $run) { ... on PipelineRunLogsSubscriptionSuccess { messages { __typename } } }
}"""


class Door(Proxy):
    """The proxy and the servers behind it."""

    home: Path
    store: Path

    def dagster(self, door: str, user: str, body: object) -> Answer:
        """A GraphQL request."""
        return self.ask(f"/{door}/graphql", user, method="POST", body=body)

    def mlflow(self, door: str, user: str, call: str, body: object) -> Answer:
        """A call of MLflow's API, as its pages make it."""
        return self.ask(f"/{door}/ajax-api/2.0/mlflow/{call}", user, method="POST", body=body)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory, mlflow_store: str) -> Iterator[Door]:
    """Everything on free ports; ended with all that it started."""
    folder = tmp_path_factory.mktemp("door")
    store = folder / "mlflow.db"
    _fill(mlflow_store, store, folder)
    home = prepare_dagster_home(Settings(folder / "data", "", folder))
    ports = {name: free_port() for name in ("code", "DAGSTER", "VIEW", "MLFLOW")}
    (folder / "counting.py").write_text(CODE)
    (folder / "workspace.yaml").write_text(
        f"load_from:\n  - grpc_server: {{host: 127.0.0.1, port: {ports['code']}, location_name: counting}}\n"
    )
    webserver = ["-w", str(folder / "workspace.yaml"), "-h", "127.0.0.1"]
    listening = ["--host", "127.0.0.1", "--port", str(ports["MLFLOW"]), "--workers", "1"]
    stored = ["--backend-store-uri", f"sqlite:///{store}", "--artifacts-destination", str(folder / "artifacts")]
    commands = {
        "code": ["dagster", "api", "grpc", "-f", str(folder / "counting.py"), "-h", "127.0.0.1", "-p"],
        "DAGSTER": ["dagster_webserver", *webserver, "--path-prefix", "/dagster", "-p"],
        "VIEW": ["browse_assets.viewer_webserver", *webserver, "--read-only", "--path-prefix", "/view", "-p"],
        "MLFLOW": ["mlflow", "server", *listening, "--allowed-hosts", "localhost", *stored],
    }
    started: list[subprocess.Popen[bytes]] = []
    proxy = Door({name: f"127.0.0.1:{port}" for name, port in ports.items() if name != "code"})
    proxy.home, proxy.store = home, store
    try:
        for name, arguments in commands.items():
            port = [] if name == "MLFLOW" else [str(ports[name])]
            with (folder / f"{name}.log").open("wb") as log:
                started.append(_server([*arguments, *port], home, log))
            if name == "code":
                _wait(ports[name], started[-1], folder / "code.log")
        for name, process in zip(commands, started, strict=True):
            _wait(ports[name], process, folder / f"{name}.log")
        proxy.start()
        yield proxy
    finally:
        proxy.remove()
        for process in started:
            os.killpg(process.pid, signal.SIGINT)
        for process in started:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _fill(mlflow_store: str, store: Path, folder: Path) -> None:
    """One experiment with a run that has a figure, in a copy of the tests' store: its schema takes seconds."""
    import mlflow
    from matplotlib.figure import Figure

    mlflow.MlflowClient(mlflow_store).search_experiments(max_results=1)  # makes it, if nobody has yet
    shutil.copyfile(mlflow_store.removeprefix("sqlite:///"), store)
    client = mlflow.MlflowClient(f"sqlite:///{store}")
    experiment = client.create_experiment("seen_at_the_door", artifact_location=str(folder / "artifacts"))
    run = client.create_run(experiment, run_name="seen_in_browser")
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [0, 1])
    client.log_figure(run.info.run_id, figure, "reliability.png")
    client.log_metric(run.info.run_id, "log_loss", 0.25)
    client.set_terminated(run.info.run_id)


def _server(arguments: list[str], home: Path, log: Any) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT_ROOT,
        env={**os.environ, "DAGSTER_HOME": str(home), "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def _wait(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{log.stem} did not start:\n{log.read_text()}")


@pytest.fixture(scope="module")
def run_id(door: Door) -> str:
    """A run that the admin has launched; it stays in the queue, since there is no daemon."""
    answer = door.dagster("dagster", "admin", LAUNCHED).json()["data"]["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess"
    assert answer["run"]["status"] == "QUEUED"
    return str(answer["run"]["runId"])


EVERYWHERE = [
    ("GET", "/dagster/"),
    ("GET", "/dagster/server_info"),
    ("POST", "/dagster/graphql"),
    ("GET", "/dagster/graphql?query={version}"),
    ("GET", "/dagster/favicon.png"),
    ("POST", "/dagster/report_asset_materialization/counted"),
    ("GET", "/view/"),
    ("POST", "/view/graphql"),
    ("GET", "/mlflow/"),
    ("GET", "/mlflow/static-files/favicon.ico"),
    ("GET", "/mlflow/health"),
    ("POST", "/mlflow/api/2.0/mlflow/experiments/search"),
    ("POST", "/mlflow/ajax-api/2.0/mlflow/experiments/create"),
    ("GET", "/mlflow/get-artifact?path=reliability.png&run_uuid=x"),
    ("GET", "/mlflow/api/2.0/mlflow-artifacts/artifacts"),
    ("PUT", "/mlflow/api/2.0/mlflow-artifacts/artifacts/x"),
    ("GET", "/view-mlflow/"),
    ("POST", "/view-mlflow/graphql"),
    ("DELETE", "/view-mlflow/api/2.0/mlflow-artifacts/artifacts/x"),
]


def test_without_the_password_nothing_answers(door: Door) -> None:
    wrong: list[dict[str, Any]] = [
        {},
        {"user": "admin", "password": "a-wrong-password"},
        {"user": "ann", "password": "x"},
    ]
    asked = [{"path": path, "method": method, **user} for method, path in EVERYWHERE for user in wrong]
    assert set(door.statuses(*asked)) == {401}
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    sockets = [{"path": f"/{name}/graphql", "headers": upgrade} for name in ("dagster", "view")]
    assert set(door.statuses(*sockets)) == {401}


@pytest.mark.parametrize(
    "path",
    [
        "/dagster/",
        "/dagster/server_info",
        "/dagster/graphql?query={version}",
        "/view/",
        "/view/server_info",
        "/mlflow/",
        "/mlflow/health",
        "/mlflow/static-files/favicon.ico",
        "/mlflow/api/2.0/mlflow-artifacts/artifacts",
        "/view-mlflow/",
        "/view-mlflow/health",
    ],
)
def test_with_the_password_everything_answers(door: Door, path: str) -> None:
    assert door.ask(path, "admin").status == 200
    viewer = door.ask(path, "viewer").status
    assert viewer == (200 if path.startswith("/view") else 401)


@pytest.mark.parametrize(("name", "user"), [("dagster", "admin"), ("view", "admin"), ("view", "viewer")])
def test_a_subscription_delivers_the_events_of_a_run(door: Door, run_id: str, name: str, user: str) -> None:
    assert "RunEnqueuedEvent" in _subscribe(door, name, user, {"query": SUBSCRIPTION, "variables": {"run": run_id}})


def test_a_websocket_takes_no_change(door: Door, run_id: str) -> None:
    terminate = f'mutation {{ terminateRun(runId: "{run_id}") {{ __typename }} }}'
    for name, user in (("dagster", "admin"), ("view", "viewer")):
        assert '"type":"error"' in _subscribe(door, name, user, {"query": terminate})
    with pytest.raises(InvalidStatus, match="401"):
        _subscribe(door, "dagster", "viewer", {"query": SUBSCRIPTION, "variables": {"run": run_id}})
    with pytest.raises(InvalidStatus, match="403"):
        _subscribe(door, "view", "viewer", LAUNCHED, origin="http://elsewhere.example")


def _subscribe(door: Door, name: str, user: str, payload: object, origin: str | None = None) -> str:
    """The first message for a subscription, in the protocol that Dagster's pages speak."""
    headers = {"Authorization": basic(user, USERS[user]), **({"Origin": origin} if origin else {})}
    address = f"ws://127.0.0.1:{door.port}/{name}/graphql"
    with connect(
        address, subprotocols=["graphql-ws"], additional_headers=headers, proxy=None, open_timeout=60
    ) as socket:
        socket.send(json.dumps({"type": "connection_init"}))
        assert json.loads(socket.recv(timeout=60))["type"] == "connection_ack"
        socket.send(json.dumps({"type": "start", "id": "1", "payload": payload}))
        return str(socket.recv(timeout=60))


def test_a_viewer_changes_nothing_in_dagster(door: Door, run_id: str) -> None:
    """Each mutation that the schema has, with values made up for it, as POST and as GET."""
    before = _stored(door.home)
    mutations = _mutations(door)
    assert {"launchRun", "terminateRun", "wipeAssets", "sensorDryRun", "setNuxSeen"} <= set(mutations)
    bodies = [{"query": query} for query in mutations.values()]
    for body in [*bodies, LAUNCHED]:
        answer = door.dagster("view", "viewer", body)
        assert answer.status == 400, answer.body[:300]
        assert b"viewers' door" in answer.body
        assert answer.json()["data"] is None
    assert door.ask("/view/graphql?query=mutation{reloadWorkspace{__typename}}", "viewer").status == 400
    for path in ("report_asset_materialization/counted", "report_asset_check/counted", "server_info"):
        assert door.ask(f"/view/{path}", "viewer", method="POST", body={}).status == 403
    assert _stored(door.home) == before
    runs = door.dagster("view", "viewer", RUNS).json()["data"]["runsOrError"]["results"]
    assert [run["runId"] for run in runs] == [run_id]


def test_a_viewer_gets_no_files_of_the_server(door: Door, run_id: str) -> None:
    for path in (f"download_debug/{run_id}", "notebook?path=x.ipynb&repoLocName=counting", "logs/x"):
        assert door.ask(f"/view/{path}", "viewer").status == 403


def _mutations(door: Door) -> dict[str, str]:
    """A document for each mutation of the schema, its required arguments filled in."""
    kinds = "kind name ofType { kind name ofType { kind name ofType { kind name } } }"
    query = (
        f"{{ __schema {{ mutationType {{ fields {{ name type {{ {kinds} }} args {{ name type {{ {kinds} }} }} }} }}"
        f" types {{ name enumValues {{ name }} inputFields {{ name type {{ {kinds} }} }} }} }} }}"
    )
    schema = door.dagster("view", "viewer", {"query": query}).json()["data"]["__schema"]
    types = {kind["name"]: kind for kind in schema["types"]}

    def value(kind: dict[str, Any], *, is_required: bool = False) -> str | None:
        if kind["kind"] == "NON_NULL":
            return value(kind["ofType"], is_required=True)
        if not is_required:
            return None
        if kind["kind"] == "LIST":
            return f"[{value(kind['ofType'], is_required=True)}]"
        if kind["kind"] == "ENUM":
            return str(types[kind["name"]]["enumValues"][0]["name"])
        if kind["kind"] == "INPUT_OBJECT":
            return f"{{{given(types[kind['name']]['inputFields'])}}}"
        return {"Int": "1", "Float": "1.0", "Boolean": "true"}.get(kind["name"], '"x"')

    def given(arguments: list[dict[str, Any]]) -> str:
        return ", ".join(f"{name}: {text}" for name, text in ((a["name"], value(a["type"])) for a in arguments) if text)

    documents = {}
    for field in schema["mutationType"]["fields"]:
        arguments = given(field["args"])
        kind = field["type"]
        while kind.get("ofType"):
            kind = kind["ofType"]
        selection = "" if kind["kind"] == "SCALAR" else "{ __typename }"
        documents[field["name"]] = f"mutation {{ {field['name']}{f'({arguments})' if arguments else ''} {selection} }}"
    return documents


def _stored(home: Path) -> dict[str, int]:
    """Rows of each table below DAGSTER_HOME, and each file's name."""
    counts = {str(path.relative_to(home)): 0 for path in home.rglob("*") if path.suffix not in (".db-wal", ".db-shm")}
    for path in home.rglob("*.db"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as con:
            for (table,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                counts[f"{path.name} {table}"] = con.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    return counts


def test_mlflow_s_graphql_has_no_change() -> None:
    """The proxy passes all of it to viewers: searches, and an echo. A version with more has to be looked at."""
    from mlflow.server.graphql.graphql_schema_extensions import schema

    mutations = schema.graphql_schema.mutation_type
    assert mutations is not None
    assert set(mutations.fields) == {"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"}


READ_BY_POST = [
    ("experiments/search", {"max_results": 5}),
    ("runs/search", {"experiment_ids": ["0"]}),
    ("logged-models/search", {"experiment_ids": ["0"]}),
    ("experiments/search-datasets", {"experiment_ids": ["0"]}),
]


@pytest.mark.parametrize(("call", "body"), READ_BY_POST, ids=lambda value: value if isinstance(value, str) else "")
def test_a_viewer_searches_in_mlflow(door: Door, call: str, body: dict[str, Any]) -> None:
    assert door.mlflow("view-mlflow", "viewer", call, body).status == 200


def test_a_viewer_changes_nothing_in_mlflow(door: Door) -> None:
    """Every route of MLflow's server that is no GET, by the method it has, but for the searches."""
    before = _rows_of_mlflow(door.store)
    routes, mutations = _routes_and_mutations()
    assert len(routes) > 100
    # The proxy lets a viewer's GraphQL pass: two are searches, the third echoes a text.
    assert mutations == {"mlflowSearchDatasets", "mlflowSearchRuns", "testMutation"}
    asked = [
        {"path": f"/view-mlflow{path}", "user": "viewer", "method": method, "body": {"name": "by_a_viewer"}}
        for method, path in routes
    ]
    allowed = [request["path"] for request, status in zip(asked, door.statuses(*asked), strict=True) if status != 403]
    assert {str(path).split("/mlflow/")[-1] for path in allowed} == {
        *(call for call, _ in READ_BY_POST),
        "traces/search",
        "traces/metrics",
        "datasets/search",
        "/view-mlflow/graphql",
    }
    for call in ("gateway-proxy", "webhooks"):
        assert door.ask(f"/view-mlflow/ajax-api/2.0/mlflow/{call}", "viewer").status == 403
    assert _rows_of_mlflow(door.store) == before
    assert door.mlflow("mlflow", "admin", "experiments/create", {"name": "by_the_admin"}).status == 200
    assert _rows_of_mlflow(door.store) != before


def _routes_and_mutations() -> tuple[list[tuple[str, str]], set[str]]:
    """(method, path) of every route of MLflow's server that is no GET, parameters filled in; GraphQL's mutations."""
    code = (
        "from mlflow.server import app; from mlflow.server.fastapi_app import app as outer\n"
        "from mlflow.server.graphql.graphql_schema_extensions import schema\n"
        "found = {(m, r.rule) for r in app.url_map.iter_rules() for m in r.methods}\n"
        "found |= {(m, r.path) for r in outer.routes for m in getattr(r, 'methods', None) or ()}\n"
        "print(json.dumps([sorted(found), list(schema.graphql_schema.mutation_type.fields)]))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", f"import json\n{code}"],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    routes, mutations = json.loads(done.stdout.splitlines()[-1])
    filled = [(method, re.sub(r"<[^>]*>|{[^}]*}", "x", path)) for method, path in routes]
    return [pair for pair in filled if pair[0] not in ("GET", "HEAD", "OPTIONS")], set(mutations)


def _rows_of_mlflow(store: Path) -> dict[str, int]:
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as con:
        tables = con.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {name: con.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in tables}


@pytest.fixture
def tab(door: Door, request: pytest.FixtureRequest) -> Iterator["Page"]:
    """A tab that knows the password of the user in the parameter, and notes what went wrong."""
    from playwright.sync_api import sync_playwright

    user = request.param
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(http_credentials={"username": user, "password": USERS[user]})
        context.set_default_timeout(LOOK_MILLISECONDS)
        context.set_default_navigation_timeout(LOOK_MILLISECONDS)
        yield context.new_page()
        browser.close()


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
@pytest.mark.parametrize(
    ("tab", "dagster", "mlflow"), [("admin", "dagster", "mlflow"), ("viewer", "view", "view-mlflow")], indirect=["tab"]
)
def test_both_uis_work_in_a_browser(door: Door, tab: "Page", dagster: str, mlflow: str) -> None:
    broken: list[str] = []
    tab.on("response", lambda r: broken.append(f"{r.status} {r.url}") if r.status >= 400 else None)
    elsewhere: list[str] = []
    tab.on("request", lambda r: elsewhere.append(r.url) if f"127.0.0.1:{door.port}/" not in r.url else None)
    sockets: list[str] = []
    tab.on("websocket", lambda opened: sockets.append(opened.url))

    tab.goto(f"http://127.0.0.1:{door.port}/")
    tab.locator(f"a[href='/{dagster}/']").click()
    tab.get_by_text("Catalog").first.wait_for()
    tab.goto(f"http://127.0.0.1:{door.port}/{dagster}/assets/counted")
    tab.get_by_text("One row per thing that was counted.").first.wait_for()
    assert sockets
    assert set(sockets) == {f"ws://127.0.0.1:{door.port}/{dagster}/graphql"}

    tab.goto(f"http://127.0.0.1:{door.port}/")
    tab.locator(f"a[href^='/{mlflow}/']").click()
    tab.get_by_text("Model training", exact=True).first.click()
    tab.get_by_text("seen_at_the_door", exact=True).first.wait_for()
    if mlflow == "view-mlflow":  # the same pages for both users: one of them opens them all
        _look_at_a_figure(tab)
    # MLflow's pages ask for what this server does not offer (its assistant, a gateway, users), and go on.
    asked_for_nothing = ("/assistant/", "/gateway-proxy?", "/users/current")
    assert not [line for line in broken if not any(part in line for part in asked_for_nothing)]
    assert not [url for url in elsewhere if url.startswith(("http:", "https:", "ws:"))]


def _look_at_a_figure(tab: "Page") -> None:
    tab.get_by_text("seen_at_the_door", exact=True).first.click()
    tab.get_by_text("seen_in_browser").first.click()
    tab.get_by_text("log_loss").first.wait_for()
    tab.get_by_text("Artifacts", exact=True).first.click()
    tab.get_by_text("reliability.png").first.click()
    figure = tab.locator("img[src^='blob:'], img[src*='get-artifact'], .image-outer-container img").first
    figure.wait_for()
    assert figure.evaluate("async (image) => { await image.decode(); return image.naturalWidth }") > 100
