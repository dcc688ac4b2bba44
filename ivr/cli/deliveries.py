"""`ivr deliveries …`: what other systems have been told, what waits, what was given up."""

from __future__ import annotations

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.options import DATABASE
from ivr.cli.why import shown_moment
from ivr.cli.with_database import serve_database, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.deliveries import service
from ivr.deliveries.runner import DeliveryRunner
from ivr.i18n import translate
from ivr.model import DeliveryState

STATES = {
    DeliveryState.QUEUED: "waiting",
    DeliveryState.SENT: "arrived",
    DeliveryState.DEAD: "given up",
}


@click.group(help=translate("What other systems are told of results: what waits, what was given up."))
def command() -> None:
    pass


@command.command("list", help=translate("Show how many there are, and the newest of one state."))
@click.option(
    "--state",
    type=click.Choice([state.value for state in DeliveryState]),
    default=DeliveryState.DEAD.value,
    show_default=True,
    help=translate("Which of them to show one by one."),
)
@click.option("--sink", help=translate("Of one system alone, by its name in ivr.toml."))
@DATABASE
def list_(state: str, sink: str | None, db: Place | None) -> None:
    counts = with_database(db, lambda database: database.read(service.counts), must_exist=True)
    for name, kind, count in counts:
        click.echo(f"{name}: {translate(STATES[kind])}: {count}")
    rows = with_database(
        db,
        lambda database: database.read(
            lambda session: service.list_deliveries(session, DeliveryState(state), sink)
        ),
    )
    if not rows:
        return
    table = Table()
    for title in ("id", "system", "event", "call", "tries", "next", "problem"):
        table.add_column(translate(title))
    for row in rows:
        next_at = shown_moment(row.next_at) if row.state is DeliveryState.QUEUED else ""
        cells = (
            str(row.id),
            row.sink,
            row.event,
            row.attempt_id or "",
            str(row.tries),
            next_at,
            row.problem or "",
        )
        table.add_row(*cells)
    Console().print(table)


@command.command(help=translate("Send what was given up once more."))
@click.option("--sink", help=translate("Of one system alone, by its name in ivr.toml."))
@DATABASE
def retry(sink: str | None, db: Place | None) -> None:
    async def work(database: Database) -> int:
        now = database.clock.now()
        return await database.run(lambda session: service.retry(session, sink, now))

    count = with_database(db, work, must_exist=True)
    click.echo(translate("Waiting to be sent again: {count}", count=count))


@command.command(help=translate("Send until Ctrl+C; workers do it too."))
@DATABASE
def serve(db: Place | None) -> None:
    serve_database(db, lambda database, stop: DeliveryRunner(database, load_settings()).run(stop))
