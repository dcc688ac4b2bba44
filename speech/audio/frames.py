"""Frames and prompt audio: 20 ms of s16le mono 8 kHz, the unit of every media path here."""

from __future__ import annotations

from dataclasses import dataclass

SAMPLE_RATE_HZ = 8000
FRAME_MS = 20
FRAME_S = FRAME_MS / 1000
SAMPLES_PER_FRAME = SAMPLE_RATE_HZ * FRAME_MS // 1000
FRAME_BYTES = SAMPLES_PER_FRAME * 2
SILENCE_FRAME = bytes(FRAME_BYTES)


@dataclass(frozen=True, slots=True)
class PromptAudio:
    """Audio to say, cut into phrases so that an interrupted prompt can go on at the last phrase.

    `pcm` is a whole number of frames; `phrase_starts` are frame indices, ascending, the first is 0."""

    pcm: bytes
    phrase_starts: tuple[int, ...] = (0,)
    text: str = ""  # what is said, normalised, for the record
    sha256: str = ""  # of text, voice and parameters, or of the recorded file

    @property
    def frames(self) -> int:
        return len(self.pcm) // FRAME_BYTES

    @property
    def seconds(self) -> float:
        return self.frames * FRAME_S
