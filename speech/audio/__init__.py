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

__all__ = [
    "FRAME_BYTES",
    "FRAME_MS",
    "FRAME_S",
    "SAMPLES_PER_FRAME",
    "SAMPLE_RATE_HZ",
    "SILENCE_FRAME",
    "PromptAudio",
]
