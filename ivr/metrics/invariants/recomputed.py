"""Policies, applied once more to the calls that were made: windows, limits, months, hold-outs.

A campaign whose policy was changed is looked at from the last decision by another one on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.metrics.invariants.scope import Scope
from ivr.model import Attempt, Campaign, ContactDecision, Engagement, EngagementState, HoldOut, Task, dialled
from ivr.policy.calendar import day_begun
from ivr.policy.decide import FIVE_MINUTES, THIRTY_DAYS
from ivr.policy.facts import NOT_REACHED
from ivr.policy.loader import load_document
from ivr.policy.policy import Policy

ROWS_AT_ONCE = 5000


@dataclass(frozen=True, slots=True)
class _Judged:
    """A campaign, its policy, and since when all its calls were decided by it."""

    policy: Policy
    purpose: str
    since: datetime


@lru_cache(maxsize=256)
def _policy(document: str) -> Policy:
    return load_document(document)


def _campaigns(session: Session, scope: Scope) -> dict[int, _Judged]:
    rows = session.execute(
        select(Campaign.id, Campaign.purpose, Campaign.policy).where(Campaign.policy.is_not(None))
    ).all()
    found = {}
    for campaign_id, purpose, document in rows:
        policy = _policy(document)
        other = session.scalar(
            select(func.max(ContactDecision.at))
            .join(Task, ContactDecision.task_id == Task.id)
            .where(Task.campaign_id == campaign_id, ContactDecision.policy_sha256 != policy.version)
        )
        found[campaign_id] = _Judged(policy, purpose, max(scope.since, other) if other else scope.since)
    return found


def _calls(session: Session, since: datetime) -> Iterator[Any]:
    """Calls since then, each number's in order of time."""
    yield from session.execute(
        select(
            Attempt.id,
            Attempt.campaign_id,
            Attempt.task_id,
            Attempt.phone,
            Attempt.started_at,
            Attempt.ringing_at,
            Attempt.answered_at,
            Attempt.outcome,
            Attempt.failed_over,
        )
        .where(Attempt.started_at >= since, dialled())
        .order_by(Attempt.phone, Attempt.started_at, Attempt.number)
        .execution_options(yield_per=ROWS_AT_ONCE)
    )


def outside_window(session: Session, scope: Scope) -> Iterable[str]:
    """Calls that began when their policy's window was closed where the callee is."""
    campaigns = _campaigns(session, scope)
    for row in _calls(session, scope.since):
        judged = campaigns.get(row.campaign_id)
        if judged is None or row.started_at < judged.since:
            continue
        zone = judged.policy.zone_of(row.phone)
        if not judged.policy.windows[judged.purpose].is_open(row.started_at, zone):
            yield f"call {row.id}"


def above_limits(session: Session, scope: Scope) -> Iterable[str]:
    """Calls that were one too many for their number within five minutes, a day or thirty days, or for their
    contact."""
    campaigns = _campaigns(session, scope)
    phone = None
    before: list[datetime] = []
    tried: defaultdict[int, int] = defaultdict(int)
    for row in _calls(session, scope.since - THIRTY_DAYS - timedelta(days=1)):
        if row.phone != phone:
            phone, before = row.phone, []
            tried.clear()
        judged = campaigns.get(row.campaign_id)
        if judged is not None and row.started_at >= judged.since and _one_too_many(judged, row, before, tried):
            yield f"call {row.id}"
        rang = row.ringing_at is not None or row.answered_at is not None
        if rang or not (row.failed_over or row.outcome in NOT_REACHED):
            before.append(row.started_at)
        tried[row.task_id] += not row.failed_over


def _one_too_many(judged: _Judged, row: Any, before: list[datetime], tried: dict[int, int]) -> bool:
    spec = judged.policy.spec
    now: datetime = row.started_at

    def full(most: int | None, since: datetime) -> bool:
        return most is not None and sum(at > since for at in before) >= most

    today = day_begun(now, judged.policy.zone_of(row.phone)) - timedelta(microseconds=1)
    return (
        full(spec.limits.per_5_minutes, now - FIVE_MINUTES)
        or full(spec.limits.per_30_days, now - THIRTY_DAYS)
        or full(spec.limits.per_day, today)
        or (spec.attempts is not None and tried.get(row.task_id, 0) >= spec.attempts)
    )


def month_too_full(session: Session, scope: Scope) -> Iterable[str]:
    """Months in which more campaigns reached a number than the widest of their policies allows."""
    counted = [
        (judged.policy.spec.engagements, judged.policy)
        for judged in _campaigns(session, scope).values()
        if judged.policy.spec.engagements is not None
    ]
    if not counted:
        return
    most = max(spec.per_month for spec, _ in counted if spec is not None)
    purposes = set.intersection(*(set(spec.purposes) for spec, _ in counted if spec is not None))
    rows = session.execute(
        select(func.min(Engagement.task_id))
        .where(
            Engagement.state == EngagementState.COMMITTED,
            Engagement.purpose.in_(purposes),
            Engagement.month >= f"{scope.since:%Y-%m}",
        )
        .group_by(Engagement.phone, Engagement.month)
        .having(func.count() > most)
    ).scalars()
    yield from (f"contact {task_id}" for task_id in rows)


def held_out_called(session: Session, scope: Scope) -> Iterable[str]:
    """Calls to numbers that were held out of their campaign's draw."""
    for campaign_id, judged in _campaigns(session, scope).items():
        hold_out = judged.policy.spec.hold_out
        if hold_out is None:
            continue
        rows = session.execute(
            select(Attempt.id)
            .join(HoldOut, HoldOut.phone == Attempt.phone)
            .where(
                Attempt.campaign_id == campaign_id,
                HoldOut.draw == hold_out.draw,
                HoldOut.held_out.is_(True),
                Attempt.started_at > HoldOut.entered_at,
                Attempt.started_at >= judged.since,
            )
        ).scalars()
        yield from (f"call {attempt_id}" for attempt_id in rows)
