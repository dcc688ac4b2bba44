"""`ivr payments …`: take payments in from a file; whoever has paid isn't reminded any more."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.list_file import MAP, SHEET, columns_of, opening_of, tell_left_out
from ivr.cli.options import DATABASE
from ivr.cli.passwords import PASSWORD_FILE
from ivr.cli.with_database import operator, with_database
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
@MAP
@SHEET
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
    opening = opening_of(file, sheet, password_file)
    what = PaymentFile(file, source, timezone, columns_of(columns), opening)
    received = with_database(db, lambda database: import_payments(database, what, operator()))
    counts = {"new": received.new, "known": received.known, "left_out": received.left_out}
    click.echo(translate("Payments: {new} new, {known} known, {left_out} rows left out.", **counts))
    tell_left_out(received.rejects_path, received.problems)
