"""What a process that died has left: attempts without an end, leases without an attempt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from ivr.dialer.store.tables import IDS_AT_ONCE, attempt_table, task_table
from ivr.dialer.store.tasks import close_tasks, release
from ivr.model import AttemptState, HungUpBy, Intention, TaskState
from ivr.policy import engagements
from trunk.ports import DialOutcome


def open_attempts(session: Session) -> tuple[str, ...]:
    """Attempts whose end nobody has written: the process that made them is gone."""
    found = session.execute(
        select(attempt_table.c.id)
        .where(attempt_table.c.ended_at.is_(None))
        .order_by(attempt_table.c.started_at, attempt_table.c.id)
    ).scalars()
    return tuple(found)


def known_attempts(session: Session, ids: Iterable[str]) -> frozenset[str]:
    """Those of the ids that are attempts in this database."""
    wanted = sorted(ids)
    found: set[str] = set()
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = wanted[start : start + IDS_AT_ONCE]
        found.update(session.execute(select(attempt_table.c.id).where(attempt_table.c.id.in_(some))).scalars())
    return frozenset(found)


def close_unknown(session: Session, ids: Sequence[str], now: datetime) -> None:
    """Close attempts whose end nobody can know any more, and their tasks with them: they may have rung."""
    tasks = (
        session.execute(
            update_of(attempt_table)
            .where(attempt_table.c.id.in_(ids), attempt_table.c.ended_at.is_(None))
            .values(
                state=AttemptState.ENDED,
                current_node=None,
                last_heard=None,
                ended_at=now,
                outcome=DialOutcome.UNKNOWN,
                cause="the process ended during the call",
                hung_up_by=HungUpBy.NETWORK,
                disposition=DialOutcome.UNKNOWN.value,
                intention=Intention.UNREACHABLE,
            )
            .returning(attempt_table.c.task_id)
        )
        .scalars()
        .all()
    )
    close_tasks(session, tasks, DialOutcome.UNKNOWN.value)
    engagements.commit(session, tasks, now)


def free_leases(session: Session) -> int:
    """Give back what a dead process had leased and not yet dialled: no attempt row, so no call has left."""
    dialled = select(attempt_table.c.task_id).where(attempt_table.c.ended_at.is_(None))
    stale = session.execute(
        select(task_table.c.id).where(task_table.c.state == TaskState.LEASED, task_table.c.id.not_in(dialled))
    ).scalars()
    ids = list(stale)
    for task_id in ids:
        release(session, task_id, None)
    return len(ids)
