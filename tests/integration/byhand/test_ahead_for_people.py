"""A predictive campaign of people from its first call to its last, in virtual time: agents come, leave and come
back, customers answer or don't, leave early or talk, and each call ends in one agent's result, or without any."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from ivr.byhand.finishing import Result
from ivr.model import (
    Agent,
    AgentStateChange,
    Campaign,
    CampaignState,
    Handling,
    HandlingState,
    PeopleMode,
    Segment,
)
from ivr.model import AgentState as S
from tests.integration.byhand.office import Office, office, phone
from tests.shared_prompts import with_shared_prompts
from trunk.ports import DialOutcome

pytestmark = [pytest.mark.integration, pytest.mark.timeout(240)]
AGENTS = ("1001", "1002", "1003", "1004")
CUSTOMERS = 60
STRATEGY = """
schema: 1
strategy: ahead
retry: {attempts: 1}
pace:
  mode: predictive
  queues: [sales]
  lines_per_agent: 3
  abandoned: {at_most: 20, confidence: 60}
"""
AGENT = "  {number}: {{name: A, phone: {phone}, skills: {{sales: 9}}, hired_on: 2024-03-01}}\n"
ROSTER = (
    "schema: 1\nqueues: {sales: {wrap_up_s: 60, ring_s: 10}}\nagents:\n"
    + "".join(AGENT.format(number=number, phone=int(number) - 400) for number in AGENTS)
).encode()
LEFT_ALONE = 4  # at most so many were on their way to agents who left: the cap is for those who stay
LOOK_S = 1.0  # how often the agents look at their screens


def customers() -> str:
    """Every third isn't reached, every fifth doesn't care to wait in a line; the others talk for 3 to 8 s."""
    said = ["defaults: {ring_s: 1}", "callees:"]
    for one in range(CUSTOMERS):
        pickup = "busy" if one % 3 == 0 else "answer"
        waits = [] if one % 5 else ["{on: connect, at_s: 0.1, hang_up: true}"]
        does = ", ".join([*waits, f"{{on: bridged, at_s: {3 + one % 6}, hang_up: true}}"])
        said.append(f'  "{phone(one)}": {{ring_s: {1 + one % 4}, pickup: {pickup}, does: [{does}]}}')
    return "\n".join(said)


async def at_their_screens(at: Office) -> None:
    """Everybody finishes each call a few seconds after it: sold, refused, or what the script has come to."""
    results = itertools.cycle([Result("sold"), Result("refused"), Result()])
    wanted = (
        select(Agent.number)
        .join(Handling, Handling.agent_id == Agent.id)
        .where(Handling.ended_at.is_(None), Handling.state == HandlingState.WRAP_UP)
    )
    while True:
        await asyncio.sleep(LOOK_S)
        for number in await at.db.read(lambda session: list(session.scalars(wanted))):
            await at.tasks.finish(number, next(results))


async def until_called(at: Office, count: int) -> None:
    for _ in range(300):
        if len(await at.attempts()) >= count:
            return
        await asyncio.sleep(1)
    raise AssertionError(f"{count} were never called")


async def until_finished(at: Office) -> None:
    for _ in range(2000):
        (campaign,) = await at.rows(Campaign)
        if campaign.state is CampaignState.FINISHED:
            return
        await asyncio.sleep(2)
    raise AssertionError("it never finished")


def overlaps(spans: list[tuple[datetime, datetime]]) -> bool:
    ordered = sorted(spans)
    return any(later[0] < sooner[1] for sooner, later in itertools.pairwise(ordered))


def test_a_campaign_of_people_from_its_first_call_to_its_last(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("tests.integration.byhand.office.ROSTER", ROSTER)
    callees = tmp_path / "callees.yaml"
    callees.write_text(customers())
    gone: list[datetime] = []

    async def story(at: Office) -> None:
        await at.campaign(
            [phone(one) for one in range(CUSTOMERS)], PeopleMode.PREDICTIVE, strategy=STRATEGY, recognizer="none"
        )
        await at.at_work()
        async with at.working(sqlite_url, callees):
            screens = asyncio.create_task(at_their_screens(at))
            await asyncio.sleep(10)
            assert await at.attempts() == []  # nobody is there
            for number in AGENTS:
                await at.wants(number, S.SIGNED_IN, S.READY)
            await until_called(at, CUSTOMERS * 2 // 3)
            gone.append(at.db.clock.now())
            for number in AGENTS:
                await at.wants(number, S.SIGNED_OUT)
            await asyncio.sleep(30)
            gone.append(at.db.clock.now())
            for number in AGENTS:
                await at.wants(number, S.SIGNED_IN, S.READY)
            await until_finished(at)
            screens.cancel()
        await nobody_was_called_while_nobody_was_there(at, *gone)
        await each_call_is_one_agents_or_nobodys(at)

    with caplog.at_level(logging.INFO, "ivr.pacing.people"):
        office(sqlite_url, story, var=with_shared_prompts(tmp_path / "var", tmp_path_factory))
    stances = [getattr(one, "stance", None) for one in caplog.records if one.message == "pace_changed"]
    assert stances[:4] == ["nobody", "unproven", "learning", "open"]  # it called ahead, not for the free alone
    assert stances.count("nobody") >= 2


async def nobody_was_called_while_nobody_was_there(at: Office, left: datetime, came_back: datetime) -> None:
    went = [one.at for one in await at.rows(AgentStateChange) if one.state is S.SIGNED_OUT and one.at < came_back]
    assert len(went) == len(AGENTS)
    assert min(went) >= left
    begun = [one.started_at for one in await at.attempts()]
    assert min(begun) < left
    assert max(begun) > came_back
    assert not [one for one in begun if max(went) < one < came_back]


async def each_call_is_one_agents_or_nobodys(at: Office) -> None:
    attempts = await at.attempts()
    assert len({one.phone for one in attempts}) == len(attempts) == CUSTOMERS
    handlings = {one.attempt_id: one for one in await at.rows(Handling)}
    talks = [one for one in await at.rows(Segment) if one.kind == "agent"]
    agents = {one.id: one.number for one in await at.rows(Agent)}
    assert sorted(one.attempt_id for one in talks) == sorted(filter(None, handlings))  # one talk each
    for talk in talks:
        handling = handlings[talk.attempt_id]
        assert (handling.state, agents[handling.agent_id]) == (HandlingState.DONE, talk.agent)
    for number in AGENTS:
        spans = [(one.started_at, one.ended_at) for one in talks if one.agent == number]
        assert spans
        assert not overlaps([(began, ended) for began, ended in spans if ended is not None])
    found: Counter[tuple[DialOutcome | None, bool]] = Counter()
    for one in attempts:
        found[one.outcome, one.abandoned] += 1
        if one.id in handlings:
            assert (one.outcome, one.abandoned) == (DialOutcome.ANSWERED, False)
            assert one.disposition in ("sold", "refused", "incomplete")
        elif one.outcome is DialOutcome.ANSWERED:
            assert one.disposition in ("no_agent", "incomplete")  # an apology, or they didn't wait for it
            assert one.abandoned or one.disposition == "incomplete"
    needed = len(handlings) + found[DialOutcome.ANSWERED, True]
    assert 0 < found[DialOutcome.ANSWERED, True] <= needed * 0.2 + LEFT_ALONE
