"""How late frames come, by the times at which they came. Pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FRAME_S = 0.02


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of every frame against the earliest of its call in the same second: a robot's clock that skips a beat makes
    the rest of that second late. Where two come at once in 40 ms, the second one is early, and no measure for the
    first."""

    at: NDArray[np.float64]  # s since the epoch
    late_ms: NDArray[np.float64]

    def between(self, begin_at: float, end_at: float) -> NDArray[np.float64]:
        return self.late_ms[(self.at >= begin_at) & (self.at < end_at)]


def lateness(came: NDArray[np.float64], whose: NDArray[np.uint64]) -> Lateness:
    """`came`: when each frame came; `whose`: its call's index · 65536 + its RTP sequence number."""
    if not len(came):
        return Lateness(came, came)
    call = (whose >> np.uint64(16)).astype(np.int64)
    order = np.argsort(call, kind="stable")
    call, at = call[order], came[order]
    sequence = (whose[order] & np.uint64(0xFFFF)).astype(np.int64)
    step = np.diff(sequence, prepend=sequence[0])
    step = np.where(step < -32768, step + 65536, np.where(step > 32768, step - 65536, step))
    first = np.diff(call, prepend=call[0] - 1) != 0
    step[first] = 0
    number = np.cumsum(step)  # one count over all calls is as good as one per call: only differences count
    due = at - FRAME_S * number
    second = np.floor(at - at.min()).astype(np.int64)
    group = np.cumsum(first | (np.diff(second, prepend=second[0]) != 0)) - 1
    earliest = np.full((group[-1] + 1, 2), np.inf)  # of its even frames, and of its odd ones
    np.minimum.at(earliest, (group, number & 1), due)
    began = np.minimum(earliest.max(axis=1), earliest.min(axis=1) + FRAME_S)
    return Lateness(at, np.maximum(due - began[group], 0.0) * 1000)
