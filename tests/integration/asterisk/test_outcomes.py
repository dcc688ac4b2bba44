"""Each row of the table of causes as a real call: what the far end did, and what it is called in the end."""

from __future__ import annotations

import asyncio
import os
import wave
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from speech.audio import SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig
from tests.asterisk_rig.fixture import asterisk_rig as asterisk_rig
from tests.integration.asterisk.scene import SOON_S, Party, Scene, scene
from tests.softphone import SipCall
from trunk.asterisk.config import EndpointConfig
from trunk.asterisk.trunk import AsteriskTrunk
from trunk.ports import Answered, Cause, DialOutcome, EarlyMedia, OriginateRequest, Progress, Ringing

pytestmark = [pytest.mark.integration, pytest.mark.real_time]

Behaviour = Callable[[SipCall], Awaitable[None]]
FRAME = bytes(320)


def refuses(code: int, *, rings: bool = False) -> Behaviour:
    async def behave(call: SipCall) -> None:
        if rings:
            call.ring()
            await asyncio.sleep(0.1)
        call.reject(code)

    return behave


async def rings_on(call: SipCall) -> None:
    call.ring()


async def says_nothing(call: SipCall) -> None:
    await call.ended.wait()


@dataclass(frozen=True)
class Row:
    behaviour: Behaviour
    outcome: DialOutcome
    by: str
    raw: str  # its begin
    refused: bool = False


ROWS = {
    "busy": Row(refuses(486), DialOutcome.BUSY, "network", "sip 486, q850 17 User busy"),
    "busy everywhere": Row(refuses(600), DialOutcome.BUSY, "network", "sip 600"),
    "declined": Row(refuses(603, rings=True), DialOutcome.REJECTED, "callee", "sip 603, q850 21 Call Rejected"),
    "unavailable": Row(refuses(480), DialOutcome.UNREACHABLE, "network", "sip 480, q850 19"),
    "nobody came": Row(refuses(480, rings=True), DialOutcome.NO_ANSWER, "network", "sip 480, q850 19"),
    "timed out": Row(refuses(408, rings=True), DialOutcome.NO_ANSWER, "network", "sip 408"),
    "unknown": Row(refuses(404), DialOutcome.INVALID_NUMBER, "network", "sip 404, q850 1"),
    "gone": Row(refuses(410), DialOutcome.INVALID_NUMBER, "network", "sip 410"),
    "bad number": Row(refuses(484), DialOutcome.INVALID_NUMBER, "network", "sip 484, q850 28"),
    "forbidden": Row(refuses(403), DialOutcome.FAILED, "network", "sip 403, q850 21", refused=True),
    "no codec": Row(refuses(488), DialOutcome.FAILED, "network", "sip 488, q850 58", refused=True),
    "server error": Row(refuses(500), DialOutcome.FAILED, "network", "sip 500, q850 38", refused=True),
    "bad gateway": Row(refuses(502), DialOutcome.FAILED, "network", "sip 502", refused=True),
    "congestion": Row(refuses(503), DialOutcome.CONGESTION, "network", "sip 503, q850 34", refused=True),
    "not seen before": Row(refuses(499), DialOutcome.FAILED, "network", "sip 499", refused=True),
    "ring time-out": Row(rings_on, DialOutcome.NO_ANSWER, "us", "ring timeout, sip 480"),
    "silence": Row(says_nothing, DialOutcome.FAILED, "network", "silence from the peer"),
}


async def test_each_refusal_is_told_and_kept_raw(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        parties: dict[str, Party] = {}
        for number, (name, row) in enumerate(ROWS.items()):
            stage.phone.on(f"+86{number:03}", row.behaviour)
            parties[name] = await stage.dial(f"+86{number:03}", ring_timeout_s=2.0)
        for name, row in ROWS.items():
            cause = (await parties[name].end()).cause
            told = (cause.outcome, cause.by, cause.refused, cause.raw[: len(row.raw)])
            assert told == (row.outcome, row.by, row.refused, row.raw), name
            assert cause.early_media is None
            assert parties[name].ticks == 0
        assert len(stage.phone.calls) == len(ROWS)


async def test_a_closed_port_and_an_endpoint_that_is_not_there(asterisk_rig: AsteriskRig) -> None:
    async with scene(asterisk_rig) as stage:
        for endpoint in (asterisk_rig.endpoint("down"), EndpointConfig("x", "nosuch")):
            trunk, party = AsteriskTrunk(stage.pbx, endpoint), Party()
            await trunk.start()
            party.call = await trunk.originate(OriginateRequest("a", "+8613800138000", ring_timeout_s=1.0), party)
            assert (await party.end()).cause.outcome is DialOutcome.FAILED
            await trunk.close()


class TestWeEndIt:
    @pytest.mark.parametrize("when", ["at once", "while it rings", "in early media"])
    async def test_before_the_answer(self, asterisk_rig: AsteriskRig, when: str) -> None:
        async def behave(call: SipCall) -> None:
            if when == "in early media":
                call.progress()
            else:
                call.ring()

        async with scene(asterisk_rig) as stage:
            stage.phone.on("+861", behave)
            party = await stage.dial("+861")
            if when == "while it rings":
                await party.heard(Ringing)
            elif when == "in early media":
                await party.heard(Progress)
            assert party.call is not None
            party.call.hangup()
            cause = (await party.end()).cause
            assert (cause.outcome, cause.by) == (DialOutcome.CANCELLED, "us")
            for far in stage.phone.calls:
                await asyncio.wait_for(far.ended.wait(), SOON_S)
                assert far.end is not None
                assert far.end.reason == "cancelled"


class TestTheCalleeHangsUp:
    @pytest.mark.parametrize("at_s", [0.0, 0.5, 1.2], ids=["before", "during", "after"])
    async def test_a_prompt(self, asterisk_rig: AsteriskRig, at_s: float) -> None:
        """The prompt lasts from 0.2 s to 0.9 s."""

        class Speaker(Party):
            said = 0

            def on_tick(self, frame: bytes) -> bytes | None:
                super().on_tick(frame)
                if not 10 < self.ticks <= 45:
                    return None
                self.said += 1
                return FRAME

        async with scene(asterisk_rig) as stage:
            party = Speaker()
            party.call = await stage.trunk.originate(OriginateRequest("a", "+861"), party)
            callee = await stage.phone.next_call()
            await party.heard(Answered)
            await asyncio.sleep(at_s)
            callee.hang_up()
            cause = (await party.end()).cause
            assert (cause.outcome, cause.by) == (DialOutcome.ANSWERED, "callee")
            assert cause.raw.startswith("sip bye")
            assert (party.said == 35) is (at_s == 1.2) or at_s == 0.5


class TestEarlyMedia:
    async def test_is_kept_and_told_when_the_call_fails(self, asterisk_rig: AsteriskRig, tmp_path: Path) -> None:
        async def busy(call: SipCall) -> None:
            call.progress()
            call.play(_tone(0.35, 0.35) * 6)
            await call.said()
            call.reject(486)

        cause, party = await _dial_early(asterisk_rig, busy, tmp_path / "e" / "a.wav")
        assert (cause.outcome, cause.early_media) == (DialOutcome.BUSY, EarlyMedia.BUSY_TONE)
        assert [type(event) for event in party.events[:-1]] == [Progress]
        with wave.open(str(tmp_path / "e" / "a.wav"), "rb") as file:
            assert (file.getnchannels(), file.getframerate()) == (1, SAMPLE_RATE_HZ)
            assert file.getnframes() / SAMPLE_RATE_HZ == pytest.approx(4.2, abs=0.5)

    async def test_ends_with_the_answer(self, asterisk_rig: AsteriskRig, tmp_path: Path) -> None:
        async def picks_up(call: SipCall) -> None:
            call.progress()
            call.play(_tone(1.0, 0.0))
            await call.said()
            call.answer()
            call.play(_tone(0.5, 0.0))
            await call.said()
            call.hang_up()

        cause, _ = await _dial_early(asterisk_rig, picks_up, tmp_path / "a.wav")
        assert (cause.outcome, cause.early_media) == (DialOutcome.ANSWERED, None)
        with wave.open(str(tmp_path / "a.wav"), "rb") as file:
            assert file.getnframes() / SAMPLE_RATE_HZ == pytest.approx(1.0, abs=0.4)

    @pytest.mark.parametrize("said", [False, True])
    async def test_leaves_no_file_when_there_was_none_or_it_is_not_wanted(
        self, asterisk_rig: AsteriskRig, tmp_path: Path, said: bool
    ) -> None:
        async def refuses_quietly(call: SipCall) -> None:
            if said:
                call.progress()
                call.play(_tone(0.3, 0.0))
                await call.said()
            call.reject(404)

        cause, _ = await _dial_early(asterisk_rig, refuses_quietly, tmp_path / "a.wav", keep=not said)
        assert cause.early_media is None
        assert os.listdir(tmp_path) == []


async def _dial_early(
    rig: AsteriskRig, behaviour: Behaviour, path: Path, *, keep: bool = True
) -> tuple[Cause, Party]:
    before = set(os.listdir(rig.config.media_dir_here))
    async with scene(rig) as stage:
        _keep_early_media(stage, keep)
        stage.phone.on("+861", behaviour)
        party = await stage.dial("+861", early_media=path)
        end = await party.end()
    assert set(os.listdir(rig.config.media_dir_here)) == before, "raw files are left"
    return end.cause, party


def _keep_early_media(stage: Scene, keep: bool) -> None:
    stage.trunk.config = replace(stage.trunk.config, keep_early_media=keep)


def _tone(on_s: float, off_s: float) -> bytes:
    times = np.arange(round(on_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return bytes((8000 * np.sin(2 * np.pi * 450 * times)).astype("<i2")) + bytes(round(off_s * SAMPLE_RATE_HZ) * 2)
