"""`--roster`: who takes calls over in a rehearsal or a test call."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import click

from ivr.cli.run import FILE_IN
from ivr.config import Settings
from ivr.desk.crew import Crew, installed_crew, whole_crew
from ivr.desk.presence import last_day_not_over
from ivr.desk.roster import load
from ivr.i18n import translate

ROSTER = click.option(
    "--roster", type=FILE_IN, help=translate("Who takes calls over (YAML); default: the installation's roster.")
)


def crew_of(roster: Path | None, settings: Settings, day: date, *, everybody: bool) -> Crew | None:
    """All agents of the file; without a file those of the installation, `everybody` or who is ready now. Nobody
    who has left by that day, or by now: a rehearsal's day may be long ago. None: there is no roster. Raises
    FlowLoadError, IvrError."""
    day = max(day, last_day_not_over(datetime.now(UTC)))
    if roster is not None:
        return whole_crew(load(roster), day)
    return asyncio.run(installed_crew(settings, day, everybody=everybody))
