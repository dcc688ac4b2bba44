"""G.711 A-law and µ-law by table lookup: exact, stateless, about 2 µs per 20 ms frame.

Source: ITU-T G.711 (11/88), tables 1a–2b. Linear audio is s16le; the codecs' 13- and 14-bit values sit in its
upper bits, as in ITU-T G.191 and Python's old audioop module, with which the tables agree sample by sample."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

_ALAW_SEGMENT_ENDS = np.array([0x1F, 0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF])
_ULAW_SEGMENT_ENDS = np.array([0x3F, 0x7F, 0xFF, 0x1FF, 0x3FF, 0x7FF, 0xFFF, 0x1FFF])
_ULAW_CLIP = 8159  # 14-bit
_ULAW_BIAS = 0x21  # 14-bit


def alaw_encode(pcm: bytes) -> bytes:
    """A-law octets of s16le audio: half as many bytes. Raises ValueError for an odd number of bytes."""
    return _alaw_encoder().take(np.frombuffer(pcm, np.uint16)).tobytes()


def alaw_decode(octets: bytes) -> bytes:
    """s16le audio of A-law octets: twice as many bytes."""
    return _alaw_decoder().take(np.frombuffer(octets, np.uint8)).tobytes()


def ulaw_encode(pcm: bytes) -> bytes:
    """µ-law octets of s16le audio: half as many bytes. Raises ValueError for an odd number of bytes."""
    return _ulaw_encoder().take(np.frombuffer(pcm, np.uint16)).tobytes()


def ulaw_decode(octets: bytes) -> bytes:
    """s16le audio of µ-law octets: twice as many bytes."""
    return _ulaw_decoder().take(np.frombuffer(octets, np.uint8)).tobytes()


def alaw_round_trip(pcm: bytes) -> bytes:
    """s16le audio as it sounds after an A-law line: encode and decode in one lookup."""
    return _alaw_line().take(np.frombuffer(pcm, np.uint16)).tobytes()


def _all_linear() -> NDArray[np.int64]:
    """Every s16 value, in the order of its bits read as uint16, so that a table is indexed by the raw sample."""
    return np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int64)


@cache
def _alaw_encoder() -> NDArray[np.uint8]:
    linear = _all_linear() >> 3  # 13 bits
    mask = np.where(linear >= 0, 0xD5, 0x55)  # sign bit and the even-bit inversion of G.711 §3.2
    magnitude = np.where(linear >= 0, linear, -linear - 1)
    segment = np.searchsorted(_ALAW_SEGMENT_ENDS, magnitude)
    step = (magnitude >> np.maximum(segment, 1)) & 0xF
    code: NDArray[np.int64] = ((segment << 4) | step) ^ mask
    return code.astype(np.uint8)


@cache
def _alaw_decoder() -> NDArray[np.int16]:
    octets = np.arange(256) ^ 0x55
    segment, step = (octets & 0x70) >> 4, (octets & 0xF) << 4
    magnitude = np.where(segment == 0, step + 8, (step + 0x108) << np.maximum(segment - 1, 0))
    return np.where(octets & 0x80, magnitude, -magnitude).astype(np.int16)


@cache
def _ulaw_encoder() -> NDArray[np.uint8]:
    linear = _all_linear() >> 2  # 14 bits
    mask = np.where(linear >= 0, 0xFF, 0x7F)  # every bit inverted, G.711 §3.2
    magnitude = np.minimum(np.abs(linear), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.searchsorted(_ULAW_SEGMENT_ENDS, magnitude)
    step = (magnitude >> (segment + 1)) & 0xF
    # The clipped maximum plus the bias is one beyond the last segment: it takes the largest code.
    code = np.where(segment > 7, 0x7F, (segment << 4) | step)
    return (code ^ mask).astype(np.uint8)


@cache
def _ulaw_decoder() -> NDArray[np.int16]:
    octets = ~np.arange(256) & 0xFF
    bias = _ULAW_BIAS << 2
    magnitude = ((((octets & 0xF) << 3) + bias) << ((octets & 0x70) >> 4)) - bias
    return np.where(octets & 0x80, -magnitude, magnitude).astype(np.int16)


@cache
def _alaw_line() -> NDArray[np.int16]:
    return _alaw_decoder().take(_alaw_encoder())
