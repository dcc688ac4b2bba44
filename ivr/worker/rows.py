"""Workers and their quotas as rows: functions for `Database.run`. Every moment is the database's own.

A quota is written under a lock of its name, and no more is given than the others leave: the sum over all workers
never exceeds what there is, however they join, leave or die."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from ivr.database import Database, Question, Statement
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


@dataclass(frozen=True, slots=True)
class Heard:
    """What a worker finds at a beat."""

    declared_dead: bool  # it itself, by others
    alive: Mapping[str, datetime]  # the last heartbeat of each worker that lives
    dead: tuple[str, ...]  # those that aren't cleared up after yet


_alive = or_(*(Worker.state == state for state in store.ALIVE))
_clock = func.clock_timestamp()
_BEAT = Statement.compiled(
    update(Worker)
    .where(Worker.id == bindparam("worker"), _alive)
    .values(heartbeat_at=_clock, state=bindparam("now_is"))
    .returning(Worker.id)
)
# One further ahead was written before the database's clock was set back: it counts from now.
_SET_BACK = Statement.compiled(
    update(Worker)
    .where(_alive, Worker.heartbeat_at > _clock + func.make_interval(0, 0, 0, 0, 0, 0, bindparam("after_s")))
    .values(heartbeat_at=_clock)
)
_THERE = Statement.compiled(
    select(Worker.id, Worker.heartbeat_at, Worker.state)
    .where(Worker.state != WorkerState.GONE)
    .order_by(Worker.id)
)


async def beat(database: Database, worker: str, state: WorkerState, after_s: float) -> Heard:
    """The worker lives; who else does, in one round trip. PostgreSQL only. Raises DatabaseError."""
    told = {"worker": worker, "now_is": state.value, "after_s": after_s}
    batch = [(_BEAT, told), (_SET_BACK, told), (_THERE, told)]
    mine, _, there = await database.express_all(batch, repeatable=True, aside=True)
    return Heard(
        declared_dead=not mine,
        alive={one: heartbeat_at for one, heartbeat_at, is_ in there if is_ != WorkerState.DEAD},
        dead=tuple(one for one, _, is_ in there if is_ == WorkerState.DEAD),
    )


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


_Row = aliased(Quota)
_BESIDE_MINE = Question(
    select(_Row.kind, _Row.name, _Row.worker_id, _Row.channels, _Row.calls_per_s, _Row.until, _clock)
    .join(Quota, and_(Quota.kind == _Row.kind, Quota.name == _Row.name))
    .where(
        Quota.worker_id == bindparam("worker"),
        exists().where(Worker.id == bindparam("worker"), _alive),
    )
)


async def as_they_are(
    database: Database, worker: str, asks: Sequence[Ask], quota_s: float
) -> dict[tuple[QuotaKind, str], Grant] | None:
    """The worker's quotas, where `renew` would change nothing and they hold for half of their time yet; else None.

    What somebody has is nobody else's until it has run out: looking needs no lock. PostgreSQL only.
    Raises DatabaseError."""
    by_name: dict[tuple[QuotaKind, str], list[_Held]] = {}
    for kind, name, owner, channels, per_s, until, now in await database.ask(_BESIDE_MINE, {"worker": worker}):
        left_s = (until - now).total_seconds()
        if left_s > 2 * quota_s or (owner == worker and left_s < quota_s / 2):
            return None
        if left_s > 0:
            by_name.setdefault((kind, name), []).append(_Held(owner, channels, per_s))
    granted: dict[tuple[QuotaKind, str], Grant] = {}
    for ask in asks:
        held = by_name.pop((ask.kind, ask.name), [])
        grant = granted[ask.kind, ask.name] = _reckoned(worker, ask, held)
        if _Held(worker, grant.channels, grant.calls_per_s) not in held:
            return None
    return None if by_name else granted  # else some aren't asked for any more


@dataclass(frozen=True, slots=True)
class _Held:
    """A quota that holds."""

    worker_id: str
    channels: int
    calls_per_s: float


def _grant(session: Session, worker: str, ask: Ask, valid: tuple[datetime, datetime]) -> Grant:
    now, until = valid
    of = (Quota.kind == ask.kind, Quota.name == ask.name)
    # One that runs much longer was given before the database's clock was set back.
    session.execute(update(Quota).where(*of, Quota.until > until + (until - now)).values(until=until))
    rows = session.execute(select(Quota).where(*of, Quota.until > now)).scalars().all()
    mine = next((row for row in rows if row.worker_id == worker), None)
    grant = _reckoned(worker, ask, [_Held(row.worker_id, row.channels, row.calls_per_s) for row in rows])
    if mine is not None:
        mine.channels, mine.calls_per_s, mine.until = grant.channels, grant.calls_per_s, until
        return grant
    session.execute(delete(Quota).where(*of, Quota.worker_id == worker))  # one that has run out
    values = {"channels": grant.channels, "calls_per_s": grant.calls_per_s, "until": until}
    session.execute(insert(Quota).values(kind=ask.kind, name=ask.name, worker_id=worker, **values))
    return grant


def _reckoned(worker: str, ask: Ask, held: Sequence[_Held]) -> Grant:
    """What the worker gets of what there is, beside what everybody holds. Pure."""
    others = [one for one in held if one.worker_id != worker]
    mine = sum(one.channels for one in held if one.worker_id == worker)
    workers = sorted([worker, *(one.worker_id for one in others)])
    share = ask.channels // len(workers) + (workers.index(worker) < ask.channels % len(workers))
    if ask.leaving:
        share = 0
    keep = min(ask.keep, mine)
    channels = max(0, min(max(share, keep), ask.channels - sum(one.channels for one in others)))
    per_s = 0.0 if ask.leaving else ask.calls_per_s / len(workers)
    per_s = max(0.0, min(per_s, ask.calls_per_s - sum(one.calls_per_s for one in others)))
    return Grant(channels, per_s, share)
