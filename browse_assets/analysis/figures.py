"""Pictures of results, for Dagster's pages, MLflow's artifacts and the report.

Here: one function per picture, from arrays or counts to a matplotlib Figure. Not here: any
computation that a table should hold, and anything that tells who a person is: no function takes a
person's key. Figures are made without pyplot: no global state, no display, nothing to close.
"""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

# matplotlib costs about 1 s to import: only where a picture is drawn.
if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008), "Color universal design": told apart with any colour vision.
PALETTE = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)
DARK = {"#0072B2", "#009E73", "#D55E00", "#000000"}  # white stands out on these, black on the others
GREY = "#8C8C8C"
WIDTH_PX, HEIGHT_PX, DPI = 900, 500, 100
CALIBRATION_BINS = 10
MOST_BARS = 15
LONGEST_LABEL = 32

Probabilities = Mapping[str, npt.ArrayLike]


def roc_figure(outcome: npt.ArrayLike, probabilities: Probabilities) -> "Figure":
    """ROC curves of models on the same people.

    Args:
        outcome: 1 or 0 for each person, both present.
        probabilities: of outcome 1 by model, in the order of `outcome`; at most 8 models.
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    figure, axes = canvas("ROC curve", "false positive rate", "true positive rate")
    for colour, (model, p) in zip(PALETTE, probabilities.items(), strict=False):
        false_rate, true_rate, _ = roc_curve(outcome, p)
        label = f"{model} (AUC {roc_auc_score(outcome, p):.2f})"
        axes.plot(false_rate, true_rate, color=colour, label=label)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
    legend(axes)
    return figure


def precision_recall_figure(outcome: npt.ArrayLike, probabilities: Probabilities) -> "Figure":
    """Precision over recall of models on the same people; arguments as in `roc_figure`."""
    from sklearn.metrics import average_precision_score, precision_recall_curve

    figure, axes = canvas("Precision and recall", "recall", "precision")
    for colour, (model, p) in zip(PALETTE, probabilities.items(), strict=False):
        precision, recall, _ = precision_recall_curve(outcome, p)
        label = f"{model} (AP {average_precision_score(outcome, p):.2f})"
        axes.step(recall, precision, where="post", color=colour, label=label)
    base = float(np.mean(np.asarray(outcome, dtype=float)))
    axes.axhline(base, color=GREY, linestyle="--", label=f"base rate {base:.2f}")
    axes.set_ylim(0, 1.05)
    legend(axes)
    return figure


def calibration_figure(outcome: npt.ArrayLike, probabilities: Probabilities) -> "Figure":
    """Reliability: observed rate over mean prediction in ten bins of equal mass, per model.

    Arguments as in `roc_figure`. Points on the diagonal are honest probabilities.
    """
    from sklearn.calibration import calibration_curve

    figure, axes = canvas("Reliability", "predicted probability", "observed rate")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="perfectly calibrated")
    for colour, (model, p) in zip(PALETTE, probabilities.items(), strict=False):
        observed, predicted = calibration_curve(outcome, p, n_bins=CALIBRATION_BINS, strategy="quantile")
        axes.plot(predicted, observed, color=colour, marker="o", markersize=4, label=model)
    legend(axes)
    return figure


def lift_figure(outcome: npt.ArrayLike, probabilities: Probabilities) -> "Figure":
    """Lift over the share of people contacted, highest scores first; arguments as in `roc_figure`.

    Ties count in part, so a constant has lift 1 everywhere.
    """
    y = np.asarray(outcome, dtype=float)
    figure, axes = canvas("Lift", "share of people, highest scores first", "lift")
    for colour, (model, values) in zip(PALETTE, probabilities.items(), strict=False):
        share, lift = lift_curve(y, np.asarray(values, dtype=float))
        axes.plot(share, lift, color=colour, label=model)
    axes.axhline(1, color=GREY, linestyle="--", label="chance")
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    legend(axes)
    return figure


def lift_curve(
    outcome: npt.NDArray[np.float64], probability: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Share of people (1/n .. 1, highest scores first) and lift among them, ties in part."""
    n = len(outcome)
    order = np.argsort(-probability, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(probability[order]) != 0, True))
    found = np.concatenate([[0.0], np.cumsum(outcome[order])[ends]])
    people = np.arange(1, n + 1)
    caught = np.interp(people, np.concatenate([[0], ends + 1]), found)
    return people / n, caught / people / outcome.mean()


def confusion_figure(
    outcome: npt.ArrayLike, called: npt.ArrayLike, *, labels: tuple[str, str] = ("stays", "leaves")
) -> "Figure":
    """Counts of people by outcome and call.

    Args:
        outcome: 1 or 0 for each person.
        called: what was predicted, 1 or 0, in the same order.
        labels: names of 0 and 1.
    """
    y, c = np.asarray(outcome, dtype=int), np.asarray(called, dtype=int)
    counts = np.bincount(2 * y + c, minlength=4).reshape(2, 2)
    figure, axes = canvas("Confusion matrix", "predicted", "observed")
    axes.imshow(counts, cmap="Blues", vmin=0)
    for row in range(2):
        for column in range(2):
            dark = counts[row, column] > counts.max() / 2
            axes.text(
                column,
                row,
                f"{counts[row, column]:,}",
                ha="center",
                va="center",
                fontsize=16,
                color="white" if dark else "black",
            )
    axes.set_xticks([0, 1], labels)
    axes.set_yticks([0, 1], labels)
    axes.grid(False)
    return figure


def importance_figure(
    features: Sequence[str],
    importances: Sequence[float],
    deviations: Sequence[float] | None = None,
    *,
    title: str = "What the model uses",
) -> "Figure":
    """The 15 features whose permutation adds most to the log loss, the most important on top."""
    order = np.argsort(-np.asarray(importances, dtype=float), kind="stable")[:MOST_BARS]
    figure, axes = canvas(title, "log loss added by permuting the feature", "")
    spread = None if deviations is None else [deviations[i] for i in order]
    axes.barh(
        [short_label(features[i]) for i in order],
        [importances[i] for i in order],
        xerr=spread,
        color=PALETTE[0],
        ecolor=GREY,
    )
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    return figure


def segment_figure(
    x: npt.ArrayLike, y: npt.ArrayLike, segments: Sequence[str], *, title: str = "Interest segments"
) -> "Figure":
    """Map of people, one point each, by segment; larger segments are listed first.

    Args:
        x: first coordinate of each person; a person without coordinates (NaN) is left out.
        y: second coordinate.
        segments: name of each person's segment, at most 8 different.
        title: above the map.
    """
    figure, axes = canvas(title, "first component", "second component")
    xs, ys, names = np.asarray(x, dtype=float), np.asarray(y, dtype=float), np.asarray(segments)
    placed = np.isfinite(xs) & np.isfinite(ys)
    found, sizes = np.unique(names[placed], return_counts=True)
    for colour, i in zip(PALETTE, np.argsort(-sizes, kind="stable"), strict=False):
        inside = placed & (names == found[i])
        label = f"{short_label(str(found[i]))} ({sizes[i]:,})"
        axes.scatter(xs[inside], ys[inside], s=18, alpha=0.7, color=colour, label=label)
    if len(found):
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    return figure


def bar_figure(
    labels: Sequence[str],
    values: Sequence[float],
    *,
    title: str,
    value_label: str = "",
    horizontal: bool = True,
) -> "Figure":
    """Bars in the order given: top topics, personal data by kind, events per day, a funnel.

    Args:
        labels: one per bar; long ones are cut to 32 characters.
        values: length of each bar.
        title: above the bars.
        value_label: what a bar's length means, with its unit.
        horizontal: names beside the bars, values written on them; else columns, of which at most
            about a dozen are labelled (days).
    """
    if len(labels) != len(values):
        raise ValueError("as many labels as values are needed")
    figure, axes = canvas(title, value_label if horizontal else "", "" if horizontal else value_label)
    places, texts = np.arange(len(labels)), [short_label(str(label)) for label in labels]
    if horizontal:
        bars = axes.barh(places, values, color=PALETTE[0])
        axes.bar_label(bars, [_amount(value) for value in values], padding=3, fontsize=9)
        axes.set_yticks(places, texts)
        axes.invert_yaxis()
        axes.margins(x=0.12)
        axes.grid(False, axis="y")
    else:
        axes.bar(places, values, color=PALETTE[0])
        step = max(1, -(-len(labels) // 12))
        axes.set_xticks(places[::step], texts[::step], rotation=30, ha="right")
        axes.grid(False, axis="x")
    return figure


def grouped_bar_figure(
    rows: Sequence[tuple[str, Sequence[float]]], parts: Sequence[str], *, title: str, value_label: str = ""
) -> "Figure":
    """Several bars for each name, one per part, from wide to narrow: a funnel by product.

    Args:
        rows: name, and an amount for each part (0 is not drawn); the first nine are shown.
        parts: what the amounts are, in the order of the rows' amounts; at most 8.
        title: above the bars.
        value_label: what an amount means, with its unit.
    """
    names, amounts = [name for name, _ in rows[:9]], [numbers for _, numbers in rows[:9]]
    figure, axes = canvas(title, value_label, "")
    height = 0.84 / max(len(parts), 1)
    for place, (colour, part) in enumerate(zip(PALETTE, parts, strict=False)):
        values = [numbers[place] for numbers in amounts]
        bars = axes.barh(
            np.arange(len(names)) + (place + 0.5) * height - 0.42, values, height, color=colour, label=part
        )
        axes.bar_label(bars, [_amount(value) if value else "" for value in values], padding=3, fontsize=8)
    axes.set_yticks(np.arange(len(names)), [short_label(name) for name in names])
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.grid(False, axis="y")
    if names:
        legend(axes)
    return figure


def stacked_bar_figure(rows: Sequence[tuple[str, str, float]], *, title: str, value_label: str = "") -> "Figure":
    """Amounts by name and part, the largest on top: how much in all, and which parts it consists of.

    Left the sum of each name on a logarithmic scale, since an address goes from every row and a card number
    from one in a million; right each name as one bar of its parts' shares, with the amount written on every
    part that is wide enough for it.

    Args:
        rows: name, part and amount (more than 0), each pair once; personal data by kind and column.
        title: above the bars.
        value_label: what an amount means, with its unit.
    """
    totals = _sums((name, amount) for name, _, amount in rows)
    names = list(totals)[:MOST_BARS]
    parts = list(_sums((part, amount) for _, part, amount in rows))
    if len(parts) > len(PALETTE):
        parts = [*parts[: len(PALETTE) - 1], "other"]
    figure, _ = canvas("", "", "")
    figure.clear()
    figure.suptitle(_plain(title), fontsize=14, x=0.01, ha="left")
    whole, split = figure.subplots(1, 2, sharey=True, width_ratios=(2, 3))
    places = np.arange(len(names))
    style_axes(whole, "", value_label)
    style_axes(split, "", "share by column, amounts written")
    bars = whole.barh(places, [totals[name] for name in names], color=GREY, log=bool(names))
    whole.bar_label(bars, [_amount(totals[name]) for name in names], padding=3, fontsize=9)
    whole.margins(x=0.3)
    left = np.zeros(len(names))
    for colour, part in zip(PALETTE, parts, strict=False):
        of_part = _sums((name, n) for name, of, n in rows if (of if of in parts else "other") == part)
        amounts = [of_part.get(name, 0) for name in names]
        shares = np.array([amount / totals[name] for name, amount in zip(names, amounts, strict=True)])
        drawn = split.barh(places, shares, left=left, color=colour, label=short_label(part))
        wide = [_amount(amount) if share >= 0.1 else "" for amount, share in zip(amounts, shares, strict=True)]
        split.bar_label(drawn, wide, label_type="center", fontsize=9, color="white" if colour in DARK else "black")
        left += shares
    whole.set_yticks(places, [short_label(name) for name in names])
    whole.invert_yaxis()
    for axes in (whole, split):
        axes.grid(False, axis="y")
    if parts:
        figure.legend(*split.get_legend_handles_labels(), loc="outside lower center", ncols=len(PALETTE), frameon=False)
    return figure


def _sums(amounts: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Sum by name, the largest first."""
    found: dict[str, float] = {}
    for name, amount in amounts:
        found[name] = found.get(name, 0) + amount
    return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))


def png_base64(figure: "Figure") -> str:
    """The figure as PNG of 900 x 500 px in base64; the same figure gives the same text."""
    buffer = io.BytesIO()
    # Without the library's name and version in it, the bytes depend on the picture alone.
    figure.savefig(buffer, format="png", dpi=DPI, metadata={"Software": None})
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def lay_out(figure: "Figure") -> "Figure":
    """The finished figure with its layout fixed: saving draws it once then, not twice, for the same picture."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    return figure


def canvas(title: str, x_label: str, y_label: str) -> "tuple[Figure, Axes]":
    """An empty figure of 900 x 500 px and its axes, in the style of all of them."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_PX / DPI, HEIGHT_PX / DPI), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    style_axes(axes, title, x_label, y_label)
    return figure, axes


def style_axes(axes: "Axes", title: str, x_label: str, y_label: str = "") -> None:
    """Title and labels as they are meant (a dollar sign is one), a light grid, no box."""
    axes.set_title(_plain(title), fontsize=14, loc="left")
    axes.set_xlabel(_plain(x_label), fontsize=11)
    axes.set_ylabel(_plain(y_label), fontsize=11)
    axes.grid(True, color="#E0E0E0", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def legend(axes: "Axes") -> None:
    """The legend where it hides least."""
    axes.legend(loc="best", fontsize=10, framealpha=0.9)


def _plain(text: str) -> str:
    """A dollar sign as itself: matplotlib takes two of them for a formula, and fails on a bad one."""
    return text.replace("$", r"\$")


def _amount(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}"


def short_label(label: str) -> str:
    """A label on one line, cut to 32 characters."""
    one_line = " ".join(label.split())
    if len(one_line) > LONGEST_LABEL:
        one_line = one_line[: LONGEST_LABEL - 3].rstrip() + "..."
    return _plain(one_line)
