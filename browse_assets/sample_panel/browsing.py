"""What the sample panel's people do in the browser: sessions, blocks of pages, page views.

Here: when each person goes online, on what, for how long. A session is a sequence of blocks; a
block is some pages of one section of the catalogue. Not here: pages (`pages.py`), addresses with
trackers and personal data (`personal_data.py`), files.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.sample_panel.errands import Errand
from browse_assets.sample_panel.pages import Catalogue
from browse_assets.sample_panel.people import CHRONOTYPES, FloatArray, IntArray, People

SESSION_GAP_SECONDS = 1_860.0  # a little over the pipeline's 1,800 s: no session is in doubt
MAX_GAP_SECONDS = 1_100.0  # within a session
# Share of a day's sessions by local hour, for each chronotype on weekdays.
_HOURS = {
    "early bird": (5, 7.5, 2.2),
    "office hours": (9, 13.0, 3.4),
    "evening": (17, 20.0, 2.4),
    "night owl": (20, 23.0, 2.8),
}
# Monday to Sunday.
_WEEKDAYS = {
    "early bird": (1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 1.1),
    "office hours": (1.3, 1.35, 1.3, 1.25, 1.1, 0.4, 0.45),
    "evening": (1.0, 1.0, 1.0, 0.95, 0.8, 1.05, 1.2),
    "night owl": (0.9, 0.9, 0.9, 1.0, 1.2, 1.2, 0.95),
}
BACKGROUND = ("mail", "social", "news", "tools", "shopping", "video")
BACKGROUND_SHARES = (0.20, 0.27, 0.19, 0.12, 0.12, 0.10)


@dataclass(frozen=True)
class _Blocks:
    """One entry per block, in no order; `place` orders the blocks of a session."""

    session: IntArray
    place: FloatArray
    group: IntArray
    pages: IntArray


def make_page_views(
    rng: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    errands: list[Errand],
    start: pd.Timestamp,
) -> pd.DataFrame:
    """One row per page view, by person and time.

    Columns: person (row of `people.table`), session, errand (index or -1), page, time (float
    seconds after `start`), gap (seconds to the next page view of the session, NaN for its last),
    is_first_of_block, is_mobile.
    """
    sessions = _sessions(rng, people, errands, start)
    blocks = _concatenate([
        _ordinary_blocks(rng, people, catalogue, sessions),
        _errand_blocks(rng, people, catalogue, sessions, errands),
    ])  # fmt: skip
    order = np.lexsort((blocks.place, blocks.session))
    session, group, pages = blocks.session[order], blocks.group[order], blocks.pages[order]
    person = sessions["person"].to_numpy()[session]
    engaged = sessions["engaged"].to_numpy()[session]
    section = _choose_sections(rng, catalogue, person, group, engaged)
    views = pd.DataFrame({"block": np.repeat(np.arange(len(pages)), pages)})
    views["session"] = session[views["block"]]
    views["person"] = person[views["block"]]
    starts = np.cumsum(pages) - pages
    position = np.arange(len(views)) - starts[views["block"]]
    _place_in_time(rng, views, sessions)
    week = np.clip((views["time"].to_numpy() // 604_800).astype(int), 0, None)
    views["page"] = _choose_pages(rng, catalogue, section[views["block"]], position, week)
    views["is_first_of_block"] = position == 0
    views["errand"] = sessions["errand"].to_numpy()[views["session"]]
    views["is_mobile"] = sessions["is_mobile"].to_numpy()[views["session"]]
    return _keep_apart(views, people)


def _sessions(rng: np.random.Generator, people: People, errands: list[Errand], start: pd.Timestamp) -> pd.DataFrame:
    """One row per intended session: person, begin (seconds after `start`, UTC), errand, ..."""
    days = people.presence.shape[1]
    weekday = (start.weekday() + np.arange(days)) % 7
    factors = np.array([_WEEKDAYS[name] for name in people.table["chronotype"]])[:, weekday]
    mood = np.exp(people.engagement[:, np.arange(days) // 7])
    per_day = people.table["sessions_per_day"].to_numpy()[:, None] * factors * mood * people.presence
    # Bursts: some days much, most days little.
    numbers = rng.poisson(np.minimum(per_day * rng.gamma(0.7, 1 / 0.7, per_day.shape), 9))
    person, day = np.nonzero(numbers)
    repeats = numbers[person, day]
    person, day = np.repeat(person, repeats), np.repeat(day, repeats)
    errand = np.full(len(person), -1)
    if errands:
        errand_person = np.concatenate([np.full(len(e.days), e.person) for e in errands])
        errand_day = np.concatenate([e.days for e in errands])
        number = np.concatenate([np.full(len(e.days), i) for i, e in enumerate(errands)])
        # Who drifts away also runs fewer errands.
        likely = people.presence[errand_person, errand_day] * np.minimum(1.0, mood[errand_person, errand_day] * 1.4)
        kept = rng.random(len(number)) < likely
        person = np.concatenate([person, errand_person[kept]])
        day = np.concatenate([day, errand_day[kept]])
        errand = np.concatenate([errand, number[kept]])
    hour = _local_hours(rng, people, person, weekday[day] >= 5)
    utc_offset = people.table["utc_offset"].to_numpy()[person]
    begin = day * 86_400 + (hour - utc_offset) * 3_600
    order = np.lexsort((errand, begin, person))
    mobile_share = people.table["mobile_share"].to_numpy()[person]
    out_of_office = np.where((hour < 8.5) | (hour > 18), 1.35, 0.75)
    sessions = pd.DataFrame({
        "person": person,
        "begin": begin,
        "errand": errand,
        "engaged": people.presence[person, day] * np.exp(np.minimum(people.engagement[person, day // 7], 0)),
        "is_mobile": rng.random(len(person)) < mobile_share * out_of_office,
    })  # fmt: skip
    return sessions.iloc[order].reset_index(drop=True)


def _local_hours(
    rng: np.random.Generator, people: People, person: IntArray, weekend: npt.NDArray[np.bool_]
) -> FloatArray:
    """Hour of the day, 0 to 24 with fractions: around the chronotype's peak, never 2 to 5 at night
    but for night owls."""
    shape = np.array([_HOURS[name] for name in CHRONOTYPES])
    kind = people.table["chronotype"].map({name: i for i, name in enumerate(CHRONOTYPES)}).to_numpy()[person]
    peak = shape[kind, 1] + np.where(weekend, 1.2, 0.0)
    hour = rng.normal(peak, shape[kind, 2])
    elsewhen = rng.random(len(person)) < 0.3
    hour = np.where(elsewhen, rng.triangular(6.5, 17, 24, len(person)), hour)
    asleep = (hour % 24 > 2) & (hour % 24 < 5) & (kind != CHRONOTYPES.index("night owl"))
    return np.where(asleep, 12 + hour % 24, hour % 24)


def _concatenate(parts: list[_Blocks]) -> _Blocks:
    return _Blocks(
        np.concatenate([part.session for part in parts]),
        np.concatenate([part.place for part in parts]),
        np.concatenate([part.group for part in parts]),
        np.concatenate([part.pages for part in parts]),
    )


def _ordinary_blocks(rng: np.random.Generator, people: People, catalogue: Catalogue, sessions: pd.DataFrame) -> _Blocks:
    """Blocks on daily business, interests and passing fancies; with searches before some."""
    errand = sessions["errand"].to_numpy() >= 0
    numbers = np.where(errand, rng.binomial(1, 0.4, len(sessions)),
                       1 + rng.poisson(0.25 + 0.6 * sessions["engaged"].to_numpy()))  # fmt: skip
    session = np.repeat(np.arange(len(sessions)), numbers)
    place = rng.random(len(session)) + 0.05 + np.where(errand[session], 10.0, 0.0)
    person = sessions["person"].to_numpy()[session]
    interest_share = people.table["interest_share"].to_numpy()[person]
    draw = rng.random(len(session))
    is_interest = draw < 0.9 * interest_share
    is_other = draw > 0.95
    group, search = _groups_of_people(rng, people, catalogue, person, is_interest, is_other)
    pages = np.where(is_interest | is_other, rng.geometric(0.42, len(session)), rng.geometric(0.6, len(session)))
    pages = np.minimum(pages, 14)
    with_search = (search >= 0) & (rng.random(len(session)) < np.where(is_interest, 0.3, 0.5))
    searches = _Blocks(session[with_search], place[with_search] - 1e-6, search[with_search],
                       1 + rng.binomial(1, 0.25, int(with_search.sum())))  # fmt: skip
    return _concatenate([_Blocks(session, place, group, pages), searches])


def _groups_of_people(
    rng: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    person: IntArray,
    is_interest: npt.NDArray[np.bool_],
    is_other: npt.NDArray[np.bool_],
) -> tuple[IntArray, IntArray]:
    """Group of each block, and the group of searches that fits it (-1 where none does)."""
    group = np.empty(len(person), dtype=np.int64)
    search = np.full(len(person), -1)
    ids = catalogue.group_ids
    for number in range(len(people.table)):
        row = people.table.iloc[number]
        mine = np.flatnonzero(person == number)
        language, engine = str(row["language"]), str(row["engine"])
        background = np.array([ids[name, language] for name in BACKGROUND])
        group[mine] = rng.choice(background, len(mine), p=BACKGROUND_SHARES)
        topics = [topic.name for topic in catalogue.all_topics if topic.language == language]
        for where, names, shares in (
            (mine[is_interest[mine]], list(row["interests"]), list(row["interest_strength"])),
            (mine[is_other[mine]], topics, None),
        ):
            drawn = rng.choice(len(names), len(where), p=shares)
            group[where] = np.array([ids["topic", name, language] for name in names])[drawn]
            search[where] = np.array([ids["search", name, language, engine] for name in names])[drawn]
    return group, search


def _errand_blocks(
    rng: np.random.Generator,
    people: People,
    catalogue: Catalogue,
    sessions: pd.DataFrame,
    errands: list[Errand],
) -> _Blocks:
    """What the errand is about, first thing in its session, with a search before where one fits."""
    session = np.flatnonzero(sessions["errand"].to_numpy() >= 0)
    errand = sessions["errand"].to_numpy()[session]
    ids = catalogue.group_ids
    engines = people.table["engine"]
    main = np.array([ids[e.group] for e in errands], dtype=np.int64)[errand]
    looked_up = np.array(
        [ids[(*e.search, str(engines.iloc[e.person]))] if e.search else -1 for e in errands],
        dtype=np.int64,
    )[errand]
    zeros = np.zeros(len(session))
    first = _Blocks(session, zeros, main, 1 + rng.binomial(4, 0.4, len(session)))
    again = (looked_up >= 0) & (rng.random(len(session)) < 0.55)
    second = _Blocks(session[again], zeros[again] + 0.01, main[again], rng.geometric(0.5, int(again.sum())))
    asks = (looked_up >= 0) & (rng.random(len(session)) < 0.6)
    query = _Blocks(session[asks], zeros[asks] - 0.01, looked_up[asks], np.ones(int(asks.sum()), dtype=np.int64))
    return _concatenate([first, second, query])


def _choose_sections(
    rng: np.random.Generator,
    catalogue: Catalogue,
    person: IntArray,
    group: IntArray,
    engaged: FloatArray,
) -> IntArray:
    """Section of each block: every person has an own order of favourites in each group, near the
    sites' general popularity, and keeps to the first of them when engagement is low."""
    by_number = list(catalogue.groups.values())
    section = np.empty(len(person), dtype=np.int64)
    order = np.lexsort((group, person))
    cuts = np.flatnonzero(np.diff(person[order]) | np.diff(group[order])) + 1
    for blocks in np.split(order, cuts):
        if not len(blocks):
            continue
        options = by_number[int(group[blocks[0]])]
        liking = np.log(np.arange(1, len(options) + 1)) + rng.normal(0, 1.1, len(options))
        favourites = options[np.argsort(liking, kind="stable")]
        steepness = 2.6 + 1.8 * (1 - np.minimum(engaged[blocks], 1))
        rank = (len(options) * rng.random(len(blocks)) ** steepness).astype(int)
        section[blocks] = favourites[rank]
    return section


def _choose_pages(
    rng: np.random.Generator,
    catalogue: Catalogue,
    section: IntArray,
    position: IntArray,
    week: IntArray,
) -> IntArray:
    """Page of each view: popular ones more often, this week's articles on sites that have some."""
    first, evergreen = catalogue.section_first[section], catalogue.section_evergreen[section]
    weekly = catalogue.section_weekly[section]
    zipf = rng.random(len(section)) ** 1.6
    offset = (evergreen * zipf).astype(np.int64)
    offset = np.where(catalogue.section_in_order[section], (offset // 2 + position) % evergreen, offset)
    fresh = (weekly > 0) & (rng.random(len(section)) < 0.75)
    offset = np.where(fresh, evergreen + weekly * week + (weekly * zipf).astype(np.int64), offset)
    page = first + offset
    # Not the same page twice in a row, where there is another.
    same = (position > 0) & (page == np.roll(page, 1)) & (evergreen > 1)
    return np.where(same, first + (offset + 1) % evergreen, page)


def _place_in_time(rng: np.random.Generator, views: pd.DataFrame, sessions: pd.DataFrame) -> None:
    """Add `time` and `gap`: lognormal gaps with a median of 26 s inside a session."""
    count = len(views)
    gaps = np.round(np.clip(rng.lognormal(np.log(26), 1.05, count), 2.0, MAX_GAP_SECONDS), 3)
    session = views["session"].to_numpy()
    is_last = np.append(session[1:] != session[:-1], True)
    elapsed = np.cumsum(gaps) - gaps
    is_first = np.append(True, is_last[:-1])
    base = np.repeat(elapsed[is_first], np.diff(np.append(np.flatnonzero(is_first), count)))
    views["time"] = np.round(sessions["begin"].to_numpy()[session] + elapsed - base, 3)
    views["gap"] = np.where(is_last, np.nan, gaps)


def _keep_apart(views: pd.DataFrame, people: People) -> pd.DataFrame:
    """Drop sessions that would run into the one before, and views outside of a person's time."""
    spans = views.groupby("session").agg(person=("person", "first"), begin=("time", "min"), end=("time", "max"))
    # One running maximum for all people: each is moved beyond the reach of the one before.
    shift = spans["person"].to_numpy() * 1e9
    latest = np.maximum.accumulate(spans["end"].to_numpy() + shift)
    clear = np.append(True, spans["begin"].to_numpy()[1:] + shift[1:] > latest[:-1] + SESSION_GAP_SECONDS)
    kept = spans.index[clear]
    table, days = people.table, people.presence.shape[1]
    gone = table[["churn_day", "tracking_lost_day"]].min(axis=1).fillna(days)
    last = gone.to_numpy() * 86_400
    begin = table["joined_day"].to_numpy() * 86_400
    time, person = views["time"].to_numpy(), views["person"].to_numpy()
    inside = (time >= begin[person]) & (time < last[person])
    return views[views["session"].isin(kept) & inside].reset_index(drop=True)
