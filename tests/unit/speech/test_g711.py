"""G.711 against the standard's own points, and against the interpreter's C tables where it has them."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest

from speech.audio import alaw_decode, alaw_encode, alaw_round_trip, ulaw_decode, ulaw_encode

pytestmark = pytest.mark.unit

EVERY_SAMPLE = np.arange(65536, dtype=np.uint16).tobytes()
EVERY_OCTET = bytes(range(256))


def pcm(*samples: int) -> bytes:
    return np.array(samples, np.int16).tobytes()


def test_decision_and_quantised_values_of_the_standard() -> None:
    # G.711 table 1a: 13-bit 4032 is the top quantised value, 1 the lowest; even bits inverted: 0xD5 is +0.
    assert alaw_decode(b"\xaa\x2a\xd5\x55") == pcm(32256, -32256, 8, -8)
    assert alaw_encode(pcm(32767, -32768, 0, -1)) == b"\xaa\x2a\xd5\x55"
    # Table 2a: 14-bit 8031 is the top, 0 is 0xFF and the negative zero 0x7F.
    assert ulaw_decode(b"\x80\x00\xff\x7f") == pcm(32124, -32124, 0, 0)
    assert ulaw_encode(pcm(32767, -32768, 0)) == b"\x80\x00\xff"


def test_octets_survive_the_way_to_linear_and_back() -> None:
    assert alaw_encode(alaw_decode(EVERY_OCTET)) == EVERY_OCTET
    negative_zero = 0x7F  # µ-law has two zeros; linear has one
    assert ulaw_encode(ulaw_decode(EVERY_OCTET)) == EVERY_OCTET.replace(bytes([negative_zero]), b"\xff")


def test_round_trip_is_encode_then_decode() -> None:
    assert alaw_round_trip(EVERY_SAMPLE) == alaw_decode(alaw_encode(EVERY_SAMPLE))
    assert alaw_round_trip(alaw_round_trip(EVERY_SAMPLE)) == alaw_round_trip(EVERY_SAMPLE)


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library")
def test_every_sample_as_in_the_standard_library() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop

    assert alaw_encode(EVERY_SAMPLE) == audioop.lin2alaw(EVERY_SAMPLE, 2)
    assert ulaw_encode(EVERY_SAMPLE) == audioop.lin2ulaw(EVERY_SAMPLE, 2)
    assert alaw_decode(EVERY_OCTET) == audioop.alaw2lin(EVERY_OCTET, 2)
    assert ulaw_decode(EVERY_OCTET) == audioop.ulaw2lin(EVERY_OCTET, 2)


def test_half_a_sample_is_an_error() -> None:
    with pytest.raises(ValueError, match="multiple"):
        alaw_encode(b"\x00\x00\x00")
