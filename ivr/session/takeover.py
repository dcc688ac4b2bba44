"""A supervisor takes a call over: they talk with the callee instead of the robot or the agent, who is out of it
for good. When they hang up the call is over.

It belongs to the call's session, the robot's or the one of an agent's own call, and changes none of its state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from flows.interpreter import DISPOSITION_INCOMPLETE
from ivr.clock import Clock
from ivr.session.progress import BRIDGED, Bus, NodeReached, PromptBegan, PromptEnded
from ivr.session.record import CallRecord, Talk
from trunk.ports import Call, TrunkError

log = logging.getLogger(__name__)
DISPOSITION = "taken_over"  # of a call for which the flow had none yet
FREE_WITHIN_S = 3.0  # after the agent's end the callee's call comes back from the bridge; 100 ms was measured
LOOK_S = 0.02
LONGEST_S = 3600.0  # that a supervisor talks


class Takeover:
    """`prepare`, then `begin` joins the two; `end` when they don't talk any more."""

    def __init__(self, attempt_id: str, told: tuple[Clock, Bus], talks: list[Talk]) -> None:
        self.longest_s = 0.0  # that the call may last longer than others
        self._attempt_id = attempt_id
        self._clock, self._bus = told
        self._talks = talks
        self._calls: tuple[Call, Call] | None = None
        self._talk: Talk | None = None
        self._task: asyncio.Task[None] | None = None

    def prepare(self, call: Call, other: Call) -> None:
        """The callee's call, and that of whoever takes it over."""
        self._calls = (call, other)

    def begin(self, who: str, failed: Callable[[], None]) -> None:
        """`failed()` is called when the two couldn't be joined."""
        self.longest_s = LONGEST_S
        self._task = asyncio.create_task(self._join(who, failed))

    def end(self) -> None:
        if self._talk is not None and self._talk.ended_at is None:
            self._talk.ended_at = self._clock.now()

    def settle(self, record: CallRecord) -> None:
        """The call is over: what it came to, unless the flow had said it before."""
        if self._task is not None and record.flow_disposition in (None, DISPOSITION_INCOMPLETE):
            record.flow_disposition = DISPOSITION

    async def over(self) -> None:
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _join(self, who: str, failed: Callable[[], None]) -> None:
        assert self._calls is not None
        call, other = self._calls
        loop = asyncio.get_running_loop()
        until_s = loop.time() + FREE_WITHIN_S
        while True:
            try:
                await call.bridge(other)
                break
            except ValueError:  # the callee is on their way out of the bridge with the agent
                if loop.time() >= until_s:
                    self._not_joined("it isn't free", failed)
                    return
                await asyncio.sleep(LOOK_S)
            except TrunkError as error:
                self._not_joined(error.template, failed)
                return
        self._talk = Talk(who, self._clock.now())
        self._talks.append(self._talk)
        tell = self._bus.publish
        for call_id in (other.attempt_id, self._attempt_id):
            tell(NodeReached(call_id, BRIDGED))
            tell(PromptBegan(call_id, BRIDGED, ""))
            tell(PromptEnded(call_id, BRIDGED))

    def _not_joined(self, why: str, failed: Callable[[], None]) -> None:
        log.warning("not_taken_over", extra={"attempt_id": self._attempt_id, "reason": why})
        failed()
