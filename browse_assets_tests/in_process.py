"""Materializing assets inside a test's own process, as quickly as Dagster can.

What belongs here: the graph and Dagster's records, made once in a process (0.3 and 0.2 CPU s). What does not: what is
materialized, and where (`conftest.py` and the tests).
"""

from functools import cache

import dagster as dg


@cache
def _repository() -> dg.RepositoryDefinition:
    """All assets and checks. What their resources open is read from the environment at each use."""
    from browse_assets.definitions import ASSETS, CHECKS
    from browse_assets.resources import Databases, ExperimentTracker

    resources = {"databases": Databases(), "tracker": ExperimentTracker()}
    return dg.Definitions([*ASSETS, *CHECKS], resources=resources).get_repository_def()


@cache
def _job(names: tuple[str, ...]) -> dg.JobDefinition:
    wanted = dg.AssetSelection.assets(*names) if names else dg.AssetSelection.all()
    return dg.define_asset_job("in_process", wanted).resolve(_repository().asset_graph)


@cache
def _instance() -> dg.DagsterInstance:
    return dg.DagsterInstance.ephemeral()


def materialize_assets(
    *names: str, raise_on_error: bool = True, instance: dg.DagsterInstance | None = None
) -> dg.ExecuteInProcessResult:
    """Materialize assets by name (all of them without names) with their checks.

    Args:
        names: of the assets.
        raise_on_error: whether the error of a failed asset is raised.
        instance: Dagster's records; in memory, and shared by all tests of the process, if not given.
    """
    return _job(names).execute_in_process(instance=instance or _instance(), raise_on_error=raise_on_error)
