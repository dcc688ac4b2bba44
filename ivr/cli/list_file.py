"""What the commands that read a CSV or XLSX list share: how it is opened, which column is which, and what is told
of rows that are left out."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from ivr.cli.passwords import asked_password, password_in
from ivr.contacts_import.parse import Opening
from ivr.contacts_import.protected import is_protected
from ivr.contacts_import.report import Problem
from ivr.i18n import translate

MAP = click.option(
    "--map", "columns", multiple=True, help=translate("FIELD=HEADER: which column of the list is which.")
)
SHEET = click.option("--sheet", help=translate("The workbook's sheet; default: the first visible one."))
REJECTS = click.option(
    "--rejects",
    type=click.Path(path_type=Path, dir_okay=False),
    help=translate("Write rows that are left out here; default: beside the list."),
)


def columns_of(given: tuple[str, ...]) -> dict[str, str]:
    """field -> header of the list."""
    pairs = [pair.partition("=") for pair in given]
    for field, _, header in pairs:
        if not field or not header:
            raise click.BadParameter(translate("write --map FIELD=HEADER, like --map phone=Mobile"))
    return {field.strip(): header.strip() for field, _, header in pairs}


def opening_of(file: Path, sheet: str | None, password_file: Path | None) -> Opening:
    """The password comes from its file, else from whoever sits there, if the workbook has one."""
    if password_file is not None:
        return Opening(sheet, password_in(password_file))
    return Opening(sheet, asked_password(file.name, new=False) if is_protected(file) else None)


def tell_left_out(rejects: Path | None, problems: Iterable[Problem] = ()) -> None:
    """Where the rows are that were left out, below what is wrong with them. `rejects` None: none was."""
    if rejects is None:
        return
    for problem in problems:
        click.echo(f"  {problem}")
    click.echo(translate("Rows left out, each with its reason: {path}", path=rejects))
