"""`ivr desk …`: who works here, when, and what they are doing."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.moments import zone_of
from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.desk import roster, shifts
from ivr.desk.schema import RosterSpec
from ivr.desk.telling import InLine, line
from ivr.desk.views import AgentView, QueueView, day_of, everybody, queues, teams_of
from ivr.desk.words import stage_word, state_word
from ivr.i18n import translate
from ivr.session.progress import masked

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
TIMEZONE = click.option(
    "--timezone", default="Asia/Shanghai", show_default=True, help=translate("Of the file's or the shown times.")
)


@click.group(help=translate("Say who works here and when; see what they are doing."))
def command() -> None:
    pass


@command.command(help=translate("Take in a roster (YAML): teams, queues, agents and what they can do."))
@click.argument("file", type=FILE)
@TIMEZONE
@DATABASE
def load(file: Path, timezone: str, db: Place | None) -> None:
    spec, zone = roster.load(file), ZoneInfo(zone_of(timezone))

    async def work(database: Database) -> roster.Loaded:
        now = database.clock.now()
        return await database.run(lambda session: roster.take(session, spec, operator(), now, zone))

    loaded = with_database(db, work)
    click.echo(translate("Added: {added}, changed: {changed}, as before: {same}.", added=loaded.added,
                         changed=loaded.changed, same=loaded.same))  # fmt: skip
    _warn_of_trunks(spec)


def _warn_of_trunks(spec: RosterSpec) -> None:
    """Where this machine has trunks: of those that it lacks. The roster may be right for another one."""
    trunks = load_settings().trunks
    for name in sorted({agent.trunk for agent in spec.agents.values() if agent.trunk} - trunks.keys()):
        if trunks:
            sentence = "Agents are rung by the trunk {trunk}, which this machine's settings don't have: {known}."
            known = ", ".join(sorted(trunks))
            click.echo(f"{translate('warning')}: {translate(sentence, trunk=name, known=known)}")


@command.command("shifts", help=translate("Take in a shift plan: a CSV file with agent,date,from,to."))
@click.argument("file", type=FILE)
@TIMEZONE
@DATABASE
def shifts_(file: Path, timezone: str, db: Place | None) -> None:
    zone = ZoneInfo(zone_of(timezone))
    plan = shifts.read(file, zone)

    async def work(database: Database) -> int:
        now = database.clock.now()
        return await database.run(lambda session: shifts.take(session, plan, zone, operator(), now))

    replaced = with_database(db, work, must_exist=True)
    click.echo(translate("Shifts: {shifts}; they replace {replaced}.", shifts=len(plan), replaced=replaced))


@command.command(
    help=translate("Show the agents and what they are doing, the queues, and the customers who wait.")
)
@DATABASE
def show(db: Place | None) -> None:
    async def work(database: Database) -> tuple[datetime, tuple[AgentView, ...], tuple[QueueView, ...]]:
        now = database.clock.now()
        agents = await database.read(lambda session: everybody(session, now))
        return now, agents, await database.read(queues)

    async def customers(database: Database) -> tuple[InLine, ...]:
        return await database.read(lambda session: line(session, database.clock.now()))

    now, agents, of_queues = with_database(db, work, must_exist=True)
    if not agents:
        click.echo(translate("There are no agents; take a roster in with: ivr desk load roster.yaml"))
        return
    table = Table()
    for heading in ("agent", "name", "team", "skills", "state", "lasting"):
        table.add_column(translate(heading))
    for agent in agents:
        state = state_word(agent.state).render(translate)
        if agent.reason:
            state = translate("{state} ({reason})", state=state, reason=agent.reason)
        if agent.watched:
            state = translate("{state}; somebody is listening", state=state)
        table.add_row(agent.number, agent.name, agent.team or "", agent.skills, state, _span(now - agent.since))
    Console().print(table)
    for one in of_queues:
        told = "Queue {queue}: skill {skill}, agents who are ready: {free}, customers who wait: {waiting}"
        click.echo(translate(told, queue=one.name, skill=one.skill, free=one.free, waiting=one.waiting))
    _show_line(with_database(db, customers), now)


@command.command("teams", help=translate("Show in which teams an agent was when."))
@click.argument("agent")
@DATABASE
def teams_(agent: str, db: Place | None) -> None:
    stays = with_database(
        db, lambda database: database.read(lambda session: teams_of(session, agent)), must_exist=True
    )
    table = Table()
    for heading in ("from", "until", "team"):
        table.add_column(translate(heading))
    for one in stays:
        table.add_row(str(one.since), str(one.until or ""), one.team or "–")
    Console().print(table)


@command.command(help=translate("Show an agent's day: what they did from when to when."))
@click.argument("agent")
@click.option("--day", type=click.DateTime(["%Y-%m-%d"]), help=translate("Which; default: today."))
@TIMEZONE
@DATABASE
def timeline(agent: str, day: datetime | None, timezone: str, db: Place | None) -> None:
    zone = ZoneInfo(zone_of(timezone))
    which = datetime.now(zone).date() if day is None else day.date()
    begin, end = (datetime.combine(which + timedelta(days=later), time.min, zone) for later in (0, 1))
    stretches = with_database(
        db, lambda database: database.read(lambda session: day_of(session, agent, begin, end)), must_exist=True
    )
    if not stretches:
        click.echo(translate("Nothing is known of agent {agent} on {day}.", agent=agent, day=which))
        return
    table = Table()
    for heading in ("from", "until", "state", "reason", "changed by"):
        table.add_column(translate(heading))
    for one in stretches:
        until = min(one.until, datetime.now(UTC))
        table.add_row(f"{one.at.astimezone(zone):%H:%M:%S}", f"{until.astimezone(zone):%H:%M:%S}",
                      state_word(one.state).render(translate), one.reason or "", one.by)  # fmt: skip
    Console().print(table)


def _show_line(customers: tuple[InLine, ...], now: datetime) -> None:
    if not customers:
        return
    table = Table()
    for heading in ("customer", "queue", "state", "agent", "since they asked"):
        table.add_column(translate(heading))
    for one in customers:
        state = stage_word(one.state).render(translate)
        table.add_row(masked(one.phone), one.queue, state, one.agent or "", _span(now - one.since))
    Console().print(table)


def _span(length: timedelta) -> str:
    seconds = max(0, int(length.total_seconds()))
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
