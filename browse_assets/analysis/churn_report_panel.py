"""Sections of the report about the data: collection, exploration, features.

Here: what sections 3 to 5 say, from counts of groups. Not here: the counting (`churn_report_groups`), the other
sections (`churn_report_story`, `churn_report_results`).
"""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from browse_assets.analysis.churn_report import (
    ReportFacts,
    ReportFigure,
    ReportTable,
    Section,
    capital,
    figure_of,
    listed,
    number,
    percent,
    plain,
)
from browse_assets.analysis.churn_report_figures import distributions_png, rates_png, retention_png, weeks_png
from browse_assets.analysis.churn_report_groups import (
    Group,
    named_groups,
    ordered_groups,
    safe_retention,
    single_features,
    wilson,
)

# Declared traits of people: counted, but not set against churn here (the model card compares how models treat them).
DEMOGRAPHIC = re.compile(r"age|gender|sex|birth|marital|family", re.IGNORECASE)
# Between 0.45 and 0.55 a feature tells next to nothing of who leaves.
TELLING = 0.05
# Lines of the picture of rates: more would be too small to read on a slide.
MOST_LINES = 13

# Theme of a feature by its name, the first that fits; the last takes the rest.
THEMES: tuple[tuple[str, str], ...] = (
    ("customer attributes", r"^customer_"),
    ("transactions", r"transaction|amount|order|spend"),
    ("service interactions", r"service|ticket|contact|channel"),
    ("lifecycle", r"lifecycle|tenure"),
    ("recency", r"since_last|recency|days_since"),
    ("trend and regularity", r"trend|gap_|regular"),
    ("dwell", r"dwell"),
    ("frequency", r"active_days|page_views|sessions|frequency"),
    ("topics, finance, searches", r"topic|finance|search|weekend"),
    ("breadth", r"domain|breadth|distinct"),
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


def exploration(facts: ReportFacts) -> Section:
    """Section 4: distributions, retention, patterns of who leaves."""
    k, looks = facts.min_group, labelled(facts)
    curve = safe_retention(facts.retention, k)
    figures, tables, points = [], [], []
    if len(curve) > 1:
        figures.append(
            ReportFigure(
                "Retention: people active n weeks after their first day, of those whose week is over (95 % interval)",
                retention_png(curve),
                on_slide=True,
            )
        )
        points.append(_retention_words(curve))
    groups = rate_groups(facts, looks)
    if groups:
        figures.append(
            ReportFigure(
                "Churn rate by group (95 % interval); small groups are merged",
                rates_png(_widest_apart(groups)),
                on_slide=True,
            )
        )
        points += _contrast(groups)
        tables.append(_rate_table(groups))
    alone = single_features(looks, [name for name, _ in facts.features], k) if len(looks) else pd.DataFrame()
    spread = {
        plain(name): parts
        for name in (alone["feature"].head(8) if len(alone) else [])
        if (parts := ordered_groups(looks, looks[name], k))
    }
    if spread:
        figures.append(
            ReportFigure(
                "The most telling features, of those who stayed and of those who left", distributions_png(spread)
            )
        )
    if len(alone):
        tables.append(_single_table(alone))
        points.append(_single_words(alone))
    if not figures and not tables:
        return Section(
            "Exploratory analysis",
            f"No group of at least {k} who left and {k} who stayed can be told apart yet.",
            points=("Distributions and rates are shown as soon as there are enough people of either outcome.",),
        )
    return Section(
        "Exploratory analysis",
        _exploration_message(looks, groups, k),
        points=tuple(points),
        details=(
            "A look is one person at one snapshot time; a person may be looked at several times, so intervals over "
            "looks (Wilson) are a little too narrow. Bins have round borders, never the value of a person.",
        ),
        shown=(*figures, *tables),
    )


def rate_groups(facts: ReportFacts, looks: pd.DataFrame) -> dict[str, tuple[Group, ...]]:
    """Groups of looks by recency, by the browsing features that are texts (lifecycle), and by declared attributes."""
    found: dict[str, tuple[Group, ...]] = {}
    if looks.empty:
        return found
    k = facts.min_group
    if "days_since_last" in looks.columns:
        found["days since the last visit"] = ordered_groups(looks, looks["days_since_last"], k)
    for name, _ in facts.features:
        if name in looks.columns and not pd.api.types.is_numeric_dtype(looks[name]):
            found[plain(name)] = named_groups(looks, looks[name], k)
    for name, column in attribute_columns(facts).items():
        if not DEMOGRAPHIC.search(name) and plain(name) not in found:
            found[plain(name)] = named_groups(looks, looks["person"].map(column), k)
    return {name: groups for name, groups in found.items() if groups}


def _exploration_message(looks: pd.DataFrame, groups: Mapping[str, Sequence[Group]], k: int) -> str:
    left = int(looks["churned"].sum()) if len(looks) else 0
    if min(left, len(looks) - left) < k:
        return "Too few people have left, or stayed, to tell what sets them apart."
    sure = [name for name, parts in groups.items() if _is_apart(parts)]
    rate = f"{percent(left / len(looks))} of {number(len(looks))} looks ended in churn"
    return (
        f"{rate}; it surely differs by {listed(sure)}."
        if sure
        else f"{rate}; no group surely leaves more than another."
    )


def _ends(parts: Sequence[Group]) -> tuple[Group, Group]:
    return min(parts, key=lambda part: part.rate), max(parts, key=lambda part: part.rate)


def _is_apart(parts: Sequence[Group]) -> bool:
    """Whether the intervals of the lowest and the highest rate do not meet."""
    low, high = _ends(parts)
    return wilson(low.left, low.looks)[1] < wilson(high.left, high.looks)[0]


def _contrast(groups: Mapping[str, Sequence[Group]]) -> list[str]:
    words = []
    for name, parts in groups.items():
        low, high = _ends(parts)
        surely = "" if _is_apart(parts) else "; the intervals meet, so it may be chance"
        words.append(
            f"By {name}: {percent(low.rate)} left of “{low.label}”, {percent(high.rate)} of “{high.label}”{surely}."
        )
    return words[:3]


def _retention_words(curve: pd.DataFrame) -> str:
    later = curve[curve["week"] > 0]
    if later.empty:
        return "There is no whole week after the first yet."
    marks = [week for week in (1, 4, 12) if week in set(later["week"])] or [int(later["week"].iloc[-1])]
    said = [f"{percent(float(later.loc[later['week'] == week, 'share'].iloc[0]))} in week {week}" for week in marks]
    return f"Of people seen in their first week, {listed(said)} are active."


def _single_words(alone: pd.DataFrame) -> str:
    best = alone.iloc[0]
    if best["strength"] < TELLING:
        return "No feature alone tells who leaves."
    more = "more" if best["left"] > best["stayed"] else "less"
    return (
        f"Alone, {plain(best['feature'])} tells most: those who left had {more} of it "
        f"({best['left']:.3g} against {best['stayed']:.3g} on average)."
    )


def _widest_apart(groups: Mapping[str, Sequence[Group]]) -> dict[str, Sequence[Group]]:
    """As many as a picture can show, those first whose rates differ most."""

    def gap(name: str) -> float:
        low, high = _ends(groups[name])
        return low.rate - high.rate

    shown: dict[str, Sequence[Group]] = {}
    for name in sorted(groups, key=gap):
        if not shown or sum(len(parts) + 1 for parts in (*shown.values(), groups[name])) <= MOST_LINES:
            shown[name] = groups[name]
    return shown


def _rate_table(groups: Mapping[str, Sequence[Group]]) -> ReportTable:
    rows = []
    for name, parts in groups.items():
        for part in parts:
            low, high = wilson(part.left, part.looks)
            rows.append(
                (name, part.label, number(part.looks), percent(part.rate), f"{percent(low)} to {percent(high)}")
            )
    return ReportTable("Churn rate by group", ("by", "group", "looks", "left", "95 % interval"), tuple(rows))


def _single_table(alone: pd.DataFrame) -> ReportTable:
    rows = tuple(
        (plain(row["feature"]), f"{row['stayed']:.3g}", f"{row['left']:.3g}", figure_of(row["auc"], 2))
        for row in alone.head(10).to_dict("records")
    )
    return ReportTable(
        "What single features tell: means, and the ROC AUC of leaving with a higher value (0.5 tells nothing)",
        ("feature", "mean of those who stayed", "mean of those who left", "ROC AUC"),
        rows,
    )


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
