"""Cells to typed values."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import get_args

import pytest

from flows.parts import VariableType
from ivr.contacts_import.cells import Broken, Cell
from ivr.contacts_import.report import CellError
from ivr.contacts_import.values import MAX_TEXT_CHARS, TYPES, convert

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cell", "type_name", "value"),
    [
        (5.2, "money", "5.20"),
        (5.200000000001, "money", "5.20"),
        ("5.2元", "money", "5.20"),
        ("￥1,234.5", "money", "1234.50"),
        ("¥ 3", "money", "3.00"),
        ("RMB 8.005", "money", "8.01"),
        ("－０．５", "money", "-0.50"),
        ("'5.20", "money", "5.20"),
        ("-0.001", "money", "0.00"),
        (12.0, "integer", 12),
        ("1,200", "integer", 1200),
        ("2.5", "number", 2.5),
        ("30%", "percent", 30.0),
        (12.5, "percent", 12.5),
        ("120", "duration", 120),
        (timedelta(minutes=2), "duration", 120),
        ("9:30", "time", "09:30"),
        (time(9, 30), "time", "09:30"),
        (datetime(2026, 11, 25, 18, 5), "time", "18:05"),  # noqa: DTZ001 - spreadsheets have no time zones
        ("2026-11-25 18:05:00", "time", "18:05"),
        ("明天下午", "slot", "明天下午"),
        ("2026-11-26T09:00/2026-11-26T10:30", "slot", "2026-11-26T09:00/2026-11-26T10:30"),
        (datetime(2026, 11, 26, 9, 0), "slot", "2026-11-26T09:00"),  # noqa: DTZ001 - spreadsheets have no time zones
        (date(2026, 11, 26), "slot", "2026-11-26"),
        ("是", "boolean", True),
        ("No", "boolean", False),
        (True, "boolean", True),
        (8866.0, "digits", "8866"),
        ("００１２", "digits", "0012"),
        ("12-34", "digits", "1234"),
        (" 王  先生 ", "text", "王 先生"),
        (1001.0, "text", "1001"),
        ("138 0000 0001", "phone", "+8613800000001"),
        (datetime(2026, 11, 25, 10, 0), "date", "2026-11-25"),  # noqa: DTZ001 - spreadsheets have no time zones
        (date(2026, 11, 25), "date", "2026-11-25"),
        (46351.0, "date", "2026-11-25"),
        ("20261125", "date", "2026-11-25"),
        (20261125.0, "date", "2026-11-25"),
        ("2026-11-25", "date", "2026-11-25"),
        ("2026/1/5", "date", "2026-01-05"),
        ("2026.11.25", "date", "2026-11-25"),
        ("2026年11月25日", "date", "2026-11-25"),
        ("２０２６年１月５日", "date", "2026-01-05"),
        ("2026年1月5号", "date", "2026-01-05"),
        ("2026-11-25 00:00:00", "date", "2026-11-25"),
        ("2026-11-25T08:30:00Z", "date", "2026-11-25"),
        ("11/25/2026", "date", "2026-11-25"),
        ("25/11/2026", "date", "2026-11-25"),
        ("05/05/2026", "date", "2026-05-05"),
        ("Nov 25, 2026", "date", "2026-11-25"),
        ("25 November 2026", "date", "2026-11-25"),
    ],
)
def test_good_cells(cell: Cell, type_name: str, value: object) -> None:
    result = convert(cell, type_name)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("cell", "type_name", "words"),
    [
        ("abc", "money", "is not an amount of money"),
        ("5,20", "money", "is not an amount of money"),
        ("1" * 20, "money", "is not an amount of money"),
        (True, "money", "is not an amount of money"),
        (float("nan"), "money", "is not an amount of money"),
        ("2.5", "integer", "is not a whole number"),
        ("1e999999999", "number", "is not a number"),
        ("maybe", "boolean", "neither yes nor no"),
        ("many", "percent", "is not a percentage"),
        (0.3, "percent", "could be {small}% or {large}%"),
        ("-5", "duration", "is not a number of seconds"),
        ("25:00", "time", "is not a time of day"),
        ("12a", "digits", "digits alone"),
        ("x" * (MAX_TEXT_CHARS + 1), "text", "at most {most} fit"),
        ("a\x07b", "text", "control characters"),
        ("03/04/2026", "date", "two different days"),
        ("2026-02-30", "date", "a day that doesn't exist"),
        ("13/13/2026", "date", "a day that doesn't exist"),
        ("11月25日", "date", "is not a date"),
        ("soon", "date", "is not a date"),
        (5.0, "date", "is not a date"),
        ("", "text", "the cell is empty"),
        (" \u3000", "text", "the cell is empty"),
        ("", "phone", "the cell is empty"),
        (Broken("=1+1", "no value", {}), "money", "no value"),
    ],
)
def test_bad_cells(cell: Cell, type_name: str, words: str) -> None:
    with pytest.raises(CellError) as error:
        convert(cell, type_name)
    assert words in error.value.template
    assert error.value.template.format(**error.value.params)


def test_every_type_of_the_flow_language_can_be_imported() -> None:
    # A moment is of complaints and payments alone.
    assert {*get_args(VariableType), "moment"} == TYPES
