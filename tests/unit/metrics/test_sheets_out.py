"""Tables where there is little room, and charts of a workbook's cells."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from rich.console import Console

from ivr.report.sheets import Cell, Chart, Column, Sheet
from ivr.report.sheets_out import print_sheets, sheets_html, write_workbook
from ivr.report.svg import chart_svg

pytestmark = pytest.mark.unit

HEADINGS = ("Call attempts", "Contact rate", "Successes (gross)", "Success rate (gross)", "Work efficiency",
            "Idle rate", "Busy-state rate", "签入时长(小时)", "Others with the same calls")  # fmt: skip


def wide(columns: int = len(HEADINGS)) -> Sheet:
    heads = (Column("Agent"), Column("Name"), *(Column(one, "share") for one in HEADINGS[:columns]))
    rows: list[tuple[Cell, ...]] = [
        (who, name, *(0.501 for _ in range(columns)))
        for who, name in (("all", "–"), ("1001", "北区一组的王芳"), ("1013", "Mary-Anne O'Connor-Fitzgerald"))
    ]
    chart = Chart("Attempts", 1, (2,), first_row=1)
    return Sheet("Agents", heads, rows, ("a note longer than the first column is wide",), (chart,))


@pytest.mark.parametrize("room", [80, 100, 200])
def test_figures_are_never_folded(room: int) -> None:
    out = io.StringIO()
    print_sheets(Console(file=out, width=room), [wide()])
    lines = out.getvalue().splitlines()
    assert sum(len(re.findall(r"50\.1%", line)) == len(HEADINGS) for line in lines) == 3
    assert any(line.strip().startswith("1013 ") for line in lines)
    assert ("Mary-Anne O'Connor-Fitzgerald" in out.getvalue()) == (room == 200)


def test_a_chart_leaves_the_sum_out() -> None:
    sheet = wide()
    drawn = chart_svg(sheet, sheet.charts[0])
    assert drawn.count("<rect") == 2
    assert re.search(r">Mary-Anne O[^<]*…<", drawn)  # no wider than its place


@pytest.mark.parametrize(("columns", "beside"), [(2, True), (9, True), (11, False)])
def test_a_workbooks_charts_stand_where_they_are_seen(columns: int, beside: bool, tmp_path: Path) -> None:
    """Beside a narrow table, below a wide one; of the rows without the sum."""
    sheet = wide(min(columns, 9))
    if columns > 9:
        more = tuple(Column(f"more {number}") for number in range(columns - 9))
        sheet = Sheet("Agents", (*sheet.columns, *more), [(*row, *("" for _ in more)) for row in sheet.rows],
                      sheet.notes, sheet.charts)  # fmt: skip
    write_workbook([sheet], tmp_path / "a.xlsx")
    written: Any = load_workbook(tmp_path / "a.xlsx").active
    (chart,) = written._charts
    at = chart.anchor._from
    expected = (len(sheet.columns) + 1, 1) if beside else (0, 6)
    assert (at.col, at.row) == expected
    assert chart.series[0].val.numRef.f == "'Agents'!$C$3:$C$4"
    assert written.column_dimensions["B"].width > 29
    assert written["A5"].value.startswith("a note")
    assert not written["A5"].alignment.wrap_text


def test_a_pages_figures_stay_in_one_line() -> None:
    page = sheets_html({"en": [wide()]})
    assert '<td class="rep-right">50.1%</td>' in page
    assert '<td class="rep-long">Mary-Anne O&#x27;Connor-Fitzgerald</td>' in page


def test_a_table_of_nothing_and_a_column_without_a_heading() -> None:
    out = io.StringIO()
    print_sheets(Console(file=out, width=80), [Sheet("Nothing", (Column(""), Column("Agent")), ())])
    assert "Agent" in out.getvalue()
