"""`ivr campaign list`, `ivr campaign show` and `ivr campaign export`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session

from ivr.campaigns.changing import find_campaign
from ivr.campaigns.showing import CampaignDetails, HistoryLine, SignatureView, list_campaigns, show_campaign
from ivr.campaigns.stopping import standing_stop
from ivr.campaigns.words import (
    EVENTS,
    event_word,
    mode_word,
    part_words,
    project_type_word,
    stage_word,
    state_word,
)
from ivr.cli.campaign_options import NAME
from ivr.cli.campaign_steps import demand_line, missing_line
from ivr.cli.lists import new_password
from ivr.cli.options import DATABASE
from ivr.cli.passwords import PASSWORD_FILE
from ivr.cli.stop import stop_line
from ivr.cli.with_database import with_database
from ivr.config import load_settings
from ivr.database import Database, Place
from ivr.exports.campaign import KINDS, Kind, export_campaign
from ivr.i18n import current_language, translate
from ivr.model import ApprovalStage, CampaignState, EmergencyStop

SHOWN_HASH_CHARS = 12
MOST_LISTED = 50


@click.command("list", help=translate("List the campaigns, the newest first."))
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=MOST_LISTED,
    show_default=True,
    help=translate("At most so many."),
)
@DATABASE
def list_(limit: int, db: Place | None) -> None:
    found = with_database(
        db, lambda database: database.read(lambda session: list_campaigns(session, limit)), must_exist=True
    )
    if not found:
        click.echo(translate("There are no campaigns yet; create one with: ivr campaign create"))
        return
    table = Table()
    for title in ("no.", "campaign", "state", "flow", "owner", "done", "contacts"):
        table.add_column(translate(title))
    for one in found:
        progress = one.progress
        table.add_row(
            str(one.id),
            one.name,
            _state(one.state),
            one.flow,
            one.owner,
            str(progress.done),
            str(progress.contacts),
        )
    Console().print(table)


@click.command(help=translate("Show what a campaign is, who signed it and what happened to it."))
@NAME
@DATABASE
def show(name: str, db: Place | None) -> None:
    settings = load_settings().approval

    def look(session: Session) -> tuple[CampaignDetails, EmergencyStop | None]:
        return show_campaign(session, name, settings), standing_stop(session)

    found, stopped = with_database(db, lambda database: database.read(look), must_exist=True)
    table = Table(title=f"{found.name}: {_state(found.state)}", show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for title, value in _rows(found).items():
        if value:
            table.add_row(title, value)
    Console().print(table)
    if stopped is not None:
        click.echo(stop_line(stopped))
    for line in _approval(found):
        click.echo(line)
    click.echo(translate("What happened:"))
    for told in found.history:
        click.echo(f"  {_moment(told.at)}  {told.who}: {_told(told)}")


@click.command(help=translate("Write a campaign's rows to a CSV or XLSX file, with a password on request."))
@NAME
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--kind", type=click.Choice(KINDS), default="tasks", show_default=True, help=translate("Which rows.")
)
@click.option("--password", "locked", is_flag=True, help=translate("Ask for a password for the workbook."))
@PASSWORD_FILE
@DATABASE
def export(name: str, file: Path, kind: Kind, locked: bool, password_file: Path | None, db: Place | None) -> None:
    password = new_password(file, password_file, locked)

    async def work(database: Database) -> int:
        campaign_id = await database.read(lambda session: find_campaign(session, name).id)
        return await export_campaign(database, campaign_id, kind, file, password, current_language())

    click.echo(translate("Written: {path}, {rows} rows", path=file, rows=with_database(db, work, must_exist=True)))


def _rows(found: CampaignDetails) -> dict[str, str]:
    """What it is; a value that is empty isn't shown."""
    progress, zone, kind = found.progress, ZoneInfo(found.timezone), found.project_type
    counts = {"done": progress.done, "contacts": progress.contacts, "live": progress.live}
    maxima = f"{found.max_per_day or '–'} / {found.max_total or '–'}" if found.feeds or found.max_total else ""
    return {
        translate("paused because"): _because(found.paused_why),
        translate("flow"): f"{found.flow} {found.flow_version} ({found.content_hash[:SHOWN_HASH_CHARS]})",
        translate("purpose"): found.purpose,
        translate("project type"): "" if kind is None else project_type_word(kind).render(translate),
        translate("organisation"): found.organisation or "",
        translate("owner"): found.owner,
        translate("lists"): ", ".join(f"{one.name} ({one.id}): {one.numbers}" for one in found.lists),
        translate("feeds"): ", ".join(found.feeds),
        translate("at most a day / in all"): maxima,
        translate("policy"): found.policy or "",
        translate("strategy"): found.strategy or "",
        translate("schedule"): (
            f"{_in_zone(found.starts_at, zone)} – {_in_zone(found.ends_at, zone)} ({found.timezone})"
        ),
        translate("trunks"): ", ".join(found.trunks) or translate("all for its purpose"),
        translate("calls at once"): str(found.concurrency),
        translate("handled by"): mode_word(found.people_mode).render(translate),
        translate("teams"): ", ".join(found.teams),
        translate("statistics form"): ", ".join(found.statistics) or translate("everything"),
        translate("progress"): translate("{done} of {contacts} contacts done, {live} calls on", **counts),
    }


def _because(line: HistoryLine | None) -> str:
    if line is None:
        return ""
    if line.parts:
        return translate("what was approved has changed: {parts}", parts=part_words(line.parts).render(translate))
    return _why(line)


def _approval(found: CampaignDetails) -> Iterator[str]:
    approval = found.approval
    if not approval.needed:
        yield translate("It was begun at a terminal and needs no approval.")
        return
    if approval.demand is not None:
        yield demand_line(approval.demand)
    for one in approval.signatures:
        yield f"  {_signature(one)}"
    if approval.holds:
        yield translate("Approved: {sha256}", sha256=(approval.sha256 or "")[:SHOWN_HASH_CHARS])
    elif approval.missing is not None:
        yield missing_line(approval.missing)
    else:
        yield translate("It isn't approved.")


def _signature(one: SignatureView) -> str:
    params = {"stage": stage_word(one.stage).render(translate), "who": one.by, "number": one.submission}
    signed = (
        "{stage} signed by {who} (submission {number})"
        if one.approved
        else "{stage} rejected by {who} (submission {number})"
    )
    note = f": {one.note}" if one.note else ""
    return f"{_moment(one.at)}  {translate(signed, **params)}{note}"


def _told(line: HistoryLine) -> str:
    what = event_word(line.event).render(translate) if line.event in EVENTS else line.event
    if line.stage is not None:
        what += f" ({stage_word(ApprovalStage(line.stage)).render(translate)})"
    if line.state is not None and line.state != line.before:
        what += f" → {_state(CampaignState(line.state))}"
    if line.parts:
        what += f": {part_words(line.parts).render(translate)}"
    return what if line.why is None else f"{what}: {_why(line)}"


def _why(line: HistoryLine) -> str:
    if line.template is None:
        return line.why or ""
    return translate(line.template, **line.params)


def _state(state: CampaignState) -> str:
    return state_word(state).render(translate)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _in_zone(moment: datetime | None, zone: ZoneInfo) -> str:
    return "…" if moment is None else f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
