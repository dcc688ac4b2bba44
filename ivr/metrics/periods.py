"""Hours and days between two moments, cut where the clocks of a time zone say so. Pure.

Figures about people's time are cut at these borders: whoever talks from 9:50 to 10:10 has talked ten minutes in
each hour. A day on which clocks are changed has 23 or 25 hours; an hour that comes twice has one name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SLICES_OF_TIME = ("hour", "day", "weekday", "week", "month")

_LABELS: Mapping[str, Callable[[datetime], str]] = {
    "hour": lambda local: f"{local:%H}",
    "day": lambda local: local.date().isoformat(),
    "weekday": lambda local: f"{local.isoweekday() % 7}",  # 0 is Sunday, as in `slices`
    "week": lambda local: monday(local.date()).isoformat(),
    "month": lambda local: f"{local:%Y-%m}",
}


@dataclass(frozen=True, slots=True)
class Period:
    """From `begins` until `ends` (excluded), UTC. `label` is the slice that it belongs to."""

    label: str
    day: str  # the local date
    begins: datetime
    ends: datetime


def monday(day: date) -> date:
    """The first day of that day's week."""
    return day - timedelta(days=day.weekday())


def periods(since: datetime, until: datetime, zone: ZoneInfo, by: str | None = None) -> tuple[Period, ...]:
    """Hours (by hour) or days, one after the other without a gap; the first and the last are cut to the two
    moments. `by` is one of SLICES_OF_TIME; anything else gives every period the label ""."""
    label = _LABELS.get(by or "", _unnamed)
    ends = _hours(since, until, zone) if by == "hour" else _days(since, until, zone)
    found = []
    begins = since.astimezone(UTC)
    for end in ends:
        local = begins.astimezone(zone)
        found.append(Period(label(local), local.date().isoformat(), begins, end))
        begins = end
    return tuple(found)


def _unnamed(local: datetime) -> str:
    del local
    return ""


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Where each day ends: at the next midnight, or at `until`."""
    at, last = since.astimezone(UTC), until.astimezone(UTC)
    while at < last:
        at = min(last, midnight(at.astimezone(zone).date() + DAY, zone))
        yield at


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """The moment at which a local day begins, UTC; where clocks skip midnight, the moment of the change."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _hours(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[datetime]:
    """Where each hour of the clock ends; a change of clocks within it ends it too."""
    at, last = since.astimezone(UTC), until.astimezone(UTC)
    while at < last:
        local = at.astimezone(zone)
        into = timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
        end = at + HOUR - into
        if end.astimezone(zone).utcoffset() != local.utcoffset():
            end = clocks_change(at, end, zone)
        at = min(last, end)
        yield at


def clocks_change(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The moment, to the second, at which the zone's offset becomes that of `high`."""
    offset = high.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=max(1, (high - low) // timedelta(seconds=2)))
        if middle.astimezone(zone).utcoffset() == offset:
            high = middle
        else:
            low = middle
    return high.replace(microsecond=0)


def as_json(some: Sequence[Period], dialect: Literal["sqlite", "postgresql"]) -> str:
    """Periods as one parameter of a statement, moments as the database stores them."""
    offset = "" if dialect == "sqlite" else "+00:00"

    def stored(moment: datetime) -> str:
        return f"{moment:%Y-%m-%d %H:%M:%S.%f}{offset}"

    return json.dumps(
        [
            {"label": one.label, "day": one.day, "begins": stored(one.begins), "ends": stored(one.ends)}
            for one in some
        ]
    )
