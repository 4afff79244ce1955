"""Real customers who left or stayed, as rows that `train_churn` takes: one row per customer.

Here: reading the files, what was known at the cut-off, who left after it. Not here: training and the table
(`benchmark.py`). The files are other people's and lie outside the project; CDNOW lies in the package lifetimes, which
is only read as a file.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pandas as pd

from browse_assets.settings import PROJECT_ROOT

# Weeks 1 to 39 end with 30 September 1997, weeks 40 to 78 nine months later (Fader, Hardie and Lee 2005).
CDNOW_CUT = pd.Timestamp("1997-10-01")
CDNOW_END = pd.Timestamp("1998-07-01")
RAVENSTACK_CUT = pd.Timestamp("2024-07-01")
RAVENSTACK_END = pd.Timestamp("2025-01-01")
RECENT = pd.Timedelta(days=90)


class NoDataError(Exception):
    """A data set is not on this machine; the message says where it was looked for."""


@dataclass(frozen=True)
class Customers:
    """Labelled customers of one time.

    Attributes:
        rows: one row per customer, as `train_churn` takes them.
        features: columns to learn from.
        horizon: days between the cut-off and the outcome, and of the outcome; None where nobody says.
        test: positions of the test that comes with the data; None where none does.
    """

    rows: pd.DataFrame
    features: list[str]
    horizon: tuple[float, float] | None = None
    test: range | None = None


def real_data() -> Path:
    """BROWSE_CHURN_DATA, else the folder beside the project."""
    return Path(os.environ.get("BROWSE_CHURN_DATA") or PROJECT_ROOT.parent / "shared/real/churn")


def telco() -> Customers:
    """7,043 customers of a telephone company, 26.5 % churned (IBM); TotalCharges is missing for 11 new ones."""
    frame = pd.read_csv(_file("telco.csv"))
    frame["TotalCharges"] = pd.to_numeric(frame["TotalCharges"], errors="coerce")
    return _customers(frame.drop(columns=["customerID", "Churn"]), frame["customerID"], frame["Churn"] == "Yes")


def mlc_churn() -> Customers:
    """5,000 customers of a telephone company, 14.1 % churned (modeldata): 3,333 to learn from, then 1,667 to test."""
    return replace(mlc_churn_split_anew(), test=range(3_333, 5_000))


def mlc_churn_split_anew() -> Customers:
    """The same customers without the test that comes with them."""
    frame = pd.read_csv(_file("mlc_churn.csv"))
    return _customers(frame.drop(columns="churn"), pd.Series(frame.index.astype(str)), frame["churn"] == "yes")


def ravenstack() -> Customers:
    """Accounts with a running subscription on 1 July 2024, and whether they churn in the half-year after.

    What is known of an account is what was written before the cut-off: no `churn_flag`, `end_date` or feedback from
    later on, and no state that carries no date (plan and seats of the account, flags of upgrades).
    """
    cut, accounts = RAVENSTACK_CUT, _ravenstack("accounts", "signup_date")
    subscriptions = _ravenstack("subscriptions", "start_date", "end_date")
    subscriptions = subscriptions[subscriptions["start_date"] < cut]
    ended = subscriptions["end_date"] < cut
    running = subscriptions[~ended].sort_values(["account_id", "start_date", "subscription_id"])
    usage = _ravenstack("feature_usage", "usage_date").merge(subscriptions[["subscription_id", "account_id"]])
    usage = usage[usage["usage_date"] < cut]
    tickets = _ravenstack("support_tickets", "submitted_at", "closed_at")
    tickets = tickets[tickets["submitted_at"] < cut]
    solved = tickets[tickets["closed_at"] < cut]
    left = _ravenstack("churn_events", "churn_date")
    before, after = left[left["churn_date"] < cut], left[left["churn_date"].between(cut, RAVENSTACK_END)]

    frame = accounts.set_index("account_id")[["industry", "country", "referral_source"]]
    frame = frame[(accounts.set_index("account_id")["signup_date"] < cut) & frame.index.isin(running["account_id"])]
    frame["tenure_days"] = (cut - accounts.set_index("account_id")["signup_date"]).dt.days
    of_running = running.groupby("account_id")
    frame["subscriptions"] = of_running.size()
    frame["monthly_revenue"] = of_running["mrr_amount"].sum()
    frame["seats"] = of_running["seats"].sum()
    frame["newest_plan"] = of_running["plan_tier"].last()
    frame["yearly_share"] = (running["billing_frequency"] == "annual").groupby(running["account_id"]).mean()
    frame["auto_renew_share"] = of_running["auto_renew_flag"].mean()
    frame["days_since_start"] = (cut - of_running["start_date"].max()).dt.days
    frame["subscriptions_ended"] = subscriptions[ended].groupby("account_id").size()
    of_usage, recent = usage.groupby("account_id"), usage[usage["usage_date"] >= cut - RECENT]
    frame["days_since_use"] = (cut - of_usage["usage_date"].max()).dt.days
    frame["uses"] = of_usage["usage_count"].sum()
    frame["uses_90"] = recent.groupby("account_id")["usage_count"].sum()
    frame["use_seconds_90"] = recent.groupby("account_id")["usage_duration_secs"].sum()
    frame["errors_90"] = recent.groupby("account_id")["error_count"].sum()
    frame["features_used"] = of_usage["feature_name"].nunique()
    frame["tickets"] = tickets.groupby("account_id").size()
    frame["tickets_90"] = tickets[tickets["submitted_at"] >= cut - RECENT].groupby("account_id").size()
    frame["escalations"] = solved.groupby("account_id")["escalation_flag"].sum()
    frame["resolution_hours"] = solved.groupby("account_id")["resolution_time_hours"].mean()
    frame["satisfaction"] = solved.groupby("account_id")["satisfaction_score"].mean()
    frame["churned_before"] = before.groupby("account_id").size()
    frame["days_since_churn"] = (cut - before.groupby("account_id")["churn_date"].max()).dt.days
    frame = frame.reset_index()
    return _customers(
        frame.drop(columns="account_id"), frame["account_id"], frame["account_id"].isin(after["account_id"])
    )


def cdnow_sample() -> Customers:
    """2,357 customers of a music shop whose first purchase was in early 1997: the 1/10 sample of the literature."""
    return _cdnow("CDNOW_sample.txt", ["number", "customer", "day", "items", "spend"], "customer")


def cdnow_master() -> Customers:
    """All 23,570 customers of that shop whose first purchase was in early 1997."""
    return _cdnow("CDNOW_master.txt", ["number", "day", "items", "spend"], "number")


def _cdnow(name: str, columns: list[str], customer: str) -> Customers:
    """What is known on 30 September 1997, and whether nothing was bought in the nine months after."""
    orders = pd.read_csv(
        _packaged(name), sep=r"\s+", header=None, names=columns, skiprows=int(name == "CDNOW_master.txt")
    )
    orders["day"] = pd.to_datetime(orders["day"].astype(str), format="%Y%m%d")
    later = orders[orders["day"].between(CDNOW_CUT, CDNOW_END, inclusive="left")]
    orders = orders[orders["day"] < CDNOW_CUT]
    days = orders.groupby([customer, "day"], as_index=False)[["items", "spend"]].sum()
    days["gap"] = days.groupby(customer)["day"].diff().dt.days
    by = days.groupby(customer)
    frame = pd.DataFrame(
        {
            "history_days": by.size().astype(float),
            "days_since_last": (CDNOW_CUT - by["day"].max()).dt.days.astype(float),
            "tenure_days": (CDNOW_CUT - by["day"].min()).dt.days.astype(float),
            "gap_mean_days": by["gap"].mean(),
            "gap_max_days": by["gap"].max(),
            "items": by["items"].sum().astype(float),
            "spend": by["spend"].sum(),
            "spend_per_day": by["spend"].mean(),
            "spend_last": by["spend"].last(),
            "active_days_90": days[days["day"] >= CDNOW_CUT - RECENT].groupby(customer).size(),
        }
    )
    frame["active_days_90"] = frame["active_days_90"].fillna(0)
    frame = frame.reset_index()
    left = ~frame[customer].isin(later[customer])
    horizon = (0.0, float((CDNOW_END - CDNOW_CUT).days))
    return _customers(frame.drop(columns=customer), frame[customer], left, horizon)


def _customers(
    x: pd.DataFrame, key: pd.Series, churned: pd.Series, horizon: tuple[float, float] | None = None
) -> Customers:
    rows = x.assign(
        user_key=key.astype(str).to_numpy(),
        snapshot_time=pd.Timestamp("2000-01-01"),  # all rows are of one time; which does not matter
        eligible=True,
        churned=churned.to_numpy(),
    )
    return Customers(rows, [str(name) for name in x.columns], horizon)


def _ravenstack(name: str, *dates: str) -> pd.DataFrame:
    return pd.read_csv(_file(f"ravenstack/ravenstack_{name}.csv"), parse_dates=list(dates))


def _file(name: str) -> Path:
    path = real_data() / name
    if not path.is_file():
        raise NoDataError(
            f"{name} is not in {real_data()}: put it there, or name its folder in the variable BROWSE_CHURN_DATA"
        )
    return path


def _packaged(name: str) -> Path:
    try:
        path = Path(str(distribution("lifetimes").locate_file(f"lifetimes/datasets/{name}")))
    except PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise NoDataError(f"{name} is not installed: it lies in the package lifetimes, which make setup installs")
    return path


DATA_SETS: dict[str, Callable[[], Customers]] = {
    "telco": telco,
    "mlc_churn": mlc_churn,
    "mlc_churn_split_anew": mlc_churn_split_anew,
    "ravenstack": ravenstack,
    "cdnow_sample": cdnow_sample,
    "cdnow_master": cdnow_master,
}
