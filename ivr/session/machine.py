"""One call's states, as a table `(CallState, event type) -> handler`.

A handler returns the next state and the actions to take; it performs none. `ivr.session.session` performs them
and is the only place where a call's state changes. Every pair of state and event is here: what may be ignored is
said so, and a pair that nobody thought of is an error in tests, not a silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from flows.sprint import (
    AskWait,
    HangupWait,
    MessageWait,
    PlayWait,
    Result,
    TransferEnded,
    TransferWait,
    Wait,
)
from trunk.ports import Answered, Cause, HungUp, KeyPressed, Progress, Ringing


class CallState(StrEnum):
    DIALING = "dialing"  # asked for; nothing rings yet
    RINGING = "ringing"
    TALKING = "talking"  # a speech turn says and hears
    WORKING = "working"  # on the line, waiting for something outside: a text message, an API, a rendered prompt
    TRANSFERRING = "transferring"  # on the line, being comforted while a person is called and told
    BRIDGED = "bridged"  # the callee and a person talk; we neither say nor hear
    TAKEN = "taken_over"  # a supervisor has taken the call over: the robot is out of it for good
    LEAVING = "leaving"  # we have asked for the end
    ENDED = "ended"


# ---- what happens besides the trunk's own events ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WaitReached:
    """The flow needs the world: this is what it waits for."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class FlowOver:
    """The flow has nothing more to say."""


@dataclass(frozen=True, slots=True)
class TurnOver:
    """The speech turn brought its result."""

    result: Result


@dataclass(frozen=True, slots=True)
class WorkOver:
    """What was done outside brought its result."""

    result: Result


@dataclass(frozen=True, slots=True)
class Bridged:
    """A person has taken the call: the two can hear each other."""

    agent: str  # their number


@dataclass(frozen=True, slots=True)
class TransferOver:
    """Nobody could be had, or the person has hung up: the callee is ours again."""

    result: TransferEnded


@dataclass(frozen=True, slots=True)
class TakeOver:
    """A supervisor, who is on the line, is to talk with the callee instead of the robot or the agent."""

    by: str  # who


@dataclass(frozen=True, slots=True)
class TakerLeft:
    """They have hung up, or couldn't be joined with the callee."""


@dataclass(frozen=True, slots=True)
class TimeUp:
    """The call lasts longer than the flow allows."""


@dataclass(frozen=True, slots=True)
class Broke:
    """Our own side failed in this call: it ends this call alone."""

    error: Exception


Event = (
    Progress
    | Ringing
    | Answered
    | KeyPressed
    | HungUp
    | WaitReached
    | FlowOver
    | TurnOver
    | WorkOver
    | Bridged
    | TransferOver
    | TakeOver
    | TakerLeft
    | TimeUp
    | Broke
)

# ---- what is to be done -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartFlow:
    pass


@dataclass(frozen=True, slots=True)
class Resume:
    result: Result


@dataclass(frozen=True, slots=True)
class Speak:
    """Begin a speech turn for the wait."""

    wait: PlayWait | AskWait | MessageWait


@dataclass(frozen=True, slots=True)
class Work:
    """Do what the wait asks for, outside the media path."""

    wait: Wait


@dataclass(frozen=True, slots=True)
class HandOver:
    """Comfort the callee and look for a person."""

    wait: TransferWait


@dataclass(frozen=True, slots=True)
class BeginTalk:
    """A person talks with the callee from now on."""

    agent: str


@dataclass(frozen=True, slots=True)
class EndTalk:
    """They don't any more."""


@dataclass(frozen=True, slots=True)
class NoteTalk:
    """The callee has hung up on the person: for the flow they have talked."""


@dataclass(frozen=True, slots=True)
class LetAgentGo:
    """The callee is gone or about to be: tell whoever was about to take the call, and end their leg."""

    by_us: bool = False  # we end the call


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Leave the callee to whoever takes over."""

    to: str


@dataclass(frozen=True, slots=True)
class EndTaken:
    """They don't talk any more."""


@dataclass(frozen=True, slots=True)
class PressKey:
    key: str


@dataclass(frozen=True, slots=True)
class Silence:
    """Stop saying and hearing; drop what is being done outside."""


@dataclass(frozen=True, slots=True)
class Fail:
    """Remember that our own side failed."""

    reason: str


@dataclass(frozen=True, slots=True)
class HangUp:
    pass


@dataclass(frozen=True, slots=True)
class CloseFlow:
    """Tell the flow that the call is over, so that its last words are recorded."""

    cause: Cause


@dataclass(frozen=True, slots=True)
class Finish:
    """Nothing more will happen on this call: hand the record over."""

    cause: Cause


Action = (
    StartFlow
    | Resume
    | Speak
    | Work
    | HandOver
    | BeginTalk
    | EndTalk
    | NoteTalk
    | LetAgentGo
    | GiveUp
    | EndTaken
    | PressKey
    | Silence
    | Fail
    | HangUp
    | CloseFlow
    | Finish
)
Step = tuple[CallState, tuple[Action, ...]]
Handler = Callable[[Any], Step]


def _to(state: CallState, *actions: Action) -> Handler:
    return lambda _event: (state, actions)


def _wait_reached(event: WaitReached) -> Step:
    wait = event.wait
    if isinstance(wait, (PlayWait, AskWait, MessageWait)):
        return CallState.TALKING, (Speak(wait),)
    if isinstance(wait, HangupWait):
        return CallState.LEAVING, (HangUp(),)
    if isinstance(wait, TransferWait):
        return CallState.TRANSFERRING, (HandOver(wait),)
    return CallState.WORKING, (Work(wait),)


def _hung_up_before_answer(event: HungUp) -> Step:
    return CallState.ENDED, (Finish(event.cause),)


def _hung_up(event: HungUp) -> Step:
    return CallState.ENDED, (Silence(), CloseFlow(event.cause), Finish(event.cause))


def _left_while_waiting(event: HungUp) -> Step:
    let_go = LetAgentGo(by_us=event.cause.by == "us")
    return CallState.ENDED, (let_go, Silence(), CloseFlow(event.cause), Finish(event.cause))


def _left_while_bridged(event: HungUp) -> Step:
    return CallState.ENDED, (EndTalk(), LetAgentGo(), NoteTalk(), CloseFlow(event.cause), Finish(event.cause))


def _broke(event: Broke) -> Step:
    return CallState.LEAVING, (Silence(), Fail(type(event.error).__name__), HangUp())


def _broke_while_waiting(event: Broke) -> Step:
    return CallState.LEAVING, (LetAgentGo(by_us=True), Silence(), Fail(type(event.error).__name__), HangUp())


def _broke_while_bridged(event: Broke) -> Step:
    return CallState.LEAVING, (EndTalk(), LetAgentGo(by_us=True), Fail(type(event.error).__name__), HangUp())


def _turn_over(event: TurnOver) -> Step:
    return CallState.TALKING, (Resume(event.result),)


def _work_over(event: WorkOver) -> Step:
    return CallState.TALKING, (Resume(event.result),)


def _bridged(event: Bridged) -> Step:
    return CallState.BRIDGED, (Silence(), BeginTalk(event.agent))


def _nobody(event: TransferOver) -> Step:
    return CallState.TALKING, (Silence(), Resume(event.result))


def _talk_over(event: TransferOver) -> Step:
    return CallState.TALKING, (EndTalk(), Resume(event.result))


def _key(event: KeyPressed) -> Step:
    return CallState.TALKING, (PressKey(event.key),)


def _key_while_waiting(event: KeyPressed) -> Step:
    return CallState.TRANSFERRING, (PressKey(event.key),)


def _taken(event: TakeOver) -> Step:
    return CallState.TAKEN, (Silence(), GiveUp(event.by))


def _taken_while_waiting(event: TakeOver) -> Step:
    return CallState.TAKEN, (LetAgentGo(by_us=True), Silence(), GiveUp(event.by))


def _taken_from_agent(event: TakeOver) -> Step:
    return CallState.TAKEN, (EndTalk(), NoteTalk(), LetAgentGo(by_us=True), GiveUp(event.by))


def _left_while_taken(event: HungUp) -> Step:
    return CallState.ENDED, (EndTaken(), CloseFlow(event.cause), Finish(event.cause))


def _broke_while_taken(event: Broke) -> Step:
    return CallState.LEAVING, (EndTaken(), Fail(type(event.error).__name__), HangUp())


_time_up = _to(CallState.LEAVING, Silence(), HangUp())
_answered = _to(CallState.TALKING, StartFlow())

TABLE: dict[tuple[CallState, type], Handler] = {
    (CallState.DIALING, Ringing): _to(CallState.RINGING),
    (CallState.DIALING, Answered): _answered,
    (CallState.DIALING, HungUp): _hung_up_before_answer,
    (CallState.DIALING, Broke): _broke,
    (CallState.RINGING, Answered): _answered,
    (CallState.RINGING, HungUp): _hung_up_before_answer,
    (CallState.RINGING, Broke): _broke,
    (CallState.TALKING, WaitReached): _wait_reached,
    (CallState.TALKING, FlowOver): _to(CallState.LEAVING, HangUp()),
    (CallState.TALKING, TurnOver): _turn_over,
    (CallState.TALKING, KeyPressed): _key,
    (CallState.TALKING, TimeUp): _time_up,
    (CallState.TALKING, Broke): _broke,
    (CallState.TALKING, HungUp): _hung_up,
    (CallState.WORKING, WorkOver): _work_over,
    (CallState.WORKING, TimeUp): _time_up,
    (CallState.WORKING, Broke): _broke,
    (CallState.WORKING, HungUp): _hung_up,
    (CallState.TRANSFERRING, Bridged): _bridged,
    (CallState.TRANSFERRING, TransferOver): _nobody,
    (CallState.TRANSFERRING, TimeUp): _to(CallState.LEAVING, LetAgentGo(by_us=True), Silence(), HangUp()),
    (CallState.TRANSFERRING, KeyPressed): _key_while_waiting,
    (CallState.TRANSFERRING, Broke): _broke_while_waiting,
    (CallState.TRANSFERRING, HungUp): _left_while_waiting,
    (CallState.BRIDGED, TransferOver): _talk_over,
    (CallState.BRIDGED, Broke): _broke_while_bridged,
    (CallState.BRIDGED, HungUp): _left_while_bridged,
    (CallState.TALKING, TakeOver): _taken,
    (CallState.WORKING, TakeOver): _taken,
    (CallState.TRANSFERRING, TakeOver): _taken_while_waiting,
    (CallState.BRIDGED, TakeOver): _taken_from_agent,
    (CallState.TAKEN, TakerLeft): _to(CallState.LEAVING, EndTaken(), HangUp()),
    (CallState.TAKEN, Broke): _broke_while_taken,
    (CallState.TAKEN, HungUp): _left_while_taken,
    (CallState.LEAVING, HungUp): _hung_up,
    (CallState.LEAVING, Broke): _to(CallState.LEAVING),
}

# Harmless, each for its reason; anything that is neither here nor in TABLE is a fault of ours.
IGNORED: frozenset[tuple[CallState, type]] = frozenset(
    {
        (CallState.DIALING, Progress),  # early media is no answer, and no ringing either
        (CallState.RINGING, Progress),
        (CallState.RINGING, Ringing),  # networks repeat it
        (CallState.WORKING, KeyPressed),  # nothing is asked at the moment
        (CallState.BRIDGED, KeyPressed),  # not meant for us
        *((CallState.TAKEN, late) for late in (KeyPressed, TurnOver, WorkOver, Bridged, TransferOver, TimeUp)),
        *(
            (CallState.LEAVING, late)
            for late in (
                KeyPressed,
                TurnOver,
                WorkOver,
                Bridged,
                TransferOver,
                TakerLeft,
                TimeUp,
                Answered,
                Ringing,
                Progress,
            )
        ),
        *(
            (CallState.ENDED, late)
            for late in (TurnOver, WorkOver, Bridged, TransferOver, TakerLeft, TimeUp, Broke)
        ),
    }
)


class UnexpectedEvent(Exception):  # noqa: N818 it says what happened, as the house's outcomes do
    """An event that this state can't have: a fault in the trunk or in us, never the user's."""


def step(state: CallState, event: Event) -> Step:
    """The next state and what is to be done. Raises UnexpectedEvent for a pair that is in neither table."""
    pair = (state, type(event))
    handler = TABLE.get(pair)
    if handler is not None:
        return handler(event)
    if pair in IGNORED:
        return state, ()
    raise UnexpectedEvent(f"{type(event).__name__} while {state}")
