"""Where a campaign stands: what is left to do, when the next retry is due, what callees were shown."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ivr.dialer.store.tables import task_table
from ivr.dialer.store.tasks import running
from ivr.model import Attempt, TaskState


def next_due(session: Session, campaign_id: int) -> datetime | None:
    """When the first task that waits for its retry is due."""
    due: datetime | None = session.execute(
        select(func.min(task_table.c.next_at)).where(
            task_table.c.campaign_id == campaign_id, task_table.c.state == TaskState.WAITING
        )
    ).scalar_one()
    return due


class Standing(StrEnum):
    """Whether there is anything left to do."""

    UNFINISHED = "unfinished"
    DONE = "done"
    STOPPED = "stopped"  # paused by somebody, or finished


def standing(session: Session, campaign_id: int, now: datetime) -> Standing:
    """Where the campaign stands, without leasing anything."""
    if not running(session, campaign_id, now):
        return Standing.STOPPED
    left = select(task_table.c.id).where(
        task_table.c.campaign_id == campaign_id, task_table.c.state != TaskState.DONE
    )
    return Standing.DONE if session.execute(left.limit(1)).first() is None else Standing.UNFINISHED


def shown_since(session: Session, since: datetime) -> list[tuple[str, str, datetime]]:
    """Caller IDs that were shown since then, to whom and when, in order of time; of all campaigns."""
    rows = session.execute(
        select(Attempt.caller_id, Attempt.phone, Attempt.started_at)
        .where(Attempt.started_at >= since, Attempt.caller_id.is_not(None))
        .order_by(Attempt.started_at)
    )
    return [(str(caller_id), phone, at) for caller_id, phone, at in rows]
