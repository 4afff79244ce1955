"""Who is to be erased, and how their ids are recognised in a row.

What belongs here: pure tests of values and texts. What does not: files, databases.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from urllib.parse import quote
from uuid import UUID

from browse_assets.byte_search import Wanted, can_be_searched, mention_pattern, wanted
from browse_assets.tombstones import values_in

PLACEHOLDER = "{erased}"


class WantedPeople:
    """People by the ids that panels and folders know them by, and by their pseudonyms."""

    def __init__(self, user_ids: Iterable[str], user_keys: Iterable[UUID]) -> None:
        self.user_ids = frozenset(user_ids)
        self.user_keys = frozenset(user_keys)

    def __repr__(self) -> str:
        """Never shows who."""
        return f"WantedPeople({len(self.user_keys)})"

    @cached_property
    def unusual_ids(self) -> tuple[str, ...]:
        """Ids that mean the person wherever they stand; the others are also words or numbers."""
        return tuple(sorted(user_id for user_id in self.user_ids if can_be_searched(user_id)))

    @cached_property
    def spellings(self) -> Wanted:
        """What no byte may be left of."""
        return wanted(self.unusual_ids, self.user_keys)

    @cached_property
    def mention_patterns(self) -> tuple[str, ...]:
        """One pattern for each unusual id, for `re` and for DuckDB."""
        return tuple(mention_pattern(user_id) for user_id in self.unusual_ids)

    @cached_property
    def _mentions(self) -> tuple[re.Pattern[str], ...]:
        return tuple(re.compile(pattern) for pattern in self.mention_patterns)

    @cached_property
    def _hint(self) -> re.Pattern[bytes]:
        spellings = {
            spelling
            for user_id in self.user_ids
            for spelling in (user_id, user_id.replace('"', '""'), quote(user_id, safe=""))
        }
        return re.compile(b"|".join(re.escape(text.encode()) for text in sorted(spellings)), re.IGNORECASE)

    def may_be_in(self, record: bytes) -> bool:
        """Cheap: False means that no id is in the record, True that it has to be looked at."""
        return bool(self._hint.search(record)) or b"\\u" in record

    def are_named_in(self, text: str) -> bool:
        """Whether a row that cannot be parsed quotes one of the ids."""
        return bool(values_in(text) & self.user_ids) or any(pattern.search(text) for pattern in self._mentions)

    def without_mentions(self, text: str) -> str:
        """The text with each unusual id replaced by `{erased}`."""
        for pattern in self._mentions:
            while (cleared := pattern.sub(rf"\1{PLACEHOLDER}\3", text)) != text:
                text = cleared  # two mentions may share what stands between them
        return text
