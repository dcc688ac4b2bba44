"""The conversation runner: it compares whole, names what differs, and takes nothing for granted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.conversations import Conversation, beside, coverage, load_conversations, run_conversation
from flows.findings import FlowError, FlowLoadError
from flows.flow import Flow

pytestmark = pytest.mark.unit

MakeFlow = Callable[..., Flow]
NODES = """
a:
  ask: {prompt: x.a, expect: yes_no}
  yes: b
  no: c
  no_input: c
  no_match: c
b: {play: x.b, disposition: done, next: c}
c: {hangup: }
"""


def problems(flow: Flow, says: list[dict[str, object]], **expect: object) -> list[str]:
    case = Conversation.model_validate(
        {"name": "case", "says": says, "expect": {"path": ["a", "b", "c"], **expect}}
    )
    return [str(problem) for problem in run_conversation(flow, case).problems]


def test_as_expected(make_flow: MakeFlow) -> None:
    assert problems(make_flow(NODES), [{"a": "yes"}], disposition="done", answers={"a": "yes"}) == []
    assert problems(make_flow(NODES), [{"a": {"keys": "1"}}], disposition="done", answers={"a": "yes"}) == []


def test_whatever_differs_is_named(make_flow: MakeFlow) -> None:
    assert problems(make_flow(NODES), [{"a": "no"}], disposition="done", answers={"a": "yes"}) == [
        'path: expected ["a", "b", "c"], got ["a", "c"]',
        'disposition: expected "done", got "incomplete"',
        'answers: expected {"a": "yes"}, got {"a": "no"}',
    ]


def test_what_isnt_expected_must_not_be_there(make_flow: MakeFlow) -> None:
    assert problems(make_flow(NODES), [{"a": "yes"}], answers={"a": "yes"}) == [
        'disposition: expected null, got "done"'
    ]
    assert problems(make_flow(NODES), [{"a": "yes"}], disposition="done") == [
        'answers: expected {}, got {"a": "yes"}'
    ]


def test_too_little_and_too_much_is_said(make_flow: MakeFlow) -> None:
    flow = make_flow(NODES)
    assert problems(flow, [])[0] == "the flow waits at a (ask), and nothing more is said"
    assert problems(flow, [{"b": "played"}])[0] == "the flow waits at a (ask), but what is said next is for b"
    more: list[dict[str, object]] = [{"a": "yes"}, {"a": "yes"}]
    assert problems(flow, more)[0] == "the conversation was over before it came to a"


@pytest.mark.parametrize(
    ("short", "sentence"),
    [
        ("perhaps",
         "perhaps means nothing at a; there can be hang_up, network, no_input, no_match, machine, agent, "
         "repeat, opt_out, complaint, yes, no"),
        ({"keys": "7"}, "key 7 means nothing at a"),
        ({"status": 200}, "{status} means nothing at a"),
    ],
)  # fmt: skip
def test_what_means_nothing(make_flow: MakeFlow, short: object, sentence: str) -> None:
    assert problems(make_flow(NODES), [{"a": short}])[0] == sentence


def test_coverage_names_what_nobody_took(make_flow: MakeFlow) -> None:
    flow = make_flow(NODES)
    case = Conversation.model_validate({"name": "x", "says": [{"a": "no"}], "expect": {"path": []}})
    found = coverage(flow, [run_conversation(flow, case)])
    assert (found.nodes, found.arms) == (3, 5)
    assert found.missed_nodes == ("b",)
    assert found.missed_arms == (("a", "yes"), ("a", "no_input"), ("a", "no_match"), ("b", "next"))


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(FlowError, match=r"there are no conversations: .*trial.conversations.yaml is missing"):
        load_conversations(beside(tmp_path / "trial.yaml"))


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("name: x\n",
         "1:1: error: conversations are a list, this is a mapping (fix: begin each with `- name: …`)"),
        ("[]\n", "1:1: error: cases is empty (fix: give it at least one element)"),
        ("- name: x\n  expects: {path: []}\n  expect: {path: []}\n",
         "2:3: error: unknown key expects (fix: did you mean expect?)"),
        ("- name: x\n  expect: {pth: []}\n", "2:12: error: unknown key pth (fix: did you mean path?)"),
        ("- name: x\n  says: [{a: x, b: y}]\n  expect: {path: []}\n",
         "2:9: error: each step of `says` is one node with what comes back there: `- consent: yes`"),
    ],
)  # fmt: skip
def test_malformed_conversations(tmp_path: Path, text: str, finding: str) -> None:
    path = tmp_path / "x.conversations.yaml"
    path.write_text(text)
    with pytest.raises(FlowLoadError) as caught:
        load_conversations(path)
    assert f"{path}:{finding}" in [str(found) for found in caught.value.findings]
