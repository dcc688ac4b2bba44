"""Workers and their quotas as rows: functions for `Database.run`. Every moment is the database's own.

A quota is written under a lock of its name, and no more is given than the others leave: the sum over all workers
never exceeds what there is, however they join, leave or die."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from ivr.database.locks import is_postgresql, lock_name
from ivr.desk import waiting
from ivr.dialer import store
from ivr.model import Quota, QuotaKind, Worker, WorkerState

REMEMBERED = timedelta(days=7)  # rows of workers that are gone


def moment(session: Session, here: datetime) -> datetime:
    """The database's time: workers' own clocks may differ. On SQLite there is one worker: `here` is its time."""
    if not is_postgresql(session):
        return here
    now: datetime = session.execute(select(func.clock_timestamp())).scalar_one()
    return now


# ---- workers ------------------------------------------------------------------------------------------------


def join(session: Session, worker: str, here: datetime) -> int:
    """Take the worker in. Open attempts of nobody known are closed as unknown: how many."""
    now = moment(session, here)
    session.execute(delete(Worker).where(Worker.state == WorkerState.GONE, Worker.heartbeat_at < now - REMEMBERED))
    session.execute(
        insert(Worker).values(
            id=worker,
            host=socket.gethostname()[:80],
            pid=os.getpid(),
            started_at=now,
            heartbeat_at=now,
            state=WorkerState.RUNNING,
        )
    )
    if not is_postgresql(session):
        return 0  # alone: `Station.clear` looks after all of it
    lock_name(session, "workers")
    return store.close_unknown(session, store.ownerless(session), here)


def beat(session: Session, worker: str, state: WorkerState, here: datetime) -> bool:
    """The worker lives. False: others have declared it dead."""
    now = moment(session, here)
    return bool(
        session.execute(
            update(Worker)
            .where(Worker.id == worker, Worker.state.in_(store.ALIVE))
            .values(heartbeat_at=now, state=state)
            .returning(Worker.id)
        ).all()
    )


def heartbeats(session: Session, after_s: float, here: datetime) -> dict[str, datetime]:
    """The last heartbeat of each worker that lives. One further ahead than `after_s` was written before the
    database's clock was set back: it counts from now."""
    now = moment(session, here)
    ahead = Worker.heartbeat_at > now + timedelta(seconds=after_s)
    alive = Worker.state.in_(store.ALIVE)
    session.execute(update(Worker).where(alive, ahead).values(heartbeat_at=now))
    beats = session.execute(select(Worker.id, Worker.heartbeat_at).where(alive))
    return {row.id: row.heartbeat_at for row in beats}


def declare_dead(
    session: Session, after_s: float, silent: Mapping[str, datetime], here: datetime
) -> tuple[str, ...]:
    """Take workers for dead whose heartbeat has been missing for so long, and that are among the `silent`: who
    asks has seen the same heartbeat for as long by its own time. So nobody dies because the database's clock was
    set ahead. All that aren't cleared up after yet."""
    since = moment(session, here) - timedelta(seconds=after_s)
    for worker, heartbeat in silent.items():
        session.execute(
            update(Worker)
            .where(Worker.id == worker, Worker.state.in_(store.ALIVE), Worker.heartbeat_at < since)
            .where(Worker.heartbeat_at == heartbeat)
            .values(state=WorkerState.DEAD)
        )
    return tuple(session.execute(select(Worker.id).where(Worker.state == WorkerState.DEAD)).scalars())


@dataclass(frozen=True, slots=True)
class Buried:
    """What a dead worker had left."""

    unknown: int  # attempts closed as unknown
    freed: int  # leases given back


def bury(session: Session, worker: str, here: datetime) -> Buried | None:
    """Close and give back what a dead worker has left, and its quotas with it. None: somebody else has done it.

    The row's lock makes it once: who waits for it finds the worker gone."""
    row = session.execute(select(Worker).where(Worker.id == worker).with_for_update()).scalar_one()
    if row.state is not WorkerState.DEAD:
        return None
    unknown = store.close_unknown(session, store.open_attempts(session, worker), here)
    freed = store.free_leases(session, worker)
    session.execute(delete(Quota).where(Quota.worker_id == worker))
    waiting.let_go_of(session, worker, here)
    row.state = WorkerState.GONE
    return Buried(unknown, freed)


def leave(session: Session, worker: str) -> None:
    """The worker has nothing left to do: leases that it still has are given back, and so are its quotas."""
    row = session.execute(select(Worker).where(Worker.id == worker).with_for_update()).scalar_one()
    if row.state not in store.ALIVE:
        return
    store.free_leases(session, worker)
    session.execute(delete(Quota).where(Quota.worker_id == worker))
    row.state = WorkerState.GONE


# ---- quotas -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Ask:
    """What there is in all, and what the worker can't give back now: calls that are on, and more as long as it
    has been told of no smaller share."""

    kind: QuotaKind
    name: str
    channels: int
    calls_per_s: float = 0.0
    keep: int = 0
    leaving: bool = False  # nothing more than `keep` is wanted


@dataclass(frozen=True, slots=True)
class Grant:
    """What the worker holds, and what its equal share is: as others join, it comes down to it."""

    channels: int
    calls_per_s: float
    share: int

    @property
    def usable(self) -> int:
        """How many calls at once may be on for another one to begin."""
        return min(self.channels, self.share)


NOTHING = Grant(0, 0.0, 0)


def renew(
    session: Session, worker: str, asks: Sequence[Ask], quota_s: float, here: datetime
) -> dict[tuple[QuotaKind, str], Grant]:
    """Take or renew the worker's quotas for so many seconds; what isn't asked for any more is given back."""
    session.execute(select(Worker.id).where(Worker.id == worker, Worker.state.in_(store.ALIVE))).scalar_one()
    granted: dict[tuple[QuotaKind, str], Grant] = {}
    for ask in sorted(asks):  # all workers lock in one order
        lock_name(session, f"quota {ask.kind.value} {ask.name}")
        now = moment(session, here)
        granted[ask.kind, ask.name] = _grant(session, worker, ask, (now, now + timedelta(seconds=quota_s)))
    held = session.execute(select(Quota.kind, Quota.name).where(Quota.worker_id == worker)).all()
    for kind, name in held:
        if (kind, name) not in granted:
            session.execute(delete(Quota).where(Quota.kind == kind, Quota.name == name, Quota.worker_id == worker))
    return granted


def _grant(session: Session, worker: str, ask: Ask, valid: tuple[datetime, datetime]) -> Grant:
    now, until = valid
    of = (Quota.kind == ask.kind, Quota.name == ask.name)
    # One that runs much longer was given before the database's clock was set back.
    session.execute(update(Quota).where(*of, Quota.until > until + (until - now)).values(until=until))
    rows = session.execute(select(Quota).where(*of, Quota.until > now)).scalars().all()
    others = [row for row in rows if row.worker_id != worker]
    mine = next((row for row in rows if row.worker_id == worker), None)
    workers = sorted([worker, *(row.worker_id for row in others)])
    share = ask.channels // len(workers) + (workers.index(worker) < ask.channels % len(workers))
    if ask.leaving:
        share = 0
    keep = min(ask.keep, mine.channels) if mine is not None else 0
    channels = max(0, min(max(share, keep), ask.channels - sum(row.channels for row in others)))
    per_s = 0.0 if ask.leaving else ask.calls_per_s / len(workers)
    per_s = max(0.0, min(per_s, ask.calls_per_s - sum(row.calls_per_s for row in others)))
    if mine is not None:
        mine.channels, mine.calls_per_s, mine.until = channels, per_s, until
    else:
        session.execute(delete(Quota).where(*of, Quota.worker_id == worker))  # one that has run out
        session.execute(
            insert(Quota).values(
                kind=ask.kind, name=ask.name, worker_id=worker, channels=channels, calls_per_s=per_s, until=until
            )
        )
    return Grant(channels, per_s, share)
