"""Each node kind: what a visit says and does, and where each result leads; every resume goes through JSON."""

from __future__ import annotations

import pytest

from flows.events import AnswerTaken, DispositionSet, FlowEnded, NodeEntered, OptedOut, VariableSet
from flows.interpreter import start
from flows.nodes import KINDS
from flows.results import (
    ApiReplied,
    CallbackBooked,
    CallEnded,
    IdentityChecked,
    Input,
    Played,
    Result,
    SmsQueued,
    TransferEnded,
)
from flows.values import Modality
from flows.visits import VISITS
from flows.waits import (
    ApiWait,
    AskWait,
    CallbackWait,
    Expect,
    HangupWait,
    MessageWait,
    PlayWait,
    SmsWait,
    TransferWait,
)
from tests.unit.flows.interpreting import ASK, ENDED, TRANSFER, Go, MakeFlow, ids, path, said

pytestmark = pytest.mark.unit


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
