"""The linter, check by check: what it finds, and that it is quiet when the flow is mended."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from flows import library
from flows.checks import briefs, conduct, questions, saying, shape
from flows.flow import Flow
from flows.linter import lint, lint_file
from flows.loader import load
from prompts.catalogue import Catalogue

pytestmark = pytest.mark.unit

Codes = Callable[..., list[str]]
MakeFlow = Callable[..., Flow]

HELLO = 'a: {play: {say: "您好,{company}智能语音助手,本次通话会录音。"}, next: b}\n'
TOP = "constants: {company: {type: text, value: 晴川通信}}"
END = "z: {hangup: }"


def question(more: str = "", arms: str = "yes: y, no: z", expect: str = "yes_no") -> str:
    return (
        f"b: {{ask: {{prompt: {{say: 好吗}}, expect: {expect}, attempts: 2{more}}}, {arms},"
        " no_input: z, no_match: z}\n"
        "y: {play: {say: 好}, next: z}\n"
    )


PIN = (
    "b: {ask: {prompt: {say: 密码}, expect: digits, digits: {min: 4, max: 4, secret: true}, save_as: pin},"
    " next: c, no_input: z, no_match: z}\n"
)


@pytest.fixture
def found(codes: Codes) -> Codes:
    """Codes of a flow that greets properly and then has these nodes."""

    def find(nodes: str, **rest: str) -> list[str]:
        return codes(HELLO + nodes + END, **{"top": TOP, **rest})

    return find


def test_a_sound_flow_has_no_findings(found: Codes) -> None:
    assert found(question()) == []


@pytest.mark.parametrize("language", library.languages())
@pytest.mark.parametrize("name", library.names())
def test_the_shipped_flows_have_no_findings(name: str, language: str, book: Catalogue) -> None:
    assert [str(finding) for finding in lint_file(library.path(name, language), book)] == []


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        (question() + "x: {play: {say: 好}, next: z}\n", ["unreachable"]),
        ("b: {play: {say: 好}}\n", ["missing_arm", "unreachable"]),
        ("b: {sms: {prompt: low_balance.sms_sent}, sent: z}\n", ["missing_arm"]),
        # loops
        ("b: {play: {say: 好}, next: b}\n", ["unbounded_loop", "unreachable"]),
        ("b: {transfer: {queue: q}, unavailable: b}\n", ["long_call", "unbounded_loop", "unreachable"]),
        (question(arms="yes: b, no: z"), ["unreachable"]),  # the question gives up after its visits
        (question().replace("no_match: z", "no_match: b"), ["unbounded_loop"]),
        (question().replace("no_input: z", "no_input: b"), ["silence_goes_round"]),
        (
            "b: {set: {n: {cel: 'n == null ? 1 : n + 1'}}, next: c}\n"
            "c: {switch: [{when: n < 3, next: b}], else: z}\n",
            [],  # a counter that the switch looks at
        ),
        ("b: {switch: [{when: tail == '1', next: b}], else: z}\n", ["unbounded_loop"]),
        # questions
        (question(", consent: true", arms="yes: y, no: y"), ["consent_no_refusal"]),
        (question(", consent: true, keys: {'1': 'yes'}"), ["consent_no_refusal", "no_key"]),
        (question(", consent: true").replace("no_input: z", "no_input: y"), ["consent_by_silence"]),
        (question(", consent: true", arms="next: z", expect="rating"), ["unreachable", "consent_type"]),
        (question(", speech: false, keys: {'1': 'yes'}"), ["no_key"]),
        (question(", keys: {'1': 'yes', '9': 'no'}"), ["key_used_twice"]),
        (question(", choices: {x: [一, 二], y: [二]}", arms="next: y", expect="choice"), ["phrase_twice"]),
        (PIN + "c: {call_api: {url: 'https://x.example/', send: {pin: pin}, save: {ok: ok}}, ok: d, error: d,"
         " offline: d}\nd: {switch: [{when: ok == 'yes', next: y}], else: z}\ny: {set: {x: {cel: \"'a' + pin\"}},"
         " next: z}\n", []),
        (PIN + "c: {set: {x: {cel: int(pin) + 1}}, next: z}\n", ["computed_secret"]),
        (PIN + "c: {set: {x: {cel: \"'a' + pin\"}}, next: d}\n"
         "d: {switch: [{when: x == 'a1234', next: y}], else: z}\n"
         "y: {play: {say: 好}, next: z}\n", ["computed_secret"]),
        (question(", retention: true", arms="yes: b, no: z"), ["second_retention", "unreachable"]),
        # saying
        ("b: {play: low_balance.nothing, next: z}\n", ["missing_prompt"]),
        ("b: {play: {say: '{tail'}, next: z}\n", ["bad_template"]),
        ("b: {play: low_balance.reminder, next: z}\n", ["unknown_variable", "unknown_variable"]),
        (question() + "", []),
        ("b: {switch: [{when: tail == '1', next: c}], else: d}\nc: {set: {x: 1}, next: d}\n"
         "d: {play: {say: '{x}'}, next: z}\n", ["unset_variable"]),
        ("b: {set: {x: 1}, next: d}\nd: {play: {say: '{x}'}, next: z}\n", []),
        (question(", save_as: x", arms="yes: c, no: z")
         + "c: {ask: {prompt: {say: 几分}, expect: rating, save_as: x}, next: y, no_input: z, no_match: z}\n",
         ["two_types"]),
        # briefs
        ("b: {play: {say: '{answers}'}, next: z}\n", ["only_in_briefs"]),
        (question(", save_as: answers"), ["reserved_name"]),
        ("b: {play: {say: 好}, next: answers}\n" + question().replace("b:", "answers:", 1), ["reserved_name"]),
        ("b: {set: {answers: x}, next: z}\n", ["reserved_name"]),
        ("b: {set: {summary: x}, next: c}\nc: {play: {say: '{summary}'}, next: z}\n", []),
        ("b: {transfer: {queue: q, brief: {say: '{tail}。{answers}'}}, unavailable: z}\n", []),
        ("b: {transfer: {queue: q, brief: {say: '{nam}'}}, unavailable: z}\n", ["unknown_variable"]),
        (PIN + "c: {transfer: {queue: q, brief: {say: '{pin}'}}, unavailable: z}\n", ["secret_in_brief"]),
        (PIN + "c: {set: {x: {cel: \"'a' + pin\"}}, next: y}\n"
         "y: {transfer: {queue: q, brief: {say: '{x}'}}, unavailable: z}\n", ["secret_in_brief"]),
    ],
)  # fmt: skip
def test_findings(found: Codes, nodes: str, expected: list[str]) -> None:
    assert sorted(found(nodes)) == sorted(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("您好,{company}智能语音助手,本次通话会录音。", []),
        ("您好,智能语音助手,本次通话会录音。", ["opening_who"]),
        ("您好,{company}提醒您,本次通话会录音。", ["opening_machine"]),
        ("您好,{company}智能语音助手。", ["opening_recorded"]),
        ("您好。", ["opening_machine", "opening_recorded", "opening_who"]),
        ("您好,晴川通信智能语音助手,本次通话会录音。", []),  # the constant's value, spelt out
    ],
)
def test_the_first_sentence(codes: Codes, text: str, expected: list[str]) -> None:
    assert codes(f'a: {{play: {{say: "{text}"}}, next: z}}\n{END}', top=TOP) == expected


def test_the_first_sentence_may_come_after_silent_nodes(codes: Codes) -> None:
    nodes = (
        "a: {switch: [{when: tail == '1', next: b}], else: c}\nb: {play: {say: 您好}, next: c}\n"
        + HELLO.replace("a:", "c:", 1).replace("next: b", "next: z")
    )
    assert codes(nodes + END, top=TOP) == ["opening_machine", "opening_recorded", "opening_who"]


def test_the_longest_call(found: Codes, make_flow: MakeFlow, book: Catalogue) -> None:
    slow = question(", no_input_s: 20").replace("attempts: 2", "attempts: 3")
    assert found(slow, top=TOP + "\nlimits: {call_s: 30}") == ["long_call"]
    assert found(slow, top=TOP + "\nlimits: {call_s: 120}") == []
    (finding,) = lint(make_flow(HELLO + slow + END, top=TOP + "\nlimits: {call_s: 30}"), book)
    assert 70 < float(str(finding.params["seconds"])) < 90
    assert finding.params["way"] == "a → b → y → z"


def test_a_loop_counts_as_often_as_it_can_be_walked(make_flow: MakeFlow, book: Catalogue) -> None:
    def seconds(visits: int) -> float:
        nodes = HELLO + question(f", visits: {visits}", arms="yes: b, no: y") + END
        findings = lint(make_flow(nodes, top=TOP + "\nlimits: {call_s: 10}"), book)
        return next(float(str(f.params["seconds"])) for f in findings if f.code == "long_call")

    assert seconds(6) - seconds(3) == pytest.approx(seconds(9) - seconds(6), abs=2)
    assert seconds(6) - seconds(3) > 20


MARKETING = "b: {sms: {prompt: low_balance.sms_sent}, sent: z, failed: z}\n"


def test_marketing_leaves_no_voicemail(found: Codes) -> None:
    nodes = "b: {play: {say: 好}, next: z}\nm: {message: {prompt: {say: 喂}}, next: z}\n"
    assert found(nodes, top=TOP + "\non_machine: m", purpose="marketing") == ["marketing_voicemail"]
    assert found(nodes, top=TOP + "\non_machine: m") == []


def test_a_spoken_yes_is_not_an_order(found: Codes) -> None:
    nodes = "b: {play: {say: 好}, intention: success, next: z}\n"
    assert found(nodes, purpose="marketing") == ["marketing_order"]
    assert found(nodes.replace("success", "success, pending: true"), purpose="marketing") == []
    assert found(nodes) == []


def test_no_message_without_being_asked(found: Codes) -> None:
    nodes = "b: {sms: {prompt: low_balance.sms_sent}, sent: z, failed: z}\n"
    assert found(nodes, purpose="marketing") == ["sms_without_consent"]
    assert found(nodes) == []


def test_no_retention_after_a_hard_refusal(found: Codes) -> None:
    nodes = question(", retention: true") + "o: {opt_out: this, next: b}\n"
    assert "retention_after_refusal" in found(nodes.replace("next: z}", "next: z}", 1), top=TOP + "\non_agent: o")
    assert "retention_after_refusal" in found(question(", retention: true"), top=TOP + "\non_complaint: b")
    assert found(question(", retention: true")) == []


def test_a_voicemail_names_no_amount(found: Codes) -> None:
    nodes = "b: {play: {say: '{balance}'}, next: z}\nm: {message: {prompt: {say: '{balance}'}}, next: z}\n"
    assert found(nodes, top=TOP + "\nneeds: {balance: money}\non_machine: m") == ["voicemail_amount"]


def test_a_column_that_nobody_uses(found: Codes) -> None:
    assert found(question(), top=TOP + "\nneeds: {balance: money}") == ["unused_need"]


def test_what_the_list_lacks(book: Catalogue) -> None:
    flow = load(library.path("low_balance_reminder", "zh-CN"))
    findings = lint(flow, book, columns={"balance"})
    assert [(finding.code, finding.params["name"]) for finding in findings] == [("list_lacks", "pay_by")]


def test_a_subflow_needs_what_it_needs(tmp_path: Path) -> None:
    head = "schema: 1\nflow: {}\nlanguage: en\npurpose: service\nneeds: {}\nstart: a\nnodes:\n"
    outer, inner = tmp_path / "outer.yaml", tmp_path / "inner.yaml"
    inner.write_text(head.format("inner", "{order: text}") + "  a: {return: }\n")
    nodes = "  a: {subflow: {flow: inner}, next: b}\n  b: {hangup: }\n"
    outer.write_text(head.format("outer", "{}") + nodes)
    assert [finding.code for finding in lint_file(outer)] == ["subflow_needs"]
    outer.write_text(head.format("outer", "{order: text}") + nodes)
    assert lint_file(outer) == ()


def test_without_a_book_prompts_are_not_looked_at(make_flow: MakeFlow) -> None:
    flow = make_flow("a: {play: no.such_prompt, next: z}\n" + END)
    assert lint(flow) == ()


def test_a_language_without_prompts_is_one_error(book: Catalogue) -> None:
    path = Path(__file__).parent / "malformed" / "language_without_prompts.yaml"
    assert [finding.code for finding in lint_file(path, book)] == ["no_language"]


@pytest.mark.parametrize("module", [briefs, conduct, questions, saying, shape])
def test_every_code_is_tested(module: ModuleType) -> None:
    """A check can't land untested: its codes stand in this file."""
    tests = Path(__file__).read_text(encoding="utf-8")
    codes = re.findall(r'(?:error|warning|make)\(\s*"([a-z_]+)"', inspect.getsource(module))
    assert codes
    assert [code for code in codes if f'"{code}"' not in tests] == []
