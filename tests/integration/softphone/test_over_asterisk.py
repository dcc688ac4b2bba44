"""The softphone, called by a real Asterisk that presses a key and sends back what it hears."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.softphone import Listener, SipCall, Softphone

if TYPE_CHECKING:
    from tests.asterisk_rig.fixture import AsteriskRig

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

WAIT_S = 20.0


def tone(hz: float, seconds: float) -> bytes:
    times = np.arange(round(seconds * 8000)) / 8000
    return bytes((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2"))


def share(pcm: bytes, hz: float) -> float:
    """How much of its loud part is this tone: 1 is all of it."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    samples = samples[np.abs(samples) > 0]
    power = np.abs(np.fft.rfft(samples)) ** 2
    near = np.abs(np.fft.rfftfreq(len(samples), 1 / 8000) - hz) < 15
    return float(power[near].sum() / power.sum())


async def dial(rig: AsteriskRig, user: str) -> None:
    """One call into the echo context: a key 5, then everything comes back."""
    for command in (
        "module load res_clioriginate.so",  # no customer's Asterisk of ours needs it; harmless when it is there
        f"channel originate PJSIP/{user}@ivr-main extension s@ivr-echo",
    ):
        await asyncio.to_thread(rig.command, command)


async def gone(rig: AsteriskRig) -> None:
    """Until Asterisk holds no channel."""
    async with asyncio.timeout(WAIT_S):
        while await asyncio.to_thread(rig.channels):  # noqa: ASYNC110 - another process: nothing can wake us
            await asyncio.sleep(0.05)


async def test_keys_and_audio_go_through_asterisk_both_ways(asterisk_rig: AsteriskRig) -> None:
    async with Softphone(asterisk_rig.callee_port) as phone:
        await dial(asterisk_rig, "+8613800000001")
        call = await phone.next_call("+8613800000001")
        await call.acked.wait()
        listener = Listener(call)
        assert (await listener.key()).key == "5"
        call.play(tone(700, 0.5))
        await listener.sound()
        await listener.silence(0.3)
        heard = b"".join(packet.pcm for packet in call.ear.packets if packet.loud)
        assert share(heard, 700) > 0.8
        call.keys("1#")  # the echo ends with #
        await call.ended.wait()
        assert call.end is not None
        assert call.end.reason == "they hung up"
        await gone(asterisk_rig)


async def test_every_way_to_end_leaves_no_channel(asterisk_rig: AsteriskRig) -> None:
    async def at_once(call: SipCall) -> None:
        call.answer()
        call.hang_up()

    async def announced(call: SipCall) -> None:
        call.progress()
        call.play(tone(700, 0.3))
        await call.said()
        call.reject(404)

    async def refuses(call: SipCall) -> None:
        call.ring()
        call.reject(int(call.user))

    refusals = [486, 603, 480, 484, 488, 500, 503]
    async with Softphone(asterisk_rig.callee_port, behaviour=refuses) as phone:
        phone.on("1", at_once)
        phone.on("2", announced)
        for user in ["1", "2", *map(str, refusals)]:
            await dial(asterisk_rig, user)
        calls = [await phone.next_call() for _ in range(9)]
        for call in calls:
            await call.ended.wait()
        ends = {call.user: call.end and call.end.code for call in calls}
        assert ends == {"1": None, "2": 404, **{str(code): code for code in refusals}}
        await gone(asterisk_rig)


async def test_two_calls_to_one_port_hear_only_themselves(asterisk_rig: AsteriskRig) -> None:
    async def talks(call: SipCall) -> None:
        call.answer()
        await call.acked.wait()
        listener = Listener(call)
        await listener.key()
        call.play(tone(int(call.user), 0.4))
        await listener.sound()
        await listener.silence(0.3)
        call.hang_up()

    async with Softphone(asterisk_rig.callee_port, behaviour=talks) as phone:
        for user in ("500", "900"):
            await dial(asterisk_rig, user)
        for user in ("500", "900"):
            call = await phone.next_call(user)
            await call.ended.wait()
            heard = b"".join(packet.pcm for packet in call.ear.packets if packet.loud)
            assert share(heard, int(user)) > 0.8
        await gone(asterisk_rig)
