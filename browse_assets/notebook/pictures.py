"""Pictures that only the notebook draws, in the style of `analysis/figures.py`.

What belongs here: one function per picture, from numbers to a matplotlib Figure. What does not: anything about one
person but what a table beside it says too.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from browse_assets.analysis.figures import GREY, PALETTE, canvas, legend, short_label

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SURE = PALETTE[3]


def differences_figure(
    rows: Sequence[tuple[str, float, float, float]], *, title: str, value_label: str, zero: float = 0.0
) -> "Figure":
    """Values with their intervals as points with lines, grey where the interval holds `zero`, the first on top.

    Args:
        rows: name, value, low and high.
        title: above the points.
        value_label: what a value is, and which side is better.
        zero: where there is no difference, a dashed line.
    """
    figure, axes = canvas(title, value_label, "")
    axes.axvline(zero, color=GREY, linestyle="--", linewidth=1)
    for place, (_, value, low, high) in enumerate(rows):
        is_noise = not (low > zero or high < zero)
        colour = GREY if is_noise else _SURE
        axes.plot([low, high], [place, place], color=colour, linewidth=3, alpha=0.6)
        axes.plot(value, place, "o", color=colour, markersize=8)
    axes.set_yticks(range(len(rows)), [short_label(name) for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False, axis="y")
    axes.plot([], [], "o", color=_SURE, label="surely different")
    axes.plot([], [], "o", color=GREY, label="within noise")
    legend(axes)
    return figure


def intervals_figure(rows: Sequence[tuple[str, float, float, float]], *, title: str, value_label: str) -> "Figure":
    """Values with their 95 % intervals, the value written at each point, the first on top.

    Args:
        rows: name, value, low and high.
        title: above the points.
        value_label: what a value is, and which side is better.
    """
    figure, axes = canvas(title, value_label, "")
    for place, (_, value, low, high) in enumerate(rows):
        axes.plot([low, high], [place, place], color=PALETTE[5], linewidth=4)
        axes.plot(value, place, "o", color=PALETTE[0], markersize=8)
        axes.annotate(f"{value:.3f}", (value, place), xytext=(0, 8), textcoords="offset points", ha="center")
    axes.set_yticks(range(len(rows)), [short_label(name) for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.7)
    axes.grid(False, axis="y")
    return figure


def side_by_side_figure(
    names: Sequence[str], series: Mapping[str, Sequence[float]], *, title: str, value_label: str
) -> "Figure":
    """Bars of several amounts for each name, one colour for each series.

    Args:
        names: one per group of bars, the first on top.
        series: amounts by series, one per name.
        title: above the bars.
        value_label: what an amount means.
    """
    figure, axes = canvas(title, value_label, "")
    thickness = 0.8 / max(len(series), 1)
    for row, (colour, (label, amounts)) in enumerate(zip(PALETTE, series.items(), strict=False)):
        places = [place + (row - (len(series) - 1) / 2) * thickness for place in range(len(names))]
        bars = axes.barh(places, list(amounts), height=thickness, color=colour, label=label)
        axes.bar_label(bars, [f"{amount:,.0f}" if amount else "" for amount in amounts], padding=3, fontsize=9)
    axes.set_yticks(range(len(names)), [short_label(name) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.12)
    axes.grid(False, axis="y")
    legend(axes)
    return figure
