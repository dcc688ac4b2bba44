"""`ivr token …`: keys for programs that use the API."""

from __future__ import annotations

from datetime import UTC, datetime

import click
from rich.console import Console
from rich.table import Table

from ivr import tokens
from ivr.cli.options import DATABASE
from ivr.cli.why import shown_moment
from ivr.cli.with_database import operator, with_database
from ivr.database import Database, Place
from ivr.i18n import translate


@click.group(help=translate("Keys for programs that use the API."))
def command() -> None:
    pass


@command.command(help=translate("Make a token; it is shown this once."))
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(tokens.SCOPES),
    default=tokens.SCOPES,
    show_default=True,
    help=translate("What it is for; may be given several times."),
)
@click.option(
    "--until", type=click.DateTime(["%Y-%m-%d"]), help=translate("The day on which it ends; default: it doesn't.")
)
@DATABASE
def add(name: str, scopes: tuple[str, ...], until: datetime | None, db: Place | None) -> None:
    expires_at = None if until is None else until.astimezone().astimezone(UTC)

    async def work(database: Database) -> str:
        now = database.clock.now()
        return await database.run(
            lambda session: tokens.add_token(session, name, scopes, expires_at, operator(), now)
        )

    click.echo(with_database(db, work))
    click.echo(translate("Keep it well: it isn't shown again."), err=True)


@command.command("list", help=translate("Show the tokens that there are, without the tokens themselves."))
@DATABASE
def list_(db: Place | None) -> None:
    found = with_database(db, lambda database: database.read(tokens.list_tokens), must_exist=True)
    table = Table()
    for title in ("name", "for", "made", "by", "ends"):
        table.add_column(translate(title))
    for token in found:
        ends = token.revoked_at or token.expires_at
        table.add_row(
            token.name,
            ", ".join(token.scopes),
            shown_moment(token.created_at),
            token.created_by,
            shown_moment(ends) if ends else "",
        )
    Console().print(table)


@command.command(help=translate("Take a token away: from now on it opens nothing."))
@click.argument("name")
@DATABASE
def revoke(name: str, db: Place | None) -> None:
    async def work(database: Database) -> None:
        now = database.clock.now()
        await database.run(lambda session: tokens.revoke_token(session, name, operator(), now))

    with_database(db, work, must_exist=True)
    click.echo(translate("The token {name} opens nothing any more.", name=name))
