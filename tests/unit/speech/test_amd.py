from __future__ import annotations

from typing import Any

import pytest

from speech.amd import AmdState, AnsweringMachineDetector, BeepDetector, Verdict
from speech.audio import alaw_round_trip, mix
from speech.turn import Ear

pytestmark = pytest.mark.unit


def verdict_of(audio: bytes, sounds: Any) -> Any:
    ear = Ear()
    for frame in sounds.frames(alaw_round_trip(audio)):
        ear.hear(frame)
        if not ear.amd.listening:
            break
    return ear.amd.result


def test_a_short_greeting_and_silence_is_a_person(sounds: Any) -> None:
    result = verdict_of(sounds.silence(0.6) + sounds.voice(0.7) + sounds.silence(11), sounds)
    assert (result.verdict, result.reason) == (Verdict.HUMAN, "short_greeting")
    assert 1900 <= result.delay_ms <= 2500


def test_hello_who_are_you_stays_a_person(sounds: Any) -> None:
    audio = sounds.silence(0.5) + sounds.voice(0.6) + sounds.silence(0.3) + sounds.voice(1.5, seed=3)
    assert verdict_of(audio + sounds.silence(11), sounds).verdict is Verdict.HUMAN


def test_who_called_us_is_a_person_however_long_they_talk(sounds: Any) -> None:
    ear = Ear()
    ear.amd.person("called_us")
    for frame in sounds.frames(alaw_round_trip(sounds.silence(0.5) + sounds.voice(6.0) + sounds.silence(1.0))):
        ear.hear(frame)
    assert ear.onset_tick > 0  # they were heard
    assert not ear.takes_machine()
    assert (ear.amd.result and ear.amd.result.verdict) is Verdict.HUMAN


def test_a_long_greeting_is_a_machine_though_it_pauses_between_sentences(sounds: Any) -> None:
    audio = sounds.silence(0.8) + sounds.voice(1.4) + sounds.silence(0.5) + sounds.voice(4.0, seed=3)
    result = verdict_of(audio, sounds)
    assert (result.verdict, result.reason) == (Verdict.MACHINE, "long_greeting")
    assert result.delay_ms <= 4200


@pytest.mark.parametrize("hz", [440, 1000, 1400])
def test_a_beep_is_a_machine_even_after_a_short_greeting(sounds: Any, hz: float) -> None:
    audio = (
        sounds.silence(0.5) + sounds.voice(0.8) + sounds.silence(1.5) + sounds.tone(0.4, hz) + sounds.silence(1)
    )
    result = verdict_of(audio, sounds)
    assert (result.verdict, result.reason) == (Verdict.MACHINE, "beep")


def test_silence_is_no_verdict_until_the_window_is_over(sounds: Any) -> None:
    result = verdict_of(sounds.silence(12), sounds)
    assert result.verdict is Verdict.UNSURE


def test_a_long_reply_that_begins_late_is_no_greeting(sounds: Any) -> None:
    assert verdict_of(sounds.silence(4.0) + sounds.voice(5.0), sounds).verdict is Verdict.UNSURE


def test_nothing_is_called_a_machine_after_the_window(sounds: Any) -> None:
    audio = sounds.silence(0.5) + sounds.voice(0.7) + sounds.silence(9.5) + sounds.tone(0.5, 1000)
    assert verdict_of(audio, sounds).verdict is Verdict.HUMAN


@pytest.mark.parametrize("reason", ["key", "answer"])
def test_a_key_or_an_answer_settles_it(reason: Any) -> None:
    amd = AnsweringMachineDetector()
    amd.person(reason)
    for _ in range(300):
        amd.hear(voiced=True, speaking=True)
    amd.beep()
    assert amd.result is not None
    assert (amd.result.verdict, amd.result.reason) == (Verdict.HUMAN, reason)


def test_a_machine_is_told_once() -> None:
    ear = Ear()
    ear.amd.beep()
    assert ear.amd.state is AmdState.MACHINE
    assert ear.takes_machine()
    assert not ear.takes_machine()


def beeps(audio: bytes, sounds: Any) -> int:
    ear, detector = Ear(), BeepDetector()
    count = 0
    for frame in sounds.frames(audio):
        ear.vad.hear(frame)
        count += detector.hear(ear.vad.samples, ear.vad.power)
    return count


def test_beeps_are_counted_once_each_at_any_frequency(sounds: Any) -> None:
    for hz in range(420, 2000, 37):
        audio = sounds.tone(0.3, hz) + sounds.silence(0.3) + sounds.tone(1.0, hz)
        assert beeps(mix(audio, sounds.noise(1.6, -40)), sounds) == 2, hz


def test_short_tones_keys_hums_speech_and_noise_are_no_beeps(sounds: Any) -> None:
    from tests.softphone.key_tones import dtmf_tone

    for audio in (
        sounds.tone(0.16, 1000),
        sounds.tone(1.0, 250),
        dtmf_tone("5", 1.0),
        sounds.voice(10.0),
        sounds.voice(10.0, pitch_hz=260),
        sounds.noise(5.0, -20),
        sounds.tone(1.0, 1000, -50),
    ):
        assert beeps(audio, sounds) == 0
