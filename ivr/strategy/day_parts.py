"""Parts of the callee's day, and the next moment in another one. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

LOOK_DAYS = 14  # for an open part; longer holidays than this end the search


@dataclass(frozen=True, slots=True)
class Times:
    """When one number may be called. `opening`: a moment, or the next one after it at which the policy lets calls
    for this purpose begin."""

    zone: ZoneInfo
    opening: Callable[[datetime], datetime]
    parts: Mapping[str, tuple[time, time]] = field(default_factory=dict)  # from, to (open)

    def part_of(self, moment: datetime) -> str | None:
        """The part of the callee's day that the moment belongs to."""
        local = moment.astimezone(self.zone).time()
        return next((name for name, (begin, end) in self.parts.items() if begin <= local < end), None)


def another_part(times: Times, earliest: datetime, tried: Sequence[str | None]) -> datetime:
    """The first moment from `earliest` on at which a call may begin, in a part of the day that wasn't tried.

    When all that are open were tried: in another one than the last; when there is no other: as soon as calls may
    begin at all."""
    openings = [times.opening(earliest), *map(times.opening, _begins(times, earliest))]
    for avoided in (frozenset(tried), frozenset(tried[-1:])):
        for moment in openings:
            part = times.part_of(moment)
            if part is not None and part not in avoided:
                return moment
    return openings[0]


def _begins(times: Times, earliest: datetime) -> Iterator[datetime]:
    """When parts begin from then on, in order."""
    today = earliest.astimezone(times.zone).date()
    for days in range(LOOK_DAYS):
        for begin, _ in times.parts.values():
            moment = datetime.combine(today + timedelta(days=days), begin, times.zone).astimezone(UTC)
            if moment > earliest:
                yield moment
