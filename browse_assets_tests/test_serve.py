"""`make serve` answers over HTTP as churn_scores says, refuses what it cannot take, and leaves nothing behind."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from browse_assets import serve
from browse_assets.analysis.churn_scores import score_people
from browse_assets.scoring_app import RefusedError, ScoredTogether, ServedModel, read_request
from browse_assets.settings import PROJECT_ROOT, Settings
from browse_assets_tests.churn_champion import (
    NUMBERS,
    fill_snapshots,
    fitted_candidate,
    made_up_people,
    register_champion,
    without_champion,
)
from browse_assets_tests.ui_process import free_port, group_is_alive, listens

CANARY = "canary.person@example.com"
PEOPLE = made_up_people(150)
START_SECONDS = 120.0


@dataclass
class Serving:
    """A running `make serve`."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path
    estimator: Any
    version: str

    def said(self) -> str:
        return self.output.read_text()

    def ask(self, body: Any, path: str = "/invocations", headers: dict[str, str] | None = None) -> tuple[int, Any]:
        """Status and JSON of a POST; a body that is no text is sent as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        text = body if isinstance(body, str) else json.dumps(body)
        connection.request("POST", path, text.encode(), {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if content.startswith(b"{") else content.decode()


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory, mlflow_store: str) -> Iterator[Serving]:
    """One server for all tests of this file, its champion a little model of numbers and a text."""
    folder = tmp_path_factory.mktemp("serve")
    port = free_port()
    variables = {
        "BROWSE_DATA_DIR": str(folder / "data"),
        "MLFLOW_TRACKING_URI": mlflow_store,
        "BROWSE_SERVE_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    estimator = fitted_candidate(PEOPLE)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        version = register_champion(estimator, None)
    output = folder / "output.txt"
    with output.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-m", "browse_assets.serve"],
            cwd=PROJECT_ROOT,
            env={**os.environ, **variables},
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # As `&` in a script leaves it: Ctrl-C has to work all the same.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        )
    deadline = time.monotonic() + START_SECONDS
    while "Ctrl-C ends it" not in output.read_text():
        assert process.poll() is None, output.read_text()
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)
    yield Serving(process, port, output, estimator, version)
    if process.poll() is None:
        process.kill()
        process.wait(timeout=30)


def records_of(people: pd.DataFrame) -> list[dict[str, Any]]:
    """As a client would send them: JSON's numbers, texts and nulls."""
    features: list[dict[str, Any]] = json.loads(
        people.drop(columns="churned").to_json(orient="records", double_precision=15)
    )
    return features


def test_batch_and_api_say_the_same(
    serving: Serving,
    scratch_warehouse: Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]],
    materialize: Callable[..., Any],
    warehouse: Callable[..., list[tuple[Any, ...]]],
) -> None:
    """Each person of churn_scores alone, by what churn_snapshots holds of them."""
    with scratch_warehouse() as con:
        fill_snapshots(con, PEOPLE.head(12))
    materialize("churn_scores")
    rows = warehouse(
        f"SELECT {', '.join(NUMBERS)}, probability, band, reasons, model_version "
        "FROM churn_snapshots JOIN churn_scores USING (user_key) ORDER BY user_key"
    )
    assert len(rows) == 11
    for row in rows:
        features, batch = dict(zip(NUMBERS, row, strict=False)), row[len(NUMBERS) :]
        status, said = serving.ask({"dataframe_records": [features]})
        assert status == 200
        (api,) = said["predictions"]
        assert api["probability"] == pytest.approx(batch[0], abs=1e-9)
        assert (api["band"], api["reasons"], api["model_version"]) == batch[1:]


def test_texts_and_many_people_in_either_form(serving: Serving) -> None:
    people = PEOPLE.head(30)
    expected = score_people(serving.estimator, people)["probability"].tolist()
    records = records_of(people)
    names = list(records[0])
    split = {"columns": names, "data": [[record[name] for name in names] for record in records]}
    for body in ({"dataframe_records": records}, {"dataframe_split": split}):
        status, said = serving.ask(body)
        assert status == 200
        assert [one["probability"] for one in said["predictions"]] == pytest.approx(expected, abs=1e-9)


def test_missing_columns_nulls_and_unknown_categories_are_answered(serving: Serving) -> None:
    bodies = [{"days_since_last": 30}, {"days_since_last": 30.0, "customer_plan": None, "sessions": None}]
    answers = [serving.ask({"dataframe_records": [one]})[1]["predictions"][0] for one in bodies]
    assert answers[0] == answers[1]
    status, said = serving.ask({"dataframe_records": [{"customer_plan": "a plan to come"}]})
    assert status == 200
    assert 0 <= said["predictions"][0]["probability"] <= 1
    assert serving.ask({"dataframe_records": []}) == (200, {"predictions": []})


REFUSED: list[tuple[Any, int, str]] = [
    ({"dataframe_records": [{"days_since_last": CANARY}]}, 400, "days_since_last must be a finite number or null"),
    ({"dataframe_records": [{"days_since_last": 10**400}]}, 400, "days_since_last must be a finite number or null"),
    ('{"dataframe_records": [{"days_since_last": 1e999}]}', 400, "days_since_last must be a finite number or null"),
    ({"dataframe_records": [{"customer_plan": {"name": CANARY}}]}, 400, "customer_plan must be text or null"),
    ({"dataframe_records": [{"day_since_last": CANARY}]}, 400, "is days_since_last meant?"),
    ({"dataframe_records": [{CANARY: 1}]}, 400, "columns that are no feature of this model: 1"),
    ({"dataframe_records": [{}]}, 400, "a list of objects, each with one feature or more"),
    ({"dataframe_records": CANARY}, 400, "a list of objects"),
    ({"dataframe_split": {"columns": ["sessions"], "data": [[1, CANARY]]}}, 400, "each as long as columns"),
    ({"dataframe_split": {"columns": ["sessions", "sessions"], "data": []}}, 400, "names one column twice"),
    ({"dataframe_split": {"columns": [], "data": []}}, 400, "must be a list of names"),
    ({"dataframe_split": {"columns": [CANARY]}}, 400, "columns, data and maybe index"),
    ({"inputs": {"sessions": [CANARY]}}, 400, "dataframe_records"),
    ([CANARY], 400, "dataframe_records"),
    (f"not JSON {CANARY}", 400, "the body is no JSON"),
    ('{"dataframe_records": [{"sessions": NaN}]}', 400, "send null"),
    ("[" * 100_000, 400, "the body is no JSON"),
]


@pytest.mark.parametrize(("body", "status", "message"), REFUSED)
def test_what_cannot_be_taken_is_refused_by_column_and_never_quoted(
    body: Any, status: int, message: str, serving: Serving
) -> None:
    answered, said = serving.ask(body)
    assert (answered, list(said)) == (status, ["message"])
    assert message in said["message"]
    assert "canary" not in json.dumps(said)


def test_mlflow_s_own_server_gives_bare_probabilities_and_quotes_the_request(
    serving: Serving, mlflow_store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app that `mlflow models serve -m models:/churn@champion` starts, asked in this process."""
    import mlflow
    from fastapi.testclient import TestClient
    from mlflow.pyfunc.scoring_server import init

    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow_store)
    mlflow.set_tracking_uri(mlflow_store)
    client = TestClient(init(mlflow.pyfunc.load_model("models:/churn@champion")))
    people = PEOPLE.head(3)
    answer = client.post("/invocations", json={"dataframe_records": records_of(people)})
    assert answer.status_code == 200
    expected = score_people(serving.estimator, people.drop(columns="churned"))["probability"]
    stays, leaves = zip(*answer.json()["predictions"], strict=True)
    assert leaves == pytest.approx(list(expected), abs=1e-9)
    assert [1 - p for p in stays] == pytest.approx(list(expected), abs=1e-9)
    broken = f'{{"dataframe_records": [{{"customer_plan": {CANARY}'
    wrong = client.post("/invocations", content=broken, headers={"Content-Type": "application/json"})
    assert wrong.status_code == 400
    assert CANARY in wrong.text
    assert CANARY not in str(serving.ask(broken))


def test_other_types_paths_and_hosts_are_refused(serving: Serving) -> None:
    sound = {"dataframe_records": [{"sessions": 1}]}
    assert serving.ask(sound, headers={"Content-Type": f"text/{CANARY}"})[0] == 415
    assert serving.ask(sound, path=f"/{CANARY}?days_since_last=4711")[0] == 404
    assert serving.ask(sound, path="/docs")[0] == 404  # its page would load scripts from elsewhere
    assert serving.ask(sound, headers={"Host": "attacker.example"})[0] == 400
    assert serving.ask(sound, path="/invocations?days_since_last=4711")[0] == 200


def test_log_lines_hold_no_features(serving: Serving) -> None:
    serving.ask({"dataframe_records": [{"days_since_last": 4711.4711, "customer_plan": CANARY}]})
    serving.ask({"dataframe_records": [{"days_since_last": CANARY}]}, path=f"/invocations?{CANARY}=4711")
    lines = [line for line in serving.said().splitlines() if re.match(r"\d\d:\d\d:\d\d", line)]
    assert len(lines) >= 2
    assert re.fullmatch(r"\d\d:\d\d:\d\d POST /invocations: 400, people 0, \d+ ms", lines[-1])
    assert re.fullmatch(r"\d\d:\d\d:\d\d POST /invocations: 200, people 1, \d+ ms", lines[-2])
    assert "canary" not in serving.said()
    assert "4711" not in serving.said()


def test_it_says_what_it_takes(serving: Serving) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=60)
    for path in ("/ping", "/health", "/version", "/features"):
        connection.request("GET", path)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, path
    said = json.loads(content)
    assert said["model_version"] == serving.version
    assert said["features"] == {**dict.fromkeys(NUMBERS, "number"), "customer_plan": "text"}
    connection.close()


def test_ctrl_c_ends_it_and_leaves_nothing(serving: Serving) -> None:
    """The last test of this file that needs the server."""
    assert listens(f"http://127.0.0.1:{serving.port}")
    serving.process.send_signal(signal.SIGINT)
    assert serving.process.wait(timeout=30) == 0
    assert serving.said().endswith("Ended.\n")
    assert "Traceback" not in serving.said()
    assert not listens(f"http://127.0.0.1:{serving.port}")
    assert not group_is_alive(serving.process.pid)


def test_without_a_champion_it_says_so(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    del settings
    without_champion()
    assert serve.main([]) == 1
    assert "Nothing to serve: churn has no champion." in capsys.readouterr().err


def test_without_any_training_it_says_so_and_makes_no_store(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = settings.data_dir / "mlflow" / "mlflow.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{store}")
    assert serve.main([]) == 1
    assert "no model was ever trained here" in capsys.readouterr().err
    assert not store.exists()


@pytest.mark.parametrize("text", ["0", "65536", "http"])
def test_a_bad_port_is_named(
    text: str, settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del settings
    monkeypatch.setenv("BROWSE_SERVE_PORT", text)
    assert serve.main([]) == 2
    assert "BROWSE_SERVE_PORT is not a whole number from 1 to 65535" in capsys.readouterr().err


def test_a_port_in_use_is_said_and_the_next_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del settings
    without_champion()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("BROWSE_SERVE_PORT", str(port))
        assert serve.main([]) == 1  # nobody is champion, or it would be served there
    said = re.search(r"Port (\d+) is in use: taking (\d+) instead \(BROWSE_SERVE_PORT", capsys.readouterr().out)
    assert said is not None
    assert port == int(said[1]) < int(said[2])


def test_who_waits_is_scored_together_and_gets_their_own() -> None:
    calls: list[int] = []

    def answer(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        calls.append(len(records))
        time.sleep(0.02)
        if any(record["n"] < 0 for record in records):
            raise ValueError(CANARY)
        return [{"n": 10 * record["n"]} for record in records]

    async def ask(together: ScoredTogether, sizes: list[int]) -> list[Any]:
        requests = [together([{"n": i}] * size) for i, size in enumerate(sizes)]
        return await asyncio.gather(*requests)

    answers = asyncio.run(ask(ScoredTogether(answer), [1, 2, 0, 3]))
    assert answers == [[{"n": 0}], [{"n": 10}] * 2, [], [{"n": 30}] * 3]
    assert calls == [1, 5]  # the first finds the model free; the others come while it works

    async def ask_after_an_error(together: ScoredTogether) -> list[Any]:
        with pytest.raises(ValueError, match="canary"):
            await together([{"n": -1}])
        return await together([{"n": 1}])

    assert asyncio.run(ask_after_an_error(ScoredTogether(answer))) == [{"n": 10}]


def test_who_hangs_up_takes_nobody_along() -> None:
    def answer(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
        time.sleep(0.05)
        return records

    async def ask() -> Any:
        together = ScoredTogether(answer)
        leader, other = (asyncio.ensure_future(together([{"n": i}])) for i in range(2))
        await asyncio.sleep(0.01)
        leader.cancel()
        return await other

    assert asyncio.run(ask()) == [{"n": 1}]


def test_too_much_at_once_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("browse_assets.scoring_app.MAX_BYTES", 10)
    model = ServedModel(lambda rows: rows, ("sessions",), (), "1")
    with pytest.raises(RefusedError, match="send fewer people") as caught:
        read_request("application/json", b'{"dataframe_records": [{"sessions": 1}]}', model)
    assert caught.value.status == 413
