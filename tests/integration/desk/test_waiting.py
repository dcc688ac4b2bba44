"""Customers in line for a person: who is next across workers, nobody overtakes, each has one result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.briefs import Brief, CameTo, Point, kept
from ivr.database import Database
from ivr.desk import supply, waiting
from ivr.desk.presence import Change, end_by_itself, find, move
from ivr.desk.supply import DeskAgents
from ivr.desk.telling import customer_of, line
from ivr.desk.waiting import Claim
from ivr.model import AgentState, Handoff, HandoffResult, HandoffState, Shift
from ivr.ports import Agent, HandedOver, Request
from tests.integration.desk.at_desk import ready_in_order, wants

pytestmark = pytest.mark.integration
MEANS = {"": 30.0}  # talks are short, so that the governor lets everybody in
ROSTER = b"""schema: 1
queues:
  care: {wrap_up_s: 0, promise_s: 600}
  vip: {wrap_up_s: 0, promise_s: 600, skill: care, priority: 1}
  english: {wrap_up_s: 0, promise_s: 600}
  strict: {skill: care, promise_s: 5}
agents:
  1: {name: Both, phone: 601, skills: {care: 9, english: 1}, hired_on: 2024-03-01}
  2: {name: English, phone: 602, skills: {english: 9}, hired_on: 2024-03-01}
"""
at_work = partial(ready_in_order, ROSTER)


async def enters(db: Database, queue: str, attempt: str, worker: str = "w1") -> HandoffResult | None:
    now = db.clock.now()
    request = Request(queue, attempt, 1)
    refused, _ = await db.run(lambda session: waiting.enter(session, request, worker, MEANS, now))
    return refused


async def takes(
    db: Database, queue: str, attempt: str, worker: str = "w1", tried: Sequence[str] = (), later_s: float = 0.0
) -> str | None:
    """The number of the agent whom they get."""
    now, claim = db.clock.now() + timedelta(seconds=later_s), Claim(Request(queue, attempt, 1), frozenset(tried))
    (leased,) = await db.run(lambda session: waiting.take(session, [claim], worker, now))
    return None if leased is None else leased.number


async def closes(db: Database, over: HandedOver) -> None:
    await db.run(lambda session: waiting.close(session, over))


async def row(db: Database, attempt: str) -> Handoff:
    def read(session: Session) -> Handoff:
        return session.scalars(select(Handoff).where(Handoff.attempt_id == attempt)).one()

    return await db.read(read)


async def test_the_queues_priority_first_then_who_has_waited_longest(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One agent, two workers, three customers: the last to come has the better queue."""
    monkeypatch.setattr(supply, "LOOK_EVERY_S", 0.05)
    await at_work(db, "1")
    served: list[str] = []
    async with AsyncExitStack() as stack:
        one, two = [await DeskAgents(db, worker).open(stack) for worker in ("w1", "w2")]
        monkeypatch.setattr(one, "_mean_talks", means)
        monkeypatch.setattr(two, "_mean_talks", means)
        talking = await one.ask(Request("care", "first", 1))
        assert talking.refused is None
        held = await one.claim(Request("care", "first", 1), frozenset())
        assert held is not None

        async def customer(desk: DeskAgents, request: Request) -> None:
            agent = await desk.claim(request, frozenset(), 60.0)
            assert agent is not None
            served.append(request.attempt_id)
            await desk.talking(agent)
            await desk.release(agent, "answered")
            desk.leave(request)

        waits = []
        for desk, queue, name in ((one, "care", "longest"), (two, "care", "longer"), (two, "vip", "vip")):
            request = Request(queue, name, 1)
            assert (await desk.ask(request)).refused is None
            waits.append(asyncio.create_task(customer(desk, request)))
        standing = await two.standing(Request("care", "longer", 1))
        assert standing is not None
        assert standing.position == 3
        shown = await db.read(lambda session: line(session, db.clock.now()))
        offered, waits_ = HandoffState.OFFERED, HandoffState.WAITING
        assert [(of.queue, of.state) for of in shown] == [
            ("vip", waits_), ("care", offered), ("care", waits_), ("care", waits_),
        ]  # fmt: skip
        await one.release(held, "answered")
        async with asyncio.timeout(60):
            await asyncio.gather(*waits)
    assert served == ["vip", "longest", "longer"]


async def means() -> dict[str, float]:
    return MEANS


async def test_nobody_overtakes_who_has_not_looked_yet(db: Database) -> None:
    """An agent becomes ready; the second customer's worker looks first, and gets nobody."""
    await at_work(db, "2")
    await wants(db, "2", AgentState.REST)
    await wants(db, "1", AgentState.SIGNED_IN)
    await wants(db, "1", AgentState.READY)
    assert await enters(db, "care", "a", "w1") is None
    assert await takes(db, "care", "a", "w1") == "1"
    for attempt, worker in (("b", "w1"), ("c", "w2")):
        assert await enters(db, "english", attempt, worker) is None
    await wants(db, "2", AgentState.READY)
    assert await takes(db, "english", "c", "w2") is None
    assert await takes(db, "english", "b", "w1") == "2"
    assert await takes(db, "english", "c", "w2") is None


async def test_who_comes_before_leaves_the_agents_that_are_not_theirs(db: Database) -> None:
    await at_work(db, "1", "2")
    assert await enters(db, "care", "a") is None  # can have 1 alone
    assert await enters(db, "english", "b") is None  # 2 is the better one
    assert await enters(db, "english", "c") is None
    assert await takes(db, "english", "c") is None
    assert await takes(db, "english", "b") == "2"
    assert await takes(db, "care", "a", tried=["1"]) is None  # 1 had their turn: they are c's now
    assert await takes(db, "english", "c") == "1"


async def test_at_the_same_moment_each_gets_one(db: Database) -> None:
    await at_work(db, "1", "2")
    names = [f"c{number}" for number in range(6)]
    for name in names:
        await enters(db, "english", name)
    found = await asyncio.gather(*(takes(db, "english", name, f"w{name}") for name in names))
    assert sorted(one for one in found if one is not None) == ["1", "2"]
    assert [one is not None for one in found][:2] == [True, True]


async def test_a_worker_that_dies_leaves_nobody_in_line(db: Database) -> None:
    await at_work(db, "1")
    assert await enters(db, "care", "held") is None
    assert await takes(db, "care", "held") == "1"
    assert await enters(db, "care", "orphan", "dead") is None
    assert await enters(db, "care", "alive", "w1") is None
    now, free = db.clock.now(), Change(AgentState.READY, "w1")
    await db.run(lambda session: move(session, find(session, "1").id, free, now))
    assert await takes(db, "care", "alive") is None  # the dead one's lease isn't over
    over = db.clock.now() + timedelta(seconds=waiting.LEASE_S + 1)
    await db.run(lambda session: waiting.renew(session, "w1", [Request("care", "alive", 1)], over))
    assert await db.run(lambda session: waiting.end_of_gone(session, over)) == 2  # "held" isn't renewed either
    orphan = await row(db, "orphan")
    assert (orphan.state, orphan.result) == (HandoffState.OVER, HandoffResult.WORKER_GONE)
    assert await takes(db, "care", "alive", later_s=waiting.LEASE_S + 1) == "1"


async def test_when_a_worker_is_buried_its_customers_and_agents_are_let_go_at_once(db: Database) -> None:
    await at_work(db, "1")
    assert await enters(db, "care", "held", "dead") is None
    assert await takes(db, "care", "held", "dead") == "1"
    assert await enters(db, "care", "orphan", "dead") is None
    assert await enters(db, "care", "alive", "w1") is None
    now = db.clock.now()
    await db.run(lambda session: waiting.let_go_of(session, "dead", now))
    assert await db.run(lambda session: waiting.end_of_gone(session, now)) == 2
    assert await db.run(lambda session: end_by_itself(session, "w1", now)) == 1
    assert {(await row(db, name)).result for name in ("held", "orphan")} == {HandoffResult.WORKER_GONE}
    assert (await row(db, "alive")).result is None
    assert await takes(db, "care", "alive", "w1") == "1"


async def test_the_governor_refuses_and_its_numbers_are_on_record(db: Database) -> None:
    await at_work(db)
    assert await enters(db, "care", "nobody") is HandoffResult.NOBODY_SIGNED_IN
    await wants(db, "1", AgentState.SIGNED_IN)
    assert await enters(db, "care", "resting") is HandoffResult.UNLIKELY  # there, but not for calls
    await wants(db, "1", AgentState.READY)
    assert await enters(db, "strict", "free") is None
    assert await takes(db, "strict", "free") == "1"
    assert await enters(db, "strict", "late") is HandoffResult.UNLIKELY
    assert await enters(db, "care", "patient") is None
    free, late = await row(db, "free"), await row(db, "late")
    assert (free.ready, free.engaged, free.ahead, free.chance, free.likely_s) == (1, 0, 0, 1.0, 0.0)
    assert (late.ready, late.engaged, late.ahead, late.promise_s) == (0, 1, 0, 5.0)
    assert late.chance is not None
    assert late.chance < 0.2
    assert late.likely_s is not None
    assert 30 < late.likely_s < 120
    assert (late.state, late.result) == (HandoffState.OVER, HandoffResult.UNLIKELY)
    assert late.ended_at is not None


async def test_nobody_is_promised_whose_shift_is_over_before_their_talk(db: Database) -> None:
    await at_work(db, "1")
    assert await enters(db, "care", "talks") is None
    assert await takes(db, "care", "talks") == "1"
    assert await enters(db, "care", "before") is None
    now = db.clock.now()

    def plan(session: Session) -> None:
        agent = find(session, "1")
        session.add(Shift(agent_id=agent.id, starts_at=now, ends_at=now + timedelta(seconds=10)))

    await db.run(plan)
    assert await enters(db, "care", "after") is HandoffResult.UNLIKELY


async def test_what_it_came_to_is_on_record_once(db: Database) -> None:
    await at_work(db, "1")
    assert await enters(db, "care", "a") is None
    assert await takes(db, "care", "a") == "1"
    at: datetime = db.clock.now()
    tried = (("1", HandoffResult.DECLINED), ("2", HandoffResult.TALKED))
    over = HandedOver(Request("care", "a", 1), HandoffResult.TALKED, at, at, "2", tried, at, at, at, at, 61.5)
    elsewhere = HandedOver(Request("settings", "b", 1), HandoffResult.NO_QUEUE, at, at)
    for one in (over, over, elsewhere):
        await closes(db, one)
    found = await row(db, "a")
    assert (found.result, found.agent, found.talk_ms, found.queue) == (HandoffResult.TALKED, "2", 61500, "care")
    assert found.tried == [{"agent": "1", "result": "declined"}, {"agent": "2", "result": "talked"}]
    assert found.lease_until is None
    assert (await row(db, "b")).result is HandoffResult.NO_QUEUE


async def test_who_leaves_while_waiting_stops_the_claim_at_once(db: Database) -> None:
    await at_work(db, "1")
    async with AsyncExitStack() as stack:
        desk = await DeskAgents(db, "w1").open(stack)
        held = Request("care", "held", 1)
        assert (await desk.ask(held)).refused is None
        assert await desk.claim(held, frozenset()) == Agent("1", "601")
        leaves = Request("care", "leaves", 1)
        assert (await desk.ask(leaves)).refused is None
        claim = asyncio.create_task(desk.claim(leaves, frozenset(), 600.0))
        await asyncio.sleep(0)
        desk.leave(leaves)
        async with asyncio.timeout(30):
            assert await claim is None


async def test_the_agent_sees_whom_they_get_before_their_phone_rings(db: Database) -> None:
    await at_work(db, "1")
    brief = (Point("q", "takes", "Do you take it?", CameTo.ANSWER, "yes", "speech", "好的"),)
    now = db.clock.now()

    async def sees() -> tuple[HandoffState, Brief] | None:
        found = await db.read(lambda session: customer_of(session, "1"))
        return None if found is None else (found.state, found.brief)

    request = Request("care", "a", 1, brief)
    assert await db.run(lambda session: waiting.enter(session, request, "w1", MEANS, now)) == (None, 600.0)
    assert await sees() is None  # they still wait in the line
    assert await takes(db, "care", "a") == "1"
    assert await sees() == (HandoffState.OFFERED, brief)
    await closes(db, HandedOver(request, HandoffResult.TALKED, now, now, "1"))
    assert (await row(db, "a")).brief == kept(brief)
    assert await sees() == (HandoffState.OVER, brief)  # in the wrap-up
    await closes(db, HandedOver(Request("elsewhere", "b", 1, brief), HandoffResult.NO_QUEUE, now, now))
    assert (await row(db, "b")).brief == kept(brief)
