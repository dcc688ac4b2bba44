"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.errors import IvrError
from ivr.i18n import translate

if TYPE_CHECKING:
    from ivr.database import Place


class PlaceOfDatabase(click.ParamType["Place"]):
    """A SQLite file's path, or the URL of either kind of database."""

    name = "database"

    def convert(self, value: str | Path, param: click.Parameter | None, ctx: click.Context | None) -> Place:
        if "://" not in str(value):
            return Path(value)
        from ivr.database import parse, url_of  # here: `ivr --help` needs no database library

        try:
            parse(url_of(str(value)))
        except IvrError as error:
            self.fail(translate(error.template, **error.params), param, ctx)
        return str(value)


FLOW_FILE = click.Path(path_type=Path, dir_okay=False)
PROMPT_DIRS = click.option(
    "--prompts",
    "prompt_dirs",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help=translate("Prompts of your own, laid over the shipped ones; may be given several times."),
)
DATABASE = click.option(
    "--db",
    type=PlaceOfDatabase(),
    help=translate("SQLite file or database URL to use; the settings' database unless given."),
)
STRATEGY = click.option(
    "--strategy",
    type=click.Path(dir_okay=False, path_type=Path, exists=True),
    help=translate("What follows each call (YAML); default: the campaign's own, else the shipped one."),
)
POLICY = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path, exists=True),
    help=translate("Who may be called, and when (YAML); default: the campaign's own, else the shipped one."),
)
RECORDINGS = click.option(
    "--recordings",
    type=click.Path(path_type=Path, file_okay=False),
    help=translate("Directory of recordings; `recordings` in paths.var unless given."),
)
