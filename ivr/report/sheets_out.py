"""Sheets on the terminal, as a workbook, and as a page without scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.chart import BarChart, Reference
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
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
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\", " "))
_HEADER = Font(bold=True, color="FFFFFF")
_HEADER_FILL = PatternFill("solid", fgColor="1F3A5F")
_NOTE = Font(italic=True, color="666666")
_WRAPPED = Alignment(vertical="top", wrap_text=True)


def print_sheets(console: Console, sheets: Iterable[Sheet]) -> None:
    """Every sheet as a table with its notes below."""
    for sheet in sheets:
        table = Table(title=sheet.name, title_justify="left")
        for column in sheet.columns:
            table.add_column(column.heading, justify="right" if column.right else "left", overflow="fold")
        for row in sheet.rows:
            table.add_row(*(cell_text(cell, column) for cell, column in zip(row, sheet.columns, strict=True)))
        console.print(table)
        for note in sheet.notes:
            console.print(note, style="dim", highlight=False, markup=False)
        console.print()


def write_workbook(sheets: Sequence[Sheet], path: Path) -> None:
    """One sheet of the workbook for each, numbers as numbers. Raises OSError when `path` can't be written."""
    book = Workbook(write_only=True)
    for sheet in sheets:
        written = book.create_sheet(sheet.name.translate(_FORBIDDEN)[:NAME_CHARS])
        for number, column in enumerate(sheet.columns, start=1):
            longest = max(
                [len(column.heading) * 2, *(len(cell_text(row[number - 1], column)) for row in sheet.rows)]
            )
            written.column_dimensions[get_column_letter(number)].width = min(WIDEST, longest + 4)
        written.freeze_panes = "A2"
        written.append([_cell(written, column.heading, None, _HEADER) for column in sheet.columns])
        for row in sheet.rows:
            written.append([_cell(written, cell, column) for cell, column in zip(row, sheet.columns, strict=True)])
        for note in sheet.notes:
            written.append([_cell(written, note, None, _NOTE)])
        for number, chart in enumerate(sheet.charts):
            _add_chart(written, sheet, chart, number)
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _add_chart(written: Any, sheet: Sheet, chart: Chart, number: int) -> None:
    """A chart beside the table, of the table's own cells."""
    if not sheet.rows:
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
    last = len(sheet.rows) + 1
    for column in chart.values:
        drawn.add_data(Reference(written, min_col=column + 1, min_row=1, max_row=last), titles_from_data=True)
    drawn.set_categories(Reference(written, min_col=chart.label + 1, min_row=2, max_row=last))
    written.add_chart(drawn, f"{get_column_letter(len(sheet.columns) + 2)}{2 + number * CHART_ROWS}")


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
    heads = "".join(f'<th scope="col">{html.escape(column.heading)}</th>' for column in sheet.columns)
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
    right = ' class="rep-right"' if column.right else ""
    return f"<td{right}>{html.escape(cell_text(cell, column))}</td>"
