"""The month's contacts: reserved when a number is first leased, committed when somebody was reached (or nobody can
know), released when its task ends without. Retries ride on their task's engagement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from ivr.model import Contact, ContactDecision, Engagement, EngagementState, Task, TaskState
from ivr.policy.calendar import month_of
from ivr.policy.decide import Rule
from ivr.policy.policy import CampaignRules


def reserve(session: Session, rules: CampaignRules, phones: Mapping[int, str], now: datetime) -> None:
    """Take the present month's contact for each task (task -> phone) that the policy lets be called now."""
    if not phones or not rules.policy.counts(rules.purpose):
        return
    known = session.execute(select(Engagement).where(Engagement.task_id.in_(phones))).scalars()
    held = {one.task_id: one for one in known}
    new = []
    for task_id, phone in phones.items():
        month = month_of(now, rules.policy.zone_of(phone))
        one = held.get(task_id)
        if one is None:
            new.append(
                {
                    "task_id": task_id,
                    "phone": phone,
                    "purpose": rules.purpose,
                    "month": month,
                    "state": EngagementState.RESERVED,
                    "changed_at": now,
                }
            )
        elif one.month != month or one.state is EngagementState.RELEASED:
            one.month, one.state, one.changed_at = month, EngagementState.RESERVED, now
    if new:
        session.execute(insert(Engagement), new)


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
    session.execute(update(Task).where(Task.id.in_(put_off)).values(next_at=now))
