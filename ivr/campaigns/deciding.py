"""Submitting a campaign, signing it, sending it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.loader import load_document as load_flow
from ivr.campaigns.actors import Actor, place_of
from ivr.campaigns.approval import Demand, Paper, Signature, Signed, next_stage, signed
from ivr.campaigns.changing import Change, find_campaign, hold_campaign, move
from ivr.campaigns.changing import note as write_note
from ivr.campaigns.creating import Schedule, check_schedule
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.hashing import changed_parts, feeds_of, fixed_lists, parts_of, whole
from ivr.campaigns.life_cycle import Event, step
from ivr.campaigns.lists import check_fields
from ivr.campaigns.size import demand
from ivr.campaigns.words import part_words
from ivr.config import ApprovalSettings, Settings
from ivr.database import Database
from ivr.database.locks import lock_name
from ivr.model import Approval, ApprovalStage, Campaign, CampaignState, Contact, ContactList, FlowVersion
from ivr.policy.decide import Rule
from ivr.policy.facts import Asked
from ivr.policy.forecast import Forecast, forecast
from ivr.policy.loader import load_document
from ivr.policy.policy import CampaignRules

FOR_GOOD = tuple(Rule)[: tuple(Rule).index(Rule.MONTH_FULL)]  # rules that say never


@dataclass(frozen=True, slots=True)
class Submitted:
    demand: Demand
    forecast: Forecast  # what the policy would say now


@dataclass(frozen=True, slots=True)
class Decided:
    """One signature, and what is still missing."""

    stage: ApprovalStage
    demand: Demand
    missing: Signed


async def submit(database: Database, actor: Actor, name: str, settings: Settings, why: str | None) -> Submitted:
    """Put the campaign before its approvers as it is now. Raises CampaignError for what they needn't look at:
    nobody to call, a policy by which nobody may be called, an end that has passed, a list that doesn't fit."""
    now = database.clock.now()
    prompt_dirs = settings.paths.prompts

    def look(session: Session) -> tuple[dict[str, str], Forecast]:
        campaign = find_campaign(session, name)
        _check_event(campaign)
        check_schedule(Schedule(campaign.starts_at, campaign.ends_at, campaign.timezone), now)
        return parts_of(session, campaign, prompt_dirs), _forecast(session, campaign, now)

    parts, expected = await database.read(look)
    never = sum(expected.decides[rule] for rule in FOR_GOOD)

    def work(session: Session) -> Submitted:
        campaign = hold_campaign(session, name)
        _check_event(campaign)
        campaign.submission += 1
        campaign.submitted_at, campaign.submitted_by = now, actor.name
        campaign.submitted_parts, campaign.approved_sha256 = parts, None
        campaign.authors = [*dict.fromkeys((*campaign.authors, actor.name))]
        details = {"sha256": whole(parts), "contacts": expected.contacts, "never": never}
        move(session, campaign, Change(Event.SUBMIT, actor, now, why, details))
        session.flush()
        return Submitted(demand(session, campaign, settings.approval), expected)

    return await database.run(work)


async def approve(database: Database, actor: Actor, name: str, settings: Settings, note: str | None) -> Decided:
    """Sign the stage that is open. Raises CampaignError when the actor may not, or it isn't what was submitted any
    more: then it goes back to its owner."""
    parts = await database.read(
        lambda session: parts_of(session, find_campaign(session, name), settings.paths.prompts)
    )
    now = database.clock.now()

    def work(session: Session) -> Decided | CampaignError:
        campaign = _hold(session, name)
        step(name, campaign.state, Event.SIGN)
        paper = paper_of(session, campaign, settings.approval)
        stage = next_stage(paper, actor, settings.approval)
        changed = changed_parts(campaign.submitted_parts, parts)
        if changed:
            return _send_back(session, campaign, actor, now, changed)
        signature = _signature(campaign, actor, paper.demand, now)
        signature.stage, signature.approved, signature.note = stage, True, note
        session.add(signature)
        missing = signed((*paper.signatures, Signature(stage, actor.name)), paper.demand.approvers)
        event = Event.APPROVE if missing.stage is None else Event.SIGN
        if missing.stage is None:
            campaign.approved_sha256 = whole(parts)
        details = {"stage": stage.value, "sha256": whole(parts), "form": paper.demand.step.form}
        move(session, campaign, Change(event, actor, now, note, details))
        return Decided(stage, paper.demand, missing)

    return _or_raise(await database.run(work))


async def reject(database: Database, actor: Actor, name: str, settings: Settings, note: str) -> ApprovalStage:
    """Send it back to its owner, saying why. Raises CampaignError as `approve`."""
    now = database.clock.now()

    def work(session: Session) -> ApprovalStage:
        campaign = _hold(session, name)
        step(name, campaign.state, Event.REJECT)
        paper = paper_of(session, campaign, settings.approval)
        stage = next_stage(paper, actor, settings.approval)
        signature = _signature(campaign, actor, paper.demand, now)
        signature.stage, signature.approved, signature.note = stage, False, note
        session.add(signature)
        move(session, campaign, Change(Event.REJECT, actor, now, note, {"stage": stage.value}))
        return stage

    return await database.run(work)


def paper_of(session: Session, campaign: Campaign, settings: ApprovalSettings) -> Paper:
    """What lies before the approvers of a submitted campaign."""
    rows = session.scalars(
        select(Approval)
        .where(
            Approval.campaign_id == campaign.id,
            Approval.submission == campaign.submission,
            Approval.approved.is_(True),
        )
        .order_by(Approval.id)
    )
    return Paper(
        name=campaign.name,
        authors=frozenset({campaign.created_by, *campaign.authors}),
        place=place_of(session, campaign.organisation_id),
        demand=demand(session, campaign, settings),
        signatures=tuple(Signature(row.stage, row.by) for row in rows),
    )


def _hold(session: Session, name: str) -> Campaign:
    """The campaign, and the sums that it is part of: two siblings aren't approved side by side."""
    campaign = find_campaign(session, name)
    lock_name(session, f"approval:{campaign.created_by}")
    return hold_campaign(session, name)


def _check_event(campaign: Campaign) -> None:
    if not campaign.needs_approval:
        raise CampaignError(
            "The campaign {name} was begun at a terminal and needs no approval.", name=campaign.name
        )
    if campaign.state is CampaignState.PAUSED and campaign.approved_sha256 is not None:
        raise CampaignError("The approval of {name} holds: resume it.", name=campaign.name)
    step(campaign.name, campaign.state, Event.SUBMIT)


def _send_back(
    session: Session, campaign: Campaign, actor: Actor, now: datetime, changed: tuple[str, ...]
) -> CampaignError:
    """Not what was submitted: nobody signs it, and its owner submits it again."""
    before, campaign.state = campaign.state, step(campaign.name, campaign.state, Event.EDIT).to
    write_note(session, campaign, Change(Event.EDIT, actor, now, details={"parts": changed}), before)
    return CampaignError(
        "{name} isn't what was submitted: {parts} changed since; it goes back to be submitted again.",
        name=campaign.name,
        parts=part_words(changed),
    )


def _signature(campaign: Campaign, actor: Actor, needed: Demand, now: datetime) -> Approval:
    return Approval(
        campaign_id=campaign.id,
        submission=campaign.submission,
        by=actor.name,
        organisation_id=None if actor.place is None else actor.place.id,
        sha256=whole({name: str(value) for name, value in campaign.submitted_parts.items()}),
        contacts=needed.contacts,
        needed=needed.approvers,
        form=needed.step.form,
        at=now,
        details=dict(actor.keyboard),
    )


def _or_raise(found: Decided | CampaignError) -> Decided:
    if isinstance(found, CampaignError):
        raise found
    return found


# ---- what the policy would say ------------------------------------------------------------------------------


def _forecast(session: Session, campaign: Campaign, now: datetime) -> Forecast:
    """Ask the policy about everybody on the lists. Raises CampaignError when there is nobody to call."""
    version = session.get_one(FlowVersion, campaign.flow_version_id)
    flow = load_flow(version.source)
    lists = fixed_lists(session, campaign.id)
    for list_id in lists:
        check_fields(session, session.get_one(ContactList, list_id), flow)
    if not lists and not feeds_of(session, campaign.id) and campaign.max_total is None:
        raise CampaignError("The campaign {name} has no contacts: add a list first.", name=campaign.name)
    policy = load_document(campaign.policy or "")
    rules = CampaignRules(policy, campaign.id, campaign.purpose, version.flow, flow.needs)
    expected = forecast(session, rules, _asked(session, lists), now)
    if expected.contacts and sum(expected.decides[rule] for rule in FOR_GOOD) == expected.contacts:
        raise CampaignError(
            "The policy {policy} keeps all {contacts} contacts of {name} from being called; ivr policy explain "
            "{name} says by which rules.",
            policy=policy.name,
            contacts=expected.contacts,
            name=campaign.name,
        )
    return expected


def _asked(session: Session, lists: tuple[int, ...]) -> Iterator[Asked]:
    after = 0
    while True:
        rows = session.execute(
            select(Contact.id, Contact.phone, Contact.attributes)
            .where(Contact.list_id.in_(lists), Contact.id > after, Contact.removed_at.is_(None))
            .order_by(Contact.id)
            .limit(5000)
        ).all()
        if not rows:
            return
        after = rows[-1].id
        yield from (Asked(row.phone, row.attributes) for row in rows)
