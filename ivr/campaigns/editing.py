"""Editing a campaign: what it says changes, and its approval is gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.loader import load_document as load_flow
from ivr.campaigns.actors import Actor
from ivr.campaigns.changing import Change, close_waiting, find_campaign, hold_campaign, may_manage, move
from ivr.campaigns.creating import (
    Schedule,
    check_schedule,
    check_script,
    check_statistics,
    check_teams,
    check_trunks,
    people_queue,
)
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.life_cycle import Event, step
from ivr.campaigns.lists import check_fields, files_with_contacts, import_files
from ivr.campaigns.organisations import find_organisation
from ivr.config import Settings
from ivr.contacts_import import ImportOptions
from ivr.contacts_import.lists import find_list
from ivr.database import Database
from ivr.flow_versions import version_row
from ivr.model import (
    Campaign,
    CampaignList,
    CampaignState,
    Contact,
    ContactList,
    FlowVersion,
    HandledBy,
    PeopleMode,
    ProjectType,
    Task,
)
from ivr.policy.loader import load_document as load_policy
from ivr.policy.policy import Policy
from ivr.strategy import Strategy
from ivr.strategy import load_document as load_strategy

REMOVED_FROM_CAMPAIGN = (
    "removed_from_campaign"  # result of contacts whose list no longer belongs to their campaign
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What is to be changed; None and empty: stays as it is."""

    flow: Flow | None = None
    policy: Policy | None = None
    strategy: Strategy | None = None
    lists: tuple[str, ...] = ()  # to add
    files: tuple[Path, ...] = ()
    dropped_lists: tuple[str, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str | None = None
    trunks: tuple[str, ...] = ()
    concurrency: int | None = None
    organisation: str | None = None
    project_type: ProjectType | None = None
    statistics: tuple[str, ...] = ()
    max_per_day: int | None = None
    max_total: int | None = None
    handled_by: HandledBy | None = None
    people_mode: PeopleMode | None = None
    teams: tuple[str, ...] = ()
    import_options: ImportOptions = field(default_factory=ImportOptions)


@dataclass(frozen=True, slots=True)
class Edited:
    changed: tuple[str, ...]  # what differs now; empty: nothing did
    state: CampaignState
    voided: bool  # an approval, or a submission, was taken away


async def edit_campaign(database: Database, actor: Actor, name: str, edit: Edit, settings: Settings) -> Edited:
    """Change the campaign. An edit that changes something voids its approval; a running campaign pauses.

    Raises CampaignError, or what reading lists raises: nothing is written then."""
    now = database.clock.now()
    check_trunks(edit.trunks, settings)
    needs = await database.read(lambda session: _check(session, actor, name, edit, now))
    options = replace(edit.import_options, by=actor.name, optional=needs.attributes)
    files = await files_with_contacts(database, edit.files, needs.flow, options)
    imported = await import_files(database, files, needs.flow, options)
    given = _Given(edit, tuple(report.list_id for report in imported))
    return await database.run(lambda session: _write(session, actor, name, given, now))


@dataclass(frozen=True, slots=True)
class _Given:
    edit: Edit
    imported: tuple[int, ...]  # lists


@dataclass(frozen=True, slots=True)
class _Needs:
    """What the lists of the edited campaign must bring."""

    flow: Flow
    attributes: dict[str, str]


def _check(session: Session, actor: Actor, name: str, edit: Edit, now: datetime) -> _Needs:
    """Everything that can be in the way. Raises CampaignError."""
    campaign = find_campaign(session, name)
    step(name, campaign.state, Event.EDIT)
    may_manage(session, campaign, actor)
    if not campaign.needs_approval:
        raise CampaignError(
            "The campaign {name} was begun at a terminal: it is changed by dialling it.", name=name
        )
    check_schedule(_schedule(campaign, edit), now)
    version = session.get_one(FlowVersion, campaign.flow_version_id)
    flow = edit.flow or load_flow(version.source)
    check_statistics(edit.statistics or campaign.statistics, flow)
    if edit.organisation is not None:
        place = find_organisation(session, edit.organisation)
        may_manage(session, Campaign(name=name, organisation_id=place.id), actor)
    check_teams(session, edit.teams)
    if (edit.handled_by or campaign.handled_by) is HandledBy.ROBOT and (edit.people_mode or edit.teams):
        raise CampaignError("Mode and teams are those of campaigns that people handle: --handled-by people")
    if (edit.handled_by or campaign.handled_by) is HandledBy.PEOPLE:
        check_script(flow)
    if (edit.people_mode or campaign.people_mode) is PeopleMode.PREDICTIVE:
        people_queue(edit.strategy or load_strategy(campaign.strategy or ""))
    dropped = {find_list(session, one).id for one in edit.dropped_lists}
    kept = set(_lists(session, campaign)) - dropped
    checked = {find_list(session, one).id for one in edit.lists}
    if edit.flow is not None:
        checked |= kept
    for list_id in sorted(checked):
        check_fields(session, session.get_one(ContactList, list_id), flow)
    if dropped and not kept and not checked and not edit.files and (edit.max_total or campaign.max_total) is None:
        raise CampaignError("The campaign {name} would have no contacts: add a list too.", name=name)
    policy = edit.policy or load_policy(campaign.policy or "")
    return _Needs(flow, dict(policy.spec.attributes))


def _write(session: Session, actor: Actor, name: str, given: _Given, now: datetime) -> Edited:
    edit = given.edit
    campaign = hold_campaign(session, name)
    step(name, campaign.state, Event.EDIT)
    before, changed = campaign.state, []
    for part, attribute, value in _values(session, actor, campaign, edit, now):
        if getattr(campaign, attribute) != value:
            setattr(campaign, attribute, value)
            changed.append(part)
    if _change_lists(session, campaign, given, now):
        changed.append("lists")
    if not changed:
        return Edited((), campaign.state, False)
    what = tuple(dict.fromkeys(changed))
    voided = before is not CampaignState.DRAFT
    campaign.approved_sha256 = None
    campaign.authors = [*dict.fromkeys((*campaign.authors, actor.name))]
    move(session, campaign, Change(Event.EDIT, actor, now, details={"parts": what}))
    return Edited(what, campaign.state, voided)


def _values(
    session: Session, actor: Actor, campaign: Campaign, edit: Edit, now: datetime
) -> Iterator[tuple[str, str, object]]:
    """(part, column, value) of everything that was given."""
    if edit.flow is not None:
        yield "flow", "flow_version_id", version_row(session, edit.flow, actor.name, now).id
        yield "flow", "purpose", edit.flow.purpose
    if edit.organisation is not None:
        yield "organisation", "organisation_id", find_organisation(session, edit.organisation).id
    given: dict[tuple[str, str], object] = {
        ("policy", "policy"): edit.policy and edit.policy.document,
        ("strategy", "strategy"): edit.strategy and edit.strategy.document,
        ("schedule", "starts_at"): edit.starts_at,
        ("schedule", "ends_at"): edit.ends_at,
        ("schedule", "timezone"): edit.zone,
        ("trunks", "trunks"): list(edit.trunks) or None,
        ("concurrency", "concurrency"): edit.concurrency,
        ("project_type", "project_type"): edit.project_type,
        ("statistics", "statistics"): list(edit.statistics) or None,
        ("handled_by", "handled_by"): edit.handled_by,
        ("handled_by", "people_mode"): _mode(campaign, edit),
        ("handled_by", "teams"): list(edit.teams) or None,
        ("maxima", "max_per_day"): edit.max_per_day,
        ("maxima", "max_total"): edit.max_total,
    }
    for (part, column), value in given.items():
        if value is not None:
            yield part, column, value


def _mode(campaign: Campaign, edit: Edit) -> PeopleMode | None:
    """The mode that a campaign has from now on whose contacts people handle."""
    if edit.handled_by is HandledBy.PEOPLE and campaign.people_mode is None:
        return edit.people_mode or PeopleMode.PREVIEW
    return edit.people_mode


def _schedule(campaign: Campaign, edit: Edit) -> Schedule:
    return Schedule(
        edit.starts_at or campaign.starts_at, edit.ends_at or campaign.ends_at, edit.zone or campaign.timezone
    )


def _lists(session: Session, campaign: Campaign) -> tuple[int, ...]:
    return tuple(
        session.scalars(select(CampaignList.list_id).where(CampaignList.campaign_id == campaign.id)).all()
    )


def _change_lists(session: Session, campaign: Campaign, given: _Given, now: datetime) -> bool:
    """Add and drop lists; contacts of dropped ones that weren't called yet are done, with the reason."""
    before = set(_lists(session, campaign))
    dropped = {find_list(session, one).id for one in given.edit.dropped_lists} & before
    added = {*given.imported, *(find_list(session, one).id for one in given.edit.lists)} - before
    session.add_all(CampaignList(campaign_id=campaign.id, list_id=list_id) for list_id in sorted(added))
    if dropped:
        session.execute(
            delete(CampaignList).where(
                CampaignList.campaign_id == campaign.id, CampaignList.list_id.in_(sorted(dropped))
            )
        )
        on_them = select(Contact.id).where(Contact.list_id.in_(sorted(dropped)))
        theirs = [Task.campaign_id == campaign.id, Task.contact_id.in_(on_them)]
        close_waiting(session, theirs, REMOVED_FROM_CAMPAIGN, now)
    return bool(added or dropped)
