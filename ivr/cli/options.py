"""Options and arguments that several commands take."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.i18n import translate

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
    type=click.Path(dir_okay=False, path_type=Path),
    help=translate("SQLite file to use; the settings' database unless given."),
)
POLICY = click.option(
    "--policy",
    type=click.Path(dir_okay=False, path_type=Path, exists=True),
    help=translate("Who may be called, and when (YAML); default: the campaign's own, else the shipped one."),
)
