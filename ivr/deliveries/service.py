"""What people do with deliveries: look, and send again what was given up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ivr.model import Delivery, DeliveryState

MOST_SHOWN = 100


def counts(session: Session) -> list[tuple[str, DeliveryState, int]]:
    """How many there are, by system and state."""
    query = select(Delivery.sink, Delivery.state, func.count()).group_by(Delivery.sink, Delivery.state)
    return [(sink, state, count) for sink, state, count in session.execute(query.order_by(Delivery.sink))]


def list_deliveries(session: Session, state: DeliveryState, sink: str | None = None) -> Sequence[Delivery]:
    """The newest of that state first."""
    query = select(Delivery).where(Delivery.state == state).order_by(Delivery.id.desc()).limit(MOST_SHOWN)
    if sink is not None:
        query = query.where(Delivery.sink == sink)
    return session.execute(query).scalars().all()


def retry(session: Session, sink: str | None, now: datetime) -> int:
    """Queue again what was given up, of one system or of all; how many there were."""
    dead = update(Delivery).where(Delivery.state == DeliveryState.DEAD)
    if sink is not None:
        dead = dead.where(Delivery.sink == sink)
    again = dead.values(state=DeliveryState.QUEUED, tries=0, next_at=now).returning(Delivery.id)
    return len(session.execute(again).all())
