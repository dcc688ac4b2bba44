"""A call that comes in, on both networks: it is told, answered, talked on, recorded, and ends once."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvloop

from ivr.virtual_loop import VirtualClock, run_virtual
from tests.asterisk_rig.returning import ReturningRig
from tests.softphone import Listener, Softphone
from trunk.asterisk.check import check
from trunk.asterisk.check.proof import Proof
from trunk.asterisk.config import PbxConfig
from trunk.asterisk.pbx import Pbx
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.carrier import CalleeBook, Carrier, CarrierConfig
from trunk.carrier.callees import Callee, Step
from trunk.ports import Answered, CallEvent, DialOutcome, HungUp, Incoming, KeyPressed, Trunk

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

PHONE = "13800000001"
TONE = b"\x10\x20" * 160
WITHIN_S = 20.0


class Talker:
    """Remembers everything, says a tone, hangs up when told to."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.key, self.over = asyncio.Event(), asyncio.Event()

    def on_event(self, event: CallEvent) -> None:
        self.events.append(event)
        if isinstance(event, KeyPressed):
            self.key.set()
        elif isinstance(event, HungUp):
            self.over.set()

    def on_tick(self, frame: bytes) -> bytes | None:
        del frame
        return TONE

    @property
    def kinds(self) -> list[type]:
        return [type(event) for event in self.events]

    @property
    def outcome(self) -> DialOutcome:
        last = self.events[-1]
        assert isinstance(last, HungUp)
        return last.cause.outcome


Came = asyncio.Queue[Incoming]


async def is_talked_on(trunk: Trunk, came: Came, call_in: Callable[[], Awaitable[None]], recording: Path) -> None:
    await call_in()
    incoming = await came.get()
    assert (incoming.caller.removeprefix("+86"), incoming.trunk) == (PHONE, trunk.name)
    talker = Talker()
    call = await trunk.answer(incoming, talker)
    call.record(recording)
    await talker.key.wait()
    assert await trunk.reconcile() == {incoming.call_id}, "clearing up asks the network for attempts"
    call.hangup()
    await talker.over.wait()
    assert talker.kinds == [Answered, KeyPressed, HungUp]
    assert talker.outcome is DialOutcome.ANSWERED
    assert await trunk.reconcile() == frozenset()
    with wave.open(str(recording)) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() > 0


async def has_left(trunk: Trunk, came: Came, call_in_and_leave: Callable[[], Awaitable[None]]) -> None:
    await call_in_and_leave()
    talker = Talker()
    await trunk.answer(await came.get(), talker)
    await talker.over.wait()
    assert talker.kinds == [HungUp]
    assert talker.outcome is DialOutcome.CANCELLED


def test_over_asterisk(returning_rig: ReturningRig, tmp_path: Path) -> None:
    async def main() -> None:
        pbx = Pbx(returning_rig.config)
        await pbx.start()
        trunk = AsteriskTrunk(pbx, returning_rig.endpoint())
        await trunk.start()
        came: Came = asyncio.Queue()
        trunk.receive(came.put_nowait)
        async with Softphone(returning_rig.callee_port) as phone, asyncio.timeout(WITHIN_S):

            async def call_in() -> None:
                call = phone.call(PHONE, "4001", returning_rig.sip_port)

                async def press() -> None:
                    await call.ringing.wait()
                    await call.answered.wait()
                    await Listener(call).sound()
                    call.keys("1")

                keys.append(asyncio.create_task(press()))

            async def call_in_and_leave() -> None:
                call = phone.call(PHONE, "account", returning_rig.sip_port)  # a registered trunk's name
                await call.ringing.wait()
                call.cancel()
                await call.ended.wait()

            keys: list[asyncio.Task[None]] = []
            await is_talked_on(trunk, came, call_in, tmp_path / "call.wav")
            await asyncio.gather(*keys)
            await has_left(trunk, came, call_in_and_leave)
            await trunk.close()
        await pbx.close()

    uvloop.run(main())


def test_over_the_simulated_network(tmp_path: Path) -> None:
    async def main(clock: VirtualClock) -> None:
        does = (Step(on="question", after_s=1.0, keys="1"),)
        trunk = Carrier(CalleeBook(callees={f"+86{PHONE}": Callee(does=does)}), CarrierConfig())
        await clock.outside(trunk.start())
        came: Came = asyncio.Queue()
        trunk.receive(came.put_nowait)

        async def call_in() -> None:
            trunk.call_in("1.1", f"+86{PHONE}")
            loop = asyncio.get_running_loop()
            loop.call_later(1.0, trunk.observe, "1.1", "prompt_began", "question")
            loop.call_later(2.0, trunk.observe, "1.1", "prompt_ended", "question")

        async def call_in_and_leave() -> None:
            trunk.call_in("1.2", f"+86{PHONE}")
            trunk.caller_leaves("1.2")

        async with asyncio.timeout(60):
            await is_talked_on(trunk, came, call_in, tmp_path / "call.wav")
            await has_left(trunk, came, call_in_and_leave)
        await trunk.close()

    run_virtual(main, datetime(2026, 11, 23, 2, 0, tzinfo=UTC))


def test_the_check_proves_what_it_takes(returning_rig: ReturningRig) -> None:
    async def proofs(config: PbxConfig) -> dict[str, Proof]:
        return {proof.title: proof async for proof in check(config, [])}

    def found(config: PbxConfig) -> dict[str, Proof]:
        return uvloop.run(proofs(config))

    ready = found(returning_rig.config)
    assert all(proof.ok for proof in ready.values()), ready
    without = found(replace(returning_rig.config, return_calls=False))
    for what in ("permissions", "modules", "dialplan"):
        assert ready[what].params["count"] > without[what].params["count"], what  # type: ignore[operator]
