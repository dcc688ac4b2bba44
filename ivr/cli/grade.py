"""`ivr grade ATTEMPT LETTER`: give a call another grade than the rules did."""

from __future__ import annotations

import click

from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.strategy.retag import Regrading, retag


@click.command(help=translate("Give a call another grade (A to F) than the rules did."))
@click.argument("attempt")
@click.argument("letter")
@click.option("--note", default="", help=translate("Why, for the record."))
@DATABASE
def command(attempt: str, letter: str, note: str, db: Place | None) -> None:
    async def work(database: Database) -> str | None:
        regrading, now = Regrading(attempt, letter, operator(), note), database.clock.now()
        return await database.run(lambda session: retag(session, regrading, now))

    before = with_database(db, work, must_exist=True)
    grades = {"before": before or "–", "grade": letter.upper()}
    click.echo(translate("The grade was {before}, now it is {grade}.", **grades))
