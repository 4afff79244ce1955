"""What was planted in the sample panel, as tables, and the README that explains it.

Here: truth by person, financial product, ware, personal value and file. Not here: how it was
drawn.
"""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from browse_assets.sample_panel.files import Export, counts_of, make_exports, write_export
from browse_assets.sample_panel.financial_sites import FINANCE_PRODUCTS
from browse_assets.sample_panel.panel import Panel, make_panel
from browse_assets.sample_panel.topics import TOPICS

RECENT_DAYS = 28  # what somebody is interested in now shows within four weeks


def write_panel(out: Path, people: int, days: int, seed: int, end: date) -> None:
    """Generate the panel and write `inbox/`, `customers/`, `truth/` and `README.md` under `out`.

    Equal arguments give equal bytes. Files of those names are overwritten, others left alone.
    Raises ValueError for a panel too small (see `make_panel`), OSError where `out` is not writable.
    """
    panel = make_panel(people, days, seed, end)
    exports = make_exports(panel, seed)
    for folder in ("inbox", "customers", "truth"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for export in exports:
        write_export(out / "inbox", export)
    for name, table in panel.customers.items():
        table.to_csv(out / "customers" / f"{name}.csv", index=False, lineterminator="\n")
    tables = truth_tables(panel, exports)
    for name, table in tables.items():
        table.to_csv(out / "truth" / f"{name}.csv", index=False, lineterminator="\n")
    command = f"python -m browse_assets.sample_panel --people {people} --days {days} --seed {seed} --end {end}"
    (out / "README.md").write_text(_readme(panel, tables, command), encoding="utf-8")


def truth_tables(panel: Panel, exports: list[Export]) -> dict[str, pd.DataFrame]:
    """Every table of `truth/`, by its file's name."""
    files, rejected = counts_of(exports)
    return {
        "people": _people(panel),
        "interests": _interests(panel),
        "finance": _finance(panel),
        "products": _products(panel),
        "personal_data": _personal_data(panel),
        "files": files,
        "rejected": rejected,
    }


def _people(panel: Panel) -> pd.DataFrame:
    """One row per person; times UTC, empty where it did not happen."""
    table, log = panel.people.table, panel.log
    parents = _parents()
    views = log.groupby("person").agg(page_views=("session", "size"), sessions=("session", "nunique"))
    views = views.reindex(range(len(table)), fill_value=0)
    times = log.groupby("person")["time"].agg(["min", "max"]).reindex(range(len(table)))
    return pd.DataFrame({
        "userId": table["userId"],
        "persona": table["persona"],
        "interests": ["|".join(names) for names in table["interests"]],
        "interest_parents": ["|".join(parents[name] for name in names) for names in table["interests"]],
        "interest_strengths": [
            "|".join(f"{value:.3f}" for value in values) for values in table["interest_strength"]
        ],
        "language": table["language"],
        "country": table["country"],
        "gender": table["gender"],
        "age_band": table["age_band"],
        "chronotype": table["chronotype"],
        "utc_offset_hours": table["utc_offset"],
        "hazard_class": table["hazard_class"],
        "joined_time": _moment(panel, table["joined_day"].where(table["joined_day"] > 0)),
        "churn_decision_time": _moment(
            panel, table["decision_day"].where(table["decision_day"] < panel.days)
        ),
        "churn_time": _moment(panel, table["churn_day"]),
        "churn_kind": table["churn_kind"],
        "tracking_lost_time": _moment(panel, table["tracking_lost_day"]),
        "page_views": views["page_views"],
        "sessions": views["sessions"],
        "first_event": _text(times["min"]),
        "last_event": _text(times["max"]),
    })  # fmt: skip


def _parents() -> dict[str, str]:
    """First tier of every interest."""
    return {topic.name: topic.parent for topic in TOPICS}


def _moment(panel: Panel, day: pd.Series) -> pd.Series:
    """Days after the panel's start as ISO times, empty for NaN."""
    return _text(panel.start + pd.to_timedelta((day * 86_400).round(), unit="s"))


def _text(times: pd.Series) -> pd.Series:
    return times.dt.strftime("%Y-%m-%dT%H:%M:%SZ").where(times.notna(), "")


def _realised(panel: Panel, kinds: tuple[str, ...]) -> pd.DataFrame:
    """One row per person, kind and name of the errands that left page views."""
    names = pd.DataFrame({
        "errand": np.arange(len(panel.errands)),
        "kind": [errand.kind for errand in panel.errands],
        "name": [errand.name for errand in panel.errands],
    })  # fmt: skip
    log = panel.log[panel.log["errand"] >= 0].merge(names[names["kind"].isin(kinds)], on="errand")
    return _extent(log, ["userId", "kind", "name"]).reset_index()


def _interests(panel: Panel) -> pd.DataFrame:
    """One row per person and topic of which the person saw a page or searched for it, planted or a passing fancy."""
    log = panel.log[panel.log["topic"] != ""]
    end = panel.start + pd.Timedelta(days=panel.days)
    recent = log[log["time"] >= end - pd.Timedelta(days=RECENT_DAYS)]
    found = _extent(log, ["userId", "topic"]).join(_extent(recent, ["userId", "topic"]).add_prefix("recent_"))
    found = found.reset_index()
    interests = panel.people.table.set_index("userId")["interests"].to_dict()
    parents = _parents()
    return pd.DataFrame({
        "userId": found["userId"],
        "topic": found["topic"],
        "parent": found["topic"].map(parents),
        "is_planted": [topic in interests[u] for u, topic in zip(found["userId"], found["topic"], strict=True)],
        "sessions": found["sessions"],
        "active_days": found["days"],
        "first_day": found["first"].dt.strftime("%Y-%m-%d"),
        "last_day": found["last"].dt.strftime("%Y-%m-%d"),
        "recent_sessions": found["recent_sessions"].fillna(0).astype(int),
        "recent_days": found["recent_days"].fillna(0).astype(int),
    })  # fmt: skip


def _extent(log: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """First and last time, sessions and days of each key's page views."""
    return log.groupby(keys, sort=True).agg(
        first=("time", "min"),
        last=("time", "max"),
        sessions=("session", "nunique"),
        days=("time", lambda times: times.dt.date.nunique()),
    )


def _finance(panel: Panel) -> pd.DataFrame:
    """One row per person, financial product and activity (shopping or servicing)."""
    found = _realised(panel, ("shopping", "servicing"))
    identifiers = {product.name: product.iab_id for product in FINANCE_PRODUCTS}
    return pd.DataFrame({
        "userId": found["userId"],
        "finance_product": found["name"],
        "iab_ad_product_id": found["name"].map(identifiers),
        "activity": found["kind"],
        "from": found["first"].dt.strftime("%Y-%m-%d"),
        "to": found["last"].dt.strftime("%Y-%m-%d"),
        "sessions": found["sessions"],
        "active_days": found["days"],
    })  # fmt: skip


def _products(panel: Panel) -> pd.DataFrame:
    """One row per person and ware."""
    found = _realised(panel, ("ware",))
    wares = {ware.name: ware for ware in panel.wares}
    launched = [wares[name].launched_days_before_end for name in found["name"]]
    end = panel.start + pd.Timedelta(days=panel.days)
    return pd.DataFrame({
        "userId": found["userId"],
        "product": found["name"],
        "brand": [wares[name].brand for name in found["name"]],
        "first_day": found["first"].dt.strftime("%Y-%m-%d"),
        "last_day": found["last"].dt.strftime("%Y-%m-%d"),
        "sessions": found["sessions"],
        "is_new_product": [days is not None for days in launched],
        "launch_day": [f"{end - pd.Timedelta(days=days):%Y-%m-%d}" if days else "" for days in launched],
    })  # fmt: skip


def _personal_data(panel: Panel) -> pd.DataFrame:
    """One row per value, kind, place and encoding; `count` is the number of page views."""
    keys = ["kind", "place", "encoding", "value", "written"]
    counted = panel.planted.groupby(keys, sort=True).size().rename("count").reset_index()
    # A browser tells the next page of the same host the address before: the value goes along.
    next_view = panel.planted[panel.planted["place"].isin(["url_query", "url_path", "search"])].copy()
    next_view["view"] += 1
    next_view = next_view[next_view["view"] < len(panel.log)]
    referrer = panel.log["referrer"].to_numpy()[next_view["view"]]
    carried = next_view[[written in text for written, text in zip(next_view["written"], referrer, strict=True)]]
    referred = carried.assign(place="referrer").groupby(keys, sort=True).size().rename("count").reset_index()
    return pd.concat([counted, referred], ignore_index=True)


def _readme(panel: Panel, tables: dict[str, pd.DataFrame], command: str) -> str:
    people, files = tables["people"], tables["files"]
    left = (people["churn_time"] != "").sum()
    lost = (people["tracking_lost_time"] != "").sum()
    shopping = tables["finance"]["activity"].eq("shopping")
    personal = tables["personal_data"]
    planted = personal.loc[personal["place"] != "referrer", "count"].sum()
    return _README.format(
        command=command,
        people=len(people),
        days=panel.days,
        first=f"{panel.start:%Y-%m-%d}",
        last=f"{panel.start + pd.Timedelta(days=panel.days - 1):%Y-%m-%d}",
        views=files["page_views"].sum(),
        rows=files["rows"].sum(),
        left=left,
        lost=lost,
        silent=people["page_views"].eq(0).sum(),
        shoppers=tables["finance"].loc[shopping, "userId"].nunique(),
        planted=planted,
        rejected=files["rejected_rows"].sum(),
        repeated=files["repeated_page_views"].sum(),
    )


_README = """# Sample panel: SYNTHETIC, no real person

Nobody browsed this. People, visits, titles, customers and personal data are invented by a seeded
generator; only the names of sites and brands are real, and what they seem to say is made up.
Made by (byte for byte the same each time, with the locked versions):

    {command}

{people} people, {days} days ({first} to {last}, UTC), {views} page views in {rows} rows.

## inbox/
One export per month: `.csv.gz`, the second month `.jsonl.gz` (meta tags nested in `metadata`), the
third `.parquet` (typed time). Columns: `userId`, `ip` (documentation networks), `timestamp` (ISO
8601, UTC, ms), `url`, `title`, `metadata.name`, `metadata.content` (one row per meta tag: rows of
one person, time and address are one page view), `referrer`, `duration` (whole seconds, only from
people whose extension reports it), `transition` (Chrome's names), `device`.
The second export and every third after it repeat the last two days of the one before
({repeated} page views). {rejected} rows are bad in one way each. Some page views of the first
export have no `url` but a meta tag `og:url`.

## customers/
`customers` (signup, plan, country; age band and gender where declared), `transactions` (monthly
fee, purchases, refunds), `service_interactions` (channel, topic, resolved).

## truth/
| file | one row per | what was planted |
|---|---|---|
| people.csv | person | persona, interests, churn, lost tracking, hazard class, counts |
| interests.csv | person, topic seen | whether it was planted; sessions and days, at all and in the last 28 |
| finance.csv | person, product, activity | first and last day and sessions of shopping or servicing |
| products.csv | person, product | first and last day, sessions, whether it is new |
| personal_data.csv | value, kind, place, encoding | the value, how it is written, page views with it |
| files.csv | file | rows, and what a reader must make of them |
| rejected.csv | file, reason | rows |

- Interests are names of IAB Content Taxonomy 3.1 ("|" between), with their first tier and with
  strengths that sum to 1. Sessions have gaps over 1,860 s between them and never over 1,100 s within.
- Financial products are names of IAB Ad Product Taxonomy 2.0, with its id, where it has one.
  Shopping is comparing, rates and applying; servicing is using one's own accounts.
- New products are launched (an invention) within the last 60 days; the others were there before.
- Personal data: place `referrer` means that the next page of the same host was told the address.
  Not counted: the columns `userId` and `ip`, which are personal in every row.
- rows = page_views + folded_rows + repeated_rows + rejected_rows.
- {left} people leave (`churn_time`), half of them gradually. Their weekly hazard grows with fewer
  visits than usual, complaints of the last four weeks, a basic plan, light use; part of it (hazard
  class) does not show. `churn_decision_time` is when it was settled; without a `churn_time` the
  person is still drifting away at the end.
- {silent} people signed up and never browsed: customers without a page view.
- {lost} people are lost to tracking: an abrupt end in which their payments go on.
- {shoppers} people shop for financial products for two to six weeks; about six in ten look after
  own accounts nearly every week.
- {planted} personal values are written in addresses (query, path, fragment, credentials), titles,
  meta tags and search terms; plain, percent-encoded or Base64.

The generator reads none of the dictionaries in `data/reference`, so that finding this truth again
means something.
"""
