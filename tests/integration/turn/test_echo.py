"""Rendered prompts that come back over the line, and people who talk over them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from speech.ports import Hypothesis, Phrase, Question
from speech.turn import TalkOver, TurnPlan, TurnPlayed

pytestmark = pytest.mark.integration

PROMPTS = {
    "zh": (
        "您好,我是某某公司的智能语音助手,给您做个话费提醒,本次通话会录音。",
        "您尾号八八六六的号码,余额还有五块二,为了不影响使用,请在十一月二十五日前充值。",
    ),
    "en": (
        "Hello, this is the voice assistant of your operator. This call is recorded.",
        "Your balance is five dollars and twenty cents. Please top up before November the twenty fifth.",
    ),
}
QUESTION = Question("commands", "zh-CN", (Phrase("人工", "command:agent"),))


class Heard:
    """Stands for any recogniser: the echo must never get as far as one; a caller must."""

    name = "heard"

    def __init__(self) -> None:
        self.opened = 0
        self.fed = b""

    def languages(self) -> frozenset[str]:
        return frozenset({"zh-CN"})

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        del questions
        return ()

    def open(self, question: Question) -> Heard:
        del question
        self.opened += 1
        return self

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    def cancel(self) -> None: ...

    async def result(self) -> Hypothesis:
        return Hypothesis("先停一下", 0.5, accepted=False, rule="grammar")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("delay_ms", [60, 110, 150, 200])
async def test_the_prompts_echo_at_minus_20_db_never_stops_it(
    say: Any, line: Any, prompt_of: Any, language: str, delay_ms: int
) -> None:
    prompt = prompt_of(*[say(text, language) for text in PROMPTS[language]])
    recognizer = Heard()
    plan = TurnPlan(prompt, question=QUESTION, talk_over=TalkOver())
    call = line(echo_db=-20.0, delay_ms=delay_ms)
    assert await call.run(plan, recognizer) == TurnPlayed(interrupted=False)
    assert b"".join(frame for frame in call.said if frame) == prompt.pcm
    assert len(call.said) == prompt.frames + 1  # it didn't even pause
    assert recognizer.opened == 0


@pytest.mark.parametrize("echo_db", [-14.0, -8.0])
async def test_a_worse_line_doesn_t_stop_it_either(say: Any, line: Any, prompt_of: Any, echo_db: float) -> None:
    prompt = prompt_of(*[say(text, "zh") for text in PROMPTS["zh"]])
    recognizer = Heard()
    plan = TurnPlan(prompt, question=QUESTION, talk_over=TalkOver())
    assert await line(echo_db=echo_db).run(plan, recognizer) == TurnPlayed(interrupted=False)
    assert recognizer.opened == 0


@pytest.mark.parametrize("text", ["我不需要", "你先停一下", "你是谁啊"])
@pytest.mark.parametrize("delay_ms", [60, 200])
async def test_a_caller_over_the_echo_is_heard(
    say: Any, line: Any, prompt_of: Any, text: str, delay_ms: int
) -> None:
    prompt = prompt_of(*[say(text, "zh") for text in PROMPTS["zh"]])
    words = say(text, "cmn-latn-pinyin+m3@170")
    recognizer = Heard()
    plan = TurnPlan(prompt, question=QUESTION, talk_over=TalkOver(after_s=2.0))
    call = line(bytes(320 * 200) + words, echo_db=-20.0, delay_ms=delay_ms)
    assert await call.run(plan, recognizer) == TurnPlayed(interrupted=True)
    paused = next(tick for tick, frame in enumerate(call.said) if frame is None)
    assert 200 <= paused <= 200 + 20  # espeak begins its words with up to 150 ms of next to nothing
    assert len(recognizer.fed) >= 0.9 * len(words)
