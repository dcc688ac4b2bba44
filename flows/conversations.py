"""Golden conversations: what callers say, and what must come of it, run through the interpreter.

    - name: yes by key, five stars
      contact: {balance: 5.2, pay_by: "2026-11-25"}
      says:
        - consent: {keys: "1"}
        - send_sms: sent
        - rating: "5"
      expect:
        path: [greet, reminder, consent, send_sms, sms_sent, rating, close, end]
        disposition: consented
        intention: success
        answers: {consent: "yes", rating: "5"}

`says` names nodes and what comes back there; prompts that aren't named are heard to their end. Whole lists are
compared; the session goes through JSON at every step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError, field_validator

from flows.edges import edges
from flows.events import AnswerTaken, DispositionSet, Event, IdentityNoted, NodeEntered, OptedOut
from flows.explain import explain
from flows.findings import FlowError, FlowLoadError
from flows.flow import Flow
from flows.interpreter import resume, start
from flows.parts import Text, rule_error
from flows.results import CallEnded, Played, Result
from flows.session import Session, Sprint
from flows.shorthand import result_of
from flows.source import parse_list, read
from flows.values import Frozen, Scalar
from flows.waits import HangupWait, MessageWait, PlayWait

SUFFIX = ".conversations.yaml"

Short = str | int | dict[str, Scalar | dict[str, Scalar]]


class Expectation(Frozen):
    """What came of it. `path` and `answers` are compared whole; what is left out must not be there."""

    path: tuple[str, ...]
    disposition: str | None = None
    intention: str | None = None
    pending: bool = False
    opted_out: tuple[str, ...] = ()
    answers: dict[str, str | int] = Field(default_factory=dict)
    identity: dict[str, str] = Field(default_factory=dict)  # method -> what it came to
    ended: Literal["hangup", "call_ended", "failed"] = "hangup"


class Conversation(Frozen):
    """One case of a conversations file."""

    name: Text
    entry: str | None = None  # one of the flow's entries, or its `on_callback`; else its start
    contact: dict[str, Scalar] = Field(default_factory=dict)
    constants: dict[str, Scalar] = Field(default_factory=dict)
    says: tuple[dict[str, Short], ...] = ()
    expect: Expectation

    @field_validator("says")
    @classmethod
    def _one_each(cls, value: tuple[dict[str, Short], ...]) -> tuple[dict[str, Short], ...]:
        if any(len(step) != 1 for step in value):
            raise rule_error("each step of `says` is one node with what comes back there: `- consent: yes`")
        return value


class _File(Frozen):
    cases: tuple[Conversation, ...] = Field(min_length=1, max_length=1000)


_MODELS: Mapping[str, type[BaseModel]] = {"cases": Conversation, "expect": Expectation}


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which a conversation didn't go as expected."""

    template: str
    params: Mapping[str, object]

    def __str__(self) -> str:
        return self.template.format(**self.params)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one conversation went: `problems` is empty when it is as expected."""

    name: str
    problems: tuple[Problem, ...]
    arms: frozenset[tuple[str, str]]
    nodes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Coverage:
    """Nodes and arms of the flow's own document, and those that no conversation took."""

    nodes: int
    arms: int
    missed_nodes: tuple[str, ...]
    missed_arms: tuple[tuple[str, str], ...]


@dataclass
class _Talk:
    """What has happened so far in one conversation."""

    events: list[Event] = field(default_factory=list)
    problem: Problem | None = None


def beside(flow_file: Path | str) -> Path:
    """The conversations file of a flow file."""
    path = Path(flow_file)
    return path.with_name(path.stem + SUFFIX)


def load_conversations(path: Path | str) -> tuple[Conversation, ...]:
    """Raises FlowError when the file is missing, FlowLoadError with places when something in it is wrong."""
    path = Path(path)
    if not path.is_file():
        raise FlowError("there are no conversations: {path} is missing; write the first one "
                        "(docs/flow-language.md, Conversations)", path=str(path))  # fmt: skip
    cases, source = parse_list(read(path), str(path))
    try:
        return _File.model_validate_json(json.dumps({"cases": cases}), strict=True).cases
    except ValidationError as error:
        raise FlowLoadError(explain(error, {"cases": cases}, source, _MODELS)) from None


def run_conversation(flow: Flow, case: Conversation) -> Outcome:
    """Run one case. Nothing that stands in it raises; what doesn't fit is among the problems."""
    talk = _Talk()
    try:
        _converse(flow, case, talk)
    except FlowError as error:
        talk.problem = Problem(error.template, error.params)
    entered = [event for event in talk.events if isinstance(event, NodeEntered)]
    problems = _differences(case.expect, talk.events)
    if talk.problem:
        problems = (talk.problem, *problems)
    arms = frozenset((e.previous, e.arm) for e in entered if e.previous is not None and e.arm is not None)
    return Outcome(case.name, problems, arms, frozenset(event.node for event in entered))


def coverage(flow: Flow, outcomes: Iterable[Outcome]) -> Coverage:
    """What the conversations together have been through."""
    unit = flow.units[flow.name]
    nodes: set[str] = set()
    arms: set[tuple[str, str]] = set()
    for outcome in outcomes:
        nodes |= outcome.nodes
        arms |= outcome.arms
    every_arm = _arms(flow)
    return Coverage(
        len(unit.spec.nodes), len(every_arm),
        tuple(name for name in unit.spec.nodes if name not in nodes),
        tuple(arm for arm in every_arm if arm not in arms),
    )  # fmt: skip


def _arms(flow: Flow) -> tuple[tuple[str, str], ...]:
    """Arms that can be taken at all: the way into a subflow is one, the way back from it isn't the caller's."""
    unit = flow.units[flow.name]
    return tuple(
        (edge.node, "subflow" if unit.spec.nodes[edge.node].kind == "subflow" else edge.arm)
        for edge in edges(unit)
    )


def _converse(flow: Flow, case: Conversation, talk: _Talk) -> None:
    sprint = start(flow, {"tail": "0000", **case.contact}, constants=case.constants, entry=case.entry)
    talk.events.extend(sprint.events)
    left = list(case.says)
    while sprint.wait is not None:  # bounded: prompts by the flow's limit of steps, everything else by `says`
        result = _next_result(flow, sprint, left)
        session = Session.model_validate_json(sprint.session.model_dump_json())
        sprint = resume(flow, session, result)
        talk.events.extend(sprint.events)
    if left:
        node = next(iter(left[0]))
        raise FlowError("the conversation was over before it came to {node}", node=node)


def _next_result(flow: Flow, sprint: Sprint, left: list[dict[str, Short]]) -> Result:
    wait = sprint.wait
    assert wait is not None
    if left and wait.node in left[0]:
        return result_of(flow, wait, left.pop(0)[wait.node])
    if isinstance(wait, (PlayWait, MessageWait)):
        return Played()
    if isinstance(wait, HangupWait):
        return CallEnded(by="us")
    if not left:
        raise FlowError(
            "the flow waits at {node} ({kind}), and nothing more is said", node=wait.node, kind=wait.kind
        )
    raise FlowError(
        "the flow waits at {node} ({kind}), but what is said next is for {next}",
        node=wait.node,
        kind=wait.kind,
        next=next(iter(left[0])),
    )


def _differences(expect: Expectation, events: list[Event]) -> tuple[Problem, ...]:
    found: list[Problem] = []
    actual = _actual(events)
    for name, wanted in expect.model_dump(mode="json").items():
        if name == "answers":
            wanted = {key: str(value) for key, value in wanted.items()}
        if actual[name] != wanted:
            params = {"what": name, "wanted": _shown(wanted), "actual": _shown(actual[name])}
            found.append(Problem("{what}: expected {wanted}, got {actual}", params))
    return tuple(found)


def _actual(events: list[Event]) -> dict[str, Any]:
    """What came of it, in the form of an Expectation."""
    found: dict[str, Any] = {
        "path": [], "disposition": None, "intention": None, "pending": False, "opted_out": [], "answers": {},
        "identity": {}, "ended": None,
    }  # fmt: skip
    for event in events:
        if isinstance(event, NodeEntered):
            found["path"].append(event.node)
        elif isinstance(event, AnswerTaken):
            found["answers"][event.name] = event.input.value
        elif isinstance(event, IdentityNoted):
            found["identity"][event.method] = event.result
        elif isinstance(event, DispositionSet):
            found["disposition"] = event.disposition or found["disposition"]
            found["intention"] = event.intention or found["intention"]
            found["pending"] = event.pending
        elif isinstance(event, OptedOut):
            found["opted_out"].append(event.purpose)
        elif event.kind == "flow_ended":
            found["ended"] = event.reason
    return found


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
