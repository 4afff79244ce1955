"""Two questions to MLflow's store that every run asks, answered from its SQLite file without importing MLflow.

What belongs here: whether a run is there, and who an alias stands for. What does not: everything else, which is asked
of MLflow itself (`churn_logging.py`); so are these two where the store is no SQLite file, or its tables are not as
they are known here. Importing MLflow and opening its store takes 3 s.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

_SQLITE = "sqlite:///"


class AskMlflowError(Exception):
    """The file does not tell."""


def has_run(tracking_uri: str, run_id: str) -> bool:
    """Whether the store has a run, deleted or not, as `MlflowClient.get_run` sees it.

    Raises:
        AskMlflowError: only MLflow can tell.
    """
    return bool(_rows(tracking_uri, "SELECT 1 FROM runs WHERE run_uuid = ?", run_id))


def aliased_version(tracking_uri: str, model: str, alias: str) -> tuple[str, str] | None:
    """Version and run of the model that an alias stands for; None without such an alias.

    Raises:
        AskMlflowError: only MLflow can tell.
    """
    rows = _rows(
        tracking_uri,
        "SELECT versions.version, versions.run_id, versions.current_stage FROM registered_model_aliases AS aliases "
        "LEFT JOIN model_versions AS versions USING (workspace, name, version) "
        "WHERE aliases.name = ? AND aliases.alias = ? AND workspace = 'default'",
        model,
        alias,
    )
    if not rows:
        return None
    ((version, run_id, stage),) = rows
    if version is None or run_id is None or stage == "Deleted_Internal":
        raise AskMlflowError
    return str(version), str(run_id)


def _rows(tracking_uri: str, query: str, *values: str) -> list[tuple[object, ...]]:
    path = Path(tracking_uri.removeprefix(_SQLITE))
    if not tracking_uri.startswith(_SQLITE) or not path.is_file():
        raise AskMlflowError
    try:
        # Not immutable: a log beside the file is part of it.
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10.0)) as con:
            return con.execute(query, values).fetchall()
    except sqlite3.Error:
        raise AskMlflowError from None
