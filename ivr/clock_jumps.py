"""Due times that a wrong clock wrote. Had it been ahead by a day or a year and been set right, what was put off
until "tomorrow" would wait as long as it was ahead: this finds such times and makes them due by today's clock.

What can be told from the row itself is mended where the row is read: feeds (`ivr.feeds.store.mend_times`),
deliveries, turns of nightly work, locked users, leases of agents. Here are the contacts that wait for their next
call: retries and callbacks by their last call, which then lies in the future, put-off ones by the decision. Calls
from the future keep counting for the limits of the policy, until their time: rather not called than too often.

A clock that is set ahead makes things due too early; nobody can tell that from a machine that slept. It is
logged, in one sentence."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from ivr.database import Database
from ivr.database.locks import try_lead
from ivr.model import Attempt, Campaign, CampaignState, ContactDecision, Task, TaskState

log = logging.getLogger(__name__)
MEND_EVERY_S = 60.0
SKEW = timedelta(minutes=5)  # so far the clocks of two machines may differ
AT_ONCE = 1000
LEAD = "ivr.clock_jumps"
SET = "clock_set: this machine's clock was set %s by %s; campaigns, feeds and retries go by it from now on"
MENDED = "due_times_mended: the clock was ahead when they were put off; %s contacts are due by today's clock"


def boot_s() -> float:
    """Seconds that nobody sets, and that go on while the machine sleeps where the system can tell."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


class TimeMender:
    """Call `look` every MEND_EVERY_S."""

    def __init__(self, database: Database, steady_s: Callable[[], float] = boot_s) -> None:
        self._database, self._steady_s = database, steady_s
        self._seen: tuple[datetime, float] | None = None  # the clock, and seconds that nobody sets

    async def look(self) -> int:
        """Mend what there is; how many contacts. All of them are looked at the first time, and when the clock was
        set; else those of calls from the future."""
        now = self._database.clock.now()
        begins, ahead = self._seen is None, self._jump(now)
        if abs(ahead) > SKEW:
            log.warning(SET, "ahead" if ahead > timedelta() else "back", abs(ahead))
        count = await self._all(mend_called, now)
        if begins or ahead < -SKEW:
            count += await self._all(mend_put_off, now)
        if count:
            log.warning(MENDED, count)
        return count

    def _jump(self, now: datetime) -> timedelta:
        """How far the clock was set ahead since the last look."""
        steady_s = self._steady_s()
        seen, self._seen = self._seen, (now, steady_s)
        return timedelta() if seen is None else now - seen[0] - timedelta(seconds=steady_s - seen[1])

    async def _all(self, mend: Mend, now: datetime) -> int:
        count, after = 0, 0
        while True:
            done = await self._database.run(partial(mend, now=now, after=after))
            count += done.contacts
            if done.last is None:
                return count
            after = done.last


@dataclass(frozen=True, slots=True)
class Mended:
    """How many contacts, and the last task that was looked at; None: that was all."""

    contacts: int
    last: int | None


class Mend(Protocol):
    def __call__(self, session: Session, now: datetime, after: int) -> Mended:
        """Of the tasks behind this one, in order of their ids, some at a time."""


def mend_called(session: Session, now: datetime, after: int) -> Mended:
    """Contacts whose next call was fixed after a call from the future: it comes so long from now as it was to come
    after that call. One that was to come later than the clock was ahead is left: else it would be mended, and come
    sooner, at each look again; it waits twice as long at most."""
    if not try_lead(session, LEAD):
        return Mended(0, None)
    last = (
        select(Attempt.task_id, func.max(Attempt.ended_at).label("ended_at"))
        .join(Campaign, Attempt.campaign_id == Campaign.id)
        .where(Campaign.state.in_(_GOING_ON), Campaign.seed.is_(None), Attempt.started_at > now + SKEW)
        .group_by(Attempt.task_id)
        .subquery()
    )
    rows = session.execute(
        select(Task.id, Task.next_at, last.c.ended_at)
        .join(last, last.c.task_id == Task.id)
        .where(Task.id > after, Task.state == TaskState.WAITING, Task.next_at >= last.c.ended_at)
        .order_by(Task.id)
        .limit(AT_ONCE)
    ).all()
    count = 0
    for task_id, next_at, ended_at in rows:
        due = now + (next_at - ended_at)
        if due >= ended_at:
            continue
        mended = update(Task).where(Task.id == task_id, Task.state == TaskState.WAITING, Task.next_at == next_at)
        session.execute(mended.values(next_at=due))
        count += 1
    return Mended(count, rows[-1].id if rows else None)


def mend_put_off(session: Session, now: datetime, after: int) -> Mended:
    """Contacts that were put off by a decision from the future: they are due, and it is decided anew."""
    if not try_lead(session, LEAD):
        return Mended(0, None)
    wrong = exists().where(
        ContactDecision.task_id == Task.id,
        ContactDecision.at > now + SKEW,
        ContactDecision.until == Task.next_at,
    )
    ids = session.scalars(
        select(Task.id)
        .join(Campaign, Task.campaign_id == Campaign.id)
        .where(
            Campaign.state.in_(_GOING_ON),
            Campaign.seed.is_(None),
            Task.id > after,
            Task.state == TaskState.WAITING,
            Task.next_at > now + SKEW,
            wrong,
        )
        .order_by(Task.id)
        .limit(AT_ONCE)
    ).all()
    session.execute(update(Task).where(Task.id.in_(ids), Task.state == TaskState.WAITING).values(next_at=now))
    return Mended(len(ids), ids[-1] if ids else None)


_GOING_ON = (CampaignState.RUNNING, CampaignState.PAUSED)
