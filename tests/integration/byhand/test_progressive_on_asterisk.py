"""A progressive campaign of people through a real worker and a real Asterisk: whoever is ready is rung, then their
customer, without anybody's asking; one who isn't at their phone costs no customer a ring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import select

from ivr.byhand.finishing import Result
from ivr.byhand.words import AGENT_AWAY
from ivr.desk import roster
from ivr.model import AgentState, HandlingState, Segment
from tests.asterisk_rig.fixture import AsteriskRig, asterisk_rig
from tests.integration.byhand.office import FLOW, wants
from tests.integration.byhand.test_ahead_on_asterisk import BUSY, Party, to_finish
from tests.integration.byhand.test_byhand_on_asterisk import tasks_on
from tests.softphone import SipCall, Softphone
from tests.worker_rig.scene import HANG_GUARD_S, Scene, ended, phone, scene_on, var

__all__ = ["asterisk_rig", "scene_on", "var"]  # fixtures
pytestmark = [pytest.mark.integration, pytest.mark.real_time]
CUSTOMERS = [phone(1), phone(2), BUSY, phone(4)]
ROSTER = b"""schema: 1
teams: {north: {}, south: {}}
agents:
  1001: {name: Wang, phone: 601, team: north, hired_on: 2024-03-01}
  1002: {name: Li, phone: 602, team: north, hired_on: 2024-03-01}
  1003: {name: Zhao, phone: 603, team: south, hired_on: 2024-03-01}
"""


class Desks(Party):
    """602 doesn't take the first call: nobody is there."""

    def __init__(self) -> None:
        super().__init__()
        self.rung: list[str] = []

    async def behave(self, call: SipCall) -> None:
        self.rung.append(call.user)
        if call.user == "602" and self.rung.count("602") == 1:
            call.ring()
            call.reject(480)
            return
        await super().behave(call)


async def test_whoever_is_ready_gets_the_next_customer(
    scene_on: Callable[..., Scene], sqlite_url: str, asterisk_rig: AsteriskRig
) -> None:
    scene = scene_on(sqlite_url, asterisk_rig.toml(channels=4))
    flow = FLOW.replace("needs: {plan: text}\n", "").replace("{plan}", "L")
    people = {"handled_by": "people", "people_mode": "progressive", "teams": ["north"]}
    await asyncio.to_thread(scene.campaign, "plans", CUSTOMERS, flow=flow, **people)
    spec, desks, away, finished = roster.loads(ROSTER), Desks(), "", 0
    async with tasks_on(scene) as (tasks, db), Softphone(asterisk_rig.callee_port, behaviour=desks.behave):
        await db.run(lambda session: roster.take(session, spec, "ann", datetime.now(UTC)))
        for number in ("1001", "1002", "1003"):
            for state in (AgentState.SIGNED_IN, AgentState.READY):
                await db.run(partial(wants, number=number, state=state, now=datetime.now(UTC)))
        worker = await asyncio.to_thread(scene.worker, simulate=False)
        async with asyncio.timeout(HANG_GUARD_S):
            while finished < len(CUSTOMERS) - 1:
                card = await tasks.show("1002")
                if not away and card is not None and card.reason == AGENT_AWAY:
                    away = card.phone
                    assert card.state is HandlingState.PREVIEW
                    assert away not in desks.rung
                    await tasks.dial("1002")  # they are back
                for number in await db.read(to_finish):
                    await tasks.answer(number, "yes")
                    await tasks.finish(number, Result("refused"))
                    finished += 1
                await asyncio.sleep(0.1)
        worker.terminate()
        await asyncio.to_thread(ended, worker)
    assert away
    assert desks.rung[0] in ("601", "602")
    assert sorted(one for one in desks.rung if one in CUSTOMERS) == sorted(CUSTOMERS)  # each once
    assert "603" not in desks.rung  # the other team's
    attempts = await asyncio.to_thread(scene.attempts)
    results = {one.phone: (one.outcome, one.disposition) for one in attempts}
    assert results == dict.fromkeys(desks.met, ("answered", "refused")) | {BUSY: ("busy", "busy")}
    segments = await asyncio.to_thread(scene.run, lambda session: list(session.scalars(select(Segment))))
    phones, phone_of = {"1001": "601", "1002": "602"}, {one.id: one.phone for one in attempts}
    talks = {phone_of[one.attempt_id]: phones[one.agent or ""] for one in segments if one.kind == "agent"}
    assert talks == desks.met
    assert asterisk_rig.channels() == 0
