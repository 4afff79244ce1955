"""Ctrl-C ends a command within seconds whatever it is doing, and leaves nothing running."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from browse_assets.settings import PROJECT_ROOT
from browse_assets.stopping import descendants, stop_requests

COMMAND = """
import hashlib, subprocess, sys, threading, time
from browse_assets import stopping
from browse_assets.command_line import leave, run_command

def listens(stop):
    stop.on_stop = lambda: print("noted", flush=True)
    print("ready", flush=True)
    time.sleep(600)

def does_not_listen(stop):
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    threading.Thread(target=time.sleep, args=[600]).start()
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes in native code

def turns_it_into_an_error(stop):
    print("ready", flush=True)
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        raise ImportError("cannot import name") from None

stopping.GRACE_SECONDS = float(sys.argv[2])
leave(run_command(globals()[sys.argv[1]]))
"""


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def start(processes: list[subprocess.Popen[str]], work: str, grace: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", COMMAND, work, str(grace)],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    processes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def assert_gone(processes: list[int]) -> None:
    """None of them runs any more; a zombie that nobody has fetched does not."""
    deadline = time.monotonic() + 50
    states = {"R"}
    while states and time.monotonic() < deadline:
        ids = ",".join(map(str, processes))
        listed = subprocess.run(["ps", "-o", "stat=", "-p", ids], capture_output=True, text=True, check=False)
        states = {state[0] for state in listed.stdout.split()} - {"Z"}
    assert not states


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_a_signal_ends_it_in_order(started: list[subprocess.Popen[str]], number: signal.Signals, code: int) -> None:
    process = start(started, "listens", 60)
    os.killpg(process.pid, number)
    said, _ = process.communicate(timeout=50)
    assert process.returncode == code
    assert said.splitlines()[:2] == ["Stopping ... (Ctrl-C again: at once)", "noted"]
    assert "Stopped." in said
    assert "Traceback" not in said


def test_an_interrupt_that_came_out_as_an_error_is_an_interrupt(started: list[subprocess.Popen[str]]) -> None:
    process = start(started, "turns_it_into_an_error", 60)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "ImportError" not in said


def test_what_does_not_listen_is_ended_with_all_that_it_started(started: list[subprocess.Popen[str]]) -> None:
    process = start(started, "does_not_listen", 0.5)
    children = descendants(process.pid)
    assert children
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "does not listen" in said
    assert_gone(children)


def test_the_second_request_means_at_once(started: list[subprocess.Popen[str]]) -> None:
    process = start(started, "does_not_listen", 600)
    children = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("Stopping")
    deadline = time.monotonic() + 50
    while process.poll() is None and time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    said, _ = process.communicate(timeout=50)
    assert process.returncode == 130
    assert "Stopped at once." in said
    assert_gone(children)


def test_where_there_is_no_ps_the_process_itself_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a slim container; an error there would leave a process that no signal but SIGKILL ends."""
    monkeypatch.setenv("PATH", "")
    assert descendants(os.getpid()) == []


def test_signals_are_as_before_afterwards() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)]
    with stop_requests(print) as stop:
        assert signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    assert not stop.is_requested
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)] == before


def test_outside_the_main_thread_the_block_runs_as_it_is() -> None:
    ran: list[bool] = []

    def work() -> None:
        with stop_requests(print) as stop:
            ran.append(stop.is_requested)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ran == [False]
