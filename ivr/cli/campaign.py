"""`ivr campaign …`: create campaigns, have them approved, run them, and see what came of them."""

from __future__ import annotations

from typing import Any

import click
from sqlalchemy.orm import Session

from ivr.campaigns.changing import find_campaign
from ivr.campaigns.creating import Created, Draft, People, Schedule, create_campaign
from ivr.campaigns.editing import Edit, Edited, edit_campaign
from ivr.campaigns.words import part_words
from ivr.cli.campaign_options import (
    NAME,
    acting,
    campaign_parts,
    flow_of,
)
from ivr.cli.lazy import Elsewhere, LazyGroup
from ivr.cli.list_file import columns_of
from ivr.cli.moments import moment_of, zone_of
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.contacts_import import ImportOptions
from ivr.database import Database, Place
from ivr.i18n import translate
from ivr.model import HandledBy, PeopleMode, ProjectType
from ivr.policy.loader import default_policy
from ivr.policy.loader import load as load_policy
from ivr.strategy import default_strategy
from ivr.strategy import load as load_strategy

_STEPS, _SHOW = "ivr.cli.campaign_steps", "ivr.cli.campaign_show"
COMMANDS = {
    "submit": Elsewhere(_STEPS, "Put a campaign before its approvers, as it is now.", "submit"),
    "approve": Elsewhere(_STEPS, "Sign the request, then the plan.", "approve"),
    "reject": Elsewhere(_STEPS, "Send a campaign back to its owner.", "reject"),
    "start": Elsewhere(_STEPS, "Call from now on, or from the schedule's beginning.", "start"),
    "pause": Elsewhere(_STEPS, "No new calls; those that are on go on.", "pause"),
    "resume": Elsewhere(_STEPS, "Go on after a pause.", "resume"),
    "stop": Elsewhere(_STEPS, "End a campaign for good.", "stop"),
    "report": Elsewhere(
        "ivr.cli.report",
        "The results of one campaign: figures, who answers, uplift, arms, confirmations.",
        "campaign",
    ),
    "export": Elsewhere(
        _SHOW, "Write a campaign's rows to a CSV or XLSX file, with a password on request.", "export"
    ),
    "list": Elsewhere(_SHOW, "List the campaigns, the newest first.", "list_"),
    "show": Elsewhere(_SHOW, "Show what a campaign is, who signed it and what happened to it.", "show"),
}
DEFAULT_ZONE = "Asia/Shanghai"


@click.group(
    cls=LazyGroup, elsewhere=COMMANDS, help=translate("Create campaigns, have them approved, run them, report.")
)
def command() -> None:
    pass


@command.command(help=translate("Create a campaign as a draft."))
@NAME
@campaign_parts()
def create(name: str, db: Place | None, user: str | None, **given: Any) -> None:
    if given["flow"] is None:
        raise click.UsageError(translate("Say which flow: --flow NAME, or --flow FILE."))
    settings = load_settings()
    zone = zone_of(given["timezone"] or DEFAULT_ZONE)
    schedule = Schedule(moment_of(given["starts"], zone), moment_of(given["ends"], zone), zone)

    async def work(database: Database) -> Created:
        draft = Draft(
            name=name,
            flow=await flow_of(database, given["flow"], settings),
            policy=default_policy() if given["policy"] is None else load_policy(given["policy"]),
            strategy=default_strategy() if given["strategy"] is None else load_strategy(given["strategy"]),
            concurrency=given["concurrency"] or settings.dialer.concurrency,
            schedule=schedule,
            people=_people(given),
            **_shared(given),
        )
        return await create_campaign(database, await acting(database, user), draft, settings)

    created = with_database(db, work)
    for report in created.imported:
        counts = {"list": report.list_name, "good": report.good, "left_out": report.rejected + report.duplicates}
        click.echo(translate("List {list}: {good} contacts, {left_out} rows left out", **counts))
    click.echo(translate("{name} is a draft now. Next: ivr campaign submit", name=name))


@command.command(help=translate("Change a campaign. Its approval is gone then, and a running one pauses."))
@NAME
@campaign_parts(
    click.option("--drop-list", "dropped_lists", multiple=True, help=translate("A list to leave out from now on."))
)
def edit(name: str, db: Place | None, user: str | None, **given: Any) -> None:
    settings = load_settings()

    async def work(database: Database) -> Edited:
        zone = given["timezone"] and zone_of(given["timezone"])
        known = zone or await database.read(lambda session: _zone(session, name))
        edit = Edit(
            flow=None if given["flow"] is None else await flow_of(database, given["flow"], settings),
            policy=None if given["policy"] is None else load_policy(given["policy"]),
            strategy=None if given["strategy"] is None else load_strategy(given["strategy"]),
            starts_at=moment_of(given["starts"], known),
            ends_at=moment_of(given["ends"], known),
            zone=zone,
            concurrency=given["concurrency"],
            dropped_lists=given["dropped_lists"],
            handled_by=None if given["handled_by"] is None else HandledBy(given["handled_by"]),
            people_mode=None if given["people_mode"] is None else PeopleMode(given["people_mode"]),
            teams=given["teams"],
            **_shared(given),
        )
        return await edit_campaign(database, await acting(database, user), name, edit, settings)

    edited = with_database(db, work, must_exist=True)
    if not edited.changed:
        click.echo(translate("Nothing is different: {name} stays as it is.", name=name))
        return
    click.echo(translate("Changed: {parts}", parts=part_words(edited.changed).render(translate)))
    if edited.voided:
        click.echo(translate("Its approval is gone. Next: ivr campaign submit"))


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    """What `Draft` and `Edit` call alike."""
    kind = given["project_type"]
    same = ("lists", "trunks", "organisation", "statistics", "max_per_day", "max_total")
    return {name: given[name] for name in same} | {
        "files": given["contacts"],
        "project_type": None if kind is None else ProjectType(kind),
        "import_options": ImportOptions(columns=columns_of(given["columns"])),
    }


def _people(given: dict[str, Any]) -> People | None:
    """Raises click.UsageError: a mode or teams of a campaign that the robot handles."""
    mode, teams = given["people_mode"], given["teams"]
    if given["handled_by"] != HandledBy.PEOPLE.value:
        if mode or teams:
            raise click.UsageError(
                translate("Mode and teams are those of campaigns that people handle: --handled-by people")
            )
        return None
    return People(PeopleMode(mode) if mode else PeopleMode.PREVIEW, teams)


def _zone(session: Session, name: str) -> str:
    return find_campaign(session, name).timezone
