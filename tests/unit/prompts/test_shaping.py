"""Sound: trimmed, levelled, whole frames."""

from __future__ import annotations

import numpy as np
import pytest

from prompts.shaping import PEAK_DBFS, peak_dbfs, phrase_starts, shape, silence, speech_rms_dbfs, whole_frames
from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ

pytestmark = pytest.mark.unit


def tone(seconds: float, amplitude: float = 1000.0) -> bytes:
    time = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (np.sin(2 * np.pi * 300 * time) * amplitude).astype("<i2").tobytes()


@pytest.mark.parametrize("amplitude", [50, 1000, 20000, 32000])
def test_every_level_comes_out_the_same(amplitude: float) -> None:
    shaped = shape(tone(0.5, amplitude))
    assert speech_rms_dbfs(shaped) == pytest.approx(-18, abs=0.5)
    assert peak_dbfs(shaped) < PEAK_DBFS


def test_peaks_are_bent_below_the_ceiling() -> None:
    clicks = np.frombuffer(tone(1.0), dtype="<i2").copy()
    clicks[::4000] = 30000
    shaped = shape(clicks.tobytes())
    assert peak_dbfs(shaped) <= PEAK_DBFS + 0.001  # rounding to whole samples
    assert speech_rms_dbfs(shaped) == pytest.approx(-18, abs=2)


def test_silence_around_speech_goes() -> None:
    shaped = shape(bytes(16000) + tone(0.5) + bytes(32000))
    assert 0.5 <= len(shaped) / 2 / SAMPLE_RATE_HZ <= 0.58
    assert len(shaped) % FRAME_BYTES == 0


def test_a_pause_inside_stays() -> None:
    shaped = shape(tone(0.3) + silence(200) + tone(0.3))
    assert len(shaped) / 2 / SAMPLE_RATE_HZ >= 0.8


def test_nothing_comes_of_silence() -> None:
    assert shape(bytes(16000)) == b""
    assert shape(b"") == b""


def test_frames_are_whole() -> None:
    assert len(whole_frames(b"x" * 321)) == 640
    assert len(silence(50)) == 3 * FRAME_BYTES


def test_recordings_are_resumed_behind_pauses() -> None:
    pcm = whole_frames(tone(0.4) + silence(300) + tone(0.4) + silence(100) + tone(0.4))
    assert phrase_starts(pcm) == (0, 34)  # 0.7 s, one frame early; the pause of 100 ms is none
