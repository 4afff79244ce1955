"""Trouble that whoever started a command can mend.

What belongs here: the kind of error whose text is shown as it is, and how several troubles are one text. What does
not: any such error itself, which stands where it comes up.
"""

from collections.abc import Sequence


class ForeseenError(Exception):
    """Its text says what is wrong, where, and what to do about it; it quotes no personal value."""


def all_of(problems: Sequence[str]) -> str:
    """One problem as it is; of several, each on a line of its own."""
    return problems[0] if len(problems) == 1 else "\n  - ".join(["mend this first", *problems])
