"""The supervisor's phone: a leg of its own that rings, and then carries the sound of a tap, both ways.

Two clocks of 20 ms meet here, the leg's and the tap's: a few frames are kept between them, the oldest dropped."""

from __future__ import annotations

import asyncio
from collections import deque

from trunk.ports import Answered, Call, CallEvent, Cause, HungUp

KEPT_FRAMES = 5  # 100 ms


class Headset:
    """`CallHandler` of the leg, `Tapping` of the call. `gone`: the leg is over, `tap_over`: the tap."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self.cause: Cause | None = None  # once the leg is over
        self.answered = asyncio.Event()
        self.gone = asyncio.Event()
        self.tap_over = asyncio.Event()
        self._heard: deque[bytes] = deque(maxlen=KEPT_FRAMES)
        self._said: deque[bytes] = deque(maxlen=KEPT_FRAMES)

    def hang_up(self) -> None:
        if self.call is not None:
            self.call.hangup()

    # ---- CallHandler ----------------------------------------------------------------------------------------

    def on_event(self, event: CallEvent) -> None:
        if isinstance(event, Answered):
            self.answered.set()
        elif isinstance(event, HungUp):
            self.cause = event.cause
            self.gone.set()

    def on_tick(self, frame: bytes) -> bytes | None:
        self._said.append(frame)
        return self._heard.popleft() if self._heard else None

    # ---- Tapping --------------------------------------------------------------------------------------------

    def on_tap(self, frame: bytes) -> bytes | None:
        self._heard.append(frame)
        return self._said.popleft() if self._said else None

    def on_tap_end(self) -> None:
        self.tap_over.set()
