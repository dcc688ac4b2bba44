"""What has to be done about campaigns every few seconds, by whoever dials: ends that have come, contacts that are
left, campaigns that have run away.

One process does it at a time (`try_lead`); one transaction, a few indexed statements per running campaign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, case, func, select
from sqlalchemy.orm import Session

from ivr.campaigns.actors import SYSTEM
from ivr.campaigns.changing import Change, Reason, close_left, move
from ivr.campaigns.guard import Watched, alarm
from ivr.campaigns.life_cycle import STEPS, Event
from ivr.config import GuardSettings, Settings
from ivr.database import Database
from ivr.database.locks import try_lead
from ivr.metrics.statistics import Share
from ivr.model import Attempt, Campaign, CampaignState, Complaint, HungUpBy, Task, TaskState
from ivr.policy.facts import NOT_REACHED
from trunk.ports import DialOutcome

KEEP_EVERY_S = 15.0
MOST_CALLS = 5000  # the newest, that are looked at: bounds what one look costs
SWEPT_FOR = timedelta(days=2)  # after a campaign's end its last calls have given their tasks back
LEAD = "campaigns.keep"


@dataclass(frozen=True, slots=True)
class Kept:
    """What was done, by campaign."""

    finished: tuple[int, ...] = ()
    paused: tuple[tuple[int, Reason], ...] = ()


async def keep(database: Database, settings: Settings) -> Kept:
    """Do it now, unless another process is at it. Call it every KEEP_EVERY_S."""
    now = database.clock.now()
    return await database.run(lambda session: keep_now(session, settings.guard, now))


def keep_now(session: Session, settings: GuardSettings, now: datetime) -> Kept:
    """See `keep`."""
    if not try_lead(session, LEAD):
        return Kept()
    finished = _finish(session, now)
    _sweep(session, now)
    return Kept(finished, _guard(session, settings, now))


def _finish(session: Session, now: datetime) -> tuple[int, ...]:
    """End the campaigns whose end has come."""
    may_end = [state for state, event in STEPS if event is Event.FINISH]
    over = session.scalars(
        select(Campaign)
        .where(Campaign.ends_at <= now, Campaign.state.in_(may_end))
        .order_by(Campaign.id)
        .with_for_update()
    ).all()
    for campaign in over:
        move(session, campaign, Change(Event.FINISH, SYSTEM, now, Reason("its end has come")))
    return tuple(campaign.id for campaign in over)


def _sweep(session: Session, now: datetime) -> None:
    """Contacts that were being called when their campaign ended are done too, once their calls are over."""
    left = select(Task.id).where(
        Task.campaign_id == Campaign.id, Task.state.in_((TaskState.READY, TaskState.WAITING))
    )
    ended = select(Campaign.id).where(
        Campaign.state == CampaignState.FINISHED, Campaign.finished_at > now - SWEPT_FOR, left.exists()
    )
    for campaign_id in session.scalars(ended).all():
        close_left(session, campaign_id, now)


def _guard(session: Session, settings: GuardSettings, now: datetime) -> tuple[tuple[int, Reason], ...]:
    """Pause what has run away. Rehearsals run as they were written."""
    if not settings.on:
        return ()
    paused = []
    running = select(Campaign).where(Campaign.state == CampaignState.RUNNING, Campaign.seed.is_(None))
    for campaign in session.scalars(running.order_by(Campaign.id)).all():
        why = alarm(watch(session, campaign, settings, now), settings)
        if why is not None:
            session.refresh(campaign, with_for_update=True)
            if campaign.state is CampaignState.RUNNING:
                move(session, campaign, Change(Event.PAUSE, SYSTEM, now, why))
                paused.append((campaign.id, why))
    return tuple(paused)


# ---- counting -----------------------------------------------------------------------------------------------


def watch(session: Session, campaign: Campaign, settings: GuardSettings, now: datetime) -> Watched:
    """What the guard judges the campaign by."""
    begun = campaign.running_since or campaign.started_at or campaign.created_at
    since = max(begun, now - timedelta(minutes=settings.window_minutes))
    ours = (Attempt.campaign_id == campaign.id, Attempt.ended_at.is_not(None), Attempt.failed_over.is_(False))
    answered = Attempt.outcome == DialOutcome.ANSWERED
    short = (Attempt.talk_ms < settings.short_s * 1000) & (Attempt.hung_up_by == HungUpBy.CALLEE)
    first = (Attempt.number == 1) & Attempt.outcome.not_in(NOT_REACHED)
    return Watched(
        short=_share(session, short, [*ours, answered, Attempt.started_at >= since]),
        answered=_share(session, answered, [*ours, first, Attempt.started_at >= since]),
        answered_before=_share(session, answered, [*ours, first, Attempt.started_at < since]),
        complaints=_complaints(session, campaign, settings, max(begun, now - _hours(settings))),
    )


def _hours(settings: GuardSettings) -> timedelta:
    return timedelta(hours=settings.complaint_hours)


def _share(session: Session, part: ColumnElement[bool], these: list[ColumnElement[bool]]) -> Share:
    newest: Select[int] = (
        select(case((part, 1), else_=0).label("part"))
        .where(*these)
        .order_by(Attempt.started_at.desc())
        .limit(MOST_CALLS)
    )
    rows = newest.subquery()
    counted = session.execute(select(func.coalesce(func.sum(rows.c.part), 0), func.count()).select_from(rows))
    return Share(*counted.one())


def _complaints(session: Session, campaign: Campaign, settings: GuardSettings, since: datetime) -> Share:
    complaints = session.scalar(
        select(func.count())
        .select_from(Complaint)
        .where(Complaint.campaign_id == campaign.id, Complaint.at >= since)
    )
    if not complaints or complaints < settings.min_complaints:
        return Share(complaints or 0, 0)  # too few, whatever they are related to
    connected = session.scalar(
        select(func.count())
        .select_from(Attempt)
        .where(Attempt.campaign_id == campaign.id, Attempt.started_at >= since, Attempt.talk_ms > 0)
    )
    return Share(complaints, connected or 0)
