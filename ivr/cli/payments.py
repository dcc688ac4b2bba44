"""`ivr payments …`: take payments in from a file; whoever has paid isn't reminded any more."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.options import DATABASE
from ivr.cli.passwords import PASSWORD_FILE, asked_password, password_in
from ivr.cli.run import columns_of
from ivr.cli.with_database import operator, with_database
from ivr.contacts_import.parse import Opening
from ivr.contacts_import.protected import is_protected
from ivr.database import Place
from ivr.feeds.payments_file import PaymentFile, import_payments
from ivr.i18n import translate


@click.group(help=translate("Take payments in: whoever has paid isn't reminded any more."))
def command() -> None:
    pass


@command.command(
    "import", help=translate("Take in a CSV or XLSX file of payments: phone, paid_at, amount, reference.")
)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--source", required=True, help=translate("Where they come from; with its reference a payment counts once.")
)
@click.option("--timezone", default="Asia/Shanghai", show_default=True, help=translate("Of the file's moments."))
@click.option(
    "--map", "columns", multiple=True, help=translate("FIELD=HEADER: which column of the list is which.")
)
@click.option("--sheet", help=translate("The workbook's sheet; default: the first visible one."))
@PASSWORD_FILE
@DATABASE
def import_(
    file: Path,
    source: str,
    timezone: str,
    columns: tuple[str, ...],
    sheet: str | None,
    password_file: Path | None,
    db: Place | None,
) -> None:
    if password_file is not None:
        password: str | None = password_in(password_file)
    else:
        password = asked_password(file.name, new=False) if is_protected(file) else None
    what = PaymentFile(file, source, timezone, columns_of(columns), Opening(sheet, password))
    received = with_database(db, lambda database: import_payments(database, what, operator()))
    counts = {"new": received.new, "known": received.known, "left_out": received.left_out}
    click.echo(translate("Payments: {new} new, {known} known, {left_out} rows left out.", **counts))
    if received.rejects_path is not None:
        for problem in received.problems:
            click.echo(f"  {problem}")
        click.echo(translate("Rows left out, each with its reason: {path}", path=received.rejects_path))
