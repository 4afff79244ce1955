"""The sample panel's inbox: one export per month, in three formats, with repeats and bad rows.

Here: rows, layout and bytes of the exports (equal panels give equal bytes), and the counts that
any reader must arrive at. Not here: the other truth (`truth.py`).
"""

import gzip
import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from browse_assets.sample_panel.bad_rows import make_bad_rows
from browse_assets.sample_panel.panel import Panel

COLUMNS = ("userId", "ip", "timestamp", "url", "title", "metadata.name", "metadata.content",
           "referrer", "duration", "transition", "device")  # fmt: skip
_SUFFIXES = {1: "jsonl.gz", 2: "parquet"}  # second and third month; all others csv.gz
OVERLAP_DAYS = 2  # the second export (and every third after it) repeats the end of the one before
# One in so many of the page views of the first export that could do without a url has none.
_WITHOUT_URL_EVERY = 20


@dataclass(frozen=True)
class Export:
    """One file of the inbox and its rows; `view` is -1 for a bad row, `reason` empty for a good
    one, `is_repeat` true for a page view that the export before holds as well."""

    name: str
    rows: pd.DataFrame


def make_exports(panel: Panel, seed: int) -> list[Export]:
    """One export per calendar month of the panel, ordered by month."""
    log = panel.log.assign(view=np.arange(len(panel.log)))
    log["month"] = log["time"].dt.strftime("%Y-%m")
    log["timestamp"] = [f"{text}Z" for text in np.datetime_as_string(log["time"].to_numpy(), unit="ms")]
    months = sorted(log["month"].unique())
    exports = []
    for number, month in enumerate(months):
        rng = np.random.default_rng([seed, 100 + number])
        own = log[log["month"] == month].assign(is_repeat=False)
        if number % 3 == 1:
            since = np.datetime64(f"{month}-01") - np.timedelta64(OVERLAP_DAYS, "D")
            again = log[(log["month"] == months[number - 1]) & (log["time"] >= since)]
            own = pd.concat([again.assign(is_repeat=True), own])
        suffix = _SUFFIXES.get(number, "csv.gz")
        rows = own.merge(panel.tags, on="view", how="left", sort=False)
        rows = rows.rename(columns={"name": "metadata.name", "content": "metadata.content"})
        if number == 0:
            rows = _without_url(rows)
        bad = make_bad_rows(rng, own, with_bad_times=suffix != "parquet").assign(view=-1, is_repeat=False)
        rows = pd.concat([rows.assign(reason=""), bad])
        # By person, as the extensions upload: rows of one page view stay together.
        rows = rows.sort_values(["person", "time", "view"], kind="stable").reset_index(drop=True)
        exports.append(Export(f"panel-{month}.{suffix}", rows[[*COLUMNS, "time", "view", "reason", "is_repeat"]]))
    return exports


def _without_url(rows: pd.DataFrame) -> pd.DataFrame:
    """Some page views whose address stands only in their one meta tag, og:url.

    Only where both say the same, so that nothing planted is lost, and not on days that the next
    export repeats, where the address would be there after all.
    """
    single = ~rows["view"].duplicated(keep=False) & (rows["metadata.name"] == "og:url")
    month_end = rows["time"].max().normalize() + pd.Timedelta(days=1)
    early = rows["time"] < month_end - pd.Timedelta(days=OVERLAP_DAYS + 1)
    chosen = rows.index[single & early & (rows["url"] == rows["metadata.content"])]
    rows.loc[chosen[::_WITHOUT_URL_EVERY], "url"] = ""
    return rows


def write_export(folder: Path, export: Export) -> None:
    """Write one export in the format that its name says."""
    rows, path = export.rows, folder / export.name
    if export.name.endswith(".parquet"):
        _write_parquet(path, rows)
        return
    text = _as_csv(rows) if ".csv" in export.name else _as_json_lines(rows)
    path.write_bytes(compressed(text))


def compressed(text: str) -> bytes:
    """Gzip without a name or a time in its header."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", compresslevel=9, mtime=0) as stream:
        stream.write(text.encode())
    return buffer.getvalue()


def _as_csv(rows: pd.DataFrame) -> str:
    return rows[list(COLUMNS)].to_csv(index=False, lineterminator="\n")


def _as_json_lines(rows: pd.DataFrame) -> str:
    """One line per page view, its meta tags nested."""
    lines = []
    plain = [name for name in COLUMNS if not name.startswith("metadata.")]
    # Bad rows are all -1: give each its own number so that they stay apart.
    number = rows["view"].where(rows["view"] >= 0, -1 - np.arange(len(rows)))
    number = number.astype(str) + rows["is_repeat"].astype(str)
    is_first = (number != number.shift()).to_numpy()
    tags: list[dict[str, str]] = []
    for first, record in zip(is_first, rows.to_dict("records"), strict=True):
        if first:
            tags = []
            line = {name: None if pd.isna(record[name]) or record[name] == "" else record[name] for name in plain}
            lines.append({**line, "metadata": tags})
        if isinstance(record["metadata.name"], str):
            tags.append({"name": record["metadata.name"], "content": record["metadata.content"]})
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def _write_parquet(path: Path, rows: pd.DataFrame) -> None:
    """Flat like the CSV, with a typed time (UTC, ms) and duration."""
    frame = rows[list(COLUMNS)]
    arrays = []
    for name in COLUMNS:
        values = frame[name]
        if name == "timestamp":
            times = pd.to_datetime(values.where(values != ""), utc=True, format="ISO8601")
            arrays.append(
                pa.array(times.dt.tz_convert(None).astype("datetime64[ms]"), type=pa.timestamp("ms", tz="UTC"))
            )
        elif name == "duration":
            arrays.append(pa.array(values.astype("Int32"), type=pa.int32()))
        else:
            arrays.append(pa.array(values.where(values.notna() & (values != ""), None), type=pa.string()))
    table = pa.table(arrays, names=list(COLUMNS))
    pq.write_table(table, path, compression="zstd", compression_level=19, row_group_size=1_000_000,
                   write_statistics=False, store_schema=False)  # fmt: skip


def counts_of(exports: list[Export]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a reader must find: one row per file, and one row per file and reason of rejection.

    rows = page_views + folded_rows + repeated_rows + rejected_rows, where page_views are those new
    in this file, folded_rows their further rows (one per further meta tag), repeated_rows all rows
    of the repeated_page_views that the file before holds too. JSON lines fold nothing: one row is
    one page view.
    """
    files, rejected = [], []
    for export in exports:
        rows = export.rows
        nested = ".jsonl" in export.name
        new, again = rows[(rows["view"] >= 0) & ~rows["is_repeat"]], rows[rows["is_repeat"]]
        page_views, repeated = new["view"].nunique(), again["view"].nunique()
        bad = rows[rows["view"] < 0]
        counts = {
            "page_views": page_views,
            "folded_rows": 0 if nested else len(new) - page_views,
            "repeated_page_views": repeated,
            "repeated_rows": repeated if nested else len(again),
            "rejected_rows": len(bad),
        }
        total = sum(counts.values()) - repeated
        files.append({"file": export.name, "rows": total, **counts,
                      "first_event": new["timestamp"].min(),
                      "last_event": new["timestamp"].max()})  # fmt: skip
        for reason, group in bad.groupby("reason", sort=True):
            rejected.append({"file": export.name, "reason": reason, "rows": len(group)})
    return pd.DataFrame(files), pd.DataFrame(rejected)
