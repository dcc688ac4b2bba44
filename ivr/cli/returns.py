"""`ivr returns`: how many calls came in over the trunks, and what they were."""

from __future__ import annotations

from datetime import timedelta

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.options import DATABASE
from ivr.cli.with_database import with_database
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import IncomingKind
from ivr.returns.counting import incoming

KINDS = {
    IncomingKind.RETURNED: "customers who called back",
    IncomingKind.STRANGER: "unknown numbers",
    IncomingKind.WITHHELD: "without a number",
    IncomingKind.BUSY: "a call of ours to them was on",
}


@click.command(
    help=translate("Count the calls that came in over the trunks: customers who called back, and others.")
)
@click.option(
    "--days",
    type=click.IntRange(1, 366),
    default=7,
    show_default=True,
    help=translate("Look back so many days."),
)
@DATABASE
def command(days: int, db: Place | None) -> None:
    async def work(database: Database) -> dict[str, dict[IncomingKind, int]]:
        since = database.clock.now() - timedelta(days=days)
        return {trunk: dict(kinds) for trunk, kinds in (await database.read(lambda s: incoming(s, since))).items()}

    found = with_database(db, work, must_exist=True)
    if not found:
        click.echo(translate("No call has come in."))
        return
    table = Table()
    table.add_column(translate("trunk"))
    for kind in KINDS:
        table.add_column(translate(KINDS[kind]), justify="right")
    for trunk, kinds in found.items():
        table.add_row(trunk, *(str(kinds.get(kind, 0)) for kind in KINDS))
    Console().print(table)
