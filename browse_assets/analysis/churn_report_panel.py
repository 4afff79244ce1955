"""Sections of the report about the data: collection and features, and how its rows are read.

Here: what sections 3 and 5 say. Not here: exploration (`churn_report_exploration`), the other sections
(`churn_report_story`, `churn_report_results`).
"""

import re
from collections.abc import Mapping

import pandas as pd

from browse_assets.analysis.churn_report import (
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
from browse_assets.analysis.churn_report_figures import weeks_png

# Theme of a feature by its name, the first that fits; the last takes the rest.
THEMES: tuple[tuple[str, str], ...] = (
    ("customer attributes", r"^customer_"),
    ("transactions", r"transaction|amount|refund"),
    ("service interactions", r"service"),
    ("lifecycle", r"lifecycle|tenure|history"),
    ("recency", r"since_last|recency|days_since|overdue"),
    ("trend and regularity", r"trend|gap_|regular|weekday"),
    ("dwell", r"dwell"),
    ("frequency", r"active_days|page_views|sessions|frequency"),
    ("topics, finance, searches", r"topic|finance|search|weekend"),
    ("breadth", r"domain|distinct|devices"),
    ("other", r""),
)


def labelled(facts: ReportFacts) -> pd.DataFrame:
    """Looks at people whose outcome is known, with churned as 0 or 1."""
    usable = facts.snapshots["eligible"].fillna(False).astype(bool) & facts.snapshots["churned"].notna()
    looks = facts.snapshots[usable].reset_index(drop=True)
    return looks.assign(churned=looks["churned"].astype(bool).astype(int))


def people_of(facts: ReportFacts) -> int:
    """People that anything is known of: by browsing, or by the customer tables alone."""
    return max(int(str(facts.browsing.get("people") or 0)), len(facts.customers), facts.snapshots["person"].nunique())


def attribute_columns(facts: ReportFacts) -> dict[str, pd.Series]:
    """Declared attributes by name: a value for each person number that has one, in the order of the names."""
    if facts.customers.empty:
        return {}
    declared = facts.customers.set_index("person")["attributes"].dropna()
    names = sorted({str(name) for attributes in declared for name in attributes})
    columns = {name: declared.map(lambda attributes, name=name: attributes.get(name)).dropna() for name in names}
    return {name: column for name, column in columns.items() if len(column)}


def data_collection(facts: ReportFacts) -> Section:
    """Section 3: what came in, and whom it covers."""
    k, people = facts.min_group, people_of(facts)
    if people < k:
        return Section(
            "Data collection",
            f"The data are of fewer than {k} people, so nothing is told of them here.",
            points=("The tables of the warehouse hold what there is; make ui shows them.",),
        )
    rows = [_panel_row(facts), *_customer_rows(facts)]
    points = [_coverage(facts)]
    has = {name: bool(len(facts.customers) and facts.customers[name].notna().any()) for name in CUSTOMER_TABLES}
    points.append(_customer_words(has))
    removed = int(facts.removed["values_removed"].sum())
    if removed >= k:
        told = facts.removed[facts.removed["values_removed"] >= k]
        kinds = told.sort_values(["values_removed", "kind"], ascending=[False, True])["kind"].head(3)
        points.append(
            f"{number(removed)} personal values were taken out before anything was analysed"
            + (f", most of them {listed([plain(str(kind)) for kind in kinds])}." if len(kinds) else ".")
        )
    if facts.failed_files:
        points.append(f"{number(facts.failed_files)} input files could not be read; the others went on.")
    weeks = facts.weeks[facts.weeks["people"] >= k]
    figures: tuple[ReportFigure, ...] = ()
    if len(weeks) > 1:
        figures = (ReportFigure("People active in each whole week", weeks_png(weeks), on_slide=True),)
    table = ReportTable(
        "What came in", ("source", "what", "people"), tuple(rows), weights=(2.0, 3.6, 1.3), on_slide=True
    )
    who = "SYNTHETIC people" if facts.is_sample else "people"
    return Section(
        "Data collection",
        f"{number(people)} {who}, {_sources(has, facts)}.",
        points=tuple(point for point in points if point),
        details=(
            f"Groups of fewer than {k} people are told nowhere in this report: small groups are merged with others, "
            "and weeks with fewer people are left out.",
        ),
        shown=(*figures, table, *_format_table(facts)),
    )


CUSTOMER_TABLES = {
    "attributes": "demographics",
    "transactions": "transactions",
    "service_interactions": "service interactions",
}


def _sources(has: Mapping[str, bool], facts: ReportFacts) -> str:
    present = [words for name, words in CUSTOMER_TABLES.items() if has[name]]
    browsing = "seen browsing" if facts.browsing.get("people") else "without any browsing"
    return f"{browsing}, with {listed(present)}" if present else f"{browsing}, without any customer table"


def _coverage(facts: ReportFacts) -> str:
    if not facts.browsing.get("people"):
        return "No browsing came in: people are known by the customer tables alone."
    first, last = pd.Timestamp(str(facts.browsing["first_day"])), pd.Timestamp(str(facts.browsing["last_day"]))
    days = (last - first).days + 1
    person_days = int(str(facts.browsing["person_days"]))
    share = person_days / (int(str(facts.browsing["people"])) * days)
    return (
        f"The panel covers {number(days)} days, {first:%Y-%m-%d} to {last:%Y-%m-%d}; "
        f"a person is active on {percent(share)} of them."
    )


def _customer_words(has: Mapping[str, bool]) -> str:
    lacking = [words for name, words in CUSTOMER_TABLES.items() if not has[name]]
    if len(lacking) == len(CUSTOMER_TABLES):
        return "No demographics, transactions or service interactions came in: churn is told from browsing alone."
    if lacking:
        return f"There are no {listed(lacking)}."
    return ""


def _panel_row(facts: ReportFacts) -> tuple[str, str, str]:
    if not facts.browsing.get("people"):
        return ("browsing panel", "nothing came in", "none")
    accepted = int(facts.files["accepted"].sum())
    duplicates, rejected = int(facts.files["duplicates"].sum()), int(facts.files["rejected"].sum())
    return (
        "browsing panel",
        f"{number(accepted)} page views accepted, {number(duplicates)} duplicate and {number(rejected)} rejected rows",
        _people(int(str(facts.browsing["people"])), facts.min_group),
    )


def _customer_rows(facts: ReportFacts) -> list[tuple[str, str, str]]:
    k, customers = facts.min_group, facts.customers
    rows = []
    for name, column in attribute_columns(facts).items():
        if len(column) >= k:
            rows.append(
                (
                    "demographics",
                    f"{plain(name)}: {number(column.nunique())} different values",
                    _of_all(len(column), facts),
                )
            )
    if not rows:
        rows.append(("demographics", "none declared by enough people", "none"))
    for name in ("transactions", "service_interactions"):
        counts = customers[name].dropna() if len(customers) else pd.Series(dtype=float)
        told = counts[counts > 0]
        if counts.empty:
            rows.append((CUSTOMER_TABLES[name], "nothing came in", "none"))
        elif len(told) < k:
            rows.append((CUSTOMER_TABLES[name], "of too few people to be told", _people(len(told), k)))
        else:
            amount = ""
            if name == "transactions" and customers["transaction_amount"].notna().any():
                amount = f" of {number(customers['transaction_amount'].sum())} in all"
            what = f"{number(told.sum())} {CUSTOMER_TABLES[name]}{amount}"
            rows.append((CUSTOMER_TABLES[name], what, _of_all(len(told), facts)))
    return rows


def _of_all(count: int, facts: ReportFacts) -> str:
    """So many of the people of the customer tables, where the others are not a small group."""
    others = len(facts.customers) - count
    return number(count) if others == 0 or others >= facts.min_group else f"all but fewer than {facts.min_group}"


def _people(count: int, k: int) -> str:
    return "none" if count == 0 else f"fewer than {k}" if count < k else number(count)


def _format_table(facts: ReportFacts) -> tuple[ReportTable, ...]:
    if facts.files.empty:
        return ()
    names = ("files", "rows_read", "accepted", "folded", "duplicates", "rejected")
    rows = tuple((str(row["format"]), *(number(row[name]) for name in names)) for row in facts.files.to_dict("records"))
    return (ReportTable("Input files by format", ("format", *(plain(name) for name in names)), rows),)


def feature_engineering(facts: ReportFacts) -> Section:
    """Section 5: the features by theme, and what the best model makes of them."""
    present = [(name, words) for name, words in facts.features if name in facts.snapshots.columns]
    attributes = [f"customer_{name}" for name in attribute_columns(facts)]
    in_use = {name for name, _ in present}
    themes: dict[str, list[str]] = {}
    for name in [*(name for name, _ in present), *(name for name in attributes if uses_attributes(facts, name))]:
        theme = next(theme for theme, pattern in THEMES if re.search(pattern, name))
        themes.setdefault(theme, []).append(plain(name.removeprefix("customer_")))
    count = sum(len(names) for names in themes.values())
    order = [theme for theme, _ in THEMES if theme in themes]
    order.sort(key=lambda theme: -len(themes[theme]))
    table = ReportTable(
        "Features by theme",
        ("theme", "features"),
        tuple((theme, ", ".join(themes[theme])) for theme in order),
        weights=(1.4, 3.4),
        on_slide=True,
    )
    dictionary = ReportTable(
        "What each feature says",
        ("feature", "meaning"),
        tuple((plain(name), words) for name, words in present if name in in_use),
    )
    figures = [
        ReportFigure(caption, facts.training.figures[name], on_slide=name == "importance")
        for name, caption in (
            ("importance", "Permutation importance of the best model, as the training logged it"),
            ("shap", "What moves the best model's scores (SHAP), as the training logged it"),
        )
        if name in facts.training.figures
    ]
    points = [
        "Each feature sees only what happened up to the snapshot time; training and scoring share one function.",
        "Missing numbers are filled with the median and marked; texts become one column for each common value.",
    ]
    if not figures:
        points.append("No model was trained, so there are no importances yet.")
    return Section(
        "Feature engineering",
        f"{number(count)} features in {number(len(themes))} themes, as of the snapshot time and nothing later."
        if count
        else "There are no features yet.",
        points=tuple(capital(point) for point in points),
        shown=(*figures, table, dictionary) if count else (),
    )


def uses_attributes(facts: ReportFacts, name: str) -> bool:
    """Whether a declared attribute is a feature: the snapshots carry it, as a column or in their attributes."""
    if name in facts.snapshots.columns:
        return True
    if "attributes" not in facts.snapshots.columns:
        return False
    wanted = name.removeprefix("customer_")
    return any(wanted in attributes for attributes in facts.snapshots["attributes"].dropna())
