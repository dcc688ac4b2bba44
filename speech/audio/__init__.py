"""Pure audio functions and the few constants of telephone audio. No state; files only where named."""

from speech.audio.frames import (
    FRAME_BYTES,
    FRAME_MS,
    FRAME_S,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    SILENCE_FRAME,
    PromptAudio,
)
from speech.audio.g711 import alaw_decode, alaw_encode, alaw_round_trip, ulaw_decode, ulaw_encode
from speech.audio.levels import gain, mean_square, mix, rms_dbfs

__all__ = [
    "FRAME_BYTES",
    "FRAME_MS",
    "FRAME_S",
    "SAMPLES_PER_FRAME",
    "SAMPLE_RATE_HZ",
    "SILENCE_FRAME",
    "PromptAudio",
    "alaw_decode",
    "alaw_encode",
    "alaw_round_trip",
    "gain",
    "mean_square",
    "mix",
    "rms_dbfs",
    "ulaw_decode",
    "ulaw_encode",
]
