"""`ivr organisation …`: the tree of organisations, and who belongs where."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from ivr.campaigns import organisations
from ivr.campaigns.words import level_word
from ivr.cli.campaign_options import AS, NAME, acting
from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import OrganisationLevel


@click.group(help=translate("Say which organisations there are, and who belongs to them."))
def command() -> None:
    pass


@command.command(help=translate("Add an organisation."))
@NAME
@click.option(
    "--level",
    required=True,
    type=click.Choice([level.value for level in OrganisationLevel]),
    help=translate("Of what kind it is."),
)
@click.option("--under", help=translate("The organisation that it belongs to; default: it is at the top."))
@AS
@DATABASE
def add(name: str, level: str, under: str | None, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> None:
        actor = await acting(database, user)
        await organisations.add_organisation(database, actor, name, OrganisationLevel(level), under)

    with_database(db, work)
    click.echo(translate("Added {name}.", name=name))


@command.command("list", help=translate("List the organisations and their users."))
@DATABASE
def list_(db: Place | None) -> None:
    found = with_database(db, organisations.list_organisations, must_exist=True)
    if not found:
        click.echo(translate("There are no organisations; add one with: ivr organisation add NAME --level city"))
        return
    table = Table()
    for title in ("name", "level", "belongs to", "users"):
        table.add_column(translate(title))
    for one in found:
        level = level_word(one.level).render(translate)
        table.add_row(one.name, level, one.parent or "", ", ".join(one.users))
    Console().print(table)


@command.command(help=translate("Say to which organisation a user belongs."))
@click.argument("member")
@click.argument("organisation", required=False)
@AS
@DATABASE
def assign(member: str, organisation: str | None, user: str | None, db: Place | None) -> None:
    async def work(database: Database) -> None:
        await organisations.assign_user(database, await acting(database, user), member, organisation)

    with_database(db, work, must_exist=True)
    if organisation is None:
        click.echo(translate("{user} belongs to no organisation any more.", user=member))
    else:
        click.echo(translate("{user} belongs to {organisation} now.", user=member, organisation=organisation))
