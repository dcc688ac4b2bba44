"""What feeds bring besides contacts: payments, and complaints, which opt out at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ivr.complaints import Complained, record_all
from ivr.config import ComplaintSettings
from ivr.database.locks import lock_name
from ivr.feeds.rows import Incoming
from ivr.feeds.schema import FeedSpec
from ivr.model import PaymentEvent
from ivr.policy.decide import ANY_PURPOSE

AT_ONCE = 500  # ids in one statement


def take_payments(session: Session, source: str, rows: Sequence[Incoming], now: datetime) -> int:
    """Register payments; how many are new. Whoever has paid isn't reminded any more, from this moment on."""
    lock_name(session, f"payments {source}")
    new = _unknown(session, source, rows)
    for start in range(0, len(new), AT_ONCE):
        session.execute(
            insert(PaymentEvent),
            [
                {
                    "phone": row.phone,
                    "paid_at": row.at,
                    "amount_cents": row.amount_cents,
                    "source": source,
                    "source_id": row.source_id,
                    "taken_at": now,
                }
                for row in new[start : start + AT_ONCE]
            ],
        )
    return len(new)


def take_complaints(
    session: Session, spec: FeedSpec, rows: Sequence[Incoming], complaints: ComplaintSettings, now: datetime
) -> int:
    """Register complaints, each with its do-not-disturb; how many are new."""
    purpose = spec.purpose or ANY_PURPOSE
    told = [Complained(row.phone, row.at, spec.feed, row.source_id, purpose) for row in rows]
    return record_all(session, told, f"feed:{spec.feed}", now, complaints)


def _unknown(session: Session, source: str, rows: Sequence[Incoming]) -> list[Incoming]:
    found = {row.source_id: row for row in reversed(rows)}  # the first of each
    ids = list(found)
    for start in range(0, len(ids), AT_ONCE):
        known = session.execute(
            select(PaymentEvent.source_id).where(
                PaymentEvent.source == source, PaymentEvent.source_id.in_(ids[start : start + AT_ONCE])
            )
        ).scalars()
        for source_id in known:
            del found[source_id]
    return list(found.values())
