"""The generator and finder of key tones that other tests trust."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from speech.audio import alaw_round_trip, gain, mix, rms_dbfs
from tests.softphone.key_tones import KEYPAD, dtmf_tone, key_in_frame

pytestmark = pytest.mark.unit

KEYS = "".join(KEYPAD)


def keys_heard(frames: list[bytes]) -> str:
    """Each key once for as long as it lasts, and whole frames of it only."""
    heard = [key_in_frame(frame) for frame in frames]
    return "".join(key for before, key in pairwise([None, *heard]) if key is not None and key != before)


def dialled(sounds: Any, keys: str, seconds: float = 0.1) -> bytes:
    return b"".join(dtmf_tone(key, seconds) + sounds.silence(0.1) for key in keys)


def test_every_key_is_found_through_alaw(sounds: Any) -> None:
    assert keys_heard(sounds.frames(alaw_round_trip(dialled(sounds, KEYS)))) == KEYS


@pytest.mark.parametrize("snr_db", [20, 10])
def test_every_key_is_found_in_noise(sounds: Any, snr_db: int) -> None:
    audio = dialled(sounds, KEYS)
    assert keys_heard(sounds.frames(mix(audio, sounds.noise(10.0, -10 - snr_db)[: len(audio)]))) == KEYS


def test_speech_noise_and_single_tones_are_no_keys(sounds: Any) -> None:
    for audio in (sounds.voice(20.0), sounds.noise(20.0, -20), sounds.tone(2.0, 770), sounds.tone(2.0, 1336)):
        assert keys_heard(sounds.frames(audio)) == ""


def test_too_soft_or_too_twisted_is_no_key(sounds: Any) -> None:
    frame = dtmf_tone("1", 0.02)
    assert key_in_frame(frame) == "1"
    assert key_in_frame(gain(frame, -40)) is None
    assert key_in_frame(mix(sounds.tone(0.02, 697, -10), sounds.tone(0.02, 1209, -16))) == "1"
    assert key_in_frame(mix(sounds.tone(0.02, 697, -10), sounds.tone(0.02, 1209, -20))) is None


def test_generator_keeps_its_level_and_refuses_what_is_no_key() -> None:
    assert rms_dbfs(dtmf_tone("5", 0.1, dbfs=-13)) == pytest.approx(-13, abs=0.3)
    for wrong in ("", "E", "12"):
        with pytest.raises(ValueError, match="is no key"):
            dtmf_tone(wrong)
