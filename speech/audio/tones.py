"""How much of a frame is one or two pure tones: ring-back, beeps, keys. Speech spreads over many frequencies.

One product of the windowed frame with a matrix of cosines and sines (about 5 µs), between 350 and 2050 Hz:
below it a hummed 嗯 is nearly a pure tone itself, and no signal of the network that we mean lies above it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from speech.audio.frames import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

BIN_HZ = SAMPLE_RATE_HZ // SAMPLES_PER_FRAME  # 50 Hz
_LOWEST_HZ = 350
_HIGHEST_HZ = 2050

Samples = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Tones:
    """Shares of the frame's energy, 0..1: in its strongest tone, and in its two strongest."""

    frequency_hz: int  # of the strongest, to the nearest 50 Hz
    one: float
    two: float


def analyse_tones(samples: Samples) -> Tones:
    """Look for tones in one frame: 160 float32 samples, any scale. A silent frame has none."""
    window, matrix = _analysis()
    windowed = samples * window
    energy = float(windowed.dot(windowed))
    if energy <= 0.0:
        return Tones(0, 0.0, 0.0)
    parts = windowed.dot(matrix)
    parts *= parts
    half = len(parts) // 2
    powers: list[float] = (parts[:half] + parts[half:]).tolist()  # 35 floats: quicker than numpy from here on
    scale = 2.0 / (SAMPLES_PER_FRAME * energy)  # Parseval, the mirrored half counted
    first, frequency_hz = _take_peak(powers)
    second, _ = _take_peak(powers)
    return Tones(frequency_hz, min(1.0, first * scale), min(1.0, (first + second) * scale))


def _take_peak(powers: list[float]) -> tuple[float, int]:
    """Power of the strongest peak, three bins wide as the Hann window makes it, and cut it out."""
    peak = powers.index(max(powers))
    lobe = range(max(0, peak - 1), min(len(powers), peak + 2))
    power = sum(powers[at] for at in lobe)
    for at in lobe:
        powers[at] = 0.0
    return power, _LOWEST_HZ + peak * BIN_HZ


@cache
def _analysis() -> tuple[Samples, Samples]:
    frequencies = np.arange(_LOWEST_HZ, _HIGHEST_HZ + 1, BIN_HZ)
    angles = 2 * np.pi / SAMPLE_RATE_HZ * np.outer(np.arange(SAMPLES_PER_FRAME), frequencies)
    matrix = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    # Periodic Hann: its main lobe is exactly the three bins that _take_peak adds up for a tone on a bin.
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SAMPLES_PER_FRAME) / SAMPLES_PER_FRAME)
    return window.astype(np.float32), np.ascontiguousarray(matrix, dtype=np.float32)
