"""The labelled set: events with one personal value each, and clean ones.

What belongs here: the record of a labelled value, and the set as a whole. What does not: the values
(`values.py`), their places (`places.py`), the clean ones (`clean_urls.py`, `clean_texts.py`).

Another seed gives other values, words and choices under the same kinds, places and encodings, so that
a floor can be held with a seed that nobody looked at.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from browse_assets_tests.privacy.encodings import ENCODINGS
from browse_assets_tests.privacy.values import KINDS, STRUCTURED, Secret

CLEAN = "clean"
# Values of one kind in one place under one encoding; 7 give about 6,000 positives.
PER_COMBINATION = 7
# Parts that go whole, whatever they hold.
WHOLE_PARTS = ("userinfo", "query of another name", "fragment", "personal tag", "referrer")
# Where a user's name has no mark but an at sign: measured, without a floor.
FREE_TEXT = ("title", "description", "search terms")


@dataclass(frozen=True)
class Event:
    """What a panel's CSV holds of a page view; people and times are given by `measure.py`."""

    url: str
    title: str = "Welcome"
    referrer: str = ""
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Case:
    """One labelled value: an event, what it holds and where.

    Attributes:
        kind: of the personal value; `clean` where there is none.
        place: where it stands; of a clean value, the part of the event that is judged.
        encoding: how it is coded; of a clean value, its shape (`news slug`, `price`, ...).
        secret: the value, None where there is none.
        carrier: the string that holds it, as it came in.
        kept: words beside the secret that must survive; of a clean value, all of it.
    """

    kind: str
    place: str
    encoding: str
    event: Event
    carrier: str
    secret: Secret | None = None
    kept: tuple[str, ...] = field(default=())

    @property
    def is_structured(self) -> bool:
        """Whether it counts for the floor of recall."""
        if self.place in WHOLE_PARTS:
            return True
        return self.kind in STRUCTURED and not (self.kind == "username" and self.place in FREE_TEXT)


def labelled_set(seed: int, per_combination: int = PER_COMBINATION) -> list[Case]:
    """Positives, then clean cases: the same for the same seed."""
    from browse_assets_tests.privacy.clean_texts import clean_tags, clean_terms, clean_titles
    from browse_assets_tests.privacy.clean_urls import clean_urls

    rng = random.Random(seed)
    clean = [*clean_urls(rng), *clean_titles(rng), *clean_terms(rng), *clean_tags(rng)]
    return [*_positives(random.Random(seed + 1), per_combination), *clean]


def _positives(rng: random.Random, per_combination: int) -> Iterator[Case]:
    from browse_assets_tests.privacy.places import PLACES

    for place in PLACES:
        for kind in KINDS:
            for encoding in ENCODINGS:
                if place.takes(kind, encoding):
                    for _ in range(per_combination):
                        yield place.case(rng, kind, encoding)
