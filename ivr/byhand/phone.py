"""The agent's own phone in a call that they make: rung first, then held with a ringing tone until the customer
answers. It is the trunk's `CallHandler` for that leg."""

from __future__ import annotations

import asyncio
import math
from array import array
from functools import cache

from ivr.session.agent_leg import AgentLeg
from speech.audio import FRAME_BYTES, SAMPLE_RATE_HZ

TONE_HZ, TONE_S, CYCLE_S = 425.0, 1.0, 5.0  # ringing tone of the Chinese network (GF 002-9002, 1 s in 5 s)
LEVEL = 2000  # of 32767: it is beside somebody's ear


class PersonLeg(AgentLeg):
    """As a transfer's leg, and the agent hears that the customer's phone is being rung while `waiting`."""

    waiting = False
    _at = 0

    async def gone(self) -> None:
        """Wait until the agent has hung up, or the network has lost them."""
        await asyncio.shield(self._over)

    def on_tick(self, frame: bytes) -> bytes | None:
        if not self.waiting:
            return super().on_tick(frame)
        tone = ringing_tone()
        said = tone[self._at : self._at + FRAME_BYTES]
        self._at = (self._at + FRAME_BYTES) % len(tone)
        return said


@cache
def ringing_tone() -> bytes:
    """One cycle, s16le mono."""
    step = 2 * math.pi * TONE_HZ / SAMPLE_RATE_HZ
    tone = array("h", (round(LEVEL * math.sin(step * at)) for at in range(round(TONE_S * SAMPLE_RATE_HZ))))
    return tone.tobytes() + bytes(2 * round((CYCLE_S - TONE_S) * SAMPLE_RATE_HZ))
