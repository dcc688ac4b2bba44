"""Mandarin: money in 元角分, digits one by one with 幺, dates and times of day as people say them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import Decimal
from typing import Any

from babel.numbers import get_currency_name

from prompts.speaking.words import in_words
from prompts.values import Money, Slot

_DIGIT_WORDS = dict(zip("0123456789*#", "零幺二三四五六七八九星井", strict=True))
_PLAIN_DIGITS = dict(zip("0123456789", "零一二三四五六七八九", strict=True))
# from this hour on, until the next: the part of the day that goes before the hour
_DAY_PARTS = ((0, "凌晨"), (5, "早上"), (9, "上午"), (12, "中午"), (13, "下午"), (18, "晚上"))
_MOBILE_DIGITS = 11


def cardinal(number: int) -> str:
    words = in_words(str(abs(number)), "zh") if abs(number) < 10_000 else _large(abs(number))
    return f"负{words}" if number < 0 else words


def _large(number: int) -> str:
    """From ten thousand on; the library takes long figures for telephone numbers (12306: 幺二三零六)."""
    for unit, name in ((10**12, "万亿"), (10**8, "亿"), (10**4, "万")):
        if number >= unit:
            head, rest = divmod(number, unit)
            words = f"{two(head)}{name}"
            if rest == 0:
                return words
            gap = "零" if rest < unit // 10 else ""
            return f"{words}{gap}{'一' if 10 <= rest < 20 else ''}{cardinal(rest)}"  # 一万零一十五
    return cardinal(number)


def two(number: int) -> str:
    """A count before a measure word: 两, not 二."""
    return "两" if number == 2 else cardinal(number)


def number(value: Decimal) -> str:
    sign, figures = ("负" if value < 0 else ""), f"{abs(value):f}"
    whole, _, fraction = figures.partition(".")
    fraction = fraction.rstrip("0")
    words = cardinal(int(whole))
    return sign + (f"{words}点{''.join(_PLAIN_DIGITS[digit] for digit in fraction)}" if fraction else words)


def money(value: Money, currency: str) -> str:
    unit = value.currency or currency
    if unit != "CNY":
        return number(value.amount) + get_currency_name(unit, locale="zh_CN")
    cents = int(abs(value.amount) * 100)
    yuan, jiao, fen = cents // 100, cents // 10 % 10, cents % 10
    parts = [f"{two(yuan)}元"] if yuan or not cents else []
    if jiao:
        parts.append(f"{cardinal(jiao) if yuan else two(jiao)}角")
    if fen:
        gap = "零" if yuan and not jiao else ""
        parts.append(f"{gap}{cardinal(fen) if parts else two(fen)}分")
    return ("负" if value.amount < 0 else "") + "".join(parts)


def day(value: date) -> str:
    return f"{cardinal(value.month)}月{cardinal(value.day)}日"


def full_date(value: date) -> str:
    return f"{''.join(_PLAIN_DIGITS[digit] for digit in str(value.year))}年{day(value)}"


def day_part(value: time) -> str:
    return [name for hour, name in _DAY_PARTS if value.hour >= hour][-1]


def clock(value: time) -> str:
    """The hour and minutes without the part of the day."""
    hour = f"{two(value.hour % 12 or (12 if value.hour else 0))}点"
    if value.minute == 0:
        return hour
    if value.minute == 30:
        return f"{hour}半"
    return f"{hour}{'零' if value.minute < 10 else ''}{cardinal(value.minute)}分"


def moment(value: time) -> str:
    return day_part(value) + clock(value)


def slot(value: Slot) -> str:
    words = day(value.day)
    if value.start is None:
        return words
    words += moment(value.start)
    if value.end is None:
        return words
    same_part = day_part(value.start) == day_part(value.end)
    return f"{words}到{clock(value.end) if same_part else moment(value.end)}"


def duration(seconds: int) -> str:
    """Seconds below a minute, else whole minutes, rounded up: nobody waits for "九十七秒"."""
    if seconds < 60:
        return f"{two(seconds)}秒"
    hours, minutes = divmod(-(-seconds // 60), 60)
    parts = ([f"{two(hours)}小时"] if hours else []) + ([f"{two(minutes)}分钟"] if minutes else [])
    return "".join(parts)


def digits(value: str) -> str:
    return "".join(_DIGIT_WORDS[digit] for digit in value)


def phone(value: str) -> str:
    """A mobile number in three groups, as people say it; the mark between them makes the voice pause."""
    if len(value) != _MOBILE_DIGITS:
        return digits(value)
    return "、".join(digits(group) for group in (value[:3], value[3:7], value[7:]))


SPEAKERS: dict[str, Callable[[Any, str], str]] = {
    "money": money,
    "number": lambda value, _: number(value),
    "integer": lambda value, _: str(value) if abs(value) < 10_000 else cardinal(value),
    "percent": lambda value, _: f"{'负' if value < 0 else ''}百分之{number(abs(value))}",
    "date": lambda value, _: day(value),
    "full_date": lambda value, _: full_date(value),
    "time": lambda value, _: moment(value),
    "slot": lambda value, _: slot(value),
    "duration": lambda value, _: duration(value),
    "digits": lambda value, _: digits(value),
    "phone": lambda value, _: phone(value),
    "boolean": lambda value, _: "是" if value else "否",
}
