"""Interest segments: people whose sessions go to the same topics, in few groups of useful size.

Here: distances between people, the number of groups, their names, how stable and how much better
than chance they are, and a map of two dimensions. Not here: counting sessions (SQL), reading tables,
logging (assets), the picture (`figures`), scaling (`segment_scaling`).
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NO_SEGMENT = -1
# The mean silhouette is quadratic in people; 2,000 of them give it to about +-0.01.
SILHOUETTE_PEOPLE = 2_000
BOOTSTRAPS = 20
# Chance: copies of the data in which topics know nothing of each other. Ten of at most 1,000 people
# cost 2 s of one core for twelve numbers of segments.
CHANCE_COPIES = 10
CHANCE_PEOPLE = 1_000
# Weight of the panel's mean shares in a person's. Of 1, 3, 5 and 10 none was clearly better on the
# sample panel (median 51 sessions with a topic); 5 keeps who has two from being a type of their own.
PRIOR_SESSIONS = 5.0
# Kaufman and Rousseeuw, "Finding Groups in Data" (1990), table 4: up to 0.25 no substantial
# structure has been found.
WEAK_SILHOUETTE = 0.25
TOPICS_IN_NAME = 3


@dataclass(frozen=True)
class Segmentation:
    """People in segments by their topics, and how good the segments are.

    Attributes:
        labels: segment id by user_key, in order of key; 0 = largest, -1 = in none (no evidence, or
            too few people for any segment).
        names: over-represented topics by segment id, at most 3; -1 is not in it.
        coordinates: x and y by user_key (principal components of the scaled shares), NaN without
            evidence.
        silhouette: mean silhouette by number of segments tried, -1 to 1.
        chance: the highest mean silhouette, at any number of segments, of each copy of the data with
            permuted topics; empty where nothing was tried.
        k: number of segments, 0 when there is none.
        stability: mean adjusted Rand index of the labels against those of models trained on
            bootstrap samples of people; 1 = the same groups again, 0 = chance, NaN with one segment.
        reason: why this number of segments, and how much they are to be trusted, in words.
        params: settings of the model, for the record.
        model: fitted Pipeline from sessions to segment ids, None with fewer than two segments.
    """

    labels: pd.Series
    names: dict[int, str]
    coordinates: pd.DataFrame
    silhouette: dict[int, float]
    chance: tuple[float, ...]
    k: int
    stability: float
    reason: str
    params: dict[str, Any] = field(default_factory=dict)
    model: Any = None


def segment_people(
    sessions: pd.DataFrame, *, seed: int = 20261122, max_segments: int = 12, min_people: int = 11
) -> Segmentation:
    """Group people by how they divide their sessions among topics.

    Shares are drawn to the panel's mean where there are few sessions, and people are compared by the
    square roots of their shares, rare topics weighing more (`segment_scaling.ScaledShares`). k-means is
    fitted for each k from 2 to `max_segments`; a group smaller than `min_people` is dissolved, its
    people going to the nearest other group. The number of groups with the highest mean silhouette
    (Rousseeuw 1987) wins, if it is above the highest of copies of the data in which each topic's shares
    are permuted among people: else there is one segment named 'all', and the reason. Fewer than
    `min_people` people are no segment at all.

    Args:
        sessions: one row per person, indexed by user_key; one column per topic: sessions that touch
            it, not negative, NaN counts as 0. A row of zeros is a person without evidence.
        seed: of k-means, of the silhouette's sample, of the copies and of the bootstrap.
        max_segments: largest k tried.
        min_people: no segment is smaller.

    Raises:
        ValueError: a person is doubled, or a number is negative or infinite.
    """
    if not sessions.index.is_unique:
        raise ValueError("sessions have more than one row for a person")
    ordered = sessions.sort_index().sort_index(axis="columns")
    values = np.nan_to_num(ordered.to_numpy(dtype=np.float64), nan=0.0, posinf=np.inf)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ValueError("sessions must be finite and not negative")
    params = {"seed": seed, "max_segments": max_segments, "min_people": min_people, "prior_sessions": PRIOR_SESSIONS}

    # k-means adds up its threads' sums in the order in which they finish: from 3 threads on, the
    # last bits differ between runs. One thread, also so that 2 and 8 cores agree. The limit holds
    # only for libraries that are loaded when it is set: hence the first import.
    import sklearn.cluster  # noqa: F401
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return _segment(ordered, values, params)


def _segment(ordered: pd.DataFrame, values: FloatArray, params: dict[str, Any]) -> Segmentation:
    seed, min_people, max_segments = params["seed"], params["min_people"], params["max_segments"]
    has_evidence = values.sum(axis=1) > 0
    known = pd.DataFrame(values[has_evidence], index=ordered.index[has_evidence], columns=ordered.columns)
    silhouette: dict[int, float] = {}
    chance: tuple[float, ...] = ()
    model: Any = None
    if len(known) >= 2 * min_people:
        silhouette, model = _best_model(known, seed, max_segments, min_people)
        if model is not None:
            chance = _chance(known, seed, max_segments, min_people)
            if max(silhouette.values()) <= max(chance, default=-1.0):
                model = None

    labels = pd.Series(NO_SEGMENT, index=ordered.index, name="segment_id", dtype=np.int64)
    coordinates = pd.DataFrame(np.nan, index=ordered.index, columns=["x", "y"])
    coordinates.loc[has_evidence, ["x", "y"]] = _map(_scaled(known))
    if model is None:
        is_group = len(known) >= min_people
        if is_group:
            labels[has_evidence] = 0
        return Segmentation(
            labels=labels,
            names={0: "all"} if is_group else {},
            coordinates=coordinates,
            silhouette=silhouette,
            chance=chance,
            k=int(is_group),
            stability=float("nan"),
            reason=_why_one(len(known), min_people, silhouette, chance),
            params=params,
        )

    k = model[-1].n_clusters
    segment = _order_by_size(model, known)
    labels[has_evidence] = segment
    return Segmentation(
        labels=labels,
        names=_names(known, segment),
        coordinates=coordinates,
        silhouette=silhouette,
        chance=chance,
        k=k,
        stability=_stability(known, segment, k, params),
        reason=_why_several(k, silhouette, max(chance)),
        params=params | {"k": k},
        model=model,
    )


def _new_model(k: int, seed: int, tries: int = 10) -> Any:
    from sklearn.cluster import KMeans
    from sklearn.pipeline import Pipeline

    from browse_assets.analysis.segment_scaling import ScaledShares

    return Pipeline(
        [
            ("scale", ScaledShares(PRIOR_SESSIONS)),
            ("segment", KMeans(n_clusters=k, n_init=tries, random_state=seed)),
        ]
    )


def _scaled(known: pd.DataFrame) -> FloatArray:
    from browse_assets.analysis.segment_scaling import ScaledShares

    if known.empty:
        return np.zeros(known.shape)
    return np.asarray(ScaledShares(PRIOR_SESSIONS).fit(known).transform(known), dtype=np.float64)


def _best_model(
    known: pd.DataFrame, seed: int, max_segments: int, min_people: int, tries: int = 10
) -> tuple[dict[int, float], Any]:
    """Silhouette by number of segments left of each k tried, and the best model; the smaller on a tie."""
    from sklearn.metrics import silhouette_score

    points = _scaled(known)
    largest = min(max_segments, len(known) // min_people, len(np.unique(points, axis=0)))
    sample = None if len(known) <= SILHOUETTE_PEOPLE else SILHOUETTE_PEOPLE
    silhouette: dict[int, float] = {}
    models: dict[int, Any] = {}
    for k in range(2, largest + 1):
        model = _new_model(k, seed, tries).fit(known)
        left = _dissolve_small(model[-1], points, min_people)
        if left < 2:
            continue
        score = float(silhouette_score(points, model[-1].labels_, sample_size=sample, random_state=seed))
        if score > silhouette.get(left, -1.0):
            silhouette[left], models[left] = score, model
    if not silhouette:
        return silhouette, None
    best = max(silhouette, key=lambda tried: (round(silhouette[tried], 9), -tried))
    return dict(sorted(silhouette.items())), models[best]


def _dissolve_small(kmeans: Any, points: FloatArray, min_people: int) -> int:
    """Take the smallest group away, until none has fewer than `min_people`; returns how many are left."""
    from sklearn.metrics import pairwise_distances_argmin

    centers, labels = kmeans.cluster_centers_, kmeans.labels_
    sizes = np.bincount(labels, minlength=len(centers))
    while sizes.min() < min_people and len(centers) > 1:
        centers = np.delete(centers, sizes.argmin(), axis=0)
        labels = pairwise_distances_argmin(points, centers)
        sizes = np.bincount(labels, minlength=len(centers))
    kmeans.cluster_centers_ = np.ascontiguousarray(centers)
    kmeans.labels_ = labels.astype(np.int32)
    kmeans.n_clusters = len(centers)
    return len(centers)


def _chance(known: pd.DataFrame, seed: int, max_segments: int, min_people: int) -> tuple[float, ...]:
    """Highest silhouette of copies in which each topic's shares are permuted among people.

    Each topic keeps its distribution and each person the number of sessions; what goes together is lost.
    """
    rng = np.random.default_rng(seed)
    total = known.to_numpy().sum(axis=1, keepdims=True)
    share = known.to_numpy() / total
    if len(known) > CHANCE_PEOPLE:
        drawn = np.sort(rng.choice(len(known), CHANCE_PEOPLE, replace=False))
        share, total = share[drawn], total[drawn]
    best = []
    for _ in range(CHANCE_COPIES):
        mixed = rng.permuted(share, axis=0)
        mixed = mixed[(some := mixed.sum(axis=1) > 0)]
        copy = pd.DataFrame(mixed / mixed.sum(axis=1, keepdims=True) * total[some])
        silhouette, _ = _best_model(copy, seed, max_segments, min_people, tries=2)
        best.append(max(silhouette.values(), default=-1.0))
    return tuple(best)


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


def _stability(known: pd.DataFrame, segment: IntArray, k: int, params: dict[str, Any]) -> float:
    """Mean adjusted Rand index over bootstrap samples (Hennig 2007; Hubert and Arabie 1985)."""
    from sklearn.metrics import adjusted_rand_score

    rng = np.random.default_rng(params["seed"])
    scores = []
    for _ in range(BOOTSTRAPS):
        sample = known.iloc[rng.integers(0, len(known), len(known))]
        if len(sample.drop_duplicates()) < k:
            continue
        again = _new_model(k, params["seed"], tries=3).fit(sample)
        scores.append(adjusted_rand_score(segment, again.predict(known)))
    return float(np.mean(scores)) if scores else float("nan")


def language_agreement(labels: pd.Series, language: pd.Series) -> float:
    """How far segments are language groups: adjusted mutual information of the two (Vinh 2010).

    Args:
        labels: segment ids by user_key; people in none are left out.
        language: main language by user_key; people without one are left out.

    Returns:
        0 = no more than by chance, 1 = the same groups; NaN with fewer than two people, segments or
        languages.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    both = pd.DataFrame({"segment": labels[labels >= 0], "language": language}).dropna()
    if both["segment"].nunique() < 2 or both["language"].nunique() < 2:
        return float("nan")
    return float(adjusted_mutual_info_score(both["language"], both["segment"]))


def _why_one(people: int, min_people: int, silhouette: dict[int, float], chance: tuple[float, ...]) -> str:
    if people == 0:
        return "nobody has any evidence of interest"
    if people < min_people:
        return f"{people} people with evidence: no segment may have fewer than {min_people}"
    if people < 2 * min_people:
        return f"{people} people with evidence: two segments of {min_people} need at least {2 * min_people}"
    if silhouette:
        return (
            f"no division beats chance: mean silhouette {max(silhouette.values()):.2f} at best, against "
            f"{max(chance):.2f} where topics know nothing of each other"
        )
    return f"every division into two or more has a segment of fewer than {min_people} people"


def _why_several(k: int, silhouettes: dict[int, float], chance: float) -> str:
    silhouette = silhouettes[k]
    what = (
        "have the highest mean silhouette"
        if len(silhouettes) > 1
        else "are all that so few people allow: mean silhouette"
    )
    reason = f"{k} segments {what}, {silhouette:.2f} ({chance:.2f} by chance)"
    if silhouette <= WEAK_SILHOUETTE:
        reason += f"; at most {WEAK_SILHOUETTE}: people shade into each other, read with care"
    return reason
