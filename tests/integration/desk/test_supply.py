"""Agents for calls out of the database: leased by one call at a time, in whatever process, no gap in their day."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from flows.results import TransferStatus
from ivr.database import Database, DatabaseError
from ivr.desk import leasing, supply, waiting
from ivr.desk.dealing import Dealing
from ivr.desk.leasing import Leased
from ivr.desk.presence import Change, choose, end_by_itself, find
from ivr.desk.supply import DeskAgents
from ivr.desk.waiting import Claim
from ivr.model import AgentPresence, AgentState, AgentStateChange
from ivr.ports import Agent, Request
from tests.integration.desk.at_desk import ready_in_order, wants

pytestmark = pytest.mark.integration
NOBODY: frozenset[str] = frozenset()
ROSTER = b"""schema: 1
queues:
  retention: {wrap_up_s: 60, ring_s: 7, longest_talk_s: 900, promise_s: 600}
  english: {wrap_up_s: 0, promise_s: 600}
agents:
  1: {name: Best, phone: 601, skills: {retention: 9}, hired_on: 2024-03-01}
  2: {name: Good, phone: 602, skills: {retention: 5, english: 1}, hired_on: 2024-03-01}
  3: {name: Also good, phone: 603, skills: {retention: 5}, hired_on: 2024-03-01}
"""
at_work = partial(ready_in_order, ROSTER)


@asynccontextmanager
async def desks(db: Database, *workers: str) -> AsyncIterator[list[DeskAgents]]:
    async with AsyncExitStack() as stack:
        opened = []
        for worker in workers:
            desk = DeskAgents(db, worker)
            await desk.start()
            stack.push_async_callback(desk.close)
            opened.append(desk)
        yield opened


async def needs(
    desk: DeskAgents, queue: str, attempt: str, tried: frozenset[str] = NOBODY, wait_s: float = 0.0
) -> Agent | None:
    """A customer who asks for a person."""
    request = Request(queue, attempt, 1)
    if (await desk.ask(request)).refused is not None:
        return None
    return await desk.claim(request, tried, wait_s)


async def days(db: Database) -> dict[str, list[str]]:
    """agent -> their states in order; the presence is the newest row."""

    def read(session: Session) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        rows = session.scalars(
            select(AgentStateChange).order_by(AgentStateChange.agent_id, AgentStateChange.number)
        )
        for row in rows:
            found.setdefault(str(row.agent_id), []).append(row.state.value)
        for presence in session.scalars(select(AgentPresence)):
            assert found.get(str(presence.agent_id), ["signed_out"])[-1] == presence.state
        return found

    return await db.read(read)


async def sees(desk: DeskAgents, queues: tuple[str, ...], free: int) -> None:
    """What another worker has done is seen at the next look."""
    async with asyncio.timeout(30):
        while desk.staff(queues).free != free:  # noqa: ASYNC110 nobody tells us
            await asyncio.sleep(0.01)


async def test_the_best_first_then_who_has_waited_longest(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "LOOK_EVERY_S", 0.05)
    await at_work(db, "3", "2", "1")
    async with desks(db, "w1", "w2") as (one, two):
        first = await needs(one, "retention", "a")
        assert first == Agent("1", "601", ring_s=7, longest_talk_s=900)
        second = await needs(two, "retention", "b")
        assert second is not None
        assert second.number == "3"  # as good as 2, ready for longer
        assert await needs(one, "retention", "c", frozenset({"2"})) is None  # 2 was tried
        third = await needs(one, "english", "c")
        assert third is not None
        assert third.number == "2"
        await sees(one, ("retention", "english"), 0)
        assert set(one.staff(("english",)).engaged) == {"2"}
        await one.talking(first)
        await one.release(first, "answered")
        await two.release(second, "no_answer")
        await one.release(third, "declined")
        await sees(one, ("retention",), 1)  # 2; 1 is wrapping up, 3 is believed to be away
    assert await days(db) == {
        "1": ["signed_in", "ready", "reserved", "talking", "wrap_up"],
        "2": ["signed_in", "ready", "reserved", "ready"],
        "3": ["signed_in", "ready", "reserved", "away"],
    }
    later = db.clock.now() + timedelta(seconds=61)
    assert await db.run(lambda session: end_by_itself(session, "w1", later)) == 2
    assert {states[-1] for states in (await days(db)).values()} == {"ready"}


async def test_no_two_calls_have_the_same_agent(db: Database) -> None:
    await at_work(db, "1", "2", "3")
    async with desks(db, "w1", "w2") as pair:
        asked = [needs(pair[index % 2], "retention", str(index)) for index in range(8)]
        found = [agent.number for agent in await asyncio.gather(*asked) if agent is not None]
        assert sorted(found) == ["1", "2", "3"]


async def test_who_goes_on_a_break_at_the_same_moment_gets_no_call(db: Database) -> None:
    """Between the look at who is ready and the lease: agents don't wait for the desk's lock."""
    await at_work(db, "1")
    now = db.clock.now()

    def work(session: Session) -> Leased | None:
        (seen,) = leasing.ready(session)
        choose(session, find(session, "1"), Change(AgentState.REST, "1"), now)
        return leasing.lease(session, seen, "retention", leasing.Holder("w", "a"), now)

    assert await db.run(work) is None


async def test_who_asks_gets_whoever_is_free_though_this_worker_has_not_seen_them(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Agents are seen every second; with one who is free nobody waits for that."""
    monkeypatch.setattr(supply, "LOOK_EVERY_S", 600.0)
    await at_work(db)
    async with desks(db, "w1", "w2") as (desk, _):
        for state in (AgentState.SIGNED_IN, AgentState.READY):
            await wants(db, "1", state)
        async with asyncio.timeout(60):
            agent = await needs(desk, "retention", "a", wait_s=600.0)
    assert agent is not None


async def test_who_waits_gets_the_next_who_is_free(db: Database) -> None:
    await at_work(db, "2")
    async with desks(db, "w1") as (desk,):
        told = asyncio.Event()
        desk.watch(told.set)
        held = await needs(desk, "english", "a")
        assert held is not None
        waiting = asyncio.create_task(needs(desk, "english", "b", wait_s=30.0))
        await asyncio.sleep(0)
        assert not waiting.done()
        told.clear()
        await desk.release(held, "caller_left")
        assert await waiting == held
        assert told.is_set()
        desk.forget(told.set)


async def test_who_claims_together_is_dealt_to_together(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction for all whom an agent's becoming free wakes, however many they are."""
    together: list[int] = []
    take = waiting.take

    def counted(session: Session, claims: Sequence[Claim], worker: str, now: datetime) -> list[Leased | None]:
        together.append(len(claims))
        return take(session, claims, worker, now)

    answered: list[Leased | None] = []
    deal = Dealing.deal

    async def noted(dealing: Dealing, claim: Claim) -> Leased | None:
        answered.append(await deal(dealing, claim))
        return answered[-1]

    monkeypatch.setattr(waiting, "take", counted)
    monkeypatch.setattr(Dealing, "deal", noted)
    monkeypatch.setattr(supply, "LOOK_EVERY_S", 600.0)  # nobody looks: what a call of ours does is known at once
    await at_work(db, "1", "2", "3")
    async with desks(db, "w1") as (desk,):
        held = [await needs(desk, "retention", name) for name in "abc"]
        waits = [asyncio.create_task(needs(desk, "retention", name, wait_s=600.0)) for name in "de"]
        async with asyncio.timeout(30):
            while len(answered) < 5:  # noqa: ASYNC110 nobody tells us; then all wait for news
                await asyncio.sleep(0.01)
            together.clear()
            assert held[0] is not None
            await desk.release(held[0], "caller_left")
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        assert together == [2]
        for name in "de":
            desk.leave(Request("retention", name, 1))
        assert [agent for agent in await asyncio.gather(*waits) if agent is not None] == [held[0]]


@pytest.mark.parametrize(
    ("status", "then"), [("answered", "wrap_up"), ("busy", "away"), ("trunk", "ready"), ("timed_out", "ready")]
)
async def test_a_wish_comes_true_when_the_call_lets_them_go(
    db: Database, status: TransferStatus, then: str
) -> None:
    await at_work(db, "1")
    async with desks(db, "w1") as (desk,):
        held = await needs(desk, "retention", "a")
        assert held is not None
        await wants(db, "1", AgentState.SIGNED_OUT)
        await desk.release(held, status)
        expected = "wrap_up" if then == "wrap_up" else "signed_out"
        assert (await days(db))["1"][-1] == expected
        later = db.clock.now() + timedelta(seconds=61)
        await db.run(lambda session: end_by_itself(session, "w1", later))
        assert (await days(db))["1"][-1] == "signed_out"


async def test_who_has_the_agent_next_keeps_them(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the row's change and what is remembered of it another call of this process may have the agent."""
    await at_work(db, "2")
    async with desks(db, "w1") as (desk,):
        first = await needs(desk, "english", "a")
        assert first is not None
        taken: list[Agent | None] = []
        run = db.run

        async def overtaken(work: Any) -> Any:
            result = await run(work)
            monkeypatch.setattr(db, "run", run)
            taken.append(await desk.claim(Request("english", "b", 1), NOBODY))
            return result

        await desk.ask(Request("english", "b", 1))
        monkeypatch.setattr(db, "run", overtaken)
        await desk.release(first, "caller_left")
        assert taken == [first]
        await desk.talking(first)
        await desk.release(first, "answered")
    assert (await days(db))["2"][2:] == ["reserved", "ready", "reserved", "talking", "ready"]


async def test_a_worker_that_comes_back_writes_over_nothing(db: Database) -> None:
    await at_work(db, "1")
    async with desks(db, "w1", "w2") as (slow, other):
        held = await needs(slow, "retention", "a")
        assert held is not None
        long_ago = datetime(2026, 1, 1, tzinfo=UTC)
        await db.run(lambda session: session.execute(update(AgentPresence).values(lease_until=long_ago)))
        await db.run(lambda session: end_by_itself(session, "w2", db.clock.now()))
        again = await needs(other, "retention", "b")
        assert again == held
        await slow.talking(held)
        await slow.release(held, "answered")
        assert (await days(db))["1"] == ["signed_in", "ready", "reserved", "ready", "reserved"]


async def test_leases_are_renewed_while_the_call_is_on(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supply, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(waiting, "LEASE_S", 0.1)
    renewed, loop = asyncio.Semaphore(0), asyncio.get_running_loop()

    def renew(session: Session, worker: str, agents: Iterable[int], now: datetime) -> None:
        held = list(agents)
        leasing.renew(session, worker, held, now + timedelta(hours=1))
        if held:  # before the claim there is the request alone
            loop.call_soon_threadsafe(renewed.release)

    monkeypatch.setattr(supply, "renew", renew)
    await at_work(db, "1")
    async with desks(db, "w1") as (desk,):
        assert await needs(desk, "retention", "a") is not None
        async with asyncio.timeout(30):
            await renewed.acquire()
            await renewed.acquire()  # the first one is committed by now
    held = select(AgentPresence.lease_until).where(AgentPresence.state == AgentState.RESERVED)
    until = await db.read(lambda session: session.scalars(held).one())
    assert until is not None
    assert until > db.clock.now() + timedelta(minutes=30)


async def test_a_talk_that_ends_while_the_database_is_away_has_its_result(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await at_work(db, "1")
    async with desks(db, "w1") as (desk,):
        held = await needs(desk, "retention", "a")
        assert held is not None

        async def away(_: object) -> None:
            raise DatabaseError("The database is away: {reason}", reason="test")

        with monkeypatch.context() as gone:
            gone.setattr(db, "run", away)
            gone.setattr(db, "read", away)
            await desk.talking(held)
            await desk.release(held, "answered")  # nothing is raised
        over = db.clock.now() + timedelta(seconds=leasing.LEASE_S + 1)
        assert await db.run(lambda session: end_by_itself(session, "w1", over)) == 1
    assert (await days(db))["1"] == ["signed_in", "ready", "reserved", "ready"]
