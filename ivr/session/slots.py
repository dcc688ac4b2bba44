"""Slots for calling back: half days in office hours, as ISO intervals that prompts can say.

Pure: now comes in. An interval is "2026-01-06T09:00/2026-01-06T10:30", in the callee's local time."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")
STARTS = (time(9, 0), time(10, 30), time(14, 0), time(15, 30))  # office hours, without the noon rest
LENGTH = timedelta(minutes=90)
NOTICE = timedelta(minutes=30)  # nobody can be promised a call sooner than this
SATURDAY = 5


def next_slots(now: datetime, count: int) -> tuple[str, ...]:
    """The next slots on working days (Monday to Friday), the nearest first."""
    earliest = now.astimezone(ZONE) + NOTICE
    found: list[str] = []
    day = earliest.date()
    while len(found) < count:
        for start in STARTS:
            begin = datetime.combine(day, start, ZONE)
            if begin >= earliest and begin.weekday() < SATURDAY and len(found) < count:
                found.append(f"{begin:%Y-%m-%dT%H:%M}/{begin + LENGTH:%Y-%m-%dT%H:%M}")
        day += timedelta(days=1)
    return tuple(found)


def next_slot(now: datetime) -> str:
    return next_slots(now, 1)[0]


def slot_start(slot: str) -> datetime | None:
    """The slot's beginning, in UTC; None for a time that is only words ("tomorrow morning")."""
    try:
        begin = datetime.fromisoformat(slot.split("/")[0])
    except ValueError:
        return None
    return (begin if begin.tzinfo else begin.replace(tzinfo=ZONE)).astimezone(UTC)
