"""A supervisor reads a call that an agent makes: what the agent is to say and what they enter, as of a robot's.
Digits of a secret question are nowhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from ivr.byhand.cards import Card
from ivr.byhand.service import How
from ivr.campaigns.actors import Actor
from ivr.model import HandlingState, Role, SupervisionKind
from ivr.supervision import service
from tests.integration.byhand.office import PEOPLE, PIN_NODES, Office, office, phone
from tests.shared_prompts import with_shared_prompts

pytestmark = pytest.mark.integration
ANN = Actor("ann", Role.SUPERVISOR)
PIN = "7391"
FLOW = (
    """
schema: 1
flow: watched
language: en
purpose: service
needs: {plan: text}
limits: {call_s: 300, steps: 60}
start: hello
nodes:
  hello: {play: {say: "Good morning, it is about {plan}."}, next: user}
  user:
    ask: {prompt: {say: "Is it yours?"}, expect: yes_no, save_as: own}
    yes: pin
    no: end
    no_input: end
    no_match: end
"""
    + PIN_NODES
)


class Reader:
    """A supervisor before `ivr watch read`."""

    def __init__(self, at: Office) -> None:
        self._at = at

    async def begin(self) -> None:
        now = self._at.db.clock.now()
        (call,) = await self._at.db.read(lambda session: service.live_calls(session, ANN))
        wanted = service.Order(call.attempt_id, SupervisionKind.READ)
        self._id = await self._at.db.run(lambda session: service.order(session, ANN, wanted, now))

    async def lines(self) -> list[tuple[str, str]]:
        """After what was just entered had time to be told."""
        await asyncio.sleep(4)
        now = self._at.db.clock.now()
        view = await self._at.db.run(lambda session: service.follow(session, self._id, ANN, now))
        return [(line["who"], line["text"]) for line in view.lines if line["who"] != "call"]


def test_a_call_by_hand_is_read_like_a_robots(
    sqlite_url: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ivr.dialer.live.INTERVAL_S", 0.0)  # of real time
    callees = tmp_path / "callees.yaml"
    callees.write_text(json.dumps({"defaults": {"ring_s": 2}, "callees": PEOPLE}))  # JSON is YAML

    async def story(at: Office) -> None:
        await at.campaign([phone(1)], flow=FLOW)
        await at.at_work("1001")
        assert isinstance(await at.tasks.next("1001"), Card)
        async with at.working(sqlite_url, callees):
            await at.call("1001")
            reader = Reader(at)
            await reader.begin()
            begun = [("agent", "Good morning, it is about Light."), ("agent", "Is it yours?")]
            assert await reader.lines() == begun
            await at.tasks.answer("1001", "yes")
            own = [("customer", "yes"), ("agent", "Your PIN?")]
            assert await reader.lines() == begun + own
            await at.tasks.answer("1001", PIN)
            rate = [("customer", "***"), ("agent", "How satisfied are you?")]
            assert await reader.lines() == begun + own + rate
            await at.tasks.back("1001")
            assert await reader.lines() == begun + own + rate + own[1:]  # they say it again
            await at.tasks.answer("1001", how=How.OPT_OUT)
            heard, said = (await reader.lines())[-2:]
            assert (heard, said[0]) == (("customer", "opt_out"), "agent")
            (call,) = await at.db.read(lambda session: service.live_calls(session, ANN))
            assert (call.agent, call.node, call.heard) == ("1001", "common.opt_out", "opt_out")
            assert PIN not in str(await reader.lines())
        await at.until("1001", HandlingState.WRAP_UP)

    office(sqlite_url, story, var=with_shared_prompts(tmp_path / "var", tmp_path_factory))
