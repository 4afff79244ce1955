"""What the table of candidates says of each, and which one it names, by rules.

Here: the verdict, the sentence about the winner, strengths and weaknesses. Not here: the sections that tell them
(`churn_report_results`), who becomes champion (`churn_promotion`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from browse_assets.analysis.churn_candidates import BASELINES, DUMMY, ONE_RULE, REPEAT_VISITS
from browse_assets.analysis.churn_report import ReportFacts, capital, figure_of, listed, number, percent, plain

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
# What models are compared with; none of these can become champion.
COMPARED_WITH = (*BASELINES, REPEAT_VISITS)


@dataclass(frozen=True)
class Verdict:
    """What the table of candidates says.

    Attributes:
        winner: candidate of the lowest log loss on the test, baselines included; None without a table that may be told.
        best: model that this training chose, in tuning; where the table does not say, that of the lowest log loss.
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
    models = [str(name) for name in table["model"] if name not in COMPARED_WITH]
    if "is_challenger" in table.columns:
        models = [*table.loc[table["is_challenger"].fillna(False).astype(bool), "model"].astype(str), *models]
    return Verdict(str(table["model"].iloc[0]), models[0] if models else None, champion, decision)


def ranked(facts: ReportFacts) -> pd.DataFrame:
    """The candidates, the lowest log loss first."""
    return facts.model.sort_values(["log_loss", "model"], kind="stable").reset_index(drop=True)


def row_of(facts: ReportFacts, model: str) -> Mapping[str, Any]:
    """A candidate's row; empty when there is none of that name."""
    rows = facts.model[facts.model["model"] == model].to_dict("records")
    return {str(name): value for name, value in rows[0].items()} if rows else {}


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
    chosen = ""
    if verdict.best is not None and verdict.best != verdict.winner:
        best_loss = figure_of(float(row_of(facts, verdict.best)["log_loss"]))
        chosen = f"; {plain(verdict.best)}, the model that tuning chose, has {best_loss}"
    if verdict.winner in COMPARED_WITH:
        said = f"The baseline “{plain(verdict.winner)}” has the lowest log loss, {loss}{chosen}"
    else:
        said = f"{capital(plain(verdict.winner))} has the lowest log loss, {loss}{against}{chosen}"
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
    if row["precision"] != row["precision"]:
        weak.append("calls nobody")
    elif row["recall"] < 0.5:
        weak.append(f"finds only {percent(row['recall'])} of those who leave")
    elif row["recall"] >= 0.75:
        strong.append(f"finds {percent(row['recall'])} of those who leave")
    if row["precision"] < 0.5:
        weak.append(f"{percent(1 - row['precision'])} of its calls are false alarms")
    base = float(dummy["average_precision"]) if dummy else float("nan")
    if base == base and row["accuracy"] < max(base, 1 - base):
        weak.append(f"calls fewer right than always saying the same would ({percent(max(base, 1 - base))})")
    rule = row_of(facts, ONE_RULE)
    if rule and model not in COMPARED_WITH and row["log_loss"] > rule["log_loss"]:
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
