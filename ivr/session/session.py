"""One call, from originate to its record: performs the actions of `ivr.session.machine` and decides nothing.

It is the trunk's `CallHandler`: events and frames come in synchronously on the loop; whatever takes time is a task
that this session owns, cancels and awaits. A fault in here ends this call alone."""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import cel  # noqa: F401 before the first call: a flow's condition would bring it in, and stop all calls meanwhile

from flows.events import Event, IdentityNoted, NodeEntered, OptedOut
from flows.interpreter import Session, Sprint, resume, start
from flows.results import CallbackBooked, CallEnded, MachineDetected, Played, Result, TransferEnded
from flows.waits import CallbackWait, MessageWait, Wait
from ivr.briefs import Asked
from ivr.session.actions import (
    Action,
    BeginTalk,
    CloseFlow,
    EndTaken,
    EndTalk,
    Fail,
    Finish,
    GiveUp,
    HandOver,
    HangUp,
    LetAgentGo,
    NoteTalk,
    PressKey,
    Resume,
    Silence,
    Speak,
    StartFlow,
    Work,
)
from ivr.session.base import BaseSession
from ivr.session.deaf import NONE
from ivr.session.deps import CallDeps, PlacedAttempt
from ivr.session.events import Broke, FlowOver, TakeOver, TakerLeft, TimeUp, TurnOver, WaitReached, WorkOver
from ivr.session.events import Event as MachineEvent
from ivr.session.faults import log_fault
from ivr.session.machine import TABLE, step
from ivr.session.progress import NodeReached, StateChanged
from ivr.session.record import CallRecord
from ivr.session.states import CallState
from ivr.session.takeover import Takeover
from ivr.session.telling import PromptTelling, understood
from ivr.session.transferring import Transferring
from ivr.session.turns import SpokenWait, flow_result
from ivr.session.work import run_errand
from ivr.session.writes import Writes
from speech.audio import FRAME_S, PromptAudio
from speech.turn import Ear, Turn, TurnResult, TurnState
from trunk.ports import Answered, Call, CallEvent, Cause, HungUp, KeyPressed, Ringing

log = logging.getLogger(__name__)
LEAD_IN_TICKS = round(0.7 / FRAME_S)  # people need a moment to raise the phone to the ear


class CallSession(BaseSession):
    """Talks on one call. `over()` gives the record when everything about the call is done."""

    def __init__(self, attempt: PlacedAttempt, deps: CallDeps) -> None:
        super().__init__()
        self.attempt = attempt
        self.record = CallRecord(
            attempt.attempt_id,
            attempt.phone,
            started_at=deps.clock.now(),
            key_questions=deps.flow.key_questions,
        )
        self._deps = deps
        self._state = CallState.DIALING
        self._events: deque[MachineEvent] = deque()
        self._dispatching = False
        self._answered_at_s = 0.0
        self._flow: Session | None = None  # None: not begun
        self._wait: Wait | None = None
        self._asked = Asked()  # for the brief of whoever goes on with the callee
        self._ear = Ear(hears=deps.recognizer.name != NONE)
        if attempt.called_us:
            self._ear.amd.person("called_us")
        self._turn: Turn | None = None
        self._telling = PromptTelling(attempt.attempt_id, deps.bus)
        self._next: tuple[SpokenWait, PromptAudio] | None = None
        self._audio_sha256: str | None = None
        self._lead_in = LEAD_IN_TICKS
        self._ticks_left = round(deps.call_limit_s / FRAME_S)
        self._errand: asyncio.Task[None] | None = None  # cancelled when the call is over
        self._transfers = Transferring(attempt, deps, self._ear)
        self.record.talks = self._transfers.talks
        self._takeover = Takeover(attempt.attempt_id, (deps.clock, deps.bus), self.record.talks)
        self._writes = Writes()
        self._done = asyncio.get_running_loop().create_future()

    # ---- for the dialer -------------------------------------------------------------------------------------

    def give_up_ringing(self) -> None:
        """End the call from outside unless it has been answered: nobody would be there for the callee."""
        if self._state in (CallState.DIALING, CallState.RINGING):
            self.hang_up()

    @property
    def agent_call(self) -> Call | None:
        """That of the agent with whom the callee talks."""
        return self._transfers.agent_call if self._state is CallState.BRIDGED else None

    def take_over(self, other: Call, who: str) -> None:
        """Whoever is on that call talks with the callee from now on; `taker_left` when they have hung up.

        Raises ValueError unless the callee is there and nobody has taken them over."""
        if self._call is None or (self._state, TakeOver) not in TABLE:
            raise ValueError(f"a call that is {self._state} can't be taken over")
        self._takeover.prepare(self._call, other)
        self._dispatch(TakeOver(who))

    def taker_left(self) -> None:
        if self._state is CallState.TAKEN:
            self._dispatch(TakerLeft())

    async def over(self) -> CallRecord:
        """Wait for the call's end and for everything it has left to write."""
        await asyncio.shield(self._done)
        if self._errand is not None:
            await asyncio.wait({self._errand})
            self._errand = None  # where it was cancelled, which its task keeps, we are still in it
        await self._transfers.over()
        await self._takeover.over()
        self.record.abandoned = self._transfers.abandoned
        await self._writes.over()
        return self.record

    # ---- CallHandler ----------------------------------------------------------------------------------------

    def on_event(self, event: CallEvent) -> None:
        now = self._deps.clock.now()
        if isinstance(event, Ringing):
            self.record.ringing_at = self.record.ringing_at or now
        elif isinstance(event, Answered):
            self.record.answered_at = now
            self._answered_at_s = event.at_s
        elif isinstance(event, KeyPressed):
            self._secrecy.key_pressed()
        elif isinstance(event, HungUp):
            self.record.ended_at = now
            self._secrecy.close()
            if self.record.answered_at is not None:
                self.record.talk_s = event.at_s - self._answered_at_s
        self._dispatch(event)

    def on_tick(self, frame: bytes) -> bytes | None:
        try:
            if self._turn is None and (self._state is CallState.BRIDGED or self._state is CallState.TAKEN):
                return None  # on its way into the bridge or out of it
            self._ticks_left -= 1
            if self._ticks_left == 0:
                self._dispatch(TimeUp())
            turn = self._turn
            if turn is None:
                return self._tick_without_turn(frame)
            said = turn.on_tick(frame)
            if turn.state is not self._telling.state and turn is self._turn:
                self._telling.follow(turn.state)
        except Exception as error:  # noqa: BLE001 one call's fault must not stop the trunk's clock
            self._log_fault(error)
            self._dispatch(Broke(error))
            return None
        return said

    def _tick_without_turn(self, frame: bytes) -> bytes | None:
        if self._transfers.comforting:
            return self._transfers.on_tick(frame)
        self._ear.hear(frame)
        if self._lead_in > 0:
            self._lead_in -= 1
        elif self._next is not None:
            self._begin_turn(*self._next)
        return None

    # ---- the machine ----------------------------------------------------------------------------------------

    def _dispatch(self, event: MachineEvent) -> None:
        """Take events one after the other, even those that an action raises."""
        self._events.append(event)
        if self._dispatching:
            return
        self._dispatching = True
        try:
            while self._events:
                self._transition(self._events.popleft())
        finally:
            self._dispatching = False

    def _transition(self, event: MachineEvent) -> None:
        """The only place where the state changes: apply, tell, perform. A failed action doesn't stop the next."""
        try:
            state, actions = step(self._state, event)
        except Exception as error:  # noqa: BLE001 a fault of ours ends this call, not the engine
            self._log_fault(error)
            state, actions = step(self._state, Broke(error))
        if state is not self._state:
            self._state = state
            log.debug("call_state", extra={"attempt_id": self.attempt.attempt_id, "state": state.value})
            self._deps.bus.publish(StateChanged(self.attempt.attempt_id, state, self._deps.clock.now()))
        for action in actions:
            try:
                self._perform(action)
            except Exception as error:  # noqa: BLE001 as above
                self._log_fault(error)
                self._events.append(Broke(error))

    def _perform(self, action: Action) -> None:
        match action:
            case StartFlow():
                self._start_flow()
            case Resume(result):
                self._resume(result)
            case Speak(wait):
                self._speak(wait)
            case Work(wait):
                self._wait = wait
                self._secrecy.heed(wait)
                self._errand = asyncio.create_task(self._run_errand(wait))
            case HandOver(wait):
                self._wait = wait
                self._secrecy.heed(wait)
                brief = self._asked.brief(self._deps.speaker.shown)
                wait = self._asked.without_secrets(wait)
                self._transfers.begin(self._dispatch, wait, self._call, self._legs, brief)
            case BeginTalk(agent):
                self._transfers.begin_talk(agent)
            case EndTalk():
                self._transfers.end_talk()
            case NoteTalk():
                self._note_talk()
            case LetAgentGo(by_us):
                self._transfers.callee_left(by_us=by_us)
            case GiveUp(to):
                self._secrecy.heed(None)
                self._takeover.begin(to, lambda: self._dispatch(TakerLeft()))
            case EndTaken():
                self._takeover.end()
            case PressKey(key):
                if self._turn is not None:
                    self._turn.on_key(key)
                else:
                    self._transfers.on_key(key)
            case Silence():
                self._silence()
            case Fail(reason):
                self.record.failure = self.record.failure or reason
            case HangUp():
                self.hang_up()
            case CloseFlow(cause):
                self._close_flow(cause)
            case Finish(cause):
                self.record.cause = cause
                self._done.set_result(None)

    # ---- the flow -------------------------------------------------------------------------------------------

    def _start_flow(self) -> None:
        if self._deps.recordings is not None and self._call is not None:
            self._call.record(self._deps.recordings / f"{self.attempt.attempt_id}.wav")
        entry = self._deps.flow.spec.on_callback if self.attempt.asked_for else None
        self._take(start(self._deps.flow, self.attempt.contact, entry=entry))

    def _note_talk(self) -> None:
        assert self._flow is not None
        ended = TransferEnded(status="answered", agent=self.record.talks[-1].agent)
        self._note_events(resume(self._deps.flow, self._flow, ended))

    def _close_flow(self, cause: Cause) -> None:
        if self._flow is not None and self._flow.wait is not None:
            self._note_events(resume(self._deps.flow, self._flow, CallEnded(by=cause.by)))
        self._takeover.settle(self.record)

    def _resume(self, result: Result) -> None:
        if isinstance(result, MachineDetected):
            self.record.machine = True
        if isinstance(result, Played) and isinstance(self._wait, MessageWait):
            self.record.message_left = True
        told = understood(self.attempt.attempt_id, self._wait, result)
        if told is not None:
            self._deps.bus.publish(told)
        self._asked.turn(self._wait, result)
        assert self._flow is not None
        self._take(resume(self._deps.flow, self._flow, result))

    def _take(self, sprint: Sprint) -> None:
        """Note what the flow says has happened, then go where it wants to go."""
        self._note_events(sprint)
        self._events.append(WaitReached(sprint.wait) if sprint.wait is not None else FlowOver())

    def _note_events(self, sprint: Sprint) -> None:
        self._flow = sprint.session
        for event in sprint.events:
            self._note(event)

    def _note(self, event: Event) -> None:
        self.record.note(event, self._deps.clock.now(), self._audio_sha256)
        self._asked.event(event)
        if isinstance(event, NodeEntered):
            self._deps.bus.publish(NodeReached(self.attempt.attempt_id, event.node))
        elif isinstance(event, IdentityNoted):
            self._writes.begin(self._deps.ledger.note_identity(self.attempt, event), self._not_written)
        elif isinstance(event, OptedOut):
            self._writes.begin(self._deps.ledger.opt_out(self.attempt, event.purpose), self._not_written)

    # ---- saying and hearing ---------------------------------------------------------------------------------

    def _speak(self, wait: SpokenWait) -> None:
        self._wait = wait
        self._secrecy.heed(wait)
        audio = self._deps.speaker.ready(wait.prompts)
        if audio is None:
            self._errand = asyncio.create_task(self._render(wait))
        else:
            self._say_when_heard(wait, audio)

    def _say_when_heard(self, wait: SpokenWait, audio: PromptAudio) -> None:
        """At once, or when the phone is at the ear."""
        if self._lead_in > 0:
            self._next = (wait, audio)
        else:
            self._begin_turn(wait, audio)

    def _begin_turn(self, wait: SpokenWait, audio: PromptAudio) -> None:
        self._next = None
        self._audio_sha256 = audio.sha256 or None
        plan = self._deps.planner.plan(wait, audio)
        self._turn = Turn(plan, self._ear, self._deps.recognizer, self._on_turn_end)
        self._telling.begin(wait.node, audio.text, self._turn.state)

    def _on_turn_end(self, result: TurnResult) -> None:
        self._telling.follow(TurnState.ENDED)
        self._turn = None
        self._dispatch(TurnOver(flow_result(result)))

    def _silence(self) -> None:
        self._next = None
        self._transfers.stop_comfort()
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._errand is not None:
            self._errand.cancel()

    # ---- tasks ----------------------------------------------------------------------------------------------

    async def _render(self, wait: SpokenWait) -> None:
        """A prompt that couldn't be known before the call: say it as soon as it is there."""
        try:
            audio = await self._deps.clock.outside(self._deps.speaker.render(wait.prompts))
            self._say_when_heard(wait, audio)
        except Exception as error:  # noqa: BLE001 a task's top: the fault ends this call alone
            self._log_fault(error)
            self._dispatch(Broke(error))

    async def _run_errand(self, wait: Wait) -> None:
        try:
            result = await run_errand(wait, self.attempt, self._deps, self._asked)
            if isinstance(wait, CallbackWait) and isinstance(result, CallbackBooked):
                at = None if result.at is None else self.attempt.slot_times.start_of(result.at)
                self.record.note_callback(wait, at)
            self._dispatch(WorkOver(result))
        except Exception as error:  # noqa: BLE001 a task's top: the fault ends this call alone
            self._log_fault(error)
            self._dispatch(Broke(error))

    def _not_written(self, error: Exception) -> None:
        self._log_fault(error)
        self.record.failure = self.record.failure or type(error).__name__

    def _log_fault(self, error: Exception) -> None:
        log_fault(log, "call_fault", error, attempt_id=self.attempt.attempt_id, state=self._state.value)
