"""Plays one prompt frame by frame, and goes back to the phrase that was interrupted."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np

from speech.audio.frames import FRAME_BYTES, SAMPLES_PER_FRAME, PromptAudio
from speech.turn.ear import Ear


class PromptPlayer:
    """`position` is the index of the frame that is said next."""

    __slots__ = ("_audio", "_ear", "_powers", "frames", "position")

    def __init__(self, audio: PromptAudio, ear: Ear) -> None:
        self._audio = audio
        self._ear = ear
        self.frames = audio.frames
        self.position = 0
        # All at once: 0.2 µs a frame, where one frame at a time would take 1.5.
        samples = np.frombuffer(audio.pcm, np.int16, self.frames * SAMPLES_PER_FRAME).astype(np.float32)
        rows = samples.reshape(-1, SAMPLES_PER_FRAME)
        self._powers: list[float] = (np.einsum("ij,ij->i", rows, rows) / SAMPLES_PER_FRAME).tolist()

    @property
    def remaining(self) -> int:
        return self.frames - self.position

    def next_frame(self) -> bytes | None:
        """The next frame, which the ear learns of; None at the prompt's end."""
        at = self.position
        if at >= self.frames:
            return None
        self.position = at + 1
        frame = self._audio.pcm[at * FRAME_BYTES : (at + 1) * FRAME_BYTES]
        self._ear.said(frame, self._powers[at])
        return frame

    def go_back(self, position: int) -> None:
        """Go on from the start of the phrase that holds this frame."""
        starts = self._audio.phrase_starts
        self.position = starts[max(0, bisect_right(starts, position) - 1)] if starts else 0
