"""Scores of churn: a fitted candidate's probability for people, its band, and reasons in words.

Here: scoring by a calibrated candidate as it was logged, with nothing but the estimator and the
rows. Not here: training (`churn`), which people are scored and where it is written (assets).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_candidates import churn_probability, fitted_pipeline, usual_values
from browse_assets.analysis.churn_features import feature_frame

FloatArray = npt.NDArray[np.float64]

# Fixed, not quantiles of the batch: a person's band must not depend on who else is scored.
# Calibrated: of the people called 'high' at least every second leaves, of 'low' at most every fifth.
MEDIUM_FROM = 0.2
HIGH_FROM = 0.5
REASONS = 3
# A feature that moves the probability by less than half a point is no reason.
SMALLEST_MOVE = 0.005
BLOCK_ROWS = 50_000


def score_people(estimator: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """One row per row of `frame`, scored the same alone and in any batch.

    A reason is a feature whose replacement by the usual value (the median of the people that the
    model was fitted on) moves the probability: "days since last 41 (usual 3): raises the risk".
    One feature is replaced at a time, so of several that tell the same, each may move little.

    Args:
        estimator: a calibrated candidate of `train_churn`, as it is or loaded again.
        frame: one row per person with the estimator's features (numbers, NULL allowed), and
            `user_key`, which is handed through when present.

    Returns:
        The index of `frame`, with user_key (if given), probability (calibrated, 0 to 1), band
        ('low' below 0.2, 'medium', 'high' from 0.5), reasons (list of up to 3 texts, most first).

    Raises:
        ValueError: a feature is missing.
    """
    features = [str(name) for name in estimator.feature_names_in_]
    x = feature_frame(frame, features)
    # Of texts nothing is usual: they are no reasons here.
    numbers = [str(name) for name in fitted_pipeline(estimator).named_steps["encode"].transformers_[0][2]]
    usual = dict(zip(numbers, usual_values(estimator), strict=True))
    probability = np.zeros(len(x))
    reasons: list[list[str]] = []
    size = max(1, BLOCK_ROWS // (len(features) + 1))
    for start in range(0, len(x), size):
        block = x.iloc[start : start + size]
        p, moves = _moves(estimator, block, usual)
        probability[start : start + size] = p
        reasons += _in_words(block[list(usual)].apply(pd.to_numeric), moves, np.asarray(list(usual.values())))

    scores = pd.DataFrame(index=frame.index)
    if "user_key" in frame.columns:
        scores["user_key"] = frame["user_key"]
    scores["probability"] = probability
    scores["band"] = np.select([probability >= HIGH_FROM, probability >= MEDIUM_FROM], ["high", "medium"], "low")
    scores["reasons"] = pd.Series(reasons, index=frame.index, dtype=object)
    return scores


def _moves(estimator: Any, block: pd.DataFrame, usual: dict[str, float]) -> tuple[FloatArray, FloatArray]:
    """Probability of each row, and by row and number how much the number's value adds to it."""
    p = churn_probability(estimator, block)
    moved = [churn_probability(estimator, block.assign(**{name: value})) for name, value in usual.items()]
    return p, p[:, None] - np.column_stack(moved) if moved else np.zeros((len(block), 0))


def _in_words(block: pd.DataFrame, moves: FloatArray, usual: FloatArray) -> list[list[str]]:
    values, names = block.to_numpy(), [str(name).replace("_", " ") for name in block.columns]
    # Stable, on rounded moves: features that move alike are named in their own order.
    order = np.argsort(-np.abs(np.round(moves, 6)), axis=1, kind="stable")[:, :REASONS]
    return [
        [
            f"{names[j]} {_amount(values[i, j])} (usual {_amount(usual[j])}): "
            f"{'raises' if moves[i, j] > 0 else 'lowers'} the risk"
            for j in order[i]
            if abs(moves[i, j]) >= SMALLEST_MOVE
        ]
        for i in range(len(block))
    ]


def _amount(value: float) -> str:
    if np.isnan(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
