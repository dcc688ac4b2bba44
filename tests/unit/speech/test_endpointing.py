from __future__ import annotations

import pytest

from speech.endpointing import DEFAULT_END_SILENCE_MS, Boundary, Endpointer, EndpointPolicy, policy_for

pytestmark = pytest.mark.unit


def hear(endpointer: Endpointer, pattern: str) -> tuple[Boundary, int]:
    """Boundary and how many ticks it took; "v" is a tick with voice, "." one without."""
    for count, mark in enumerate(pattern, 1):
        boundary = endpointer.hear(mark == "v")
        if boundary is not Boundary.OPEN:
            return boundary, count
    return Boundary.OPEN, len(pattern)


def test_ends_after_the_silence_and_not_in_a_pause() -> None:
    endpointer = Endpointer(EndpointPolicy(end_silence_ms=500), onset_ticks=3)
    assert hear(endpointer, "v" * 20 + "." * 24 + "v" * 5 + "." * 40) == (Boundary.ENDED, 20 + 24 + 5 + 25)


@pytest.mark.parametrize(
    ("kind", "ms"), [("yes_no", 500), ("rating", 500), ("digits", 700), ("new", DEFAULT_END_SILENCE_MS)]
)
def test_questions_differ_in_patience(kind: str, ms: int) -> None:
    endpointer = Endpointer(policy_for(kind, 8.0), onset_ticks=5)
    assert hear(endpointer, "." * 100) == (Boundary.ENDED, ms // 20)


def test_one_syllable_is_a_word_and_less_is_noise() -> None:
    policy = EndpointPolicy(min_voice_ms=80)
    assert hear(Endpointer(policy, onset_ticks=3), "v" + "." * 50)[0] is Boundary.ENDED
    assert hear(Endpointer(policy, onset_ticks=3), "." * 50)[0] is Boundary.NOISE


def test_talks_too_long() -> None:
    endpointer = Endpointer(EndpointPolicy(max_speech_s=2.0), onset_ticks=4)
    assert hear(endpointer, "v" * 500) == (Boundary.CUT, 96)


def test_counts_voice_and_the_silence_at_the_end() -> None:
    endpointer = Endpointer(EndpointPolicy(), onset_ticks=3)
    hear(endpointer, "vv..v...")
    assert (endpointer.voice_ticks, endpointer.silent_ticks) == (6, 3)
    assert endpointer.voice_s == pytest.approx(0.12)
