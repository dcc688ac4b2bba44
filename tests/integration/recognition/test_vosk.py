"""Vosk on real audio: whole phrases only, unknown words reported, threads beside the loop, bounds."""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from speech.answers import AnswerSpec, build_question
from speech.models import find_vosk
from speech.ports import Hypothesis, Phrase, Question, Recognizer, SpeechError
from speech.recognizers import RecognizerOptions
from speech.recognizers.vosk import CONFIDENCE_MIN, MAX_UTTERANCE_S, VoskRecognizer, judge
from speech.recognizers.vosk_settings import for_short_answers

pytestmark = pytest.mark.integration

Hear = Callable[[Recognizer, str, str, str], Awaitable[Hypothesis]]


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("00_네", "yes"),
        ("02_네_좋아요", "yes"),
        ("10_아니오", "no"),
        ("14_아니요_괜찮아요", "no"),
        ("34_누구세요", None),
    ],
)
async def test_korean(vosk: VoskRecognizer, hear: Hear, name: str, meaning: str | None) -> None:
    heard = await hear(vosk, f"ko/espeak_f/{name}.wav", "yes_no", "ko")
    assert heard.meaning == meaning, heard
    assert heard.rule == "grammar"
    assert 0 < heard.decode_s < 2


async def test_many_at_once_are_heard_as_one_by_one(vosk: VoskRecognizer, hear: Hear) -> None:
    names = ["00_네", "10_아니오", "14_아니요_괜찮아요", "34_누구세요"] * 3
    alone = [(await hear(vosk, f"ko/espeak_f/{name}.wav", "yes_no", "ko")).text for name in names[:4]]
    together = await asyncio.gather(*(hear(vosk, f"ko/espeak_f/{name}.wav", "yes_no", "ko") for name in names))
    assert [heard.text for heard in together] == alone * 3


async def test_words_the_model_does_not_know_are_split_or_reported(vosk: VoskRecognizer) -> None:
    question = Question(
        "yes_no", "ko", (Phrase("동의합니다", "yes"), Phrase("뷁뷁 네", "yes"), Phrase("아니요", "no"))
    )
    assert json.loads(vosk.grammar(question).json) == ["동의 합니다", "아니요"]
    assert set(vosk.unknown_words(question)) == {"뷁뷁"}


async def test_ways_of_saying_that_sound_alike_are_one_in_the_grammar(vosk: VoskRecognizer) -> None:
    lines = json.loads(vosk.grammar(build_question(AnswerSpec("yes_no", "ko"))).json)
    assert ("아니요" in lines, "아니오" in lines) == (True, False)


def test_a_string_of_words_is_no_answer_and_a_doubtful_word_neither() -> None:
    question = build_question(AnswerSpec("yes_no", "ko"))

    def heard(text: str, confidence: float) -> Hypothesis:
        words = [{"word": word, "conf": confidence} for word in text.split()]
        return judge({"text": text, "result": words}, question, 0.1)

    assert heard("아니요", CONFIDENCE_MIN).meaning == "no"
    assert not heard("아니요", CONFIDENCE_MIN - 0.01).accepted
    assert not heard("넷 오 아니오", 1.0).accepted
    assert not heard("누구세요", 1.0).accepted
    assert not judge({"text": ""}, question, 0.0).accepted
    assert heard("아니요 아니요", 1.0).meaning == "no"


async def test_too_long_and_empty_utterances_are_nothing(vosk: VoskRecognizer) -> None:
    question = build_question(AnswerSpec("yes_no", "ko"))
    stream = vosk.open(question)
    for _ in range(int(MAX_UTTERANCE_S) + 1):
        stream.feed(bytes(16_000))
    assert (await stream.result()).rule == "too_long"
    assert not (await vosk.open(question).result()).accepted


async def test_the_bound_on_open_utterances_and_the_deadline() -> None:
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=1, max_waiting=2, deadline_s=0.0, late_s=300.0))
    await recognizer.start()
    question = build_question(AnswerSpec("yes_no", "ko"))
    try:
        streams = [recognizer.open(question) for _ in range(4)]
        for stream in streams:
            stream.feed(bytes(160_000))
        rules = [(await stream.result()).rule for stream in reversed(streams)]
        assert rules == ["overloaded", "deadline", "deadline", "deadline"]
        streams = [recognizer.open(question) for _ in range(3)]
        for stream in streams:
            stream.cancel()
            stream.cancel()
        assert (await recognizer.open(question).result()).rule == "deadline"  # the places are free again
        streams = [recognizer.open(question) for _ in range(4)]
        streams[0].cancel()
        assert (await recognizer.open(question).result()).rule == "deadline"  # who was turned away holds no place
        assert (await streams[3].result()).rule == "overloaded"
    finally:
        await recognizer.close()


async def test_each_thread_brings_places_of_its_own() -> None:
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=3, max_waiting=2, deadline_s=0.0))
    await recognizer.start()
    question = build_question(AnswerSpec("yes_no", "ko"))
    try:
        rules = [(await one.result()).rule for one in [recognizer.open(question) for _ in range(10)]]
        assert rules == ["deadline"] * 9 + ["overloaded"]
    finally:
        await recognizer.close()


async def test_who_begins_while_sound_waits_too_long_is_turned_away_at_once() -> None:
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=1, late_s=0.0))
    await recognizer.start()
    question = build_question(AnswerSpec("yes_no", "ko"))
    go_on = threading.Event()
    try:
        recognizer._threads.pool.submit(go_on.wait)  # the only thread is busy
        first, second = recognizer.open(question), recognizer.open(question)
        first.feed(bytes(16_000))
        third = recognizer.open(question)
        assert (await third.result()).rule == "overloaded"
        go_on.set()
        assert [(await one.result()).rule for one in (first, second)] == ["grammar", "grammar"]
        await asyncio.to_thread(recognizer._threads.each, lambda: None)  # nothing waits any more
        assert (await recognizer.open(question).result()).rule == "grammar"
    finally:
        go_on.set()
        await recognizer.close()


async def test_a_language_without_a_model_is_an_error_with_its_mend() -> None:
    recognizer = VoskRecognizer("zh-CN")
    with pytest.raises(SpeechError, match="no Vosk model for language zh-CN: run `ivr models fetch zh`"):
        await recognizer.start()
    await recognizer.close()


class Counted:
    """A recogniser's place in the model: counts who is there."""

    def __init__(self, recognizer: VoskRecognizer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._there: weakref.WeakSet[Any] = weakref.WeakSet()
        self.made = 0
        make = recognizer._new_kaldi

        def made(question: Question) -> Any:
            self.made += 1
            kaldi = make(question)
            self._there.add(kaldi)
            return kaldi

        monkeypatch.setattr(recognizer, "_new_kaldi", made)

    def there(self) -> int:
        return len(self._there)


async def test_who_still_speaks_when_the_threads_end_is_let_go(
    vosk: VoskRecognizer, caller: Callable[[str], bytes]
) -> None:
    """Calls that are given up end after their recogniser."""
    del vosk  # whose model it shares
    ending = VoskRecognizer("ko", RecognizerOptions(workers=1))
    await ending.start()
    stream = ending.open(build_question(AnswerSpec("yes_no", "ko")))
    stream.feed(caller("ko/espeak_f/00_네.wav"))
    await asyncio.to_thread(ending._threads.each, lambda: None)  # it is decoded
    await ending.close()
    stream.cancel()


async def test_who_hangs_up_or_keys_leaves_no_recogniser_behind(
    vosk: VoskRecognizer, caller: Callable[[str], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(vosk, monkeypatch)
    pcm = caller("ko/espeak_f/14_아니요_괜찮아요.wav")
    streams = [vosk.open(build_question(AnswerSpec("yes_no", "ko"))) for _ in range(3)]
    for stream in streams:
        stream.feed(pcm)
    await asyncio.to_thread(vosk._threads.each, lambda: None)  # all of it is decoded
    assert (counted.made, counted.there()) == (3, 3)
    for stream in streams:
        stream.cancel()
    await asyncio.to_thread(vosk._threads.each, lambda: None)
    assert counted.there() == 0  # though the turns may hold their streams


async def test_what_threads_decode_in_is_there_before_the_first_call(monkeypatch: pytest.MonkeyPatch) -> None:
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=2))
    counted = Counted(recognizer, monkeypatch)
    await recognizer.start()
    await recognizer.close()
    assert (counted.made, counted.there()) == (2, 0)


async def test_of_the_language_model_only_the_words_are_loaded(vosk: VoskRecognizer) -> None:
    path = find_vosk("ko")
    assert path is not None
    with for_short_answers(path) as folder:
        graph = folder / "graph" / "Gr.fst"
        assert graph.stat().st_size < (path / "graph" / "Gr.fst").stat().st_size / 4
        assert "아니요".encode() in graph.read_bytes()
    assert vosk._model.vosk_model_find_word("아니요") > 0
