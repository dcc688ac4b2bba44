"""One 20 ms media clock for all calls of a trunk: one loop callback per tick serves every call.

Deadlines are absolute (start + n · period) on the loop's own time, so nothing drifts. A tick that comes late is
caught up, and so are those behind it: a moment's jitter is less to a callee than a hole, after which everything is
later for good. From PATIENCE periods on what was missed is skipped and counted: catching up would make it later
still. The clock starts with the first member and stops with the last; it owns nothing but its timer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from speech.audio import FRAME_S

PATIENCE = 3  # periods, 60 ms: what jitter buffers commonly hold
M = TypeVar("M")


class Ticker(Generic[M]):
    """Calls `serve(members)` on every tick; members are served in the order in which they were added.

    `serve` must not raise: it looks after each member's faults. A member that it removes is still in the tuple of
    that tick."""

    def __init__(self, serve: Callable[[tuple[M, ...]], None], period_s: float = FRAME_S) -> None:
        self.ticks = 0
        self.missed_ticks = 0
        self._serve = serve
        self._period_s = period_s
        self._members: dict[M, None] = {}
        self._in_order: tuple[M, ...] | None = ()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._start_s = 0.0
        self._number = 0  # of the tick that the timer is set for

    @property
    def running(self) -> bool:
        return self._timer is not None

    def add(self, member: M) -> None:
        """From the next tick on; the first one comes a period after the clock has started."""
        self._members[member] = None
        self._in_order = None
        if self._timer is None:
            self._loop = asyncio.get_running_loop()
            self._start_s = self._loop.time()
            self._number = 1
            self._timer = self._loop.call_at(self._start_s + self._period_s, self._tick)

    def discard(self, member: M) -> None:
        """Harmless for one that isn't there."""
        if member in self._members:
            del self._members[member]
            self._in_order = None
        if not self._members and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        assert self._loop is not None
        late_s = self._loop.time() - (self._start_s + self._number * self._period_s)
        missed = int(late_s / self._period_s)
        if missed < PATIENCE:
            missed = 0
        self.missed_ticks += missed
        self.ticks += 1
        self._number += 1 + missed
        # Set first: nothing that a member does may stop the clock of the others.
        self._timer = self._loop.call_at(self._start_s + self._number * self._period_s, self._tick)
        if self._in_order is None:
            self._in_order = tuple(self._members)
        self._serve(self._in_order)
