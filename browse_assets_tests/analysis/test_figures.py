"""Pictures: they show the numbers given, at the promised size, whatever the labels hold."""

import base64
import inspect
import struct
import sys
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from browse_assets.analysis import figures

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Y = np.array([1, 0, 1, 0, 0, 1, 0, 0])
P = {"good": np.array([0.9, 0.2, 0.8, 0.3, 0.1, 0.7, 0.4, 0.2]), "constant": np.full(8, 0.375)}

REMOVED = [
    ("id", "url", 900),
    ("id", "title", 100),
    ("email", "title", 30),
    ("email", "metadata", 5),
    ("card", "url", 1),
]

FUNNEL = [("mortgages", (40.0, 12.0)), ("tax", (20.0, 0.0))]

FIGURES: dict[str, Callable[[], "Figure"]] = {
    "roc": lambda: figures.roc_figure(Y, P),
    "precision_recall": lambda: figures.precision_recall_figure(Y, P),
    "calibration": lambda: figures.calibration_figure(Y, P),
    "lift": lambda: figures.lift_figure(Y, P),
    "confusion": lambda: figures.confusion_figure(Y, P["good"] > 0.5),
    "importance": lambda: figures.importance_figure(["a", "b"], [0.1, 0.2], [0.01, 0.02]),
    "segments": lambda: figures.segment_figure([0, 1, np.nan], [0, 1, 2], ["A", "B", "B"]),
    "bars": lambda: figures.bar_figure(["News", "Cars"], [12, 3], title="Topics"),
    "columns": lambda: figures.bar_figure(
        [f"2026-01-{d:02d}" for d in range(1, 32)], range(31), title="Days", horizontal=False
    ),
    "no_bars": lambda: figures.bar_figure([], [], title="Nothing yet"),
    "stacked": lambda: figures.stacked_bar_figure(REMOVED, title="Removed", value_label="values"),
    "stacked_alike": lambda: figures.stacked_bar_figure(REMOVED[:2], title="Removed"),
    "stacked_none": lambda: figures.stacked_bar_figure([], title="Nothing yet"),
    "grouped": lambda: figures.grouped_bar_figure(FUNNEL, ("looked", "bought"), title="Funnel", value_label="people"),
    "grouped_none": lambda: figures.grouped_bar_figure([], (), title="Nothing yet"),
    "no_people": lambda: figures.segment_figure([], [], []),
}


def _texts(figure: "Figure") -> list[str]:
    legend = figure.axes[0].get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_is_a_png_of_900_by_500_and_repeats_to_the_byte(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = figures.png_base64(FIGURES[name]())
    png = base64.b64decode(text)
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (900, 500)
    assert figures.png_base64(FIGURES[name]()) == text
    assert figures.png_base64(figures.lay_out(FIGURES[name]())) == text
    assert len(png) > 3_000


def test_every_public_figure_is_drawn_here() -> None:
    public = {n for n, f in inspect.getmembers(figures, inspect.isfunction) if n.endswith("_figure")}
    sources = inspect.getsource(sys.modules[__name__])
    assert public
    assert all(f"figures.{name}(" in sources for name in public)


def test_curves_name_models_with_their_numbers() -> None:
    assert _texts(figures.roc_figure(Y, P)) == [
        "good (AUC 1.00)",
        "constant (AUC 0.50)",
        "chance",
    ]
    assert _texts(figures.precision_recall_figure(Y, P))[2] == "base rate 0.38"


def test_lift_by_hand() -> None:
    # 3 of 8 leave, all three highest scores are theirs: 8/3 up to three people, then down to 1.
    share, lift = figures.lift_curve(Y.astype(float), P["good"])
    assert share.tolist() == [i / 8 for i in range(1, 9)]
    assert lift.tolist() == pytest.approx([8 / 3, 8 / 3, 8 / 3, 2, 1.6, 4 / 3, 8 / 7, 1])
    _, flat = figures.lift_curve(Y.astype(float), P["constant"])
    assert flat.tolist() == pytest.approx([1] * 8)


def test_confusion_shows_observed_in_rows() -> None:
    axes = figures.confusion_figure([1, 1, 1, 0, 0], [1, 0, 0, 0, 0]).axes[0]
    shown: dict[Any, str] = {text.get_position(): text.get_text() for text in axes.texts}
    assert shown == {(0, 0): "2", (1, 0): "0", (0, 1): "2", (1, 1): "1"}
    assert [t.get_text() for t in axes.get_yticklabels()] == ["stays", "leaves"]


def test_most_important_feature_is_on_top_and_only_15_are_shown() -> None:
    names = [f"f{i:02d}" for i in range(40)]
    axes = figures.importance_figure(names, [float(i) for i in range(40)]).axes[0]
    shown = [t.get_text() for t in axes.get_yticklabels()]
    assert shown == [f"f{i}" for i in range(39, 24, -1)]
    assert axes.yaxis_inverted()


def test_segments_are_listed_by_size_without_the_unplaced() -> None:
    figure = figures.segment_figure([0, 1, 2, np.nan], [0, 1, 2, 0], ["few", "many", "many", "lost"])
    assert _texts(figure) == ["many (2)", "few (1)"]


def test_bars_keep_their_order_and_write_their_values() -> None:
    axes = figures.bar_figure(["b", "a"], [1234567.0, 0.0625], title="Kinds").axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["b", "a"]
    assert [t.get_text() for t in axes.texts] == ["1,234,567", "0.0625"]


def test_labels_from_the_web_draw_as_text() -> None:
    figure = figures.bar_figure(["costs $5 or $6", r"$\frac{", "two\nlines", "x" * 60], [1, 2, 3, 4], title="$1$")
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == [r"costs \$5 or \$6", r"\$\frac{", "two lines", "x" * 29 + "..."]
    assert figures.png_base64(figure)


def test_labels_and_values_must_match() -> None:
    with pytest.raises(ValueError, match="as many labels"):
        figures.bar_figure(["a"], [1, 2], title="x")


def test_no_window_system_is_touched() -> None:
    figures.bar_figure(["a"], [1], title="x")
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()


def test_grouped_bars_write_each_part_and_leave_out_nothing_but_zeros() -> None:
    (axes,) = figures.grouped_bar_figure(FUNNEL, ("looked", "bought"), title="Funnel").axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["mortgages", "tax"]
    assert sorted(text.get_text() for text in axes.texts) == ["", "12", "20", "40"]
    assert [patch.get_width() for patch in axes.patches] == [40.0, 20.0, 12.0, 0.0]


def test_stacked_bars_show_sums_and_where_they_come_from() -> None:
    figure = figures.stacked_bar_figure(REMOVED, title="Removed")
    whole, split = figure.axes
    assert [t.get_text() for t in whole.get_yticklabels()] == ["id", "email", "card"]
    assert [t.get_text() for t in whole.texts] == ["1,000", "35", "1"]
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["url", "title", "metadata"]
    widths = np.array([bar.get_width() for bar in split.patches]).reshape(3, 3)  # type: ignore[attr-defined]
    assert widths == pytest.approx(np.array([[0.9, 0, 1], [0.1, 30 / 35, 0], [0, 5 / 35, 0]]))
    assert [t.get_text() for t in split.texts] == ["900", "", "1", "100", "30", "", "", "5", ""]


def test_parts_without_a_colour_of_their_own_are_one() -> None:
    rows = [("id", f"column {n}", 10.0 + n) for n in range(12)]
    figure = figures.stacked_bar_figure(rows, title="Removed")
    labels = [t.get_text() for t in figure.legends[0].get_texts()]
    assert labels == [*(f"column {n}" for n in range(11, 4, -1)), "other"]
    assert sum(bar.get_width() for bar in figure.axes[1].patches) == pytest.approx(1)  # type: ignore[attr-defined]
