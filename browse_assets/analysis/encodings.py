"""How personal values are written: percent encoding, escapes, Base64 and hexadecimal words, drawn tokens.

What belongs here: undoing encodings and telling drawn words from written ones. What does not: what is
personal in the result (`scrubbing.py`).
"""

import base64
import binascii
import html
import re
import unicodedata
from contextlib import suppress
from urllib.parse import unquote

UNDECODABLE = "{undecodable}"

# Three by the rules of the house; what is still encoded after that is not understood.
_DECODINGS = 3
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})|\\u\{0{0,4}([0-9A-Fa-f]{1,4})\}|\\x([0-9A-Fa-f]{2})")
_BREAKS = re.compile(r"[ \t\r\n]{2,3}|[\t\r\n]")
# Dashes and spaces that people and typesetters put into numbers, and characters that cannot be seen.
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u200a\u202f", " "),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad", ""),
        **dict.fromkeys("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""),  # directions
        "\u00b7": ".",
    }
)
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_BASE64 = re.compile(r"[A-Za-z0-9+/_\-]{8,}={0,2}")
_READABLE = re.compile(r"[A-Z]?[a-z]*[aeiouy][a-z]+|[A-Z]{2,}(?![a-z])|(?<!\d)(?:19|20)\d\d(?!\d)")
# Letters and digits, or upper and lower case, in turns: how drawn characters look, and Base64.
_MIXED = re.compile(r"[a-z0-9][A-Z]+[a-z0-9]+[A-Z]|[0-9][A-Za-z]+[0-9]+[A-Za-z]|[A-Za-z][0-9]+[A-Za-z]+[0-9]")
# No language writes longer words with digits or both cases in them; reading one takes its length squared.
_LONGEST_WORD = 256
_RANDOM_LENGTH = 16  # shorter ones are articles' and videos' ids: 11 (YouTube), 10 (Amazon), 12 (BBC)


def decoded(text: str) -> str:
    """The text as a reader would see it.

    Percent encoding is undone up to three times; what is encoded deeper, or is no text, is one placeholder.
    """
    for _ in range(_DECODINGS):
        if not _PERCENT.search(text):
            break
        text = _unquoted(text)
    if _PERCENT.search(text):
        return UNDECODABLE
    for _ in range(_DECODINGS):
        if "&" not in text:
            break
        text = html.unescape(text)
    if "\\" in text:
        text = _unescaped(text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_PLAIN)).translate(_PLAIN)
        text = _FOREIGN_DIGIT.sub(lambda match: str(unicodedata.decimal(match[0])), text)
    return _BREAKS.sub(" ", text)


def _unescaped(text: str) -> str:
    """Undo JavaScript's escapes; halves of characters are joined, and what has no other half is no character."""
    text = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), text)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _unquoted(text: str) -> str:
    """Undo one percent encoding: UTF-8, or the Latin-1 of old sites where it leaves mostly plain letters."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        latin = unquote(text, encoding="latin-1")
        plain = sum(character.isascii() and character.isprintable() for character in latin)
        return latin if plain * 2 >= len(latin) else UNDECODABLE


def decoded_word(word: str) -> str | None:
    """The text that a word of Base64 or hexadecimal digits stands for; None when it stands for none."""
    if not _BASE64.fullmatch(word):
        return None
    readings = []
    if re.fullmatch(r"(?:[0-9A-Fa-f]{2}){6,}", word):
        readings.append(bytes.fromhex(word))
    if _MIXED.search(word) or (len(word) >= _RANDOM_LENGTH - 1 and not word.islower() and not word.isdigit()):
        plain = word.rstrip("=").replace("-", "+").replace("_", "/")
        with suppress(binascii.Error):
            readings.append(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
    for reading in readings:
        try:
            text = reading.decode()
        except UnicodeDecodeError:
            continue
        if len(text) >= 6 and text.isprintable():
            return text
    return None


def is_random(word: str) -> bool:
    """Whether a word is drawn rather than written: 16 or more characters in parts that nobody can read.

    A part is readable when words of four or more letters with a vowel make up half of it. Parts of one
    case without digits are words of some language.
    """
    return sum(len(part) for part in re.split(r"[\-_./+=]", word) if not _is_readable(part)) >= _RANDOM_LENGTH


def _is_readable(part: str) -> bool:
    has_digit = any(character.isdigit() for character in part)
    if part.isdigit():
        return True  # runs of digits have a rule of their own
    if not has_digit and (part.islower() or part.isupper() or part.istitle()):
        return True
    if len(part) < _RANDOM_LENGTH and not _MIXED.search(part):
        return True
    if len(part) > _LONGEST_WORD:
        return False
    readable = sum(len(word) for word in _READABLE.findall(part) if len(word) >= 4)
    return readable * 2 >= len(part)
