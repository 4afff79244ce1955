"""How good predicted probabilities are: metrics with intervals from one bootstrap over people.

Here: metrics of a yes/no outcome with given probabilities, their resamples, paired differences between models, and
the threshold for the highest F1 or profit. Not here: how the probabilities were made (`churn`), what is promoted
(`churn_promotion`), the curves' pictures (`figures`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass

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
    "profit",
)
# With 1,000 the ends of an interval move by about 2 % of its width from seed to seed, with 300 by 4 %.
RESAMPLES = 1_000
# Of very many people fewer samples do: their intervals are narrow anyway.
LEAST_RESAMPLES = 200
MOST_CELLS = 20_000_000
CONFIDENCE = 0.95
# A threshold that no probability reaches: nobody is called.
NOBODY = 1.01
# And one that each does.
EVERYBODY = 0.0
CALIBRATION_BINS = 10
LIFT_SHARE = 0.1
# Weights in memory at a time: 16 MB per array, whatever the number of people.
BLOCK_CELLS = 2_000_000
# A model fitted on thousands of people can't tell 0 from one in a million.
SMALLEST_PROBABILITY = 1e-6


@dataclass(frozen=True)
class OutcomeValues:
    """What each of the four outcomes of calling people is worth, in one unit of money per person; costs below 0.

    Attributes:
        true_positive: somebody who would leave is called.
        false_positive: somebody who would stay is called.
        false_negative: somebody leaves and was not called.
        true_negative: somebody stays and was not called.
    """

    true_positive: float
    false_positive: float
    false_negative: float
    true_negative: float


def resample_metrics(
    outcome: npt.ArrayLike,
    probabilities: Mapping[str, npt.ArrayLike],
    thresholds: Mapping[str, float],
    *,
    seed: int,
    resamples: int | None = None,
    values: OutcomeValues | None = None,
    people: npt.ArrayLike | None = None,
) -> dict[str, pd.DataFrame]:
    """Metrics of several models on the same rows, and on the same bootstrap samples of their people.

    Resampling people by counts (Efron and Tibshirani 1993, "An Introduction to the Bootstrap"):
    each metric is computed with the number of times that a person was drawn as weight of all rows of
    theirs. The draws are shared, so that differences between models are paired.

    Args:
        outcome: 1 or 0 for each row.
        probabilities: of outcome 1, by model, in the order of `outcome`.
        thresholds: probability from which 1 is called, by model.
        seed: of the draws.
        resamples: number of bootstrap samples; None for what `usual_resamples` says.
        values: what the outcomes are worth; without, `profit` is NaN.
        people: whose row it is, in the order of `outcome`; without, each row is a person.

    Returns:
        By model a frame, one row per sample: row 0 is the data themselves, then the samples;
        columns METRICS. A metric that is not defined there (precision when nobody is called, AUC
        with one class) is NaN.
    """
    y = np.asarray(outcome, dtype=np.float64)
    count = usual_resamples(len(y)) if resamples is None else resamples
    blocks: dict[str, list[FloatArray]] = {model: [] for model in probabilities}
    for weights in _weights(len(y), count, seed, people):
        for model, given in probabilities.items():
            p = np.asarray(given, dtype=np.float64)
            blocks[model].append(_metrics(weights, y, p, thresholds[model], values))
    return {model: pd.DataFrame(np.vstack(parts), columns=list(METRICS)) for model, parts in blocks.items()}


def resample_rates(
    outcome: npt.ArrayLike, probability: npt.ArrayLike, threshold: float, *, seed: int, resamples: int
) -> pd.DataFrame:
    """ROC AUC, recall and false positive rate of one model, as `resample_metrics` has the first two.

    Three calls of it took three and a half times as long.

    Returns:
        One row per sample, row 0 being the data themselves: roc_auc, recall (of outcome 1), false_positive_rate (share
        of outcome 0 that is called); NaN where one is not defined.
    """
    y, p = np.asarray(outcome, dtype=np.float64), np.asarray(probability, dtype=np.float64)
    called, order = (p >= threshold).astype(np.float64), np.argsort(-p, kind="stable")
    ends = _ends_of_ties(p[order])
    parts = [
        (
            _roc_auc(*_cumulated(weights, y, order, ends)),
            _ratio(weights @ (y * called), weights @ y),
            _ratio(weights @ ((1 - y) * called), weights @ (1 - y)),
        )
        for weights in _weights(len(y), resamples, seed)
    ]
    columns = ("roc_auc", "recall", "false_positive_rate")
    return pd.DataFrame(np.hstack([np.vstack(part) for part in parts]).T, columns=list(columns))


def usual_resamples(rows: int) -> int:
    """1,000 bootstrap samples for up to 20,000 rows, fewer for more, never below 200."""
    return max(LEAST_RESAMPLES, min(RESAMPLES, MOST_CELLS // max(rows, 1)))


def interval(samples: npt.ArrayLike, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Percentile interval of bootstrap samples, of 95% unless told; NaN where no sample has a value."""
    drawn = np.asarray(samples, dtype=np.float64)
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size == 0:
        return float("nan"), float("nan")
    low, high = np.percentile(drawn, np.round([50 * (1 - confidence), 50 * (1 + confidence)], 9))
    return float(low), float(high)


def paired_differences(samples: Mapping[str, pd.DataFrame], against: str) -> pd.DataFrame:
    """What each model has more than one of them, on the same people.

    Args:
        samples: of `resample_metrics`.
        against: the model to compare with.

    Returns:
        One row per model and metric: `difference` on the data, and its 95% interval `low` to `high` over samples
        of the same people for both. 0 for the model itself; NaN where a metric is not defined, or the other model
        is not there.
    """
    records = []
    for model, sample in samples.items():
        more = sample - samples.get(against, sample * np.nan)
        records += [
            (model, metric, float(more[metric].iloc[0]), *interval(more[metric].iloc[1:])) for metric in METRICS
        ]
    return pd.DataFrame.from_records(records, columns=["model", "metric", "difference", "low", "high"])


def roc_auc_interval(
    outcome: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    seed: int,
    confidence: float = CONFIDENCE,
    people: npt.ArrayLike | None = None,
) -> tuple[float, float, float]:
    """ROC AUC of any score (it need be no probability) and its interval, bootstrap over people."""
    y, values = np.asarray(outcome, dtype=np.float64), np.asarray(score, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    ends = _ends_of_ties(values[order])
    found = [
        _roc_auc(*_cumulated(weights, y, order, ends))
        for weights in _weights(len(y), usual_resamples(len(y)), seed, people)
    ]
    aucs = np.concatenate(found)
    return float(aucs[0]), *interval(aucs[1:], confidence)


def best_threshold(outcome: npt.ArrayLike, probability: npt.ArrayLike, values: OutcomeValues | None = None) -> float:
    """The probability from which to call: for the highest profit where values are given, else for the highest F1.

    By profit it can be best to call nobody (NOBODY, above any probability) or everybody (EVERYBODY, 0). On a tie
    the one that calls fewer.

    Args:
        outcome: 1 or 0 for each person, at least one 1.
        probability: of outcome 1, in the same order.
        values: what the outcomes are worth.
    """
    if values is None:
        return best_f1_threshold(outcome, probability)
    y = np.asarray(outcome, dtype=np.float64)
    p = np.asarray(probability, dtype=np.float64)
    order = np.argsort(-p, kind="stable")
    ends = _ends_of_ties(p[order])
    hits = np.append(0.0, np.cumsum(y[order])[ends])
    called = np.append(0.0, ends + 1.0)
    profit = _profit(hits, called - hits, y.sum(), float(len(y)), values) / len(y)
    scale = max(1e-300, *np.abs(astuple(values)))
    at = int(np.argmax(np.round(profit / scale, 12)))
    if at == len(ends):
        return EVERYBODY
    return NOBODY if at == 0 else float(p[order][ends][at - 1])


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


def _weights(rows: int, resamples: int, seed: int, people: npt.ArrayLike | None = None) -> Iterator[FloatArray]:
    """Blocks of samples: first each row once, then how often its person was drawn."""
    rng = np.random.default_rng(seed)
    yield np.ones((1, rows))
    person = None if people is None else pd.factorize(np.asarray(people))[0]
    count = rows if person is None else int(person.max()) + 1
    block = max(1, BLOCK_CELLS // max(rows, 1))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        draws = rng.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)
        yield draws if person is None else draws[:, person]


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    return np.divide(top, bottom, out=np.full_like(top, np.nan), where=bottom > 0)


def _ends_of_ties(ordered: FloatArray) -> npt.NDArray[np.intp]:
    """Last position of each run of equal values."""
    return np.flatnonzero(np.append(np.diff(ordered) != 0, True))


def _profit(
    hits: FloatArray, alarms: FloatArray, positive: FloatArray | float, total: FloatArray | float, values: OutcomeValues
) -> FloatArray:
    """What calling was worth in all: `hits` who would leave and `alarms` who would stay were called."""
    return (
        values.true_positive * hits
        + values.false_positive * alarms
        + values.false_negative * (positive - hits)
        + values.true_negative * (total - positive - alarms)
    )


def _cumulated(
    weights: FloatArray, y: FloatArray, order: npt.NDArray[np.intp], ends: npt.NDArray[np.intp]
) -> tuple[FloatArray, FloatArray]:
    """How many people, and how many with outcome 1, score at least as high as each distinct score."""
    ordered = weights[:, order]
    return np.cumsum(ordered, axis=1)[:, ends], np.cumsum(ordered * y[order], axis=1)[:, ends]


def _metrics(
    weights: FloatArray, y: FloatArray, p: FloatArray, threshold: float, values: OutcomeValues | None
) -> FloatArray:
    """One row per row of weights, in the order of METRICS."""
    total, positive = weights.sum(axis=1), weights @ y
    called = (p >= threshold).astype(np.float64)
    hits, alarms = weights @ (y * called), weights @ ((1 - y) * called)
    sure = np.clip(p, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    surprise = -(y * np.log(sure) + (1 - y) * np.log1p(-sure))

    order = np.argsort(-p, kind="stable")
    ends = _ends_of_ties(p[order])
    seen, found = _cumulated(weights, y, order, ends)
    profit = np.full_like(total, np.nan) if values is None else _profit(hits, alarms, positive, total, values) / total
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
            profit,
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
