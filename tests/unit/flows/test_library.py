"""The shipped flows: their conversations, every arm taken, and the promises of the spoken texts."""

from __future__ import annotations

import pytest

from flows import library
from flows.conversations import Conversation, Outcome, beside, coverage, load_conversations, run_conversation
from flows.events import NodeEntered, OptedOut
from flows.flow import Flow
from flows.interpreter import Sprint, resume, start
from flows.loader import load
from flows.results import CallbackBooked, CallEnded, Command, Input, Played, Result, SmsQueued, TransferEnded
from flows.values import CommandName, Modality, Scalar
from flows.waits import AskWait, PlayWait

pytestmark = pytest.mark.unit

FLOWS = [(name, language) for name in library.names() for language in library.languages()]
CONTACT: dict[str, Scalar] = {
    "phone": "+8613800008866",
    "balance": 5.2,
    "pay_by": "2026-11-25",
    "service_date": "2026-11-20",
    "service_name": "宽带移机",
}


QUIET: dict[str, Result] = {
    "sms": SmsQueued(),
    "transfer": TransferEnded(status="no_agent"),
    "callback": CallbackBooked(),
}


def _cases() -> list[tuple[str, str, Conversation]]:
    return [
        (name, language, case)
        for name, language in FLOWS
        for case in load_conversations(beside(library.path(name, language)))
    ]


@pytest.mark.parametrize(
    ("name", "language", "case"),
    _cases(),
    ids=lambda value: value.name if isinstance(value, Conversation) else value,
)
def test_golden_conversations(name: str, language: str, case: Conversation) -> None:
    assert [str(p) for p in run_conversation(load(library.path(name, language)), case).problems] == []


@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_every_arm_is_taken_by_some_conversation(name: str, language: str) -> None:
    flow = load(library.path(name, language))
    outcomes: list[Outcome] = [
        run_conversation(flow, case) for case in load_conversations(beside(library.path(name, language)))
    ]
    found = coverage(flow, outcomes)
    assert (found.missed_nodes, found.missed_arms) == ((), ())


@pytest.mark.parametrize("name", library.names())
def test_the_languages_have_the_same_shape(name: str) -> None:
    shapes = [
        {node: (type(body), body.arms()) for node, body in load(library.path(name, language)).spec.nodes.items()}
        for language in library.languages()
    ]
    assert shapes[0] == shapes[1]


def _questions(flow: Flow) -> list[Sprint]:
    """Every prompt and question that can be come to by the first answers: a wide walk, each node once."""
    first = start(flow, CONTACT)
    found: dict[str, Sprint] = {}
    open_sprints = [first]
    while open_sprints:
        sprint = open_sprints.pop()
        if sprint.wait is None or sprint.wait.node in found:
            continue
        if not isinstance(sprint.wait, (PlayWait, AskWait)):
            quiet = QUIET.get(sprint.wait.kind)
            open_sprints += [resume(flow, sprint.session, quiet)] if quiet else []
            continue
        found[sprint.wait.node] = sprint
        if isinstance(sprint.wait, PlayWait):
            open_sprints.append(resume(flow, sprint.session, Played()))
            continue
        for value in sprint.wait.keys.values():
            answer = Input(value=value, modality=Modality.KEYS)
            open_sprints.append(resume(flow, sprint.session, answer))
    return list(found.values())


@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_opting_out_works_at_every_prompt_and_question(name: str, language: str) -> None:
    flow = load(library.path(name, language))
    sprints = _questions(flow)
    assert len(sprints) > 5
    for sprint in sprints:
        after = resume(flow, sprint.session, Command(name=CommandName.OPT_OUT, modality=Modality.SPEECH))
        assert any(isinstance(event, OptedOut) for event in after.events)
        assert isinstance(sprint.wait, (PlayWait, AskWait))
        assert CommandName.OPT_OUT in sprint.wait.commands
        if not (isinstance(sprint.wait, AskWait) and sprint.wait.expect.type == "digits"):
            assert sprint.wait.command_keys["9"] is CommandName.OPT_OUT


@pytest.mark.parametrize(("name", "language"), FLOWS)
def test_hanging_up_works_in_every_node(name: str, language: str) -> None:
    flow = load(library.path(name, language))
    for sprint in _questions(flow):
        after = resume(flow, sprint.session, CallEnded(by="callee"))
        assert after.wait is None
        assert after.session.disposition is not None


@pytest.mark.parametrize("language", library.languages())
def test_no_retention_turn_after_a_hard_refusal_or_a_complaint(language: str) -> None:
    flow = load(library.path("marketing_offer", language))
    for sprint in _questions(flow):
        for name in (CommandName.OPT_OUT, CommandName.COMPLAINT):
            after = resume(flow, sprint.session, Command(name=name, modality=Modality.SPEECH))
            nodes = [event.node for event in after.events if isinstance(event, NodeEntered)]
            assert not {"retain", "retain_ask"} & set(nodes)
            assert after.session.stack in ((), ("common.transfer",))


@pytest.mark.parametrize("language", library.languages())
def test_marketing_leaves_no_voicemail(language: str) -> None:
    spec = load(library.path("marketing_offer", language)).spec
    assert spec.on_machine is None
    assert [name for name, node in spec.nodes.items() if node.kind == "message"] == []
