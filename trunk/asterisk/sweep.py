"""The audio of many sockets read by one call and written by another: `hear` and `say`.

To read all, hear all and say all is less work than one call after the other: what the kernel needs for a socket
and what Python needs for a frame push each other out of the processor's caches. Compiled (`_sweep.c`, where a
compiler is) it also saves the objects and calls around each read and write. The two in Python are the reference,
and serve everywhere else (docs/decisions/0197)."""

from __future__ import annotations

import os

from speech.audio import FRAME_BYTES
from trunk.asterisk.audioframes import AUDIO_HEADER

try:
    from trunk.asterisk import _sweep
except ImportError:  # no compiler when this was installed
    _sweep = None  # type: ignore[assignment]  # a module that may be missing has no type of its own

Heard = tuple[bytes, ...] | bytes | None

HEADER_BYTES = len(AUDIO_HEADER)
PACKET_BYTES = HEADER_BYTES + FRAME_BYTES
READ_PACKETS = 8  # two frames, and those that late ticks left
READ_BYTES = READ_PACKETS * PACKET_BYTES
MOST = 64  # sockets of one call

_INTERFACE = 1  # of the compiled one: one that was built from other sources isn't used
_TWO_BYTES = 2 * PACKET_BYTES
_FIRST = slice(HEADER_BYTES, PACKET_BYTES)
_SECOND = slice(PACKET_BYTES + HEADER_BYTES, _TWO_BYTES)


def hear_in_python(numbers: list[int]) -> list[Heard]:
    """What has come on each of these sockets, by their file descriptors; MOST of them, which don't block.

    The frames, 320 bytes each, where it was nothing but whole ones; () when nothing has come; else the bytes as
    they came, b"" at the peer's end; None: the connection is broken."""
    return [_heard_on(number) for number in numbers]


def say_in_python(numbers: list[int], pairs: list[tuple[bytes, bytes]]) -> list[tuple[int, int]]:
    """Say two frames, 320 bytes each, on each of these sockets, as two packets.

    Returns those that didn't take all of it: which one, and how many bytes it took (0: it has no room; -1: the
    connection is broken). Raises ValueError for what is no frame."""
    left = []
    for at, (number, (first, second)) in enumerate(zip(numbers, pairs, strict=True)):
        if len(first) != FRAME_BYTES or len(second) != FRAME_BYTES:
            raise ValueError(f"a pair to say is two frames of {FRAME_BYTES} bytes")
        try:
            taken = os.write(number, b"".join((AUDIO_HEADER, first, AUDIO_HEADER, second)))
        except BlockingIOError:
            taken = 0
        except OSError:
            taken = -1
        if taken != _TWO_BYTES:
            left.append((at, taken))
    return left


def _heard_on(number: int) -> Heard:
    try:
        data = os.read(number, READ_BYTES)
    except BlockingIOError:
        return ()
    except OSError:
        return None
    size = len(data)
    if size == _TWO_BYTES and data.startswith(AUDIO_HEADER) and data.startswith(AUDIO_HEADER, PACKET_BYTES):
        return data[_FIRST], data[_SECOND]  # as nearly always
    if size == 0 or size % PACKET_BYTES or size == READ_BYTES:  # more may wait than was asked for
        return data
    starts = range(0, size, PACKET_BYTES)
    if not all(data.startswith(AUDIO_HEADER, at) for at in starts):
        return data
    return tuple(data[at + HEADER_BYTES : at + PACKET_BYTES] for at in starts)


def _fits() -> bool:
    """Whether there is a compiled one, built from sources like these."""
    return _sweep is not None and (
        (_sweep.INTERFACE, _sweep.MOST, _sweep.FRAME_BYTES, _sweep.READ_PACKETS)
        == (_INTERFACE, MOST, FRAME_BYTES, READ_PACKETS)
    )


COMPILED = _fits()
hear = _sweep.hear if COMPILED else hear_in_python
say = _sweep.say if COMPILED else say_in_python
