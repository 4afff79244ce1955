"""Pages are labelled by all patterns that match them, however many are looked for at once."""

import re

import duckdb
import pytest

from browse_assets.assets import evidence
from browse_assets.assets.evidence import label_pages

# Of two patterns each, some of which match the same pages; `|` in one must not reach into its neighbours.
PATTERNS = [(f"label {n:02}", pattern) for n in range(23) for pattern in (rf"\bword{n}\b", f"x{n % 5}y|^only{n}$")]
TEXTS = [
    "word1 word22",
    "word2x",
    "a x3y b",
    "only7",
    "only7 more",
    "",
    "nothing",
    *(f"word{n} x{n % 5}y" for n in range(23)),
]


@pytest.mark.parametrize(("labels", "length"), [(10, 10_000), (1, 10_000), (4, 40), (100, 100_000)])
def test_labels_do_not_depend_on_what_is_looked_for_at_once(
    labels: int, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evidence, "_GUARD_LABELS", labels)
    monkeypatch.setattr(evidence, "_GUARD_LENGTH", length)
    with duckdb.connect() as con:
        con.execute("CREATE TABLE patterns (label VARCHAR, pattern VARCHAR)")
        con.executemany("INSERT INTO patterns VALUES (?, ?)", PATTERNS)
        con.execute("CREATE TEMP TABLE pages (page_id UUID, text VARCHAR)")
        con.executemany("INSERT INTO pages VALUES (md5(?)::UUID, ?)", [(text, text) for text in TEXTS])
        con.execute("INSERT INTO pages VALUES (md5('none')::UUID, NULL)")
        label_pages(con, "found", "label", "SELECT label, pattern FROM patterns")
        found = con.execute("SELECT text, label FROM found JOIN pages USING (page_id) ORDER BY ALL").fetchall()
    expected = {(text, label) for text in TEXTS for label, pattern in PATTERNS if re.search(pattern, text)}
    assert found == sorted(expected)
