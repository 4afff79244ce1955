"""Sections of the report about the models: how they are made, what each is worth, which one the figures name.

Here: what sections 6 and 7 say, by rules over the table of candidates. Not here: the other sections
(`churn_report_story`, `churn_report_panel`), training and promotion (`churn`, `churn_promotion`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from browse_assets.analysis.churn_audit import WARNINGS
from browse_assets.analysis.churn_candidates import DUMMY
from browse_assets.analysis.churn_report import (
    ReportFacts,
    ReportFigure,
    ReportTable,
    Section,
    between,
    capital,
    figure_of,
    number,
    plain,
)
from browse_assets.analysis.churn_report_figures import losses_png
from browse_assets.analysis.churn_report_judging import (
    COMPARED_WITH,
    METRIC_WORDS,
    Verdict,
    judge,
    judgement,
    ranked,
    row_of,
    winner_sentence,
)
from browse_assets.analysis.churn_report_panel import labelled

# What each candidate is, in words; one that is not listed here goes by its name.
MODEL_WORDS = {
    "dummy": "always says the base rate of the rows it learned from",
    "one_rule": "a curve over one single feature",
    "logistic_regression": "a weighted sum of all features",
    "decision_tree": "a few questions, one after the other",
    "random_forest": "the mean of many trees on resampled rows",
    "hist_gradient_boosting": "small trees, each mending the error of those before",
    "lightgbm": "small trees, each mending the error of those before (LightGBM)",
    "stack": "a weighted sum of the other models' answers",
    "repeat_visits": "a model of repeated visits and of dropping out (MBG/NBD)",
}
ON_SLIDE = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
FIGURE_WORDS = {
    "roc": "ROC curves of all candidates on the test",
    "precision_recall": "Precision over recall of all candidates on the test",
    "calibration": "Predicted against observed rates",
    "lift": "Lift over the share of people contacted",
    "gain": "Share of leavers reached over the share of people contacted",
}


def modeling(facts: ReportFacts) -> Section:
    """Section 6: the candidates, and what each step of training was allowed to see."""
    training = facts.training
    if facts.model.empty or training.status == "not_enough_history":
        return Section(
            "Modeling",
            "Nothing was trained: there is not enough history.",
            points=(capital(training.reason or "no labelled rows") + ".", *_needs(facts)),
        )
    names = [str(name) for name in ranked(facts)["model"]]
    models = [name for name in names if name not in COMPARED_WITH]
    rows = tuple(
        (
            plain(name),
            MODEL_WORDS.get(name, "as its name says"),
            ", ".join(f"{plain(key)} {_setting(value)}" for key, value in sorted(training.params.get(name, {}).items()))
            or "none",
        )
        for name in names
    )
    points = [
        f"{number(len(models))} models against {number(len(names) - len(models))} to compare with, "
        f"tuned on log loss{_folds_words(training.folds)}; then calibrated; then given a threshold for the highest "
        f"{METRIC_WORDS.get(training.threshold_by, training.threshold_by)}.",
        _split_words(facts),
        *_rows_words(training.rows, facts.min_group),
        *_random_split_words(facts),
        *_audit_words(facts.audit),
    ]
    return Section(
        "Modeling",
        "Every step of training sees only people or times that the step before did not.",
        points=tuple(points),
        details=("Intervals are 95 % percentile intervals of a bootstrap over the people of the test.",),
        shown=(
            ReportTable(
                "The candidates and what was tuned",
                ("candidate", "what it is", "tuned to"),
                rows,
                weights=(1.5, 2.6, 2.6),
                on_slide=True,
            ),
            *_audit_table(facts.audit),
        ),
    )


def _setting(value: str) -> str:
    """A tuned number to three figures: nobody reads sixteen."""
    try:
        return f"{float(value):.3g}" if "." in value or "e" in value else value
    except ValueError:
        return value


def _needs(facts: ReportFacts) -> tuple[str, ...]:
    looks = labelled(facts)
    left = int(looks["churned"].sum())
    k = facts.min_group

    def told(count: int) -> str:
        return number(count) if count >= k else f"fewer than {k}"

    return (
        f"So far {told(left)} looks at people ended in churn and {told(len(looks) - left)} did not.",
        "More days, or labels in customers/churn_labels, are what it takes; the next run tries again.",
    )


def _folds_words(folds: str) -> str:
    return f" over {folds}" if folds else ""


def _split_words(facts: ReportFacts) -> str:
    people = int(facts.model["people"].max())
    who = f"{number(people)} people" if people >= facts.min_group else f"fewer than {facts.min_group} people"
    if facts.training.split == "people":
        return f"All rows are of one time, so the test is {who} that no step of training saw."
    return f"The test is {who} at the newest snapshot with a known outcome, after everything that was learned from."


def _rows_words(rows: Mapping[str, int], k: int) -> list[str]:
    if not {"fit", "calibrate", "threshold"} <= set(rows) or min(rows.values()) < k:
        return []
    return [
        f"{number(rows['fit'])} rows fit, {number(rows['calibrate'])} calibrate, "
        f"{number(rows['threshold'])} set the threshold."
    ]


def _random_split_words(facts: ReportFacts) -> list[str]:
    verdict = judge(facts)
    if verdict.best is None:
        return []
    row = row_of(facts, verdict.best)
    claimed = row.get("random_split_roc_auc", facts.training.random_split_auc.get(verdict.best, float("nan")))
    honest = float(row["roc_auc"])
    if claimed is None or claimed != claimed or honest != honest:
        return []
    gap = float(claimed) - honest
    what = "which leakage would have claimed" if gap > 0.01 else "so nothing is gained by mixing"
    said = [f"A random split gives {plain(verdict.best)} ROC AUC {claimed:.3f} against {honest:.3f} here, {what}."]
    apart = _float(row.get("person_disjoint_roc_auc"))
    if apart == apart:
        said.append(f"Where none of the test's people was learned from, it is {apart:.3f}.")
    return said


def _audit_words(audit: pd.DataFrame) -> list[str]:
    if audit.empty:
        return []
    failed, warned = failed_tests(audit), failed_tests(audit, warnings=True)
    tested = number(audit["passed"].notna().sum())
    said = []
    if failed:
        said.append(
            f"The leakage audit FAILED {number(len(failed))} of {tested} tests: {_some(failed)}. "
            "The figures may be too good to be true."
        )
    elif audit["passed"].notna().any():
        said.append(f"The leakage audit found no leak in {tested} tests.")
    if warned:
        said.append(f"Worth a look, and no proof of a leak: {_some(warned)}.")
    return said


def failed_tests(audit: pd.DataFrame, *, warnings: bool = False) -> list[str]:
    """Tests of the leakage audit that found something, with what they are about; the strict ones, or the warnings."""
    found = audit[(audit["passed"].notna() & (audit["passed"] != True)) & (audit["test"].isin(WARNINGS) == warnings)]  # noqa: E712 - NULL is neither
    return [
        plain(str(row["test"])) + (f" ({plain(str(row['subject']))})" if isinstance(row["subject"], str) else "")
        for row in found.to_dict("records")
    ]


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {number(len(names) - 3)} more" if len(names) > 3 else "")


def _audit_table(audit: pd.DataFrame) -> tuple[ReportTable, ...]:
    if audit.empty:
        return ()
    records = audit.to_dict("records")
    rows = tuple(
        (
            plain(str(row["test"])),
            plain(str(row["subject"])) if isinstance(row["subject"], str) else "all",
            figure_of(_float(row["value"])),
            between(_float(row["low"]), _float(row["high"])),
            _passed_words(row),
        )
        for row in records
    )
    failed = tuple(place for place, row in enumerate(rows) if row[-1] == "FAILED")
    return (ReportTable("Leakage audit", ("test", "of", "value", "interval (99 %)", "verdict"), rows, marked=failed),)


def _passed_words(row: Mapping[Any, Any]) -> str:
    if row["passed"] is None or pd.isna(row["passed"]):
        return "nothing to test"
    if row["passed"]:
        return "passed"
    return "worth a look" if row["test"] in WARNINGS else "FAILED"


def _float(value: Any) -> float:
    return float("nan") if value is None or value != value else float(value)


def results(facts: ReportFacts) -> Section:
    """Section 7: what each candidate is worth, and which one the figures name."""
    verdict, training = judge(facts), facts.training
    if verdict.is_small:
        return Section(
            "Results",
            f"The test has fewer than {facts.min_group} people, so its figures are not told.",
            points=("They are in the table churn_model and in MLflow, for those who may see them.",),
        )
    if not verdict.is_told:
        return Section(
            "Results",
            "There are no results: no model was trained.",
            points=(capital(training.reason or "there is not enough history") + ".",),
        )
    table = ranked(facts)
    judged = {str(row["model"]): judgement(facts, str(row["model"])) for row in table.to_dict("records")}
    logged = [
        ReportFigure(f"{words}, as the training logged it", training.figures[name])
        for name, words in FIGURE_WORDS.items()
        if name in training.figures
    ]
    return Section(
        "Results",
        winner_sentence(facts),
        points=(),
        details=(f"The decision in the training's words: {training.reason}.",) if training.reason else (),
        shown=(
            ReportFigure("Log loss with 95 % intervals; dashed: the dummy", _losses(table, verdict)),
            _slide_table(table, judged, verdict.winner),
            _metric_table(table, verdict.winner),
            _judged_table(judged),
            *logged,
        ),
    )


def _slide_table(
    table: pd.DataFrame, judged: Mapping[str, tuple[list[str], list[str]]], winner: str | None
) -> ReportTable:
    names = [str(name) for name in table["model"]]
    rows = []
    for record in table.to_dict("records"):
        strong, weak = judged[str(record["model"])]
        cells = [_cell(record, metric, "\n", 2) for metric in ON_SLIDE]
        said = "\n".join(f"{sign} {found[0]}" for sign, found in (("+", strong), ("–", weak)) if _says(found))
        rows.append((plain(str(record["model"])), *cells, said))
    return ReportTable(
        "Candidates on the test, the lowest log loss first (95 % intervals below each figure)",
        ("candidate", *(METRIC_WORDS[metric] for metric in ON_SLIDE), "strength and weakness"),
        tuple(rows),
        marked=tuple(place for place, name in enumerate(names) if name == winner),
        weights=(1.65, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 4.4),
        on_slide=True,
        on_page=False,
    )


def _says(found: Sequence[str]) -> bool:
    return not found[0].startswith("none that")


def _cell(record: Mapping[Any, Any], metric: str, joint: str, digits: int = 3) -> str:
    value = figure_of(float(record[metric]), digits)
    low, high = float(record[f"{metric}_low"]), float(record[f"{metric}_high"])
    return value if low != low or high != high else f"{value}{joint}{low:.{digits}f}–{high:.{digits}f}"


def _metric_table(table: pd.DataFrame, winner: str | None) -> ReportTable:
    """All metrics down, candidates across would be too wide: one row per candidate and metric group."""
    metrics = [name for name in METRIC_WORDS if name in table.columns and table[name].notna().any()]
    records = table.to_dict("records")
    rows = tuple((METRIC_WORDS[metric], *(_cell(record, metric, "\n") for record in records)) for metric in metrics)
    names = tuple(plain(str(record["model"])) + (" ★" if record["model"] == winner else "") for record in records)
    thresholds = ("threshold", *(figure_of(float(record["threshold"])) for record in records))
    return ReportTable(
        "Every metric with its 95 % interval (★ lowest log loss)", ("metric", *names), (*rows, thresholds)
    )


def _judged_table(judged: Mapping[str, tuple[list[str], list[str]]]) -> ReportTable:
    rows = tuple((plain(name), "; ".join(strong), "; ".join(weak)) for name, (strong, weak) in judged.items())
    return ReportTable("Strengths and weaknesses, as the figures say", ("candidate", "strengths", "weaknesses"), rows)


def _losses(table: pd.DataFrame, verdict: Verdict) -> bytes:
    rows = [
        (
            plain(str(record["model"])),
            float(record["log_loss"]),
            float(record["log_loss_low"]),
            float(record["log_loss_high"]),
            record["model"] == verdict.winner,
        )
        for record in table.to_dict("records")
    ]
    dummy = table.loc[table["model"] == DUMMY, "log_loss"]
    return losses_png(rows, float(dummy.iloc[0]) if len(dummy) else None)
