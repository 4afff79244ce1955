"""Jobs hold what they say, and the sensor asks for a training once for each drift that no training has seen."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import dagster as dg
import duckdb
import pytest

from browse_assets.assets.state import State, write_state
from browse_assets.automation import (
    TRAININGS,
    after_erasure_sensor,
    churn_drift_sensor,
    data_refresh_daily,
    training_weekly,
)
from browse_assets.definitions import defs
from browse_assets.settings import PROJECT_ROOT, Settings

Scratch = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]


def assets_of(job: str) -> set[str]:
    return {key.to_user_string() for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}


def test_scoring_trains_nothing_of_churn_and_retraining_only_churn() -> None:
    scoring, retraining = assets_of("churn_scoring"), assets_of("churn_retraining")
    assert {"raw_events", "user_days", "churn_snapshots", "churn_scores", "churn_drift"} <= scoring
    assert "churn_model" not in scoring
    assert {"churn_snapshots", "churn_model", "churn_scores", "churn_drift"} <= retraining
    groups = {spec.key.to_user_string(): spec.group_name for spec in defs.resolve_all_asset_specs()}
    assert retraining == {name for name, group in groups.items() if group == "churn"}


def fill(
    con: duckdb.DuckDBPyConnection,
    *,
    drifted: bool = True,
    as_of: str = "2026-05-02",
    scored: int = 2,
    trained: int = 1,
    trained_until: str = "2026-05-01",
) -> None:
    """A drift of data `scored`, after a training on data `trained`."""
    con.execute("DELETE FROM churn_drift")
    con.execute("DELETE FROM churn_model")
    for feature, psi, is_far in (("sessions", 0.5, drifted), ("probability", 0.1, False), ("tenure_days", 9.0, None)):
        con.execute(
            "INSERT INTO churn_drift (feature, psi, has_drifted, model_version, as_of) VALUES (?, ?, ?, '3', ?)",
            [feature, psi, is_far, as_of],
        )
    con.execute("INSERT INTO churn_model (model, as_of) VALUES ('dummy', ?)", [trained_until])
    write_state(con, "churn_drift", State(scored, f"drift {scored} {as_of}"))
    write_state(con, "churn_model", State(trained, "model"))


def evaluate() -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        return churn_drift_sensor(dg.build_sensor_context(instance=instance))


def test_drift_that_no_training_has_seen_asks_once(scratch_warehouse: Scratch) -> None:
    with scratch_warehouse() as con:
        fill(con)
    request = evaluate()
    assert isinstance(request, dg.RunRequest)
    assert request.tags == {"churn_drift": "1 drifted (sessions) from version 3"}
    assert evaluate().run_key == request.run_key  # Dagster runs a key once
    with scratch_warehouse() as con:
        fill(con, as_of="2026-05-03", scored=3)
    later = evaluate()
    assert isinstance(later, dg.RunRequest)
    assert later.run_key != request.run_key


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"drifted": False}, "No feature has drifted."),
        ({"trained": 2, "trained_until": "2026-05-02"}, "the last training saw these data"),
        ({"trained": 3, "trained_until": "2026-05-04"}, "the last training saw these data"),
    ],
)
def test_no_training_without_need(state: dict[str, Any], said: str, scratch_warehouse: Scratch) -> None:
    with scratch_warehouse() as con:
        fill(con, **state)
    skipped = evaluate()
    assert isinstance(skipped, dg.SkipReason)
    assert said in str(skipped.skip_message)


def test_drift_that_stays_trains_once_a_day(scratch_warehouse: Scratch) -> None:
    """Where the champion stays, each new file would find the drift again."""
    with scratch_warehouse() as con:
        fill(con)
    with dg.DagsterInstance.ephemeral() as instance:
        instance.create_run_for_job(churn_retraining_stub(), tags={"churn_drift": "1 drifted"})
        skipped = churn_drift_sensor(dg.build_sensor_context(instance=instance))
    assert "within 20 hours" in str(skipped.skip_message)


def churn_retraining_stub() -> dg.JobDefinition:
    return dg.GraphDefinition(name="churn_retraining").to_job()


def test_late_files_count_as_new_data(scratch_warehouse: Scratch) -> None:
    """Of the same days as the training's, but read after it."""
    with scratch_warehouse() as con:
        fill(con, as_of="2026-05-01", scored=2, trained=1, trained_until="2026-05-01")
    assert isinstance(evaluate(), dg.RunRequest)


def test_what_cannot_be_read_is_not_no_drift(settings: Settings, scratch_warehouse: Scratch) -> None:
    assert "not known: there is no warehouse yet" in str(evaluate().skip_message)
    settings.data_dir.mkdir(exist_ok=True)
    with duckdb.connect(str(settings.warehouse_path)) as con:
        con.execute("CREATE TABLE other (a INTEGER)")
        # Another connection of this process to the file, in another mode, is refused as a lock would be.
        assert "not known: the warehouse is in use" in str(evaluate().skip_message)
    assert "not known: churn_drift was never made" in str(evaluate().skip_message)
    with scratch_warehouse() as con:
        fill(con)
    assert isinstance(evaluate(), dg.RunRequest)


def test_a_drift_that_an_erasure_has_put_out_of_force_asks_for_nothing(scratch_warehouse: Scratch) -> None:
    """Its rows name nobody and stay; its state goes, until the next run makes it anew."""
    with scratch_warehouse() as con:
        fill(con)
        con.execute("DELETE FROM asset_state")
    assert "not known: an erasure has left churn_drift" in str(evaluate().skip_message)


def test_the_sensor_is_on_from_the_start() -> None:
    assert churn_drift_sensor.default_status == dg.DefaultSensorStatus.RUNNING
    assert churn_drift_sensor.job_name == "churn_retraining"


# The project's graph, with assets that do nothing: what follows what is a matter of keys, conditions and checks.
FAILING: set[str] = set()
MEANWHILE: dict[str, Callable[[], None]] = {}


def stub_of(spec: dg.AssetSpec) -> dg.AssetsDefinition:
    @dg.asset(
        key=spec.key,
        deps=[dep.asset_key for dep in spec.deps],
        automation_condition=spec.automation_condition,
        group_name=spec.group_name,
    )
    def stub() -> None:
        if spec.key.to_user_string() in MEANWHILE:
            MEANWHILE[spec.key.to_user_string()]()

    return stub


def check_of(name: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset=name, name=f"{name}_holds", blocking=True)
    def check() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=name not in FAILING)

    return check


SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
STUBS = [stub_of(spec) for spec in SPECS.values()]
STUB_CHECKS = [check_of(name) for name in ("raw_events", "scrubbed_events", "interest_profile")]
STUB_DEFS = dg.Definitions(assets=STUBS, asset_checks=STUB_CHECKS)
FOLLOWERS = set(SPECS) - set(TRAININGS) - {"raw_events"}


class Conditions:
    """Ticks of derived_tables_sensor over the stubs, and runs of them."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self._cursor: Any = None
        self.requested()

    def requested(self) -> set[str]:
        result = dg.evaluate_automation_conditions(STUB_DEFS, instance=self.instance, cursor=self._cursor)
        self._cursor = result.cursor
        return {name for name in SPECS if result.get_num_requested(SPECS[name].key)}

    def run(self, *names: str) -> dg.ExecuteInProcessResult:
        return dg.materialize(
            [*STUBS, *STUB_CHECKS],
            selection=dg.AssetSelection.assets(*names) if names else dg.AssetSelection.all(),
            instance=self.instance,
            raise_on_error=False,
        )


@pytest.fixture
def conditions() -> Iterator[Conditions]:
    FAILING.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield Conditions(instance)
    FAILING.clear()


def test_derived_tables_follow_once_and_not_what_a_check_has_stopped(conditions: Conditions) -> None:
    assert conditions.requested() == set()  # nothing was ever made: a file begins, no condition
    asked_meanwhile: list[set[str]] = []
    for name in ("user_days", "churn_scores"):
        MEANWHILE[name] = lambda: asked_meanwhile.append(conditions.requested())
    assert conditions.run().success
    MEANWHILE.clear()
    assert asked_meanwhile == [set(), set()]  # nor while a run is making it all
    assert conditions.requested() == set()  # nothing is repeated after everything was made
    MEANWHILE["scrubbed_events"] = [].pop  # raises
    assert not conditions.run().success
    MEANWHILE.clear()
    assert conditions.requested() == set()  # what failed is not tried again in part
    assert conditions.run().success
    assert conditions.requested() == set()
    conditions.run("scrubbed_events")
    after = {"page_topics", "user_days", "pii_removed", "interest_profile", "churn_scores", "released_audiences"}
    asked = conditions.requested()
    assert after <= asked <= FOLLOWERS
    assert asked == FOLLOWERS - {
        "input_files",
        "rejected_events",
        "raw_customers",
        "topic_classifier",
        "churn_audit",
    } - {"scrubbed_events"}
    assert conditions.requested() == set()  # once for each change, also while its run waits
    assert conditions.run(*asked).success
    assert conditions.requested() == set()
    # What stands after a training follows it.
    conditions.run("churn_model")
    assert conditions.requested() == {"churn_audit", "churn_scores", "churn_drift", "churn_report"}
    conditions.run("churn_audit", "churn_scores", "churn_drift", "churn_report")
    assert conditions.requested() == set()
    # Nothing is made from a table whose blocking check failed, in a run of its own or in the same.
    FAILING.add("scrubbed_events")
    assert not conditions.run("scrubbed_events").success
    assert conditions.requested() == set()
    assert not conditions.run().success
    assert conditions.requested() == set()
    FAILING.clear()
    conditions.run("scrubbed_events")
    assert "user_days" in conditions.requested()


def test_a_chain_is_one_run_with_all_its_checks() -> None:
    """The request names no checks, which Dagster takes for all of them; with a list it would be those alone."""
    from dagster._core.asset_graph_view.asset_graph_view import AssetGraphView
    from dagster._core.definitions.automation_tick_evaluation_context import build_run_requests

    with dg.DagsterInstance.ephemeral() as instance:
        view = AssetGraphView.for_test(defs, instance)
        subsets = [view.get_full_subset(key=SPECS[name].key) for name in sorted(FOLLOWERS)]
        (request,) = build_run_requests(subsets, view.asset_graph, {}, False)
    assert {key.to_user_string() for key in request.asset_selection or []} == FOLLOWERS
    assert request.asset_check_keys is None
    chosen = defs.resolve_job_def("__ASSET_JOB").get_subset(asset_selection={SPECS["scrubbed_events"].key})
    names = {key.name for key in chosen.asset_layer.asset_graph.asset_check_keys}
    assert {"no_personal_data", "nothing_lost_in_scrubbing", "scrubbed_events_contract"} <= names


@pytest.mark.parametrize("job", ["ml_analysis_pipeline", "data_refresh", "churn_scoring", "churn_retraining"])
def test_jobs_run_the_checks_of_their_assets(job: str) -> None:
    layer = defs.resolve_job_def(job).asset_layer
    graph = defs.resolve_asset_graph()
    assert set(layer.asset_graph.asset_check_keys) >= graph.get_check_keys_for_assets(layer.executable_asset_keys)


def test_a_refresh_is_everything_but_trainings() -> None:
    assert assets_of("data_refresh") == set(SPECS) - set(TRAININGS)
    assert "topic_classifier" in assets_of("data_refresh")


def test_after_an_erasure_everything_is_asked_for_once(settings: Settings, scratch_warehouse: Scratch) -> None:
    with dg.DagsterInstance.ephemeral() as instance:

        def asked() -> Any:
            return after_erasure_sensor(dg.build_sensor_context(instance=instance))

        assert "Nothing was made yet" in str(asked().skip_message)
        with scratch_warehouse() as con:
            for name in ("user_days", *TRAININGS):
                write_state(con, name, State(1, name))
            assert "is not known" in str(asked().skip_message)
        instance.report_runless_asset_event(dg.AssetMaterialization("churn_model"))
        assert asked().skip_message == "Nothing was taken away."
        with scratch_warehouse() as con:  # as an erasure leaves it
            con.execute("DELETE FROM asset_state WHERE asset IN ('churn_model', 'product_backtest')")
        first = asked()
        assert isinstance(first, dg.RunRequest)
        assert asked().run_key == first.run_key


def test_schedules_ask_only_where_something_was_begun(settings: Settings, scratch_warehouse: Scratch) -> None:
    def asked(schedule: dg.ScheduleDefinition) -> Any:
        return schedule(dg.build_schedule_context())

    for schedule in (data_refresh_daily, training_weekly):
        assert "Nothing was made yet" in str(asked(schedule).skip_message)
    with scratch_warehouse() as con:
        write_state(con, "user_days", State(1, "made"))
        assert isinstance(asked(training_weekly), dg.RunRequest)  # in use: it waits its turn
        assert isinstance(asked(data_refresh_daily), dg.RunRequest)
    assert isinstance(asked(training_weekly), dg.RunRequest)
    assert "Models are missing" in str(asked(data_refresh_daily).skip_message)
    with scratch_warehouse() as con:
        for name in TRAININGS:
            write_state(con, name, State(1, "made"))
    assert isinstance(asked(data_refresh_daily), dg.RunRequest)
    with scratch_warehouse() as con:
        con.execute("INSERT INTO input_files (file_id, origin, status) VALUES ('s', 'sample', 'read')")
    assert "Only the sample panel" in str(asked(data_refresh_daily).skip_message)
    with scratch_warehouse() as con:
        con.execute("DELETE FROM input_files")
    if settings.customers.exists():
        settings.customers.rmdir()  # optional, and never made by the UI
    assert isinstance(asked(data_refresh_daily), dg.RunRequest)
    settings.inbox.rmdir()
    for schedule in (data_refresh_daily, training_weekly):
        assert "a mount that is missing" in str(asked(schedule).skip_message)


README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8").split("\n## Automation\n")[1].split("\n## ")[0]


def table_of_the_readme() -> dict[str, tuple[str, ...]]:
    """Cells of each row, by name."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", README, flags=re.MULTILINE)
    return {name: tuple(cells.split(" | ")) for name, cells in rows}


def test_the_readme_lists_what_runs_by_itself() -> None:
    table = table_of_the_readme()
    sensors = {sensor.name: sensor for sensor in defs.sensors or []}
    schedules = {schedule.name: schedule for schedule in defs.schedules or []}
    assert set(table) == set(sensors) | set(schedules)
    for name, (when, asks_for, default, why) in table.items():
        definition = sensors.get(name) or schedules[name]
        if name in sensors:
            assert when == f"every {definition.minimum_interval_seconds} s"
            jobs = {job.name for job in definition.jobs} if definition.has_jobs else set()
        else:
            assert when == f"`{definition.cron_schedule}`"
            jobs = {definition.job_name}
        # derived_tables_sensor asks for assets, run_failure_sensor for nothing.
        assert set(re.findall(r"`(\w+)`", asks_for)) & {job.name for job in defs.jobs or []} == jobs
        assert default == ("on" if definition.default_status.value == "RUNNING" else "off")
        assert why
        assert "On from the start: " in (definition.description or ""), name


def test_the_readme_names_the_trainings() -> None:
    (named,) = re.findall(r"\*\*Trainings\*\* \((.*?)\)", README, flags=re.DOTALL)
    assert re.findall(r"`(\w+)`", named) == list(TRAININGS)
