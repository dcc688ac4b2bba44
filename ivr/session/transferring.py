"""The transfers of one call, as its session sees them: what the callee hears while they wait, and the task that
looks for an agent. It dispatches `Bridged` and `TransferOver` to the call's machine, and changes no state."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from flows.results import TransferEnded
from flows.waits import TransferWait
from ivr.briefs import Brief
from ivr.database import DatabaseError
from ivr.model import HandoffResult
from ivr.ports import HandedOver, Request, SecondLegs
from ivr.session.announcing import CALLBACK_KEY, Announcing
from ivr.session.comfort import Comfort
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.events import Bridged, Broke, Event, TransferOver
from ivr.session.faults import log_fault
from ivr.session.handover import Handover
from ivr.session.offering import Callee
from ivr.session.progress import Abandoned, NoQueue, PromptBegan, PromptEnded
from ivr.session.record import Talk
from speech.turn import Ear
from trunk.ports import Call

log = logging.getLogger(__name__)
WRITE_AGAIN_S = 1.0  # while the database is out of reach
WRITES = 60  # tries; a request that couldn't be closed then is closed as its worker's loss


Dispatch = Callable[[Event], None]


class Transferring:
    """`begin` starts one transfer; `over` waits for the last one's end, agent's leg and record included.

    The session has this, so this has the session, by `dispatch`, no longer than a transfer takes."""

    def __init__(self, attempt: PlacedAttempt, deps: CallDeps, ear: Ear) -> None:
        self.talks: list[Talk] = []  # with agents, in order: the record's
        self.abandoned = False  # they needed a person, and none was found in time: the record's
        self._attempt = attempt
        self._deps = deps
        self._ear = ear
        self._comfort: Comfort | None = None
        self._announcing: Announcing | None = None
        self._handover: Handover | None = None
        self._tasks: list[asyncio.Task[None]] = []  # never cancelled: they end the agents' legs, and write
        self._requests = 0
        self._brief: Brief = ()  # the last request's
        self._legs_placed = 0

    def begin(
        self, dispatch: Dispatch, wait: TransferWait, call: Call | None, legs: SecondLegs | None, brief: Brief
    ) -> None:
        self._requests += 1
        self._brief = brief
        if self._deps.agents is not None and call is not None and legs is not None:
            callee = Callee(self._attempt, call, legs, self._deps.agents, self._talked_s(), brief)
            self._handover = Handover(wait, callee, self._deps, self._requests, self._legs_placed)
        self._tasks.append(asyncio.create_task(self._run(dispatch, wait, self._handover)))

    def callee_left(self, *, by_us: bool) -> None:
        if self._handover is not None:
            self._handover.callee_left(by_us=by_us)

    def on_key(self, key: str) -> None:
        """The callee pressed it while they wait: it counts once they have been told what it does."""
        if key == CALLBACK_KEY and self._announcing is not None and self._announcing.offered_callback:
            assert self._handover is not None
            self._handover.choose_callback()

    def begin_talk(self, agent: str) -> None:
        self.talks.append(Talk(agent, self._deps.clock.now()))

    def end_talk(self) -> None:
        self.talks[-1].ended_at = self._deps.clock.now()

    @property
    def agent_call(self) -> Call | None:
        """That of the agent who is being tried, or talks with the callee."""
        return None if self._handover is None else self._handover.agent_call

    @property
    def comforting(self) -> bool:
        return self._comfort is not None

    def on_tick(self, frame: bytes) -> bytes | None:
        """While `comforting`: every frame of the call."""
        return None if self._comfort is None else self._comfort.on_tick(frame)

    def stop_comfort(self) -> None:
        if self._announcing is not None:
            self._announcing.stop()
            self._announcing = None
        if self._comfort is not None:
            self._comfort.stop()
            self._comfort = None

    async def over(self) -> None:
        while self._tasks:
            await asyncio.wait({self._tasks.pop()})

    async def _run(self, dispatch: Dispatch, wait: TransferWait, handover: Handover | None) -> None:
        ended, over = TransferEnded(status="no_agent"), self._nobody(wait)
        try:
            if handover is not None:
                await self._begin_comfort(wait, handover)
                bridged = partial(self._bridged, dispatch)
                result = await handover.run(partial(self._in_line, wait, handover), bridged)
                ended, over = handover.ended(result)
                self._legs_placed = handover.legs
            if over.result is HandoffResult.NO_QUEUE:
                known = () if self._deps.agents is None else tuple(sorted(self._deps.agents.queues))
                self._deps.bus.publish(NoQueue(self._attempt.attempt_id, wait.queue, known))
            self._judge(ended, handover)
        except Exception as error:  # noqa: BLE001 a task's top: the fault ends this call alone
            log_fault(log, "call_fault", error, attempt_id=self._attempt.attempt_id)
            dispatch(Broke(error))
            return
        finally:
            self._handover = None
            self._tasks.append(asyncio.create_task(self._put_on_record(over)))
        dispatch(TransferOver(ended))

    def _nobody(self, wait: TransferWait) -> HandedOver:
        """There is nobody to hand calls to, or a fault of ours ended it."""
        now = self._deps.clock.now()
        request = Request(wait.queue, self._attempt.attempt_id, self._requests, self._brief)
        result = HandoffResult.NO_QUEUE if self._handover is None else HandoffResult.FAULT
        return HandedOver(request, result, now, now)

    async def _put_on_record(self, over: HandedOver) -> None:
        for _ in range(WRITES):
            try:
                await self._deps.ledger.handed_over(self._attempt, over)
            except DatabaseError as error:
                reason = type(error).__name__
                log.warning("handoff_not_written", extra={"attempt_id": over.request.attempt_id, "reason": reason})
                await asyncio.sleep(WRITE_AGAIN_S)
            else:
                return

    async def _begin_comfort(self, wait: TransferWait, handover: Handover) -> None:
        audio = await self._deps.clock.outside(self._deps.speaker.render(wait.comfort))
        if handover.wanted:

            def tell(text: str | None) -> None:
                identity = self._attempt.attempt_id
                said = PromptEnded(identity, wait.node) if text is None else PromptBegan(identity, wait.node, text)
                self._deps.bus.publish(said)

            self._comfort = Comfort(audio, self._ear, self._deps.recognizer, tell)

    def _in_line(self, wait: TransferWait, handover: Handover) -> None:
        """Nobody is free for them now: tell them where they stand, and again while they wait."""
        if self._comfort is not None and handover.wanted:
            self._announcing = Announcing(wait, handover, self._comfort, self._deps)

    def _judge(self, result: TransferEnded, handover: Handover | None) -> None:
        """Nobody has talked with the callee. Whoever left at once, or while an agent was being rung who had been
        found in time, wasn't abandoned; nor, of course, is who was answered (see `_bridged`)."""
        left_fairly = (
            result.status == "caller_left"
            and handover is not None
            and (handover.left_at_once or handover.found_in_time)
        )
        if result.status != "answered" and not left_fairly:
            self._abandon()

    def _abandon(self) -> None:
        if not self.abandoned:
            self.abandoned = True
            self._deps.bus.publish(Abandoned(self._attempt.attempt_id, self._deps.clock.now()))

    def _bridged(self, dispatch: Dispatch, agent: str) -> None:
        if self._handover is not None and not self._handover.found_in_time:
            self._abandon()
        dispatch(Bridged(agent))

    def _talked_s(self) -> float:
        """With agents, earlier in this call."""
        return sum((talk.ended_at - talk.started_at).total_seconds() for talk in self.talks if talk.ended_at)
