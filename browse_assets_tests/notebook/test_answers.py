"""Answers on hand-made tables: what is told, what is not, and that nothing breaks where there is nothing."""

import re
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager

import duckdb
import pandas as pd
import pytest

from browse_assets.notebook import accuracy, attributes, extension, finance, privacy, products
from browse_assets.notebook.answer import Answer, shown, table_html
from browse_assets.notebook.extension import SIGNALS, WARNINGS, warnings_of
from browse_assets.notebook.installation import Installation
from browse_assets.settings import Settings
from browse_assets.tables import TABLES

Opened = Callable[[], AbstractContextManager[duckdb.DuckDBPyConnection]]
ANSWERS = [
    privacy.removed,
    privacy.left,
    attributes.page_topics,
    attributes.interests,
    attributes.profile,
    attributes.audience,
    attributes.segments,
    products.by_product,
    products.by_stage,
    products.of_people,
    products.new_products,
    products.watch_list,
    finance.funnel,
    finance.by_product,
    finance.evidence,
    accuracy.topics,
    accuracy.candidates,
    accuracy.ablation,
    accuracy.returns,
    accuracy.improvements,
    extension.signals,
]


@pytest.fixture
def panel(settings: Settings, scratch_warehouse: Opened) -> Installation:
    with scratch_warehouse():
        pass
    return Installation(settings, "test", is_own=False)


def keys(people: int) -> list[str]:
    return [str(uuid.UUID(int=i)) for i in range(people)]


def fill(con: duckdb.DuckDBPyConnection, table: str, rows: pd.DataFrame) -> None:
    con.register("rows", rows.assign(user_key=[uuid.UUID(key) for key in rows["user_key"]]))
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM rows")
    con.unregister("rows")


def test_nothing_is_an_answer_too(panel: Installation) -> None:
    for answer in ANSWERS:
        found = answer(panel)
        assert isinstance(found, Answer), answer
        assert found.words.endswith("."), answer
        assert not re.search(r"\bnan\b", found.words), answer
        assert "<p" in found._repr_html_()


def test_counts_of_few_people_are_in_no_answer(panel: Installation, scratch_warehouse: Opened) -> None:
    """Pets: 5 of 40 people; Sports: 12. Crypto: 4; mortgages: 13."""
    with scratch_warehouse() as con:
        everybody = pd.DataFrame({"user_key": keys(40), "day": pd.Timestamp("2026-05-01")})
        fill(con, "user_days", everybody)
        fill(
            con,
            "interest_profile",
            pd.DataFrame(
                [
                    {"user_key": key, "topic_id": topic, "topic": topic, "tier": 1, "is_interested": True}
                    for topic, people in (("Pets", 5), ("Sports", 12))
                    for key in keys(people)
                ]
            ),
        )
        fill(
            con,
            "finance_flags",
            pd.DataFrame(
                [
                    {"user_key": key, "finance_product": product, "shopping_sessions": 3, "active_days": 2}
                    for product, people in (("crypto", 4), ("mortgages", 13), ("payday_loans", 20))
                    for key in keys(people)
                ]
            ).assign(is_interested=True, is_customer=False),
        )
    interests = attributes.interests(panel)
    assert list(interests.table["topic"]) == ["Sports"]
    assert "12 of 40 people" in interests.words
    assert "1 more topics have fewer than 11 people" in interests.words
    shopping = finance.by_product(panel)
    assert list(shopping.table["product"]) == ["mortgages"]
    assert list(shopping.table["shopping"]) == ["13"]
    assert list(shopping.table["customers"]) == ["0"]
    assert "crypto" not in shopping._repr_html_()
    assert "payday" not in shopping._repr_html_() + finance.evidence(panel)._repr_html_()


def test_of_one_person_everything_is_told(panel: Installation, scratch_warehouse: Opened) -> None:
    with scratch_warehouse() as con:
        one = pd.DataFrame({"user_key": keys(1)})
        fill(con, "user_days", one.assign(day=pd.Timestamp("2026-05-01")))
        row = one.assign(topic_id="1", topic="Pets", tier=1, is_interested=True, evidence_text="3 sessions on 2 days")
        fill(con, "interest_profile", row.assign(probability=0.97))
    assert list(attributes.interests(panel).table["topic"]) == ["Pets"]
    profile = attributes.profile(panel)
    assert list(profile.table["evidence"]) == ["3 sessions on 2 days"]
    assert "the one person here" in profile.words
    assert keys(1)[0] not in profile._repr_html_()


def test_products_of_people_have_names_and_cut_pseudonyms(panel: Installation, scratch_warehouse: Opened) -> None:
    with scratch_warehouse() as con:
        fill(con, "user_days", pd.DataFrame({"user_key": keys(2), "day": pd.Timestamp("2026-05-01")}))
        con.execute(
            "INSERT INTO products (product_id, name, is_new) "
            "VALUES ('a', 'Old Phone', FALSE), ('b', 'New Phone', TRUE), ('c', NULL, TRUE)"
        )
        rows = pd.DataFrame({"user_key": keys(2)[1:] * 3, "product_id": ["a", "b", "c"], "probability": 0.95})
        fill(
            con,
            "product_interest",
            rows.assign(is_interested=True, is_new_to_person=False, stage="product", sessions=3, active_days=2),
        )
    everything, new = products.of_people(panel), products.of_people(panel, only_new=True)
    assert list(everything.table["product"]) == ["New Phone", "Old Phone"]
    assert list(new.table["product"]) == ["New Phone"]
    assert set(everything.table["person"]) == {"00000000"}
    novelty = products.new_products(panel)
    assert "2 (67 %) are in something new" in novelty.words
    assert set(novelty.table["people"]) == {"fewer than 11"}


def test_worked_examples_lose_what_is_personal_and_nothing_else(settings: Settings) -> None:
    found = privacy.worked_examples()
    before, after = found.table.iloc[:, 1], found.table["after"]
    for value in ("jo.roe", "jo-roe", "555 0147", "4111", "eyJ"):
        assert any(value in text for text in before), value
        assert not any(value in text for text in after), value
    assert after.iloc[-1] == before.iloc[-1]
    assert f"{len(found.table) - 1} were changed" in found.words
    assert not settings.warehouse_path.exists()


def test_an_answer_is_escaped_and_aligned() -> None:
    html = table_html(pd.DataFrame({"page title": ["<script>alert(1)</script>"], "n": [12345]}), "A & B")
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "A &amp; B" in html
    assert ">page title<" in html
    assert 'text-align:right">12,345<' in html
    assert "(no rows)" in table_html(pd.DataFrame({"a": []}))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NaT, ""),
        (True, "yes"),
        (1234, "1,234"),
        (0.12345, "0.123"),
        (1234.5, "1,234"),
    ],
)
def test_cells_read_well(value: object, text: str) -> None:
    assert shown(value) == text


def test_signals_name_permissions_and_columns_that_there_are() -> None:
    for signal in SIGNALS:
        assert set(signal.permissions) <= set(WARNINGS), signal.name
        if signal.column:
            table, column = signal.column.split(".")
            assert column in TABLES[table].column_names, signal.name


def test_a_stronger_warning_stands_for_the_weaker_one() -> None:
    assert warnings_of(("tabs", "host access")) == WARNINGS["host access"]
    assert warnings_of(("tabs", "webNavigation")) == "Read your browsing history"
    assert warnings_of(("storage",)) == "none"
