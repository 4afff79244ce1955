"""The panel's own ids of people in texts: they would undo the pseudonyms, whoever's page shows them.

What belongs here: replacing ids that can be nothing else. What does not: a person's id that is a word or a
short number, which tells something in their own texts only (`sql/macros.sql`, without_own_id).
"""

import re
from collections.abc import Callable, Iterable

from browse_assets.analysis.leaks import is_distinctive

_RUN = re.compile(r"[^\W_]+")


def id_replacer(user_ids: Iterable[str]) -> Callable[[str], str]:
    """A function that puts `{user}` in place of each distinctive id that stands in a text as a word of its own.

    Ids are looked up by their first run of letters and digits, so that a text costs as much with a million
    ids as with one.
    """
    by_run: dict[str, list[tuple[int, str]]] = {}
    for user_id in sorted(
        {user_id.lower() for user_id in user_ids if is_distinctive(user_id)}, key=lambda i: (-len(i), i)
    ):
        run = _RUN.search(user_id)
        if run is not None:
            by_run.setdefault(run[0], []).append((run.start(), user_id))

    def replace(text: str) -> str:
        lower = text.lower()
        if len(lower) != len(text):
            return text  # a letter whose lower case has another length: places would not agree
        pieces, done = [], 0
        for run in _RUN.finditer(lower):
            for offset, user_id in by_run.get(run[0], ()):
                start, end = run.start() - offset, run.start() - offset + len(user_id)
                if start >= done and lower.startswith(user_id, start) and not lower[end : end + 1].isalnum():
                    pieces += [text[done:start], "{user}"]
                    done = end
                    break
        return "".join([*pieces, text[done:]])

    return replace
