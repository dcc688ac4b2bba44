"""Vosk behind the port: a grammar per question, decoded in threads while the person speaks.

One model per process and language. Each utterance gets its own KaldiRecognizer (0.4 ms, 2 MB; facts in
docs/recognition.md). Vosk's grammar is a loop over words, not a list of sentences: it can say 넷 오 아니오. So
only a whole phrase counts, decoys are part of the grammar and compete, and the least sure word must be sure."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from speech.answers.distance import distance
from speech.answers.matching import TRIM_COST, match
from speech.answers.sounds import Units, units
from speech.answers.types import AnswerSpec, build_question
from speech.audio import SAMPLE_RATE_HZ
from speech.models import find_vosk
from speech.ports import Hypothesis, Question, SpeechError
from speech.recognizers import RecognizerOptions
from speech.recognizers.decoding_threads import DecodingThreads
from speech.recognizers.vocabulary import Vocabulary
from speech.recognizers.vosk_settings import for_short_answers

RULE = "grammar"
# The least word confidence of an accepted phrase, 0..1 on Vosk's scale. See docs/recognition.md for the table.
CONFIDENCE_MIN = 0.7
# Silence decoded before the first sound, s: 8 instead of 6 of the Korean callers are right with it.
LEAD_IN_S = 0.5
SAME_SOUND_MAX = 0.1  # distance (speech.answers.sounds) up to which two ways of saying a meaning are one
CHUNK_BYTES = SAMPLE_RATE_HZ * 2 // 5  # 200 ms: Vosk works in bursts, smaller chunks only cost switches
WARM_UP_S = 2.0  # of silence: three of the network's bunches
MAX_UTTERANCE_S = 10.0  # longer is no short answer; nothing more is decoded

_models: dict[str, Any] = {}
_models_lock = threading.Lock()


def load_model(language: str) -> Any:
    """The process's Vosk model of a language, loaded at the first call (about 2 s, 420 MB for Korean). Blocks.

    Raises SpeechError when no model is found."""
    import vosk

    with _models_lock:
        if language not in _models:
            path = find_vosk(language)
            if path is None:
                raise SpeechError(
                    "no Vosk model for language {language}: run `ivr models fetch {short}`",
                    language=language,
                    short=language.split("-")[0],
                )
            vosk.SetLogLevel(-1)
            try:
                with for_short_answers(path) as folder:
                    _models[language] = vosk.Model(str(folder))
            except Exception as error:  # all that the library raises
                raise SpeechError(
                    "the Vosk model {path} can't be loaded: run `ivr models fetch {short} --again`",
                    path=path,
                    short=language.split("-")[0],
                ) from error
        return _models[language]


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a KaldiRecognizer is built with, and the words of the question that the model doesn't know."""

    json: str
    unknown: tuple[str, ...]


class VoskRecognizer:
    """The port's Recognizer for one language. `start` loads the model; `close` ends the threads."""

    name = "vosk"

    def __init__(self, language: str, options: RecognizerOptions | None = None) -> None:
        self._language = language
        self._options = options or RecognizerOptions()
        self._workers = self._options.workers or os.cpu_count() or 1
        self._threads = DecodingThreads(self._workers, f"vosk-{language}")
        self._model: Any = None
        self._open_streams = 0
        self.grammar = lru_cache(maxsize=256)(self._grammar)

    def languages(self) -> frozenset[str]:
        return frozenset({self._language})

    async def start(self) -> None:
        self._model = await asyncio.get_running_loop().run_in_executor(
            self._threads.pool, load_model, self._language
        )
        await asyncio.to_thread(self._threads.each, self._warm_up)

    def open(self, question: Question) -> VoskStream:
        """A new utterance. Past `max_waiting` open ones per thread it is turned away, and while sound waits for
        longer than `late_s`: its result is not accepted. Who is turned away is offered keys at once, and takes no
        place; were everybody taken, all would wait for their deadlines first, and hear nothing meanwhile."""
        if self._model is None:
            raise RuntimeError("VoskRecognizer.start() must be awaited before open()")
        late = self._threads.waits_s() > self._options.late_s
        if late or self._open_streams >= self._workers * (self._options.max_waiting + 1):
            return VoskStream(self, question, "overloaded")
        self._open_streams += 1
        return VoskStream(self, question)

    def unknown_words(self, question: Question) -> tuple[str, ...]:
        return self.grammar(question).unknown

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.close)

    def _grammar(self, question: Question) -> Grammar:
        vocabulary = Vocabulary(lambda word: self._model.vosk_model_find_word(word) >= 0)
        lines: list[str] = []
        unknown: list[str] = []
        sounds: dict[str, list[Units]] = {}
        for phrase in question.phrases:
            words, missing = vocabulary.split(phrase.text)
            if missing:  # a phrase with a word left out would mean something else: leave it out whole
                unknown += missing if phrase.meaning else []
                continue
            if not phrase.meaning and words != phrase.text.split():
                continue  # decoys cut into syllables would let the grammar spell anything, and cost time
            heard = units(phrase.text, question.language)
            same = sounds.setdefault(phrase.meaning, [])
            if phrase.meaning and any(_alike(heard, other, question.language) for other in same):
                continue  # 아니요 and 아니오 would share one confidence between them
            same.append(heard)
            lines.append(" ".join(words))
        return Grammar(json.dumps(list(dict.fromkeys(lines)), ensure_ascii=False), tuple(dict.fromkeys(unknown)))

    def _new_kaldi(self, question: Question) -> Any:
        import vosk

        kaldi = vosk.KaldiRecognizer(self._model, SAMPLE_RATE_HZ, self.grammar(question).json)
        kaldi.SetWords(True)
        return kaldi

    def _warm_up(self) -> None:
        """In each thread, before the first call: what decoding works in, 4 MB a thread, is kept from then on. It
        belongs to the worker, not to its first callers (decision 220)."""
        kaldi = self._new_kaldi(build_question(AnswerSpec("yes_no", self._language)))
        kaldi.AcceptWaveform(bytes(int(WARM_UP_S * SAMPLE_RATE_HZ) * 2))
        kaldi.FinalResult()

    def _closed(self) -> None:
        self._open_streams -= 1


class VoskStream:
    """One utterance: `feed` only collects; threads of the pool decode, one at a time and in order."""

    def __init__(self, owner: VoskRecognizer, question: Question, refused: str | None = None) -> None:
        self._owner = owner
        self._question = question
        self._refused = refused  # the rule of a result that was never decoded
        self._pending: deque[bytes] = deque()  # appended by the loop, taken by threads, in order
        self._waiting_bytes = 0
        self._fed_bytes = 0
        self._decoding = threading.Lock()
        self._kaldi: Any = None
        self._decode_s = 0.0
        self._done = refused is not None  # it takes no place

    def feed(self, pcm: bytes) -> None:
        """Take audio (s16le, 8 kHz); every 200 ms of it goes to a thread."""
        if self._refused or self._done:
            return
        self._fed_bytes += len(pcm)
        if self._fed_bytes > MAX_UTTERANCE_S * SAMPLE_RATE_HZ * 2:
            self._refused = "too_long"
            return
        self._pending.append(pcm)
        self._waiting_bytes += len(pcm)
        if self._waiting_bytes >= CHUNK_BYTES:
            self._waiting_bytes = 0
            self._owner._threads.sound(self._decode)

    async def result(self) -> Hypothesis:
        """The decoded answer; not accepted when it is no whole phrase, not sure enough, or late."""
        try:
            if self._refused:
                return Hypothesis("", 0.0, False, self._refused, decode_s=self._decode_s)
            async with asyncio.timeout(self._owner._options.deadline_s):
                return await asyncio.wrap_future(self._owner._threads.result(self._finish))
        except TimeoutError:
            return Hypothesis("", 0.0, False, "deadline", decode_s=self._decode_s)
        finally:
            self._close()

    def cancel(self) -> None:
        self._pending.clear()
        self._close()

    def _close(self) -> None:
        """Its place is free at once, and so is what the recogniser holds, 2 MB, whoever still holds the stream. A
        thread lets go of it: thousands of pieces, for which no clock should wait."""
        if not self._done:
            self._done = True
            self._owner._closed()
            if self._kaldi is not None or self._decoding.locked():
                with suppress(RuntimeError):  # the threads have ended: it goes with the stream
                    self._owner._threads.result(self._let_go)

    def _let_go(self) -> None:
        with self._decoding:
            self._kaldi = None

    def _decode(self) -> None:
        """In a thread: decode all that waits, unless another thread is at this utterance: it takes that as well,
        and no thread waits for another while there is other sound to decode."""
        while self._pending and self._decoding.acquire(blocking=False):
            try:
                if self._done:
                    return
                self._accept_waiting()
            finally:
                self._decoding.release()

    def _finish(self) -> Hypothesis:
        with self._decoding:
            self._accept_waiting()
            began = time.thread_time()
            heard = json.loads(self._kaldi.FinalResult()) if self._kaldi is not None else {}
            self._kaldi = None
            self._decode_s += time.thread_time() - began
            return judge(heard, self._question, self._decode_s)

    def _accept_waiting(self) -> None:
        chunks: list[bytes] = []
        while self._pending:
            chunks.append(self._pending.popleft())
        if not chunks:
            return
        began = time.thread_time()
        if self._kaldi is None:
            self._kaldi = self._owner._new_kaldi(self._question)
            self._kaldi.AcceptWaveform(bytes(int(LEAD_IN_S * SAMPLE_RATE_HZ) * 2))
        self._kaldi.AcceptWaveform(b"".join(chunks))
        self._decode_s += time.thread_time() - began


def _alike(left: Units, right: Units, language: str) -> bool:
    return len(left) == len(right) and distance(left, right, language) <= SAME_SOUND_MAX


def judge(heard: dict[str, Any], question: Question, decode_s: float) -> Hypothesis:
    """Vosk's result as a hypothesis: accepted when all of the text is one phrase and every word is sure."""
    text = str(heard.get("text", ""))
    words = heard.get("result", [])
    confidence = min((float(word["conf"]) for word in words), default=0.0)
    found = match(text, question)
    whole = found.meaning is not None and found.distance <= TRIM_COST
    accepted = whole and confidence >= CONFIDENCE_MIN
    return Hypothesis(text, confidence, accepted, RULE, found.meaning if accepted else None, decode_s)
