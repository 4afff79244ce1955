"""Which groups of people may be counted in public, so that no hidden one can be computed from the rest.

Here: primary suppression (small groups), complementary suppression (groups that would give a hidden one
away), and rounding, on counts alone. Not here: which people are counted, and for whom (`assets/`).

What the reader of a release is presumed to know: every released count exactly (rounding only takes away
from that), which group lies within which, and these rules. Criterion, after Cox (1980), "Suppression
methodology and statistical disclosure control", JASA 75, 377-385, and Willenborg and de Waal (2001),
"Elements of statistical disclosure control": given all that, the interval of values that a suppressed
group of fewer than k people could have reaches from 0 to at least k, and that of any other suppressed
group is at least k wide (where overlapping parts are known to leave nobody out: never a single value). The
tests compute these intervals by linear programming. Not covered: what somebody knows of single people.
"""

from collections.abc import Iterable
from dataclasses import dataclass

# Released counts go down to k + a multiple of this: one person who comes or goes between two releases
# moves one count in five at most, and none by 1.
ROUNDING = 5


@dataclass(frozen=True)
class Group:
    """A group of people: its name, the group that it lies within (None: everybody), and its size."""

    item: str
    parent: str | None
    people: int


def releasable(groups: Iterable[Group], everybody: int, *, min_group: int) -> dict[str, str | None]:
    """The groups whose counts may be released beside the count of everybody.

    Groups may overlap (topics) or be disjoint (segments); the rules hold for both. A group is hidden when
    it has fewer than k people; when the nearest released group around it has fewer than k people more
    ("everybody but three"); or when a released group has some, but fewer than k, people more than the
    released groups right within it have together: then the smallest of these is hidden.

    Args:
        groups: of one dimension, each within its parent; names are unique.
        everybody: how many people there are.
        min_group: k, the smallest group that is released.

    Returns:
        For each released group, the nearest released group around it (None: everybody). Nothing is
        released of fewer than k people.

    Raises:
        ValueError: a group is larger than what it lies within.
    """
    people = {group.item: group.people for group in groups}
    parent = {group.item: group.parent for group in groups}
    for item, count in people.items():
        around = parent[item]
        if count > (everybody if around is None else people[around]):
            raise ValueError("a group is larger than the group it lies within")
    if everybody < min_group:
        return {}
    released = {item for item, count in people.items() if count >= min_group}
    while True:
        around_of = {item: _nearest(item, parent, released) for item in released}
        hides_people = {_nearest(item, parent, released) for item in people.keys() - released if people[item]}
        hidden = _gives_away(people | {None: everybody}, around_of, hides_people, min_group)
        if hidden is None:
            return {item: around_of[item] for item in sorted(released)}
        released.remove(hidden)


def _nearest(item: str, parent: dict[str, str | None], released: set[str]) -> str | None:
    around = parent[item]
    while around is not None and around not in released:
        around = parent[around]
    return around


def _gives_away(
    people: dict[str | None, int], around_of: dict[str, str | None], hides_people: set[str | None], min_group: int
) -> str | None:
    """A released group that tells of fewer than k people, or None when there is none left."""
    within: dict[str | None, list[str]] = {}
    for item, around in sorted(around_of.items()):
        if people[around] - people[item] < min_group:
            return item
        within.setdefault(around, []).append(item)
    for around, items in within.items():
        left = people[around] - sum(people[item] for item in items)
        # Nobody left tells nothing, unless a hidden group lies between: it would be as large as `around`.
        if 0 < left < min_group or (left == 0 and around in hides_people):
            return min(items, key=lambda item: (people[item], item))
    return None


def rounded(people: int, *, min_group: int) -> int:
    """A count of at least k as it is released: down to k + a multiple of 5."""
    return min_group + (people - min_group) // ROUNDING * ROUNDING
