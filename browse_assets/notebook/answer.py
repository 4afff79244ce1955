"""An answer as a notebook shows it: a paragraph in plain words, a table, a picture.

What belongs here: how it looks. What does not: what it says.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_WORDS = "max-width:52em;font-size:1.05em;line-height:1.5;margin:0.4em 0"
_HEAD = "padding:4px 10px;border-bottom:2px solid #888;vertical-align:bottom"
_CELL = "padding:3px 10px;border-bottom:1px solid #DDD;vertical-align:top;max-width:34em;white-space:normal"


@dataclass(frozen=True)
class Answer:
    """What one question comes to.

    Attributes:
        words: a paragraph, every number in it from the tables or the runs.
        table: what it rests on, to be read and to go on with.
        figure: a picture of it; None where a picture says no more than the table.
        title: above the table.
    """

    words: str
    table: "pd.DataFrame"
    figure: "Figure | None" = None
    title: str = ""

    def _repr_html_(self) -> str:
        """As the notebook shows it."""
        from browse_assets.analysis.figures import png_base64

        parts = [f'<p style="{_WORDS}">{escape(self.words)}</p>']
        if self.figure is not None:
            alt = escape(self.title or "figure", quote=True)
            parts.append(
                f'<img alt="{alt}" style="max-width:100%;width:900px" '
                f'src="data:image/png;base64,{png_base64(self.figure)}">'
            )
        if len(self.table.columns):
            parts.append(table_html(self.table, self.title))
        return "\n".join(parts)

    def __repr__(self) -> str:
        """The words, where no HTML is shown."""
        return self.words


def table_html(table: "pd.DataFrame", title: str = "") -> str:
    """A table with numbers to the right and texts to the left, everything escaped; unknown is an empty cell."""
    import pandas as pd

    is_number = {
        name: pd.api.types.is_numeric_dtype(table[name]) and not pd.api.types.is_bool_dtype(table[name])
        for name in table.columns
    }

    def cell(tag: str, style: str, name: str, text: str) -> str:
        align = "right" if is_number[name] else "left"
        return f'<{tag} style="{style};text-align:{align}">{escape(text)}</{tag}>'

    head = "".join(cell("th", _HEAD, name, str(name).replace("_", " ")) for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(cell("td", _CELL, name, shown(row[name])) for name in table.columns) + "</tr>"
        for row in table.to_dict("records")
    )
    caption = f'<p style="margin:0.8em 0 0.2em"><b>{escape(title)}</b></p>' if title else ""
    empty = "" if len(table) else "<p>(no rows)</p>"
    return f'{caption}<table style="border-collapse:collapse"><tr>{head}</tr>{rows}</table>{empty}'


def shown(value: Any) -> str:
    """A cell's text: whole numbers with thousands, others to three digits, yes or no, nothing for unknown."""
    import numpy as np
    import pandas as pd

    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float):
        return "" if value != value else f"{value:,.3f}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, pd.Timestamp):
        return "" if pd.isna(value) else value.strftime("%Y-%m-%d")
    if isinstance(value, Mapping | list | tuple | np.ndarray):
        return ", ".join(map(str, value))
    return "" if value is None or value is pd.NA or value is pd.NaT else str(value)
