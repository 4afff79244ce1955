"""Things that people go online for on purpose: money matters and wares.

Here: who shops for which financial product when, who uses which bank, who wants which ware.
Not here: the pages (`financial_sites.py`, `wares.py`) and the page views (`browsing.py`).
"""

from dataclasses import dataclass

import numpy as np

from browse_assets.sample_panel.financial_sites import FINANCE_PRODUCTS, SERVICING_SITES
from browse_assets.sample_panel.people import IntArray, People
from browse_assets.sample_panel.wares import Ware


@dataclass(frozen=True)
class Errand:
    """One person's repeated visits for one matter, on the given days (0 = first of the panel).

    `kind` is "shopping", "servicing" or "ware"; `name` the financial product or the ware.
    """

    person: int
    kind: str
    name: str
    days: IntArray
    group: tuple[str, ...]
    search: tuple[str, ...] | None


def plan_errands(rng: np.random.Generator, people: People, days: int, wares: tuple[Ware, ...]) -> list[Errand]:
    """All errands, ordered by person. Days on which a person is not there are left out later."""
    errands: list[Errand] = []
    languages, interests = people.table["language"], people.table["interests"]
    for person in range(len(people.table)):
        language = str(languages.iloc[person])
        present = np.flatnonzero(people.presence[person] > 0)
        if len(present) < 14:
            continue
        first, last = int(present[0]), int(present[-1]) + 1
        errands += _servicing(rng, person, language, first, last)
        errands += _shopping(rng, person, language, first, last)
        if language == "en":
            for ware in wares:
                errands += _wanting(rng, person, interests.iloc[person], ware, first, last, days)
    return errands


def _servicing(rng: np.random.Generator, person: int, language: str, first: int, last: int) -> list[Errand]:
    """About six in ten look after their own accounts, nearly every week, on a usual weekday."""
    if rng.random() > 0.6:
        return []
    sites = [line.split("|") for line in SERVICING_SITES.split("\n") if line.startswith(f"{language}|")]
    weights = np.array([float(site[1]) for site in sites])
    number = 2 if rng.random() < 0.3 and len(sites) > 4 else 1
    errands = []
    for choice in rng.choice(len(sites), number, replace=False, p=weights / weights.sum()):
        _, _, product, host, _ = sites[int(choice)]
        usual = first + int(rng.integers(7))
        visits = np.arange(usual, last, 7) + rng.integers(-1, 2, len(np.arange(usual, last, 7)))
        visits = visits[(visits >= first) & (visits < last) & (rng.random(len(visits)) < 0.85)]
        errands.append(Errand(person, "servicing", product, visits, ("servicing", host, product), None))
    return errands


def _shopping(rng: np.random.Generator, person: int, language: str, first: int, last: int) -> list[Errand]:
    """About half of the people shop for one or two financial products, for two to six weeks."""
    products = [product for product in FINANCE_PRODUCTS if product.language == language]
    weights = np.array([product.weight for product in products])
    number = int(rng.choice([0, 1, 2], p=[0.48, 0.37, 0.15]))
    errands = []
    for choice in rng.choice(len(products), min(number, len(products)), replace=False, p=weights / weights.sum()):
        name = products[int(choice)].name
        length = int(rng.integers(14, 43))
        # Many are under way at the end, since that is what a flag is asked about.
        begin = last - length if rng.random() < 0.35 else int(rng.integers(first, max(first + 1, last - length)))
        begin = max(begin, first)
        visits = np.unique(rng.integers(begin, min(begin + length, last), 3 + rng.poisson(4)))
        errands.append(Errand(person, "shopping", name, visits,
                              ("shop", name, language), ("shop search", name, language)))  # fmt: skip
    return errands


def _wanting(
    rng: np.random.Generator,
    person: int,
    interests: tuple[str, ...],
    ware: Ware,
    first: int,
    last: int,
    days: int,
) -> list[Errand]:
    """Visits to a ware: many of those with its topic, few others; more and more after a launch."""
    is_new = ware.launched_days_before_end is not None
    chance = (0.5 if is_new else 0.3) if ware.topic in interests else 0.03
    if rng.random() > chance:
        return []
    launch = max(first, days - (ware.launched_days_before_end or days))
    if launch >= last - 2:
        return []
    number = 2 + rng.poisson(2.0)
    if is_new:
        begin = launch + int((last - launch) * rng.random() ** 0.7)
        visits = begin + ((last - begin) * rng.random(number) ** 0.7).astype(np.int64)
    else:
        begin = int(rng.integers(launch, last))
        visits = rng.integers(begin, min(begin + 30, last), number)
    visits = np.unique(np.clip(visits, launch, last - 1))
    return [Errand(person, "ware", ware.name, visits, ("ware", ware.name), ("ware search", ware.name))]
