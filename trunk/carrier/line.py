"""One callee's line towards us: 20 ms frames of speech, noise, echo and loss, after A-law.

Quiet calls are nearly free: what doesn't change is prepared once and shared, and a frame is then a slice or a
reference. numpy works per frame only while our own prompt echoes."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random

import numpy as np

from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME, SILENCE_FRAME
from speech.audio.g711 import alaw_round_trip
from trunk.carrier.callees import Callee, Say
from trunk.carrier.sounds import NOMINAL_SPEECH_DBFS, Sound

QUIET_FRAME = alaw_round_trip(SILENCE_FRAME)  # A-law has no zero: its silence is the value 8
PLAYOUT_MS = 60.0  # a packet later than this is too late to be played: the usual depth of a jitter buffer
_NOISE_FRAMES = 400  # 8 s, then again from the start
_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True)
class LineQuality:
    """What is wrong with the line; None and 0 are a perfect one."""

    noise_dbfs: float | None = None  # level of white noise
    echo_db: float | None = None  # of our own audio as it comes back
    echo_ms: float = 60.0
    loss: float = 0.0  # share of packets lost
    jitter_ms: float = 0.0  # standard deviation of a packet's delay


@dataclass(frozen=True, slots=True)
class _Noise:
    """The same noise before and after A-law, cut into frames."""

    frames: tuple[bytes, ...]
    line_frames: tuple[bytes, ...]


def quality_of(callee: Callee, sounds: Mapping[Say, Sound]) -> LineQuality:
    """The callee's line; its noise is relative to what they say."""
    noise_dbfs = None
    if callee.noise_snr_db is not None:
        levels = [sounds[say].level_dbfs for say in callee.sayings()] or [NOMINAL_SPEECH_DBFS]
        noise_dbfs = sum(levels) / len(levels) - callee.noise_snr_db
    return LineQuality(noise_dbfs, callee.echo_db, callee.echo_ms, callee.loss, callee.jitter_ms)


class Line:
    """`next_frame` once per tick, then `said` with what we said in that tick."""

    def __init__(self, quality: LineQuality, random: Random) -> None:
        self._random = random
        self._loss, self._jitter_ms = quality.loss, quality.jitter_ms
        self._lossy = quality.loss > 0 or quality.jitter_ms > 0
        self._noise = None if quality.noise_dbfs is None else _noise(round(quality.noise_dbfs * 2) / 2)
        self._noise_at = random.randrange(_NOISE_FRAMES)
        self._pcm = self._line_pcm = b""  # what is being said, with noise, before and after A-law
        self._at = 0  # bytes of it that are over
        self._echo: deque[bytes] | None = None
        self.echoes = quality.echo_db is not None
        if quality.echo_db is not None:
            self._echo_gain = np.float32(10.0 ** (quality.echo_db / 20.0))
            back = SAMPLES_PER_FRAME + round(quality.echo_ms * _SAMPLES_PER_MS)  # from the newest sample said
            frames = -(-back // SAMPLES_PER_FRAME)
            self._echo_skip = frames * SAMPLES_PER_FRAME - back  # samples of the oldest frame already heard
            self._echo = deque([SILENCE_FRAME] * frames, maxlen=frames)

    def say(self, sound: Sound) -> None:
        """Begin with the next frame; what is being said is cut off."""
        self._at = 0
        self._pcm, self._line_pcm = sound.pcm, sound.line_pcm
        if self._noise is not None:
            frames = len(sound.pcm) // FRAME_BYTES
            start = self._noise_at % _NOISE_FRAMES
            rounds = (start + frames) // _NOISE_FRAMES + 1
            noise = b"".join((self._noise.frames * rounds)[start : start + frames])
            self._pcm = _sum(np.frombuffer(sound.pcm, np.int16), np.frombuffer(noise, np.int16))
            self._line_pcm = alaw_round_trip(self._pcm)

    def next_frame(self) -> bytes:
        """320 bytes s16le: what comes from the callee in the next 20 ms."""
        echo = self._echo_heard() if self._echo is not None else None
        noise_at = self._noise_at
        self._noise_at = noise_at + 1
        if self._at < len(self._line_pcm):
            start = self._at
            self._at = start + FRAME_BYTES
            frame = self._line_pcm[start : self._at] if echo is None else self._pcm[start : self._at]
        elif self._noise is not None:
            frames = self._noise.line_frames if echo is None else self._noise.frames
            frame = frames[noise_at % _NOISE_FRAMES]
        else:
            frame = QUIET_FRAME if echo is None else SILENCE_FRAME
        if echo is not None:
            frame = alaw_round_trip(_sum(np.frombuffer(frame, np.int16), echo))
        if self._lossy and self._is_lost():
            return SILENCE_FRAME
        return frame

    def said(self, frame: bytes | None) -> None:
        """What we say in this tick; needed while `echoes` alone."""
        if self._echo is not None:
            if frame is None or frame == SILENCE_FRAME:
                self._echo.append(SILENCE_FRAME)
            else:
                self._echo.append(alaw_round_trip(frame))

    def _echo_heard(self) -> np.ndarray[tuple[int], np.dtype[np.float32]] | None:
        assert self._echo is not None
        first, second = self._echo[0], self._echo[min(1, len(self._echo) - 1)]
        if first == SILENCE_FRAME and second == SILENCE_FRAME:
            return None
        both = np.frombuffer(first + second, np.int16)
        heard = both[self._echo_skip : self._echo_skip + SAMPLES_PER_FRAME]
        return heard * self._echo_gain

    def _is_lost(self) -> bool:
        if self._random.random() < self._loss:
            return True
        return self._jitter_ms > 0 and abs(self._random.gauss(0.0, self._jitter_ms)) > PLAYOUT_MS


def _sum(
    first: np.ndarray[tuple[int], np.dtype[np.int16]],
    second: np.ndarray[tuple[int], np.dtype[np.int16]] | np.ndarray[tuple[int], np.dtype[np.float32]],
) -> bytes:
    total = np.clip(first.astype(np.float32) + second, -32768, 32767).astype(np.int16)
    return bytes(total)


@lru_cache(maxsize=64)
def _noise(dbfs: float) -> _Noise:
    """White noise at a level, the same for every call (which begin at different places in it)."""
    samples = np.random.default_rng(20).standard_normal(_NOISE_FRAMES * SAMPLES_PER_FRAME)
    pcm = np.clip(samples * 32768 * 10 ** (dbfs / 20), -32768, 32767).astype(np.int16).tobytes()
    return _Noise(_cut(pcm), _cut(alaw_round_trip(pcm)))


def _cut(pcm: bytes) -> tuple[bytes, ...]:
    return tuple(pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES))
