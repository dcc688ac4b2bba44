from __future__ import annotations

from typing import Any

import pytest

from speech.audio import SILENCE_FRAME
from speech.turn import Ear
from speech.turn.ear import KEPT_TICKS

pytestmark = pytest.mark.unit


def test_keeps_a_second_and_a_half_and_no_more(sounds: Any) -> None:
    ear, frames = Ear(), sounds.frames(sounds.noise(4.0, -40))
    for frame in frames:
        ear.hear(frame)
    assert ear.since(0) == frames[-KEPT_TICKS:]
    assert ear.since(ear.tick - 9) == frames[-10:]
    assert ear.since(ear.tick + 1) == []


def test_says_when_the_voice_began_and_how_long_nobody_has_spoken(sounds: Any) -> None:
    ear = Ear()
    for frame in sounds.frames(sounds.silence(1.0) + sounds.voice(0.5) + sounds.silence(1.0)):
        ear.hear(frame)
    assert 51 <= ear.onset_tick <= 56
    assert not ear.speaking
    assert 35 <= ear.silent_ticks <= 42


def test_a_machines_beep_is_noticed_though_no_turn_waits_for_it_yet(sounds: Any) -> None:
    ear = Ear()
    for frame in sounds.frames(
        sounds.voice(4.0) + sounds.silence(0.5) + sounds.tone(0.4, 1000) + sounds.silence(0.2)
    ):
        ear.hear(frame)
    assert ear.amd.result is not None
    assert ear.amd.result.reason == "long_greeting"
    assert ear.beep_end_tick == 200 + 25 + 20 + 1


def test_our_own_voice_is_no_greeting_and_nobody_elses_voice(sounds: Any) -> None:
    from speech.audio import gain, mean_square

    ear, said = Ear(), sounds.frames(sounds.voice(5.0, pitch_hz=210))
    for tick, frame in enumerate(said):
        ear.hear(gain(said[tick - 4], -10) if tick >= 4 else SILENCE_FRAME)
        ear.said(frame, mean_square(frame))
        assert not ear.speaking
    assert ear.amd.result is not None
    assert ear.amd.result.reason == "no_greeting"


def test_where_keys_alone_count_it_listens_for_machines_alone(
    sounds: Any,
) -> None:
    ear = Ear(hears=False)
    for frame in sounds.frames(sounds.voice(0.6) + sounds.silence(10.0) + sounds.voice(1.0)):
        ear.hear(frame)
    assert ear.amd.result is not None
    assert ear.amd.result.reason == "short_greeting"
    assert not ear.speaking
    assert ear.onset_tick < 40
    assert ear.tick == 580
    ear.watch_beeps = True
    for frame in sounds.frames(sounds.silence(0.5) + sounds.tone(0.4, 1000) + sounds.silence(0.2)):
        ear.hear(frame)
    assert ear.beep_end_tick == 580 + 25 + 20 + 1
