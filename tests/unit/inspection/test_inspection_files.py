"""Cards and plans: what is shipped, and what is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.findings import FlowLoadError
from ivr.inspection.files import SHIPPED, lint, load, loads, shipped_cards, shipped_plan
from ivr.inspection.schema import PlanSpec

pytestmark = pytest.mark.unit

PLAN = "schema: 1\nplan: hall\ncards: {agent: a, bot: b}\n"
CARD = "schema: 1\ncard: c\ngrades: {excellent: 95, good: 85, pass: 70}\n"


def faults(text: str) -> list[str]:
    with pytest.raises(FlowLoadError) as caught:
        loads(text.encode(), "f.yaml")
    return [str(finding) for finding in caught.value.findings]


def test_what_is_shipped_is_without_fault_and_knows_its_cards() -> None:
    for path in (SHIPPED / "plan.yaml", *sorted((SHIPPED / "cards").glob("*.yaml"))):
        assert lint(load(path), str(path)) == ()
    assert {shipped_plan().cards.agent, shipped_plan().cards.bot} == shipped_cards().keys()


def test_a_plan_survives_being_stored() -> None:
    plan = shipped_plan()
    assert PlanSpec.model_validate_json(plan.model_dump_json(by_alias=True)) == plan


@pytest.mark.parametrize(
    ("text", "paces"),
    [
        ("", {"zh-CN": (180, 330), "en": (180, 350), "ko": (200, 400)}),
        ("{least: 150, most: 300}", {"zh-CN": (150, 300), "en": (150, 300), "ko": (150, 300)}),  # for all
        ("{zh-CN: {most: 300}}", {"zh-CN": (180, 300), "en": (180, 350), "ko": (200, 400)}),
    ],
)
def test_paces_are_said_for_all_languages_or_for_some(text: str, paces: dict[str, tuple[float, float]]) -> None:
    plan = loads(f"{PLAN}signals: {{syllables_per_minute: {text}}}".encode() if text else PLAN.encode(), "f.yaml")
    assert isinstance(plan, PlanSpec)
    found = plan.signals.syllables_per_minute
    assert {language: (pace.least, pace.most) for language, pace in found.items()} == paces
    assert PlanSpec.model_validate_json(plan.model_dump_json(by_alias=True)) == plan


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- a", "f.yaml:1:1: error: a sampling plan is a mapping, this is a list"),
        ("card：a", "f.yaml:1:1: error: a sampling plan is a mapping, this is text"),
        (f"{PLAN}dayly: {{agent: 2}}", "f.yaml:4:1: error: unknown key dayly (fix: did you mean daily?)"),
        (f"{PLAN}daily: {{agents: 2}}", "f.yaml:4:9: error: unknown key agents (fix: did you mean agent?)"),
        (f"{PLAN}daily: {{agent: -1}}", "f.yaml:4:16: error: agent is -1; the least is 0"),
        (f"{PLAN}timezone: X/Y", "f.yaml:4:11: error: X/Y is no time zone; write one like Asia/Shanghai"),
        (
            f"{PLAN}signals: {{syllables_per_minute: {{fr: {{least: 100}}}}}}",
            "f.yaml:4:33: error: write two figures for all languages, or by language,"
            " such as {zh-CN: {least: 180, most: 330}}",
        ),
        (
            f"{PLAN}signals: {{syllables_per_minute: {{en: {{least: 400}}}}}}",
            "f.yaml:4:38: error: least must be below most, as in 180 and 330",
        ),
        (
            f"{PLAN}risk: {{weights: {{silence: 1}}}}",
            "f.yaml:4:27: error: silence is no signal; there are complaint, short_call, dead_air, talk_over,"
            " fast_speech, slow_speech, missing_step",
        ),
        (
            f"{PLAN}risk: {{daily: {{agent: 1}}}}",
            "f.yaml:4:15: error: nothing has a weight: the lottery is empty"
            " (fix: write `weights`, such as {dead_air: 3})",
        ),
        (
            f"{PLAN}risk: {{always: [missing_step]}}",
            "f.yaml:4:16: error: no step can be missing: there is no script"
            " (fix: write `script`, or remove missing_step)",
        ),
        (
            f"{PLAN}script: [{{flow: f, nodes: [a, [b, c], '']}}]",
            "f.yaml:4:39: error: nodes is empty (fix: write a text, or remove it)",
        ),
        (
            "schema: 1\ncard: c\ngrades: {excellent: 60, good: 85, pass: 70}\nsections: {}",
            "f.yaml:3:9: error: excellent, good and pass must fall, as in 95, 85, 70",
        ),
        (
            f"{CARD}sections: {{s: {{title: {{zh: x}}, weight: 1, items: {{i: {{title: x, points: 1}}}}}}}}",
            "f.yaml:4:23: error: a title is a text, or texts by language, such as {zh-CN: 问候, en: Greeting}",
        ),
        (
            f"{CARD}sections: {{s: {{title: x, weight: 1, items: {{i: {{title: x, points: 0}}}}}}}}",
            "f.yaml:4:67: error: points is 0; the least is 1",
        ),
        (
            f"{CARD}sections: {{s: {{title: x, weight: 1, items: {{i: {{title: x, points: 1}}}}}}}}\n"
            "instant_fail: {i: {title: x}}",
            "f.yaml:5:19: error: i stands in s already (fix: give it another name)",
        ),
    ],
)
def test_faults_have_their_place(text: str, fault: str) -> None:
    assert any(one.startswith(fault) for one in faults(text)), faults(text)


def test_what_is_allowed_and_unwise_is_said(tmp_path: Path) -> None:
    plan, card = tmp_path / "p.yaml", tmp_path / "c.yaml"
    plan.write_text(f"{PLAN}daily: {{bot: 1}}")
    card.write_text(f"{CARD}sections: {{s: {{title: x, weight: 1, items: {{i: {{title: x, points: 1}}}}}}}}")
    assert [finding.code for path in (plan, card) for finding in lint(load(path), str(path))] == [
        "daily",
        "instant_fail",
    ]
