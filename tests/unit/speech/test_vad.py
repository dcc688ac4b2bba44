"""Voice activity on arithmetic voices; recorded callers are in tests/integration/turn."""

from __future__ import annotations

from typing import Any

import pytest

from speech.audio import mix
from speech.vad import LEAST_POWER, NoiseFloor, VoiceDetector
from tests.softphone.key_tones import dtmf_tone

pytestmark = pytest.mark.unit


def bursts(frames: list[bytes], least_power: float = 0.0) -> list[tuple[int, int]]:
    """(onset, release) in ticks of every burst of voice."""
    detector, found, speaking = VoiceDetector(), list[list[int]](), False
    for tick, frame in enumerate(frames):
        if detector.hear(frame, least_power) != speaking:
            speaking = detector.speaking
            if speaking:
                found.append([tick - detector.onset_age, len(frames)])
            else:
                found[-1][1] = tick
    return [(onset, release) for onset, release in found]


@pytest.mark.parametrize("dbfs", [-15, -25, -40])
def test_voice_is_one_burst_with_its_beginning_and_end(sounds: Any, dbfs: float) -> None:
    ((onset, release),) = bursts(
        sounds.frames(sounds.silence(1.0) + sounds.voice(1.0, dbfs) + sounds.silence(1.0))
    )
    assert 50 <= onset <= 56
    assert 97 <= release - 10 <= 112  # the release comes 200 ms after the last voice


@pytest.mark.parametrize("seconds", [0.16, 0.2, 0.3])
def test_a_word_as_short_as_bu_is_heard(sounds: Any, seconds: float) -> None:
    audio = sounds.silence(1.0) + sounds.voice(seconds) + sounds.silence(1.0)
    assert len(bursts(sounds.frames(mix(audio, sounds.noise(3.0, -60))))) == 1


def test_a_click_is_no_onset(sounds: Any) -> None:
    assert bursts(sounds.frames(sounds.silence(1.0) + sounds.noise(0.04, -10) + sounds.silence(1.0))) == []


@pytest.mark.parametrize("dbfs", [-60, -40, -30])
def test_steady_noise_is_no_voice_even_from_the_first_frame(sounds: Any, dbfs: float) -> None:
    assert bursts(sounds.frames(sounds.noise(8.0, dbfs))) == []


@pytest.mark.parametrize("snr_db", [20, 10])
def test_voice_is_found_in_noise(sounds: Any, snr_db: int) -> None:
    audio = sounds.silence(2.0) + sounds.voice(1.0, -20) + sounds.silence(1.0)
    found = bursts(sounds.frames(mix(audio, sounds.noise(4.0, -20 - snr_db))))
    assert 100 <= found[0][0] <= 108
    assert all(100 <= onset < 160 for onset, _ in found)


def test_without_the_floor_noise_would_be_voice(sounds: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speech.vad.ABOVE_FLOOR", 0.0)
    assert bursts(sounds.frames(sounds.noise(8.0, -25))) != []


@pytest.mark.parametrize("hz", [450, 950, 1400])
def test_network_tones_are_no_voice(sounds: Any, hz: float) -> None:
    assert bursts(sounds.frames(sounds.silence(1.0) + sounds.tone(2.0, hz) + sounds.silence(1.0))) == []


def test_keys_are_no_voice(sounds: Any) -> None:
    audio = b"".join(sounds.silence(0.5) + dtmf_tone(key, 0.3) for key in "0123456789*#")
    assert bursts(sounds.frames(audio)) == []


def test_voice_softer_than_asked_for_is_none(sounds: Any) -> None:
    frames = sounds.frames(sounds.silence(0.5) + sounds.voice(1.0, -30))
    assert bursts(frames) != []
    assert bursts(frames, least_power=32768.0**2 * 0.1) == []


def test_a_long_sentence_does_not_become_the_floor(sounds: Any) -> None:
    found = bursts(sounds.frames(sounds.silence(2.0) + sounds.voice(6.0, -20)))
    assert sum(release - onset for onset, release in found) >= 280


def test_floor_follows_noise_down_at_once_and_up_slowly() -> None:
    floor = NoiseFloor()
    for _ in range(150):
        floor.hear(1e6)
    assert floor.power == pytest.approx(1e6)
    for _ in range(10):
        floor.hear(1e3)
    assert floor.power == pytest.approx(1e3)
    for _ in range(75):
        floor.hear(1e6)
    assert floor.power < 2e4  # 6 dB a second
    for _ in range(300):
        floor.hear(1e6)
    assert floor.power == pytest.approx(1e6)


def test_digital_silence_is_no_floor_to_stand_on() -> None:
    floor = NoiseFloor()
    for _ in range(100):
        floor.hear(0.0)
    assert floor.gate == LEAST_POWER
