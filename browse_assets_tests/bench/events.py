"""The benchmark's input: browsing of a made-up panel, as large as wanted, the same for the same seed.

What belongs here: who visits what and when, and the CSV. What does not: names and words (`sites.py`),
measuring (`__main__.py`).

`events` are page views. Each is written as 1 to 3 rows (1.8 on average), one per meta tag, in the shape of
the panel export that the project began with: `userId, ip, timestamp, url, title, metadata.name,
metadata.content`. 2,000 people per million page views over 30 days, in sessions; hosts by Zipf's law over
50,000; URLs of 40 to 200 characters; 1 % of page views carry personal data. All of it is synthetic: mails
of example.com, telephone numbers 555-01xx, test card numbers, documentation addresses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from browse_assets_tests.bench.sites import ADDRESSES, HOSTS, QUERIES, SEARCH_ENGINES, SECTIONS, Sites, make_sites

COLUMNS = ("userId", "ip", "timestamp", "url", "title", "metadata.name", "metadata.content")
DAYS = 30
PEOPLE_PER_MILLION = 2_000
PERSONAL_SHARE = 0.01
MAX_URL = 200

_FIRST_DAY = np.datetime64("2025-03-03T00:00:00.000")  # a Monday, long before any file is written
_WEEKDAY = np.array([1.0, 1.05, 1.05, 1.0, 0.95, 0.85, 0.9])
_HOUR = np.array([2, 1, 1, 1, 1, 2, 4, 6, 8, 9, 9, 9, 9, 9, 8, 8, 8, 9, 10, 12, 13, 12, 8, 4], dtype=float)
_FAVOURITES = 20
_PAGES_PER_HOST = 40  # on average; the most visited hosts have more
_SLICE = 100_000  # page views that are text at one time
_TAG_NAMES = ("og:title", "og:type", "description", "keywords", "og:image", "og:site_name", "article:section", "lang")

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class _Panel:
    """People by their activity, and the hosts that each likes."""

    activity: npt.NDArray[np.float64]  # cumulative shares
    popularity: npt.NDArray[np.float64]  # cumulative shares of hosts, by rank
    favourites: Ints

    @classmethod
    def drawn(cls, rng: np.random.Generator, people: int) -> "_Panel":
        activity = np.cumsum(rng.lognormal(0, 1, people))
        popularity = np.cumsum(1 / np.arange(1, HOSTS + 1))
        popularity /= popularity[-1]
        favourites = np.searchsorted(popularity, rng.random((people, _FAVOURITES)))
        return cls(activity / activity[-1], popularity, favourites)


@dataclass(frozen=True)
class _Views:
    """Page views as numbers, in the order of time."""

    person: Ints
    time: npt.NDArray[np.datetime64]
    host: Ints
    page: npt.NDArray[np.uint64]

    def __getitem__(self, some: slice) -> "_Views":
        return _Views(self.person[some], self.time[some], self.host[some], self.page[some])


def write_events(path: Path, events: int, *, seed: int = 2025) -> None:
    """Write a panel CSV with that many page views (at least 1,000), a day at a time."""
    if events < 1_000:
        raise ValueError("events must be at least 1,000: fewer make no panel")
    sites = make_sites(seed)
    rng = np.random.default_rng([seed, events])
    panel = _Panel.drawn(rng, _people(events))
    shares = np.cumsum(_WEEKDAY[np.arange(DAYS) % 7])
    ends = np.rint(events * shares / shares[-1]).astype(int)
    text = _Text(sites)
    with path.open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for day, (start, end) in enumerate(zip([0, *ends[:-1]], ends, strict=True)):
            views = _views_of_day(rng, panel, day, end - start)
            for first in range(0, end - start, _SLICE):
                file.write(text.rows(rng, views[first : first + _SLICE]))


def write_day(path: Path, panel_events: int, day: int, events: int, *, seed: int = 2025) -> None:
    """Write that many more page views of the people of a panel of `panel_events`, all on one day (0: its first)."""
    panel = _Panel.drawn(np.random.default_rng([seed, panel_events]), _people(panel_events))
    rng = np.random.default_rng([seed, panel_events, day])
    views = _views_of_day(rng, panel, day, events)
    text = _Text(make_sites(seed))
    with path.open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for first in range(0, events, _SLICE):
            file.write(text.rows(rng, views[first : first + _SLICE]))


def _people(events: int) -> int:
    return max(20, events * PEOPLE_PER_MILLION // 1_000_000)


def _views_of_day(rng: np.random.Generator, panel: _Panel, day: int, count: int) -> _Views:
    lengths = rng.geometric(1 / 12, count // 6 + 20)
    ends = np.cumsum(lengths)
    sessions = int(np.searchsorted(ends, count)) + 1
    session = np.repeat(np.arange(sessions), lengths[:sessions])[:count]
    is_first = np.diff(session, prepend=-1) > 0
    person = np.searchsorted(panel.activity, rng.random(sessions))[session]
    hour = rng.choice(24, sessions, p=_HOUR / _HOUR.sum())
    start = (hour * 3600 + rng.random(sessions) * 3600)[session]
    gaps = np.where(is_first, 0, np.clip(rng.lognormal(3.2, 1.2, count), 1, 1_700))
    elapsed = np.cumsum(gaps)
    seconds = start + elapsed - elapsed[is_first][session]
    time = _FIRST_DAY + np.timedelta64(day, "D") + np.rint(seconds * 1000).astype("timedelta64[ms]")

    favourite = panel.favourites[person, rng.integers(0, _FAVOURITES, count)]
    anywhere = np.searchsorted(panel.popularity, rng.random(count))
    host = np.where(rng.random(count) < 0.5, favourite, anywhere)
    # A person stays on a site for a few pages: the host of the last view that moved on.
    moves = is_first | (rng.random(count) < 0.4)
    host = host[np.maximum.accumulate(np.where(moves, np.arange(count), 0))]
    pages_there = np.maximum(2, _PAGES_PER_HOST * 400 // (host + 10))
    page = _mixed(
        host.astype(np.uint64) * np.uint64(1_000_003) + (rng.random(count) ** 2 * pages_there).astype(np.uint64)
    )

    order = np.lexsort((person, time))
    return _Views(person[order], time[order], host[order], page[order])


def _mixed(numbers: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """SplitMix64: numbers that look random and depend on nothing else (Steele, Lea, Flood 2014)."""
    z = numbers + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class _Text:
    """Page views as lines of CSV, by columns: a million take seconds."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._hosts = pa.array(sites.hosts)
        self._names = pa.array(sites.names)
        self._slugs = pa.array(sites.slugs)
        self._phrases = pa.array(sites.phrases)
        self._searches = pa.array([slug.replace("-", "+") for slug in sites.slugs])
        self._is_engine = np.isin(np.array(sites.hosts), SEARCH_ENGINES)

    def rows(self, rng: np.random.Generator, views: _Views) -> bytes:
        """The lines of some page views; the rows of one stand together."""
        count = len(views.person)
        slug = (views.page % np.uint64(len(self._slugs))).astype(np.int64)
        urls = self._urls(rng, views, slug)
        titles = _joined(_taken(self._phrases, slug), " | ", _taken(self._names, views.host))
        first_tag = (views.page >> np.uint64(20)).astype(np.int64)
        tags = np.array([1, 1, 2, 2, 3])[(views.page >> np.uint64(40)).astype(np.int64) % 5]
        of_view = np.repeat(np.arange(count), tags)
        place = np.arange(len(of_view)) - (np.cumsum(tags) - tags)[of_view]
        name = (first_tag[of_view] + place) % len(_TAG_NAMES)
        contents = self._contents(name, of_view, views, slug, titles)
        urls, titles, contents = _with_personal_data(rng, urls, titles, contents, np.flatnonzero(place == 0))
        people = _joined("panelist-", pc.utf8_lpad(pa.array(views.person).cast(pa.string()), 7, "0"))
        address = (views.person * 7 + views.time.astype("datetime64[D]").astype(np.int64) // 9) % len(ADDRESSES)
        columns = [
            _taken(people, of_view),
            _taken(pa.array(ADDRESSES), address[of_view]),
            _taken(_iso(views.time), of_view),
            _quoted(_taken(urls, of_view)),
            _quoted(_taken(titles, of_view)),
            _taken(pa.array(_TAG_NAMES), name),
            _quoted(contents),
        ]
        lines = pc.binary_join_element_wise(*columns, ",")
        ended = _joined(lines, "\n")
        return b"".join(part.as_py().encode() for part in _whole(ended))

    def _urls(self, rng: np.random.Generator, views: _Views, slug: Ints) -> pa.Array:
        count = len(slug)
        section = ((views.page >> np.uint64(12)) % np.uint64(len(SECTIONS))).astype(np.int64)
        plain = _joined("https://", _taken(self._hosts, views.host), "/", _taken(pa.array(SECTIONS), section), "/")
        plain = _joined(plain, _taken(self._slugs, slug))
        query = np.where(rng.random(count) < 0.3, rng.integers(0, len(QUERIES), count) + 1, 0)
        plain = _joined(plain, _taken(pa.array(["", *QUERIES]), query))
        searched = _joined("https://", _taken(self._hosts, views.host), "/search?q=", _taken(self._searches, slug))
        is_search = self._is_engine[views.host] & (rng.random(count) < 0.7)
        return pc.if_else(pa.array(is_search), searched, plain)

    def _contents(self, name: Ints, of_view: Ints, views: _Views, slug: Ints, titles: pa.Array) -> pa.Array:
        slugs = _taken(self._slugs, slug[of_view])
        phrases = _taken(self._phrases, slug[of_view])
        of_host = views.host[of_view]
        sections = _taken(pa.array(SECTIONS), slug[of_view] % len(SECTIONS))
        by_name = [
            _taken(titles, of_view),
            _taken(pa.array(["article", "website", "product", "video.other"]), slug[of_view] % 4),
            _joined("Read all about it: ", phrases, ". With pictures, prices and the opinions of our readers."),
            pc.replace_substring(slugs, "-", ","),
            _joined("https://", _taken(self._hosts, of_host), "/images/", slugs, ".jpg?w=1200"),
            _taken(self._names, of_host),
            sections,
            _taken(pa.array(["en", "de", "fr", "en-GB"]), of_host % 4),
        ]
        return pc.choose(pa.array(name), *by_name)


def _with_personal_data(
    rng: np.random.Generator, urls: pa.Array, titles: pa.Array, contents: pa.Array, first_row: Ints
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Put personal data of ten kinds into the URL, the title or the first meta tag of 1 % of page views."""
    chosen = np.flatnonzero(rng.random(len(urls)) < PERSONAL_SHARE)
    new_urls: dict[int, str] = {}
    new_titles: dict[int, str] = {}
    new_contents: dict[int, str] = {}
    for place, kind, number in zip(
        chosen.tolist(),
        rng.integers(0, 10, len(chosen)).tolist(),
        rng.integers(0, 10**6, len(chosen)).tolist(),
        strict=True,
    ):
        column, addition = _personal(kind, number)
        if column == "title":
            new_titles[place] = f"{titles[place].as_py()} {addition}"
        elif column == "content":
            row = int(first_row[place])
            new_contents[row] = f"{contents[row].as_py()} {addition}"
        else:
            page = urls[place].as_py().split("?")[0].split("#")[0]
            new_urls[place] = page[: MAX_URL - len(addition)] + addition
    return _replaced(urls, new_urls), _replaced(titles, new_titles), _replaced(contents, new_contents)


def _personal(kind: int, number: int) -> tuple[str, str]:
    person = f"{('ann', 'bob', 'eve', 'kim')[number % 4]}.{('miller', 'smith', 'jones')[number % 3]}{number % 1000}"
    phone = f"202-555-01{number % 100:02}"
    return (
        ("url", f"?email={person}%40example.com"),
        ("url", f"/orders/{10_000_000 + number}"),
        ("url", f"/users/{person}/settings"),
        ("url", f"?session=eyJhbGciOiJIUzI1NiJ9.{number:x}abcdef"),
        ("url", f"/account/{number:08x}-1234-4abc-8def-0123456789ab"),
        ("url", f"/reset/{person}@example.org"),
        ("title", f"- {person}@example.com"),
        ("title", f"- call {phone}"),
        ("content", f"Contact {person}@example.org or {phone}"),
        ("content", "paid with 4111 1111 1111 1111 from 198.51.100.7"),
    )[kind]


def _replaced(texts: pa.Array, new: dict[int, str]) -> pa.Array:
    if not new:
        return texts
    mask = np.zeros(len(texts), dtype=bool)
    mask[list(new)] = True
    return pc.replace_with_mask(texts, pa.array(mask), pa.array([new[place] for place in sorted(new)], texts.type))


def _taken(pool: pa.Array, places: npt.NDArray[Any]) -> pa.Array:
    return pool.take(pa.array(places))


def _joined(*parts: pa.Array | str) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")


def _quoted(texts: pa.Array) -> pa.Array:
    """Quotes only where the value needs them, as panels' exports have it."""
    return pc.if_else(pc.match_substring(texts, ","), _joined('"', texts, '"'), texts)


def _iso(times: npt.NDArray[np.datetime64]) -> pa.Array:
    return _joined(pc.strftime(pa.array(times.astype("datetime64[ms]")), "%Y-%m-%dT%H:%M:%S"), "Z")


def _whole(lines: pa.Array) -> Iterator[Any]:
    """All lines of an array as one text."""
    offsets = pa.array([0, len(lines)], pa.int32())
    yield pc.binary_join(pa.ListArray.from_arrays(offsets, lines), "")[0]
