"""One call from Asterisk to itself, which proves its sound, its keys and its recordings to `check`.

Owns the call from originate to hang-up, and the file that it records; interprets nothing."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speech.audio import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from trunk.asterisk.ami import AmiError, AmiRefusedError, Fields
from trunk.asterisk.pbx import Pbx

ATTACH_S = 3.0  # from the answer to the socket; 80 ms was the most that was measured
SOUND_S = 5.0  # for the tone to come back
HANG_UP_S = 5.0
POLL_S = 0.05
FILE_S = 3.0  # for the file to be whole after the end; a mounted folder may lag
TONE_HZ = 1000.0  # 20 periods a frame: each frame is the same
AMPLITUDE = 8000
LOUD = 500  # root mean square; A-law's noise is far below
TONE_FRAMES = 25  # half a second of it must come back
TONE_SHARE = 0.5  # of a frame's energy, to count as the tone

_PHASE = 2 * np.pi * TONE_HZ * np.arange(SAMPLES_PER_FRAME) / SAMPLE_RATE_HZ
TONE = (AMPLITUDE * np.sin(_PHASE)).astype("<i2").tobytes()


@dataclass(slots=True)
class EchoResult:
    """What was found; `why` is in Asterisk's or the system's words."""

    file: str  # of the recording, in the folder
    refused: bool = False  # the call wasn't placed
    events: bool = False  # of calls
    attached: bool = False  # the socket came
    heard: bool = False  # what we said came back
    key_heard: bool = False  # by the socket
    key_event: bool = False  # by the manager interface
    recording: str = "absent"  # whole, refused, absent, unreadable, wrong
    why: str = ""


class EchoCall:
    """`run` it once. For the Pbx it is a Leg, for the audio server an AudioLeg."""

    def __init__(self, pbx: Pbx) -> None:
        self.attempt_id = str(uuid.uuid4())
        self._pbx = pbx
        self._socket_id = uuid.uuid4()
        self._result = EchoResult(f"check-{self.attempt_id}.raw")
        self._attached = asyncio.Event()
        self._heard = asyncio.Event()
        self._over = asyncio.Event()
        self._back = 0  # frames of tone that came back

    async def run(self) -> EchoResult:
        """The call, from begin to end. Raises AmiError when the connection is lost."""
        self._pbx.adopt(self, self._socket_id, self)
        try:
            await self._talk()
        finally:
            await self._hang_up()
            self._pbx.release(self, self._socket_id)
        if self._result.attached and self._result.recording != "refused":
            await self._look_at_recording()
        return self._result

    async def _talk(self) -> None:
        result = self._result
        prefix = self._pbx.config.dialplan
        try:
            await self._pbx.ami.ask(
                {
                    "Action": "Originate",
                    "ActionID": f"originate/{self.attempt_id}",
                    "Channel": f"Local/s@{prefix}-echo/n",
                    "ChannelId": self.attempt_id,
                    "Context": f"{prefix}-call",
                    "Exten": "s",
                    "Priority": "1",
                    "Codecs": "alaw",  # so that a codec stands between the two ends, as on a trunk
                    "Timeout": str(round(ATTACH_S * 1000)),
                    "Async": "true",
                    "Variable": [f"IVR_SOCKET={self._socket_id}", f"IVR_AUDIO={self._pbx.audio.address}"],
                }
            )
        except AmiRefusedError as error:
            result.refused, result.why = True, str(error)
            return
        if not await _within(self._attached, ATTACH_S):
            return
        await self._record()
        await _within(self._heard, SOUND_S)

    async def _record(self) -> None:
        file = self._pbx.config.media_dir / self._result.file
        try:
            await self._pbx.ami.ask(
                {"Action": "MixMonitor", "Channel": self.attempt_id, "File": str(file), "Options": "D"}
            )
        except AmiRefusedError as error:
            self._result.recording, self._result.why = "refused", str(error)

    async def _hang_up(self) -> None:
        if not self._over.is_set():
            with suppress(AmiError):  # it has ended by itself, or there is nobody to tell
                await self._pbx.hang_up(self.attempt_id)
                if self._result.events:  # else the end wouldn't be told either
                    await _within(self._over, HANG_UP_S)

    async def _look_at_recording(self) -> None:
        result = self._result
        path = self._pbx.config.media_dir_here / result.file
        deadline_s = asyncio.get_running_loop().time() + FILE_S
        try:
            while not _is_there(path):
                if asyncio.get_running_loop().time() > deadline_s:
                    return
                await asyncio.sleep(POLL_S)
            recorded = np.frombuffer(path.read_bytes()[: SAMPLE_RATE_HZ * 4 * 60], "<i2")
            path.unlink()
        except OSError as error:
            result.recording, result.why = "unreadable", error.strerror or str(error)
            return
        result.recording = "whole" if _frames_of_tone(recorded[1::2]) >= TONE_FRAMES else "wrong"

    # ---- trunk.asterisk.pbx.Leg ------------------------------------------------------------------------------

    def on_ami(self, name: str, fields: Fields) -> None:
        self._result.events |= name == "OriginateResponse"
        if name == "DTMFEnd":
            self._result.key_event = True
        elif name == "Hangup" or (name == "OriginateResponse" and fields.get("Response") != "Success"):
            self._over.set()
            self._attached.set()  # nothing more to wait for
            self._heard.set()

    def on_still_there(self, *, up: bool) -> None:
        """The connection was lost and is back: the call goes on."""

    def on_lost(self, why: str) -> None:
        self._over.set()

    # ---- trunk.asterisk.audioports.AudioLeg ------------------------------------------------------------------

    def on_socket_open(self) -> None:
        self._result.attached = True
        self._attached.set()

    def on_socket_closed(self) -> None:
        """The dialplan attaches again, or the call ends."""

    def on_frame(self, frame: bytes) -> bytes:
        self._back += _frames_of_tone(np.frombuffer(frame, "<i2"))
        if self._back >= TONE_FRAMES and not self._heard.is_set():
            self._result.heard = True
            self._heard.set()
        return TONE

    def on_key(self, key: str) -> None:
        self._result.key_heard = True


async def _within(event: asyncio.Event, limit_s: float) -> bool:
    try:
        await asyncio.wait_for(event.wait(), limit_s)
    except TimeoutError:
        return False
    return True


def _is_there(path: Path) -> bool:
    """With something in it. Raises OSError when we may not look."""
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _frames_of_tone(samples: NDArray[np.int16]) -> int:
    """How many whole frames are mostly TONE_HZ."""
    frames = samples[: len(samples) // SAMPLES_PER_FRAME * SAMPLES_PER_FRAME].reshape(-1, SAMPLES_PER_FRAME)
    values = frames.astype(np.float64)
    energy = (values**2).sum(axis=1)
    tone = np.abs(values @ np.exp(-1j * _PHASE)) ** 2 * 2 / SAMPLES_PER_FRAME
    return int(((energy > SAMPLES_PER_FRAME * LOUD**2) & (tone > TONE_SHARE * energy)).sum())
