"""Passwords of workbooks: from a file or from whoever sits at the terminal, never from the command line, where
other people's `ps` and the shell's history would keep them."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from ivr.errors import IvrError
from ivr.i18n import translate

MAX_PASSWORD_CHARS = 255  # what a spreadsheet takes

PASSWORD_FILE = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help=translate("The workbook's password is the first line of this file; - is stdin."),
)


def password_in(file: Path) -> str:
    """The first line of the file, of stdin for "-". Raises IvrError when there is none."""
    if str(file) == "-":
        line = sys.stdin.readline(MAX_PASSWORD_CHARS + 2)
    else:
        try:
            with file.open(encoding="utf-8-sig") as text:
                line = text.readline(MAX_PASSWORD_CHARS + 2)
        except UnicodeDecodeError as error:
            raise IvrError("{path} is no text; write the password into a text file", path=file) from error
    password = line.rstrip("\r\n")
    if not password:
        raise IvrError("the first line of {path} is empty; write the password there", path=file)
    if len(password) > MAX_PASSWORD_CHARS:
        raise IvrError("the first line of {path} is too long for a password", path=file)
    return password


def asked_password(file: str, *, new: bool) -> str | None:
    """From the terminal, unseen, a new one twice; None when nobody sits there."""
    if not sys.stdin.isatty():
        return None
    text = translate("Password of {file}", file=file)
    return str(click.prompt(text, hide_input=True, confirmation_prompt=new))
