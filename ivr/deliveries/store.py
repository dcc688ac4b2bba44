"""The queue of what is to be told: claimed by one sender at a time, in order for each task and system."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, or_, select, update
from sqlalchemy.orm import Session, aliased

from ivr.model import Delivery, DeliveryState

LONGEST_WAIT_S = 3600.0
SKEW = timedelta(minutes=5)  # so far the clocks of two machines may differ
KEPT = timedelta(days=30)  # rows that were sent, for looking
DELETED_AT_ONCE = 1000
PROBLEM_CHARS = 200


@dataclass(frozen=True, slots=True)
class Sending:
    """One row that is ours to send until its lease ends."""

    id: int
    sink: str
    event: str
    attempt_id: str | None
    payload: dict[str, Any]
    tries: int  # this one included


def claim(session: Session, sinks: Collection[str], count: int, now: datetime, lease_s: float) -> list[Sending]:
    """The rows that have been due longest; none whose task has an older one waiting for the same system.

    A sender that dies is replaced when the lease ends: what it sent is sent again, with the same id."""
    earlier = aliased(Delivery)
    waits = exists().where(
        earlier.task_id == Delivery.task_id,
        earlier.sink == Delivery.sink,
        earlier.state == DeliveryState.QUEUED,
        earlier.id < Delivery.id,
    )
    due = (
        select(Delivery)
        .where(Delivery.state == DeliveryState.QUEUED, _is_due(now, lease_s), Delivery.sink.in_(sinks), ~waits)
        .order_by(Delivery.next_at, Delivery.id)
        .limit(count)
        .with_for_update(skip_locked=True, of=Delivery)
    )
    found = []
    for row in session.execute(due).scalars().all():
        row.tries += 1
        row.next_at = now + timedelta(seconds=lease_s)
        found.append(Sending(row.id, row.sink, row.event, row.attempt_id, row.payload, row.tries))
    return found


def _is_due(now: datetime, lease_s: float) -> ColumnElement[bool]:
    """Its time has come; or it lies further ahead than any wait is long: a wrong clock wrote it."""
    longest = timedelta(seconds=max(LONGEST_WAIT_S, lease_s)) + SKEW
    return or_(Delivery.next_at <= now, Delivery.next_at > now + longest)


def sent(session: Session, sending: Sending, now: datetime) -> None:
    """It has arrived."""
    _change(session, sending, state=DeliveryState.SENT, sent_at=now, problem=None)


def failed(session: Session, sending: Sending, problem: str, again_s: float | None, now: datetime) -> None:
    """It hasn't, as far as we know; `again_s` None: it is given up."""
    values: dict[str, Any] = {"problem": problem[:PROBLEM_CHARS]}
    if again_s is None:
        values["state"] = DeliveryState.DEAD
    else:
        values["next_at"] = now + timedelta(seconds=again_s)
    _change(session, sending, **values)


def _change(session: Session, sending: Sending, **values: Any) -> None:
    """Unless somebody else has sent it in the meantime."""
    session.execute(
        update(Delivery)
        .where(Delivery.id == sending.id, Delivery.tries == sending.tries, Delivery.state == DeliveryState.QUEUED)
        .values(**values)
    )


def wait_after(tries: int, first_wait_s: float) -> float:
    """How long after so many sendings that failed the next one is."""
    return float(min(LONGEST_WAIT_S, first_wait_s * 2 ** min(tries - 1, 30)))


def forget(session: Session, now: datetime) -> int:
    """Delete rows that arrived long ago, so many at once; how many."""
    old = (
        select(Delivery.id)
        .where(Delivery.state == DeliveryState.SENT, Delivery.next_at < now - KEPT)
        .limit(DELETED_AT_ONCE)
    )
    ids = session.execute(old).scalars().all()
    session.execute(delete(Delivery).where(Delivery.id.in_(ids)))
    return len(ids)
