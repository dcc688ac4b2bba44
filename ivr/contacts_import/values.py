"""Cells to the types that a flow's `needs` declares. Values are what JSON holds and the flow's prompts take:
money is text with two decimals ("5.20": exact), a date or a moment is ISO text, a time "09:30", numbers and
booleans are themselves; a slot is text, ISO where the cell is a date."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from ivr.contacts_import.cells import Broken, Cell, text_of
from ivr.contacts_import.phones import normalise_phone
from ivr.contacts_import.report import CellError, shown

Value = str | int | float | bool

MAX_TEXT_CHARS = 500
MAX_AMOUNT = Decimal(10) ** 12
EXCEL_DAY_ZERO = date(1899, 12, 30)  # day 60 is Excel's 29 February 1900; every later day counts from here
EXCEL_DAYS = (18_264, 109_575)  # 1950 to 2199: numbers outside aren't meant as dates

_CURRENCY = re.compile(r"(?i)^(?:rmb|cny|usd|[¥$])|(?:元|圆|块|rmb|cny|yuan|usd)整?$")
_SIGNED = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*(?:日|号)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})")
_TIME = re.compile(r"[T ]\s*\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?$")
_CLOCK = re.compile(r"(?:.*[T ])?(\d{1,2})[:时点](\d{2})(?:[:分]\d{2}(?:\.\d+)?)?[分秒]?")
_TIME_OF_DAY = re.compile(r"[T ]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$")
_NAMED = ("%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %B %Y", "%b %d %Y", "%d-%b-%Y")
_TRUE = frozenset({"是", "有", "对", "y", "yes", "true", "t", "1", "√"})
_FALSE = frozenset({"否", "无", "不", "没有", "n", "no", "false", "f", "0", "×"})


def convert(cell: Cell, type_name: str, region: str = "CN") -> Value:
    """The cell as a value of the type. Raises CellError, saying what it isn't, or that it is empty."""
    if isinstance(cell, Broken):
        raise CellError(cell.template, **cell.params)
    if cell == "" or not text_of(cell):
        raise CellError("the cell is empty")
    if type_name == "phone":
        return normalise_phone(cell, region)
    return CONVERTERS[type_name](cell)


def _text(cell: Cell) -> str:
    text = " ".join(text_of(cell).split())
    if len(text) > MAX_TEXT_CHARS:
        raise CellError(
            "the text has {length} characters; at most {most} fit", length=len(text), most=MAX_TEXT_CHARS
        )
    if not text.isprintable():
        raise CellError("the text holds control characters")
    return text


def _decimal(cell: Cell, text: str, template: str) -> Decimal:
    if isinstance(cell, bool) or not _SIGNED.fullmatch(text):
        raise CellError(template, value=shown(text_of(cell)))
    try:
        number = Decimal(text.replace(",", ""))
    except InvalidOperation as error:
        raise CellError(template, value=shown(text_of(cell))) from error
    if abs(number) >= MAX_AMOUNT:
        raise CellError(template, value=shown(text_of(cell)))
    return number


def _money(cell: Cell) -> str:
    text = text_of(cell) if not isinstance(cell, float) else f"{cell:.6f}"
    bare = _CURRENCY.sub("", _CURRENCY.sub("", text)).replace(" ", "")
    amount = _decimal(cell, bare, "“{value}” is not an amount of money")
    return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP) + 0)  # + 0: no "-0.00"


def _number(cell: Cell) -> float:
    return float(_decimal(cell, text_of(cell).replace(" ", ""), "“{value}” is not a number"))


def _integer(cell: Cell) -> int:
    number = _decimal(cell, text_of(cell).replace(" ", ""), "“{value}” is not a whole number")
    if number != int(number):
        raise CellError("“{value}” is not a whole number", value=shown(text_of(cell)))
    return int(number)


def _percent(cell: Cell) -> float:
    """30 and "30%" are thirty per cent. A workbook stores a cell shown as 30% as 0.3, like one shown as 0.3."""
    if isinstance(cell, float) and 0 < abs(cell) <= 1:
        template = "“{value}” could be {small}% or {large}%; format the column as text and write it with %"
        raise CellError(template, value=shown(cell), small=f"{cell:g}", large=f"{cell * 100:g}")
    bare = text_of(cell).removesuffix("%").strip()
    return float(_decimal(cell, bare, "“{value}” is not a percentage"))


def _duration(cell: Cell) -> int:
    """Whole seconds."""
    if isinstance(cell, timedelta):
        return int(cell.total_seconds())
    seconds = _integer(cell)
    if seconds < 0:
        raise CellError("“{value}” is not a number of seconds", value=shown(text_of(cell)))
    return seconds


def _time(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.strftime("%H:%M")
    found = _CLOCK.fullmatch(text_of(cell))
    if not found or int(found[1]) > 23 or int(found[2]) > 59:
        raise CellError("“{value}” is not a time of day; write it as 09:30", value=shown(text_of(cell)))
    return f"{int(found[1]):02}:{found[2]}"


def _moment(cell: Cell) -> str:
    """A day, or a day and a time, on the wall clock of wherever the list is from: ISO text to the second."""
    if isinstance(cell, datetime):
        return cell.replace(tzinfo=None, microsecond=0).isoformat()
    text = text_of(cell)
    if time_of_day := _TIME_OF_DAY.search(text):
        hour, minute, second = (int(part or 0) for part in time_of_day.groups())
        if hour > 23 or minute > 59 or second > 59:
            raise CellError("“{value}” is not a moment; write it as 2026-11-25 09:30", value=shown(text))
        day = date.fromisoformat(_date(text[: time_of_day.start()]))
        return datetime.combine(day, time(hour, minute, second)).isoformat()
    return datetime.combine(date.fromisoformat(_date(cell)), time()).isoformat()


def _slot(cell: Cell) -> str:
    """A day, a moment, two moments with / between them, or words that are said as they stand."""
    if isinstance(cell, datetime) and cell.time() != time():
        return cell.isoformat("T", "minutes")
    return _text(cell)


def _boolean(cell: Cell) -> bool:
    text = text_of(cell).casefold()
    if text not in _TRUE | _FALSE:
        raise CellError("“{value}” is neither yes nor no", value=shown(text))
    return text in _TRUE


def _digits(cell: Cell) -> str:
    text = re.sub(r"[\s\-]+|\.0+$", "", text_of(cell))
    if not re.fullmatch(r"[0-9]+", text) or len(text) > MAX_TEXT_CHARS:
        raise CellError("“{value}” is not made of digits alone", value=shown(text_of(cell)))
    return text


def _date(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    text = text_of(cell)
    if isinstance(cell, (int, float)) and EXCEL_DAYS[0] <= cell <= EXCEL_DAYS[1]:
        return (EXCEL_DAY_ZERO + timedelta(days=int(cell))).isoformat()
    text = _TIME.sub("", text).strip()
    if found := (_YEAR_FIRST.fullmatch(text) or _COMPACT.fullmatch(text)):
        return _day(int(found[1]), int(found[2]), int(found[3]), text)
    if found := _YEAR_LAST.fullmatch(text):
        return _year_last(int(found[1]), int(found[2]), int(found[3]), text)
    for pattern in _NAMED:
        try:
            return datetime.strptime(text, pattern).date().isoformat()  # noqa: DTZ007 - a day has no time zone
        except ValueError:
            continue
    raise CellError("“{value}” is not a date; write it as 2026-11-25", value=shown(text))


def _year_last(first: int, second: int, year: int, text: str) -> str:
    """11/25/2026 and 25/11/2026 are clear; 03/04/2026 is March in one country and April in another."""
    if first <= 12 and second <= 12 and first != second:
        raise CellError("“{value}” could be two different days; write it as 2026-11-25", value=shown(text))
    day, month = (second, first) if second > 12 else (first, second)
    return _day(year, month, day, text)


def _day(year: int, month: int, day: int, text: str) -> str:
    try:
        return date(year, month, day).isoformat()
    except ValueError as error:
        raise CellError("“{value}” is a day that doesn't exist", value=shown(text)) from error


CONVERTERS: dict[str, Callable[[Cell], Value]] = {
    "text": _text,
    "money": _money,
    "number": _number,
    "integer": _integer,
    "percent": _percent,
    "duration": _duration,
    "time": _time,
    "moment": _moment,
    "slot": _slot,
    "boolean": _boolean,
    "digits": _digits,
    "date": _date,
}
TYPES = frozenset({*CONVERTERS, "phone"})
