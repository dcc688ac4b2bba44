"""Recordings, a second at a time: whoever reads an hour's call has a second of it in memory.

WAV is read by the standard library; FLAC (docs/decisions/0096) by ffmpeg, through a pipe, at a low priority."""

from __future__ import annotations

import os
import shutil
import subprocess
import wave
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ivr.inspection.errors import InspectionError
from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

CHUNK_SAMPLES = SAMPLE_RATE_HZ  # of each side
NICENESS = 15  # calls go first
_STREAMINFO_BYTES = 42  # "fLaC", a block's header, STREAMINFO (RFC 9639, 8.2)


@dataclass(frozen=True, slots=True)
class Kind:
    channels: int
    rate_hz: int
    plain: bool  # a WAV as we write it


def frames(path: Path) -> Iterator[tuple[bytes, bytes | None]]:
    """A recording's frames (20 ms, s16le, 8 kHz): the callee's and ours; None: there is one side. What is left at
    the end and fills no frame is dropped.

    Raises InspectionError when the file is missing, is no recording, or is broken."""
    kind = _kind(path)
    with _opened(path, kind) as source:
        while chunk := source.read(CHUNK_SAMPLES * 2 * kind.channels):
            yield from _cut(chunk, kind.channels)


def _cut(chunk: bytes, channels: int) -> Iterator[tuple[bytes, bytes | None]]:
    whole = len(chunk) // (FRAME_BYTES * channels)
    if channels == 1:
        for at in range(whole):
            yield chunk[at * FRAME_BYTES : (at + 1) * FRAME_BYTES], None
        return
    samples = np.frombuffer(chunk, np.int16, whole * SAMPLES_PER_FRAME * 2).reshape(-1, 2)
    left, right = samples[:, 0].tobytes(), samples[:, 1].tobytes()
    for at in range(0, whole * FRAME_BYTES, FRAME_BYTES):
        yield left[at : at + FRAME_BYTES], right[at : at + FRAME_BYTES]


def _kind(path: Path) -> Kind:
    try:
        with path.open("rb") as file:
            head = file.read(_STREAMINFO_BYTES)
        if head[:4] == b"fLaC" and len(head) == _STREAMINFO_BYTES:
            # 20 bits of rate, then 3 of channels less one.
            word = int.from_bytes(head[18:21], "big")
            return _checked(Kind((head[20] >> 1 & 7) + 1, word >> 4, False), path)
        with wave.open(str(path), "rb") as audio:
            plain = audio.getsampwidth() == 2 and audio.getframerate() == SAMPLE_RATE_HZ
            return _checked(Kind(audio.getnchannels(), audio.getframerate(), plain), path)
    except OSError as error:
        raise InspectionError("The recording {file} can't be read: {reason}", file=path.name,
                              reason=error.strerror or type(error).__name__) from error  # fmt: skip
    except (wave.Error, EOFError) as error:
        raise InspectionError("{file} is no recording that can be read.", file=path.name) from error


def _checked(kind: Kind, path: Path) -> Kind:
    if kind.channels not in (1, 2):
        raise InspectionError("{file} has {channels} channels; recordings have two.", file=path.name,
                              channels=kind.channels)  # fmt: skip
    return kind


@contextmanager
def _opened(path: Path, kind: Kind) -> Iterator[_Source]:
    if kind.plain:
        with wave.open(str(path), "rb") as audio:
            yield _Wav(audio)
        return
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise InspectionError("Reading {file} needs ffmpeg; install it with: apt-get install ffmpeg",
                              file=path.name)  # fmt: skip
    arguments = ("-nostdin", "-v", "error", "-threads", "1", "-i", str(path), "-ar", str(SAMPLE_RATE_HZ))
    with subprocess.Popen(  # noqa: S603 a program of the system, with a path of ours
        [ffmpeg, *arguments, "-f", "s16le", "-"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        with suppress(OSError, AttributeError):  # not every system lets us
            os.setpriority(os.PRIO_PROCESS, process.pid, NICENESS)
        assert process.stdout is not None
        try:
            yield process.stdout
            if process.wait() != 0:
                raise InspectionError("{file} is no recording that can be read.", file=path.name)
        finally:
            process.kill()  # who stops listening before the end


class _Wav:
    """A WAV's samples, read by bytes."""

    def __init__(self, audio: wave.Wave_read) -> None:
        self._audio = audio
        self._bytes_each = 2 * audio.getnchannels()

    def read(self, size: int) -> bytes:
        return self._audio.readframes(size // self._bytes_each)


_Source = IO[bytes] | _Wav
