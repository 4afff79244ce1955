"""What a rule in Python says of a row, as columns.

What belongs here: what runs on each engine alike; executors import it. What does not: calling the rule.
"""

from collections.abc import Sequence

Verdict = str | None | Sequence[str | None]


def by_column(verdicts: Sequence[Verdict], columns: int) -> list[list[str | None]]:
    """One list per new column; a rule of one column says its text, one of several says them in order."""
    if columns == 1:
        return [[verdict if isinstance(verdict, str) else None for verdict in verdicts]]
    rows = [verdict for verdict in verdicts if isinstance(verdict, Sequence)]
    return [[row[place] for row in rows] for place in range(columns)]
