"""A customer's call that an agent makes: who talks is the agent, we only join the two and note what happens.

It is the trunk's `CallHandler` for the customer's leg, and to the dialer what the robot's session is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from pathlib import Path

from ivr.byhand.phone import PersonLeg
from ivr.clock import Clock
from ivr.session.base import BaseSession
from ivr.session.deps import PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import Bus, NodeReached, PromptBegan, PromptEnded, StateChanged
from ivr.session.record import CallRecord, Talk
from ivr.session.states import CallState
from ivr.session.takeover import Takeover
from trunk.ports import Answered, Call, CallEvent, HungUp, Ringing, TrunkError

log = logging.getLogger(__name__)
BRIDGED = "bridged"  # as the talk is named to whoever watches


class PersonSession(BaseSession):
    """`talking()` is called when the two can hear each other, `left()` when a supervisor has taken the agent's
    place; `over` gives the record when the call has ended."""

    def __init__(
        self,
        attempt: PlacedAttempt,
        leg: PersonLeg,
        agent: str,
        parts: tuple[Clock, Bus, Path | None],
        talking: Callable[[PersonSession], Coroutine[None, None, None]],
        left: Callable[[PersonSession], Coroutine[None, None, None]],
    ) -> None:
        super().__init__()
        self.attempt = attempt
        self._clock, self._bus, self._recordings = parts
        self.record = CallRecord(attempt.attempt_id, attempt.phone, started_at=self._clock.now())
        told = (self._clock, self._bus)
        self._takeover = Takeover(attempt.attempt_id, told, self.record.talks)
        self._taken = False
        self._leg = leg
        self._agent = agent
        self._talking, self._left = talking, left
        self._answered_at_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        leg.waiting = True
        self._start(self._follow_agent())

    # ---- for the dialer -------------------------------------------------------------------------------------

    @property
    def agent_call(self) -> Call | None:
        return self._leg.call if self.record.talks and not self._taken else None

    def take_over(self, other: Call, who: str) -> None:
        """A supervisor talks with the customer from now on, instead of the agent. Raises ValueError unless the two
        talk."""
        if self._call is None or self.agent_call is None or self._done.done():
            raise ValueError("only a call that an agent talks on can be taken over")
        self._taken = True
        self._end_talk()
        self._tell(CallState.TAKEN)
        self._takeover.prepare(self._call, other)
        self._leg.hang_up()
        self._takeover.begin(who, self.hang_up)
        self._start(self._left(self))

    def taker_left(self) -> None:
        if self._taken:
            self.hang_up()

    def _end_talk(self) -> None:
        if self.record.talks and self.record.talks[-1].ended_at is None:
            self.record.talks[-1].ended_at = self._clock.now()

    def give_up_ringing(self) -> None:
        if self.record.answered_at is None:
            self.hang_up()

    async def over(self) -> CallRecord:
        await asyncio.shield(self._done)
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._takeover.over()
        return self.record

    # ---- CallHandler ----------------------------------------------------------------------------------------

    def on_event(self, event: CallEvent) -> None:
        now = self._clock.now()
        match event:
            case Ringing():
                self.record.ringing_at = self.record.ringing_at or now
                self._tell(CallState.RINGING)
            case Answered(at_s=at_s):
                self.record.answered_at, self._answered_at_s = now, at_s
                self._start(self._join())
            case HungUp(at_s=at_s, cause=cause) if not self._done.done():
                self.record.ended_at, self.record.cause = now, cause
                if self.record.answered_at is not None:
                    self.record.talk_s = at_s - self._answered_at_s
                self._leg.waiting = False
                self._leg.hang_up()
                self._done.set_result(None)
            case _:
                pass

    def on_tick(self, frame: bytes) -> bytes | None:
        del frame  # on its way into the bridge, or out of it
        return None

    # ---- the two together -----------------------------------------------------------------------------------

    async def _join(self) -> None:
        """The customer has answered: record, and let the two hear each other."""
        call, other = self._call, self._leg.call
        if call is None or other is None:
            self.hang_up()
            return
        self._leg.waiting = False
        if self._recordings is not None:
            call.record(self._recordings / f"{self.attempt.attempt_id}.wav")
        try:
            await call.bridge(other)
        except (TrunkError, ValueError) as error:
            log.warning("no_bridge", extra={"agent": self._agent, "reason": type(error).__name__})
            if self._leg.cause is None and not self._done.done():  # else one of the two has just left
                self.record.failure = "no bridge"
            self.hang_up()
            return
        assert self.record.answered_at is not None
        self.record.talks.append(Talk(self._agent, self.record.answered_at))
        self._tell(CallState.BRIDGED)
        for call_id in (self._leg.leg_id, self.attempt.attempt_id):
            self._bus.publish(NodeReached(call_id, BRIDGED))
            self._bus.publish(PromptBegan(call_id, BRIDGED, ""))
            self._bus.publish(PromptEnded(call_id, BRIDGED))
        await self._talking(self)

    async def _follow_agent(self) -> None:
        """When the agent hangs up, so does the customer's phone, whether it rings or they talk."""
        over = asyncio.ensure_future(self._leg.gone())
        await asyncio.wait({over, self._done}, return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if not self._done.done() and not self._taken:
            self.hang_up()

    def _tell(self, state: CallState) -> None:
        self._bus.publish(StateChanged(self.attempt.attempt_id, state, self._clock.now()))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(self._guarded(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 a task's top: the fault ends this call alone
            log_fault(log, "call_fault", error, attempt_id=self.attempt.attempt_id)
            self.record.failure = self.record.failure or type(error).__name__
            self.hang_up()
