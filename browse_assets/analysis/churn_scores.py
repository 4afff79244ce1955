"""Scores of churn: a fitted candidate's probability for people, its band, and what moves it most.

Here: scoring by a calibrated candidate as it was logged, with nothing but the estimator and the
rows. Not here: training (`churn`), how a reason is said (`churn_reasons`), which people are scored and where it
is written (assets), answering requests (`serve`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_candidates import churn_probability, fitted_pipeline
from browse_assets.analysis.churn_features import TypedFeatures
from browse_assets.analysis.churn_reasons import reason

FloatArray = npt.NDArray[np.float64]

# Fixed, not quantiles of the batch: a person's band must not depend on who else is scored.
# Calibrated: of the people called 'high' at least every second leaves, of 'low' at most every fifth.
MEDIUM_FROM = 0.2
HIGH_FROM = 0.5
REASONS = 3
# A feature that moves the probability by less than half a point is no reason.
SMALLEST_MOVE = 0.005
# Values in one call of the model: 16 MB, whatever the number of features.
BLOCK_VALUES = 2_000_000


def score_people(estimator: Any, frame: pd.DataFrame) -> pd.DataFrame:
    """One row per row of `frame`, scored the same alone and in any batch.

    A reason is a feature whose replacement by the usual value (the median, or the most common text, of the
    people that the model was fitted on) moves the probability: "last active 12 days ago (usual 2): raises the
    risk". One feature is replaced at a time, so of several that tell the same, each may move little.

    Args:
        estimator: a calibrated candidate of `train_churn`, as it is or loaded again.
        frame: one row per person with the estimator's features (numbers and texts, NULL allowed), and
            `user_key`, which is handed through when present.

    Returns:
        The index of `frame`, with user_key (if given), probability (calibrated, 0 to 1), band
        ('low' below 0.2, 'medium', 'high' from 0.5), reasons (list of up to 3 texts, most first).

    Raises:
        ValueError: a feature is missing, or holds text where numbers were learned.
    """
    types = typed_features(estimator)
    x = types.transform(frame)
    explained = explained_features(estimator)
    usual = pd.DataFrame({name: [types.usual_[name]] for name in x.columns}).pipe(types.transform)
    probability = np.zeros(len(x))
    reasons: list[list[str]] = []
    size = max(1, BLOCK_VALUES // ((len(explained) + 1) * max(1, x.shape[1])))
    for start in range(0, len(x), size):
        block = x.iloc[start : start + size]
        p, moves = _moves(estimator, block, usual, explained)
        probability[start : start + size] = p
        reasons += _in_words(block[explained], moves, types.usual_)

    scores = pd.DataFrame(index=frame.index)
    if "user_key" in frame.columns:
        scores["user_key"] = frame["user_key"]
    scores["probability"] = probability
    scores["band"] = np.select([probability >= HIGH_FROM, probability >= MEDIUM_FROM], ["high", "medium"], "low")
    scores["reasons"] = pd.Series(reasons, index=frame.index, dtype=object)
    return scores


def typed_features(estimator: Any) -> TypedFeatures:
    """The first step of a calibrated candidate: its features, their types and usual values."""
    types = fitted_pipeline(estimator).steps[0][1]
    assert isinstance(types, TypedFeatures)
    return types


def explained_features(estimator: Any) -> list[str]:
    """The features that the model's last step sees anything of: replacing any other moves nothing.

    Of ten thousand columns most are gone after the screening, and need not be tried for each person.
    """
    pipeline = fitted_pipeline(estimator)
    features = [str(name) for name in typed_features(estimator).feature_names_in_]
    encoded = [str(name) for name in pipeline[:-1].get_feature_names_out()]
    encoded += [name.partition("__")[2] for name in encoded]  # some steps put their own name before it
    seen = {name.removeprefix("missingindicator_") for name in encoded}
    # An encoded text is called <feature>_<value>; a name that only begins alike is tried for nothing.
    stems = {name[:end] for name in seen for end in range(1, len(name) + 1) if name[end : end + 1] in ("", "_")}
    return [name for name in features if name in stems]


def _moves(
    estimator: Any, block: pd.DataFrame, usual: pd.DataFrame, explained: list[str]
) -> tuple[FloatArray, FloatArray]:
    """Probability of each row, and by row and explained feature how much its value adds to that."""
    n = len(block)
    moves = np.zeros((n, len(explained)))
    probability = np.zeros(n)
    step = max(1, BLOCK_VALUES // (max(1, n) * max(1, block.shape[1])))
    for start in range(0, max(1, len(explained)), step):
        tried = explained[start : start + step]
        copies = _copies(block, usual, tried)
        p = churn_probability(estimator, copies).reshape(len(tried) + 1, n)
        probability, moves[:, start : start + step] = p[0], (p[0] - p[1:]).T
    return probability, moves


def _copies(block: pd.DataFrame, usual: pd.DataFrame, tried: list[str]) -> pd.DataFrame:
    """The block as it is, then once for each feature tried, that one replaced by its usual value."""
    n, times = len(block), len(tried) + 1
    place = {name: i + 1 for i, name in enumerate(tried)}
    columns = {}
    # As arrays, not by column of a frame: 2 ms for a person, not 12.
    for name in block.columns:
        column = np.tile(block[name].to_numpy(), times)
        if name in place:
            column[place[name] * n : (place[name] + 1) * n] = usual[name].iloc[0]
        columns[name] = column if column.dtype == np.float64 else pd.array(column, dtype="str")
    return pd.DataFrame(columns)


def _in_words(block: pd.DataFrame, moves: FloatArray, usual: dict[str, Any]) -> list[list[str]]:
    # Stable, on rounded moves: features that move alike are named in their own order.
    order = np.argsort(-np.abs(np.round(moves, 6)), axis=1, kind="stable")[:, :REASONS]
    values = block.astype(object).where(block.notna(), None).to_numpy()
    names = [str(name) for name in block.columns]
    return [
        [
            reason(names[j], values[i, j], usual[names[j]], raises=bool(moves[i, j] > 0))
            for j in order[i]
            if abs(moves[i, j]) >= SMALLEST_MOVE
        ]
        for i in range(len(block))
    ]
