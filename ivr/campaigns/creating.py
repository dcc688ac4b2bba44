"""Creating a campaign: everything is checked before anything is written, then it is a draft."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.flow import Flow
from flows.nodes import AskNode
from flows.secret_use import computing_with_secrets
from ivr.campaigns.actors import Actor
from ivr.campaigns.changing import may_manage
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.lists import check_fields, files_with_contacts, import_files
from ivr.campaigns.organisations import find_organisation
from ivr.config import Settings
from ivr.contacts_import import ImportOptions, ImportReport
from ivr.contacts_import.lists import find_list
from ivr.database import Database
from ivr.flow_versions import version_row
from ivr.model import (
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    HandledBy,
    PeopleMode,
    ProjectType,
    Team,
)
from ivr.model.types import NAME_CHARS
from ivr.policy.policy import Policy
from ivr.returns.flows import return_flow
from ivr.strategy import Strategy

CREATED = "campaign.create"  # in the audit trail
SPEECH_ENDS = ("opted_out", "complaint", "incomplete")  # dispositions that every flow may end with


@dataclass(frozen=True, slots=True)
class Schedule:
    """When it calls. Moments are aware; `zone` is for people to read."""

    starts_at: datetime | None = None
    ends_at: datetime | None = None
    zone: str = "Asia/Shanghai"


@dataclass(frozen=True, slots=True)
class People:
    """Its contacts are handled by people: how they come by their calls, and whose (no teams: everybody's)."""

    mode: PeopleMode = PeopleMode.PREVIEW
    teams: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What is to be created."""

    name: str
    flow: Flow
    policy: Policy
    strategy: Strategy
    concurrency: int
    lists: tuple[str, ...] = ()  # names or numbers of imported lists
    files: tuple[Path, ...] = ()  # lists that are imported on the way
    schedule: Schedule = Schedule()
    trunks: tuple[str, ...] = ()
    organisation: str | None = None  # None: the actor's
    project_type: ProjectType | None = None
    statistics: tuple[str, ...] = ()
    max_per_day: int | None = None
    max_total: int | None = None
    recognizer: str = ""
    people: People | None = None  # None: the robot talks
    import_options: ImportOptions = field(default_factory=ImportOptions)


@dataclass(frozen=True, slots=True)
class Created:
    campaign_id: int
    imported: tuple[ImportReport, ...]


async def create_campaign(database: Database, actor: Actor, draft: Draft, settings: Settings) -> Created:
    """Make it a campaign. Raises CampaignError, or what reading its lists raises: nothing is written then."""
    actor.must_manage()
    now = database.clock.now()
    check_name(draft.name)
    check_schedule(draft.schedule, now)
    check_trunks(draft.trunks, settings)
    check_statistics(draft.statistics, draft.flow)
    if draft.people is not None:
        check_script(draft.flow)
    if draft.people is not None and draft.people.mode is PeopleMode.PREDICTIVE:
        people_queue(draft.strategy)
    if not draft.lists and not draft.files and draft.max_total is None:
        raise CampaignError(
            "The campaign {name} has no contacts: name a list (--list, --contacts), or the most that feeds may "
            "bring it (--max-total).",
            name=draft.name,
        )
    await database.read(lambda session: _check_rows(session, actor, draft))
    options = replace(draft.import_options, by=actor.name, optional=draft.policy.spec.attributes)
    files = await files_with_contacts(database, draft.files, draft.flow, options)
    imported = await import_files(database, files, draft.flow, options)
    campaign_id = await database.run(
        lambda session: _write(session, actor, draft, [report.list_id for report in imported], now)
    )
    return Created(campaign_id, imported)


def check_name(name: str) -> None:
    """Raises CampaignError for a name that can't be one."""
    if not name.strip() or len(name) > NAME_CHARS:
        raise CampaignError("A campaign's name has 1 to {most} characters.", most=NAME_CHARS)


def check_schedule(schedule: Schedule, now: datetime) -> None:
    """Raises CampaignError for an end that isn't after the beginning, or has passed."""
    starts_at, ends_at = schedule.starts_at, schedule.ends_at
    if ends_at is None:
        return
    zone = ZoneInfo(schedule.zone)
    if starts_at is not None and ends_at <= starts_at:
        raise CampaignError(
            "The end {ends} isn't after the beginning {starts}: nobody could be called.",
            starts=shown(starts_at, zone),
            ends=shown(ends_at, zone),
        )
    if ends_at <= now:
        raise CampaignError("The end {ends} has passed: nobody could be called.", ends=shown(ends_at, zone))


def check_trunks(trunks: Iterable[str], settings: Settings) -> None:
    """Raises CampaignError for a trunk that the settings don't have."""
    for name in trunks:
        if name not in settings.trunks:
            raise CampaignError(
                "There is no trunk {name} in the settings; there are: {known}.",
                name=name,
                known=", ".join(sorted(settings.trunks)) or "–",
            )


def check_statistics(statistics: Iterable[str], flow: Flow) -> None:
    """Raises CampaignError for a column of the statistics form that the flow can't fill."""
    known = columns_of(flow)
    for name in statistics:
        if name not in known:
            raise CampaignError(
                "The flow {flow} has no question and no result {name} for the statistics form; it has: {known}.",
                flow=flow.name,
                name=name,
                known=", ".join(known),
            )


def check_script(flow: Flow) -> None:
    """Raises CampaignError for a flow that people can't go through: it goes by a secret that nobody keeps."""
    for found in computing_with_secrets(flow):
        raise CampaignError(
            "People can't have the flow {flow} as their script: {node} goes by the digits of {secret}, which are "
            "kept nowhere. Let another system judge them (call_api), or check who it is with an identity node.",
            flow=flow.name,
            node=found.node,
            secret=found.secret,
        )


def check_teams(session: Session, teams: Iterable[str]) -> None:
    """Raises CampaignError for a team that isn't on the roster."""
    known = list(session.scalars(select(Team.name).order_by(Team.name)))
    for name in teams:
        if name not in known:
            raise CampaignError(
                "There is no team {name}; there are: {known}.", name=name, known=", ".join(known) or "–"
            )


def people_queue(strategy: Strategy) -> str:
    """The queue for whose people a predictive campaign calls ahead. Raises CampaignError: the strategy doesn't say
    which, or doesn't look at people."""
    pace = strategy.spec.pace
    if not pace.by_people or pace.queues is None or len(pace.queues) != 1:
        raise CampaignError(
            "Customers are called ahead for the people of one queue; write in the strategy: {line}",
            line="pace: {mode: predictive, queues: [NAME]}",
        )
    return pace.queues[0]


def columns_of(flow: Flow) -> tuple[str, ...]:
    """What a statistics form may show of a flow: its questions and its results."""
    questions = [node.ask.save_as or name for *_, name, node in flow.walk() if isinstance(node, AskNode)]
    results = [node.disposition for *_, node in flow.walk() if node.disposition is not None]
    return tuple(dict.fromkeys((*questions, *results, *SPEECH_ENDS)))


def shown(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _check_rows(session: Session, actor: Actor, draft: Draft) -> None:
    if session.scalars(select(Campaign.id).where(Campaign.name == draft.name)).first() is not None:
        raise CampaignError("There is a campaign {name} already; choose another name.", name=draft.name)
    if draft.organisation is not None:
        place = find_organisation(session, draft.organisation)
        may_manage(session, Campaign(name=draft.name, organisation_id=place.id), actor)
    return_flow(session, draft.flow, draft.strategy)
    for one in draft.lists:
        check_fields(session, find_list(session, one), draft.flow)
    if draft.people is not None:
        check_teams(session, draft.people.teams)


def _write(session: Session, actor: Actor, draft: Draft, imported: list[int], now: datetime) -> int:
    _check_rows(session, actor, draft)  # once more: others may have written in the meantime
    place = actor.place if draft.organisation is None else find_organisation(session, draft.organisation)
    schedule = draft.schedule
    campaign = Campaign(
        name=draft.name,
        flow_version_id=version_row(session, draft.flow, actor.name, now).id,
        purpose=draft.flow.purpose,
        state=CampaignState.DRAFT,
        concurrency=draft.concurrency,
        policy=draft.policy.document,
        strategy=draft.strategy.document,
        trunks=list(draft.trunks),
        starts_at=schedule.starts_at,
        ends_at=schedule.ends_at,
        timezone=schedule.zone,
        max_per_day=draft.max_per_day,
        max_total=draft.max_total,
        project_type=draft.project_type,
        statistics=list(draft.statistics),
        handled_by=HandledBy.ROBOT if draft.people is None else HandledBy.PEOPLE,
        people_mode=None if draft.people is None else draft.people.mode,
        teams=[] if draft.people is None else list(draft.people.teams),
        organisation_id=None if place is None else place.id,
        needs_approval=True,
        recognizer=draft.recognizer,
        authors=[actor.name],
        created_at=now,
        created_by=actor.name,
    )
    session.add(campaign)
    session.flush()
    lists = [find_list(session, one).id for one in draft.lists]
    session.add_all(
        CampaignList(campaign_id=campaign.id, list_id=list_id) for list_id in dict.fromkeys((*lists, *imported))
    )
    details = {"lists": sorted({*lists, *imported}), **actor.keyboard}
    session.add(AuditEntry(at=now, who=actor.name, action=CREATED, subject=campaign.name, details=details))
    return campaign.id
