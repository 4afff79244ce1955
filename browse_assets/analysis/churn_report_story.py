"""The ten sections of the report of churn, from the facts of the runs.

Here: the order, and what the sections around data and models say: problem, deployment, conclusion. Not here: sections
3 to 5 (`churn_report_panel`, `_exploration`), 6 and 7 (`churn_report_results`), how sections look (`churn_report_html`,
`churn_report_pptx`).

Every sentence is chosen by the facts; a number in one is a count of at least k people, or a figure of the training.
"""

import pandas as pd

from browse_assets.analysis.churn_candidates import DUMMY
from browse_assets.analysis.churn_report import (
    Report,
    ReportFacts,
    ReportFigure,
    ReportTable,
    Section,
    capital,
    listed,
    number,
    percent,
    plain,
)
from browse_assets.analysis.churn_report_exploration import exploration
from browse_assets.analysis.churn_report_figures import windows_png
from browse_assets.analysis.churn_report_groups import merged_counts
from browse_assets.analysis.churn_report_judging import COMPARED_WITH, judge, row_of, winner_sentence
from browse_assets.analysis.churn_report_panel import (
    CUSTOMER_TABLES,
    data_collection,
    feature_engineering,
    labelled,
    people_of,
)
from browse_assets.analysis.churn_report_results import failed_tests, modeling, results

TITLE = "Who is about to leave?"
DEFAULT_WINDOWS = (90, 7, 30)
BANDS = ("high", "medium", "low")

# How this stack lies on rented machines. One process writes DuckDB's file, so it is one machine with a disk, not many.
CLOUDS: tuple[tuple[str, str, str], ...] = (
    (
        "assets, checks, Dagster UI",
        "one container on EC2 or ECS, a single writer",
        "one container on Compute Engine or GKE",
    ),
    ("vault and warehouse (DuckDB)", "encrypted EBS volume, snapshots", "encrypted persistent disk, snapshots"),
    ("Dagster's and MLflow's records", "RDS for PostgreSQL", "Cloud SQL for PostgreSQL"),
    ("models and figures", "S3, through the MLflow server", "Cloud Storage, through the MLflow server"),
    ("the one secret", "Secrets Manager with KMS", "Secret Manager with Cloud KMS"),
    ("who may come in", "load balancer with OIDC (Cognito)", "Identity-Aware Proxy"),
    ("scores on request", "MLflow model server on ECS, private subnet", "MLflow model server on Cloud Run, internal"),
)


def build_report(facts: ReportFacts) -> Report:
    """The ten sections in the order of the slides."""
    return Report(
        title=TITLE,
        origin=_origin(facts),
        as_of=facts.as_of,
        sections=(
            introduction(facts),
            problem(facts),
            data_collection(facts),
            exploration(facts),
            feature_engineering(facts),
            modeling(facts),
            results(facts),
            deployment(facts),
            conclusion(facts),
            thanks(facts),
        ),
    )


def _origin(facts: ReportFacts) -> str:
    whose = "SYNTHETIC sample panel, no real people" if facts.is_sample else "Churn of the people of this installation"
    return f"{whose} · as of {facts.as_of:%Y-%m-%d}" if facts.as_of is not None else f"{whose} · no data yet"


def introduction(facts: ReportFacts) -> Section:
    """Section 1: introduction and business problem."""
    told = _last_looks(facts)
    points = [
        "People leave without saying so: first they come less often, then not at all.",
        "Who knows early who is about to leave can ask why, and do something about it.",
    ]
    if told is not None:
        looks, left = told
        points.append(
            f"Of {number(looks)} people at the newest snapshot with a known outcome, {percent(left / looks)} left."
        )
    points.append(f"This report in a sentence: {_lower_first(winner_sentence(facts))}".rstrip(".") + ".")
    if facts.is_sample:
        points.append("The data are SYNTHETIC: the figures show that the method works, not how people behave.")
    return Section("Introduction and business problem", "Churn, told before it happens.", points=tuple(points))


def _lower_first(sentence: str) -> str:
    """For a sentence that goes on inside another; names of models are lower case in tables too."""
    return sentence[:1].lower() + sentence[1:]


def _last_looks(facts: ReportFacts) -> tuple[int, int] | None:
    """People and leavers at the newest snapshot with a known outcome, where both outcomes are k people at least."""
    looks = labelled(facts)
    if looks.empty:
        return None
    last = looks[looks["snapshot_time"] == looks["snapshot_time"].max()]
    left = int(last["churned"].sum())
    return (len(last), left) if min(left, len(last) - left) >= facts.min_group else None


def problem(facts: ReportFacts) -> Section:
    """Section 2: what exactly is foretold, of whom, and from what."""
    k = facts.min_group
    points = []
    if facts.training.split == "people":
        message = "Who of these people has left, by the labels that came with them?"
        points.append("The labels say who left; features are what is known of the people besides.")
    elif facts.windows is not None:
        observe, gap, outcome = facts.windows
        message = f"Who will show no activity for {outcome} days, from {gap} days after today?"
        points += [
            f"Features see the {observe} days up to a snapshot time t0; the {gap} days after it are left out, so that "
            "there is time to act.",
            f"Churn is no activity in the {outcome} days after that gap. Who was silent for as long at t0 has stopped "
            "already and is not asked about.",
        ]
        if facts.windows != DEFAULT_WINDOWS:
            points.append(
                f"The data are too short for {_days(DEFAULT_WINDOWS)} days: windows are {_days(facts.windows)}."
            )
    else:
        message = "Who will stop coming?"
    if "label_source" in facts.snapshots.columns and (facts.snapshots["label_source"] == "given").any():
        points.append("Labels came with the customers; where they are given they replace the rule.")
    points.append("A model is worth something only if it surely beats saying the base rate of everybody, and one rule.")
    table = _snapshot_table(facts)
    if table is None:
        points.append(f"There are no snapshots of at least {k} people yet.")
    return Section(
        "Problem statement",
        message,
        points=tuple(points),
        shown=(*_window_figure(facts), *([table] if table else [])),
    )


def _days(windows: tuple[int, int, int]) -> str:
    return listed([str(days) for days in windows])


def _snapshot_table(facts: ReportFacts) -> ReportTable | None:
    """People by snapshot and by what becomes of them there; small parts are merged."""
    rows = []
    for time, people in facts.snapshots.groupby("snapshot_time", sort=True):
        usable = people["eligible"].fillna(False).astype(bool) & people["churned"].notna()
        parts = {"left": int((people["churned"][usable].astype(bool)).sum())}
        parts["stayed"] = int(usable.sum()) - parts["left"]
        reasons = people.loc[~usable, "reason"].fillna("no label").astype(str).value_counts().sort_index()
        parts |= {plain(str(reason)): int(count) for reason, count in reasons.items()}
        told = merged_counts(parts, facts.min_group)
        if told:
            said = ", ".join(f"{name} {number(count)}" for name, count in told.items())
            rows.append((f"{pd.Timestamp(str(time)):%Y-%m-%d}", number(len(people)), said))
    if not rows:
        return None
    return ReportTable(
        "People at each snapshot time, and what becomes of them",
        ("snapshot", "people", "of these"),
        tuple(rows[-6:]),
        weights=(1.2, 0.8, 4.0),
        on_slide=True,
    )


def _window_figure(facts: ReportFacts) -> tuple[ReportFigure, ...]:
    if facts.windows is None or facts.training.split == "people" or facts.snapshots.empty:
        return ()
    times = sorted(pd.to_datetime(facts.snapshots["snapshot_time"]).unique())[-8:]
    known = pd.to_datetime(labelled(facts)["snapshot_time"])
    test = known.max().to_pydatetime() if len(known) else None
    picture = windows_png([pd.Timestamp(time).to_pydatetime() for time in times], facts.windows, test)
    return (ReportFigure("What features and outcomes see at each snapshot time", picture, on_slide=True),)


def deployment(facts: ReportFacts) -> Section:
    """Section 8: where this runs, what it met, and what it scores today."""
    table = ReportTable(
        "The same parts on AWS and on Google Cloud",
        ("part", "AWS", "Google Cloud"),
        CLOUDS,
        weights=(1.5, 2, 2),
        on_slide=True,
    )
    bands = _band_counts(facts)
    scores: tuple[ReportTable, ...] = ()
    if bands:
        rows = tuple((name, number(count)) for name, count in bands.items())
        scores = (ReportTable("People scored by the champion, by band", ("band", "people"), rows),)
    return Section(
        "Deployment",
        "One machine, one writer, no network needed: what runs here runs on one machine of AWS or Google Cloud too.",
        points=(_scored_words(facts, bands), *challenges(facts)),
        shown=(table, *scores),
    )


def _band_counts(facts: ReportFacts) -> dict[str, int]:
    if facts.scores.empty:
        return {}
    counts = facts.scores["band"].value_counts()
    return merged_counts({band: int(counts.get(band, 0)) for band in BANDS}, facts.min_group, other="other bands")


def _scored_words(facts: ReportFacts, bands: dict[str, int]) -> str:
    if facts.scores.empty:
        return "Nobody is scored: there is no champion to score with."
    if not bands:
        return f"Fewer than {facts.min_group} people are scored."
    parts = listed([f"{band} {number(count)}" for band, count in bands.items()])
    return f"The champion scores {number(len(facts.scores))} people: {parts}."


def challenges(facts: ReportFacts) -> list[str]:
    """What the runs met, each only where the figures show it."""
    met = []
    duplicates, rejected = int(facts.files["duplicates"].sum()), int(facts.files["rejected"].sum())
    enough = people_of(facts) >= facts.min_group
    if enough and (duplicates or rejected):
        met.append(
            f"Met: overlapping exports and bad rows ({number(duplicates)} duplicates known again, {number(rejected)} "
            "rows rejected with a reason)."
        )
    if facts.windows is not None and facts.windows != DEFAULT_WINDOWS and facts.training.split == "time":
        met.append(f"Met: a short history; the windows were shrunk to {_days(facts.windows)} days.")
    told = _last_looks(facts)
    if told is not None and told[1] / told[0] < 0.25:
        met.append(
            f"Met: few leavers ({percent(told[1] / told[0])}), so accuracy alone says little and intervals are wide."
        )
    if failed_tests(facts.audit):
        met.append("Met: the leakage audit failed; no score should be used before its cause is found.")
    return met[:4]


def conclusion(facts: ReportFacts) -> Section:
    """Section 9: what is known now, and what would make it better."""
    verdict = judge(facts)
    if verdict.decision == "promoted":
        champion = capital(plain(verdict.champion or "the champion"))
        message = f"{champion} is worth using: it surely beats the base rate on the test."
    elif verdict.decision == "kept":
        message = "The champion of before stays: the new training does not surely beat it."
    elif verdict.decision == "not_enough_history":
        message = "There is not enough history to foretell churn; what is there is told, and nothing is guessed."
    elif verdict.winner in COMPARED_WITH and verdict.winner != DUMMY:
        message = (
            f"“{capital(plain(verdict.winner))}” alone foretells churn better than any model, so none is promoted."
        )
    else:
        message = "On these data churn cannot surely be foretold, and no model is promoted."
    return Section(
        "Conclusion and future work",
        message,
        points=(
            f"Accuracy: {_accuracy_words(facts)}",
            f"New sources: {_source_words(facts)}",
            "Real time: features are sums by person and day, so they can be carried forward event by event; scores "
            "then follow within a session, not after the next run.",
        ),
    )


def _accuracy_words(facts: ReportFacts) -> str:
    verdict = judge(facts)
    if verdict.best is None:
        return "more history first; every further month adds a snapshot to learn from."
    row = row_of(facts, verdict.best)
    low, high = float(row["roc_auc_low"]), float(row["roc_auc_high"])
    if low != low or high != high:
        return "more people of either outcome are needed before intervals can be told."
    said = (
        f"the ROC AUC of {plain(verdict.best)} is known to within {low:.2f} to {high:.2f}; "
        "four times the people would halve that interval"
    )
    if verdict.winner in COMPARED_WITH:
        return f"{said}. As long as a baseline wins, more features help less than more leavers."
    return f"{said}."


def _source_words(facts: ReportFacts) -> str:
    lacking = [
        words
        for name, words in CUSTOMER_TABLES.items()
        if facts.customers.empty or not facts.customers[name].notna().any()
    ]
    if not facts.browsing.get("people"):
        lacking = ["browsing", *lacking]
    if lacking:
        return f"{listed(lacking)} are not there yet; each can be added as a file, and the next run takes it up."
    return "all that this version reads are there; reasons that people give when they leave would be the next."


def thanks(facts: ReportFacts) -> Section:
    """Section 10: thank you and questions."""
    points = [
        capital(winner_sentence(facts)).rstrip(".") + ".",
        "Every number here is in the tables of the warehouse or in the MLflow run of the training: make ui.",
        f"Nothing here is about fewer than {facts.min_group} people.",
    ]
    if facts.is_sample:
        points.append("The people of this report are SYNTHETIC.")
    return Section("Thank you", "Questions?", points=tuple(points))
