"""Times as people write them on the command line."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

from ivr.i18n import translate


def zone_of(name: str) -> str:
    """Raises click.BadParameter for what is no time zone."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise click.BadParameter(
            translate("{name} is no time zone; write one like Asia/Shanghai", name=name)
        ) from error
    return name


def moment_of(text: str | None, zone: str) -> datetime | None:
    """A moment as people write it, in the zone unless it names its own. Raises click.BadParameter."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            translate("{text} is no moment; write one like 2026-01-05 09:00", text=text)
        ) from error
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
