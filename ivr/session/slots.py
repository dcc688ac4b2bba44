"""Slots for calling back: parts of office hours where the callee is, as ISO intervals that prompts can say.

Pure: now comes in. An interval is "2026-01-06T09:00/2026-01-06T10:30", in the callee's local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
STARTS = (time(9, 0), time(10, 30), time(14, 0), time(15, 30))  # office hours, without the noon rest
LENGTH = timedelta(minutes=90)
NOTICE = timedelta(minutes=30)  # nobody can be promised a call sooner than this
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class SlotTimes:
    """When one callee may be called back: their time zone, and the campaign's end (None: it has none)."""

    zone: ZoneInfo = SHANGHAI
    ends_at: datetime | None = None

    def offered(self, now: datetime, count: int) -> tuple[str, ...]:
        """The next slots on working days (Monday to Friday), the nearest first; none that begins after the end."""
        earliest = now.astimezone(self.zone) + NOTICE
        found: list[str] = []
        day = earliest.date()
        while len(found) < count and not self.is_over(datetime.combine(day, time(), self.zone)):
            for start in STARTS:
                begin = datetime.combine(day, start, self.zone)
                suits = begin >= earliest and begin.weekday() < SATURDAY and not self.is_over(begin)
                if suits and len(found) < count:
                    found.append(f"{begin:%Y-%m-%dT%H:%M}/{begin + LENGTH:%Y-%m-%dT%H:%M}")
            day += timedelta(days=1)
        return tuple(found)

    def named(self, now: datetime, count: int = 3) -> dict[str, str]:
        """The next slots as variables of flows: slot_1, slot_2 …; near the campaign's end the last one repeats."""
        slots = self.offered(now, count)
        slots += slots[-1:] * (count - len(slots))
        return {f"slot_{number}": slot for number, slot in enumerate(slots, start=1)}

    def start_of(self, slot: str) -> datetime | None:
        """The slot's beginning, in UTC; None for a time that is only words ("tomorrow morning")."""
        try:
            begin = datetime.fromisoformat(slot.split("/")[0])
        except ValueError:
            return None
        return (begin if begin.tzinfo else begin.replace(tzinfo=self.zone)).astimezone(UTC)

    def is_over(self, moment: datetime) -> bool:
        """Whether the campaign calls nobody any more then."""
        return self.ends_at is not None and moment >= self.ends_at
