"""`ivr identity …`: who customers were found to be. The digits themselves come from a prompt or from stdin, never
from the command line, where other people's `ps` and the shell's history would keep them."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.identity.form import METHODS, RESULTS, Judgement, record_identity_check
from ivr.identity.hashes import make_hash
from ivr.identity.rows import CheckView, checks_of
from ivr.identity.words import result_word
from ivr.model import IdentityResult


@click.group(help=translate("See how customers were identified, record it for agents, hash passwords for lists."))
def command() -> None:
    pass


@command.command(help=translate("Show how the customer of a call was identified. CALL is its attempt's id."))
@click.argument("attempt", metavar="CALL")
@DATABASE
def show(attempt: str, db: Place | None) -> None:
    async def work(database: Database) -> list[CheckView]:
        return (await database.read(lambda session: checks_of(session, [attempt]))).get(attempt, [])

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("Nobody was identified in the call {attempt}.", attempt=attempt))
        return
    table = Table()
    for heading in ("time", "asked for", "result", "tries", "by whom"):
        table.add_column(translate(heading))
    for one in found:
        who = translate("agent {number}", number=one.agent) if one.agent else translate("the robot")
        result = result_word(one.result).render(translate)
        table.add_row(f"{one.at.astimezone():%Y-%m-%d %H:%M:%S}", one.method, result, str(one.tries), who)
    Console().print(table)


@command.command(help=translate("Record what an agent's check came to. CALL is the attempt's id."))
@click.argument("attempt", metavar="CALL")
@click.option("--agent", required=True, help=translate("The agent's number."))
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
        await database.run(lambda session: record_identity_check(session, attempt, judgement, limits, now))

    with_database(db, work, must_exist=True)
    click.echo(translate("Recorded: {method}, {result}.", method=method,
                         result=result_word(judgement.result).render(translate)))  # fmt: skip


@command.command("hash", help=translate("Make salted hashes for a list's column: one entry a line, from stdin."))
def hash_() -> None:
    if sys.stdin.isatty():
        click.echo(make_hash(str(click.prompt(translate("Digits"), hide_input=True))))
        return
    for line in sys.stdin:
        click.echo(make_hash(line.strip()) if line.strip() else "")
