"""The callee's calendar: time zones of numbers, working days with their make-up days, calling windows, months.

Pure: moments come in. Everything is worked out in the callee's wall time and handed back in UTC, so that the days
on which clocks are changed need no case of their own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import holidays
import phonenumbers
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from ivr.policy.schema import PolicySpec, span_of

_E164_CHARS = 16  # "+" and at most 15 digits
_START_CHARS = 5  # "+", a country and what follows: 10,000 of them at most
SEARCH_DAYS = 400  # no window stays closed for longer; then it is looked again


def timezone_of(phone: str, default: str) -> ZoneInfo:
    """The zone that a number belongs to; `default` for numbers of several zones that are also in it, or of none.

    A number that may be in several others (a free-phone number) counts as in the first of them."""
    zone = _zone_by_start(phone[:_START_CHARS], default)
    if zone is None:
        zone = _only_zone(_beginning_of(phone), default)
    return _zone_of(phone, default) if zone is None else zone


@lru_cache(maxsize=16384)
def _zone_by_start(start: str, default: str) -> ZoneInfo | None:
    """The zone of all numbers that begin so, if that is clear from so few digits: nearly always it is."""
    beginning = _beginning_of(start)
    return None if beginning in _divided() else _only_zone(beginning, default)


@lru_cache(maxsize=16384)
def _zone_of(phone: str, default: str) -> ZoneInfo:
    try:
        zones = time_zones_for_number(phonenumbers.parse(phone))
    except phonenumbers.NumberParseException:
        zones = ()
    return _one_of(zones, default)


def _one_of(zones: Sequence[str], default: str) -> ZoneInfo:
    if not zones or default in zones:
        return ZoneInfo(default)
    try:
        return ZoneInfo(zones[0])
    except (KeyError, ValueError):  # "Etc/Unknown", or a zone that this machine has no data of
        return ZoneInfo(default)


@dataclass(frozen=True, slots=True)
class Block:
    """Numbers that begin alike, and the zones that `timezone_of` may give for them."""

    last: str  # no number of the block comes after this one
    zones: frozenset[ZoneInfo]


def block_of(phone: str, default: str) -> Block:
    """The block that a number is in. All of one country, where that has one zone; else of one of its areas."""
    return _block(_beginning_of(phone), default)


def _beginning_of(phone: str) -> str:
    """The shortest beginning of the number, without its "+", behind which no zones are told apart."""
    digits, divided = phone.removeprefix("+"), _divided()
    for end in range(1, len(digits)):
        if (beginning := digits[:end]) not in divided:
            return beginning
    return digits


@lru_cache(maxsize=4096)
def _only_zone(beginning: str, default: str) -> ZoneInfo | None:
    """The zone of all numbers that begin so, if there is but one: no number needs to be looked at then."""
    zones = _block(beginning, default).zones
    return next(iter(zones)) if len(zones) == 1 else None


@lru_cache(maxsize=4096)
def _block(beginning: str, default: str) -> Block:
    beginnings = (beginning[:end] for end in range(1, len(beginning) + 1))
    # Beside the area's those of the country, for numbers of no area, and the default, for numbers of no zone.
    known = [TIMEZONE_DATA[beginning] for beginning in beginnings if beginning in TIMEZONE_DATA]
    zones = {_one_of(names, default) for names in known} | {ZoneInfo(default)}
    return Block(f"+{beginning}".ljust(_E164_CHARS, "9"), frozenset(zones))


@cache
def _divided() -> frozenset[str]:
    """Beginnings of numbers that longer ones are told apart from."""
    return frozenset(key[:end] for key in TIMEZONE_DATA for end in range(1, len(key)))


@cache
def _days_off(country: str, year: int) -> holidays.HolidayBase:
    return holidays.country_holidays(country, years=[year - 1, year, year + 1])


@lru_cache(maxsize=4096)
def is_working_day(country: str, day: date) -> bool:
    """Whether people work there on that day: holidays are off, their make-up days are not."""
    return _days_off(country, day.year).is_working_day(day)


def known_country(country: str) -> bool:
    """Whether there is a calendar of holidays for the country (two letters)."""
    return country in holidays.list_supported_countries()


def month_of(moment: datetime, zone: ZoneInfo) -> str:
    """The calendar month in that zone, like 2026-01."""
    return f"{moment.astimezone(zone):%Y-%m}"


def month_before(month: str) -> str:
    """The month before, like 2025-12 before 2026-01."""
    first = date.fromisoformat(f"{month}-01")
    return f"{first - timedelta(days=1):%Y-%m}"


def next_month(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's next calendar month begins, in UTC."""
    local = moment.astimezone(zone)
    first = (local.date().replace(day=1) + timedelta(days=32)).replace(day=1)
    return _beginning(first, zone)


def next_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's next day begins, in UTC."""
    return _beginning(moment.astimezone(zone).date() + timedelta(days=1), zone)


def day_begun(moment: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's present day began, in UTC."""
    return _beginning(moment.astimezone(zone).date(), zone)


def _beginning(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Windows:
    """When calls for one purpose may begin; none of them: at any time."""

    country: str
    spans: tuple[tuple[time, time, bool], ...]  # from, to (open), on working days alone

    def is_open(self, moment: datetime, zone: ZoneInfo) -> bool:
        """Whether a call may begin then."""
        local = moment.astimezone(zone)
        now = local.time()
        return not self.spans or any(
            begin <= now < end and (not working or is_working_day(self.country, local.date()))
            for begin, end, working in self.spans
        )

    def opening(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """`moment` when a call may begin then, else the next moment at which one may, in UTC."""
        if self.is_open(moment, zone):
            return moment
        found = (start for start in self._starts(moment, zone) if start > moment and self.is_open(start, zone))
        return next(found, moment + timedelta(days=SEARCH_DAYS))

    def _starts(self, moment: datetime, zone: ZoneInfo) -> Iterator[datetime]:
        """When spans begin, from the moment's day on, in order. An hour that the clocks repeat begins twice."""
        today = moment.astimezone(zone).date()
        for days in range(SEARCH_DAYS):
            day = today + timedelta(days=days)
            yield from sorted(
                datetime.combine(day, begin, zone).replace(fold=fold).astimezone(UTC)
                for begin, _, _ in self.spans
                for fold in (0, 1)
            )


def windows_of(spec: PolicySpec, purpose: str) -> Windows:
    """The policy's windows for a purpose."""
    spans = (
        (*span_of(text), window.days == "working")
        for window in spec.windows
        if purpose in window.purposes
        for text in window.times
    )
    return Windows(spec.holidays, tuple(sorted(spans)))
