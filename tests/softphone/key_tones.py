"""Keys as tones (DTMF): what a phone without RFC 4733 sends, and whether a recording still holds any.

One product of the frame with eight tones' cosines and sines. Tested at equal tone levels in noise and through
A-law; it isn't a claim of ITU-T Q.24 compliance. The product leaves tones to Asterisk."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from speech.audio.frames import FRAME_S, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from speech.audio.levels import FULL_SCALE, power_of_dbfs

LOW_HZ = (697, 770, 852, 941)  # ITU-T Q.23
HIGH_HZ = (1209, 1336, 1477, 1633)
KEYPAD = ("123A", "456B", "789C", "*0#D")
LEAST_POWER = power_of_dbfs(-40.0)
TONE_SHARE = 0.6  # of the frame's energy in the two tones
MOST_TWIST = 10 ** (8.0 / 10)  # the two tones' powers may differ by 8 dB

_INT16 = np.dtype("<i2")


def key_in_frame(frame: bytes) -> str | None:
    """The key whose two tones make up this frame, or None. 320 bytes s16le."""
    samples = np.frombuffer(frame, _INT16).astype(np.float32)
    energy = float(samples.dot(samples))
    if energy < LEAST_POWER * SAMPLES_PER_FRAME:
        return None
    parts = samples.dot(_tones())
    powers = (parts[:8] ** 2 + parts[8:] ** 2).tolist()
    low, high = max(powers[:4]), max(powers[4:])
    # A tone that fills the frame with energy e has power e·N/2 in its bin.
    if low + high < TONE_SHARE * energy * SAMPLES_PER_FRAME / 2:
        return None
    if low > high * MOST_TWIST or high > low * MOST_TWIST:
        return None
    return KEYPAD[powers.index(low)][powers.index(high, 4) - 4]


def dtmf_tone(key: str, seconds: float = 0.1, dbfs: float = -10.0) -> bytes:
    """The key's tones, s16le, together at `dbfs`. Raises ValueError for what is no key."""
    row = next((row for row, keys in enumerate(KEYPAD) if key in keys), None)
    if row is None or len(key) != 1:
        raise ValueError(f"{key!r} is no key: 0-9, *, # or A-D")
    at = np.arange(round(seconds / FRAME_S) * SAMPLES_PER_FRAME) * (2 * np.pi / SAMPLE_RATE_HZ)
    wave = np.sin(at * LOW_HZ[row]) + np.sin(at * HIGH_HZ[KEYPAD[row].index(key)])
    wave *= FULL_SCALE * 10 ** (dbfs / 20)
    samples: NDArray[np.int16] = np.rint(wave).clip(-32768, 32767).astype(_INT16)
    return samples.tobytes()


@cache
def _tones() -> NDArray[np.float32]:
    angles = 2 * np.pi / SAMPLE_RATE_HZ * np.outer(np.arange(SAMPLES_PER_FRAME), LOW_HZ + HIGH_HZ)
    return np.concatenate([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
