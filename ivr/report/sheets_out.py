"""Sheets on the terminal, as a workbook, and as a page without scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.chart import BarChart, Reference, Series
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from ivr.report.html import ASSETS, LANGUAGES
from ivr.report.sheets import Cell, Chart, Column, Sheet, cell_text
from ivr.report.svg import chart_svg
from ivr.spreadsheets import safe_text

FORMATS = {"share": "0.0%", "count": "#,##0", "number": "#,##0.00"}
NAME_CHARS = 31  # of a sheet, in a workbook
CHART_ROWS = 16  # that a chart covers
WIDEST = 60  # columns of characters
WIDEST_HEADING = 16  # of a heading; longer ones are wrapped
NARROW = 12  # columns of a table that leaves room for charts beside it
FOLDED = 10  # of a name, or a Chinese heading, where there is little room
LEAST = 4  # of words, where there is hardly any room
GAP = 2  # between columns of a terminal
LONG_CELL = 24  # characters that may be wrapped on a page
_RIGHT, _LONG = ' class="rep-right"', ' class="rep-long"'
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_HEADER = Font(bold=True, color="FFFFFF")
_HEADER_FILL = PatternFill("solid", fgColor="1F3A5F")
_NOTE = Font(italic=True, color="666666")
_WRAPPED = Alignment(vertical="top", wrap_text=True)


def print_sheets(console: Console, sheets: Iterable[Sheet]) -> None:
    """Every sheet as a table with its notes below."""
    for sheet in sheets:
        table = Table(
            title=sheet.name, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False
        )
        for column, width in zip(sheet.columns, _widths(sheet, console.width), strict=True):
            justify: Literal["left", "right"] = "right" if column.right else "left"
            table.add_column(column.heading, justify=justify, overflow="fold", width=width)
        for row in sheet.rows:
            table.add_row(*(cell_text(cell, column) for cell, column in zip(row, sheet.columns, strict=True)))
        console.print(table)
        for note in sheet.notes:
            console.print(note, style="dim", highlight=False, markup=False)
        console.print()


def _widths(sheet: Sheet, room: int) -> list[int]:
    """Of the columns in a terminal so wide: figures are never folded, words where they must."""
    widths, wishes, words = [], [], []
    for at, column in enumerate(sheet.columns):
        cells = [cell_text(row[at], column) for row in sheet.rows]
        longest = max(map(cell_len, cells), default=1)
        pieces = [cell_len(one) if one.isascii() else min(cell_len(one), FOLDED) for one in column.heading.split()]
        heading = max(pieces, default=1)
        folded = not column.right and any(letter.isalpha() for cell in cells for letter in cell)
        words += [at] if folded else []
        widths.append(min(longest, FOLDED) if folded else longest)
        wishes.append(max(longest, heading))
    spare = room - sum(widths) - GAP * len(widths)
    while spare > 0 and widths != wishes:
        for at in [at for at, wish in enumerate(wishes) if widths[at] < wish][:spare]:
            widths[at] += 1
            spare -= 1
    while spare < 0 and words and max(widths[at] for at in words) > LEAST:
        widths[max(words, key=lambda at: widths[at])] -= 1
        spare += 1
    return widths


def write_workbook(sheets: Sequence[Sheet], path: Path) -> None:
    """One sheet of the workbook for each, numbers as numbers. Raises OSError when `path` can't be written."""
    book = Workbook(write_only=True)
    for sheet in sheets:
        written = book.create_sheet(sheet.name.translate(_FORBIDDEN)[:NAME_CHARS])
        for number, column in enumerate(sheet.columns, start=1):
            longest = max(
                [min(WIDEST_HEADING, cell_len(column.heading)),
                 *(cell_len(cell_text(row[number - 1], column)) for row in sheet.rows)]
            )  # fmt: skip
            written.column_dimensions[get_column_letter(number)].width = min(WIDEST, longest + 4)
        written.freeze_panes = "B2"
        written.append([_cell(written, column.heading, None, _HEADER) for column in sheet.columns])
        for row in sheet.rows:
            written.append([_cell(written, cell, column) for cell, column in zip(row, sheet.columns, strict=True)])
        for note in sheet.notes:
            cell = _cell(written, note, None, _NOTE)
            cell.alignment = Alignment()  # over the columns beside it, not down in the first one
            written.append([cell])
        for number, chart in enumerate(sheet.charts):
            _add_chart(written, sheet, chart, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _add_chart(written: Any, sheet: Sheet, chart: Chart, number: int) -> None:
    """A chart of the table's own cells: beside it, or below where the table is wider than a screen."""
    if len(sheet.rows) <= chart.first_row:
        return
    drawn = BarChart()
    drawn.type = "col" if chart.standing else "bar"
    drawn.title = chart.title
    drawn.y_axis.delete = drawn.x_axis.delete = False
    if len(chart.values) > 1:
        drawn.grouping, drawn.overlap = "stacked", 100
    else:
        drawn.legend = None
    if not chart.standing:
        drawn.x_axis.scaling.orientation = "maxMin"  # the first row on top
    first, last = chart.first_row + 2, len(sheet.rows) + 1
    for column in chart.values:
        figures = Series(
            Reference(written, min_col=column + 1, min_row=first, max_row=last),
            title=sheet.columns[column].heading,
        )
        drawn.append(figures)
    drawn.set_categories(Reference(written, min_col=chart.label + 1, min_row=first, max_row=last))
    if len(sheet.columns) <= NARROW:
        at = f"{get_column_letter(len(sheet.columns) + 2)}{2 + number * CHART_ROWS}"
    else:
        at = f"A{last + len(sheet.notes) + 2 + number * CHART_ROWS}"
    written.add_chart(drawn, at)


def _cell(sheet: Any, value: Cell, column: Column | None, font: Font | None = None) -> Any:
    if hasattr(value, "tzinfo"):
        value = f"{value:%Y-%m-%d %H:%M}"
    cell = WriteOnlyCell(sheet, value=safe_text(value) if isinstance(value, str) else value)
    if isinstance(value, str):
        cell.data_type = "s"  # never a formula, whatever it begins with
        cell.alignment = _WRAPPED
    elif column is not None and column.kind in FORMATS:
        cell.number_format = FORMATS[column.kind]
    if font:
        cell.font = font
        if font is _HEADER:
            cell.fill = _HEADER_FILL
    return cell


def sheets_html(sheets: Mapping[str, Sequence[Sheet]]) -> str:
    """Sheets by language as HTML; the page's own language is the one that is seen."""
    return "".join(
        f'<div class="rep-sheets" data-language="{language}">{"".join(map(_section, sheets[language]))}</div>'
        for language in LANGUAGES
        if language in sheets
    )


def write_page(sheets: Sequence[Sheet], path: Path, title: str, language: str, drawings: str = "") -> None:
    """One page of tables and their charts in one language, without scripts; `drawings` (HTML of ours) stand first.
    Raises OSError when `path` can't be written."""
    styles = "".join((ASSETS / name).read_text("utf-8") for name in ("tokens.css", "report.css"))
    page = (
        f'<!doctype html>\n<html lang="{language}">\n<head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{html.escape(title)}</title><style>{styles}</style></head>\n"
        f'<body><main class="rep-page rep"><header><h1>{html.escape(title)}</h1></header>'
        f"{drawings}{sheets_html({language: sheets})}</main></body>\n</html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")


def _section(sheet: Sheet) -> str:
    heads = "".join(
        f'<th scope="col"{_RIGHT if column.right else ""}>{html.escape(column.heading)}</th>'
        for column in sheet.columns
    )
    rows = "".join(f"<tr>{''.join(_html_cell(*pair) for pair in zip(row, sheet.columns, strict=True))}</tr>"
                   for row in sheet.rows)  # fmt: skip
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in sheet.notes)
    name = html.escape(sheet.name)
    charts = "".join(chart_svg(sheet, chart) for chart in sheet.charts)
    charts = f'<div class="rep-grid">{charts}</div>' if charts else ""
    return (
        f'<section><h2>{name}</h2>{charts}<div class="rep-scroll"><table><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{notes}</section>"
    )


def _html_cell(cell: Cell, column: Column) -> str:
    text = cell_text(cell, column)
    kind = _RIGHT if column.right else _LONG if cell_len(text) > LONG_CELL else ""
    return f"<td{kind}>{html.escape(text)}</td>"
