"""Trouble that whoever started a command can mend.

What belongs here: the kind of error whose text is shown as it is. What does not: any such error itself, which
stands where it comes up.
"""


class ForeseenError(Exception):
    """Its text says what is wrong, where, and what to do about it; it quotes no personal value."""
