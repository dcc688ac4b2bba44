"""`ivr agent …`: what an agent does now. Their web page calls the same functions."""

from __future__ import annotations

import click

from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.database import Database, Place
from ivr.desk.presence import Change, choose, find
from ivr.desk.states import Asked
from ivr.desk.words import state_word
from ivr.i18n import translate
from ivr.model import AgentState

AGENT = click.argument("agent")
REASON = click.option("--why", "reason", help=translate("Why, for the record."))


@click.group(help=translate("Sign agents in and out, and say what they do."))
def command() -> None:
    pass


def _change(agent: str, state: AgentState, db: Place | None, reason: str | None = None) -> None:
    async def work(database: Database) -> Asked:
        now = database.clock.now()
        change = Change(state, operator(), reason)
        return await database.run(lambda session: choose(session, find(session, agent), change, now))

    became = with_database(db, work, must_exist=True)
    word = state_word(state).render(translate)
    if became is Asked.LATER:
        click.echo(translate("Agent {agent} is in a call; afterwards: {state}.", agent=agent, state=word))
    else:
        click.echo(translate("Agent {agent}: {state}.", agent=agent, state=word))


@command.command("sign-in", help=translate("Sign an agent in; calls come once they are ready."))
@AGENT
@DATABASE
def sign_in(agent: str, db: Place | None) -> None:
    _change(agent, AgentState.SIGNED_IN, db)


@command.command(help=translate("Calls may come."))
@AGENT
@DATABASE
def ready(agent: str, db: Place | None) -> None:
    _change(agent, AgentState.READY, db)


@command.command(help=translate("Set an agent busy, with a reason."))
@AGENT
@click.option("--why", "reason", required=True, help=translate("Why, for the record."))
@DATABASE
def busy(agent: str, reason: str, db: Place | None) -> None:
    _change(agent, AgentState.BUSY, db, reason)


@command.command(help=translate("A rest."))
@AGENT
@DATABASE
def rest(agent: str, db: Place | None) -> None:
    _change(agent, AgentState.REST, db)


@command.command(help=translate("A training."))
@AGENT
@REASON
@DATABASE
def training(agent: str, reason: str | None, db: Place | None) -> None:
    _change(agent, AgentState.TRAINING, db, reason)


@command.command(help=translate("A meeting."))
@AGENT
@REASON
@DATABASE
def meeting(agent: str, reason: str | None, db: Place | None) -> None:
    _change(agent, AgentState.MEETING, db, reason)


@command.command("sign-out", help=translate("Sign an agent out: at once, or when their call is over."))
@AGENT
@DATABASE
def sign_out(agent: str, db: Place | None) -> None:
    _change(agent, AgentState.SIGNED_OUT, db)
