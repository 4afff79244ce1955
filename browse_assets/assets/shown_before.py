"""What an asset's last materialization showed: pictures and column lineage that need not be made again.

What belongs here: looking it up in Dagster's records, and the mark that says what it was made from. What does not:
making it (`reporting.py`).

Only what was made from equal data by equal code is shown again; where nothing is new, that spares matplotlib and
sqlglot, a third of the time of such a run.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import dagster as dg
from dagster import DagsterInvariantViolationError

from browse_assets.assets.state import fingerprint


def shown_again(
    names: tuple[str, ...], made_from: object, make: Callable[[], dict[str, dg.MarkdownMetadataValue | Any]]
) -> dict[str, Any]:
    """Entries of metadata: those of the asset's last materialization, or new ones.

    Args:
        names: of the entries; the first one is markdown, and carries the mark.
        made_from: everything they depend on besides the project's SQL, analysis and data dictionary; its `repr` counts.
        make: makes the entries.
    """
    # A definition of a link that nothing uses: no page shows it.
    mark = f"\n\n[made-from]: # ({fingerprint('shown', hashlib.sha256(repr(made_from).encode()).hexdigest())})"
    before = _last_metadata()
    first = before.get(names[0])
    if isinstance(first, dg.MarkdownMetadataValue) and (first.md_str or "").endswith(mark):
        return {name: before[name] for name in names if name in before}
    made = make()
    return {
        name: dg.MetadataValue.md((value.md_str or "") + mark) if name == names[0] else value
        for name, value in made.items()
    }


def _last_metadata() -> dict[str, Any]:
    """Of the last materialization of the asset that is being made; nothing without one, or outside of a run."""
    try:
        context = dg.AssetExecutionContext.get()
    except DagsterInvariantViolationError:
        return {}
    event = context.instance.get_latest_materialization_event(context.asset_key)
    materialization = event.asset_materialization if event else None
    return dict(materialization.metadata) if materialization else {}
