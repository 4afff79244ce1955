"""The sensor of failed runs.

What belongs here: which runs have failed since the last look, by Dagster's records. What does not: what is said of
them, the table and the webhook (`incidents.py`).

It writes the row itself, in the moment between two steps when no run has the warehouse open: a job for it would wait
behind the runs in the queue, cost 10 s to start, and fail for the same reasons as the run that it tells of. Where the
warehouse is not free within 2 s the look is made again; the cursor moves only after the row is written, and the table
knows its runs, so none is lost or doubled.
"""

import json
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from browse_assets.glimpse import glimpse
from browse_assets.incidents import (
    FailedStep,
    Incident,
    count_pending,
    describe,
    note_delivery,
    post,
    read_pending,
    write_incidents,
)
from browse_assets.resources import DatabaseBusyError, withheld_values
from browse_assets.settings import Settings, load_settings

# The first look tells of the last day: what failed long before is history, which nobody wants to be woken by.
_FIRST_LOOK_SECONDS = 86_400.0
_MOST_RUNS = 50
# What a step ends with when somebody ends `make ui` or a container while it works; Dagster calls that a failure.
_ENDED_ON_PURPOSE = "DagsterExecutionInterruptedError"


@dataclass(frozen=True)
class Watch:
    """The cursor: what was last told, as epoch seconds of the run's record, and how many the webhook is owed."""

    told_until: float
    owed: int = 0

    @classmethod
    def parse(cls, text: str | None) -> "Watch":
        """From text; a day ago where there is none."""
        try:
            found = json.loads(text or "")
            return cls(float(found["told_until"]), int(found["owed"]))
        except (ValueError, TypeError, KeyError):
            return cls(time.time() - _FIRST_LOOK_SECONDS)


def failed_runs(instance: dg.DagsterInstance, since: float) -> list[dg.RunRecord]:
    """Records of runs that failed after a time, the oldest first."""
    records = instance.get_run_records(
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.fromtimestamp(since, UTC)),
        limit=_MOST_RUNS,
        order_by="update_timestamp",
        ascending=True,
    )
    return sorted(records, key=lambda record: record.update_timestamp)


def incident_of(instance: dg.DagsterInstance, record: dg.RunRecord, settings: Settings) -> Incident | None:
    """What is told of a failed run, from its events; None of one that was ended on purpose."""
    run = record.dagster_run
    failures = [
        entry.dagster_event
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        if entry.dagster_event is not None
    ]
    ended = record.end_time or record.update_timestamp.timestamp()
    failed_at = datetime.fromtimestamp(ended, UTC).replace(tzinfo=None)
    steps = [_failed_step(event) for event in failures]
    if any(step.error == _ENDED_ON_PURPOSE for step in steps):
        return None
    return describe(run.run_id, run.job_name, failed_at, steps, str(settings.data_dir))


def _failed_step(event: dg.DagsterEvent) -> FailedStep:
    data: Any = event.event_specific_data
    error = data.error
    while error is not None and error.cause is not None:  # Dagster wraps the error in its own
        error = error.cause
    kind = str(error.cls_name) if error is not None else "an unknown error"
    said = data.user_failure_data.description if data.user_failure_data else None
    # As `module.Class: text` in the stored error.
    text = said or (str(error.message).partition(": ")[2] if error is not None else "")
    return FailedStep(event.step_key or "a step", kind, text)


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes a row of the table incidents for each failed run, and tells it to BROWSE_WEBHOOK_URL if that "
    "is set. What failed, in words without personal data, and what to do. It asks for no run. An address "
    "that does not answer is tried again at each look, 20 times, and the row says so. On from the start: "
    "who is not looking at Dagster would not learn that last night's tables are missing; nothing leaves "
    "this machine unless the address is set.",
)
def run_failure_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Writes a row of the table `incidents` for each failed run, and tells it to BROWSE_WEBHOOK_URL if that is set."""
    settings = load_settings()
    watch = Watch.parse(context.cursor)
    records = failed_runs(context.instance, watch.told_until)
    if not records and not (watch.owed and settings.webhook_url):
        return _said("No run has failed.", watch)
    try:
        with withheld_values("Writing incidents"):
            described = [incident_of(context.instance, record, settings) for record in records]
            incidents = [incident for incident in described if incident is not None]
            with glimpse(settings, warehouse="write") as con:
                write_incidents(con, incidents, is_told=settings.webhook_url is not None)
                pending = read_pending(con)
    except DatabaseBusyError as error:
        return _said(f"{len(records)} failed runs are to be noted: {error}", watch)
    told_until = max([watch.told_until, *(record.update_timestamp.timestamp() for record in records)])
    problems = {one.run_id: post(settings.webhook_url, one) for one in pending} if settings.webhook_url else {}
    owed = len(pending)
    if problems:
        try:
            with glimpse(settings, warehouse="write") as con:
                note_delivery(con, problems)
                owed = count_pending(con)
        except DatabaseBusyError:
            context.log.warning("What was sent could not be noted, so it will be sent again.")
    said = f"{len(incidents)} failed runs noted in the table incidents."
    if problems:
        kinds = sorted({problem for problem in problems.values() if problem})
        told = sum(problem is None for problem in problems.values())
        said += f" {told} told to the webhook" + (f", {owed} owed ({', '.join(kinds)})." if kinds else ".")
    return _said(said, Watch(told_until, owed))


def _said(reason: str, watch: Watch) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=json.dumps(asdict(watch)))
