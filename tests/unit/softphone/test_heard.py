"""Where what a phone hears is put on the wall clock, and which key events are keys."""

from __future__ import annotations

import numpy as np
import pytest

from speech.audio import alaw_decode, alaw_encode
from tests.softphone import rtp
from tests.softphone.heard import Heard
from tests.softphone.rtp import Event, Packet, pack_event

pytestmark = pytest.mark.unit

LOUD = alaw_encode(b"\x00\x20" * 160)
BEGIN_S = 100.0


def frames(pcm: bytes) -> list[bool]:
    """Which 20 ms are loud."""
    samples = np.frombuffer(pcm, "<i2").astype(int).reshape(-1, 160)
    return [bool(np.abs(frame).max() > 1000) for frame in samples]


def hear(*packets: tuple[float, int], ssrc: int = 1) -> Heard:
    """Loud packets by arrival (s after the begin) and timestamp."""
    heard = Heard()
    for at_s, timestamp in packets:
        heard.take(Packet(8, 0, timestamp % 2**32, ssrc, LOUD), "alaw", BEGIN_S + at_s)
    return heard


def test_jitter_is_no_gap_and_a_pause_is_one() -> None:
    start = 2**32 - 320  # over the wrap
    heard = hear((0.04, start), (0.075, start + 160), (0.08, start + 320), (0.16, start + 960))
    assert frames(heard.pcm(BEGIN_S, BEGIN_S + 0.2)) == [False] * 2 + [True] * 3 + [False] * 3 + [True, False]


def test_a_sender_whose_clock_stood_still_is_put_where_it_arrived() -> None:
    heard = hear((0.0, 0), (0.02, 160), (1.0, 320), (1.02, 480))
    assert [index for index, loud in enumerate(frames(heard.pcm(BEGIN_S, BEGIN_S + 1.1))) if loud] == [
        0,
        1,
        50,
        51,
    ]


def test_another_sender_begins_a_count_of_its_own() -> None:
    heard = hear((0.0, 0))
    heard.take(Packet(8, 0, 77, 2, LOUD), "alaw", BEGIN_S + 0.06)
    assert frames(heard.pcm(BEGIN_S, BEGIN_S + 0.1)) == [True, False, False, True, False]


def test_only_the_time_asked_for_is_given() -> None:
    heard = hear((0.0, 0), (0.02, 160))
    pcm = heard.pcm(BEGIN_S + 0.01, BEGIN_S + 0.03)
    assert pcm == alaw_decode(LOUD)[:160] * 2
    assert heard.pcm(BEGIN_S + 1, BEGIN_S) == b""


def test_sounds_are_told_by_their_arrival() -> None:
    heard = hear((0.0, 0), (0.02, 160), (0.08, 320), (0.5, 480))
    first, second = heard.sounds()
    assert (first.begin_s, first.end_s) == pytest.approx((BEGIN_S, BEGIN_S + 0.1))
    assert second.begin_s == pytest.approx(BEGIN_S + 0.5)
    assert heard.sounds(BEGIN_S + 0.2) == [second]


def test_a_key_is_taken_once_at_its_end() -> None:
    heard = Heard()
    for duration, end in ((160, False), (320, False), (480, True), (480, True), (480, True)):
        payload = pack_event(Event("5", duration, end))
        heard.take_key(Packet(101, 0, 1000, 1, payload), BEGIN_S)
    heard.take_key(Packet(101, 0, 3000, 1, pack_event(Event("5", 800, end=True))), BEGIN_S + 1)
    heard.take_key(Packet(101, 0, 5000, 1, b"\x10\x80\x03\x20"), BEGIN_S + 2)  # a flash: no key
    assert [(key.key, key.duration_ms) for key in heard.keys] == [("5", 60), ("5", 100)]
    assert len(rtp.KEYS) == 16
