"""Churn's training on many snapshots, stage by stage: `python -m browse_assets_tests.bench.training ROWS FOLDER`.

What belongs here: filling the tables that the asset churn_model reads, materializing it, and what each of its stages
used. What does not: the snapshots themselves (`snapshots.py`). The asset is run as it is, MLflow and all; stages are
its own functions, each timed by a wrapper.
"""

import functools
import importlib
import json
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from browse_assets_tests.bench.measure import StageFailedError

RESULT = "training.json"
# Never the installation's own key.
_SECRET = "be" * 32
_PACKAGE = "browse_assets."
# Module, function, and what it is called in the table; where the first argument is a candidate, its name is added.
STAGES: tuple[tuple[str, str, str], ...] = (
    ("assets.churn", "_read_snapshots", "read"),
    ("analysis.churn_rows", "training_rows", "features"),
    ("analysis.churn", "labelled_rows", "order"),
    ("analysis.churn", "tuning_folds", "encode folds"),
    ("analysis.churn_tuning", "tune", "tune"),
    ("analysis.churn_fits", "encode", "encode"),
    ("analysis.churn_fits", "fit_candidate", "fit"),
    ("analysis.churn", "calibrate", "calibrate"),
    ("analysis.churn", "churn_probability", "predict"),
    ("analysis.churn", "resample_metrics", "intervals"),
    ("analysis.churn", "random_split_auc_of", "random split"),
    ("analysis.churn", "person_disjoint_auc_of", "disjoint people"),
    ("analysis.churn", "_importances", "permutation importance"),
    ("analysis.churn_audit", "audit_churn", "audit"),
    ("assets.churn", "read_incumbent", "champion so far"),
    ("analysis.churn_promotion", "decide", "decide"),
    ("assets.churn", "log_churn", "log"),
    ("analysis.churn_card", "model_card", "model card"),
    ("analysis.churn_shap", "summarise_shap", "Shapley values"),
    ("assets.churn_logging", "_log_candidate", "log candidates"),
)
# Shown one below another within the stage that calls them.
_BY_CANDIDATE = ("tune", "fit")


@dataclass
class Stage:
    """What all calls of a stage used together.

    Attributes:
        calls: how many there were.
        wall: seconds; of stages side by side their sum.
        cpu: user and system seconds of the thread, or of the process where that is the main one.
        peak_bytes: largest resident memory of the process during any of them.
    """

    calls: int = 0
    wall: float = 0.0
    cpu: float = 0.0
    peak_bytes: int = 0


@dataclass
class TrainingUsage:
    """What a training used, in a process of its own.

    Attributes:
        rows: labelled snapshots.
        features: that the models were given.
        churned: share of them that left.
        wall: seconds of the materialization of churn_model, imports included.
        cpu: its user and system seconds.
        peak_bytes: largest resident memory of the process, making of the rows aside.
        models: ROC AUC by candidate.
        stages: by name, in the order in which they began; the names of those that they are within before a slash.
    """

    rows: int = 0
    features: int = 0
    churned: float = 0.0
    wall: float = 0.0
    cpu: float = 0.0
    peak_bytes: int = 0
    models: dict[str, float] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)


class Meter:
    """Times stages, also within each other; the kernel's mark of the largest memory is set back at each border.

    A stage of another thread is within what the main thread does meanwhile.
    """

    def __init__(self) -> None:
        self.stages: dict[str, Stage] = {}
        self._open: dict[int, list[str]] = {}
        self._main = threading.get_ident()
        self._lock = threading.RLock()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add what the block uses to the stage."""
        thread = threading.get_ident()
        clock = time.process_time if thread == self._main else time.thread_time
        with self._lock:
            self._mark()
            mine = self._open.setdefault(thread, [])
            above = (mine or self._open.get(self._main) or [""])[-1]
            path = f"{above}/{name}".removeprefix("/")
            stage = self.stages.setdefault(path, Stage())
            mine.append(path)
        wall, cpu = time.perf_counter(), clock()
        try:
            yield
        finally:
            with self._lock:
                stage.calls += 1
                stage.wall += time.perf_counter() - wall
                stage.cpu += clock() - cpu
                self._mark()
                mine.pop()

    def _mark(self) -> None:
        peak = take_peak_bytes()
        for path in (path for paths in self._open.values() for path in paths):
            self.stages[path].peak_bytes = max(self.stages[path].peak_bytes, peak)

    def wrap(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @functools.wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            full = f"{name} {args[0]}" if name in _BY_CANDIDATE else name
            with self.stage(full):
                return function(*args, **kwargs)

        return timed


def take_peak_bytes() -> int:
    """Largest resident memory since the last call (Linux; elsewhere, and where it is forbidden, since the start)."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
        with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
            file.write("5")
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return peak


def fill(rows: int) -> float:
    """Make churn_snapshots of the installation that the environment names; returns the share that left."""
    from browse_assets.assets.state import State, write_state
    from browse_assets.resources import insert_rows, open_databases
    from browse_assets.settings import load_settings
    from browse_assets.tables import CHURN_FEATURES, CHURN_SNAPSHOTS, USER_DAYS
    from browse_assets_tests.bench.snapshots import AS_OF, ATTRIBUTES, FEATURES, snapshot_blocks, snapshot_plan

    entries = ", ".join(f"{{'k': '{name}', 'v': {name}}}" for name in ATTRIBUTES)
    empty = ", ".join(f"NULL AS {column.name}" for column in CHURN_FEATURES if column.name not in FEATURES)
    plan = snapshot_plan()
    first_day = plan.snapshot_times[0] - timedelta(days=plan.window_days)
    with open_databases(load_settings(), vault="write", warehouse="write") as con:
        for block in snapshot_blocks(rows):
            con.register("block", block)
            insert_rows(
                con,
                CHURN_SNAPSHOTS,
                f"SELECT *, {empty}, md5('p' || user)::UUID AS user_key, true AS eligible, NULL AS reason, "
                "'rule' AS label_source, snapshot_time AS latest_feature_time, 0 AS hole_days, "
                f"map_from_entries(list_filter([{entries}], lambda e: e.v IS NOT NULL)) AS attributes, "
                "$as_of::TIMESTAMP AS as_of FROM block ORDER BY user_key",
                {"as_of": AS_OF.to_pydatetime()},
            )
            con.unregister("block")
        none = ", ".join(
            f"NULL AS {column.name}" for column in USER_DAYS.columns if column.name not in ("user_key", "day")
        )
        insert_rows(
            con,
            USER_DAYS,
            f"SELECT {none}, md5('p0')::UUID AS user_key, $day::DATE AS day",
            {"day": first_day.date()},
        )
        write_state(con, "churn_snapshots", State(1, "bench"))
        found = con.execute("SELECT avg(churned::INTEGER) FROM churn_snapshots").fetchone()
    assert found is not None
    return float(found[0])


def train(rows: int, folder: Path) -> TrainingUsage:
    """Fill the tables in the folder and materialize churn_model, in this process."""
    os.environ.update(
        BROWSE_DATA_DIR=str(folder), BROWSE_SECRET_KEY=_SECRET, DAGSTER_DISABLE_TELEMETRY="yes", DAGSTER_HOME=""
    )
    for name in ("BROWSE_AS_OF", "DAGSTER_HOME", "BROWSE_CHURN_VALUES", "MLFLOW_TRACKING_URI"):
        os.environ.pop(name, None)
    churned = fill(rows)
    import dagster as dg

    from browse_assets.definitions import ASSETS
    from browse_assets.resources import Databases, ExperimentTracker, open_databases
    from browse_assets.settings import load_settings

    meter = Meter()
    for module_name, function, stage in STAGES:
        module = importlib.import_module(_PACKAGE + module_name)
        setattr(module, function, meter.wrap(stage, getattr(module, function)))
    tracker = ExperimentTracker()
    # An installation makes MLflow's tables once, whoever trains first.
    tracker.client().search_experiments()
    take_peak_bytes()
    wall, cpu = time.perf_counter(), time.process_time()
    with meter.stage("churn_model"):
        dg.materialize(
            ASSETS,
            selection=dg.AssetSelection.assets("churn_model").without_checks(),
            resources={"databases": Databases(), "tracker": tracker},
        )
    usage = TrainingUsage(rows=rows, churned=churned, stages=meter.stages)
    usage.wall, usage.cpu = time.perf_counter() - wall, time.process_time() - cpu
    usage.peak_bytes = meter.stages["churn_model"].peak_bytes
    with open_databases(load_settings(), warehouse="read") as con:
        usage.models = dict(con.execute("SELECT model, roc_auc FROM churn_model ORDER BY log_loss, model").fetchall())
    run = tracker.client().search_runs(
        experiment_names=["churn"], filter_string="params.status = 'trained'", output_format="list"
    )[0]
    usage.features = int(run.data.params["features"])
    return usage


def measure_training(rows: int, folder: Path) -> TrainingUsage:
    """The same in a process of its own.

    Raises:
        StageFailedError: it ended with another exit code than 0.
    """
    log = folder / "training.log"
    command = [sys.executable, "-m", "browse_assets_tests.bench.training", str(rows), str(folder)]
    with log.open("wb") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        said = log.read_text(encoding="utf-8", errors="replace")[-2_000:]
        raise StageFailedError(f"the training ended with exit code {done.returncode}:\n{said}")
    return read_usage(folder)


def read_usage(folder: Path) -> TrainingUsage:
    """What `main` left there."""
    found = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    stages = {name: Stage(**stage) for name, stage in found.pop("stages").items()}
    return TrainingUsage(**found, stages=stages)


def training_table(usage: TrainingUsage) -> list[str]:
    """The figures as lines of plain text."""
    lines = [
        f"training of churn: {usage.rows:,} snapshots x {usage.features} features, {usage.churned:.1%} left; "
        f"{len(usage.models)} candidates: {usage.wall:.0f} s, {usage.cpu:.0f} CPU s, "
        f"{usage.peak_bytes / 1e6:,.0f} MB at most",
        "ROC AUC: " + ", ".join(f"{name} {auc:.4f}" for name, auc in usage.models.items()),
        "",
        f"{'stage':<40}{'calls':>7}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}",
    ]
    for path, stage in _in_order(usage.stages).items():
        *above, name = path.split("/")
        shown = "  " * len(above) + name
        lines.append(f"{shown:<40}{stage.calls:>7}{stage.wall:>9.2f}{stage.cpu:>9.2f}{stage.peak_bytes / 1e6:>9,.0f}")
    return lines


def _in_order(stages: dict[str, Stage]) -> dict[str, Stage]:
    """Those within another one right below it."""
    first = {path: number for number, path in enumerate(stages)}

    def place(path: str) -> tuple[int, ...]:
        parts = path.split("/")
        return tuple(first["/".join(parts[: end + 1])] for end in range(len(parts)))

    return {path: stages[path] for path in sorted(stages, key=place)}


def main(rows: str, folder: str) -> None:
    """Train on so many rows in this process, and leave the figures in `<folder>/training.json`."""
    usage = train(int(rows), Path(folder))
    (Path(folder) / RESULT).write_text(json.dumps(asdict(usage)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
