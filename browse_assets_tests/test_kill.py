"""SIGKILL at exact points of a run: the tables are as before, and the next run completes them.

An installation that ran once gets new files; then runs are killed one after the other, each a bit later
than the one before, until one may end. Its tables must be those of an installation that was never killed.
"""

import csv
import json
import random
import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from browse_assets.resources import open_databases
from browse_assets.sample_panel.truth import write_panel
from browse_assets.settings import Settings, load_settings
from browse_assets.tables import TABLES, tables_of
from browse_assets_tests.conftest import run_python, table_hash
from browse_assets_tests.prepared import SECRET, topic_training, undrawn_code

# Ids of the training, of the load and of the code, and the file's time: they tell runs apart, not contents.
RUN_COLUMNS = {"load_id", "mlflow_run_id", "model_version", "modified_ns", "mlflow_run", "fingerprint", "rules"}

LAST_DAY = date(2024, 5, 15)
DAYS = 60
TASTES = (
    ("espn.com", "skysports.com", "espncricinfo.com"),
    ("allrecipes.com", "seriouseats.com", "bonappetit.com"),
)

# Imports everything once (10 s), then runs `make run` with a small training in a fork for each order on its
# stdin, killed at a point (table, moment) or not at all; answers with the exit code.
SERVER = """
import functools, json, os, signal, sys, threading
from contextlib import contextmanager

import matplotlib.pyplot, mlflow.sklearn, numpy, pandas, pyarrow, skops.io, sklearn.calibration, sklearn.ensemble
import mlflow.data.pandas_dataset, mlflow.store.tracking.sqlalchemy_store
import mlflow.store.model_registry.sqlalchemy_store
from browse_assets import resources, run
from browse_assets import definitions
from browse_assets.analysis import churn, churn_scores, churn_tuning, hosts, interest, segments
from browse_assets.analysis.topic_training import TopicTraining
from browse_assets.assets import churn_logging, topics
from browse_assets.assets.state import rules_version

# Once: the same for all runs, even where somebody edits the sources meanwhile.
with numpy.load(os.environ["TOPIC_TRAINING"], allow_pickle=False) as parts:
    assert str(parts["rules"]) == rules_version()
    trained = TopicTraining.from_arrays(parts)
topics._training = lambda rules: trained
# Five trainings of all candidates would be half of the test, and nothing here is about them: of two models, one is good
# enough for a champion.
small = ("dummy", "one_rule", "decision_tree", "random_forest")
churn.train_churn = functools.partial(churn.train_churn, candidates=small)
churn_tuning.TRIALS.update(dict.fromkeys(churn_tuning.TRIALS, 1))
churn_tuning.DEFAULTS["random_forest"]["n_estimators"] = 20
mlflow.log_figure = lambda *arguments: None
insert_rows, transaction, log_candidate = resources.insert_rows, resources.transaction, churn_logging._log_candidate


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def die_when_written(log):
    while not (os.path.exists(log) and os.path.getsize(log) > 0):
        pass
    die()


def watch(table_name, moment):
    reached, logged = [], []

    def watched_insert(con, table, *arguments):
        is_it = table.name == table_name
        if is_it and moment == "deleted":
            die()
        rows = insert_rows(con, table, *arguments)
        if is_it and moment == "inserted":
            die()
        reached.extend([table] if is_it else [])
        return rows

    @contextmanager
    def watched_transaction(con):
        with transaction(con):
            yield
            if reached and moment == "committing":
                file = {"vault": "vault.duckdb.wal", "warehouse": "browse.duckdb.wal"}[reached[0].database]
                log = os.path.join(os.environ["BROWSE_DATA_DIR"], file)
                threading.Thread(target=die_when_written, args=[log], daemon=True).start()
        if reached:  # committed, and not yet in the database's own file
            die()

    def watched_log(*arguments):
        logged.append(arguments)
        if moment == "training" and len(logged) == 3:
            die()
        return log_candidate(*arguments)

    replaced = {insert_rows: watched_insert, transaction: watched_transaction, log_candidate: watched_log}
    for module in [m for name, m in sys.modules.items() if name.startswith("browse_assets.")]:
        for name, value in list(vars(module).items()):
            if callable(value) and getattr(value, "__hash__", None) and value in replaced:
                setattr(module, name, replaced[value])


def obey(order):
    os.environ["BROWSE_DATA_DIR"] = order["data"]
    output = os.open(order["output"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    if order["point"]:
        watch(*order["point"])
    return run.main([])


for line in sys.stdin:
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = obey(json.loads(line))
        finally:
            sys.stdout.flush()
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

# Fourteen runs are in the set-up: 390 s where two other jobs share the cores, and more where more do.
pytestmark = pytest.mark.timeout(1_800)

Point = tuple[str, str]
State = dict[str, str]
# Two installations, killed side by side; in each, every point comes after the one before.
LANES: tuple[tuple[Point, ...], ...] = (
    (
        ("raw_events", "inserted"),
        ("raw_files", "committing"),
        ("raw_customers", "inserted"),
        ("scrubbed_events", "inserted"),
        ("churn_model", "inserted"),
    ),
    (
        ("raw_files", "committed"),
        ("scrubbed_events", "committing"),
        ("finance_flags", "deleted"),
        ("churn_model", "training"),
        ("churn_scores", "inserted"),
    ),
)
POINTS = [(lane, point) for lane, points in enumerate(LANES) for point in points]


def tables_of_asset(asset: str) -> tuple[str, ...]:
    """The tables that an asset writes, and its line of asset_state."""
    vault = {"raw_events": ("raw_events", "raw_files", "raw_rejected"), "raw_customers": ("raw_customers",)}
    return vault.get(asset, (asset, f"state of {asset}"))


def asset_of(table: str) -> str:
    return "raw_events" if table in ("raw_files", "raw_rejected") else table


@dataclass(frozen=True)
class Kill:
    """A run that was killed: the tables before and after, and the assets it had finished."""

    before: State
    after: State
    finished: tuple[str, ...]
    return_code: int
    output: str


@dataclass(frozen=True)
class Story:
    """All kills, and the tables of the installations that were killed and of the one that never was."""

    kills: dict[tuple[int, Point], Kill]
    ends: list[State]
    undisturbed: State
    ended: list[Settings]


def write_habits(path: Path, people: int = 150) -> None:
    """Visits of invented people with one of two tastes; two of three leave, and come less before they do.

    With `DAYS` days up to `LAST_DAY`, this is just enough for a churn model that beats its baselines.
    """
    random_state = random.Random(7)
    start = datetime.combine(LAST_DAY, datetime.min.time()) - timedelta(days=DAYS - 1)
    rows = []
    for person in range(people):
        # Spread over a week: on one day all would leave by the calendar, which is no habit.
        last = (27 + random_state.randrange(7), 40 + random_state.randrange(7), DAYS)[person % 3]
        for day in range(min(last + 1, DAYS)):
            is_fading = last < DAYS and day > last - 10
            if day != last and random_state.random() < (0.6 if is_fading else 0.1):
                continue
            time = start + timedelta(days=day, hours=8 + random_state.random() * 10)
            for view in range(1 if is_fading else 2):
                site = random_state.choice(TASTES[person % 2])
                url = f"https://www.{site}/page-{random_state.randrange(50)}"
                rows.append(
                    [f"panelist-habit-{person}", "198.51.100.9", (time + timedelta(minutes=view)).isoformat(), url]
                )
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["userId", "ip", "timestamp", "url"], *rows])


def read_state(settings: Settings) -> State:
    """Hash of every table of both databases without the columns of the run, and of asset_state by asset."""
    found: State = {}
    with open_databases(settings, vault="read", warehouse="read") as con:
        for table in (*tables_of("vault"), *tables_of("warehouse")):
            columns = ", ".join(name for name in table.column_names if name not in RUN_COLUMNS)
            found[table.name] = table_hash(con, f"SELECT {columns} FROM {table.database}.{table.name} ORDER BY ALL")
        for name in TABLES:
            select = f"SELECT * FROM asset_state WHERE asset = '{name}'"
            if con.execute(select).fetchall():
                found[f"state of {name}"] = table_hash(con, select)
    return found


class RunServer:
    """Runs of the job, each in a process of its own, without importing everything each time."""

    def __init__(self, settings: Settings, undrawn: str) -> None:
        self._process = run_python(undrawn + SERVER, settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, settings: Settings, point: Point | None = None) -> tuple[int, str]:
        """Exit code (negative: the signal that killed it) and output of one run."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        output = settings.data_dir.with_suffix(".txt")
        order = {"data": str(settings.data_dir), "output": str(output), "point": point}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return code, output.read_text()

    def close(self) -> None:
        self._process.communicate(timeout=60)


def kill_one_after_the_other(
    server: RunServer, settings: Settings, points: tuple[Point, ...]
) -> tuple[list[Kill], State]:
    """The kills, and the tables of the run that was let alone in the end."""
    kills = []
    before = read_state(settings)
    for point in points:
        code, output = server.run(settings, point)
        done = [line.split("]")[1].split()[0] for line in output.splitlines() if " done " in line]
        after = read_state(settings)
        kills.append(Kill(before, after, tuple(done), code, output))
        before = after
    return kills, finished_state(server, settings)


def finished_state(server: RunServer, settings: Settings) -> State:
    """The tables after a run that was let alone."""
    code, output = server.run(settings)
    assert code == 0, output
    return read_state(settings)


@pytest.fixture(scope="module")
def environment(shared_folder: Path) -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("BROWSE_AS_OF", "BROWSE_MEMORY_LIMIT", "BROWSE_THREADS", "MLFLOW_TRACKING_URI"):
            patch.setenv(name, "")  # empty counts as unset, and goes before what a .env says
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
            patch.setenv(name, "1")  # a process with threads must not fork
        patch.setenv("BROWSE_SECRET_KEY", SECRET)
        patch.setenv("TOPIC_TRAINING", str(topic_training(shared_folder)))
        yield patch


def installation(folder: Path, environment: pytest.MonkeyPatch) -> Settings:
    environment.setenv("BROWSE_DATA_DIR", str(folder))
    return load_settings()


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, environment: pytest.MonkeyPatch, shared_folder: Path) -> Story:
    panel = tmp_path_factory.mktemp("panel")
    write_panel(panel, people=30, days=DAYS, seed=3, end=LAST_DAY)
    first, *later = sorted((panel / "inbox").iterdir())
    write_habits(panel / "habits.csv")
    home = tmp_path_factory.mktemp("killed")
    start, other, undisturbed = (installation(home / name, environment) for name in ("1", "2", "undisturbed"))
    start.inbox.mkdir(parents=True)
    shutil.copy2(first, start.inbox)
    undrawn = undrawn_code(shared_folder)
    servers = [RunServer(start, undrawn) for _ in LANES]
    try:
        finished_state(servers[0], start)
        shutil.copytree(panel / "customers", start.customers, dirs_exist_ok=True)
        for file in (*later, panel / "habits.csv"):
            shutil.copy2(file, start.inbox)
        for copy in (other, undisturbed):
            shutil.copytree(start.data_dir, copy.data_dir)
        with ThreadPoolExecutor(len(LANES)) as pool:
            results = list(pool.map(kill_one_after_the_other, servers, (start, other), LANES))
        never_killed = finished_state(servers[0], undisturbed)
    finally:
        for server in servers:
            server.close()
    return Story(
        kills=dict(zip(POINTS, (kill for kills, _ in results for kill in kills), strict=True)),
        ends=[end for _, end in results],
        undisturbed=never_killed,
        ended=[start, other],
    )


@pytest.mark.parametrize(("lane", "point"), POINTS)
def test_a_killed_run_leaves_the_tables_as_before_or_as_after(story: Story, lane: int, point: Point) -> None:
    kill = story.kills[lane, point]
    assert kill.return_code == -signal.SIGKILL, kill.output
    table, moment = point
    asset = asset_of(table)
    assert asset not in kill.finished
    changed = {name for name in kill.after if kill.after[name] != kill.before.get(name)}
    assert changed <= {name for done in (*kill.finished, asset) for name in tables_of_asset(done)}
    now, before, after = (
        {name: state.get(name) for name in tables_of_asset(asset)}
        for state in (kill.after, kill.before, story.undisturbed)
    )
    assert now in {"committed": [after], "committing": [before, after]}.get(moment, [before])


@pytest.mark.parametrize("lane", range(len(LANES)))
def test_the_next_run_gives_the_tables_of_a_run_that_was_never_killed(story: Story, lane: int) -> None:
    ends, undisturbed = (
        {name: content for name, content in state.items() if not name.startswith("state of ")}
        for state in (story.ends[lane], story.undisturbed)
    )
    assert ends == undisturbed
    assert story.ends[lane].keys() == story.undisturbed.keys()


def test_every_kill_had_something_to_lose(story: Story) -> None:
    """Each table that a run was killed in differs from before in the end: the kills were not idle."""
    for (lane, (table, moment)), kill in story.kills.items():
        if moment != "committed":
            assert kill.before.get(table) != story.ends[lane][table], table


@pytest.mark.parametrize("lane", range(len(LANES)))
def test_no_copy_of_a_file_is_left(story: Story, lane: int) -> None:
    settings = story.ended[lane]
    assert [path for path in settings.scratch.rglob("*") if path.is_file()] == []
    assert not list(settings.data_dir.glob("*.wal"))


def test_a_champion_was_trained(story: Story) -> None:
    """Else the kills in training and scoring would have hit nothing."""
    settings = story.ended[0]
    with open_databases(settings, warehouse="read") as con:
        assert con.execute("SELECT count_if(is_champion) FROM churn_model").fetchone() == (1,)
        assert con.execute("SELECT count(*) > 30 FROM churn_scores").fetchone() == (True,)
