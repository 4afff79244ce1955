"""Interest segments: people whose sessions go to the same topics, in few groups of useful size.

Here: distances between people, the number of groups, their names, how stable they are, and a map
of two dimensions. Not here: the shares themselves (`interest`), reading tables, logging (assets),
the picture (`figures`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NO_EVIDENCE = -1
# The mean silhouette is quadratic in people; 2,000 of them give it to about +-0.01.
SILHOUETTE_PEOPLE = 2_000
BOOTSTRAPS = 20
# Kaufman and Rousseeuw, "Finding Groups in Data" (1990), table 4: up to 0.25 no substantial
# structure has been found.
WEAK_SILHOUETTE = 0.25
TOPICS_IN_NAME = 3


@dataclass(frozen=True)
class Segmentation:
    """People in segments by their topics, and how good the segments are.

    Attributes:
        labels: segment id by user_key, in order of key; 0 = largest, -1 = no evidence.
        names: over-represented topics by segment id, at most 3; -1 is not in it.
        coordinates: x and y by user_key (principal components of the Hellinger coordinates), NaN
            without evidence.
        silhouette: mean silhouette by number of segments tried, -1 to 1.
        k: number of segments, 0 without any evidence.
        stability: mean adjusted Rand index of the labels against those of models trained on
            bootstrap samples of people; 1 = the same groups again, 0 = chance, NaN with one segment.
        reason: why this number of segments, and how much they are to be trusted, in words.
        params: settings of the model, for the record.
        model: fitted Pipeline from shares to segment ids, None with fewer than two segments.
    """

    labels: pd.Series
    names: dict[int, str]
    coordinates: pd.DataFrame
    silhouette: dict[int, float]
    k: int
    stability: float
    reason: str
    params: dict[str, Any] = field(default_factory=dict)
    model: Any = None


def segment_people(
    shares: pd.DataFrame, *, seed: int = 20261122, max_segments: int = 8, min_people: int = 5
) -> Segmentation:
    """Group people by how they divide their sessions among topics.

    Shares are compositions, so people are compared by Hellinger distance: Euclidean on square
    roots of shares (Legendre and Gallagher 2001, "Ecologically meaningful transformations for
    ordination of species data"). k-means is fitted for each k from 2 to `max_segments`; of those
    whose smallest segment has `min_people`, the one with the highest mean silhouette (Rousseeuw
    1987) wins. Too few people, or no k without a tiny segment, give one segment named 'all' and
    the reason.

    Args:
        shares: one row per person, indexed by user_key; one column per topic; not negative, NaN
            counts as 0. Rows need not sum to 1: each is divided by its sum. A row of zeros is a
            person without evidence.
        seed: of k-means, of the silhouette's sample and of the bootstrap.
        max_segments: largest k tried.
        min_people: no segment is smaller.

    Raises:
        ValueError: a person is doubled, or a share is negative or infinite.
    """
    if not shares.index.is_unique:
        raise ValueError("shares have more than one row for a person")
    ordered = shares.sort_index().sort_index(axis="columns")
    values = np.nan_to_num(ordered.to_numpy(dtype=np.float64), nan=0.0, posinf=np.inf)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("shares must be finite and not negative")
    params = {"seed": seed, "max_segments": max_segments, "min_people": min_people}

    # k-means adds up its threads' sums in the order in which they finish: from 3 threads on, the
    # last bits differ between runs. One thread, also so that 2 and 8 cores agree. The limit holds
    # only for libraries that are loaded when it is set: hence the first import.
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _segment(ordered, values, params)


def _segment(ordered: pd.DataFrame, values: FloatArray, params: dict[str, int]) -> Segmentation:
    seed, min_people = params["seed"], params["min_people"]
    has_evidence = values.sum(axis=1) > 0
    known = pd.DataFrame(values[has_evidence], index=ordered.index[has_evidence], columns=ordered.columns)
    people = len(known)
    silhouette: dict[int, float] = {}
    best: tuple[int, Any] | None = None
    if people >= 2 * min_people:
        silhouette, best = _best_model(known, seed, params["max_segments"], min_people)

    labels = pd.Series(NO_EVIDENCE, index=ordered.index, name="segment_id", dtype=np.int64)
    coordinates = pd.DataFrame(np.nan, index=ordered.index, columns=["x", "y"])
    coordinates.loc[has_evidence, ["x", "y"]] = _map(_hellinger(known))
    if best is None:
        labels[has_evidence] = 0
        return Segmentation(
            labels=labels,
            names={0: "all"} if people else {},
            coordinates=coordinates,
            silhouette=silhouette,
            k=min(people, 1),
            stability=float("nan"),
            reason=_why_one(people, min_people),
            params=params,
        )

    k, model = best
    segment = _order_by_size(model, known)
    labels[has_evidence] = segment
    return Segmentation(
        labels=labels,
        names=_names(known, segment),
        coordinates=coordinates,
        silhouette=silhouette,
        k=k,
        stability=_stability(known, segment, k, seed),
        reason=_why_several(k, silhouette[k]),
        params=params | {"k": k},
        model=model,
    )


def _new_model(k: int, seed: int) -> Any:
    from sklearn.cluster import KMeans
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import FunctionTransformer, Normalizer

    return Pipeline(
        [
            ("share", Normalizer(norm="l1")),
            ("hellinger", FunctionTransformer(np.sqrt)),
            ("segment", KMeans(n_clusters=k, n_init=10, random_state=seed)),
        ]
    )


def _hellinger(known: pd.DataFrame) -> FloatArray:
    values = known.to_numpy(dtype=np.float64)
    return np.sqrt(values / values.sum(axis=1, keepdims=True))


def _best_model(
    known: pd.DataFrame, seed: int, max_segments: int, min_people: int
) -> tuple[dict[int, float], tuple[int, Any] | None]:
    """Silhouette of each k without a tiny segment, and the best of them, the smaller k on a tie."""
    from sklearn.metrics import silhouette_score

    points = _hellinger(known)
    largest = min(max_segments, len(known) // min_people, len(np.unique(points, axis=0)))
    sample = None if len(known) <= SILHOUETTE_PEOPLE else SILHOUETTE_PEOPLE
    silhouette: dict[int, float] = {}
    models: dict[int, Any] = {}
    for k in range(2, largest + 1):
        model = _new_model(k, seed).fit(known)
        segment = model[-1].labels_
        if np.bincount(segment, minlength=k).min() < min_people:
            continue
        silhouette[k] = float(silhouette_score(points, segment, sample_size=sample, random_state=seed))
        models[k] = model
    if not silhouette:
        return silhouette, None
    k = max(silhouette, key=lambda tried: (round(silhouette[tried], 9), -tried))
    return silhouette, (k, models[k])


def _order_by_size(model: Any, known: pd.DataFrame) -> IntArray:
    """Number the model's segments by size, so that its own predictions carry these ids."""
    kmeans = model[-1]
    found = kmeans.labels_
    sizes = np.bincount(found, minlength=kmeans.n_clusters)
    # Of two segments of one size, the one whose first person comes first in order of key.
    first = np.array([np.argmax(found == segment) for segment in range(kmeans.n_clusters)])
    order = np.lexsort((first, -sizes))
    kmeans.cluster_centers_ = np.ascontiguousarray(kmeans.cluster_centers_[order])
    kmeans.labels_ = np.argsort(order)[found].astype(np.int32)
    return np.asarray(model.predict(known), dtype=np.int64)


def _names(known: pd.DataFrame, segment: IntArray) -> dict[int, str]:
    """Topics that a segment has more of than everybody, by difference of mean shares."""
    values = known.to_numpy(dtype=np.float64)
    share = pd.DataFrame(values / values.sum(axis=1, keepdims=True), columns=known.columns)
    more = share.groupby(segment).mean() - share.mean()
    names: dict[int, str] = {}
    for number, row in more.iterrows():
        # A topic counts when it stands out at least half as much as the segment's first one.
        top = row[row >= max(row.max() / 2, 1e-9)].round(9)
        topics = top.sort_values(ascending=False, kind="stable").index[:TOPICS_IN_NAME]
        name = ", ".join(str(topic) for topic in topics) or "mixed"
        names[int(str(number))] = f"{name} ({number})" if name in names.values() else name
    return names


def _map(points: FloatArray) -> FloatArray:
    """First two principal components, signs fixed: the largest loading of each is positive."""
    from sklearn.decomposition import PCA

    flat = np.zeros((len(points), 2))
    components = min(2, *points.shape)
    if components == 0 or (points == points[0]).all():
        return flat  # no spread, no direction
    pca = PCA(n_components=components, svd_solver="full").fit(points)
    largest = np.abs(np.round(pca.components_, 9)).argmax(axis=1)
    signs = np.where(pca.components_[np.arange(components), largest] < 0, -1.0, 1.0)
    flat[:, :components] = pca.transform(points) * signs
    return flat


def _stability(known: pd.DataFrame, segment: IntArray, k: int, seed: int) -> float:
    """Mean adjusted Rand index over bootstrap samples (Hennig 2007; Hubert and Arabie 1985)."""
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(seed)
    scores = []
    for _ in range(BOOTSTRAPS):
        sample = known.iloc[rng.integers(0, len(known), len(known))]
        if len(sample.drop_duplicates()) < k:
            continue
        again = _new_model(k, seed).set_params(segment__n_init=3).fit(sample)
        scores.append(adjusted_rand_score(segment, again.predict(known)))
    return float(np.mean(scores)) if scores else float("nan")


def _why_one(people: int, min_people: int) -> str:
    if people == 0:
        return "nobody has any evidence of interest"
    if people < 2 * min_people:
        return f"{people} people with evidence: two segments of {min_people} need at least {2 * min_people}"
    return f"every division into two or more has a segment of fewer than {min_people} people"


def _why_several(k: int, silhouette: float) -> str:
    reason = f"{k} segments have the highest mean silhouette, {silhouette:.2f}"
    if silhouette <= WEAK_SILHOUETTE:
        reason += f"; at most {WEAK_SILHOUETTE}: people shade into each other, read with care"
    return reason
