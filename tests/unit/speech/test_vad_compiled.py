"""The compiled voice detector beside the one in Python: the same frames, the same decisions."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from speech import vad
from speech.audio import FRAME_BYTES, SILENCE_FRAME, mix
from speech.audio.files import read_audio
from speech.vad import COMPILED, Voice, VoiceDetector
from tests.softphone.key_tones import dtmf_tone

pytestmark = pytest.mark.unit

CALLERS = sorted((Path(__file__).parents[2] / "callers").glob("*/*/*.wav"))
needs_it = pytest.mark.skipif(
    COMPILED is None and os.environ.get("CI") != "true", reason="no compiler was there when this was installed"
)


def decisions(detector: Voice, frames: list[bytes], least_power: float) -> list[tuple[bool, bool, bool, int]]:
    return [
        (detector.hear(frame, least_power), detector.speaking, detector.voiced, detector.onset_age)
        for frame in frames
    ]


def compiled() -> Voice:
    assert COMPILED is not None
    return COMPILED()


@needs_it
@pytest.mark.parametrize("noise_dbfs", [None, -60, -45, -30])
@pytest.mark.parametrize("least_power", [0.0, 1e5])
def test_callers_are_heard_alike(sounds: Any, noise_dbfs: float | None, least_power: float) -> None:
    audio = b"".join(sounds.silence(0.4) + read_audio(path) for path in CALLERS)
    if noise_dbfs is not None:
        audio = mix(audio, sounds.noise(len(audio) / 16000, noise_dbfs))
    frames = sounds.frames(audio)
    found = decisions(compiled(), frames, least_power)
    assert found == decisions(VoiceDetector(), frames, least_power)
    if noise_dbfs is None:
        assert sum(speaking and not before for (before, *_), (speaking, *_) in pairwise(found)) > len(CALLERS) / 2


@needs_it
def test_tones_and_noise_are_heard_alike(sounds: Any) -> None:
    audio = b"".join(sounds.silence(0.5) + dtmf_tone(key, 0.3) for key in "159#")
    audio += sounds.noise(2.0, -20) + sounds.voice(1.0, -20) + sounds.silence(2.0) + sounds.voice(0.5, -40)
    frames = sounds.frames(audio)
    assert decisions(compiled(), frames, 0.0) == decisions(VoiceDetector(), frames, 0.0)


@needs_it
def test_what_else_it_says_is_the_same(sounds: Any) -> None:
    one, other = compiled(), VoiceDetector()
    assert np.array_equal(one.samples, other.samples)
    for frame in sounds.frames(sounds.silence(0.5) + sounds.voice(0.5)):
        assert one.hear(frame) == other.hear(frame)
        assert one.power == pytest.approx(other.power, rel=1e-6)
        assert np.array_equal(one.samples, other.samples)
    assert one.speaking
    one.forget()
    other.forget()
    assert not one.speaking
    assert [one.hear(SILENCE_FRAME) for _ in range(9)] == [other.hear(SILENCE_FRAME) for _ in range(9)]


@needs_it
def test_it_refuses_what_is_no_frame_and_keeps_nothing_of_it() -> None:
    detector = compiled()
    with pytest.raises(ValueError, match="320 bytes, not 319"):
        detector.hear(bytes(319))
    with pytest.raises(TypeError):
        detector.hear("no bytes")  # type: ignore[arg-type]  # that is the point
    with pytest.raises(TypeError):
        detector.hear(SILENCE_FRAME, "loud")  # type: ignore[arg-type]  # that is the point
    frame = bytes(bytearray(FRAME_BYTES))
    before = sys.getrefcount(frame)
    for _ in range(1000):
        detector.hear(frame)
    assert sys.getrefcount(frame) == before + 1  # the last one is kept, for `samples`
    del detector
    assert sys.getrefcount(frame) == before


@needs_it
def test_what_fails_inside_is_raised(monkeypatch: pytest.MonkeyPatch, sounds: Any) -> None:
    def fail(*_: object) -> bool:
        raise RuntimeError("webrtcvad's fault")

    monkeypatch.setattr(vad, "_process", fail)
    assert vad._compiled() is not None  # told anew what to call
    try:
        with pytest.raises(RuntimeError, match="webrtcvad's fault"):
            compiled().hear(SILENCE_FRAME)
    finally:
        monkeypatch.undo()
        vad._compiled()
    compiled().hear(SILENCE_FRAME)


def test_one_that_was_built_from_other_sources_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "COMPILED", None)
    assert isinstance(vad.voice_detector(), VoiceDetector)
    monkeypatch.setattr(vad, "_INTERFACE", -1)
    assert vad._compiled() is None
    monkeypatch.setattr(vad, "_voice", None)
    assert vad._compiled() is None


@needs_it
def test_limits_that_cannot_be_change_nothing() -> None:
    set_up = vars(vad)["_voice"].set_up
    with pytest.raises(TypeError):
        set_up(least_power=1.0)
    told: dict[str, Any] = dict.fromkeys(("least_power", "above_floor", "floor_rise", "comfort_power"), 1.0)
    told |= dict.fromkeys(("onset_frames", "release_ticks"), 1)
    told |= dict.fromkeys(("create", "process", "is_tone", "samples_of", "rate", "size"), None)
    for wrong in ({"floor_every_ticks": 0, "onset_window": 5}, {"floor_every_ticks": 5, "onset_window": 31}):
        with pytest.raises(ValueError, match="can't be"):
            set_up(**told, **wrong, silence=b"", comfort=b"")
    assert not compiled().hear(SILENCE_FRAME)
