"""What the callees may say, prepared before the run: read or synthesised, cut to frames, measured, A-law'd."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from speech.audio import FRAME_BYTES, FRAME_MS, FRAME_S, SAMPLE_RATE_HZ, SILENCE_FRAME
from speech.audio.files import read_audio
from speech.audio.g711 import alaw_round_trip
from speech.audio.levels import gain, rms_dbfs
from trunk.carrier.callees import CalleeBook, Say
from trunk.carrier.errors import CarrierError

Speak = Callable[[str, str], Awaitable[bytes]]  # text, voice -> s16le mono 8 kHz

MAX_SAID_S = 60.0
ACTIVE_WITHIN_DB = 30.0  # frames softer than the loudest by more than this are pauses
NOMINAL_SPEECH_DBFS = -26.0  # active speech level of a phone line (ITU-T P.56 and common planning)
GREETING_S = 4.0
BEEP_DBFS = -16.0


@dataclass(frozen=True, slots=True)
class Sound:
    """One thing said: `pcm` as spoken, `line_pcm` as it sounds after the A-law line; whole frames both."""

    pcm: bytes
    line_pcm: bytes
    level_dbfs: float  # of its active frames

    @property
    def seconds(self) -> float:
        return len(self.pcm) // FRAME_BYTES * FRAME_S


def sound_of(pcm: bytes) -> Sound:
    """A sound from s16le mono 8 kHz; the last frame is filled up with silence."""
    padded = pcm + bytes(-len(pcm) % FRAME_BYTES)
    return Sound(padded, alaw_round_trip(padded), _active_level_dbfs(padded))


async def render_sounds(book: CalleeBook, speak: Speak | None, voice: str) -> Mapping[Say, Sound]:
    """Everything the callees may say. Raises CarrierError or SpeechError, one sentence, for what can't be had."""
    sounds: dict[Say, Sound] = {}
    for say in book.sayings():
        pcm = await _pcm_of(say, book.folder, speak, voice)
        if len(pcm) > MAX_SAID_S * SAMPLE_RATE_HZ * 2:
            raise CarrierError(
                "{what} lasts longer than {limit} s (fix: cut it, or say it in several steps)",
                what=say.wav or say.text,
                limit=round(MAX_SAID_S),
            )
        sounds[say] = sound_of(pcm)
    return sounds


async def _pcm_of(say: Say, folder: Path, speak: Speak | None, voice: str) -> bytes:
    if say.wav is not None:
        return await asyncio.to_thread(read_audio, folder / say.wav)
    assert say.text is not None
    if speak is None:
        raise CarrierError("{text} can't be said without a synthesiser (fix: give a wav instead)", text=say.text)
    return await speak(say.text, say.voice or voice)


def _active_level_dbfs(pcm: bytes) -> float:
    """RMS level of the frames that aren't pauses; NOMINAL_SPEECH_DBFS for pure silence."""
    frames = [pcm[start : start + FRAME_BYTES] for start in range(0, len(pcm), FRAME_BYTES)]
    levels = [rms_dbfs(frame) for frame in frames]
    loudest = max(levels, default=-math.inf)
    if loudest == -math.inf:
        return NOMINAL_SPEECH_DBFS
    active = [frame for frame, level in zip(frames, levels, strict=True) if level > loudest - ACTIVE_WITHIN_DB]
    return rms_dbfs(b"".join(active))


def tone(hz: float, ms: int, dbfs: float = BEEP_DBFS) -> bytes:
    """A sine of whole frames, `dbfs` RMS, without clicks at its ends."""
    count = math.ceil(ms / FRAME_MS) * len(SILENCE_FRAME) // 2
    times = np.arange(count) / SAMPLE_RATE_HZ
    edge = np.minimum(1.0, np.minimum(times, times[::-1]) / 0.005)
    peak = 32768 * 10 ** (dbfs / 20) * math.sqrt(2)
    return (peak * edge * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes()


@cache
def babble(seconds: float = GREETING_S) -> Sound:
    """Sound shaped like speech (voiced syllables of a falling pitch, a pause in the middle), saying nothing."""
    times = np.arange(round(seconds * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    pitch_hz = 130 + 25 * np.sin(2 * np.pi * 0.7 * times)
    phase = 2 * np.pi * np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
    formant_hz = 600 + 250 * np.sin(2 * np.pi * 2.3 * times)  # a vowel that wanders
    voice = np.zeros_like(times)
    for harmonic in range(1, 24):
        distance = (harmonic * pitch_hz - formant_hz) / 300
        voice += np.sin(harmonic * phase) * (np.exp(-(distance**2)) + 0.15 / harmonic)
    syllables = np.clip(0.6 + np.sin(2 * np.pi * 4 * times), 0, 1)  # four a second, with short gaps
    pause = np.abs(times - seconds / 2) < 0.2
    shaped = voice * syllables * ~pause
    loud = sound_of((8000 * shaped / np.abs(shaped).max()).astype("<i2").tobytes())
    return sound_of(gain(loud.pcm, NOMINAL_SPEECH_DBFS - loud.level_dbfs))


def mixed(frame: bytes, *others: bytes | None) -> bytes:
    """Several frames, 320 bytes s16le each, as one: what two people say at once. None is silence."""
    loud = [np.frombuffer(one, "<i2").astype(np.int32) for one in (frame, *others) if one is not None]
    return frame if len(loud) == 1 else np.clip(np.sum(loud, axis=0), -32768, 32767).astype("<i2").tobytes()
