"""Values as they are written: text messages, screens, and languages that have no spoken rules here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Any

from babel.dates import format_skeleton
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

from prompts.languages import babel_locale, family
from prompts.values import PARSERS, Money, Scalar, Slot

_MINUTE_S = 60


def write(value: Scalar, kind: str, language: str, currency: str) -> str:
    """The value as a reader of this language expects it. Raises ValueError when it isn't of this type."""
    return write_parsed(PARSERS[kind](value), kind, language, currency)


def write_parsed(parsed: Any, kind: str, language: str, currency: str) -> str:
    if isinstance(parsed, str):
        return parsed
    return _WRITERS[kind](parsed, babel_locale(language), currency)


def _money(money: Money, locale: str, currency: str) -> str:
    unit = money.currency or currency
    if unit == "CNY" and family(locale) in ("zh", "en"):
        return f"{money.amount}元" if family(locale) == "zh" else f"¥{money.amount}"
    return format_currency(money.amount, unit, locale=locale)


def _date(day: date, locale: str, currency: str) -> str:
    del currency
    return format_skeleton("MMMMd", day, locale=locale)


def _full_date(day: date, locale: str, currency: str) -> str:
    del currency
    return format_skeleton("yMMMMd", day, locale=locale)


def _time(moment: time, locale: str, currency: str) -> str:
    del locale, currency
    return f"{moment:%H:%M}"


def _slot(slot: Slot, locale: str, currency: str) -> str:
    times = "–".join(_time(moment, locale, currency) for moment in (slot.start, slot.end) if moment)
    return f"{_date(slot.day, locale, currency)} {times}".rstrip()


def _duration(seconds: int, locale: str, currency: str) -> str:
    del currency
    if seconds < _MINUTE_S:
        return format_unit(seconds, "duration-second", "short", locale=locale)
    return format_unit(-(-seconds // _MINUTE_S), "duration-minute", "short", locale=locale)


def _decimal(number: Decimal | int, locale: str, currency: str) -> str:
    del currency
    return format_decimal(number, locale=locale)


def _percent(number: Decimal, locale: str, currency: str) -> str:
    return f"{_decimal(number, locale, currency)}%"


def _boolean(value: bool, locale: str, currency: str) -> str:
    del currency
    yes, no = {"zh": ("是", "否"), "ko": ("예", "아니요")}.get(family(locale), ("yes", "no"))
    return yes if value else no


_WRITERS: dict[str, Callable[[Any, str, str], str]] = {
    "money": _money,
    "date": _date,
    "full_date": _full_date,
    "time": _time,
    "slot": _slot,
    "duration": _duration,
    "number": _decimal,
    "integer": _decimal,
    "percent": _percent,
    "boolean": _boolean,
}
