"""Independent computations side by side in threads of this process, with the results of one after the other.

Here: starting them, and keeping each to one thread of its own. Not here: what is computed.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(work: Callable[[Item], Result], items: Sequence[Item], workers: int) -> list[Result]:
    """What `work` says of each item, in their order; up to `workers` of them are worked on at a time.

    Threads, since scikit-learn, LightGBM and NumPy let go of the interpreter while they compute, and rows are not
    copied. The last items begin first: what comes last is made of, or takes longer than, what comes before.

    Args:
        work: changes nothing that it shares with another item's.
        items: what it is asked about.
        workers: 1 for one after the other, in this thread.
    """
    if workers < 2 or len(items) < 2:
        return [work(item) for item in items]
    # A limit on OpenMP's threads holds only for the thread that set it.
    with ThreadPoolExecutor(workers, initializer=threadpool_limits, initargs=(1,)) as pool:
        return list(pool.map(work, items[::-1]))[::-1]
