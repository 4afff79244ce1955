"""Every SELECT of the path to the seven tables is said on Spark; what it computes there is in `test_spark*.py`."""

from datetime import datetime

import pytest

from browse_assets.engine.patterns import UntranslatableError, java_pattern, java_replacement
from browse_assets.engine.translation import Macros, parse_statements, read_macro, spark_sql
from browse_assets.sql import read_sql

SELECTS = (
    *("suspects", "suspect_tags", "suspect_segments", "suspect_parameters", "clean_addresses", "scrubbed_suspects"),
    *("scrubbed_events", "sessions", "domain_features", "user_days", "session_times", "touches", "exposure"),
    *("topic_items", "interest_profile", "product_events", "product_interest"),
    *("finance_events", "finance_items", "finance_flags"),
)
# What assets/scrubbing.py makes of the dictionaries.
MADE_MACROS = (
    "CREATE MACRO has_personal_path(path) AS regexp_matches(path, personal_pattern() || '|/~');"
    "CREATE MACRO has_clean_form(url) AS regexp_full_match(url, 'https?://[a-z.]+');"
    "CREATE MACRO is_suspect_text(t) AS has_personal_pattern(t);"
    "CREATE MACRO may_hold_id(t) AS regexp_matches(t, '(?i)panelist');"
    "CREATE MACRO term_of(url, parameter) AS CASE parameter WHEN 'q' THEN regexp_extract(url, '[?&#]q=([^&#]*)', 1) END"
)
VALUES = {"as_of": datetime(2026, 6, 30), "stages": ["product", "cart"]}


@pytest.fixture(scope="module")
def macros() -> Macros:
    texts = "".join((read_sql("macros"), read_sql("guards"), MADE_MACROS))
    return {name: (names, body) for name, names, body in map(read_macro, parse_statements(texts))}


def translated(select: str, macros: Macros | None = None, **params: object) -> str:
    (statement,) = parse_statements(select)
    return spark_sql(statement, macros or {}, params)


@pytest.mark.parametrize("name", SELECTS)
def test_every_select_is_said_on_spark(name: str, macros: Macros) -> None:
    found = translated(read_sql(name), macros, **VALUES)
    assert not [value for value in VALUES if f":{value}" in found]
    assert not [macro for macro in macros if f"{macro.upper()}(" in found]


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("SELECT (a * 2)::BIGINT FROM t", "SELECT CAST(RINT((a * 2)) AS BIGINT) FROM t"),
        ("SELECT a::UUID FROM t", "SELECT CAST(a AS STRING) FROM t"),
        ("SELECT l[-1], l[:5] FROM t", "SELECT TRY_ELEMENT_AT(l, NULLIF(CAST(-1 AS INT), 0)), SLICE(l, 1, 5) FROM t"),
        ("SELECT * REPLACE (a + 1 AS a) FROM t", "SELECT * EXCEPT (a), a + 1 AS a FROM t"),
        (
            "SELECT epoch_us(b - a) FROM t",
            "SELECT (UNIX_MICROS(CAST(b AS TIMESTAMP_LTZ)) - UNIX_MICROS(CAST(a AS TIMESTAMP_LTZ))) FROM t",
        ),
        (
            "SELECT lag(a) OVER w, sum(a) OVER w FROM t WINDOW w AS (ORDER BY b ROWS UNBOUNDED PRECEDING)",
            "SELECT LAG(a) OVER (ORDER BY b NULLS LAST), SUM(a) OVER w FROM t "
            "WINDOW w AS (ORDER BY b NULLS LAST ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        ),
        (
            "SELECT unnest(l) AS one, generate_subscripts(l, 1) AS place FROM t",
            "SELECT unnested_.one AS one, unnested_.place_ + 1 AS place FROM t "
            "LATERAL VIEW POSEXPLODE(l) unnested_ AS place_, one",
        ),
        ("SELECT concat_ws('-', a, NULL) FROM t", "SELECT CONCAT_WS('-', a, NULL) FROM t"),
    ],
)
def test_constructs(select: str, said: str) -> None:
    assert translated(select) == said


def test_macros_keep_the_names_of_their_lambdas_apart(macros: Macros) -> None:
    """`tag` is a lambda's own in the macro, and a column's here."""
    found = translated("SELECT tags_without_own_id(tag, tag.id) AS x FROM t", macros)
    assert "TRANSFORM((tag), tag -> STRUCT(tag.name AS name" in found


@pytest.mark.parametrize(
    "select",
    [
        "SELECT levenshtein_of(a) FROM t",
        "SELECT regexp_replace(a, 'b', 'c') FROM t",
        "SELECT regexp_matches(a, b) FROM t",
        "SELECT unnest(l) AS one, generate_subscripts(k, 1) AS place FROM t",
        "SELECT list_resize(l, 3, 0) FROM t",
        "SELECT l[2:5] FROM t",
        r"SELECT regexp_matches(a, '\pL') FROM t",
    ],
)
def test_what_is_not_known_to_mean_the_same_is_refused(select: str) -> None:
    with pytest.raises(UntranslatableError):
        translated(select)


def test_patterns() -> None:
    assert java_pattern(r"(?i)a.b$") == r"(?iu)a[^\n]b\z"
    assert java_pattern(r"[[(&^\s-]{2}{") == "[\\[(\\&\\^\\t\\n\\f\\r -]{2}\\{"
    assert java_pattern("[[:alpha:]]") == "[A-Za-z]"
    assert java_replacement(r"\1{user}$") == r"$1{user}\$"
