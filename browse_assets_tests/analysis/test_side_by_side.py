"""Side by side gives what one after the other gives, and an error of one is told."""

import threading
from collections.abc import Sequence

import pytest

from browse_assets.analysis.side_by_side import side_by_side


@pytest.mark.parametrize("workers", [1, 2, 5])
@pytest.mark.parametrize("items", [(), (3,), (3, 1, 2)])
def test_results_come_in_the_order_of_the_items(items: Sequence[int], workers: int) -> None:
    assert side_by_side(lambda item: item * item, items, workers) == [item * item for item in items]


def test_two_workers_are_at_work_at_a_time_and_one_is_this_thread() -> None:
    both = threading.Barrier(2, timeout=20)
    assert sorted(side_by_side(lambda _: both.wait(), (0, 1), 2)) == [0, 1]
    here = threading.get_ident()
    assert side_by_side(lambda _: threading.get_ident(), (0, 1), 1) == [here, here]


def test_an_error_is_raised_here() -> None:
    with pytest.raises(ZeroDivisionError):
        side_by_side(lambda item: 1 // item, (1, 0), 2)
