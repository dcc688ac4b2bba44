"""What the commands about campaigns share: who acts, and the parts of a campaign as options."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from flows.flow import Flow
from flows.linter import load_checked
from ivr import flow_versions
from ivr.campaigns.actors import Actor, actor_of
from ivr.cli.list_file import MAP
from ivr.cli.options import DATABASE, POLICY
from ivr.cli.with_database import operator
from ivr.config import Settings
from ivr.database import Database
from ivr.i18n import translate
from ivr.model import HandledBy, PeopleMode, ProjectType
from prompts.catalogue import Catalogue

Command = Callable[..., Any]
Option = Callable[[Command], Command]

FILE_IN = click.Path(path_type=Path, dir_okay=False, exists=True)
NAME = click.argument("name")
AS = click.option("--as", "user", help=translate("The user who acts; default: whoever is at this machine."))
WHY = click.option("--why", help=translate("Why, for the record."))
STRATEGY_FILE = click.option(
    "--strategy", type=FILE_IN, help=translate("What follows a call (YAML); default: the shipped one.")
)
_PARTS: tuple[Option, ...] = (
    click.option(
        "--flow",
        help=translate("A published flow (NAME, NAME@VERSION) or a flow file, which is kept as a version."),
    ),
    click.option("--list", "lists", multiple=True, help=translate("An imported list, by its name or number.")),
    click.option("--contacts", multiple=True, type=FILE_IN, help=translate("A list to import: CSV or XLSX.")),
    POLICY,
    STRATEGY_FILE,
    click.option("--starts", help=translate('Nobody is called before: "2026-01-05 09:00".')),
    click.option("--ends", help=translate("Nobody is called from then on.")),
    click.option("--timezone", help=translate("Of --starts and --ends; default: Asia/Shanghai.")),
    click.option(
        "--trunk",
        "trunks",
        multiple=True,
        help=translate("A trunk that it may use; default: all for its purpose."),
    ),
    click.option("--concurrency", type=click.IntRange(1, 2000), help=translate("Calls at once.")),
    click.option("--organisation", help=translate("Whose campaign it is; default: that of the user who acts.")),
    click.option(
        "--type",
        "project_type",
        type=click.Choice([kind.value for kind in ProjectType]),
        help=translate("The kind of project: it decides what a success is."),
    ),
    click.option(
        "--statistics",
        multiple=True,
        help=translate("A question or result that the report shows; default: all of the flow's."),
    ),
    click.option(
        "--handled-by",
        type=click.Choice([one.value for one in HandledBy]),
        help=translate("Who talks: the robot, or people with the flow as their script; default: robot."),
    ),
    click.option(
        "--mode",
        "people_mode",
        type=click.Choice([one.value for one in PeopleMode]),
        help=translate("How people come by their calls; default: preview."),
    ),
    click.option(
        "--team", "teams", multiple=True, help=translate("Whose people handle it; default: everybody's.")
    ),
    click.option("--max-per-day", type=click.IntRange(1), help=translate("Most contacts a day that feeds bring.")),
    click.option("--max-total", type=click.IntRange(1), help=translate("Most contacts that feeds bring in all.")),
    MAP,
    AS,
    DATABASE,
)


def campaign_parts(*own: Option) -> Option:
    """The options that say what a campaign is; `own` are those that only this command has."""

    def add(command: Command) -> Command:
        for option in reversed((*own, *_PARTS)):
            command = option(command)
        return command

    return add


async def acting(database: Database, user: str | None) -> Actor:
    """Who acts. Raises CampaignError for an unknown user."""
    return await actor_of(database, operator(), user)


async def flow_of(database: Database, wanted: str, settings: Settings) -> Flow:
    """A flow file as it is checked, or a published flow. Raises FlowLoadError, FlowVersionError."""
    path = Path(wanted)
    if path.suffix in (".yaml", ".yml"):
        book = Catalogue.load(settings.paths.prompts)
        return await asyncio.to_thread(load_checked, path, book)
    name, _, version = wanted.partition("@")
    return await flow_versions.load(database, name, version or None)
