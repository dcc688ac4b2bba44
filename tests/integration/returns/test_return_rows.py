"""Calls that come in, in the database: one process takes each, nobody calls meanwhile, what their end means."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from flows.loader import loads
from ivr.campaigns.rules import rules_of
from ivr.database import Database
from ivr.dialer import store
from ivr.flow_versions import version_row
from ivr.metrics.invariants import RULES, Scope
from ivr.model import (
    Attempt,
    CallWhy,
    Campaign,
    CampaignState,
    Contact,
    ContactList,
    DoNotDisturb,
    EmergencyStop,
    IncomingCall,
    IncomingKind,
    Task,
    TaskState,
    direction_of,
)
from ivr.returns.rows import Heard, Taken, campaign_meant, settle, take
from ivr.session.record import CallRecord
from ivr.strategy import Strategy
from ivr.strategy import loads as load_strategy
from ivr.strategy.split import arm_of
from tests.worker_rig.scene import FLOW, anytime
from trunk.ports import Cause, DialOutcome, Incoming

pytestmark = pytest.mark.integration

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=10)
PHONE = "+8613800000001"
STRATEGY = load_strategy(
    b"schema: 1\nstrategy: back\nretry: {attempts: 2, outcomes: {no_answer: {waits: [1h], at_most: 2}}}\n"
    b"return_calls: {within: 1h}\n"
)
NO_ANSWER = Cause(DialOutcome.NO_ANSWER, "ring timeout", "us")
TALKED = Cause(DialOutcome.ANSWERED, "sip bye", "callee")
LEFT = Cause(DialOutcome.CANCELLED, "the caller hung up before we answered", "callee")


@dataclass
class Rows:
    db: Database
    strategy: Strategy = field(default=STRATEGY)

    async def lease(self, at: datetime = NOW) -> store.Lease:
        rules = await self.db.read(lambda session: rules_of(session, 1))
        leased = await store.lease(self.db, store.LeaseRequest(rules, "dialer", 1, at, 600.0))
        (lease,) = leased.leases
        return lease

    async def place(self, lease: store.Lease, attempt_id: str, at: datetime = NOW) -> bool:
        rules = await self.db.read(lambda session: rules_of(session, 1))
        return await store.place_at_once(self.db, store.Placing(attempt_id, rules, lease, at, trunk="main"))

    async def ending(self, lease: store.Lease, attempt_id: str, cause: Cause, **more: Any) -> store.Ending:
        rules = await self.db.read(lambda session: rules_of(session, 1))
        record = CallRecord(attempt_id, PHONE, **{"started_at": NOW, "ended_at": NOW, "cause": cause, **more})
        return store.Ending(lease.task_id, record, rules, self.strategy)

    async def missed(self, at: datetime = NOW) -> store.Lease:
        """A call that rang and wasn't answered."""
        lease = await self.lease(at)
        assert await self.place(lease, "missed", at)
        await store.finish_at_once(self.db, await self.ending(lease, "missed", NO_ANSWER, ringing_at=at))
        return lease

    async def comes_in(self, call_id: str = "1.1", at: datetime = LATER, worker: str = "one") -> Taken | None:
        heard = Heard(Incoming(call_id, "13800000001", "main"), PHONE, worker, at, 600.0)
        meant = await self.db.read(lambda session: campaign_meant(session, PHONE, at))
        return await self.db.run(lambda session: take(session, heard, meant))

    async def over(self, taken: Taken, cause: Cause, **more: Any) -> datetime | None:
        assert taken.lease is not None
        moments = {"started_at": LATER, "ended_at": LATER + timedelta(seconds=30)}
        ending = await self.ending(taken.lease, "1.1", cause, **{**moments, **more})
        return await self.db.run(lambda session: settle(session, ending))

    async def task(self) -> Task:
        return await self.db.read(lambda session: session.scalars(select(Task)).one())

    async def kinds(self) -> Counter[IncomingKind]:
        return Counter(await self.db.read(lambda session: list(session.scalars(select(IncomingCall.kind)))))

    async def attempts(self) -> list[Attempt]:
        return await self.db.read(lambda session: list(session.scalars(select(Attempt).order_by(Attempt.number))))

    async def change(self, **values: Any) -> None:
        def work(session: Session) -> None:
            for name, value in values.items():
                setattr(session.get_one(Campaign, 1), name, value)

        await self.db.run(work)

    async def books_balance(self) -> None:
        """Every rule of the nightly look holds."""
        scope = Scope(LATER + timedelta(hours=1), NOW - timedelta(days=1), 7200.0)
        broken = await self.db.read(lambda session: {one.name: list(one.find(session, scope)) for one in RULES})
        assert {name: faults for name, faults in broken.items() if faults} == {}


@pytest.fixture
async def rows(db: Database) -> Rows:
    def fill(session: Session) -> None:
        version = version_row(session, loads(FLOW.format(name="f", purpose="marketing").encode()), "test", NOW)
        people = ContactList(name="l", created_at=NOW, created_by="test")
        session.add(people)
        session.flush()
        campaign = Campaign(
            name="c", flow_version_id=version.id, purpose="marketing", state=CampaignState.RUNNING, concurrency=5,
            policy=anytime(), strategy=STRATEGY.document, created_at=NOW, created_by="test", started_at=NOW,
        )  # fmt: skip
        contact = Contact(list_id=people.id, phone=PHONE, attributes={})
        session.add_all([campaign, contact])
        session.flush()
        session.add(Task(campaign_id=campaign.id, contact_id=contact.id))

    await db.run(fill)
    return Rows(db)


async def test_a_conversation_settles_the_task_and_nobody_is_called_again(rows: Rows) -> None:
    await rows.missed()
    assert (await rows.task()).state is TaskState.WAITING
    taken = await rows.comes_in()
    assert taken is not None
    assert (await rows.task()).state is TaskState.LEASED
    again = await rows.over(taken, TALKED, answered_at=LATER, talk_s=30.0, flow_disposition="told")
    task, (out, back) = await rows.task(), await rows.attempts()
    assert (again, task.state, task.result, task.attempts) == (None, TaskState.DONE, "told", 2)
    assert [(one.number, one.why, direction_of(one.why).value) for one in (out, back)] == [
        (1, None, "out"),
        (2, CallWhy.RETURN, "return"),
    ]
    assert await rows.kinds() == {IncomingKind.RETURNED: 1}
    await rows.books_balance()


@pytest.mark.parametrize(("flow", "heard"), [("", True), (", flow: {name: win_back, version: 1}", False)])
async def test_the_arm_of_a_test_is_credited_where_its_customers_hear_it(
    rows: Rows, flow: str, heard: bool
) -> None:
    split = f"split: {{name: voice, arms: {{a: {{}}, b: {{}}}}}}\nreturn_calls: {{within: 1h{flow}}}\n"
    strategy = load_strategy(b"schema: 1\nstrategy: two\n" + split.encode())
    await rows.change(strategy=strategy.document)
    await rows.missed()
    expected = arm_of(strategy, PHONE)
    assert expected is not None
    assert await rows.comes_in() is not None
    assert (await rows.attempts())[1].arm == (expected.name if heard else None)


async def test_one_process_takes_the_call(rows: Rows) -> None:
    await rows.missed()
    taken = await asyncio.gather(*(rows.comes_in(worker=f"w{number}") for number in range(4)))
    assert sum(one is not None for one in taken) == 1
    assert len(await rows.attempts()) == 2


async def test_a_stranger_is_counted_and_nothing_else(rows: Rows) -> None:
    assert await rows.comes_in() == Taken(None)
    assert await rows.comes_in() is None, "somebody has it"
    assert (await rows.kinds(), await rows.attempts()) == ({IncomingKind.STRANGER: 1}, [])


async def test_a_lease_without_a_call_becomes_the_customers(rows: Rows) -> None:
    """The dialer has leased the retry and prepares it: its call doesn't leave."""
    await rows.missed()
    retry = await rows.lease(NOW + timedelta(minutes=61))
    await rows.change(strategy=STRATEGY.document.replace('"within":"1h"', '"within":"2h"'))
    taken = await rows.comes_in(at=NOW + timedelta(minutes=62))
    assert taken is not None
    assert taken.lease is not None
    assert not await rows.place(retry, "retry", NOW + timedelta(minutes=62))
    await rows.db.run(lambda session: store.release(session, retry.task_id, None, retry.owner))
    assert (await rows.task()).state is TaskState.LEASED, "the dialer's giving back isn't ours"


async def test_a_call_of_ours_that_is_on_is_the_one_call(rows: Rows) -> None:
    lease = await rows.lease()
    assert await rows.place(lease, "rings")
    assert await rows.comes_in() == Taken(None)
    assert await rows.kinds() == {IncomingKind.BUSY: 1}
    assert [one.id for one in await rows.attempts()] == ["rings"]


async def test_without_a_conversation_everything_is_as_before(rows: Rows) -> None:
    await rows.missed()
    before = await rows.task()
    taken = await rows.comes_in()
    assert taken is not None
    assert await rows.over(taken, LEFT) is None
    task = await rows.task()
    assert (task.state, task.next_at, task.next_why) == (TaskState.WAITING, before.next_at, before.next_why)
    assert (task.attempts, task.lease_owner, task.result) == (2, None, None)
    retry = await rows.lease(NOW + timedelta(hours=2))
    assert await rows.place(retry, "retry", NOW + timedelta(hours=2)), "one call of two is used up, not two"
    assert [one.number for one in await rows.attempts()] == [1, 2, 3]


async def test_who_was_done_gets_the_new_result_and_keeps_the_old_one_without_a_talk(rows: Rows) -> None:
    rows.strategy = load_strategy(b"schema: 1\nstrategy: once\nretry: {attempts: 1}\nreturn_calls: {within: 1h}\n")
    await rows.change(strategy=rows.strategy.document)
    await rows.missed()
    assert (await rows.task()).result == "no_answer"
    await rows.change(state=CampaignState.FINISHED, finished_at=NOW)
    taken = await rows.comes_in()
    assert taken is not None
    assert (await rows.task()).state is TaskState.DONE
    await rows.db.run(lambda session: store.close_unknown(session, ("1.1",), LATER))
    assert (await rows.task()).result == "no_answer", "a process that died takes nobody's result away"
    taken = await rows.comes_in("1.2")
    assert taken is not None
    assert taken.lease is not None
    talked = {"started_at": LATER, "answered_at": LATER, "talk_s": 9.0, "flow_disposition": "told"}
    ending = await rows.ending(taken.lease, "1.2", TALKED, ended_at=LATER, **talked)
    assert await rows.db.run(lambda session: settle(session, ending)) is None
    task = await rows.task()
    assert (task.state, task.result, task.attempts) == (TaskState.DONE, "told", 3)
    await rows.books_balance()


@pytest.mark.parametrize("why_not", ["paused", "too late", "off", "opted out", "stopped", "removed", "never rang"])
async def test_who_gets_no_conversation(rows: Rows, why_not: str) -> None:
    if why_not == "never rang":
        lease = await rows.lease()
        await rows.place(lease, "refused")
        refused = Cause(DialOutcome.CONGESTION, "sip 503", "network", refused=True)
        await store.finish_at_once(rows.db, await rows.ending(lease, "refused", refused))
    else:
        await rows.missed()
    rest: dict[str, Any] = {
        "paused": {"state": CampaignState.PAUSED},
        "off": {"strategy": load_strategy(b"schema: 1\nstrategy: off\n").document},
    }
    await rows.change(**rest.get(why_not, {}))

    def work(session: Session) -> None:
        if why_not == "opted out":
            session.add(DoNotDisturb(phone=PHONE, purpose="marketing", source="call", created_at=NOW))
        if why_not == "stopped":
            session.add(EmergencyStop(at=NOW, by="test", why="test"))
        if why_not == "removed":
            session.scalars(select(Contact)).one().removed_at = NOW

    await rows.db.run(work)
    at = NOW + timedelta(minutes=61) if why_not == "too late" else LATER
    assert await rows.comes_in(at=at) == Taken(None)
    assert await rows.kinds() == {IncomingKind.STRANGER: 1}
    assert len(await rows.attempts()) == 1


async def test_what_it_can_hold_has_changed_since_the_process_looked(rows: Rows) -> None:
    await rows.missed()
    heard = Heard(Incoming("1.1", "13800000001", "main"), PHONE, "one", LATER)
    assert await rows.db.run(lambda session: take(session, heard, None)) is None
    assert await rows.kinds() == {}
    withheld = replace(heard, phone=None)
    assert await rows.db.run(lambda session: take(session, withheld, None)) == Taken(None)
    assert await rows.kinds() == {IncomingKind.WITHHELD: 1}
