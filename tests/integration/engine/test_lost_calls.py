"""Calls that the network doesn't hold any more: one that is on is closed and reported as lost; one that has ended,
and only has something left to do, is neither. For the robot's session and for an agent's, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flows.loader import loads
from ivr.byhand.phone import PersonLeg
from ivr.byhand.session import PersonSession
from ivr.config import PathSettings, Settings
from ivr.database import Database
from ivr.dialer.station import GRACE_S, LOST, OnCall, Station
from ivr.session.deaf import DeafRecognizer
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.progress import Bus
from ivr.session.session import CallSession
from ivr.session.speaker import Speaker
from ivr.studio import open_studio
from ivr.virtual_loop import VirtualClock, run_virtual
from prompts.catalogue import Catalogue
from trunk.ports import Cause, DialOutcome, HungUp

pytestmark = pytest.mark.integration
FLOW = b"""
schema: 1
flow: lost
language: en
purpose: service
limits: {call_s: 60}
start: end
nodes:
  end: {hangup: , disposition: finished}
"""
ATTEMPT = PlacedAttempt("a1", 1, "+8613800000001", 1, {"phone": "+8613800000001"})
BUSY = Cause(DialOutcome.BUSY, "486", "callee")


class HoldsNothing:
    """A network that came back without any call."""

    def __init__(self) -> None:
        self.come: Callable[[], None] = lambda: None

    async def reconcile(self) -> frozenset[str]:
        return frozenset()

    async def drop(self, attempt_ids: frozenset[str]) -> None:
        assert not attempt_ids

    def watch_service(self, changed: Callable[[], None]) -> None:
        self.come = changed


def of_robot(deps: CallDeps) -> OnCall:
    return CallSession(ATTEMPT, deps)


def of_agent(deps: CallDeps) -> OnCall:
    async def nothing(_: PersonSession) -> None: ...

    leg = PersonLeg("leg", deps.recognizer, lambda _: None, deps.clock.now)
    return PersonSession(ATTEMPT, leg, "1001", (deps.clock, deps.bus, None), nothing, nothing)


@pytest.mark.parametrize("session_of", [of_robot, of_agent])
@pytest.mark.parametrize("ended", [False, True])
def test_only_a_call_that_was_on_is_lost(
    session_of: Callable[[CallDeps], OnCall],
    ended: bool,
    sqlite_url: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main(clock: VirtualClock) -> Cause | None:
        db, flow = Database(sqlite_url, clock), loads(FLOW)
        async with AsyncExitStack() as stack:
            stack.push_async_callback(db.close)
            settings = Settings(paths=PathSettings(var=tmp_path))
            studio = await open_studio(stack, settings, clock, Catalogue.load())
            speaker = Speaker(flow, studio.catalogue, studio.renderer)
            session = session_of(studio.deps(flow, speaker, DeafRecognizer(), db, Bus()))
            network = HoldsNothing()
            station = Station(db, network)
            stack.push_async_callback(station.close)
            assert await station.clear()
            station.sessions[ATTEMPT.attempt_id] = session  # as while `over` writes what is left
            if ended:
                session.on_event(HungUp(asyncio.get_running_loop().time(), BUSY))
            network.come()
            await asyncio.sleep(GRACE_S + 1)
            assert session.close(LOST) is False
            return (await session.over()).cause

    with caplog.at_level(logging.ERROR):
        cause = run_virtual(main, datetime(2026, 1, 5, 2, tzinfo=UTC))
    assert cause == (BUSY if ended else LOST)
    assert [one.getMessage() for one in caplog.records] == ([] if ended else ["call_lost"])
