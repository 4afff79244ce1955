"""What a report of churn is made of: facts of the runs that go in, sections that come out, how figures are told.

Here: the frozen model that both renderers read (`churn_report_html`, `churn_report_pptx`) and the words for numbers.
Not here: what the sections say (`churn_report_story` and what it calls), counting that hides small groups
(`churn_report_groups`), pictures (`churn_report_figures`), reading and writing (assets).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd


@dataclass(frozen=True)
class ReportTable:
    """A table of texts.

    Attributes:
        caption: what it shows.
        header: name of each column.
        rows: one text per column; a line break begins a second line in the cell.
        marked: positions of rows that stand out.
        weights: widths of the columns on a slide, relative to each other; empty for equal ones.
        on_slide: whether the slide shows it.
        on_page: whether the page shows it.
    """

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()
    on_slide: bool = False
    on_page: bool = True


@dataclass(frozen=True)
class ReportFigure:
    """A picture.

    Attributes:
        caption: what it shows, and of whom.
        png: the picture.
        on_slide: whether the slide shows it too.
    """

    caption: str
    png: bytes = field(repr=False)
    on_slide: bool = False


@dataclass(frozen=True)
class Section:
    """One section of the page and one slide.

    Attributes:
        title: what it is about.
        message: what is to be remembered of it, one sentence.
        points: short sentences, on page and slide.
        details: paragraphs of the page alone, and the slide's notes.
        shown: pictures and tables in the order of the page; each says whether the slide shows it too.
    """

    title: str
    message: str
    points: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    shown: tuple[ReportTable | ReportFigure, ...] = ()

    @property
    def tables(self) -> tuple[ReportTable, ...]:
        """The tables among what is shown."""
        return tuple(part for part in self.shown if isinstance(part, ReportTable))

    @property
    def figures(self) -> tuple[ReportFigure, ...]:
        """The pictures among what is shown."""
        return tuple(part for part in self.shown if isinstance(part, ReportFigure))


@dataclass(frozen=True)
class Report:
    """The whole report: the same input gives the same report.

    Attributes:
        title: of page and deck.
        origin: whose data, and up to which day; says SYNTHETIC of the sample.
        as_of: end of every window; None without data.
        sections: ten.
    """

    title: str
    origin: str
    as_of: datetime | None
    sections: tuple[Section, ...]


@dataclass(frozen=True)
class TrainingRecord:
    """What the run of the training logged.

    Attributes:
        status: 'trained' or 'not_enough_history'.
        reason: why a model was promoted or not, or why none was trained.
        split: 'time' (the test lies after all that was learned from) or 'people'.
        folds: how the candidates were tuned, in words; empty when not logged.
        threshold_by: what the threshold was set for: f1 or profit.
        rows: number of rows that fit, calibrate, set the threshold and test.
        params: of each candidate as tuned, by name.
        random_split_auc: ROC AUC on a random split, by candidate.
        figures: logged pictures as PNG: roc, precision_recall, calibration, lift, gain, importance, shap.
    """

    status: str
    reason: str
    split: str = "time"
    folds: str = ""
    threshold_by: str = "f1"
    rows: Mapping[str, int] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    random_split_auc: Mapping[str, float] = field(default_factory=dict)
    figures: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class ReportFacts:
    """Everything a report is made of, as tables and runs hold it. No column is a person's key.

    Attributes:
        as_of: end of every window; None without data.
        min_group: k: nothing is told of fewer people.
        is_sample: whether the data are the bundled synthetic panel.
        files: one row per format: format, files, rows_read, accepted, folded, duplicates, rejected.
        failed_files: input files that could not be read.
        removed: one row per kind of personal data: kind, values_removed.
        browsing: people, person_days, first_day, last_day.
        weeks: one row per whole calendar week: week, people (active in it).
        retention: one row per number of weeks since a person's first day: week, observed, active.
        snapshots: one row per person and snapshot time: person (a number), snapshot_time, eligible, reason, churned,
            then features.
        customers: one row per person of the customer tables: person, attributes (a mapping or None), transactions,
            transaction_amount, service_interactions.
        model: the table churn_model.
        audit: the table churn_audit; empty where there is none.
        scores: one row per person scored: probability, band.
        features: name and description of each browsing feature, in order.
        windows: days of W, g and H; None when not known.
        training: what the training's run logged.
    """

    as_of: datetime | None
    min_group: int
    is_sample: bool
    files: pd.DataFrame
    failed_files: int
    removed: pd.DataFrame
    browsing: Mapping[str, object]
    weeks: pd.DataFrame
    retention: pd.DataFrame
    snapshots: pd.DataFrame
    customers: pd.DataFrame
    model: pd.DataFrame
    audit: pd.DataFrame
    scores: pd.DataFrame
    features: tuple[tuple[str, str], ...]
    windows: tuple[int, int, int] | None
    training: TrainingRecord


def plain(name: str) -> str:
    """A column's or setting's name as words."""
    return name.replace("_", " ").strip()


def number(value: float) -> str:
    """A whole number with thousands apart."""
    return f"{int(value):,}"


def percent(share: float) -> str:
    """A share as a percentage, with a decimal below 10 %."""
    return f"{100 * share:.1f} %" if 0 < share < 0.0995 else f"{100 * share:.0f} %"


def figure_of(value: float, digits: int = 3) -> str:
    """A metric; a dash when it is not defined."""
    return "–" if value != value else f"{value:.{digits}f}"


def between(low: float, high: float, digits: int = 3) -> str:
    """An interval; a dash when it is not defined."""
    return "–" if low != low or high != high else f"{low:.{digits}f} to {high:.{digits}f}"


def listed(items: Sequence[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)


def capital(sentence: str) -> str:
    """With a capital first letter, the rest as it is."""
    return sentence[:1].upper() + sentence[1:]
