"""How near a product that a person never visited lies to what they do look at.

What belongs here: likeness of a description to people's topics and products, and the cut from which it counts. What
does not: texts as points (`embedding.py`), what people look at (tables).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.embedding import embed

FloatArray = npt.NDArray[np.float64]

# Likeness says that somebody is the kind of person, not that they want it: few may be called.
LEAST_LIKENESS = 0.2
OUTLIER_DEVIATIONS = 3.0
MIN_PEOPLE = 20


def likeness_to(descriptions: pd.Series, items: pd.DataFrame) -> pd.DataFrame:
    """One row per person and description: `likeness` (-1 to 1) and the person's `nearest` item.

    Likeness is the mean cosine of the description to the person's items, by their weight: a mean, so that one odd page
    does not make a person like everything.

    Args:
        descriptions: text by watch_name.
        items: one row per person and topic or product: user_key, text, weight (> 0, of any sum).
    """
    columns = ["user_key", "watch_name", "likeness", "nearest"]
    if descriptions.empty or items.empty:
        return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})
    texts = sorted(set(items["text"]))
    cosines = embed(list(descriptions)) @ embed(texts).T
    items = items.sort_values(["user_key", "text"], kind="stable")
    at = np.searchsorted(np.array(texts, dtype=object), items["text"].to_numpy(dtype=object))
    people, person = np.unique(items["user_key"].to_numpy(dtype=object), return_inverse=True)
    weight = items["weight"].to_numpy(dtype=np.float64)
    total = np.bincount(person, weights=weight)
    parts = []
    for position, name in enumerate(descriptions.index):
        cosine = cosines[position][at].astype(np.float64)
        likeness = np.bincount(person, weights=weight * cosine) / total
        order = np.lexsort((at, -np.round(cosine * weight, 9), person))
        first = order[np.unique(person[order], return_index=True)[1]]
        nearest = np.array(texts, dtype=object)[at[first]]
        parts.append(pd.DataFrame(dict(zip(columns, (people, name, likeness, nearest), strict=True))))
    return pd.concat(parts, ignore_index=True)


def likeness_cut(likeness: npt.ArrayLike) -> float | None:
    """The likeness from which a person counts as interested; None where too few people say what is usual.

    Three robust standard deviations (median, 1.4826 MAD) above the panel's median, as outliers are told, and never
    below LEAST_LIKENESS: in a panel in which everybody is alike, nobody is called.
    """
    values = np.asarray(likeness, dtype=np.float64)
    values = values[np.isfinite(values)]
    if len(values) < MIN_PEOPLE:
        return None
    median = float(np.median(values))
    deviation = 1.4826 * float(np.median(np.abs(values - median)))
    return max(LEAST_LIKENESS, median + OUTLIER_DEVIATIONS * deviation)
