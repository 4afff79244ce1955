"""Failed runs in words: what happened, what to do, and telling it to a webhook.

What belongs here: the text of an incident, the table `incidents`, the POST. What does not: which runs failed
(`incident_sensor.py`).

Only texts of this project's own errors are told, which hold no values of people; of any other error its kind. Even so
a text that looks personal is withheld.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from browse_assets.resources import transaction
from browse_assets.tables import INCIDENTS

# At one a minute an outage of twenty minutes is waited out; after that somebody has to look at the address.
MOST_ATTEMPTS = 20
POST_SECONDS = 5.0
# A batch of failed runs must not keep the sensor's thread for longer than Dagster waits for a tick (60 s).
MOST_POSTS = 5

OWN_ERRORS = (
    "DatabaseBusyError",
    "Failure",
    "PreflightError",
    "PrivateDataError",
    "ReferenceFileError",
    "RunConfigKeptError",
    "SettingsError",
    "UneditableFileError",
    "VaultKeyError",
)
_IN_DAGSTER = "Open the run in Dagster: its log has the whole error."
_AGAIN = "then start the job again, or wait for the daily refresh: the tables are as the last finished step left them."
WHAT_TO_DO = {
    "DatabaseBusyError": f"Close the notebook or shell that has the database open, {_AGAIN}",
    "DagsterAssetCheckFailedError": "Open the check in Dagster: it shows the rows that offend. What comes after it was "
    "not made, on purpose; mend the cause before starting the job again.",
    "Failure": f"Do what the message says, {_AGAIN}",
    "PreflightError": f"Do what the message says (what stands in .env needs make ui started anew), {_AGAIN}",
    "PrivateDataError": f"Report the line that is named, or mend what is wrong with the files, {_AGAIN}",
    "ReferenceFileError": f"Mend the named line of the own list, {_AGAIN}",
    "SettingsError": f"Mend the named variable in .env or the environment, restart make ui, {_AGAIN}",
    "UneditableFileError": "Do what the message says; the list of who is to be erased waits in data/erase/.",
    "VaultKeyError": f"Put the right key back, {_AGAIN}",
    "MemoryError": f"Set BROWSE_MEMORY_LIMIT or close other programs, {_AGAIN}",
    "OutOfMemoryException": f"Set BROWSE_MEMORY_LIMIT or close other programs, {_AGAIN}",
    "": f"See whether the machine was restarted or ran out of memory, {_AGAIN}",
}


@dataclass(frozen=True)
class FailedStep:
    """One step of a run that failed: its name, the kind of the error it began with, and that error's text."""

    name: str
    error: str
    text: str


@dataclass(frozen=True)
class Incident:
    """One failed run, as the table holds it."""

    run_id: str
    job: str
    failed_at: datetime
    failed_steps: tuple[str, ...]
    message: str
    what_to_do: str


def describe(run_id: str, job: str, failed_at: datetime, steps: Sequence[FailedStep], data_dir: str) -> Incident:
    """The incident of a run.

    Args:
        run_id: its id.
        job: its job's name.
        failed_at: when it ended, UTC.
        steps: what failed, the first first; none when it ended between steps.
        data_dir: path of the data folder, which is told as `data`.
    """
    title = "A run of chosen assets" if job.startswith("__") else job
    if not steps:
        message = f"{title} ended before it was done: its process was ended, or never started."
        return Incident(run_id, title, failed_at, (), message, WHAT_TO_DO[""])
    first = steps[0]
    more = f" {len(steps) - 1} more failed after it." if len(steps) > 1 else ""
    message = f"{title} failed at {first.name}: {_reason(first, data_dir)}{more}"
    names = tuple(dict.fromkeys(step.name for step in steps))
    return Incident(run_id, title, failed_at, names, message, WHAT_TO_DO.get(first.error, _IN_DAGSTER))


def _reason(step: FailedStep, data_dir: str) -> str:
    if step.error == "DagsterAssetCheckFailedError":
        return "a blocking check failed, so what comes after it was not made."
    if step.error not in OWN_ERRORS:
        return f"{step.error}; its text is withheld because it may quote personal data."
    from browse_assets.analysis.leaks import find_leaks  # 0.3 s, and only when something failed

    text = step.text.strip().replace(data_dir, "data")
    if not text or find_leaks(text):
        return f"{step.error}; its text is withheld because it looks personal."
    return text


def write_incidents(con: duckdb.DuckDBPyConnection, incidents: Iterable[Incident], *, is_told: bool) -> int:
    """Add those that are not there yet, in one transaction; returns how many.

    Args:
        con: with the warehouse open for writing.
        incidents: what happened.
        is_told: whether there is a webhook, to which the new ones are then owed.
    """
    columns = ", ".join(INCIDENTS.column_names)
    written = 0
    with transaction(con):
        known = {run for (run,) in con.execute("SELECT run_id FROM incidents").fetchall()}
        for one in incidents:
            if one.run_id in known:
                continue
            con.execute(
                f"INSERT INTO incidents ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, 0, NULL)",
                [
                    one.run_id,
                    one.job,
                    one.failed_at,
                    list(one.failed_steps),
                    one.message,
                    one.what_to_do,
                    "pending" if is_told else "off",
                ],
            )
            written += 1
    return written


def read_pending(con: duckdb.DuckDBPyConnection) -> list[Incident]:
    """Those that the webhook is owed, the oldest first, at most MOST_POSTS."""
    rows = con.execute(
        "SELECT run_id, job, failed_at, failed_steps, message, what_to_do FROM incidents WHERE webhook = 'pending' "
        f"ORDER BY failed_at, run_id LIMIT {MOST_POSTS}"
    ).fetchall()
    return [Incident(run, job, at, tuple(steps), message, todo) for run, job, at, steps, message, todo in rows]


def note_delivery(con: duckdb.DuckDBPyConnection, problems: dict[str, str | None]) -> None:
    """Note what came of each POST: a problem by run id, None where it was delivered."""
    with transaction(con):
        for run_id, problem in problems.items():
            con.execute(
                "UPDATE incidents SET webhook_attempts = webhook_attempts + 1, webhook_problem = $problem, "
                "webhook = CASE WHEN $problem IS NULL THEN 'delivered' "
                "WHEN webhook_attempts + 1 >= $most THEN 'given up' ELSE 'pending' END WHERE run_id = $run_id",
                {"problem": problem, "most": MOST_ATTEMPTS, "run_id": run_id},
            )


def count_pending(con: duckdb.DuckDBPyConnection) -> int:
    """How many the webhook is owed."""
    row = con.execute("SELECT count(*) FROM incidents WHERE webhook = 'pending'").fetchone()
    return int(row[0]) if row else 0


def body_of(incident: Incident) -> bytes:
    """What is sent: the row, and `text`, which chat programs show."""
    return json.dumps(
        {
            "text": f"{incident.message} {incident.what_to_do} (run {incident.run_id[:8]})",
            "run_id": incident.run_id,
            "job": incident.job,
            "failed_at": incident.failed_at.isoformat() + "Z",
            "failed_steps": list(incident.failed_steps),
            "message": incident.message,
            "what_to_do": incident.what_to_do,
        }
    ).encode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """An address that moved is a problem: urllib would ask the new one for a page (GET), and send nothing."""

    def redirect_request(self, *_: Any) -> None:
        """None: the answer stays what it is."""


def post(url: str, incident: Incident) -> str | None:
    """Send it; None when the address answered with 2xx, else the kind of problem, without the address."""
    request = urllib.request.Request(url, body_of(incident), headers={"Content-Type": "application/json"})
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=POST_SECONDS) as answer:
            status: int = answer.status
            return None if 200 <= status < 300 else f"HTTP {status}"
    except urllib.error.HTTPError as error:
        error.close()
        return f"HTTP {error.code}"
    except urllib.error.URLError as error:
        return type(error.reason).__name__ if isinstance(error.reason, BaseException) else "URLError"
    except (OSError, http.client.HTTPException, ValueError) as error:
        return type(error).__name__
