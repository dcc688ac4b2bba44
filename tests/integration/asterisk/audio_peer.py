"""Both ends of a connection for the tests of the AudioSocket server: Asterisk's, and a leg that keeps a record."""

from __future__ import annotations

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from speech.audio import FRAME_BYTES
from trunk.asterisk.audiosocket import AudioSocketLimits, AudioSocketServer

ID = uuid.UUID("11111111-2222-4333-8444-555555555555")
LIMITS = AudioSocketLimits()
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]  # the fixture `run`


class Leg:
    """Keeps what it is told; says what `say` holds, frame by frame."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.heard: list[bytes] = []
        self.keys = ""
        self.say: list[bytes] = []
        self.changed = asyncio.Event()

    def on_socket_open(self) -> None:
        self._note("open")

    def on_socket_closed(self) -> None:
        self._note("closed")

    def on_frame(self, frame: bytes) -> bytes | None:
        self.heard.append(frame)
        self.changed.set()
        return self.say.pop(0) if self.say else None

    def on_key(self, key: str) -> None:
        self.keys += key
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()

    async def told(self, *events: str) -> None:
        await self.until(lambda: self.said == list(events))

    def _note(self, what: str) -> None:
        self.said.append(what)
        self.changed.set()


class Peer:
    """Asterisk's end of one socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, kind: int, payload: bytes = b"") -> None:
        self.writer.write(bytes([kind]) + len(payload).to_bytes(2, "big") + payload)

    def name(self, socket_id: uuid.UUID = ID) -> None:
        self.send(0x01, socket_id.bytes)

    async def frame(self) -> tuple[int, bytes]:
        header = await self.reader.readexactly(3)
        return header[0], await self.reader.readexactly(int.from_bytes(header[1:], "big"))

    async def last_frame(self) -> tuple[int, bytes] | None:
        """The last one before the server's end of the stream."""
        last = None
        while True:
            try:
                last = await self.frame()
            except asyncio.IncompleteReadError:
                return last


@asynccontextmanager
async def serving(limits: AudioSocketLimits = LIMITS, *, spread: bool = False) -> AsyncIterator[AudioSocketServer]:
    server = AudioSocketServer("127.0.0.1", limits=limits, spread=spread)
    await server.start()
    try:
        yield server
    finally:
        await server.close()
        assert server.open_sockets == 0


@asynccontextmanager
async def peer_of(server: AudioSocketServer) -> AsyncIterator[Peer]:
    host, port = server.address.split(":")
    peer = Peer(*await asyncio.open_connection(host, int(port)))
    try:
        yield peer
    finally:
        peer.writer.transport.abort()


@asynccontextmanager
async def heard_raw(server: AudioSocketServer) -> AsyncIterator[Callable[[], Awaitable[bytes]]]:
    """Asterisk's end of a socket with its id said; the function reads what there is."""
    with socket.socket() as plain:
        plain.setblocking(False)
        host, port = server.address.split(":")
        loop = asyncio.get_running_loop()
        await loop.sock_connect(plain, (host, int(port)))
        plain.send(b"\x01\x00\x10" + ID.bytes)
        yield lambda: loop.sock_recv(plain, 1 << 16)


def pcm(value: int) -> bytes:
    return value.to_bytes(2, "little") * (FRAME_BYTES // 2)
