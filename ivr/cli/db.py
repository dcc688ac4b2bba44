"""`ivr db …`: bring a database up to this version, and move everything from one to another."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import click
from rich.console import Console
from rich.table import Table

from ivr.cli.options import DATABASE, PlaceOfDatabase
from ivr.config import load_settings
from ivr.database import Database, Place, file_of, shown, url_of
from ivr.database.copying import copy_database
from ivr.dialer.lock import dialling_lock
from ivr.errors import IvrError
from ivr.i18n import translate


@click.group(help=translate("Bring the database up to this version, or move it to another one."))
def command() -> None:
    pass


@command.command(help=translate("Create the tables, or bring them up to this version. Safe to repeat."))
@DATABASE
def upgrade(db: Place | None) -> None:
    url = load_settings().database_url if db is None else url_of(db)

    async def run() -> None:
        async with AsyncExitStack() as stack:
            done = await (await _opened(stack, url)).upgrade()
        if done.before == done.after:
            sentence = "{database} is at version {after} already; nothing was changed."
        elif done.before is None:
            sentence = "{database} has its tables now, version {after}."
        else:
            sentence = "{database}: from version {before} to {after}."
        click.echo(translate(sentence, database=shown(url), before=done.before, after=done.after))

    try:
        asyncio.run(run())
    except IvrError:
        click.echo(
            translate("Nothing was changed. Mend what is said below, then run this command again."), err=True
        )
        raise


@command.command(help=translate("Copy everything into an empty database, of the same kind or the other one."))
@click.option("--from", "source", type=PlaceOfDatabase(), required=True, help=translate("Where everything is."))
@click.option("--to", "target", type=PlaceOfDatabase(), required=True, help=translate("The empty database."))
def copy(source: Place, target: Place) -> None:
    here, there = url_of(source), url_of(target)
    file = file_of(here)
    if file is not None and not file.exists():
        raise IvrError("There is no database {path}; check the path.", path=file)
    if here == there:
        raise IvrError("{database} can't be copied into itself; name another one with --to.", database=shown(here))

    async def run() -> dict[str, int]:
        async with AsyncExitStack() as stack:
            return await copy_database(await _opened(stack, here), await _opened(stack, there))

    with dialling_lock(here):  # nobody calls from a file that is being left
        counts = asyncio.run(run())
    table = Table(translate("table"), translate("rows"))
    for name, count in counts.items():
        if count:
            table.add_row(name, str(count))
    Console().print(table)
    sentence = "{rows} rows were copied to {database}. Name it in ivr.toml: [database] url."
    click.echo(translate(sentence, rows=sum(counts.values()), database=shown(there)))


async def _opened(stack: AsyncExitStack, url: str) -> Database:
    database = Database(url)
    stack.push_async_callback(database.close)
    return database
