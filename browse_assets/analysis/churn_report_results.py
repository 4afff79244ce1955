"""Sections of the report about the models: how they are made, what each is worth, which one the figures name.

Here: what sections 6 and 7 say, by rules over the table of candidates. Not here: the other sections
(`churn_report_story`, `churn_report_panel`), training and promotion (`churn`, `churn_promotion`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from browse_assets.analysis.churn_candidates import BASELINES, DUMMY, ONE_RULE
from browse_assets.analysis.churn_report import (
    ReportFacts,
    ReportFigure,
    ReportTable,
    Section,
    between,
    capital,
    figure_of,
    listed,
    number,
    percent,
    plain,
)
from browse_assets.analysis.churn_report_figures import losses_png
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
METRIC_WORDS = {
    "accuracy": "accuracy",
    "precision": "precision",
    "recall": "recall",
    "f1": "F1",
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "lift_10": "lift at 10 %",
    "profit": "profit",
}
LOWER_IS_BETTER = ("log_loss", "brier", "calibration_error")
ON_SLIDE = ("accuracy", "precision", "recall", "f1", "roc_auc", "log_loss")
FIGURE_WORDS = {
    "roc": "ROC curves of all candidates on the test",
    "precision_recall": "Precision over recall of all candidates on the test",
    "calibration": "Predicted against observed rates",
    "lift": "Lift over the share of people contacted",
    "gain": "Share of leavers reached over the share of people contacted",
}


@dataclass(frozen=True)
class Verdict:
    """What the table of candidates says.

    Attributes:
        winner: candidate of the lowest log loss, baselines included; None without a table that may be told.
        best: model (no baseline) of the lowest log loss.
        champion: model that this training promoted.
        decision: promoted, kept (a champion of before stays), none, or not_enough_history.
        is_small: whether a model was trained, but its test has too few people to be told of.
    """

    winner: str | None
    best: str | None
    champion: str | None
    decision: str
    is_small: bool = False

    @property
    def is_told(self) -> bool:
        """Whether there are results that may be told."""
        return self.winner is not None


def judge(facts: ReportFacts) -> Verdict:
    """Winner, best model and decision as the table names them."""
    table = ranked(facts)
    if table.empty or facts.training.status == "not_enough_history":
        return Verdict(None, None, None, "not_enough_history")
    champions = list(table.loc[table["is_champion"].fillna(False).astype(bool), "model"])
    champion = str(champions[0]) if champions else None
    decided = table["decision"].dropna() if "decision" in table.columns else pd.Series(dtype=object)
    decision = str(decided.iloc[0]) if len(decided) else "promoted" if champion else "none"
    if int(table["people"].max()) < facts.min_group:
        return Verdict(None, None, None, decision, is_small=True)
    models = [str(name) for name in table["model"] if name not in BASELINES]
    return Verdict(str(table["model"].iloc[0]), models[0] if models else None, champion, decision)


def ranked(facts: ReportFacts) -> pd.DataFrame:
    """The candidates, the lowest log loss first."""
    return facts.model.sort_values(["log_loss", "model"], kind="stable").reset_index(drop=True)


def row_of(facts: ReportFacts, model: str) -> Mapping[str, Any]:
    """A candidate's row; empty when there is none of that name."""
    rows = facts.model[facts.model["model"] == model].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else {}


def beats_for_sure(facts: ReportFacts) -> bool:
    """Whether the training's own verdict is that a model surely beats the dummy: it was promoted, or stays."""
    return judge(facts).decision in ("promoted", "kept")


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
    tree_like = [name for name in names if name not in BASELINES]
    rows = tuple(
        (
            plain(name),
            MODEL_WORDS.get(name, "as its name says"),
            ", ".join(f"{plain(key)} {value}" for key, value in sorted(training.params.get(name, {}).items()))
            or "none",
        )
        for name in names
    )
    points = [
        f"{number(len(tree_like))} models against {number(len(names) - len(tree_like))} baselines, "
        f"tuned on log loss{_folds_words(training.folds)}; then calibrated; then given a threshold.",
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
    return [f"A random split gives {plain(verdict.best)} ROC AUC {claimed:.3f} against {honest:.3f} here, {what}."]


def _audit_words(audit: pd.DataFrame) -> list[str]:
    if audit.empty:
        return []
    failed = audit[~audit["passed"].fillna(False).astype(bool)]
    if failed.empty:
        return [f"The leakage audit passed all its {number(len(audit))} tests."]
    names = [
        plain(str(row["test"])) + (f" ({plain(str(row['subject']))})" if isinstance(row["subject"], str) else "")
        for row in failed.to_dict("records")
    ]
    more = f" and {number(len(names) - 3)} more" if len(names) > 3 else ""
    return [
        f"The leakage audit FAILED {number(len(names))} of {number(len(audit))} tests: {', '.join(names[:3])}{more}. "
        "The figures may be too good to be true."
    ]


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
            "passed" if row["passed"] is True or row["passed"] == 1 else "FAILED",
        )
        for row in records
    )
    failed = tuple(place for place, row in enumerate(rows) if row[-1] == "FAILED")
    return (ReportTable("Leakage audit", ("test", "of", "value", "95 % interval", "verdict"), rows, marked=failed),)


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


def winner_sentence(facts: ReportFacts) -> str:
    """The winner that the figures name, and what became of it."""
    verdict = judge(facts)
    if verdict.is_small:
        return f"a model was trained, on a test of fewer than {facts.min_group} people"
    if verdict.winner is None:
        return "no model was trained"
    loss = figure_of(float(row_of(facts, verdict.winner)["log_loss"]))
    dummy = row_of(facts, DUMMY)
    against = f" against {figure_of(float(dummy['log_loss']))} of always saying the base rate" if dummy else ""
    if verdict.winner in BASELINES:
        best = ""
        if verdict.best is not None:
            best_loss = figure_of(float(row_of(facts, verdict.best)["log_loss"]))
            best = f"; the best model, {plain(verdict.best)}, has {best_loss}"
        said = f"The baseline “{plain(verdict.winner)}” has the lowest log loss, {loss}{best}"
    else:
        said = f"{capital(plain(verdict.winner))} has the lowest log loss, {loss}{against}"
    return f"{said}: {_outcome(verdict)}."


def _outcome(verdict: Verdict) -> str:
    if verdict.decision == "kept":
        return "the champion of an earlier training stays"
    if verdict.champion is None:
        return "no model surely earns its place, so there is no champion"
    return "it is the champion" if verdict.champion == verdict.winner else f"{plain(verdict.champion)} is the champion"


def judgement(facts: ReportFacts, model: str) -> tuple[list[str], list[str]]:
    """Strengths and weaknesses of a candidate, as its figures beside those of the others say."""
    row, dummy = row_of(facts, model), row_of(facts, DUMMY)
    strong, weak = [], []
    best_at = [METRIC_WORDS[metric] for metric in METRIC_WORDS if model in _leaders(facts.model, metric)]
    if best_at:
        more = f" and {number(len(best_at) - 3)} more" if len(best_at) > 3 else ""
        strong.append("best " + (", ".join(best_at[:3]) + more if more else listed(best_at)))
    if model == DUMMY:
        return strong or ["needs no feature"], ["tells nobody apart"]
    auc, auc_low = float(row["roc_auc"]), float(row["roc_auc_low"])
    if auc_low > 0.5:
        strong.append(f"surely ranks better than chance (ROC AUC {auc:.2f})")
    elif auc == auc:
        weak.append(f"may rank no better than chance (ROC AUC {auc:.2f})")
    if dummy and row["log_loss"] > dummy["log_loss"]:
        weak.append("its probabilities are worse than the base rate alone")
    if row["recall"] < 0.5:
        weak.append(f"finds only {percent(row['recall'])} of those who leave")
    elif row["recall"] >= 0.75:
        strong.append(f"finds {percent(row['recall'])} of those who leave")
    if row["precision"] != row["precision"]:
        weak.append("calls nobody")
    elif row["precision"] < 0.5:
        weak.append(f"{percent(1 - row['precision'])} of its calls are false alarms")
    base = float(dummy["average_precision"]) if dummy else float("nan")
    if base == base and row["accuracy"] < max(base, 1 - base):
        weak.append(f"calls fewer right than always saying the same would ({percent(max(base, 1 - base))})")
    rule = row_of(facts, ONE_RULE)
    if rule and model not in BASELINES and row["log_loss"] > rule["log_loss"]:
        weak.append("the one rule alone has a lower log loss")
    return strong or ["none that the figures show"], weak or ["none that the figures show"]


def _leaders(table: pd.DataFrame, metric: str) -> set[str]:
    """Candidates with the best value; the dummy is no leader, since a recall of 1 costs it nothing."""
    if metric not in table.columns:
        return set()
    values = table[table["model"] != DUMMY].set_index("model")[metric].astype(float).round(9).dropna()
    if values.empty:
        return set()
    return set(values.index[values == (values.min() if metric in LOWER_IS_BETTER else values.max())].astype(str))


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
