"""Whether the callee still waits for a person, and how they left if they don't."""

from __future__ import annotations

import asyncio
from enum import StrEnum

from ivr.model import HandoffResult


class Stage(StrEnum):
    """How far an agent is with them."""

    WAITING = "waiting"  # nobody is being tried
    RINGING = "ringing"
    WHISPER = "whisper"  # an agent hears who it is
    BRIDGING = "bridging"  # they have taken the call; the two don't hear each other yet
    TALKING = "talking"


_LEFT = {
    Stage.WAITING: HandoffResult.LEFT_WAITING,
    Stage.RINGING: HandoffResult.LEFT_RINGING,
    Stage.WHISPER: HandoffResult.LEFT_WHISPER,
    Stage.BRIDGING: HandoffResult.LEFT_BRIDGING,
    Stage.TALKING: HandoffResult.TALKED,
}


class Staying:
    """One callee during one transfer."""

    def __init__(self) -> None:
        self.stage = Stage.WAITING
        self.left_as: HandoffResult | None = None  # None: they are still there
        self.left_s: float | None = None  # since when (loop's time)
        self._left = asyncio.Event()

    @property
    def gone(self) -> bool:
        return self.left_as is not None

    def leave(self, *, by_us: bool = False) -> None:
        """They hang up, or we end their call. Harmless when they have left."""
        self._leave(HandoffResult.CUT_OFF if by_us and self.stage is not Stage.TALKING else _LEFT[self.stage])

    def choose_callback(self) -> bool:
        """They would rather be called back. False: too late, an agent is about to take the call."""
        if self.gone or self.stage not in {Stage.WAITING, Stage.RINGING}:
            return False
        self._leave(HandoffResult.CALLBACK)
        return True

    async def left(self) -> None:
        """Wait until they are gone."""
        await self._left.wait()

    def _leave(self, result: HandoffResult) -> None:
        if self.left_as is None:
            self.left_as = result
            self.left_s = asyncio.get_running_loop().time()
            self._left.set()
