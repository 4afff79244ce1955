"""Rows that a reader must refuse: each wrong in one way, with the reason that is its truth."""

import numpy as np
import pandas as pd

# Reason: number of rows per file.
BAD_ROWS = {
    "no_user": 4,
    "no_time": 3,
    "bad_time": 4,
    "time_out_of_range": 4,
    "no_url": 4,
    "bad_url": 2,
    "not_web": 12,
}

_BAD_TIMES = ("yesterday", "2026-13-45T99:00:00Z", "NaN", "2026-02-30T25:61:00.000Z")
_OUT_OF_RANGE = ("1970-01-01T00:00:00.000Z", "1970-01-20T14:26:17.004Z", "2099-12-31T23:59:59.000Z")
_NO_HOST = ("http://", "https:///index.html")
_NOT_WEB = (
    ("file:///C:/Users/Public/Documents/budget.html", "budget.html"),
    ("chrome://settings/", "Settings"),
    ("chrome://newtab/", "New Tab"),
    ("chrome-extension://cjpalhdlnbpafiamejdnhcphjbkeiagm/dashboard.html", "Dashboard"),
    ("http://localhost:8888/lab", "JupyterLab"),
    ("http://127.0.0.1:5000/", "Home"),
    ("http://192.168.1.1/", "Router login"),
)


def make_bad_rows(rng: np.random.Generator, good: pd.DataFrame, with_bad_times: bool) -> pd.DataFrame:
    """Bad variants of some `good` rows (columns of the export), with a column `reason`.

    Each becomes a row of its own: at another millisecond than any page view of its person, and
    without a meta tag (`no_url` keeps one that does not name an address). `with_bad_times` False
    leaves out what a typed time column cannot hold.
    """
    reasons = [reason for reason, count in BAD_ROWS.items() for _ in range(count)
               if with_bad_times or reason != "bad_time"]  # fmt: skip
    rows = good.iloc[np.sort(rng.choice(len(good), len(reasons), replace=False))].reset_index(drop=True)
    rows["reason"] = [reasons[i] for i in rng.permutation(len(reasons))]
    # Page views of a person are seconds apart, so that one second earlier is nobody's.
    rows["time"] = rows["time"] - np.timedelta64(999, "ms")
    rows["timestamp"] = [f"{text}Z" for text in np.datetime_as_string(rows["time"].to_numpy(), unit="ms")]
    rows["metadata.name"], rows["metadata.content"] = None, None
    for i, reason in enumerate(rows["reason"]):
        if reason == "no_user":
            rows.loc[i, "userId"] = ""
        elif reason == "no_time":
            rows.loc[i, "timestamp"] = ""
        elif reason == "bad_time":
            rows.loc[i, "timestamp"] = _BAD_TIMES[i % len(_BAD_TIMES)]
        elif reason == "time_out_of_range":
            rows.loc[i, "timestamp"] = _OUT_OF_RANGE[i % len(_OUT_OF_RANGE)]
        elif reason == "no_url":
            rows.loc[i, ["url", "metadata.name", "metadata.content"]] = [
                "",
                "description",
                "No address here",
            ]
        elif reason == "bad_url":
            rows.loc[i, "url"] = _NO_HOST[i % len(_NO_HOST)]
        else:
            rows.loc[i, ["url", "title"]] = _NOT_WEB[i % len(_NOT_WEB)]
    return rows
