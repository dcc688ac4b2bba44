"""What a phone hears: every packet with its time, put on the wall clock, and the keys in it.

Nothing is decoded until somebody asks: two hundred phones hear for the price of a list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from speech.audio import FRAME_BYTES, FRAME_S, SAMPLE_RATE_HZ, alaw_decode, rms_dbfs, ulaw_decode
from tests.softphone.errors import MessageError
from tests.softphone.rtp import Packet, parse_event
from tests.softphone.sdp import Codec

RESYNC_S = 0.2  # a packet further than this from its place on the sender's clock begins a new count
SOUND_DBFS = -55.0  # louder is a sound; A-law's own silence is at -72 dBFS
PAUSE_S = 0.1  # shorter gaps don't end a sound
_DECODE = {"alaw": alaw_decode, "ulaw": ulaw_decode}


@dataclass(frozen=True, slots=True)
class HeardPacket:
    at_s: float  # arrival, loop time
    timestamp: int
    ssrc: int
    codec: Codec
    payload: bytes

    @property
    def pcm(self) -> bytes:
        """s16le mono 8 kHz."""
        return _DECODE[self.codec](self.payload)

    @property
    def loud(self) -> bool:
        return rms_dbfs(self.pcm) > SOUND_DBFS


@dataclass(frozen=True, slots=True)
class HeardKey:
    key: str
    at_s: float  # when it was let go, or last heard of
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Sound:
    """A stretch of sound at the phone's ear, by the arrival of its packets."""

    begin_s: float
    end_s: float


@dataclass
class Heard:
    """Audio and keys of one call, in the order of arrival."""

    packets: list[HeardPacket] = field(default_factory=list)
    keys: list[HeardKey] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)  # set with every packet, and at the call's end
    _key_stamp: int | None = None  # RTP timestamp of the last key taken: its end is sent three times

    def take(self, packet: Packet, codec: Codec, at_s: float) -> None:
        self.packets.append(HeardPacket(at_s, packet.timestamp, packet.ssrc, codec, packet.payload))
        self.arrived.set()

    def take_key(self, packet: Packet, at_s: float) -> HeardKey | None:
        """A telephone event's packet; gives the key when this one ends it."""
        try:
            event = parse_event(packet.payload)
        except MessageError:
            return None  # flash and fax tones are events too, but no keys
        if not event.end or packet.timestamp == self._key_stamp:
            return None
        self._key_stamp = packet.timestamp
        key = HeardKey(event.key, at_s, event.duration * 1000 // SAMPLE_RATE_HZ)
        self.keys.append(key)
        self.arrived.set()
        return key

    def pcm(self, from_s: float, until_s: float) -> bytes:
        """s16le mono 8 kHz of that time, silence where nothing came.

        A packet is where its sender's clock puts it, so that the network's jitter is no gap."""
        size = max(0, round((until_s - from_s) * SAMPLE_RATE_HZ)) * 2
        line = bytearray(size)
        for place_s, packet in self._placed():
            start = round((place_s - from_s) * SAMPLE_RATE_HZ) * 2
            pcm = packet.pcm
            if start < 0:
                pcm, start = pcm[-start:], 0
            pcm = pcm[: max(0, size - start)]
            line[start : start + len(pcm)] = pcm
        return bytes(line)

    def sounds(self, from_s: float = 0.0) -> list[Sound]:
        """Stretches of sound since `from_s`, by arrival: what latency is measured from."""
        sounds: list[Sound] = []
        for packet in self.packets:
            if packet.at_s < from_s or not packet.loud:
                continue
            end_s = packet.at_s + FRAME_S
            if sounds and packet.at_s - sounds[-1].end_s < PAUSE_S:
                sounds[-1] = Sound(sounds[-1].begin_s, end_s)
            else:
                sounds.append(Sound(packet.at_s, end_s))
        return sounds

    def last_frame(self) -> bytes | None:
        """The newest packet's first 20 ms; what an echo is made of."""
        return self.packets[-1].pcm[:FRAME_BYTES] if self.packets else None

    def _placed(self) -> Iterator[tuple[float, HeardPacket]]:
        base_s, base_stamp, ssrc = 0.0, 0, None
        for packet in self.packets:
            place_s = base_s + _difference(packet.timestamp, base_stamp) / SAMPLE_RATE_HZ
            if packet.ssrc != ssrc or abs(packet.at_s - place_s) > RESYNC_S:
                place_s = packet.at_s
                base_s, base_stamp, ssrc = place_s, packet.timestamp, packet.ssrc
            yield place_s, packet


def _difference(later: int, earlier: int) -> int:
    """Of two 32-bit timestamps, over the wrap."""
    return (later - earlier + 0x80000000) % 0x100000000 - 0x80000000
