"""Coverage of the panel: days on which so few people sent anything that their silence says nothing.

Here: which days are holes. Not here: what becomes of the snapshots whose windows they lie in (SQL).
"""

from collections import deque
from statistics import median

import pandas as pd

# Usual is the median of so many days before that were no holes: weekends and slow change are in it.
USUAL_DAYS = 28
LEAST_DAYS = 7
# Of 20 people a quarter or fewer by chance (Poisson): less than once in ten thousand days. Of fewer none can be told.
LEAST_PEOPLE = 20
HOLE_SHARE = 0.25


def coverage_holes(people: pd.Series) -> list[pd.Timestamp]:
    """Days with fewer than a quarter of the people that are usual: the collection failed, not they.

    A hole may be of any length and last to the end of the data (where one person's file goes on for a month after
    everybody else's ended, that month says nothing of the others).

    Args:
        people: how many were active, by day (the index, unique); days without anybody may be missing.

    Returns:
        The days, oldest first; none where fewer than 20 people are usual.
    """
    if people.empty:
        return []
    usual: deque[float] = deque(maxlen=USUAL_DAYS)
    holes = []
    for day, count in people.sort_index().asfreq("D", fill_value=0).items():
        level = median(usual) if len(usual) >= LEAST_DAYS else 0.0
        if level >= LEAST_PEOPLE and count < HOLE_SHARE * level:
            holes.append(pd.Timestamp(str(day)))
        else:
            usual.append(float(count))
    return holes
