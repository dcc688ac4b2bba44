"""A predictive campaign of people through a real worker and a real Asterisk: softphones as agents and customers,
who hear each other; what the calls came to is the agents', in the rows that a robot's calls leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from ivr.byhand.finishing import Result
from ivr.desk import roster
from ivr.model import Agent, AgentState, Handling, HandlingState, Segment
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.integration.byhand.office import FLOW, wants
from tests.integration.byhand.test_byhand_on_asterisk import hears, tasks_on
from tests.softphone import SipCall, Softphone
from tests.worker_rig.scene import HANG_GUARD_S, Scene, ended, phone, scene_on, var
from trunk.carrier.sounds import tone

__all__ = ["asterisk_rig", "scene_on", "var"]  # fixtures
pytestmark = [pytest.mark.integration, pytest.mark.real_time]
CUSTOMERS = [phone(one) for one in range(1, 6)]
BUSY = CUSTOMERS[2]
HZ = {"601": 1300.0, "602": 1500.0} | {one: 500.0 + 100 * at for at, one in enumerate(CUSTOMERS)}
ROSTER = b"""schema: 1
queues: {sales: {wrap_up_s: 120, ring_s: 10}}
agents:
  1001: {name: Wang, phone: 601, skills: {sales: 9}, hired_on: 2024-03-01}
  1002: {name: Li, phone: 602, skills: {sales: 9}, hired_on: 2024-03-01}
"""
STRATEGY = "schema: 1\nstrategy: ahead\nretry: {attempts: 1}\npace: {mode: predictive, queues: [sales]}\n"


class Party:
    """Everybody says their own tone. A customer hangs up once they and their agent have heard each other."""

    def __init__(self) -> None:
        self.agents: list[SipCall] = []
        self.met: dict[str, str] = {}  # customer -> the agent's phone

    async def behave(self, call: SipCall) -> None:
        call.ring()
        if call.user == BUSY:
            call.reject(486)
            return
        call.answer()
        if call.user not in CUSTOMERS:
            self.agents.append(call)
        while not call.ended.is_set():
            call.play(tone(HZ[call.user], 500))
            await call.said()
            agent = self.heard_by(call) if call.user in CUSTOMERS else None
            if agent is not None:
                self.met[call.user] = agent.user
                call.hang_up()
                return

    def heard_by(self, customer: SipCall) -> SipCall | None:
        """The agent who hears the customer and is heard by them."""
        on = [one for one in self.agents if not one.ended.is_set()]
        return next((one for one in on if hears(customer, HZ[one.user]) and hears(one, HZ[customer.user])), None)


def to_finish(session: Session) -> list[str]:
    wanted = (
        select(Agent.number)
        .join(Handling, Handling.agent_id == Agent.id)
        .where(Handling.ended_at.is_(None), Handling.state == HandlingState.WRAP_UP)
    )
    return list(session.scalars(wanted))


async def test_who_answers_and_their_agent_hear_each_other(
    scene_on: Callable[..., Scene], sqlite_url: str, asterisk_rig: AsteriskRig
) -> None:
    scene = scene_on(sqlite_url, asterisk_rig.toml(channels=8))
    await asyncio.to_thread(
        scene.campaign,
        "plans",
        CUSTOMERS,
        flow=FLOW.replace("needs: {plan: text}\n", "").replace("{plan}", "L"),
        strategy=STRATEGY,
        handled_by="people",
        people_mode="predictive",
    )
    spec, party, finished = roster.loads(ROSTER), Party(), 0
    async with tasks_on(scene) as (tasks, db), Softphone(asterisk_rig.callee_port, behaviour=party.behave):
        await db.run(lambda session: roster.take(session, spec, "ann", datetime.now(UTC)))
        for number in ("1001", "1002"):
            for state in (AgentState.SIGNED_IN, AgentState.READY):
                await db.run(partial(wants, number=number, state=state, now=datetime.now(UTC)))
        worker = await asyncio.to_thread(scene.worker, simulate=False)
        async with asyncio.timeout(HANG_GUARD_S):
            while finished < len(CUSTOMERS) - 1:
                for number in await db.read(to_finish):
                    await tasks.answer(number, "yes")
                    await tasks.finish(number, Result("refused"))
                    finished += 1
                await asyncio.sleep(0.2)
        worker.terminate()
        await asyncio.to_thread(ended, worker)
    assert set(party.met) == set(CUSTOMERS) - {BUSY}
    attempts = await asyncio.to_thread(scene.attempts)
    results = {one.phone: (one.outcome, one.disposition, one.abandoned) for one in attempts}
    assert results == dict.fromkeys(party.met, ("answered", "refused", False)) | {BUSY: ("busy", "busy", False)}
    segments = await asyncio.to_thread(scene.run, lambda session: list(session.scalars(select(Segment))))
    phones, phone_of = {"1001": "601", "1002": "602"}, {one.id: one.phone for one in attempts}
    talks = {phone_of[one.attempt_id]: phones[one.agent or ""] for one in segments if one.kind == "agent"}
    assert talks == party.met
    assert asterisk_rig.channels() == 0
