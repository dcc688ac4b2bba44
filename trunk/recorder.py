"""Records one call frame by frame and writes it as stereo WAV at the end, off the media clock.

Frames are kept by reference, so that silence (shared constants) costs eight bytes; a minute of talk on both sides
takes 1.9 MB until the call is over. It is written in steps, so that a long call's file doesn't hold the loop."""

from __future__ import annotations

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from speech.audio import FRAME_S, SAMPLE_RATE_HZ, SILENCE_FRAME

MAX_RECORDING_S = 3600.0  # an hour, 115 MB; what comes later isn't kept
_STEP_FRAMES = 1500  # 30 s take about 3 ms to write


class StereoRecorder:
    """Left is the callee, right is us; both are aligned to the frame."""

    def __init__(self, path: Path, max_s: float = MAX_RECORDING_S) -> None:
        self.path = path
        self.paused = False
        self._max_frames = round(max_s / FRAME_S)
        self._left: list[bytes] = []
        self._right: list[bytes] = []

    def add(self, left: bytes, right: bytes | None) -> None:
        """One tick: 320 bytes each; None is silence. Paused, both are silent."""
        if len(self._left) >= self._max_frames:
            return
        if self.paused:
            left, right = SILENCE_FRAME, None
        self._left.append(left)
        self._right.append(SILENCE_FRAME if right is None else right)

    def write(self) -> Iterator[None]:
        """Write the file if anything was recorded, a step with each `next`: whole in the end, or not at all.

        Raises OSError."""
        if not self._left:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(self.path.name + ".part")
        with wave.open(str(part), "wb") as file:
            file.setnchannels(2)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE_HZ)
            for start in range(0, len(self._left), _STEP_FRAMES):
                left = b"".join(self._left[start : start + _STEP_FRAMES])
                right = b"".join(self._right[start : start + _STEP_FRAMES])
                stereo = np.empty((len(left) // 2, 2), np.int16)
                stereo[:, 0] = np.frombuffer(left, np.int16)
                stereo[:, 1] = np.frombuffer(right, np.int16)
                file.writeframesraw(stereo.tobytes())
                yield
        part.replace(self.path)
        self._left.clear()
        self._right.clear()
