"""`ivr rehearse`: its files, its messages, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr.results import Results

pytestmark = pytest.mark.acceptance

FLOW = "low_balance_reminder"
KEYS = [{"on": "consent", "keys": "1"}, {"on": "rating", "keys": "5"}]


def test_results_report_and_recordings_are_written(command: Any) -> None:
    command.write(FLOW, [{"does": KEYS}, {"pickup": "busy"}])
    more = (
        "--recognizer",
        "none",
        "--no-retries",
        "--record",
        "rec",
        "--html",
        "report.html",
        "--xlsx",
        "report.xlsx",
    )
    run = command.rehearse(FLOW, *more)
    assert run.returncode == 0, run.stderr
    results = Results.model_validate(command.results())
    assert results.summary.contacts == 2
    assert results.summary.outcomes == {"answered": 1, "busy": 1}
    recorded = [attempt.recording for attempt in results.attempts if attempt.recording]
    assert [(command.folder / "rec" / name).stat().st_size > 100_000 for name in recorded] == [True]
    assert "<html" in (command.folder / "report.html").read_text(encoding="utf-8")
    assert (command.folder / "report.xlsx").read_bytes().startswith(b"PK")
    assert "13800000001" not in run.stdout  # people who look over a shoulder see the number's end alone
    assert "+86****0001" in run.stdout


def test_the_same_seed_gives_the_same_bytes_heard_by_a_real_recogniser(command: Any, say: Any) -> None:
    speech = [{"on": "consent", "say": say("zh", "需要")}, {"on": "rating", "say": say("zh", "五分")}]
    command.write(FLOW, [{"does": speech}, {"pickup": ["busy", "answer"], "does": KEYS}, {}])
    written: list[bytes] = []
    for _ in range(2):
        assert command.rehearse(FLOW, "--seed", "7").returncode == 0
        written.append((command.folder / "out.json").read_bytes())
    assert written[0] == written[1]


def test_a_step_on_a_node_of_another_flow_is_warned_of_and_the_run_goes_on(command: Any) -> None:
    command.write(FLOW, [{"does": [{"on": "nowhere", "keys": "1"}, *KEYS]}])
    run = command.rehearse(FLOW, "--recognizer", "none")
    assert run.returncode == 0, run.stderr
    assert "warning: callees.yaml:" in run.stdout
    assert "the flow has no node nowhere (fix: one of " in run.stdout
    assert command.results()["attempts"][0]["answers"]["consent"]["value"] == "yes"


def test_a_run_that_was_kept_is_only_shown_again(command: Any) -> None:
    command.write(FLOW, [{"does": KEYS}])
    for _ in range(2):
        assert command.rehearse(FLOW, "--recognizer", "none", "--db", "kept.db").returncode == 0
    assert len(command.results()["attempts"]) == 1


def test_another_list_is_another_campaign(command: Any) -> None:
    """Who is on the new list must not be left out silently because a campaign has that name already."""
    command.write(FLOW, [{"does": KEYS}])
    kept = ("--recognizer", "none", "--db", "kept.db")
    assert command.rehearse(FLOW, *kept).returncode == 0
    command.write(FLOW, [{"does": KEYS}] * 2)
    refused = command.rehearse(FLOW, *kept)
    assert refused.returncode == 2
    assert "list.csv isn't the list it was begun with" in refused.stderr
    assert command.rehearse(FLOW, *kept, "--name", "second").returncode == 0
    assert command.results()["summary"]["contacts"] == 2


@pytest.mark.parametrize(
    ("spoil", "arguments", "sentence"),
    [
        ({}, ("--flow", "nowhere.yaml"), "nowhere.yaml"),
        ({"flow.yaml": "schema: 1\nflow: x\n"}, ("--flow", "flow.yaml"), "flow.yaml:"),
        ({"callees.yaml": "callees: {'+8613800000001': {pickup: sleeps}}"}, (), "callees.yaml:1:"),
        ({"list.csv": "name\nsomebody\n"}, (), "no column for phone"),
        ({}, ("--map", "phone"), "--map phone=Mobile"),
        ({"list.csv": ""}, (), "list.csv"),
        ({"list.csv": "phone,balance,pay_by\n,,\n"}, (), "list.csv has column names but no rows"),
        ({"list.csv": "phone,balance,pay_by\n123,5,2026-01-25\n"}, (), "list.rejects.csv says why, row by row"),
        ({}, ("--recognizer", "ears"), "ears"),
        ({}, ("--start", "tomorrow"), "time zone"),
        ({"ivr": "[dialer]\nconcurrency = 0\n"}, (), "dialer.concurrency"),
    ],
)
def test_what_can_be_mended_is_one_sentence(
    command: Any, spoil: dict[str, str], arguments: tuple[str, ...], sentence: str
) -> None:
    command.write(FLOW, [{"does": KEYS}])
    for name, text in spoil.items():
        (command.folder / name).write_text(text, encoding="utf-8")
    environment = {"IVR_CONFIG": "ivr"} if "ivr" in spoil else {}
    run = command.rehearse(FLOW, *arguments, **environment)
    assert run.returncode == 2, run.stdout + run.stderr
    assert sentence in run.stderr
    assert "Traceback" not in run.stderr


def test_lint_errors_stop_a_rehearsal(command: Any, tmp_path: Path) -> None:
    from flows import library

    text = library.path(FLOW, "zh-CN").read_text(encoding="utf-8")
    (command.folder / "flow.yaml").write_text(
        text.replace("low_balance.greet", "low_balance.grete"), encoding="utf-8"
    )
    command.write(FLOW, [{}])
    run = command.rehearse(FLOW, "--flow", "flow.yaml")
    assert run.returncode == 2
    assert "low_balance.grete" in run.stderr
    assert "flow.yaml:" in run.stderr


def test_in_chinese(command: Any) -> None:
    command.write(FLOW, [{"does": KEYS}])
    run = command.rehearse(FLOW, "--recognizer", "none", IVR_LANG="zh_CN.UTF-8")
    assert run.returncode == 0, run.stderr
    assert "接通" in run.stdout
    assert "已写入" in run.stdout
    assert "平均通话" in run.stdout


ROSTER = """schema: 1
queues: {care: {}, callback: {}}
agents:
  1001: {name: Wang, phone: 601, skills: {care: 9}, hired_on: 2024-03-01}
"""


def test_the_agents_of_a_roster_take_calls_over(command: Any) -> None:
    wants = {"does": [{"on": "willing", "keys": "0"}, {"on": "after_agent", "keys": "5"}]}
    command.write("satisfaction_survey", [wants])
    callees = json.loads((command.folder / "callees.yaml").read_text(encoding="utf-8"))
    callees["callees"]["601"] = {
        "does": [{"on": "whisper", "keys": "1"}, {"on": "bridged", "at_s": 5, "hang_up": True}]
    }
    (command.folder / "callees.yaml").write_text(json.dumps(callees), encoding="utf-8")
    (command.folder / "roster.yaml").write_text(ROSTER, encoding="utf-8")
    given = command.rehearse("satisfaction_survey", "--recognizer", "none", "--roster", "roster.yaml")
    assert given.returncode == 0, given.stderr
    assert "warning" not in given.stdout
    (attempt,) = command.results()["attempts"]
    assert [one["result"] for one in attempt["transfers"]] == ["talked"]
