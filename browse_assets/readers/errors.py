"""The one error of the readers: a file that cannot be read, with a code and words for people.

What belongs here: the error. What does not: rows that cannot be read, which are data (`reason`).
"""


class UnreadableFile(Exception):  # noqa: N818 - it names what was found, not a fault of the program
    """An input file cannot be read as a whole.

    Attributes:
        code: short name of the cause, such as `truncated`; stable, for tables and tests.
        message: what is wrong and what to do; holds no value out of the file, nor its path.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
