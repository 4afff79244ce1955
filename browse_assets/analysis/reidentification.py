"""How well people can be told apart: is the second half of somebody's browsing matched to the first?

Here: the measure, on what each person visited in each half of a period. Not here: which tables are
measured (`assets/reidentification.py`). The method is that of linking profiles: each person's second half
is compared with everybody's first half, and the most similar is taken to be the same person; see Olejnik,
Castelluccia and Janc (2012), "Why Johnny can't browse in peace", and Bird, Segall and Lopatka (2020),
"Replication: why we still can't browse in peace", SOUPS.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

# With fewer, chance alone matches more than 5 in 100, and a rate says little: it is not given.
LEAST_PEOPLE = 20
# People compared with all at once: 256 x 5,000 similarities are 10 MB.
BLOCK = 256
_TIE = 1e-9


@dataclass(frozen=True)
class MatchRate:
    """Share of people whose second half is matched to their own first half.

    Attributes:
        people: people compared, each with both halves; each is one of as many candidates.
        rate: 0 to 1; None where it was not measured.
        low: lower end of the 95 % interval (Wilson); None without one.
        high: upper end of it.
        reason: why there is no rate; None where there is one.
    """

    people: int
    rate: float | None = None
    low: float | None = None
    high: float | None = None
    reason: str | None = None


def pick_people(people: Sequence[str], most: int, *, seed: int) -> list[str]:
    """All people, or a random sample of at most that many; in order of their keys."""
    ordered = sorted(people)
    if len(ordered) <= most:
        return ordered
    chosen = np.random.default_rng(seed).choice(len(ordered), size=most, replace=False)
    return [ordered[i] for i in sorted(chosen)]


def match_halves(visits: pd.DataFrame, people: Sequence[str]) -> MatchRate:
    """Match each person's second half to the most similar first half of all people.

    Similarity is the cosine of 1 + log(visits), weighted by how rare an item is among first halves
    (TF-IDF). Who is as similar as the best shares the guess: somebody with nothing to go by is matched
    with the rate of chance.

    Args:
        visits: user_key, half (1 or 2), item, visits (more than 0), one row each.
        people: who is compared; all were active in both halves, though maybe not on any item.
    """
    if len(people) < LEAST_PEOPLE:
        return MatchRate(len(people), reason=_too_few(len(people)))
    first, second = _vectors(visits, people)
    hits = np.concatenate(
        [_own_shares(second[start : start + BLOCK] @ first.T, start) for start in range(0, len(people), BLOCK)]
    )
    rate = float(hits.mean())
    low, high = wilson_interval(rate, len(people))
    return MatchRate(len(people), rate, low, high)


def guess_in_groups(smallest_groups: Sequence[int], people: int) -> MatchRate:
    """The most that counts of groups can give away: a guess among the smallest group that one is in.

    Presumes that it is known of the person which released groups they are in, and who else is in the
    smallest of them; a release says neither, so this is an upper bound, without an interval.

    Args:
        smallest_groups: size of the smallest released group of each person; empty where nothing is released.
        people: how many people are compared.
    """
    if people < LEAST_PEOPLE:
        return MatchRate(people, reason=_too_few(people))
    if not smallest_groups:
        return MatchRate(people, reason="nothing is released")
    return MatchRate(people, sum(1 / size for size in smallest_groups) / people)


def wilson_interval(rate: float, n: int) -> tuple[float, float]:
    """95 % interval of a proportion; Wilson (1927), JASA 22, 209-212."""
    z = 1.959964
    centre, spread = rate + z * z / (2 * n), z * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _too_few(people: int) -> str:
    return f"fewer than {LEAST_PEOPLE} people with both halves: {people}"


def _vectors(visits: pd.DataFrame, people: Sequence[str]) -> tuple[Any, Any]:
    """First and second halves as sparse rows of length 1, in the order of `people`."""
    from scipy.sparse import csr_matrix  # with the next line 1.5 s: only where it is measured
    from sklearn.feature_extraction.text import TfidfTransformer

    places = pd.Series(range(len(people)), index=list(people))
    known = visits[visits["user_key"].isin(places.index)]
    codes, items = pd.factorize(known["item"], sort=True)
    shape = (len(people), max(1, len(items)))
    halves = []
    for half in (1, 2):
        mine = (known["half"] == half).to_numpy()
        rows = places[known["user_key"][mine]].to_numpy()
        weights = known["visits"][mine].to_numpy(dtype=float)
        halves.append(csr_matrix((weights, (rows, codes[mine])), shape=shape))
    weighting = TfidfTransformer(sublinear_tf=True).fit(halves[0])
    return weighting.transform(halves[0]), weighting.transform(halves[1])


def _own_shares(similarity: Any, start: int) -> npt.NDArray[np.float64]:
    """For each row, 1 over the number of best candidates where the person's own is among them, else 0."""
    dense = similarity.toarray()
    is_best = dense >= dense.max(axis=1, keepdims=True) - _TIE
    rows = np.arange(len(dense))
    shares: npt.NDArray[np.float64] = is_best[rows, start + rows] / is_best.sum(axis=1)
    return shares
