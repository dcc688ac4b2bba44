"""A deadline on the running loop: at most one, and setting it anew replaces it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Make it on the loop that it is for."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def set(self, delay_s: float, then: Callable[[], None]) -> None:
        """Call `then` after that time, unless `drop` or another `set` comes first."""
        self.drop()
        self._timer = self._loop.call_later(delay_s, then)

    def drop(self) -> None:
        """Harmless when there is none."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
