"""Values of variables: what each declared type accepts, read from what lists and flows bring (text and numbers).

Formatting is elsewhere: `prompts.speaking` for the ear, `prompts.writing` for text messages and screens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

Scalar = str | int | float | bool | None

MAX_VALUE_CHARS = 200
AS_IS = "as_is"  # the type of a value that is in words already: it wins over a filter; nobody can declare it

_CURRENCY_SIGNS = {
    "¥": "CNY",
    "￥": "CNY",
    "元": "CNY",
    "块": "CNY",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "₩": "KRW",
}
_MONEY = re.compile(
    r"(?P<sign>-)?\s*(?P<before>[A-Z]{3}|[¥￥$€£₩])?\s*(?P<minus>-)?(?P<amount>\d[\d,]*(?:\.\d+)?)\s*"
    r"(?P<after>[A-Z]{3}|[¥￥$€£₩元块])?"
)
_DATE = re.compile(r"(\d{4})(?:[-/.]|年)(\d{1,2})(?:[-/.]|月)(\d{1,2})日?(?:[T ].*)?")
_COMPACT_DATE = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"(?:.*[T ])?(\d{1,2}):(\d{2})(?::\d{2}.*)?")
_DIGITS = re.compile(r"[\d*#]+")


@dataclass(frozen=True, slots=True)
class Money:
    amount: Decimal  # to the hundredth
    currency: str | None  # ISO 4217 when the value names it


@dataclass(frozen=True, slots=True)
class Slot:
    """A span of time that was promised: a day, and from when to when on it (each may be missing)."""

    day: date
    start: time | None = None
    end: time | None = None


def parse_text(value: Scalar) -> str:
    """Any value as one line without control characters, cut at MAX_VALUE_CHARS."""
    printable = "".join(char if char.isprintable() else " " for char in str(value))
    return " ".join(printable.split())[:MAX_VALUE_CHARS]


def parse_decimal(value: Scalar) -> Decimal:
    if isinstance(value, bool):
        raise ValueError  # noqa: TRY004 (one error for whatever isn't a number)
    try:
        number = Decimal(str(value).strip().replace(",", ""))
    except InvalidOperation as error:
        raise ValueError from error
    if not number.is_finite() or number.adjusted() > 15:
        raise ValueError
    return number


def parse_integer(value: Scalar) -> int:
    number = parse_decimal(value)
    if number != number.to_integral_value():
        raise ValueError
    return int(number)


def parse_percent(value: Scalar) -> Decimal:
    """30, "30" and "30%" are all thirty per cent."""
    return parse_decimal(value.strip().rstrip("%％") if isinstance(value, str) else value)


def parse_money(value: Scalar) -> Money:
    """5.2, "5.20", "¥5.20", "5.20元", "USD 5.20"; halves of the smallest unit are rounded up."""
    match = _MONEY.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError
    amount = parse_decimal(match["amount"]).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
    unit = match["before"] or match["after"]
    return Money(
        -amount if match["sign"] or match["minus"] else amount, _CURRENCY_SIGNS.get(unit, unit) if unit else None
    )


def parse_date(value: Scalar) -> date:
    """2026-11-25, 2026/11/25, 20261125, 2026年11月25日, or a date with a time behind it."""
    text = str(value).strip()
    match = _DATE.fullmatch(text) or _COMPACT_DATE.fullmatch(text)
    if match is None:
        raise ValueError
    return date(*(int(part) for part in match.groups()))


def parse_time(value: Scalar) -> time:
    """09:30, 9:30:00, or a date and time, of which the time is taken."""
    match = _TIME.fullmatch(str(value).strip())
    if match is None:
        raise ValueError
    return time(int(match[1]), int(match[2]))


def parse_slot(value: Scalar) -> Slot | str:
    """2026-11-26T09:00/2026-11-26T10:30, its end or its times left out; anything else is said as it stands."""
    begin, _, end = str(value).strip().partition("/")
    try:
        start = datetime.fromisoformat(begin)
        until = datetime.fromisoformat(end) if end else None
    except ValueError:
        return parse_text(value)
    timed = "T" in begin or ":" in begin
    return Slot(start.date(), start.time() if timed else None, until.time() if until and timed else None)


def parse_digits(value: Scalar) -> str:
    """The digits (and * #) of a value, separators dropped."""
    digits = re.sub(r"[\s().+-]", "", str(value))
    if isinstance(value, bool) or not _DIGITS.fullmatch(digits):
        raise ValueError
    return digits


def parse_phone(value: Scalar) -> str:
    """The digits as people in China say the number: without +86."""
    return parse_digits(re.sub(r"^\s*(\+|00)86", "", str(value)))


def parse_duration(value: Scalar) -> int | str:
    """Whole seconds; anything that isn't a number is said as it stands."""
    try:
        seconds = parse_decimal(value)
    except ValueError:
        return parse_text(value)
    if seconds < 0:
        raise ValueError
    return int(seconds)


def parse_boolean(value: Scalar) -> bool:
    text = str(value).strip().lower()
    if text not in _BOOLEANS:
        raise ValueError
    return _BOOLEANS[text]


_BOOLEANS = {
    "true": True,
    "yes": True,
    "1": True,
    "是": True,
    "false": False,
    "no": False,
    "0": False,
    "否": False,
}

PARSERS: dict[str, Callable[[Scalar], object]] = {
    "text": parse_text,
    "number": parse_decimal,
    "integer": parse_integer,
    "percent": parse_percent,
    "money": parse_money,
    "date": parse_date,
    "full_date": parse_date,
    "time": parse_time,
    "slot": parse_slot,
    "duration": parse_duration,
    "digits": parse_digits,
    "phone": parse_phone,
    "boolean": parse_boolean,
}
TYPES = frozenset(PARSERS)

# Something of each type, for prompts that are rendered or checked without a list.
EXAMPLES = {
    "number": "12.5",
    "integer": "3",
    "percent": "30",
    "money": "5.20",
    "date": "2026-11-25",
    "full_date": "2026-11-25",
    "time": "09:30",
    "slot": "2026-11-26T09:00/2026-11-26T10:30",
    "duration": "120",
    "digits": "8866",
    "phone": "13800000000",
    "boolean": "true",
}
