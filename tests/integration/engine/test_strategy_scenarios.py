"""Each rule of a strategy on the real engine, in virtual time: who is called again, when, and what for.

The runs begin on Monday, 5 January 2026, at 10:00. Marketing may call on working days, 09:00-12:00 and
14:00-21:00, service every day, 08:00-21:00."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ivr.session.progress import ProgressEvent, PromptBegan
from ivr.strategy import StrategyError

pytestmark = pytest.mark.integration

ZONE = ZoneInfo("Asia/Shanghai")
INTERESTED = [{"on": "identity", "keys": "1"}, {"on": "offer_ask", "keys": "1"}]
ACCEPTS = [*INTERESTED, {"on": "confirm", "keys": "1"}]
LEAVES = [{"on": "identity", "keys": "1"}, {"on": "offer", "at_s": 4.0, "hang_up": True}]
REFUSES = [{"on": "identity", "keys": "1"}, {"on": "offer_ask", "keys": "2"}, {"on": "retain_ask", "keys": "2"}]
BOOKS = [
    {"on": "consent", "keys": "0"},  # wants a person; nobody is there
    {"on": "common.agent_unavailable", "keys": "1"},
    {"on": "callback.when", "keys": "2"},
    {"on": "callback.number", "keys": "1"},
    {"on": "callback.return_ready", "keys": "2"},  # called back: not now either, another time
]

PATHS = "SELECT path FROM attempt WHERE outcome = 'answered' ORDER BY started_at"


def calls(run: Any, number: int) -> list[str]:
    """When, what for, outcome, grade."""
    rows = run.rows(
        "SELECT started_at, COALESCE(why, 'first'), outcome, grade FROM attempt "
        f"WHERE phone = '+86138{number:08d}' ORDER BY started_at"
    )
    return [f"{_local(at)} {why} {outcome} {grade}" for at, why, outcome, grade in rows]


def _local(moment: str) -> str:
    return f"{datetime.fromisoformat(f'{moment}+00:00').astimezone(ZONE):%a %d %H:%M}"


def results(run: Any) -> list[str]:
    return [result for (result,) in run.rows("SELECT result FROM task ORDER BY id")]


def test_the_shipped_strategy_rule_by_rule(bench: Any) -> None:
    people: dict[str, tuple[dict[str, Any], list[str], str]] = {
        "accepts, and never answers the message": (
            {"does": ACCEPTS},
            ["Mon 05 10:00 first answered B", "Wed 07 10:01 follow_up answered B",
             "Fri 09 10:02 follow_up answered B"],
            "accepted",
        ),
        "says yes, and then nothing": (
            {"does": INTERESTED},
            ["Mon 05 10:00 first answered C", "Mon 12 10:01 follow_up answered C"],
            "unclear",
        ),
        "declines": ({"does": REFUSES}, ["Mon 05 10:00 first answered E"], "declined"),
        "leaves before the question": (
            {"does": LEAVES},
            ["Mon 05 10:00 first answered D", "Tue 06 14:00 unfinished answered D"],
            "offered",
        ),
        "hangs up at once": (
            {"does": [{"on": "greet", "at_s": 1.0, "hang_up": True}]},
            ["Mon 05 10:00 first answered E"],
            "incomplete",
        ),
        "isn't there": (
            {"pickup": "no_answer"},
            ["Mon 05 10:00 first no_answer F", "Mon 05 14:00 retry no_answer F", "Mon 05 18:00 retry no_answer F"],
            "no_answer",
        ),
        "is busy, then declines": (
            {"pickup": ["busy", "answer"], "does": REFUSES},
            ["Mon 05 10:00 first busy F", "Mon 05 10:15 retry answered E"],
            "declined",
        ),
        "doesn't exist": ({"pickup": "invalid"}, ["Mon 05 10:00 first invalid_number F"], "invalid_number"),
        "has a machine": (
            {"pickup": "voicemail"},
            ["Mon 05 10:00 first voicemail F", "Mon 05 14:00 retry voicemail F"],
            "voicemail",
        ),
        "rejects": (
            {"pickup": "reject"},
            ["Mon 05 10:00 first rejected F", "Mon 05 14:00 retry rejected F", "Thu 08 14:00 retry rejected F"],
            "rejected",
        ),
        "is switched off behind a crowded network": (
            {"pickup": ["congestion", "congestion", "powered_off", "answer"], "does": REFUSES},
            ["Mon 05 10:00 first congestion F", "Mon 05 10:01 retry congestion F",
             "Mon 05 10:06 retry powered_off F", "Tue 06 10:06 retry answered E"],
            "declined",
        ),
        "has no line any more": ({"pickup": "suspended"}, ["Mon 05 10:00 first suspended F"], "suspended"),
    }  # fmt: skip
    run = bench([callee for callee, _, _ in people.values()], flow="marketing_offer")
    found = {who: calls(run, number) for number, who in enumerate(people, start=1)}
    assert found == {who: expected for who, (_, expected, _) in people.items()}
    assert results(run) == [result for _, _, result in people.values()]
    assert run.results.summary.finished


def test_a_booked_call_is_made_at_its_time_and_keeps_the_campaign_running(bench: Any) -> None:
    """This one books another at each call; three are kept. They begin where the flow says."""
    run = bench([{"does": BOOKS}, {"pickup": "no_answer"}])
    assert calls(run, 1) == [
        "Mon 05 10:00 first answered C",
        "Mon 05 14:00 callback answered C",
        "Tue 06 09:00 callback answered C",
        "Tue 06 14:00 callback answered C",
    ]
    assert [_local(due_at) for (due_at,) in run.rows("SELECT due_at FROM callback ORDER BY id")][:2] == [
        "Mon 05 14:00",
        "Tue 06 09:00",
    ]
    begins = [json.loads(path)[0] for (path,) in run.rows(PATHS)]
    assert begins == ["greet", "return_call", "return_call", "return_call"]
    assert run.rows("SELECT priority FROM task ORDER BY id") == [(1,), (5,)]
    assert results(run) == ["callback_booked", "no_answer"]
    assert run.results.summary.finished


OWN = """
schema: 1
strategy: own
retry:
  attempts: 3
  outcomes: {no_answer: {waits: [1h], at_most: 2}}
  dispositions:
    unclear: {waits: [3d], at_most: 2}
callbacks: {keep: false}
unfinished: {when: 'path.contains("offer") && answers == 0', wait: 1h, other_part_of_day: false}
invalid_numbers: {closed_for: 30d}
"""


def test_rules_of_ones_own(bench: Any, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(OWN, encoding="utf-8")
    callees = [{"does": INTERESTED}, {"does": LEAVES}, {"pickup": "busy"}, {"pickup": "no_answer"}]
    run = bench(callees, flow="marketing_offer", strategy=own)
    assert [calls(run, number) for number in range(1, 5)] == [
        ["Mon 05 10:00 first answered C", "Thu 08 10:01 retry answered C"],
        ["Mon 05 10:00 first answered D", "Mon 05 11:00 unfinished answered D"],
        ["Mon 05 10:00 first busy F"],
        ["Mon 05 10:00 first no_answer F", "Mon 05 11:00 retry no_answer F"],
    ]
    ((document,),) = run.rows("SELECT strategy FROM campaign")
    assert '"strategy":"own"' in document


def test_a_number_that_does_not_exist_is_closed_in_the_next_campaign_too(bench: Any) -> None:
    first = bench.options([{"pickup": "invalid"}])
    bench.run(first)
    second = bench.options([{"does": REFUSES}], flow="marketing_offer", database=first.database)
    run = bench.run(second)
    assert calls(run, 1) == ["Mon 05 10:00 first invalid_number F"]
    assert results(run) == ["invalid_number", "invalid_number"]
    ((since, until),) = run.rows("SELECT since, until FROM invalid_number")
    assert (datetime.fromisoformat(until) - datetime.fromisoformat(since)).days == 180


SPLIT = """
schema: 1
strategy: split
split:
  name: greeting
  arms: {usual: {}, other: {prompts: PROMPTS}}
"""


def test_each_number_hears_its_arm_and_its_attempts_say_which(bench: Any, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts" / "zh-CN"
    prompts.mkdir(parents=True)
    (prompts / "low_balance.yaml").write_text(
        "low_balance.greet: {text: '您好,这是另一种开场白。'}\n", encoding="utf-8"
    )
    own = tmp_path / "split.yaml"
    own.write_text(SPLIT.replace("PROMPTS", str(tmp_path / "prompts")), encoding="utf-8")
    said: dict[str, str] = {}

    def listen(event: ProgressEvent) -> None:
        if isinstance(event, PromptBegan) and event.attempt_id not in said:
            said[event.attempt_id] = event.text

    options = bench.options([{"does": [{"on": "greet", "at_s": 1.0, "hang_up": True}]}] * 8, strategy=own)
    run = bench.run(options, listen)
    arms = dict(run.rows("SELECT id, arm FROM attempt"))
    assert set(arms.values()) == {"usual", "other"}
    assert {attempt: "另一种" in text for attempt, text in said.items()} == {
        attempt: arm == "other" for attempt, arm in arms.items()
    }


def test_an_arm_whose_flow_is_not_there_is_refused_before_anybody_is_called(bench: Any, tmp_path: Path) -> None:
    own = tmp_path / "split.yaml"
    own.write_text(SPLIT.replace("prompts: PROMPTS", "flow_version: 7"), encoding="utf-8")
    options = bench.options([{}], strategy=own)
    with pytest.raises(StrategyError, match="The arm other hears version 7 of low_balance_reminder, which isn't"):
        bench.run(options)
