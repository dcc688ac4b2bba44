"""Calls that customers asked for: made all the same when nobody has written the end of the call in which they
did, and known as such when they are made."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ivr.dialer.store.tables import attempt_table, task_table
from ivr.dialer.store.tasks import over_at
from ivr.model import Attempt, Callback, CallWhy, Campaign, TaskState
from ivr.strategy.loader import default_strategy, load_document


def keep_promises(session: Session, attempts: Sequence[str]) -> frozenset[int]:
    """Let the tasks of these attempts wait for the calls that they booked with the robot; which they are."""
    rows = session.execute(
        select(attempt_table.c.task_id, Campaign.id, Campaign.strategy, Callback.due_at)
        .join(Callback, Callback.attempt_id == attempt_table.c.id)
        .join(Campaign, Campaign.id == attempt_table.c.campaign_id)
        .where(
            attempt_table.c.id.in_(attempts),
            Callback.queue.is_(None),
            Callback.phone == attempt_table.c.phone,
            Callback.due_at.is_not(None),
        )
    ).all()
    kept: set[int] = set()
    for task_id, campaign_id, document, due_at in rows:
        strategy = load_document(document) if document else default_strategy()
        callbacks = strategy.spec.callbacks
        if not callbacks.keep or over_at(session, campaign_id, due_at):
            continue
        session.execute(
            update(task_table)
            .where(task_table.c.id == task_id)
            .values(
                state=TaskState.WAITING,
                next_at=due_at,
                next_why=CallWhy.CALLBACK,
                result=None,
                priority=callbacks.priority,
            )
        )
        kept.add(task_id)
    return frozenset(kept)


def asked_for(session: Session, task_id: int) -> bool:
    """Whether the task's last conversation ended with the robot's promise of another call."""
    table = attempt_table.c
    last = (
        select(table.id)
        .where(table.task_id == task_id, table.answered_at.is_not(None))
        .order_by(table.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    booked = (
        select(Callback.id)
        .join(Attempt, Attempt.id == Callback.attempt_id)
        .where(
            Callback.attempt_id == last,
            Callback.queue.is_(None),
            Callback.phone == Attempt.phone,
            Callback.due_at.is_not(None),
        )
    )
    return session.execute(booked.limit(1)).first() is not None
