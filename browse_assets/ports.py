"""Ports on this machine: the wanted one, or the next that is free, which is then said.

What belongs here: finding one. What does not: what listens there (`ui.py`, `serve.py`).
"""

import socket
from collections.abc import Container

from browse_assets.settings import SettingsError

HOST = "127.0.0.1"  # no server asks who one is: nothing but this machine may reach them
_TRIED = 100


def choose_port(wanted: int, variable: str, taken: Container[int] = ()) -> int:
    """The wanted port, or the next free one, which is then said with the variable that chooses another.

    Raises:
        SettingsError: none of the next hundred is free.
    """
    for port in range(wanted, min(wanted + _TRIED, 65536)):
        if port not in taken and is_free(port):
            if port != wanted:
                print(f"Port {wanted} is in use: taking {port} instead ({variable} chooses another).", flush=True)
            return port
    raise SettingsError(f"no port from {wanted} on is free; set {variable} to another")


def is_free(port: int) -> bool:
    """Whether nothing listens there, and it may be listened on."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex((HOST, port)) == 0:  # also finds one that listens on every address (macOS)
            return False
    try:
        listen(port).close()
    except OSError:
        return False
    return True


def listen(port: int) -> socket.socket:
    """A socket that has the port; nobody is answered before it listens.

    Raises:
        OSError: the port is in use, or not for everybody (those below 1024).
    """
    listening = socket.socket()
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that has just ended
        listening.bind((HOST, port))
    except OSError:
        listening.close()
        raise
    return listening
