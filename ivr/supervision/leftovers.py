"""Orders that nobody carries out any more: their call is over, or their worker is gone. Whichever worker looks
next closes them, and nothing of what was said stays in a row."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Select, bindparam, or_, select
from sqlalchemy.orm import Session

from ivr.database import Database, Question
from ivr.dialer import store
from ivr.model import Attempt, Supervision, SupervisionState, UtcDateTime, Worker
from ivr.supervision.words import WORKER_GONE

OWN_TIME = timedelta(seconds=10)  # in which a call's own worker closes its orders


def _left(*, alone: bool) -> Select[Supervision, datetime | None]:
    """The open orders of others than the parameter `worker` that won't be carried out, and when their calls ended;
    of `before` or earlier. `alone`: there is no worker but this one, so that all others are dead (SQLite, by
    `ivr.dialer.lock`)."""
    rows = select(Supervision, Attempt.ended_at).join(Attempt, Attempt.id == Supervision.attempt_id)
    rows = rows.where(Supervision.ended_at.is_(None), Supervision.worker != bindparam("worker"))
    if alone:
        return rows
    alive = select(Worker.id).where(or_(*(Worker.state == state for state in store.ALIVE)))
    over = Attempt.ended_at <= bindparam("before", type_=UtcDateTime())
    return rows.where(or_(over, Supervision.worker.not_in(alive)))


_LEFT = {alone: _left(alone=alone).order_by(Supervision.id) for alone in (False, True)}
_ANY_LEFT = {
    alone: Question(_left(alone=alone).with_only_columns(Supervision.id).limit(1)) for alone in (False, True)
}


async def any_left_over(database: Database, worker: str, now: datetime, *, alone: bool) -> bool:
    """Whether `close_left` has anything to do. Raises ivr.database.DatabaseError."""
    return bool(await database.ask(_ANY_LEFT[alone], _given(worker, now)))


def close_left(session: Session, worker: str, now: datetime, *, alone: bool) -> int:
    """Close them, without the words of their calls. Returns how many."""
    found = session.execute(_LEFT[alone], _given(worker, now)).all()
    for row, call_ended_at in found:
        row.state = SupervisionState.FAILED if call_ended_at is None else SupervisionState.CALL_OVER
        row.why = WORKER_GONE if call_ended_at is None else None
        row.ended_at, row.lines = now, []
    return len(found)


def _given(worker: str, now: datetime) -> dict[str, object]:
    return {"worker": worker, "before": now - OWN_TIME}
