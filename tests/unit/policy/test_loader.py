"""Policy files: what is read, what is refused with its place, and what is unwise."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.findings import FlowLoadError
from ivr.policy.loader import DEFAULT_PATH, default_policy, lint, load, load_document, loads

pytestmark = pytest.mark.unit

HEAD = "schema: 1\npolicy: test\n"


def faults(text: str) -> list[str]:
    with pytest.raises(FlowLoadError) as caught:
        loads(text.encode(), "p.yaml")
    return [str(finding) for finding in caught.value.findings]


def test_the_shipped_policy_is_without_fault() -> None:
    assert lint(default_policy(), str(DEFAULT_PATH)) == ()


def test_a_policy_survives_being_stored_and_is_named_by_its_content() -> None:
    policy = default_policy()
    again = load_document(policy.document)
    assert again.version == policy.version
    assert again.windows == policy.windows
    assert loads(f"{HEAD}attempts: 2".encode()).version == loads(f"# x\n{HEAD}attempts:   2".encode()).version
    assert loads(f"{HEAD}attempts: 3".encode()).version != loads(f"{HEAD}attempts: 2".encode()).version


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "- a",
            "p.yaml:1:1: error: a policy is a mapping, this is a list (fix: copy the shipped one and change it)",
        ),
        ("policy: x", "p.yaml:1:1: error: schema is missing (fix: add `schema: …`)"),
        ("schema: 2\npolicy: x", "p.yaml:1:9: error: schema 2 is not known here (fix: write `schema: 1`)"),
        (
            f"{HEAD}limit: {{per_day: 3}}",
            "p.yaml:3:1: error: unknown key limit (fix: did you mean limits?)",
        ),
        (
            f"{HEAD}limits: {{per_dya: 3}}",
            "p.yaml:3:10: error: unknown key per_dya (fix: did you mean per_day?)",
        ),
        (f"{HEAD}attempts: 0", "p.yaml:3:11: error: attempts is 0; the least is 1"),
        (
            f"{HEAD}consent: [market]",
            "p.yaml:3:11: error: consent can be service, marketing, survey, care, not market"
            " (fix: did you mean marketing?)",
        ),
        (
            f"{HEAD}timezone: Mars/North",
            "p.yaml:3:11: error: Mars/North is no time zone; write one like Asia/Shanghai",
        ),
        (
            f"{HEAD}windows:\n  - times: [21:00-08:00]",
            "p.yaml:4:13: error: 21:00-08:00 is no span of a day; write one like 09:00-12:00, from early to late",
        ),
        (
            f"{HEAD}windows:\n  - purposes: [service]\n    times: [08:00-21:00]",
            "p.yaml:1:1: error: windows names no times for marketing, survey, care; add them",
        ),
        (
            f"{HEAD}holidays: XX",
            "p.yaml:3:11: error: there is no calendar of holidays for XX"
            " (fix: write the two letters of a country, such as CN)",
        ),
        (
            f"{HEAD}attributes: {{exempt: boolean}}\nexclude: {{e: {{when: exmpt}}}}",
            "p.yaml:4:21: error: nothing is called exmpt here (fix: did you mean exempt?)",
        ),
        (
            f"{HEAD}attributes: {{balance: money}}\nexclude: {{e: {{when: balance + 1.0}}}}",
            "p.yaml:4:21: error: balance + 1.0 is neither true nor false"
            " (fix: compare it with something, such as `balance > 50.0`)",
        ),
        (
            f"{HEAD}attributes: {{balance: money}}\nexclude: {{e: {{when: balance > 'x'}}}}",
            "p.yaml:4:21: error: balance > 'x' mixes values of different types",
        ),
        (
            f"{HEAD}exclude: {{e: {{when: 1 = 1}}}}",
            "p.yaml:3:21: error: 1 = 1 has a single =; write == to compare",
        ),
        (f"{HEAD}attempts：2", "p.yaml:3:9: error: the full-width character ： stands where YAML wants :"),
    ],
)
def test_faults_have_a_place_and_a_mend(text: str, fault: str) -> None:
    (found,) = faults(text)
    assert found.startswith(fault)


def test_several_faults_come_at_once() -> None:
    assert len(faults(f"{HEAD}attempts: 0\nconsent: [x]\nlimits: {{a: 1}}")) == 3


def test_what_is_unwise_is_said(tmp_path: Path) -> None:
    file = tmp_path / "p.yaml"
    file.write_text(f"{HEAD}attempts: 1\n")
    found = [str(finding) for finding in lint(load(file), str(file))]
    assert [text.split("warning: ")[1].split(" (")[0] for text in found] == [
        "marketing calls need no consent by this policy",
        "a number that isn't reached gets no second call",
        "calls may begin at any hour of any day",
        "nothing limits how often a number is called",
    ]
    assert found[1].startswith(f"{file}:3:11: ")
