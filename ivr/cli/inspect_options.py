"""What the commands of `ivr inspect` share: who acts, which inspection, where the recordings are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import click
from sqlalchemy.orm import Session

from ivr.cli.with_database import operator, with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.inspection.errors import InspectionError
from ivr.inspection.figures import month_of
from ivr.inspection.people import Person, person

T = TypeVar("T")
NUMBER = click.argument("number", type=click.IntRange(1), metavar="INSPECTION")
AS = click.option("--as", "user", required=True, help=translate("The user who acts."))
AS_ANY = click.option("--as", "user", help=translate("The user who looks: they also see scores of their own."))
RECORDINGS = click.option(
    "--recordings",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help=translate("Directory of recordings; default: recordings in the settings' paths.var."),
)
MONTH = click.option("--month", help=translate("Of calls of this month, such as 2026-11."))


def recordings_folder(given: Path | None) -> Path:
    """Where the recordings are. Raises InspectionError when the settings' directory isn't there."""
    folder = given or load_settings().paths.var / "recordings"
    if not folder.is_dir():
        raise InspectionError("There is no directory {path}; name the recordings' with --recordings.", path=folder)
    return folder


def month_bounds(month: str | None) -> tuple[date | None, date | None]:
    """A month's first day and the next one's; nothing for None. Raises click.BadParameter."""
    if month is None:
        return None, None
    try:
        return month_of(month)
    except ValueError as error:
        raise click.BadParameter(translate("{month} is no month; write one like 2026-11", month=month)) from error


def acting(place: Place | None, user: str, work: Callable[[Session, Person, datetime], T]) -> T:
    """Do something as that user, in one transaction. Raises InspectionError when there is none of that name."""

    async def run(database: Database) -> T:
        now = database.clock.now()
        return await database.run(lambda session: work(session, person(session, user, operator()), now))

    return with_database(place, run, must_exist=True)
