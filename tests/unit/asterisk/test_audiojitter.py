"""The frames that wait, without sockets and clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from trunk.asterisk.audiojitter import JitterBuffer
from trunk.asterisk.audioports import AudioSocketLimits

pytestmark = pytest.mark.unit

LIMITS = AudioSocketLimits()


class Dropped:
    def __init__(self) -> None:
        self.frames = 0

    def one(self) -> None:
        self.frames += 1


def pcm(value: int) -> bytes:
    return bytes([value]) * FRAME_BYTES


def test_silence_in_place_of_what_is_missing() -> None:
    jitter = JitterBuffer(LIMITS, Dropped().one)
    jitter.take(pcm(1))
    assert jitter.next_two() == (pcm(1), SILENCE_FRAME)
    assert jitter.next_two() == (SILENCE_FRAME, SILENCE_FRAME)


def test_frames_are_cut_out_of_any_lengths() -> None:
    jitter = JitterBuffer(LIMITS, Dropped().one)
    sound = pcm(1) + pcm(2) + pcm(3)
    for begin, end in ((0, 100), (100, 420), (420, 960)):
        jitter.take(sound[begin:end])
    assert jitter.part == b""
    assert [*jitter.next_two(), *jitter.next_two()] == [pcm(1), pcm(2), pcm(3), SILENCE_FRAME]


def test_beyond_the_bound_the_oldest_go() -> None:
    dropped = Dropped()
    jitter = JitterBuffer(replace(LIMITS, jitter_frames=3), dropped.one)
    for value in range(1, 11):
        jitter.take(pcm(value))
    assert dropped.frames == 7
    assert [*jitter.next_two(), *jitter.next_two()] == [pcm(8), pcm(9), pcm(10), SILENCE_FRAME]


def test_a_backlog_is_shed_down_to_the_spare_frames_and_no_further() -> None:
    dropped = Dropped()
    jitter = JitterBuffer(replace(LIMITS, jitter_frames=50, spare_frames=1, shed_after_ticks=6), dropped.one)
    for _ in range(10):
        jitter.take(pcm(1))
    for _ in range(60):  # two are heard and two come
        jitter.next_two()
        jitter.take(pcm(1) + pcm(1))
    assert len(jitter.frames) == 3  # the spare one, and the two that have just come
    assert dropped.frames == 7


def test_a_backlog_of_a_moment_is_not_shed() -> None:
    dropped = Dropped()
    jitter = JitterBuffer(replace(LIMITS, shed_after_ticks=6), dropped.one)
    for _ in range(10):
        for _ in range(6):
            jitter.take(pcm(1))
        for _ in range(3):
            jitter.next_two()
    assert dropped.frames == 0
