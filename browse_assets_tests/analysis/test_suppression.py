"""No suppressed group can be computed from a release: by hand, and by linear programming on any table."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from browse_assets.analysis.suppression import Group, releasable, rounded

K = 11


def flat(**people: int) -> list[Group]:
    return [Group(item, None, count) for item, count in people.items()]


@pytest.mark.parametrize(
    ("everybody", "groups", "released"),
    [
        (100, flat(a=11, b=10), {"a"}),  # fewer than k
        (100, flat(a=89, b=90), {"a"}),  # all but 10
        (100, flat(a=100), set()),  # all
        (100, flat(a=40, b=30, c=30), {"a", "b", "c"}),  # adds up, nobody is left
        (100, flat(a=40, b=30, c=25, d=5), {"a", "b"}),  # d = 100 - a - b - c: c goes too
        (100, flat(a=45, b=44), {"a", "b"}),  # 11 are left
        (100, flat(a=45, b=45), {"b"}),  # 10 are left: of equals the first by name goes
        (100, flat(a=60, b=60), {"a", "b"}),  # overlap: nothing can be subtracted
        (10, flat(a=10), set()),
        (20, flat(a=20, b=0), set()),
        (0, [], set()),
    ],
)
def test_flat_groups(everybody: int, groups: list[Group], released: set[str]) -> None:
    assert set(releasable(groups, everybody, min_group=K)) == released


def test_groups_within_groups() -> None:
    tree = [
        Group("sports", None, 60),
        Group("tennis", "sports", 40),
        Group("polo", "sports", 9),  # 60 - 40 - 9 = 11 play neither
        Group("music", None, 50),
        Group("jazz", "music", 45),  # all but 5 of music
        Group("bebop", "jazz", 20),  # stays, now right within music
    ]
    assert releasable(tree, 200, min_group=K) == {
        "bebop": "music",
        "music": None,
        "sports": None,
        "tennis": "sports",
    }


def test_a_group_larger_than_what_it_lies_within_is_an_error() -> None:
    with pytest.raises(ValueError, match="larger"):
        releasable([Group("a", None, 5), Group("b", "a", 6)], 10, min_group=K)


@given(st.integers(K, 10_000))
def test_rounding_never_shows_fewer_than_k_nor_more_than_there_are(people: int) -> None:
    shown = rounded(people, min_group=K)
    assert K <= shown <= people < shown + 5
    assert (shown - K) % 5 == 0


# Trees of groups under everybody: parent of each, None is everybody. None has a single part, since that
# would be the same group by another name.
SHAPES: list[list[int | None]] = [
    [None, None, None],
    [None, None, None, None],
    [None, 0, 0, None],
    [None, 0, 0, 0, None],
    [None, 0, 0, 1, 1, None],
]


def patterns_of(shape: list[int | None], *, disjoint: bool, has_own: bool) -> list[frozenset[int]]:
    """Which sets of groups one person can be in.

    A person of a group is in its parent. Disjoint: in at most one group right within another. Without
    `has_own`: whoever is in a group (or is anybody) is in one of the groups right within it, if there are any.
    """
    nodes = range(len(shape))
    found = []
    for size in range(len(shape) + 1):
        for members in itertools.combinations(nodes, size):
            inside = set(members)
            if any(shape[i] is not None and shape[i] not in inside for i in inside):
                continue
            within = {around: [i for i in inside if shape[i] == around] for around in [None, *inside]}
            has_parts = {around: any(shape[i] == around for i in nodes) for around in within}
            if disjoint and any(len(parts) > 1 for parts in within.values()):
                continue
            if not has_own and any(has_parts[around] and not parts for around, parts in within.items()):
                continue
            found.append(frozenset(members))
    return found


def interval(
    patterns: list[frozenset[int]], released: dict[int, int], everybody: int, group: int
) -> tuple[float, float]:
    """Least and greatest size that a group can have, given the released counts."""
    rows = [[1.0] * len(patterns)] + [[float(i in p) for p in patterns] for i in released]
    values = [everybody, *released.values()]
    size = np.array([float(group in p) for p in patterns])
    ends: list[float] = []
    for sign in (1, -1):
        solved: Any = linprog(sign * size, A_eq=rows, b_eq=values, bounds=(0, None), method="highs")
        assert solved.status == 0, solved.message
        ends.append(sign * solved.fun)
    return ends[0], ends[1]


@settings(max_examples=80)
@given(data=st.data(), shape=st.sampled_from(SHAPES), disjoint=st.booleans(), has_own=st.booleans())
def test_no_suppressed_group_can_be_determined(
    data: st.DataObject, shape: list[int | None], disjoint: bool, has_own: bool
) -> None:
    """The criterion of the module, for any table: overlapping or disjoint, exhaustive or not."""
    patterns = patterns_of(shape, disjoint=disjoint, has_own=has_own)
    size = st.sampled_from([0, 0, 0, 1, 2, 3, 5, 8, 10, 11, 12, 17, 25, 40])
    sizes = data.draw(st.lists(size, min_size=len(patterns), max_size=len(patterns)))
    everybody = sum(sizes)
    people = [sum(n for n, p in zip(sizes, patterns, strict=True) if i in p) for i in range(len(shape))]
    groups = [Group(str(i), None if around is None else str(around), people[i]) for i, around in enumerate(shape)]
    around_of = releasable(groups, everybody, min_group=K)
    released = {int(item): people[int(item)] for item in around_of}
    if everybody < K:
        assert not released
        return
    for item, around in around_of.items():
        assert people[int(item)] >= K
        assert (everybody if around is None else people[int(around)]) - people[int(item)] >= K
    for i in set(range(len(shape))) - set(released):
        if people[i] == 0:
            continue  # a group of nobody may be known to be one
        low, high = interval(patterns, released, everybody, i)
        if people[i] < K:
            assert low <= 1e-6
            assert high >= K - 1e-6
        else:
            # Only where overlapping parts are known to leave nobody out is an interval ever narrower than k.
            assert high - low >= (1 if not (has_own or disjoint) else K) - 1e-6
