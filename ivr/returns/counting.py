"""How many calls came in, and what they were."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.model import IncomingCall, IncomingKind


def incoming(session: Session, since: datetime) -> dict[str, Counter[IncomingKind]]:
    """By trunk, since then."""
    rows = session.execute(
        select(IncomingCall.trunk, IncomingCall.kind, func.count())
        .where(IncomingCall.at >= since)
        .group_by(IncomingCall.trunk, IncomingCall.kind)
        .order_by(IncomingCall.trunk)
    )
    found: dict[str, Counter[IncomingKind]] = {}
    for trunk, kind, count in rows:
        found.setdefault(trunk, Counter())[kind] = count
    return found
