"""Every way a call can end: what is written, and when the number is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ivr.session.progress import CallPlaced
from ivr.session.speaker import Speaker

pytestmark = pytest.mark.integration

DAY_MIN = 24 * 60
ANSWERS = [{"on": "consent", "after_s": 0.5, "keys": "1"}, {"on": "rating", "after_s": 0.5, "keys": "5"}]


def placed(run: Any, number: int) -> list[datetime]:
    attempts = {attempt.attempt_id for attempt in run.of(number)}
    return [event.at for event in run.events if isinstance(event, CallPlaced) and event.attempt_id in attempts]


@pytest.mark.parametrize(
    ("pickup", "outcomes", "waits_min"),
    [
        ("busy", ["busy"] * 3, [15, 15]),
        ("reject", ["rejected"] * 3, [4 * 60, 3 * DAY_MIN]),  # cools down after two
        ("no_answer", ["no_answer"] * 3, [2 * 60, 2 * 60]),  # 10:00, noon, 14:00
        ("powered_off", ["powered_off"] * 2, [DAY_MIN]),
        ("suspended", ["suspended"], []),
        ("invalid", ["invalid_number"], []),
        ("unreachable", ["unreachable"] * 3, [60, 60]),
        ("congestion", ["congestion"] * 5, [1, 5, 30, 30]),  # never rang: uses up no try
        ("voicemail", ["voicemail"], []),  # a message is left: that is enough
        (["busy", "answer"], ["busy", "answered"], [15]),
    ],
)
def test_outcome_and_retry(bench: Any, pickup: Any, outcomes: list[str], waits_min: list[int]) -> None:
    run = bench([{"pickup": pickup, "does": ANSWERS}])
    attempts = run.of(1)
    assert [attempt.outcome for attempt in attempts] == outcomes
    assert [attempt.number for attempt in attempts] == list(range(1, len(outcomes) + 1))
    moments = placed(run, 1)
    assert len(moments) == len(waits_min) + 1
    for earlier, later, attempt, wait_min in zip(moments, moments[1:], attempts, waits_min, strict=False):
        ended = earlier + timedelta(seconds=attempt.talk_s)
        assert timedelta(minutes=wait_min, seconds=-1) <= later - ended < timedelta(minutes=wait_min, seconds=90)
    assert run.rows("SELECT state, attempts FROM task") == [("done", len(outcomes))]
    assert run.results.summary.finished


def test_without_retries_everybody_is_tried_once(bench: Any) -> None:
    run = bench([{"pickup": "busy"}, {"pickup": "no_answer"}, {"does": ANSWERS}], retries=False)
    assert [attempt.number for attempt in run.results.attempts] == [1, 1, 1]


def test_a_conversation_by_keys_is_written_down(bench: Any) -> None:
    run = bench([{"does": ANSWERS}])
    attempt = run.only()
    assert attempt.outcome == "answered"
    assert attempt.disposition == "consented"
    assert attempt.intention == "success"
    assert attempt.hung_up_by == "us"
    assert attempt.path == ("greet", "reminder", "consent", "send_sms", "sms_sent", "rating", "close", "end")
    assert {name: (given.value, given.modality) for name, given in attempt.answers.items()} == {
        "consent": ("yes", "keys"),
        "rating": ("5", "keys"),
    }
    assert 400 <= (attempt.answers["consent"].reaction_ms or 0) <= 800
    assert run.rows("SELECT phone, state FROM outbox") == [("+8613800000001", "queued")]
    ((text,),) = run.rows("SELECT text FROM outbox")
    assert "5.20" in text
    assert run.rows("SELECT kind, number FROM segment") == [("bot", 1)]
    ((hashes,),) = run.rows("SELECT count(DISTINCT prompt_sha256) FROM answer")
    assert hashes == 2


def test_we_begin_to_speak_when_the_phone_is_at_the_ear(bench: Any) -> None:
    """0.7 s after the answer, not before, not much later."""
    run = bench([{"does": [{"on": "greet", "at_s": 0.5, "hang_up": True}]}])
    assert run.only().talk_s == pytest.approx(0.7 + 0.5, abs=0.1)


def test_a_rating_that_is_given_twice_counts_once_and_is_stored_twice(bench: Any) -> None:
    does = [
        {"on": "consent", "keys": "2"},
        {"on": "rating", "keys": "1"},
        {"on": "rating_low", "keys": "2"},
        {"on": "rating", "keys": "4"},
    ]
    consents = [{"on": "consent", "keys": "1"}, *does[1:]]
    run = bench([{"does": consents}])
    assert run.only().answers["rating"].value == "4"
    assert run.rows("SELECT value FROM answer WHERE name = 'rating' ORDER BY number") == [("1",), ("4",)]


@pytest.mark.parametrize("node", ["greet", "reminder", "consent", "sms_sent", "rating", "close"])
def test_a_hang_up_at_any_node_ends_the_call_there(bench: Any, node: str) -> None:
    does = [step for step in ANSWERS if step["on"] != node]
    run = bench([{"does": [*does, {"on": node, "at_s": 1.0, "hang_up": True}]}])
    attempt = run.only()
    assert attempt.path[-1] == node
    assert attempt.outcome == "answered"
    assert attempt.hung_up_by == "callee"
    assert run.rows("SELECT state FROM task") == [("done",)]
    expected = {"greet": "declined", "reminder": "unreachable", "consent": "unreachable"}
    assert attempt.intention == expected.get(node, "success")


def test_silence_gives_up_politely(bench: Any) -> None:
    attempt = bench([{}]).only()
    assert attempt.path[-2:] == ("give_up", "end")
    assert attempt.answers == {}
    assert attempt.disposition == "reminded"


def test_a_message_is_left_on_voicemail_and_names_no_amount(bench: Any) -> None:
    run = bench([{"pickup": "voicemail"}])
    attempt = run.only()
    assert attempt.outcome == "voicemail"
    assert attempt.intention == "unreachable"
    assert "leave_message" in attempt.path
    assert run.record().message_left


def test_no_prompt_is_made_during_a_call(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the callee does: shared prompts are made before the list is dialled, personal ones at the lease."""
    made: list[str] = []
    render = Speaker.render

    async def noted(self: Speaker, prompts: Any) -> Any:
        made.extend(str(prompt.id) for prompt in prompts)
        return await render(self, prompts)

    monkeypatch.setattr(Speaker, "render", noted)
    bench.var = tmp_path / "fresh"
    keys = [{"on": "consent", "keys": "1"}, {"on": "rating", "keys": "2"}, {"on": "rating_low", "keys": "5"}]
    to_a_person = [{"on": "consent", "keys": "0"}, {"on": "common.agent_unavailable", "keys": "1"}]
    bench([{}, {"does": keys}, {"pickup": "voicemail"}, {"does": to_a_person}])
    assert made == []
