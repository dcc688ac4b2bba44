"""Whatever callers do, in any order, on any shipped flow: it ends, it survives JSON, and opting out wins."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flows import library
from flows.events import DispositionSet, FlowEnded, FlowFailed, NodeEntered, OptedOut
from flows.flow import Flow
from flows.interpreter import MAX_REPEATS, Session, Sprint, resume, start
from flows.loader import load
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
    TransferEnded,
    TransferStatus,
)
from flows.values import CommandName, Modality, Scalar
from flows.waits import AskWait, Wait

pytestmark = pytest.mark.unit

FLOWS = {
    (name, language): load(library.path(name, language))
    for name in library.names()
    for language in library.languages()
}
CONTACT: dict[str, Scalar] = {
    "phone": "+8613800008866",
    "balance": 5.2,
    "pay_by": "2026-11-25",
    "service_date": "2026-11-20",
    "service_name": "宽带移机",
}
STATUSES = get_args(TransferStatus)


def results(wait: Wait) -> list[Result]:
    """Everything that may come back at a wait, besides the end of the call."""
    commands: list[Result] = [Command(name=name, modality=Modality.SPEECH) for name in CommandName]
    if isinstance(wait, AskWait):
        values = sorted(set(wait.keys.values())) or ["0" * wait.expect.min_digits, "9" * wait.expect.max_digits]
        answers: list[Result] = [Input(value=value, modality=Modality.KEYS) for value in values]
        return [*answers, NoInput(), NoMatch(), MachineDetected(), *commands]
    by_kind: dict[str, list[Result]] = {
        "play": [Played(), Played(interrupted=True), MachineDetected(), *commands],
        "message": [Played()],
        "transfer": [TransferEnded.model_validate({"status": status, "agent": "7"}) for status in STATUSES],
        "callback": [CallbackBooked(), CallbackBooked(ok=False), CallbackBooked(at="soon")],
        "sms": [SmsQueued(), SmsQueued(ok=False)],
        "call_api": [ApiReplied(status=200), ApiReplied(status=500), ApiReplied(status=None)],
        "hangup": [CallEnded(by="us")],
    }
    return by_kind[wait.kind]


def step(flow: Flow, sprint: Sprint, result: Result) -> Sprint:
    text = sprint.session.model_dump_json()
    session = Session.model_validate_json(text)
    assert session.model_dump_json() == text
    assert Sprint.model_validate_json(sprint.model_dump_json()) == sprint
    return resume(flow, session, result)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_conversation_ends_within_the_limits(data: st.DataObject) -> None:
    flow = FLOWS[data.draw(st.sampled_from(sorted(FLOWS)))]
    sprint = start(flow, CONTACT)
    events = list(sprint.events)
    # Each step costs at most its attempts and its repeats; the longest are questions with three attempts.
    most = flow.spec.limits.steps * (3 + (MAX_REPEATS + 1) * 3)
    taken = 0
    while sprint.wait is not None:
        taken += 1
        assert taken <= most
        sprint = step(flow, sprint, data.draw(st.sampled_from(results(sprint.wait))))
        events += sprint.events
    assert isinstance(events[-1], FlowEnded)
    assert sum(isinstance(event, NodeEntered) for event in events) <= flow.spec.limits.steps
    assert not any(isinstance(event, FlowFailed) and "limit" not in event.reason for event in events)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_opting_out_wins_over_everything_later(data: st.DataObject) -> None:
    flow = FLOWS[data.draw(st.sampled_from(sorted(FLOWS)))]
    sprint = start(flow, CONTACT)
    for _ in range(data.draw(st.integers(0, 15))):
        if sprint.wait is None or sprint.wait.kind == "hangup":
            return
        sprint = step(flow, sprint, data.draw(st.sampled_from(results(sprint.wait))))
    if sprint.wait is None or sprint.wait.kind not in ("play", "ask"):
        return
    sprint = step(flow, sprint, Command(name=CommandName.OPT_OUT, modality=Modality.SPEECH))
    assert any(isinstance(event, OptedOut) and event.purpose == flow.purpose for event in sprint.events)
    failed = any(isinstance(event, FlowFailed) for event in sprint.events)
    while sprint.wait is not None:
        sprint = step(flow, sprint, data.draw(st.sampled_from(results(sprint.wait))))
        later = [event for event in sprint.events if isinstance(event, DispositionSet)]
        assert all(event.disposition == "opted_out" for event in later)
    assert failed or sprint.session.disposition == "opted_out"


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_the_end_of_the_call_is_taken_at_every_wait(data: st.DataObject) -> None:
    flow = FLOWS[data.draw(st.sampled_from(sorted(FLOWS)))]
    sprint = start(flow, CONTACT)
    for _ in range(data.draw(st.integers(0, 30))):
        if sprint.wait is None:
            return
        sprint = step(flow, sprint, data.draw(st.sampled_from(results(sprint.wait))))
    if sprint.wait is not None:
        sprint = step(flow, sprint, CallEnded(by="callee"))
        assert sprint.wait is None
        assert isinstance(sprint.events[-1], FlowEnded)
        assert sprint.session.disposition is not None
