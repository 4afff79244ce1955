"""Pictures of a training of churn: who would be reached, how honest probabilities are, what moves them.

Here: one function per picture, from arrays to a matplotlib Figure. Not here: pictures that other results have too, and
the style of all (`figures`).
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from browse_assets.analysis.churn_shap import ShapSummary
from browse_assets.analysis.figures import (
    CALIBRATION_BINS,
    GREY,
    MOST_BARS,
    PALETTE,
    Probabilities,
    canvas,
    legend,
    lift_curve,
    short_label,
    style_axes,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DIRECTIONS = {
    "higher raises": (PALETTE[3], "a higher value raises the risk"),
    "higher lowers": (PALETTE[0], "a higher value lowers the risk"),
    "both ways": (GREY, "both ways"),
    "by value": (PALETTE[2], "a text: each value its own way"),
}


def gain_figure(outcome: npt.ArrayLike, probabilities: Probabilities) -> "Figure":
    """Share of all leavers found over the share of people contacted, highest scores first.

    Ties count in part, so a constant lies on the diagonal.

    Args:
        outcome: 1 or 0 for each person, both present.
        probabilities: of outcome 1 by model, in the order of `outcome`; at most 8 models.
    """
    y = np.asarray(outcome, dtype=float)
    figure, axes = canvas("Gain", "share of people, highest scores first", "share of leavers found")
    for colour, (model, values) in zip(PALETTE, probabilities.items(), strict=False):
        share, lift = lift_curve(y, np.asarray(values, dtype=float))
        axes.plot(np.append(0, share), np.append(0, share * lift), color=colour, label=model)
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="chance")
    rate = float(y.mean())
    axes.plot([0, rate, 1], [0, 1, 1], color=GREY, linestyle=":", label="nobody wrong")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.05)
    legend(axes)
    return figure


def reliability_figure(outcome: npt.ArrayLike, probabilities: Probabilities) -> "Figure":
    """Observed rate over mean prediction in ten bins of equal mass, and how many people got which probability.

    Arguments as in `gain_figure`. Points on the diagonal are honest probabilities; where nobody is, the curve says
    nothing.
    """
    from sklearn.calibration import calibration_curve

    figure, _ = canvas("", "", "")
    figure.clear()
    curve, counts = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    style_axes(curve, "Reliability", "", "observed rate")
    style_axes(counts, "", "predicted probability", "people")
    curve.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="perfectly calibrated")
    edges = np.linspace(0, 1, 21)
    for colour, (model, p) in zip(PALETTE, probabilities.items(), strict=False):
        observed, predicted = calibration_curve(outcome, p, n_bins=CALIBRATION_BINS, strategy="quantile")
        curve.plot(predicted, observed, color=colour, marker="o", markersize=4, label=model)
        many = len(probabilities) > 1
        counts.hist(np.asarray(p, dtype=float), bins=edges, color=colour, histtype="step" if many else "bar")
    curve.set_xlim(0, 1)
    curve.set_ylim(0, 1)
    legend(curve)
    return figure


def shap_figure(found: ShapSummary, *, model: str) -> "Figure":
    """The 15 features that move a model's answers most, with the direction that they move them in.

    Bars of means over the sample, not a swarm of its people: a point would show one person's values.

    Args:
        found: sums over people.
        model: whose answers.
    """
    from matplotlib.patches import Patch

    moving = found.features[found.features["mean_abs"] > 0]
    top = (moving if len(moving) else found.features).head(MOST_BARS)
    figure, axes = canvas(
        f"What moves {model.replace('_', ' ')}", f"mean |SHAP value| of {found.rows:,} people, in {found.unit}", ""
    )
    colours = [_DIRECTIONS[direction][0] for direction in top["direction"]]
    axes.barh([short_label(name) for name in top["feature"]], top["mean_abs"], color=colours)
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    there = [_DIRECTIONS[direction] for direction in _DIRECTIONS if direction in set(top["direction"])]
    axes.legend(handles=[Patch(color=c, label=label) for c, label in there], loc="lower right", fontsize=10)
    return figure
