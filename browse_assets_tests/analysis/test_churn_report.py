"""The report's content on hand-made facts: sentences by results, the winner of the table, nothing of a few people."""

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pptx import Presentation
from pptx.util import Emu

from browse_assets.analysis.churn_report import Report, ReportFacts, ReportTable, TrainingRecord
from browse_assets.analysis.churn_report_exploration import rate_groups
from browse_assets.analysis.churn_report_groups import (
    merged_counts,
    named_groups,
    ordered_groups,
    round_borders,
    safe_retention,
    single_features,
    wilson,
)
from browse_assets.analysis.churn_report_html import render_html
from browse_assets.analysis.churn_report_judging import judge, judgement, winner_sentence
from browse_assets.analysis.churn_report_panel import labelled
from browse_assets.analysis.churn_report_pptx import fitting, fitting_table, render_pptx, table_height, wrapped
from browse_assets.analysis.churn_report_story import build_report
from browse_assets.tables import CHURN_METRICS

K = 11
AS_OF = datetime(2026, 6, 30, 23, 38, 6)
TITLES = (
    "Introduction and business problem",
    "Problem statement",
    "Data collection",
    "Exploratory analysis",
    "Feature engineering",
    "Modeling",
    "Results",
    "Deployment",
    "Conclusion and future work",
    "Thank you",
)


def candidate(model: str, log_loss: float, **values: Any) -> dict[str, Any]:
    """A row of churn_model: middling in everything, but for the log loss and what is given."""
    row: dict[str, Any] = {"model": model, "people": 200, "threshold": 0.3, "is_champion": False, "reason": "as told"}
    for metric in CHURN_METRICS:
        row |= {metric: 0.6, f"{metric}_low": 0.52, f"{metric}_high": 0.7}
    return row | {"log_loss": log_loss, "log_loss_low": log_loss - 0.05, "log_loss_high": log_loss + 0.05} | values


DUMMY = candidate("dummy", 0.33, roc_auc=0.5, roc_auc_low=0.5, roc_auc_high=0.5, average_precision=0.1, recall=1.0)
RULE = candidate("one_rule", 0.30)
FOREST = candidate("random_forest", 0.25)
LOGISTIC = candidate("logistic_regression", 0.28)
PROMOTED = {"is_champion": True}


def hand_made(people: int = 300) -> ReportFacts:
    """Everybody at two snapshots; the longer somebody was away the likelier they left, and plan tells nothing."""
    rng = np.random.default_rng(5)
    away = np.tile(np.arange(people) % 30, 2).astype(float)
    snapshots = pd.DataFrame(
        {
            "person": np.tile(np.arange(people), 2),
            "snapshot_time": np.repeat(pd.to_datetime(["2026-04-17", "2026-05-24"]), people),
            "eligible": True,
            "reason": None,
            "churned": rng.random(2 * people) < away / 60,
            "days_since_last": away,
            "active_days": rng.integers(1, 60, 2 * people).astype(float),
        }
    )
    customers = pd.DataFrame(
        {
            "person": np.arange(people),
            "attributes": [{"plan": ("basic", "premium")[n % 2], "declared_gender": "female"} for n in range(people)],
            "transactions": 3.0,
            "transaction_amount": 10.0,
            "service_interactions": 1.0,
        }
    )
    weeks = np.arange(20)
    return ReportFacts(
        as_of=AS_OF,
        min_group=K,
        is_sample=False,
        files=pd.DataFrame(
            [
                {
                    "format": "csv",
                    "files": 2,
                    "rows_read": 900,
                    "accepted": 800,
                    "folded": 40,
                    "duplicates": 50,
                    "rejected": 10,
                }
            ]
        ),
        failed_files=0,
        removed=pd.DataFrame({"kind": ["email", "ip"], "values_removed": [3, 4000]}),
        browsing={
            "people": people,
            "person_days": 20 * people,
            "first_day": datetime(2026, 1, 1),
            "last_day": datetime(2026, 6, 29),
        },
        weeks=pd.DataFrame({"week": pd.date_range("2026-01-05", periods=20, freq="7D"), "people": people - 2 * weeks}),
        retention=pd.DataFrame({"week": weeks, "observed": people - weeks, "active": people - weeks - 5 * weeks}),
        snapshots=snapshots,
        customers=customers,
        model=pd.DataFrame([DUMMY, RULE, FOREST | PROMOTED, LOGISTIC]),
        audit=pd.DataFrame(columns=["test", "subject", "value", "low", "high", "passed", "detail"]),
        scores=pd.DataFrame({"probability": 0.2, "band": np.repeat(["low", "medium", "high"], people // 3)}),
        features=(("days_since_last", "days from the last active day"), ("active_days", "active days in the window")),
        windows=(90, 7, 30),
        training=TrainingRecord(
            "trained",
            "random_forest: surely better",
            rows={"fit": 200, "calibrate": 50, "threshold": 50, "test": 200},
            params={
                "random_forest": {"max_depth": "4", "learning_rate": "0.021334807950305564", "max_features": "sqrt"}
            },
        ),
    )


@cache
def usual() -> ReportFacts:
    return hand_made()


@cache
def usual_report() -> Report:
    return build_report(usual())


def told(report: Report) -> str:
    """Every text of a report."""
    parts = [report.title, report.origin]
    for section in report.sections:
        parts += [section.title, section.message, *section.points, *section.details]
        parts += [figure.caption for figure in section.figures]
        parts += [
            text for table in section.tables for row in (table.header, *table.rows) for text in (table.caption, *row)
        ]
    return "\n".join(parts)


def without_pictures(facts: ReportFacts, monkeypatch: pytest.MonkeyPatch) -> str:
    """Every text of the report, without the second that drawing takes."""
    for module, names in {
        "exploration": ("distributions_png", "rates_png", "retention_png"),
        "panel": ("weeks_png",),
        "results": ("losses_png",),
        "story": ("windows_png",),
    }.items():
        for name in names:
            monkeypatch.setattr(f"browse_assets.analysis.churn_report_{module}.{name}", lambda *_: b"")
    return told(build_report(facts))


def model_of(*rows: dict[str, Any], **columns: Any) -> pd.DataFrame:
    return pd.DataFrame(rows).assign(**columns)


NOT_ENOUGH = {
    "model": pd.DataFrame([DUMMY]).iloc[:0],
    "training": TrainingRecord("not_enough_history", "the test rows hold 2 people who left"),
}


@pytest.mark.parametrize(
    ("changes", "says", "never"),
    [
        (
            {},
            [
                "Random forest has the lowest log loss, 0.250 against 0.330",
                "it is the champion",
                "is worth using",
                "learning rate 0.0213, max depth 4, max features sqrt",
            ],
            ["SYNTHETIC", "there is no champion", "FAILED", "Nobody is scored"],
        ),
        (
            {"model": model_of(DUMMY, RULE, FOREST)},
            ["Random forest has the lowest log loss", "there is no champion", "churn cannot surely be foretold"],
            ["it is the champion", "is worth using"],
        ),
        (
            {"model": model_of(DUMMY, RULE | {"log_loss": 0.2}, FOREST)},
            [
                "The baseline “one rule” has the lowest log loss, 0.200; random forest, the model that tuning "
                "chose, has 0.250",
                "“One rule” alone foretells churn better than any model",
            ],
            ["Random forest has the lowest log loss", "is worth using"],
        ),
        (
            {"model": model_of(DUMMY, RULE, FOREST, decision="kept")},
            ["the champion of an earlier training stays", "The champion of before stays"],
            ["there is no champion", "cannot surely be foretold"],
        ),
        (
            NOT_ENOUGH,
            [
                "Nothing was trained: there is not enough history",
                "The test rows hold 2 people who left.",
                "There are no results: no model was trained",
                "There is not enough history to foretell churn",
                "looks at people ended in churn",
            ],
            ["has the lowest log loss", "cannot surely be foretold", "surely beats the base rate on the test"],
        ),
        (
            {"training": TrainingRecord("trained", "", split="people", folds="3 folds of people")},
            [
                "by the labels that came with them",
                "All rows are of one time",
                "tuned on log loss over 3 folds of people",
            ],
            ["after everything that was learned from", "Features see the 90 days"],
        ),
        (
            {"customers": hand_made().customers.assign(transactions=None, transaction_amount=None)},
            ["There are no transactions.", "transactions are not there yet"],
            ["There are no demographics"],
        ),
        (
            {"customers": hand_made().customers.iloc[:0]},
            ["churn is told from browsing alone", "without any customer table"],
            ["By plan"],
        ),
        (
            {"browsing": {"people": 0, "person_days": 0, "first_day": None, "last_day": None}},
            ["No browsing came in", "without any browsing", "browsing are not there yet"],
            ["The panel covers"],
        ),
        (
            {
                "audit": pd.DataFrame(
                    {
                        "test": ["single_feature", "permuted_labels", "injected_future", "identifiers_alone"],
                        "subject": ["page_views", None, "lightgbm", None],
                        "value": [0.97, 0.5, 0.1, None],
                        "low": [0.9, 0.4, None, None],
                        "high": [0.99, 0.6, None, None],
                        "passed": [False, True, False, None],
                        "detail": "",
                    }
                )
            },
            [
                "leakage audit FAILED 1 of 3 tests: injected future (lightgbm).",
                "Worth a look, and no proof of a leak: single feature (page views).",
                "the leakage audit failed; no score",
                "nothing to test",
            ],
            ["found no leak"],
        ),
        (
            {
                "audit": pd.DataFrame(
                    {"test": ["t"], "subject": [None], "value": 1.0, "low": 0.0, "high": 1.0, "passed": True}
                )
            },
            ["The leakage audit found no leak in 1 tests"],
            ["FAILED"],
        ),
        (
            {"scores": hand_made().scores.iloc[:0]},
            ["Nobody is scored: there is no champion to score with"],
            ["The champion scores"],
        ),
        ({"windows": (45, 3, 15)}, ["windows are 45, 3 and 15", "the windows were shrunk to 45, 3 and 15 days"], []),
        (
            {"is_sample": True},
            ["SYNTHETIC sample panel, no real people", "The people of this report are SYNTHETIC"],
            [],
        ),
        (
            {"model": model_of(DUMMY, RULE, FOREST, people=10)},
            ["The test has fewer than 11 people, so its figures are not told"],
            ["has the lowest log loss"],
        ),
        (
            {
                "training": TrainingRecord("trained", "", random_split_auc={"random_forest": 0.91}),
                "model": model_of(DUMMY, RULE, FOREST | {"roc_auc": 0.8}),
            },
            ["random forest ROC AUC 0.910 against 0.800 here, which leakage would have claimed"],
            [],
        ),
        (
            {"model": model_of(DUMMY, RULE, FOREST, random_split_roc_auc=0.7, person_disjoint_roc_auc=0.55)},
            ["ROC AUC 0.700 against 0.600 here", "Where none of the test's people was learned from, it is 0.550"],
            [],
        ),
        (
            {
                "model": model_of(
                    DUMMY, RULE, FOREST | {"is_challenger": False}, LOGISTIC | PROMOTED | {"is_challenger": True}
                )
            },
            [
                "Random forest has the lowest log loss, 0.250 against 0.330 of always saying the base rate; logistic "
                "regression, the model that tuning chose, has 0.280: logistic regression is the champion"
            ],
            ["no champion"],
        ),
        (
            {"training": TrainingRecord("trained", "", threshold_by="profit")},
            ["then given a threshold for the highest profit"],
            ["highest F1"],
        ),
        (
            {"snapshots": hand_made().snapshots.assign(label_source="given")},
            ["where they are given they replace the rule"],
            [],
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_sentences_are_chosen_by_the_results(
    changes: dict[str, Any], says: list[str], never: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = without_pictures(replace(usual(), **changes), monkeypatch)
    assert [sentence for sentence in says if sentence not in text] == []
    assert [sentence for sentence in never if sentence in text] == []


NAMES = ("dummy", "one_rule", "logistic_regression", "random_forest", "lightgbm", "stack")


@given(st.lists(st.integers(100, 900), min_size=len(NAMES), max_size=len(NAMES), unique=True), st.permutations(NAMES))
@hypothesis_settings(max_examples=25)
def test_the_winner_named_is_the_lowest_log_loss(losses: list[int], order: Sequence[str]) -> None:
    rows = [candidate(name, loss / 1000) for name, loss in zip(order, losses, strict=True)]
    facts = replace(usual(), model=pd.DataFrame(rows))
    lowest = order[losses.index(min(losses))]
    models = {name: loss for name, loss in zip(order, losses, strict=True) if name not in ("dummy", "one_rule")}
    assert judge(facts).winner == lowest
    assert judge(facts).best == min(models, key=lambda name: models[name])
    first = winner_sentence(facts).split(" the lowest log loss")[0].lower()
    assert lowest.replace("_", " ") in first
    assert f"{min(losses) / 1000:.3f}" in winner_sentence(facts)


def test_strengths_and_weaknesses_are_those_of_the_figures() -> None:
    tree = candidate(
        "decision_tree", 0.4, roc_auc=0.52, roc_auc_low=0.4, recall=0.2, precision=0.25, accuracy=0.85, f1=0.9
    )
    facts = replace(usual(), model=pd.DataFrame([DUMMY, RULE | {"brier": 0.1}, tree]))
    strong, weak = judgement(facts, "decision_tree")
    assert strong == ["best accuracy, F1, average precision and 3 more"]  # a tie is a best for both
    assert weak == [
        "may rank no better than chance (ROC AUC 0.52)",
        "its probabilities are worse than the base rate alone",
        "finds only 20 % of those who leave",
        "75 % of its calls are false alarms",
        "calls fewer right than always saying the same would (90 %)",
        "the one rule alone has a lower log loss",
    ]
    silent = tree | {"recall": 0.0, "precision": float("nan")}
    weak = judgement(replace(facts, model=pd.DataFrame([DUMMY, silent])), "decision_tree")[1]
    assert "calls nobody" in weak
    assert not [words for words in weak if "finds" in words]
    assert judgement(facts, "dummy") == (["needs no feature"], ["tells nobody apart"])


# What may be told of groups.


@st.composite
def looks_and_values(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.Series]:
    n = draw(st.integers(0, 120))
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    looks = pd.DataFrame({"person": rng.integers(0, max(1, n // 2), n), "churned": (rng.random(n) < 0.4).astype(int)})
    values = pd.Series(np.round(rng.gamma(1.0, 10.0, n), 1))
    return looks, values.mask(rng.random(n) < draw(st.sampled_from([0.0, 0.3])))


def people_in(part: pd.DataFrame) -> int:
    counts = part.groupby("churned")["person"].nunique()
    return int(min(counts.get(0, 0), counts.get(1, 0)))


@given(looks_and_values(), st.integers(2, 15))
@hypothesis_settings(max_examples=60)
def test_bins_hold_everybody_and_none_is_small(made: tuple[pd.DataFrame, pd.Series], k: int) -> None:
    looks, values = made
    groups = ordered_groups(looks, values, k)
    assert len(groups) != 1
    if not groups:
        return
    assert sum(group.looks for group in groups) == len(looks)
    assert sum(group.left for group in groups) == looks["churned"].sum()
    last = float("-inf")
    for group in groups:
        if group.label == "not known":
            part = looks[values.isna()]
        elif group.label.startswith("up to"):
            last = float(group.label.removeprefix("up to ").replace(",", ""))
            part = looks[values <= last]
        elif " to " in group.label:
            low, high = (float(text.replace(",", "")) for text in group.label.removeprefix("over ").split(" to "))
            assert low == last
            part, last = looks[(values > low) & (values <= high)], high
        else:
            assert float(group.label.removeprefix("over ").replace(",", "")) == last
            part = looks[values > last]
        assert (len(part), part["churned"].sum()) == (group.looks, group.left)
        assert people_in(part) >= k


@given(looks_and_values(), st.integers(2, 15))
@hypothesis_settings(max_examples=60)
def test_named_groups_hold_everybody_and_none_is_small(made: tuple[pd.DataFrame, pd.Series], k: int) -> None:
    looks, values = made
    names = (values // 10).map(lambda value: f"n{value:.0f}", na_action="ignore")
    groups = named_groups(looks, names, k)
    assert len(groups) != 1
    if not groups:
        return
    assert sum(group.looks for group in groups) == len(looks)
    shown = [group.label for group in groups if group.label != "all others"]
    labels = names.astype(object).where(names.notna(), "not known")
    for group in groups:
        part = looks[labels == group.label] if group.label != "all others" else looks[~labels.isin(shown)]
        assert len(part) == group.looks
        assert people_in(part) >= k


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), st.integers(0, 40)), st.integers(2, 15))
def test_merged_counts_are_everybody_or_nothing(counts: dict[str, int], k: int) -> None:
    told_counts = merged_counts(counts, k)
    assert all(count >= k for count in told_counts.values())
    assert sum(told_counts.values()) in (sum(counts.values()), 0)
    if sum(counts.values()) >= k:
        assert told_counts


def test_retention_leaves_out_weeks_of_few() -> None:
    weeks = pd.DataFrame(
        {"week": range(6), "observed": [100, 100, 100, 40, 20, 10], "active": [100, 90, 89, 29, 10, 5]}
    )
    curve = safe_retention(weeks, K)
    # Week 1 has only 10 who were not active, weeks 4 and 5 too few who were.
    assert list(curve["week"]) == [0, 2, 3]
    assert list(curve["share"]) == [1.0, 0.89, 29 / 40]
    assert (curve["low"] <= curve["share"]).all()
    assert (curve["share"] <= curve["high"]).all()


def test_wilson_is_the_published_interval() -> None:
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I: 81 of 263, 0 of 20."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


def test_borders_are_round_whatever_the_values() -> None:
    values = pd.Series([0.137 * n for n in range(1, 400)])
    assert [border for border in round_borders(values) if border > 1] == [2, 5, 10, 20, 50]
    assert round_borders(pd.Series([3.7, 3.7])) == [4.0]
    assert round_borders(pd.Series([0.0, 0.0])) == [0.0]


def test_a_feature_that_tells_is_told_first() -> None:
    n = 60
    looks = pd.DataFrame(
        {
            "person": range(n),
            "churned": [0, 1] * (n // 2),
            "apart": [0.0, 1.0] * (n // 2),
            "same": [float(i // 2) for i in range(n)],
            "rare": [float("nan")] * (n - 10) + [0.0, 1.0] * 5,
            "text": ["a"] * n,
        }
    )
    found = single_features(looks, ["same", "apart", "rare", "text", "gone"], K)
    assert list(found["feature"]) == ["apart", "same"]
    assert list(found["auc"]) == [1.0, 0.5]


def test_few_people_are_not_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten people, whose every number is 7 or 777: no such number is in the report."""
    few = hand_made(10)
    few = replace(
        few,
        files=few.files.assign(accepted=777, duplicates=777, rejected=777)[
            ["format", "accepted", "duplicates", "rejected"]
        ],
        scores=few.scores.iloc[:7],
        removed=pd.DataFrame({"kind": ["email"], "values_removed": [777]}),
        **NOT_ENOUGH,
    )
    text = without_pictures(few, monkeypatch)
    assert "The data are of fewer than 11 people" in text
    assert "777" not in text
    assert "Fewer than 11 people are scored" in text
    assert "fewer than 11 looks" in text


def test_groups_of_a_larger_k_are_coarser() -> None:
    def groups(k: int) -> int:
        facts = replace(usual(), min_group=k)
        return sum(len(parts) for parts in rate_groups(facts, labelled(facts)).values())

    assert groups(11) > groups(40) > groups(10_000) == 0


# Page and slides.


class Page(HTMLParser):
    """Tags, attributes and headings of a page; fails where tags do not match."""

    VOID = ("meta", "img", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self.stack: list[str] = []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1] == "h2":
            self.headings.append(data)


def test_the_page_has_ten_sections_and_asks_nobody() -> None:
    text = render_html(usual_report())
    page = Page(text)
    assert tuple(page.headings) == TITLES
    assert page.tags.count("section") == 10
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    links = [value for name, value in page.attributes if name in ("src", "href")]
    assert links
    assert all(value.startswith(("data:image/png;base64,", "#section-")) for value in links)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not re.search(r"url\(|@import|https?://", text)
    assert "default-src 'none'" in text


def test_the_page_says_nothing_that_a_file_could_inject(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = usual()
    without_pictures(facts, monkeypatch)
    evil = "<script>alert(1)</script>\"'&"
    values = [{"plan": evil if n % 2 else "b"} for n in range(len(facts.customers))]
    text = render_html(build_report(replace(facts, customers=facts.customers.assign(attributes=values))))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert Page(text).tags.count("section") == 10


def slides_of(content: bytes) -> Any:
    return Presentation(io.BytesIO(content))


def test_the_deck_has_the_ten_slides() -> None:
    deck = slides_of(render_pptx(usual_report()))
    texts = [
        "\n".join(shape.text_frame.text for shape in slide.shapes if shape.has_text_frame) for slide in deck.slides
    ]
    assert len(texts) == 10
    for title, text in zip(TITLES, texts, strict=True):
        assert title in text
    assert "random forest has the lowest log loss" in texts[0].lower()
    assert "Random forest has the lowest log loss" in texts[6]
    assert [slide.shapes.title.text_frame.text for slide in deck.slides][1:] == list(TITLES[1:])


def test_nothing_lies_outside_a_slide_or_over_the_footer() -> None:
    deck = slides_of(render_pptx(usual_report()))
    for slide in deck.slides:
        for shape in slide.shapes:
            assert shape.left >= 0
            assert shape.top >= 0
            assert shape.left + shape.width <= deck.slide_width + Emu(1)
            assert shape.top + shape.height <= deck.slide_height + Emu(1)
            if shape.has_table or shape.shape_type == 13:  # a picture
                assert shape.top + shape.height <= deck.slide_height * 0.935


def test_long_names_get_a_smaller_font(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = usual()
    long_name = "a_very_long_name_of_a_candidate_that_nobody_would_give_" * 3
    many = [candidate(f"{long_name}{n}", 0.2 + n / 100) for n in range(7)]
    without_pictures(facts, monkeypatch)
    monkeypatch.setattr("browse_assets.analysis.churn_report_pptx._figure", lambda *_: None)
    report = build_report(replace(facts, model=pd.DataFrame([DUMMY, RULE, *many])))
    deck = slides_of(render_pptx(report))
    results = deck.slides[6]
    (table,) = [shape for shape in results.shapes if shape.has_table]
    assert table.top + sum(row.height for row in table.table.rows) <= deck.slide_height * 0.935
    assert table.table.cell(1, 0).text.startswith("a very long name")
    assert fitting(["word " * 10], 5, 1, 20) == 20
    assert fitting(["word " * 400], 5, 2, 20) < 12
    assert wrapped("word", 5, 20) == 1
    assert wrapped("w" * 300, 2, 20) > 5


def test_a_table_too_long_for_a_slide_says_how_much_is_missing() -> None:
    table = ReportTable("many", ("name", "n"), tuple((f"row {n}", "1") for n in range(100)))
    shown, size = fitting_table(table, 6, 3)
    assert size == 9
    assert shown.rows[-1][0] == f"… and {100 - (len(shown.rows) - 1)} more"
    assert table_height(shown, 6, size) <= 3
    assert fitting_table(replace(table, rows=table.rows[:5]), 6, 3) == (replace(table, rows=table.rows[:5]), 14.0)


def test_the_same_facts_give_the_same_bytes_and_no_other_date() -> None:
    again = build_report(hand_made())
    assert render_html(again) == render_html(usual_report())
    deck = render_pptx(usual_report())
    assert render_pptx(again) == deck
    properties = slides_of(deck).core_properties
    assert {properties.created, properties.modified} == {datetime(2026, 6, 30)}
    with zipfile.ZipFile(io.BytesIO(deck)) as parts:
        assert {entry.date_time for entry in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_without_any_data_there_is_a_report_that_says_so() -> None:
    nothing = hand_made(0)
    report = build_report(
        replace(
            nothing,
            as_of=None,
            windows=None,
            files=nothing.files.iloc[:0],
            removed=nothing.removed.iloc[:0],
            weeks=nothing.weeks.iloc[:0],
            retention=nothing.retention.iloc[:0],
            browsing={"people": 0, "person_days": 0, "first_day": None, "last_day": None},
            model=NOT_ENOUGH["model"],
            training=TrainingRecord("not_enough_history", "there is nothing to learn from"),
        )
    )
    assert report.origin.endswith("no data yet")
    assert Page(render_html(report)).tags.count("section") == 10
    assert len(slides_of(render_pptx(report)).slides) == 10
