"""Vosk behind the port: a process beside ours that decodes in threads while the person speaks (decision 222).

Here is who may speak, and for how long a result is waited for; what is heard is worked out in `vosk_decoder`."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Iterable
from functools import partial

from speech.audio import SAMPLE_RATE_HZ
from speech.models import find_vosk
from speech.ports import Hypothesis, Question, SpeechError
from speech.recognizers import RecognizerOptions
from speech.recognizers.decoder_process import DecoderProcess
from speech.recognizers.vosk_link import ProcessDiedError, VoskLink
from speech.recognizers.vosk_messages import AskUnknown, Begin, Finish, Sound

MODULE = "speech.recognizers.vosk_worker"
READY_WITHIN_S = 60.0
CHUNK_BYTES = SAMPLE_RATE_HZ * 2 // 5  # 200 ms: Vosk works in bursts, smaller chunks only cost switches
MAX_UTTERANCE_S = 10.0  # longer is no short answer; nothing more is decoded


class VoskRecognizer:
    """The port's Recognizer for one language. `start` starts the process; `close` ends it."""

    name = "vosk"

    def __init__(self, language: str, options: RecognizerOptions | None = None) -> None:
        self._language = language
        self.options = options or RecognizerOptions()
        self._workers = self.options.workers or os.cpu_count() or 1
        self._link: VoskLink | None = None
        self._open_streams = 0
        self._numbers = itertools.count()

    def languages(self) -> frozenset[str]:
        return frozenset({self._language})

    async def start(self) -> None:
        """Load the model, in the process (about 2 s). Raises SpeechError when there is none, or it is broken."""
        model = find_vosk(self._language)
        short = self._language.split("-")[0]
        if model is None:
            raise SpeechError(
                "no Vosk model for language {language}: run `ivr models fetch {short}`",
                language=self._language,
                short=short,
            )
        given = (str(model), self._language, str(self._workers), str(self.options.late_s))
        link = VoskLink(partial(DecoderProcess, MODULE, *given, ready_within_s=READY_WITHIN_S))
        try:
            await asyncio.to_thread(link.open)
            self._link = link
        except EOFError as error:
            raise SpeechError(
                "the Vosk model {path} can't be loaded: run `ivr models fetch {short} --again`",
                path=model,
                short=short,
            ) from error
        finally:
            if self._link is None:  # above all when it was cancelled: the thread goes on, and nobody knows of it
                link.close()

    def open(self, question: Question) -> VoskStream:
        """A new utterance. Past `max_waiting` open ones per thread it is turned away: its result is not accepted,
        it is offered keys at once, and takes no place. The process turns away who begins while sound waits for
        longer than `late_s`."""
        if self._link is None:
            raise RuntimeError("VoskRecognizer.start() must be awaited before open()")
        if self._open_streams >= self._workers * (self.options.max_waiting + 1):
            return VoskStream(self, self._link, -1, "overloaded")
        self._open_streams += 1
        stream = VoskStream(self, self._link, next(self._numbers))
        self._link.tell(Begin(stream.number, question))
        return stream

    async def unknown_words(self, questions: Iterable[Question]) -> tuple[str, ...]:
        if self._link is None:
            raise RuntimeError("VoskRecognizer.start() must be awaited before unknown_words()")
        try:
            asked = AskUnknown(next(self._numbers), tuple(questions))
            words: tuple[str, ...] = await asyncio.wrap_future(self._link.ask(asked))
        except ProcessDiedError:
            return ()  # nobody is warned; questions are asked and heard as before, by the next process
        return words

    def process_ids(self) -> tuple[int, ...]:
        """Of the live process, for supervision."""
        pid = self._link.pid if self._link is not None else None
        return (pid,) if pid is not None else ()

    async def close(self) -> None:
        if self._link is not None:
            await asyncio.to_thread(self._link.close)

    def _closed(self) -> None:
        self._open_streams -= 1


class VoskStream:
    """One utterance: sound goes to the process by pieces of 200 ms."""

    def __init__(self, owner: VoskRecognizer, link: VoskLink, number: int, refused: str | None = None) -> None:
        self.number = number
        self._owner = owner
        self._link = link
        self._refused = refused  # the rule of a result that is never asked for
        self._pending = bytearray()
        self._fed_bytes = 0
        self._done = refused is not None  # it takes no place

    def feed(self, pcm: bytes) -> None:
        """Take audio (s16le, 8 kHz)."""
        if self._refused or self._done:
            return
        self._fed_bytes += len(pcm)
        if self._fed_bytes > MAX_UTTERANCE_S * SAMPLE_RATE_HZ * 2:
            self._refused = "too_long"
            return
        self._pending += pcm
        if len(self._pending) >= CHUNK_BYTES:
            self._send()

    async def result(self) -> Hypothesis:
        """The decoded answer; not accepted when it is no whole phrase, not sure enough, or late."""
        try:
            if self._refused:
                return Hypothesis.nothing(self._refused)
            self._send()
            async with asyncio.timeout(self._owner.options.deadline_s):
                heard: Hypothesis = await asyncio.wrap_future(self._link.ask(Finish(self.number)))
                return heard
        except TimeoutError:
            return Hypothesis.nothing("deadline")
        except ProcessDiedError:
            return Hypothesis.nothing("worker_died")
        finally:
            self._close()

    def cancel(self) -> None:
        self._pending.clear()
        self._close()

    def _send(self) -> None:
        if self._pending:
            self._link.tell(Sound(self.number, bytes(self._pending)))
            self._pending.clear()

    def _close(self) -> None:
        """Its place is free at once, and so is what it holds in the process."""
        if not self._done:
            self._done = True
            self._owner._closed()
            self._link.drop(self.number)
