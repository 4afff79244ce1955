"""Who the sample panel's people are, and when and why they leave.

Here: attributes, interests, engagement by week, churn and lost tracking. Not here: what they do in
the browser (`browsing.py`) or buy and complain about in words (`customers.py`).
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.sample_panel.everyday_sites import SEARCH_ENGINES
from browse_assets.sample_panel.topics import Topic

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

CHURN_SHARE = 0.30  # of all people by the panel's end
TRACKING_LOST_SHARE = 0.05
SETTLING_WEEKS = 4  # nobody leaves earlier than that after joining or the panel's start
PAUSES_PER_MONTH = 0.6
AGE_BANDS = ("18-24", "25-34", "35-44", "45-54", "55-64", "65+")
CHRONOTYPES = ("early bird", "office hours", "evening", "night owl")
PLANS = ("basic", "standard", "premium")
# Country: (share, language, hours from UTC of its zones; winter time all year, since what is
# planted is a rhythm and not a calendar).
COUNTRIES: dict[str, tuple[float, str, tuple[int, ...]]] = {
    "US": (0.62, "en", (-5, -5, -6, -6, -7, -8, -8)),
    "GB": (0.08, "en", (0,)),
    "CA": (0.06, "en", (-5, -8)),
    "AU": (0.03, "en", (10,)),
    "DE": (0.09, "de", (1,)),
    "AT": (0.015, "de", (1,)),
    "FR": (0.06, "fr", (1,)),
    "ES": (0.03, "es", (1,)),
    "MX": (0.015, "es", (-6,)),
}


@dataclass(frozen=True)
class Persona:
    """A segment: interests (the first two are its core), leaning of gender and of age
    (above 0: rather female, rather old)."""

    name: str
    interests: tuple[str, ...]
    female: float
    old: float


PERSONAS: tuple[Persona, ...] = (
    Persona("sports fan",
            ("Soccer", "American Football", "Basketball", "Auto Racing", "Fitness and Exercise"), -1, 0),
    Persona("gamer", ("PC Games", "Console Games", "Animation & Anime", "Consumer Electronics"), -1, -2),
    Persona("home cook", ("Cooking", "Gardening", "Dining Out", "Nutrition", "Dogs"), 1, 1),
    Persona("traveller", ("Travel", "Dining Out", "Language Learning", "Books and Literature"), 0, 0),
    Persona("technologist", ("Computing", "Artificial Intelligence", "Consumer Electronics",
                             "Space and Astronomy", "Job Search"), -1, -1),
    Persona("young parent", ("Parenting", "Cooking", "Home Improvement", "Real Estate"), 1, -0.5),
    Persona("athlete", ("Fitness and Exercise", "Nutrition", "Cycling", "Music"), 0, -0.5),
    Persona("car enthusiast", ("Auto Buying and Selling", "Motorcycles", "Auto Racing", "Soccer"), -1.5, 0.5),
    Persona("homeowner",
            ("Home Improvement", "Gardening", "Interior Decorating", "Real Estate", "Dogs"), 0, 1),
    Persona("investor",
            ("Personal Investing", "Politics", "Real Estate", "Auto Buying and Selling"), -0.5, 1),
    Persona("culture lover", ("Movies", "Television", "Music", "Books and Literature"), 0.5, 0),
    Persona("style follower",
            ("Beauty", "Style & Fashion", "Interior Decorating", "Television", "Travel"), 2, -1),
)  # fmt: skip


@dataclass(frozen=True)
class People:
    """`table` has one row per person; matrices have the same rows.

    `engagement` (people, weeks): log factor on the usual frequency. `presence` (people, days):
    0 when not in the panel or away, 1 when fully there, between while drifting away. `complaints` and
    `unresolved` (people, weeks): numbers of service contacts.
    """

    table: pd.DataFrame
    engagement: FloatArray
    presence: FloatArray
    complaints: IntArray
    unresolved: IntArray


def make_people(rng: np.random.Generator, count: int, days: int, topics: tuple[Topic, ...]) -> People:
    """Draw `count` people for a panel of `days` days; columns ending in `_day` count from its
    first day, NaN where it does not happen."""
    table = _attributes(rng, count, topics)
    weeks = -(-days // 7)
    table["joined_day"] = np.where(rng.random(count) < 0.15, rng.uniform(8, 0.65 * days, count), 0.0)
    engagement = np.zeros((count, weeks))
    state = rng.normal(0, 0.5, count)
    for week in range(weeks):
        engagement[:, week] = state
        state = 0.87 * state + rng.normal(0, 0.27, count)
    annoyance = rng.gamma(0.5, 0.14, count)
    complaints = rng.poisson(annoyance[:, None] * np.exp(-0.3 * engagement))
    unresolved = rng.binomial(complaints, 0.45)
    risk = _risk(table, engagement, complaints, unresolved)
    decision = _decision_week(rng, risk, table["joined_day"].to_numpy(), days)
    gradual = rng.random(count) < 0.5
    drift = np.where(gradual, rng.uniform(24, 42, count), rng.uniform(0, 7, count))
    churn_day = 7.0 * decision + drift
    lost_day = np.where(rng.random(count) < TRACKING_LOST_SHARE * 1.1,
                        rng.uniform(0.2 * days, 0.93 * days, count), np.nan)  # fmt: skip
    lost_day = np.where((lost_day > churn_day) | (lost_day < table["joined_day"] + 7), np.nan, lost_day)
    table["decision_day"] = np.where(np.isfinite(decision) & np.isnan(lost_day), 7.0 * decision, np.nan)
    left = (churn_day < days) & np.isnan(lost_day)
    table["churn_day"] = np.where(left, churn_day, np.nan)
    table["churn_kind"] = np.where(left, np.where(gradual, "gradual", "abrupt"), "")
    table["tracking_lost_day"] = lost_day
    day = np.arange(days)[None, :]
    since = day - table["decision_day"].to_numpy()[:, None]
    fading = np.clip(1 - 0.9 * since / drift[:, None], 0.08, 1)
    presence = np.where(gradual[:, None] & (since > 0), fading, 1.0)
    last = np.fmin(np.fmin(churn_day, lost_day), days)
    presence *= _away(rng, count, days)
    presence[(day < np.floor(table["joined_day"].to_numpy())[:, None]) | (day > last[:, None])] = 0
    return People(table, engagement, presence, complaints, unresolved)


def _away(rng: np.random.Generator, count: int, days: int) -> FloatArray:
    """0 on the days of holidays and other pauses, else 1: silence that is no churn.

    People differ in how often they are away; a pause lasts 5 to 24 days.
    """
    there = np.ones((count, days))
    pauses = rng.poisson(rng.gamma(1.5, PAUSES_PER_MONTH / 1.5, count) * days / 30)
    person = np.repeat(np.arange(count), pauses)
    begin = rng.integers(0, days, len(person))
    length = np.clip(rng.lognormal(np.log(9), 0.5, len(person)), 5, 24).astype(int)
    for i, first, number in zip(person, begin, length, strict=True):
        there[i, first : first + number] = 0
    return there


def _attributes(rng: np.random.Generator, count: int, topics: tuple[Topic, ...]) -> pd.DataFrame:
    """One row per person: who they are, before anything happens."""
    codes = list(COUNTRIES)
    country = rng.choice(codes, count, p=[COUNTRIES[code][0] for code in codes])
    female = rng.random(count) < 0.51
    age = rng.choice(len(AGE_BANDS), count, p=[0.13, 0.24, 0.21, 0.18, 0.14, 0.10])
    rows = []
    for i in range(count):
        _, language, zones = COUNTRIES[str(country[i])]
        persona, interests, strength = _interests(rng, language, bool(female[i]), int(age[i]), topics)
        rows.append({
            "language": language,
            "utc_offset": zones[int(rng.integers(len(zones)))],
            "persona": persona,
            "interests": interests,
            "interest_strength": strength,
        })  # fmt: skip
    table = pd.DataFrame(rows)
    table.insert(0, "userId", [f"usr_{code:010x}" for code in _distinct_codes(rng, count)])
    table["country"] = country
    table["gender"] = np.where(female, "female", "male")
    table["age_band"] = np.array(AGE_BANDS)[age]
    table["plan"] = rng.choice(PLANS, count, p=[0.42, 0.38, 0.20])
    fragile = rng.normal(0, 1, count) + np.where(table["plan"] == "basic", 0.5, -0.3)
    table["hazard_class"] = np.where(fragile > 0.8, "fragile", np.where(fragile < -0.5, "stable", "average"))
    table["chronotype"] = rng.choice(CHRONOTYPES, count, p=[0.2, 0.35, 0.3, 0.15])
    engines = [name for name, *_ in SEARCH_ENGINES]
    table["engine"] = rng.choice(engines, count, p=[share for _, share, *_ in SEARCH_ENGINES])
    # Heavy tail: the busiest tenth makes about a third of the page views.
    table["sessions_per_day"] = np.clip(rng.lognormal(np.log(0.33), 0.7, count), 0.17, 3.0)
    table["interest_share"] = rng.beta(8, 8, count)
    table["mobile_share"] = rng.beta(1.2, 2.2, count)
    table["reports_duration"] = rng.random(count) < 0.7
    return table


def _distinct_codes(rng: np.random.Generator, count: int) -> list[int]:
    codes: dict[int, None] = {}
    while len(codes) < count:
        codes[int(rng.integers(2**40))] = None
    return list(codes)


def _interests(
    rng: np.random.Generator, language: str, female: bool, age: int, topics: tuple[Topic, ...]
) -> tuple[str, tuple[str, ...], tuple[float, ...]]:
    """Persona, its 2 to 4 interests for a reader of `language`, and their strengths (sum 1)."""
    known = topics_in(topics, language)
    possible = [p for p in PERSONAS if sum(name in known for name in p.interests) >= 2]
    lean = np.array([p.female * (1 if female else -1) * 0.7 + p.old * (age - 2.5) * 0.3 for p in possible])
    weights = np.exp(lean)
    persona = possible[int(rng.choice(len(possible), p=weights / weights.sum()))]
    available = [name for name in persona.interests if name in known]
    wanted = min(int(rng.choice([2, 3, 4], p=[0.35, 0.4, 0.25])), len(available) + 1)
    core, rest = available[:2], available[2:]
    others = [name for name in known if name not in persona.interests]
    # One in four has something that is not of the segment.
    if rng.random() < 0.25 or wanted > len(available):
        rest = [others[int(rng.integers(len(others)))], *rest]
    else:
        rest = [rest[i] for i in rng.permutation(len(rest))]
    chosen = tuple((core + rest)[:wanted])
    strength = rng.dirichlet(np.full(len(chosen), 6.0))
    return persona.name, chosen, tuple(float(value) for value in strength)


@lru_cache(maxsize=8)
def topics_in(topics: tuple[Topic, ...], language: str) -> tuple[str, ...]:
    """Names of the topics that exist in a language."""
    return tuple(topic.name for topic in topics if topic.language == language)


def _risk(table: pd.DataFrame, engagement: FloatArray, complaints: IntArray, unresolved: IntArray) -> FloatArray:
    """Log hazard of deciding to leave in each week, from what came before it.

    Everything in it shows in the data: fewer visits than usual, a falling trend, complaints of the
    last four weeks (unresolved ones twice as heavy), a cheap plan, a light user. The hazard class
    alone is hidden, in part: it leans with the plan.
    """
    people, weeks = engagement.shape
    fixed = table["plan"].map({"basic": 0.7, "standard": 0.0, "premium": -0.9}).to_numpy(dtype=float)
    fixed = fixed + table["hazard_class"].map({"fragile": 0.7, "average": 0.0, "stable": -0.9}).to_numpy(dtype=float)
    fixed = fixed - 0.55 * np.log(table["sessions_per_day"].to_numpy() / 0.33)
    risk = np.full((people, weeks), -np.inf)
    for week in range(SETTLING_WEEKS, weeks):
        level = engagement[:, week - 3 : week].mean(axis=1)
        trend = engagement[:, week - 1] - engagement[:, week - 4 : week - 2].mean(axis=1)
        weight = (complaints + unresolved)[:, week - 4 : week].sum(axis=1)
        risk[:, week] = fixed - 1.5 * level - 0.8 * trend + 0.9 * np.minimum(weight, 4)
    return risk


def _decision_week(rng: np.random.Generator, risk: FloatArray, joined_day: FloatArray, days: int) -> FloatArray:
    """Week in which each person decides to leave, infinity for never.

    The level of the hazard is found by bisection so that `CHURN_SHARE` of the people decide early
    enough (three weeks before the end, the mean time to leaving) on fixed random draws.
    """
    draws = rng.random(risk.shape)
    week = np.arange(risk.shape[1])[None, :]
    open_to_leaving = week >= np.ceil(joined_day / 7)[:, None] + SETTLING_WEEKS
    low, high = -12.0, 2.0
    decided = np.full(len(risk), np.inf)
    for _ in range(40):
        middle = (low + high) / 2
        leaves = open_to_leaving & (draws < 1 - np.exp(-np.exp(np.minimum(risk + middle, 5))))
        decided = np.where(leaves.any(axis=1), leaves.argmax(axis=1).astype(float), np.inf)
        if np.mean(7 * decided < days - 20) < CHURN_SHARE:
            low = middle
        else:
            high = middle
    return decided
