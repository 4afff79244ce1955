"""Presidio's pattern recognizers on the same strings, beside the scrubber.

What belongs here: running Presidio without a language model, and counting as `report.py` counts. What does
not: names of people (`names_measure.py`). Presidio comes with `make ner`; nothing here runs without it.

Presidio is given what it is made for: the single string, as it came in, and the countries of the
telephone numbers. It is not made for coded values, so those are counted apart.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from unittest.mock import patch

from browse_assets_tests.privacy.labelled_set import CLEAN
from browse_assets_tests.privacy.leaks import is_leaked
from browse_assets_tests.privacy.measure import PLACEHOLDERS, Measurement, Outcome
from browse_assets_tests.privacy.report import f_beta, overscrubbed

# Kinds of the labelled set by Presidio's entity.
ENTITIES = {
    "EMAIL_ADDRESS": {"email"},
    "PHONE_NUMBER": {"phone"},
    "CREDIT_CARD": {"card"},
    "IBAN_CODE": {"iban"},
    "US_SSN": {"ssn"},
    "IP_ADDRESS": {"ipv4", "ipv6"},
}
REGIONS = ("US", "GB", "DE", "FR", "ES", "IT", "NL", "IN", "BR", "AU")
# Below it are the patterns that Presidio itself calls weak (nine digits are a social security number, 0.05).
MIN_SCORE = 0.4


@dataclass(frozen=True)
class Detection:
    """What Presidio found in the carrier of a case: spans, and the text without them."""

    outcome: Outcome
    spans: tuple[tuple[int, int, str], ...]

    @property
    def masked(self) -> str:
        text = self.outcome.case.carrier
        for start, end, entity in sorted(self.spans, reverse=True):
            text = text[:start] + f"<{entity}>" + text[end:]
        return text

    @property
    def is_removed(self) -> bool:
        secret = self.outcome.case.secret
        return secret is not None and not is_leaked(secret, [self.masked])

    @property
    def is_changed(self) -> bool:
        """Whether anything was found before the query and fragment of an address, or in a text."""
        carrier = self.outcome.case.carrier
        end = len(carrier)
        if "://" in carrier:
            end = min((place for mark in "?#" if (place := carrier.find(mark)) >= 0), default=end)
        return any(start < end for start, _, _ in self.spans)


def is_available() -> bool:
    return find_spec("presidio_analyzer") is not None


def recognizers() -> list[Any]:
    """Presidio's recognizers of structured values that need no language model."""
    from presidio_analyzer import predefined_recognizers as predefined

    return [
        predefined.EmailRecognizer(),
        predefined.PhoneRecognizer(supported_regions=REGIONS),
        predefined.CreditCardRecognizer(),
        predefined.IbanRecognizer(),
        predefined.UsSsnRecognizer(),
        predefined.IpRecognizer(),
    ]


def detect(outcomes: Sequence[Outcome]) -> tuple[list[Detection], float]:
    """What Presidio finds in each carrier, and its CPU seconds."""
    import tldextract

    found = recognizers()
    offline = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # else it asks the network for suffixes
    detections = []
    with patch("tldextract.extract", offline):
        before = time.process_time()
        for outcome in outcomes:
            spans = [
                (result.start, result.end, result.entity_type)
                for recognizer in found
                for result in recognizer.analyze(outcome.case.carrier, recognizer.supported_entities, None) or []
                if result.score >= MIN_SCORE
            ]
            detections.append(Detection(outcome, without_overlaps(spans)))
        used = time.process_time() - before
    return detections, used


def without_overlaps(spans: Sequence[tuple[int, int, str]]) -> tuple[tuple[int, int, str], ...]:
    """The longest of spans that overlap."""
    chosen: list[tuple[int, int, str]] = []
    for start, end, entity in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if all(end <= other_start or start >= other_end for other_start, other_end, _ in chosen):
            chosen.append((start, end, entity))
    return tuple(sorted(chosen))


def compare(measurement: Measurement) -> str:
    """The comparison as plain text."""
    detections, used = detect(measurement.outcomes)
    lines = [
        "Side by side with Presidio's pattern recognizers on the same strings (no language model, score at least "
        f"{MIN_SCORE}):",
        f"{'':<16}{'values':>8}{'recall':>18}{'recall, plain':>18}{'precision':>18}{'F2':>18}",
        f"{'kind':<16}{'':>8}" + f"{'ours':>9}{'Presidio':>9}" * 4,
    ]
    for entity, kinds in ENTITIES.items():
        lines.append(_kind_line(detections, entity, kinds))
    lines += ["", f"{'clean values changed':<24}{'ours':>9}{'Presidio':>10}"]
    for place in ("url", "metadata", "title", "search terms"):
        clean = [d for d in detections if d.outcome.case.kind == CLEAN and d.outcome.case.place == place]
        ours, theirs = overscrubbed(measurement.outcomes, place), sum(d.is_changed for d in clean) / len(clean)
        lines.append(f"{place:<24}{ours:>9.2%}{theirs:>10.2%}")
    lines += [
        "",
        f"Strings per CPU s: ours {measurement.strings / measurement.cpu_seconds:,.0f} (all of scrubbed_events: "
        "decoding, sessions, writing, Dagster),",
        f"Presidio {len(detections) / used:,.0f} (finding alone).",
    ]
    return "\n".join(lines)


def _kind_line(detections: Sequence[Detection], entity: str, kinds: set[str]) -> str:
    planted = [d for d in detections if d.outcome.case.kind in kinds]
    plain = [d for d in planted if d.outcome.case.encoding == "plain"]
    ours = (_share([d.outcome.is_removed for d in planted]), _share([d.outcome.is_removed for d in plain]))
    theirs = (_share([d.is_removed for d in planted]), _share([d.is_removed for d in plain]))
    placeholders = set().union(*(PLACEHOLDERS[kind] for kind in kinds))
    wrong_ours = sum(bool(d.outcome.wrong_placeholders & placeholders) for d in detections)
    others = [d for d in detections if d.outcome.case.kind not in kinds]
    wrong_theirs = sum(any(found == entity for _, _, found in d.spans) for d in others)
    precisions = (
        _precision(sum(d.outcome.is_removed for d in planted), wrong_ours),
        _precision(sum(d.is_removed for d in planted), wrong_theirs),
    )
    figures = [ours[0], theirs[0], ours[1], theirs[1], *precisions]
    figures += [f_beta(precision, found) for precision, found in zip(precisions, (ours[0], theirs[0]), strict=True)]
    return f"{' '.join(sorted(kinds)):<16}{len(planted):>8,}" + "".join(f"{figure:>9.3f}" for figure in figures)


def _share(flags: Sequence[bool]) -> float:
    return sum(flags) / len(flags)


def _precision(right: int, wrong: int) -> float:
    return right / (right + wrong) if right + wrong else 1.0
