"""Vosk on real audio: whole phrases only, unknown words reported, bounds, and what is heard while others speak."""

from __future__ import annotations

import asyncio
import json
import threading
import weakref
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from speech.answers import AnswerSpec, build_question
from speech.models import find_vosk
from speech.ports import Hypothesis, Phrase, Question, Recognizer, SpeechError
from speech.recognizers import RecognizerOptions
from speech.recognizers.decoding_threads import DecodingThreads
from speech.recognizers.vosk import MAX_UTTERANCE_S, VoskRecognizer
from speech.recognizers.vosk_decoder import CONFIDENCE_MIN, Utterance, VoskDecoder, judge
from speech.recognizers.vosk_messages import AskUnknown, Begin, Drop, Failed, Finish, Heard, Reply, Sound, Unknown
from speech.recognizers.vosk_settings import for_short_answers
from speech.recognizers.vosk_worker import Decoding

pytestmark = pytest.mark.integration

Hear = Callable[[Recognizer, str, str, str], Awaitable[Hypothesis]]
YES_NO = build_question(AnswerSpec("yes_no", "ko"))
SOON_S = 60.0


def model_here() -> Path:
    path = find_vosk("ko")
    assert path is not None
    return path


@pytest.fixture(scope="session")
def decoder() -> VoskDecoder:
    """In this process, to look into it."""
    return VoskDecoder(model_here())


class Room:
    """A Vosk process's inside: one thread that decodes, and the replies."""

    def __init__(self, decoder: VoskDecoder, late_s: float = 300.0) -> None:
        self.threads = DecodingThreads(1, "test")
        self._replies: SimpleQueue[Reply] = SimpleQueue()
        self.take = Decoding(decoder, self.threads, late_s, self._replies.put).take

    def reply(self) -> Reply:
        return self._replies.get(timeout=SOON_S)

    def settled(self) -> None:
        """All that was asked of the thread is done."""
        self.threads.result(lambda: None).result(SOON_S)
        self.threads.each(lambda: None)


@pytest.fixture
def room(decoder: VoskDecoder) -> Iterator[Callable[..., Room]]:
    made: list[Room] = []

    def make(**given: Any) -> Room:
        made.append(Room(decoder, **given))
        return made[-1]

    yield make
    for one in made:
        one.threads.close()


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


async def test_words_the_model_does_not_know_are_split_or_reported(
    vosk: VoskRecognizer, decoder: VoskDecoder
) -> None:
    question = Question(
        "yes_no", "ko", (Phrase("동의합니다", "yes"), Phrase("뷁뷁 네", "yes"), Phrase("아니요", "no"))
    )
    assert json.loads(decoder.grammar(question).json) == ["동의 합니다", "아니요"]
    assert await vosk.unknown_words([question, YES_NO, question]) == (
        "뷁뷁",
        *decoder.grammar(YES_NO).unknown,
    )


def test_ways_of_saying_that_sound_alike_are_one_in_the_grammar(decoder: VoskDecoder) -> None:
    lines = json.loads(decoder.grammar(YES_NO).json)
    assert ("아니요" in lines, "아니오" in lines) == (True, False)


def test_a_string_of_words_is_no_answer_and_a_doubtful_word_neither() -> None:
    question = YES_NO

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
    question = YES_NO
    stream = vosk.open(question)
    for _ in range(int(MAX_UTTERANCE_S) + 1):
        stream.feed(bytes(16_000))
    assert (await stream.result()).rule == "too_long"
    assert not (await vosk.open(question).result()).accepted


async def test_the_bound_on_open_utterances_and_the_deadline() -> None:
    recognizer = VoskRecognizer("ko", RecognizerOptions(workers=1, max_waiting=2, deadline_s=0.0, late_s=300.0))
    await recognizer.start()
    question = YES_NO
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
    question = YES_NO
    try:
        rules = [(await one.result()).rule for one in [recognizer.open(question) for _ in range(10)]]
        assert rules == ["deadline"] * 9 + ["overloaded"]
    finally:
        await recognizer.close()


def test_who_begins_while_sound_waits_too_long_is_turned_away_at_once(room: Callable[..., Room]) -> None:
    process = room(late_s=0.0)
    go_on = threading.Event()
    process.threads.result(partial(go_on.wait, SOON_S))  # the only thread is busy
    process.take(Begin(1, YES_NO))
    process.take(Sound(1, bytes(16_000)))
    process.take(Begin(2, YES_NO))
    process.take(Sound(2, bytes(16_000)))
    process.take(Finish(2))
    assert process.reply() == Heard(2, Hypothesis.nothing("overloaded"))
    go_on.set()
    process.take(Finish(1))
    first = process.reply()
    assert isinstance(first, Heard)
    assert (first.number, first.hypothesis.rule) == (1, "grammar")
    process.settled()  # nothing waits any more
    process.take(Begin(3, YES_NO))
    process.take(Finish(3))
    third = process.reply()
    assert isinstance(third, Heard)
    assert third.hypothesis.rule == "grammar"


async def test_a_language_without_a_model_is_an_error_with_its_mend() -> None:
    recognizer = VoskRecognizer("zh-CN")
    with pytest.raises(SpeechError, match="no Vosk model for language zh-CN: run `ivr models fetch zh`"):
        await recognizer.start()
    await recognizer.close()


def test_who_is_dropped_while_a_thread_takes_the_sound_is_no_fault(decoder: VoskDecoder) -> None:
    class Dropped(deque[bytes]):
        def popleft(self) -> bytes:
            utterance.drop()
            return super().popleft()

    utterance = Utterance(decoder, YES_NO)
    utterance._pending = Dropped([bytes(1600)])
    assert not utterance.finish().accepted


class Counted:
    """Recognisers that were made, and those that are still there."""

    def __init__(self, decoder: VoskDecoder, monkeypatch: pytest.MonkeyPatch) -> None:
        self._there: weakref.WeakSet[Any] = weakref.WeakSet()
        self.made = 0
        make = decoder.kaldi

        def made(question: Question) -> Any:
            self.made += 1
            kaldi = make(question)
            self._there.add(kaldi)
            return kaldi

        monkeypatch.setattr(decoder, "kaldi", made)

    def there(self) -> int:
        return len(self._there)


def test_who_hangs_up_or_keys_leaves_no_recogniser_behind(
    room: Callable[..., Room],
    decoder: VoskDecoder,
    caller: Callable[[str], bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(decoder, monkeypatch)
    process = room()
    for number in range(3):
        process.take(Begin(number, YES_NO))
        process.take(Sound(number, caller("ko/espeak_f/14_아니요_괜찮아요.wav")))
    process.settled()
    assert (counted.made, counted.there()) == (3, 3)
    process.take(Finish(0))
    assert isinstance(process.reply(), Heard)
    for number in range(3):
        process.take(Drop(number))
    process.settled()
    assert counted.there() == 0


def test_a_result_that_is_given_up_in_time_is_not_worked_out(
    room: Callable[..., Room], decoder: VoskDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(decoder, monkeypatch)
    process = room()
    go_on = threading.Event()
    process.threads.result(partial(go_on.wait, SOON_S))
    for number in (1, 2):
        process.take(Begin(number, YES_NO))
        process.take(Sound(number, bytes(3_200)))
        process.take(Finish(number))
    process.take(Drop(1))
    go_on.set()
    heard = process.reply()
    assert isinstance(heard, Heard)
    assert (heard.number, counted.made) == (2, 1)


def test_what_the_process_that_died_had_heard_is_lost(room: Callable[..., Room]) -> None:
    process = room()
    for request in (Sound(7, bytes(3_200)), Drop(8), Finish(7)):  # begun before its time
        process.take(request)
    assert process.reply() == Heard(7, Hypothesis.nothing("worker_died"))


def test_a_fault_of_ours_is_told_and_costs_nobody_else(
    room: Callable[..., Room],
    decoder: VoskDecoder,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """By its kind and place alone: its text may hold what was said."""

    heard = "네 좋아요"

    def kaldi(question: Question) -> Any:
        raise KeyError(heard)

    process = room()
    with monkeypatch.context() as patch:
        patch.setattr(decoder, "kaldi", kaldi)
        process.take(Begin(1, YES_NO))
        process.take(Sound(1, bytes(3_200)))
        process.take(Finish(1))
        failed = process.reply()
    assert isinstance(failed, Failed)
    said = capfd.readouterr().err
    assert failed.reason == "KeyError"
    assert "in kaldi" in said
    assert "KeyError" in said
    assert heard not in said
    process.take(AskUnknown(2, (YES_NO,)))
    assert process.reply() == Unknown(2, decoder.grammar(YES_NO).unknown)


def test_what_threads_decode_in_is_there_before_the_first_call(
    decoder: VoskDecoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(decoder, monkeypatch)
    with ThreadPoolExecutor(1) as thread:
        thread.submit(decoder.warm_up, "ko").result()
    assert (counted.made, counted.there()) == (1, 0)


def test_of_the_language_model_only_the_words_are_loaded(decoder: VoskDecoder) -> None:
    path = model_here()
    with for_short_answers(path) as folder:
        graph = folder / "graph" / "Gr.fst"
        assert graph.stat().st_size < (path / "graph" / "Gr.fst").stat().st_size / 4
        assert "아니요".encode() in graph.read_bytes()
    assert decoder._model.vosk_model_find_word("아니요") > 0
