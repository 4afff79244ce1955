"""The installation that the notebook works on: one of its own, or an existing one that it only reads.

What belongs here: choosing the folder, putting the reader's files into its inbox, running the job there, reading its
tables and check results. What does not: what is asked of the tables (the modules beside this one).
"""

import atexit
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from browse_assets.settings import PROJECT_ROOT, Settings, load_settings

if TYPE_CHECKING:
    import pandas as pd

# Of a pseudonym so much is shown that people can be told apart: 32 bits.
SHOWN_OF_KEY = 8
INBOX, CUSTOMERS = "inbox", "customers"
_VARIABLES = ("BROWSE_DATA_DIR", "MLFLOW_TRACKING_URI", "BROWSE_SECRET_KEY", "BROWSE_DAGSTER_POSTGRES_URL")
# As the kernel found them: the cell that chooses an installation may be run again, with another choice.
_AT_IMPORT = {name: os.environ.get(name) for name in _VARIABLES}
# Files beside a live history that belong to it: what the browser wrote last is in them.
_COMPANIONS = ("-wal", "-shm", "-journal")


class NotebookError(Exception):
    """What the notebook was asked for cannot be done; the message says what to do instead."""


@dataclass(frozen=True)
class CheckResult:
    """The newest result of an asset check that Dagster has on record.

    Attributes:
        asset: whose check it is.
        name: of the check.
        passed: None where it never ran.
        says: its description, such as "no texts that look personal".
    """

    asset: str
    name: str
    passed: bool | None
    says: str


@dataclass(frozen=True)
class Installation:
    """Where the notebook's tables lie, and what they were made from.

    Attributes:
        settings: of the folder.
        source: what is read, in words without any path.
        is_own: whether the notebook may run the job and log to MLflow here.
    """

    settings: Settings
    source: str
    is_own: bool

    def run(self) -> None:
        """Run the job ml_analysis_pipeline in this process, as `make run` does, and print its summary.

        A failed asset or check is said, and what the tables hold can be looked at all the same.

        Raises:
            NotebookError: it did not begin, or there are no tables; what is printed above says why.
        """
        from browse_assets.run import main

        if not self.is_own:
            print(f"Nothing is run: {self.source} is only read.")
            return
        with warnings.catch_warnings():
            # Dagster cannot clean up a loop of its own while Jupyter's is running, says so in a comment, and goes on.
            warnings.filterwarnings("ignore", message="coroutine .* was never awaited", category=RuntimeWarning)
            exit_code = main([])
        if exit_code not in (0, 1) or not self.settings.warehouse_path.exists():
            raise NotebookError("The run did not end well: the lines above say where, and what to do.")
        if exit_code == 1:
            print("\nNOT ALL IS WELL: see FAILED above. The answers below are of what the tables hold now.")

    def query(self, select: str, params: Any = None) -> "pd.DataFrame":
        """Rows of a SELECT over the scrubbed tables, as the README's "Reading the tables" does it.

        Raises:
            NotebookError: there are no tables yet, or a run is writing them just now.
        """
        if not self.settings.warehouse_path.exists():
            raise NotebookError("There are no tables yet: run the cell with `installation.run()` first.")
        try:
            with duckdb.connect(str(self.settings.warehouse_path), read_only=True) as con:
                return con.execute(select, params).df()
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise
        raise NotebookError("The tables are being written just now: run this cell again when the run has ended.")

    def value(self, select: str) -> Any:
        """The one value of a SELECT; None for NULL."""
        import pandas as pd

        found: Any = self.query(select).iloc[0, 0]
        return None if pd.isna(found) else found

    @cached_property
    def people(self) -> int:
        """People with any page view."""
        return int(self.value("SELECT count(DISTINCT user_key) FROM user_days"))

    @property
    def is_one_person(self) -> bool:
        """Whether all of it is about one person: their own browser's history."""
        return self.people == 1

    @property
    def min_group(self) -> int:
        """Counts of fewer people are not told; of one person's own history all is."""
        return 1 if self.is_one_person else self.settings.min_group

    def told(self, people: Any) -> str:
        """A count of people as it may be shown: `fewer than 11` where it is between 0 and that."""
        count = int(people)
        return f"{count:,}" if count == 0 or count >= self.min_group else f"fewer than {self.min_group}"

    def hidden(self, groups: int, what: str) -> str:
        """A sentence, with a space before it, on the groups too small to be told; empty where there are none."""
        return f" {groups} more {what} have fewer than {self.min_group} people and are not shown." if groups else ""

    def checks(self, keys: Sequence[Any]) -> list[CheckResult]:
        """The newest results of these checks (`AssetCheckKey`) that Dagster has on record here."""
        import dagster as dg

        home = self.settings.dagster_home
        found: dict[Any, Any] = {}
        if (home / "dagster.yaml").exists():
            with dg.DagsterInstance.from_config(str(home)) as instance:
                found = dict(instance.event_log_storage.get_latest_asset_check_execution_by_key(list(keys)))
        results = []
        for key in keys:
            event = found[key].event if key in found else None
            evaluation = event.dagster_event.event_specific_data if event and event.dagster_event else None
            results.append(
                CheckResult(
                    key.asset_key.to_user_string(),
                    key.name,
                    getattr(evaluation, "passed", None),
                    getattr(evaluation, "description", None) or "never ran",
                )
            )
        return results


def open_installation(source: str | Path | None = None, existing: str | Path | None = None) -> Installation:
    """The installation for the sample panel, for own files, or an existing one to be read.

    The sample panel's is `notebook/` in the data folder, kept, so that a second run finds its work done. Own files get
    a temporary folder (mode 0700) that goes when the kernel ends; they are linked into its inbox, never copied. Both
    have a key, an MLflow store and a Dagster home of their own: `data/browse.duckdb`, its champion and its runs stay as
    they are. This process works on the chosen folder from then on (BROWSE_DATA_DIR).

    Args:
        source: a file or a folder of files; a folder with `inbox` or `customers` in it is taken as those of an
            installation. None: the bundled synthetic sample panel.
        existing: data folder of an installation, such as `data`; nothing is run or written there.

    Raises:
        NotebookError: both are given, or there is nothing at a path.
    """
    if source is not None and existing is not None:
        raise NotebookError("Give SOURCE or EXISTING, not both.")
    _set_environment(_AT_IMPORT)
    if existing is not None:
        folder = _path(existing, "EXISTING")
        os.environ["BROWSE_DATA_DIR"] = str(folder)
        settings = load_settings()
        if not settings.warehouse_path.exists():
            raise NotebookError(f"EXISTING holds no {settings.warehouse_path.name}: make run fills it.")
        return Installation(settings, "an existing installation", is_own=False)
    if source is None:
        settings = _own_settings(load_settings().data_dir / "notebook")
        return Installation(settings, "the bundled SYNTHETIC sample panel, no real people", is_own=True)
    path = _path(source, "SOURCE")
    folder = Path(tempfile.mkdtemp(prefix="browse_assets_"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    files = link_files(path, folder)
    return Installation(_own_settings(folder), f"own files ({files:,})", is_own=True)


def _path(given: str | Path, name: str) -> Path:
    """The path, from the project's folder where it is relative; errors do not quote it: a name can be a person's."""
    path = Path(given).expanduser()
    path = path if path.is_absolute() else PROJECT_ROOT / path
    if not path.exists():
        raise NotebookError(f"There is nothing at the path in {name}; relative ones start at the project's folder.")
    return path.resolve()


def _own_settings(folder: Path) -> Settings:
    """Settings of a folder with nothing shared: neither key, nor MLflow store, nor Dagster's database."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.environ["BROWSE_DATA_DIR"] = str(folder)
    os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder / 'mlflow' / 'mlflow.db'}"
    os.environ |= {"BROWSE_SECRET_KEY": "", "BROWSE_DAGSTER_POSTGRES_URL": ""}
    return load_settings()


def link_files(source: Path, folder: Path) -> int:
    """Link a file, or all files below a folder, into the inbox (and customers) of an installation.

    A single file is put into the inbox's subfolder `me`, whose name is the person of a browser's history.

    Returns:
        How many files were linked.
    """
    if source.is_file():
        siblings = [source.with_name(source.name + end) for end in _COMPANIONS]
        pairs = [(path, Path(INBOX, "me", path.name)) for path in (source, *siblings) if path.is_file()]
    else:
        has_parts = any((source / part).is_dir() for part in (INBOX, CUSTOMERS))
        files = sorted(path for path in source.rglob("*") if path.is_file())
        relative = [(path, path.relative_to(source)) for path in files]
        pairs = [
            (path, name if has_parts else Path(INBOX) / name)
            for path, name in relative
            if not has_parts or name.parts[0] in (INBOX, CUSTOMERS)
        ]
    for path, name in pairs:
        link = folder / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(path.resolve())
    return len(pairs)


@contextmanager
def scratch_installation() -> Iterator[Settings]:
    """An empty installation in a temporary folder for as long as the block lasts; then the environment is as before."""
    before = {name: os.environ.get(name) for name in _VARIABLES}
    with tempfile.TemporaryDirectory(prefix="browse_assets_") as folder:
        try:
            yield _own_settings(Path(folder))
        finally:
            _set_environment(before)


def _set_environment(values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def short(keys: "pd.Series") -> "pd.Series":
    """Pseudonyms shortened to their first characters."""
    return keys.astype(str).str[:SHOWN_OF_KEY]
