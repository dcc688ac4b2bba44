"""Real conversations over the simulated network: real prompts, real voice activity, real recognition, real keys.

One rehearsal per flow and language, with one callee for each way of behaving; the recogniser is the one that this
machine has for the language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(170)]

BY_NUMBER = dict[int, dict[str, Any]]
NEW = Callable[[], Any]
SAY = Callable[[str, str], dict[str, str]]


def rehearse(new_command: NEW, flow: str, language: str, callees: list[dict[str, Any]]) -> BY_NUMBER:
    """Attempts by callee number; one try each."""
    command = new_command()
    command.write(flow, callees)
    run = command.rehearse(flow, "--no-retries", language=language)
    assert run.returncode == 0, run.stderr
    results = command.results()
    assert results["summary"]["recognizer"] in ("whisper", "vosk")
    return {int(attempt["phone"][-3:]): attempt for attempt in results["attempts"]}


def answers(attempt: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {name: (given["value"], given["modality"]) for name, given in attempt["answers"].items()}


def on(node: str, **does: Any) -> dict[str, Any]:
    return {"on": node} | ({"after_s": 0.5} if "at_s" not in does else {}) | does


@pytest.fixture(scope="module")
def reminder(new_command: NEW, say: SAY) -> BY_NUMBER:
    def zh(text: str) -> dict[str, str]:
        return say("zh", text)

    keys = [on("consent", keys="1"), on("rating", keys="5")]
    hum = {"text": "嗯", "voice": "zh"}
    callees: list[dict[str, Any]] = [
        {"does": [on("consent", say=zh("需要")), on("rating", say=zh("五分"))]},
        {"does": keys},
        {"does": [on("consent", at_s=2.5, say=zh("不需要"))]},
        {"echo_db": -20, "does": keys},
        {"does": [on("consent", say=hum), on("consent", say=hum), on("consent_keys", say=hum)]},
        {"does": [on("consent", say=zh("今天天气不错")), on("consent", say=zh("今天天气不错"))]},
        {},
        {"does": [on("consent", say=zh("不要再打了"))]},
        {"does": [on("consent", keys="0"), on("common.agent_unavailable", keys="2")]},
        {"does": [on("consent", say=zh("我要投诉"))]},
        {"does": [on("consent", say=zh("不用了谢谢"))]},
    ]
    return rehearse(new_command, "low_balance_reminder", "zh-CN", callees)


def test_by_speech(reminder: BY_NUMBER) -> None:
    attempt = reminder[1]
    assert answers(attempt) == {"consent": ("yes", "speech"), "rating": ("5", "speech")}
    assert attempt["disposition"] == "consented"
    assert attempt["answers"]["consent"]["transcript"]
    assert 0 <= attempt["answers"]["consent"]["confidence"] <= 1
    assert 500 <= attempt["answers"]["consent"]["reaction_ms"] <= 1300  # 0.3 s of silence begins each file


def test_by_keys(reminder: BY_NUMBER) -> None:
    assert answers(reminder[2]) == {"consent": ("yes", "keys"), "rating": ("5", "keys")}


def test_who_talks_over_the_question_is_heard(reminder: BY_NUMBER) -> None:
    attempt = reminder[3]
    assert answers(attempt) == {"consent": ("no", "speech")}
    assert attempt["answers"]["consent"]["reaction_ms"] < 0
    assert attempt["talk_s"] < reminder[11]["talk_s"]  # the rest of the question was not said


def test_our_own_echo_is_nobody(reminder: BY_NUMBER) -> None:
    """The line gives each prompt back at -20 dB: nothing is interrupted, nothing is understood."""
    assert answers(reminder[4]) == answers(reminder[2])
    assert reminder[4]["path"] == reminder[2]["path"]
    assert reminder[4]["talk_s"] == pytest.approx(reminder[2]["talk_s"], abs=1.0)


def test_a_hum_is_no_answer(reminder: BY_NUMBER) -> None:
    assert answers(reminder[5]) == {}
    assert "send_sms" not in reminder[5]["path"]


def test_something_unrelated_is_no_answer(reminder: BY_NUMBER) -> None:
    attempt = reminder[6]
    assert answers(attempt) == {}
    assert attempt["path"][2:] == ["consent", "consent_keys", "give_up", "end"]  # asked again, then for keys


def test_silence_is_no_answer(reminder: BY_NUMBER) -> None:
    attempt = reminder[7]
    assert answers(attempt) == {}
    assert attempt["path"][2:] == ["consent", "give_up", "end"]
    assert attempt["hung_up_by"] == "us"


def test_no_more_calls_please(reminder: BY_NUMBER) -> None:
    attempt = reminder[8]
    assert attempt["opted_out"] is True
    assert attempt["disposition"] == "opted_out"
    assert attempt["intention"] == "declined"


TO_A_PERSON = ["common.agent", "common.transfer", "common.agent_unavailable"]


def test_a_person_please(reminder: BY_NUMBER) -> None:
    assert reminder[9]["path"][3:6] == TO_A_PERSON


def test_a_complaint(reminder: BY_NUMBER) -> None:
    assert reminder[10]["disposition"] == "complaint"
    assert "common.complaint" in reminder[10]["path"]


def test_a_refusal_in_other_words(reminder: BY_NUMBER) -> None:
    assert answers(reminder[11]) == {"consent": ("no", "speech")}
    assert reminder[11]["intention"] == "declined"


def test_reminder_in_english(new_command: NEW, say: SAY) -> None:
    callees = [
        {"does": [on("consent", say=say("en", "yes please")), on("rating", say=say("en", "five stars"))]},
        {"does": [on("consent", keys="2")]},
        {"does": [on("consent", say=say("en", "what time is it")), on("consent", say=say("en", "no thanks"))]},
        # Asked for aloud in English: the recorded 转人工 is mumbled so that the line's noise decides, one in ten.
        {"does": [on("consent", say=say("en", "speak to an agent")), on("common.agent_unavailable", keys="2")]},
    ]
    calls = rehearse(new_command, "low_balance_reminder", "en", callees)
    assert answers(calls[1]) == {"consent": ("yes", "speech"), "rating": ("5", "speech")}
    assert answers(calls[2]) == {"consent": ("no", "keys")}
    assert answers(calls[3]) == {"consent": ("no", "speech")}
    assert calls[4]["path"][3:6] == TO_A_PERSON


@pytest.mark.parametrize(
    ("language", "yes", "no"),
    [("zh-CN", ("zh", "可以"), ("zh", "不需要")), ("en", ("en", "sure"), ("en", "no thanks"))],
)
def test_marketing_offer(
    new_command: NEW, say: SAY, language: str, yes: tuple[str, str], no: tuple[str, str]
) -> None:
    accept, refuse = say(*yes), say(*no)
    calls = rehearse(
        new_command,
        "marketing_offer",
        language,
        [
            {"does": [on("identity", keys="1"), on("offer_ask", say=accept), on("confirm", keys="1")]},
            {"does": [on("identity", keys="1"), on("offer_ask", keys="1"), on("confirm", keys="1")]},
            {"does": [on("identity", keys="1"), on("offer_ask", say=refuse), on("retain_ask", say=refuse)]},
            {"does": [on("identity", keys="2"), on("authority", keys="2")]},
        ],
    )
    for number, modality in ((1, "speech"), (2, "keys")):
        assert answers(calls[number])["offer"] == ("yes", modality)
        assert calls[number]["intention"] == "strongly_interested"
        assert calls[number]["answers"]["confirm"]["pending"] is True  # a spoken yes is no order yet
        assert calls[number]["answers"]["offer"]["pending"] is False
    assert answers(calls[3])["offer"] == ("no", "speech")
    assert calls[3]["path"].count("retain_ask") == 1  # one retention turn, not two
    assert calls[3]["intention"] == "declined"
    assert calls[4]["disposition"] == "no_authority"


@pytest.mark.parametrize(
    ("language", "yes", "best"),
    [("zh-CN", ("zh", "可以"), ("zh", "非常满意")), ("en", ("en", "okay"), ("en", "very satisfied"))],
)
def test_satisfaction_survey(
    new_command: NEW, say: SAY, language: str, yes: tuple[str, str], best: tuple[str, str]
) -> None:
    calls = rehearse(
        new_command,
        "satisfaction_survey",
        language,
        [
            {"does": [on("willing", say=say(*yes)), on("resolved", keys="1"), on("rating", say=say(*best))]},
            {
                "does": [
                    on("willing", keys="1"),
                    on("resolved", keys="2"),
                    on("rating", keys="1"),
                    on("rating_low", keys="1"),
                    on("reason", keys="2"),
                    on("follow_up", keys="2"),
                ]
            },
        ],
    )
    assert answers(calls[1]) == {
        "willing": ("yes", "speech"),
        "resolved": ("yes", "keys"),
        "rating": ("5", "speech"),
    }
    assert {name: value for name, (value, _) in answers(calls[2]).items()} == {
        "willing": "yes",
        "resolved": "no",
        "rating": "1",
        "rating_confirmed": "yes",
        "reason": "not_solved",
        "follow_up": "no",
    }
    assert calls[1]["intention"] == calls[2]["intention"] == "success"


@pytest.mark.parametrize(("language", "yes"), [("zh-CN", ("zh", "可以")), ("en", ("en", "okay"))])
def test_callback(new_command: NEW, say: SAY, language: str, yes: tuple[str, str]) -> None:
    """Nobody sits at a desk yet: the return call offers another time, and books it."""
    calls = rehearse(
        new_command,
        "callback",
        language,
        [
            {"does": [on("return_ready", say=say(*yes)), on("agent_busy", say=say(*yes))]},
            {"does": [on("return_ready", keys="2"), on("when", keys="2"), on("number", keys="1")]},
            {
                "does": [
                    on("return_ready", keys="2"),
                    on("when", keys="1"),
                    on("number", keys="2"),
                    on("enter", keys="13900001111#"),
                    on("check", keys="1"),
                ]
            },
        ],
    )
    assert answers(calls[1])["return_ready"] == ("now", "speech")
    assert [call["disposition"] for call in calls.values()] == ["callback_booked"] * 3
    assert answers(calls[3])["number"] == ("13900001111", "keys")
