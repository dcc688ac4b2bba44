"""`ivr identity …`: who customers were found to be. The digits themselves come from a prompt or from stdin, never
from the command line, where other people's `ps` and the shell's history would keep them."""

from __future__ import annotations

import re
import sys

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from flows.findings import Term
from ivr.cli.options import DATABASE
from ivr.cli.why import shown_moment
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.finding_calls import find_call
from ivr.i18n import translate
from ivr.identity.form import (
    METHODS,
    RESULTS,
    IdentityError,
    Judgement,
    begin_identity_check,
    record_identity_check,
)
from ivr.identity.hashes import make_hash
from ivr.identity.rows import CheckView, checks_of
from ivr.identity.words import method_word, result_word
from ivr.model import IdentityResult

AGENT = click.option("--agent", required=True, help=translate("The agent's number."))


@click.group(help=translate("See how customers were identified, record it for agents, hash passwords for lists."))
def command() -> None:
    pass


@command.command(help=translate("Show how the customer of a call was identified. CALL: its id's first signs."))
@click.argument("attempt", metavar="CALL")
@DATABASE
def show(attempt: str, db: Place | None) -> None:
    def checks(session: Session) -> list[CheckView]:
        call = find_call(session, attempt)
        return checks_of(session, [call]).get(call, [])

    async def work(database: Database) -> list[CheckView]:
        return await database.read(checks)

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("Nobody was identified in the call {attempt}.", attempt=attempt))
        return
    table = Table()
    for heading in ("time", "asked for", "result", "tries", "by whom"):
        table.add_column(translate(heading))
    for one in found:
        who = translate("agent {number}", number=one.agent) if one.agent else translate("the robot")
        row = (
            shown_moment(one.at),
            _method(one.method),
            result_word(one.result).render(translate),
            str(one.tries),
        )
        table.add_row(*row, who)
    Console().print(table)


def _method(method: str) -> str:
    said = method_word(method)
    return said.render(translate) if isinstance(said, Term) else said


@command.command(
    help=translate(
        "An agent is about to ask: the call isn't recorded until the result is, or for two minutes. CALL: its "
        "id's first signs."
    )
)
@click.argument("attempt", metavar="CALL")
@AGENT
@DATABASE
def ask(attempt: str, agent: str, db: Place | None) -> None:
    async def work(database: Database) -> None:
        now = database.clock.now()
        await database.run(lambda session: begin_identity_check(session, find_call(session, attempt), agent, now))

    with_database(db, work, must_exist=True)
    click.echo(translate("The call isn't recorded now; ivr identity record ends that, or two minutes."))


@command.command(help=translate("Record what an agent's check came to. CALL: the id's first signs."))
@click.argument("attempt", metavar="CALL")
@AGENT
@click.option(
    "--method", required=True, type=click.Choice(METHODS), help=translate("What the customer was asked for.")
)
@click.option(
    "--result",
    required=True,
    type=click.Choice([one.value for one in RESULTS]),
    help=translate("What it came to."),
)
@click.option("--tries", default=1, show_default=True, help=translate("How often they answered."))
@DATABASE
def record(attempt: str, agent: str, method: str, result: str, tries: int, db: Place | None) -> None:
    limits = load_settings().identity
    judgement = Judgement(method, IdentityResult(result), agent, tries)

    async def work(database: Database) -> None:
        now = database.clock.now()
        await database.run(
            lambda session: record_identity_check(session, find_call(session, attempt), judgement, limits, now)
        )

    with_database(db, work, must_exist=True)
    click.echo(translate("Recorded: {method}, {result}.", method=_method(method),
                         result=result_word(judgement.result).render(translate)))  # fmt: skip


@command.command("hash", help=translate("Make salted hashes for a list's column: one entry a line, from stdin."))
def hash_() -> None:
    if sys.stdin.isatty():
        click.echo(make_hash(_keyed(str(click.prompt(translate("Digits"), hide_input=True)), 1)))
        return
    for number, line in enumerate(sys.stdin, start=1):
        click.echo(make_hash(_keyed(line.strip(), number)) if line.strip() else "")


def _keyed(entry: str, line: int) -> str:
    """What a customer can key. Raises IdentityError, which doesn't say what else it is."""
    if not re.fullmatch(r"[0-9]{1,32}", entry):
        raise IdentityError("Line {line} isn't 1 to 32 digits, and nothing else can be keyed.", line=line)
    return entry
