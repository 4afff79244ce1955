"""Section of the report that explores: retention, churn rates by group, what single features tell.

Here: what section 4 says, from counts of groups. Not here: the counting (`churn_report_groups`), the other sections.
"""

import re
from collections.abc import Mapping, Sequence

import pandas as pd

from browse_assets.analysis.churn_report import (
    ReportFacts,
    ReportFigure,
    ReportTable,
    Section,
    figure_of,
    listed,
    number,
    percent,
    plain,
)
from browse_assets.analysis.churn_report_figures import distributions_png, rates_png, retention_png
from browse_assets.analysis.churn_report_groups import (
    Group,
    named_groups,
    ordered_groups,
    safe_retention,
    single_features,
    wilson,
)
from browse_assets.analysis.churn_report_panel import attribute_columns, labelled

# Declared traits of people: counted, but not set against churn here (the model card compares how models treat them).
DEMOGRAPHIC = re.compile(r"age|gender|sex|birth|marital|family", re.IGNORECASE)
# Between 0.45 and 0.55 a feature tells next to nothing of who leaves.
TELLING = 0.05
# Lines of the picture of rates: more would be too small to read on a slide.
MOST_LINES = 13


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
