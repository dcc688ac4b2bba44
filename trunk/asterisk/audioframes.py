"""AudioSocket's frames, pure: one byte of type, two of length (big-endian), the payload. No I/O, no clock.

Source: Asterisk's res_audiosocket.c and its documented protocol; what Asterisk 22 really sends was measured."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from struct import Struct

from speech.audio import FRAME_BYTES

MAX_PAYLOAD_BYTES = 3200  # 200 ms of audio: no SIP peer packs more into one packet
_HEADER = Struct(">BH")
_UUID_BYTES = 16


class Kind(IntEnum):
    """The types of frame that either side may send."""

    HANG_UP = 0x00
    ID = 0x01
    KEY = 0x03
    AUDIO = 0x10  # s16le mono 8 kHz
    ERROR = 0xFF


AUDIO_HEADER = _HEADER.pack(Kind.AUDIO, FRAME_BYTES)
HANG_UP = _HEADER.pack(Kind.ERROR, 0)  # the one frame after which Asterisk's application hangs the call up
_KEYS = frozenset(b"0123456789*#ABCD")


class MalformedFrameError(Exception):
    """Bytes that no AudioSocket peer sends. The message is one clause, without the bytes."""


class FrameParser:
    """Cuts a byte stream into frames, however it was split on its way.

    `rest` is the unfinished frame, one at most: a length beyond the bound is refused when its header is there."""

    def __init__(self, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> None:
        self._max_payload_bytes = max_payload_bytes
        self.rest = b""

    def feed(self, data: bytes) -> Iterator[tuple[Kind, bytes]]:
        """Frames that are complete now. Exhaust it before the next `feed`.

        Raises MalformedFrameError, after the frames before the bad one; nothing may be fed after that."""
        if self.rest:
            data = self.rest + data
        at, end = 0, len(data)
        while end - at >= _HEADER.size:
            number, length = _HEADER.unpack_from(data, at)
            kind = _KINDS.get(number)
            if kind is None:
                raise MalformedFrameError(f"unknown type 0x{number:02x}")
            self._check_length(kind, length)
            payload_at = at + _HEADER.size
            if end - payload_at < length:
                break
            at = payload_at + length
            payload = data[payload_at:at]
            if kind is Kind.KEY and payload[0] not in _KEYS:
                raise MalformedFrameError("a key that no telephone has")
            yield kind, payload
        self.rest = data[at:]

    def _check_length(self, kind: Kind, length: int) -> None:
        if length > self._max_payload_bytes:
            raise MalformedFrameError(f"a frame of {length} bytes, more than {self._max_payload_bytes}")
        if kind is Kind.AUDIO and (length == 0 or length % 2):
            raise MalformedFrameError(f"audio of {length} bytes, not whole samples")
        wanted = _LENGTHS.get(kind, length)
        if length != wanted:
            raise MalformedFrameError(f"a frame of type 0x{kind:02x} with {length} bytes, not {wanted}")


_KINDS = {int(kind): kind for kind in Kind}
_LENGTHS = {Kind.HANG_UP: 0, Kind.ID: _UUID_BYTES, Kind.KEY: 1}
