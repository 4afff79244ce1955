"""How a value is coded where it stands.

What belongs here: the codings, by name. What does not: which of them make sense where (`places.py`),
undoing them in a search (`leaks.py`).
"""

import base64
import html
import random
from urllib.parse import quote, quote_plus

PLAIN = "plain"
CASE = "other case"
PERCENT = ("percent 1", "percent 2", "percent 3")
BASE64 = ("base64", "base64url")
NESTED = "nested URL"
ENTITIES = "HTML entities"
TYPOGRAPHIC = "typographic"
ENCODINGS = (PLAIN, CASE, *PERCENT, *BASE64, NESTED, ENTITIES, TYPOGRAPHIC)

# What browsers leave as it is in a path; `;`, `/`, `?`, `#` and `%` would end or change it.
PATH_SAFE = "@:+,=()!*'$&~"
_SPACES = ("\u00a0", "\u00a0", "\u202f", "\u2009")  # no-break, narrow no-break, thin
_DASHES = ("\u2010", "\u2011", "\u2013", "\u2212")  # hyphen, no-break hyphen, en dash, minus
_OUTER = ("shop.example.net", "www.example.org", "login.example.com")
_INNER_PATHS = ("confirm", "account/verify", "unsubscribe", "welcome", "return")
_INNER_PARAMETERS = ("email", "user", "id", "v", "account", "ref")


def in_path(value: str) -> str:
    return quote(value, safe=PATH_SAFE)


def in_query(rng: random.Random, value: str) -> str:
    return quote_plus(value, safe="@:,()") if rng.random() < 0.5 else quote(value, safe="@:,()!*'")


def encode_for_url(rng: random.Random, value: str, encoding: str, *, query: bool, lead: str = "") -> str:
    """The value as it stands in a path segment or query value under that encoding.

    Args:
        query: whether it is a query value, where a space is a plus.
        lead: what stands before the value in the path of a nested address (`u/` before a user's name).
    """
    if encoding == PLAIN:
        return in_query(rng, value) if query else in_path(value)
    if encoding == CASE:
        return encode_for_url(rng, other_case(rng, value), PLAIN, query=query)
    if encoding in PERCENT:
        coded = quote(value, safe="")
        if coded == value or rng.random() < 0.2:
            coded = "".join(f"%{byte:02X}" for byte in value.encode())
        for _ in range(PERCENT.index(encoding)):
            coded = quote(coded, safe="")
        return coded
    if encoding == "base64":
        coded = base64.b64encode(value.encode()).decode()
        return quote(coded, safe="=") if rng.random() < 0.7 else quote(coded, safe="")
    if encoding == "base64url":
        return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")
    if encoding == NESTED:
        inner = quote_plus(value) if rng.random() < 0.5 else quote(value, safe="@")
        if rng.random() < 0.5:
            url = f"https://{rng.choice(_OUTER)}/{rng.choice(_INNER_PATHS)}?{rng.choice(_INNER_PARAMETERS)}={inner}"
        else:
            url = f"https://{rng.choice(_OUTER)}/{rng.choice(_INNER_PATHS)}/{lead}{quote(value, safe='@')}?step=2"
        return quote(url, safe="")
    raise ValueError(f"no coding of addresses: {encoding}")


def encode_for_text(rng: random.Random, value: str, encoding: str) -> str:
    """The value as it stands in a title or description under that encoding."""
    if encoding == PLAIN:
        return value
    if encoding == CASE:
        return other_case(rng, value)
    if encoding == ENTITIES:
        return _with_entities(rng, value)
    if encoding == TYPOGRAPHIC:
        space, dash = rng.choice(_SPACES), rng.choice(_DASHES)
        return value.replace(" ", space).replace("-", dash)
    if encoding in PERCENT:
        return encode_for_url(rng, value, encoding, query=False)
    raise ValueError(f"no coding of texts: {encoding}")


def other_case(rng: random.Random, value: str) -> str:
    if value.upper() == value:
        return value.lower()
    return value.upper() if "@" not in value or rng.random() < 0.6 else value.title()


def has_other_case(value: str) -> bool:
    return value.upper() != value.lower()


def is_typographic(value: str) -> bool:
    """Whether a word processor would change its spaces or hyphens."""
    return " " in value or "-" in value


def _with_entities(rng: random.Random, value: str) -> str:
    style = rng.randrange(3)
    marks = {"@": "&commat;", ".": "&period;", "+": "&plus;", ":": "&colon;", ",": "&comma;", "'": "&apos;"}
    coded = ""
    for character in value:
        if style == 2 or (not character.isalnum() and style < 2):  # all of it, as mail cloaking does, or its marks
            named = marks.get(character) if style == 0 else None
            code = f"&#x{ord(character):x};" if rng.random() < 0.3 else f"&#{ord(character)};"
            coded += named or ("&nbsp;" if character == " " and style == 0 else code)
        else:
            coded += html.escape(character)
    return coded if coded != value else "".join(f"&#{ord(character)};" for character in value)
