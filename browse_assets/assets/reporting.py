"""What an asset says about its table after a materialization: rows, numbers, a preview, a plot.

What belongs here: turning tables of the warehouse into Dagster metadata. What does not: facts known
before a run (schema, owners, kinds: `definitions.py`). Nothing here ever reads the vault.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from uuid import UUID

import dagster as dg
import duckdb

from browse_assets.assets.shown_before import shown_again
from browse_assets.column_lineage import REFERENCE, Lineage, Source, column_lineage, has_lineage, tracing_version
from browse_assets.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Wide tables are cut to what fits a page of the UI.
_PREVIEW_ROWS = 5
_PREVIEW_COLUMNS = 8
_CELL_CHARACTERS = 48


def count_rows(con: duckdb.DuckDBPyConnection, table: Table) -> int:
    """Rows of a table."""
    row = con.execute(f"SELECT count(*) FROM {table.name}").fetchone()
    assert row is not None
    return int(row[0])


def preview(con: duckdb.DuckDBPyConnection, select: str, rows: int = _PREVIEW_ROWS) -> dg.MarkdownMetadataValue:
    """First rows of a SELECT over the warehouse as a markdown table."""
    result = con.sql(select)
    columns = result.columns[:_PREVIEW_COLUMNS]
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    for row in result.fetchmany(rows):
        lines.append("| " + " | ".join(_cell(value) for value in row[: len(columns)]) + " |")
    return dg.MetadataValue.md("\n".join(lines))


def _cell(value: Any) -> str:
    shown = f"{value:.4g}" if isinstance(value, float) else value
    if isinstance(value, UUID):  # enough to tell rows apart; a whole one takes half the page
        shown = f"{str(value)[:8]}…"
    elif isinstance(value, datetime):
        shown = f"{value:%Y-%m-%d %H:%M}"
    text = "" if shown is None else str(shown)
    text = text.replace("|", "\\|").replace("\n", " ")
    return text if len(text) <= _CELL_CHARACTERS else text[: _CELL_CHARACTERS - 1] + "…"


def plot(figure: "Figure", title: str) -> dg.MarkdownMetadataValue:
    """A figure inside markdown: the UI opens it in a dialog."""
    from browse_assets.analysis.figures import png_base64

    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{png_base64(figure)})")


def drawn(title: str, data: object, draw: "Callable[[], Figure]") -> dict[str, dg.MarkdownMetadataValue]:
    """A figure as metadata under its title; the one that was shown last, where it was of the same data.

    Args:
        data: all that the figure depends on, as values that `repr` shows in full.
        draw: makes the figure.
    """
    # The version is looked up without importing: matplotlib takes 1 s.
    return shown_again((title,), (title, data, version("matplotlib")), lambda: {title: plot(draw(), title)})


def table_result(
    con: duckdb.DuckDBPyConnection,
    table: Table,
    *,
    preview_select: str | None = None,
    preview_rows: int = _PREVIEW_ROWS,
    extra: Mapping[str, Any] | None = None,
) -> dg.MaterializeResult:
    """Row count, preview of the table (or of a SELECT in its place) and the asset's own numbers."""
    select = preview_select or f"SELECT * FROM {table.name} LIMIT {_PREVIEW_ROWS}"
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": count_rows(con, table),
            "preview": preview(con, select, preview_rows),
            **(extra or {}),
            **lineage_metadata(table),
        }
    )


def lineage_metadata(table: Table) -> dict[str, Any]:
    """Which column comes from which: for Dagster's catalog, and as a table, since the open-source UI draws none."""
    if not has_lineage(table.name):
        return {}
    names = ("column lineage", "dagster/column_lineage")
    return shown_again(names, (table.name, tracing_version()), lambda: _made_lineage(column_lineage(table.name)))


def _made_lineage(lineage: Lineage) -> dict[str, Any]:
    dependencies = {
        column: [
            dg.TableColumnDep(asset_key=source.table, column_name=source.column)
            for source in sources
            if not source.table.startswith(REFERENCE)
        ]
        for column, sources in lineage.items()
    }
    lines = ["| column | made from |", "| --- | --- |"]
    lines += [f"| {column} | {_sources_text(sources)} |" for column, sources in lineage.items()]
    lines += [
        "",
        "What only filters, joins, counts or groups rows is not listed; `.csv` are lists of `data/reference`.",
    ]
    return {
        "dagster/column_lineage": dg.TableColumnLineage(dependencies),
        "column lineage": dg.MetadataValue.md("\n".join(lines)),
    }


def _sources_text(sources: Sequence[Source]) -> str:
    columns: dict[str, list[str]] = {}
    for source in sources:
        is_list = source.table.startswith(REFERENCE)
        name = source.table.removeprefix(REFERENCE) + ".csv" if is_list else f"**{source.table}**"
        columns.setdefault(name, []).append(source.column)
    return "; ".join(f"{name}: {', '.join(parts)}" for name, parts in columns.items()) or "-"


def bar_plot(title: str, rows: Sequence[tuple[Any, ...]], least: int = 0) -> dict[str, dg.MarkdownMetadataValue]:
    """A bar chart of (name, number) rows as metadata, or none when there is nothing to draw.

    `least` leaves out the smaller numbers: groups of fewer than k people, who could be told.
    """
    rows = [row for row in rows if row[1] >= least]
    if not rows:
        return {}

    names, numbers = [str(name) for name, _ in rows], [float(number) for _, number in rows]

    def draw() -> "Figure":
        from browse_assets.analysis.figures import bar_figure

        return bar_figure(names, numbers, title=title)

    return drawn(title, ("bars", names, numbers), draw)


def stacked_bar_plot(
    title: str, rows: Sequence[tuple[str, str, float]], value_label: str
) -> dict[str, dg.MarkdownMetadataValue]:
    """A chart of (name, part, number) rows, one stacked bar per name, or none when there is nothing to draw."""
    if not rows:
        return {}

    def draw() -> "Figure":
        from browse_assets.analysis.figures import stacked_bar_figure

        return stacked_bar_figure(rows, title=title, value_label=value_label)

    return drawn(title, ("stacked bars", list(rows), value_label), draw)


def grouped_bar_plot(
    title: str, rows: Sequence[tuple[Any, ...]], parts: Sequence[str], least: int
) -> dict[str, dg.MarkdownMetadataValue]:
    """A chart of (name, number of each part) rows, or none; numbers of fewer than `least` people are not drawn."""
    if not rows:
        return {}

    shown = [(str(name), [float(n) if n >= least else 0.0 for n in numbers]) for name, *numbers in rows]
    some = [row for row in shown if any(row[1])]

    def draw() -> "Figure":
        from browse_assets.analysis.figures import grouped_bar_figure

        return grouped_bar_figure(some, parts, title=title, value_label=f"people (fewer than {least} not drawn)")

    return drawn(title, ("grouped bars", some, list(parts), least), draw)
