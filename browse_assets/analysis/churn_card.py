"""What a model of churn is for, what it was made from, how good it is and where it ends, as text to read.

Here: the model card (Mitchell and others 2019, "Model cards for model reporting") and the shorter notes of the
registry's pages, in Markdown. Not here: the figures themselves (`evaluation`, `churn_fairness`, `churn_reliability`),
the decision (`churn_promotion`), where the texts are stored (assets).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from browse_assets.analysis.churn import ChurnTraining
from browse_assets.analysis.churn_candidates import BASELINES
from browse_assets.analysis.churn_fairness import group_figures
from browse_assets.analysis.churn_promotion import Promotion
from browse_assets.analysis.churn_reliability import reliability
from browse_assets.analysis.churn_windows import WindowPlan

ORIGINS = {"sample": "the bundled sample panel, synthetic people", "own": "the panel's own files"}
SHOWN_METRICS = ("log_loss", "roc_auc", "average_precision", "brier", "f1", "precision", "recall", "lift_10")

EXPERIMENT_NOTE = """\
Trainings of the asset `churn_model`: who will not be seen again.

- A run named `churn` is one training, the runs nested in it are its candidates, measured on the same people.
- Start with `model_card.md` and `reason.txt` of the training, then `figures/`; `candidates.json` holds every metric.
- Tags `decision` and `reason` say who became champion and why. The champion is `models:/churn@champion`.
- Intervals are 95 %, from a bootstrap over people. No run holds rows of people: columns, counts and digests only.
"""

MODEL_NOTE = """\
Probability that a person will not be seen again in the outcome window, from what was known of them before.

- **champion**: the version in force, which `churn_scores` and `make serve` use. It moves only by a training's decision:
  the new best model must surely beat the dummy, the rule and the champion so far on people that none of them has seen,
  be calibrated, and pass the audit of leakage.
- **challenger**: the best model of the newest training.
- Input: raw features by name, numbers and texts; what is not known is NULL. Output of `predict`: P(stays), P(churned).
- To load a version, this project must be importable (`browse_assets`); its first step is a class of it.
- A version tagged `needs_retraining` learned from a person who has been erased since, and is never kept as champion.
"""


@dataclass(frozen=True)
class TrainingData:
    """Where the people of a training come from, and when.

    Attributes:
        origin: 'sample' (the bundled synthetic panel) or 'own' (the users' files).
        as_of: end of the data.
        plan: windows and snapshot times; None where there is no order in time.
        left_out: rows that could not train or test, by reason.
    """

    origin: Literal["sample", "own"]
    as_of: datetime
    plan: WindowPlan | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def test_time(self) -> str | None:
        """Time of the test (ISO 8601); None without an order in time."""
        time = self.plan.test_time if self.plan is not None else None
        return None if time is None else time.isoformat()


def model_card(
    training: ChurnTraining,
    promotion: Promotion,
    data: TrainingData,
    audit: pd.DataFrame,
    *,
    min_group: int,
    seed: int,
) -> str:
    """The card of one training's best model, in Markdown.

    Args:
        training: what `train_churn` found; one without enough history has a card that says so.
        promotion: what was decided.
        data: where the people come from.
        audit: of leakage: test, subject, passed, detail; empty when there was none.
        min_group: k: no group of fewer people is told of.
        seed: of the intervals of groups.
    """
    name = "none" if training.best is None else training.best.replace("_", " ")
    parts = [
        f"# Model card: churn, {name}",
        _section("Decision", f"**{promotion.decision.replace('_', ' ')}**. {_sentence(promotion.reason)}"),
        _section("Data", _data(training, data, min_group)),
        _section("Intended use", INTENDED),
        _section("Not intended", NOT_INTENDED),
    ]
    if training.best is not None:
        groups = group_figures(training, min_group=min_group, seed=seed)
        parts += [
            _section("How good it is", _results(training)),
            _section("Calibration", _calibration(training)),
            _section("What moves it", _importances(training)),
            _section("Groups of people", _groups(groups, min_group)),
            _section("Audit of leakage", _audit(audit)),
        ]
    parts.append(_section("Limits", _limits(training, data)))
    return "\n".join(parts)


INTENDED = """\
To see, in one's own panel, who is likely to fall silent, so that somebody can ask why, and to know how far such a
forecast can be trusted. Scores are for people who were active at the time of the score."""

NOT_INTENDED = """\
Decisions about a person that matter to them (credit, employment, prices, insurance, access), alone or with others;
people outside of the panel that it learned from; telling causes: what moves the score need not move the person.
Whoever acts on scores should compare with people left alone, or will not know whether the act did anything."""


def _data(training: ChurnTraining, data: TrainingData, min_group: int) -> str:
    lines = [f"- From {ORIGINS[data.origin]}; data up to {_time(data.as_of)} UTC."]
    plan = data.plan
    if plan is not None and not plan.too_short:
        lines += [
            f"- At a time t0, features see the {plan.window_days} days before it. Churned: no activity in the "
            f"{plan.outcome_days} days that begin {plan.gap_days} days after it, or as a given label says.",
            f"- Learned from snapshots at {', '.join(_time(time) for time in plan.train_times) or 'no time'}; "
            f"tested at {_time(plan.test_time)}, when all their outcomes were over.",
        ]
        lines += [f"- {_sentence(plan.warning)}"] if plan.warning else []
    elif plan is None:
        lines.append("- All rows are of one time, so there is no order in time: other people are the test.")
    if training.best is not None:
        y = training.predictions["churned"]
        learned = {name: n for name, n in training.rows.items() if name != "test"}
        steps = ", ".join(f"{name} {n:,}" for name, n in learned.items())
        lines += [
            f"- {sum(learned.values()):,} rows to learn from ({steps}; in the end all of them fitted the model); "
            f"{training.train['churned'].mean():.1%} churned.",
            f"- {len(y):,} people in the test, {y.mean():.1%} churned. Tuned over {training.folds}.",
            f"- {len(training.features)} features: {', '.join(training.features)}.",
        ]
    left_out = {reason: n for reason, n in data.left_out.items() if n}
    if left_out:
        counts = (f"{reason.replace('_', ' ')} {_count(n, min_group)}" for reason, n in sorted(left_out.items()))
        lines.append(f"- Rows that neither trained nor tested, by reason: {', '.join(counts)}.")
    return "\n".join(lines)


def _results(training: ChurnTraining) -> str:
    """Metrics of the winner and the baselines, then one line per candidate."""
    table = _by_model(training)
    best = str(training.best)
    columns = [best, *(name for name in BASELINES if name in table)]
    metrics = [name for name in (*SHOWN_METRICS, "profit") if pd.notna(table[best][name])]
    rows = [[_named(metric), *(_with_interval(table[name], metric) for name in columns)] for metric in metrics]
    split = "at a later time" if training.split == "time" else "that were set aside"
    others = ", ".join(
        f"{_named(name)} {row['log_loss']:.3f}" for name, row in sorted(table.items(), key=lambda i: i[1]["log_loss"])
    )
    lines = [
        f"On people {split}, with 95 % intervals from a bootstrap over people.",
        "",
        _markdown(["metric", *(_named(name) for name in columns)], rows),
        "",
        f"Log loss of all candidates: {others}. People are called from {table[best]['threshold']:.3f} on "
        f"(set for the highest {_named(training.threshold_by)} on people of no other step).",
    ]
    auc = float(table[best]["roc_auc"])
    if best in training.random_split_auc:
        lines.append(
            f"ROC AUC {auc:.3f}; a random split of the same rows, which mixes times and people, would have claimed "
            f"{training.random_split_auc[best]:.3f}."
        )
    if best in training.person_disjoint_auc:
        lines.append(f"With nobody of the test among those it learned from: {training.person_disjoint_auc[best]:.3f}.")
    return "\n".join(lines)


def _calibration(training: ChurnTraining) -> str:
    found = reliability(training.predictions["churned"], training.predictions[training.best])
    row = _by_model(training)[str(training.best)]
    slope = (
        f"{found.slope:.2f} ({found.slope_low:.2f} to {found.slope_high:.2f})" if found.slope == found.slope else "-"
    )
    rows = [
        ["mean probability", f"{found.predicted:.3f}"],
        ["share that churned", f"{found.observed:.3f}"],
        [
            "observed less predicted",
            f"{found.observed - found.predicted:+.3f} ({found.gap_low:+.3f} to {found.gap_high:+.3f})",
        ],
        ["slope (1: neither too extreme nor too timid)", slope],
        ["calibration error, ten bins", _with_interval(row, "calibration_error")],
        ["Spiegelhalter's z (within 1.96 either way: no sign of an error)", f"{found.z:+.2f}"],
    ]
    learned_rate = float(training.train["churned"].mean())
    verdict = f"To be read as an order, not as a probability: {found.problem}." if found.problem else ""
    if verdict and training.split == "time":
        verdict += f" Of the people learned from {learned_rate:.3f} left: the rate has moved with time, and may again."
    return "\n".join([_markdown(["", "on the test"], rows), *(["", verdict] if verdict else [])])


def _importances(training: ChurnTraining) -> str:
    mine = training.importances[training.importances["model"] == training.best]
    top = mine.sort_values("importance", ascending=False, kind="stable").head(8)
    rows = [
        [_named(str(row["feature"])), f"{row['importance']:.4f} (sd {row['importance_sd']:.4f})"]
        for row in top.to_dict("records")
    ]
    return _markdown(["feature", "log loss added by permuting it"], rows)


def _groups(groups: pd.DataFrame, min_group: int) -> str:
    rule = (
        f"Groups of fewer than {min_group} people are not told of, nor such as would give one away; a dash stands "
        f"where a figure would be of fewer than {min_group} leavers or stayers."
    )
    if groups.empty:
        return f"Nobody declared anything that makes two groups large enough. {rule}"
    names = ("churn_rate", "roc_auc", "recall", "false_positive_rate", "gap")
    rows = [
        [_named(row["attribute"]), row["value"], f"{row['people']:,}", *(_with_interval(row, name) for name in names)]
        for row in groups.to_dict("records")
    ]
    header = ["attribute", "value", "people", *(_named(name) for name in names[:-1]), "probability less outcome"]
    return f"{rule}\n\n{_markdown(header, rows)}\n\n{_widest(groups)}"


def _widest(groups: pd.DataFrame) -> str:
    """Groups whose interval of the gap leaves 0 out, by name."""
    off = groups[(groups["gap_low"] > 0) | (groups["gap_high"] < 0)]
    if off.empty:
        return "No group's risk is surely over- or understated."
    words = ", ".join(
        f"{_named(row['attribute'])} {row['value']} ({row['gap']:+.3f})" for row in off.to_dict("records")
    )
    return f"Surely over- (+) or understated (-), each at 95 %, so one in twenty of {len(groups)} by chance: {words}."


def _audit(audit: pd.DataFrame) -> str:
    if audit.empty:
        return "None was made."
    rows = []
    for row in audit.to_dict("records"):
        passed = row["passed"]
        verdict = "not applicable" if pd.isna(passed) else "passed" if passed else "not passed"
        subject = "" if pd.isna(row["subject"]) else str(row["subject"])
        rows.append([_named(str(row["test"])), _named(subject), verdict, str(row["detail"])])
    return _markdown(["test", "of", "result", "detail"], rows)


def _limits(training: ChurnTraining, data: TrainingData) -> str:
    lines = [
        "- Intervals speak of people like these at that time, not of another season.",
        "- Silence can be another browser or a switched-off extension; what of that the data show is left out as "
        "tracking lost or a hole in the coverage, the rest counts as churn.",
        "- Declared attributes are as people declared them; nothing is inferred of them here.",
        "- Erasing a person marks every version that may have learned from them, and the next training retires it.",
    ]
    if data.origin == "sample":
        lines.insert(0, "- The people are made up: the figures say that the method works, nothing about real people.")
    if training.best is not None and len(training.predictions) < 500:
        lines.insert(0, f"- Only {len(training.predictions)} people in the test: read the intervals, not the figures.")
    return "\n".join(lines)


def candidate_note(row: Mapping[Any, Any], *, is_champion: bool) -> str:
    """One sentence for a run of MLflow: a candidate's standing and what it is judged by, from its row of the table."""
    standing = "The champion from now on" if is_champion else "A candidate of this training"
    return (
        f"{standing}: log loss {row['log_loss']:.3f} (95 % interval {row['log_loss_low']:.3f} to "
        f"{row['log_loss_high']:.3f}), ROC AUC {row['roc_auc']:.3f}, on {row['people']:.0f} people of the test."
    )


def version_note(training: ChurnTraining, promotion: Promotion, data: TrainingData) -> str:
    """What a version is, for its page in the registry: short, since a registry may hold 5,000 characters of it."""
    best = str(training.best)
    row = _by_model(training)[best]
    shown = "; ".join(f"{_named(metric)} {_with_interval(row, metric)}" for metric in ("log_loss", "roc_auc", "brier"))
    plan = data.plan
    windows = (
        f"no activity in {plan.outcome_days} days, {plan.gap_days} days after a window of {plan.window_days} days"
        if plan is not None and not plan.too_short
        else "as given labels say"
    )
    return "\n".join(
        (
            f"**{_named(best)}**, {promotion.decision}: {promotion.reason[:3000]}.",
            "",
            f"- Churned: {windows}.",
            f"- Data: {ORIGINS[data.origin]}, up to {_time(data.as_of)} UTC; tested on {int(row['people']):,} people.",
            f"- {shown}.",
            "- The whole card: `model_card.md` of the training (the parent of the source run).",
        )
    )


def structure(card: str) -> list[str]:
    """Headings and headers of the tables that every card of a model has, without what is of its data."""
    lines = card.splitlines()
    found = []
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("#"):
            found.append(line.split(":")[0])
        elif line.startswith("| metric |"):
            found.append("| metric | best | baselines |")
        elif set(below) == set("|- ") and not line.startswith(("| attribute |", "| test |")):
            found.append(line)
    return found


def _by_model(training: ChurnTraining) -> dict[str, dict[Any, Any]]:
    """The rows of the training's table by candidate."""
    return {str(row["model"]): row for row in training.table.to_dict("records")}


def _section(title: str, text: str) -> str:
    return f"\n## {title}\n\n{text}"


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _with_interval(row: Any, metric: str) -> str:
    value = row[metric]
    if pd.isna(value):
        return "-"
    signed = "+" if metric == "gap" else ""
    return f"{value:{signed}.3f} ({row[f'{metric}_low']:{signed}.3f} to {row[f'{metric}_high']:{signed}.3f})"


def _named(name: str) -> str:
    known = {"roc_auc": "ROC AUC", "f1": "F1", "lift_10": "lift at 10 %", "brier": "Brier score"}
    return known.get(name, name.replace("_", " "))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


def _time(time: Any) -> str:
    text = pd.Timestamp(time).strftime("%Y-%m-%d %H:%M")
    return text.removesuffix(" 00:00")


def _count(n: int, min_group: int) -> str:
    return f"{n:,}" if n >= min_group else f"fewer than {min_group}"
