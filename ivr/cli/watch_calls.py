"""`ivr watch …`: live calls, robots' and agents': see them, read, listen, whisper, join, take over, cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial, update_wrapper

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from flows.findings import Term
from ivr.brief_words import PointWords
from ivr.campaigns.actors import Actor, actor_of
from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.database import Database, Place
from ivr.i18n import current_language, translate
from ivr.model import Supervision, SupervisionKind, SupervisionState
from ivr.report.labels import answer_label, label
from ivr.session.progress import masked
from ivr.signals import at_each_signal
from ivr.supervision import service
from ivr.supervision.words import kind_word, state_word, why_word

LOOK_EVERY_S = 0.3
ENDS_WITHIN_S = 15.0  # an order that is to end; then nobody is there who could end it
SHORT = 8  # signs of a call's id that are shown
USER = click.option("--user", help=translate("Who watches, of the users; default: whoever is at the keyboard."))
PHONE = click.option(
    "--phone", required=True, help=translate("What rings for you: an extension, or a number like +8613900000001.")
)
CALL = click.argument("call", metavar="CALL")
Watching = tuple[str | None, "Place | None"]  # as which user, in which database
NOT_HEARD = {"no_input": "says nothing", "no_match": "isn't understood"}
SPEAKERS = {
    "robot": "robot",
    "agent": "agent",
    "customer": "customer",
    "whisper": "to the agent",
    "call": "call",
}


def watching(command: Callable[..., None]) -> Callable[..., None]:
    """`--user` and `--db` may stand before the command or after it, as elsewhere."""

    @USER
    @DATABASE
    @click.pass_obj
    def carry_out(before: Watching, /, user: str | None, db: Place | None, **given: str) -> None:
        command((user or before[0], before[1] if db is None else db), **given)

    update_wrapper(carry_out, command)
    return carry_out


@click.group(
    help=translate("See live calls; listen, whisper, join, take over, cut. CALL: an id's first signs."),
    invoke_without_command=True,
)
@USER
@DATABASE
@click.pass_context
def command(context: click.Context, user: str | None, db: Place | None) -> None:
    context.obj = (user, db)
    if context.invoked_subcommand is None:
        _show(user, db)


def _show(user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> tuple[service.LiveCall, ...]:
        actor = await actor_of(database, operator(), user)
        return await database.read(lambda session: service.live_calls(session, actor))

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("No calls are on now."))
        return
    table = Table()
    for heading in ("call", "campaign", "number", "with", "state", "node", "last heard", "watched by"):
        table.add_column(translate(heading))
    for one in found:
        table.add_row(one.attempt_id[:SHORT], one.campaign, masked(one.phone), _with(one), translate(one.state),
                      one.node or "", _heard(one.heard or ""), "\n".join(map(_watcher, one.watchers)))  # fmt: skip
    Console().print(table)


def _with(call: service.LiveCall) -> str:
    """Who talks with the customer."""
    if call.taken_by:
        return call.taken_by
    if call.agent:
        return translate("agent {number}", number=call.agent)
    return translate("an agent" if call.person else "the robot")  # whose talk is just over


def _watcher(one: service.Watcher) -> str:
    return translate("{who}: {what}", who=one.who, what=kind_word(one.kind).render(translate))


@command.command(help=translate("Read a call, line by line, until it ends."))
@CALL
@watching
def read(obj: Watching, call: str) -> None:
    shown: list[str] = []

    def tell(view: service.OrderView) -> None:
        for line in view.lines:
            key = f"{line['at']} {line['who']} {line['text']}"
            if key not in shown:
                shown.append(key)
                click.echo(told(line))

    _carry_out(obj, call, SupervisionKind.READ, tell=tell)


@command.command(
    help=translate(
        "Show what the customer had been asked and answered when they wanted a person: the agent's brief."
    )
)
@CALL
@watching
def brief(obj: Watching, call: str) -> None:
    user, db = obj

    async def work(database: Database) -> service.LiveCall | None:
        actor = await actor_of(database, operator(), user)

        def look(session: Session) -> service.LiveCall | None:
            attempt_id = service.find_call(session, call)
            return next((one for one in service.live_calls(session, actor) if one.attempt_id == attempt_id), None)

        return await database.read(look)

    found = with_database(db, work, must_exist=True)
    points = () if found is None else found.brief
    for point in points:
        click.echo(PointWords(point).render(translate))
    if not points:
        click.echo(translate("They haven't wanted a person, or nothing had been asked before."))


def told(line: dict[str, str]) -> str:
    """One line of a call's text, at the reader's time."""
    at = datetime.fromisoformat(line["at"]).astimezone()
    return f"{at:%H:%M:%S} {translate(SPEAKERS[line['who']])}: {_text(line)}"


def _text(line: dict[str, str]) -> str:
    if line["who"] == "call":
        return translate(line["text"])
    return _heard(line["text"]) if line["who"] == "customer" else line["text"]


def _heard(text: str) -> str:
    """What was heard of a customer: their words, if any, and what they were understood as."""
    words, arrow, meaning = text.rpartition(" → ")
    if meaning in NOT_HEARD:
        return f"{words}{arrow}{translate(NOT_HEARD[meaning])}"
    return f"{words}{arrow}{answer_label('', meaning, current_language())}"


def _add_spoken(name: str, kind: SupervisionKind, help_: str) -> None:
    """A command by which the supervisor's phone comes into the call."""

    @command.command(name, help=help_)
    @CALL
    @PHONE
    @watching
    def spoken(obj: Watching, call: str, phone: str) -> None:
        _carry_out(obj, call, kind, phone)


@command.command(help=translate("End a call at once."))
@CALL
@watching
def cut(obj: Watching, call: str) -> None:
    _carry_out(obj, call, SupervisionKind.CUT)


@command.command(help=translate("Show what supervisors did with a call. CALL is the whole id."))
@CALL
@watching
def log(obj: Watching, call: str) -> None:
    user, db = obj

    async def work(database: Database) -> list[Supervision]:
        service.must_supervise(await actor_of(database, operator(), user))
        return await database.read(lambda session: service.actions_of(session, call))

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("No supervisor has done anything with the call {call}.", call=call))
        return
    table = Table()
    for heading in ("time", "who", "what", "result", "agent", "agent sees it"):
        table.add_column(translate(heading))
    for one in found:
        told = translate("yes" if one.told else "no") if one.agent and one.began_at else ""
        at = f"{one.asked_at.astimezone():%Y-%m-%d %H:%M:%S}"
        did = kind_word(one.kind).render(translate)
        result = _with_why(state_word(one.state).render(translate), one.why)
        table.add_row(at, one.who, did, result, one.agent or "", told)
    Console().print(table)


def _carry_out(
    obj: Watching,
    call: str,
    kind: SupervisionKind,
    phone: str | None = None,
    tell: Callable[[service.OrderView], None] = lambda _: None,
) -> None:
    """Give the order, say what becomes of it until it is over; a stopping signal ends it."""
    user, db = obj

    async def work(database: Database) -> service.OrderView:
        actor = await actor_of(database, operator(), user)
        now = database.clock.now

        def give(session: Session) -> int:
            attempt_id = service.find_call(session, call)
            return service.order(session, actor, service.Order(attempt_id, kind, phone), now())

        order_id = await database.run(give)
        stop = asyncio.Event()
        with at_each_signal(stop.set):
            return await until_over(database, order_id, actor, stop, tell)

    view = with_database(db, work, must_exist=True)
    if view.state not in (SupervisionState.DONE, SupervisionState.CALL_OVER):
        raise click.exceptions.Exit(1)


async def until_over(
    database: Database,
    order_id: int,
    actor: Actor,
    stop: asyncio.Event,
    tell: Callable[[service.OrderView], None] = lambda _: None,
) -> service.OrderView:
    """Say what becomes of an order, and hand each look to `tell`. `stop` ends it, though its worker be gone."""
    state = SupervisionState.ASKED
    loop = asyncio.get_running_loop()
    asked_s: float | None = None  # when it was asked to end
    while True:
        now = database.clock.now()
        view = await database.run(partial(service.follow, order_id=order_id, actor=actor, now=now))
        if view.state is not state:
            state = view.state
            if not view.over:
                click.echo(_said(view))
        tell(view)
        if view.over:
            click.echo(_said(view))
            return view
        if stop.is_set() and asked_s is None:
            asked_s = loop.time()
            await database.run(lambda session: service.end(session, order_id, actor))
        if asked_s is not None and loop.time() - asked_s > ENDS_WITHIN_S:
            await database.run(partial(service.give_up, order_id=order_id, actor=actor, now=now))
        await _wait(stop if asked_s is None else None)


async def _wait(stop: asyncio.Event | None) -> None:
    if stop is None:
        await asyncio.sleep(LOOK_EVERY_S)
        return
    try:
        async with asyncio.timeout(LOOK_EVERY_S):
            await stop.wait()
    except TimeoutError:
        return


def _said(view: service.OrderView) -> str:
    said = state_word(view.state).render(translate)
    if view.state is SupervisionState.ON:
        said = kind_word(view.kind).render(translate)
        if view.told:
            said = translate("{what}; the agent sees it", what=said)
    return _with_why(said, view.why)


def _with_why(said: str, why: str | None) -> str:
    if why is None:
        return said
    word = why_word(why)
    words = word.render(translate) if isinstance(word, Term) else label("outcome", word, current_language())
    return translate("{what}: {why}", what=said, why=words)


_add_spoken("listen", SupervisionKind.LISTEN,
            translate("Listen: your phone rings, and you hear both sides. Nobody hears you."))  # fmt: skip
_add_spoken("whisper", SupervisionKind.WHISPER,
            translate("Whisper: you hear both sides, and the agent alone hears you."))  # fmt: skip
_add_spoken("join", SupervisionKind.JOIN, translate("Join: everybody on the call hears you."))
_add_spoken("take-over", SupervisionKind.TAKE_OVER,
            translate("Talk with the customer instead of the robot or the agent."))  # fmt: skip
