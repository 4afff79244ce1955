"""How good predicted probabilities are: metrics with intervals from one bootstrap over people.

Here: metrics of a yes/no outcome with given probabilities, and their resamples. Not here: how
the probabilities were made and what is promoted (`churn`), the curves' pictures (`figures`).
"""

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

METRICS = (
    "accuracy",
    "precision",
    "recall",
    "f1",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "calibration_error",
    "lift_10",
)
RESAMPLES = 300
INTERVAL = (2.5, 97.5)
CALIBRATION_BINS = 10
LIFT_SHARE = 0.1
# Weights in memory at a time: 16 MB per array, whatever the number of people.
BLOCK_CELLS = 2_000_000
# A model fitted on thousands of people can't tell 0 from one in a million.
SMALLEST_PROBABILITY = 1e-6


def resample_metrics(
    outcome: npt.ArrayLike,
    probabilities: Mapping[str, npt.ArrayLike],
    thresholds: Mapping[str, float],
    *,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, pd.DataFrame]:
    """Metrics of several models on the same people, and on the same bootstrap samples of them.

    Resampling people by counts (Efron and Tibshirani 1993, "An Introduction to the Bootstrap"):
    each metric is computed with the number of times that a person was drawn as weight. The draws
    are shared, so that differences between models are paired.

    Args:
        outcome: 1 or 0 for each person.
        probabilities: of outcome 1, by model, in the order of `outcome`.
        thresholds: probability from which 1 is called, by model.
        seed: of the draws.
        resamples: number of bootstrap samples.

    Returns:
        By model a frame, one row per sample: row 0 is the data themselves, then `resamples` rows;
        columns METRICS. A metric that is not defined there (precision when nobody is called, AUC
        with one class) is NaN.
    """
    y = np.asarray(outcome, dtype=np.float64)
    blocks: dict[str, list[FloatArray]] = {model: [] for model in probabilities}
    for weights in _weights(len(y), resamples, seed):
        for model, values in probabilities.items():
            p = np.asarray(values, dtype=np.float64)
            blocks[model].append(_metrics(weights, y, p, thresholds[model]))
    return {model: pd.DataFrame(np.vstack(parts), columns=list(METRICS)) for model, parts in blocks.items()}


def interval(samples: npt.ArrayLike) -> tuple[float, float]:
    """95% percentile interval of bootstrap samples; NaN where no sample has a value."""
    values = np.asarray(samples, dtype=np.float64)
    values = values[np.isfinite(values)]
    if values.size == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(values, INTERVAL)
    return float(low), float(high)


def best_f1_threshold(outcome: npt.ArrayLike, probability: npt.ArrayLike) -> float:
    """The probability from which to call 1 for the highest F1; on a tie the one that calls fewer.

    Args:
        outcome: 1 or 0 for each person, at least one 1.
        probability: of outcome 1, in the same order.
    """
    y = np.asarray(outcome, dtype=np.float64)
    p = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    ends = _ends_of_ties(p[order])
    hits = np.cumsum(y[order])[ends]
    f1 = 2 * hits / (ends + 1 + y.sum())
    return float(p[order][ends][np.argmax(np.round(f1, 12))])


def _weights(people: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Blocks of rows: first everybody once, then how often each person was drawn."""
    rng = np.random.default_rng(seed)
    yield np.ones((1, people))
    rows = max(1, BLOCK_CELLS // max(people, 1))
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        yield rng.multinomial(people, np.full(people, 1 / people), size=size).astype(np.float64)


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _ends_of_ties(ordered: FloatArray) -> npt.NDArray[np.intp]:
    """Last position of each run of equal values."""
    return np.flatnonzero(np.append(np.diff(ordered) != 0, True))


def _metrics(weights: FloatArray, y: FloatArray, p: FloatArray, threshold: float) -> FloatArray:
    """One row per row of weights, in the order of METRICS."""
    total, positive = weights.sum(axis=1), weights @ y
    called = (p >= threshold).astype(np.float64)
    hits, alarms = weights @ (y * called), weights @ ((1 - y) * called)
    sure = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    surprise = -(y * np.log(sure) + (1 - y) * np.log1p(-sure))

    order = np.argsort(-p, kind="stable")
    ends = _ends_of_ties(p[order])
    seen = np.cumsum(weights[:, order], axis=1)[:, ends]
    found = np.cumsum(weights[:, order] * y[order], axis=1)[:, ends]
    return np.column_stack(
        [
            (hits + total - positive - alarms) / total,
            _ratio(hits, hits + alarms),
            _ratio(hits, positive),
            _ratio(2 * hits, positive + hits + alarms),
            _roc_auc(seen, found),
            _average_precision(seen, found),
            weights @ surprise / total,
            weights @ (y - p) ** 2 / total,
            _calibration_error(weights, y, p) / total,
            _lift(seen, found),
        ]
    )


def _steps(cumulated: FloatArray) -> FloatArray:
    return np.diff(cumulated, axis=1, prepend=0.0)


def _roc_auc(seen: FloatArray, found: FloatArray) -> FloatArray:
    """P(a churner scores above a stayer), ties count half (Mann-Whitney)."""
    positive, negative = found[:, -1], (seen - found)[:, -1]
    above = found - _steps(found) / 2
    return _ratio((_steps(seen - found) * above).sum(axis=1), positive * negative)


def _average_precision(seen: FloatArray, found: FloatArray) -> FloatArray:
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return _ratio((_steps(found) * precision).sum(axis=1), found[:, -1])


def _lift(seen: FloatArray, found: FloatArray) -> FloatArray:
    """Rate among the tenth with the highest scores over the rate of all.

    A tie at the border counts in part: the mean over all orders of the tied, so 1 for a constant.
    """
    target = LIFT_SHARE * seen[:, -1]
    at = np.argmax(seen >= target[:, None] - 1e-9, axis=1)
    row = np.arange(len(seen))
    part = (target - (seen - _steps(seen))[row, at]) / _steps(seen)[row, at]
    caught = (found - _steps(found))[row, at] + part * _steps(found)[row, at]
    return _ratio(caught / target, found[:, -1] / seen[:, -1])


def _calibration_error(weights: FloatArray, y: FloatArray, p: FloatArray) -> FloatArray:
    """Sum over ten bins of equal mass of |churned - expected|; ties are never split between bins."""
    borders = np.unique(np.quantile(p, np.arange(1, CALIBRATION_BINS) / CALIBRATION_BINS))
    in_bin = np.searchsorted(borders, p)[:, None] == np.arange(len(borders) + 1)
    return np.abs(weights @ ((y - p)[:, None] * in_bin)).sum(axis=1)
