"""Orders that nobody carries out any more: their call is over, or their worker is gone. Whichever worker looks
next closes them, and nothing of what was said stays in a row."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ivr.dialer import store
from ivr.model import Attempt, Supervision, SupervisionState, Worker
from ivr.supervision.words import WORKER_GONE

OWN_TIME = timedelta(seconds=10)  # in which a call's own worker closes its orders


def left_over(session: Session, worker: str, now: datetime, *, alone: bool) -> list[tuple[Supervision, bool]]:
    """The open orders of other workers that won't be carried out, and whether their call is over. `alone`: there
    is no worker but this one, so that all others are dead (SQLite, by `ivr.dialer.lock`)."""
    alive = select(Worker.id).where(Worker.state.in_(store.ALIVE))
    over = Attempt.ended_at <= now - OWN_TIME
    rows = select(Supervision, Attempt.ended_at).join(Attempt, Attempt.id == Supervision.attempt_id)
    rows = rows.where(Supervision.ended_at.is_(None), Supervision.worker != worker)
    if not alone:
        rows = rows.where(or_(over, Supervision.worker.not_in(alive)))
    return [(row, ended_at is not None) for row, ended_at in session.execute(rows.order_by(Supervision.id))]


def close_left(session: Session, worker: str, now: datetime, *, alone: bool) -> int:
    """Close them, without the words of their calls. Returns how many."""
    found = left_over(session, worker, now, alone=alone)
    for row, over in found:
        row.state = SupervisionState.CALL_OVER if over else SupervisionState.FAILED
        row.why = None if over else WORKER_GONE
        row.ended_at, row.lines = now, []
    return len(found)
