"""The table of call states: every pair is thought of, and what the important ones lead to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.results import Played, TransferEnded
from flows.waits import (
    ApiWait,
    AskWait,
    Expect,
    HangupWait,
    MessageWait,
    PlayWait,
    PromptRef,
    SmsWait,
    TransferWait,
)
from ivr.session.actions import (
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
from ivr.session.machine import IGNORED, TABLE, UnexpectedEvent, step
from ivr.session.states import CallState
from trunk.ports import Answered, Cause, DialOutcome, HungUp, KeyPressed, Progress, Ringing

pytestmark = pytest.mark.unit

CAUSE = Cause(DialOutcome.BUSY, "sip 486", "network")
PLAY = PlayWait(node="greet", prompts=(PromptRef(id="a.b"),))
NOBODY = TransferEnded(status="no_agent")
TRANSFER = TransferWait(node="help", queue="care")
EVENTS: tuple[Event, ...] = (
    Progress(0.0),
    Ringing(0.0),
    Answered(0.0),
    KeyPressed(0.0, "1"),
    HungUp(0.0, CAUSE),
    WaitReached(PLAY),
    FlowOver(),
    TurnOver(Played()),
    WorkOver(Played()),
    Bridged("1001"),
    TransferOver(NOBODY),
    TakeOver("boss"),
    TakerLeft(),
    TimeUp(),
    Broke(ValueError()),
)
# Nobody can send these: a flow speaks only while it talks, and an ended call is silent.
IMPOSSIBLE = {
    *((state, kind) for state in (CallState.DIALING, CallState.RINGING)
      for kind in (KeyPressed, WaitReached, FlowOver, TurnOver, WorkOver, Bridged, TransferOver, TimeUp)),
    (CallState.TALKING, Progress), (CallState.TALKING, Ringing), (CallState.TALKING, Answered),
    (CallState.TALKING, WorkOver), (CallState.TALKING, Bridged), (CallState.TALKING, TransferOver),
    *((CallState.WORKING, kind)
      for kind in (Progress, Ringing, Answered, WaitReached, FlowOver, TurnOver, Bridged, TransferOver)),
    *((state, kind) for state in (CallState.TRANSFERRING, CallState.BRIDGED)
      for kind in (Progress, Ringing, Answered, WaitReached, FlowOver, TurnOver, WorkOver)),
    (CallState.BRIDGED, Bridged), (CallState.BRIDGED, TimeUp),  # a person's time isn't the robot's
    *((CallState.TAKEN, kind) for kind in (Progress, Ringing, Answered, WaitReached, FlowOver)),
    *((state, TakeOver) for state in (CallState.DIALING, CallState.RINGING, CallState.TAKEN, CallState.LEAVING,
                                      CallState.ENDED)),  # the session doesn't let them
    *((state, TakerLeft) for state in CallState
      if state not in (CallState.TAKEN, CallState.LEAVING, CallState.ENDED)),
    (CallState.LEAVING, WaitReached), (CallState.LEAVING, FlowOver),
    *((CallState.ENDED, kind) for kind in (Progress, Ringing, Answered, KeyPressed, HungUp)),
    (CallState.ENDED, WaitReached), (CallState.ENDED, FlowOver),
}  # fmt: skip


@pytest.mark.parametrize("state", list(CallState))
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_every_pair_is_thought_of(state: CallState, event: Event) -> None:
    pair = (state, type(event))
    assert (pair in TABLE) + (pair in IGNORED) + (pair in IMPOSSIBLE) == 1
    if pair in IMPOSSIBLE:
        with pytest.raises(UnexpectedEvent):
            step(state, event)
    elif pair in IGNORED:
        assert step(state, event) == (state, ())


@pytest.mark.parametrize("state", [state for state in CallState if state is not CallState.ENDED])
def test_a_hang_up_ends_every_call_and_finishes_it(state: CallState) -> None:
    after, actions = step(state, HungUp(0.0, CAUSE))
    assert after is CallState.ENDED
    assert actions[-1] == Finish(CAUSE)
    if state in (CallState.TALKING, CallState.WORKING, CallState.LEAVING):
        assert actions == (Silence(), CloseFlow(CAUSE), Finish(CAUSE))


@pytest.mark.parametrize("state", [CallState.DIALING, CallState.RINGING, CallState.TALKING, CallState.WORKING])
def test_a_fault_hangs_up_and_is_remembered(state: CallState) -> None:
    after, actions = step(state, Broke(KeyError("secret words")))
    assert after is CallState.LEAVING
    assert actions == (Silence(), Fail("KeyError"), HangUp())


def test_a_transfer_waits_bridges_and_comes_back() -> None:
    assert step(CallState.TALKING, WaitReached(TRANSFER)) == (CallState.TRANSFERRING, (HandOver(TRANSFER),))
    assert step(CallState.TRANSFERRING, Bridged("1001")) == (CallState.BRIDGED, (Silence(), BeginTalk("1001")))
    answered = TransferEnded(status="answered", agent="1001")
    assert step(CallState.BRIDGED, TransferOver(answered)) == (CallState.TALKING, (EndTalk(), Resume(answered)))
    assert step(CallState.TRANSFERRING, TransferOver(NOBODY)) == (CallState.TALKING, (Silence(), Resume(NOBODY)))


def test_a_callee_who_leaves_lets_the_agent_go() -> None:
    waiting = (LetAgentGo(), Silence(), CloseFlow(CAUSE), Finish(CAUSE))
    assert step(CallState.TRANSFERRING, HungUp(0.0, CAUSE)) == (CallState.ENDED, waiting)
    ours = replace(CAUSE, by="us")
    assert LetAgentGo(by_us=True) in step(CallState.TRANSFERRING, HungUp(0.0, ours))[1]
    bridged = (EndTalk(), LetAgentGo(), NoteTalk(), CloseFlow(CAUSE), Finish(CAUSE))
    assert step(CallState.BRIDGED, HungUp(0.0, CAUSE)) == (CallState.ENDED, bridged)


@pytest.mark.parametrize("state", [CallState.TRANSFERRING, CallState.BRIDGED])
def test_a_fault_in_a_transfer_lets_the_agent_go_too(state: CallState) -> None:
    after, actions = step(state, Broke(KeyError("secret words")))
    assert after is CallState.LEAVING
    assert LetAgentGo(by_us=True) in actions
    assert actions[-2:] == (Fail("KeyError"), HangUp())


def test_an_answer_starts_the_flow() -> None:
    for state in (CallState.DIALING, CallState.RINGING):  # some networks never say that it rings
        assert step(state, Answered(1.0)) == (CallState.TALKING, (StartFlow(),))


def test_waits_lead_where_they_belong() -> None:
    ask = AskWait(node="q", prompts=(), expect=Expect(type="yes_no"))
    message = MessageWait(node="m", prompts=())
    for wait in (PLAY, ask, message):
        assert step(CallState.TALKING, WaitReached(wait)) == (CallState.TALKING, (Speak(wait),))
    for errand in (SmsWait(node="s", prompt=PromptRef(id="a.b")), ApiWait(node="a", url="http://x")):
        assert step(CallState.TALKING, WaitReached(errand)) == (CallState.WORKING, (Work(errand),))
    assert step(CallState.TALKING, WaitReached(HangupWait(node="end"))) == (CallState.LEAVING, (HangUp(),))


def test_results_go_back_to_the_flow_and_keys_to_the_turn() -> None:
    assert step(CallState.TALKING, TurnOver(Played())) == (CallState.TALKING, (Resume(Played()),))
    assert step(CallState.WORKING, WorkOver(Played())) == (CallState.TALKING, (Resume(Played()),))
    assert step(CallState.TALKING, KeyPressed(0.0, "5")) == (CallState.TALKING, (PressKey("5"),))
    assert step(CallState.TRANSFERRING, KeyPressed(0.0, "1")) == (CallState.TRANSFERRING, (PressKey("1"),))


def test_a_call_that_lasts_too_long_is_ended() -> None:
    for state in (CallState.TALKING, CallState.WORKING):
        assert step(state, TimeUp()) == (CallState.LEAVING, (Silence(), HangUp()))
    assert step(CallState.TRANSFERRING, TimeUp()) == (
        CallState.LEAVING,
        (LetAgentGo(by_us=True), Silence(), HangUp()),
    )


def test_whoever_takes_a_call_over_has_it_until_one_of_the_two_leaves() -> None:
    taken = CallState.TAKEN
    boss = TakeOver("boss")
    for state in (CallState.TALKING, CallState.WORKING):
        assert step(state, boss) == (taken, (Silence(), GiveUp("boss")))
    waiting = (LetAgentGo(by_us=True), Silence(), GiveUp("boss"))
    assert step(CallState.TRANSFERRING, boss) == (taken, waiting)
    talking = (EndTalk(), NoteTalk(), LetAgentGo(by_us=True), GiveUp("boss"))
    assert step(CallState.BRIDGED, boss) == (taken, talking)
    assert step(taken, TakerLeft()) == (CallState.LEAVING, (EndTaken(), HangUp()))
    assert step(taken, HungUp(0.0, CAUSE)) == (CallState.ENDED, (EndTaken(), CloseFlow(CAUSE), Finish(CAUSE)))
