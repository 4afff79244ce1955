"""Latency of `make serve`: single predictions by clients in parallel, against the server as users start it.

What belongs here: a champion of made-up people, the server's process, the clients. What does not: the pipeline
(`stages.py`). Clients and server share the machine's cores, so the figures are what a laptop shows.
"""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles

CLIENTS = 10
REQUESTS = 50
WARM_UP = 5
MODELS = ("logistic_regression", "random_forest", "lightgbm")
_START_SECONDS = 120.0


class ServingFailedError(Exception):
    """The server did not start or refused a request; the message holds what it said."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds from a request to its whole answer, and answers per second of all clients together."""

    model: str
    p50: float
    p95: float
    per_second: float


def measure_serving(folder: Path, *, clients: int = CLIENTS, requests: int = REQUESTS) -> list[Latency]:
    """For each of MODELS: `clients` in parallel, each with `requests` single predictions one after another.

    Raises:
        ServingFailedError: the server did not start, or refused a request.
    """
    os.environ.update(
        BROWSE_DATA_DIR=str(folder),
        MLFLOW_TRACKING_URI=f"sqlite:///{folder / 'mlflow.db'}",
        BROWSE_SECRET_KEY="be" * 32,
    )
    # After the environment is set: the store is where it says.
    from browse_assets_tests.churn_champion import fitted_candidate, made_up_people, register_champion
    from browse_assets_tests.ui_process import free_port

    people = made_up_people(1_000)
    records = json.loads(people.drop(columns="churned").head(100).to_json(orient="records"))
    found = []
    for name in MODELS:
        register_champion(fitted_candidate(people, name), None)
        port = free_port()
        server = _start(port, folder / "serve.log")
        try:
            started = time.perf_counter()
            times = _ask(port, records, clients, requests)
            seconds = time.perf_counter() - started
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)
        cuts = quantiles([1000 * seconds for seconds in times], n=100)
        found.append(Latency(name, cuts[49], cuts[94], len(times) / seconds))
    return found


def serving_table(found: list[Latency], clients: int = CLIENTS) -> list[str]:
    """The figures as plain text."""
    return [
        f"{f'make serve, {clients} clients':<30}{'p50 ms':>9}{'p95 ms':>9}{'per s':>8}",
        *(f"{one.model:<30}{one.p50:>9.0f}{one.p95:>9.0f}{one.per_second:>8.0f}" for one in found),
    ]


def _start(port: int, log: Path) -> subprocess.Popen[bytes]:
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "browse_assets.serve"],
            env={**os.environ, "BROWSE_SERVE_PORT": str(port), "PYTHONUNBUFFERED": "1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if re.search(r"^Ctrl-C ends it", log.read_text(), re.MULTILINE):
            return server
        time.sleep(0.1)
    server.kill()
    server.wait()
    raise ServingFailedError(f"make serve did not start:\n{log.read_text()}")


def _ask(port: int, records: list[dict[str, object]], clients: int, requests: int) -> list[float]:
    """Seconds of each request after the first of each client, which wait for what is loaded on first use."""
    times: list[float] = []
    failed: list[int] = []
    ready = threading.Barrier(clients)

    def client(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        for i in range(WARM_UP + requests):
            if i == WARM_UP:
                ready.wait()
            body = json.dumps({"dataframe_records": [records[(number * 37 + i) % len(records)]]})
            started = time.perf_counter()
            connection.request("POST", "/invocations", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                failed.append(answer.status)
            if i >= WARM_UP:
                times.append(time.perf_counter() - started)
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise ServingFailedError(f"{len(failed)} requests were refused, the first with status {failed[0]}")
    return times
