"""Drift: whether the people of today look like those on whom a model was measured, feature by feature.

Here: the reference (people counted in bins, no bin of fewer than k) and the population stability index (PSI)
of later people against it. Not here: where the reference is kept, which people are compared (assets), what is
done about it (`checks`, `automation`).
"""

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

PROBABILITY = "probability"
# From 0.25 on a distribution has shifted, between 0.1 and 0.25 somewhat: Siddiqi 2006, "Credit Risk Scorecards".
LARGE_PSI = 0.25
# How often anything may look drifted, in one comparison of people who have not changed at all.
FALSE_ALARM = 0.01
BINS = 10
# Grows by itself from the reference on, until everybody is new: says nothing of people that changed.
AGEING = ("tenure_days", "history_days")
# Against the logarithm of 0, in people: the weight of Jeffreys' prior.
_UNSEEN = 0.5

REFERENCE_COLUMNS = ("feature", "kind", "low", "high", "value", "people")
COLUMNS = ("feature", "psi", "bound", "people", "reference_people", "has_drifted")


def drift_reference(rows: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """How many people lie in which bin of each column.

    Numbers: about deciles, their ends rounded to three digits, joined until each holds `min_group` people.
    A number that is nearly always the same, and a text: one bin for each value that `min_group` people have.
    All else (missing, rarer values, those to come) is one bin more, whose count is told from `min_group` on;
    below, the middle of 0 and `min_group - 1` stands for it.

    Args:
        rows: one row per person, numbers or text; one column per feature, and `probability`.
        min_group: the smallest number of people that may be counted.

    Returns:
        One row per column and bin: feature, kind ('range': low < value <= high, with NaN for no end; 'number'
        or 'text': that very value; 'rest'), low, high, value, people. No row of a column without
        any such bin.
    """
    records: list[dict[Any, Any]] = []
    for name in rows.columns:
        column = rows[name]
        bins = _ranges(column, min_group) or _values(column, min_group)
        if bins:
            frame = pd.DataFrame([*bins, {"kind": "rest"}]).reindex(columns=REFERENCE_COLUMNS).assign(feature=name)
            records += frame.assign(people=_count(column, frame, min_group)).to_dict("records")
    return pd.DataFrame.from_records(records, columns=list(REFERENCE_COLUMNS)).astype(
        {"low": "float64", "high": "float64", "people": "float64"}
    )


def measure_drift(reference: pd.DataFrame, rows: pd.DataFrame, *, min_group: int) -> pd.DataFrame:
    """PSI of each column of the reference: sum of (now - then) ln(now / then) over the shares in its bins.

    Without any drift, n and m people in B bins have a PSI of about (1/n + 1/m) times chi-square with B - 1
    degrees of freedom (Yurdakul and Naranjo 2020, "Statistical properties of the population stability index").
    So the bound is its quantile for one false alarm in a hundred comparisons of all columns together, and never
    below 0.25: what is smaller is not worth a training.

    Args:
        reference: of `drift_reference`.
        rows: one row per person; a column that is not there is missing for everybody.
        min_group: as for the reference.

    Returns:
        One row per feature of the reference, in its order: feature, psi, bound, people (now), reference_people
        (without an untold rest), has_drifted (psi above bound). Bound and has_drifted are missing for what grows
        by itself (`AGEING`), psi too where there is nobody to compare.
    """
    from scipy.stats import chi2

    features = list(dict.fromkeys(reference["feature"]))
    records = []
    for name in features:
        bins = reference[reference["feature"] == name].reset_index(drop=True)
        column = rows[name] if name in rows.columns else pd.Series(np.nan, index=rows.index)
        then, now = bins["people"].to_numpy(), _count(column, bins, min_group)
        psi = bound = float("nan")
        if len(rows):
            psi = population_stability_index(then, now)
            if name not in AGEING:
                noise = chi2.ppf(1 - FALSE_ALARM / len(features), len(bins) - 1)
                bound = max(LARGE_PSI, float(noise) * (1 / then.sum() + 1 / now.sum()))
        told = int(then.sum() if then[-1] >= min_group else then[:-1].sum())
        records.append((name, psi, bound, len(rows), told, None if bound != bound else psi > bound))
    found = pd.DataFrame.from_records(records, columns=list(COLUMNS))
    return found.astype({"psi": "float64", "bound": "float64", "has_drifted": "boolean"})


def population_stability_index(then: FloatArray, now: FloatArray) -> float:
    """Of two counts by bin; half a person is added to each bin, so that an empty one is not infinitely far."""
    p, q = ((counts + _UNSEEN) / (counts + _UNSEEN).sum() for counts in (then, now))
    return float(((q - p) * np.log(q / p)).sum())


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _ranges(column: pd.Series, min_group: int) -> list[dict[str, object]]:
    """At least two ranges of at least `min_group` known numbers each; none where that cannot be."""
    known = np.sort(column.dropna().to_numpy(dtype=np.float64)) if _is_number(column) else np.zeros(0)
    if not len(known):
        return []
    # An end as it stands would be one person's value.
    wanted = {float(f"{edge:.3g}") for edge in np.quantile(known, np.arange(1, BINS) / BINS)}
    edges: list[float] = []
    below = 0
    for edge in sorted(wanted):
        upto = int(np.searchsorted(known, edge, side="right"))
        if upto - below >= min_group and len(known) - upto >= min_group:
            edges.append(edge)
            below = upto
    if not edges:
        return []
    ends = [np.nan, *edges, np.nan]
    return [{"kind": "range", "low": low, "high": high} for low, high in pairwise(ends)]


def _values(column: pd.Series, min_group: int) -> list[dict[str, object]]:
    """The most common values that at least `min_group` people have."""
    counts = column.dropna().value_counts().sort_index().sort_values(ascending=False, kind="stable")
    kept = counts[counts >= min_group].index[:BINS]
    if _is_number(column):
        return [{"kind": "number", "low": float(value)} for value in kept]
    return [{"kind": "text", "value": str(value)} for value in kept]


def _count(column: pd.Series, bins: pd.DataFrame, min_group: int) -> FloatArray:
    """People by bin, the last of which is the rest: its count, where it is below `min_group`, is not told."""
    counts = np.zeros(len(bins))
    if (bins["kind"] == "text").any():
        texts = column.astype("str")
        counts[:-1] = [(texts == value).sum() for value in bins["value"][:-1]]
    else:
        numbers = pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
        for i, (kind, low, high) in enumerate(zip(bins["kind"], bins["low"], bins["high"], strict=True)):
            if kind == "number":
                counts[i] = (numbers == low).sum()
            elif kind == "range":
                above = np.isfinite(numbers) if np.isnan(low) else numbers > low
                counts[i] = (above if np.isnan(high) else above & (numbers <= high)).sum()
    rest = len(column) - counts[:-1].sum()
    counts[-1] = rest if rest >= min_group else (min_group - 1) / 2
    return counts
