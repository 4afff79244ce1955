"""What people do in the sample panel: rhythm, sessions, interests, money, launches, leaving."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

import browse_assets.sample_panel.topics as topics_module
from browse_assets.sample_panel.people import PERSONAS
from browse_assets.sample_panel.topics import TOPICS

if TYPE_CHECKING:
    from browse_assets_tests.sample_panel.conftest import Written


@pytest.fixture(scope="module")
def views(shipped_panel: Written) -> pd.DataFrame:
    """One row per page view of the shipped panel, by person and time, with the person's truth."""
    rows = shipped_panel.classified()
    good = rows[rows["reason"] == ""].drop_duplicates(["userId", "timestamp"])
    good = good.merge(shipped_panel.truth("people").drop(columns="page_views"), on="userId")
    good["host"] = good["address"].str.extract(r"^https?://(?:[^/@]*@)?([^/:?#]+)")[0]
    return good.sort_values(["userId", "time"]).reset_index(drop=True)


def test_page_views_and_sessions_of_every_person(views: pd.DataFrame, shipped_panel: Written) -> None:
    # A few signed up and never browsed: customers without events.
    people = shipped_panel.truth("people").set_index("userId")
    people = people[people["page_views"] > 0]
    gap = views.groupby("userId")["time"].diff().dt.total_seconds()
    assert gap[(gap > 1_101) & (gap < 1_860)].empty
    sessions = (gap.isna() | (gap > 1_800)).groupby(views["userId"]).sum()
    assert sessions.sort_index().tolist() == people["sessions"].sort_index().tolist()
    counts = views.groupby("userId").size()
    assert counts.sort_index().tolist() == people["page_views"].sort_index().tolist()


def test_gaps_within_sessions_look_like_reading(views: pd.DataFrame) -> None:
    gap = views.groupby("userId")["time"].diff().dt.total_seconds()
    within = gap[gap < 1_101]
    assert 15 < within.median() < 45
    assert within.between(5, 200).mean() > 0.85
    assert len(within) > len(views) / 2  # most sessions have several page views


def test_page_views_per_person_have_a_heavy_tail(views: pd.DataFrame) -> None:
    counts = views.groupby("userId").size().sort_values(ascending=False)
    assert counts.iloc[: len(counts) // 10].sum() > 0.25 * counts.sum()
    assert counts.max() > 4 * counts.median()


def test_weekday_and_day_night_rhythm(views: pd.DataFrame) -> None:
    local = views["time"] + pd.to_timedelta(views["utc_offset_hours"], unit="h")
    office = local[views["chronotype"] == "office hours"]
    weekend = (office.dt.day_of_week >= 5).mean()
    assert weekend < 0.2  # 2/7 = 0.29 without a rhythm
    by_hour = local[views["chronotype"] != "night owl"].dt.hour.value_counts(normalize=True)
    assert by_hour.reindex([2, 3, 4], fill_value=0).sum() < 0.03  # 0.125 without a rhythm
    owls = local[views["chronotype"] == "night owl"].dt.hour
    birds = local[views["chronotype"] == "early bird"].dt.hour
    assert birds.between(5, 10).mean() > 2 * owls.between(5, 10).mean()


def test_hosts_are_many_and_unequal(views: pd.DataFrame) -> None:
    counts = views["host"].value_counts()
    assert 400 <= len(counts) <= 900
    assert counts.iloc[:20].sum() > 0.25 * len(views)
    assert counts.index[0] == "www.google.com"


def test_interests_show_against_other_people(views: pd.DataFrame) -> None:
    """On sites of one topic alone, people with the interest are far more often than the others."""
    hosts = {host for topic in TOPICS if topic.name == "Cooking" for host in topic_hosts(topic.sites)}
    english = views[views["language"] == "en"]
    rate = english["host"].isin(hosts).groupby(english["userId"]).mean()
    wants = english.groupby("userId")["interests"].first().str.split("|").map(lambda names: "Cooking" in names)
    assert wants.sum() >= 10
    assert rate[wants].median() > 0.03
    assert rate[wants].median() > 5 * rate[~wants].mean()


def topic_hosts(sites: str) -> set[str]:
    return {f"www.{site.split('/')[0]}" for site in sites.split() if not site.startswith("-")}


def test_interests_are_names_that_exist_and_belong_to_the_persona(shipped_panel: Written) -> None:
    people = shipped_panel.truth("people")
    names = people["interests"].str.split("|")
    assert names.map(len).between(2, 4).all()
    assert set(names.explode()) <= {topic.name for topic in TOPICS}
    personas = {persona.name: set(persona.interests) for persona in PERSONAS}
    assert set(people["persona"]) == set(personas)
    own = [len(personas[p] & set(n)) for p, n in zip(people["persona"], names, strict=True)]
    assert min(own) >= 2


def test_financial_truth_is_visible_in_the_addresses(views: pd.DataFrame, shipped_panel: Written) -> None:
    finance = shipped_panel.truth("finance")
    assert set(finance["activity"]) == {"shopping", "servicing"}
    span = (pd.to_datetime(finance["to"]) - pd.to_datetime(finance["from"])).dt.days
    assert span[finance["activity"] == "shopping"].max() <= 42
    assert span[finance["activity"] == "servicing"].median() > 60
    on_zebra = set(views.loc[views["host"] == "www.thezebra.com", "userId"])
    shoppers = finance[(finance["finance_product"] == "Auto Insurance") & (finance["activity"] == "shopping")]
    assert on_zebra
    assert on_zebra <= set(shoppers["userId"])
    at_chase = views[views["host"] == "secure.chase.com"]
    banking = finance[(finance["finance_product"] == "Banking") & (finance["activity"] == "servicing")]
    assert set(at_chase["userId"]) <= set(banking["userId"])


def test_new_products_are_launched_late_and_rise(views: pd.DataFrame, shipped_panel: Written) -> None:
    products = shipped_panel.truth("products")
    new = products[products["is_new_product"]]
    assert new["product"].nunique() >= 8
    assert (new["first_day"] >= new["launch_day"]).all()
    assert new["launch_day"].min() >= "2026-05-02"
    brand_pages = views[views["address"].str.contains("wh-1000xm7", regex=False)]
    assert brand_pages["timestamp"].min() >= "2026-05-10"
    old = products[~products["is_new_product"]].groupby("product")["first_day"].min()
    assert (old < "2026-03-31").all()
    slugs = new["product"].str.lower().str.replace(" ", "-").unique()
    visits = views[views["address"].str.contains("|".join(slugs))]["time"]
    assert (visits >= "2026-06-01").sum() > 2 * (visits < "2026-06-01").sum() > 0


def test_people_leave_and_are_silent_afterwards(views: pd.DataFrame, shipped_panel: Written) -> None:
    people = shipped_panel.truth("people").set_index("userId")
    gone = people["churn_time"].fillna(people["tracking_lost_time"]).dropna()
    last = views.groupby("userId")["timestamp"].max()
    gone = gone[gone.index.isin(last.index)]
    assert len(gone) > 80
    assert (last[gone.index] <= gone).all()
    assert 0.2 <= people["churn_time"].notna().mean() <= 0.4
    assert 0.02 <= people["tracking_lost_time"].notna().mean() <= 0.08
    assert not (people["churn_time"].notna() & people["tracking_lost_time"].notna()).any()
    kinds = people.loc[people["churn_time"].notna(), "churn_kind"].value_counts(normalize=True)
    assert 0.3 <= kinds["gradual"] <= 0.7


def test_only_gradual_leavers_fade(views: pd.DataFrame) -> None:
    leavers = views[views["churn_time"].notna()].copy()
    end = pd.to_datetime(leavers["churn_time"])
    before = (end - leavers["time"]).dt.total_seconds() / 86_400
    late = (before <= 14).groupby(leavers["userId"]).sum()
    early = before.between(42, 70).groupby(leavers["userId"]).sum() / 2
    kind = leavers.groupby("userId")["churn_kind"].first()
    ratio = {name: late[kind == name].sum() / early[kind == name].sum() for name in ("gradual", "abrupt")}
    assert ratio["gradual"] < 0.5 < ratio["abrupt"]


def test_complaints_and_plan_foretell_leaving(shipped_panel: Written) -> None:
    people = shipped_panel.truth("people").set_index("userId")
    customers = pd.read_csv(shipped_panel.folder / "customers" / "customers.csv").set_index("userId")
    leaves = people["churn_time"].notna()
    by_plan = leaves.groupby(customers["plan"]).mean()
    assert by_plan["basic"] > by_plan["premium"] + 0.1
    contacts = pd.read_csv(shipped_panel.folder / "customers" / "service_interactions.csv")
    unresolved = contacts[~contacts["resolved"]].groupby("userId").size().reindex(people.index, fill_value=0)
    assert leaves[unresolved >= 2].mean() > leaves[unresolved == 0].mean() + 0.1


def test_payments_end_with_churn_but_not_with_lost_tracking(shipped_panel: Written) -> None:
    people = shipped_panel.truth("people").set_index("userId")
    payments = pd.read_csv(shipped_panel.folder / "customers" / "transactions.csv")
    fees = payments[payments["kind"] == "subscription"].groupby("userId")["time"].max()
    left = people["churn_time"].dropna()
    left = left[left.index.isin(fees.index)]
    assert (fees[left.index] <= left).all()
    lost = people["tracking_lost_time"].dropna()
    early = lost[lost < "2026-05-20"]
    assert len(early) > 0
    assert (fees[early.index] > early).all()


def test_titles_and_transitions_look_like_a_browser(views: pd.DataFrame) -> None:
    assert set(views["transition"]) == {
        "link",
        "typed",
        "auto_bookmark",
        "generated",
        "form_submit",
        "reload",
    }
    assert (views["title"] != "").mean() > 0.97
    assert views["address"].str.contains("utm_source=|fbclid=|gclid=").mean() > 0.01
    searches = views[views["address"].str.startswith("https://www.google.com/search?q=")]
    searches = searches[searches["title"] != ""]
    assert searches["title"].str.endswith(" - Google Search").all()
    reported = pd.to_numeric(views.loc[views["duration"] != "", "duration"].astype(str))
    assert 0.5 < len(reported) / len(views) < 0.9
    assert reported.between(1, 1_800).all()
    assert np.all(reported == reported.round())


def test_generator_reads_no_file_and_nothing_else_of_the_project() -> None:
    """Truth and the pipeline's dictionaries must not come from one list."""
    folder = Path(topics_module.__file__).parent
    modules = sorted(folder.glob("*.py"))
    assert len(modules) > 10
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("browse_assets"):
                assert node.module.startswith("browse_assets.sample_panel"), path.name
            if isinstance(node, ast.Attribute | ast.Name):
                name = node.attr if isinstance(node, ast.Attribute) else node.id
                assert name not in {"open", "read_text", "read_bytes", "read_csv", "read_parquet"}, path.name
