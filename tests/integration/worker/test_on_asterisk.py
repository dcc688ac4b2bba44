"""Two workers on one PostgreSQL and one Asterisk: they share a campaign and a trunk to people at real SIP phones,
who press a key; one of the two is told to leave in the middle."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest
from sqlalchemy import select

from ivr.model import Answer
from tests.asterisk_rig.fixture import AsteriskRig
from tests.softphone import Listener, SipCall, Softphone
from tests.worker_rig.scene import HANG_GUARD_S, Scene, ended, phone

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

CHANNELS, CONTACTS = 4, 14
FLOW = """
schema: 1
flow: keys
title: one question
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 60, steps: 20}
start: question
nodes:
  question:
    ask:
      prompt: {say: "This is {company}. Press one."}
      expect: yes_no
      keys: {"1": "yes", "2": "no"}
      speech: false
      no_input_s: 9
      attempts: 1
      save_as: consent
    yes: agreed
    no: end
    no_input: end
    no_match: end
  agreed: {hangup: , disposition: consented, intention: success}
  end: {hangup: , disposition: silent}
"""


class People:
    """Everybody behind the trunk: who was called, and how many at once."""

    def __init__(self) -> None:
        self.called: Counter[str] = Counter()
        self.on = self.most_at_once = 0

    async def meet(self, call: SipCall) -> None:
        self.called[call.user] += 1
        self.on += 1
        self.most_at_once = max(self.most_at_once, self.on)
        try:
            call.ring()
            call.answer()
            await Listener(call).sound()
            call.keys("1")
            await call.ended.wait()
        finally:
            self.on -= 1


WORKER = """
[worker]
heartbeat_s = 0.25
dead_after_s = 10.0
"""


async def test_two_workers_share_a_trunk_to_real_phones_and_one_leaves_in_the_middle(
    scene_on: Callable[..., Scene], postgresql_url: str, asterisk_rig: AsteriskRig
) -> None:
    scene = scene_on(postgresql_url, asterisk_rig.toml(CHANNELS) + WORKER)
    people = People()

    async def until(seen: Callable[[], bool]) -> None:
        """What is waited for is in rows that other processes write."""
        async with asyncio.timeout(HANG_GUARD_S):
            while not await asyncio.to_thread(seen):  # noqa: ASYNC110 other processes tell of nothing
                await asyncio.sleep(0.1)

    async with Softphone(asterisk_rig.callee_port, behaviour=people.meet) as softphone:
        await asyncio.to_thread(scene.campaign, "keys", [phone(n) for n in range(CONTACTS)], flow=FLOW)
        leaving, staying = [await asyncio.to_thread(scene.worker, simulate=False) for _ in range(2)]
        await until(lambda: len({one.worker for one in scene.attempts() if one.ended_at}) == 2)
        leaving.terminate()
        await asyncio.to_thread(ended, leaving)
        await until(lambda: set(scene.tasks()) == {"done"})
        staying.terminate()
        await asyncio.to_thread(ended, staying)
        for call in softphone.calls:
            await call.ended.wait()
    attempts = await asyncio.to_thread(scene.attempts)
    assert Counter(one.phone for one in attempts) == {phone(n): 1 for n in range(CONTACTS)}
    assert {(one.outcome, one.disposition) for one in attempts} == {("answered", "consented")}
    assert len({one.worker for one in attempts}) == 2
    assert sum(people.called.values()) == len(people.called) == CONTACTS
    assert people.most_at_once <= CHANNELS
    answers = await asyncio.to_thread(
        scene.run, lambda session: [one.value for one in session.scalars(select(Answer))]
    )
    assert answers == ["yes"] * CONTACTS
