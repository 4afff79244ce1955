"""Synthetic snapshots of people for the benchmark of churn's training, made by columns from a seed.

What belongs here: who the people are, what is known of them at each time, and who leaves. What does not: training on
them and measuring it (`training.py`).
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.analysis.churn_windows import WindowPlan, plan_windows
from browse_assets.tables import CHURN_FEATURES

FloatArray = npt.NDArray[np.float64]

SEED = 20261123
# The last is the test, the one before calibrates and sets the threshold, six fit.
TIMES = 8
AS_OF = pd.Timestamp("2026-10-01")
# 34 columns of churn_snapshots and 6 declared attributes: 35 numbers and 5 texts.
FEATURES = tuple(column.name for column in CHURN_FEATURES[:34])
LIFECYCLES = ("regular", "returning", "new", "dormant")
COUNTRIES = tuple(f"C{i:02d}" for i in range(15))
PLANS = ("basic", "plus", "premium", "student")
AGES = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
CHANNELS = ("ads", "friend", "partner", "press", "search", "store")
ATTRIBUTES = ("age_band", "channel", "country", "credit", "days_since_signup", "plan")


def snapshot_plan() -> WindowPlan:
    """TIMES snapshots of the usual windows (90, 7 and 30 days), up to AS_OF."""
    days = 90 + 2 * 37 + (TIMES - 2) * 30
    return plan_windows(AS_OF - pd.Timedelta(days=days), AS_OF)


def snapshot_blocks(rows: int, *, seed: int = SEED) -> Iterator[pd.DataFrame]:
    """One block per snapshot time: one row per person, `user` (from 0), snapshot_time, churned, features, attributes.

    About one in ten leaves: by pauses that grow, by few visits of people of a middling age, by a plan that only hurts
    who came lately, and by something of each person's own that no column tells. One value in ten is missing where
    the real table has gaps. Attributes are texts, as they are stored; two of them are numbers.

    Args:
        rows: of all blocks together; a multiple of TIMES.
        seed: of everything.
    """
    people = rows // TIMES
    rng = np.random.default_rng(seed)
    habit, own = rng.normal(size=people), rng.normal(size=people)
    joined = rng.integers(0, 900, people).astype(np.float64)
    declared = {
        "age_band": rng.choice(AGES, people),
        "channel": _gaps(rng.choice(CHANNELS, people), 0.2, rng),
        "country": rng.choice(COUNTRIES, people, p=_zipf(len(COUNTRIES))),
        "credit": _gaps(np.round(rng.lognormal(3, 1, people), 1).astype(str), 0.1, rng),
        "plan": rng.choice(PLANS, people, p=(0.5, 0.25, 0.15, 0.1)),
    }
    for number, time in enumerate(snapshot_plan().snapshot_times):
        tenure = joined + 30.0 * number + 1
        now = 0.8 * habit + 0.6 * rng.normal(size=people)
        columns = _features(tenure, now, rng)
        logit = (
            -3.3
            + 0.9 * np.log1p(columns["overdue"])
            - 0.7 * now
            + 0.8 * np.exp(-((columns["topic_entropy"] - 1.2) ** 2) / 0.1)
            + 0.9 * ((declared["plan"] == "student") & (tenure < 200))
            + 0.4 * own
        )
        yield pd.DataFrame(
            {
                "user": np.arange(people),
                "snapshot_time": time,
                "churned": rng.random(people) < 1 / (1 + np.exp(-logit)),
                **{name: _gaps(columns[name], 0.1, rng) if "gap" in name else columns[name] for name in FEATURES},
                **declared,
                "days_since_signup": (tenure + 5).astype(int).astype(str),
            }
        )


def _features(tenure: FloatArray, now: FloatArray, rng: np.random.Generator) -> dict[str, npt.NDArray[np.generic]]:
    """The columns of FEATURES: more or less what somebody so active (`now`, standard normal) would show."""
    people = len(now)
    rate = np.exp(0.9 * now)
    since = np.minimum(np.floor(rng.exponential(6 / rate)), tenure)
    gap = np.maximum(1, rng.gamma(2, 3 / rate))
    known: dict[str, npt.NDArray[np.generic]] = {
        "days_since_last": since,
        "tenure_days": tenure,
        "history_days": np.clip(np.floor(tenure * (1 - np.exp(-rate / 4))), 1, tenure - since + 1),
        "lifecycle": np.asarray(LIFECYCLES)[np.digitize(-now + 0.5 * rng.normal(size=people), (0.5, 1.0, 1.8))],
        "gap_mean_days": gap,
        "gap_max_days": np.ceil(gap * (1 + rng.exponential(1.5, people))),
        "overdue": since / gap,
        "topic_entropy": rng.gamma(6, 0.2, people),
    }
    for name in (name for name in FEATURES if name not in known):
        noise = rng.normal(size=people)
        if name.endswith(("share", "trend", "entropy", "variation")):
            known[name] = np.round(1 / (1 + np.exp(-(0.4 * now + noise))), 4)
        elif "per_" in name or "amount" in name:
            known[name] = np.exp(0.3 * now + 0.8 * noise)
        else:
            known[name] = rng.poisson(np.exp(1.5 + 0.6 * now + 0.3 * noise)).astype(np.float64)
    return known


def _gaps(values: npt.NDArray[np.generic], share: float, rng: np.random.Generator) -> npt.NDArray[np.generic]:
    """The same with that share of them missing."""
    missing = rng.random(len(values)) < share
    return np.where(missing, None if values.dtype.kind == "U" else np.nan, values)


def _zipf(count: int) -> FloatArray:
    weights = 1 / np.arange(1.0, count + 1)
    return weights / weights.sum()
