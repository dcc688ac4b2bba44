"""The one way a campaign's state changes: by the table, by who may, with its line in the audit trail.

Also what takes an approval away (`void`), and what becomes of the contacts that are left at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, select, update
from sqlalchemy.orm import Session

from ivr import deliveries
from ivr.campaigns.actors import SYSTEM, Actor, place_of
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.life_cycle import By, Event, step
from ivr.campaigns.words import part_words
from ivr.model import (
    CAMPAIGN_ENDED,
    AuditEntry,
    Campaign,
    CampaignList,
    CampaignState,
    Engagement,
    EngagementState,
    Task,
    TaskState,
)
from ivr.policy import engagements

ACTION = "campaign."  # before the event's word in the audit trail
AT_ONCE = 500  # ids in one statement


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something was done: a sentence of ours that is translated when it is shown, or a person's own words."""

    template: str
    params: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**self.params)


@dataclass(frozen=True, slots=True)
class Change:
    """Who does what, when and why."""

    event: Event
    actor: Actor
    now: datetime
    why: Reason | str | None = None
    details: dict[str, Any] = field(default_factory=dict)


def find_campaign(session: Session, name: str) -> Campaign:
    """The campaign of that name, for reading. Raises CampaignError."""
    found = session.scalars(select(Campaign).where(Campaign.name == name)).one_or_none()
    if found is None:
        raise CampaignError("There is no campaign {name}; see: ivr campaign list", name=name)
    return found


def hold_campaign(session: Session, name: str) -> Campaign:
    """The campaign of that name, for changing: nobody else changes it in the meantime. Raises CampaignError."""
    found = session.scalars(select(Campaign).where(Campaign.name == name).with_for_update()).one_or_none()
    if found is None:
        raise CampaignError("There is no campaign {name}; see: ivr campaign list", name=name)
    return found


def move(session: Session, campaign: Campaign, change: Change) -> None:
    """Bring the event about. Raises CampaignError when it can't happen now, or the actor may not."""
    before = campaign.state
    found = step(campaign.name, before, change.event)
    if found.by is not By.APPROVER:
        may_manage(session, campaign, change.actor)
    campaign.state = found.to
    if found.to is CampaignState.RUNNING:
        campaign.started_at = campaign.started_at or change.now
        campaign.running_since, campaign.paused_why = change.now, None
    if found.to is CampaignState.FINISHED:
        campaign.finished_at, campaign.paused_why = change.now, None
        close_left(session, campaign.id, change.now)
    if found.to is CampaignState.PAUSED and change.actor is SYSTEM:
        campaign.paused_why = str(change.why)
    note(session, campaign, change, before)


def may_manage(session: Session, campaign: Campaign, actor: Actor) -> None:
    """Raises CampaignError unless the actor may manage this campaign."""
    actor.must_manage()
    place = place_of(session, campaign.organisation_id)
    if place is None or actor.role is None or (actor.place is not None and actor.place.covers(place)):
        return
    raise CampaignError(
        "{name} belongs to {organisation}: it is managed there or above, and {who} isn't.",
        name=campaign.name,
        organisation=place.name,
        who=actor.name,
    )


def note(session: Session, campaign: Campaign, change: Change, before: CampaignState | None = None) -> None:
    """The line in the audit trail."""
    details: dict[str, Any] = {**change.actor.keyboard, **change.details}
    if before is not None:
        details |= {"from": before.value, "to": campaign.state.value}
    if isinstance(change.why, Reason):
        details |= {"why": str(change.why), "template": change.why.template, "params": change.why.params}
    elif change.why:
        details["why"] = change.why
    session.add(
        AuditEntry(
            at=change.now,
            who=change.actor.name,
            action=f"{ACTION}{change.event.value}",
            subject=campaign.name,
            details=details,
        )
    )


def void(session: Session, campaign_id: int, by: str, now: datetime, what: str, *more: str) -> bool:
    """Something that an approval was bound to has changed (words of ivr.campaigns.words.PARTS): the approval
    is gone, and a running campaign pauses. Whether there was anything to take away.

    Drafts, finished campaigns and those that need no approval are left as they are."""
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update()).one()
    if not campaign.needs_approval or campaign.state in (CampaignState.DRAFT, CampaignState.FINISHED):
        return False
    campaign.approved_sha256 = None
    before, campaign.state = campaign.state, step(campaign.name, campaign.state, Event.EDIT).to
    if campaign.state is CampaignState.PAUSED:
        campaign.paused_why = f"what was approved has changed: {part_words((what, *more))}"
    note(session, campaign, Change(Event.EDIT, Actor(by), now, details={"parts": (what, *more)}), before)
    return True


def lists_changed(session: Session, list_ids: Iterable[int], by: str, now: datetime) -> None:
    """Rows were added to these lists or changed in them: approvals resting on them are void. Not for removals."""
    using = select(CampaignList.campaign_id).where(CampaignList.list_id.in_(list(list_ids))).distinct()
    for campaign_id in session.scalars(using.order_by(CampaignList.campaign_id)).all():
        void(session, campaign_id, by, now, "lists")


def close_left(session: Session, campaign_id: int, now: datetime) -> int:
    """Whoever is left when the campaign is over won't be called any more: every contact ends with a reason. Calls
    that are on end by themselves. How many were left."""
    return close_waiting(session, [Task.campaign_id == campaign_id], CAMPAIGN_ENDED, now)


def close_waiting(session: Session, these: Sequence[ColumnElement[bool]], result: str, now: datetime) -> int:
    """Be done with tasks that nobody is calling, and give back the month's contacts that they had reserved."""
    waiting = (*these, Task.state.in_((TaskState.READY, TaskState.WAITING)))
    reserved = session.scalars(
        select(Engagement.task_id)
        .join(Task, Engagement.task_id == Task.id)
        .where(*waiting, Engagement.state == EngagementState.RESERVED)
        .order_by(Engagement.task_id)
    ).all()
    told = session.scalars(select(Task.id).where(*waiting)).all() if deliveries.wants_tasks(session) else ()
    closed = cast(
        CursorResult[Any],
        session.execute(
            update(Task)
            .where(*waiting)
            .values(state=TaskState.DONE, result=result, next_at=None)
            .execution_options(synchronize_session=False)
        ),
    ).rowcount
    for start in range(0, len(reserved), AT_ONCE):
        engagements.release(session, reserved[start : start + AT_ONCE], now)
    deliveries.tasks_done(session, told)
    return closed
