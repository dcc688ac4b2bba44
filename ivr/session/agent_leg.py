"""The second leg of a transfer: what an agent hears and presses, from the originate to their hang-up.

It is the trunk's `CallHandler` for that leg and knows nothing of the callee; `ivr.session.handover` decides what
is said and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from speech.audio import FRAME_S
from speech.ports import Recognizer
from speech.turn import Ear, Turn, TurnPlan, TurnResult, TurnState
from trunk.ports import Answered, Call, CallEvent, Cause, HungUp, KeyPressed, Ringing

DEAF_S = 5.0  # a turn is counted in ticks: it may last so much longer than it should
LEAD_IN_TICKS = round(0.7 / FRAME_S)  # until the phone is at the ear


class AgentLeg:
    """One call to one agent. `tell(text)` when something begins to be said, `tell(None)` when that is over."""

    def __init__(
        self,
        leg_id: str,
        recognizer: Recognizer,
        tell: Callable[[str | None], None],
        now: Callable[[], datetime],
    ) -> None:
        self.leg_id = leg_id
        self.call: Call | None = None  # once it is placed
        self.cause: Cause | None = None  # once it is over
        self.answered = False
        self.rang_at: datetime | None = None  # the network said so
        self._now = now
        self._recognizer = recognizer
        self._tell = tell
        self._ear = Ear()
        self._turn: Turn | None = None
        self._saying = False
        self._lead_in = LEAD_IN_TICKS
        self._plan: TurnPlan | None = None  # to be said when the phone is at the ear
        self._result: asyncio.Future[TurnResult | None] | None = None  # of the turn that is on
        loop = asyncio.get_running_loop()
        self._picked_up: asyncio.Future[bool] = loop.create_future()
        self._over: asyncio.Future[None] = loop.create_future()

    # ---- for the hand-over ------------------------------------------------------------------------------------

    def hang_up(self) -> None:
        """Harmless before the leg is placed and after its end."""
        if self.call is not None:
            self.call.hangup()

    async def picked_up(self, within_s: float) -> bool:
        """Wait for the answer; False: the leg is over, or nothing came in time."""
        try:
            async with asyncio.timeout(within_s):
                return await asyncio.shield(self._picked_up)
        except TimeoutError:
            return False

    async def turn(self, plan: TurnPlan) -> TurnResult | None:
        """Say it and take what the agent does; None: they hung up, or `interrupt` was called."""
        if self.cause is not None:
            return None
        self._result = asyncio.get_running_loop().create_future()
        self._plan = plan
        try:
            async with asyncio.timeout(plan.audio.seconds + (plan.no_input_s or 0.0) + DEAF_S):
                return await self._result
        except TimeoutError:  # no audio comes or goes
            self._end_turn(None)
            return None

    def interrupt(self) -> None:
        """End the turn that is on, without a result."""
        self._end_turn(None)

    async def over(self, within_s: float) -> bool:
        """Wait for the leg's end; False: it didn't come in time."""
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(self._over)
        except TimeoutError:
            return False
        return True

    # ---- CallHandler ------------------------------------------------------------------------------------------

    def on_event(self, event: CallEvent) -> None:
        match event:
            case Ringing():
                self.rang_at = self.rang_at or self._now()
            case Answered():
                self.answered = True
                if not self._picked_up.done():
                    self._picked_up.set_result(True)
            case KeyPressed():
                if self._turn is not None:
                    self._turn.on_key(event.key)
            case HungUp():
                self.cause = event.cause
                self._end_turn(None)
                if not self._picked_up.done():
                    self._picked_up.set_result(False)
                if not self._over.done():
                    self._over.set_result(None)
            case _:
                pass

    def on_tick(self, frame: bytes) -> bytes | None:
        turn = self._turn
        if turn is not None:
            said = turn.on_tick(frame)
            if turn.state is not TurnState.PLAYING:
                self._tell_said()
            return said
        self._ear.hear(frame)
        if self._lead_in > 0:
            self._lead_in -= 1
        elif self._plan is not None:
            plan, self._plan = self._plan, None
            self._turn = Turn(plan, self._ear, self._recognizer, self._end_turn)
            self._saying = True
            self._tell(plan.audio.text)
        return None

    def _end_turn(self, result: TurnResult | None) -> None:
        turn, self._turn, self._plan = self._turn, None, None
        if turn is not None:
            turn.cancel()  # harmless when it has ended by itself
            self._tell_said()
        if self._result is not None and not self._result.done():
            self._result.set_result(result)

    def _tell_said(self) -> None:
        if self._saying:
            self._saying = False
            self._tell(None)
