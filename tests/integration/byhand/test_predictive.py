"""Predictive: the usual dialer and pacer call ahead, and whoever answers is an agent's task with its script."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from ivr.byhand.finishing import Result
from ivr.campaigns.actors import Actor
from ivr.campaigns.creating import people_queue
from ivr.campaigns.errors import CampaignError
from ivr.database import Database, DatabaseError
from ivr.model import AgentState as S
from ivr.model import Handling, HandlingState, PeopleMode, Role, Segment, SupervisionKind, Task, TaskState
from ivr.strategy import default_strategy, loads
from ivr.supervision.service import Order, order
from tests.integration.byhand.office import Office, office, phone
from tests.shared_prompts import with_shared_prompts

pytestmark = pytest.mark.integration
STRATEGY = """
schema: 1
strategy: ahead
retry: {attempts: 1}
pace: {mode: power, queues: [sales], concurrency: 5}
"""
ROSTER = b"""schema: 1
queues: {sales: {wrap_up_s: 300, ring_s: 10}}
agents:
  1001: {name: Wang, phone: 601, skills: {sales: 9}, hired_on: 2024-03-01}
"""
CALLEES = """
defaults: {ring_s: 1, does: [{on: bridged, at_s: 20, hang_up: true}]}
callees:
  "+8613800000001": {pickup: busy}
"""


def gone_around_a_call(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The database is away twice just when a talk's beginning is to be written, and when its end is. Returns these
    times, as they come."""
    run = Database.run
    refused: list[str] = []

    async def sometimes(self: Database, work: Callable[[Session], Any], *more: Any, **given: Any) -> Any:
        name = getattr(work, "__qualname__", "")
        if name.startswith(("PutThrough._begin", "PutThrough.ending")) and refused.count(name) < 2:
            refused.append(name)
            raise DatabaseError("The database is away.")
        return await run(self, work, *more, **given)

    monkeypatch.setattr(Database, "run", sometimes)
    return refused


def test_who_answers_is_put_through_and_is_the_agents_task(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr("tests.integration.byhand.office.ROSTER", ROSTER)
    refused = gone_around_a_call(monkeypatch)
    callees = tmp_path / "callees.yaml"
    callees.write_text(CALLEES)
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)

    async def story(at: Office) -> None:
        await at.campaign(
            [phone(1), phone(2), phone(3)], mode=PeopleMode.PREDICTIVE, strategy=STRATEGY, recognizer="none"
        )
        await at.at_work("1001")
        async with at.working(database_url, callees):
            card = await at.until("1001", HandlingState.TALKING)
            assert (card.phone, card.contact) == (phone(2), {"plan": "Light"})
            card = await at.tasks.answer("1001", "yes")
            assert "The plan Light" in card.said[-1].text
            await at.until("1001", HandlingState.WRAP_UP)
            await asyncio.sleep(30)
            assert len(await at.attempts()) == 2  # nobody is called for an agent who wraps up
            came = await at.tasks.finish("1001", Result("sold"))
            assert came.disposition == "sold"
            await at.until("1001", HandlingState.TALKING)
            await at.wants("1001", S.SIGNED_OUT)
            await at.until("1001", HandlingState.WRAP_UP)
            await at.tasks.finish("1001", Result("refused"))
        found = {one.phone: (one.outcome, one.disposition, one.intention) for one in await at.attempts()}
        assert found == {
            phone(1): ("busy", "busy", "unreachable"),
            phone(2): ("answered", "sold", "success"),
            phone(3): ("answered", "refused", "declined"),
        }
        assert {one.state for one in await at.rows(Task)} == {TaskState.DONE}
        assert len(refused) == 4  # and yet neither talk nor result was lost
        assert [one.agent for one in await at.rows(Segment) if one.kind == "agent"] == ["1001", "1001"]

    office(database_url, story, var=var)


TAKEN = """
defaults: {ring_s: 1, does: []}
callees:
  "+8613800000002": {does: [{on: bridged, at_s: 5, hang_up: true}]}
  "699": {does: [{on: bridged, at_s: 60, hang_up: true}]}
"""


def test_an_agent_from_whom_a_supervisor_takes_a_call_has_the_next_one_meanwhile(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    monkeypatch.setattr("tests.integration.byhand.office.ROSTER", ROSTER.replace(b"300", b"5"))
    callees = tmp_path / "callees.yaml"
    callees.write_text(TAKEN)
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)

    async def story(at: Office) -> None:
        people = [phone(1), phone(2)]
        await at.campaign(people, mode=PeopleMode.PREDICTIVE, strategy=STRATEGY, recognizer="none")
        await at.at_work("1001")
        async with at.working(sqlite_url, callees):
            first = await at.until("1001", HandlingState.TALKING)
            assert first.attempt_id is not None
            await at.tasks.answer("1001", "yes")
            await at.tasks.answer("1001", "no")
            wanted = Order(first.attempt_id, SupervisionKind.TAKE_OVER, "699")
            await at.db.run(
                lambda session: order(session, Actor("ann", Role.SUPERVISOR), wanted, at.db.clock.now())
            )
            for _ in range(60):  # the supervisor talks for so long, the agent wraps up for 5 s
                card = await at.tasks.show("1001")
                if card is not None and card.phone == phone(2) and card.state is HandlingState.WRAP_UP:
                    break
                await asyncio.sleep(1)
            open_ones = [one.phone for one in await at.attempts() if one.ended_at is None]
            assert open_ones == people  # the supervisor's talk, and the one that isn't finished yet
            assert (await at.tasks.finish("1001", Result("sold"))).disposition == "sold"
            await asyncio.sleep(60)
        found = {one.phone: (one.outcome, one.disposition, one.abandoned) for one in await at.attempts()}
        assert found == {phone(1): ("answered", "refused", False), phone(2): ("answered", "sold", False)}
        assert [one.state for one in await at.rows(Handling)] == [HandlingState.DONE, HandlingState.DONE]
        talks = [one.agent for one in await at.rows(Segment) if one.kind == "agent"]
        assert sorted(map(str, talks)) == ["1001", "1001", "ann"]
        assert (await at.day("1001")).count(S.TALKING) == 2

    office(sqlite_url, story, var=var)


async def states(at: Office) -> list[HandlingState]:
    return [one.state for one in await at.rows(Handling)]


async def come_to(at: Office, *wanted: HandlingState) -> None:
    """Wait until the handlings are in these states."""
    for _ in range(1000):
        if await states(at) == [*wanted]:
            return
        await asyncio.sleep(0.2)
    raise AssertionError(await states(at))


@pytest.mark.parametrize("broken", [False, True])
def test_a_script_that_cant_begin_keeps_no_call_open(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    broken: bool,
) -> None:
    """The supervisor who has taken it over hangs up when its agent has another one. `broken`: what was entered
    can't even be read."""
    monkeypatch.setattr("tests.integration.byhand.office.ROSTER", ROSTER.replace(b"300", b"5"))
    callees = tmp_path / "callees.yaml"
    callees.write_text(TAKEN)
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)

    async def story(at: Office) -> None:
        await at.campaign(
            [phone(1), phone(2)], mode=PeopleMode.PREDICTIVE, strategy=STRATEGY, recognizer="none",
            attributes={"tariff": "Light"},  # the flow needs a plan
        )  # fmt: skip
        await at.at_work("1001")
        async with at.working(sqlite_url, callees):
            await come_to(at, HandlingState.TALKING)
            (first,) = await at.rows(Handling)
            assert first.attempt_id is not None
            wanted = Order(first.attempt_id, SupervisionKind.TAKE_OVER, "699")
            await at.db.run(
                lambda session: order(session, Actor("ann", Role.SUPERVISOR), wanted, at.db.clock.now())
            )
            await come_to(at, HandlingState.TALKING, HandlingState.WRAP_UP)
            if broken:
                no_entry = update(Handling).where(Handling.id == first.id).values(entries=[{"at": "noon"}])
                await at.db.run(lambda session: session.execute(no_entry) and None)
            assert [one.ended_at is None for one in await at.attempts()] == [True, True]
            await come_to(at, HandlingState.DONE, HandlingState.WRAP_UP)
            await asyncio.sleep(2)
        attempt = (await at.attempts())[0]
        assert (attempt.outcome, attempt.disposition) == ("answered", "incomplete")

    office(sqlite_url, story, var=var)


AT_ONCE = """
defaults: {ring_s: 1, does: [{on: bridged, at_s: 30, hang_up: true}]}
callees:
  "+8613800000001": {does: [{on: bridged, at_s: 5, hang_up: true}]}
"""


def test_a_call_is_ended_as_such_before_its_agents_next_one(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The agent has no wrap-up, and the end of their call can't be written when the next customer is theirs."""
    monkeypatch.setattr("tests.integration.byhand.office.ROSTER", ROSTER.replace(b"300", b"0"))
    callees = tmp_path / "callees.yaml"
    callees.write_text(AT_ONCE)
    var = with_shared_prompts(tmp_path / "var", tmp_path_factory)
    run, refused = Database.run, []
    back = asyncio.Event()

    async def sometimes(self: Database, work: Callable[[Session], Any], *more: Any, **given: Any) -> Any:
        if getattr(work, "__qualname__", "").startswith("PutThrough.ending") and not back.is_set():
            refused.append(work)
            raise DatabaseError("The database is away.")
        return await run(self, work, *more, **given)

    monkeypatch.setattr(Database, "run", sometimes)

    async def story(at: Office) -> None:
        people = [phone(1), phone(2)]
        await at.campaign(people, mode=PeopleMode.PREDICTIVE, strategy=STRATEGY, recognizer="none")
        await at.at_work("1001")
        async with at.working(sqlite_url, callees):
            await at.until("1001", HandlingState.TALKING)
            await at.tasks.answer("1001", "yes")
            await asyncio.sleep(20)
            talks, handlings = (await at.day("1001")).count(S.TALKING), await at.rows(Handling)
            back.set()
            assert (talks, bool(refused)) == (2, True)
            (first,) = handlings  # the second waits for its end
            assert (first.state, first.ended_at) == (HandlingState.TALKING, None)
            await come_to(at, HandlingState.DONE, HandlingState.WRAP_UP)
            await at.tasks.finish("1001", Result("sold"))
        found = {one.phone: (one.outcome, one.disposition) for one in await at.attempts()}
        assert found == {phone(1): ("answered", "incomplete"), phone(2): ("answered", "sold")}

    office(sqlite_url, story, var=var)


def test_a_predictive_campaign_says_whose_people_it_calls_for() -> None:
    assert people_queue(loads(STRATEGY.encode())) == "sales"
    with pytest.raises(CampaignError, match="people of one queue"):
        people_queue(default_strategy())
