"""Policies as users meet them: a rehearsal by one, the story of a number, a forecast, registering and refusing."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows import library
from tests.command_rig import forked

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

FLOW = library.path("marketing_offer", "zh-CN")
POLICY = """
schema: 1
policy: offer
attributes: {tariff: text}
consent: [marketing]
exclude: {special: {when: tariff == "special"}}
engagements: {per_month: 1}
"""
PHONES = [f"+86138000000{number:02}" for number in range(1, 5)]


@dataclass
class Ivr:
    """Runs the program in a folder of its own."""

    folder: Path

    def __call__(self, *arguments: str, language: str = "en", code: int = 0) -> str:
        ours = {"PATH": "/usr/bin:/bin", "IVR_LANG": language}
        done = forked.run(*arguments, cwd=self.folder, environment=ours, timeout_s=150)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def rehearse(self, name: str, told: str) -> list[str]:
        """The numbers that were called, in the order of the list."""
        out = f"{name}.json"
        files = (
            "--flow",
            str(FLOW),
            "--contacts",
            "list.csv",
            "--callees",
            "callees.yaml",
            "--policy",
            "offer.yaml",
        )
        kept = ("--recognizer", "none", "--db", "run.db", "--name", name, "--json", out)
        assert told in self("rehearse", *files, *kept)
        attempts = json.loads((self.folder / out).read_text(encoding="utf-8"))["attempts"]
        return sorted({attempt["phone"] for attempt in attempts})


@pytest.fixture
def ivr(tmp_path: Path) -> Ivr:
    with (tmp_path / "list.csv").open("w", encoding="utf-8", newline="") as file:
        tariffs = ["", "special", "plain", "plain"]
        csv.writer(file).writerows([["phone", "tariff"], *zip(PHONES, tariffs, strict=True)])
    (tmp_path / "agreed.csv").write_text("\n".join(["phone", *PHONES[:3]]), encoding="utf-8")
    (tmp_path / "offer.yaml").write_text(POLICY, encoding="utf-8")
    refusing = {"pickup": "reject", "ring_s": 2}
    (tmp_path / "callees.yaml").write_text(json.dumps({"defaults": refusing}), encoding="utf-8")
    return Ivr(tmp_path)


def test_a_policy_from_its_check_to_the_story_of_a_number(ivr: Ivr) -> None:
    assert "errors: 0" in ivr("policy", "check", "offer.yaml")
    given = (
        "--purpose",
        "marketing",
        "--source",
        "shop",
        "--given",
        "2025-12-01",
    )  # rehearsals are in January 2026
    told = ivr("policy", "consents", "agreed.csv", *given, "--db", "run.db")
    assert "Numbers registered: 3" in told
    files = ("--policy", "offer.yaml", "--contacts", "list.csv", "--flow", str(FLOW))
    forecast = ivr("policy", "explain", *files, "--db", "run.db")
    assert "2 of 4 contacts may be called now." in forecast

    assert ivr.rehearse("first", "keeps 2 of 4 contacts from being called") == [PHONES[0], PHONES[2]]
    assert "0 of 2 contacts" in ivr("policy", "explain", "first", "--db", "run.db")

    story = ivr("why", "13800000002", "--db", "run.db")
    assert "is not to be called: the policy's exclusion special holds for it (when the list was taken in)" in story
    assert "consent to marketing, from shop" in story
    assert not any(phone in story for phone in PHONES if phone != PHONES[1])
    assert "没有登记现在有效的 marketing 同意" in ivr("why", PHONES[3], "--db", "run.db", language="zh-CN")

    ivr("policy", "withdraw", PHONES[0], "--purpose", "marketing", "--db", "run.db")
    ivr("policy", "opt-outs", "agreed.csv", "--purpose", "all", "--source", "12321", "--db", "run.db")
    assert ivr.rehearse("second", "keeps 4 of 4 contacts from being called") == []
    assert "do not disturb for every purpose, for good, from 12321" in ivr("why", PHONES[2], "--db", "run.db")


def test_faults_are_told_with_their_place(ivr: Ivr) -> None:
    (ivr.folder / "offer.yaml").write_text(POLICY.replace("per_month: 1", "per_month: 0"), encoding="utf-8")
    told = ivr("policy", "check", "offer.yaml", code=2)
    assert "offer.yaml:7:26: error: per_month is 0; the least is 1" in told
    files = ("--policy", "offer.yaml", "--contacts", "list.csv", "--flow", str(FLOW))
    assert "offer.yaml:7:26" in ivr("policy", "explain", *files, code=2)
    assert "Give either a campaign" in ivr("policy", "explain", "--policy", "offer.yaml", code=2)
    assert "no phone" in ivr("why", "12", code=2) or "number" in ivr("why", "12", code=2)
