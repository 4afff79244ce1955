"""The benchmark compares equal work on realistic events; no test here depends on how fast anything is."""

import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pandas as pd
import pytest
import tldextract

from browse_assets.keys import load_keys
from browse_assets.settings import PROJECT_ROOT, Settings
from browse_assets_tests.bench import pandas_version
from browse_assets_tests.bench.__main__ import Results, report
from browse_assets_tests.bench.events import COLUMNS, write_day, write_events
from browse_assets_tests.bench.measure import StageFailedError, Usage, measure, median_usage
from browse_assets_tests.bench.pandas_version import domain_features
from browse_assets_tests.bench.polars_version import domain_features as in_polars
from browse_assets_tests.bench.serving import Latency, serving_table
from browse_assets_tests.bench.stages import STAGES, TO_DOMAIN_FEATURES

EVENTS = 2_000


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "panel.csv"
    write_events(path, EVENTS)
    return path


@pytest.fixture(scope="module")
def rows(panel: Path) -> pd.DataFrame:
    return pd.read_csv(panel, dtype="str", keep_default_na=False)


@pytest.fixture(scope="module")
def views(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.drop_duplicates(["userId", "timestamp", "url"])


def test_the_same_seed_gives_the_same_bytes(panel: Path, tmp_path: Path) -> None:
    write_events(tmp_path / "again.csv", EVENTS)
    write_events(tmp_path / "other.csv", EVENTS, seed=1)
    assert (tmp_path / "again.csv").read_bytes() == panel.read_bytes()
    assert (tmp_path / "other.csv").read_bytes() != panel.read_bytes()


def test_one_more_day_is_of_the_same_people(rows: pd.DataFrame, tmp_path: Path) -> None:
    write_day(tmp_path / "day.csv", EVENTS, 30, 200)
    more = pd.read_csv(tmp_path / "day.csv", dtype="str", keep_default_na=False)
    assert len(more.drop_duplicates(["userId", "timestamp", "url"])) == 200
    assert set(more["userId"]) <= set(rows["userId"])
    assert more["timestamp"].min() > rows["timestamp"].max()


def test_events_are_page_views_of_one_to_three_rows(rows: pd.DataFrame, views: pd.DataFrame) -> None:
    assert tuple(rows.columns) == COLUMNS
    assert len(views) == EVENTS
    tags = rows.groupby(["userId", "timestamp", "url"])["metadata.name"]
    assert set(tags.size()) == {1, 2, 3}
    assert (tags.size() == tags.nunique()).all()
    assert rows.notna().all(axis=None)


def test_urls_are_of_40_to_200_characters_on_sites_with_public_suffixes(views: pd.DataFrame) -> None:
    assert views["url"].str.len().between(40, 200).all()
    extract = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)
    hosts = [urlsplit(url).netloc for url in views["url"]]
    assert all(extract(host).domain and extract(host).suffix for host in set(hosts))
    counts = pd.Series(hosts).value_counts()
    assert counts.iloc[0] > 10 * counts.median()  # a few sites have most of the visits
    assert len(counts) > EVENTS / 10


def test_about_one_page_view_in_a_hundred_carries_personal_data(views: pd.DataFrame, rows: pd.DataFrame) -> None:
    personal = (
        r"@example\.|%40example|202-555-01|4111 1111|/orders/\d{8}|/account/[0-9a-f]{8}-|/users/\w+\.\w+|session=eyJ"
    )
    is_personal = rows[["url", "title", "metadata.content"]].apply(lambda text: text.str.contains(personal)).any(axis=1)
    found = rows[is_personal].drop_duplicates(["userId", "timestamp", "url"])
    assert 0.004 * len(views) < len(found) < 0.02 * len(views)


def test_people_come_in_sessions_over_thirty_days(views: pd.DataFrame) -> None:
    times = pd.to_datetime(views["timestamp"], format="ISO8601")
    assert 29 <= (times.max() - times.min()).days <= 31
    in_order = views.assign(time=times).sort_values(["userId", "time"])
    gaps = in_order.groupby("userId")["time"].diff().dropna()
    assert (gaps <= pd.Timedelta(minutes=5)).mean() > 0.5
    assert (gaps > pd.Timedelta(minutes=30)).mean() > 0.02
    assert 15 <= views["userId"].nunique() <= 20


def test_data_frames_and_the_pipeline_give_the_same_table(
    panel: Path,
    settings: Settings,
    tmp_path: Path,
    materialize: Callable[..., Any],
    warehouse: Callable[..., list[tuple[Any, ...]]],
) -> None:
    (settings.inbox / panel.name).write_bytes(panel.read_bytes())
    assert materialize(*TO_DOMAIN_FEATURES).success
    columns = ["user_key", "domain", "day", "page_views", "sessions", "dwell_seconds", "first_time", "last_time"]
    ours = pd.DataFrame(
        warehouse(f"SELECT {', '.join(columns)} FROM domain_features ORDER BY user_key, domain, day"), columns=columns
    )
    ours = ours.assign(user_key=ours["user_key"].astype("str"), day=pd.to_datetime(ours["day"]))
    keys = load_keys(settings)
    assert ours["page_views"].sum() == EVENTS
    by_pandas = domain_features(panel, tmp_path, lambda user_id: str(keys.user_key(user_id)))
    by_polars = in_polars(panel, tmp_path, lambda user_id: str(keys.user_key(user_id))).to_pandas()
    for theirs in (by_pandas, by_polars):
        theirs = theirs[columns].sort_values(["user_key", "domain", "day"], ignore_index=True)
        pd.testing.assert_frame_equal(ours, theirs, check_dtype=False, rtol=1e-9)


@pytest.mark.parametrize(
    "version",
    [domain_features, partial(domain_features, work="same work"), in_polars],
    ids=["pandas", "same work", "polars"],
)
def test_data_frames_are_scrubbed_of_what_the_pipeline_scrubs(
    version: Callable[[Path, Path], object], panel: Path, tmp_path: Path
) -> None:
    version(panel, tmp_path)
    written = pd.concat(
        [
            pd.read_parquet(tmp_path / "views.parquet")[["url", "title"]].stack(),
            pd.read_parquet(tmp_path / "tags.parquet")["metadata.content"],
        ]
    )
    assert not written.str.contains(r"@example|%40|555-01|4111|panelist").any()
    assert written.str.contains("{email}", regex=False).any()


def test_the_same_work_in_pandas_keeps_the_rows_and_refuses_what_leaks(
    panel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain_features(panel, tmp_path, work="same work")
    kept = (tmp_path / "raw.parquet.encrypted").read_bytes()
    assert len(kept) > 10_000
    assert b"PAR1" not in kept
    monkeypatch.setattr(pandas_version, "scrub_text", str)
    with pytest.raises(ValueError, match="check"):
        domain_features(panel, tmp_path, work="same work")


@pytest.mark.parametrize("stage", ["bare load", "pandas"])
def test_a_stage_is_measured_in_a_process_of_its_own(
    stage: str, panel: Path, rows: pd.DataFrame, tmp_path: Path
) -> None:
    usage = measure(stage, panel, tmp_path, tmp_path / "pycache")
    assert usage.rows == (len(rows) if stage == "bare load" else len(domain_features(panel, tmp_path)))
    assert usage.cpu > 0
    assert usage.wall > 0
    assert usage.peak_bytes > 10 * 2**20  # an interpreter with a library needs more


def test_a_stage_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(StageFailedError, match=r"'bare load' ended with exit code 1:(.|\n)*missing\.csv"):
        measure("bare load", tmp_path / "missing.csv", tmp_path, tmp_path / "pycache")


def test_ratios_are_those_of_the_figures() -> None:
    def results(cpu: dict[str, float]) -> Results:
        usages = {stage: [Usage(rows=1, cpu=cpu.get(stage, 1.0), wall=1.0, peak_bytes=10**6)] for stage in STAGES}
        return Results(usages=usages, stored_bytes=dict.fromkeys(STAGES, 0))

    text = report(
        results({"pipeline": 9.0, "bare load": 3.0, "pandas": 41.0}), results({"pipeline": 5.0, "bare load": 1.0}), 1, 1
    )
    assert "pipeline : bare load               1.00     3.00    2.00     1.00" in text
    assert "pandas : pipeline                  1.00     4.56   10.00     1.00" in text


def test_medians_are_of_each_figure() -> None:
    usages = [Usage(rows=5, cpu=cpu, wall=cpu * 2, peak_bytes=int(cpu)) for cpu in (3.0, 1.0, 2.0)]
    assert median_usage(usages) == Usage(rows=5, cpu=2.0, wall=4.0, peak_bytes=3)


@pytest.mark.parametrize("arguments", [["--events", "10"], ["--repeat", "0"]])
def test_arguments_that_cannot_be_measured_are_refused(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "browse_assets_tests.bench", *arguments],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "must be at least" in done.stderr


def test_latencies_are_shown_by_model() -> None:
    """The server and its answers are tested in `test_serve.py`; how fast it is, nowhere."""
    lines = serving_table([Latency("lightgbm", 30.4, 49.6, 250.0)], clients=10)
    assert lines[0].split() == ["make", "serve,", "10", "clients", "p50", "ms", "p95", "ms", "per", "s"]
    assert lines[1].split() == ["lightgbm", "30", "50", "250"]
