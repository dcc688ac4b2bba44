"""Starting, pausing, resuming and ending campaigns."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.campaigns.actors import SYSTEM, Actor
from ivr.campaigns.changing import (
    Change,
    Reason,
    find_campaign,
    hold_campaign,
    may_manage,
    move,
    void,
)
from ivr.campaigns.creating import Schedule, check_schedule
from ivr.campaigns.errors import CampaignError
from ivr.campaigns.hashing import changed_parts, feeds_of, parts_of, whole
from ivr.campaigns.life_cycle import Event, step
from ivr.campaigns.rules import rules_of
from ivr.campaigns.words import part_words
from ivr.config import Settings
from ivr.database import Database
from ivr.dialer.entry import take_in
from ivr.model import Campaign, CampaignState, Intake, Task, TaskState


async def start(database: Database, actor: Actor, name: str, settings: Settings) -> int:
    """Call from now on, or from the schedule's beginning. How many contacts there are to call.

    Raises CampaignError: not approved, or it isn't what was approved any more, which takes the approval away."""
    return await _go(database, actor, name, settings, Event.START)


async def resume(database: Database, actor: Actor, name: str, settings: Settings) -> int:
    """Go on after a pause. Raises CampaignError as `start`."""
    return await _go(database, actor, name, settings, Event.RESUME)


async def pause(database: Database, actor: Actor, name: str, why: Reason | str | None = None) -> None:
    """No new calls from now on; those that are on go on. Raises CampaignError."""
    now = database.clock.now()
    await database.run(
        lambda session: move(session, hold_campaign(session, name), Change(Event.PAUSE, actor, now, why))
    )


async def stop(database: Database, actor: Actor, name: str, why: str | None = None) -> None:
    """End the campaign for good: whoever is left isn't called any more. Raises CampaignError."""
    now = database.clock.now()
    await database.run(
        lambda session: move(session, hold_campaign(session, name), Change(Event.STOP, actor, now, why))
    )


async def finish_if_done(database: Database, campaign_id: int) -> bool:
    """Finish a running campaign in which everybody is done. Whether it is finished now.

    One that a feed still fills goes on until its end date, or until it is stopped."""
    now = database.clock.now()
    return await database.run(lambda session: finish_done(session, campaign_id, now))


def finish_done(session: Session, campaign_id: int, now: datetime) -> bool:
    """See `finish_if_done`."""
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update()).one()
    if campaign.state is CampaignState.FINISHED:
        return True
    if campaign.state is not CampaignState.RUNNING or feeds_of(session, campaign_id) or campaign.max_total:
        return False
    if session.get(Intake, campaign_id) is not None:  # contacts come over the API
        return False
    left = select(Task.id).where(Task.campaign_id == campaign_id, Task.state != TaskState.DONE).limit(1)
    if session.execute(left).first() is not None:
        return False
    move(session, campaign, Change(Event.FINISH, SYSTEM, now, Reason("everybody is done")))
    return True


async def _go(database: Database, actor: Actor, name: str, settings: Settings, event: Event) -> int:
    now = database.clock.now()

    def look(session: Session) -> tuple[int, dict[str, str]]:
        campaign = find_campaign(session, name)
        step(name, campaign.state, event)
        may_manage(session, campaign, actor)
        check_schedule(Schedule(campaign.starts_at, campaign.ends_at, campaign.timezone), now)
        if campaign.needs_approval and campaign.approved_sha256 is None:
            raise CampaignError("What was approved of {name} has changed: submit it again.", name=name)
        return campaign.id, parts_of(session, campaign, settings.paths.prompts) if campaign.needs_approval else {}

    campaign_id, parts = await database.read(look)
    changed = await database.run(lambda session: _void_if_changed(session, campaign_id, parts, actor, now))
    if changed:
        raise CampaignError(
            "{name} isn't what was approved: {parts} changed since; the approval is gone, submit it again.",
            name=name,
            parts=part_words(changed),
        )
    await database.run(lambda session: take_in(session, rules_of(session, campaign_id), now))
    return await database.run(
        lambda session: _begin(session, campaign_id, Change(event, actor, now), whole(parts))
    )


def _void_if_changed(
    session: Session, campaign_id: int, parts: dict[str, str], actor: Actor, now: datetime
) -> tuple[str, ...]:
    campaign = session.get_one(Campaign, campaign_id)
    changed = changed_parts(campaign.submitted_parts, parts) if campaign.needs_approval else ()
    if changed:
        void(session, campaign_id, actor.name, now, *changed)
    return changed


def _begin(session: Session, campaign_id: int, change: Change, sha256: str) -> int:
    campaign = session.scalars(select(Campaign).where(Campaign.id == campaign_id).with_for_update()).one()
    if campaign.needs_approval and campaign.approved_sha256 != sha256:
        raise CampaignError("{name} was edited just now: submit it again.", name=campaign.name)
    move(session, campaign, change)
    left = select(func.count()).where(Task.campaign_id == campaign_id, Task.state != TaskState.DONE)
    return session.execute(left).scalar_one()
