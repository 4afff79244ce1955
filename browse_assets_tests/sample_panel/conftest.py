"""Panels for the tests of the generator: a small one, and the one that the project ships."""

import gzip
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from browse_assets.sample_panel.truth import write_panel

PRIVATE = r"^https?://(?:localhost|127\.|192\.168\.|10\.)"
SHIPPED = Path(__file__).parents[2] / "data" / "sample"


def read_export(path: Path) -> pd.DataFrame:
    """One row per row of the file (JSON lines: per meta tag, `row` tells which line), as text."""
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        times = table["timestamp"].dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str[:-3] + "Z"
        rows = table.assign(timestamp=times).astype(object)
    elif ".jsonl" in path.name:
        flat = []
        for number, line in enumerate(gzip.decompress(path.read_bytes()).decode().splitlines()):
            record = json.loads(line)
            tags = record.pop("metadata")
            for tag in tags or [{}]:
                named = {"metadata.name": tag.get("name"), "metadata.content": tag.get("content")}
                flat.append({**record, **named, "row": number})
        rows = pd.DataFrame(flat, dtype=object)
    else:
        rows = pd.read_csv(path, dtype=str, keep_default_na=False).astype(object)
    if "row" not in rows:
        rows["row"] = range(len(rows))
    rows = rows.where(rows.notna(), "")
    return rows.assign(file=path.name)


@dataclass(frozen=True)
class Written:
    """A written panel: its folder, and all rows of its inbox in the order of the files."""

    folder: Path
    rows: pd.DataFrame

    def truth(self, name: str) -> pd.DataFrame:
        return pd.read_csv(self.folder / "truth" / f"{name}.csv", dtype={"written": str, "value": str})

    def classified(self) -> pd.DataFrame:
        """All rows with their address (from og:url where there is none) and reason of rejection."""
        rows = self.rows.copy()
        named = rows["metadata.content"].where(rows["metadata.name"] == "og:url", "")
        rows["address"] = rows["url"].where(rows["url"] != "", named)
        iso = rows["timestamp"].str.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
        time = pd.to_datetime(rows["timestamp"].where(iso), errors="coerce", format="ISO8601", utc=True)
        host = rows["address"].str.extract(r"^https?://(?:[^/@]*@)?([^/:?#]+)")[0]
        web = rows["address"].str.match(r"https?://") & ~rows["address"].str.match(PRIVATE)
        reason = pd.Series("", index=rows.index)
        reason[host.isna()] = "bad_url"
        reason[~web] = "not_web"
        reason[rows["address"] == ""] = "no_url"
        reason[(time.dt.year < 1990) | (time.dt.year > 2026)] = "time_out_of_range"
        reason[time.isna()] = "bad_time"
        reason[rows["timestamp"] == ""] = "no_time"
        reason[rows["userId"] == ""] = "no_user"
        return rows.assign(reason=reason, time=time)


def load(folder: Path) -> Written:
    paths = sorted((folder / "inbox").iterdir())
    return Written(folder, pd.concat([read_export(path) for path in paths], ignore_index=True))


@pytest.fixture(scope="session")
def small_panel(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """30 people, 60 days over three months: all three formats."""
    folder = tmp_path_factory.mktemp("small_panel")
    write_panel(folder, people=30, days=60, seed=3, end=date(2026, 5, 15))
    return load(folder)


@pytest.fixture(scope="session")
def shipped_panel() -> Written:
    return load(SHIPPED)


@pytest.fixture(params=["small", "shipped"])
def panel(request: pytest.FixtureRequest) -> Written:
    """Both, one after the other."""
    written: Written = request.getfixturevalue(f"{request.param}_panel")
    return written
