"""What a command shows on the terminal while it works: a line that moves, and above it what is done.

What belongs here: whether there is a terminal, colours, the moving line. What does not: what is said (`run.py`,
`summary.py`).

Into a pipe or a file go plain lines, without colour and without the moving one; TERM=dumb is served likewise.
NO_COLOR (no-color.org) keeps the moving line and takes the colours away.
"""

import os
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

_REFRESHED_PER_SECOND = 5
_DETAIL_WIDTH = 60


def is_terminal(stream: TextIO) -> bool:
    """Whether lines may be rewritten there."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in ("dumb", "unknown")


def has_colour(stream: TextIO) -> bool:
    """Whether colours are wanted there."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def duration(seconds: float) -> str:
    """As a clock shows it: 0:07, 12:34, 1:02:03."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def printable(text: str) -> str:
    """Without what would steer the terminal: names of products and the like come from pages of others."""
    return "".join(
        character if character.isprintable() or character == "\n" else "\N{REPLACEMENT CHARACTER}" for character in text
    )


class Progress:
    """A context in which something is at work.

    Attributes:
        doing: what is at work now; shown with the time since it was set.
        detail: a word more about it, such as a file's number.
        done: how many parts are done.
        total: how many there are; 0 while that is not known.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        from rich.console import Console

        class LastingConsole(Console):
            def on_broken_pipe(self) -> None:
                """Its reader is gone (`| head`), and the work goes on; rich would end the process."""
                self.file = open(os.devnull, "w")  # noqa: SIM115

        stream = stream or sys.stdout
        self._console = LastingConsole(
            file=stream,
            force_terminal=is_terminal(stream),
            color_system="standard" if has_colour(stream) else None,
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
        )
        self._live: Live | None = None
        self._started = self._since = time.monotonic()
        self._doing = self.detail = ""
        self.done = self.total = 0

    @property
    def doing(self) -> str:
        """What is at work now."""
        return self._doing

    @doing.setter
    def doing(self, what: str) -> None:
        self._doing, self.detail, self._since = what, "", time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._started

    def __enter__(self) -> "Progress":
        if self._console.is_terminal:
            from rich.live import Live

            self._live = Live(
                get_renderable=self._line,
                console=self._console,
                refresh_per_second=_REFRESHED_PER_SECOND,
                transient=True,  # nothing of it is left on the screen
            )
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()
            self._live = None

    def say(self, text: str = "", style: str = "") -> None:
        """A line that stays; on a terminal in a style of rich (`bold`, `green`, `yellow`, `red`)."""
        from rich.text import Text

        self._print(Text(printable(text), style))

    def say_labelled(self, text: str, width: int, style: str = "bold") -> None:
        """A line whose first characters are a label, in another style."""
        from rich.text import Text

        self._print(Text.assemble((printable(text[:width]), style), printable(text[width:])))

    def say_stopping(self, text: str) -> None:
        """Somebody asked for the end: nothing else is at work now."""
        self.doing, self.total = "stopping", 0
        self.say(text, "bold")

    def _print(self, text: "Text") -> None:
        self._console.print(text)

    def _line(self) -> "RenderableType":
        from rich.text import Text

        parts = Text("  ", no_wrap=True, overflow="ellipsis")
        parts.append(self._doing or "starting", "cyan")
        parts.append(f"  {duration(time.monotonic() - self._since)}")
        if self.detail:
            parts.append(f"  {printable(self.detail)[:_DETAIL_WIDTH]}", "dim")
        if self.total:
            parts.append(f"   {self.done} of {self.total} done, {duration(self.seconds)} in all")
        return parts
