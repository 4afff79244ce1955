"""Jobs that remove data: people who asked for it, and events that are too old.

What belongs here: `erase_user` with its queue's sensor, `purge_old_events` with its schedule. What does
not: what is removed and how (`erasure/`, `retention.py`); the jobs only call, and tell Dagster.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from browse_assets.arrivals import REST_SECONDS
from browse_assets.dagster_records import forget_run_config
from browse_assets.keys import load_keys
from browse_assets.resources import WRITER_POOL, Databases, ExperimentTracker, withheld_values
from browse_assets.retention import purge
from browse_assets.settings import Settings, load_settings

if TYPE_CHECKING:
    from browse_assets.erasure.people import Erasure

QUEUE_TAG = "erase_queue"
SENSOR_TAG = "dagster/sensor_name"
_ATTEMPTS = 3
_FINISHED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)
MODEL_TAG = "needs_retraining"


class ErasureRequest(dg.Config):
    """Who is to be erased; empty for everybody who is listed in `data/erase/`."""

    user_id: str = ""


@dg.op(pool=WRITER_POOL)
def erase_people(
    context: dg.OpExecutionContext, config: ErasureRequest, databases: Databases, tracker: ExperimentTracker
) -> None:
    """Erase, then prove it; fails when anything of a person is found afterwards."""
    from browse_assets.erasure.people import erase  # pyarrow: 0.2 s

    forget_run_config(context)
    settings = databases.settings
    # Somebody who types `make erase` has written the list; by itself only a list that rests is taken.
    rested_since = REST_SECONDS if SENSOR_TAG in context.run.tags else 0.0
    with withheld_values("Reading the queue"):
        queue = {} if config.user_id else _read_queue(settings, rested_since)
    listed = [line.strip() for text in queue.values() for line in text.splitlines()]
    requests = list(dict.fromkeys(text for text in (config.user_id.strip(), *listed) if text))

    def finish() -> None:
        for path, text in queue.items():
            # A list that was added to meanwhile stays, and is worked on again: who is gone already is passed over.
            if path.exists() and path.read_text(encoding="utf-8-sig") == text:
                path.unlink(missing_ok=True)

    done = erase(settings, requests, mark_models=lambda: _mark_models(tracker), finish=finish)
    metadata = _erasure_metadata(done)
    if done.left:
        raise dg.Failure(
            f"Erased, but the search found something in {len(done.left)} places (listed as `places`, without names "
            "of files). Remove it there, then list the person again.",
            metadata=metadata,
            allow_retries=False,
        )
    context.add_output_metadata(metadata)
    context.log.info(
        f"{done.known} of {done.requested} ids were known. {done.page_views} page views are gone; "
        f"{done.search.files} files ({done.search.bytes} bytes) searched, nothing found."
    )


def _erasure_metadata(done: "Erasure") -> dict[str, dg.MetadataValue]:
    numbers = {
        "ids given": done.requested,
        "ids not known": done.requested - done.known,
        "page views removed": done.page_views,
        "customer rows removed": done.customer_rows,
        "input files edited": done.files_edited,
        "input files deleted": done.files_deleted,
        "reports removed": done.reports_removed,
        "exports removed": done.exports_removed,
        "files searched": done.search.files,
        "bytes searched": done.search.bytes,
        "tables searched": done.tables_searched,
        "ids searched as bytes": done.searched_by_id,
        "places where something was found": len(done.left),
    }
    places = {"places": dg.MetadataValue.json(done.left)} if done.left else {}
    return {**{name: dg.MetadataValue.int(number) for name, number in numbers.items()}, **places}


def _mark_models(tracker: ExperimentTracker) -> None:
    """Every version in the registry may know the person; the next run trains anew."""
    client = tracker.client().MlflowClient()
    for version in client.search_model_versions():
        client.set_model_version_tag(version.name, version.version, MODEL_TAG, "a person in its data was erased")


@dg.job(executor_def=dg.in_process_executor)
def erase_user() -> None:
    """Removes people from vault, warehouse, input files, reports and records, and proves it by a search.

    Better than an id in the run configuration (which is taken out of Dagster's storage first of all, but
    stays in the browser that typed it): a file in `data/erase/` with one id per line. The next run makes
    the tables anew that compare people, and trains the models again.
    """
    erase_people()


def _read_queue(settings: Settings, rested_since: float = 0.0) -> dict[Path, str]:
    """Each list with its text, if nobody has written to it for so many seconds: half an id can be another person's."""
    now = time.time()  # a list dated in the future (another clock) does not wait for it
    rested = [path for path in queue_files(settings) if not 0 <= now - path.stat().st_mtime < rested_since]
    return {path: path.read_text(encoding="utf-8-sig") for path in rested}


def queue_files(settings: Settings) -> list[Path]:
    """Files that list people to be erased, without those whose name says that they are still being written."""
    folder = settings.erase_queue
    if not folder.is_dir():
        return []
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and not path.name.startswith(".") and path.suffix not in (".part", ".tmp")
    )


@dg.sensor(
    job=erase_user,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the erasure of who is listed in data/erase/ (one id per line, any file name), then the list "
    "goes. On from the start: it does nothing until somebody puts a file there, and such a request must "
    "not wait for a switch. A list is taken when it was not written to for 10 s, since half an id can be "
    "another person's. The run carries a keyed hash of the list, never an id; one that failed three times "
    "waits for a changed list.",
)
def erase_queue_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Asks for the erasure of who is listed in `data/erase/` (one id per line, any file name), then the list goes."""
    settings = load_settings()
    with withheld_values("Reading the queue"):
        if not settings.erase_queue.is_dir():
            return dg.SkipReason("There is no data/erase/.")
        waiting = len(queue_files(settings))
        content = "\x1f".join(_read_queue(settings, REST_SECONDS).values())
    if not content.strip():
        return dg.SkipReason("The list is still being written." if waiting else "data/erase/ is empty.")
    digest = load_keys(settings).path_id(f"erase queue\x1f{content}")[:32]
    runs = context.instance.get_runs(dg.RunsFilter(job_name="erase_user", tags={QUEUE_TAG: digest}))
    if any(run.status not in _FINISHED for run in runs):
        return dg.SkipReason("The list is being worked on.")
    if len(runs) >= _ATTEMPTS:
        return dg.SkipReason(f"The list failed {_ATTEMPTS} times: see its last run, then change the list.")
    return dg.RunRequest(run_key=f"{digest}-{len(runs)}", tags={QUEUE_TAG: digest})


@dg.op(pool=WRITER_POOL)
def remove_old_events(context: dg.OpExecutionContext, databases: Databases) -> None:
    """Purge what is older than BROWSE_RETENTION_DAYS; nothing when it is not set."""
    settings = databases.settings
    if settings.retention_days is None:
        context.log.info("BROWSE_RETENTION_DAYS is not set: nothing is removed.")
        return
    done = purge(settings, settings.retention_days)
    context.add_output_metadata(
        {
            "horizon": str(done.horizon or "no events yet"),
            "raw_events": done.page_views,
            "scrubbed_events": done.scrubbed_page_views,
            "raw_rejected (text only)": done.rejected_rows,
        }
    )
    context.log.info(f"{done.page_views} page views from before {done.horizon} are gone.")


@dg.job(executor_def=dg.in_process_executor)
def purge_old_events() -> None:
    """Removes raw and scrubbed events older than BROWSE_RETENTION_DAYS before the end of the data.

    Daily rollups and what was made from them stay. What has expired is not taken in again.
    """
    remove_old_events()


@dg.schedule(
    job=purge_old_events,
    cron_schedule="15 3 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="What is older than BROWSE_RETENTION_DAYS, once a day at 03:15 UTC, before the daily refresh. On from "
    "the start: until the variable is set it removes nothing, and a promise to remove must not wait for a "
    "switch.",
)
def purge_old_events_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """What is older than BROWSE_RETENTION_DAYS, once a day at 03:15 UTC, before the daily refresh."""
    del context
    if load_settings().retention_days is None:
        return dg.SkipReason("BROWSE_RETENTION_DAYS is not set.")
    return dg.RunRequest()
