"""A callee's line: A-law, noise at its level, echo at its delay and level, lost frames; the same for one seed."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import webrtcvad

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from speech.audio.g711 import alaw_round_trip
from speech.audio.levels import rms_dbfs
from trunk.carrier.line import QUIET_FRAME, Line, LineQuality
from trunk.carrier.sounds import NOMINAL_SPEECH_DBFS, babble, sound_of, tone

pytestmark = pytest.mark.unit


def frames(line: Line, count: int) -> list[bytes]:
    return [line.next_frame() for _ in range(count)]


def test_a_quiet_line_repeats_one_shared_frame() -> None:
    line = Line(LineQuality(), Random(1))
    assert all(frame is QUIET_FRAME for frame in frames(line, 100))
    assert rms_dbfs(QUIET_FRAME) < -70


def test_speech_arrives_after_a_law_and_then_it_is_quiet_again() -> None:
    line, sound = Line(LineQuality(), Random(1)), sound_of(tone(440, 100))
    line.say(sound)
    assert b"".join(frames(line, 5)) == alaw_round_trip(tone(440, 100))
    assert line.next_frame() is QUIET_FRAME


def test_a_new_saying_cuts_the_old_one_off() -> None:
    line = Line(LineQuality(), Random(1))
    line.say(sound_of(tone(440, 1000)))
    frames(line, 3)
    line.say(sound_of(tone(880, 40)))
    assert b"".join(frames(line, 2)) == alaw_round_trip(tone(880, 40))
    assert line.next_frame() is QUIET_FRAME


@pytest.mark.parametrize("dbfs", [-30.0, -46.0])
def test_noise_has_its_level_before_during_and_after_speech(dbfs: float) -> None:
    line = Line(LineQuality(noise_dbfs=dbfs), Random(1))
    assert rms_dbfs(b"".join(frames(line, 500))) == pytest.approx(dbfs, abs=0.3)
    line.say(sound_of(bytes(FRAME_BYTES * 500)))  # says nothing, so that only noise is left to measure
    assert rms_dbfs(b"".join(frames(line, 500))) == pytest.approx(dbfs, abs=0.3)
    assert rms_dbfs(b"".join(frames(line, 500))) == pytest.approx(dbfs, abs=0.3)


def test_noise_goes_on_without_a_seam_through_speech() -> None:
    plain, speaking = (Line(LineQuality(noise_dbfs=-30), Random(1)) for _ in range(2))
    expected = frames(plain, 900)
    before = frames(speaking, 350)
    speaking.say(sound_of(bytes(FRAME_BYTES * 500)))  # longer than the noise is before it repeats
    assert before + frames(speaking, 550) == expected


@pytest.mark.parametrize("echo_ms", [0.0, 5.0, 20.0, 60.0, 123.0])
def test_the_echo_comes_back_at_its_time_and_level(echo_ms: float) -> None:
    line = Line(LineQuality(echo_db=-20.0, echo_ms=echo_ms), Random(1))
    prompt = [tone(400, 200)[at : at + 320] for at in range(0, 3200, 320)]
    said = [SILENCE_FRAME] * 5 + prompt + [SILENCE_FRAME] * 20
    heard = b""
    for frame in said:
        heard += line.next_frame()
        line.said(frame)
    # What is said in a tick is on the line during the next 20 ms, and is heard from the tick after on.
    mine = np.frombuffer(b"".join([SILENCE_FRAME, *said])[: len(heard)], np.int16).astype(float)
    theirs = np.frombuffer(heard, np.int16).astype(float)
    shift = round(echo_ms * 8)
    expected = np.concatenate([np.zeros(shift), mine])[: len(theirs)] * 0.1
    assert np.abs(theirs - expected).max() < 40  # A-law twice; one sample's shift would be 229


def test_echo_of_silence_costs_no_arithmetic() -> None:
    line = Line(LineQuality(echo_db=-20.0), Random(1))
    for _ in range(50):
        assert line.next_frame() is QUIET_FRAME
        line.said(None)


def test_echo_noise_and_speech_add_up() -> None:
    line = Line(LineQuality(noise_dbfs=-40, echo_db=-10.0, echo_ms=0), Random(1))
    line.say(sound_of(tone(300, 400, dbfs=-20)))
    heard = []
    for at in range(0, 6400, 320):
        heard.append(line.next_frame())
        line.said(tone(1000, 400, dbfs=-10)[at : at + 320])
    expected = 10 * np.log10(10**-2 + 10**-2 + 10**-4)
    assert rms_dbfs(b"".join(heard[2:-2])) == pytest.approx(expected, abs=0.3)


def test_lost_frames_are_silence_and_as_many_as_asked() -> None:
    line = Line(LineQuality(noise_dbfs=-30, loss=0.1), Random(1))
    lost = sum(frame == SILENCE_FRAME for frame in frames(line, 5000))
    assert lost == pytest.approx(500, abs=70)


def test_jitter_loses_what_comes_too_late() -> None:
    within, beyond = (Line(LineQuality(noise_dbfs=-30, jitter_ms=ms), Random(1)) for ms in (10, 60))
    assert SILENCE_FRAME not in frames(within, 2000)
    lost = sum(frame == SILENCE_FRAME for frame in frames(beyond, 5000))
    assert lost / 5000 == pytest.approx(0.317, abs=0.03)  # beyond one standard deviation


def test_a_seed_is_a_line() -> None:
    quality = LineQuality(noise_dbfs=-30, loss=0.1, jitter_ms=30)
    first, again, other = (frames(Line(quality, Random(seed)), 300) for seed in (1, 1, 2))
    assert first == again
    assert first != other


class TestSounds:
    def test_the_level_is_that_of_speech_without_its_pauses(self) -> None:
        sound = sound_of(bytes(8000) + tone(440, 500, dbfs=-20) + bytes(24000))
        assert sound.level_dbfs == pytest.approx(-20, abs=0.2)
        assert sound_of(bytes(640)).level_dbfs == NOMINAL_SPEECH_DBFS

    def test_sounds_are_whole_frames(self) -> None:
        assert len(sound_of(bytes(322)).pcm) == 640
        assert sound_of(bytes(322)).seconds == 0.04

    def test_babble_is_speech_to_a_voice_detector_and_tones_have_their_pitch(self) -> None:
        vad = webrtcvad.Vad(2)
        pcm = babble().line_pcm
        voiced = [vad.is_speech(pcm[at : at + 320], 8000) for at in range(0, len(pcm), 320)]
        assert sum(voiced) / len(voiced) > 0.6
        assert babble().level_dbfs == pytest.approx(NOMINAL_SPEECH_DBFS, abs=0.2)
        spectrum = np.abs(np.fft.rfft(np.frombuffer(tone(1000, 400), np.int16)))
        assert np.argmax(spectrum) * 8000 / 3200 == 1000
