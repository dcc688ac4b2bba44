"""One call's states, as a table `(CallState, event type) -> handler`.

What happens is in `ivr.session.events`, what is done then in `ivr.session.actions`. A handler returns the next
state and the actions to take; it performs none: `ivr.session.session` does, and is the only place where a call's
state changes. Every pair of state and event is here: what may be ignored is said so, and a pair that nobody
thought of is an error in tests, not a silence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.waits import AskWait, HangupWait, MessageWait, PlayWait, TransferWait
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
from ivr.session.events import (
    Bridged,
    Broke,
    Event,
    FlowOver,
    TakeOver,
    TakerLeft,
    TimeUp,
    TransferOver,
    TurnOver,
    WaitReached,
    WorkOver,
)
from ivr.session.states import CallState
from trunk.ports import Answered, HungUp, KeyPressed, Progress, Ringing

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
