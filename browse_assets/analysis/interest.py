"""Evidence of interest: what a person's sessions say about topics, products and financial products.

Here: the Gamma prior of the panel's rates, a person's posterior, and the rule that says
"interested". Not here: what counts as touching an item, decay weights and sessions (SQL), what
the items are (topics, products, finance), reading and writing tables (assets).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

# Design, section 6: one lucky session is no interest, however rare the item is in the panel.
INTEREST_PROBABILITY = 0.9
MIN_SESSIONS = 2
MIN_ACTIVE_DAYS = 2

PAIR_COLUMNS = ("user_key", "item", "decayed_sessions", "sessions", "active_days", "last_seen")


@dataclass(frozen=True)
class RatePrior:
    """Gamma(a, b) over the rate of sessions that touch an item, per (decayed) session.

    Attributes:
        a: shape, >= 0; 0 only for an item that nobody touched.
        b: rate, in decayed sessions; how many sessions the prior weighs.
        mean: a / b, the panel's rate; 0 for an item that nobody touched.
    """

    a: float
    b: float
    mean: float


def fit_rate_prior(
    touching: npt.ArrayLike, exposure: npt.ArrayLike, exposure_squares: npt.ArrayLike | None = None
) -> RatePrior:
    """Fit the panel's rates of one item by moments.

    Semiparametric Buehlmann-Straub estimator for Poisson counts (Klugman, Panjer and Willmot,
    "Loss Models", chapter on empirical Bayes parameter estimation; the same moments as Marshall
    1991, "Mapping disease and mortality rates using empirical Bayes estimators", there without
    the small-sample correction).
    With n people, F = sum f, E = sum e and m = F / E:

        variance between people = (sum e (f/e - m)^2 - c m) / (E - sum e^2 / E)
        c = sum s/e - sum s / E
        b = m / variance,  a = m b

    The term c m is what Poisson noise alone would give; s are the sums of squares of the weights whose sums
    are e. Where each session weighs 1, s = e and c = n - 1. Decayed counts are less noisy than that: with
    c = n - 1 for them the variance came out at the floor for 12 of 26 first-tier topics of the sample panel, with c as
    above for 4.

    The variance has the floor m / E, so that b <= E. Below m / E, the sampling variance of the
    mean m itself, a spread between people can't be told from none; and a prior can't weigh more
    sessions than the panel has had. Under-dispersed items (variance <= 0) and single people end
    there, which draws everybody to the panel's mean: no evidence, rather than certainty.

    Args:
        touching: decayed sessions f that touch the item, one per person, zeros included.
        exposure: decayed sessions e, one per person; people with e = 0 say nothing and don't count.
        exposure_squares: sum of the squares of the weights that e sums, one per person; by default e, that
            is, each session weighs 1.

    Returns:
        The prior; a = mean = 0 when nobody touched the item.

    Raises:
        ValueError: lengths differ, a value is negative or not finite, f > 0 where e = 0, or
            nobody has any exposure.
    """
    f = np.asarray(touching, dtype=np.float64)
    e = np.asarray(exposure, dtype=np.float64)
    squares = e if exposure_squares is None else np.asarray(exposure_squares, dtype=np.float64)
    if f.shape != e.shape or squares.shape != e.shape or f.ndim != 1:
        raise ValueError("touching and exposure must be one-dimensional and of one length")
    _require_counts(f, e)
    seen = e > 0
    f, e, squares = f[seen], e[seen], squares[seen]
    if e.size == 0:
        raise ValueError("nobody has any exposure: there is no rate to fit")
    a, b, mean = _gamma_by_moments(
        touched=np.array([f.sum()]),
        touched_squared=np.array([(f * (f / e)).sum()]),
        noise=np.array([_noise(e, squares)]),
        exposure=np.array([e.sum()]),
        exposure_squared=np.array([(e * e).sum()]),
    )
    return RatePrior(a=float(a[0]), b=float(b[0]), mean=float(mean[0]))


def score_evidence(
    pairs: pd.DataFrame,
    exposure: pd.Series | pd.DataFrame,
    *,
    as_of: pd.Timestamp,
    recency_limit_days: npt.ArrayLike = 28.0,
    min_people: int = 20,
    item_count: int | None = None,
) -> pd.DataFrame:
    """One row per person and item that the person touched: how strong the evidence of interest is.

    A person with f of e decayed sessions on an item has the rate Gamma(a + f, b + e), (a, b) being
    the item's prior over the panel (`fit_rate_prior`). In a panel of fewer than `min_people` people
    with exposure, other people say too little: the prior is then the person's own rates over all
    items of that kind, each with the person's e as exposure, and `baseline` says 'person'.

    Args:
        pairs: one row per (user_key, item): `decayed_sessions` (f), `sessions`, `active_days`,
            `last_seen` (at most `as_of`); other columns are passed through.
        exposure: decayed sessions e by user_key, everybody of the panel, also who touches nothing: a Series
            where each session weighs 1, else a frame of `decayed_sessions` and `decayed_squares`, the sum of
            the squares of the sessions' weights.
        as_of: end of the window; recency is counted from here.
        recency_limit_days: oldest `last_seen` of an interest, in days; one number, or one per row
            of `pairs` by position (14 for new products).
        min_people: below this many people with exposure, a person is their own baseline.
        item_count: how many items of that kind there are, for the personal baseline; by default
            the distinct items in `pairs`.

    Returns:
        `pairs`, ordered by user_key and rank, index 0..n-1, with
        score: posterior mean rate, touching sessions per session;
        share: part of the person's decayed sessions over items, 0 to 1 (0 where all have decayed);
        rank: 1 = most evidence within the person: probability, then score, then item;
        lift: score over the baseline's mean, 1 = usual, NaN where that mean is 0;
        probability: P(rate > baseline's mean), 0 to 1, 0 where that mean is 0;
        is_interested: probability >= 0.9, at least 2 sessions on at least 2 days, recent enough;
        baseline: 'panel' or 'person'.

    Raises:
        ValueError: a column is missing, a (user_key, item) or a person of `exposure` is doubled, a
            person of `pairs` is not in `exposure`, a count is negative or not finite, f > 0 where
            e = 0, or `last_seen` lies after `as_of`.
    """
    limits = np.broadcast_to(np.asarray(recency_limit_days, dtype=np.float64), (len(pairs),))
    _require_pairs(pairs, exposure, as_of)

    # Sums of floats depend on their order: the rows are put in order of key before any is taken.
    people = exposure.sort_index()
    if isinstance(people, pd.Series):
        e_all = squares = people.to_numpy(dtype=np.float64)
    else:
        e_all, squares = people[["decayed_sessions", "decayed_squares"]].to_numpy(dtype=np.float64).T
    user = np.asarray(people.index.get_indexer(pd.Index(pairs["user_key"])))
    item, items = pd.factorize(pairs["item"], sort=True)
    order = np.lexsort((item, user))
    user, item, limits = user[order], item[order], limits[order]
    rows = pairs.iloc[order].reset_index(drop=True)

    f = rows["decayed_sessions"].to_numpy(dtype=np.float64)
    e = e_all[user]
    _require_counts(f, e)
    _require_counts(np.zeros_like(e_all), e_all)

    is_panel = int((e_all > 0).sum()) >= min_people
    if is_panel:
        a, b, mean = (p[item] for p in _item_priors(f, e, item, len(items), e_all, squares))
    else:
        n_items = len(items) if item_count is None else item_count
        a, b, mean = (p[user] for p in _person_priors(f, e, user, n_items, e_all, squares))

    shape, rate = a + f, b + e
    score = np.divide(shape, rate, out=np.zeros_like(shape), where=rate > 0)
    probability = _probability_above(mean, shape, rate)
    person_sum = _sum_by(user, f, len(people))[user]
    recency = (as_of - pd.to_datetime(rows["last_seen"])).dt.total_seconds().to_numpy() / 86_400
    rows["score"] = score
    rows["share"] = np.divide(f, person_sum, out=np.zeros_like(f), where=person_sum > 0)
    rows["lift"] = np.divide(score, mean, out=np.full_like(score, np.nan), where=mean > 0)
    rows["probability"] = probability
    rows["is_interested"] = (
        (probability >= INTEREST_PROBABILITY)
        & (rows["sessions"].to_numpy() >= MIN_SESSIONS)
        & (rows["active_days"].to_numpy() >= MIN_ACTIVE_DAYS)
        & (recency <= limits)
    )
    rows["baseline"] = "panel" if is_panel else "person"

    # Rounded, so that two items with the same evidence tie, and don't rank by their last bits.
    by_rank = np.lexsort((item, -np.round(score, 12), -np.round(probability, 12), user))
    rows, user = rows.iloc[by_rank].reset_index(drop=True), user[by_rank]
    rows["rank"] = np.arange(len(rows)) - np.searchsorted(user, user) + 1
    return rows


def _item_priors(
    f: FloatArray,
    e: FloatArray,
    item: npt.NDArray[np.intp],
    n_items: int,
    e_all: FloatArray,
    squares: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(a, b, mean) of each item over all people; who does not touch it adds nothing to its sums."""
    seen = e_all[e_all > 0]
    ratio = np.divide(f, e, out=np.zeros_like(f), where=e > 0)
    return _gamma_by_moments(
        touched=_sum_by(item, f, n_items),
        touched_squared=_sum_by(item, f * ratio, n_items),
        noise=np.full(n_items, _noise(seen, squares[e_all > 0])),
        exposure=np.full(n_items, seen.sum()),
        exposure_squared=np.full(n_items, (seen * seen).sum()),
    )


def _person_priors(
    f: FloatArray,
    e: FloatArray,
    user: npt.NDArray[np.intp],
    n_items: int,
    e_all: FloatArray,
    squares: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(a, b, mean) of each person over all items: the same moments, items in place of people."""
    ratio = np.divide(f, e, out=np.zeros_like(f), where=e > 0)
    return _gamma_by_moments(
        touched=_sum_by(user, f, len(e_all)),
        touched_squared=_sum_by(user, f * ratio, len(e_all)),
        noise=(n_items - 1) * np.divide(squares, e_all, out=np.zeros_like(e_all), where=e_all > 0),
        exposure=n_items * e_all,
        exposure_squared=n_items * e_all * e_all,
    )


def _noise(e: FloatArray, squares: FloatArray) -> float:
    if not e.size:
        return 0.0
    return float((squares / e).sum() - squares.sum() / e.sum())


def _sum_by(group: npt.NDArray[np.intp], values: FloatArray, groups: int) -> FloatArray:
    # bincount of no rows counts in integers.
    return np.bincount(group, weights=values, minlength=groups).astype(np.float64)


def _gamma_by_moments(
    *,
    touched: FloatArray,
    touched_squared: FloatArray,
    noise: FloatArray,
    exposure: FloatArray,
    exposure_squared: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(a, b, mean) of many priors at once, from the sums of f, f^2/e, e and e^2 of each.

    `noise`, times the mean, is what sum e (f/e - m)^2 would be if all units had the same rate.
    """
    zero = np.zeros_like(touched)
    mean = np.divide(touched, exposure, out=zero.copy(), where=exposure > 0)
    # sum e (f/e - m)^2 = sum f^2/e - m^2 E: needs only the people who touch the item.
    spread = touched_squared - mean * mean * exposure - noise * mean
    scale = exposure - np.divide(exposure_squared, exposure, out=zero.copy(), where=exposure > 0)
    # One unit, or units of which one holds all exposure: no spread between units to be seen.
    told = scale > 1e-12 * exposure
    variance = np.divide(spread, scale, out=zero.copy(), where=told)
    floor = np.divide(mean, exposure, out=zero.copy(), where=exposure > 0)
    b = np.divide(mean, variance, out=exposure.copy(), where=told & (variance > floor))
    return mean * b, b, mean


def _probability_above(mean: FloatArray, shape: FloatArray, rate: FloatArray) -> FloatArray:
    """P(Gamma(shape, rate) > mean); 0 where the mean is 0, as nobody touched the item."""
    # scipy.stats costs about 1 s to import: only where evidence is scored.
    from scipy.stats import gamma

    known = (mean > 0) & (shape > 0)
    probability = np.zeros_like(mean)
    probability[known] = gamma.sf(mean[known], shape[known], scale=1 / rate[known])
    return probability


def _require_counts(f: FloatArray, e: FloatArray) -> None:
    for name, values in (("touching", f), ("exposure", e)):
        if not np.isfinite(values).all() or (values < 0).any():
            raise ValueError(f"decayed sessions ({name}) must be finite and not negative")
    if ((e == 0) & (f > 0)).any():
        raise ValueError("an item is touched in sessions of a person who has none")


def _require_pairs(pairs: pd.DataFrame, exposure: pd.Series | pd.DataFrame, as_of: pd.Timestamp) -> None:
    missing = [c for c in PAIR_COLUMNS if c not in pairs.columns]
    if missing:
        raise ValueError(f"pairs lack the columns {missing}")
    if not exposure.index.is_unique:
        raise ValueError("exposure has more than one row for a person")
    if pairs.duplicated(["user_key", "item"]).any():
        raise ValueError("pairs have more than one row for a person and item")
    if pairs["item"].isna().any():
        raise ValueError("pairs have rows without an item")
    unknown = int((~pairs["user_key"].isin(exposure.index)).sum())
    if unknown:
        raise ValueError(f"{unknown} rows of pairs are of people who have no exposure row")
    if len(pairs) and not (pd.to_datetime(pairs["last_seen"]) <= as_of).all():
        raise ValueError("last_seen is missing or lies after as_of")
