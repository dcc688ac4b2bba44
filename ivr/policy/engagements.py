"""The month's contacts: reserved when a number is first leased, committed when somebody was reached (or nobody can
know), released when its task ends without. Retries ride on their task's engagement."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from ivr.database.failures import Again
from ivr.model import Contact, ContactDecision, Engagement, EngagementState, Task, TaskState
from ivr.policy.calendar import month_of
from ivr.policy.decide import Rule
from ivr.policy.policy import CampaignRules


@dataclass(frozen=True, slots=True)
class Room:
    """How things stood before the policy was asked: a reservation that builds on it holds only if nobody has
    reserved the same number's month meanwhile."""

    rules: CampaignRules
    held: frozenset[int]  # tasks that have the present month's contact already
    known: frozenset[int]  # tasks that have a row at all
    wanted: Mapping[int, tuple[str, str]]  # of the others: phone and month
    turns: Mapping[tuple[str, str], int]  # the last one taken, by phone and month


def look(session: Session, rules: CampaignRules, phones: Mapping[int, str], now: datetime) -> Room:
    """Look at the month's contacts of tasks (task -> phone), before the policy is asked about them."""
    nothing = Room(rules, frozenset(phones), frozenset(), {}, {})
    if not phones or not rules.policy.counts(rules.purpose):
        return nothing
    rows = session.execute(
        select(Engagement.task_id, Engagement.month, Engagement.state).where(Engagement.task_id.in_(phones))
    )
    known = {row.task_id: row for row in rows}
    wanted = {task_id: (phone, month_of(now, rules.policy.zone_of(phone))) for task_id, phone in phones.items()}
    held = {
        task_id
        for task_id, row in known.items()
        if row.month == wanted[task_id][1] and row.state is not EngagementState.RELEASED
    }
    wanted = {task_id: one for task_id, one in wanted.items() if task_id not in held}
    if not wanted:
        return nothing
    taken = session.execute(
        select(Engagement.phone, Engagement.month, func.max(Engagement.turn))
        .where(Engagement.phone.in_({phone for phone, _ in wanted.values()}))
        .group_by(Engagement.phone, Engagement.month)
    )
    turns = {(phone, month): turn for phone, month, turn in taken}
    return Room(rules, frozenset(held), frozenset(known), wanted, turns)


def reserve(session: Session, room: Room, tasks: Iterable[int], now: datetime) -> None:
    """Take the month's contact for those of the tasks that have none yet. The policy lets them be called.

    Raises ivr.database.Again when another transaction has taken one since `room` was looked at."""
    turns = dict(room.turns)
    for task_id in tasks:
        if task_id in room.held:
            continue
        phone, month = room.wanted[task_id]
        turns[phone, month] = turns.get((phone, month), 0) + 1
        values = {
            "phone": phone,
            "purpose": room.rules.purpose,
            "month": month,
            "turn": turns[phone, month],
            "state": EngagementState.RESERVED,
            "changed_at": now,
        }
        # A row that is there has another month's contact, or was released.
        statement = (
            update(Engagement).where(Engagement.task_id == task_id).values(values)
            if task_id in room.known
            else insert(Engagement).values(task_id=task_id, **values)
        )
        try:
            session.execute(statement)
        except IntegrityError as error:
            raise Again from error


def forget(session: Session, tasks: Sequence[int]) -> None:
    """As if these tasks had never reserved anything, in the transaction in which they did."""
    if tasks:
        session.execute(delete(Engagement).where(Engagement.task_id.in_(tasks)))


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
