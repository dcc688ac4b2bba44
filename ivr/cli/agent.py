"""`ivr agent …`: what an agent does now. Their web page calls the same functions."""

from __future__ import annotations

import click

from ivr.brief_words import PointWords
from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.database import Database, Place
from ivr.desk.presence import Change, choose, find
from ivr.desk.states import Asked
from ivr.desk.telling import customer_of
from ivr.desk.words import state_word
from ivr.desk.wrapping_up import Said, wrap_up
from ivr.i18n import translate
from ivr.model import AgentState
from ivr.session.progress import masked
from ivr.supervision.service import watched_agents


@click.group(help=translate("Sign agents in and out, and say what they do."))
def command() -> None:
    pass


def _change(agent: str, state: AgentState, db: Place | None, reason: str | None) -> None:
    async def work(database: Database) -> tuple[Asked, bool]:
        now = database.clock.now()
        change = Change(state, operator(), reason)
        became = await database.run(lambda session: choose(session, find(session, agent), change, now))
        return became, agent in await database.read(watched_agents)

    became, watched = with_database(db, work, must_exist=True)
    word = state_word(state).render(translate)
    if became is Asked.LATER:
        click.echo(translate("Agent {agent} is in a call; afterwards: {state}.", agent=agent, state=word))
    else:
        click.echo(translate("Agent {agent}: {state}.", agent=agent, state=word))
    if watched:
        click.echo(translate("Somebody is listening to agent {agent}'s call.", agent=agent))


def _add(name: str, state: AgentState, help_: str, *, why: bool | None = None) -> None:
    """A command that sets one state. `why`: whether a reason must be given; None: there is none to give."""

    def change(agent: str, db: Place | None, reason: str | None = None) -> None:
        _change(agent, state, db, reason)

    asked = (
        []
        if why is None
        else [click.option("--why", "reason", required=why, help=translate("Why, for the record."))]
    )
    for option in (DATABASE, *asked, click.argument("agent")):
        change = option(change)
    command.command(name, help=help_)(change)


@command.command("wrap-up", help=translate("Say what a talk came to, and end its wrap-up."))
@click.argument("agent")
@click.option("--disposition", required=True, help=translate("One of the campaign's flow."))
@DATABASE
def wrap_up_(agent: str, disposition: str, db: Place | None) -> None:
    async def work(database: Database) -> AgentState:
        now = database.clock.now()
        said = Said(disposition, operator())
        return await database.run(lambda session: wrap_up(session, agent, said, now))

    state = with_database(db, work, must_exist=True)
    click.echo(translate("Agent {agent}: {state}.", agent=agent, state=state_word(state).render(translate)))


@command.command(help=translate("Show whom the agent gets or has: what that customer was asked and answered."))
@click.argument("agent")
@DATABASE
def customer(agent: str, db: Place | None) -> None:
    found = with_database(
        db, lambda database: database.read(lambda session: customer_of(session, agent)), must_exist=True
    )
    if found is None:
        click.echo(translate("Nobody has been handed to agent {agent}.", agent=agent))
        return
    click.echo(translate("{phone} · queue {queue}", phone=masked(found.phone), queue=found.queue))
    for point in found.brief:
        click.echo(f"  {PointWords(point).render(translate)}")
    if not found.brief:
        click.echo(translate("  They had been asked nothing."))


_add("sign-in", AgentState.SIGNED_IN, translate("Sign an agent in; calls come once they are ready."))
_add("ready", AgentState.READY, translate("Calls may come."))
_add("busy", AgentState.BUSY, translate("Set an agent busy, with a reason."), why=True)
_add("rest", AgentState.REST, translate("A rest."))
_add("training", AgentState.TRAINING, translate("A training."), why=False)
_add("meeting", AgentState.MEETING, translate("A meeting."), why=False)
_add("sign-out", AgentState.SIGNED_OUT, translate("Sign an agent out: at once, or when their call is over."))
