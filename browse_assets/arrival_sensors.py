"""Sensors of input files: something new rests in `data/inbox` or `data/customers`, so a run is asked for.

What belongs here: the thin way from a look to a request. What does not: what is new and what rests (`arrivals.py`),
which assets a job has (`automation.py`).

A run is asked for only when none is going or waiting, `make run` included, so however many files come, one run reads
them all. Before the first run, and when the sample panel gives way to real files, it is the whole job, since there are
no models yet; afterwards data_refresh.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import dagster as dg
import duckdb

from browse_assets.arrivals import (
    Look,
    changed_tables,
    customer_tables,
    handled_now,
    look_again,
    read_folder,
    read_known_files,
    read_known_tables,
    resting,
    state_of,
)
from browse_assets.assets.state import rules_version
from browse_assets.automation import data_refresh, is_run_unfinished, ml_analysis_pipeline, read_standing
from browse_assets.glimpse import glimpse
from browse_assets.keys import load_keys
from browse_assets.readers.customers import CONSENT
from browse_assets.readers.inbox import InboxFile, unknown_files
from browse_assets.resources import DatabaseBusyError, withheld_values
from browse_assets.settings import Settings, load_settings

FILES_TAG = "new_files"
Known = TypeVar("Known")
_JOBS = [ml_analysis_pipeline, data_refresh]


@dataclass(frozen=True)
class News:
    """What a run would read.

    Attributes:
        count: files that are new or have changed.
        wants_everything: whether models have to be made anew with it.
        load: newest load of the vault.
    """

    count: int
    wants_everything: bool = False
    load: int = 0


def _evaluate(
    context: dg.SensorEvaluationContext,
    name: str,
    files: list[InboxFile],
    find_news: Callable[[Settings, list[InboxFile]], News],
) -> dg.SensorResult:
    settings = load_settings()
    now = time.time()
    rested = resting(files, now)
    digest = load_keys(settings).path_id(f"{name}\x1f{state_of(rested)}")[:32] if rested else ""
    look, is_due = look_again(Look.parse(context.cursor), digest, now)

    def skip(reason: str, cursor: Look = look) -> dg.SensorResult:
        return dg.SensorResult(skip_reason=dg.SkipReason(reason), cursor=cursor.dump())

    moving = f" {len(files) - len(rested)} being written are left until they rest." if len(files) > len(rested) else ""
    if not is_due:
        return skip(
            ("Nothing new." if digest == look.handled else "Something changed: once it rests it is read.") + moving
        )
    if is_run_unfinished(context.instance):
        return skip("Something changed, and a run is going or waiting: looked at when it has ended.")
    try:
        news = find_news(settings, rested)
        standing = read_standing(settings)
    except DatabaseBusyError:
        return skip("Something changed, and the databases are in use: looked at again.")
    if not news.count:
        return skip("Nothing that was not read already." + moving, handled_now(digest))
    job = ml_analysis_pipeline if news.wants_everything or standing.wants_training else data_refresh
    request = dg.RunRequest(
        # Of the same files after another load, such as an erasure, it is another key.
        run_key=f"{name}-{digest}-{news.load}",
        job_name=job.name,
        tags={FILES_TAG: f"{news.count} in {name}"},
    )
    return dg.SensorResult(run_requests=[request], cursor=handled_now(digest).dump())


def _read_vault(
    settings: Settings, read: Callable[[duckdb.DuckDBPyConnection], dict[str, Known]]
) -> tuple[dict[str, Known], int]:
    """What the vault knows, and its newest load; nothing before the first run."""
    if not settings.vault_path.exists():
        return {}, 0
    with withheld_values("Asking the vault what it has read"), glimpse(settings, vault="read") as con:
        try:
            row = con.execute("SELECT coalesce(max(load_id), 0) FROM vault.main.raw_files").fetchone()
            return read(con), int(row[0]) if row else 0
        except duckdb.CatalogException:
            return {}, 0


def _new_files(settings: Settings, files: list[InboxFile]) -> News:
    known, load = _read_vault(settings, lambda con: read_known_files(con, rules_version()))
    return News(len(unknown_files(files, known)), load=load)


def _new_tables(settings: Settings, files: list[InboxFile]) -> News:
    known, load = _read_vault(settings, read_known_tables)
    changed = changed_tables(files, known)
    if changed == [CONSENT] and not load:
        return News(0)  # a consent table alone is nobody yet, and a run would take the sample panel
    # Who has withdrawn consent is in what the models learned from.
    return News(len(changed), wants_everything=CONSENT in changed, load=load)


@dg.sensor(
    jobs=_JOBS,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a run when a new or changed file rests in data/inbox or a folder in it. A file rests when "
    "it was not written to for 10 s and nothing changed between two looks (15 s apart); in a folder that "
    "never rests what rests is read every 5 minutes. .part, .tmp and hidden files are passed over. "
    "Thousands of files are one run; what make run has read asks for none. A folder that cannot be read "
    "is a failed look, never an empty folder. On from the start: files are put there to be read, and "
    "reading them changes no model.",
)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Asks for a run when a new or changed file rests in `data/inbox` or a folder in it."""
    settings = load_settings()
    if not settings.inbox.exists() and not settings.vault_path.exists():
        return dg.SensorResult(skip_reason=dg.SkipReason("There is no data/inbox yet."), cursor=context.cursor)
    return _evaluate(context, "inbox", read_folder(settings.inbox, "inbox"), _new_files)


@dg.sensor(
    jobs=_JOBS,
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for a run when a customer table in data/customers is new or has changed, by the rules of "
    "inbox_sensor. Another consent table asks for everything, trainings included: who has withdrawn is in "
    "what models learned from. A table that was taken away asks for nothing. On from the start: tables "
    "are put there to be read, and consents that changed must not wait.",
)
def customers_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
    """Asks for a run when a customer table in `data/customers` is new or has changed, by the rules of inbox_sensor."""
    settings = load_settings()
    if not settings.customers.exists() and not settings.vault_path.exists():
        return dg.SensorResult(skip_reason=dg.SkipReason("There is no data/customers yet."), cursor=context.cursor)
    return _evaluate(context, "customers", customer_tables(read_folder(settings.customers, "customers")), _new_tables)
