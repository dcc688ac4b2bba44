"""`ivr user`: the people who may sign in to the web pages. Passwords come from a prompt or stdin, never from the
command line, where other people's `ps` and the shell's history would keep them."""

from __future__ import annotations

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import click
from rich.console import Console
from rich.table import Table

from ivr import users
from ivr.config import load_settings
from ivr.database import Database
from ivr.i18n import translate
from ivr.model import Role

T = TypeVar("T")


@click.group(help=translate("Add users who may sign in, and change their passwords."))
@click.option(
    "--db",
    type=click.Path(dir_okay=False, path_type=Path),
    help=translate("SQLite file with the users; the settings' database unless given."),
)
@click.pass_context
def command(context: click.Context, db: Path | None) -> None:
    context.obj = db


@command.command(help=translate("Add a user; the password comes from a prompt, or from stdin."))
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice([role.value for role in Role]),
    default=Role.VIEWER.value,
    show_default=True,
    help=translate("What the user may do; viewers see masked phone numbers."),
)
@click.pass_obj
def add(db: Path | None, name: str, role: str) -> None:
    password = _password()
    user = _with_database(db, lambda database: users.add_user(database, name, password, Role(role), _me()))
    click.echo(translate("Added {name} ({role}).", name=user.name, role=user.role.value))


@command.command(help=translate("Give a user another password, from a prompt or from stdin."))
@click.argument("name")
@click.pass_obj
def passwd(db: Path | None, name: str) -> None:
    password = _password()
    _with_database(db, lambda database: users.change_password(database, name, password, _me()))
    click.echo(translate("{name} has a new password.", name=name))


@command.command("list", help=translate("List the users and their roles."))
@click.pass_obj
def list_(db: Path | None) -> None:
    found = _with_database(db, users.list_users)
    if not found:
        click.echo(translate("There are no users yet; add one with: ivr user add NAME --role admin"))
        return
    table = Table()
    for title in ("name", "role", "since"):
        table.add_column(translate(title))
    for user in found:
        table.add_row(user.name, user.role.value, f"{user.created_at.astimezone():%Y-%m-%d %H:%M}")
    Console().print(table)


def _password() -> str:
    """From the terminal, twice and unseen; else the first line of stdin."""
    if sys.stdin.isatty():
        return str(click.prompt(translate("Password"), hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline(users.MAX_PASSWORD_CHARS + 2).rstrip("\r\n")


def _me() -> str:
    """Who is at the command line, for the audit trail."""
    return f"cli:{getpass.getuser()}"


def _with_database(path: Path | None, work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(load_settings().database_url if path is None else f"sqlite:///{path}")
        try:
            await database.upgrade()
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
