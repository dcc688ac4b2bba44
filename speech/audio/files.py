"""Audio files in and out, and sample-rate conversion: the only place here that touches audio files.

WAV is read by the standard library, so that prompts and tests need no program; every other format goes through
pydub, which runs ffmpeg. Whatever comes in leaves as s16le mono 8 kHz."""

from __future__ import annotations

import shutil
import warnings
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import soxr

from speech.audio.frames import SAMPLE_RATE_HZ
from speech.ports import SpeechError

MAX_FILE_BYTES = 64 * 1024 * 1024  # an hour of stereo telephone audio; a prompt is a thousand times smaller

Samples = npt.NDArray[np.int16]


def read_audio(path: Path) -> bytes:
    """PCM (s16le mono 8000 Hz) of an audio file of any rate, width and channel count.

    Raises SpeechError when the file is missing, too big, empty or no audio."""
    if not path.is_file():
        raise SpeechError("audio file {path} doesn't exist", path=path)
    size = path.stat().st_size
    if size > MAX_FILE_BYTES:
        raise SpeechError(
            "audio file {path} has {size} bytes, more than {limit}: cut it",
            path=path,
            size=size,
            limit=MAX_FILE_BYTES,
        )
    decoded = _read_wav(path)
    samples, rate_hz = decoded if decoded is not None else _read_other(path)
    if len(samples) == 0:
        raise SpeechError("audio file {path} is empty", path=path)
    return _resampled(samples, rate_hz, SAMPLE_RATE_HZ).tobytes()


def write_wav(path: Path, pcm: bytes, channels: int = 1, rate_hz: int = SAMPLE_RATE_HZ) -> None:
    """Write s16le PCM (interleaved when there are two channels) as a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(pcm)


def resample(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """The same s16le mono sound at another sample rate; length scales by to_hz / from_hz."""
    return _resampled(np.frombuffer(pcm, dtype="<i2"), from_hz, to_hz).tobytes()


def _resampled(samples: Samples, from_hz: int, to_hz: int) -> Samples:
    if from_hz == to_hz:
        return samples
    return cast("Samples", soxr.resample(samples, from_hz, to_hz, quality="HQ"))


def _read_wav(path: Path) -> tuple[Samples, int] | None:
    """Samples and rate of a plain PCM WAV; None when it is something else, which ffmpeg may still know."""
    try:
        with wave.open(str(path), "rb") as file:
            width, channels, rate_hz = file.getsampwidth(), file.getnchannels(), file.getframerate()
            raw = file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        return None
    to_s16 = _TO_S16.get(width)
    if to_s16 is None or rate_hz <= 0:
        return None
    whole = len(raw) // (width * channels) * width * channels  # a cut file may end inside a sample
    return _mono(to_s16(raw[:whole]), channels), rate_hz


def _s16_from_u8(raw: bytes) -> Samples:
    return cast("Samples", (np.frombuffer(raw, dtype=np.uint8).astype(np.int16) - 128) << 8)


def _s16_from_s24(raw: bytes) -> Samples:
    triples = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)
    return np.ascontiguousarray(triples[:, 1:]).view("<i2").reshape(-1)


_TO_S16: dict[int, Callable[[bytes], Samples]] = {
    1: _s16_from_u8,
    2: lambda raw: np.frombuffer(raw, dtype="<i2"),
    3: _s16_from_s24,
    4: lambda raw: (np.frombuffer(raw, dtype="<i4") >> 16).astype("<i2"),
}


def _mono(samples: Samples, channels: int) -> Samples:
    if channels == 1:
        return samples
    return cast("Samples", samples.reshape(-1, channels).mean(axis=1).astype("<i2"))


def _read_other(path: Path) -> tuple[Samples, int]:
    if not (shutil.which("ffmpeg") and shutil.which("ffprobe")):  # pydub's own message names neither file nor mend
        raise SpeechError("reading {path} needs ffmpeg: install ffmpeg, or give a WAV file", path=path)
    segment_class, decode_error = _pydub()
    try:
        segment = segment_class.from_file(str(path)).set_sample_width(2).set_channels(1)
    except (decode_error, ValueError, IndexError, KeyError, OSError) as error:
        raise SpeechError("{path} isn't audio that can be read, or it is broken", path=path) from error
    return np.frombuffer(segment.raw_data, dtype="<i2"), int(segment.frame_rate)


def _pydub() -> tuple[Any, type[Exception]]:
    # Imported late: it warns when there is no ffmpeg, and of a module that Python deprecates, neither of which
    # matters to those who read WAV alone.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydub import AudioSegment
        from pydub.exceptions import CouldntDecodeError
    return AudioSegment, CouldntDecodeError
