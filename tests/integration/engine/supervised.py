"""A run whose calls supervisors watch, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ivr import run
from ivr.campaigns.actors import Actor
from ivr.database import Database
from ivr.dialer.station import Station
from ivr.dialer.stops import heeding_stops
from ivr.model import Role, Supervision, SupervisionKind, SupervisionState
from ivr.session.progress import Bus, NodeReached, ProgressEvent
from ivr.supervision import service
from ivr.supervision.runner import supervising
from tests.rosters import crew_of

READ, LISTEN, WHISPER, JOIN, TAKE_OVER, CUT = (
    SupervisionKind.READ, SupervisionKind.LISTEN, SupervisionKind.WHISPER, SupervisionKind.JOIN,
    SupervisionKind.TAKE_OVER, SupervisionKind.CUT,
)  # fmt: skip
DONE, CALL_OVER = SupervisionState.DONE, SupervisionState.CALL_OVER
ANN = Actor("ann", Role.SUPERVISOR)
BOSS = "900"
FLOW = """\
schema: 1
flow: watched
language: en
purpose: service
constants: {company: {type: text, value: Clearbrook}}
limits: {call_s: 300}
start: greet
nodes:
  greet: {play: {say: "Hello, this is the automated assistant of {company}. This call is recorded."}, next: pin}
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 4, secret: true}, attempts: 1}
    next: wants
    no_input: wants
    no_match: wants
  wants:
    ask: {prompt: {say: "Shall we go on?"}, expect: yes_no, no_input_s: 30, attempts: 5}
    yes: help
    no: end
    no_input: end
    no_match: end
  help:
    transfer: {queue: care, comfort: {say: "One moment."}}
    answered: end
    unavailable: end
  end: {hangup: , disposition: finished}
"""
PIN = {"on": "pin", "keys": "4938#"}
STAYS = {"does": [PIN]}  # then says nothing for minutes
AGENT = {"does": [{"on": "whisper", "at_s": 1, "keys": "1"}, {"on": "bridged", "at_s": 60, "hang_up": True}]}
PICKS_UP: dict[str, Any] = {"does": []}
Story = Callable[["Office"], Coroutine[Any, Any, None]]


@dataclass
class Office:
    """What a supervisor has: the database, and nothing of the process that calls."""

    database: Database
    reached: dict[str, asyncio.Event] = field(default_factory=dict)  # node -> a call has come there

    async def at(self, node: str) -> None:
        await self.reached.setdefault(node, asyncio.Event()).wait()

    async def live(self) -> service.LiveCall:
        (call,) = await self.database.read(lambda session: service.live_calls(session, ANN))
        return call

    async def order(self, kind: SupervisionKind, phone: str | None = BOSS) -> int:
        call, now = await self.live(), self.database.clock.now()
        wanted = service.Order(call.attempt_id, kind, phone)
        return await self.database.run(lambda session: service.order(session, ANN, wanted, now))

    async def follow(self, order_id: int) -> service.OrderView:
        now = self.database.clock.now()
        return await self.database.run(lambda session: service.follow(session, order_id, ANN, now))

    async def until(self, order_id: int, *states: SupervisionState) -> service.OrderView:
        for _ in range(2000):
            view = await self.follow(order_id)
            if view.state in states or (view.over and not states):
                return view
            await asyncio.sleep(0.2)
        raise AssertionError(f"still {view.state}")

    async def stop(self, order_id: int) -> None:
        await self.database.run(lambda session: service.end(session, order_id, ANN))


@dataclass
class Ran:
    done: Any
    rows: list[Supervision]


@pytest.fixture
def watch(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Rehearse one call while the story goes on beside it, in the same virtual time."""
    flow = tmp_path / "watched.yaml"
    flow.write_text(FLOW, encoding="utf-8")

    def do(story: Story, callee: dict[str, Any], boss: dict[str, Any] = PICKS_UP) -> Ran:
        seen: dict[str, Any] = {}
        office: list[Office] = []
        rows: list[Supervision] = []
        real_station, real_stops = Station, heeding_stops

        def station(*args: Any, **more: Any) -> Any:
            seen["station"] = real_station(*args, **more)
            return seen["station"]

        class KnownBus(Bus):
            def __init__(self) -> None:
                super().__init__()
                seen["bus"] = self

        @asynccontextmanager
        async def stops(database: Database, *args: Any) -> AsyncIterator[Any]:
            office.append(Office(database))
            async with real_stops(database, *args) as stopped, supervising(database, seen["station"], seen["bus"]):
                task = asyncio.create_task(story(office[0]))
                yield stopped
                async with asyncio.timeout(60):
                    await task
            rows.extend(await database.read(lambda session: list(session.query(Supervision))))

        def observe(event: ProgressEvent) -> None:
            if office and isinstance(event, NodeReached):
                office[0].reached.setdefault(event.node, asyncio.Event()).set()

        monkeypatch.setattr(run, "Station", station)
        monkeypatch.setattr(run, "Bus", KnownBus)
        monkeypatch.setattr(run, "heeding_stops", stops)
        crew = crew_of({"care": {"1001": "601"}})
        agents = {"601": AGENT, BOSS: boss}
        done = bench.run(bench.options([callee], flow=flow, row={}, crew=crew, agents=agents), observe)
        return Ran(done, rows)

    return do
