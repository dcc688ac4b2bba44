"""Makes raw speech fit for a call: trimmed, levelled, in whole frames, with short fades. Pure functions on PCM."""

from __future__ import annotations

from typing import cast

import numpy as np
import numpy.typing as npt

from speech.audio import FRAME_BYTES, FRAME_MS, SAMPLES_PER_FRAME

TARGET_RMS_DBFS = -18.0  # of the frames with speech; about the level that telephone networks are aligned to
PEAK_DBFS = -3.0  # A-law clips at 0; room for the far end's own gain
_KNEE_DBFS = -8.0  # peaks above it are bent
SPEECH_DBFS = -42.0  # after levelling, what is below counts as silence
_KEEP_FRAMES = 1  # of silence left before and behind speech, so that soft consonants survive
_FADE_SAMPLES = 40  # 5 ms at either end, against clicks
_FULL_SCALE = 32768.0
# Recordings are resumed at pauses as long as this.
_PHRASE_GAP_FRAMES = 240 // FRAME_MS

Levels = npt.NDArray[np.float32]


def shape(pcm: bytes) -> bytes:
    """Speech at about TARGET_RMS_DBFS, peaks bent to stay below PEAK_DBFS, silence around it cut, whole frames.

    b"" when there is no sound in it."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], dtype="<i2").astype(np.float32)
    energies = _frames(samples)
    rms = _rms(energies)
    if rms < 1:
        return b""
    gain = _amplitude(TARGET_RMS_DBFS) / rms
    loud = np.flatnonzero(energies * gain**2 > _amplitude(SPEECH_DBFS) ** 2)
    begin = max(0, int(loud[0]) - _KEEP_FRAMES) * SAMPLES_PER_FRAME
    end = (int(loud[-1]) + 1 + _KEEP_FRAMES) * SAMPLES_PER_FRAME
    cut = _faded(_limited(samples[begin:end] * np.float32(gain)))
    return whole_frames(np.round(cut).astype("<i2").tobytes())


def whole_frames(pcm: bytes) -> bytes:
    """The sound with silence added up to a whole number of frames."""
    return pcm + bytes(-len(pcm) % FRAME_BYTES)


def silence(duration_ms: int) -> bytes:
    """At least that much silence, in whole frames."""
    return bytes(-(-duration_ms // FRAME_MS) * FRAME_BYTES)


def phrase_starts(pcm: bytes) -> tuple[int, ...]:
    """Frames at which a recorded prompt may be resumed: its begin and wherever speech follows a pause."""
    loud = _frames(np.frombuffer(pcm, dtype="<i2").astype(np.float32)) > _amplitude(SPEECH_DBFS) ** 2
    starts, quiet = [0], 0
    for frame, speaks in enumerate(loud):
        if speaks and quiet >= _PHRASE_GAP_FRAMES and frame > quiet:
            starts.append(max(frame - _KEEP_FRAMES, 0))
        quiet = 0 if speaks else quiet + 1
    return tuple(starts)


def speech_rms_dbfs(pcm: bytes) -> float:
    """RMS over the frames with speech, in dB below full scale; -inf without any."""
    rms = _rms(_frames(np.frombuffer(pcm, dtype="<i2").astype(np.float32)))
    return float(20 * np.log10(rms / _FULL_SCALE)) if rms > 0 else float("-inf")


def peak_dbfs(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    peak = float(np.abs(samples).max(initial=0))
    return float(20 * np.log10(peak / _FULL_SCALE)) if peak > 0 else float("-inf")


def _limited(samples: Levels) -> Levels:
    """Peaks above the knee bent towards the ceiling, which they never reach: phrases stay equally loud."""
    knee, ceiling = _amplitude(_KNEE_DBFS), _amplitude(PEAK_DBFS)
    over = np.maximum(np.abs(samples) - knee, 0)
    bent = knee + (ceiling - knee) * np.tanh(over / (ceiling - knee))
    return cast("Levels", np.where(over > 0, np.sign(samples) * bent, samples).astype(np.float32))


def _rms(energies: Levels) -> float:
    """Over the frames within 25 dB of the loudest, so that pauses don't make a sentence louder."""
    if len(energies) == 0:
        return 0.0
    return float(np.sqrt(energies[energies >= energies.max() * 10 ** (-25 / 10)].mean()))


def _frames(samples: Levels) -> Levels:
    """Mean square of each frame; the last one may be partly silence."""
    padded = np.pad(samples, (0, -len(samples) % SAMPLES_PER_FRAME)).reshape(-1, SAMPLES_PER_FRAME)
    return cast("Levels", np.einsum("ij,ij->i", padded, padded) / SAMPLES_PER_FRAME)


def _amplitude(dbfs: float) -> float:
    return float(_FULL_SCALE * 10 ** (dbfs / 20))


def _faded(samples: Levels) -> Levels:
    ramp = np.linspace(0, 1, _FADE_SAMPLES, dtype=np.float32)
    count = min(_FADE_SAMPLES, len(samples))
    faded = samples.copy()
    faded[:count] *= ramp[:count]
    faded[len(faded) - count :] *= ramp[:count][::-1]
    return faded
