"""The whole sample panel in memory: page views, tags, customers and the truth behind them.

Here: the order in which things are drawn, each with its own random stream, so that a change to
one leaves the others as they were. Not here: files (`files.py`, `truth.py`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd

from browse_assets.sample_panel.browsing import make_page_views
from browse_assets.sample_panel.customers import make_customers
from browse_assets.sample_panel.errands import Errand, plan_errands
from browse_assets.sample_panel.pages import build_catalogue
from browse_assets.sample_panel.people import People, make_people
from browse_assets.sample_panel.personal_data import plant_personal_data
from browse_assets.sample_panel.wares import Ware, read_wares
from browse_assets.sample_panel.web_log import describe_views, referrers, tags_of_views


@dataclass(frozen=True)
class Panel:
    """A generated panel.

    `log`: one row per page view (userId, ip, time UTC ms, url, title, referrer, duration s,
    transition, device; person, session, errand, topic). `tags`: one row per page view (row number in
    `log`) and meta tag. `planted`: one row per planted personal value.
    """

    start: pd.Timestamp
    days: int
    people: People
    errands: list[Errand]
    wares: tuple[Ware, ...]
    log: pd.DataFrame
    tags: pd.DataFrame
    planted: pd.DataFrame
    customers: dict[str, pd.DataFrame]


def make_panel(people: int, days: int, seed: int, end: date) -> Panel:
    """Generate a panel of `people` for `days` days, the last of which is `end` (inclusive).

    The same arguments give the same panel. Raises ValueError for fewer than 5 people or 35 days:
    below that there is nothing to plant truth in.
    """
    if people < 5 or days < 35:
        raise ValueError("a sample panel needs at least 5 people and 35 days")
    streams = [np.random.default_rng([seed, stage]) for stage in range(6)]
    first_day = end - timedelta(days=days - 1)
    start = pd.Timestamp(first_day)
    wares = read_wares()
    catalogue = build_catalogue(seed, first_day, -(-days // 7), wares)
    who = make_people(streams[0], people, days, catalogue.all_topics)
    errands = plan_errands(streams[1], who, days, wares)
    views = make_page_views(streams[2], who, catalogue, errands, start)
    log = describe_views(streams[3], views, who, catalogue, start)
    planted, extra_tags = plant_personal_data(streams[4], log)
    log["referrer"] = referrers(log)
    log["topic"] = catalogue.topic_of_page[log["page"].to_numpy()]
    tags = pd.concat([tags_of_views(catalogue, log["page"].to_numpy()), extra_tags], ignore_index=True)
    tags = tags.astype({"view": np.int64}).sort_values("view", kind="stable").reset_index(drop=True)
    customers = make_customers(streams[5], who, start, days)
    return Panel(start, days, who, errands, wares, log, tags, planted, customers)
