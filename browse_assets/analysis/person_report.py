"""Everything about one person, as a page to read and as JSON.

What belongs here: how sections of rows are written down. What does not: which rows are about the person
(`person_data.py`), and where the files go (`export_user.py`). Values come from the web and from strangers:
each is escaped, nothing of it is a link, and the page may load and run nothing.
"""

import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

PARTS: dict[str, str] = {
    "concluded": "What is concluded about you, and from what",
    "made": "What was made of your visits, under a pseudonym",
    "came_in": "What came in, as it was given",
}

ABOUT: tuple[tuple[str, str], ...] = (
    (
        "Why this is held",
        "To tell which subjects, products and financial products people are interested in, and whether they are "
        "likely to leave, for the panel that you take part in or for the person who runs this on their own history.",
    ),
    (
        "Where it comes from",
        "From the files listed under sources: exports of the panel's browser extension, browser histories, "
        "and customer tables where there are any. Nothing is bought or looked up elsewhere.",
    ),
    (
        "How long it is kept",
        "What came in is kept in an encrypted file until it is erased at your request, with all that was made of it. "
        "Where whoever runs this has set a retention period, page views older than that are removed by themselves; "
        "counts per day and site, and what is concluded from them, stay until you ask.",
    ),
    (
        "Who gets it",
        "Nothing here sends it anywhere. Others may be given counts of groups of people, in which nobody is named and "
        "small groups are left out; where consents are recorded, of those who consented to the purpose.",
    ),
    (
        "How conclusions are drawn",
        "By counting the sessions in which a subject or product was visited and comparing the rate with that of the "
        "other people; the column evidence lists the sites that counted. How likely you are to leave is estimated by "
        "a statistical model from the listed counts; the column reasons names what moved the estimate most.",
    ),
)

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 96em; margin: 2em auto; padding: 0 1em; color: #222 }
p, dl { max-width: 72em }
table { border-collapse: collapse; font-size: 13px; margin: .5em 0 1.5em }
th, td { border: 1px solid #ccc; padding: .2em .5em; text-align: left; vertical-align: top }
td { max-width: 36em; overflow-wrap: break-word } th { background: #f2f2f2; white-space: nowrap }
.scroll { overflow-x: auto } summary { cursor: pointer; font-weight: 600 }
dt { font-weight: 600 } .note { color: #555 }
"""


@dataclass(frozen=True)
class Section:
    """Rows of one table that are about the person.

    Columns are (name, description); each row has one value per column.
    """

    part: str
    name: str
    grain: str
    columns: Sequence[tuple[str, str]]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class PersonReport:
    """All sections about one person; notes say what else the person should know."""

    user_id: str | None
    user_key: str
    as_of: datetime | None
    sections: Sequence[Section]
    notes: Sequence[str] = ()


def as_json(report: PersonReport) -> str:
    """The report as one JSON object; times are ISO 8601 in UTC."""
    return json.dumps(
        {
            "user_id": report.user_id,
            "user_key": report.user_key,
            "as_of": _plain(report.as_of),
            "about": dict(ABOUT),
            "notes": list(report.notes),
            "tables": {
                section.name: {
                    "part": section.part,
                    "says": section.grain,
                    "columns": dict(section.columns),
                    "rows": [
                        {name: _plain(value) for (name, _), value in zip(section.columns, row, strict=True)}
                        for row in section.rows
                    ],
                }
                for section in report.sections
            },
        },
        ensure_ascii=False,
        indent=1,
        allow_nan=False,
    )


def as_html(report: PersonReport) -> str:
    """The report as one page that needs nothing else: no script, no link, no picture."""
    shown = [section for section in report.sections if section.rows]
    absent = [section.name for section in report.sections if not section.rows]
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        '<meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">',
        f"<title>What is stored about you</title><style>{_STYLE}</style></head><body>",
        "<h1>What is stored about you</h1>",
        f"<p>You are known as <b>{_text(report.user_id)}</b>; where texts are scrubbed, by the pseudonym "
        f"<code>{_text(report.user_key)}</code>. The data reach to {_text(report.as_of)} (UTC). "
        "This page holds personal data and is meant for you alone.</p>",
        "<dl>" + "".join(f"<dt>{_text(what)}</dt><dd>{_text(words)}</dd>" for what, words in ABOUT) + "</dl>",
        *(f'<p class="note">{_text(note)}</p>' for note in report.notes),
        "<h2>In short</h2>",
        _table(
            ("table", "rows", "what a row is"),
            [(section.name, len(section.rows), section.grain) for section in shown],
        ),
    ]
    if absent:
        parts.append(f'<p class="note">Nothing about you is in: {_text(", ".join(absent))}.</p>')
    for part, title in PARTS.items():
        of_part = [section for section in shown if section.part == part]
        if of_part:
            parts.append(f"<h2>{_text(title)}</h2>")
            parts += [_section(section) for section in of_part]
    return "\n".join([*parts, "</body></html>\n"])


def _section(section: Section) -> str:
    is_open = " open" if section.part == "concluded" else ""
    columns = "".join(f"<dt>{_text(name)}</dt><dd>{_text(words)}</dd>" for name, words in section.columns)
    return (
        f"<details{is_open}><summary>{_text(section.name)} ({len(section.rows):,})</summary>"
        f"<p>{_text(section.grain)}</p><details><summary>what the columns say</summary><dl>{columns}</dl></details>"
        f"{_rows(section)}</details>"
    )


def _rows(section: Section) -> str:
    """The rows without who they are about: the page says that once, at its head."""
    kept = [i for i, (name, _) in enumerate(section.columns) if name not in ("user_key", "user_id")]
    names = [section.columns[i][0] for i in kept]
    return _table(names, [[row[i] for i in kept] for row in section.rows])


def _table(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in names)
    body = "\n".join("<tr>" + "".join(f"<td>{_text(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f'<div class="scroll"><table><tr>{head}</tr>\n{body}</table></div>'


def _text(value: Any) -> str:
    """A value as text of a page."""
    return html.escape(_words(value))


def _words(value: Any) -> str:
    """A value to be read: four digits of a fraction, whole seconds, a list as its items."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, list | tuple):
        return "; ".join(map(_words, value))
    if isinstance(value, dict) and len(value) == 2:  # a domain with its sessions, a tag's name with its content
        return ": ".join(map(_words, value.values()))
    if isinstance(value, dict):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value)


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    return value if value is None or isinstance(value, str | int | bool) else str(value)
