"""Regular expressions of RE2, as DuckDB has them, in the language of java.util.regex, as Spark has it.

What belongs here: the syntax of both. What does not: which function takes a pattern (`translation.py`).
Sources: https://github.com/google/re2/wiki/Syntax, the class java.util.regex.Pattern of Java 17.
"""

import re

_WORD = "0-9A-Za-z_"
_SPACE = r"\t\n\f\r "
# RE2 knows ASCII words and spaces only; Java 17 takes é for a letter at \b, and a vertical tab for a space.
_ESCAPES = {
    "b": rf"(?-iu:(?<=[{_WORD}])(?![{_WORD}])|(?<![{_WORD}])(?=[{_WORD}]))",
    "s": f"[{_SPACE}]",
    "S": f"[^{_SPACE}]",
    "z": r"\z",
    "v": r"\x0B",
    "a": r"\x07",
}
_IN_CLASS = {"s": _SPACE, "v": r"\x0B", "a": r"\x07"}
_SAME = frozenset("dDwWtnrfAx")
_POSIX = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "0-9A-Za-z",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\t\n\x0B\f\r ",
    "xdigit": "0-9A-Fa-f",
    "punct": r"!-/:-@\[-`{-~",
}
_REPETITION = re.compile(r"\{\d+(?:,\d*)?\}")
# RE2 looks neither ahead nor back; the macros that stand in for functions of DuckDB do.
_GROUP = re.compile(r"\(\?(?::|!|i\)|i:)")


class UntranslatableError(ValueError):
    """What DuckDB can and the translation cannot say on Spark; the text names the construct, never a value."""


def java_pattern(pattern: str) -> str:
    r"""The pattern that finds in Java what RE2 finds with the given one.

    java_pattern(r"(?i)\bpc$") is `(?iu)`, an ASCII word boundary, `pc\z`.

    Raises:
        UntranslatableError: it has a construct that no pattern of the project needed so far.
    """
    pieces, place = [], 0
    while place < len(pattern):
        char = pattern[place]
        if char == "\\":
            piece, place = _escape(pattern, place, _ESCAPES)
        elif char == "[":
            piece, place = _character_class(pattern, place)
        elif char == "(" and pattern.startswith("(?", place):
            group = _GROUP.match(pattern, place)
            if group is None:
                raise UntranslatableError("a group of a kind that is not known")
            piece, place = group[0].replace("i", "iu"), group.end()  # RE2 folds the case of all letters
        elif char == "{" and not _REPETITION.match(pattern, place):
            piece, place = r"\{", place + 1
        else:
            # Java's $ stands before a last line break too, and its dot passes over \r and others.
            piece, place = {"$": r"\z", ".": r"[^\n]"}.get(char, char), place + 1
        pieces.append(piece)
    return "".join(pieces)


def java_replacement(text: str) -> str:
    r"""What replaces a match: groups are `\1` in RE2 and `$1` in Java."""
    return re.sub(r"\\(\d)", r"$\1", re.sub(r"\$", r"\\$", text))


def _escape(pattern: str, place: int, known: dict[str, str]) -> tuple[str, int]:
    if place + 1 == len(pattern):
        raise UntranslatableError("a pattern that ends in a backslash")
    char = pattern[place + 1]
    if char in known:
        return known[char], place + 2
    if char in _SAME or not (char.isascii() and char.isalnum()):
        return pattern[place : place + 2], place + 2
    raise UntranslatableError(f"the escape \\{char}")


def _character_class(pattern: str, place: int) -> tuple[str, int]:
    """Java reads [ and && inside a class as a union and an intersection: they are escaped."""
    start = place + 1
    negated = pattern.startswith("^", start)
    place = start + negated
    pieces = ["[^" if negated else "["]
    first = place
    while place < len(pattern):
        char = pattern[place]
        if char == "]" and place > first:
            return "".join([*pieces, "]"]), place + 1
        if char == "\\":
            piece, place = _escape(pattern, place, _IN_CLASS)
        elif pattern.startswith("[:", place):
            name, _, _ = pattern[place + 2 :].partition(":]")
            if name not in _POSIX:
                raise UntranslatableError(f"the class [:{name}:]")
            piece, place = _POSIX[name], place + len(name) + 4
        else:
            piece, place = ("\\" + char if char in "[]&^" else char), place + 1
        pieces.append(piece)
    raise UntranslatableError("a class without end")
