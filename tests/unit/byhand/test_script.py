"""The flow as a script: what an agent sees and enters, steps back, secrets, and what is done on the way."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from flows.findings import WrongResultError
from flows.loader import loads
from flows.sprint import (
    AnswerTaken,
    ApiReplied,
    AskWait,
    CallEnded,
    DispositionSet,
    Input,
    Modality,
    NodeEntered,
    NoMatch,
    Result,
    Scalar,
    SmsQueued,
    SmsWait,
)
from ivr.byhand.errors import TaskError
from ivr.byhand.forms import Form, FormKind, form_at, result_of, wanted
from ivr.byhand.masking import LOST_DIGIT
from ivr.byhand.script import Entry, LostSecretError, Script, Start, done_before, replay, without_last
from ivr.byhand.texts import Texts

pytestmark = pytest.mark.unit
AT = datetime(2026, 1, 5, 2, tzinfo=UTC)
START = Start({"phone": "+8613800001234"})
FLOW = loads(
    b"""
schema: 1
flow: s
language: en
purpose: service
limits: {call_s: 60, steps: 40}
start: hello
nodes:
  hello: {play: {say: "Hello."}, next: which}
  which:
    ask:
      prompt: {say: "Which one?"}
      expect: choice
      choices: {red: [red], blue: [blue]}
      save_as: colour
      attempts: 3
    red: text
    blue: pin
    no_input: end
    no_match: gave_up
  gave_up: {hangup: , disposition: unclear}
  text: {sms: {prompt: {say: "You chose {colour}."}}, sent: person, failed: person}
  person: {transfer: {queue: care}, answered: end, unavailable: end}
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 6, secret: true}, save_as: pin}
    next: more
    no_input: end
    no_match: end
  more:
    ask: {prompt: {say: "All right?"}, expect: yes_no, save_as: fine}
    yes: end
    no: end
    no_input: end
    no_match: end
  end: {hangup: , disposition: done, intention: success}
"""
)


def entry(result: Result, second: int = 0, *, secret: bool = False) -> Entry:
    return Entry(AT + timedelta(seconds=second), result, secret=secret)


def said(value: str) -> Input:
    return Input(value=value, modality=Modality.AGENT, rule="agent")


def kept(*entries: Entry) -> tuple[Entry, ...]:
    """As they come out of the database."""
    return tuple(Entry.of(json.loads(json.dumps(one.as_json()))) for one in entries)


def script(*entries: Entry) -> Script:
    return replay(FLOW, START, AT, kept(*entries))


def form(found: Script) -> Form:
    return form_at(found.session, found.wait)


def test_what_is_only_said_is_shown_with_the_next_question() -> None:
    found = script()
    assert [(one.node, one.prompts[0].text) for one in found.page] == [
        ("hello", "Hello."),
        ("which", "Which one?"),
    ]
    assert wanted(form(found)) == "1 red, 2 blue"


@pytest.mark.parametrize(("entered", "value"), [("red", "red"), ("1", "red"), ("BLUE", "blue"), (" 2 ", "blue")])
def test_a_choice_is_entered_by_its_value_or_its_key(entered: str, value: str) -> None:
    assert result_of(form(script()), entered, "1001") == said(value)


@pytest.mark.parametrize("entered", ["green", "", "3", "12"])
def test_what_is_no_answer_is_refused_with_what_may_be_entered(entered: str) -> None:
    with pytest.raises(TaskError, match="1 red, 2 blue"):
        result_of(form(script()), entered, "1001")


def test_no_usable_answer_is_said_once_however_often_the_robot_would_ask() -> None:
    found = script(entry(NoMatch()))
    assert isinstance(script().wait, AskWait)
    assert form(found).kind is FormKind.OVER
    assert [event.disposition for _, event in found.events if isinstance(event, DispositionSet)] == ["unclear"]


def test_an_errand_waits_for_the_platform_and_is_not_done_twice() -> None:
    found = script(entry(said("red")))
    errand = found.wait
    assert isinstance(errand, SmsWait)
    assert form(found).kind is FormKind.GO_ON
    entries = (entry(said("red")), Entry(AT, SmsQueued(), errand=errand))
    assert form(script(*entries)).kind is FormKind.TALK  # the flow wants a person: the agent is there
    back = without_last(kept(*entries))
    assert form(script(*back)).kind is FormKind.CHOICE
    assert done_before(back, errand) == SmsQueued()
    again = (*back, entry(said("red"), 5))
    assert done_before(again, script(*again).wait or errand) == SmsQueued()
    assert done_before(again, errand.model_copy(update={"to": "+8613900001234"})) is None


def test_back_leaves_out_the_last_entry_until_there_is_none() -> None:
    entries: tuple[Entry, ...] = (entry(said("blue")), entry(said("1234"), secret=True), entry(said("yes")))
    for count in (2, 1, 0):
        entries = without_last(entries)
        assert len(entries) == count
    assert without_last(entries) == ()


def test_a_script_to_its_end_leaves_what_a_call_leaves() -> None:
    found = script(entry(said("blue"), 1), entry(said("1234"), 2, secret=True), entry(said("yes"), 3))
    found.ended(CallEnded(by="callee"), AT)
    assert [event.node for _, event in found.events if isinstance(event, NodeEntered)] == [
        "hello", "which", "pin", "more", "end",
    ]  # fmt: skip
    taken = [(at, event.name, event.input.value) for at, event in found.events if isinstance(event, AnswerTaken)]
    assert taken == [
        (AT + timedelta(seconds=1), "colour", "blue"),
        (AT + timedelta(seconds=2), "pin", "***"),
        (AT + timedelta(seconds=3), "fine", "yes"),
    ]


def test_secret_digits_are_kept_nowhere() -> None:
    secret = entry(said("4711"), secret=True)
    assert "4711" not in json.dumps(secret.as_json())
    live = Script.begin(FLOW, START, AT)
    live.enter(entry(said("blue")))
    assert form(live) == Form(FormKind.DIGITS, "pin", (), 4, 6, secret=True)
    live.enter(secret)
    assert live.session.variables["pin"] == "4711"  # until the next entry, for what the flow does with it
    assert script(entry(said("blue")), secret).session.variables["pin"] == LOST_DIGIT * 4


@pytest.mark.parametrize("entered", ["123", "1234567", "12a4", "１２３４"])
def test_digits_are_digits_and_as_many_as_are_asked_for(entered: str) -> None:
    with pytest.raises(TaskError, match="4–6 digits"):
        result_of(form(script(entry(said("blue")))), entered, "1001")


def test_an_entry_survives_the_database_as_it_was() -> None:
    errand = script(entry(said("red"))).wait
    for one in (entry(said("red")), replace(Entry(AT, SmsQueued(), errand=errand), undone=True), entry(NoMatch())):
        assert kept(one) == (one,)


SECRET_FLOW = loads(
    b"""
schema: 1
flow: s
language: en
purpose: service
limits: {call_s: 60, steps: 40}
start: pin
nodes:
  pin:
    ask: {prompt: {say: "Your PIN?"}, expect: digits, digits: {min: 4, max: 6, secret: true}, save_as: pin}
    next: query
    no_input: end
    no_match: end
  query:
    call_api: {url: "https://x.example/query", send: {pin: pin}, save: {echo: echo, balance: balance}}
    ok: post
    error: end
    offline: end
  post:
    call_api: {method: POST, url: "https://x.example/post", send: {pin: pin, echo: echo}}
    ok: text
    error: end
    offline: end
  text: {sms: {prompt: {say: "Your PIN is {pin}."}}, sent: more, failed: more}
  more:
    ask: {prompt: {say: "All right?"}, expect: yes_no}
    yes: end
    no: end
    no_input: end
    no_match: end
  end: {hangup: }
"""
)


def test_nothing_that_is_kept_of_errands_holds_a_secret() -> None:
    live = Script.begin(SECRET_FLOW, START, AT)
    first = Entry(AT, said("4711"), secret=True)
    live.enter(first)
    entries, asked = [first], []
    replies = (
        ApiReplied(status=200, body={"echo": "PIN 4711", "unsaved": "47 11", "balance": "47110"}),
        ApiReplied(status=200),
        SmsQueued(),
    )
    for reply in replies:
        assert live.wait is not None
        asked.append(live.wait)
        entries.append(live.done(live.wait, reply, AT))
    assert all("4711" in one.model_dump_json() for one in asked)  # it went where it was to go
    assert isinstance(entries[1].result, ApiReplied)
    assert entries[1].result.body == {"echo": f"PIN {LOST_DIGIT * 4}", "balance": "47110"}
    in_database = json.dumps([one.as_json() for one in entries]).replace("47110", "")
    assert "4711" not in in_database
    found = replay(SECRET_FLOW, START, AT, kept(*entries))
    assert form(found).kind is FormKind.CHOICE
    back = without_last(kept(*entries))
    assert [done_before(back, errand) for errand in asked] == [None] * 3  # the digits may be others now


LATER_FLOW = """
schema: 1
flow: s
language: en
purpose: service
limits: {{call_s: 60, steps: 40}}
start: pin
nodes:
  pin:
    ask: {{prompt: {{say: "Your PIN?"}}, expect: digits, digits: {{min: 4, max: 6, secret: true}}, save_as: pin}}
    next: {first}
    no_input: end
    no_match: end
  sure:
    ask: {{prompt: {{say: "Sure?"}}, expect: yes_no}}
    yes: name
    no: end
    no_input: end
    no_match: end
  name: {{set: {{whole: {{cel: "'PIN ' + pin"}}}}, next: errand}}
  check: {{call_api: {{url: "https://x.example/0000"}}, ok: name, error: name, offline: name}}
  errand: {errand}
  done: {{ask: {{prompt: {{say: "All right?"}}, expect: yes_no}}, yes: end, no: end, no_input: end, no_match: end}}
  end: {{hangup: }}
"""
OVER = "ok: done, error: done, offline: done"
SECRET_ERRANDS = [
    f'{{call_api: {{method: POST, url: "https://x.example/two", send: {{pin: pin}}}}, {OVER}}}',
    f'{{call_api: {{url: "https://x.example/two", send: {{pin: pin}}}}, {OVER}}}',
    f'{{call_api: {{method: POST, url: "https://x.example/two", send: {{pin: whole}}}}, {OVER}}}',
    '{sms: {prompt: {say: "Your PIN is {pin}."}}, sent: done, failed: done}',
    '{sms: {prompt: {say: "Well."}, to: pin}, sent: done, failed: done}',
    "{callback: {number: pin}, booked: done, failed: done}",
]
HARMLESS = [
    f'{{call_api: {{url: "https://x.example/0000", send: {{to: tail}}}}, {OVER}}}',
    '{sms: {prompt: {say: "Call 0000 from {tail}."}}, sent: done, failed: done}',
]


def later(first: str, errand: str) -> Script:
    """At the errand, in a process that has only what is kept: with another question, or an errand, before it."""
    flow = loads(LATER_FLOW.format(first=first, errand=errand).encode())
    entries = [entry(said("1234"), secret=True)]
    if first == "sure":
        entries.append(entry(said("yes"), 1))
    else:
        waits = replay(flow, Start({"phone": "+8613800000000"}), AT, kept(*entries)).wait
        entries.append(Entry(AT, ApiReplied(status=200), errand=waits))
    found = replay(flow, Start({"phone": "+8613800000000"}), AT, kept(*entries))
    assert found.wait is not None
    assert found.wait.node == "errand"
    return found


@pytest.mark.parametrize("first", ["sure", "check"])
@pytest.mark.parametrize("errand", SECRET_ERRANDS)
def test_no_errand_goes_out_with_a_secret_that_nobody_knows(first: str, errand: str) -> None:
    found = later(first, errand)
    assert found.lacks_secret
    assert LOST_DIGIT not in str([event for _, event in found.events])  # nor is it on record


@pytest.mark.parametrize("first", ["sure", "check"])
@pytest.mark.parametrize("errand", HARMLESS)
def test_an_errand_that_needs_no_secret_is_done_whatever_digits_it_has(first: str, errand: str) -> None:
    found = later(first, errand)
    assert not found.lacks_secret
    assert LOST_DIGIT not in str(found.wait)


def test_a_text_of_the_catalogue_cant_be_written_with_a_secret_that_nobody_knows() -> None:
    """Which values it uses is known once it is written."""
    found = later("sure", "{sms: {prompt: common.goodbye}, sent: done, failed: done}")
    assert isinstance(found.wait, SmsWait)
    assert "pin" not in found.wait.prompt.variables
    assert found.wait.prompt.variables["tail"] == "0000"


def test_what_a_system_has_said_of_a_secret_is_as_lost_as_the_secret() -> None:
    live = Script.begin(SECRET_FLOW, START, AT)
    live.enter(Entry(AT, said("4711"), secret=True))
    assert live.wait is not None
    first = live.done(live.wait, ApiReplied(status=200, body={"echo": "PIN 4711"}), AT)
    assert not live.lacks_secret
    assert replay(SECRET_FLOW, START, AT, kept(Entry(AT, said("4711"), secret=True), first)).lacks_secret


@pytest.mark.parametrize(("echo", "lost"), [(4711, True), (4711.0, True), (47110, False), (0, False)])
def test_a_secret_that_a_system_says_as_a_number_is_as_lost(echo: float, lost: bool) -> None:
    """It was kept as 0: another errand went out with that."""
    live = Script.begin(SECRET_FLOW, START, AT)
    pin = Entry(AT, said("4711"), secret=True)
    live.enter(pin)
    assert live.wait is not None
    first = live.done(live.wait, ApiReplied(status=200, body={"echo": echo}), AT)
    found = replay(SECRET_FLOW, START, AT, kept(pin, first))
    assert found.session.variables["echo"] == (LOST_DIGIT * 4 if lost else echo)
    assert "4711" not in json.dumps(kept(first)[0].as_json()).replace("47110", "")


DECIDING = """
schema: 1
flow: s
language: en
purpose: service
constants: {{echo: {{type: number, value: 0}}}}
limits: {{call_s: 60, steps: 40}}
start: pin
nodes:
  pin:
    ask: {{prompt: {{say: "Your PIN?"}}, expect: digits, digits: {{min: 4, max: 6, secret: true}}, save_as: pin}}
    next: check
    no_input: end
    no_match: end
  check:
    call_api: {{url: "https://x.example/check", send: {{pin: pin}}, save: {{echo: echo}}}}
    ok: then
    error: then
    offline: then
  then: {then}
  told: {{play: {{say: "I have {{echo}} and {{pin}}."}}, next: fine}}
  fine: {{ask: {{prompt: {{say: "All right?"}}, expect: yes_no}}, yes: end, no: end, no_input: end, no_match: end}}
  end: {{hangup: }}
"""


def decided(then: str, echo: Scalar) -> Script:
    """Behind a check that says the PIN or something else, in another process."""
    flow = loads(DECIDING.format(then=then).encode())
    live = Script.begin(flow, START, AT)
    pin = Entry(AT, said("4711"), secret=True)
    live.enter(pin)
    assert live.wait is not None
    return replay(
        flow, START, AT, kept(pin, live.done(live.wait, ApiReplied(status=200, body={"echo": echo}), AT))
    )


@pytest.mark.parametrize(
    "then",
    [
        "{set: {n: {cel: int(pin) + 1}}, next: told}",
        "{set: {n: {cel: \"pin == '4711' ? 'a' : 'b'\"}}, next: told}",
        "{switch: [{when: \"pin == '4711'\", next: told}], else: end}",
        "{switch: [{when: echo > 0.0, next: told}], else: end}",
        "{set: {n: {cel: echo + 1.0}}, next: told}",
    ],
)
def test_a_script_stops_where_it_would_go_by_a_secret_that_nobody_knows(then: str) -> None:
    found = decided(then, 4711)
    assert isinstance(found.fault, LostSecretError)
    assert str(found.fault).startswith("then goes by a secret")
    assert found.wait is not None
    assert found.wait.node == "check"  # as far as it went


def test_what_a_secret_is_only_put_into_goes_on_and_is_shown_without_it() -> None:
    found = decided("{set: {echo: {cel: \"'PIN ' + pin\"}}, next: told}", 1)
    assert found.fault is None
    assert [Texts().shown(one.prompts, "en") for one in found.page] == ["I have PIN *** and ***.", "All right?"]
    assert decided("{switch: [{when: echo > 0.0, next: told}], else: end}", 4712).fault is None


def test_a_script_goes_as_far_as_its_entries_fit() -> None:
    found = script(entry(said("red")), entry(said("yes"), 1))  # a text message is to be sent: nobody is asked
    assert isinstance(found.fault, WrongResultError)
    assert isinstance(found.wait, SmsWait)
    assert script(*without_last((entry(said("red")), entry(said("yes"), 1)))).fault is None
    needs = LATER_FLOW.format(first="sure", errand=HARMLESS[1]).replace("limits:", "needs: {plan: text}\nlimits:")
    none = replay(loads(needs.encode()), START, AT, ())
    assert (none.wait, none.page) == (None, [])
    assert str(none.fault).startswith("the contact has no plan, which the flow")
