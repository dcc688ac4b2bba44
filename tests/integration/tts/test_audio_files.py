"""Audio files of every kind come in as s16le mono 8 kHz."""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from speech.audio import SAMPLE_RATE_HZ
from speech.audio.files import MAX_FILE_BYTES, read_audio, resample, write_wav
from speech.ports import SpeechError

pytestmark = pytest.mark.integration

TONE_HZ = 500


def tone(rate_hz: int, seconds: float = 1.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.sin(2 * np.pi * TONE_HZ * np.arange(int(rate_hz * seconds)) / rate_hz) * 0.5


def write(
    path: Path, samples: np.ndarray[tuple[int], np.dtype[np.float64]], rate_hz: int, width: int, channels: int
) -> Path:
    scaled = np.repeat(samples, channels)
    if width == 1:
        raw = (scaled * 127 + 128).astype(np.uint8).tobytes()
    elif width == 3:
        raw = b"".join(int(sample * (2**23 - 1)).to_bytes(3, "little", signed=True) for sample in scaled)
    else:
        raw = (scaled * (2 ** (8 * width - 1) - 1)).astype(f"<i{width}").tobytes()
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate_hz, 0, "NONE", ""))
        file.writeframes(raw)
    return path


def strongest_hz(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(float)
    return float(np.argmax(np.abs(np.fft.rfft(samples))) * SAMPLE_RATE_HZ / len(samples))


@pytest.mark.parametrize("rate_hz", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 1), (2, 2), (3, 1), (4, 2)])
def test_any_plain_wav(tmp_path: Path, rate_hz: int, width: int, channels: int) -> None:
    pcm = read_audio(write(tmp_path / "a.wav", tone(rate_hz), rate_hz, width, channels))
    assert len(pcm) / 2 == pytest.approx(SAMPLE_RATE_HZ, abs=4)
    assert strongest_hz(pcm) == pytest.approx(TONE_HZ, abs=2)
    peak = np.abs(np.frombuffer(pcm, dtype="<i2").astype(float)).max() / 32768
    assert peak == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("name", "options"), [("a.mp3", []), ("a.ogg", []), ("a.wav", ["-c:a", "pcm_alaw", "-ar", "8000"])]
)
def test_other_formats_by_ffmpeg(
    tmp_path: Path, need_program: Callable[[str, str], str], name: str, options: list[str]
) -> None:
    ffmpeg = need_program("ffmpeg", "ffmpeg")
    source = write(tmp_path / "source.wav", tone(44100), 44100, 2, 2)
    target = tmp_path / f"made-{name}"
    subprocess.run([ffmpeg, "-loglevel", "error", "-i", source, *options, target], check=True, timeout=60)
    pcm = read_audio(target)
    assert len(pcm) / 2 == pytest.approx(SAMPLE_RATE_HZ, rel=0.1)
    assert strongest_hz(pcm) == pytest.approx(TONE_HZ, abs=3)


def test_wav_needs_no_ffmpeg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_audio(write(tmp_path / "a.wav", tone(22050), 22050, 2, 1))
    (tmp_path / "a.mp3").write_bytes(b"ID3" + bytes(100))
    with pytest.raises(SpeechError, match="install ffmpeg"):
        read_audio(tmp_path / "a.mp3")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 100, b"RIFF\x24\x00\x00\x00WAVEfmt "])
def test_broken_files_get_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.wav"
    path.write_bytes(content)
    with pytest.raises(SpeechError, match=r"broken\.wav") as caught:
        read_audio(path)
    assert "\n" not in str(caught.value)


def test_missing_empty_and_huge_files(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="doesn't exist"):
        read_audio(tmp_path / "no.wav")
    write_wav(tmp_path / "empty.wav", b"")
    with pytest.raises(SpeechError, match="is empty"):
        read_audio(tmp_path / "empty.wav")
    huge = tmp_path / "huge.wav"
    with huge.open("wb") as file:
        file.truncate(MAX_FILE_BYTES + 1)
    with pytest.raises(SpeechError, match="more than"):
        read_audio(huge)


def test_a_recording_cut_short_is_still_read(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.wav", tone(16000), 16000, 2, 2)
    path.write_bytes(path.read_bytes()[:-3])
    assert len(read_audio(path)) / 2 == pytest.approx(SAMPLE_RATE_HZ, abs=4)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    pcm = (tone(SAMPLE_RATE_HZ) * 30000).astype("<i2").tobytes()
    write_wav(tmp_path / "mono.wav", pcm)
    assert read_audio(tmp_path / "mono.wav") == pcm
    write_wav(tmp_path / "stereo.wav", np.repeat(np.frombuffer(pcm, dtype="<i2"), 2).tobytes(), channels=2)
    assert read_audio(tmp_path / "stereo.wav") == pcm


def test_resample_keeps_pitch_and_length() -> None:
    pcm = (tone(22050) * 20000).astype("<i2").tobytes()
    resampled = resample(pcm, 22050, SAMPLE_RATE_HZ)
    assert len(resampled) / 2 == pytest.approx(SAMPLE_RATE_HZ, abs=2)
    assert strongest_hz(resampled) == pytest.approx(TONE_HZ, abs=2)
    assert resample(pcm, 8000, 8000) == pcm
