"""The same work in Polars, streaming: the plain version with the fastest data frames there are.

What belongs here: the steps of `pandas_version.py`, with its rules, as Polars' users write them: lazy frames, distinct
people and hosts for what needs Python. What does not: rules of its own.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import tldextract

from browse_assets_tests.bench.pandas_version import (
    DWELL_LIMIT_SECONDS,
    RULES,
    SESSION_GAP,
    USER_SEGMENT,
    VIEW,
    pseudonym,
)


def domain_features(path: Path, output: Path, pseudonym: Callable[[str], str] = pseudonym) -> pl.DataFrame:
    """Read a panel CSV, scrub it, cut it into sessions and sum it up; write all three tables to `output`.

    Returns one row per person, domain and day: user_key, domain, day, page_views, sessions, dwell_seconds,
    first_time, last_time.
    """
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    rows = pl.scan_csv(path, infer_schema=False).drop("ip")
    all_views = rows.select(*VIEW, "title").unique(VIEW, keep="first", maintain_order=True).collect(engine="streaming")
    all_views = all_views.with_row_index("view_id").with_columns(host=pl.col("url").str.extract(r"^https?://([^/?#]*)"))
    people = _mapped(all_views["userId"], "userId", "user_key", pseudonym)
    domains = _mapped(all_views["host"], "host", "domain", lambda host: extract(host).top_domain_under_public_suffix)

    tags = rows.select(*VIEW, "metadata.name", _scrubbed("metadata.content"))
    tags.join(all_views.lazy().select(*VIEW, "view_id"), on=VIEW).drop(VIEW).sink_parquet(
        output / "tags.parquet", engine="streaming"
    )
    views = (
        all_views.lazy()
        .with_columns(
            _scrubbed("title"),
            event_time=pl.col("timestamp").str.to_datetime("%Y-%m-%dT%H:%M:%S%.fZ"),
            url=pl.col("url").str.replace(r"[?#].*$", "").str.replace_all(USER_SEGMENT, "/$1/{user}"),
        )
        .with_columns(_scrubbed("url"))
        .join(people, on="userId")
        .join(domains, on="host")
        .drop("userId", "timestamp", "host")
        .collect(engine="streaming")
    )
    views = _with_sessions(views)
    views.write_parquet(output / "views.parquet")
    features = (
        views.lazy()
        .group_by("user_key", "domain", pl.col("event_time").dt.truncate("1d").alias("day"))
        .agg(
            pl.len().alias("page_views"),
            pl.col("session").n_unique().alias("sessions"),
            pl.when(pl.col("dwell_seconds").count() > 0).then(pl.col("dwell_seconds").sum()).alias("dwell_seconds"),
            pl.col("event_time").min().alias("first_time"),
            pl.col("event_time").max().alias("last_time"),
        )
        .collect(engine="streaming")
    )
    features.write_parquet(output / "domain_features.parquet")
    return features


def _mapped(values: pl.Series, name: str, new: str, rule: Callable[[str], str]) -> pl.LazyFrame:
    distinct = values.unique()
    return pl.LazyFrame({name: distinct, new: [rule(value) for value in distinct.to_list()]})


def _scrubbed(column: str) -> pl.Expr:
    text = pl.col(column)
    for pattern, placeholder in RULES:
        text = text.str.replace_all(pattern, placeholder.replace("$", "$$"))
    return text


def _with_sessions(views: pl.DataFrame) -> pl.DataFrame:
    gap = pl.col("event_time").diff().over("user_key")
    in_order = views.sort("user_key", "event_time", "view_id").with_columns(
        session=(gap.is_null() | (gap > SESSION_GAP)).cum_sum()
    )
    until_next = (pl.col("event_time").shift(-1).over("session") - pl.col("event_time")).dt.total_microseconds() / 1e6
    return in_order.with_columns(dwell_seconds=pl.when(until_next <= DWELL_LIMIT_SECONDS).then(until_next))
