"""`ivr confirm …`: whether a success stands, by hand or from a file of text messages."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.confirmations import Taken, Word, confirm, import_ratings, import_replies
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import ConfirmationState, ConfirmedBy

FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command(help=translate("Confirm a success or take it away: of one call, or by a file of text messages."))
@click.argument("attempt", required=False)
@click.option("--yes/--no", "confirmed", default=None, help=translate("Whether it stands."))
@click.option(
    "--by",
    type=click.Choice([kind.value for kind in ConfirmedBy]),
    default=ConfirmedBy.PERSON.value,
    show_default=True,
    help=translate("What says so."),
)
@click.option("--note", help=translate("Why."))
@click.option(
    "--replies", type=FILE, help=translate("CSV of text messages that say yes or no: columns phone, reply, at.")
)
@click.option(
    "--ratings",
    type=FILE,
    help=translate("CSV of text messages with marks from 1 to 5: columns phone, reply, at."),
)
@DATABASE
def command(
    attempt: str | None,
    confirmed: bool | None,
    by: str,
    note: str | None,
    replies: Path | None,
    ratings: Path | None,
    db: Place | None,
) -> None:
    if sum(one is not None for one in (attempt, replies, ratings)) != 1:
        raise click.UsageError(translate("Give one of these: a call's id, --replies, --ratings."))
    if replies is not None:
        _tell(with_database(db, lambda database: import_replies(database, replies, operator()), must_exist=True))
    elif ratings is not None:
        _tell(with_database(db, lambda database: import_ratings(database, ratings, operator()), must_exist=True))
    elif confirmed is None:
        raise click.UsageError(translate("Say --yes or --no."))
    else:
        state = ConfirmationState.CONFIRMED if confirmed else ConfirmationState.REJECTED
        word = Word(str(attempt), state, ConfirmedBy(by), operator(), note)

        async def say(database: Database) -> None:
            now = database.clock.now()
            await database.run(lambda session: confirm(session, word, now))

        with_database(db, say, must_exist=True)
        click.echo(translate("Noted."))


def _tell(found: Taken) -> None:
    counts = {"taken": found.taken, "known": found.known, "left_out": len(found.left_out)}
    click.echo(translate("Taken in: {taken}, known already: {known}, left out: {left_out}", **counts))
    for one in found.left_out:
        click.echo(translate("row {row}: {reason}", row=one.row, reason=translate(one.template, **one.params)))
