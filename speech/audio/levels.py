"""Loudness, gain and mixing of s16le audio. 0 dBFS is a full-scale square wave; digital silence is -inf."""

from __future__ import annotations

import math

import numpy as np

FULL_SCALE = 32768.0
FULL_SCALE_POWER = FULL_SCALE * FULL_SCALE


def power_of_dbfs(dbfs: float) -> float:
    """Mean square of s16 samples at this level; the unit of every power in this package."""
    return FULL_SCALE_POWER * ratio_of_db(dbfs)


def ratio_of_db(db: float) -> float:
    """Power ratio of a difference in dB."""
    return float(10.0 ** (db / 10.0))


def mean_square(pcm: bytes) -> float:
    """Mean square of the samples; 0.0 for no samples. Raises ValueError for an odd number of bytes."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return float(samples @ samples) / len(samples) if len(samples) else 0.0


def rms_dbfs(pcm: bytes) -> float:
    """Level in dBFS, -inf for silence. Raises ValueError for an odd number of bytes."""
    power = mean_square(pcm)
    return 10.0 * math.log10(power / FULL_SCALE_POWER) if power > 0 else -math.inf


def gain(pcm: bytes, db: float) -> bytes:
    """The audio louder or softer by `db`, saturating at full scale."""
    scaled = np.frombuffer(pcm, np.int16).astype(np.float32) * np.float32(10.0 ** (db / 20.0))
    return _saturated(scaled)


def mix(first: bytes, second: bytes) -> bytes:
    """The sum of two stretches of audio, saturating; the shorter one is taken to be silent after its end."""
    if len(first) < len(second):
        first, second = second, first
    total = np.frombuffer(first, np.int16).astype(np.int32)
    total[: len(second) // 2] += np.frombuffer(second, np.int16)
    return np.clip(total, -32768, 32767).astype(np.int16).tobytes()


def _saturated(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> bytes:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16).tobytes()
