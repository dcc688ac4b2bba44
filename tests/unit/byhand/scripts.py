"""A flow as a script, its forms and entries, for tests."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from flows.loader import loads
from flows.results import Input, Result
from flows.values import Modality
from ivr.byhand.forms import Form, form_at
from ivr.byhand.script import Entry, Script, Start, replay

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
HARMLESS = [
    f'{{call_api: {{url: "https://x.example/0000", send: {{to: tail}}}}, {OVER}}}',
    '{sms: {prompt: {say: "Call 0000 from {tail}."}}, sent: done, failed: done}',
]
