"""`ivr user`: the people who may sign in to the web pages. Passwords come from a prompt or stdin, never from the
command line, where other people's `ps` and the shell's history would keep them."""

from __future__ import annotations

import sys

import click
from rich.console import Console
from rich.table import Table

from ivr import users
from ivr.cli.options import DATABASE
from ivr.cli.with_database import operator, with_database
from ivr.database import Place
from ivr.i18n import translate
from ivr.model import Role


@click.group(help=translate("Add users who may sign in, and change their passwords."))
@DATABASE
@click.pass_context
def command(context: click.Context, db: Place | None) -> None:
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
def add(db: Place | None, name: str, role: str) -> None:
    password = _password()
    user = with_database(db, lambda database: users.add_user(database, name, password, Role(role), operator()))
    click.echo(translate("Added {name} ({role}).", name=user.name, role=user.role.value))


@command.command(help=translate("Give a user another password, from a prompt or from stdin."))
@click.argument("name")
@click.pass_obj
def passwd(db: Place | None, name: str) -> None:
    password = _password()
    with_database(db, lambda database: users.change_password(database, name, password, operator()))
    click.echo(translate("{name} has a new password.", name=name))


@command.command("list", help=translate("List the users and their roles."))
@click.pass_obj
def list_(db: Place | None) -> None:
    found = with_database(db, users.list_users)
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
