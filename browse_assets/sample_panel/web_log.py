"""Page views as the panel's extension would report them: addresses, titles, referrers, devices.

Here: from planned page views to the exported columns. Not here: personal data planted in them
(`personal_data.py`) and the layout of files (`files.py`).
"""

from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import pandas as pd

from browse_assets.sample_panel.everyday_sites import SEARCH_ENGINES
from browse_assets.sample_panel.pages import Catalogue, TextArray
from browse_assets.sample_panel.people import IntArray, People

# Where one comes from when a session begins with a link: (referrer, share).
_SOURCES = (
    ("https://www.google.com/", 0.42),
    ("https://www.facebook.com/", 0.2),
    ("https://t.co/", 0.1),
    ("", 0.18),  # a newsletter in a mail program
    ("https://www.instagram.com/", 0.1),
)
_CAMPAIGNS = ("spring", "weekly", "digest", "retargeting", "launch", "sale2026", "newsletter_06")
_SEARCH_PAGES = tuple(before for _, _, before, _, _ in SEARCH_ENGINES)
# One goes there by oneself, from no link.
_OWN_PLACES = ("mail", "social", "tools", "servicing")
# Documentation networks: no address of anybody.
_NETWORKS = ("192.0.2.", "198.51.100.", "203.0.113.")


def describe_views(
    rng: np.random.Generator,
    views: pd.DataFrame,
    people: People,
    catalogue: Catalogue,
    start: pd.Timestamp,
) -> pd.DataFrame:
    """One row per page view with the exported columns but the referrer, which needs the final
    addresses (`referrers`), and with person, session, errand, page and `source` kept."""
    log = views[["person", "session", "errand", "is_mobile"]].copy()
    page = views["page"].to_numpy().copy()
    is_first = np.append(True, np.diff(views["session"].to_numpy()) != 0)
    reload = ~is_first & (rng.random(len(log)) < 0.015)
    page[reload] = np.roll(page, 1)[reload]
    log["page"] = page
    url = np.where(views["is_mobile"], catalogue.page_mobile_url[page], catalogue.page_url[page])
    is_first_of_block = views["is_first_of_block"].to_numpy()
    log["transition"] = _transitions(rng, url, is_first, is_first_of_block, reload)
    own = is_first_of_block & _is_own_place(catalogue)[page] & (log["transition"] == "link").to_numpy()
    log.loc[own, "transition"] = "typed"
    arrival = is_first & (log["transition"] == "link").to_numpy()
    source = rng.choice(len(_SOURCES), len(log), p=[share for _, share in _SOURCES])
    log["source"] = np.where(arrival, np.array([name for name, _ in _SOURCES], dtype=object)[source], "")
    log["url"] = _with_campaigns(rng, url, arrival, source)
    title = catalogue.page_title[page].copy()
    title[rng.random(len(log)) < 0.01] = ""
    log["title"] = title
    milliseconds = np.round(views["time"].to_numpy() * 1000).astype("timedelta64[ms]")
    log["time"] = start.tz_localize(None).to_datetime64().astype("datetime64[ms]") + milliseconds
    person = log["person"].to_numpy()
    log["userId"] = people.table["userId"].to_numpy()[person]
    log["ip"] = _addresses(rng, person, log["is_mobile"].to_numpy(), (views["time"] // 604_800).to_numpy(dtype=int))
    has_tablet = rng.random(len(people.table)) < 0.15
    log["device"] = np.where(log["is_mobile"], np.where(has_tablet[person], "tablet", "mobile"), "desktop")
    seen = np.where(views["gap"].isna(), rng.lognormal(np.log(24), 1.0, len(log)),
                    views["gap"] * rng.uniform(0.5, 1.0, len(log)))  # fmt: skip
    reported = people.table["reports_duration"].to_numpy()[person]
    log["duration"] = pd.Series(np.clip(seen, 1, 1_800).astype(int)).astype("Int64").where(pd.Series(reported))
    return log


def _is_own_place(catalogue: Catalogue) -> npt.NDArray[np.bool_]:
    """For each page, whether it is one's mail, social network, tool or bank."""
    sections = [sections for key, sections in catalogue.groups.items() if key[0] in _OWN_PLACES]
    return np.isin(catalogue.page_section, np.concatenate(sections))


def _transitions(
    rng: np.random.Generator,
    url: TextArray,
    is_first: npt.NDArray[np.bool_],
    is_first_of_block: npt.NDArray[np.bool_],
    reload: npt.NDArray[np.bool_],
) -> TextArray:
    """Chrome's names of how a page was reached."""
    text = pd.Series(url)
    searching = np.zeros(len(url), dtype=bool)
    for part in _SEARCH_PAGES:
        searching |= text.str.startswith(part).to_numpy()
    after_search = np.roll(searching, 1) & ~is_first
    after_login = np.roll(text.str.contains("/login", regex=False).to_numpy(), 1) & ~is_first
    own_start = np.array(["typed", "auto_bookmark", "link"], dtype=object)[rng.choice(3, len(url), p=[0.4, 0.25, 0.35])]
    transition = np.where(is_first_of_block, own_start, "link").astype(object)
    transition[after_search] = "link"
    transition[searching] = "generated"
    transition[after_login] = "form_submit"
    transition[reload] = "reload"
    return transition


def add_to_query(url: str, parameter: str) -> str:
    """`url` with one more parameter, before its fragment."""
    address, mark, fragment = url.partition("#")
    return f"{address}{'&' if '?' in address else '?'}{parameter}{mark}{fragment}"


def _with_campaigns(
    rng: np.random.Generator, url: TextArray, arrival: npt.NDArray[np.bool_], source: IntArray
) -> TextArray:
    """Tracking parameters on some of the addresses that one arrives at from elsewhere."""
    tracked = url.copy()
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"))
    for i in np.flatnonzero(arrival & (rng.random(len(url)) < 0.6)):
        code = "".join(letters[rng.integers(len(letters), size=22)])
        campaign = _CAMPAIGNS[int(rng.integers(len(_CAMPAIGNS)))]
        parameter = (
            f"gclid=Cj0KCQ{code}",
            f"fbclid=IwAR{code}",
            f"utm_source=twitter&utm_medium=social&utm_campaign={campaign}",
            f"utm_source=newsletter&utm_medium=email&utm_campaign={campaign}",
            f"utm_source=instagram&utm_medium=paid&igshid={code[:12]}",
        )[source[i]]
        tracked[i] = add_to_query(tracked[i], parameter)
    return tracked


def _addresses(
    rng: np.random.Generator, person: IntArray, is_mobile: npt.NDArray[np.bool_], week: IntArray
) -> TextArray:
    """IP address of each view: one at home that changes rarely, another on the way each week."""
    people, weeks = int(person.max()) + 1, int(week.max()) + 1

    def draw() -> str:
        if rng.random() < 0.1:
            return f"2001:db8:{int(rng.integers(65_536)):x}::{int(rng.integers(65_536)):x}"
        return f"{_NETWORKS[int(rng.integers(3))]}{int(rng.integers(1, 255))}"

    home = np.empty((people, weeks), dtype=object)
    away = np.empty((people, weeks), dtype=object)
    for i in range(people):
        current = draw()
        for j in range(weeks):
            current = draw() if rng.random() < 0.04 else current
            home[i, j], away[i, j] = current, draw()
    return np.where(is_mobile, away[person, week], home[person, week])


def referrers(log: pd.DataFrame) -> TextArray:
    """What the browser sends: the page before without fragment and credentials on the same host,
    only its origin on another ("strict-origin-when-cross-origin"), nothing when typed."""
    url, transition = log["url"].to_numpy(), log["transition"].to_numpy()
    session, source = log["session"].to_numpy(), log["source"].to_numpy()
    result = np.full(len(log), "", dtype=object)
    for i in range(len(log)):
        if i == 0 or session[i] != session[i - 1]:
            result[i] = source[i]
        elif transition[i] in ("link", "form_submit"):
            before, here = urlsplit(url[i - 1]), urlsplit(url[i])
            origin = f"{before.scheme}://{before.hostname}"
            same = before.hostname == here.hostname
            query = f"?{before.query}" if before.query else ""
            result[i] = f"{origin}{before.path}{query}" if same else f"{origin}/"
        elif transition[i] == "reload":
            result[i] = result[i - 1]
    return result


def tags_of_views(catalogue: Catalogue, page: IntArray) -> pd.DataFrame:
    """One row per page view and meta tag: view (row number), name, content."""
    counts = np.diff(catalogue.tag_start)[page]
    view = np.repeat(np.arange(len(page)), counts)
    place = np.arange(len(view)) - np.repeat(np.cumsum(counts) - counts, counts)
    tag = catalogue.tag_start[page[view]] + place
    return pd.DataFrame({"view": view, "name": catalogue.tag_name[tag], "content": catalogue.tag_content[tag]})
