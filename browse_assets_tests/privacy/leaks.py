"""Is a value still there? A search that knows nothing of how it was to be removed.

What belongs here: the spellings under which a value is looked for, and the codings that are undone in
what is searched. What does not: running anything (`measure.py`).

A value counts as leaked when more than six tenths of one of its parts are found in a row: whole or cut,
in any case, with or without separators and typographic spaces, percent-coded up to three times, as HTML
entities, or inside a base64 token.
"""

import base64
import binascii
import html
import math
import re
from collections.abc import Iterable, Iterator
from urllib.parse import unquote, unquote_plus

from browse_assets_tests.privacy.values import Secret

# Part of a value that tells it: 6 of the 10 digits of a telephone number leave at most 10,000 numbers.
TELLING_SHARE = 0.6
# Shorter pieces of a long value are found by chance in other numbers.
_MIN_PIECE = 7
_SEPARATORS = re.compile(r"[\s\-\u2010-\u2015\u2212().,/+_:;'\u2018\u2019°\"]+")
_BASE64_TOKEN = re.compile(r"[A-Za-z0-9+/_\-]{6,}={0,2}")


def pieces(part: str) -> list[str]:
    """The pieces of a part of which each tells it: every substring of six tenths of its length."""
    size = min(len(part), max(_MIN_PIECE, math.ceil(len(part) * TELLING_SHARE)))
    return sorted({part[start : start + size] for start in range(len(part) - size + 1)})


def decodings(text: str, depth: int = 3) -> Iterator[str]:
    """The text, and what is in it under percent coding, HTML entities and base64, `depth` times over."""
    seen = {text}
    layer = [text]
    for _ in range(depth + 1):
        yield from layer
        deeper: list[str] = []
        for outer in layer:
            inners = [unquote(outer), unquote_plus(outer), html.unescape(outer), *_from_base64(outer)]
            for inner in inners:
                if inner not in seen:
                    seen.add(inner)
                    deeper.append(inner)
        layer = deeper


def _from_base64(text: str) -> Iterator[str]:
    for token in _BASE64_TOKEN.findall(text):
        bare = token.rstrip("=").replace("-", "+").replace("_", "/")
        # A slash is also a separator of paths: the pieces between them may be tokens as well.
        for candidate in {bare, *bare.split("/")}:
            if len(candidate) < 6:
                continue
            try:
                decoded = base64.b64decode(candidate + "=" * (-len(candidate) % 4), validate=True).decode("utf-8")
            except (binascii.Error, UnicodeDecodeError):
                continue
            yield decoded


def compact(text: str) -> str:
    """The text in lower case without separators."""
    return _SEPARATORS.sub("", text.casefold())


def is_leaked(secret: Secret, texts: Iterable[str]) -> bool:
    """Whether enough of the secret to tell it is found in one of the texts."""
    needles = [(pieces(part.casefold()), pieces(compact(part))) for part in secret.parts]
    for text in texts:
        for form in decodings(text):
            plain, bare = form.casefold(), compact(form)
            for whole, squeezed in needles:
                if any(piece in plain for piece in whole) or any(piece in bare for piece in squeezed):
                    return True
    return False
