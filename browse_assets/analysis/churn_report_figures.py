"""Pictures that the report draws itself, in its one accent colour, as PNG.

Here: pictures of groups, weeks and candidates. Not here: pictures that a training logs (`figures`), and any count:
what is drawn was made safe before (`churn_report_groups`).
"""

import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pandas as pd

from browse_assets.analysis.churn_report_groups import Group, wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ACCENT = "#0B5FA5"
PALE = "#9CC3E6"
GREY = "#8C8C8C"
INK = "#222222"
WIDTH, HEIGHT, DPI = 8.0, 4.6, 150
LONGEST_LABEL = 34


def retention_png(curve: pd.DataFrame) -> bytes:
    """Share of people active by weeks since their first day; columns of `safe_retention`."""
    from matplotlib.ticker import MaxNLocator

    figure, axes = _new("weeks since a person's first day", "people active in the week, %")
    axes.fill_between(curve["week"], 100 * curve["low"], 100 * curve["high"], color=PALE, alpha=0.5, linewidth=0)
    axes.plot(curve["week"], 100 * curve["share"], color=ACCENT, marker="o", markersize=4, linewidth=2)
    axes.set_ylim(0, 102)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return _png(figure)


def weeks_png(weeks: pd.DataFrame) -> bytes:
    """People active in each whole calendar week; columns week (its Monday) and people."""
    figure, axes = _new("week", "active people")
    axes.bar(pd.to_datetime(weeks["week"]) + pd.Timedelta(days=3), weeks["people"], width=5.5, color=ACCENT)
    axes.grid(False, axis="x")
    _days(axes)
    return _png(figure)


def rates_png(groups: Mapping[str, Sequence[Group]]) -> bytes:
    """Churn rate with its 95 % interval for each group, under the name of what the groups are by."""
    lines: list[tuple[str, Group | None]] = []
    for name, parts in groups.items():
        lines += [(name, None), *((part.label, part) for part in parts)]
    figure, axes = _new("left, %", "", height=max(HEIGHT, 0.34 * len(lines) + 0.9))
    labels = []
    for place, (label, group) in enumerate(lines):
        if group is None:
            labels.append(_short(label).upper())
            continue
        labels.append(f"{_short(label)}  (n = {group.looks:,})")
        low, high = wilson(group.left, group.looks)
        axes.plot([100 * low, 100 * high], [place, place], color=PALE, linewidth=5, solid_capstyle="round")
        axes.plot(100 * group.rate, place, "o", color=ACCENT, markersize=8)
    axes.set_yticks(range(len(lines)), labels)
    for tick, (_, group) in zip(axes.get_yticklabels(), lines, strict=True):
        tick.set_fontweight("bold" if group is None else "normal")
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.grid(False, axis="y")
    return _png(figure)


def distributions_png(by_feature: Mapping[str, Sequence[Group]]) -> bytes:
    """How those who stayed and those who left lie over the bins of up to three features."""
    figure, _ = _new("", "")
    figure.clear()
    shown = dict(list(by_feature.items())[:3])
    places = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for axes, (feature, groups) in zip(places, shown.items(), strict=True):
        _style(axes)
        left, all_looks = sum(group.left for group in groups), sum(group.looks for group in groups)
        for shift, colour, name, shares in (
            (-0.2, GREY, "stayed", [(g.looks - g.left) / (all_looks - left) for g in groups]),
            (0.2, ACCENT, "left", [g.left / left for g in groups]),
        ):
            at = [place + shift for place in range(len(groups))]
            axes.bar(at, [100 * share for share in shares], width=0.38, color=colour, label=name)
        labels = [group.label.replace("over ", ">").replace("up to ", "≤").replace(" to ", "–") for group in groups]
        axes.set_xticks(range(len(groups)), labels, rotation=35, ha="right")
        axes.set_title(_short(feature), fontsize=12, loc="left")
        axes.grid(False, axis="x")
    places[0].set_ylabel("of all who stayed or left, %", fontsize=11)
    places[0].legend(frameon=False, fontsize=11)
    return _png(figure)


def losses_png(rows: Sequence[tuple[str, float, float, float, bool]], base: float | None) -> bytes:
    """Log loss of each candidate with its 95 % interval, the lowest on top; the winner in the accent colour.

    Args:
        rows: name, log loss, low, high, whether it is the winner.
        base: the dummy's log loss, drawn as a line; None without one.
    """
    figure, axes = _new("log loss on the test (lower is better)", "", height=max(3.4, 0.42 * len(rows) + 1.1))
    for place, (_, loss, low, high, is_winner) in enumerate(rows):
        if low == low and high == high:
            axes.plot([low, high], [place, place], color=PALE if is_winner else "#CFCFCF", linewidth=6)
        axes.plot(loss, place, "o", color=ACCENT if is_winner else GREY, markersize=9)
        axes.annotate(f"{loss:.3f}", (loss, place), xytext=(0, 8), textcoords="offset points", ha="center", fontsize=10)
    if base is not None:
        axes.axvline(base, color=INK, linestyle="--", linewidth=1)
    axes.set_yticks(range(len(rows)), [_short(name) for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.7)
    axes.grid(False, axis="y")
    return _png(figure)


def windows_png(times: Sequence[datetime], windows: tuple[int, int, int], test_time: datetime | None) -> bytes:
    """For each snapshot time what features see, what is left out, and where the outcome lies.

    Args:
        times: snapshot times, the oldest first.
        windows: days of W, g and H.
        test_time: the snapshot that tests; None without one.
    """
    from matplotlib.dates import date2num

    observe, gap, outcome = windows
    figure, axes = _new("", "", height=max(3.0, 0.6 * len(times) + 1.4))
    labels = []
    for place, t0 in enumerate(times):
        is_scored = test_time is not None and t0 > test_time
        parts = [(-observe, observe, PALE, "features")]
        if not is_scored:
            parts += [(0, gap, "#E4E4E4", "gap"), (gap, outcome, ACCENT, "outcome")]
        for start, length, colour, name in parts:
            axes.barh(
                place,
                length,
                left=float(date2num(t0)) + start,
                height=0.55,
                color=colour,
                label=name if place == 0 else None,
            )
        labels.append(f"{t0:%Y-%m-%d}\n{'scored' if is_scored else 'test' if t0 == test_time else 'training'}")
    axes.set_yticks(range(len(times)), labels)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.xaxis_date()
    _days(axes)
    figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=11)
    return _png(figure)


def _new(x_label: str, y_label: str, *, height: float = HEIGHT) -> "tuple[Figure, Axes]":
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    _style(axes)
    axes.set_xlabel(x_label, fontsize=11)
    axes.set_ylabel(y_label, fontsize=11)
    return figure, axes


def _style(axes: "Axes") -> None:
    axes.grid(True, color="#E6E6E6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=11, colors=INK)


def _days(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def _png(figure: "Figure") -> bytes:
    """The same figure gives the same bytes: without the library's name and version in them."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return buffer.getvalue()


def _short(label: str) -> str:
    """One line of at most 34 characters; a dollar sign as itself, of which matplotlib would make a formula."""
    one_line = " ".join(label.split())
    if len(one_line) > LONGEST_LABEL:
        one_line = one_line[: LONGEST_LABEL - 1].rstrip() + "…"
    return one_line.replace("$", r"\$")
