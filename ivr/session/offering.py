"""One agent who is tried for one callee: ring them, tell them who it is, have them take the call by key, join the
two, and wait for the agent's end. What it came to is typed; the callee is never lost for it."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from flows.waits import PromptRef, TransferWait
from ivr.briefs import Brief
from ivr.model import HandoffResult
from ivr.ports import Agent, AgentSupply, SecondLegs
from ivr.session.agent_leg import AgentLeg
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.faults import log_fault
from ivr.session.progress import BRIDGED, WHISPER, AgentCalled, NodeReached, PromptBegan, PromptEnded
from ivr.session.speaker import Speaker
from ivr.session.staying import Stage, Staying
from ivr.session.whispering import KEYS_PROMPT, Whisper, prepare_answers
from speech.audio import PromptAudio
from speech.turn import KeyPlan, TurnAnswer, TurnMachine, TurnPlan
from trunk.ports import Call, DialOutcome, OriginateRequest, TrunkError

log = logging.getLogger(__name__)
TAKE, DECLINE = "take", "decline"
AGENT_KEYS = {"1": TAKE, "2": DECLINE}
GONE_PROMPT = PromptRef(id="common.whisper_gone")
WHISPERS = 2  # the brief is said once more when no key came
WHISPER_WAIT_S = 5.0  # for the key, after each time
NETWORK_S = 5.0  # so much longer than asked the network may take to say how a leg ended
PARTING_S = 1.0  # a bridge fails because one side has just left: which one is known by then

_UNANSWERED: dict[DialOutcome, HandoffResult] = {  # of a leg that nobody answered; everything else: network
    DialOutcome.BUSY: HandoffResult.BUSY,
    DialOutcome.REJECTED: HandoffResult.DECLINED,
    DialOutcome.NO_ANSWER: HandoffResult.NO_ANSWER,
    DialOutcome.CANCELLED: HandoffResult.NO_ANSWER,
    DialOutcome.POWERED_OFF: HandoffResult.UNREACHABLE,
    DialOutcome.UNREACHABLE: HandoffResult.UNREACHABLE,
}


@dataclass(frozen=True, slots=True)
class Callee:
    """Whom to hand over, and where legs beside their call can be placed."""

    attempt: PlacedAttempt
    call: Call
    legs: SecondLegs
    agents: AgentSupply
    talked_s: float  # with agents, earlier in this call
    brief: Brief = ()  # what they were asked and answered


@dataclass(frozen=True, slots=True)
class Offer:
    """What one transfer has for each agent who is tried."""

    wait: TransferWait
    callee: Callee
    deps: CallDeps
    staying: Staying
    whisper: Whisper


@dataclass(slots=True)
class Times:
    """When what happened, with the agent who was tried last."""

    found_at: datetime | None = None
    rang_at: datetime | None = None
    accepted_at: datetime | None = None
    talked_from: datetime | None = None
    talk_s: float = 0.0


class Sounds(NamedTuple):
    """What one agent may hear."""

    whisper: PromptAudio  # who it is, and the keys
    gone: PromptAudio  # the callee has hung up


def leg_id(attempt_id: str, number: int) -> str:
    """The network's id of an attempt's first, second … leg to an agent: the same in every rehearsal."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{attempt_id}/agent/{number}"))


async def prepare_agents(speaker: Speaker) -> None:
    """Make what every agent hears, and what they may hear of answers, in the flow's language, so that what can't
    be said is known before the first call, and nobody waits for it. What some hear in other languages is made
    while their phone rings.

    Raises PromptError or SpeechError, one sentence."""
    for prompt in (KEYS_PROMPT, GONE_PROMPT):
        await speaker.render((prompt,))
    await prepare_answers(speaker)


def _why_silent(leg: AgentLeg) -> HandoffResult:
    """Why a whisper ended without a result: the agent has hung up, or no audio gets through."""
    by_agent = leg.cause is not None and leg.cause.by == "callee"
    return HandoffResult.DECLINED if by_agent else HandoffResult.PHONE_LOST


class Offering:
    """`run` gives what the agent came to. `bridged(agent)` is called when the two can hear each other."""

    def __init__(self, offer: Offer, agent: Agent, identity: str) -> None:
        deps = offer.deps
        self.times = Times(found_at=deps.clock.now())
        self._agent = agent
        self._callee = offer.callee
        self._wait = offer.wait
        self._deps = deps
        self._staying = offer.staying
        self._whispered = offer.whisper
        self._tell = publish = deps.bus.publish

        def tell(text: str | None) -> None:  # without `self`, which has the leg that keeps this
            publish(PromptEnded(identity, WHISPER) if text is None else PromptBegan(identity, WHISPER, text))

        self.leg = AgentLeg(identity, deps.recognizer, tell, deps.clock.now)
        self._placed = False

    def callee_left(self) -> None:
        """An agent who is being told hears that they have gone; other legs end."""
        if not self._placed:
            return
        if self._staying.stage is Stage.WHISPER:
            self.leg.interrupt()
        else:
            self.leg.hang_up()

    async def run(self, ring_s: float, bridged: Callable[[str], None]) -> HandoffResult:
        """Ring for so long. The leg's channel is free again when this returns."""
        sounds = asyncio.create_task(self._sounds())  # made while the phone rings
        try:
            return await self._ring(ring_s, sounds, bridged)
        finally:
            sounds.cancel()  # a slow voice keeps no agent from the next callee
            await asyncio.wait({sounds})
            error = None if sounds.cancelled() else sounds.exception()
            if error is not None:  # who picks up ends by it; who doesn't never knew
                log_fault(log, "whisper_not_made", error, attempt_id=self._callee.attempt.attempt_id)

    async def _ring(
        self, ring_s: float, sounds: asyncio.Task[Sounds], bridged: Callable[[str], None]
    ) -> HandoffResult:
        leg, agent = self.leg, self._agent
        attempt_id, now = self._callee.attempt.attempt_id, self._deps.clock.now()
        self._tell(AgentCalled(attempt_id, leg.leg_id, agent.number, agent.phone, now))
        request = OriginateRequest(leg.leg_id, agent.phone, ring_timeout_s=ring_s)
        self._staying.stage = Stage.RINGING
        try:
            leg.call = await self._callee.legs.originate(agent.trunk, request, leg)
        except TrunkError as error:
            log.warning("agent_unreachable", extra={"agent": agent.number, "reason": error.template})
            return HandoffResult.NO_CHANNEL
        self._placed = True
        try:
            if self._staying.left_as is not None:
                return self._staying.left_as
            if not await leg.picked_up(ring_s + NETWORK_S):
                return self._why_not_reached()
            return await self._talk(sounds, bridged)
        finally:
            self.times.rang_at = leg.rang_at
            self._placed = False
            await self._end()

    async def _sounds(self) -> Sounds:
        """Raises PromptError or SpeechError: the keys or the news can't be said."""
        whisper = await asyncio.shield(self._whispered.begin(self._agent.language))  # the next agent hears it, too
        gone = self._deps.speaker.render((GONE_PROMPT,), self._agent.language)
        return Sounds(whisper, await self._deps.clock.outside(gone))

    def _why_not_reached(self) -> HandoffResult:
        if self._staying.left_as is not None:
            return self._staying.left_as
        cause = self.leg.cause
        return HandoffResult.NO_ANSWER if cause is None else _UNANSWERED.get(cause.outcome, HandoffResult.NETWORK)

    async def _talk(self, sounds: asyncio.Task[Sounds], bridged: Callable[[str], None]) -> HandoffResult:
        """The agent has picked up."""
        self._tell(NodeReached(self.leg.leg_id, WHISPER))
        failed: HandoffResult | None = None
        if self._wait.mode == "warm":
            self._staying.stage = Stage.WHISPER
            failed = await self._whisper((await sounds).whisper)
        if failed is None:
            self.times.accepted_at = self._deps.clock.now()
            self._staying.stage = Stage.BRIDGING
            result = await self._bridge(bridged)
        else:
            result = failed
        if self._staying.stage is not Stage.TALKING and self._staying.gone:
            await self.leg.turn(TurnPlan((await sounds).gone, key_barge_in=False))
        return result

    async def _whisper(self, audio: PromptAudio) -> HandoffResult | None:
        """Tell the agent who it is. Only the key takes the call (None): a machine never presses it."""
        machine = False
        for _ in range(WHISPERS):
            if self._staying.left_as is not None:  # while it was made, or after it was said
                return self._staying.left_as
            plan = TurnPlan(audio, KeyPlan(AGENT_KEYS), no_input_s=WHISPER_WAIT_S)
            result = await self.leg.turn(plan)
            if self._staying.left_as is not None:
                return self._staying.left_as
            match result:
                case TurnAnswer(value):
                    return None if value == TAKE else HandoffResult.DECLINED
                case None:
                    return HandoffResult.MACHINE if machine else _why_silent(self.leg)
                case TurnMachine():
                    machine = True
        return HandoffResult.MACHINE if machine else HandoffResult.NO_KEY

    async def _bridge(self, bridged: Callable[[str], None]) -> HandoffResult:
        """Join the two until the agent hangs up, the callee does, or they have talked for too long."""
        leg, agent, callee = self.leg, self._agent, self._callee
        assert leg.call is not None
        try:
            await callee.call.bridge(leg.call)
        except (TrunkError, ValueError) as error:
            log.warning("no_bridge", extra={"agent": agent.number, "reason": type(error).__name__})
            return await self._why_no_bridge()
        self._staying.stage = Stage.TALKING
        began_s, self.times.talked_from = asyncio.get_running_loop().time(), self._deps.clock.now()
        for call_id in (leg.leg_id, callee.attempt.attempt_id):
            self._tell(NodeReached(call_id, BRIDGED))
            self._tell(PromptBegan(call_id, BRIDGED, ""))
            self._tell(PromptEnded(call_id, BRIDGED))
        bridged(agent.number)
        await callee.agents.talking(agent)
        in_time = await leg.over(max(0.0, agent.longest_talk_s - callee.talked_s))
        self.times.talk_s = asyncio.get_running_loop().time() - began_s
        if not in_time:
            log.warning("talk_too_long", extra={"attempt_id": callee.attempt.attempt_id})
            return HandoffResult.TALK_CUT
        lost = leg.cause is not None and leg.cause.by == "network" and not self._staying.gone
        return HandoffResult.TALK_LOST if lost else HandoffResult.TALKED

    async def _why_no_bridge(self) -> HandoffResult:
        """One of the two has left at this very moment, or the network can't do it."""
        over = asyncio.ensure_future(self.leg.over(PARTING_S))
        left = asyncio.ensure_future(self._staying.left())
        await asyncio.wait({over, left}, timeout=PARTING_S, return_when=asyncio.FIRST_COMPLETED)
        for waiting in (over, left):
            waiting.cancel()
        if self._staying.left_as is not None:
            return self._staying.left_as
        if self.leg.cause is None:
            return HandoffResult.NO_BRIDGE
        return HandoffResult.PHONE_LOST if self.leg.cause.by == "network" else HandoffResult.DECLINED

    async def _end(self) -> None:
        self.leg.hang_up()
        if not await self.leg.over(NETWORK_S):
            log.error("agent_leg_lost", extra={"attempt_id": self._callee.attempt.attempt_id})
        self._callee.legs.ended(self.leg.leg_id, self.leg.cause)
