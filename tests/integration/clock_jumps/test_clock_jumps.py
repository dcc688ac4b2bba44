"""What a clock that was a day or a year ahead wrote holds nothing up once it is set right; and a clock that is set
ahead ends nobody's work that goes on."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import String, func, insert, select, update
from sqlalchemy.orm import Session

from ivr.clock import RealClock
from ivr.clock_jumps import TimeMender
from ivr.config import Settings
from ivr.database import Database
from ivr.deliveries import store as deliveries
from ivr.desk.presence import end_by_itself
from ivr.dialer import store
from ivr.metrics.invariants import nightly
from ivr.model import (
    Agent,
    AgentPresence,
    AgentState,
    Base,
    Campaign,
    CampaignState,
    Delivery,
    HourRate,
    Quota,
    QuotaKind,
    Role,
    Task,
    TaskState,
    Worker,
    WorkerState,
)
from ivr.policy.loader import loads
from ivr.policy.policy import CampaignRules
from ivr.session.record import CallRecord
from ivr.strategy import default_strategy, learning
from ivr.users import FREE_FAILURES, SignInLocked, add_user, sign_in
from ivr.worker import rows
from ivr.worker.rows import Ask
from tests.database_rig.campaigns import new_campaign
from trunk.ports import Cause, DialOutcome

pytestmark = pytest.mark.integration

NOW = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)  # ten in the morning in Shanghai
A_DAY, A_YEAR = timedelta(days=1), timedelta(days=366)
BUSY = Cause(DialOutcome.BUSY, "sip 486", "callee")
PASSWORD = "correct horse battery"


@dataclass
class SetClock(RealClock):
    moment: datetime = NOW

    def now(self) -> datetime:
        return self.moment


@dataclass
class Dialler:
    """One campaign, called by hand. `steady_s` is time that nobody sets."""

    database: Database
    clock: SetClock
    rules: CampaignRules
    steady_s: float = 0.0
    mender: TimeMender = field(init=False)

    def __post_init__(self) -> None:
        self.mender = TimeMender(self.database, lambda: self.steady_s)

    def passes(self, span: timedelta) -> None:
        self.clock.moment += span
        self.steady_s += span.total_seconds()

    async def lease(self) -> store.Leased:
        now = self.clock.now()
        request = store.LeaseRequest(rules=self.rules, owner="test", count=1, now=now, lease_s=600)
        return await store.lease(self.database, request)

    async def call(self) -> None:
        """Somebody is busy."""
        now, (lease,) = self.clock.now(), (await self.lease()).leases
        call = f"{lease.task_id}-{lease.attempts}"
        assert await store.place_at_once(self.database, store.Placing(call, self.rules, lease, now))
        record = CallRecord(call, lease.phone, now, now, None, now, cause=BUSY)
        await store.finish_at_once(
            self.database, store.Ending(lease.task_id, record, self.rules, default_strategy())
        )

    async def waits(self) -> list[timedelta]:
        """How long each contact that waits still waits."""
        due = select(Task.next_at).where(Task.state == TaskState.WAITING).order_by(Task.id)
        moments = await self.database.read(lambda session: session.scalars(due).all())
        return [moment - self.clock.now() for moment in moments if moment is not None]


@pytest.fixture
async def dialler(database_url: str) -> Any:
    clock = SetClock()
    database = Database(database_url, clock)
    policy = loads(b"schema: 1\npolicy: test\nwindows: [{times: [09:00-21:00]}]\n")
    phones = ["+8613800000001", "+8613800000002"]

    def fill(session: Session) -> int:
        return new_campaign(session, NOW - A_DAY, phones, policy=policy.document, purpose="service").campaign.id

    campaign_id = await database.run(fill)
    yield Dialler(database, clock, CampaignRules(policy, campaign_id, "service", "f", {}))
    await database.close()


@pytest.mark.parametrize("ahead", [A_DAY, A_YEAR])
async def test_retries_come_by_todays_clock(
    dialler: Dialler, ahead: timedelta, caplog: pytest.LogCaptureFixture
) -> None:
    dialler.clock.moment = NOW + ahead
    await dialler.call()
    (wait,) = await dialler.waits()  # so long after a busy call the next one comes
    dialler.clock.moment = NOW
    with caplog.at_level(logging.WARNING):
        assert await dialler.mender.look() == 1
    assert await dialler.waits() == [wait]
    assert "due_times_mended: the clock was ahead when they were put off; 1 contacts are due" in caplog.text
    assert await dialler.mender.look() == 0  # mended once
    dialler.passes(wait)
    await dialler.call()


async def test_a_retry_that_comes_later_than_the_clock_was_ahead_doesnt_come_sooner_at_each_look(
    dialler: Dialler,
) -> None:
    dialler.clock.moment = NOW + timedelta(minutes=10)
    await dialler.call()
    (wait,) = await dialler.waits()
    assert wait > timedelta(minutes=10)
    dialler.clock.moment = NOW
    for _ in range(3):
        assert await dialler.mender.look() == 0
        assert await dialler.waits() == [wait + timedelta(minutes=10)]


async def test_a_clock_that_was_right_is_left_alone(dialler: Dialler) -> None:
    await dialler.call()
    before = await dialler.waits()
    assert await dialler.mender.look() == 0
    assert await dialler.waits() == before


@pytest.mark.parametrize("begun", [False, True])
async def test_who_was_put_off_by_a_wrong_clock_is_decided_anew(dialler: Dialler, begun: bool) -> None:
    """By the first look of a process, and by the look after the clock was set back."""
    if begun:
        assert await dialler.mender.look() == 0
    dialler.clock.moment = NOW + A_YEAR + timedelta(hours=10, minutes=59)  # a minute before the window's end
    (lease,) = (await dialler.lease()).leases
    late = dialler.clock.moment + timedelta(minutes=2)
    assert not await store.place_at_once(dialler.database, store.Placing("a", dialler.rules, lease, late))
    if begun:
        assert await dialler.mender.look() == 0  # the clock is wrong already
    dialler.clock.moment = NOW
    assert await dialler.mender.look() == 1
    assert await dialler.waits() == [timedelta()]
    await dialler.call()


async def test_a_clock_that_is_set_is_told_in_one_sentence(
    dialler: Dialler, caplog: pytest.LogCaptureFixture
) -> None:
    async def told() -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            await dialler.mender.look()
        return caplog.text

    assert await told() == ""
    dialler.passes(timedelta(hours=3))
    assert await told() == ""
    dialler.clock.moment += A_DAY
    assert "clock_set: this machine's clock was set ahead by 1 day, 0:00:00" in await told()
    dialler.clock.moment -= A_DAY
    assert "clock_set: this machine's clock was set back by 1 day, 0:00:00" in await told()


async def test_other_campaigns_are_left_alone(dialler: Dialler) -> None:
    dialler.clock.moment = NOW + A_YEAR
    await dialler.call()
    rehearsed = update(Campaign).values(seed=1, state=CampaignState.RUNNING)
    await dialler.database.run(lambda session: session.execute(rehearsed))
    dialler.clock.moment = NOW
    assert await dialler.mender.look() == 0


# ---- what else is put off -----------------------------------------------------------------------------------


async def test_deliveries_are_sent(dialler: Dialler) -> None:
    database = dialler.database

    async def claimed(now: datetime) -> int:
        return len(await database.run(lambda session: deliveries.claim(session, ["crm"], 5, now, 30.0)))

    def wanted(session: Session) -> None:
        task = session.scalars(select(Task.id)).first()
        session.add(
            Delivery(sink="crm", event="attempt_ended", task_id=task, payload={}, created_at=NOW, next_at=NOW)
        )

    await database.run(wanted)
    assert await claimed(NOW + A_YEAR) == 1  # whoever claimed it then is gone
    assert await claimed(NOW) == 1
    assert await claimed(NOW) == 0  # somebody has it


async def test_a_user_isnt_locked_out_for_a_year(dialler: Dialler) -> None:
    await add_user(dialler.database, "ann", PASSWORD, Role.VIEWER, "test")
    dialler.clock.moment = NOW + A_YEAR
    for _ in range(FREE_FAILURES):
        await sign_in(dialler.database, "ann", "wrong")
    with pytest.raises(SignInLocked):
        await sign_in(dialler.database, "ann", PASSWORD)
    dialler.clock.moment = NOW
    assert await sign_in(dialler.database, "ann", PASSWORD) is not None


async def test_nights_arent_left_out(dialler: Dialler, monkeypatch: pytest.MonkeyPatch) -> None:
    database = dialler.database
    dialler.clock.moment = NOW + A_YEAR
    await nightly(database, Settings())  # notes that it is there
    dialler.clock.moment = NOW
    await nightly(database, Settings())
    dialler.clock.moment = NOW + 2 * A_DAY
    assert await nightly(database, Settings()) is not None

    table = Base.metadata.tables["hour_rate"]
    columns = {column.name: "1" if isinstance(column.type, String) else 1 for column in table.c}
    values = columns | {"computed_at": NOW + A_YEAR}
    await database.run(lambda session: session.execute(insert(table).values(values)))
    monkeypatch.setattr(learning, "_in_use", lambda session: [default_strategy()])
    await learning.learn_nightly(database)
    newest = select(func.max(HourRate.computed_at))
    assert await database.read(lambda session: session.execute(newest).scalar_one()) in (None, NOW + 2 * A_DAY)


async def test_an_agent_isnt_held_for_a_call_of_a_wrong_clock(dialler: Dialler) -> None:
    def held(session: Session) -> None:
        agent = Agent(number="1001", name="王芳", phone="601", hired_on=NOW.date())
        session.add(agent)
        session.flush()
        presence = AgentPresence(agent_id=agent.id, state=AgentState.RESERVED, since=NOW, changes=0)
        presence.lease_owner, presence.lease_until = "gone", NOW + A_YEAR
        session.add(presence)

    await dialler.database.run(held)
    assert await dialler.database.run(lambda session: end_by_itself(session, "worker", NOW)) == 1
    assert await dialler.database.run(lambda session: end_by_itself(session, "worker", NOW)) == 0


# ---- workers: the database's clock --------------------------------------------------------------------------


def _workers(session: Session, **beats: datetime) -> None:
    for worker, at in beats.items():
        session.add(Worker(id=worker, host="h", pid=1, started_at=NOW, heartbeat_at=at, state=WorkerState.RUNNING))


async def test_nobody_dies_because_the_databases_clock_is_set_ahead(sqlite_url: str) -> None:
    """On SQLite the clock is given, and so can be set; the statements are the same."""
    database = Database(sqlite_url, SetClock())
    await database.run(lambda session: _workers(session, alive=NOW, dead=NOW))
    later = NOW + A_DAY
    silent = {"dead": NOW}  # the other one's heartbeat has changed in the last seconds, by a steady time
    assert await database.run(lambda session: rows.declare_dead(session, 5.0, silent, later)) == ("dead",)
    await database.close()


async def test_quotas_of_a_wrong_clock_run_out(sqlite_url: str) -> None:
    database = Database(sqlite_url, SetClock())
    await database.run(lambda session: _workers(session, gone=NOW, here=NOW))
    ask = Ask(QuotaKind.TRUNK, "a", channels=10)

    async def granted(worker: str, now: datetime) -> int:
        given = await database.run(lambda session: rows.renew(session, worker, [ask], 30.0, now))
        return given[QuotaKind.TRUNK, "a"].channels

    assert await granted("gone", NOW + A_YEAR) == 10
    assert await granted("here", NOW) == 0
    assert await granted("here", NOW + timedelta(seconds=31)) == 10
    quotas = select(Quota.worker_id)
    assert await database.read(lambda session: session.scalars(quotas).all()) != []
    await database.close()
