"""What the servers of `bench peers` share: AudioSocket over asyncio, as lean as can be, for whichever framework.

Standard library only, since it runs in the peers' environments too. A server prints "listens PORT", and leaves
when its standard input is closed: so it never outlives who started it."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from array import array
from collections.abc import Callable
from struct import Struct
from typing import Protocol, cast

SAMPLE_RATE_HZ = 8000
FRAME_S = 0.02
FRAME_BYTES = 320  # 20 ms of s16le, mono
_HEADER = Struct(">BH")
_ID, _AUDIO = 0x01, 0x10


class Leg(Protocol):
    """One call, as its framework takes it."""

    def on_audio(self, pcm: bytes) -> None:
        """20 ms from the callee: 320 bytes s16le."""

    def on_end(self) -> None: ...


class Connection(asyncio.Protocol):
    """One AudioSocket connection: its leg begins with the id, hears each frame, and writes what it says."""

    def __init__(self, begin: Callable[[Connection], Leg]) -> None:
        self._begin = begin
        self._leg: Leg | None = None
        self._rest = b""
        self._transport: asyncio.Transport  # from connection_made on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        data, at = self._rest + data, 0
        while len(data) - at >= _HEADER.size:
            kind, length = _HEADER.unpack_from(data, at)
            end = at + _HEADER.size + length
            if end > len(data):
                break
            if kind == _ID and self._leg is None:
                self._leg = self._begin(self)
            elif kind == _AUDIO and self._leg is not None:
                self._leg.on_audio(data[at + _HEADER.size : end])
            at = end
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._leg is not None:
            self._leg.on_end()

    def say(self, pcm: bytes) -> None:
        """Written at once: pacing is the framework's."""
        self._transport.write(_HEADER.pack(_AUDIO, len(pcm)) + pcm)


class Pace:
    """When the next frame is due: every 20 ms on the monotonic clock, without drift."""

    def __init__(self) -> None:
        self._due_s = 0.0

    async def wait(self, duration_s: float = FRAME_S) -> None:
        """Return when the audio just written has been played. Who is late by more than 200 ms starts anew."""
        now_s = time.monotonic()
        if now_s - self._due_s > 0.2:
            self._due_s = now_s
        self._due_s += duration_s
        await asyncio.sleep(max(0.0, self._due_s - now_s))


def prompt(seconds: float = 1.0) -> bytes:
    """What every server says all the time: a 300 Hz tone, s16le."""
    samples = (
        round(3000 * math.sin(2 * math.pi * 300 * at / SAMPLE_RATE_HZ))
        for at in range(round(seconds * SAMPLE_RATE_HZ))
    )
    return array("h", samples).tobytes()


async def serve(begin: Callable[[Connection], Leg]) -> None:
    """Serve on a free port of the loopback until standard input is closed."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(begin), "127.0.0.1", 0)
    print("listens", server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 the one line for who started it
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()
