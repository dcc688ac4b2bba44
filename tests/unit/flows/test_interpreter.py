"""What the interpreter does with answers, commands, machines and ends, whatever the node, and its bounds; every
resume goes through JSON."""

from __future__ import annotations

import pytest

from flows.events import AnswerTaken, DispositionSet, FlowEnded, FlowFailed, NodeEntered, OptedOut, QuestionFailed
from flows.findings import FlowError, WrongResultError, WrongSessionError
from flows.interpreter import MAX_REPEATS, resume, start
from flows.results import (
    ApiReplied,
    CallbackBooked,
    CallEnded,
    Command,
    Input,
    MachineDetected,
    NoInput,
    NoMatch,
    Played,
    Result,
    SmsQueued,
)
from flows.values import CommandName, Modality
from flows.waits import AskWait, HangupWait, PlayWait, TransferWait
from tests.unit.flows.interpreting import ASK, ENDED, TRANSFER, Go, MakeFlow, ids, path, said

pytestmark = pytest.mark.unit
END = "b: {hangup: }"


def command(name: CommandName) -> Command:
    return Command(name=name, modality=Modality.KEYS)


def test_silence_and_misunderstanding_are_counted_together_and_told_apart(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK)
    sprint = start(flow, {})
    assert ids(sprint) == ["x.ask"]
    sprint = go(flow, sprint, NoInput())
    assert sprint.events == (QuestionFailed(node="a", reason="no_input", attempt=1),)
    assert ids(sprint) == ["common.no_input", "x.short"]
    sprint = go(flow, sprint, NoMatch())
    assert ids(sprint) == ["common.no_match", "x.short"]
    assert isinstance(sprint.wait, AskWait)
    assert sprint.wait.attempt == 3
    assert path(go(flow, sprint, NoMatch())) == ["e"]
    assert path(go(flow, sprint, NoInput())) == ["d"]


def test_a_question_gives_up_after_its_visits(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(
        "a: {ask: {prompt: x.a, expect: yes_no, visits: 2}, next: a, no_input: b, no_match: b}\nb: {hangup: }"
    )
    sprint = go(flow, start(flow, {}), said("yes"))
    assert isinstance(sprint.wait, AskWait)
    sprint = go(flow, sprint, said("yes"))
    assert path(sprint) == ["a", "b"]
    assert [event.arm for event in sprint.events if isinstance(event, NodeEntered)] == ["next", "no_match"]


def test_the_last_answer_counts(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(
        "a: {ask: {prompt: x.a, expect: rating}, '1': a, next: b, no_input: b, no_match: b}\nb: {hangup: }"
    )
    sprint = go(flow, start(flow, {}), said("1"))
    assert go(flow, sprint, said("5", Modality.KEYS)).session.variables["a"] == "5"


def test_secret_digits_are_in_no_event(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(
        "a: {ask: {prompt: x.a, expect: digits, digits: {min: 4, max: 6, secret: true}},"
        " next: b, no_input: b, no_match: b}\n" + END
    )
    sprint = start(flow, {})
    assert isinstance(sprint.wait, AskWait)
    assert sprint.wait.expect.secret
    assert sprint.wait.command_keys == {}  # 0 and 9 are digits here
    after = go(flow, sprint, Input(value="1234", transcript="1234", modality=Modality.KEYS))
    assert after.events[0] == AnswerTaken(node="a", name="a", input=Input(value="***", modality=Modality.KEYS))
    assert after.session.variables["a"] == "1234"


def test_a_question_keeps_its_own_keys(make_flow: MakeFlow) -> None:
    flow = make_flow(
        "a: {ask: {prompt: x.a, expect: yes_no, keys: {'0': 'yes', '*': 'no'}},"
        " next: b, no_input: b, no_match: b}\n" + END
    )
    wait = start(flow, {}).wait
    assert isinstance(wait, AskWait)
    assert wait.command_keys == {"9": CommandName.OPT_OUT}


def test_repeat_asks_again_without_counting_and_not_for_ever(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK)
    sprint = go(flow, start(flow, {}), NoInput())
    for _ in range(MAX_REPEATS):
        sprint = go(flow, sprint, command(CommandName.REPEAT))
        assert ids(sprint) == ["x.ask"]
        assert isinstance(sprint.wait, AskWait)
        assert sprint.wait.attempt == 2
    sprint = go(flow, sprint, command(CommandName.REPEAT))
    assert QuestionFailed(node="a", reason="no_match", attempt=2) in sprint.events


def test_repeat_of_a_prompt_is_bounded(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {play: x.a, next: b}\nb: {hangup: }")
    sprint = start(flow, {})
    for _ in range(MAX_REPEATS):
        sprint = go(flow, sprint, command(CommandName.REPEAT))
        assert isinstance(sprint.wait, PlayWait)
    assert path(go(flow, sprint, command(CommandName.REPEAT))) == ["b"]


def test_opt_out_wins(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK, top="on_agent: b\non_complaint: c", purpose="marketing")
    sprint = go(flow, start(flow, {}), command(CommandName.OPT_OUT))
    assert OptedOut(node="a", purpose="marketing") in sprint.events
    assert DispositionSet(disposition="opted_out", intention="declined") in sprint.events
    assert ids(sprint) == ["common.opt_out"]
    sprint = go(flow, sprint, Played())
    assert isinstance(sprint.wait, HangupWait)
    assert sprint.session.disposition == "opted_out"


def test_an_agent_is_the_flows_own_or_the_built_in_one(make_flow: MakeFlow, go: Go) -> None:
    own = make_flow(ASK, top="on_agent: b")
    assert path(go(own, start(own, {}), command(CommandName.AGENT))) == ["b"]
    built_in = make_flow(ASK)
    sprint = go(built_in, start(built_in, {}), command(CommandName.AGENT))
    assert ids(sprint) == ["common.agent"]
    sprint = go(built_in, sprint, Played())
    assert isinstance(sprint.wait, TransferWait)


def test_a_complaint_keeps_its_disposition(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK.replace("b: {hangup: }", "b: {hangup: , disposition: sold}"), top="on_agent: b")
    sprint = go(flow, start(flow, {}), command(CommandName.COMPLAINT))
    assert ids(sprint) == ["common.complaint"]
    sprint = go(flow, sprint, Played())
    assert path(sprint) == ["common.back", "b"]
    assert sprint.session.disposition == "complaint"
    own = make_flow(ASK, top="on_complaint: c")
    assert path(go(own, start(own, {}), command(CommandName.COMPLAINT))) == ["c"]


def test_opting_out_wins_over_a_complaint(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK)
    sprint = go(flow, start(flow, {}), command(CommandName.COMPLAINT))
    sprint = go(flow, sprint, command(CommandName.OPT_OUT))
    assert sprint.session.disposition == "opted_out"
    assert go(flow, sprint, command(CommandName.COMPLAINT)).session.disposition == "opted_out"


def test_a_machine_gets_the_message_or_nothing(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK, top="on_machine: b")
    assert path(go(flow, start(flow, {}), MachineDetected())) == ["b"]
    flow = make_flow(ASK)
    sprint = go(flow, start(flow, {}), MachineDetected())
    assert sprint.events == (DispositionSet(disposition="voicemail", intention="unreachable"),)
    assert sprint.wait == HangupWait(node="a")


def test_a_machine_is_detected_once(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK, top="on_machine: a")
    sprint = go(flow, start(flow, {}), MachineDetected())
    assert isinstance(sprint.wait, AskWait)
    assert isinstance(go(flow, sprint, MachineDetected()).wait, HangupWait)


@pytest.mark.parametrize("by", ["callee", "us", "network"])
def test_the_end_of_the_call_ends_the_flow_anywhere(make_flow: MakeFlow, go: Go, by: str) -> None:
    flow = make_flow(ASK)
    after = go(flow, start(flow, {}), CallEnded.model_validate({"by": by}))
    assert after.events == (DispositionSet(disposition="incomplete"), FlowEnded(reason="call_ended"))
    assert after.wait is None


def test_what_was_set_stays(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {play: x.a, disposition: greeted, next: b}\nb: {hangup: }")
    after = go(flow, start(flow, {}), CallEnded(by="callee"))
    assert after.events == (FlowEnded(reason="call_ended"),)
    assert after.session.disposition == "greeted"


def test_steps_are_limited(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {set: {x: 1}, next: a}", top="limits: {steps: 7}")
    sprint = start(flow, {})
    assert path(sprint) == ["a"] * 7
    assert sprint.events[-2:] == (
        FlowFailed(node="a", reason="limit: steps"),
        DispositionSet(disposition="failed"),
    )
    assert go(flow, sprint, ENDED).events == (FlowEnded(reason="failed"),)


def test_an_impossible_condition_ends_the_flow_with_an_event(make_flow: MakeFlow) -> None:
    flow = make_flow(
        "a: {switch: [{when: 1 / n == 1, next: b}], else: b}\nb: {hangup: }", top="needs: {n: integer}"
    )
    failures = [event for event in start(flow, {"n": 0}).events if isinstance(event, FlowFailed)]
    assert len(failures) == 1
    assert failures[0].reason.startswith("condition: ")


def test_a_missing_arm_ends_the_flow_with_an_event(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {play: x.a}")
    assert FlowFailed(node="a", reason="missing arm: next") in go(flow, start(flow, {}), Played()).events


@pytest.mark.parametrize(
    "result", [Played(), SmsQueued(), ApiReplied(status=200), CallbackBooked(), said("maybe")]
)
def test_a_wrong_result_is_refused_and_the_session_can_go_on(make_flow: MakeFlow, go: Go, result: Result) -> None:
    flow = make_flow(ASK)
    sprint = start(flow, {})
    with pytest.raises(WrongResultError) as caught:
        go(flow, sprint, result)
    assert caught.value.code == "wrong_result"
    assert path(go(flow, sprint, said("yes"))) == ["b"]


def test_commands_and_machines_only_where_somebody_listens(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(TRANSFER)
    for result in (command(CommandName.AGENT), MachineDetected()):
        with pytest.raises(WrongResultError):
            go(flow, start(flow, {}), result)


def test_a_session_goes_on_with_its_own_flow_only(make_flow: MakeFlow, go: Go) -> None:
    flow, other = make_flow(ASK), make_flow(ASK.replace("x.ask", "x.other"))
    sprint = start(flow, {})
    with pytest.raises(WrongSessionError, match="belongs to version"):
        resume(other, sprint.session, said("yes"))
    ended = go(flow, go(flow, sprint, said("yes")), ENDED)
    with pytest.raises(WrongSessionError, match="has ended at b"):
        resume(flow, ended.session, ENDED)


def test_what_the_flow_needs_must_be_there(make_flow: MakeFlow) -> None:
    flow = make_flow("a: {hangup: }", top="needs: {balance: money}\nconstants: {company: {type: text, value: x}}")
    with pytest.raises(FlowError, match="the contact has no balance, which the flow trial needs"):
        start(flow, {"name": "x"})
    with pytest.raises(FlowError, match="the flow trial has no constant firm"):
        start(flow, {"balance": 1}, constants={"firm": "x"})
    with pytest.raises(FlowError, match="b is not among the `entries` of trial"):
        start(flow, {"balance": 1}, entry="b")
    assert start(flow, {"balance": 1}, constants={"company": "y"}).session.variables["company"] == "y"


@pytest.mark.parametrize(("speech", "hears"), [("", False), (", speech: true", True), (", speech: false", False)])
def test_digits_are_spoken_only_when_the_question_says_so(make_flow: MakeFlow, speech: str, hears: bool) -> None:
    flow = make_flow(
        f"a: {{ask: {{prompt: x.a, expect: digits{speech}}}, next: b, no_input: b, no_match: b}}\n" + END
    )
    wait = start(flow, {}).wait
    assert isinstance(wait, AskWait)
    assert wait.speech is hears
