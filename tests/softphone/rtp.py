"""RTP packets (RFC 3550 §5.1) and the telephone events in them (RFC 4733 §2.3). Pure functions."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tests.softphone.errors import MessageError

KEYS = "0123456789*#ABCD"  # by their event number, RFC 4733 table 3
KEY_VOLUME = 10  # -10 dBm0, as telephones send
HEADER_BYTES = 12
RTCP_TYPES = range(72, 77)  # an RTCP packet read as RTP (RFC 5761 §4): 200-204 without the marker bit
_HEADER = struct.Struct(">BBHII")
_EVENT = struct.Struct(">BBH")


@dataclass(frozen=True, slots=True)
class Packet:
    payload_type: int
    sequence: int  # 16 bits
    timestamp: int  # 32 bits, in samples
    ssrc: int
    payload: bytes
    marker: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One packet of a key that is down, or (`end`) has been let go."""

    key: str
    duration: int  # so far, in samples
    end: bool = False


def pack(packet: Packet) -> bytes:
    kind = packet.payload_type | (0x80 if packet.marker else 0)
    return _HEADER.pack(0x80, kind, packet.sequence, packet.timestamp, packet.ssrc) + packet.payload


def parse(datagram: bytes) -> Packet:
    """Raises MessageError unless it is a whole RTP packet; contributing sources, extension and padding are cut."""
    if len(datagram) < HEADER_BYTES or datagram[0] >> 6 != 2:
        raise MessageError("not an RTP packet")
    bits, kind, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    start, end = HEADER_BYTES + 4 * (bits & 0x0F), len(datagram)
    if bits & 0x10:
        if start + 4 > end:
            raise MessageError("an RTP extension without its header")
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4])
    if bits & 0x20:
        end -= datagram[-1]
    if start > end:
        raise MessageError("an RTP packet shorter than it says")
    return Packet(kind & 0x7F, sequence, timestamp, ssrc, datagram[start:end], marker=bool(kind & 0x80))


def pack_event(event: Event) -> bytes:
    return _EVENT.pack(KEYS.index(event.key), KEY_VOLUME | (0x80 if event.end else 0), event.duration)


def parse_event(payload: bytes) -> Event:
    """Raises MessageError for what isn't one of the sixteen keys."""
    if len(payload) < _EVENT.size:
        raise MessageError("a telephone event that is too short")
    number, bits, duration = _EVENT.unpack_from(payload)
    if number >= len(KEYS):
        raise MessageError("a telephone event that is no key")
    return Event(KEYS[number], duration, end=bool(bits & 0x80))
