"""The labelled set through the real pipeline, and what became of each value.

What belongs here: the panel file, the run of the assets `raw_events` and `scrubbed_events`, finding
each case again, and judging it. What does not: the cases (`labelled_set.py`), the search for leaks
(`leaks.py`), the tables that are printed (`report.py`).
"""

import csv
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from browse_assets_tests.privacy.labelled_set import CLEAN, Case
from browse_assets_tests.privacy.leaks import is_leaked

# Never the installation's own key.
_SECRET = "1e" * 32
_START = datetime(2024, 3, 1)
COLUMNS = ("userId", "ip", "timestamp", "url", "title", "referrer", "metadata.name", "metadata.content")
# Own columns of the pipeline that hold no part of a page; what they hold is made from ids and times.
_OWN_COLUMNS = {"event_id", "user_key", "event_time", "session_id", "file_id", "load_id", "removed"}
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
# Placeholders that say rightly what went, by kind of the labelled value; a coded value may well be an id.
PLACEHOLDERS: dict[str, set[str]] = {
    "email": {"email"},
    "email_obfuscated": {"email"},
    "phone": {"phone"},
    "card": {"card"},
    "iban": {"iban"},
    "ssn": {"ssn"},
    "ipv4": {"ip"},
    "ipv6": {"ip"},
    "geo": {"geo"},
    "jwt": {"token", "id"},
    "token": {"token", "id"},
    "uuid": {"token", "id"},
    "long_number": {"token", "id"},
    "username": {"user"},
    "name": {"name", "user"},
    "password": set(),
    CLEAN: set(),
}
_OPAQUE = {"token", "id"}
# What replaces a whole that could not be told apart says nothing of a kind.
_NO_KIND = {"undecodable", "url"}


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes:
        row: its row of scrubbed_events by column, None where the event was refused.
        is_removed: of a positive: nothing that tells the secret is left.
        is_kept: of a clean case: its value is unchanged. Of a positive: the words beside it are there.
        placeholders: kinds of the placeholders in the row.
        wrong_placeholders: those of them that nothing planted accounts for.
    """

    case: Case
    row: dict[str, Any] | None
    is_removed: bool
    is_kept: bool
    placeholders: frozenset[str]
    wrong_placeholders: frozenset[str]

    @property
    def result(self) -> str:
        """What came out of the part that held the value, for a list of misses."""
        return "(refused)" if self.row is None else " ".join(texts_of(self.row, without=("host", "domain")))


@dataclass(frozen=True)
class Measurement:
    """Outcomes in the order of the cases, and what scrubbing cost.

    Attributes:
        cpu_seconds: of materializing `scrubbed_events`, Dagster's own share and sessions included.
        strings: titles, addresses, referrers and tag contents in the file.
    """

    outcomes: tuple[Outcome, ...] = field(repr=False)  # a failed test would print held-out values
    cpu_seconds: float
    strings: int


def write_panel(cases: Sequence[Case], path: Path) -> None:
    """One person and second of time per case: by the second it is found again."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for place, case in enumerate(cases):
            event = case.event
            page = [f"labelled-{place:06}", "", _time_of(place).isoformat(), event.url, event.title, event.referrer]
            writer.writerows([*page, name, content] for name, content in event.tags or (("", ""),))


def _time_of(place: int) -> datetime:
    return _START + timedelta(seconds=place)


def measure(cases: Sequence[Case], folder: Path) -> Measurement:
    """Run the assets on the cases in that empty folder, and judge what came out.

    An asset that fails raises its own error.
    """
    (folder / "inbox").mkdir(parents=True)
    write_panel(cases, folder / "inbox" / "labelled.csv")
    with _installation(folder):
        cpu = _materialize()
        rows = _scrubbed_rows()
    outcomes = tuple(judge(case, rows.get(_time_of(place))) for place, case in enumerate(cases))
    strings = sum(2 + bool(case.event.referrer) + len(case.event.tags) for case in cases)
    return Measurement(outcomes, cpu, strings)


@contextmanager
def _installation(folder: Path) -> Iterator[None]:
    """The environment of an installation in that folder; the caller's own comes back."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("BROWSE_", "MLFLOW_TRACKING"))]:
        del os.environ[name]
    os.environ.update(BROWSE_DATA_DIR=str(folder), BROWSE_SECRET_KEY=_SECRET)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _materialize() -> float:
    """CPU seconds of `scrubbed_events`."""
    import dagster as dg

    from browse_assets.definitions import ASSETS
    from browse_assets.resources import Databases, ExperimentTracker

    used = 0.0
    for name in ("raw_events", "scrubbed_events"):
        before = time.process_time()
        result = dg.materialize(
            [*ASSETS],
            selection=dg.AssetSelection.assets(name).without_checks(),
            resources={"databases": Databases(), "tracker": ExperimentTracker()},
            run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
        )
        used = time.process_time() - before
        assert result.success  # else it has raised
    return used


def _scrubbed_rows() -> dict[datetime, dict[str, Any]]:
    from browse_assets.resources import open_databases
    from browse_assets.settings import load_settings

    with open_databases(load_settings(), warehouse="read") as con:
        found = con.execute("SELECT * FROM scrubbed_events")
        names = [column[0] for column in found.description]
        rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    return {row["event_time"]: row for row in rows}


def texts_of(row: dict[str, Any], without: Sequence[str] = ()) -> list[str]:
    """Every text of a row of scrubbed_events that comes from the page view, nested ones too."""
    found: list[str] = []

    def collect(value: Any) -> None:
        if isinstance(value, str):
            found.append(value)
        elif isinstance(value, dict):
            for inner in value.values():
                collect(inner)
        elif isinstance(value, (list, tuple)):
            for inner in value:
                collect(inner)

    for column, value in row.items():
        if column not in _OWN_COLUMNS and column not in without:
            collect(value)
    return found


def judge(case: Case, row: dict[str, Any] | None) -> Outcome:
    """What became of a case, from its row of scrubbed_events (None: there is none)."""
    if row is None:  # an event that was refused leaks nothing, and a clean one was lost
        return Outcome(case, None, case.secret is not None, False, frozenset(), frozenset())
    texts = texts_of(row)
    placeholders = frozenset(kind for text in texts for kind in PLACEHOLDER.findall(text)) - _NO_KIND
    accepted = set(PLACEHOLDERS[case.kind])
    if case.secret is not None and case.encoding != "plain":
        accepted |= _OPAQUE
    if case.secret is None:
        return Outcome(case, row, False, _is_unchanged(case, row), placeholders, placeholders)
    is_removed = not is_leaked(case.secret, texts)
    kept = all(any(word in text for text in texts) for word in case.kept)
    return Outcome(case, row, is_removed, kept, placeholders, placeholders - accepted)


def _is_unchanged(case: Case, row: dict[str, Any]) -> bool:
    if case.place == "url":
        return address(row["url"]) == address(case.event.url)
    if case.place == "title":
        return row["title"] == case.event.title.strip()
    if case.place == "search terms":
        return row["search_terms"] == case.carrier
    name, content = case.kept
    if "://" in content:
        return any(tag["name"] == name and address(tag["content"]) == address(content) for tag in row["metadata"] or [])
    return {"name": name, "content": content} in (row["metadata"] or [])


def address(url: str | None) -> str:
    """What stands before query and fragment, in one spelling: percent-coded or not is the same address."""
    if url is None:
        return ""
    before = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = before.partition("://")
    host, slash, path = rest.partition("/")
    return scheme.lower() + separator + host.lower() + (slash or "/") + unquote(path)
