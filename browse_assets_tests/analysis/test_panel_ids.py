"""Ids of the panel in texts."""

import pytest

from browse_assets.analysis.panel_ids import id_replacer

replace = id_replacer(["panelist-0000123", "ann@example.com", "maria", "12345", "AB-77-x9z"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Invite panelist-0000123 today", "Invite {user} today"),
        ("PANELIST-0000123", "{user}"),
        ("ab-77-x9z/ab-77-x9z", "{user}/{user}"),
        ("panelist-00001234", "panelist-00001234"),
        ("xpanelist-0000123", "xpanelist-0000123"),
        ("maria and 12345", "maria and 12345"),
        ("", ""),
    ],
)
def test_only_distinctive_ids_as_words_of_their_own_go(text: str, expected: str) -> None:
    assert replace(text) == expected
