"""Who returns to a product: scores compared on cut-offs of the past.

What belongs here: the methods, their calibration on earlier cut-offs, the metrics and their intervals. What does not:
which pairs there are and who came back (`sql/product_pairs.sql`), the MBG/NBD itself (`repeat_visits.py`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.repeat_visits import RETURN_DAYS, RepeatModel, fit_repeat_model, history_of

FloatArray = npt.NDArray[np.float64]

HORIZON_DAYS = int(RETURN_DAYS)
# The newest cut-offs are predicted, the ones before them train; each is one horizon apart.
TEST_CUTOFFS, TRAINING_CUTOFFS = 4, 4
MIN_RETURNS = 10
TOP_SHARE, TOP_LEAST = 0.1, 10
RESAMPLES = 200
_SMALLEST = 1e-6

METHODS = {
    "logistic": "logistic regression on visits, recency, age, stage and the person's activity",
    "evidence": "decayed sessions on the product: frequency and recency as in product_interest",
    "mbg_nbd": "expected visits of the MBG/NBD model",
    "recency": "days since the last visit",
    "frequency": "days with a visit",
    "popularity": "people who visited the product in the 28 days before",
}
METRICS = ("precision_at_k", "average_precision", "log_loss", "brier", "calibration_error")


@dataclass(frozen=True)
class Backtest:
    """What a back-test found.

    Attributes:
        status: tested, or not_enough_history.
        reason: one sentence.
        table: one row per method: METRICS with `_low` and `_high`, is_above_popularity; empty when not tested.
        predictions: one row per pair of the test cut-offs: returned, and a probability by method.
        params: what was set, and how many there were.
    """

    status: str
    reason: str
    table: pd.DataFrame
    predictions: pd.DataFrame
    params: dict[str, int | float]


def cutoffs_of(start: pd.Timestamp, as_of: pd.Timestamp) -> list[pd.Timestamp]:
    """Cut-offs a horizon apart, the newest a horizon before as_of, oldest first; none in the first four weeks."""
    found = [as_of - pd.Timedelta(days=HORIZON_DAYS * n) for n in range(1, TEST_CUTOFFS + TRAINING_CUTOFFS + 1)]
    return [cutoff for cutoff in reversed(found) if cutoff >= start + pd.Timedelta(days=28)]


def run_backtest(pairs: pd.DataFrame, seed: int = 7, resamples: int = RESAMPLES) -> Backtest:
    """Compare the methods on the newest cut-offs, each fitted and calibrated on what was known by then.

    Args:
        pairs: columns of `sql/product_pairs.sql`, in the order of cutoff, user_key, product_id.
        seed: of the bootstrap over people.
        resamples: number of bootstrap samples.

    A score becomes a probability by a logistic regression on the score (Platt 1999) of earlier cut-offs, whose
    outcomes were all seen when the cut-off came. k is a tenth of a cut-off's pairs, at least 10; precision at k is
    the share of those with the highest scores that came back, ties in part, averaged over cut-offs by k.
    """
    cutoffs = sorted(pairs["cutoff"].unique())
    tests = cutoffs[-TEST_CUTOFFS:] if len(cutoffs) > TEST_CUTOFFS else cutoffs[1:]
    params: dict[str, int | float] = {
        "horizon_days": HORIZON_DAYS,
        "cutoffs": len(cutoffs),
        "test_cutoffs": len(tests),
        "pairs": len(pairs),
        "seed": seed,
        "resamples": resamples,
    }
    scored = [part for cutoff in tests if (part := _predict(pairs, cutoff)) is not None]
    predictions = pd.concat(scored, ignore_index=True) if scored else pd.DataFrame()
    returns = int(predictions["returned"].sum()) if len(predictions) else 0
    params |= {"test_pairs": len(predictions), "test_returns": returns}
    if returns < MIN_RETURNS:
        reason = f"{returns} returns at {len(scored)} cut-offs: at least {MIN_RETURNS} are needed to compare methods"
        return Backtest("not_enough_history", reason, pd.DataFrame(), pd.DataFrame(), params)
    table = _table(predictions, seed, resamples)
    best = table.sort_values("average_precision", ascending=False)["method"].iloc[0]
    losers = [str(name) for name in table.loc[~table["is_above_popularity"], "method"] if name != "popularity"]
    reason = f"{best} ranks best; " + (
        f"not surely better than popularity: {', '.join(losers)}" if losers else "all beat popularity"
    )
    return Backtest("tested", reason, table, predictions, params)


def _predict(pairs: pd.DataFrame, cutoff: pd.Timestamp) -> pd.DataFrame | None:
    """Probabilities and scores of the pairs of one cut-off; None when what came before cannot train."""
    horizon = pd.Timedelta(days=HORIZON_DAYS)
    train = pairs[pairs["cutoff"] <= cutoff - horizon]
    test = pairs[pairs["cutoff"] == cutoff]
    outcome = train["returned"].to_numpy(dtype=np.float64)
    if len(test) == 0 or outcome.sum() < MIN_RETURNS or outcome.sum() == len(outcome):
        return None
    # Each pair once, as it was at the last training cut-off: the model counts a pair's own history.
    repeat = fit_repeat_model(*_history(test))
    result = test[["cutoff", "user_key", "returned"]].copy()
    for method, score in _scores(repeat).items():
        known, new = score(train), score(test)
        result[f"score_{method}"] = new
        result[method] = _calibrated(known[:, None], outcome, new[:, None])
    if repeat is not None:
        result["mbg_nbd"] = repeat.returning(*_history(test), HORIZON_DAYS)
    result["logistic"] = _calibrated(_features(train), outcome, _features(test))
    result["score_logistic"] = result["logistic"]
    return result


Score = Callable[[pd.DataFrame], FloatArray]


def _scores(repeat: RepeatModel | None) -> dict[str, Score]:
    """Scores that need no training but the MBG/NBD's, higher for who is likelier to return."""
    return {
        "evidence": lambda rows: np.log(_column(rows, "decayed_sessions") + 1e-3),
        "mbg_nbd": lambda rows: (
            np.log(repeat.expected(*_history(rows), HORIZON_DAYS) + 1e-9) if repeat else np.zeros(len(rows))
        ),
        "recency": lambda rows: -np.log1p(_column(rows, "last_days")),
        "frequency": lambda rows: np.log(_column(rows, "visits")),
        "popularity": lambda rows: np.log1p(_column(rows, "people")),
    }


def _column(rows: pd.DataFrame, name: str) -> FloatArray:
    return rows[name].to_numpy(dtype=np.float64)


def _history(rows: pd.DataFrame) -> tuple[FloatArray, FloatArray, FloatArray]:
    return history_of(_column(rows, "visits"), _column(rows, "first_days"), _column(rows, "last_days"))


def _features(rows: pd.DataFrame) -> FloatArray:
    return np.column_stack(
        [
            np.log(_column(rows, "visits")),
            np.log1p(_column(rows, "last_days")),
            np.log1p(_column(rows, "first_days")),
            np.log(_column(rows, "decayed_sessions") + 1e-3),
            _column(rows, "stage"),
            np.log1p(_column(rows, "person_days")),
        ]
    )


def _calibrated(known: FloatArray, outcome: FloatArray, new: FloatArray) -> FloatArray:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, solver="newton-cholesky"))
    return np.asarray(model.fit(known, outcome).predict_proba(new)[:, 1])


def _table(predictions: pd.DataFrame, seed: int, resamples: int) -> pd.DataFrame:
    """One row per method with intervals: people are drawn with all their pairs, the same draws for all methods."""
    people, person = np.unique(predictions["user_key"].astype(str), return_inverse=True)
    rng = np.random.default_rng(seed)
    draws = rng.multinomial(len(people), np.full(len(people), 1 / len(people)), size=resamples)
    weights = np.vstack([np.ones((1, len(predictions))), draws[:, person]]).astype(np.float64)
    y = predictions["returned"].to_numpy(dtype=np.float64)
    cutoff = np.unique(predictions["cutoff"], return_inverse=True)[1]
    samples = {
        method: np.column_stack(
            [
                _ranking(weights, y, _column(predictions, f"score_{method}"), cutoff),
                _probabilities(weights, y, _column(predictions, method)),
            ]
        )
        for method in METHODS
    }
    rows = []
    for method, values in samples.items():
        low, high = np.percentile(values[1:], (2.5, 97.5), axis=0)
        gain = np.percentile(values[1:, 1] - samples["popularity"][1:, 1], 2.5)
        row: dict[str, object] = {"method": method, "is_above_popularity": bool(method != "popularity" and gain > 0)}
        for position, metric in enumerate(METRICS):
            row |= {
                metric: float(values[0, position]),
                f"{metric}_low": float(low[position]),
                f"{metric}_high": float(high[position]),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def _ranking(weights: FloatArray, y: FloatArray, score: FloatArray, cutoff: npt.NDArray[np.intp]) -> FloatArray:
    """Precision at k and average precision, per row of weights: means over cut-offs, by k and by returns."""
    totals = np.zeros((4, len(weights)))
    for number in range(cutoff.max() + 1):
        here = cutoff == number
        k_hits, k, ap, returns = _ranking_at(weights[:, here], y[here], score[here])
        totals += [k_hits, k, ap * returns, returns]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.column_stack([totals[0] / totals[1], totals[2] / totals[3]])


def _ranking_at(weights: FloatArray, y: FloatArray, score: FloatArray) -> tuple[FloatArray, ...]:
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    seen = np.cumsum(weights[:, order], axis=1)[:, ends]
    found = np.cumsum(weights[:, order] * y[order], axis=1)[:, ends]
    total, returns = seen[:, -1], found[:, -1]
    k = np.minimum(np.maximum(TOP_SHARE * total, TOP_LEAST), total)
    at = np.argmax(seen >= k[:, None] - 1e-9, axis=1)
    row = np.arange(len(seen))
    before_seen, before_found = np.where(at > 0, seen[row, at - 1], 0), np.where(at > 0, found[row, at - 1], 0)
    block = seen[row, at] - before_seen
    part = np.divide(k - before_seen, block, out=np.zeros_like(k), where=block > 0)
    hits = before_found + part * (found[row, at] - before_found)
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    steps = np.diff(found, axis=1, prepend=0.0)
    ap = np.divide((steps * precision).sum(axis=1), returns, out=np.zeros_like(returns), where=returns > 0)
    return hits, k, ap, returns


def _probabilities(weights: FloatArray, y: FloatArray, p: FloatArray) -> FloatArray:
    """Log loss, Brier score and calibration error (ten bins of equal mass), per row of weights."""
    total = weights.sum(axis=1)
    sure = np.clip(p, _SMALLEST, 1 - _SMALLEST)
    surprise = -(y * np.log(sure) + (1 - y) * np.log1p(-sure))
    borders = np.unique(np.quantile(p, np.arange(1, 10) / 10))
    in_bin = np.searchsorted(borders, p)[:, None] == np.arange(len(borders) + 1)
    error = np.abs(weights @ ((y - p)[:, None] * in_bin)).sum(axis=1)
    return np.column_stack([weights @ surprise / total, weights @ (y - p) ** 2 / total, error / total])
