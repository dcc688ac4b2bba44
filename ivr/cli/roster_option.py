"""`--roster`: who takes calls over in a rehearsal or a test call."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path

import click

from flows.loader import load as load_flow
from ivr.cli.main import user_sentence
from ivr.cli.run import FILE_IN
from ivr.config import Settings
from ivr.database import DatabaseError
from ivr.desk.crew import Crew, installed_crew, stand_in_crew, whole_crew
from ivr.desk.errors import DeskError
from ivr.desk.presence import last_day_not_over
from ivr.desk.roster import load
from ivr.errors import IvrError
from ivr.flow_queues import queues_of
from ivr.i18n import translate
from trunk.carrier.callees_file import load_callees

ROSTER = click.option(
    "--roster", type=FILE_IN, help=translate("Who takes calls over (YAML); default: the installation's roster.")
)


def rehearsed_crew(roster: Path | None, settings: Settings, day: date, flow: Path, callees: Path) -> Crew | None:
    """As `crew_of`, everybody. Where the installation's roster can't be read, or there is none, the agents whom
    the callees file describes take the calls of the flow's queues, and it is said. Raises FlowLoadError,
    CarrierError, IvrError."""
    why: IvrError | None = None
    try:
        crew = crew_of(roster, settings, day, everybody=True)
    except (DatabaseError, DeskError) as error:
        crew, why = None, error
    if crew is not None:
        return crew
    crew = stand_in_crew(queues_of(load_flow(flow)), load_callees(callees).agents)
    if why is not None:
        sentence = translate(
            "The installation's roster can't be read, and the rehearsal goes on without it: {reason}",
            reason=user_sentence(why),
        )
        click.echo(f"{translate('warning')}: {sentence}", err=True)
    if crew is not None:
        sentence = "Without a roster calls of all the flow's queues go to the agents of the callees file: {count}."
        click.echo(translate(sentence, count=len(crew.ready)))
    return crew


def crew_of(roster: Path | None, settings: Settings, day: date, *, everybody: bool) -> Crew | None:
    """All agents of the file; without a file those of the installation, `everybody` or who is ready now. Nobody
    who has left by that day, or by now: a rehearsal's day may be long ago. None: there is no roster. Raises
    FlowLoadError, IvrError."""
    day = max(day, last_day_not_over(datetime.now(UTC)))
    if roster is not None:
        return whole_crew(load(roster), day)
    return asyncio.run(installed_crew(settings, day, everybody=everybody))
