"""The report of churn as slides: one for each section, with text that fits its boxes.

Here: shapes, sizes and fonts, from a Report. Not here: what it says. Texts are measured before they are set, since
PowerPoint shrinks them only once somebody edits the slide.
"""

import io
import zipfile
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from browse_assets.analysis.churn_report import Report, ReportFigure, ReportTable, Section

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

# In inches: 16:9.
WIDTH, HEIGHT, MARGIN = 13.333, 7.5, 0.6
BODY_TOP, BODY_BOTTOM = 2.0, 6.85
INSIDE = WIDTH - 2 * MARGIN
ACCENT, INK, SOFT, LINE, TINT = "0B5FA5", "222222", "5C6670", "DFE4E8", "EAF2F9"
FONT = "Arial"
LINE_HEIGHT = 1.22
CELL_PAD = 0.06
TABLE_CAPTION = 0.34
LARGEST_CELL = 14.0
# What a fixed date is where there are no data; files of a zip cannot be older than 1980.
NO_DATE = datetime(2000, 1, 1)
LEAST_POINTS = 9.0

Box = tuple[float, float, float, float]


def render_pptx(report: Report) -> bytes:
    """The deck; the same report gives the same bytes."""
    from pptx import Presentation
    from pptx.util import Inches

    deck = Presentation()
    deck.slide_width, deck.slide_height = Inches(WIDTH), Inches(HEIGHT)
    title_only = next(layout for layout in deck.slide_layouts if layout.name == "Title Only")
    for place, section in enumerate(report.sections, 1):
        slide = deck.slides.add_slide(title_only)
        is_cover = place in (1, len(report.sections))
        _slide(slide, report, section, place, is_cover=is_cover)
    when = (report.as_of or NO_DATE).replace(hour=0, minute=0, second=0, microsecond=0)
    properties = deck.core_properties
    properties.title, properties.author, properties.subject = report.title, "browse_assets", report.origin
    properties.last_modified_by, properties.revision = "browse_assets", 1
    properties.created = properties.modified = properties.last_printed = when
    buffer = io.BytesIO()
    deck.save(buffer)
    return _with_fixed_times(buffer.getvalue())


def _with_fixed_times(content: bytes) -> bytes:
    """The same parts in the same order, without the time at which the archive was written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3
            target.writestr(entry, source.read(name))
    return buffer.getvalue()


def _slide(slide: Any, report: Report, section: Section, place: int, *, is_cover: bool) -> None:
    _rectangle(slide, (0, 0, 0.16, HEIGHT), ACCENT)
    if is_cover:
        heading = report.title if place == 1 else section.title
        _title(slide, heading, (MARGIN, 0.75, INSIDE, 1.0), 40)
        above = section.title if place == 1 else report.title
        _text(slide, [above], (MARGIN, 1.75, INSIDE, 0.5), largest=20, colour=SOFT)
        _text(slide, [section.message], (MARGIN, 2.4, INSIDE, 0.7), largest=28, colour=ACCENT)
        _text(slide, list(section.points), (MARGIN, 3.4, INSIDE, BODY_BOTTOM - 3.4), largest=20, bullets=True)
    else:
        _title(slide, section.title, (MARGIN, 0.35, INSIDE, 0.65), 30)
        _text(slide, [section.message], (MARGIN, 1.02, INSIDE, 0.8), largest=20, colour=ACCENT)
        _body(slide, section)
    _text(slide, [report.origin], (MARGIN, 7.0, 10.5, 0.32), largest=11, colour=SOFT)
    _text(
        slide, [f"{place} / {len(report.sections)}"], (WIDTH - 1.8, 7.0, 1.2, 0.32), largest=11, colour=SOFT, right=True
    )
    notes = [
        *(text for text in section.details if text),
        *(figure.caption for figure in section.figures if figure.on_slide),
    ]
    if notes:
        slide.notes_slide.notes_text_frame.text = "\n".join(notes)


def _body(slide: Any, section: Section) -> None:
    """Points left and what is shown right; tables without points, and points without either, take the whole width."""
    tables = [table for table in section.tables if table.on_slide]
    figures = [figure for figure in section.figures if figure.on_slide]
    height, points = BODY_BOTTOM - BODY_TOP, list(section.points)
    if not tables and not figures:
        _text(slide, points, (MARGIN, BODY_TOP, INSIDE, height), largest=22, bullets=True)
        return
    if not points and len(tables) == 1 and not figures:
        _table(slide, tables[0], (MARGIN, BODY_TOP, INSIDE, height))
        return
    if len(figures) == 2 and not tables:
        above = 1.55
        _text(slide, points, (MARGIN, BODY_TOP, INSIDE, above), largest=16, bullets=True)
        half = (INSIDE - 0.3) / 2
        for side, figure in enumerate(figures):
            left = MARGIN + side * (half + 0.3)
            _figure(slide, figure, (left, BODY_TOP + above + 0.05, half, height - above - 0.05))
        return
    width = 4.7
    left, right = MARGIN + width + 0.35, INSIDE - width - 0.35
    if tables and figures:
        needed = table_height(tables[0], right, LARGEST_CELL)
        if needed <= 0.4 * height:  # a picture below the table stays large
            used = _table(slide, tables[0], (left, BODY_TOP, right, height)) + 0.2
            _figure(slide, figures[0], (left, BODY_TOP + used, right, height - used))
        else:
            _table(slide, tables[0], (left, BODY_TOP, right, height))
            above = 1.9
            _text(slide, points, (MARGIN, BODY_TOP, width, above), largest=16, bullets=True)
            _figure(slide, figures[0], (MARGIN, BODY_TOP + above + 0.1, width, height - above - 0.1))
            return
    elif tables:
        _table(slide, tables[0], (left, BODY_TOP, right, height))
    else:
        _figure(slide, figures[0], (left, BODY_TOP, right, height))
    _text(slide, points, (MARGIN, BODY_TOP, width, height), largest=18, bullets=True)


def _title(slide: Any, text: str, box: Box, points: float) -> None:
    from pptx.enum.text import MSO_ANCHOR
    from pptx.util import Inches

    title = slide.shapes.title
    title.left, title.top, title.width, title.height = (Inches(value) for value in box)
    frame = title.text_frame
    frame.text, frame.word_wrap, frame.vertical_anchor = text, True, MSO_ANCHOR.MIDDLE
    frame.margin_left = frame.margin_right = 0
    _style_paragraph(frame.paragraphs[0], fitting([text], box[2], box[3], points), INK, is_bold=True)


def _text(
    slide: Any,
    lines: list[str],
    box: Box,
    *,
    largest: float,
    colour: str = INK,
    bullets: bool = False,
    right: bool = False,
) -> None:
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Inches, Pt

    if not lines:
        return
    shape = slide.shapes.add_textbox(*(Inches(value) for value in box))
    frame = shape.text_frame
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    indent = 0.28 if bullets else 0.0
    size = fitting(lines, box[2] - indent, box[3], largest, gap=0.5 if bullets else 0.0)
    for place, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if place == 0 else frame.add_paragraph()
        paragraph.text = line
        _style_paragraph(paragraph, size, colour)
        if bullets:
            _bullet(paragraph, Inches(indent))
            paragraph.space_after = Pt(size * 0.5)
        if right:
            paragraph.alignment = PP_ALIGN.RIGHT


def _style_paragraph(paragraph: Any, size: float, colour: str, *, is_bold: bool = False) -> None:
    from pptx.dml.color import RGBColor
    from pptx.enum.text import PP_ALIGN
    from pptx.util import Pt

    paragraph.alignment = PP_ALIGN.LEFT
    for run in paragraph.runs:
        run.font.size, run.font.name, run.font.bold = Pt(size), FONT, is_bold
        run.font.color.rgb = RGBColor.from_string(colour)


def _bullet(paragraph: Any, indent: int) -> None:
    """A bullet with a hanging indent; python-pptx has no call for it (ECMA-376, 21.1.2.4.3)."""
    from pptx.oxml.xmlchemy import OxmlElement

    properties = paragraph._p.get_or_add_pPr()
    properties.set("marL", str(indent))
    properties.set("indent", str(-indent))
    bullet = OxmlElement("a:buChar")
    bullet.set("char", "•")
    properties.append(bullet)


def _rectangle(slide: Any, box: Box, colour: str) -> None:
    from pptx.dml.color import RGBColor
    from pptx.enum.shapes import MSO_SHAPE
    from pptx.util import Inches

    shape = slide.shapes.add_shape(MSO_SHAPE.RECTANGLE, *(Inches(value) for value in box))
    shape.fill.solid()
    shape.fill.fore_color.rgb = RGBColor.from_string(colour)
    shape.line.fill.background()


def _figure(slide: Any, figure: ReportFigure, box: Box) -> None:
    """As large as fits into the box, with its caption below."""
    from pptx.util import Inches

    left, top, width, height = box
    caption = 0.5
    picture = slide.shapes.add_picture(io.BytesIO(figure.png), Inches(left), Inches(top))
    scale = min(Inches(width) / picture.width, Inches(height - caption) / picture.height)
    picture.width, picture.height = int(picture.width * scale), int(picture.height * scale)
    picture._element.nvPicPr.cNvPr.set("descr", figure.caption)
    below = top + picture.height / Inches(1) + 0.04
    _text(slide, [figure.caption], (left, below, width, caption - 0.04), largest=11, colour=SOFT)


def _table(slide: Any, table: ReportTable, box: Box) -> float:
    """The table with its caption above, in the largest font that fits the box; returns the height it takes."""
    from pptx.util import Inches

    left, top, width, height = box
    caption = TABLE_CAPTION
    _text(slide, [table.caption], (left, top, width, caption), largest=12, colour=SOFT)
    table, size = fitting_table(table, width, height)
    rows, widths = [table.header, *table.rows], _column_widths(table, width)
    heights = _row_heights(rows, widths, size)
    frame = slide.shapes.add_table(
        len(rows), len(widths), Inches(left), Inches(top + caption), Inches(width), Inches(sum(heights))
    )
    grid = frame.table
    # The default style's bands and header colour would be a second accent.
    grid.horz_banding, grid.first_row = False, False
    for column, column_width in zip(grid.columns, widths, strict=True):
        column.width = Inches(column_width)
    for place, (row, row_height) in enumerate(zip(rows, heights, strict=True)):
        grid.rows[place].height = Inches(row_height)
        fill = ACCENT if place == 0 else TINT if place - 1 in table.marked else "FFFFFF"
        ink = "FFFFFF" if place == 0 else INK
        for cell, text in zip(grid.rows[place].cells, row, strict=True):
            _cell(cell, text, size, fill, ink, is_bold=place == 0)
            _lines(cell)
    return caption + sum(heights)


def fitting_table(table: ReportTable, width: float, height: float) -> tuple[ReportTable, float]:
    """The table in the largest font that fits; in the smallest, long cells are cut, and at last rows are left out.

    The page shows the whole table.
    """
    for size in _sizes(LARGEST_CELL):
        if table_height(table, width, size) <= height:
            return table, size
    for longest in (120, 60, 30):
        cut = replace(table, rows=tuple(tuple(_cut(cell, longest) for cell in row) for row in table.rows))
        if table_height(cut, width, LEAST_POINTS) <= height:
            return cut, LEAST_POINTS
    for kept in range(len(cut.rows) - 1, 0, -1):
        more = (f"… and {len(cut.rows) - kept} more", *("" for _ in cut.header[1:]))
        fewer = replace(cut, rows=(*cut.rows[:kept], more))
        if table_height(fewer, width, LEAST_POINTS) <= height:
            return fewer, LEAST_POINTS
    return replace(cut, rows=()), LEAST_POINTS


def _cut(text: str, longest: int) -> str:
    return "\n".join(line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…" for line in text.split("\n"))


def table_height(table: ReportTable, width: float, size: float) -> float:
    """Inches that a table takes with its caption, in a width of inches and a font of points."""
    return TABLE_CAPTION + sum(_row_heights([table.header, *table.rows], _column_widths(table, width), size))


def _column_widths(table: ReportTable, width: float) -> list[float]:
    weights = table.weights or (1.0,) * len(table.header)
    return [width * weight / sum(weights) for weight in weights]


def _cell(cell: Any, text: str, size: float, fill: str, ink: str, *, is_bold: bool) -> None:
    from pptx.dml.color import RGBColor
    from pptx.util import Inches

    cell.fill.solid()
    cell.fill.fore_color.rgb = RGBColor.from_string(fill)
    cell.margin_left = cell.margin_right = Inches(CELL_PAD)
    cell.margin_top = cell.margin_bottom = Inches(CELL_PAD / 2)
    lines = text.split("\n")
    cell.text = text
    is_interval = len(lines) > 1 and lines[0].replace(".", "").isdigit()
    for place, paragraph in enumerate(cell.text_frame.paragraphs):
        small = is_interval and place > 0
        _style_paragraph(paragraph, size * (0.8 if small else 1), SOFT if small else ink, is_bold=is_bold and not small)


def _lines(cell: Any) -> None:
    """Thin lines, before the fill as the schema wants it; python-pptx has no call for it (ECMA-376, 21.1.3.5)."""
    from pptx.oxml.xmlchemy import OxmlElement

    properties = cell._tc.get_or_add_tcPr()
    # Also above: the line of the cell below would lie over the one of the cell above.
    for place, name in enumerate(("a:lnT", "a:lnB")):
        line, fill, colour = OxmlElement(name), OxmlElement("a:solidFill"), OxmlElement("a:srgbClr")
        line.set("w", "6350")
        colour.set("val", LINE)
        fill.append(colour)
        line.append(fill)
        properties.insert(place, line)


def _row_heights(rows: list[tuple[str, ...]], widths: list[float], size: float) -> list[float]:
    heights = []
    for row in rows:
        lines = max(
            sum(wrapped(line, width - 2 * CELL_PAD - 0.03, size) for line in cell.split("\n"))
            for cell, width in zip(row, widths, strict=True)
        )
        heights.append(lines * size * LINE_HEIGHT / 72 + CELL_PAD + 0.04)
    return heights


def fitting(lines: list[str], width: float, height: float, largest: float, *, gap: float = 0.0) -> float:
    """The largest font size in points, down to 9, in which the lines fit into a box of inches.

    Args:
        lines: paragraphs.
        width: of the box.
        height: of the box.
        largest: size to begin with.
        gap: space after each paragraph, in heights of the font.
    """
    for size in _sizes(largest):
        total = sum(wrapped(line, width, size) * LINE_HEIGHT + gap for line in lines) * size / 72
        if total <= height:
            return size
    return LEAST_POINTS


def _sizes(largest: float) -> list[float]:
    return [largest - 0.5 * step for step in range(int((largest - LEAST_POINTS) / 0.5) + 1)]


def wrapped(text: str, width: float, size: float) -> int:
    """Lines that a text takes in a width of inches; words longer than a line are broken."""
    room, lines, used = width * 72 / size, 1, 0.0
    for word in text.split():
        length = _width(word)
        if used and used + _width(" ") + length > room:
            lines, used = lines + 1, 0.0
        used += (_width(" ") if used else 0.0) + length
        while used > room:
            lines, used = lines + 1, used - room
    return lines


@cache
def _width(word: str) -> float:
    """Width in heights of the font, by DejaVu Sans, which every matplotlib brings and which is wider than Arial.

    Of the README's words, Arial's are 0.88 times as wide (median) and 0.96 times in bold: 0.95 leaves some room.
    """
    return 0.95 * float(_font().getlength(word)) / 100


@cache
def _font() -> "FreeTypeFont":
    import matplotlib
    from PIL import ImageFont

    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"), 100)
