"""How the abandoned share stands before a run: of the campaign's attempts within the cap's window."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from ivr.model import Attempt, Segment, SegmentKind, dialled


def needed(session: Session, campaign_id: int, since: datetime) -> list[tuple[datetime, bool]]:
    """When callees who needed a person answered, since then, and whether they were abandoned.

    Who called back isn't a callee: no pace of ours made them wait."""
    talked = exists().where(Segment.attempt_id == Attempt.id, Segment.kind == SegmentKind.AGENT)
    asked = (
        select(Attempt.answered_at, Attempt.abandoned)
        .where(
            Attempt.campaign_id == campaign_id,
            Attempt.started_at >= since,
            Attempt.answered_at.is_not(None),
            or_(Attempt.abandoned.is_(True), talked),
            dialled(),
        )
        .order_by(Attempt.answered_at)
    )
    return [(at, abandoned) for at, abandoned in session.execute(asked) if at is not None]
