"""English: money with its smaller unit, digits one by one, dates and times as people say them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Any

from babel.dates import get_month_names
from babel.numbers import get_currency_name

from prompts.speaking.words import in_words
from prompts.values import Money, Slot

_DIGIT_WORDS = dict(
    zip(
        "0123456789*#",
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "star", "hash"],
        strict=True,
    )
)
# ISO 4217 -> one, many, a hundredth, hundredths
_UNITS = {
    "USD": ("dollar", "dollars", "cent", "cents"),
    "EUR": ("euro", "euros", "cent", "cents"),
    "GBP": ("pound", "pounds", "penny", "pence"),
    "HKD": ("Hong Kong dollar", "Hong Kong dollars", "cent", "cents"),
}
_MOBILE_DIGITS = 11


def number(value: Decimal) -> str:
    sign = "minus " if value < 0 else ""
    whole, _, fraction = f"{abs(value):f}".partition(".")
    fraction = fraction.rstrip("0")
    words = in_words(whole, "en") if len(whole) != 4 else _thousands(int(whole))
    return sign + (f"{words} point {digits(fraction)}" if fraction else words)


def _thousands(value: int) -> str:
    """The library reads four figures as a year (1023: ten twenty three)."""
    thousands, rest = divmod(value, 1000)
    head = f"{in_words(str(thousands), 'en')} thousand"
    if rest == 0:
        return head
    return f"{head} {'and ' if rest < 100 else ''}{in_words(str(rest), 'en')}"


def money(value: Money, currency: str) -> str:
    unit = value.currency or currency
    sign, cents = ("minus " if value.amount < 0 else ""), int(abs(value.amount) * 100)
    whole, rest = divmod(cents, 100)
    words = number(Decimal(whole))
    if unit == "CNY":
        small = in_words(str(rest), "en")
        if whole == 0 and rest:
            return f"{sign}{small} fen"
        return f"{sign}{words} yuan" + (f" {'oh ' if rest < 10 else ''}{small}" if rest else "")
    if unit not in _UNITS:
        return f"{number(value.amount)} {get_currency_name(unit, count=value.amount, locale='en')}"
    one, many, hundredth, hundredths = _UNITS[unit]
    parts = [f"{words} {one if whole == 1 else many}"] if whole or not rest else []
    if rest:
        parts.append(f"{in_words(str(rest), 'en')} {hundredth if rest == 1 else hundredths}")
    return sign + " and ".join(parts)


def day(value: date) -> str:
    month = get_month_names(locale="en")[value.month]
    return f"{month} {in_words(_ordinal(value.day), 'en')}"


def _ordinal(value: int) -> str:
    suffix = "th" if value in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(value % 10, "th")
    return f"{value}{suffix}"


def full_date(value: date) -> str:
    return f"{day(value)}, {in_words(str(value.year), 'en')}"


def clock(value: time) -> str:
    hour = in_words(str(value.hour % 12 or 12), "en")
    if value.minute == 0:
        return hour
    return f"{hour} {'oh ' if value.minute < 10 else ''}{in_words(str(value.minute), 'en')}"


def half_day(value: time) -> str:
    return "AM" if value.hour < 12 else "PM"


def moment(value: time) -> str:
    if value.minute == 0 and value.hour in (0, 12):
        return "noon" if value.hour else "midnight"
    return f"{clock(value)} {half_day(value)}"


def slot(value: Slot) -> str:
    words = day(value.day)
    if value.start is None:
        return words
    if value.end is None:
        return f"{words} at {moment(value.start)}"
    shared = half_day(value.start) == half_day(value.end) and value.start.hour not in (0, 12)
    start = clock(value.start) if shared else moment(value.start)
    return f"{words} from {start} to {moment(value.end)}"


def duration(seconds: int) -> str:
    if seconds < 60:
        return _count(seconds, "second")
    hours, minutes = divmod(-(-seconds // 60), 60)
    parts = ([_count(hours, "hour")] if hours else []) + ([_count(minutes, "minute")] if minutes else [])
    return " and ".join(parts)


def _count(count: int, unit: str) -> str:
    return f"{number(Decimal(count))} {unit}{'' if count == 1 else 's'}"


def digits(value: str) -> str:
    return " ".join(_DIGIT_WORDS[digit] for digit in value)


def phone(value: str) -> str:
    if len(value) != _MOBILE_DIGITS:
        return digits(value)
    return ", ".join(digits(group) for group in (value[:3], value[3:7], value[7:]))


SPEAKERS: dict[str, Callable[[Any, str], str]] = {
    "money": money,
    "number": lambda value, _: number(value),
    "integer": lambda value, _: number(Decimal(value)),
    "percent": lambda value, _: f"{number(value)} percent",
    "date": lambda value, _: day(value),
    "full_date": lambda value, _: full_date(value),
    "time": lambda value, _: moment(value),
    "slot": lambda value, _: slot(value),
    "duration": lambda value, _: duration(value),
    "digits": lambda value, _: digits(value),
    "phone": lambda value, _: phone(value),
    "boolean": lambda value, _: "yes" if value else "no",
}
