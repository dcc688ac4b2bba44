"""Records one call frame by frame and writes it as stereo WAV at the end, in one go, off the media clock.

Frames are kept by reference, so that silence (shared constants) costs eight bytes; a minute of talk on both sides
takes 1.9 MB until the call is over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speech.audio import FRAME_S, SAMPLES_PER_FRAME, SILENCE_FRAME
from speech.audio.files import write_wav

MAX_RECORDING_S = 3600.0  # an hour, 115 MB; what comes later isn't kept


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

    def write(self) -> None:
        """Write the file if anything was recorded: whole, or not at all. Raises OSError."""
        if not self._left:
            return
        stereo = np.empty((len(self._left) * SAMPLES_PER_FRAME, 2), np.int16)
        stereo[:, 0] = np.frombuffer(b"".join(self._left), np.int16)
        stereo[:, 1] = np.frombuffer(b"".join(self._right), np.int16)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(self.path.name + ".part")
        write_wav(part, stereo.tobytes(), channels=2)
        part.replace(self.path)
        self._left.clear()
        self._right.clear()
