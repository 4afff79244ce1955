"""How many names of people a model finds, and how much else it takes for one.

What belongs here: counting the spans of `browse_assets.analysis.names` against labelled ones. What does
not: the texts (`named_texts.py`).
"""

import json
import time
from collections.abc import Sequence
from pathlib import Path

from browse_assets.analysis.names import Span, find_names
from browse_assets_tests.privacy.named_texts import CULTURES, NamedText, named_texts
from browse_assets_tests.privacy.report import f_beta


def is_found(name: Span, spans: Sequence[Span]) -> bool:
    """Whether all of the name lies in spans, spaces between them aside."""
    return all(any(start <= place < end for start, end in spans) for place in (name[0], name[1] - 1))


def counts(labelled: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]]) -> tuple[int, int, int, int]:
    """Names, names found, spans found, and those of them that touch a name."""
    pairs = list(zip(labelled, found, strict=True))
    names = sum(len(spans) for spans, _ in pairs)
    hits = sum(is_found(name, spans) for truth, spans in pairs for name in truth)
    touching = sum(any(s < end and start < e for start, end in truth) for truth, spans in pairs for s, e in spans)
    return names, hits, sum(len(spans) for _, spans in pairs), touching


def names_report(model: str, seed: int, person_files: Sequence[Path] = ()) -> str:
    """Recall and precision of the model as plain text.

    Args:
        person_files: presidio-research files of texts with labelled spans; those of people are used.
    """
    find_names(["warm"], model)  # loading is no part of the speed
    texts = named_texts(seed)
    before = time.process_time()
    found = find_names([labelled.text for labelled in texts], model)
    used = time.process_time() - before
    pairs = list(zip(texts, found, strict=True))
    lines = [
        f"Names of people in free text, model {model}, {len(texts):,} own titles and searches, seed {seed}:",
        f"{'':<30}{'names':>8}{'recall':>9}{'precision':>11}{'F2':>8}",
    ]
    for kind in ("title", "search"):
        lines.append(_line(kind, [pair for pair in pairs if pair[0].kind == kind]))
    for culture in CULTURES:  # precision needs the texts without names, which have no culture
        of_culture = [pair for pair in pairs if pair[0].culture == culture]
        names, hits, _, _ = counts([_truth(text) for text, _ in of_culture], [spans for _, spans in of_culture])
        lines.append(f"{culture:<30}{names:>8,}{hits / names:>9.3f}")
    nameless = [bool(spans) for text, spans in pairs if text.span is None]
    lines.append(
        f"Texts without a name that would be changed: {sum(nameless) / len(nameless):.1%} of {len(nameless):,}."
    )
    lines.append(f"{len(texts) / used:,.0f} texts per CPU s.")
    for file in person_files:
        lines.append(_person_line(file, model))
    return "\n".join(lines)


def _truth(text: NamedText) -> list[Span]:
    return [] if text.span is None else [text.span]


def _line(title: str, pairs: Sequence[tuple[NamedText, list[Span]]]) -> str:
    names, hits, spans, touching = counts([_truth(text) for text, _ in pairs], [found for _, found in pairs])
    recall, precision = hits / names, touching / spans if spans else 1.0
    return f"{title:<30}{names:>8,}{recall:>9.3f}{precision:>11.3f}{f_beta(precision, recall):>8.3f}"


def _person_line(file: Path, model: str) -> str:
    samples = json.loads(file.read_text(encoding="utf-8"))
    truth = [
        [(span["start_position"], span["end_position"]) for span in sample["spans"] if span["entity_type"] == "PERSON"]
        for sample in samples
    ]
    names, hits, spans, touching = counts(truth, find_names([sample["full_text"] for sample in samples], model))
    return (
        f"{file.name}: {names:,} names in {len(samples):,} sentences, recall {hits / names:.3f}, "
        f"precision {touching / spans if spans else 1.0:.3f}."
    )
