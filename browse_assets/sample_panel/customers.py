"""Customer tables of the sample panel: customers, their payments, their contacts with the service.

Here: what a company would hold about the panel's people apart from browsing. Churn shows in it as
it does in life: payments end, complaints pile up before.
"""

import numpy as np
import pandas as pd

from browse_assets.sample_panel.people import IntArray, People

_FEES = {"basic": 4.99, "standard": 9.99, "premium": 19.99}
_COMPLAINTS = ("billing", "slow connection", "data privacy", "rewards missing", "extension crash")
_QUESTIONS = ("change plan", "update details", "how rewards work", "new device")
_CHANNELS = ("chat", "email", "phone")


def make_customers(rng: np.random.Generator, people: People, start: pd.Timestamp, days: int) -> dict[str, pd.DataFrame]:
    """`customers` (one row per person), `transactions`, `service_interactions`, each ordered by
    person and time."""
    table, count = people.table, len(people.table)
    joined = table["joined_day"].to_numpy()
    earlier = rng.gamma(1.5, 240, count)
    signed_up = start + pd.to_timedelta(np.where(joined > 0, joined, -earlier), unit="D")
    declared = rng.random(count)
    customers = pd.DataFrame({
        "userId": table["userId"],
        "signup_date": signed_up.strftime("%Y-%m-%d"),
        "plan": table["plan"],
        "declared_age_band": table["age_band"].where(declared < 0.55),
        "declared_gender": table["gender"].where((declared > 0.1) & (declared < 0.6)),
        "country": table["country"],
    })  # fmt: skip
    return {
        "customers": customers,
        "transactions": _transactions(rng, people, start, days),
        "service_interactions": _service_interactions(rng, people, start, days),
    }


def _transactions(rng: np.random.Generator, people: People, start: pd.Timestamp, days: int) -> pd.DataFrame:
    """Monthly fees, now and then an extra or a refund. Lost tracking does not stop them."""
    rows: list[tuple[str, float, float, str]] = []
    table = people.table
    begins = table["joined_day"].to_numpy(dtype=float)
    ends = table["churn_day"].fillna(days).to_numpy(dtype=float)
    for user, plan, begin, end in zip(table["userId"], table["plan"], begins, ends, strict=True):
        fee = _FEES[plan]
        due = begin + (0 if begin > 0 else float(rng.uniform(0, 30)))
        while due < end:
            rows.append((user, due, fee, "subscription"))
            if rng.random() < 0.02:
                rows.append((user, min(due + float(rng.uniform(1, 6)), days - 0.01), -fee, "refund"))
            due += 30
        for _ in range(rng.poisson(0.35 * (end - begin) / 30)):
            amount = round(float(rng.lognormal(2.6, 0.7)), 2)
            rows.append((user, float(rng.uniform(begin, end)), amount, "purchase"))
    frame = pd.DataFrame(rows, columns=["userId", "day", "amount", "kind"])
    return _timed(frame, start)[["userId", "time", "amount", "kind"]]


def _service_interactions(rng: np.random.Generator, people: People, start: pd.Timestamp, days: int) -> pd.DataFrame:
    """Complaints (those that the hazard looked at), and harmless questions."""
    rows: list[tuple[str, float, str, str, bool]] = []
    users = people.table["userId"].tolist()
    for person, week in zip(*np.nonzero(people.complaints), strict=True):
        unresolved = int(people.unresolved[person, week])
        for number in range(int(people.complaints[person, week])):
            day = 7 * week + float(rng.uniform(0, 7))
            if day < days and people.presence[person, int(day)] > 0:
                rows.append(
                    (
                        users[person],
                        day,
                        _pick(rng, _CHANNELS),
                        _pick(rng, _COMPLAINTS),
                        number >= unresolved,
                    )
                )
    for person, week in zip(*np.nonzero(_questions(rng, people)), strict=True):
        day = 7 * week + float(rng.uniform(0, 7))
        if day < days and people.presence[person, int(day)] > 0:
            rows.append(
                (
                    users[person],
                    day,
                    _pick(rng, _CHANNELS),
                    _pick(rng, _QUESTIONS),
                    rng.random() < 0.92,
                )
            )
    frame = pd.DataFrame(rows, columns=["userId", "day", "channel", "topic", "resolved"])
    return _timed(frame, start)[["userId", "time", "channel", "topic", "resolved"]]


def _questions(rng: np.random.Generator, people: People) -> IntArray:
    return rng.poisson(0.025, people.complaints.shape)


def _pick(rng: np.random.Generator, choices: tuple[str, ...]) -> str:
    return choices[int(rng.integers(len(choices)))]


def _timed(frame: pd.DataFrame, start: pd.Timestamp) -> pd.DataFrame:
    frame = frame.sort_values(["userId", "day"], kind="stable").reset_index(drop=True)
    times = start + pd.to_timedelta((frame["day"] * 86_400).astype("int64"), unit="s")
    return frame.assign(time=times.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))
