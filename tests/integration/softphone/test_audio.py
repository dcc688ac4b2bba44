"""The softphone's audio and keys, against a caller who speaks RTP without a PBX."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest

from speech.audio import alaw_round_trip, rms_dbfs, ulaw_decode, ulaw_encode
from tests.softphone import CallEndedError, CallStateError, Listener, SipCall, Softphone
from tests.softphone.heard import Heard

if TYPE_CHECKING:
    from tests.integration.softphone.conftest import Caller, NewCaller

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]


def tone(hz: float, seconds: float) -> bytes:
    times = np.arange(round(seconds * 8000)) / 8000
    return bytes((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2"))


async def answered(phone: Softphone, caller: Caller, codecs: tuple[int, ...] = (8, 0)) -> SipCall:
    """A call with audio both ways."""
    caller.invite(codecs=codecs)
    await caller.talk()
    caller.send("ACK")
    call = await phone.next_call()
    await call.acked.wait()
    return call


async def until(heard: Heard, holds: Callable[[], bool]) -> None:
    """Asked again with every packet."""
    async with asyncio.timeout(20):
        while not holds():
            heard.arrived.clear()
            await heard.arrived.wait()


def spoken(heard: Heard) -> bytes:
    """What was loud enough to be said, without the silences."""
    return b"".join(packet.pcm for packet in heard.packets if packet.loud)


@pytest.mark.parametrize(
    ("codecs", "line"), [((8, 0), alaw_round_trip), ((0, 8), lambda pcm: ulaw_decode(ulaw_encode(pcm)))]
)
async def test_audio_arrives_sample_by_sample_both_ways(
    new_caller: NewCaller, codecs: tuple[int, ...], line: Callable[[bytes], bytes]
) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        call = await answered(phone, caller, codecs)
        assert caller.media is not None
        theirs, ours = tone(440, 0.5), tone(1000, 0.5)
        call.play(theirs)
        caller.media.play(ours)
        await call.said()
        heard = caller.media.heard
        await until(heard, lambda: len(spoken(heard)) >= len(theirs))
        await until(call.ear, lambda: len(spoken(call.ear)) >= len(ours))
        assert spoken(heard) == line(theirs)
        assert spoken(call.ear) == line(ours)
        call.hang_up()
        assert line(ours)[:-640] in call.heard  # the newest packet was still being heard


async def test_keys_arrive_with_their_durations_both_ways(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        call = await answered(phone, caller)
        assert caller.media is not None
        call.keys("159*#0", duration_ms=60, gap_ms=40)
        caller.media.saying.press("7AD", 200, 40)
        listener = Listener(call)
        assert [(await listener.key()).key for _ in range(3)] == list("7AD")
        assert [key.duration_ms for key in call.keys_heard] == [200] * 3
        theirs = caller.media.heard
        await until(theirs, lambda: len(theirs.keys) == 6)
        assert [(key.key, key.duration_ms) for key in theirs.keys] == [(key, 60) for key in "159*#0"]
        await call.said()
        assert all(pressing.ended_s is not None and not pressing.cut for pressing in call.pressed)


async def test_keys_and_sounds_keep_their_order(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        call = await answered(phone, await new_caller(phone.port))
        call.play(tone(440, 0.1))
        call.keys("1")
        call.play(tone(440, 0.1))
        await call.said()
        first, second = call.played
        (key,) = call.pressed
        times = [first.began_s, first.ended_s, key.began_s, key.ended_s, second.began_s, second.ended_s]
        assert None not in times
        assert times == sorted(times)  # type: ignore[type-var]  # none is None: see the line above


async def test_early_media_is_heard_before_a_refusal(new_caller: NewCaller) -> None:
    async def announces(call: SipCall) -> None:
        call.progress()
        call.play(tone(700, 0.4))
        await call.said()
        call.reject(404)

    async with Softphone(behaviour=announces) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        heard = (await caller.talk(183)).heard
        await caller.response(404)
        caller.send("ACK")
        assert spoken(heard) == alaw_round_trip(tone(700, 0.4))
        call = await phone.next_call()
        assert call.heard == b""  # there was no answer


async def test_early_media_goes_on_after_the_answer_in_the_same_session(new_caller: NewCaller) -> None:
    async def music(call: SipCall) -> None:
        call.progress()
        call.play(tone(500, 60))
        await asyncio.sleep(0.2)
        call.stop()
        call.answer()

    async with Softphone(behaviour=music) as phone:
        caller = await new_caller(phone.port)
        caller.invite()
        early = (await caller.response(183)).body
        answer = (await caller.response(200)).body
        caller.send("ACK")
        assert early == answer
        call = await phone.next_call()
        assert [playing.cut for playing in call.played] == [True]


async def test_what_is_stopped_is_cut_and_silence_follows(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        call = await answered(phone, caller)
        assert caller.media is not None
        heard = caller.media.heard
        playing = call.play(tone(440, 60))
        await until(heard, lambda: len(spoken(heard)) > 0)
        call.stop()
        await call.said()
        count = len(heard.packets)
        await until(heard, lambda: len(heard.packets) > count + 5)
        assert playing.cut
        assert rms_dbfs(heard.packets[-1].pcm) < -60


async def test_a_listener_hears_sounds_begin_and_end(new_caller: NewCaller) -> None:
    async with Softphone() as phone:
        caller = await new_caller(phone.port)
        call = await answered(phone, caller)
        assert caller.media is not None
        listener = Listener(call)
        await listener.silence(0.1)
        first = caller.media.play(tone(440, 0.3))
        began_s = await listener.sound()
        ended_s = await listener.silence(0.2)
        assert first.began_s is not None
        assert first.began_s <= began_s < ended_s
        assert len(call.ear.sounds(began_s)) == 1
        second = caller.media.play(tone(440, 0.1))
        later_s = await listener.sound()
        assert second.began_s is not None
        assert later_s >= second.began_s > ended_s
        caller.send("BYE", cseq=2)
        with pytest.raises(CallEndedError):
            await listener.sound()


async def test_keys_need_a_caller_who_takes_them_and_audio_needs_an_answer(new_caller: NewCaller) -> None:
    async def waits(call: SipCall) -> None:
        await call.ended.wait()

    async with Softphone(behaviour=waits) as phone:
        caller = await new_caller(phone.port)
        caller.invite(keys=None)
        call = await phone.next_call()
        with pytest.raises(CallStateError, match="no audio"):
            call.play(b"")
        call.answer()
        with pytest.raises(CallStateError, match="telephone-event"):
            call.keys("1")
        await caller.response(200)
        caller.send("ACK")


async def test_nothing_is_left_open(new_caller: NewCaller) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    caller = await new_caller(0)
    before = descriptors()
    tasks = asyncio.all_tasks()
    async with Softphone() as phone:
        for _ in range(3):
            caller = await new_caller(phone.port)
            call = await answered(phone, caller)
            call.play(tone(440, 60))
            call.hang_up()
            await caller.request("BYE")
            caller.close()
    await asyncio.sleep(0.01)  # transports close their sockets in the loop's next turns
    assert descriptors() == before
    assert asyncio.all_tasks() == tasks
