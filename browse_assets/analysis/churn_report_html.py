"""The report of churn as one page: opens offline, holds its pictures, runs no script, prints.

Here: HTML and its styles, from a Report. Not here: what it says. Every text is escaped: names of attributes and their
values come from people's files.
"""

import base64
from html import escape

from browse_assets.analysis.churn_report import Report, ReportFigure, ReportTable, Section

# A browser that is told so fetches nothing and runs nothing, whatever a text might hold.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"

STYLES = """
:root { --accent: #0B5FA5; --ink: #222; --soft: #5c6670; --line: #dfe4e8; --tint: #eaf2f9; }
* { box-sizing: border-box; }
body { margin: 0; color: var(--ink); background: #fff; font: 17px/1.6 "Segoe UI", Roboto, Arial, sans-serif; }
main, header, nav, footer { max-width: 60rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 3.5rem; }
h1 { font-size: 2.4rem; line-height: 1.2; margin: 0 0 .4rem; }
h2 { font-size: 1.55rem; line-height: 1.3; margin: 0 0 .5rem; }
.origin { color: var(--soft); margin: 0 0 1.5rem; }
nav ol { columns: 2; column-gap: 2rem; padding-left: 1.4rem; margin: 0 0 1rem; }
nav a { color: var(--accent); text-decoration: none; }
section { padding: 2.6rem 0 1.2rem; border-top: 1px solid var(--line); margin-top: 1.8rem; }
.number { color: var(--accent); font-size: .85rem; font-weight: 600; letter-spacing: .08em; margin: 0; }
.message { color: var(--accent); font-size: 1.2rem; line-height: 1.45; margin: 0 0 1.1rem; }
ul { padding-left: 1.2rem; }
li { margin: .35rem 0; }
.detail { color: var(--soft); }
figure { margin: 1.8rem 0; }
figure img { width: 100%; max-width: 46rem; height: auto; display: block; }
figcaption, caption { color: var(--soft); font-size: .92rem; text-align: left; padding: .4rem 0; }
.wide { overflow-x: auto; margin: 1.6rem 0; }
table { border-collapse: collapse; font-size: .9rem; line-height: 1.4; min-width: 26rem; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem .45rem .3rem; overflow-wrap: break-word; }
td { border-bottom: 1px solid var(--line); }
th { border-bottom: 2px solid var(--accent); font-weight: 600; overflow-wrap: normal; }
td.short { white-space: nowrap; }
td.long { min-width: 13rem; }
td small { color: var(--soft); white-space: nowrap; }
tr.marked td { background: var(--tint); font-weight: 600; }
footer { color: var(--soft); font-size: .9rem; padding: 2rem 1.25rem 3rem; }
@media (max-width: 40rem) {
  body { font-size: 16px; }
  header { padding-top: 2rem; }
  h1 { font-size: 1.8rem; }
  nav ol { columns: 1; }
  table { font-size: .8rem; }
}
@page { margin: 16mm; }
@media print {
  body { font-size: 10.5pt; }
  nav { display: none; }
  section { padding: 1rem 0; }
  figure, tr, .keep { break-inside: avoid; }
  .keep, caption { break-after: avoid; }
  figure img { max-width: 38rem; }
  .wide { overflow: visible; }
  table { font-size: 7.5pt; min-width: 0; }
}
"""


def render_html(report: Report) -> str:
    """The page; the same report gives the same text."""
    sections = "\n".join(_section(place, section) for place, section in enumerate(report.sections, 1))
    contents = "\n".join(
        f'<li><a href="#section-{place}">{escape(section.title)}</a></li>'
        for place, section in enumerate(report.sections, 1)
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(report.title)}</title>
<style>{STYLES}</style>
</head>
<body>
<header>
<h1>{escape(report.title)}</h1>
<p class="origin">{escape(report.origin)}</p>
</header>
<nav aria-label="Contents">
<ol>
{contents}
</ol>
</nav>
<main>
{sections}
</main>
<footer>{escape(report.origin)}</footer>
</body>
</html>
"""


def _section(place: int, section: Section) -> str:
    points = "".join(f"<li>{escape(point)}</li>\n" for point in section.points)
    parts = [
        f'<section id="section-{place}">',
        '<div class="keep">',
        f'<p class="number">{place}</p>',
        f"<h2>{escape(section.title)}</h2>",
        f'<p class="message">{escape(section.message)}</p>',
        "</div>",
        f"<ul>\n{points}</ul>" if points else "",
        *(f'<p class="detail">{escape(text)}</p>' for text in section.details if text),
        *(_figure(part) if isinstance(part, ReportFigure) else _table(part) for part in section.shown),
        "</section>",
    ]
    return "\n".join(part for part in parts if part)


def _figure(figure: ReportFigure) -> str:
    source = base64.b64encode(figure.png).decode("ascii")
    return (
        f'<figure><img alt="{escape(figure.caption)}" src="data:image/png;base64,{source}">'
        f"<figcaption>{escape(figure.caption)}</figcaption></figure>"
    )


def _table(table: ReportTable) -> str:
    if not table.on_page:
        return ""
    header = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.header)
    rows = "\n".join(
        f"<tr{' class=' + chr(34) + 'marked' + chr(34) if place in table.marked else ''}>"
        + "".join(f"<td{_width(cell)}>{_cell(cell)}</td>" for cell in row)
        + "</tr>"
        for place, row in enumerate(table.rows)
    )
    return (
        f'<div class="wide"><table><caption>{escape(table.caption)}</caption>'
        f"<thead><tr>{header}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>"
    )


def _width(text: str) -> str:
    """On a phone a table scrolls: numbers stay whole, and sentences get room."""
    longest = max(len(line) for line in text.split("\n"))
    return ' class="short"' if longest <= 14 else ' class="long"' if longest > 40 else ""


def _cell(text: str) -> str:
    """The second line of a cell, an interval, is smaller; lines of words stay as they are."""
    first, *others = text.split("\n")
    is_interval = bool(others) and first.replace(".", "").isdigit()
    lines = [f"<small>{escape(line)}</small>" if is_interval else escape(line) for line in others]
    return "<br>".join([escape(first), *lines])
