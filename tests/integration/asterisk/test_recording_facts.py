"""What recordings rest on, proved on the real Asterisk: MixMonitor's time line, its sides, and its mute.

A callee and we say bursts of tones; each has a pitch of its own, so that every burst is known wherever it is in
the file. What is measured here is Asterisk; the trunk's own recordings are in the contract suite."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ
from tests.asterisk_rig.fixture import AsteriskRig
from tests.asterisk_rig.fixture import asterisk_rig as asterisk_rig
from tests.softphone import SipCall, Softphone
from trunk.asterisk.ami import Ami, AmiListener
from trunk.asterisk.audiosocket import AudioSocketServer
from trunk.asterisk.recordings import Recordings, Timeline
from trunk.early_media import ToneClassifier
from trunk.ports import EarlyMedia

pytestmark = [pytest.mark.integration, pytest.mark.real_time, pytest.mark.alone]

EVERY_S = 0.4  # a burst begins
BURST_S = 0.08
CALLEE_HZ, OUR_HZ, STEP_HZ = 500, 1600, 60
BURSTS = 12
ALIGNED_S = 0.021  # one frame and a sample: what the two sides' packets may lie apart


def bursts(first_hz: int) -> bytes:
    line = np.zeros(round(BURSTS * EVERY_S * SAMPLE_RATE_HZ))
    at = np.arange(round(BURST_S * SAMPLE_RATE_HZ))
    for number in range(BURSTS):
        start = round(number * EVERY_S * SAMPLE_RATE_HZ)
        hz = first_hz + number * STEP_HZ
        line[start : start + len(at)] = 8000 * np.sin(2 * np.pi * hz * at / SAMPLE_RATE_HZ)
    return line.astype(np.int16).tobytes()


def found(channel: NDArray[np.int16], first_hz: int) -> dict[int, float]:
    """Which burst begins where, in seconds."""
    loud = np.flatnonzero(np.abs(channel.astype(np.int32)) > 1500)
    begins = loud[np.flatnonzero(np.diff(loud, prepend=-10_000) > 400)]
    places = {}
    for begin in begins:
        burst = channel[begin : begin + round(BURST_S * SAMPLE_RATE_HZ)]
        hz = float(np.argmax(np.abs(np.fft.rfft(burst, 8192)))) * SAMPLE_RATE_HZ / 8192
        places[round((hz - first_hz) / STEP_HZ)] = float(begin) / SAMPLE_RATE_HZ
    return places


@dataclass
class Leg:
    """Our side: says the bursts, from the tick in which it is told to."""

    pcm: bytes = bursts(OUR_HZ)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    speaking: bool = False
    at: int = 0
    began_s: float = 0.0

    def on_socket_open(self) -> None:
        self.open.set()

    def on_socket_closed(self) -> None: ...

    def on_key(self, key: str) -> None: ...

    def on_frame(self, frame: bytes) -> bytes | None:
        del frame
        if not self.speaking or self.at >= len(self.pcm):
            return None
        if self.at == 0:
            self.began_s = time.monotonic()
        self.at += FRAME_BYTES
        return self.pcm[self.at - FRAME_BYTES : self.at]


class Scene:
    """One Asterisk, one phone, one audio server, one manager connection."""

    def __init__(self, rig: AsteriskRig, ami: Ami, phone: Softphone, audio: AudioSocketServer) -> None:
        self.rig, self.ami, self.phone, self.audio = rig, ami, phone, audio
        self.recordings = Recordings(rig.config)

    async def dial(self, leg: Leg, behaviour: Callable[[SipCall], Awaitable[None]]) -> str:
        socket_id, channel, user = uuid.uuid4(), str(uuid.uuid4()), f"17{uuid.uuid4().int % 10**8:08d}"
        self.audio.expect(socket_id, leg)
        self.audio.spread(socket_id)  # as the trunk does with calls that are recorded: two at once move by 40 ms
        self.phone.on(user, behaviour)
        await self.ami.ask({
            "Action": "Originate", "Channel": f"PJSIP/{user}@ivr-main", "Context": "ivr-call", "Exten": "s",
            "Priority": "1", "ChannelId": channel, "Async": "true", "Timeout": "20000",
            "Variable": [f"IVR_SOCKET={socket_id}", f"IVR_AUDIO={self.audio.address}"],
        })  # fmt: skip
        return channel


@asynccontextmanager
async def scene_on(rig: AsteriskRig) -> AsyncIterator[Scene]:
    ami = Ami(rig.config, AmiListener(lambda fields: None))
    audio = AudioSocketServer("127.0.0.1")
    await ami.start()
    await audio.start()
    try:
        async with asyncio.timeout(60), Softphone(rig.callee_port) as phone:
            scene = Scene(rig, ami, phone, audio)
            yield scene
            await scene.recordings.close()
    finally:
        await audio.close()
        await ami.close()


async def test_sides_are_aligned_and_mute_silences_both_and_keeps_the_time_line(
    asterisk_rig: AsteriskRig, tmp_path: Path
) -> None:
    leg, said, hung_up = Leg(), asyncio.Event(), asyncio.Event()
    callee: list[SipCall] = []

    async def answers(call: SipCall) -> None:
        callee.append(call)
        call.answer()
        await said.wait()
        call.play(bursts(CALLEE_HZ))
        await call.ended.wait()
        hung_up.set()

    async with scene_on(asterisk_rig) as scene:
        channel = await scene.dial(leg, answers)
        await leg.open.wait()
        raw = scene.recordings.new(2)
        await scene.ami.ask({"Action": "MixMonitor", "Channel": channel, "File": raw.name, "Options": "D"})
        began_s = time.monotonic()
        leg.speaking = True
        said.set()
        mute = {"Action": "MixMonitorMute", "Channel": channel, "Direction": "both"}
        await asyncio.sleep(3.5 * EVERY_S)
        await scene.ami.ask({**mute, "State": "1"})
        muted_s = time.monotonic() - began_s
        await asyncio.sleep(4 * EVERY_S)
        unmuted_s = time.monotonic() - began_s
        await scene.ami.ask({**mute, "State": "0"})
        await asyncio.sleep((BURSTS - 7) * EVERY_S)
        await scene.ami.ask({"Action": "Hangup", "Channel": channel})
        seconds = time.monotonic() - began_s
        await hung_up.wait()
        assert await scene.recordings.finish(raw, tmp_path / "a.wav", Timeline(seconds))
        stereo = np.frombuffer((tmp_path / "a.wav").read_bytes()[44:], "<i2").reshape(-1, 2)

    assert len(stereo) / SAMPLE_RATE_HZ == pytest.approx(seconds, abs=0.1)
    left, right = found(stereo[:, 0], CALLEE_HZ), found(stereo[:, 1], OUR_HZ)
    kept = {0, 1, 2, 3, 8, 9, 10, 11}
    assert set(left) == set(right) == kept
    began = callee[0].played[0].began_s
    assert began is not None
    for places, began_at_s in ((left, began), (right, leg.began_s)):
        for number, place_s in places.items():  # after the pause as before it
            assert place_s - number * EVERY_S == pytest.approx(places[0], abs=0.001)
        assert began_s + places[0] == pytest.approx(began_at_s, abs=0.1)  # the file begins with the answer
    apart_s = (left[0] - right[0]) - (began - leg.began_s)
    assert abs(apart_s) <= ALIGNED_S
    silent = stereo[round((muted_s + 0.04) * SAMPLE_RATE_HZ) : round((unmuted_s - 0.04) * SAMPLE_RATE_HZ)]
    assert not silent.any()


async def test_early_media_is_what_the_network_says_and_nothing_of_ours(
    asterisk_rig: AsteriskRig, tmp_path: Path
) -> None:
    ring = np.zeros(round(2.2 * SAMPLE_RATE_HZ), np.int16)
    at = np.arange(SAMPLE_RATE_HZ)
    ring[2400:10400] = 6000 * np.sin(2 * np.pi * 450 * at / SAMPLE_RATE_HZ)
    progressing, over = asyncio.Event(), asyncio.Event()

    async def rings_and_is_unknown(call: SipCall) -> None:
        call.progress()
        progressing.set()
        call.play(ring.tobytes())
        await call.said()
        call.reject(404)
        over.set()

    async with scene_on(asterisk_rig) as scene:
        channel = await scene.dial(Leg(), rings_and_is_unknown)
        await progressing.wait()
        await asyncio.sleep(0.05)
        raw = scene.recordings.new(1)
        await scene.ami.ask({
            "Action": "MixMonitor", "Channel": channel, "File": "", "Options": f"r({raw.name})"
        })  # fmt: skip
        began_s = time.monotonic()
        await over.wait()
        line = Timeline(time.monotonic() - began_s)
        told = await scene.recordings.finish_early_media(raw, tmp_path / "e.wav", line, ToneClassifier())
        assert told is EarlyMedia.RINGBACK
        assert list(asterisk_rig.config.media_dir_here.iterdir()) == []
