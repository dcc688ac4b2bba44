"""Calls by livekit-agents, run in its own environment: `python -m bench.peers.livekit_server vad|none`.

Per call one AgentSession without a room: its input and output are AudioSocket streams, so WebRTC, Opus and its
process per job are all left out, which in use it has. `vad`: the VAD that the session takes by default (Silero, in
native code), and turns by VAD alone, without its turn model."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator

import uvloop
from livekit import rtc
from livekit.agents import Agent, AgentSession
from livekit.agents.voice import io

from bench.peers.wire import FRAME_BYTES, SAMPLE_RATE_HZ, Connection, Pace, prompt, serve

SAMPLES = FRAME_BYTES // 2


class Input(io.AudioInput):  # type: ignore[misc]  # livekit isn't in our environment, so its classes are Any
    def __init__(self) -> None:
        super().__init__(label="audiosocket")
        self.heard: asyncio.Queue[bytes] = asyncio.Queue(
            maxsize=50
        )  # a second: beyond, the call has fallen behind

    async def __anext__(self) -> rtc.AudioFrame:
        return frame_of(await self.heard.get())


class Output(io.AudioOutput):  # type: ignore[misc]  # as above
    """Takes frames faster than they are played, up to a fifth of a second, and plays one each 20 ms."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(
            label="audiosocket",
            capabilities=io.AudioOutputCapabilities(pause=False),
            sample_rate=SAMPLE_RATE_HZ,
        )
        self._connection = connection
        self._frames: asyncio.Queue[bytes] = asyncio.Queue(maxsize=10)
        self.playing = asyncio.create_task(self._play())

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        await self._frames.put(bytes(frame.data))

    def flush(self) -> None:
        super().flush()

    def clear_buffer(self) -> None:
        while not self._frames.empty():
            self._frames.get_nowait()

    async def _play(self) -> None:
        pace, started = Pace(), False
        while True:
            pcm = await self._frames.get()
            if not started:
                self.on_playback_started(created_at=time.time())
                started = True
            self._connection.say(pcm)
            await pace.wait(len(pcm) / 2 / SAMPLE_RATE_HZ)


class Call:
    def __init__(self, connection: Connection, *, vad: bool) -> None:
        self._input, self._output = Input(), Output(connection)
        options = {} if vad else {"vad": None}
        self._session = AgentSession(
            turn_handling={"turn_detection": "vad" if vad else "manual", "interruption": {"enabled": False}},
            user_away_timeout=None,
            **options,
        )
        self._task = asyncio.create_task(self._run())

    def on_audio(self, pcm: bytes) -> None:
        if not self._input.heard.full():
            self._input.heard.put_nowait(pcm)

    def on_end(self) -> None:
        self._task.cancel()
        self._output.playing.cancel()

    async def _run(self) -> None:
        self._session.input.audio = self._input
        self._session.output.audio = self._output
        await self._session.start(Agent(instructions=""))
        self._session.say("", audio=_prompt_frames(), allow_interruptions=False, add_to_chat_ctx=False)
        await asyncio.Event().wait()


async def _prompt_frames() -> AsyncIterator[rtc.AudioFrame]:
    pcm = prompt(1.0)
    while True:
        for at in range(0, len(pcm), FRAME_BYTES):
            yield frame_of(pcm[at : at + FRAME_BYTES])


def frame_of(pcm: bytes) -> rtc.AudioFrame:
    return rtc.AudioFrame(data=pcm, sample_rate=SAMPLE_RATE_HZ, num_channels=1, samples_per_channel=len(pcm) // 2)


def main() -> None:
    logging.basicConfig(level=logging.ERROR)
    vad = sys.argv[1] == "vad"
    uvloop.run(serve(lambda connection: Call(connection, vad=vad)))


if __name__ == "__main__":
    main()
