"""The people of a callees file, called by SIP: what becomes of the call, and what they do as the flow goes on."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.softphone import Softphone
from tests.softphone.callees import Callees
from tests.softphone.pickups import Times
from trunk.carrier import Callee, CalleeBook, StageEvent
from trunk.carrier.callees import Say, Step, Voicemail
from trunk.carrier.causes import Pickup

if TYPE_CHECKING:
    from tests.integration.softphone.conftest import Caller, NewCaller

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

ROOT = Path(__file__).parents[3]
PHONE, USER = "+8613800000001", "+8613800000001"
QUICK = Times(announcement_s=(0.5, 0.5), ring_factor=0.1)


async def speak(text: str, voice: str) -> bytes:
    """Everything is said as a tone of half a second, as many hertz as its text says."""
    times = np.arange(4000) / 8000
    return bytes((8000 * np.sin(2 * np.pi * int(text) * times)).astype("<i2"))


@asynccontextmanager
async def people(callee: Callee) -> AsyncIterator[tuple[Softphone, Callees]]:
    async with Softphone() as phone:
        callees = Callees(CalleeBook(callees={PHONE: callee}), phone, QUICK)
        await callees.prepare(speak, "zh")
        yield phone, callees


async def answered(caller: Caller, user: str = USER) -> None:
    caller.invite(user)
    await caller.talk()
    caller.send("ACK")


def ask(callees: Callees, node: str, *, attempt_id: str = "a1") -> None:
    """The flow says something there, and is over with it at once."""
    happenings: tuple[StageEvent, ...] = ("node", "prompt_began", "prompt_ended")
    for what in happenings:
        callees.observe(attempt_id, what, node)


@pytest.mark.parametrize(
    ("pickup", "codes"),
    [
        (Pickup.BUSY, (183, 486)),
        (Pickup.REJECT, (180, 603)),
        (Pickup.POWERED_OFF, (183, 480)),
        (Pickup.SUSPENDED, (183, 403)),
        (Pickup.INVALID, (183, 404)),
        (Pickup.UNREACHABLE, (183, 480)),
        (Pickup.CONGESTION, (503,)),
        (Pickup.ANSWER, (180, 200)),
        (Pickup.VOICEMAIL, (180, 200)),
    ],
)
async def test_each_pickup_is_what_the_network_would_say(
    new_caller: NewCaller, pickup: Pickup, codes: tuple[int, ...]
) -> None:
    async with people(Callee(pickup=(pickup,))) as (phone, _):
        caller = await new_caller(phone.port)
        caller.invite(USER)
        media = await caller.talk(183) if 183 in codes else None
        last = await caller.response(codes[-1])
        caller.send("ACK")
        for code in codes:
            await caller.response(code)
        if codes[-1] >= 300:
            assert last.headers.get("reason").startswith("Q.850;cause=")
        if media is not None:
            assert len(media.heard.sounds()) >= 1  # the announcement


async def test_nobody_comes_to_a_phone_that_rings_for_ever(new_caller: NewCaller) -> None:
    async with people(Callee(pickup=(Pickup.NO_ANSWER,))) as (phone, callees):
        caller = await new_caller(phone.port)
        caller.invite(USER)
        await caller.response(180)
        caller.send("CANCEL")
        await caller.response(487)
        caller.send("ACK")
        assert callees.parts[0].call.answered_s is None


async def test_the_number_of_the_try_and_the_way_of_dialling_are_understood(new_caller: NewCaller) -> None:
    async with people(Callee(pickup=(Pickup.CONGESTION, Pickup.ANSWER))) as (phone, callees):
        callees.placed("a1", PHONE, 2)
        for user, code in (("13800000001", 200), (USER, 200), ("13800000001", 200)):
            caller = await new_caller(phone.port)
            caller.invite(user)
            await caller.response(code)
            caller.send("ACK")
        assert [(part.phone, part.number, part.attempt_id) for part in callees.parts] == [
            (PHONE, 2, "a1"),
            (PHONE, 2, None),
            (PHONE, 3, None),
        ]


async def test_steps_are_done_when_the_flow_is_there_and_kept(new_caller: NewCaller) -> None:
    does = (
        Step(on="consent", after_s=0.1, say=Say(text="700")),
        Step(on="rating", after_s=0.2, keys="12"),
        Step(on="goodbye", after_s=0.3, keys="3", hang_up=True),
    )
    async with people(Callee(does=does)) as (phone, callees):
        callees.placed("a1", PHONE, 1)
        caller = await new_caller(phone.port)
        await answered(caller)
        assert caller.media is not None
        (part,) = callees.parts
        await part.call.acked.wait()
        heard = caller.media.heard
        for node in ("greet", "consent", "rating", "goodbye"):
            ask(callees, node)
        await caller.request("BYE")
        assert [(deed.kind, deed.what, deed.node) for deed in part.deeds] == [
            ("say", "700", "goodbye"),
            ("key", "1", "goodbye"),
            ("key", "2", "goodbye"),
            ("key", "3", "goodbye"),
            ("hang_up", "", "goodbye"),
        ]
        assert [key.key for key in heard.keys] == ["1", "2", "3"]  # the last one whole, before the BYE
        assert all(not pressing.cut for pressing in part.call.pressed)
        assert len(heard.sounds()) == 1


async def test_a_machine_greets_beeps_and_leaves(new_caller: NewCaller) -> None:
    machine = Voicemail(greeting=Say(text="600"), beep_hz=1000, beep_ms=200, listen_s=0.2)
    async with people(Callee(pickup=(Pickup.VOICEMAIL,), voicemail=machine)) as (phone, _):
        caller = await new_caller(phone.port)
        await answered(caller)
        await caller.request("BYE")
        assert caller.media is not None
        heard = b"".join(packet.pcm for packet in caller.media.heard.packets if packet.loud)
        assert len(heard) == 16 * (500 + 200)


async def test_whoever_is_told_nothing_acts_by_ear(new_caller: NewCaller) -> None:
    does = (Step(on="consent", after_s=0.1, keys="1"), Step(on="rating", after_s=0.1, keys="5", hang_up=True))
    async with people(Callee(does=does)) as (phone, callees):
        callees.acts_by_ear = True
        caller = await new_caller(phone.port)
        await answered(caller)
        assert caller.media is not None
        heard = caller.media.heard
        for count, key in enumerate("15", start=1):
            caller.media.play(await speak("440", ""))
            async with asyncio.timeout(20):
                while len(heard.keys) < count:
                    heard.arrived.clear()
                    await heard.arrived.wait()
            assert heard.keys[-1].key == key
        await caller.request("BYE")


async def test_it_runs_as_a_program_of_its_own(new_caller: NewCaller, tmp_path: Path) -> None:
    (tmp_path / "callees.yaml").write_text("defaults: {pickup: congestion}\ncallees: {}\n", encoding="utf-8")
    command = (sys.executable, "-m", "tests.softphone", "--port", "0", "--callees", str(tmp_path / "callees.yaml"))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        address = (await process.stdout.readline()).decode()
        caller = await new_caller(int(address.split(":")[2].split()[0]))
        caller.invite(USER)
        await caller.response(503)
        caller.send("ACK")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
