"""Schedules as cron writes them, in a time zone: what feeds and reports go by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from croniter import croniter
from pydantic import AfterValidator

from flows.parts import rule_error

CRON_FIELDS = 5


def _cron(text: str) -> str:
    try:
        good = len(text.split()) == CRON_FIELDS and croniter(text, datetime(2026, 1, 1, tzinfo=UTC)).get_next() > 0
    except (ValueError, KeyError):
        good = False
    if not good:
        raise rule_error(
            "{text} is no schedule; write five fields (minute hour day month weekday), such as */10 8-20 * * *",
            text=text,
        )
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise rule_error("{name} is no time zone; write one like Asia/Shanghai", name=name) from error
    return name


Cron = Annotated[str, AfterValidator(_cron)]
Zone = Annotated[str, AfterValidator(_zone)]


def next_time(cron: str, zone: ZoneInfo, after: datetime) -> datetime:
    """The schedule's first moment after that one, in UTC. Hours that the clocks skip or repeat count once."""
    found: datetime = croniter(cron, after.astimezone(zone)).get_next(datetime)
    return found.astimezone(UTC)


def last_time(cron: str, zone: ZoneInfo, now: datetime) -> datetime:
    """The schedule's last moment that isn't after that one, in UTC."""
    minute = now.astimezone(zone).replace(second=0, microsecond=0)
    found: datetime = croniter(cron, minute + timedelta(seconds=1)).get_prev(datetime)
    return found.astimezone(UTC)
