"""Which column of a panel file means what, by its usual names.

What belongs here: names. What does not: how values are read (`panel.py`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

# In order of preference: a row takes the first that it fills. Compared in lower case without
# separators, so userId, user_id, USER-ID and "User ID" are one name.
FIELD_NAMES: dict[str, tuple[str, ...]] = {
    "user_id": (
        "userid",
        "uid",
        "panelistid",
        "respondentid",
        "personid",
        "visitorid",
        "user",
        "panelist",
        "respondent",
        "person",
    ),
    "ip": ("ip", "ipaddress", "clientip"),
    "time": (
        "timestamp",
        "eventtime",
        "visittime",
        "createdat",
        "datetime",
        "eventtimestamp",
        "timestampms",
        "timestamputc",
        "ts",
        "time",
        "date",
    ),
    "url": ("url", "pageurl", "address", "href", "page", "location"),
    "title": ("title", "pagetitle"),
    "metadata": ("metadata", "meta", "metatags"),
    "meta_name": ("metadataname", "metaname"),
    "meta_content": ("metadatacontent", "metacontent"),
    "duration": ("duration", "durationseconds", "dwell", "dwellseconds", "dwelltime", "timeonpage"),
    "duration_ms": ("durationms", "dwellms", "dwelltimems", "timeonpagems"),
    "referrer": ("referrer", "referer", "referrerurl", "refererurl"),
    "transition": ("transition", "transitiontype", "pagetransition"),
    "device": ("device", "devicetype", "platform"),
    "country": ("country", "countrycode"),
    "language": ("language", "lang", "pagelanguage"),
    "search_terms": ("searchterms",),
}


@dataclass(frozen=True)
class PanelColumns:
    """The columns of one panel file, by meaning.

    Attributes:
        by_field: field -> columns that mean it, best first; only fields that the file has.
    """

    by_field: dict[str, tuple[str, ...]]

    @property
    def is_panel(self) -> bool:
        """Whether a row can say who or when, and where."""
        fields = self.by_field.keys()
        who_or_when = "user_id" in fields or "time" in fields
        where = "url" in fields or "metadata" in fields or {"meta_name", "meta_content"} <= fields
        return who_or_when and where

    @property
    def used(self) -> tuple[str, ...]:
        """Every column that means something, once, in a fixed order."""
        return tuple(dict.fromkeys(name for names in self.by_field.values() for name in names))


def panel_columns(names: Iterable[str]) -> PanelColumns:
    """Match the column names of a file against the usual ones."""
    spellings: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        spellings.setdefault(_plain(name), []).append(name)
    matched = {
        field: tuple(name for usual in usuals for name in spellings.get(usual, ()))
        for field, usuals in FIELD_NAMES.items()
    }
    # `name` and `content` are too common to mean a meta tag unless they stand together.
    if not matched["meta_name"] and "name" in spellings and "content" in spellings:
        matched["meta_name"] = tuple(spellings["name"])
        matched["meta_content"] = tuple(spellings["content"])
    return PanelColumns({field: found for field, found in matched.items() if found})


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
