"""Spark in this process says what DuckDB says: functions, sessions, and a second load on top of a first one."""

import random
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from browse_assets.engine import session
from browse_assets.engine.lake import Lake
from browse_assets.engine.spark import SparkConnection
from browse_assets.resources import open_databases
from browse_assets.settings import Settings, load_settings
from browse_assets.sql import read_sql
from browse_assets.tables import TABLES
from browse_assets_tests.engine.cluster import needs_spark, write_defaults

pytestmark = [needs_spark, pytest.mark.timeout(900)]

MASTER = "local[2]"


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[duckdb.DuckDBPyConnection], SparkConnection]]:
    """Spark beside a connection to DuckDB; one session for all tests of the file."""
    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(write_defaults(folder / "conf")))
        settings = Settings(folder, "", folder, spark_master=MASTER)
        yield lambda con: SparkConnection(lambda: session.spark_session(settings), con, Lake(str(folder / "lake")))
        for one in session._SESSIONS.values():
            one.stop()
        session._SESSIONS.clear()


def texts() -> list[str | None]:
    """What texts of the web hold, and what they should not."""
    made = random.Random(7)
    pieces = [
        *"aZé ßΣİıiIK\u212a\u017f09 \t\n\r\x0b\u00a0\u2003.,;:/?&=#%@'\"\\{}[]()<>-_+~$^|\u200f\U0001d7ce\U0001f600",
        *(
            "%20",
            "%C3%A9",
            "%ff",
            "%EF%BF%BD",
            "%zz",
            "{email}",
            "{id}",
            "panelist-12",
            "PANELIST-12",
            "null",
            "http://",
        ),
        *("https://me:pw@WWW.Example.com:8080/", "+1 202 555 0143", "tablet", "pc", "eyJhbGciOi", "product:price"),
    ]
    return [None, "", *("".join(made.choices(pieces, k=made.randint(1, 9))) for _ in range(1500)), "x" * 10_001]


FUNCTIONS = (
    "url_host(t)",
    "url_path(t)",
    "url_tail(t)",
    "unescaped(t)",
    "has_personal_pattern(t)",
    "is_personal_tag(t)",
    "is_technical_tag(t)",
    "is_product_tag(t)",
    "without_own_id(t, 'panelist-12')",
    "without_own_id(translate(t, 'İı', 'II'), lower(u))",  # Java takes both for i there: docs/scale.md
    "kinds_replaced(u, t)",
    "counted_kinds('c', kinds_replaced(u, t) || kinds_replaced(t, u))",
    "tags_text([{'name': t, 'content': u}, {'name': u, 'content': t}])",
    "lower(t)",
    "length(t)",
    "strlen(t)",
    "trim(t)",
    "string_split(t, '/')[-1]",
    "string_split(t, '/')[3]",
    "split_part(t, '=', 2)",
    "substr(t, 3)",
    "regexp_matches(t, '(?i)tablet|k|\\bpc\\b|s$')",
    "regexp_matches(t, '(?i)[^a-z0-9:_.]')",
    "regexp_matches(t, '^\\s*[hH]\\S+\\s*$')",
    "regexp_full_match(t, '.*[[:alpha:]][^a-z&[].*')",
    "regexp_extract(t, '([^@]*)@', 1)",
    "md5(concat_ws(chr(31), t, coalesce(u, chr(0)), NULL))::UUID",
    "sha256(t)",
    "page_text(t, u, NULL)",
    "evidence_text(1, 2, [{'domain': t, 'sessions': 3}])",
    "list_position(['a', t], coalesce(t, 'b'))",
    "array_to_string([t, NULL, u], '|')",
    "array_to_string([]::VARCHAR[], '|')",
)


def test_functions_and_macros_agree(spark: Callable[[duckdb.DuckDBPyConnection], SparkConnection]) -> None:
    some = texts()
    other = [*some[1:], None]
    rows = pa.table({"i": range(len(some)), "t": some, "u": other})
    select = (
        f"SELECT i, {', '.join(f'{call} AS f{place}' for place, call in enumerate(FUNCTIONS))} FROM rows ORDER BY i"
    )
    con = duckdb.connect()
    con.execute(read_sql("macros"))
    con.register("rows", rows)
    expected = con.execute(select).to_arrow_table()
    work = spark(con)
    work.execute(read_sql("macros"))
    work.register("rows", rows)
    found = work.execute(select)._rows().toArrow()
    work.close()
    for place, call in enumerate(FUNCTIONS):
        pairs = zip(some, other, expected[f"f{place}"].to_pylist(), found[f"f{place}"].to_pylist(), strict=True)
        assert [(t, u, a, b) for t, u, a, b in pairs if a != b][:3] == [], call


def unsessioned() -> pa.Table:
    """Two people at once and again, one without a pause of half an hour in four days, and ties."""
    made, start = random.Random(3), datetime(2026, 1, 1)
    times = [("a", start + timedelta(minutes=29 * step)) for step in range(200)]
    times += [(made.choice("bc"), start + timedelta(seconds=made.randint(0, 200_000))) for _ in range(400)]
    times += [("d", start)] * 3
    keys = {name: f"00000000-0000-0000-0000-{place:012d}" for place, name in enumerate("abcd")}
    return pa.table(
        {
            "event_id": [f"{made.getrandbits(128):032x}" for _ in times],
            "user_key": [keys[name] for name, _ in times],
            "event_time": pa.array([time for _, time in times], pa.timestamp("us")),
            "given_seconds": pa.array([made.choice([None, None, 4.5]) for _ in times], pa.float64()),
            "given_kind": ["extension"] * len(times),
            "old_session_id": pa.array([None] * len(times), pa.string()),
            "old_seconds": pa.array([None] * len(times), pa.float64()),
            "old_method": pa.array([None] * len(times), pa.string()),
        }
    )


def test_sessions_agree_where_they_are_cut_after_a_day(
    spark: Callable[[duckdb.DuckDBPyConnection], SparkConnection],
) -> None:
    con = duckdb.connect()
    con.register("unsessioned", unsessioned())
    select = f"SELECT * FROM ({read_sql('sessions').rstrip().rstrip(';')}) ORDER BY event_id"
    expected = con.execute(select).to_arrow_table().to_pylist()
    work = spark(con)
    work.register("unsessioned", unsessioned())
    found = work.execute(select)._rows().toArrow().to_pylist()
    work.close()
    by_a = {row["event_id"] for row in unsessioned().to_pylist() if row["user_key"].endswith("0")}
    of_a = {row["session_id"] for row in expected if row["event_id"] in by_a}
    assert len(of_a) == 4  # 200 events 29 minutes apart: the 51st is the first more than 24 h after its session's start
    assert found == expected


PERSONAL = (
    "https://shop.example.com/users/ann/orders/448812?q=boots&sid=8f3a#top,Call +1 202-555-0143 or ann@example.com",
    "https://me:pw@www.example.org:8080/reset/eyJhbGciOiJIUzI1NiJ9?page=2&utm_source=x,Reset for panelist-00012",
    "https://www.google.com/search?q=ann%20miller%2B1+202+555+0143&gclid=7,ann - Google Search",
    "https://news.example.net/2026/05/a-long-story,A long story",
    "https://193.0.14.129/x,Directions from 52.5200;13.4050",
)


def lines(people: range, days: range) -> str:
    made = random.Random(len(people))
    rows = ["userId,ip,timestamp,url,title"]
    for person in people:
        for day in days:
            at = datetime(2026, 5, 1) + timedelta(days=day, seconds=made.randint(0, 80_000))
            for step in range(made.randint(1, 6)):
                moment = at + timedelta(seconds=step * made.choice([5, 200, 1700, 2000]))
                rows.append(f"panelist-{person:05d},192.0.2.7,{moment.isoformat()}Z,{made.choice(PERSONAL)}")
    return "\n".join(rows) + "\n"


CHAIN = ("raw_events", "scrubbed_events", "domain_features", "user_days")


def test_a_second_load_on_spark_is_that_of_duckdb(
    settings: Settings,
    materialize: Callable[..., Any],
    spark: Callable[[duckdb.DuckDBPyConnection], SparkConnection],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """New people, and events of known ones that come late and cut sessions in two."""
    (settings.inbox / "first.csv").write_text(lines(range(12), range(0, 20, 2)))
    materialize(*CHAIN)
    (settings.inbox / "second.csv").write_text(lines(range(6, 18), range(1, 21)))
    shutil.copytree(settings.data_dir, tmp_path / "on_spark")
    materialize(*CHAIN)
    monkeypatch.setenv("BROWSE_DATA_DIR", str(tmp_path / "on_spark"))
    monkeypatch.setenv("BROWSE_ENGINE", "spark")
    monkeypatch.setenv("BROWSE_SPARK_MASTER", MASTER)
    materialize(*CHAIN)
    rows = []
    for one in (settings, load_settings()):
        with open_databases(one, warehouse="read") as con:
            rows.append({name: con.execute(_ordered(name)).fetchall() for name in (*CHAIN[1:], "asset_state")})
    assert len(rows[0]["scrubbed_events"]) > 500
    for name in rows[0]:
        assert rows[0][name] == rows[1][name], name
    assert settings.vault_path.exists()


def _ordered(name: str) -> str:
    table = TABLES.get(name)
    columns = ", ".join(f'"{column}"' for column in table.column_names) if table else "*"
    return f"SELECT {columns} FROM {name} ORDER BY ALL"
