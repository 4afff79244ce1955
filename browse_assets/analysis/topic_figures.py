"""Figures of the topic classifier: what it answers and how often it is right.

What belongs here: pictures of measured answers. What does not: measuring (`topic_training`), styles (`figures`).
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from browse_assets.analysis.topic_training import TextArray


def coverage_precision_figure(curve: pd.DataFrame, threshold: float) -> "Figure":
    """Precision of the answers over the share of rows that are answered.

    Args:
        curve: threshold, coverage, precision.
        threshold: the one in force; a dot shows it.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(curve["coverage"], curve["precision"])
    above = curve[curve["threshold"] >= threshold]
    if len(above):
        axes.plot(above["coverage"].iloc[-1], above["precision"].iloc[-1], "o", label=f"threshold {threshold:.2f}")
        axes.legend(frameon=False)
    axes.set(title="Precision by coverage", xlabel="share answered", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    return figure


def topic_confusion_figure(truth: "TextArray", predicted: "TextArray", names: dict[str, str]) -> "Figure":
    """Share of each true topic's rows (row) that were called each topic (column).

    Args:
        truth: topic id by row.
        predicted: most likely topic id by row.
        names: topic name by topic id.
    """
    from matplotlib.figure import Figure

    topics = sorted({*truth, *predicted}, key=lambda topic: names.get(topic, topic))
    place = {topic: position for position, topic in enumerate(topics)}
    counts = np.zeros((len(topics), len(topics)))
    np.add.at(counts, ([place[topic] for topic in truth], [place[topic] for topic in predicted]), 1)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(11, 10), layout="constrained")
    axes = figure.add_subplot()
    figure.colorbar(axes.imshow(shares, cmap="Blues", vmin=0, vmax=1), shrink=0.6)
    labels = [names.get(topic, topic) for topic in topics]
    axes.set_xticks(range(len(topics)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(topics)), labels, fontsize=7)
    axes.set(title="Confusion of topics", xlabel="called", ylabel="is")
    return figure
