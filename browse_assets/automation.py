"""Jobs, conditions and schedules: what runs together, and when.

What belongs here: jobs, the condition by which derived tables follow, schedules, and the sensors that look at the
warehouse. What does not: what an asset does (`assets/`), new files (`arrival_sensors.py`), failed runs
(`incident_sensor.py`), removing data (`removal.py`).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import duckdb

from browse_assets.glimpse import glimpse
from browse_assets.resources import DatabaseBusyError
from browse_assets.settings import Settings, load_settings

DRIFT_TAG = "churn_drift"
# A day, less the hours by which one day's files may come earlier than the day before.
DRIFT_PAUSE = timedelta(hours=20)

# What learns from people, and so costs minutes and changes who is said to be what: by schedule, by drift or by hand,
# never by each new file. topic_classifier is none of them: it learns from the project's own lists, and only when those
# change, without which page_topics could not be made.
TRAININGS = ("audience_models", "interest_segments", "product_backtest", "churn_model", "reidentification")

_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

ml_analysis_pipeline = dg.define_asset_job(
    "ml_analysis_pipeline",
    selection=dg.AssetSelection.all(),
    description="Everything, from new files in the inbox to profiles, flags, models and scores.",
    executor_def=dg.in_process_executor,
)

data_refresh = dg.define_asset_job(
    "data_refresh",
    selection=dg.AssetSelection.all() - dg.AssetSelection.assets(*TRAININGS),
    description="From new files to every table, by the models as they stand: everything but trainings, with all "
    "checks. What the sensors of files and the daily schedule ask for.",
    executor_def=dg.in_process_executor,
)

churn_scoring = dg.define_asset_job(
    "churn_scoring",
    selection=dg.AssetSelection.assets("churn_drift").upstream() - dg.AssetSelection.assets("churn_model"),
    description="From new files in the inbox to churn_scores and churn_drift by the champion as it stands, without "
    "a training: what may run as often as files come in. When its people have drifted, churn_drift_sensor asks for "
    "the training.",
    executor_def=dg.in_process_executor,
)

churn_retraining = dg.define_asset_job(
    "churn_retraining",
    selection=dg.AssetSelection.groups("churn"),
    description="Trains churn anew on the people of today, decides who is champion, and scores by it.",
    executor_def=dg.in_process_executor,
)


# A derived table is made again when one of those before it was, by whatever run, or will be in the same tick (so that a
# chain is one run); once for each change; not while a run is at either; not because of a run in which it failed itself
# (else a failed job would be tried again in part, and told twice); and not from a table whose blocking checks failed: a
# run of its own would otherwise pass by the check that stopped the first. Checks carry no condition of their own, and
# so run with their assets (Dagster leaves their selection open then, which means all of them).
FOLLOWS = (
    dg.AutomationCondition.any_deps_updated().since(
        dg.AutomationCondition.newly_requested()
        | dg.AutomationCondition.newly_updated()
        | dg.AutomationCondition.initial_evaluation()
        | dg.AutomationCondition.execution_failed().newly_true()
    )
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
).with_label("follows what it is made from")


def with_condition(spec: dg.AssetSpec) -> dg.AssetSpec:
    """Every derived table follows by itself, except trainings."""
    if spec.key.to_user_string() in TRAININGS or not spec.deps:
        return spec
    return spec.replace_attributes(automation_condition=FOLLOWS)


derived_tables_sensor = dg.AutomationConditionSensorDefinition(
    "derived_tables_sensor",
    target=dg.AssetSelection.all(),
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
    description="Makes again what is derived from a table that a run has changed and has not followed itself, such as "
    "one materialized by hand: one run for the whole chain, once per change, with all checks, without trainings. After "
    "a job that made everything it finds nothing to do. On from the start: it only completes what somebody began.",
)


@dataclass(frozen=True)
class Standing:
    """What the warehouse holds.

    Attributes:
        made: assets that have noted a state.
        has_sample: whether it is the bundled sample panel.
        state: hash of all noted states.
    """

    made: frozenset[str]
    has_sample: bool
    state: str

    @property
    def wants_training(self) -> bool:
        """Whether models are missing, or those of the sample panel would judge real people."""
        return self.has_sample or not self.made.issuperset(TRAININGS)


def read_standing(settings: Settings) -> Standing:
    """What the warehouse holds; nothing before the first run.

    Raises:
        DatabaseBusyError: a run has it open.
    """
    if not settings.warehouse_path.exists():
        return Standing(frozenset(), False, "")
    with glimpse(settings, warehouse="read") as con:
        try:
            rows = con.execute("SELECT asset, load_id, fingerprint FROM asset_state ORDER BY asset").fetchall()
            sample = con.execute("SELECT count(*) FROM input_files WHERE origin = 'sample'").fetchone()
        except duckdb.CatalogException:
            return Standing(frozenset(), False, "")
    state = hashlib.sha256(repr(rows).encode()).hexdigest()[:32]
    return Standing(frozenset(asset for asset, _, _ in rows), bool(sample and sample[0]), state)


def is_run_unfinished(instance: dg.DagsterInstance) -> bool:
    """Whether any run waits or goes on, `make run` included, which keeps its record in the same place."""
    return bool(instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED), limit=1))


@dg.sensor(
    job=ml_analysis_pipeline,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for everything, trainings included, when an erasure has taken away what compares people. Such "
    "tables have no state any more, though Dagster remembers that they were made; models of the registry "
    "may still know the person. Asked once for each state of the tables. On from the start: an erasure is "
    "not done before it.",
)
def after_erasure_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Asks for everything, trainings included, when an erasure has taken away what compares people."""
    if is_run_unfinished(context.instance):
        return dg.SkipReason("A run is going or waiting: looked at when it has ended.")
    try:
        standing = read_standing(load_settings())
    except DatabaseBusyError as error:
        return dg.SkipReason(f"Whether a table is missing is not known: {error}")
    if not standing.made:
        return dg.SkipReason("Nothing was made yet.")
    gone = [
        name
        for name in TRAININGS
        if name not in standing.made and context.instance.get_latest_materialization_event(dg.AssetKey(name))
    ]
    if not gone:
        return dg.SkipReason("Nothing was taken away.")
    return dg.RunRequest(run_key=f"after-erasure-{standing.state}")


def _reason_to_skip(*, is_training: bool) -> str | None:
    """Why a schedule asks for nothing; None where its run has something to begin with.

    A folder of customers that is gone is for the run: it may never have been there, and raw_customers knows.
    """
    settings = load_settings()
    if not settings.inbox.is_dir():
        return "data/inbox is not there: a mount that is missing?"
    try:
        standing = read_standing(settings)
    except DatabaseBusyError:
        return None  # somebody works with it, so there is something; the run waits its turn
    if not standing.made:
        return "Nothing was made yet: make run, or a file in data/inbox, begins."
    if is_training:
        return None
    if standing.has_sample:
        return "Only the sample panel is there, which never changes."
    if standing.wants_training:
        return "Models are missing: ml_analysis_pipeline makes them, which the weekly training asks for."
    return None


def _ask(*, is_training: bool) -> dg.RunRequest | dg.SkipReason:
    reason = _reason_to_skip(is_training=is_training)
    return dg.SkipReason(reason) if reason else dg.RunRequest()


@dg.schedule(
    job=data_refresh,
    cron_schedule="30 4 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every table but trainings, once a day at 04:30 UTC, after retention (03:15). For what no sensor "
    "sees: a run that failed and can succeed now, lists or code that changed, another BROWSE_AS_OF. On "
    "from the start: with nothing new no row changes; before the first run, and while only the "
    "sample panel is there, it asks for nothing.",
)
def data_refresh_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Every table but trainings, once a day at 04:30 UTC, after retention (03:15)."""
    del context
    return _ask(is_training=False)


@dg.schedule(
    job=ml_analysis_pipeline,
    cron_schedule="0 5 * * 0",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Everything, trainings included, on Sundays at 05:00 UTC, after the daily refresh. A week adds 7 of "
    "the 90 days that churn looks at; more often, models would change without having learned much, and "
    "drift asks by itself. On from the start: what has not changed is not trained again, and a training "
    "changes the champion only by the rule of every training. Before the first run it asks for nothing.",
)
def training_weekly(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Everything, trainings included, on Sundays at 05:00 UTC, after the daily refresh."""
    del context
    return _ask(is_training=True)


class UnreadableWarehouseError(Exception):
    """The warehouse could not be read just now, which says nothing about drift; the message says why."""


@dataclass(frozen=True)
class Drift:
    """What churn_drift says, and whether the models know these people already.

    Attributes:
        features: those that have drifted, the farthest first; `probability` may be one.
        model_version: the champion that was compared.
        as_of: end of the data that was compared.
        state: hash of the data and the champion that churn_drift was made from.
        is_trained_on: whether the last training saw these data or later ones.
    """

    features: tuple[str, ...]
    model_version: str
    as_of: datetime
    state: str
    is_trained_on: bool

    @property
    def run_key(self) -> str:
        """The same for the same drift."""
        parts = (self.as_of, self.model_version, self.state)
        return hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:32]


def read_drift(settings: Settings) -> Drift | None:
    """The newest drift, read without waiting for a run; None when churn_drift says that there is none.

    Raises:
        UnreadableWarehouseError: it is not there, being written, or has no churn_drift that is in force.
    """
    if not settings.warehouse_path.exists():
        raise UnreadableWarehouseError("there is no warehouse yet")
    try:
        with glimpse(settings, warehouse="read") as con:
            drifted = con.execute(
                "SELECT feature, model_version, as_of FROM churn_drift WHERE has_drifted ORDER BY psi DESC, feature"
            ).fetchall()
            states = dict(
                con.execute(
                    "SELECT asset, (load_id, fingerprint) FROM asset_state "
                    "WHERE asset IN ('churn_drift', 'churn_model')"
                ).fetchall()
            )
            (trained_until,) = con.execute("SELECT max(as_of) FROM churn_model").fetchone() or (None,)
    except duckdb.CatalogException:
        raise UnreadableWarehouseError("churn_drift was never made") from None
    except DatabaseBusyError:
        raise UnreadableWarehouseError("the warehouse is in use") from None
    if not drifted:
        return None
    if "churn_drift" not in states:
        raise UnreadableWarehouseError("an erasure has left churn_drift to be made anew")
    _, model_version, as_of = drifted[0]
    measured, trained = states["churn_drift"], states.get("churn_model", (0, ""))
    return Drift(
        features=tuple(name for name, _, _ in drifted),
        model_version=model_version,
        as_of=as_of,
        state=measured[1],
        # A training without candidates (too little history) has no as_of, but saw the files all the same.
        is_trained_on=trained[0] >= measured[0] and (trained_until is None or trained_until >= as_of),
    )


def _trained_for_drift(instance: dg.DagsterInstance) -> bool:
    """Whether a run that this sensor asked for began within DRIFT_PAUSE."""
    since = datetime.now(UTC) - DRIFT_PAUSE
    filters = dg.RunsFilter(job_name=churn_retraining.name, created_after=since)
    return any(DRIFT_TAG in run.tags for run in instance.get_runs(filters))


@dg.sensor(
    job=churn_retraining,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Asks for the job churn_retraining when churn_drift shows drift on data that no training has seen. "
    "Such data come from data_refresh and churn_scoring; after ml_analysis_pipeline, whose own training "
    "saw them, nothing is asked: the same data would train the same models. The same drift asks once, and "
    "at most once in 20 hours, since where the champion stays the drift stays, and each new file would "
    "train. On from the start: it only reads, and a training changes the champion only by the rule of "
    "every training.",
)
def churn_drift_sensor(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Asks for the job churn_retraining when churn_drift shows drift on data that no training has seen."""
    try:
        drift = read_drift(load_settings())
    except UnreadableWarehouseError as error:
        return dg.SkipReason(f"Whether people have drifted is not known: {error}. Looked at again in a minute.")
    if drift is None:
        return dg.SkipReason("No feature has drifted.")
    found = f"{len(drift.features)} drifted ({', '.join(drift.features[:3])}) from version {drift.model_version}"
    if drift.is_trained_on:
        return dg.SkipReason(f"{found}, but the last training saw these data: the next asks for newer ones.")
    if _trained_for_drift(context.instance):
        return dg.SkipReason(f"{found}, and a training was asked for within 20 hours: the next one may be later.")
    return dg.RunRequest(run_key=drift.run_key, tags={DRIFT_TAG: found})
