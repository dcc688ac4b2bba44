"""`ivr lists …`: import lists, add to them, replace them, undo that; look at them, export them, reject numbers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from flows.loader import load as load_flow
from ivr.cli.list_file import MAP, REJECTS, SHEET, columns_of, opening_of, tell_left_out
from ivr.cli.options import DATABASE, FLOW_FILE
from ivr.cli.passwords import PASSWORD_FILE, asked_password, password_in
from ivr.cli.why import number_of
from ivr.cli.with_database import operator, with_database
from ivr.contacts_import import ImportOptions, ImportReport, import_contacts
from ivr.contacts_import import lists as service
from ivr.database import Database, Place
from ivr.exports.lists import export_list
from ivr.i18n import current_language, translate
from ivr.model import ImportMode
from ivr.policy.loader import default_policy, load

T = TypeVar("T")

LIST_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
SHOWN = 20  # problems, rows, lists


@click.group(help=translate("Import lists, change them, undo that; look at them and export them."))
def command() -> None:
    pass


@dataclass(frozen=True, slots=True)
class _Needs:
    """What the rows must have and what they may have: field -> type."""

    fields: dict[str, str]
    optional: dict[str, str]
    purpose: str | None


@command.command("import", help=translate("Import a CSV or XLSX file, as a new list or into one that is there."))
@click.argument("file", type=LIST_FILE)
@click.option("--flow", type=FLOW_FILE, help=translate("The flow that it is to be called with: what rows need."))
@click.option(
    "--policy",
    type=LIST_FILE,
    help=translate("The policy whose attributes rows may bring (YAML); default: the shipped one."),
)
@click.option("--name", help=translate("The new list's name; default: the file's."))
@click.option("--append", metavar="LIST", help=translate("Add to this list (its name or number)."))
@click.option(
    "--replace",
    "replaced",
    metavar="LIST",
    help=translate("Replace this list: numbers that aren't in the file are taken off it."),
)
@click.option(
    "--skip-known", is_flag=True, help=translate("Leave numbers as they are that are on the list already.")
)
@click.option(
    "--not-in", multiple=True, metavar="LIST", help=translate("Leave out numbers on this list; several times.")
)
@click.option(
    "--not-in-use",
    is_flag=True,
    help=translate("Leave out numbers on lists that campaigns with the flow's purpose are calling."),
)
@MAP
@SHEET
@REJECTS
@PASSWORD_FILE
@DATABASE
def import_(file: Path, db: Place | None, password_file: Path | None, **given: Any) -> None:
    mode, into = _mode(given["append"], given["replaced"])
    if given["skip_known"] and mode is ImportMode.NEW:
        raise click.UsageError(translate("--skip-known goes with --append or --replace."))
    if given["flow"] is None and mode is ImportMode.NEW:
        raise click.UsageError(translate("Give --flow: it says what the rows of a new list need."))
    needs = _needs(given["flow"], given["policy"])
    if given["not_in_use"] and needs.purpose is None:
        raise click.UsageError(translate("--not-in-use needs --flow: it says for which purpose."))
    options = ImportOptions(
        by=operator(),
        name=given["name"],
        columns=columns_of(given["columns"]),
        rejects=given["rejects"],
        opening=opening_of(file, given["sheet"], password_file),
        mode=mode,
        into=into,
        skip_known=given["skip_known"],
        not_in=given["not_in"],
        not_in_use_for=needs.purpose if given["not_in_use"] else None,
        new_name=True,
    )

    async def work(database: Database) -> ImportReport:
        own = needs
        if given["flow"] is None and into is not None:  # as the list was imported before
            people = await database.read(lambda session: service.find_list(session, into))
            own = _Needs(people.fields, people.optional_fields, None)
        return await import_contacts(database, file, own.fields, replace(options, optional=own.optional))

    _tell(with_database(db, work), mode)


def _mode(append: str | None, replaced: str | None) -> tuple[ImportMode, str | None]:
    if append is not None and replaced is not None:
        raise click.UsageError(translate("Give either --append or --replace."))
    if append is not None:
        return ImportMode.APPEND, append
    return (ImportMode.NEW, None) if replaced is None else (ImportMode.REPLACE, replaced)


def _needs(flow_file: Path | None, policy_file: Path | None) -> _Needs:
    policy = load(policy_file) if policy_file is not None else default_policy()
    if flow_file is None:
        return _Needs({}, {}, None)
    flow = load_flow(flow_file)
    return _Needs(dict(flow.needs), dict(policy.spec.attributes), flow.purpose)


def _tell(report: ImportReport, mode: ImportMode) -> None:
    counts = {"list": report.list_name, "number": report.list_id, "added": report.added, "rows": report.rows}
    if mode is ImportMode.NEW:
        click.echo(translate("List {list} (number {number}): {added} of {rows} rows taken in.", **counts))
    else:
        sentence = (
            "List {list} (number {number}): {added} added, {updated} updated, {known} known, {removed} removed."
        )
        known = report.good - report.added - report.updated
        more = {"updated": report.updated, "known": known, "removed": report.removed}
        click.echo(translate(sentence, **counts, **more))
    for name, rows in report.elsewhere.items():
        click.echo(translate("Left out because they are on {list}: {rows} rows.", list=name, rows=rows))
    left_out = {"rejected": report.rejected, "duplicates": report.duplicates}
    if report.rejected or report.duplicates:
        click.echo(translate("Left out: {rejected} bad rows, {duplicates} repeated numbers.", **left_out))
    tell_left_out(report.rejects_path, report.problems[:SHOWN])


@command.command("list", help=translate("Show the lists, the newest first."))
@click.option("--limit", type=click.IntRange(1, 10_000), default=SHOWN, show_default=True, help=translate("Most."))
@DATABASE
def list_(limit: int, db: Place | None) -> None:
    found = _read(db, lambda session: service.all_lists(session, limit))
    if not found:
        click.echo(translate("There are no lists yet; import one with: ivr lists import FILE --flow FLOW"))
        return
    table = Table()
    for title in ("no.", "list", "numbers on it", "taken off", "since", "campaigns"):
        table.add_column(translate(title))
    for one in found:
        people = one.list
        cells = (people.id, people.name, one.numbers, one.removed, _moment(people.created_at))
        table.add_row(*map(str, cells), ", ".join(one.campaigns))
    Console().print(table)


@command.command(help=translate("Show what is on a list, and what its imports did."))
@click.argument("name", metavar="LIST")
@DATABASE
def show(name: str, db: Place | None) -> None:
    def look(session: Session) -> tuple[service.ListFacts, list[Any]]:
        people = service.find_list(session, name)
        return service.facts_of(session, people), service.imports_of(session, people.id)

    facts, imports = _read(db, look)
    counts = {"list": facts.list.name, "number": facts.list.id, "numbers": facts.numbers, "removed": facts.removed}
    click.echo(translate("List {list} (number {number}): {numbers} numbers, {removed} taken off.", **counts))
    fields = ", ".join(f"{field} ({kind})" for field, kind in facts.list.fields.items()) or translate("none")
    click.echo(translate("Its rows have: {fields}", fields=fields))
    called_by = ", ".join(facts.campaigns) or translate("none")
    click.echo(translate("Campaigns that call it: {campaigns}", campaigns=called_by))
    table = Table()
    for title in ("when", "file", "how", "rows", "added", "updated", "removed", "left out", "by"):
        table.add_column(translate(title))
    for batch in imports:
        left_out = batch.rejected + batch.duplicates + batch.elsewhere
        how = MODES[batch.mode] if batch.undone_at is None else "undone"
        cells = (batch.rows, batch.added, batch.updated, batch.removed, left_out)
        table.add_row(
            _moment(batch.imported_at), batch.file_name, translate(how), *map(str, cells), batch.imported_by
        )
    Console().print(table)


MODES = {ImportMode.NEW: "new", ImportMode.APPEND: "appended", ImportMode.REPLACE: "replaced"}


@command.command(help=translate("Show the first rows of a list."))
@click.argument("name", metavar="LIST")
@click.option("--limit", type=click.IntRange(1, 10_000), default=SHOWN, show_default=True, help=translate("Most."))
@DATABASE
def rows(name: str, limit: int, db: Place | None) -> None:
    def look(session: Session) -> list[Any]:
        people = service.find_list(session, name)
        return list(service.rows_of(session, people.id, limit))

    table = Table()
    for title in ("row", "phone", "attributes", "taken off"):
        table.add_column(translate(title), overflow="fold")
    for row in _read(db, look):
        attributes = ", ".join(f"{field}={value}" for field, value in row.attributes.items())
        removed = "" if row.removed_at is None else _moment(row.removed_at)
        table.add_row(str(row.row_number or ""), row.phone, attributes, removed)
    Console().print(table)


@command.command(help=translate("Write a list to a CSV or XLSX file, with a password on request."))
@click.argument("name", metavar="LIST")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--password", "locked", is_flag=True, help=translate("Ask for a password for the workbook."))
@PASSWORD_FILE
@DATABASE
def export(name: str, file: Path, locked: bool, password_file: Path | None, db: Place | None) -> None:
    password = new_password(file, password_file, locked)
    language = current_language()
    count = _run(db, lambda database: export_list(database, name, file, password, language))
    click.echo(translate("Written: {path}, {rows} rows", path=file, rows=count))


def new_password(file: Path, password_file: Path | None, locked: bool) -> str | None:
    """The password for a file that is to be written; None: it gets none."""
    if password_file is not None:
        return password_in(password_file)
    if not locked:
        return None
    password = asked_password(file.name, new=True)
    if password is None:
        raise click.UsageError(translate("Nobody can be asked for the password here; give --password-file."))
    return password


@command.command(help=translate("Take numbers off a list: nobody calls them by it any more."))
@click.argument("name", metavar="LIST")
@click.argument("phones", nargs=-1, required=True)
@DATABASE
def reject(name: str, phones: tuple[str, ...], db: Place | None) -> None:
    numbers = [number_of(phone) for phone in phones]

    async def work(database: Database) -> int:
        now = database.clock.now()
        return await database.run(lambda session: service.reject(session, name, numbers, operator(), now))

    click.echo(translate("Numbers taken off: {count}", count=_run(db, work)))


@command.command(help=translate("Undo a list's last import, as long as nobody was called since."))
@click.argument("name", metavar="LIST")
@DATABASE
def undo(name: str, db: Place | None) -> None:
    async def work(database: Database) -> service.Undone:
        now = database.clock.now()
        return await database.run(lambda session: service.undo(session, name, operator(), now))

    undone = _run(db, work)
    counts = {"file": undone.batch.file_name, "added": undone.added, "restored": undone.restored}
    if undone.deleted:
        click.echo(translate("The import of {file} is undone; the list is gone: {added} numbers.", **counts))
    else:
        sentence = "The import of {file} is undone: {added} numbers off the list, {restored} as they were before."
        click.echo(translate(sentence, **counts))


def _read(db: Place | None, look: Callable[[Session], T]) -> T:
    return _run(db, lambda database: database.read(look))


def _run(db: Place | None, work: Callable[[Database], Awaitable[T]]) -> T:
    return with_database(db, work, must_exist=True)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"
