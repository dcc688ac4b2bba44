"""What a process that died has left: attempts without an end, leases without an attempt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy import update as update_of
from sqlalchemy.orm import Session

from ivr import deliveries
from ivr.dialer.store.promises import keep_promises
from ivr.dialer.store.tables import IDS_AT_ONCE, attempt_table, task_table
from ivr.dialer.store.tasks import close_tasks, release
from ivr.model import (
    AttemptState,
    Campaign,
    Handling,
    HandlingState,
    HungUpBy,
    Intention,
    TaskState,
    Worker,
    WorkerState,
)
from ivr.policy import engagements
from trunk.ports import DialOutcome

ALIVE = (WorkerState.RUNNING, WorkerState.DRAINING)
AGENTS = "agent "  # begins the lease owners that are people (ivr.byhand): no process's death frees their tasks


def open_attempts(session: Session, worker: str | None = None) -> tuple[str, ...]:
    """Attempts whose end nobody has written, of that worker (None: of whomever)."""
    wanted = select(attempt_table.c.id).where(attempt_table.c.ended_at.is_(None))
    if worker is not None:
        wanted = wanted.where(attempt_table.c.worker == worker)
    return tuple(session.execute(wanted.order_by(attempt_table.c.started_at, attempt_table.c.id)).scalars())


def ownerless(session: Session) -> tuple[str, ...]:
    """Open attempts of no worker that there is a row of: from before there were workers, or copied."""
    known = select(Worker.id)
    wanted = select(attempt_table.c.id).where(
        attempt_table.c.ended_at.is_(None),
        or_(attempt_table.c.worker.is_(None), attempt_table.c.worker.not_in(known)),
    )
    return tuple(session.execute(wanted.order_by(attempt_table.c.id)).scalars())


def judgeable(session: Session, ids: Iterable[str], worker: str | None) -> frozenset[str]:
    """Those of the ids that are attempts in this database and not those of a living worker other than `worker`
    (None: this process is alone, so all of them)."""
    if worker is None:
        return _among(session, ids)
    others = select(Worker.id).where(Worker.state.in_(ALIVE), Worker.id != worker)
    return _among(session, ids, or_(attempt_table.c.worker.is_(None), attempt_table.c.worker.not_in(others)))


def attempts_of(session: Session, ids: Iterable[str], worker: str) -> frozenset[str]:
    """Those of the ids that are attempts of that worker."""
    return _among(session, ids, attempt_table.c.worker == worker)


def _among(session: Session, ids: Iterable[str], *conditions: ColumnElement[bool]) -> frozenset[str]:
    wanted = sorted(ids)
    found: set[str] = set()
    for start in range(0, len(wanted), IDS_AT_ONCE):
        some = select(attempt_table.c.id).where(
            attempt_table.c.id.in_(wanted[start : start + IDS_AT_ONCE]), *conditions
        )
        found.update(session.execute(some).scalars().all())
    return frozenset(found)


def close_unknown(session: Session, ids: Sequence[str], now: datetime) -> int:
    """Close attempts whose end nobody can know any more, and their tasks with them: they may have rung. A call
    that was asked for in one of them is made all the same.

    Returns how many there were: those that have their end already are left alone, and calls in which an agent has
    talked, who says what they came to whatever became of the process."""
    ids = _without_people(session, ids)
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
    close_tasks(session, _not_done(session, tasks), DialOutcome.UNKNOWN.value)
    engagements.commit(session, tasks, now)
    wait = keep_promises(session, ids) if tasks else frozenset()
    deliveries.attempts_ended(session, ids)
    deliveries.tasks_done(session, [task for task in tasks if task not in wait])
    return len(tasks)


def _not_done(session: Session, tasks: Sequence[int]) -> list[int]:
    """Whoever called back after their task had its result keeps that."""
    table = task_table.c
    open_ones = select(table.id).where(table.id.in_(tasks), table.state != TaskState.DONE)
    return list(session.execute(open_ones).scalars())


def _without_people(session: Session, ids: Sequence[str]) -> list[str]:
    wrapped_up = select(Handling.attempt_id).where(
        Handling.attempt_id.in_(ids),
        Handling.state.in_((HandlingState.TALKING, HandlingState.WRAP_UP)),
        Handling.ended_at.is_(None),  # else a supervisor had it from them: only that process knew how it ended
    )
    people = set(session.execute(wrapped_up).scalars())
    return [one for one in ids if one not in people]


def free_leases(session: Session, worker: str | None = None) -> int:
    """Give back what a dead process (None: whichever) had leased and not yet dialled: no attempt row, so no call
    has left."""
    dialled = select(attempt_table.c.task_id).where(attempt_table.c.ended_at.is_(None))
    # By campaign, so that the index of leases is used however long the lists are.
    stale = select(task_table.c.id).where(
        task_table.c.campaign_id.in_(select(Campaign.id)),
        task_table.c.state == TaskState.LEASED,
        task_table.c.id.not_in(dialled),
        or_(task_table.c.lease_owner.is_(None), task_table.c.lease_owner.not_like(f"{AGENTS}%")),
    )
    if worker is not None:
        stale = stale.where(task_table.c.lease_owner == worker)
    ids = list(session.execute(stale).scalars())
    for task_id in ids:
        release(session, task_id, None)
    return len(ids)


@dataclass(frozen=True, slots=True)
class Ours:
    """What a process knows to be its own in one campaign."""

    worker: str
    campaign_id: int
    tasks: frozenset[int]  # whose calls it prepares or makes
    attempts: frozenset[str]  # that it will close


def sweep(session: Session, ours: Ours, now: datetime) -> None:
    """After the connection was lost in the middle of a change that may be there after all: close and give back
    what is this process's by the database and isn't by its own knowledge. Nothing of it has left."""
    open_ids = session.execute(
        select(attempt_table.c.id).where(
            attempt_table.c.worker == ours.worker,
            attempt_table.c.campaign_id == ours.campaign_id,
            attempt_table.c.ended_at.is_(None),
        )
    ).scalars()
    stray = sorted(set(open_ids) - ours.attempts)
    if stray:
        close_unknown(session, stray, now)
    leased = session.execute(
        select(task_table.c.id).where(
            task_table.c.campaign_id == ours.campaign_id,
            task_table.c.state == TaskState.LEASED,
            task_table.c.lease_owner == ours.worker,
        )
    ).scalars()
    for task_id in sorted(set(leased) - ours.tasks):
        release(session, task_id, None)
