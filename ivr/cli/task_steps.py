"""The steps of `ivr task`: each a command."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import click

from ivr.brief_words import PointWords
from ivr.byhand.cards import Card
from ivr.byhand.closing import Came
from ivr.byhand.errors import TaskError
from ivr.byhand.finishing import Result
from ivr.byhand.forms import NOT_ASKED, Form, FormKind, wanted
from ivr.byhand.service import How, Tasks
from ivr.byhand.taking import Nothing
from ivr.byhand.words import call_word, handling_word, reason_word
from ivr.cli.moments import moment_of, zone_of
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import HandlingState

T = TypeVar("T")
Command = Callable[..., Any]
LOOK_EVERY_S = 0.2
DIALLING = (HandlingState.ASKED, HandlingState.DIALING)
AGENT = click.option("--agent", required=True, metavar="NUMBER", help=translate("Whose task: the agent's number."))
TIMEZONE = click.option(
    "--timezone", default="Asia/Shanghai", show_default=True, help=translate("Of the times that are entered.")
)


def _run(db: Place | None, work: Callable[[Tasks], Awaitable[T]]) -> T:
    async def with_tasks(database: Database) -> T:
        tasks = Tasks(database, load_settings())
        try:
            return await work(tasks)
        finally:
            await tasks.close()

    return with_database(db, with_tasks, must_exist=True)


@click.command("next")
@AGENT
@click.option("--campaign", help=translate("Only of this campaign."))
@DATABASE
def next_(agent: str, campaign: str | None, db: Place | None) -> None:
    found = _run(db, lambda tasks: tasks.next(agent, campaign))
    if isinstance(found, Card):
        _show(found)
        return
    click.echo(_nothing(found))
    raise SystemExit(1)


@click.command()
@AGENT
@DATABASE
def show(agent: str, db: Place | None) -> None:
    async def work(tasks: Tasks) -> Card | None:
        card = await tasks.show(agent)
        return None if card is None else await tasks.when_quiet(card)

    _show_own(_run(db, work), agent)


@click.command()
@AGENT
@click.option("--no-wait", is_flag=True, help=translate("Don't wait for the answer."))
@DATABASE
def dial(agent: str, no_wait: bool, db: Place | None) -> None:
    async def work(tasks: Tasks) -> Card:
        card = await tasks.dial(agent)
        if not no_wait:
            click.echo(translate("Your phone will ring …"))
        while card.state in DIALLING and not no_wait:
            await asyncio.sleep(LOOK_EVERY_S)
            card = await tasks.last(card.handling_id)
        return await tasks.when_quiet(card)

    _show(_run(db, work))


@click.command()
@AGENT
@click.option("--why", required=True, help=translate("Why, for the record."))
@DATABASE
def skip(agent: str, why: str, db: Place | None) -> None:
    _run(db, lambda tasks: tasks.skip(agent, why))
    click.echo(translate("Skipped. Next: ivr task next --agent {number}", number=agent))


@click.command()
@AGENT
@click.argument("text")
@DATABASE
def note(agent: str, text: str, db: Place | None) -> None:
    _run(db, lambda tasks: tasks.note(agent, text))
    click.echo(translate("Noted."))


@click.command()
@AGENT
@click.argument("value", required=False)
@click.option("--none", "how", flag_value=How.NONE.value, help=translate("No usable answer could be had."))
@click.option("--opt-out", "how", flag_value=How.OPT_OUT.value, help=translate("They want no more calls."))
@click.option("--complaint", "how", flag_value=How.COMPLAINT.value, help=translate("They complain."))
@click.option("--machine", "how", flag_value=How.MACHINE.value, help=translate("An answering machine answered."))
@click.option("--method", help=translate("How their identity was checked: password, name_address or id."))
@DATABASE
def answer(agent: str, value: str | None, how: str | None, method: str | None, db: Place | None) -> None:
    said = How.ANSWER if how is None else How(how)
    if how is not None and value is not None:
        raise click.UsageError(translate("Give a value or one of the options, not both."))

    async def work(tasks: Tasks) -> Card:
        return await tasks.when_quiet(await tasks.answer(agent, value, said, method))

    _show(_run(db, work))


@click.command()
@AGENT
@DATABASE
def back(agent: str, db: Place | None) -> None:
    async def work(tasks: Tasks) -> Card:
        return await tasks.when_quiet(await tasks.back(agent))

    _show(_run(db, work))


@click.command()
@AGENT
@click.option("--disposition", help=translate("What it came to; default: what the script came to."))
@click.option("--call-back", help=translate('They want another call then: "2026-01-05 09:00".'))
@TIMEZONE
@DATABASE
def finish(agent: str, disposition: str | None, call_back: str | None, timezone: str, db: Place | None) -> None:
    result = Result(disposition, moment_of(call_back, zone_of(timezone)))
    _came(_run(db, lambda tasks: tasks.finish(agent, result)), timezone)


# ---- what is printed ------------------------------------------------------------------------------------------


def _came(came: Came, timezone: str) -> None:
    click.echo(translate("Written: {disposition}", disposition=came.disposition))
    if came.again_at is not None:
        click.echo(translate("They are called again on {moment}.", moment=_moment(came.again_at, timezone)))


def _nothing(found: Nothing) -> str:
    if found.campaigns == 0:
        return translate("No campaign that hands its tasks to this agent is running.")
    if found.opens_at is not None:
        return translate("Nobody may be called before {moment}.", moment=_moment(found.opens_at, "Asia/Shanghai"))
    return translate("Nobody is left to be called now.")


def _show_own(card: Card | None, agent: str) -> None:
    if card is None:
        raise TaskError("Agent {number} has no task; first: ivr task next --agent {number}", number=agent)
    _show(card)


def _show(card: Card) -> None:
    """The card, as text: who, what was before, what to say, what to enter."""
    head = {"phone": card.phone, "campaign": card.campaign, "state": handling_word(card.state).render(translate)}
    click.echo(translate("{phone} · {campaign} · {state}", **head))
    if card.reason:
        click.echo(f"  {reason_word(card.reason).render(translate)}")
    if card.why is not None and card.state is HandlingState.PREVIEW:
        click.echo(f"  {call_word(card.why).render(translate)}")
    for name, value in card.contact.items():
        click.echo(f"  {name}: {value}")
    for one in card.earlier:
        click.echo(
            translate(
                "  earlier, {moment}: {disposition} {note}",
                moment=_moment(one.at, "Asia/Shanghai"),
                disposition=one.disposition,
                note=f"· {one.note}" if one.note else "",
            )
        )
    for point in card.brief:
        click.echo(translate("  asked before: {point}", point=PointWords(point).render(translate)))
    if card.note:
        click.echo(translate("  note: {note}", note=card.note))
    if card.fault is not None:
        why = translate(card.fault.template, **card.fault.params)
        click.echo(translate("  the script doesn't go on: {why}", why=why))
    if card.state in (HandlingState.DONE, HandlingState.RETURNED, HandlingState.SKIPPED):
        return
    for said in card.said:
        click.echo(f"\n  [{said.node}] {said.text}")
    click.echo("")
    for name, value in card.answers.items():
        click.echo(f"  {name} = {value}")
    click.echo(_form(card.form))
    if card.state is HandlingState.WRAP_UP:
        came_to = card.disposition or "–"
        click.echo(translate("The script came to: {disposition}", disposition=came_to))
        click.echo(translate("It may be finished with: {known}", known=", ".join(card.dispositions)))


def _form(form: Form) -> str:
    match form.kind:
        case FormKind.CHOICE:
            return translate("Enter one of: {values}", values=wanted(form))
        case FormKind.IDENTITY:
            return translate("Check who they are; enter one of: {values}", values=wanted(form))
        case FormKind.DIGITS:
            return translate("Enter digits: {values}", values=wanted(form))
        case FormKind.TALK:
            return translate("They asked for a person: talk with them, then go on.")
        case FormKind.MESSAGE:
            return translate("Leave the message after the beep, then go on.")
        case FormKind.NOT_YET | FormKind.RECORDED:
            return translate(NOT_ASKED[form.kind])
        case FormKind.GO_ON:
            return translate("Go on when the call is on.")
        case _:
            return translate("The script is at its end.")


def _moment(at: datetime, timezone: str) -> str:
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"
