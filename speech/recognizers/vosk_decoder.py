"""Vosk itself: a grammar per question, and utterances decoded piece by piece. Runs in a process beside the worker.

One model per process. Each utterance gets its own KaldiRecognizer (0.4 ms, 2 MB; facts in docs/recognition.md).
Vosk's grammar is a loop over words, not a list of sentences: it can say 넷 오 아니오. So only a whole phrase
counts, decoys are part of the grammar and compete, and the least sure word must be sure."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import vosk

from speech.answers.distance import distance
from speech.answers.matching import TRIM_COST, match
from speech.answers.sounds import Units, units
from speech.answers.types import AnswerSpec, build_question
from speech.audio import SAMPLE_RATE_HZ
from speech.ports import Hypothesis, Question
from speech.recognizers.vocabulary import Vocabulary
from speech.recognizers.vosk_settings import for_short_answers

RULE = "grammar"
# The least word confidence of an accepted phrase, 0..1 on Vosk's scale. See docs/recognition.md for the table.
CONFIDENCE_MIN = 0.7
# Silence decoded before the first sound, s: 8 instead of 6 of the Korean callers are right with it.
LEAD_IN_S = 0.5
SAME_SOUND_MAX = 0.1  # distance (speech.answers.sounds) up to which two ways of saying a meaning are one
WARM_UP_S = 2.0  # of silence: three of the network's bunches


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a KaldiRecognizer is built with, and the words of the question that the model doesn't know."""

    json: str
    unknown: tuple[str, ...]


class VoskDecoder:
    """One model, loaded when it is made (about 2 s, 420 MB for Korean); raises whatever the library raises."""

    def __init__(self, model: Path) -> None:
        vosk.SetLogLevel(-1)
        with for_short_answers(model) as folder:
            self._model = vosk.Model(str(folder))
        self.grammar = lru_cache(maxsize=256)(self._grammar)

    def warm_up(self, language: str) -> None:
        """In each thread, before the first call: what decoding works in, 4 MB a thread, is kept from then on. It
        belongs to the process, not to its first callers (decision 220)."""
        kaldi = self.kaldi(build_question(AnswerSpec("yes_no", language)))
        kaldi.AcceptWaveform(bytes(int(WARM_UP_S * SAMPLE_RATE_HZ) * 2))
        kaldi.FinalResult()

    def kaldi(self, question: Question) -> Any:
        kaldi = vosk.KaldiRecognizer(self._model, SAMPLE_RATE_HZ, self.grammar(question).json)
        kaldi.SetWords(True)
        return kaldi

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


class Utterance:
    """What one person says. Pieces come from one thread; any thread decodes them, one at a time and in order."""

    def __init__(self, decoder: VoskDecoder, question: Question) -> None:
        self._decoder = decoder
        self._question = question
        self._pending: deque[bytes] = deque()
        self._decoding = threading.Lock()
        self._kaldi: Any = None
        self._decode_s = 0.0
        self._dropped = False
        self._fault: Exception | None = None

    def add(self, pcm: bytes) -> None:
        self._pending.append(pcm)

    def decode(self) -> None:
        """All that waits, unless another thread is at this utterance: it takes that as well, and no thread waits
        for another while there is other sound to decode."""
        while self._pending and self._decoding.acquire(blocking=False):
            try:
                if self._dropped:
                    return
                self._accept_waiting()
            except Exception as error:  # noqa: BLE001 - whoever asks for the result is told
                self._fault = error
            finally:
                self._decoding.release()

    def finish(self) -> Hypothesis:
        """Raises what decoding some of it raised: a fault of ours."""
        with self._decoding:
            if self._fault is not None:
                raise self._fault
            self._accept_waiting()
            began = time.thread_time()
            heard = json.loads(self._kaldi.FinalResult()) if self._kaldi is not None else {}
            self._kaldi = None
            self._decode_s += time.thread_time() - began
            return judge(heard, self._question, self._decode_s)

    def drop(self) -> None:
        """Nobody asks for it any more: nothing more is decoded."""
        self._dropped = True
        self._pending.clear()

    def let_go(self) -> None:
        """What the recogniser holds, 2 MB in thousands of pieces, is free at once, whoever still holds this."""
        with self._decoding:
            self._kaldi = None

    def _accept_waiting(self) -> None:
        chunks: list[bytes] = []
        with suppress(IndexError):  # none is left; a look before would miss a drop between it and the taking
            while True:
                chunks.append(self._pending.popleft())
        if not chunks:
            return
        began = time.thread_time()
        if self._kaldi is None:
            self._kaldi = self._decoder.kaldi(self._question)
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
