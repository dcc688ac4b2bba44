"""Stereo recordings: bounded, whole or absent."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from speech.audio import SILENCE_FRAME
from trunk.recorder import StereoRecorder

pytestmark = pytest.mark.unit
LOUD = b"\x00\x10" * 160


def frames_in(path: Path) -> int:
    with wave.open(str(path), "rb") as file:
        return file.getnframes() // 160


def test_a_recording_ends_at_its_limit(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav", max_s=1.0)
    for _ in range(80):
        recorder.add(LOUD, None)
    list(recorder.write())
    assert frames_in(tmp_path / "a.wav") == 50


def test_nothing_recorded_leaves_no_file(tmp_path: Path) -> None:
    assert list(StereoRecorder(tmp_path / "a.wav").write()) == []
    assert not list(tmp_path.iterdir())


def test_an_older_file_of_that_name_is_replaced_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("old")
    recorder = StereoRecorder(tmp_path / "a.wav")
    recorder.add(LOUD, SILENCE_FRAME)
    list(recorder.write())
    assert frames_in(tmp_path / "a.wav") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_a_long_recording_is_written_in_steps_and_shows_up_when_it_is_whole(tmp_path: Path) -> None:
    recorder = StereoRecorder(tmp_path / "a.wav")
    for _ in range(4000):
        recorder.add(LOUD, None)
    for _ in recorder.write():
        assert not (tmp_path / "a.wav").exists()
    assert frames_in(tmp_path / "a.wav") == 4000
