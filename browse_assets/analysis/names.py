"""Names of people in free text, by a named-entity model through Presidio: the optional extra `ner`.

What belongs here: finding spans of names in texts. What does not: which texts are asked about, replacing
the spans, and whether the extra is used at all (`BROWSE_NER_MODEL`); telephone numbers and all else that
has a form (the rules of the scrubbing).

Presidio and spaCy are imported inside the functions: they are not installed without the extra, and take
seconds to import. Nothing is downloaded: a model that is not installed is an error.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

Span = tuple[int, int]

# Presidio asks for a language by its code; which one is the model's own matter.
_LANGUAGE = "en"
# Presidio's score of everything that a spaCy model finds: a model gives no probabilities.
_ENTITY = "PERSON"
# What spaCy models do beside finding entities; without it they are about twice as fast.
_UNUSED_PIPES = ("parser", "lemmatizer", "attribute_ruler", "tagger", "morphologizer", "senter")
# Texts given to the model at once.
_BATCH = 256


class NamesNotAvailableError(RuntimeError):
    """The extra `ner` or the model is not installed; the message says what to do."""


def find_names(texts: Sequence[str], model: str) -> list[list[Span]]:
    """Spans of names of people, for each text in its order.

    A text in lower case alone, as searches are, is also read with capitals at the start of words: models
    know names by them. Spans do not overlap and are sorted; start and end count characters of the text.

    Args:
        texts: distinct texts: each costs about a millisecond of CPU.
        model: name of an installed spaCy model, or the folder of one.

    Raises:
        NamesNotAvailableError: Presidio or the model is not installed.
    """
    engine, recognizer = _load(model)
    readings = [_capitalised(text) for text in texts]
    found: list[list[Span]] = []
    batch: Any = engine.process_batch(readings, language=_LANGUAGE, batch_size=_BATCH)
    for text, artifacts in batch:
        results = recognizer.analyze(text, [_ENTITY], artifacts)
        found.append(merged([(result.start, result.end) for result in results]))
    return found


def without_names(text: str, spans: Sequence[Span]) -> str:
    """The text with `{name}` in place of each span; spans inside placeholders of the scrubbing stay."""
    for start, end in reversed(spans):
        if not {"{", "}"} & set(text[max(0, start - 1) : end + 1]):
            text = f"{text[:start]}{{name}}{text[end:]}"
    return text


def merged(spans: Sequence[Span]) -> list[Span]:
    """Sorted spans, those that overlap made one: `[(0, 3), (2, 5)]` gives `[(0, 5)]`."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if joined and start < joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _capitalised(text: str) -> str:
    """The text with capitals where it has none; as it is where that would move its characters."""
    if text != text.lower():
        return text
    capitalised = text.title()
    return capitalised if len(capitalised) == len(text) else text


@cache
def _load(model: str) -> tuple[Any, "EntityRecognizer"]:
    try:
        import spacy
        from presidio_analyzer.nlp_engine import SpacyNlpEngine
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    except ImportError as error:
        raise NamesNotAvailableError("Names of people need the extra: make ner (or pip install .[ner]).") from error
    try:
        loaded = spacy.load(model, exclude=list(_UNUSED_PIPES))
    except OSError as error:
        raise NamesNotAvailableError(f"The spaCy model {model} of BROWSE_NER_MODEL is not installed.") from error
    engine = SpacyNlpEngine()
    engine.nlp = {_LANGUAGE: loaded}  # as Presidio's documentation does it: load() would download
    return engine, SpacyRecognizer(supported_language=_LANGUAGE)
