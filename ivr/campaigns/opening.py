"""A campaign as rows: created once from a flow and a list, started, found again after a crash, finished.

Owns the life of the `campaign` row and the creation of its tasks; who is called when is the dialer's."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from flows.flow import Flow
from ivr.campaigns.errors import CampaignError
from ivr.config import ApprovalSettings
from ivr.contacts_import import ImportOptions, ImportReport, count_contacts, import_contacts
from ivr.contacts_import.parse import sha256_of
from ivr.database import Database
from ivr.dialer.entry import take_in
from ivr.flow_versions import version_row
from ivr.model import (
    Attempt,
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    FlowVersion,
    ImportBatch,
    Task,
    TaskState,
)
from ivr.policy.loader import load_document
from ivr.policy.policy import CampaignRules, Policy
from ivr.strategy import Strategy
from ivr.strategy import load_document as load_strategy


@dataclass(frozen=True, slots=True)
class CampaignPlan:
    """What to run. `name` finds the campaign again in a database that has it already."""

    name: str
    flow: Flow
    contacts: Path
    concurrency: int
    by: str
    usual_policy: Policy  # of a new campaign that names none
    usual_strategy: Strategy  # likewise
    policy: Policy | None = None  # None: its own when it goes on, the usual one when it is new
    strategy: Strategy | None = None  # likewise
    seed: int | None = None
    approval: ApprovalSettings | None = None  # how much may be called unapproved; None: a rehearsal, anything
    recognizer: str = ""
    import_options: ImportOptions = field(default_factory=ImportOptions)


@dataclass(frozen=True, slots=True)
class OpenedCampaign:
    rules: CampaignRules
    strategy: Strategy
    resumed: bool  # it was there already, unfinished or finished
    finished: bool
    imported: ImportReport | None  # None when resumed
    never: int = 0  # contacts that the policy took off as the list was taken in

    @property
    def campaign_id(self) -> int:
        return self.rules.campaign_id


async def open_campaign(database: Database, plan: CampaignPlan) -> OpenedCampaign:
    """The campaign of that name, going on where it was; created from the flow and the list when it isn't there.

    Raises CampaignError when it is there with another flow or list, nobody on the list can be called, or more than
    may be without approval; ContactsImportError when the list can't be used."""
    existing = await database.read(lambda session: _find(session, plan))
    if existing is not None:
        found, sha256 = existing
        now_sha256 = await database.clock.outside(asyncio.to_thread(sha256_of, plan.contacts))
        if sha256 not in (None, now_sha256):
            raise CampaignError(
                "There is a campaign {name} already, and {contacts} isn't the list it was begun with; give a new "
                "campaign a name of its own (--name).",
                name=plan.name,
                contacts=plan.contacts,
            )
        if plan.policy is not None or plan.strategy is not None:
            await database.run(lambda session: _keep(session, found, plan, database.clock.now()))
        return found
    policy = plan.policy or plan.usual_policy
    options = replace(plan.import_options, optional=policy.spec.attributes)
    if plan.approval is not None:
        await _check_size(database, plan, plan.approval, options)
    imported = await import_contacts(database, plan.contacts, plan.flow.needs, options)
    if not imported.good:
        raise CampaignError(
            "No row of {contacts} can be called; {rejects} says why, row by row: mend them and call that list.",
            contacts=plan.contacts,
            rejects=imported.rejects_path,
        )
    now = database.clock.now()
    rules, never = await database.run(lambda session: _create(session, plan, policy, imported, now))
    return OpenedCampaign(rules, plan.strategy or plan.usual_strategy, False, False, imported, never)


def left_to_call(session: Session, name: str) -> tuple[int, Policy | None] | None:
    """How many contacts of the campaign with that name aren't done, and its policy; None: there is no such one."""
    found = session.execute(select(Campaign.id, Campaign.policy).where(Campaign.name == name)).one_or_none()
    if found is None:
        return None
    open_tasks = select(func.count()).where(Task.campaign_id == found.id, Task.state != TaskState.DONE)
    policy = load_document(found.policy) if found.policy else None
    return session.execute(open_tasks).scalar_one(), policy


async def _check_size(
    database: Database, plan: CampaignPlan, approval: ApprovalSettings, options: ImportOptions
) -> None:
    """Raises CampaignError when it is more than one operator may dial unapproved, with what they dialled by the
    same flow in the last hours."""
    good, _ = await database.clock.outside(
        asyncio.to_thread(count_contacts, plan.contacts, plan.flow.needs, options)
    )
    since = database.clock.now() - timedelta(hours=approval.split_hours)
    before = await database.read(lambda session: _dialled_directly(session, plan, since))
    if good + before > approval.direct_contacts:
        raise CampaignError(
            "{contacts} contacts, {before} of them dialled before, are more than the {most} that one operator may "
            "dial unapproved: ivr campaign create, then ivr campaign submit ([approval] direct_contacts).",
            contacts=good + before,
            before=before,
            most=approval.direct_contacts,
        )


def _dialled_directly(session: Session, plan: CampaignPlan, since: datetime) -> int:
    """Contacts of the campaigns that the same operator began with the same flow, unapproved."""
    counted = (
        select(func.count(Task.id))
        .join(Campaign, Task.campaign_id == Campaign.id)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .where(
            Campaign.needs_approval.is_(False),
            Campaign.seed.is_(None),
            Campaign.created_by == plan.by,
            Campaign.created_at > since,
            FlowVersion.flow == plan.flow.name,
        )
    )
    return session.execute(counted).scalar_one()


async def start_campaign(database: Database, campaign_id: int) -> None:
    """From now on its tasks may be leased."""
    await _set_state(database, campaign_id, CampaignState.RUNNING)


async def pause_campaign(database: Database, campaign_id: int) -> None:
    """No new calls from now on; those that are on go on. What is finished or paused already stays so."""
    await _set_state(database, campaign_id, CampaignState.PAUSED)


async def finish_campaign(database: Database, campaign_id: int) -> None:
    """Every task is done."""
    await _set_state(database, campaign_id, CampaignState.FINISHED)


async def _set_state(database: Database, campaign_id: int, state: CampaignState) -> None:
    now = database.clock.now()

    def change(session: Session) -> None:
        campaign = session.get_one(Campaign, campaign_id)
        if state is CampaignState.PAUSED and campaign.state is not CampaignState.RUNNING:
            return
        campaign.state = state
        if state is CampaignState.RUNNING:
            campaign.started_at = campaign.started_at or now
            campaign.running_since, campaign.paused_why = now, None
        if state is CampaignState.FINISHED:
            campaign.finished_at = now

    await database.run(change)


def _find(session: Session, plan: CampaignPlan) -> tuple[OpenedCampaign, str | None] | None:
    """The campaign of that name and the hash of the file that its list was read from, if it was."""
    found = session.execute(
        select(Campaign, FlowVersion.content_hash, ImportBatch.file_sha256)
        .join(FlowVersion, Campaign.flow_version_id == FlowVersion.id)
        .outerjoin(CampaignList, CampaignList.campaign_id == Campaign.id)
        .outerjoin(ImportBatch, ImportBatch.list_id == CampaignList.list_id)
        .where(Campaign.name == plan.name)
        .order_by(ImportBatch.id)
    ).first()
    if found is None:
        return None
    campaign, content_hash, sha256 = found
    if campaign.needs_approval:
        raise CampaignError(
            "{name} is a campaign with an approval of its own: it runs by ivr campaign start and ivr worker; give "
            "this one another name (--name).",
            name=plan.name,
        )
    if content_hash != plan.flow.version:
        raise CampaignError(
            "There is a campaign {name} already, with another version of the flow; give a new campaign a name of "
            "its own (--name).",
            name=plan.name,
        )
    finished = campaign.state is CampaignState.FINISHED
    policy = plan.policy or (load_document(campaign.policy) if campaign.policy else plan.usual_policy)
    own = load_strategy(campaign.strategy) if campaign.strategy else plan.usual_strategy
    rules = _rules(plan.flow, policy, campaign.id)
    return OpenedCampaign(rules, plan.strategy or own, True, finished, None), sha256


def _rules(flow: Flow, policy: Policy, campaign_id: int) -> CampaignRules:
    return CampaignRules(policy, campaign_id, flow.purpose, flow.name, flow.needs)


def _keep(session: Session, found: OpenedCampaign, plan: CampaignPlan, now: datetime) -> None:
    """A campaign that goes on with another policy or strategy says so."""
    campaign = session.get_one(Campaign, found.campaign_id)
    for word, document in (("policy", plan.policy), ("strategy", plan.strategy)):
        if document is None or getattr(campaign, word) == document.document:
            continue
        setattr(campaign, word, document.document)
        details = {word: document.name, "sha256": document.version}
        audit = AuditEntry(at=now, who=plan.by, action=f"campaign.{word}", subject=campaign.name, details=details)
        session.add(audit)


def last_moment(session: Session, name: str) -> datetime | None:
    """When the last thing happened in the campaign of that name; None when nothing has."""
    found = session.execute(
        select(Campaign.started_at, func.max(Attempt.started_at), func.max(Attempt.ended_at))
        .outerjoin(Attempt, Attempt.campaign_id == Campaign.id)
        .where(Campaign.name == name)
        .group_by(Campaign.id)
    ).first()
    return max((moment for moment in found or () if moment is not None), default=None)


def _create(
    session: Session, plan: CampaignPlan, policy: Policy, imported: ImportReport, now: datetime
) -> tuple[CampaignRules, int]:
    campaign = Campaign(
        name=plan.name,
        flow_version_id=version_row(session, plan.flow, plan.by, now).id,
        purpose=plan.flow.purpose,
        state=CampaignState.DRAFT,
        concurrency=plan.concurrency,
        policy=policy.document,
        strategy=(plan.strategy or plan.usual_strategy).document,
        seed=plan.seed,
        recognizer=plan.recognizer,
        authors=[plan.by],
        submitted_at=now,  # what is submitted around it counts together with it
        created_at=now,
        created_by=plan.by,
    )
    session.add(campaign)
    session.flush()
    session.add(CampaignList(campaign_id=campaign.id, list_id=imported.list_id))
    session.flush()
    rules = _rules(plan.flow, policy, campaign.id)
    return rules, take_in(session, rules, now).never
