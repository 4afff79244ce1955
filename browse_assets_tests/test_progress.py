"""What goes to a terminal, and what goes into a pipe."""

import io
import os
import pty
import select
import time
from contextlib import suppress

import pytest

from browse_assets.progress import Progress, duration, printable


def shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch, **variables: str) -> str:
    """What a terminal gets of one line, while another part is at work."""
    for name in ("NO_COLOR", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as stream:
        with Progress(stream) as progress:
            progress.total = 3
            progress.doing = "churn_model"
            progress.say("[ 1/3] raw_events", "green")
            time.sleep(0.5)
        stream.flush()
        found = b""
        while select.select([master], [], [], 0.2)[0]:
            found += os.read(master, 100_000)
    os.close(master)
    return found.decode()


def test_a_terminal_gets_a_line_that_moves_and_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on_a_terminal(monkeypatch, TERM="xterm-256color")
    assert "\x1b[32m[ 1/3] raw_events" in shown
    assert "churn_model" in shown
    assert "0 of 3 done, 0:00 in all" in shown
    assert shown.rstrip().endswith("\x1b[2K"), "nothing of it is left on the screen"


def test_no_colour_where_it_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on_a_terminal(monkeypatch, TERM="xterm-256color", NO_COLOR="1")
    assert "churn_model" in shown
    assert "\x1b[32m" not in shown
    assert "\x1b[36m" not in shown


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown_on_a_terminal(monkeypatch, TERM="dumb") == "[ 1/3] raw_events\r\n"


@pytest.mark.parametrize("variables", [{}, {"FORCE_COLOR": "1"}])
def test_a_pipe_gets_plain_lines(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    with Progress(stream) as progress:
        progress.doing = "churn_model"
        progress.say("x" * 300, "bold red")
        progress.say_labelled("Warning       [bold]no markup[/bold] :smile:", 14)
    assert stream.getvalue() == "x" * 300 + "\nWarning       [bold]no markup[/bold] :smile:\n"


def test_a_reader_that_has_gone_ends_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    said = []
    # What stands in its buffer has nowhere to go when it is closed.
    with suppress(BrokenPipeError), os.fdopen(writer, "w", buffering=1) as stream, Progress(stream) as progress:
        for line in ("nobody reads this", "nor this"):
            progress.say(line)
            said.append(line)
    assert len(said) == 2


def test_texts_of_others_do_not_steer_the_terminal() -> None:
    assert printable("Nikon\x1b[2J Z9\u202e ō\n") == "Nikon\N{REPLACEMENT CHARACTER}[2J Z9\N{REPLACEMENT CHARACTER} ō\n"


@pytest.mark.parametrize(("seconds", "shown"), [(0.9, "0:00"), (67, "1:07"), (3723, "1:02:03")])
def test_durations(seconds: float, shown: str) -> None:
    assert duration(seconds) == shown
