"""What all commands have in common: trouble is one line, Ctrl-C ends them, exit codes mean the same.

What belongs here: the frame around a command. What does not: any command, and any import that takes time, since
`--help` and the first line come before those.

Exit codes: 0 done; 1 not everything was done; 2 not started; 130 Ctrl-C.
"""

import errno
import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import NoReturn

from browse_assets.foreseen import ForeseenError
from browse_assets.stopping import StopRequests, stop_requests

_PROJECT = Path(__file__).resolve().parents[1]
# Names of files below these can name people: no error shows them.
_PRIVATE = ("inbox", "customers", "erase", "export", "exports")
_REMEDIES = {
    errno.ENOSPC: "The disk is full: make room, then start again.",
    errno.EDQUOT: "Your share of the disk is used up: make room, then start again.",
    errno.EROFS: "It is on a disk that cannot be written: set BROWSE_DATA_DIR to a folder that can.",
    errno.EACCES: "You may not write there: change its owner or mode, or set BROWSE_DATA_DIR to another folder.",
    errno.EPERM: "You may not write there: change its owner or mode, or set BROWSE_DATA_DIR to another folder.",
    errno.ENOTDIR: "A file stands where a folder is needed: move it, or set BROWSE_DATA_DIR to another folder.",
    errno.EEXIST: "A file stands where a folder is needed: move it, or set BROWSE_DATA_DIR to another folder.",
    errno.EMFILE: "Too many files are open: raise the limit (ulimit -n 4096), then start again.",
}


def run_command(work: Callable[[StopRequests], int], *, refused: str = "Not started", waits: bool = True) -> int:
    """Exit code of a command; what went wrong goes to stderr in words, never with a value of a file.

    Args:
        work: the command; asked to end by KeyboardInterrupt.
        refused: what stands before the reason why it was not done.
        waits: whether Ctrl-C is waited for here; False where a server has handlers of its own.
    """
    _accept_every_character()
    if waits:  # else the process is somebody else's
        collect_garbage_seldom()
    try:
        with stop_requests(_say) if waits else nullcontext(StopRequests(_say)) as stop:
            try:
                return work(stop)
            except KeyboardInterrupt:
                return _stopped(stop)
            except BrokenPipeError:  # `| head` has read enough
                return 128 + signal.SIGPIPE
            except Exception as error:
                if stop.is_requested:  # an import, or native code, that made an error of its own of it
                    return _stopped(stop)
                _say(told(error, refused))
                return 1 if is_fault(error) else 2
    except KeyboardInterrupt:  # between the two, or where nothing waits for it
        return 130


def collect_garbage_seldom() -> None:
    """Look for garbage after 5,000 new objects, not after 700.

    Imports leave 350,000 objects that live to the end, and are looked through each time that they grow by a quarter
    or so: 0.7 of the 3.7 CPU s of a run with little to do, of which 0.3 are left.
    """
    gc.set_threshold(5_000)


def leave(code: int) -> NoReturn:
    """End the process; after a stop without waiting for threads that are still at work."""
    gc.freeze()  # Python would look through all objects several times as it ends: 0.4 CPU s
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            # Its reader is gone: Python would complain about that once more when it ends.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    if code > 128:
        os._exit(code)
    sys.exit(code)


def told(error: Exception, refused: str = "Not started") -> str:
    """An error in words: what is wrong, where, what to do."""
    if isinstance(error, ForeseenError):
        return f"{refused}: {error}"
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("browse_assets"):
        return f"{refused}: the Python package {error.name.split('.')[0]} is missing. `make clean setup` installs all."
    if isinstance(error, OSError) and error.errno in _REMEDIES:
        where = f"{shown_path(Path(os.fsdecode(error.filename)))}: " if error.filename else ""
        return f"{refused}: {where}{error.strerror}. {_REMEDIES[error.errno]}"
    return (
        f"{refused}: an unforeseen {type(error).__name__} at {place_of(error)}; its text is withheld because it may "
        "quote personal data. This is a fault of the program: please report this line."
    )


def is_fault(error: Exception) -> bool:
    """Whether nobody but a programmer can mend it."""
    return "a fault of the program" in told(error)


def place_of(error: Exception) -> str:
    """Last line of the project that an error came through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "browse_assets" in frame.filename]
    if not frames:
        return "a line outside the project"
    path = Path(frames[-1].filename)
    return f"{path.relative_to(_PROJECT) if path.is_relative_to(_PROJECT) else path.name}:{frames[-1].lineno}"


def shown_path(path: Path) -> Path:
    """A path, up to the folder whose files can name people."""
    for place, part in enumerate(path.parts):
        if part in _PRIVATE:
            return Path(*path.parts[: place + 1])
    return path


def _stopped(stop: StopRequests) -> int:
    _say("Stopped. The tables are as the last finished step left them; the same command goes on from there.")
    return stop.exit_code


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _accept_every_character() -> None:
    """A name that the terminal's encoding does not know is shown with question marks, and ends nothing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
