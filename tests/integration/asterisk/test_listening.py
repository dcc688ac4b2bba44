"""Early media listened to live: a busy tone ends the call early, all else changes nothing, nothing is left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pytest

from speech.audio import SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig
from tests.asterisk_rig.fixture import asterisk_rig as asterisk_rig
from tests.integration.asterisk.scene import SOON_S, Party, Scene, scene
from tests.softphone import SipCall
from trunk.ports import Answered, DialOutcome, EarlyMedia, Progress

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]


def tone(on_s: float, off_s: float = 0.0, hz: float = 450.0) -> bytes:
    times = np.arange(round(on_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return bytes((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2")) + bytes(round(off_s * SAMPLE_RATE_HZ) * 2)


BUSY = tone(0.35, 0.35) * 40
CONGESTION = tone(0.7, 0.7) * 20
SIT = tone(0.33, hz=950) + tone(0.33, hz=1400) + tone(0.33, hz=1800) + bytes(20 * SAMPLE_RATE_HZ)
RINGBACK = tone(1.0, 4.0)


def says(pcm: bytes) -> Callable[[SipCall], Awaitable[None]]:
    """In early media, and never answers."""

    async def behave(call: SipCall) -> None:
        call.progress()
        call.play(pcm)
        await call.ended.wait()

    return behave


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not holds():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.02)


async def channels(stage: Scene, count: int) -> None:
    """Until Asterisk holds so many, those of listening included."""
    async with asyncio.timeout(SOON_S):
        while await asyncio.to_thread(stage.rig.channels) != count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)


def attempt(party: Party) -> str:
    assert party.call is not None
    return party.call.attempt_id


async def test_a_tone_that_nobody_answers_after_ends_the_call(asterisk_rig: AsteriskRig, tmp_path: Path) -> None:
    """Three who would never answer, and one who only rings: 20 s and 45 s later the network would let go."""
    rows = {
        "+861": (BUSY, DialOutcome.BUSY, EarlyMedia.BUSY_TONE),
        "+862": (CONGESTION, DialOutcome.CONGESTION, EarlyMedia.CONGESTION_TONE),
        "+863": (SIT, DialOutcome.UNREACHABLE, EarlyMedia.SIT),
    }
    async with scene(asterisk_rig, live=4) as stage:
        for user, (pcm, _, _) in rows.items():
            stage.phone.on(user, says(pcm))
        stage.phone.on("+864", says(RINGBACK * 4))
        parties = {user: await stage.dial(user, early_media=tmp_path / f"{user}.wav") for user in (*rows, "+864")}
        for user, (_, outcome, early_media) in rows.items():
            cause = (await parties[user].end()).cause
            assert (cause.outcome, cause.early_media, cause.by) == (outcome, early_media, "network")
            assert re.fullmatch(rf"early media: {early_media.value}, given up after \d+\.\d s", cause.raw)
            assert not cause.refused
            assert (tmp_path / f"{user}.wav").stat().st_size > SAMPLE_RATE_HZ
            far = await stage.phone.next_call(user)
            await asyncio.wait_for(far.ended.wait(), SOON_S)
            assert far.end is not None
            assert far.end.reason == "cancelled"
        assert not parties["+864"].over
        assert stage.trunk.listening.listened == {attempt(parties["+864"])}
        await channels(stage, 3)  # the one that rings, and its leg's two ends
        call = parties["+864"].call
        assert call is not None
        call.hangup()
        assert (await parties["+864"].end()).cause.outcome is DialOutcome.CANCELLED
        await channels(stage, 0)
        await until(lambda: stage.pbx.audio.open_sockets == 0)


async def test_an_answer_after_ring_back_has_its_true_time(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig, live=1) as stage:
        stage.phone.on("+861", says(RINGBACK))
        party = await stage.dial("+861")
        callee = await stage.phone.next_call("+861")
        await party.heard(Progress)
        await until(lambda: stage.pbx.audio.open_sockets == 1)
        await asyncio.sleep(2.0)  # two looks
        callee.answer()
        await party.heard(Answered)
        assert stage.trunk.listening.listened == frozenset()
        (answered,) = [event for event in party.events if isinstance(event, Answered)]
        assert callee.answered_s is not None
        assert -0.1 < answered.at_s - callee.answered_s < 1.5
        await channels(stage, 1)
        await until(lambda: stage.pbx.audio.open_sockets == 1 and party.ticks > 10)
        assert not party.over


async def test_so_many_at_once_and_the_next_when_a_place_is_free(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig, live=1) as stage:
        stage.phone.on("+861", says(RINGBACK))
        stage.phone.on("+862", says(BUSY))
        first = await stage.dial("+861")
        await first.heard(Progress)
        second = await stage.dial("+862")
        await second.heard(Progress)
        await channels(stage, 4)
        assert stage.trunk.listening.listened == {attempt(first)}
        (await stage.phone.next_call("+861")).reject(404)
        assert (await first.end()).cause.outcome is DialOutcome.INVALID_NUMBER
        assert stage.trunk.listening.listened == {attempt(second)}
        assert (await second.end()).cause.outcome is DialOutcome.BUSY
        assert stage.trunk.listening.listened == frozenset()
        await channels(stage, 0)


async def test_nothing_is_left_when_the_manager_interface_is_lost(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig, live=2) as stage:
        for user in ("+861", "+862", "+863"):
            stage.phone.on(user, says(bytes(320)))
        parties = [await stage.dial(user) for user in ("+861", "+862")]
        for party in parties:
            await party.heard(Progress)
        await channels(stage, 6)
        await until(lambda: stage.pbx.audio.open_sockets == 2)
        waits = await stage.dial("+863")
        await waits.heard(Progress)

        await stage.proxy.refuse()
        await stage.service(wanted=False)
        (await stage.phone.next_call("+861")).reject(486)
        callee = await stage.phone.next_call("+862")
        callee.play(BUSY)
        await asyncio.sleep(4.0)  # long enough to be sure, yet nobody could end the call now
        assert not parties[1].over
        callee.answer()
        await until(lambda: stage.trunk.listening.listened == frozenset())
        await channels(stage, 2)  # the answered one and the one that waits
        await until(lambda: stage.pbx.audio.open_sockets == 1)

        await stage.proxy.restore()
        await stage.service(wanted=True)
        assert (await parties[0].end()).cause.outcome is DialOutcome.UNKNOWN
        await parties[1].heard(Answered)
        assert stage.trunk.listening.listened == {attempt(waits)}
        await channels(stage, 4)
        await stage.trunk.close()
        await channels(stage, 0)


async def test_listening_that_fails_is_a_log_line(
    asterisk_rig: AsteriskRig, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.to_thread(asterisk_rig.command, "module unload app_chanspy.so")
    try:
        async with scene(asterisk_rig, live=1) as stage:
            stage.phone.on("+861", says(BUSY))
            party = await stage.dial("+861")
            await party.heard(Progress)
            await until(lambda: "listening_failed" in caplog.messages)
            assert stage.trunk.listening.listened == frozenset()
            (await stage.phone.next_call("+861")).answer()
            await party.heard(Answered)
            await channels(stage, 1)
    finally:
        await asyncio.to_thread(asterisk_rig.command, "module load app_chanspy.so")
