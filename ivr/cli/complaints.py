"""`ivr complaints …`: take complaints in, one by one or from a file; whoever complained isn't called any more."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ivr import complaints as service
from ivr.cli.list_file import MAP, REJECTS, SHEET, columns_of, opening_of, tell_left_out
from ivr.cli.options import DATABASE
from ivr.cli.passwords import PASSWORD_FILE
from ivr.cli.why import number_of, shown_moment
from ivr.cli.with_database import operator, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import Complaint
from ivr.policy.decide import ANY_PURPOSE
from ivr.policy.schema import PURPOSES

PURPOSE = click.option(
    "--purpose",
    type=click.Choice((*PURPOSES, "all")),
    default="all",
    show_default=True,
    help=translate("Of the calls that it is about: they end."),
)


@click.group(help=translate("Take complaints in: whoever complained isn't called any more."))
def command() -> None:
    pass


@command.command(help=translate("Take one complaint in; the number is on do not disturb at once."))
@click.argument("phone")
@click.option("--source", required=True, help=translate("Who received it: 12321, 10015, hotline …"))
@click.option("--reference", default="", help=translate("The source's own number of it; it counts once."))
@click.option(
    "--at",
    "moment",
    type=click.DateTime(["%Y-%m-%d", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]),
    help=translate("When it was made; default: now."),
)
@PURPOSE
@click.option("--note", default="", help=translate("What was said."))
@DATABASE
def add(
    phone: str, source: str, reference: str, moment: datetime | None, purpose: str, note: str, db: Place | None
) -> None:
    number = number_of(phone)
    settings = load_settings().complaints

    async def work(database: Database) -> bool:
        now = database.clock.now()
        at = now if moment is None else min(now, moment.astimezone())
        said = service.Complained(number, at, source, reference, _purpose(purpose), note)
        return await service.add_complaint(database, said, operator(), settings)

    if with_database(db, work):
        click.echo(translate("On record; the number is on do not disturb."))
    else:
        click.echo(translate("This complaint is on record already; nothing is changed."))


@command.command("import", help=translate("Take in a CSV or XLSX file of complaints."))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--source", help=translate("Who received them, where a row doesn't say it: 12321, 10015 …"))
@PURPOSE
@MAP
@SHEET
@REJECTS
@PASSWORD_FILE
@DATABASE
def import_(
    file: Path,
    source: str | None,
    purpose: str,
    columns: tuple[str, ...],
    sheet: str | None,
    rejects: Path | None,
    password_file: Path | None,
    db: Place | None,
) -> None:
    opening = opening_of(file, sheet, password_file)
    what = service.ComplaintFile(file, source, _purpose(purpose), columns_of(columns), opening, rejects)
    settings = load_settings().complaints
    received = with_database(db, lambda database: service.import_complaints(database, what, operator(), settings))
    counts = {"new": received.new, "known": received.known, "left_out": received.left_out}
    click.echo(translate("Complaints: {new} new, {known} known, {left_out} rows left out.", **counts))
    tell_left_out(received.rejects_path, received.problems)


@command.command("list", help=translate("Show the newest complaints."))
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help=translate("Most."))
@DATABASE
def list_(limit: int, db: Place | None) -> None:
    async def work(database: Database) -> list[Complaint]:
        return await database.read(lambda session: list(service.complaints_of(session, limit)))

    table = Table()
    for title in ("when", "phone", "source", "reference", "purpose", "note"):
        table.add_column(translate(title), overflow="fold")
    for one in with_database(db, work, must_exist=True):
        purpose = translate("every purpose") if one.purpose == ANY_PURPOSE else one.purpose
        reference = "" if one.reference.startswith(service.SAME_DAY) else one.reference
        table.add_row(shown_moment(one.at), one.phone, one.source, reference, purpose, one.note)
    Console().print(table)


def _purpose(given: str) -> str:
    return ANY_PURPOSE if given == "all" else given
