"""The RTP of one call: a socket of its own, both ways, on the phone's clock.

What is asked for (`saying`) goes first, then the line's own sound (`source`), then silence: telephones send all
the time. The socket is read and written directly: no transport, task or timer per call."""

from __future__ import annotations

import asyncio
import random
import socket
import time
from collections.abc import Callable
from typing import Protocol

from speech.audio import SAMPLES_PER_FRAME, SILENCE_FRAME, alaw_encode, ulaw_encode
from tests.softphone.errors import MessageError
from tests.softphone.heard import Heard
from tests.softphone.rtp import RTCP_TYPES, Packet, pack, pack_event, parse
from tests.softphone.saying import KeyStep, Playing, Saying
from tests.softphone.sdp import PAYLOAD_TYPES, Codec

END_PACKETS = 3  # a key's end is sent so often (RFC 4733 §2.5.1.4)
MAX_READS = 32  # per readiness, so that one flooded socket can't stop the others
_ENCODE = {"alaw": alaw_encode, "ulaw": ulaw_encode}
_SILENCE = {codec: encode(SILENCE_FRAME) for codec, encode in _ENCODE.items()}


class Source(Protocol):
    """A line that has a sound of its own: noise, echo, somebody talking."""

    def next_frame(self) -> bytes:
        """320 bytes s16le, every 20 ms."""


class Media:
    """Open from the moment the call has an answer to its offer; `send` every 20 ms once `redirect` was called."""

    def __init__(self, host: str, codec: Codec, key_type: int | None, on_quiet: Callable[[], None]) -> None:
        self.heard = Heard()
        self.saying = Saying(on_quiet)
        self.source: Source | None = None
        self.codec = codec
        self.key_type = key_type
        self.strays = 0  # datagrams that weren't RTP
        self._socket = _rtp_socket(host)
        self._remote: tuple[str, int] | None = None
        self._sequence = random.randrange(0x10000)
        self._timestamp = random.randrange(0x100000000)
        self._key_timestamp = 0
        self._ssrc = random.randrange(1, 0x100000000)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._read)

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def redirect(self, host: str, port: int) -> None:
        """Where our audio goes; port 0 is nowhere."""
        self._remote = (host, port) if port else None

    def play(self, pcm: bytes) -> Playing:
        """s16le mono 8 kHz, after what is being said; the last frame is filled up with silence."""
        octets = _ENCODE[self.codec](pcm)
        rest = -len(octets) % SAMPLES_PER_FRAME
        return self.saying.play(octets + _SILENCE[self.codec][:rest])

    def send(self) -> None:
        """One tick's packet or packets."""
        sound = None if self.source is None else self.source.next_frame()
        step = self.saying.step(time.monotonic())
        self._timestamp = (self._timestamp + SAMPLES_PER_FRAME) % 0x100000000
        if isinstance(step, KeyStep):
            self._send_key(step)
            return
        if step is None:
            step = _SILENCE[self.codec] if sound is None else _ENCODE[self.codec](sound)
        self._send(PAYLOAD_TYPES[self.codec], self._timestamp, step)

    def close(self) -> None:
        """Harmless when it is closed already."""
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self.saying.stop(time.monotonic())

    def _send_key(self, step: KeyStep) -> None:
        assert self.key_type is not None, "keys are only queued when the caller takes them"
        if step.first:
            self._key_timestamp = self._timestamp
        for _ in range(END_PACKETS if step.event.end else 1):
            self._send(self.key_type, self._key_timestamp, pack_event(step.event), marker=step.first)

    def _send(self, payload_type: int, timestamp: int, payload: bytes, *, marker: bool = False) -> None:
        if self._remote is None or self._socket.fileno() < 0:
            return
        self._sequence = (self._sequence + 1) % 0x10000
        packet = Packet(payload_type, self._sequence, timestamp, self._ssrc, payload, marker)
        try:
            self._socket.sendto(pack(packet), self._remote)
        except (BlockingIOError, ConnectionRefusedError):
            return  # lost, as packets are

    def _read(self) -> None:
        for _ in range(MAX_READS):
            try:
                datagram = self._socket.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                return
            self._take(datagram, time.monotonic())

    def _take(self, datagram: bytes, now_s: float) -> None:
        try:
            packet = parse(datagram)
        except MessageError:
            self.strays += 1
            return
        if packet.payload_type == PAYLOAD_TYPES[self.codec]:
            self.heard.take(packet, self.codec, now_s)
        elif packet.payload_type == self.key_type:
            self.heard.take_key(packet, now_s)
        elif packet.payload_type not in RTCP_TYPES:
            self.strays += 1


def _rtp_socket(host: str) -> socket.socket:
    """A free even port (RFC 3550 §11): the odd one above it is where the caller sends its RTCP."""
    for _ in range(64):
        candidate = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        candidate.setblocking(False)
        candidate.bind((host, 0))
        if candidate.getsockname()[1] % 2 == 0:
            return candidate
        candidate.close()
    raise OSError("no even UDP port is free")
