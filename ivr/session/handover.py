"""One transfer: ask for a person, wait for one, try them, and the next; whatever comes of it is one typed result.

The callee's side (comfort, states, record) is the session's, what one agent is told is `ivr.session.offering`'s.
Agents are tried one after the other until one takes the call, nobody is left, or the flow's `answer_within_s` is
over; the last one's result is the flow's. A phone whose ringing that cuts short hasn't been left unanswered: its
agent is ready for others at once, and the result is that the time was over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping

from flows.results import TransferEnded, TransferStatus
from flows.waits import TransferWait
from ivr.model import HandoffResult
from ivr.ports import Admission, Agent, HandedOver, Request, Standing
from ivr.session.deps import CallDeps
from ivr.session.faults import log_fault
from ivr.session.offering import Callee, Offer, Offering, Times, leg_id
from ivr.session.progress import AgentTried
from ivr.session.staying import Stage, Staying
from ivr.session.whispering import Whisper
from trunk.ports import Call

log = logging.getLogger(__name__)
SLACK_S = 0.1  # a wait of so long ends a little later
LEAST_RING_S = 3.0  # nobody can be expected to pick up sooner: with less time left no agent is looked for any more

STATUS_OF: Mapping[HandoffResult, TransferStatus] = {
    HandoffResult.TALKED: "answered",
    HandoffResult.TALK_CUT: "answered",
    HandoffResult.TALK_LOST: "answered",
    HandoffResult.NO_QUEUE: "no_agent",
    HandoffResult.NOBODY_SIGNED_IN: "no_agent",
    HandoffResult.UNLIKELY: "unlikely",
    HandoffResult.TIMED_OUT: "timed_out",
    HandoffResult.CALLBACK: "callback",
    HandoffResult.LEFT_WAITING: "caller_left",
    HandoffResult.LEFT_RINGING: "caller_left",
    HandoffResult.LEFT_WHISPER: "caller_left",
    HandoffResult.LEFT_BRIDGING: "caller_left",
    HandoffResult.CUT_OFF: "caller_left",
    HandoffResult.DECLINED: "declined",
    HandoffResult.BUSY: "busy",
    HandoffResult.NO_ANSWER: "no_answer",
    HandoffResult.NO_KEY: "no_answer",
    HandoffResult.UNREACHABLE: "no_answer",
    HandoffResult.MACHINE: "machine",
    HandoffResult.PHONE_LOST: "trunk",
    HandoffResult.NO_CHANNEL: "trunk",
    HandoffResult.NETWORK: "trunk",
    HandoffResult.NO_BRIDGE: "trunk",
    HandoffResult.FAULT: "trunk",
}


class Handover:
    """`run` gives the result, `ended` what the flow is told and what is put on record. `bridged(agent)` is called
    when the two can hear each other, `in_line()` when the callee has to wait."""

    def __init__(
        self,
        wait: TransferWait,
        callee: Callee,
        deps: CallDeps,
        number: int,
        legs_before: int,
    ) -> None:
        self.legs = legs_before  # of this call, those of earlier transfers included
        self.request = Request(wait.queue, callee.attempt.attempt_id, number, callee.brief)
        self.admission = Admission()
        self._wait = wait
        self._callee = callee
        self._deps = deps
        self._staying = Staying()
        brief = None if wait.mode == "blind" else wait.brief
        self._whisper = Whisper(brief, callee.brief, deps.speaker, deps.clock, callee.attempt.attempt_id)
        self._offer = Offer(wait, callee, deps, self._staying, self._whisper)
        self._offering: Offering | None = None
        self._tried: list[tuple[str, HandoffResult]] = []
        self._times = Times()
        self._asked_at = deps.clock.now()
        self._began_s = asyncio.get_running_loop().time()
        self._found_s: float | None = None  # when the agent who is being tried, or has taken the call, was found

    @property
    def found_in_time(self) -> bool:
        """Whether an agent is being tried, or has taken the call, who was found soon after they were needed."""
        return self._found_s is not None and self._found_s - self._began_s <= self._deps.agent_within_s + SLACK_S

    @property
    def left_at_once(self) -> bool:
        """Whether the callee was gone before anybody had to be found."""
        left_s = self._staying.left_s
        return left_s is not None and left_s - self._began_s < self._deps.agent_within_s

    @property
    def wanted(self) -> bool:
        """Whether the callee still waits."""
        return not self._staying.gone

    @property
    def agent_call(self) -> Call | None:
        return None if self._offering is None else self._offering.leg.call

    @property
    def waiting(self) -> bool:
        """Whether they wait and no agent is being tried."""
        return self.wanted and self._staying.stage is Stage.WAITING

    @property
    def waited_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began_s

    def callee_left(self, *, by_us: bool) -> None:
        """The callee has hung up or is being hung up: an agent who is being told is told so, other legs end."""
        self._staying.leave(by_us=by_us)
        if self._offering is not None:
            self._offering.callee_left()

    def choose_callback(self) -> None:
        """The callee would rather be called back than wait."""
        if self._staying.choose_callback() and self._offering is not None:
            self._offering.callee_left()

    async def standing(self) -> Standing | None:
        """Where the callee stands in the line."""
        return await self._callee.agents.standing(self.request)

    async def run(self, in_line: Callable[[], None], bridged: Callable[[str], None]) -> HandoffResult:
        agents = self._callee.agents
        try:
            self.admission = await agents.ask(self.request)
            if self.admission.refused is not None:
                return self._staying.left_as or self.admission.refused
            self._whisper.begin()  # no agent's phone rings yet: nobody waits for it
            return await self._try_all(in_line, bridged)
        except Exception as error:  # noqa: BLE001 our fault in here must not cost the callee their call
            log_fault(log, "transfer_fault", error, attempt_id=self.request.attempt_id)
            return HandoffResult.FAULT
        finally:
            self._whisper.close()
            agents.leave(self.request)

    def ended(self, result: HandoffResult) -> tuple[TransferEnded, HandedOver]:
        """What the flow is told, and what is put on record."""
        last_agent, last = self._tried[-1] if self._tried else (None, result)
        status = STATUS_OF[last if result is HandoffResult.NOBODY_ACCEPTED else result]
        times = self._times
        over = HandedOver(
            self.request, result, self._asked_at, self._deps.clock.now(), last_agent, tuple(self._tried),
            times.found_at, times.rang_at, times.accepted_at, times.talked_from, times.talk_s,
        )  # fmt: skip
        return TransferEnded(status=status, agent=last_agent if status == "answered" else None), over

    async def _try_all(self, in_line: Callable[[], None], bridged: Callable[[str], None]) -> HandoffResult:
        loop = asyncio.get_running_loop()
        until_s = self._began_s + self._wait.answer_within_s
        last_s = until_s - min(LEAST_RING_S, self._wait.answer_within_s / 2)
        told = False
        while self._staying.left_as is None and loop.time() < last_s:
            self._staying.stage = Stage.WAITING
            agent = await self._claim(0.0)
            if agent is None:
                if not told:
                    told = True
                    in_line()
                agent = await self._claim(self._may_wait_s(last_s))
            if agent is None:
                break
            if self._staying.left_as is not None:  # while we waited for somebody
                await self._callee.agents.release(agent, "caller_left")
                break
            if loop.time() > last_s + SLACK_S:  # the claim itself took too long
                await self._callee.agents.release(agent, "timed_out")
                break
            result = await self._try(agent, until_s, bridged)
            if STATUS_OF[result] in {"answered", "caller_left", "callback"}:
                return result
            self._found_s = None
            if result is HandoffResult.TIMED_OUT:
                return result
        return self._staying.left_as or self._in_vain(loop.time() >= last_s - SLACK_S)

    def _may_wait_s(self, until_s: float) -> float:
        """As long as the flow lets them."""
        return max(0.0, until_s - asyncio.get_running_loop().time())

    async def _claim(self, wait_s: float) -> Agent | None:
        """Somebody, if need be after a wait, which ends when the callee is gone."""
        tried = frozenset(number for number, _ in self._tried)
        if wait_s <= 0:
            return await self._callee.agents.claim(self.request, tried)
        claim = asyncio.ensure_future(self._callee.agents.claim(self.request, tried, wait_s))
        left = asyncio.ensure_future(self._staying.left())
        await asyncio.wait({claim, left}, return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if claim.done():
            return claim.result()
        self._callee.agents.leave(self.request)  # the claim ends by that, perhaps with somebody
        return await claim

    async def _try(self, agent: Agent, until_s: float, bridged: Callable[[str], None]) -> HandoffResult:
        """One agent, whose phone rings until then (loop's time) at most; released whatever comes of it."""
        loop = asyncio.get_running_loop()
        self._found_s = loop.time()
        ring_s = min(agent.ring_s, until_s - self._found_s)
        self.legs += 1
        attempt_id = self.request.attempt_id
        identity = leg_id(attempt_id, self.legs)
        self._offering = Offering(self._offer, agent, identity)
        self._times = self._offering.times
        result = HandoffResult.FAULT
        try:
            result = await self._offering.run(ring_s, bridged)
            in_vain = result is HandoffResult.NO_ANSWER and loop.time() >= until_s - SLACK_S
            if in_vain and ring_s < agent.ring_s:  # we cut it short: no fault of the agent's
                result = HandoffResult.TIMED_OUT
        finally:
            self._offering = None
            self._tried.append((agent.number, result))
            await self._callee.agents.release(agent, STATUS_OF[result])
        ids = {"attempt_id": attempt_id, "agent": agent.number}
        log.info("agent_tried", extra=ids | {"queue": self._wait.queue, "result": result.value})
        self._tell_tried(identity, agent, result)
        return result

    def _tell_tried(self, identity: str, agent: Agent, result: HandoffResult) -> None:
        status, now = STATUS_OF[result], self._deps.clock.now()
        told = AgentTried(self.request.attempt_id, identity, agent.number, status, now, result.value)
        self._deps.bus.publish(told)

    def _in_vain(self, time_is_over: bool) -> HandoffResult:
        """Nobody took the call: why."""
        if len(self._tried) == 1:
            return self._tried[0][1]
        if self._tried:
            return HandoffResult.NOBODY_ACCEPTED
        return HandoffResult.TIMED_OUT if time_is_over else HandoffResult.NOBODY_SIGNED_IN
