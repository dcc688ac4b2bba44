"""The month's contacts: reserved when a number is first dialled, committed when somebody was reached (or nobody
can know), released when its task ends without. Retries ride on their task's engagement."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from ivr.model import Contact, ContactDecision, Engagement, EngagementState, Task, TaskState
from ivr.policy.calendar import month_of
from ivr.policy.decide import Rule
from ivr.policy.policy import CampaignRules


def reserve(session: Session, rules: CampaignRules, task_id: int, phone: str, now: datetime) -> None:
    """Take the present month's contact for a task that the policy lets be called now.

    Whoever calls this holds the number's lock since before the policy was asked (`ivr.database.locks`), so that no
    other campaign takes the same one."""
    if not rules.policy.counts(rules.purpose):
        return
    month = month_of(now, rules.policy.zone_of(phone))
    known = session.execute(
        select(Engagement.month, Engagement.state).where(Engagement.task_id == task_id)
    ).one_or_none()
    values = {"month": month, "state": EngagementState.RESERVED, "changed_at": now}
    if known is None:
        session.execute(insert(Engagement).values(task_id=task_id, phone=phone, purpose=rules.purpose, **values))
    elif known.month != month or known.state is EngagementState.RELEASED:
        session.execute(update(Engagement).where(Engagement.task_id == task_id).values(values))


def commit(session: Session, tasks: Sequence[int], now: datetime) -> None:
    """These tasks' numbers were reached, or may have been."""
    session.execute(
        update(Engagement)
        .where(Engagement.task_id.in_(tasks), Engagement.state == EngagementState.RESERVED)
        .values(state=EngagementState.COMMITTED, changed_at=now)
    )


def release(session: Session, tasks: Sequence[int], now: datetime) -> None:
    """These tasks have ended without reaching anybody: rivals that were put off for them may be called at once."""
    phones = session.execute(
        update(Engagement)
        .where(Engagement.task_id.in_(tasks), Engagement.state == EngagementState.RESERVED)
        .values(state=EngagementState.RELEASED, changed_at=now)
        .returning(Engagement.phone)
    ).scalars()
    freed = sorted(set(phones))
    if not freed:
        return
    waiting = (
        select(Task.id)
        .join(Contact, Task.contact_id == Contact.id)
        .where(Contact.phone.in_(freed), Task.state == TaskState.WAITING)
    )
    newest = (
        select(func.max(ContactDecision.id))
        .where(ContactDecision.task_id.in_(waiting))
        .group_by(ContactDecision.task_id)
    )
    put_off = select(ContactDecision.task_id).where(
        ContactDecision.id.in_(newest), ContactDecision.rule == Rule.MONTH_FULL.value
    )
    session.execute(update(Task).where(Task.id.in_(put_off), Task.state == TaskState.WAITING).values(next_at=now))
