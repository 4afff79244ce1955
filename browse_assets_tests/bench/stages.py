"""What is measured, one stage per process: `python -m browse_assets_tests.bench.stages STAGE CSV FOLDER`.

What belongs here: the work of each stage, from its imports to its result. What does not: measuring it
(`measure.py`), so that no stage shares a process with the measurement or with another stage.

The pipeline is run as `make run` does it: in one process, with Dagster's records in the folder and the checks of the
assets. What Dagster, imports and plots cost is in the figures.
"""

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from browse_assets.command_line import collect_garbage_seldom, leave

if TYPE_CHECKING:
    from browse_assets_tests.bench import pandas_version

TO_DOMAIN_FEATURES = ("raw_events", "input_files", "scrubbed_events", "domain_features")
ASSETS = (*TO_DOMAIN_FEATURES, "user_days")
# What docs/queries.md asks beside ASSETS; without a model of churn, whose table is then empty.
PROFILES = (
    "topic_classifier",
    "page_topics",
    "interest_profile",
    "page_products",
    "products",
    "product_interest",
    "page_finance",
    "finance_flags",
)
# Never the installation's own key.
_SECRET = "be" * 32

Work = Callable[[Path, Path], int]


def _generate() -> Work:
    from browse_assets_tests.bench.events import write_events

    def work(csv: Path, folder: Path) -> int:
        """Rows of the file that holds as many page views as the folder's name says."""
        write_events(csv, int(folder.name))
        with csv.open("rb") as file:
            return sum(1 for _ in file) - 1

    return work


def _one_more_day(day: int) -> Work:
    from browse_assets_tests.bench.events import write_day

    def work(csv: Path, folder: Path) -> int:
        """Page views of 1 % more on a day, put into the inbox as a file of their own."""
        panel = int(csv.parent.name)
        write_day(folder / "inbox" / f"day-{day}.csv", panel, day, panel // 100)
        return panel // 100

    return work


def _write_files() -> Work:
    from browse_assets_tests.bench.many_files import write_files

    def work(csv: Path, folder: Path) -> int:
        """Page views in as many small files as the name of the first path says."""
        return write_files(folder / "inbox", int(csv.name))

    return work


def _bare_load() -> Work:
    import duckdb

    from browse_assets.settings import load_settings

    def work(csv: Path, folder: Path) -> int:
        """Rows of a table made from the file with its types given: no sniffing, nothing done to the values."""
        settings = load_settings()
        with csv.open(encoding="utf-8") as file:
            names = file.readline().strip().split(",")
        types = {name: "TIMESTAMP" if name == "timestamp" else "VARCHAR" for name in names}
        with duckdb.connect(folder / "bare.duckdb") as con:
            con.execute("SET enable_progress_bar = false")
            if settings.threads:
                con.execute("SET threads = ?", [settings.threads])
            if settings.memory_limit:
                con.execute("SET memory_limit = ?", [settings.memory_limit])
            con.execute(
                "CREATE TABLE events AS SELECT * FROM read_csv(?, header = true, columns = ?)", [str(csv), types]
            )
            rows = con.execute("SELECT count(*) FROM events").fetchone()
        assert rows is not None
        return int(rows[0])

    return work


def _pandas(kind: "pandas_version.Work") -> Work:
    from browse_assets_tests.bench.pandas_version import domain_features

    def work(csv: Path, folder: Path) -> int:
        return len(domain_features(csv, folder, work=kind))

    return work


def _polars() -> Work:
    from browse_assets_tests.bench.polars_version import domain_features

    def work(csv: Path, folder: Path) -> int:
        return len(domain_features(csv, folder))

    return work


def _on_spark() -> Work:
    """The pipeline with its engine on Spark in this process, which has all cores."""
    from pyspark import SparkContext

    os.environ["BROWSE_ENGINE"] = "spark"
    on_engine = _pipeline(TO_DOMAIN_FEATURES)

    def work(csv: Path, folder: Path) -> int:
        """As the pipeline; what Java used counts only once this process has waited for its end."""
        rows = on_engine(csv, folder)
        gateway = SparkContext._gateway
        assert gateway is not None
        gateway.shutdown()
        gateway.proc.stdin.close()
        gateway.proc.wait()
        return rows

    return work


def _pipeline(
    assets: tuple[str, ...],
    *,
    checked: tuple[str, ...] | None = None,
    with_assets: bool = True,
    may_fail: tuple[str, ...] = (),
) -> Work:
    """Materialize assets, with the checks of all of them or of those that are `checked`."""
    collect_garbage_seldom()
    import dagster as dg

    from browse_assets.dagster_home import prepare_dagster_home, quick_records
    from browse_assets.definitions import ASSETS as ALL_ASSETS
    from browse_assets.definitions import CHECKS
    from browse_assets.resources import Databases, ExperimentTracker
    from browse_assets.settings import load_settings

    selection = dg.AssetSelection.assets(*assets).without_checks()
    if checked != ():
        checks = dg.AssetSelection.checks_for_assets(*(dg.AssetKey(name) for name in checked or assets))
        selection = selection | checks if with_assets else checks

    def work(csv: Path, folder: Path) -> int:
        """Rows of the last asset's table, or the number of checks where only they are run."""
        inbox = folder / "inbox"
        if not inbox.exists():
            inbox.mkdir()
            os.link(csv, inbox / csv.name)
        os.environ.update(BROWSE_DATA_DIR=str(folder), BROWSE_SECRET_KEY=_SECRET)
        os.environ.pop("BROWSE_AS_OF", None)
        os.environ["DAGSTER_HOME"] = str(prepare_dagster_home(load_settings()))
        with quick_records(), dg.DagsterInstance.get() as instance:
            result = dg.materialize(
                [*ALL_ASSETS, *CHECKS],
                selection=selection,
                resources={"databases": Databases(), "tracker": ExperimentTracker()},
                instance=instance,
            )
        evaluations = result.get_asset_check_evaluations()
        failed = [evaluation.check_name for evaluation in evaluations if not evaluation.passed]
        if set(failed) - set(may_fail):
            raise RuntimeError(f"checks failed: {', '.join(failed)}")
        if not with_assets:
            return len(evaluations)
        last = result.asset_materializations_for_node(assets[-1])[0]
        return int(last.metadata["dagster/row_count"].value)  # type: ignore[arg-type]

    return work


def _scrubbing() -> Work:
    """What is done to values, apart from sessions, writing the table and Dagster."""
    from browse_assets.assets.consent import admit_events
    from browse_assets.assets.scrubbing import prepare_scrubbing, scrub_admitted_events
    from browse_assets.keys import load_keys
    from browse_assets.resources import open_databases
    from browse_assets.settings import load_settings

    def work(csv: Path, folder: Path) -> int:
        """Scrubbed page views, made from the vault that raw_events has filled and read once, every column of them."""
        del csv
        os.environ.update(BROWSE_DATA_DIR=str(folder), BROWSE_SECRET_KEY=_SECRET)
        settings = load_settings()
        with open_databases(settings, vault="read") as con:
            admit_events(con, 0)
            scrub_admitted_events(con, prepare_scrubbing(con, load_keys(settings)))
            rows = con.execute("SELECT count(event_id), count(COLUMNS(* EXCLUDE (event_id))) FROM fresh").fetchone()
        assert rows is not None
        return int(rows[0])

    return work


STAGES: dict[str, Callable[[], Work]] = {
    "generate": _generate,
    "new day": partial(_one_more_day, 30),
    "late day": partial(_one_more_day, 11),
    "next day": partial(_one_more_day, 31),
    "another late day": partial(_one_more_day, 12),
    "bare load": _bare_load,
    "pipeline": partial(_pipeline, TO_DOMAIN_FEATURES),
    "pandas": partial(_pandas, "few rules"),
    "pandas, same work": partial(_pandas, "same work"),
    "polars": _polars,
    "spark": _on_spark,
    "scrubbing": _scrubbing,
    **{name: partial(_pipeline, (name,), checked=()) for name in ASSETS},
    "checks": partial(_pipeline, ASSETS, with_assets=False),
    "write files": _write_files,
    # Some files are cut off in the middle.
    "files": partial(_pipeline, TO_DOMAIN_FEATURES, may_fail=("files_readable",)),
    "profiles": partial(_pipeline, PROFILES, checked=()),
    "pipeline and profiles": partial(_pipeline, (*TO_DOMAIN_FEATURES, *PROFILES), checked=TO_DOMAIN_FEATURES),
}


def main(stage: str, csv: str, folder: str) -> NoReturn:
    """Do the stage's work, put the number of rows that came out into `<folder>/<stage>.rows`, and end as a command."""
    rows = STAGES[stage]()(Path(csv), Path(folder))
    (Path(folder) / f"{stage}.rows").write_text(str(rows), encoding="utf-8")
    leave(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
