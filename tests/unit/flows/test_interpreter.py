"""Each node kind, and what the interpreter does with each result; every resume goes through JSON."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.findings import FlowError, WrongResultError, WrongSessionError
from flows.flow import Flow
from flows.interpreter import MAX_REPEATS, Sprint, resume, start
from flows.nodes import KINDS
from flows.sprint import (
    AnswerTaken,
    ApiReplied,
    ApiWait,
    AskWait,
    CallbackBooked,
    CallbackWait,
    CallEnded,
    Command,
    CommandName,
    DispositionSet,
    Expect,
    FlowEnded,
    FlowFailed,
    HangupWait,
    IdentityChecked,
    Input,
    MachineDetected,
    MessageWait,
    Modality,
    NodeEntered,
    NoInput,
    NoMatch,
    OptedOut,
    Played,
    PlayWait,
    QuestionFailed,
    Result,
    SmsQueued,
    SmsWait,
    TransferEnded,
    TransferWait,
    VariableSet,
)
from flows.visits import VISITS

pytestmark = pytest.mark.unit

MakeFlow = Callable[..., Flow]
Go = Callable[[Flow, Sprint, Result], Sprint]
END = "b: {hangup: }"
ENDED = CallEnded(by="us")

ASK = """
a:
  ask: {prompt: x.ask, short: x.short, expect: yes_no, attempts: 3}
  yes: b
  no: c
  no_input: d
  no_match: e
b: {hangup: }
c: {hangup: }
d: {hangup: }
e: {hangup: }
"""


def said(value: str, modality: Modality = Modality.SPEECH) -> Input:
    return Input(value=value, modality=modality)


def command(name: CommandName) -> Command:
    return Command(name=name, modality=Modality.KEYS)


def ids(sprint: Sprint) -> list[str | None]:
    assert isinstance(sprint.wait, (PlayWait, AskWait, MessageWait))
    return [prompt.id for prompt in sprint.wait.prompts]


def path(sprint: Sprint) -> list[str]:
    return [event.node for event in sprint.events if isinstance(event, NodeEntered)]


# ---- one test for each node kind ---------------------------------------------------------------------------


def test_kind_play(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {play: [x.one, {say: two}], next: b}\nb: {hangup: }", top="needs: {balance: money}")
    sprint = start(flow, {"balance": "5.20", "phone": "+8613800008866", "other": "dropped"})
    assert isinstance(sprint.wait, PlayWait)
    assert [(prompt.id, prompt.text) for prompt in sprint.wait.prompts] == [("x.one", None), (None, "two")]
    assert sprint.wait.prompts[0].variables == {"balance": "5.20", "tail": "8866", "flow_name": "trial"}
    assert sprint.wait.prompts[0].types == {"balance": "money", "tail": "digits", "flow_name": "text"}
    assert sprint.wait.command_keys == {"0": "agent", "9": "opt_out", "*": "repeat"}
    assert "8613800008866" not in sprint.session.model_dump_json()
    sprint = go(flow, sprint, Played())
    assert sprint.events == (NodeEntered(node="b", previous="a", arm="next"),)
    assert sprint.wait == HangupWait(node="b")


def test_kind_ask(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(ASK)
    sprint = start(flow, {})
    assert isinstance(sprint.wait, AskWait)
    assert sprint.wait.keys == {"1": "yes", "2": "no"}
    sprint = go(flow, sprint, said("no"))
    assert sprint.events[0] == AnswerTaken(node="a", name="a", input=said("no"))
    assert path(sprint) == ["c"]
    assert sprint.session.variables["a"] == "no"


def test_kind_switch(make_flow: MakeFlow) -> None:
    flow = make_flow(
        "a:\n  switch:\n    - {when: n < 0, next: b}\n    - {when: n < 10, next: c}\n  else: d\n"
        "b: {hangup: }\nc: {hangup: }\nd: {hangup: }",
        top="needs: {n: integer}",
    )
    assert [path(start(flow, {"n": n}))[-1] for n in (-1, 5, "7", 10)] == ["b", "c", "c", "d"]


def test_kind_set(make_flow: MakeFlow) -> None:
    flow = make_flow("a: {set: {x: 1, y: {cel: x + 1}, z: two}, next: b}\nb: {hangup: }")
    assert start(flow, {}).events[1:4] == (
        VariableSet(name="x", value=1),
        VariableSet(name="y", value=2),
        VariableSet(name="z", value="two"),
    )


TRANSFER = (
    "a:\n  transfer: {queue: q, mode: warm, brief: x.brief, summary: why, answer_within_s: 9, save_as: agent_no}\n"
    "  answered: b\n  declined: c\n  unavailable: d\nb: {hangup: }\nc: {hangup: }\nd: {hangup: }"
)


def test_kind_transfer(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(TRANSFER)
    sprint = start(flow, {})
    assert isinstance(sprint.wait, TransferWait)
    assert (sprint.wait.queue, sprint.wait.answer_within_s) == ("q", 9)
    assert sprint.wait.brief is not None
    assert sprint.wait.brief.variables["summary"] == "why"
    after = go(flow, sprint, TransferEnded(status="answered", agent="1023"))
    assert after.session.variables["agent_no"] == "1023"
    assert path(after) == ["b"]
    assert path(go(flow, sprint, TransferEnded(status="declined"))) == ["c"]
    for status in ("busy", "no_answer", "machine", "no_agent", "trunk"):
        assert path(go(flow, sprint, TransferEnded.model_validate({"status": status}))) == ["d"]


@pytest.mark.parametrize("end", [TransferEnded(status="caller_left"), CallEnded(by="callee")])
def test_a_caller_who_leaves_while_waiting_ends_the_flow(make_flow: MakeFlow, go: Go, end: Result) -> None:
    flow = make_flow(TRANSFER)
    after = go(flow, start(flow, {}), end)
    assert (after.wait, path(after)) == (None, [])
    assert after.events[-1] == FlowEnded(reason="call_ended")


@pytest.mark.parametrize("end", [TransferEnded(status="caller_left"), CallEnded(by="callee")])
def test_the_caller_left_arm_is_followed_until_it_needs_the_caller(
    make_flow: MakeFlow, go: Go, end: Result
) -> None:
    flow = make_flow(
        "a: {transfer: {queue: q}, caller_left: lost, unavailable: d}\n"
        "lost: {set: {given_up: true}, disposition: gave_up, next: sorry}\n"
        "sorry: {play: x.sorry, next: d}\nd: {hangup: }"
    )
    after = go(flow, start(flow, {}), end)
    assert (after.wait, path(after)) == (None, ["lost", "sorry"])
    assert after.session.disposition == "gave_up"
    assert after.events[-1] == FlowEnded(reason="call_ended")


def test_a_transfer_without_an_answered_arm_ends_the_call(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {transfer: {queue: q}, unavailable: b}\nb: {hangup: }")
    assert go(flow, start(flow, {}), TransferEnded(status="answered")).wait == HangupWait(node="a")


def test_kind_callback(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(
        "a: {set: {slot: morning, number: '123'}, next: b}\n"
        "b: {callback: {when: slot, number: number, save_as: slot}, booked: c, failed: d}\n"
        "c: {hangup: }\nd: {hangup: }"
    )
    sprint = start(flow, {})
    assert sprint.wait == CallbackWait(node="b", when="morning", number="123")
    assert go(flow, sprint, CallbackBooked(at="nine")).session.variables["slot"] == "nine"
    assert path(go(flow, sprint, CallbackBooked())) == ["c"]
    assert path(go(flow, sprint, CallbackBooked(ok=False))) == ["d"]


@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("this", ["survey"]),
        ("marketing", ["marketing"]),
        ("all", ["service", "marketing", "survey", "care"]),
    ],
)
def test_kind_opt_out(make_flow: MakeFlow, purpose: str, expected: list[str]) -> None:
    flow = make_flow(f"a: {{opt_out: {purpose}, next: b}}\nb: {{hangup: , disposition: done}}", purpose="survey")
    events = start(flow, {}).events
    assert [event.purpose for event in events if isinstance(event, OptedOut)] == expected
    dispositions = [event.disposition for event in events if isinstance(event, DispositionSet)]
    assert dispositions == ["opted_out"]  # what comes later doesn't change it


def test_kind_message(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {message: {prompt: x.voicemail, wait_s: 5}, next: b}\nb: {hangup: }")
    sprint = start(flow, {})
    assert isinstance(sprint.wait, MessageWait)
    assert sprint.wait.wait_s == 5
    assert path(go(flow, sprint, Played())) == ["b"]


def test_kind_sms(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(
        "a: {sms: {prompt: x.sms, to: mobile}, sent: b, failed: c}\nb: {hangup: }\nc: {hangup: }",
        top="needs: {mobile: phone}",
    )
    sprint = start(flow, {"mobile": "+8613800000001"})
    assert isinstance(sprint.wait, SmsWait)
    assert sprint.wait.to == "+8613800000001"
    assert path(go(flow, sprint, SmsQueued())) == ["b"]
    assert path(go(flow, sprint, SmsQueued(ok=False))) == ["c"]


API = (
    "a:\n  call_api: {METHODurl: 'https://x.example/a?b=c', send: {end: tail}, save: {paid: is_paid}}\n"
    "  ok: b\n  error: c\n  offline: d\nb: {hangup: }\nc: {hangup: }\nd: {hangup: }"
)


def test_kind_call_api(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow(API.replace("METHOD", ""))
    sprint = start(flow, {"tail": "8&66"})
    assert sprint.wait == ApiWait(node="a", url="https://x.example/a?b=c&end=8%2666")
    ok = go(flow, sprint, ApiReplied(status=204, body={"is_paid": True, "more": 1}))
    assert (path(ok), ok.session.variables["paid"]) == (["b"], True)
    assert path(go(flow, sprint, ApiReplied(status=404))) == ["c"]
    assert path(go(flow, sprint, ApiReplied(status=None))) == ["d"]
    posted = start(make_flow(API.replace("METHOD", "method: POST, ")), {"tail": "8866"}).wait
    assert posted == ApiWait(node="a", method="POST", url="https://x.example/a?b=c", body={"end": "8866"})


def test_kind_subflow_and_kind_return(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {subflow: {flow: callback, entry: offer}, next: b}\nb: {hangup: }")
    sprint = start(flow, {"tail": "8866"})
    assert path(sprint) == ["a", "callback.offer"]
    sprint = go(flow, sprint, said("no"))
    assert ids(sprint) == ["callback.none"]
    sprint = go(flow, sprint, Played())
    assert path(sprint) == ["callback.done", "b"]
    assert sprint.session.stack == ()


def test_kind_return_in_the_calls_own_flow_hangs_up(make_flow: MakeFlow) -> None:
    assert start(make_flow("a: {return: }"), {}).wait == HangupWait(node="a")


def test_kind_split(make_flow: MakeFlow) -> None:
    flow = make_flow("a: {split: {x: 30, y: 70}, x: b, y: c}\nb: {hangup: }\nc: {hangup: }")
    arms = [str(start(flow, {"phone": f"+86138{n:08}"}).session.variables["a"]) for n in range(1000)]
    assert 250 < arms.count("x") < 350
    assert arms == [str(start(flow, {"phone": f"+86138{n:08}"}).session.variables["a"]) for n in range(1000)]


def test_kind_identity(make_flow: MakeFlow, go: Go) -> None:
    """The rest is in test_identity."""
    flow = make_flow(
        "a:\n  identity: {methods: [{by: password, prompt: x.one}]}\n  verified: b\n  failed: c\n"
        "  unavailable: c\nb: {hangup: }\nc: {hangup: }"
    )
    sprint = start(flow, {})
    assert isinstance(sprint.wait, AskWait)
    assert sprint.wait.expect == Expect(type="digits", min_digits=6, max_digits=6, terminator="#", secret=True)
    sprint = go(flow, sprint, Input(value="123456", modality=Modality.KEYS))
    assert path(go(flow, sprint, IdentityChecked(status="right"))) == ["b"]


def test_kind_hangup(make_flow: MakeFlow, go: Go) -> None:
    flow = make_flow("a: {hangup: , disposition: done, intention: success, pending: true}")
    sprint = start(flow, {})
    assert sprint.events[1] == DispositionSet(disposition="done", intention="success", pending=True)
    after = go(flow, sprint, ENDED)
    assert after.events == (FlowEnded(reason="hangup"),)
    assert after.wait is None


def test_every_kind_is_visited_and_tested() -> None:
    """A new kind can't land untested."""
    assert set(VISITS) == set(KINDS)
    names = " ".join(name for name in globals() if name.startswith("test_kind_"))
    assert [kind for kind in KINDS if f"kind_{kind}" not in names] == []


# ---- questions ---------------------------------------------------------------------------------------------


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


# ---- commands ----------------------------------------------------------------------------------------------


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


# ---- machines, ends, limits, mistakes ----------------------------------------------------------------------


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
