"""The same work as an analyst would write it in pandas: what the pipeline is compared with.

What belongs here: one plain pass, whole columns where pandas has them and a Python call per row where it
does not. What does not: cleverness. It is two yardsticks. A fixed one, whose rules are the pipeline's first ones and
stay as they are when the pipeline's get better, so that ratios of different versions can be compared; and the same
work, which calls the pipeline's own rules for every address, title and tag, keeps the rows encrypted as they came, and
looks over what was made.

Left out on purpose, in favour of pandas: counts of what was removed, rejected rows, duplicates between files, ids of
page views and pages, and the cut of a session 24 h after its start.
"""

import hashlib
import hmac
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pandas as pd
import tldextract
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from browse_assets.analysis.leaks import GUARD, find_leaks
from browse_assets.analysis.scrubbing import scrub_address, scrub_text

Work = Literal["few rules", "same work"]

_KEY = b"benchmark"
VIEW = ["userId", "timestamp", "url"]
SESSION_GAP = pd.Timedelta(seconds=1800)
DWELL_LIMIT_SECONDS = 300
USER_SEGMENT = r"(?i)/(u|user|users|profile|profiles|member|members)/[^/]+"
RULES = (
    (r"eyJ[A-Za-z0-9_\-]{6,}(\.[A-Za-z0-9_\-]+)*", "{token}"),
    (r"[A-Za-z0-9._%+\-]+(@|%40)[A-Za-z0-9\-]+(\.[A-Za-z0-9\-]+)+", "{email}"),
    (r"[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", "{id}"),
    (r"\b[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}( ?[A-Z0-9]{1,3})?\b", "{iban}"),
    (r"\b(4[0-9]{3}|5[1-5][0-9]{2}|6[0-9]{3})[ \-]?[0-9]{4}[ \-]?[0-9]{4}[ \-]?[0-9]{4}\b", "{card}"),
    (r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b", "{ssn}"),
    (r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b", "{ip}"),
    (r"-?\b[0-9]{1,3}\.[0-9]{4,}[,; /]+-?[0-9]{1,3}\.[0-9]{4,}", "{geo}"),
    (r"\+[0-9][0-9 ().\-/]{6,}[0-9]|\(?\b[0-9]{3}\)?[ .\-/][0-9]{3}[ .\-][0-9]{4}\b", "{phone}"),
    (r"[0-9]{7,}|[0-9a-fA-F]{16,}|[A-Za-z0-9_+=]{24,}", "{id}"),
)


def pseudonym(user_id: str) -> str:
    """128 bits of a keyed hash, as the pipeline has it, with a key of its own."""
    return hmac.new(_KEY, user_id.encode(), hashlib.sha256).hexdigest()[:32]


def domain_features(
    path: Path, output: Path, pseudonym: Callable[[str], str] = pseudonym, *, work: Work = "few rules"
) -> pd.DataFrame:
    """Read a panel CSV, scrub it, cut it into sessions and sum it up; write all three tables to `output`.

    Args:
        path: the CSV.
        output: existing folder.
        pseudonym: from a person's id to the key.
        work: the rules above; or those of the pipeline, with the vault and the checks as well.

    Returns one row per person, domain and day: user_key, domain, day, page_views, sessions, dwell_seconds,
    first_time, last_time.

    Raises:
        ValueError: a check failed (the same work alone).
    """
    few = work == "few rules"
    scrubbed, scrubbed_urls = (_scrubbed, _scrubbed_urls) if few else (_by_pipeline, _urls_by_pipeline)
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    rows = pd.read_csv(path, dtype="str")
    if work == "same work":
        _keep_encrypted(rows, output / "raw.parquet.encrypted")
    rows = rows.drop(columns="ip")
    tags = rows[[*VIEW, "metadata.name", "metadata.content"]]
    tags = tags.assign(**{"metadata.content": scrubbed(tags["metadata.content"])})
    views = rows[[*VIEW, "title"]].drop_duplicates(VIEW)
    view_id = views.reset_index(drop=True).assign(view_id=range(len(views)))[[*VIEW, "view_id"]]
    tags = tags.merge(view_id, on=VIEW).drop(columns=VIEW)

    views = view_id.assign(
        title=scrubbed(views["title"].reset_index(drop=True)),
        user_key=view_id["userId"].map(pseudonym),
        domain=view_id["url"].map(lambda url: extract(url).top_domain_under_public_suffix),
        event_time=pd.to_datetime(view_id["timestamp"], format="ISO8601", utc=True).dt.tz_localize(None),
    )
    views["url"] = scrubbed_urls(views["url"])
    views = _with_sessions(views.drop(columns=["userId", "timestamp"]))

    visits = views.assign(day=views["event_time"].dt.floor("D")).groupby(["user_key", "domain", "day"])
    features = visits.agg(
        page_views=("view_id", "size"),
        sessions=("session", "nunique"),
        dwell_seconds=("dwell_seconds", "sum"),
        first_time=("event_time", "min"),
        last_time=("event_time", "max"),
    )
    features["dwell_seconds"] = features["dwell_seconds"].where(visits["dwell_seconds"].count() > 0)
    features = features.reset_index()
    for name, table in (("tags", tags), ("views", views), ("domain_features", features)):
        table.to_parquet(output / f"{name}.parquet")
    if work == "same work":
        _check(len(rows), tags, views, features)
    return features


def _keep_encrypted(rows: pd.DataFrame, path: Path) -> None:
    packed = io.BytesIO()
    rows.to_parquet(packed)
    nonce = os.urandom(12)
    path.write_bytes(nonce + AESGCM(hashlib.sha256(_KEY).digest()).encrypt(nonce, packed.getvalue(), None))


def _check(rows: int, tags: pd.DataFrame, views: pd.DataFrame, features: pd.DataFrame) -> None:
    """No row is lost, no text holds personal data, sessions end at gaps, and the rollup adds up."""
    gaps = views.groupby("session")["event_time"].diff()
    texts = pd.concat([views["url"], views["title"], tags["metadata.content"]]).dropna().drop_duplicates()
    if (
        len(tags) != rows
        or views[["view_id", "user_key", "event_time", "url", "domain"]].isna().any(axis=None)
        or views["view_id"].duplicated().any()
        or gaps.gt(SESSION_GAP).any()
        or features["page_views"].sum() != len(views)
        or texts[texts.str.contains(GUARD, regex=True)].map(lambda text: bool(find_leaks(text))).any()
    ):
        raise ValueError("a check of the tables failed")


def _scrubbed(texts: "pd.Series[str]") -> "pd.Series[str]":
    for pattern, placeholder in RULES:
        texts = texts.str.replace(pattern, placeholder, regex=True)
    return texts


def _scrubbed_urls(urls: "pd.Series[str]") -> "pd.Series[str]":
    paths = urls.str.replace(r"[?#].*$", "", regex=True)
    return _scrubbed(paths.str.replace(USER_SEGMENT, r"/\1/{user}", regex=True))


def _by_pipeline(texts: "pd.Series[str]") -> "pd.Series[str]":
    return texts.map(scrub_text)


def _urls_by_pipeline(urls: "pd.Series[str]") -> "pd.Series[str]":
    return urls.map(scrub_address)


def _with_sessions(views: pd.DataFrame) -> pd.DataFrame:
    views = views.sort_values(["user_key", "event_time", "view_id"])
    gap = views.groupby("user_key")["event_time"].diff()
    views["session"] = (gap.isna() | (gap > SESSION_GAP)).cumsum()
    until_next = -views.groupby("session")["event_time"].diff(-1).dt.total_seconds()
    views["dwell_seconds"] = until_next.where(until_next <= DWELL_LIMIT_SECONDS)
    return views
