"""The frames of one call that have come and aren't heard yet, pure: bounded, and with little delay for long."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from speech.audio import FRAME_BYTES, SILENCE_FRAME
from trunk.asterisk.audioports import AudioSocketLimits


class JitterBuffer:
    """Takes audio of any length and gives frames of 20 ms, two at a time.

    Where few frames wait and two more have come, whoever serves the call passes them by both functions: `frames`,
    `few` and `surplus_ticks` are there for that."""

    __slots__ = ("_calm", "_limits", "_on_drop", "few", "frames", "part", "surplus_ticks")

    def __init__(self, limits: AudioSocketLimits, on_drop: Callable[[], None]) -> None:
        """`on_drop` is called for each frame that came too late to be of use."""
        self._limits = limits
        self._on_drop = on_drop
        self._calm = limits.spare_frames + 2  # that may wait when two are heard
        self.few = min(2, limits.spare_frames + 1)  # fewer than these wait, and that is well
        self.frames: deque[bytes] = deque()  # 320 bytes each; bounded in `take`
        self.part = b""  # of a frame, where the peer's packets aren't 20 ms long
        self.surplus_ticks = 0  # since more than the calm ones wait

    def take(self, pcm: bytes) -> None:
        """Audio that has come, whole samples. Where too much waits, the oldest is dropped."""
        frames = self.frames
        if len(pcm) == FRAME_BYTES and not self.part:
            frames.append(pcm)
        else:
            pcm = self.part + pcm
            whole = len(pcm) - len(pcm) % FRAME_BYTES
            frames.extend(pcm[at : at + FRAME_BYTES] for at in range(0, whole, FRAME_BYTES))
            self.part = pcm[whole:]
        while len(frames) > self._limits.jitter_frames:
            frames.popleft()
            self._on_drop()

    def next_two(self) -> tuple[bytes, bytes]:
        """The oldest two, silence for those that are missing. Where more than the spare ones wait, that is a
        stall's backlog, which would be a delay for the rest of the call, so it is shed bit by bit."""
        frames = self.frames
        if len(frames) <= self._calm:
            self.surplus_ticks = 0
        else:
            self.surplus_ticks += 2
            if self.surplus_ticks >= self._limits.shed_after_ticks:
                self.surplus_ticks -= self._limits.shed_after_ticks
                self._on_drop()
                frames.popleft()
        first = frames.popleft() if frames else SILENCE_FRAME
        return first, frames.popleft() if frames else SILENCE_FRAME
