"""How many syllables somebody said, from the sound alone and in any language. Pure.

The vowel of a syllable is louder than what stands around it, so syllables are peaks of loudness with a dip on both
sides, counted where somebody speaks (after de Jong and Wempe, 2009, who count them in Praat's intensity). How far
off the count is stands in docs/decisions/0214. No text is made, so there is none to keep."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ivr.inspection.timeline import Stretch
from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

Levels = NDArray[np.float32]  # dB, one for each 10 ms

HOP_SAMPLES = SAMPLE_RATE_HZ // 100
PER_TICK = SAMPLES_PER_FRAME // HOP_SAMPLES  # levels
WINDOW_SAMPLES = 256  # 32 ms: two periods of the lowest voice at least
BAND_HZ = (300.0, 1800.0)  # most of a vowel; the hiss of s and x lies above, the line's hum below
SMOOTHED_BY = 1.5  # levels (15 ms), the deviation of a normal curve; a vowel lasts 50 ms and more
DIP_DB = 2.0  # between two syllables; de Jong and Wempe's figure, in a wider band
QUIETER_DB = 25.0  # than the loud ones of the same stretch: breath and reverberation are no syllables
RANGE_DB = 40.0  # dips that go deeper say nothing more
_CHUNK_BYTES = 50 * FRAME_BYTES

_HANN = np.hanning(WINDOW_SAMPLES).astype(np.float32)
_HZ = np.fft.rfftfreq(WINDOW_SAMPLES, 1 / SAMPLE_RATE_HZ)
_BAND = slice(*np.searchsorted(_HZ, BAND_HZ))
_REACH = round(4 * SMOOTHED_BY)
_CURVE = np.exp(-0.5 * (np.arange(-_REACH, _REACH + 1) / SMOOTHED_BY) ** 2)
_CURVE /= _CURVE.sum()


class Loudness:
    """One side of a recording, frame by frame -> how loud its vowels' band was each 10 ms. An hour is 1.4 MB."""

    def __init__(self) -> None:
        self._waiting = bytearray(WINDOW_SAMPLES)  # half a window, so that a level is that of its middle
        self._found: list[Levels] = []

    def hear(self, frame: bytes) -> None:
        """One frame of 20 ms, s16le."""
        self._waiting += frame
        if len(self._waiting) >= _CHUNK_BYTES:
            self._measure()

    def levels(self) -> Levels:
        """All levels, when the recording is over."""
        self._waiting += bytes(WINDOW_SAMPLES)
        self._measure()
        return np.concatenate(self._found) if self._found else np.zeros(0, np.float32)

    def _measure(self) -> None:
        samples = np.frombuffer(bytes(self._waiting), np.int16)
        if len(samples) < WINDOW_SAMPLES:
            return
        windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW_SAMPLES)[::HOP_SAMPLES]
        spectrum = np.fft.rfft(windows * _HANN)[:, _BAND]
        power = (spectrum.real**2 + spectrum.imag**2).sum(axis=1)
        self._found.append((10 * np.log10(power + 1)).astype(np.float32))
        del self._waiting[: len(windows) * HOP_SAMPLES * 2]


def syllables(levels: Levels, stretches: Iterable[Stretch]) -> int:
    """How many there are in these stretches of speech."""
    return sum(_in_stretch(levels[begin * PER_TICK : end * PER_TICK]) for begin, end in stretches)


def _in_stretch(levels: Levels) -> int:
    if len(levels) < _REACH:
        return 0
    floor = float(levels.max()) - RANGE_DB
    # What begins and ends with a vowel has a peak there too.
    framed = np.concatenate([[floor], np.maximum(levels, floor), [floor]])
    smooth = np.convolve(np.pad(framed, _REACH, mode="edge"), _CURVE, mode="valid")
    least = float(np.quantile(smooth, 0.95)) - QUIETER_DB
    return sum(peak > least for peak in _peaks(smooth.tolist()))


def _peaks(levels: list[float]) -> Iterable[float]:
    """Heights of the peaks with a dip of `DIP_DB` on both sides."""
    low = high = levels[0]
    rising = False
    for level in levels:
        if rising:
            high = max(high, level)
            if level <= high - DIP_DB:
                yield high
                rising, low = False, level
        else:
            low = min(low, level)
            if level >= low + DIP_DB:
                rising, high = True, level
