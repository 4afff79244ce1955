"""Groups of people that may be told: every part has at least k people who left and k who stayed.

Here: counting people by group, merging groups until none is small, retention by week, what single features tell.
Not here: words and pictures (`churn_report_panel`, `churn_report_figures`), releases to others (`suppression`).

Small groups are merged, never hidden: groups that are all told and together are everybody leave no remainder that
could be had by subtraction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

# Borders of bins are round numbers given beforehand: a quantile would be one person's value.
STEPS = (1.0, 2.0, 5.0)
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Group:
    """A group of looks at people (one person at one snapshot time): how many there are, and how many left after it."""

    label: str
    looks: int
    left: int

    @property
    def rate(self) -> float:
        """Share that left."""
        return self.left / self.looks


def ordered_groups(looks: pd.DataFrame, values: pd.Series, min_group: int) -> tuple[Group, ...]:
    """Bins of a number, neighbours merged until at least k different people left and k stayed in each.

    Args:
        looks: columns person and churned (0 or 1).
        values: the number, with the same index.
        min_group: k.

    Returns:
        At least two groups in the order of the number, then "not known" for missing values; none where there would be
        only one, or where "not known" would be small.
    """
    known, unknown = values.dropna().astype(float), looks[values.isna()]
    if known.empty or (len(unknown) and not _is_safe(unknown, min_group)):
        return ()
    borders = round_borders(known)
    position = np.searchsorted(borders, known.to_numpy(), side="left")
    parts: list[tuple[int, int, pd.DataFrame]] = []
    for place in range(len(borders) + 1):
        part = looks.loc[known.index[position == place]]
        if parts and not _is_safe(parts[-1][2], min_group):
            start, _, before = parts.pop()
            parts.append((start, place, pd.concat([before, part])))
        else:
            parts.append((place, place, part))
    while len(parts) > 1 and not _is_safe(parts[-1][2], min_group):
        _, end, last = parts.pop()
        start, _, before = parts.pop()
        parts.append((start, end, pd.concat([before, last])))
    if len(parts) < 2:
        return ()
    groups = [_group(_span(borders, start, end), part) for start, end, part in parts]
    return (*groups, *([_group("not known", unknown)] if len(unknown) else []))


def named_groups(looks: pd.DataFrame, names: pd.Series, min_group: int) -> tuple[Group, ...]:
    """Groups by name, the largest first; the small ones together as "all others", which is never small itself.

    Arguments and result as in `ordered_groups`; who has no name is in the group "not known".
    """
    known = names.astype(object).where(names.notna(), "not known").astype(str)
    parts = {str(name): looks.loc[index] for name, index in known.groupby(known).groups.items()}
    by_size = sorted(parts, key=lambda name: (-len(parts[name]), name))
    shown = [name for name in by_size if _is_safe(parts[name], min_group)]
    other = [name for name in by_size if name not in shown]
    while other and shown and not _is_safe(pd.concat([parts[name] for name in other]), min_group):
        other.append(shown.pop())
    groups = [_group(name, parts[name]) for name in shown]
    if other and shown:
        groups.append(_group("all others", pd.concat([parts[name] for name in other])))
    return tuple(groups) if len(groups) > 1 else ()


def merged_counts(counts: Mapping[str, int], min_group: int, other: str = "all others") -> dict[str, int]:
    """Parts of a whole with at least k people each: the small ones together, with the smallest others where needed.

    Args:
        counts: people by part; parts of nobody are left out.
        min_group: k.
        other: what the small ones together are called.
    """
    present = {name: count for name, count in counts.items() if count > 0}
    shown = [name for name in present if present[name] >= min_group]
    small = sum(present[name] for name in present if name not in shown)
    while 0 < small < min_group and shown:
        least = min(shown, key=lambda name: (present[name], name))
        shown.remove(least)
        small += present[least]
    told = {name: present[name] for name in shown}
    return told | ({other: small} if small >= min_group else {})


def safe_retention(retention: pd.DataFrame, min_group: int) -> pd.DataFrame:
    """Share of people active n weeks after their first day, with the 95 % interval (Wilson).

    Args:
        retention: week, observed (people whose week n is over), active.
        min_group: k; a week with fewer active, or fewer (but some) not active, is left out.

    Returns:
        week, observed, share, low, high.
    """
    gone = retention["observed"] - retention["active"]
    told = retention[(retention["active"] >= min_group) & ((gone == 0) | (gone >= min_group))]
    bounds = [wilson(a, n) for a, n in zip(told["active"], told["observed"], strict=True)]
    return pd.DataFrame(
        {
            "week": told["week"].astype(int),
            "observed": told["observed"].astype(int),
            "share": (told["active"] / told["observed"]).astype(float),
            "low": [low for low, _ in bounds],
            "high": [high for _, high in bounds],
        }
    ).reset_index(drop=True)


def single_features(looks: pd.DataFrame, features: Sequence[str], min_group: int) -> pd.DataFrame:
    """What each number tells alone: mean of those who stayed and of those who left, and its ROC AUC.

    Args:
        looks: person, churned (0 or 1) and the features.
        features: names of columns; those that are no numbers are left out.
        min_group: k; a feature that fewer people of an outcome have is left out.

    Returns:
        feature, stayed, left, auc (of leaving with a higher value), strength (|auc - 0.5|); the strongest first.
    """
    records = []
    for name in features:
        if name not in looks.columns or not pd.api.types.is_numeric_dtype(looks[name]):
            continue
        known = looks[looks[name].notna()]
        if not _is_safe(known, min_group) or known[name].nunique() < 2:
            continue
        has_left = known["churned"].to_numpy() == 1
        ranks = known[name].rank().to_numpy()
        n_left, n_stayed = int(has_left.sum()), int((~has_left).sum())
        auc = (ranks[has_left].sum() - n_left * (n_left + 1) / 2) / (n_left * n_stayed)
        values = known[name].to_numpy(dtype=float)
        records.append((name, float(values[~has_left].mean()), float(values[has_left].mean()), float(auc)))
    found = pd.DataFrame.from_records(records, columns=["feature", "stayed", "left", "auc"])
    found["strength"] = (found["auc"].astype(float) - 0.5).abs().round(9)
    return found.sort_values(["strength", "feature"], ascending=[False, True], kind="stable").reset_index(drop=True)


def wilson(hits: float, n: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, "Probable inference"); n is at least 1."""
    share, z2 = hits / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return float(max(0.0, middle - half)), float(min(1.0, middle + half))


def round_borders(values: pd.Series) -> list[float]:
    """Round numbers (1, 2, 5, 10, 20 ...) within the middle 98 % of the values, with 0 where some are below it."""
    low, high = float(values.quantile(0.01)), float(values.quantile(0.99))
    scale = max(abs(low), abs(high))
    if scale == 0:
        return [0.0]
    top = int(np.ceil(np.log10(scale)))
    sizes = [step * 10.0**power for power in range(top - 3, top + 1) for step in STEPS]
    wanted = sorted({0.0, *sizes, *(-size for size in sizes)})
    return [float(f"{border:.12g}") for border in wanted if low <= border < high] or [float(f"{high:.1g}")]


def _span(borders: Sequence[float], start: int, end: int) -> str:
    """Bin 0 lies up to the first border, bin i above border i - 1."""
    if start == 0:
        return f"up to {borders[end]:,g}"
    if end == len(borders):
        return f"over {borders[start - 1]:,g}"
    return f"over {borders[start - 1]:,g} to {borders[end]:,g}"


def _group(label: str, part: pd.DataFrame) -> Group:
    return Group(label, len(part), int(part["churned"].sum()))


def _is_safe(part: pd.DataFrame, min_group: int) -> bool:
    person, has_left = part["person"].to_numpy(), part["churned"].to_numpy() == 1
    return min(len(np.unique(person[has_left])), len(np.unique(person[~has_left]))) >= min_group
