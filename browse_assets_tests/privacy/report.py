"""Figures of a measurement as text: recall, precision and F2 by kind, place and encoding.

What belongs here: counting outcomes and laying them out. What does not: judging them (`measure.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from browse_assets_tests.privacy.labelled_set import CLEAN
from browse_assets_tests.privacy.measure import PLACEHOLDERS, Measurement, Outcome
from browse_assets_tests.privacy.values import KINDS

RECALL_FLOOR = 0.99
OVERSCRUBBED_CEILING = 0.005
# Of clean values, those whose changes are a promise; titles and search terms are reported beside them.
CEILINGS = ("url", "metadata")


@dataclass(frozen=True)
class Score:
    """Counts of one line: values planted, removed, and wrongly taken for such."""

    name: str
    planted: int
    removed: int
    wrong: int | None

    @property
    def recall(self) -> float:
        return self.removed / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float | None:
        if self.wrong is None or not self.removed + self.wrong:
            return None
        return self.removed / (self.removed + self.wrong)

    @property
    def f2(self) -> float | None:
        """F-measure that weighs recall twice as much as precision."""
        if self.precision is None:
            return None
        return f_beta(self.precision, self.recall)


def f_beta(precision: float, recall: float, beta: float = 2.0) -> float:
    if not precision + recall:
        return 0.0
    return (1 + beta**2) * precision * recall / (beta**2 * precision + recall)


def positives(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return [outcome for outcome in outcomes if outcome.case.secret is not None]


def structured(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Positives that count for the floor."""
    return [outcome for outcome in positives(outcomes) if outcome.case.is_structured]


def recall(outcomes: Sequence[Outcome]) -> float:
    return sum(outcome.is_removed for outcome in outcomes) / len(outcomes)


def overscrubbed(outcomes: Iterable[Outcome], place: str) -> float:
    """Share of the clean values of that place which came out changed."""
    clean = [outcome for outcome in outcomes if outcome.case.kind == CLEAN and outcome.case.place == place]
    return sum(not outcome.is_kept for outcome in clean) / len(clean)


def by_kind(outcomes: Sequence[Outcome]) -> list[Score]:
    """Wrong for a kind: rows with a placeholder of that kind where nothing planted accounts for it."""
    scores = []
    groups = dict(_groups(positives(outcomes), lambda outcome: outcome.case.kind))
    for kind in KINDS:
        group = groups.get(kind, [])
        wrong = sum(bool(outcome.wrong_placeholders & PLACEHOLDERS[kind]) for outcome in outcomes)
        scores.append(_score(kind, group, wrong if PLACEHOLDERS[kind] else None))
    return scores


_CLEAN_PLACE = {
    "path segment": "url",
    "path segment with words": "url",
    "title": "title",
    "search terms": "search terms",
    "description": "metadata",
    "path of a metadata address": "metadata",
}


def by_place(outcomes: Sequence[Outcome]) -> list[Score]:
    """Wrong for a place: clean values of that part of an event that came out changed."""
    scores = []
    for place, group in _groups(positives(outcomes), lambda outcome: outcome.case.place):
        clean = [o for o in outcomes if o.case.kind == CLEAN and o.case.place == _CLEAN_PLACE.get(place)]
        scores.append(_score(place, group, sum(not outcome.is_kept for outcome in clean) if clean else None))
    return scores


def by_encoding(outcomes: Sequence[Outcome]) -> list[Score]:
    return [
        _score(encoding, group, None)
        for encoding, group in _groups(positives(outcomes), lambda outcome: outcome.case.encoding)
    ]


def _score(name: str, group: Sequence[Outcome], wrong: int | None) -> Score:
    return Score(name, len(group), sum(outcome.is_removed for outcome in group), wrong)


def _groups(outcomes: Sequence[Outcome], key: Callable[[Outcome], str]) -> list[tuple[str, list[Outcome]]]:
    """By key, in the order in which the keys first come up."""
    order = {name: place for place, name in enumerate(dict.fromkeys(key(outcome) for outcome in outcomes))}
    ordered = sorted(outcomes, key=lambda outcome: order[key(outcome)])
    return [(name, list(group)) for name, group in groupby(ordered, key)]


def report(measurement: Measurement, seed: int) -> str:
    """The tables as plain text."""
    outcomes = measurement.outcomes
    planted, floor = positives(outcomes), structured(outcomes)
    clean = [outcome for outcome in outcomes if outcome.case.kind == CLEAN]
    kept = [outcome.is_kept for outcome in planted if outcome.case.kept]
    lines = [
        f"Labelled set, seed {seed}: {len(planted):,} personal values ({len(floor):,} structured), "
        f"{len(clean):,} clean ones, through raw_events and scrubbed_events.",
        "Removed: nothing that tells the value is left in its row, plain or coded. Wrong, by kind: rows with a",
        "placeholder of that kind and no such value; by place: clean values of that part that came out changed.",
        "",
        *_table("kind", by_kind(outcomes)),
        "",
        *_table("place", by_place(outcomes)),
        "",
        *_table("encoding", by_encoding(outcomes)),
        "",
        f"{'clean values changed':<30}{'values':>9}{'changed':>9}{'share':>9}",
        *(_clean_line(outcomes, place) for place in ("url", "metadata", "title", "search terms")),
        "",
        f"Recall over structured kinds and parts that go whole: {recall(floor):.4f} (floor {RECALL_FLOOR}); over all "
        f"values: {recall(planted):.4f}.",
        f"Words beside a removed value still there, in texts: {sum(kept) / len(kept):.4f}.",
        f"{measurement.strings:,} strings in {measurement.cpu_seconds:.1f} CPU s of the asset scrubbed_events "
        f"({measurement.strings / measurement.cpu_seconds:,.0f} strings per CPU s, half of them with personal data;",
        "Dagster, sessions and writing the table included).",
    ]
    return "\n".join(lines)


def _table(title: str, scores: Sequence[Score]) -> list[str]:
    lines = [f"{title:<30}{'values':>9}{'removed':>9}{'recall':>9}{'wrong':>8}{'precision':>11}{'F2':>8}"]
    for score in scores:
        lines.append(
            f"{score.name:<30}{score.planted:>9,}{score.removed:>9,}{score.recall:>9.4f}"
            f"{'-' if score.wrong is None else score.wrong:>8}{_share(score.precision):>11}{_share(score.f2):>8}"
        )
    return lines


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _clean_line(outcomes: Sequence[Outcome], place: str) -> str:
    values = [outcome for outcome in outcomes if outcome.case.kind == CLEAN and outcome.case.place == place]
    changed = sum(not outcome.is_kept for outcome in values)
    ceiling = f"   (at most {OVERSCRUBBED_CEILING:.1%})" if place in CEILINGS else ""
    return f"{place:<30}{len(values):>9,}{changed:>9,}{changed / len(values):>9.2%}{ceiling}"


def examples(outcomes: Sequence[Outcome], each: int) -> list[str]:
    """Misses and wrong removals, worst groups first, at most `each` of a group."""
    misses = [outcome for outcome in structured(outcomes) if not outcome.is_removed]
    changed = [outcome for outcome in outcomes if outcome.case.kind == CLEAN and not outcome.is_kept]
    lines: list[str] = []
    for title, bad in (("MISSED", misses), ("CHANGED THOUGH CLEAN", changed)):
        groups = _groups(bad, lambda o: f"{o.case.place} | {o.case.kind} | {o.case.encoding}")
        lines.append(f"# {title}: {len(bad)}")
        for name, group in sorted(groups, key=lambda pair: -len(pair[1])):
            lines.append(f"## {name}: {len(group)}")
            lines += [f"   {outcome.case.carrier}\n   -> {outcome.result[:300]}" for outcome in group[:each]]
    return lines
