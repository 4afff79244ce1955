"""`make bench`: the pipeline beside DuckDB's bare load, Polars and pandas, measured in turn; then `make serve`.

What belongs here: the order of the stages and the tables that are printed. What does not: what a stage
does (`stages.py`), measuring it (`measure.py`), the events (`events.py`), requests (`serving.py`).
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from browse_assets_tests.bench.file_figures import files_table, measure_files
from browse_assets_tests.bench.measure import StageFailedError, Usage, measure, median_usage
from browse_assets_tests.bench.queries import PAGE
from browse_assets_tests.bench.serving import ServingFailedError, measure_serving, serving_table
from browse_assets_tests.bench.training import measure_training, training_table

COMPARED = ("bare load", "pipeline", "polars", "pandas")
# Two minutes and more for a million page views each.
SLOW = ("pandas, same work", "spark")
# Days of 1 % more, in turn after all others and among them, which cuts sessions in two; what is measured, as users run
# it in one process; and the stages that make everything as far.
DAYS = (
    ("new day", "pipeline", ("pipeline",)),
    ("late day", "pipeline", ("pipeline",)),
    ("next day", "pipeline and profiles", ("pipeline", "profiles")),
    ("another late day", "pipeline and profiles", ("pipeline", "profiles")),
)
STAGES = ("raw_events", "input_files", "scrubbing", "scrubbed_events", "domain_features", "user_days", "checks")
MIN_EVENTS = 1_000
NAMES = {
    "bare load": "DuckDB, bare load of the CSV",
    "pipeline": "raw -> domain_features",
    "polars": "Polars, the few first rules",
    "pandas": "pandas, the few first rules",
    "pandas, same work": "pandas, the same work",
    "spark": "raw -> domain_features, Spark",
}
_DATABASES = ("bare.duckdb", "vault.duckdb", "browse.duckdb")


@dataclass
class Results:
    """Figures by stage, and the bytes that lay in databases after it."""

    csv_rows: int = 0
    csv_bytes: int = 0
    usages: dict[str, list[Usage]] = field(default_factory=dict)
    stored_bytes: dict[str, int] = field(default_factory=dict)
    queries: list[str] = field(default_factory=list)

    def __getitem__(self, stage: str) -> Usage:
        return median_usage(self.usages[stage])


def run(
    events: int,
    repeat: int,
    compared: Sequence[str],
    folder: Path,
    say: Callable[[str], None],
    *,
    with_queries: bool = False,
    with_days: bool = False,
) -> Results:
    """Generate the events, then measure every stage `repeat` times, in turn; queries and days once, after the last."""
    pycache = folder / "pycache"
    results = Results()
    generated = folder / str(events)
    generated.mkdir(exist_ok=True)
    csv = generated / "panel.csv"
    say(f"generating {events:,} page views ...")
    results.csv_rows = measure("generate", csv, generated, pycache).rows
    results.csv_bytes = csv.stat().st_size
    for turn in range(repeat):
        for stage in compared:
            with tempfile.TemporaryDirectory(dir=folder) as data:
                _measure_into(results, stage, csv, Path(data), pycache, say)
        with tempfile.TemporaryDirectory(dir=folder) as data:
            for stage in STAGES:
                _measure_into(results, stage, csv, Path(data), pycache, say)
            if turn < repeat - 1:
                continue
            if with_queries or with_days:
                _measure_into(results, "profiles", csv, Path(data), pycache, say)
            if with_queries:
                results.queries = _query_table(Path(data) / "browse.duckdb")
            for day, stage, _ in DAYS if with_days else ():
                measure(day, csv, Path(data), pycache)
                _measure_into(results, stage, csv, Path(data), pycache, say, name=day)
                if stage == "pipeline":  # or the next day would bring the pages of two
                    measure("profiles", csv, Path(data), pycache)
    return results


def _query_table(warehouse: Path) -> list[str]:
    """Milliseconds of each query, in a process of its own: this one imports no DuckDB."""
    command = [sys.executable, "-m", "browse_assets_tests.bench.queries", str(PAGE), str(warehouse)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise StageFailedError(f"the queries ended with exit code {done.returncode}:\n{done.stderr[-2_000:]}")
    return done.stdout.splitlines()


def _measure_into(
    results: Results,
    stage: str,
    csv: Path,
    data: Path,
    pycache: Path,
    say: Callable[[str], None],
    *,
    name: str | None = None,
) -> None:
    name = name or stage
    usage = measure(stage, csv, data, pycache)
    results.usages.setdefault(name, []).append(usage)
    files = [path for path in data.iterdir() if path.name in _DATABASES or path.suffix == ".parquet"]
    results.stored_bytes[name] = sum(path.stat().st_size for path in files)
    say(f"{name}: {usage.cpu:.1f} CPU s")


def report(results: Results, fixed: Results, events: int, repeat: int) -> str:
    """The figures as plain text.

    Args:
        fixed: figures of the same stages with `MIN_EVENTS` page views, so what they cost whatever the input.
    """
    compared = [stage for stage in (*COMPARED, *SLOW) if stage in results.usages]
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    lines = [
        f"{time.strftime('%Y-%m-%d')}: {events:,} generated page views ({results.csv_rows:,} rows of CSV, one per "
        f"meta tag, {_mb(results.csv_bytes)} MB)",
        f"{os.cpu_count()} CPUs, {memory / 1e9:.0f} GB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, DuckDB {version('duckdb')}, pandas {version('pandas')}, "
        f"browse-assets {version_of_project()}",
        f"Each line is a process of its own, in turn{f'; medians of {repeat}' if repeat > 1 else ''}. CPU s: user and "
        "system, imports and Dagster included;",
        f"fixed: the same process with {MIN_EVENTS:,} page views; peak: resident memory; stored: what lies on disk "
        "after it.",
        "",
        *_table("side by side", [(stage, NAMES[stage]) for stage in compared], results, fixed),
        "",
        *_ratios(results, fixed),
        "",
        *_table("stages of the pipeline", [(stage, stage) for stage in STAGES], results, fixed),
        "",
        "raw -> domain_features: raw_events, input_files, scrubbed_events and domain_features with their checks, in",
        "one process. scrubbing: from the vault to scrubbed page views, apart from sessions, the table and Dagster; it",
        "is done once more inside scrubbed_events. Rows of `checks`: how many of these tables and user_days were run.",
    ]
    return "\n".join(lines)


def version_of_project() -> str:
    """Version in pyproject.toml: the project runs from its folder and is not installed."""
    import tomllib

    with (Path(__file__).parents[2] / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def _table(title: str, stages: Sequence[tuple[str, str]], results: Results, fixed: Results) -> list[str]:
    lines = [f"{title:<30}{'wall s':>9}{'CPU s':>9}{'fixed':>8}{'peak MB':>9}{'rows':>13}{'stored MB':>11}"]
    for stage, name in stages:
        used = results[stage]
        lines.append(
            f"{name:<30}{used.wall:>9.2f}{used.cpu:>9.2f}{fixed[stage].cpu:>8.2f}{_mb(used.peak_bytes):>9}"
            f"{used.rows:>13,}{_mb(results.stored_bytes[stage]):>11}"
        )
    return lines


def _ratios(results: Results, fixed: Results) -> list[str]:
    lines = [f"{'ratios':<30}{'wall':>9}{'CPU':>9}{'- fixed':>8}{'peak':>9}"]
    pairs = (
        ("scrubbing : bare load", "scrubbing", "bare load"),
        ("pipeline : bare load", "pipeline", "bare load"),
        ("polars : pipeline", "polars", "pipeline"),
        ("pandas : pipeline", "pandas", "pipeline"),
        ("pandas, same work : pipeline", "pandas, same work", "pipeline"),
        ("spark : pipeline", "spark", "pipeline"),
    )
    for name, above, below in pairs:
        if above in results.usages and below in results.usages:
            a, b = results[above], results[below]
            growth = (a.cpu - fixed[above].cpu) / max(b.cpu - fixed[below].cpu, 1e-9)
            peak = a.peak_bytes / b.peak_bytes
            lines.append(f"{name:<30}{a.wall / b.wall:>9.2f}{a.cpu / b.cpu:>9.2f}{growth:>8.2f}{peak:>9.2f}")
    return lines


def day_table(results: Results) -> list[str]:
    """What a day of 1 % more costs, as a share of making everything."""
    lines = [f"{'1 % more':<42}{'wall s':>9}{'CPU s':>9}{'of all':>8}{'peak MB':>9}"]
    for day, stage, everything in DAYS:
        used = results[day]
        share = used.cpu / sum(results[one].cpu for one in everything)
        lines.append(f"{f'{day}, {stage}':<42}{used.wall:>9.2f}{used.cpu:>9.2f}{share:>8.1%}{_mb(used.peak_bytes):>9}")
    return lines


def _mb(size: int) -> str:
    return f"{size / 1e6:,.0f}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 0 when every stage was measured."""
    parser = argparse.ArgumentParser(
        prog="make bench",
        description="Generated events from raw rows to domain_features: CPU time, wall time and peak memory, beside "
        "DuckDB's bare load of the same CSV and a plain pandas version of the same work; then single predictions of "
        "`make serve` by 10 clients in parallel.",
    )
    parser.add_argument("--events", type=_count, default=1_000_000, help="page views to generate (default 1,000,000)")
    parser.add_argument("--repeat", type=_positive, default=1, help="measure so often and show medians (default 1)")
    parser.add_argument("--skip-pandas", action="store_true", help="for many events: pandas needs 1.5 GB per million")
    parser.add_argument(
        "--all", action="store_true", help="with the pipeline's rules and checks in pandas, and on Spark (slow)"
    )
    parser.add_argument(
        "--queries", action="store_true", help="make interests, products and finance too, and time docs/queries.md"
    )
    parser.add_argument("--days", action="store_true", help="then add a day of 1 %% more, and one among the old days")
    parser.add_argument(
        "--training",
        type=_count,
        metavar="SNAPSHOTS",
        help="only the training of churn, on so many synthetic snapshots (1,000,000 take 17 minutes and 6 GB)",
    )
    parser.add_argument("--folder", type=Path, help="where the temporary files go (default: the system's place)")
    parser.add_argument(
        "--files", type=_positive, help="measure only that many small history files, from the inbox to domain_features"
    )
    chosen = parser.parse_args(arguments)
    wanted = (*COMPARED, *SLOW) if chosen.all else COMPARED
    compared = [stage for stage in wanted if not (chosen.skip_pandas and stage.startswith("pandas"))]
    folder = Path(tempfile.mkdtemp(prefix="browse-bench-", dir=chosen.folder))
    try:
        if chosen.files:
            print(*files_table(measure_files(chosen.files, folder, _say)), sep="\n")
            return 0
        if chosen.training:
            print(*training_table(measure_training(chosen.training, folder)), sep="\n")
            return 0
        # The first round compiles Python and reads its files for the first time: it is not measured.
        _say("warming up ...")
        for _ in range(2):
            fixed = run(MIN_EVENTS, 1, compared, folder, lambda _: None)
        results = run(
            chosen.events,
            chosen.repeat,
            compared,
            folder,
            _say,
            with_queries=chosen.queries,
            with_days=chosen.days,
        )
        print(report(results, fixed, chosen.events, chosen.repeat))
        if chosen.days:
            print("", *day_table(results), sep="\n")
        if chosen.queries:
            profiles = results["profiles"]
            _say(f"profiles: {profiles.cpu:.1f} CPU s, {profiles.peak_bytes / 1e6:,.0f} MB at most")
            print("", *results.queries, sep="\n")
        _say("make serve ...")
        serving = folder / "serving"
        serving.mkdir()
        print("", *serving_table(measure_serving(serving)), sep="\n")
    except (StageFailedError, ServingFailedError) as error:
        print(error, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text.replace(",", "").replace("_", ""))
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _count(text: str) -> int:
    number = _positive(text)
    if number < MIN_EVENTS:
        raise argparse.ArgumentTypeError(f"must be at least {MIN_EVENTS:,}: fewer make no panel")
    return number


if __name__ == "__main__":
    sys.exit(main())
