"""One transfer: find an agent, ring them, tell them who it is, have them take the call by key, join the two, and
wait for the agent's end. Whatever goes wrong is a typed result; the callee is never lost for it.

The callee's side (comfort, states, record) is the session's. Agents are tried one after the other until one takes
the call, nobody is left, or the flow's `answer_within_s` is over; the last one's result counts."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flows.sprint import PromptRef, TransferEnded, TransferStatus, TransferWait
from ivr.config import QueueSettings
from ivr.ports import Agent, AgentSupply, SecondLegs
from ivr.session.agent_leg import AgentLeg
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import AgentCalled, AgentTried, NodeReached, PromptBegan, PromptEnded
from ivr.session.speaker import Speaker
from speech.audio import PromptAudio
from speech.turn import KeyPlan, TurnAnswer, TurnMachine, TurnPlan
from trunk.ports import Call, DialOutcome, OriginateRequest, TrunkError

log = logging.getLogger(__name__)
WHISPER = "whisper"  # as nodes are named to whoever watches: what an agent is told
BRIDGED = "bridged"  # … and the talk of agent and callee
TAKE, DECLINE = "take", "decline"
AGENT_KEYS = {"1": TAKE, "2": DECLINE}
KEYS_PROMPT = PromptRef(id="common.whisper_keys")
GONE_PROMPT = PromptRef(id="common.whisper_gone")
WHISPERS = 2  # the brief is said once more when no key came
WHISPER_WAIT_S = 5.0  # for the key, after each time
NETWORK_S = 5.0  # so much longer than asked the network may take to say how a leg ended
SLACK_S = 0.1  # a wait of so long ends a little later
PARTING_S = 1.0  # a bridge fails because one side has just left: which one is known by then

_STATUSES: dict[DialOutcome, TransferStatus] = {  # of a leg that nobody answered; everything else: trunk
    DialOutcome.BUSY: "busy",
    DialOutcome.REJECTED: "declined",
    DialOutcome.NO_ANSWER: "no_answer",
    DialOutcome.CANCELLED: "no_answer",
    DialOutcome.POWERED_OFF: "no_answer",
    DialOutcome.UNREACHABLE: "no_answer",
}


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom to hand over, and where legs beside their call can be placed."""

    attempt: PlacedAttempt
    call: Call
    legs: SecondLegs
    agents: AgentSupply
    talked_s: float  # with agents, earlier in this call


def leg_id(attempt_id: str, number: int) -> str:
    """The network's id of an attempt's first, second … leg to an agent: the same in every rehearsal."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{attempt_id}/agent/{number}"))


async def prepare_agents(speaker: Speaker, queues: Mapping[str, QueueSettings]) -> None:
    """Make what every agent hears, so that what can't be said is known before the first call.

    Raises PromptError or SpeechError, one sentence."""
    for language in {queue.language for queue in queues.values()}:
        for prompt in (KEYS_PROMPT, GONE_PROMPT):
            await speaker.render((prompt,), language)


def _why_silent(leg: AgentLeg) -> TransferStatus:
    """Why a whisper ended without a result: the agent has hung up, or no audio gets through."""
    return "declined" if leg.cause is not None and leg.cause.by == "callee" else "trunk"


class Handover:
    """`run` gives the flow's result. `bridged(agent)` is called when the two can hear each other."""

    def __init__(
        self, wait: TransferWait, callee: Callee, deps: CallDeps, legs_before: int, bridged: Callable[[str], None]
    ) -> None:
        self.legs = legs_before  # of this call, those of earlier transfers included
        self._wait = wait
        self._callee = callee
        self._deps = deps
        self._bridged = bridged
        self._tell = deps.bus.publish
        self._leg: AgentLeg | None = None
        self._left = asyncio.Event()  # the callee is gone
        self._left_s: float | None = None  # … since when
        self._whispering = False
        self._began_s = asyncio.get_running_loop().time()
        self._found_s: float | None = None  # when the agent who is being tried, or has taken the call, was found

    @property
    def found_in_time(self) -> bool:
        """Whether an agent is being tried, or has taken the call, who was found soon after they were needed."""
        return self._found_s is not None and self._found_s - self._began_s <= self._deps.agent_within_s + SLACK_S

    @property
    def left_at_once(self) -> bool:
        """Whether the callee was gone before anybody had to be found."""
        return self._left_s is not None and self._left_s - self._began_s < self._deps.agent_within_s

    def callee_left(self) -> None:
        """The callee has hung up or is being hung up: an agent who is being told is told so, other legs end."""
        self._left.set()
        self._left_s = asyncio.get_running_loop().time()
        if self._leg is None:
            return
        if self._whispering:
            self._leg.interrupt()
        else:
            self._leg.hang_up()

    @property
    def wanted(self) -> bool:
        """Whether the callee still waits."""
        return not self._left.is_set()

    async def run(self) -> TransferEnded:
        try:
            return await self._try_all()
        except Exception as error:  # noqa: BLE001 our fault in here must not cost the callee their call
            log_fault(log, "transfer_fault", error, attempt_id=self._callee.attempt.attempt_id)
            return TransferEnded(status="trunk")

    async def _try_all(self) -> TransferEnded:
        loop = asyncio.get_running_loop()
        until_s = loop.time() + self._wait.answer_within_s
        status: TransferStatus = "no_agent"
        tried: set[str] = set()
        while not self._left.is_set() and loop.time() < until_s:
            wait_s = max(0.0, min(until_s, self._began_s + self._deps.agent_within_s) - loop.time())
            attempt_id = self._callee.attempt.attempt_id
            agent = await self._callee.agents.claim(self._wait.queue, frozenset(tried), wait_s, attempt_id)
            if agent is None:
                break
            if self._left.is_set():  # while we waited for somebody
                await self._callee.agents.release(agent, "caller_left")
                break
            tried.add(agent.number)
            self._found_s = loop.time()
            self.legs += 1
            leg = self._new_leg()
            came_to: TransferStatus = "trunk"
            try:
                came_to = status = await self._try(leg, agent, min(agent.ring_s, until_s - loop.time()))
            finally:
                await self._callee.agents.release(agent, came_to)
            ids = {"attempt_id": attempt_id, "agent": agent.number}
            log.info("agent_tried", extra=ids | {"queue": self._wait.queue, "status": status})
            self._tell(AgentTried(**ids, leg_id=leg.leg_id, status=status, at=self._deps.clock.now()))
            if status == "answered":
                return TransferEnded(status=status, agent=agent.number)
            if status != "caller_left":
                self._found_s = None
        return TransferEnded(status="caller_left" if self._left.is_set() else status)

    # ---- one agent --------------------------------------------------------------------------------------------

    async def _try(self, leg: AgentLeg, agent: Agent, ring_s: float) -> TransferStatus:
        whisper = await self._sound(agent, *((self._wait.brief,) if self._wait.brief else ()), KEYS_PROMPT)
        gone = await self._sound(agent, GONE_PROMPT)
        attempt_id, now = self._callee.attempt.attempt_id, self._deps.clock.now()
        self._tell(AgentCalled(attempt_id, leg.leg_id, agent.number, agent.phone, now))
        request = OriginateRequest(leg.leg_id, agent.phone, ring_timeout_s=ring_s)
        try:
            leg.call = await self._callee.legs.originate(agent.trunk, request, leg)
        except TrunkError as error:
            log.warning("agent_unreachable", extra={"agent": agent.number, "reason": error.template})
            return "trunk"
        self._leg = leg
        try:
            if self._left.is_set():
                return "caller_left"
            if not await leg.picked_up(ring_s + NETWORK_S):
                return self._status_of(leg)
            return await self._talk(leg, agent, whisper, gone)
        finally:
            self._leg = None
            await self._end(leg)

    def _new_leg(self) -> AgentLeg:
        identity = leg_id(self._callee.attempt.attempt_id, self.legs)

        def tell(text: str | None) -> None:
            self._tell(PromptEnded(identity, WHISPER) if text is None else PromptBegan(identity, WHISPER, text))

        return AgentLeg(identity, self._deps.recognizer, tell)

    async def _sound(self, agent: Agent, *prompts: PromptRef) -> PromptAudio:
        return await self._deps.clock.outside(self._deps.speaker.render(prompts, agent.language))

    def _status_of(self, leg: AgentLeg) -> TransferStatus:
        """Why the agent couldn't be reached."""
        if self._left.is_set():
            return "caller_left"
        return "no_answer" if leg.cause is None else _STATUSES.get(leg.cause.outcome, "trunk")

    async def _talk(self, leg: AgentLeg, agent: Agent, whisper: PromptAudio, gone: PromptAudio) -> TransferStatus:
        """The agent has picked up."""
        self._tell(NodeReached(leg.leg_id, WHISPER))
        status: TransferStatus = "answered"
        if self._wait.mode == "warm":
            self._whispering = True
            status = await self._whisper(leg, whisper)
            self._whispering = False
        if status == "answered":
            status = await self._bridge(leg, agent)
        if status == "caller_left":
            await leg.turn(TurnPlan(gone, key_barge_in=False))
        return status

    async def _whisper(self, leg: AgentLeg, audio: PromptAudio) -> TransferStatus:
        """Tell the agent who it is. Only the key takes the call: a machine never presses it."""
        machine = False
        for _ in range(WHISPERS):
            plan = TurnPlan(audio, KeyPlan(AGENT_KEYS), no_input_s=WHISPER_WAIT_S)
            result = await leg.turn(plan)
            if self._left.is_set():
                return "caller_left"
            match result:
                case TurnAnswer(value):
                    return "answered" if value == TAKE else "declined"
                case None:
                    return "machine" if machine else _why_silent(leg)
                case TurnMachine():
                    machine = True
        return "machine" if machine else "no_answer"

    async def _bridge(self, leg: AgentLeg, agent: Agent) -> TransferStatus:
        """Join the two until the agent hangs up, the callee does, or they have talked for too long."""
        assert leg.call is not None
        try:
            await self._callee.call.bridge(leg.call)
        except (TrunkError, ValueError) as error:
            log.warning("no_bridge", extra={"agent": agent.number, "reason": type(error).__name__})
            return await self._why_no_bridge(leg)
        for call_id in (leg.leg_id, self._callee.attempt.attempt_id):
            self._tell(NodeReached(call_id, BRIDGED))
            self._tell(PromptBegan(call_id, BRIDGED, ""))
            self._tell(PromptEnded(call_id, BRIDGED))
        self._bridged(agent.number)
        await self._callee.agents.talking(agent)
        if not await leg.over(max(0.0, agent.longest_talk_s - self._callee.talked_s)):
            log.warning("talk_too_long", extra={"attempt_id": self._callee.attempt.attempt_id})
        return "answered"

    async def _why_no_bridge(self, leg: AgentLeg) -> TransferStatus:
        """One of the two has left at this very moment, or the network can't do it."""
        over = asyncio.ensure_future(leg.over(PARTING_S))
        left = asyncio.ensure_future(self._left.wait())
        await asyncio.wait({over, left}, timeout=PARTING_S, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (over, left):
            waiting.cancel()
        if self._left.is_set():
            return "caller_left"
        return "trunk" if leg.cause is None else "declined"

    async def _end(self, leg: AgentLeg) -> None:
        """The leg's channel is free again when this returns."""
        leg.hang_up()
        if not await leg.over(NETWORK_S):
            log.error("agent_leg_lost", extra={"attempt_id": self._callee.attempt.attempt_id})
        self._callee.legs.ended(leg.leg_id, leg.cause)
