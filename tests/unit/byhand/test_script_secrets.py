"""Secrets in scripts: what is kept of them, what may go out without them, and where a script stops for want of
them."""

from __future__ import annotations

import json

import pytest

from flows.loader import loads
from flows.results import ApiReplied, SmsQueued
from flows.values import Scalar
from flows.waits import SmsWait
from ivr.byhand.forms import Form, FormKind
from ivr.byhand.masking import LOST_DIGIT
from ivr.byhand.script import Entry, LostSecretError, Script, Start, done_before, replay, without_last
from ivr.byhand.texts import Texts
from tests.unit.byhand.scripts import AT, FLOW, HARMLESS, LATER_FLOW, OVER, START, entry, form, kept, said, script

pytestmark = pytest.mark.unit


def test_secret_digits_are_kept_nowhere() -> None:
    secret = entry(said("4711"), secret=True)
    assert "4711" not in json.dumps(secret.as_json())
    live = Script.begin(FLOW, START, AT)
    live.enter(entry(said("blue")))
    assert form(live) == Form(FormKind.DIGITS, "pin", (), 4, 6, secret=True)
    live.enter(secret)
    assert live.session.variables["pin"] == "4711"  # until the next entry, for what the flow does with it
    assert script(entry(said("blue")), secret).session.variables["pin"] == LOST_DIGIT * 4


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


SECRET_ERRANDS = [
    f'{{call_api: {{method: POST, url: "https://x.example/two", send: {{pin: pin}}}}, {OVER}}}',
    f'{{call_api: {{url: "https://x.example/two", send: {{pin: pin}}}}, {OVER}}}',
    f'{{call_api: {{method: POST, url: "https://x.example/two", send: {{pin: whole}}}}, {OVER}}}',
    '{sms: {prompt: {say: "Your PIN is {pin}."}}, sent: done, failed: done}',
    '{sms: {prompt: {say: "Well."}, to: pin}, sent: done, failed: done}',
    "{callback: {number: pin}, booked: done, failed: done}",
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
